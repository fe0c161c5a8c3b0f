"""One training run as a job on the Hub: `python -m finetune.hub_job --config FILE --out RUN`, like `finetune.train`.

The faces are laid ready here and sent to a private repository with the code; the job trains on them and sends the
version back. Of the store itself nothing leaves this machine. Status and log are as of a run that trains here, signal
15 cancels the job, and afterwards nothing of the run is left in the repository. `--dry-run` says what would be
submitted. Exit codes: 0 done, 2 refused or failed (the message says why and what to do), 130 cancelled.
"""

import argparse
import json
import logging
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from db.errors import StoreError
from db.remote import HubRemote, hub_errors
from db.store import Store
from finetune.errors import TrainingError, disk_border
from finetune.hub_plan import (
    INPUT,
    JOB_REPO,
    OUT,
    REPO_VARIABLE,
    RUNS,
    STATUS,
    TIMEOUT_VARIABLE,
    TOKEN,
    HubPlan,
    plan_from_environment,
)
from finetune.run_folder import TRAINING, refuse_existing, working_folder
from finetune.single_flight import single_flight
from finetune.status import Status, StatusFile
from finetune.train_config import TrainConfig
from vlfau.errors import VLFAUError

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

log = logging.getLogger(__name__)

ERASE = "python -m finetune.hub_job --erase"
_LOOK_EVERY_S = 2.0
_PATIENCE_S = 600.0
"""The Hub may be away for so long while the job goes on."""
_OWN = {"pid", "out", "started_at", "updated_at"}
"""What the status of a job says of the job's machine and not of the run."""


class Cancelled(KeyboardInterrupt):
    """The run was told to end."""


