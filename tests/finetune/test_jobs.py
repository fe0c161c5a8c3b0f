"""Tests of training jobs: a real one from start to registry, cancelling, refusals, and what a dead one leaves."""

import json
import os
import socket
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from db import registry
from db.annotators import set_role, sign_in
from db.errors import NotAllowed
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR, Role
from db.training_runs import RunGoing, begin_run, run_of, runs
from finetune import jobs
from finetune.hub_plan import LAUNCH_VARIABLE
from finetune.single_flight import single_flight
from finetune.watcher import train_command
from tests.finetune import training_lab
from vlfau.errors import DataError


@pytest.fixture
def tiny(bench):
    """The configuration of a run of a few steps, as a page would give it."""
    config = training_lab.tiny(bench, bench / "base", bench / "replay.parquet").plain()
    usual = training_lab.TrainConfig().plain()
    return {key: config[key] for key in config if config[key] != usual[key] and key != "store_folder"}


@pytest.fixture
def not_launched(monkeypatch):
    """Runs begin in the store, and no process is started."""
    launched = []
    monkeypatch.setattr(jobs, "_launch", lambda store, run: launched.append(run.name))
    return launched


def wait_for(what, seconds=500):
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.3)
    return found


def ended(store, run):
    return wait_for(lambda: (now := run_of(store, OPERATOR, run.id)).is_over and now)


@pytest.mark.slow
def test_a_job_trains_is_judged_and_registered(store, tiny, bench):
    registry.begin(store, OPERATOR, bench / "base")
    run = jobs.start(store, OPERATOR, "A test.", tiny, name="v1")
    end = ended(store, run)
    folder = jobs.run_folder(store, run)
    assert (end.state, end.corrections) == (RunState.FINISHED, 20), jobs.log_tail(folder / jobs.LOG)
    assert end.message.startswith("It was trained, and the gate says no. There are corrections of 1 person")
    version = registry.alias_version(store, OPERATOR, Alias.CANDIDATE)
    assert (version.name, version.base, version.run_id) == ("v1", "base-0", run.id)
    assert registry.comparisons(store, OPERATOR)[0].report == json.loads((folder / "gate.json").read_text())
    seen = jobs.progress(store, OPERATOR, run.id)
    assert (seen.status.state, seen.history[-1]["epoch"]) == ("finished", 2)
    assert "AU12" in seen.history[-1]["f1"]
    assert not (folder / jobs.VERSION).exists(), "its files are in the registry"
    assert not list(folder.rglob("*.npy")), "no faces stay behind"
    assert wait_for(lambda: jobs.watcher_of(store, run) is None)


@pytest.mark.slow
def test_a_job_can_be_cancelled(store, tiny):
    run = jobs.start(store, OPERATOR, "A test.", tiny | {"epochs": 5000, "patience": 5000}, name="v1")
    status = wait_for(lambda: (found := jobs.status_of(store, run)) and found.step > 2 and found)
    with pytest.raises(RunGoing):
        jobs.start(store, OPERATOR, "Another.", tiny)
    assert jobs.cancel(store, OPERATOR, run.id).cancel_at
    end = ended(store, run)
    assert (end.state, end.message) == (RunState.CANCELLED, "Cancelled.")
    with pytest.raises(ProcessLookupError):
        os.kill(status.pid, 0)
    assert registry.versions(store, OPERATOR) == []


@pytest.mark.slow
def test_why_training_was_refused_is_how_the_run_ended(store, tiny, tmp_path):
    run = jobs.start(store, OPERATOR, "A test.", tiny | {"base": str(tmp_path / "nowhere")})
    end = ended(store, run)
    assert end.state == RunState.FAILED
    assert "nowhere" in end.message
    assert registry.versions(store, OPERATOR) == []


