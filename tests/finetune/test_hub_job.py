"""Training on the Hub against its double: what it is sent is run here in a clean folder, and the version comes back."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest

from db.roles import OPERATOR
from finetune import hub_job, jobs
from finetune.hub_package import _files, _there
from finetune.hub_plan import CLIENT, FLAVOR_VARIABLE, REPO_VARIABLE, START, STATUS, TIMEOUT_VARIABLE, HubPlan
from finetune.hub_plan import plan_from_environment as plan_of_environment
from finetune.hub_training import LIBRARIES
from finetune.status import read_status
from finetune.train_config import TrainConfig
from finetune.watcher import train_command
from tests.hub_double import TOKEN
from tests.hub_jobs import UV, JobRunner
from vlfau.checkpoint import load_checkpoint
from vlfau.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

REPO = "org/training"


def uv_that(does):
    """`uv` that brings the job's script to run, and then does something else than to train."""
    return UV.replace("\n", f'\n[ "$2" = --with ] || {{ {does}; }}\n', 1)


FAILS = uv_that("echo 'no such package'; exit 3")


@pytest.fixture
def runner_with(hub, monkeypatch, tmp_path):
    """Runs on the Hub are asked for; the double runs them with this `uv`."""
    monkeypatch.setenv(REPO_VARIABLE, REPO)
    monkeypatch.setattr(hub_job, "_LOOK_EVERY_S", 0.1)
    made = []

    def runner(uv=UV):
        made.append(JobRunner(tmp_path / "jobs", hub.environment(tmp_path / "elsewhere", token=None), uv))
        hub.hub.runner = made[-1]
        return made[-1]

    yield runner
    for one in made:
        one.close()


@pytest.fixture
def command(config, tmp_path):
    """What the watching process says for a run."""
    file, out = tmp_path / "config.json", tmp_path / "run" / "version"
    out.parent.mkdir()
    file.write_text(json.dumps(config.plain()))
    return ["--config", str(file), "--out", str(out)]


def work(command):
    return Path(command[-1]).with_name("version.work")


def leaves_no_face(hub, command):
    """Neither here nor there, nor in the history there."""
    left = {path.name for path in work(command).rglob("*") if path.is_file()}
    (commit,) = hub.repository("dataset", REPO).commits
    known = {"status.json", "config.json", "data.json", "finetune.lock"}
    return left <= known and set(commit.files) <= {".gitattributes"} and not hub.hub.objects


def sent_file(hub):
    """The package of a run, at the moment of its submission."""
    files = hub.repository("dataset", REPO).files
    return next((data for name, data in files.items() if name.endswith("input.tar.gz")), None)


def test_the_job_trains_on_what_it_is_sent_and_the_version_comes_back(
    hub, runner_with, command, store_folder, capsys, monkeypatch
):
    runner, packages = runner_with(), []
    start = runner.start
    monkeypatch.setattr(runner, "start", lambda job: (packages.append(sent_file(hub)), start(job)))
    assert hub_job.main(command) == 0
    version = Path(command[-1])
    training = json.loads((version / "training.json").read_text())
    assert load_checkpoint(version).config.model_version == "version"
    assert training["base"]["version"] == "base-0"
    assert len(training["data"]["learnt_from"]) > 3
    status = read_status(work(command))
    assert (status.state, status.epoch, status.pid, status.out) == ("finished", 2, os.getpid(), str(version))
    assert "AU12" in status.f1

    (job,) = hub.hub.jobs
    said = capsys.readouterr().out
    assert job["status"]["stage"] == "COMPLETED"
    assert "apt-get install -y --no-install-recommends libgl1 libglib2.0-0" in said
    assert "--with-requirements requirements.txt python -m finetune.train" in said
    assert STATUS in runner.said(job)
    assert STATUS not in said
    assert hub.repository("dataset", REPO).private
    assert leaves_no_face(hub, command)

    with tarfile.open(fileobj=BytesIO(packages[0])) as tar:
        names = tar.getnames()
        config = tar.extractfile("version.work/config.json").read().decode()
    assert not [name for name in names if name.endswith((".db", ".png", ".jpg", "replay.parquet"))]
    assert str(store_folder) not in config
    assert str(ROOT) not in config
    assert TOKEN not in json.dumps(job["command"]) + json.dumps(job["environment"])


