"""The process that watches one training run, started by `finetune.jobs`: training, then the gate, and how it ended.

Whatever happens to the page or the schedule that asked for the run, this one goes on. It holds the lock of the run's
folder while it lives, so that others can tell whether anybody watches.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from typing import Any

from db.registry_tables import RunState
from db.roles import OPERATOR
from db.store import Store
from db.training_runs import Run, end_run, run_of
from finetune import jobs
from finetune.hub_plan import plan_from_environment, train_words
from finetune.single_flight import single_flight
from vlfau.errors import VLFAUError

REPORT = "gate.json"
_LOOK_EVERY_S = 1.0
_GIVE_UP_AFTER_S = 60.0
"""A process that was asked to end gets so long to save its state."""


class Stopped(Exception):
    """The run has to end before its time."""

    def __init__(self, state: RunState, message: str) -> None:
        super().__init__(message)
        self.state, self.message = state, message


class Watcher:
    """Takes one run from its start to its end."""

    def __init__(self, store: Store, run: Run) -> None:
        self.store, self.run, self.folder = store, run, jobs.run_folder(store, run)
        self._told: dict[str, Any] = {}

    def work(self) -> tuple[RunState, str]:
        """Train and judge; how it ended, in words."""
        version = self.folder / jobs.VERSION
        try:
            options = ["--config", str(self.folder / jobs.CONFIG), "--out", str(version)]
            if self._runs([*train_command(), *options]):
                return RunState.FAILED, self._last_word()
            judged = self._runs(self._gate_command(version), self.folder / REPORT)
        except Stopped as stopped:
            return stopped.state, stopped.message
        if judged not in (0, 1):
            return RunState.FAILED, f"It was trained, but the gate could not judge it. {self._log_line()}"
        shutil.rmtree(version, ignore_errors=True)  # its files are in the registry now
        return RunState.FINISHED, _verdict(self.folder / REPORT)

    def _gate_command(self, version: Path) -> list[str]:
        judge = [sys.executable, "-m", "finetune.gate", "--candidate", str(version)]
        command = [*judge, "--store", str(self.store.folder)]
        return [*command, "--record", "--run", str(self.run.id), "--json"]

    def _runs(self, command: Sequence[str], output: Path | None = None) -> int:
        """Run a command to its end; its exit code. Raises `Stopped` when it has to end before."""
        with output.open("wb") if output else nullcontext() as out:
            process = subprocess.Popen(command, stdout=out)
            try:
                while process.poll() is None:
                    time.sleep(_LOOK_EVERY_S)
                    self._note_progress()
                    self._stop_if_asked()
            finally:
                _end(process)
        self._note_progress()
        return process.returncode

    def _stop_if_asked(self) -> None:
        try:
            run = run_of(self.store, OPERATOR, self.run.id)
        except VLFAUError:  # the database is busy or away for a moment: training goes on
            return
        if run.is_over:
            raise Stopped(run.state, run.message or "")
        if run.cancel_at:
            raise Stopped(RunState.CANCELLED, "Cancelled.")
        if self.store.clock() > run.deadline_at:
            raise Stopped(
                RunState.FAILED, "It took longer than allowed and was ended. Allow more, or train less."
            )

    def _note_progress(self) -> None:
        """What the curves of the page are drawn from: the status holds only what is now."""
        status = jobs.status_of(self.store, self.run)
        if status is None:
            return
        now = {
            "epoch": status.epoch,
            "loss": status.loss,
            "validation_loss": status.validation_loss,
            "f1": status.f1,
        }
        if now != self._told:
            self._told = now
            with suppress(OSError), (self.folder / jobs.HISTORY).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": status.step, **now}) + "\n")

    def _last_word(self) -> str:
        """Why training failed, as it said itself."""
        status = jobs.status_of(self.store, self.run)
        return status.message if status and status.state == "failed" else self._log_line()

    def _log_line(self) -> str:
        lines = jobs.log_tail(self.folder / jobs.LOG, 1)
        return lines or "It ended without a word. Look at the log."


def train_command() -> list[str]:
    """The training command without its options: here, or on the Hub when the environment says so."""
    return [sys.executable, *(["-m", "finetune.hub_job"] if plan_from_environment() else train_words())]


def _end(process: subprocess.Popen[bytes]) -> None:
    """See to it that a process is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GIVE_UP_AFTER_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _verdict(report: Path) -> str:
    """What the gate says, in a sentence or two."""
    try:
        found = json.loads(report.read_text("utf-8"))
    except (OSError, ValueError):
        return "It was trained and compared."
    if found["passed"]:
        return "It passed every rule of the gate and can be promoted."
    failed = [rule["sentence"] for rule in found["rules"] if rule["passed"] is False]
    return f"It was trained, and the gate says no. {' '.join(failed)}"


def watch(run_id: int, folder: Path) -> int:
    """Take a run to its end; the exit code."""
    with closing(Store(folder=folder)) as store:
        run = run_of(store, OPERATOR, run_id)
        with single_flight(jobs.run_folder(store, run), jobs.run_folder(store, run)):
            if run.is_over:
                return 0
            try:
                state, message = Watcher(store, run).work()
            except Exception as error:
                end_run(
                    store,
                    OPERATOR,
                    run_id,
                    RunState.FAILED,
                    f"The run broke off: {error!r}. The log says where.",
                )
                raise
            end_run(store, OPERATOR, run_id, state, message)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.watcher", description=__doc__)
    parser.add_argument("run", type=int, metavar="RUN_ID")
    parser.add_argument("--store", type=Path, required=True, help="folder of the store")
    options = parser.parse_args(arguments)
    try:
        return watch(options.run, options.store)
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
