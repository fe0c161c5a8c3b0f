"""Tests of the schedule: what is due and why, two schedulers that start one run, and options that cannot be."""

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest

from db import registry
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR
from db.store import Store
from db.training_runs import end_run, runs
from finetune import jobs
from finetune.schedule import Plan, decide, look, main, promote_what_passed
from tests.finetune.training_lab import answer_all as answer
from tests.finetune.training_lab import keep, new_store, picture, smile, write_base
from vlfau.config import VLFAUConfig

AT_ONCE = timedelta(0)


@pytest.fixture
def store(store, monkeypatch):
    """Twenty agreed faces; runs begin in the store, and no process is started."""
    monkeypatch.setattr(jobs, "_launch", lambda store, run: None)
    return store


def later(store, **time):
    now = store.clock() + timedelta(**time)
    store.clock = lambda: now


def add_face(store, number):
    keep(store, 1, picture(90 + number, True, 900 + number), f"new-{number}")
    answer(store, 1, lambda _: smile(True))


class TestDecision:
    def test_enough_is_due_and_says_why(self, store):
        found = decide(store, Plan(corrections=20))
        assert (found.start, found.after) == (True, 0)
        assert found.reason == "20 newly agreed faces; a run is due from 20."

    def test_too_few_are_not(self, store):
        found = decide(store, Plan(corrections=21))
        assert (found.start, found.reason) == (False, "20 newly agreed faces; a run is due from 21.")

    def test_when_the_time_has_come_one_is_enough(self, store):
        assert decide(store, Plan(corrections=21), time_has_come=True).start

    def test_when_the_time_has_come_and_nothing_is_new_nothing_starts(self, tmp_path):
        empty, _ = new_store(tmp_path / "empty")
        assert not decide(empty, Plan(), time_has_come=True).start
        empty.close()

    def test_nothing_starts_beside_a_run(self, store):
        look(store, Plan(corrections=1))
        assert "A run is going" in decide(store, Plan(corrections=1)).reason

    def test_after_a_run_it_rests_however_it_ended(self, store):
        run = look(store, Plan(corrections=1))
        end_run(store, OPERATOR, run.id, RunState.FAILED, "Broke off.")
        plan = Plan(corrections=1, cooldown=timedelta(hours=2))
        assert "may start at" in decide(store, plan, time_has_come=True).reason
        later(store, hours=3)
        assert decide(store, plan).start

    def test_what_a_run_has_learnt_is_not_new(self, store):
        later(store, minutes=1)
        run = look(store, Plan(corrections=1))
        end_run(store, OPERATOR, run.id, RunState.FINISHED, "Done.")
        later(store, minutes=1)
        assert decide(store, Plan(corrections=1, cooldown=AT_ONCE)).reason.startswith("0 newly")
        add_face(store, 1)
        assert decide(store, Plan(corrections=1, cooldown=AT_ONCE)).reason.startswith("1 newly agreed face;")

    def test_what_a_failed_run_has_seen_still_waits(self, store):
        later(store, minutes=1)
        run = look(store, Plan(corrections=1))
        end_run(store, OPERATOR, run.id, RunState.FAILED, "Broke off.")
        assert decide(store, Plan(corrections=1, cooldown=AT_ONCE)).reason.startswith("20 newly")