@pytest.mark.parametrize(
    ("base", "sent"),
    [(None, "vlfau/checkpoints/small/config.json"), ("org/model", None), ("HERE", "base/config.json")],
)
def test_the_base_is_sent_when_it_lies_here(bench, tmp_path, base, sent):
    config = TrainConfig(base=str(bench / "base") if base == "HERE" else base)
    files = dict(_files(config, tmp_path))
    assert [name for name in files if name.endswith("/config.json")] == ([sent] if sent else [])
    assert {"requirements.txt", "finetune/hub_training.py", "vlfau/errors.py", "db/store.py"} < set(files)
    assert not [name for name in files if "__pycache__" in name or name.endswith("replay.parquet")]
    assert _there(config).base == ("base" if base == "HERE" else base)


def test_the_watching_process_takes_the_hub_when_it_is_told_to(monkeypatch):
    assert train_command()[1:] == ["-m", "finetune.train"]
    monkeypatch.setenv(REPO_VARIABLE, REPO)
    assert train_command()[1:] == ["-m", "finetune.hub_job"]


class TestTold:
    """How a run ends that becomes no version."""

    def test_a_job_that_fails(self, hub, runner_with, command, capsys):
        runner_with(FAILS)
        assert hub_job.main(command) == 2
        said = capsys.readouterr()
        assert "no such package" in said.out
        assert "The job on the Hub ended without a version. It is ERROR: exit code 3." in said.err
        status = read_status(work(command))
        assert status.state == "failed"
        assert "Its last line: 'no such package'" in status.message
        assert leaves_no_face(hub, command)

    def test_a_run_that_is_cancelled(self, hub, runner_with, command):
        runner = runner_with(uv_that("exec sleep 600"))

        def cancel():
            while not any("uv run" in runner.said(job) for job in hub.hub.jobs):
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=cancel, daemon=True).start()
        assert hub_job.main(command) == 130
        assert hub.hub.jobs[0]["status"]["stage"] == "CANCELED"
        assert read_status(work(command)).state == "cancelled"
        assert leaves_no_face(hub, command)

    @pytest.mark.parametrize(
        ("status", "said"), [(402, "no credit"), (403, "token may not"), (400, "Asked for")]
    )
    def test_a_job_that_the_hub_does_not_take(self, hub, runner_with, command, capsys, status, said):
        runner_with()
        hub.fail("POST /api/jobs/org$", status=status)
        assert hub_job.main(command) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "t4-small for 30m, paid by org" in told
        assert read_status(work(command)).message == told.strip()
        assert leaves_no_face(hub, command)

    def test_a_token_that_is_missing_or_may_not_write(self, hub, runner_with, command, capsys, monkeypatch):
        runner_with()
        hub.fail("POST /api/repos/create", status=403)
        assert hub_job.main(command) == 2
        assert "it has to be allowed to write" in capsys.readouterr().err
        monkeypatch.delenv("HF_TOKEN")
        assert hub_job.main(command) == 2
        assert "There is no token." in capsys.readouterr().err
        assert hub.hub.jobs == []

    def test_a_version_that_is_not_the_one_asked_for(self, hub, runner_with, command, capsys, bench):
        runner_with(uv_that(f"cp -r {bench / 'base'} version; exit 0"))
        assert hub_job.main(command) == 2
        assert "What the job sent back is no version." in capsys.readouterr().err
        assert not Path(command[-1]).exists()
        assert leaves_no_face(hub, command)


def test_the_hub_may_be_away_while_the_job_goes_on(hub, runner_with, command, capsys):
    runner_with(FAILS)
    fault = hub.fail("GET /api/jobs/org/", times=3, status=500)
    assert hub_job.main(command) == 2
    assert fault.times == 0
    said = capsys.readouterr()
    assert "It is ERROR: exit code 3." in said.err
    assert said.out.count("no such package") == 1


