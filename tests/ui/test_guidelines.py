"""The guidelines say something about every action unit, and their pictures are there."""

import re

import pytest
from PIL import Image, ImageChops

from ui.guidelines import GUIDELINES, guidelines_html
from ui.pictures import GUIDELINE_PICTURES
from vlfau.action_units import ACTION_UNITS, AU_NUMBERS

each_unit = pytest.mark.parametrize("unit", ACTION_UNITS, ids=lambda unit: unit.code)


def test_every_action_unit_has_its_own_words():
    assert tuple(GUIDELINES) == AU_NUMBERS
    said = [text for guide in GUIDELINES.values() for text in (guide.decide, guide.strength)]
    assert len(set(said)) == len(said)


@each_unit
def test_it_is_told_apart_from_everything_the_table_calls_alike(unit):
    assert set(GUIDELINES[unit.number].apart) == set(unit.confusable)


@each_unit
def test_its_picture_is_small_and_shows_two_faces_that_differ(unit):
    path = GUIDELINE_PICTURES / f"{unit.code.lower()}.jpg"
    assert path.stat().st_size < 14_000
    with Image.open(path) as picture:
        assert picture.size == (644, 240)
        rest, moved = picture.crop((0, 0, 320, 240)), picture.crop((324, 0, 644, 240))
    assert max(high for _, high in ImageChops.difference(rest, moved).getextrema()) > 40


def test_the_pictures_have_their_licence():
    assert "MIT" in (GUIDELINE_PICTURES / "LICENSE.txt").read_text()


def test_every_link_of_the_dialog_leads_to_an_article():
    html = guidelines_html()
    links = set(re.findall(r'data-guideline="(\d+)"', html))
    assert links == set(re.findall(r'data-guideline-of="(\d+)"', html)) == {"0", *map(str, AU_NUMBERS)}