class HubRun:
    """One run on the Hub, from laying ready to the version."""

    def __init__(self, plan: HubPlan, config: TrainConfig, out: Path) -> None:
        from huggingface_hub import HfApi, get_token

        self.plan, self.out, self.folder = plan, out, working_folder(out)
        self.config = replace(config, version=config.version or out.name)
        self.name = f"{self.config.version}-{secrets.token_hex(4)}"
        self.status = StatusFile(self.folder, version=str(self.config.version), out=str(out))
        token = get_token()
        if not token:
            raise TrainingError(
                f"The run cannot go to the Hub. There is no token. Set {TOKEN} to one that may write to {plan.repo} "
                f"and start jobs for {plan.owner}, or take {REPO_VARIABLE} away to train here."
            )
        self.token, self.api = token, HfApi()
        self._lines_seen, self._last_line, self._failure = 0, "", ""

    def work(self) -> None:
        """All of it; the version is at `out` then. Raises `VLFAUError`."""
        from finetune.hub_package import (
            packed,  # PyTorch comes along; to say what would be sent does not need it
        )

        refuse_existing(self.out)
        with disk_border(self.folder), _alone(self.config, self.out):
            self.status.update(message="Reading corrections.")
            with packed(self.config, self.folder) as package:
                self.status.update(message=f"Sending them to {self.plan.place}.")
                remote = HubRemote(self.plan.place)
                clear(self.plan, remote)  # what a run left that was killed
                with _erased_afterwards(remote):
                    remote.put({f"{RUNS}/{self.name}/{INPUT}": package.file})
                    package.file.unlink()
                    self._train()
                    self._take(remote, package.digest)

    # ---- the job

    def _train(self) -> None:
        """Submit the job and see it to its end; whatever happens here, it does not go on alone."""
        job = None
        try:
            with _cancelled_afterwards():
                job = self._submit()
            log.info("Job %s", job.url)
            over = self._follow(job)
        except BaseException:
            if job is not None:
                with suppress(*hub_errors()):
                    self.api.cancel_job(job_id=job.id, namespace=self.plan.owner)
            raise
        if over.status.stage != "COMPLETED":
            raise TrainingError(self._failure or self._why_failed(over))

    def _submit(self) -> "JobInfo":
        self.status.update(message=f"Asking for a machine ({self.plan.flavor}).")
        try:
            return self.api.run_uv_job(**self.plan.submission(self.name), secrets={TOKEN: self.token})
        except hub_errors() as error:
            raise TrainingError(self._why_refused(error)) from error

    def _why_refused(self, error: Exception) -> str:
        status = getattr(getattr(error, "response", None), "status_code", None)
        asked = f"{self.plan.flavor} for {self.plan.timeout}, paid by {self.plan.owner}"
        if status == 402:
            return (
                f"The Hub does not run the job: there is no credit. Asked for was {asked}. Add credit in the billing "
                f"settings of {self.plan.owner}, or take {REPO_VARIABLE} away to train here."
            )
        if status in (401, 403):
            return (
                f"The Hub does not run the job: the token may not start it. Asked for was {asked}; the Hub said: "
                f"{_reason(error)}. Give {TOKEN} a token that may start jobs for {self.plan.owner}."
            )
        return (
            f"The Hub does not run the job. Asked for was {asked}; the Hub said: {_reason(error)}. Check the settings "
            f"with --dry-run and try again, or take {REPO_VARIABLE} away to train here."
        )

    def _follow(self, job: "JobInfo") -> "JobInfo":
        """The job when it is over; meanwhile its log is ours. Raises `TrainingError` when the Hub stays away."""
        answered = time.monotonic()
        while True:
            try:
                now = self.api.inspect_job(job_id=job.id, namespace=self.plan.owner)
                answered = time.monotonic()
                over = now.status.stage in ("COMPLETED", "CANCELED", "ERROR", "DELETED")
                if now.status.stage == "SCHEDULING":
                    self.status.update(message=f"Waiting for a machine ({self.plan.flavor}).")
                else:
                    self._read_log(job, follow=not over)
                if over:
                    return now
            except hub_errors() as error:
                if time.monotonic() - answered > _PATIENCE_S:
                    raise TrainingError(
                        f"Nobody knows how the job goes. The Hub has not answered for {_PATIENCE_S / 60:.0f} minutes: "
                        f"{_reason(error)}. Look at {job.url}, then start the run again."
                    ) from error
            time.sleep(_LOOK_EVERY_S)

    def _read_log(self, job: "JobInfo", follow: bool) -> None:
        """Pass on the lines that are new; each reading begins with the first."""
        lines = self.api.fetch_job_logs(job_id=job.id, namespace=self.plan.owner, follow=follow)
        for number, line in enumerate(lines, 1):
            if number > self._lines_seen:
                self._lines_seen = number
                self._hear(line)

    def _hear(self, line: str) -> None:
        """A line of the job's log: a status, or words for the log here."""
        words, mark, said = line.partition(STATUS)
        if words.strip():
            self._last_line = words.strip()
            sys.stdout.write(f"{words.rstrip()}\n")
            sys.stdout.flush()
        if mark:
            with suppress(ValueError, TypeError, AttributeError):
                self._note(json.loads(said))

    def _note(self, said: dict[str, Any]) -> None:
        """The job's status becomes ours, but for its end: that comes when the version is here."""
        known = {field.name for field in fields(Status)} - _OWN
        values = {name: value for name, value in said.items() if name in known}
        if values["state"] == "failed":
            self._failure = str(values["message"])
        if values["state"] in ("finished", "failed", "cancelled"):
            values |= {"state": "saving", "message": "Waiting for the job to end."}
        self.status.update(**values)

    def _why_failed(self, job: "JobInfo") -> str:
        said = f": {job.status.message}" if job.status.message else ""
        last = f" Its last line: {self._last_line!r}." if self._last_line else ""
        return (
            f"The job on the Hub ended without a version. It is {job.status.stage}{said}.{last} Look at "
            f"{job.url}; when {self.plan.timeout} were too short, set {TIMEOUT_VARIABLE}."
        )

    # ---- after

    def _take(self, remote: HubRemote, digest: str) -> None:
        """Fetch the version, look whether it is the one that was asked for, and let it appear whole."""
        self.status.update(state="saving", message="Fetching the version.")
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            there = f"{RUNS}/{self.name}/{OUT}"
            remote.fetch_all(there, Path(folder))
            version = Path(folder) / there
            self._check(version, digest)
            version.rename(self.out)

    def _check(self, version: Path, digest: str) -> None:
        from vlfau.checkpoint import load_checkpoint

        try:
            made = load_checkpoint(version).config.model_version
            learnt = json.loads((version / TRAINING).read_text("utf-8"))["data"]["digest"]
        except (VLFAUError, OSError, ValueError, LookupError, TypeError) as error:
            raise TrainingError(
                f"What the job sent back is no version. Reading it gave: {error}. Start the run again."
            ) from error
        if (made, learnt) != (self.config.version, digest):
            raise TrainingError(
                f"What the job sent back is another version. It is {made!r}, from corrections {learnt[:12]}; asked for "
                f"was {self.config.version!r}, from {digest[:12]}. Start the run again."
            )


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