class TestSingleFlight:
    def test_two_schedulers_start_one_run(self, store):
        """Both decide before either starts, on connections of their own."""
        stores = [Store(folder=store.folder) for _ in range(4)]
        together, started = threading.Barrier(len(stores)), []

        def schedule(mine):
            decision = decide(mine, Plan(corrections=1))
            assert decision.start
            together.wait()
            started.append(look(mine, Plan(corrections=1)))

        threads = [threading.Thread(target=schedule, args=(mine,)) for mine in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for mine in stores:
            mine.close()
        assert len([run for run in started if run]) == 1
        assert len(runs(store, OPERATOR)) == 1

    def test_a_decision_of_before_a_short_run_starts_nothing(self, store, monkeypatch):
        """Another scheduler's run began and ended between deciding and starting."""
        from finetune import schedule

        real = schedule.decide

        def slow(*arguments):
            decision = real(*arguments)
            other = jobs.start(store, OPERATOR, "Faster.", name="faster")
            end_run(store, OPERATOR, other.id, RunState.FAILED, "Broke off.")
            return decision

        monkeypatch.setattr(schedule, "decide", slow)
        assert look(store, Plan(corrections=1)) is None
        assert [run.name for run in runs(store, OPERATOR)] == ["faster"]


class TestPromotion:
    @pytest.fixture
    def passed(self, store, tmp_path):
        """v2 passed against v1, which is in production."""
        first = registry.begin(store, OPERATOR, write_base(tmp_path / "v1"))
        again = write_base(tmp_path / "v2")
        config = VLFAUConfig.from_pretrained(again)
        config.model_version = "v2"
        config.save_pretrained(again)
        second = registry.add_version(store, OPERATOR, again)
        registry.add_comparison(store, OPERATOR, second, first, True, {"rules": []})
        registry.propose(store, OPERATOR, second, "It passed every rule.")

    def test_what_passed_is_served_when_that_is_wished(self, store, passed):
        look(store, Plan(corrections=99))
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "base-0"
        look(store, Plan(corrections=99, promote=True))
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "v2"

    def test_what_was_rolled_back_is_not_brought_again(self, store, passed):
        registry.promote(store, OPERATOR, "v2")
        registry.roll_back(store, OPERATOR, "It reads masks wrongly.")
        promote_what_passed(store)
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "base-0"


class TestCommand:
    def test_a_dry_run_tells_and_does_nothing(self, store, capsys):
        assert (
            main(["--dry-run", "--corrections", "30", "--cron", "0 3 * * *", "--store", str(store.folder)])
            == 0
        )
        now, then = capsys.readouterr().out.splitlines()
        assert now == "Now: nothing would start. 20 newly agreed faces; a run is due from 30."
        assert "03:00 UTC, were all as now: a run would start. 20 newly agreed faces, and the time" in then
        assert runs(store, OPERATOR) == []

    def test_looking_once(self, store):
        assert main(["--once", "--corrections", "5", "--store", str(store.folder)]) == 0
        (run,) = runs(store, OPERATOR)
        assert run.reason == "Schedule: 20 newly agreed faces; a run is due from 5."

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--corrections", "0"], "--corrections is 0. Give 1 or more"),
            (["--cooldown-hours", "-1"], "--cooldown-hours is -1"),
            (["--cron", "at three"], "--cron is 'at three'"),
            (["--cron", "0 3 * * *", "--timezone", "Nowhere/Town"], "Nowhere/Town"),
            (["--config", "missing.json"], "configuration cannot be read"),
        ],
    )
    def test_options_that_cannot_be(self, store, options, said, capsys):
        assert main([*options, "--once", "--store", str(store.folder)]) == 2
        assert said in capsys.readouterr().err
        assert runs(store, OPERATOR) == []

    def test_it_looks_again_and_again_until_it_is_ended(self, store_folder):
        """The real process: it sees a database that comes to hold enough, and ends when it is told to."""
        store = Store(folder=store_folder)
        options = ["--corrections", "21", "--look-minutes", "0.01", "--store", str(store_folder)]
        process = subprocess.Popen(
            [sys.executable, "-m", "finetune.schedule", *options], stderr=subprocess.PIPE, text=True
        )
        first = process.stderr.readline()
        assert "20 newly agreed faces" in first
        second = process.stderr.readline()
        assert "20 newly agreed faces" in second
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert process.wait(60) == 0
        assert time.monotonic() - begun < 60
        assert runs(store, OPERATOR) == []
        process.stderr.close()
        store.close()
