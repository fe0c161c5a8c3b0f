"""The schedule: starts a training run when enough new corrections are agreed on, or when its time comes.

`python -m finetune.schedule --corrections 50 --cron "0 3 * * *"` runs until it is ended; `--once` looks once, for a
scheduler of the system's own; `--dry-run` only says what it would do now. Several of these on one store start one run:
the store decides. Training is a process of its own (`finetune.jobs`).
"""

import argparse
import json
import logging
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from db import registry
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR
from db.store import Store
from db.training_runs import Run, RunGoing, runs
from db.waiting import waiting
from finetune import jobs
from finetune.train_config import TrainConfig
from vlfau.errors import DataError, VLFAUError

log = logging.getLogger(__name__)

_REMEMBERED = 1000
"""Runs that are looked through for the last one that finished."""


@dataclass(frozen=True)
class Plan:
    """When to train."""

    corrections: int = 50
    """New agreed faces from which a run is due."""
    cooldown: timedelta = timedelta(hours=6)
    """Between the end of a run, however it ended, and the start of the next."""
    promote: bool = False
    """Serve what passed the gate, without asking anybody."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """As of `finetune.train_config`."""


@dataclass(frozen=True)
class Decision:
    """Whether to start now, and why, or why not."""

    start: bool
    reason: str
    after: int
    """The newest run that was known of."""


def decide(store: Store, plan: Plan, time_has_come: bool = False) -> Decision:
    """Look at the store; changes nothing."""
    past = runs(store, OPERATOR, _REMEMBERED)
    last = past[0] if past else None
    after = last.id if last else 0
    if last and not last.is_over:
        return Decision(
            False, f"A run is going: {last.name}, since {last.started_at:%Y-%m-%d %H:%M} UTC.", after
        )
    if last and last.ended_at and store.clock() < last.ended_at + plan.cooldown:
        until = last.ended_at + plan.cooldown
        return Decision(
            False, f"The last run ended lately: the next may start at {until:%Y-%m-%d %H:%M} UTC.", after
        )
    found = waiting(store, OPERATOR, _last_look(past), plan.config.get("project"))
    new = f"{found.new} newly agreed faces" if found.new != 1 else "1 newly agreed face"
    if found.new >= plan.corrections:
        return Decision(True, f"{new}; a run is due from {plan.corrections}.", after)
    if time_has_come and found.new:
        return Decision(True, f"{new}, and the time has come.", after)
    return Decision(False, f"{new}; a run is due from {plan.corrections}.", after)


def _last_look(past: Sequence[Run]) -> datetime | None:
    """When the last run that became a version read the store; what failed ones read still waits."""
    return next((run.started_at for run in past if run.state == RunState.FINISHED), None)


def look(store: Store, plan: Plan, time_has_come: bool = False) -> Run | None:
    """Decide, and start a run when it is due; None when none was started. Who is slower starts nothing."""
    jobs.close_lost(store)
    if plan.promote:
        promote_what_passed(store)
    decision = decide(store, plan, time_has_come)
    if not decision.start:
        log.info("%s", decision.reason)
        return None
    try:
        run = jobs.start(store, OPERATOR, f"Schedule: {decision.reason}", plan.config, after=decision.after)
    except RunGoing as error:
        log.info("%s", error)
        return None
    log.info("Started %s. %s", run.name, decision.reason)
    return run


def promote_what_passed(store: Store) -> None:
    """Serve the candidate when its comparison with production passed; a process of its own tries it out first."""
    candidate = registry.alias_version(store, OPERATOR, Alias.CANDIDATE)
    production = registry.alias_version(store, OPERATOR, Alias.PRODUCTION)
    if candidate is None or production is None or candidate.id == production.id:
        return
    served_before = {move.version for move in registry.moves(store, OPERATOR, Alias.PRODUCTION)}
    found = registry.comparisons(store, OPERATOR)
    passed = any(c.passed for c in found if (c.candidate, c.champion) == (candidate.name, production.name))
    if passed and candidate.name not in served_before:  # what was rolled back is not brought again
        command = [sys.executable, "-m", "finetune.promote", candidate.name, "--store", str(store.folder)]
        done = subprocess.run(
            [*command, "--reason", "Schedule: it passed every rule of the gate."],
            env=jobs.environment(store),
            capture_output=True,
            text=True,
            check=False,
        )
        log.info("%s", (done.stdout + done.stderr).strip())


# ---- the command


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.schedule",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--corrections", type=int, default=50, metavar="K", help="new agreed faces from which a run is due"
    )
    parser.add_argument("--cron", help='also at these times, when there is anything new, such as "0 3 * * *"')
    parser.add_argument("--timezone", default="UTC", help="of the cron times; default: UTC")
    parser.add_argument("--cooldown-hours", type=float, default=6.0, help="from the end of a run to the next")
    parser.add_argument("--look-minutes", type=float, default=5.0, help="how often to look")
    parser.add_argument("--config", type=Path, help="JSON file for the runs, as of finetune.train")
    parser.add_argument("--promote", action="store_true", help="serve what passed the gate, without asking")
    parser.add_argument("--store", help="folder of the store; default: data")
    parser.add_argument("--once", action="store_true", help="look once, then end; the run it starts goes on")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done now, and do nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Look once or until ended; the exit code."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        plan, times = _plan(options), _times(options)
        with closing(Store(folder=options.store)) as store:
            if options.dry_run:
                sys.stdout.write(_foretold(store, plan, times))
            elif options.once:
                look(store, plan)
            else:
                run_until_ended(store, plan, times, timedelta(minutes=options.look_minutes))
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def run_until_ended(store: Store, plan: Plan, times: CronTrigger | None, every: timedelta) -> None:
    """Look again and again. A look that fails is told and does not end it."""

    def safely(time_has_come: bool) -> None:
        try:
            look(store, plan, time_has_come)
        except VLFAUError as error:
            log.warning("%s", error)

    scheduler = BlockingScheduler(
        timezone=ZoneInfo("UTC"),
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
    )
    first = datetime.now(ZoneInfo("UTC"))
    scheduler.add_job(safely, IntervalTrigger(seconds=every.total_seconds()), [False], next_run_time=first)
    if times is not None:
        scheduler.add_job(safely, times, [True])
    signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown(wait=False))
    try:
        scheduler.start()
    except KeyboardInterrupt:
        log.info("Ended. A run that is going goes on.")


def _plan(options: argparse.Namespace) -> Plan:
    for name, least in (("corrections", 1), ("cooldown_hours", 0), ("look_minutes", 0.01)):
        if getattr(options, name) < least:
            raise DataError(
                f"The schedule cannot work like this. --{name.replace('_', '-')} is {getattr(options, name):g}. "
                f"Give {least} or more."
            )
    config: dict[str, Any] = {}
    if options.config:
        TrainConfig.load(options.config)  # says what is wrong with it, now and not at night
        config = json.loads(options.config.read_text("utf-8"))
    return Plan(options.corrections, timedelta(hours=options.cooldown_hours), options.promote, config)


def _times(options: argparse.Namespace) -> CronTrigger | None:
    if options.cron is None:
        return None
    try:
        return CronTrigger.from_crontab(options.cron, ZoneInfo(options.timezone))
    except (ValueError, KeyError) as error:  # an unknown zone is a KeyError
        raise DataError(
            f"These times cannot be read. --cron is '{options.cron}' in {options.timezone}: {error}. "
            'Give five fields, such as "0 3 * * *", and a zone such as Europe/Berlin.'
        ) from error


def _foretold(store: Store, plan: Plan, times: CronTrigger | None) -> str:
    now, later = decide(store, plan), decide(store, plan, time_has_come=True)
    lines = [f"Now: {'a run would start' if now.start else 'nothing would start'}. {now.reason}"]
    if times is not None:
        at = times.get_next_fire_time(None, datetime.now(ZoneInfo("UTC")))
        would = "a run would start" if later.start else "nothing would start"
        lines.append(f"At {at:%Y-%m-%d %H:%M %Z}, were all as now: {would}. {later.reason}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