@contextmanager
def _alone(config: TrainConfig, out: Path) -> Iterator[None]:
    """The lock on the store, as of a run that trains here."""
    store = Store(config.store_url, config.store_folder)
    store.close()
    with single_flight(store.folder, out):
        yield


@contextmanager
def _erased_afterwards(remote: HubRemote) -> Iterator[None]:
    """However it ends, nothing is left in the repository; when that fails, the log says what to do."""
    try:
        yield
    finally:
        try:
            erase(remote)
        except StoreError as error:
            log.warning(
                "What was sent is still in %s, and shows faces. %s Then run: %s", remote.place, error, ERASE
            )


@contextmanager
def _cancelled_afterwards() -> Iterator[None]:
    """A signal in this block ends the run after it: a job that was just started has to be known to be cancelled."""
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
    if came:
        raise Cancelled


def clear(plan: HubPlan, remote: HubRemote) -> tuple[int, int]:
    """End the jobs and remove the files that a killed run left; how many there were of each."""
    from huggingface_hub import HfApi

    api, going = HfApi(), ("RUNNING", "SCHEDULING")
    try:
        found = [
            job
            for job in api.list_jobs(namespace=plan.owner, status=list(going))
            if job.status.stage in going
        ]
        left = [job for job in found if (job.environment or {}).get(JOB_REPO) == plan.repo]
        for job in left:
            api.cancel_job(job_id=job.id, namespace=plan.owner)
    except hub_errors() as error:
        raise TrainingError(
            f"The Hub does not say which jobs are going. Asked about those of {plan.owner} it said: {_reason(error)}. "
            f"Give {TOKEN} a token that may see and start jobs for {plan.owner}."
        ) from error
    return len(left), erase(remote)


def erase(remote: HubRemote) -> int:
    """Remove all that lies below `runs/`, with its history; returns how many files there were."""
    left = remote.names(RUNS)
    if left:
        remote.erase(left, for_good=True)
    return len(left)


# ---- the command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.hub_job",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, help="JSON file, as of finetune.train")
    parser.add_argument("--out", type=Path, help="run folder that is to appear; must not exist")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be submitted, and send nothing"
    )
    parser.add_argument(
        "--erase",
        action="store_true",
        help="end the job of a killed run, and remove what it left in the repository",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run on the Hub and return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("finetune").setLevel(logging.INFO)
    try:
        plan = plan_from_environment()
        if plan is None:
            raise TrainingError(
                f"Training on the Hub is not set up. {REPO_VARIABLE} is not set. Set it to a private data set "
                "repository ORG/NAME for this alone, or train here: python -m finetune.train"
            )
        if options.dry_run:
            name = options.out.name if options.out else "NAME"
            sys.stdout.write("\n".join([*plan.lines(name), "Nothing was sent: this was a dry run.", ""]))
            return 0
        if options.erase:
            ended, erased = clear(plan, HubRemote(plan.place))
            sys.stdout.write(f"Jobs ended: {ended}. Files erased from {plan.place}: {erased}.\n")
            return 0
        if not (options.config and options.out):
            parser.error("give --config and --out")
        return _run(HubRun(plan, TrainConfig.load(options.config), options.out))
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _run(run: HubRun) -> int:
    def cancel(number: int, frame: FrameType | None) -> None:
        raise Cancelled

    before = signal.signal(signal.SIGTERM, cancel)
    try:
        run.work()
    except KeyboardInterrupt:
        run.status.end("cancelled", "Cancelled, and the job with it.")
        return 130
    except VLFAUError as error:
        run.status.end("failed", str(error))
        raise
    except BaseException as error:
        run.status.end("failed", f"The run broke off: {error!r}. The log says where.")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)
    run.status.end("finished", f"Done: {run.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
