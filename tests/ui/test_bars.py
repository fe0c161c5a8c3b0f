"""The bars say what the numbers say, in the order that is promised, and nothing gets out of its place."""

import re
from dataclasses import replace

import pytest

from ui.bars import by_likelihood, letter, percent, units_html, verdict
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.predictor import ActionUnitPrediction


def unit(number=12, probability=0.9, threshold=0.4, intensity=3.2, text="The corners go up."):
    return ActionUnitPrediction(number, probability, threshold, probability >= threshold, intensity, text)


def test_present_units_come_first_then_the_likely_ones():
    units = [unit(1, 0.5, 0.6), unit(2, 0.45, 0.4), unit(4, 0.7, 0.3), unit(5, 0.1, 0.2)]
    assert [u.number for u in by_likelihood(units)] == [4, 2, 1, 5]


@pytest.mark.parametrize(("probability", "text"), [(0.0, "1 %"), (0.934, "93 %"), (1.0, "99 %")])
def test_a_percentage_is_never_certain(probability, text):
    assert percent(probability) == text


@pytest.mark.parametrize(("intensity", "shown"), [(0.1, "A"), (1.2, "A"), (3.2, "C"), (5.0, "E")])
def test_a_present_unit_has_a_letter(intensity, shown):
    assert letter(unit(intensity=intensity)) == shown


def test_an_absent_unit_has_none():
    assert letter(unit(probability=0.1)) == ""


def test_the_verdict_names_probability_threshold_and_intensity():
    assert verdict(unit()) == "Seen: 90 % likely; it counts from 40 %. Intensity C, marked."
    assert verdict(unit(probability=0.1)) == "Not seen: 10 % likely, and it counts from 40 %."


def test_every_unit_has_a_bar_and_only_the_first_is_chosen(faces):
    html = units_html(faces[0], 0)
    assert sorted(map(int, re.findall(r'type="radio"[^>]* value="(\d+)"', html))) == sorted(AU_NUMBERS)
    assert html.count(" checked") == 1
    assert f'value="{by_likelihood(faces[0].action_units)[0].number}" checked' in html


@pytest.mark.parametrize("order", ["likely", "region"])
def test_places_in_both_orders_are_unambiguous(faces, order):
    rows = re.findall(rf'class="vl-unit[^>]* data-{order}="(\d+)"', units_html(faces[0], 0))
    assert len(set(rows)) == len(AU_NUMBERS)


def test_in_the_order_of_regions_a_heading_comes_before_its_rows(faces):
    html = units_html(faces[0], 0)
    places = dict(re.findall(r'data-region="(\d+)">(Brows|Nose|Chin)</h4>', html))
    heading = {title: int(place) for place, title in places.items()}
    row = {
        n: int(re.search(rf'data-region="(\d+)"><label><input[^>]* value="{n}"', html)[1]) for n in (1, 9, 17)
    }
    assert heading["Brows"] < row[1] < heading["Nose"] < row[9] < heading["Chin"] < row[17]


def test_all_units_absent_leaves_one_heading(faces):
    absent = tuple(replace(u, active=False) for u in faces[0].action_units)
    html = units_html(replace(faces[0], action_units=absent), 0)
    assert "Not seen (22)" in html
    assert "Seen on this face" not in html


def test_a_sentence_cannot_become_markup(faces):
    units = tuple(replace(u, text="<script>alert(1)</script>") for u in faces[0].action_units)
    html = units_html(replace(faces[0], action_units=units), 0)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") == len(AU_NUMBERS)


def test_details_hold_muscles_what_is_seen_and_what_looks_alike(faces):
    html = units_html(faces[0], 0)
    detail = re.search(r'aria-label="AU12 Lip corner puller">.*?</article>', html, re.DOTALL)[0]
    assert "Zygomaticus major" in detail
    assert by_number(12).present in detail
    assert re.findall(r'data-choose="vl-unit-0-(\d+)"', detail) == ["14", "6", "20"]