class TestRefusals:
    def test_nothing_to_train_on(self, tmp_path, not_launched):
        empty, _ = training_lab.new_store(tmp_path / "empty")
        with pytest.raises(DataError, match="nothing to train on"):
            jobs.start(empty, OPERATOR, "A test.")
        assert (runs(empty, OPERATOR), not_launched) == ([], [])
        empty.close()

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ({"epoch": 3}, "epoch"),
            ({"version": "mine"}, "version"),
            ({"epochs": -1}, "epochs is out of range"),
        ],
    )
    def test_a_configuration_that_cannot_be(self, store, config, said, not_launched):
        with pytest.raises(DataError, match=said):
            jobs.start(store, OPERATOR, "A test.", config)
        assert (runs(store, OPERATOR), not_launched) == ([], [])

    def test_a_second_one(self, store, not_launched):
        jobs.start(store, OPERATOR, "A test.", name="v1")
        with pytest.raises(RunGoing, match="'v1'"):
            jobs.start(store, OPERATOR, "A test.", name="v2")
        assert not_launched == ["v1"]

    def test_only_admins_start_and_cancel(self, store, not_launched):
        rev = sign_in(store, "rev").actor
        set_role(store, OPERATOR, "rev", Role.REVIEWER)
        with pytest.raises(NotAllowed):
            jobs.start(store, rev, "A test.")
        run = jobs.start(store, OPERATOR, "A test.", name="v1")
        with pytest.raises(NotAllowed):
            jobs.cancel(store, rev, run.id)
        assert run_of(store, rev, run.id).cancel_at is None

    def test_a_process_that_cannot_be_started_ends_the_run(self, store, monkeypatch):
        def full(*_, **__):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(subprocess, "Popen", full)
        run = jobs.start(store, OPERATOR, "A test.")
        assert (run.state, run.message) == (
            RunState.FAILED,
            "It could not be started: No space left on device.",
        )
        assert jobs.newest(store, OPERATOR).is_over


class TestLost:
    def begin(self, store, minutes_ago, machine, hours=1.0):
        now = store.clock()
        store.clock = lambda: now - timedelta(minutes=minutes_ago)
        run = begin_run(store, OPERATOR, "v1", "A test.", {}, 1, machine, timedelta(hours=hours))
        store.clock = lambda: now
        return run

    def test_one_that_died_without_a_word_is_ended(self, store):
        run = self.begin(store, 10, socket.gethostname())
        assert jobs.newest(store, OPERATOR).state == RunState.FAILED
        assert "ended without a word" in run_of(store, OPERATOR, run.id).message

    def test_one_that_just_began_is_not(self, store):
        self.begin(store, 0.1, socket.gethostname())
        assert jobs.newest(store, OPERATOR).state == RunState.RUNNING

    def test_one_that_is_watched_is_not(self, store):
        run = self.begin(store, 10, socket.gethostname())
        with single_flight(jobs.run_folder(store, run), jobs.run_folder(store, run)):
            assert jobs.newest(store, OPERATOR).state == RunState.RUNNING
            assert jobs.watcher_of(store, run) == os.getpid()

    def test_one_on_another_machine_is_believed_until_its_deadline(self, store):
        self.begin(store, 50, "elsewhere")
        assert jobs.newest(store, OPERATOR).state == RunState.RUNNING
        now = store.clock()
        store.clock = lambda: now + timedelta(minutes=11)
        assert "took longer than allowed" in jobs.newest(store, OPERATOR).message


class TestLog:
    def test_the_last_lines_as_they_were_last_drawn(self, tmp_path):
        log = tmp_path / "log.txt"
        log.write_bytes(b"first\n\x1b[32mepoch 1: 0%\r\x1b[0mepoch 1: 50%\repoch 1: 100%\n\nlast \xff\n")
        assert jobs.log_tail(log) == "first\nepoch 1: 100%\nlast \ufffd"
        assert jobs.log_tail(log, 1) == "last \ufffd"

    def test_without_a_log_there_is_nothing(self, tmp_path):
        assert jobs.log_tail(tmp_path / "log.txt") == ""

    def test_a_half_written_line_of_the_history_is_left_out(self, tmp_path):
        (tmp_path / "history.jsonl").write_text('{"step": 1}\n{"step": 2')
        assert jobs._history(tmp_path / "history.jsonl") == ({"step": 1},)


def test_several_processes_are_asked_for_by_a_variable(monkeypatch):
    assert train_command()[1:] == ["-m", "finetune.train"]
    monkeypatch.setenv(LAUNCH_VARIABLE, "--num_processes 2 --cpu")
    assert train_command()[1:] == [
        *("-m", "accelerate.commands.launch", "--num_processes", "2", "--cpu"),
        *("-m", "finetune.train"),
    ]


def test_the_password_of_the_database_is_in_no_argument(store, monkeypatch):
    started, done = [], subprocess.Popen(["true"])
    monkeypatch.setattr(subprocess, "Popen", lambda command, **how: started.append((command, how)) or done)
    run = jobs.start(store, OPERATOR, "A test.", name="v1")
    command, how = started[0]
    assert isinstance(command, list)
    assert not [word for word in command if "sqlite" in word]
    assert how["env"]["VLFAU_DATABASE_URL"].startswith("sqlite:///")
    assert "url" not in (jobs.run_folder(store, run) / jobs.CONFIG).read_text().replace("store_url", "")


@pytest.mark.parametrize("module", ["finetune.jobs", "finetune.watcher", "finetune.schedule"])
def test_importing_it_loads_nothing_that_trains(module):
    heavy = ("torch", "transformers", "accelerate", "cv2")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