def test_what_a_killed_run_left_is_ended_and_erased(hub, runner_with, capsys):
    from huggingface_hub import CommitOperationAdd, HfApi

    runner_with("#!/bin/sh\nexec sleep 600\n")
    api = HfApi()
    for repo in (REPO, "org/another"):
        api.run_uv_job(**HubPlan(repo).submission("v0-1234"))
    api.create_repo(REPO, repo_type="dataset", private=True)
    left = [CommitOperationAdd("runs/v0-1234/input.tar.gz", b"\0faces")]
    api.create_commit(REPO, left, commit_message="Backup", repo_type="dataset")
    assert hub_job.main(["--erase"]) == 0
    assert capsys.readouterr().out == f"Jobs ended: 1. Files erased from hf://datasets/{REPO}: 1.\n"
    assert [job["status"]["stage"] for job in hub.hub.jobs] == ["CANCELED", "RUNNING"]
    assert not hub.hub.objects
    assert len(hub.repository("dataset", REPO).commits) == 1


class TestShown:
    def test_a_dry_run_says_what_the_hub_is_asked_for(self, hub, runner_with, command, capsys, monkeypatch):
        monkeypatch.setenv(FLAVOR_VARIABLE, "l4x1")
        monkeypatch.setenv(TIMEOUT_VARIABLE, "2h")
        runner_with(FAILS)
        assert hub_job.main([*command, "--dry-run"]) == 0
        shown = capsys.readouterr().out
        assert hub.requests == []
        hub_job.main(command)
        (job,) = hub.hub.jobs
        (name,) = re.findall(r"runs/(version-[0-9a-f]{8})", json.dumps(job["environment"]))
        asked = list(plan_of_environment().lines(name))
        assert (job["flavor"], job["timeoutSeconds"], list(job["secrets"])) == ("l4x1", 7200, ["HF_TOKEN"])
        assert job["dockerImage"] in shown
        assert f"command    {shlex.join(job['command'])}" in asked
        assert [f"variable   {key}={value}" for key, value in job["environment"].items()] == [
            line for line in asked if line.startswith("variable")
        ]
        assert shown.splitlines()[:-1] == [line.replace(name, "version") for line in asked]
        assert TOKEN not in shown

    def test_jobs_tell_the_page(self, monkeypatch):
        assert jobs.elsewhere() == ()
        monkeypatch.setenv(REPO_VARIABLE, REPO)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        assert jobs.elsewhere() == tuple(HubPlan(REPO).entries())
        assert TOKEN not in str(jobs.elsewhere())


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [(REPO_VARIABLE, "training"), (FLAVOR_VARIABLE, "T4 small"), (TIMEOUT_VARIABLE, "soon")],
    )
    def test_what_cannot_be_is_told_before_a_run_begins(self, store, monkeypatch, name, value):
        monkeypatch.setenv(REPO_VARIABLE, REPO)
        monkeypatch.setenv(name, value)
        with pytest.raises(DataError, match=f"{name} is '{value}'"):
            jobs.start(store, OPERATOR, "A test.")
        assert jobs.newest(store, OPERATOR) is None

    def test_backups_lie_elsewhere(self, monkeypatch):
        monkeypatch.setenv(REPO_VARIABLE, REPO)
        monkeypatch.setenv("VLFAU_BACKUP", f"hf://datasets/{REPO}")
        with pytest.raises(DataError, match="a repository of its own"):
            plan_of_environment()

    def test_without_them_there_is_nothing_to_do(self, capsys):
        assert hub_job.main(["--dry-run"]) == 2
        assert "VLFAU_JOBS_REPO is not set" in capsys.readouterr().err


def test_the_first_step_needs_nothing_but_the_client():
    assert CLIENT in (ROOT / "requirements.txt").read_text()
    assert list(LIBRARIES) == (ROOT / "spaces" / "packages.txt").read_text().split()
    assert max(len(part) for part in START.split("/")) < 255
    code = "import sys, finetune.hub_plan; print([m for m in sys.modules if m in ('torch', 'numpy', 'sqlalchemy')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
