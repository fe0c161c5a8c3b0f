"""Tests of the Training page: who sees and does what, a run as it goes, versions side by side, and strange messages."""

import json
from datetime import timedelta
from html import escape

import pytest

from db import registry
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR, Role
from db.training_runs import begin_run, end_run, runs
from finetune import jobs
from tests.finetune.training_lab import answer_all, keep, picture, smile
from ui.training import TrainingDesk
from ui.training_figures import duel, gain, loss_charts, number, unit_sparks
from ui.training_run import duration

ACTING = ("Start training", 'data-do="ask-promote"', 'data-do="ask-back"', 'data-do="ask-cancel"')


def pair(before, after, low, high):
    return {
        "champion": [before, before - 0.02, before + 0.02],
        "candidate": [after, after - 0.02, after + 0.02],
        "gain": [after - before, low, high],
    }


def report(passed=True):
    """As the gate writes it."""
    on = {
        "faces": 40,
        "people": 12,
        "f1_macro": pair(0.4, 0.5, 0.05, 0.15),
        "ece": {"champion": 0.05, "candidate": 0.04},
    }
    units = {
        "AU04": {"known": 40, "present": 20, "f1": pair(0.41, 0.47, -0.01, 0.13)},
        "AU12": {
            "known": 40,
            "present": 0,
            "f1": {name: [None] * 3 for name in ("champion", "candidate", "gain")},
        },
    }
    rules = [{"name": "gain", "passed": passed, "sentence": "Macro F1 <goes> up."}]
    return {
        "champion": "small-1",
        "candidate": "small-2",
        "passed": passed,
        "rules": [*rules, {"name": "groups", "passed": None, "sentence": "No group is known."}],
        "held_out": on | {"action_units": units},
        "base": on | {"action_units": {}},
        "groups": {"sex: f": on},
        "contributions": {"annotator-1": {"AU04": 7, "AU12": 1}},
    }


@pytest.fixture
def folder(tmp_path):
    def make(name):
        made = tmp_path / "made" / name
        made.mkdir(parents=True)
        (made / "config.json").write_text(json.dumps({"model_version": name}))
        (made / "model.safetensors").write_bytes(name.encode())
        return made

    return make


@pytest.fixture
def versions(store, folder):
    """small-1 in production; small-2, which passed, asks to be."""

    def make(passed=True):
        first = registry.begin(store, OPERATOR, folder("small-1"))
        second = registry.add_version(store, OPERATOR, folder("small-2"))
        registry.add_comparison(store, OPERATOR, second, first, passed, report(passed))
        registry.propose(store, OPERATOR, second, "Newest.")

    return make


@pytest.fixture
def corrected(store):
    """Two agreed faces of two people."""
    from db.projects import ProjectSettings, add_project

    shares = dict(random_share=0.0, blind_share=0.0, gold_share=0.0, answers_wanted=1)
    project = add_project(store, OPERATOR, ProjectSettings("faces", **shares))
    for person in range(2):
        keep(store, project, picture(person, True, person), f"code-{person}")
    answer_all(store, project, lambda _: smile(True))


@pytest.fixture
def desk(store, monkeypatch):
    """The page; runs begin in the store, and no process is started."""
    monkeypatch.setattr(jobs, "_launch", lambda store, run: None)
    return TrainingDesk(store)


@pytest.fixture
def ask(desk, request_of):
    """`ask("ada", Role.ADMIN, do="go")`: a message of somebody who signed up."""
    known = {}

    def say(name, role, **message):
        request = known.setdefault(name, None) or request_of(name, role)
        known[name] = request
        return desk.act(message, request)

    return say


def begin(store, machine="elsewhere"):
    return begin_run(
        store, OPERATOR, "v7", "A test & more.", {"train_what": "head"}, 28, machine, timedelta(hours=1)
    )


