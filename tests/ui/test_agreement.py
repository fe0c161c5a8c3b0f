"""Tests of the Agreement tab: what is shown, what is kept, and the tables to take away."""

import csv
import io
import json
import math
import re

import pytest

from db.errors import NotAllowed, StoreBusy
from db.measures import Agreement, Anchoring, measure
from db.roles import OPERATOR
from tests.db.laboratory import marks
from ui.agreement import agreement_html, report_html
from ui.agreement_reports import AT_ONCE, Latest, Reports, annotators_csv, report_json, units_csv
from ui.agreement_words import EXPLAINED


@pytest.fixture
def answered(house):
    """Three faces, two people, one contradiction on AU12; AU4 is absent for all."""
    for said in ("absent", "present", "present"):
        house.disputed(ann=marks(AU12="present", AU4="absent"), bo=marks(AU12=said, AU4="absent"))
    return house


@pytest.fixture
def report(answered):
    return measure(answered.store, OPERATOR, answered.lab.project)


def nothing():
    nan = math.nan
    return Agreement(nan, nan, nan, 0, (), (), Anchoring(nan, nan, nan, nan, nan, 0, 0, nan, nan))


class TestPage:
    def test_the_numbers_are_there_with_the_rest_named(self, report):
        html = report_html(report)
        assert '<p class="vr-big">0.67</p>' in html
        assert "from 3 faces with at least two answers" in html
        row = html[html.index("<b>AU12</b>") :]
        assert re.findall(r"<span>([^<]+)</span>", row)[:3] == ["3", "83 %", "67 %"]
        assert "No face with two answers yet: AU1, AU2, AU5," in html

    def test_a_number_that_is_not_defined_is_a_dash(self, report):
        html = report_html(report)
        row = html[html.index("<b>AU4</b>") : html.index("<b>AU12</b>")]
        assert row.count('class="vr-none"') == 4, "only one value was ever given: two kappas and two alphas"
        assert not re.search(r"\bnan\b", html)

    def test_every_number_is_explained_one_click_away(self, report):
        html = report_html(report)
        wanted = set(re.findall(r'popovertarget="(vr-about-\w+)"', html))
        assert wanted == {f"vr-about-{key}" for key in EXPLAINED}
        for target in wanted:
            assert html.count(f'id="{target}" popover') == 1

    def test_few_faces_come_with_a_warning(self, report):
        assert "These are few faces." in report_html(report)

    def test_the_pull_of_the_model_in_words(self, report):
        pull = Anchoring(0.9, 0.8, 0.1, 0.02, 0.18, 1200, 300, 0.5, 0.25)
        html = report_html(Agreement(1, 1, 1, 40, report.units, report.annotators, pull))
        assert "+10 points" in html
        assert "10 percentage points more often" in html
        assert "90 % of 1,200 marks against 80 % of 300" in html
        assert "in 50 % of the marks when they saw it, and in 25 % when they did not" in html

    def test_an_empty_report_has_sentences_and_no_numbers(self):
        html = report_html(nothing())
        assert "people cannot be compared" in html
        assert "Nobody has answered yet." in html
        assert not re.search(r"\bnan\b", html)


class TestReports:
    def test_small_projects_are_measured_at_once_and_large_ones_when_asked(self):
        assert "data-at-once" in agreement_html(Latest(AT_ONCE, None), 1)
        large = agreement_html(Latest(AT_ONCE + 1, None), 1)
        assert "data-at-once" not in large
        assert "Measure agreement</button>" in large
        assert "nothing to measure" in agreement_html(Latest(0, None), 1)

    def test_a_measurement_is_kept_and_says_what_came_since(self, answered):
        kept, rev, project = Reports(answered.store), answered.actor("rev"), answered.lab.project
        assert kept.latest(rev, project) == Latest(6, None)
        made = kept.measure(rev, project)
        answered.disputed(ann=marks(AU12="present"), bo=marks(AU12="present"))
        latest = kept.latest(rev, project)
        assert (latest.measured, latest.answers) == (made, 8)
        assert "2 answers came since." in agreement_html(latest, project)
        assert kept.kept_or_new(rev, project) is made

    def test_what_is_kept_is_for_reviewers_only(self, answered):
        kept, project = Reports(answered.store), answered.lab.project
        kept.measure(answered.actor("rev"), project)
        for ask in (kept.latest, kept.measure, kept.kept_or_new):
            with pytest.raises(NotAllowed):
                ask(answered.actor("ann"), project)

    def test_one_measures_at_a_time(self, answered):
        kept = Reports(answered.store)
        with kept._one_at_a_time, pytest.raises(StoreBusy, match="measured already"):
            kept.measure(answered.actor("rev"), answered.lab.project)
        kept.measure(answered.actor("rev"), answered.lab.project)


class TestFiles:
    def test_json_has_everything(self, report):
        found = json.loads(report_json(report))
        assert found["faces"] == 3
        assert found["units"][2]["fleiss_kappa"] is None
        assert len(found["annotators"]) == 2

    def test_a_row_for_each_action_unit(self, report):
        rows = list(csv.DictReader(io.StringIO(units_csv(report))))
        assert len(rows) == 22
        assert (rows[9]["name"], rows[9]["items"]) == ("Dimpler", "0")
        assert rows[2]["fleiss_kappa"] == ""

    def test_a_row_for_each_annotator(self, report):
        rows = list(csv.DictReader(io.StringIO(annotators_csv(report))))
        assert [row["responses"] for row in rows] == ["3", "3"]
        assert 0 < float(rows[0]["AU12_sensitivity"]) <= 1
        assert annotators_csv(nothing()).strip() == ""
