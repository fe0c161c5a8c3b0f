"""Training runs as the store knows them: who started which and why, one at a time, and how each ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from db.errors import Conflict, NotFound
from db.registry_tables import RunState, TrainingRun
from db.roles import Actor
from db.store import Store, Work
from db.tables import Annotator
from db.text import MAX_NAME, MAX_NOTE, required_text

MAX_MESSAGE = 2000


class RunGoing(Conflict):
    """Another run is going."""


@dataclass(frozen=True)
class Run:
    """One training run."""

    id: int
    name: str
    state: RunState
    reason: str
    config: Mapping[str, Any]
    corrections: int
    """Faces agreed on when it started."""
    machine: str
    started_at: datetime
    started_by: str | None
    """Pseudonym; None is the operator or the schedule."""
    deadline_at: datetime
    cancel_at: datetime | None
    """When somebody asked it to end."""
    ended_at: datetime | None
    message: str | None

    @property
    def is_over(self) -> bool:
        return self.state != RunState.RUNNING


def begin_run(
    store: Store,
    actor: Actor,
    name: str,
    reason: str,
    config: Mapping[str, Any],
    corrections: int,
    machine: str,
    at_most: timedelta,
    after: int | None = None,
) -> Run:
    """A run begins; admins only. Raises `RunGoing` while another one is going.

    `after` is the newest run that the caller knew of when they decided (0: none); when there is a newer one by now,
    the decision is out of date and `RunGoing` is raised as well.
    """
    with store.unit_of_work(actor, "start_training") as work:
        going = work.scalars(select(TrainingRun).where(TrainingRun.state == RunState.RUNNING)).first()
        if going is not None:
            raise RunGoing(
                f"A training run is going already. It is '{going.name}', since {going.started_at:%Y-%m-%d %H:%M} UTC. "
                "Wait until it ends, or cancel it."
            )
        newest = work.scalar(select(func.max(TrainingRun.id))) or 0
        if after is not None and newest != after:
            raise RunGoing(
                "Another training run was faster. It began and ended since this one was decided on. Decide anew."
            )
        name = required_text(name, MAX_NAME, "The name of the run")
        if work.scalar(select(TrainingRun.id).where(TrainingRun.name == name)):
            raise Conflict(f"There is a run of this name. It is '{name}'. Give another one.")
        row = TrainingRun(
            name=name,
            state=RunState.RUNNING,
            reason=required_text(reason, MAX_NOTE, "The reason"),
            config=dict(config),
            corrections=corrections,
            machine=machine,
            started_at=work.now,
            started_by=actor.annotator_id,
            deadline_at=work.now + at_most,
            cancel_at=None,
            ended_at=None,
            message=None,
        )
        work.add(row)
        work.flush()
        return _run(work, row)


def request_cancel(store: Store, actor: Actor, run_id: int) -> Run:
    """Ask a run to end; admins only. Whoever watches it ends it, on whichever machine that is."""
    with store.unit_of_work(actor, "cancel_training") as work:
        row = _row(work, run_id)
        if row.state == RunState.RUNNING and row.cancel_at is None:
            row.cancel_at = work.now
        return _run(work, row)


def end_run(store: Store, actor: Actor, run_id: int, state: RunState, message: str) -> Run:
    """A run ended. One that has ended stays as it is: the first word counts."""
    with store.unit_of_work(actor, "end_training") as work:
        row = _row(work, run_id)
        if row.state == RunState.RUNNING:
            row.state = state
            row.ended_at = work.now
            row.message = message[:MAX_MESSAGE]
        return _run(work, row)


def runs(store: Store, actor: Actor, limit: int = 50) -> list[Run]:
    """The newest first."""
    with store.reading(actor, "models") as work:
        found = work.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(limit)).all()
        return [_run(work, row) for row in found]


def run_of(store: Store, actor: Actor, run_id: int) -> Run:
    """One run; raises `NotFound`."""
    with store.reading(actor, "models") as work:
        return _run(work, _row(work, run_id))


def _row(work: Work, run_id: int) -> TrainingRun:
    row = work.locked(TrainingRun, run_id) if work.verb != "models" else work.get(TrainingRun, run_id)
    if row is None:
        raise NotFound(f"There is no such run. Number {run_id} was asked for. Choose one of the list.")
    return row


def _run(work: Work, row: TrainingRun) -> Run:
    who = work.get(Annotator, row.started_by) if row.started_by else None
    return Run(
        row.id,
        row.name,
        RunState(row.state),
        row.reason,
        row.config,
        row.corrections,
        row.machine,
        row.started_at,
        who.pseudonym if who else None,
        row.deadline_at,
        row.cancel_at,
        row.ended_at,
        row.message,
    )