class TestWho:
    def test_nobody_is_told_to_sign_in(self, desk):
        from starlette.requests import Request

        reply = desk.act({"do": "go"}, Request({"type": "http", "session": {}}))
        assert "Sign in" in reply["html"]

    @pytest.mark.parametrize("do", ["go", "watch", "start", "cancel", "promote", "back"])
    def test_annotators_see_nothing_of_it(self, ask, store, versions, do):
        versions()
        reply = ask(
            "ann", None, do=do, run=1, version="small-2", reason="x", what="head", project="", force=True
        )
        assert "for reviewers and admins. You are an annotator." in reply["html"]
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "small-1"
        assert runs(store, OPERATOR) == []

    @pytest.mark.parametrize("tab", ["training", "candidate", "runs", "people"])
    def test_reviewers_see_it_and_nothing_to_press(self, ask, versions, corrected, tab):
        versions()
        html = ask("rev", Role.REVIEWER, do="go", tab=tab)["html"]
        assert "small-1" in html
        assert not [button for button in ACTING if button in html]

    @pytest.mark.parametrize(
        "message",
        [
            {"do": "start", "what": "head", "project": "", "reason": ""},
            {"do": "cancel", "run": 1},
            {"do": "promote", "version": "small-2", "reason": "x", "force": True},
            {"do": "back", "reason": ""},
        ],
    )
    def test_reviewers_who_press_all_the_same_are_refused(self, ask, store, versions, corrected, message):
        versions()
        if message["do"] in ("cancel", "back"):
            registry.promote(store, OPERATOR, "small-2")
            begin(store)
        before = registry.moves(store, OPERATOR, Alias.PRODUCTION), runs(store, OPERATOR)
        assert ask("rev", Role.REVIEWER, **message)["error"] == "NotAllowed"
        assert (registry.moves(store, OPERATOR, Alias.PRODUCTION), runs(store, OPERATOR)) == before


class TestTraining:
    def test_without_corrections_it_says_what_is_needed(self, ask):
        html = ask("ada", Role.ADMIN, do="go")["html"]
        assert "No face is agreed on yet" in html
        assert "Start training" not in html

    def test_what_waits_is_told_by_action_unit(self, ask, corrected):
        html = ask("ada", Role.ADMIN, do="go")["html"]
        assert '<p class="vt-big">2</p>' in html
        assert "2 present, 0 absent<small>2 against the model; 2 new</small>" in html
        assert "They are of 2 people. A run needs two" in html

    def test_an_admin_starts_a_run(self, ask, store, corrected):
        reply = ask("ada", Role.ADMIN, do="start", what="lora", project="faces", reason=" Now. ")
        (run,) = runs(store, OPERATOR)
        assert (run.reason, dict(run.config)) == ("Now.", {"train_what": "lora", "project": "faces"})
        assert f'data-run="{run.id}"' in reply["html"]
        assert "Start training" not in reply["html"]

    def test_what_is_sent_to_the_hub_is_said_before_a_run_starts(self, ask, corrected, monkeypatch):
        assert "Hugging Face Jobs" not in ask("ada", Role.ADMIN, do="go")["html"]
        monkeypatch.setenv("VLFAU_JOBS_REPO", "org/training")
        monkeypatch.setenv("HF_TOKEN", "hf_nobody_sees_this")
        html = ask("ada", Role.ADMIN, do="go")["html"]
        for what, said in jobs.elsewhere():
            assert f"<dt>{what}</dt><dd>{escape(said)}</dd>" in html
        assert "hf_nobody_sees_this" not in html
        monkeypatch.setenv("VLFAU_JOBS_TIMEOUT", "soon")
        assert "VLFAU_JOBS_TIMEOUT is &#x27;soon&#x27;" in ask("ada", Role.ADMIN, do="go")["html"]

    def test_a_second_one_is_refused(self, ask, store, corrected):
        ask("ada", Role.ADMIN, do="start", what="head", project="", reason="")
        reply = ask("ada", Role.ADMIN, do="start", what="head", project="", reason="")
        assert reply["error"] == "RunGoing"

    def test_a_run_as_it_goes(self, ask, store):
        run = begin(store)
        folder = jobs.run_folder(store, run)
        (folder / "version.work").mkdir(parents=True)
        status = {"state": "training", "step": 30, "of": 120, "epoch": 3, "loss": 0.5, "eta_s": 200.0}
        (folder / "version.work" / "status.json").write_text(json.dumps(status))
        lines = [
            {"step": s, "epoch": s, "loss": 1 / (s + 1), "validation_loss": 0.5, "f1": {"AU12": s / 9}}
            for s in range(4)
        ]
        (folder / "history.jsonl").write_text("\n".join(map(json.dumps, lines)))
        (folder / "log.txt").write_text("epoch <3>\n")
        live = ask("ada", Role.ADMIN, do="watch", run=run.id, tab="training")["live"]
        assert "step 30 of at most 120, at most 3 min left, loss 0.500" in live
        assert 'value="0.2500"' in live
        assert "<b>AU12</b><span>0.33</span>" in live
        assert "epoch &lt;3&gt;" in live
        assert "A test &amp; more." in live

    def test_when_it_has_ended_the_whole_page_comes(self, ask, store):
        run = begin(store)
        end_run(store, OPERATOR, run.id, RunState.FAILED, "The disk is full.")
        html = ask("ada", Role.ADMIN, do="watch", run=run.id, tab="training")["html"]
        assert "The disk is full." in html
        assert "data-run" not in html

    def test_cancelling_is_asked_of_whoever_watches(self, ask, store):
        run = begin(store)
        html = ask("ada", Role.ADMIN, do="cancel", run=run.id)["html"]
        assert "Ending, because it was cancelled" in html
        assert runs(store, OPERATOR)[0].cancel_at is not None


