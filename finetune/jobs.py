"""Training jobs as a page or a schedule sees them: start one as a process of its own, watch it, cancel it.

Light on purpose: neither torch nor anything that trains is imported, so that the web process never trains. A job is a
small watching process (`finetune.watcher`) that is started here, runs `finetune.train` and then `finetune.gate`, and
writes down in the store how it ended. It outlives the page. Its folder is `runs/NAME` in the store's folder.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from db.registry_tables import RunState
from db.roles import OPERATOR, Actor
from db.store import URL_VARIABLE, Store
from db.training_runs import Run, begin_run, end_run, request_cancel, run_of, runs
from db.waiting import waiting
from finetune.hub_plan import plan_from_environment
from finetune.single_flight import holder_of
from finetune.status import Status, read_status
from finetune.train_config import TrainConfig
from vlfau.errors import DataError

RUNS = "runs"
CONFIG, LOG, HISTORY, VERSION = "config.json", "log.txt", "history.jsonl", "version"
AT_MOST = timedelta(hours=24)
"""Longest run; then it is ended."""
TAIL_LINES = 40
_STARTS_WITHIN = timedelta(minutes=2)
"""A watching process that is not there by then will not come any more."""
_TAIL_BYTES = 64_000
_ROOT = Path(__file__).resolve().parents[1]
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Progress:
    """A run, and how far it is."""

    run: Run
    status: Status | None
    """None before the training process has said anything."""
    history: tuple[Mapping[str, Any], ...]
    """What the status said, whenever its loss or epoch changed: step, epoch, loss, validation_loss, f1."""
    log: str
    """The last lines."""


def elsewhere() -> tuple[tuple[str, str], ...]:
    """What the next run would send to the Hub and start there, or why it cannot; empty when it trains here."""
    try:
        plan = plan_from_environment()
    except DataError as error:
        return (("problem", str(error)),)
    return tuple(plan.entries()) if plan else ()


def run_folder(store: Store, run: Run) -> Path:
    """Where a run keeps everything but the version it makes."""
    return store.folder / RUNS / run.name


def start(
    store: Store,
    actor: Actor,
    reason: str,
    config: Mapping[str, Any] | None = None,
    name: str | None = None,
    after: int | None = None,
    at_most: timedelta = AT_MOST,
) -> Run:
    """Start a run; `config` as of `finetune.train_config`, with what differs from the usual.

    Raises `RunGoing` while another one is going, `NotAllowed` for who is no admin, `DataError` when there is nothing to
    train on; nothing was started then. `after` as of `db.training_runs.begin_run`.
    """
    with store.reading(actor, "start_training"):
        pass  # who may not start one is told that before anything else
    found = waiting(store, OPERATOR, project=_checked(config or {}).project)
    plan_from_environment()  # settings that cannot be are told before anything begins
    close_lost(store)
    if not found.agreed:
        raise DataError(
            "There is nothing to train on. No face that may be trained on is agreed on or settled. Collect answers."
        )
    run = begin_run(
        store,
        actor,
        name or f"version-{store.clock():%Y%m%d-%H%M%S}",
        reason,
        dict(config or {}),
        found.agreed,
        socket.gethostname(),
        at_most,
        after,
    )
    try:
        _launch(store, run)
    except OSError as error:
        return end_run(
            store, OPERATOR, run.id, RunState.FAILED, f"It could not be started: {error.strerror or error}."
        )
    return run


def _checked(config: Mapping[str, Any]) -> TrainConfig:
    """The configuration as the run will have it; what is wrong with it is said before anything begins."""
    mine = {"version", "store_folder", "store_url"} & config.keys()
    unknown = config.keys() - {field.name for field in fields(TrainConfig)}
    if mine or unknown:
        raise DataError(
            f"The configuration cannot be used. It names {', '.join(sorted(mine | unknown))}, which are set here or do "
            "not exist. Leave them out."
        )
    return TrainConfig(**config)


def _launch(store: Store, run: Run) -> None:
    folder = run_folder(store, run)
    folder.mkdir(parents=True)
    _write_json(
        folder / CONFIG, dict(run.config) | {"version": run.name, "store_folder": str(store.folder.resolve())}
    )
    command = [sys.executable, "-m", "finetune.watcher", str(run.id), "--store", str(store.folder.resolve())]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment(store),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it goes on when the page ends, and gets no Ctrl-C meant for it
        )
    threading.Thread(
        target=process.wait, daemon=True
    ).start()  # nobody else asks how it ended: no zombie stays


def environment(store: Store) -> dict[str, str]:
    """For a process that works on the same store. The database is named here: its password is to be in no argument
    list and in no file."""
    return os.environ | {
        URL_VARIABLE: store.url.render_as_string(hide_password=False),
        "PYTHONUNBUFFERED": "1",
    }


# ---- watching


def newest(store: Store, actor: Actor) -> Run | None:
    """The run that is going, or the last one; one that died without a word is ended first."""
    close_lost(store)
    return next(iter(runs(store, actor, 1)), None)


def progress(store: Store, actor: Actor, run_id: int) -> Progress:
    """How far a run is. Raises `NotFound`; what its process has not written yet is missing."""
    run = run_of(store, actor, run_id)
    folder = run_folder(store, run)
    return Progress(run, status_of(store, run), _history(folder / HISTORY), log_tail(folder / LOG))


def status_of(store: Store, run: Run) -> Status | None:
    """What the training process last said of itself."""
    try:
        return read_status(_work(store, run))
    except DataError:
        return None


def log_tail(file: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, each as it was last drawn: progress bars draw over themselves."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    drawn = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in _ESCAPES.sub("", text).split("\n")]
    return "\n".join([line for line in drawn if line.strip()][-lines:])


def _history(file: Path) -> tuple[Mapping[str, Any], ...]:
    found = []
    with suppress(OSError):
        for line in file.read_text("utf-8").splitlines():
            with suppress(ValueError):  # the last line may be half written
                found.append(json.loads(line))
    return tuple(found)


def _work(store: Store, run: Run) -> Path:
    """Where `finetune.train` keeps the status: beside the version it makes."""
    return run_folder(store, run) / f"{VERSION}.work"


# ---- ending


def cancel(store: Store, actor: Actor, run_id: int) -> Run:
    """Ask a run to end; admins only. Its watching process does so within seconds, wherever it is."""
    request_cancel(store, actor, run_id)
    close_lost(store)
    return run_of(store, actor, run_id)


def watcher_of(store: Store, run: Run) -> int | None:
    """The watching process of a run on this machine; None when there is none (any more)."""
    return holder_of(run_folder(store, run))


def close_lost(store: Store) -> None:
    """Write down the end of a run whose watching process died without a word."""
    for run in runs(store, OPERATOR, 1):
        if run.is_over:
            continue
        overdue = store.clock() > run.deadline_at
        here = run.machine == socket.gethostname()
        just_started = store.clock() - run.started_at < _STARTS_WITHIN
        gone = (
            here and not just_started and watcher_of(store, run) is None and holder_of(store.folder) is None
        )
        if gone or overdue:
            end_run(store, OPERATOR, run.id, RunState.FAILED, _why_lost(store, run, overdue))


def _why_lost(store: Store, run: Run, overdue: bool) -> str:
    status = status_of(store, run)
    last = f" It last was at step {status.step} of {status.of}." if status and status.of else ""
    why = (
        "It took longer than allowed"
        if overdue
        else "Its process ended without a word: killed, or the machine stopped"
    )
    return f"{why}.{last} Start it again."


def _write_json(file: Path, values: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(values, indent=1) + "\n", "utf-8")