class TestVersions:
    def test_side_by_side(self, ask, versions):
        versions()
        html = ask("rev", Role.REVIEWER, do="go", tab="candidate")["html"]
        assert "small-2 passed the gate" in html
        assert "Macro F1 &lt;goes&gt; up." in html
        assert "0.41 → 0.47" in html
        assert "Nobody of these people shows AU12." in html

    def test_promoting_and_going_back(self, ask, store, versions):
        versions()
        reply = ask("ada", Role.ADMIN, do="promote", version="small-2", reason="", force=False)
        assert "small-2 is in production now." in reply["html"]
        assert "Roll back to small-1" in reply["html"]
        reply = ask("ada", Role.ADMIN, do="back", reason="")
        assert "small-1 is in production again." in reply["html"]
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "small-1"

    def test_the_page_tells_serving_at_once(self, store, versions, request_of):
        class Told:
            problem = None
            times = 0

            def look_soon(self):
                self.times += 1

        versions()
        told = Told()
        message = {"do": "promote", "version": "small-2", "reason": "", "force": False}
        TrainingDesk(store, told).act(message, request_of("ada", Role.ADMIN))
        assert told.times == 1

    def test_what_failed_needs_force_and_a_reason(self, ask, store, versions):
        versions(passed=False)
        html = ask("ada", Role.ADMIN, do="go", tab="candidate")["html"]
        assert "Promote it all the same" in html
        refused = ask("ada", Role.ADMIN, do="promote", version="small-2", reason="", force=False)
        assert (refused["error"], "Macro F1 <goes> up." in refused["message"]) == ("PromotionRefused", True)
        assert (
            ask("ada", Role.ADMIN, do="promote", version="small-2", reason=" ", force=True)["error"]
            == "StoreError"
        )
        reply = ask("ada", Role.ADMIN, do="promote", version="small-2", reason="Masks.", force=True)
        assert "against the gate" in reply["html"]

    def test_a_comparison_with_what_does_not_serve_any_more_offers_nothing(
        self, ask, store, versions, folder
    ):
        versions()
        registry.add_version(store, OPERATOR, folder("small-3"))
        registry.promote(store, OPERATOR, "small-3", "A test.", force=True)
        html = ask("ada", Role.ADMIN, do="go", tab="candidate")["html"]
        assert 'data-do="ask-promote"' not in html
        assert "finetune.gate --candidate small-2 --record" in html

    def test_why_another_version_answers_is_said(self, store, versions, request_of):
        versions()

        class Broken:
            problem = "Its weights are <broken>."

        html = TrainingDesk(store, Broken()).act({"do": "go"}, request_of("rev", Role.REVIEWER))["html"]
        assert "The page still answers with another version. Its weights are &lt;broken&gt;." in html

    def test_runs_with_what_came_of_them(self, ask, store, versions):
        versions()
        end_run(store, OPERATOR, begin(store).id, RunState.FAILED, "3 photos cannot be read.")
        html = ask("rev", Role.REVIEWER, do="go", tab="runs")["html"]
        assert "3 photos cannot be read." in html
        assert 'data-tag="passed">passed the gate' in html
        assert 'data-compare="small-2"' in html

    def test_who_moved_what(self, ask, versions):
        versions()
        html = ask("rev", Role.REVIEWER, do="go", tab="people")["html"]
        assert "<b>annotator-1</b>" in html
        assert "<b>AU4</b> 0.41 → 0.47<small>7 corrections</small>" in html
        assert "not measured" in html


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {"do": 3},
        {"do": "explode"},
        {"do": "watch", "run": "1"},
        {"do": "start", "what": "everything", "project": "", "reason": ""},
        {"do": "start", "what": "head", "project": None, "reason": ""},
        {"do": "promote", "version": "small-9", "reason": "", "force": False},
        {"do": "promote", "version": "small-1", "reason": "", "force": "yes"},
        {"do": "start", "what": "head", "project": "", "reason": "<script>"},
    ],
)
def test_strange_messages_change_nothing(desk, store, request_of, corrected, message):
    reply = desk.act(message, request_of("ada", Role.ADMIN))
    assert reply["message"].count(". ") >= 1
    assert runs(store, OPERATOR) == []


class TestFigures:
    def test_numbers(self):
        assert number(0.12345, 3) == "0.123"
        assert number(-0.001) == "0.00"
        assert "–" in number(None)

    def test_gains_say_whether_they_are_sure(self):
        assert "better" in gain([0.1, 0.05, 0.15])
        assert "worse" in gain([-0.1, -0.15, -0.05])
        assert "may be chance" in gain([0.1, -0.05, 0.25])
        assert "+0.10" in gain([0.1, None, None])
        assert "-0.00" not in gain([-0.001, -0.1, 0.1])

    def test_intervals_stay_on_the_scale(self):
        html = duel({"champion": [0.0, -0.1, 0.2], "candidate": [None, None, None]})
        assert 'style="left:0.0%;width:20.0%"' in html

    def test_one_point_is_no_curve(self):
        assert loss_charts([{"step": 1, "loss": 0.5}]) == ""
        assert "polyline" in loss_charts([{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.5}])

    def test_the_figure_of_an_epoch_is_drawn_once(self):
        same = [{"step": step, "validation_loss": 0.5} for step in range(5)]
        chart = loss_charts([*same, {"step": 9, "validation_loss": 0.4}])
        assert chart.count("<circle") == 2

    def test_action_units_without_a_figure_are_left_out(self):
        history = [{"epoch": 1, "f1": {"AU12": 0.5, "AU04": None}}]
        html = unit_sparks(history, {"AU04": "Brow lowerer", "AU12": "Lip corner puller"})
        assert "AU12" in html
        assert "AU4" not in html

    def test_durations(self):
        assert [duration(seconds) for seconds in (0, 89, 100, 5400, 11_100)] == [
            *("1 s", "89 s", "2 min"),
            *("1 h 30 min", "3 h 5 min"),
        ]
