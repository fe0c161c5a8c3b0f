"""What every fault starts from and is judged by: a crowd with a face each in hand, and a count of what is missing."""

import json
import random
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.annotators import sign_in
from db.check import check
from db.errors import AlreadySubmitted
from db.event_log import last_event
from db.events import state_now
from db.model_files import CONFIG, MODELS, WEIGHTS
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.registry import add_version, alias_version, promote
from db.registry_tables import Alias
from db.responses import submit
from db.roles import OPERATOR, Actor
from db.store import Store
from db.values import Consent
from tests.db.laboratory import SaidOfFace, marks, photo

CROWD = 200
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANSWER = marks(AU1="absent", AU12="present")


@dataclass(frozen=True)
class Outcome:
    """One line of the table."""

    fault: str
    injected: int
    """How often."""
    acknowledged: int
    """What people, or a caller, were told is stored."""
    lost: int
    doubled: int
    note: str = ""

    @property
    def is_good(self) -> bool:
        return self.injected > 0 and self.acknowledged > 0 and self.lost == self.doubled == 0


@dataclass(frozen=True)
class Crowd:
    """Everybody who has a face in hand: whose lease it is."""

    folder: Path
    leases: dict[int, int]
    """Lease -> annotator."""

    def copy(self, folder: Path) -> "Crowd":
        """The same somewhere else."""
        shutil.copytree(self.folder, folder)
        return Crowd(folder, self.leases)


def crowd(folder: Path, people: int = CROWD, photos: int = 8) -> Crowd:
    """A store in which so many people have a face in hand; everybody may answer every face."""
    with closing(opened(folder, create=True)) as store:
        settings = ProjectSettings("faces", answers_wanted=min(100, people), gold_share=0.0)
        project = add_project(store, OPERATOR, settings)
        for seed in range(photos):
            add_photo(store, project, seed)
        actors = [sign_in(store, f"annotator {number}").actor for number in range(people)]
        leases = {next_item(store, actor, project).lease_id: actor.annotator_id for actor in actors}
        store.truncate_log()
    return Crowd(folder, leases)


def add_photo(store: Store, project: int, seed: int) -> None:
    keep_photo(store, OPERATOR, project, photo(seed), [SaidOfFace()], Consent.PUBLISH, f"p{seed}")


def promote_version(store: Store, folder: Path, name: str) -> None:
    """Made in `folder`; as small as a version can be."""
    made = folder / name
    made.mkdir(parents=True)
    (made / CONFIG).write_text(json.dumps({"model_version": name}))
    (made / WEIGHTS).write_bytes(name.encode())
    add_version(store, OPERATOR, made)
    promote(store, OPERATOR, name, "tried by hand", force=True)


def opened(folder: Path, hours: float = 0.0, create: bool = False) -> Store:
    """A store whose clock stands at noon, or so many hours later."""
    now = NOON + timedelta(hours=hours)
    if create:
        Store.open(folder=folder).close()
    return Store(folder=folder, clock=lambda: now, rng=random.Random(0))


def answer(store: Store, lease: int, annotator: int) -> int:
    """Submit, or learn that it is stored already; returns the response."""
    try:
        return submit(store, Actor(annotator), lease, ANSWER)
    except AlreadySubmitted as stored:
        return stored.response_id


def submitted(folder: Path) -> dict[int, int]:
    """Response that was submitted -> its annotator."""
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        return dict(
            connection.execute("SELECT id, annotator_id FROM response WHERE status = 'submitted'").fetchall()
        )


def judge(fault: str, injected: int, folder: Path, told: Iterable[int], note: str = "") -> Outcome:
    """Compare what was acknowledged with a store; everything else has to be in order there too."""
    told = list(told)
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        rows = connection.execute(
            "SELECT id, item_id, annotator_id FROM response WHERE status = 'submitted'"
        ).fetchall()
    there = submitted(folder)
    doubled = len(rows) - len({row[1:] for row in rows})
    with closing(opened(folder)) as store:
        problems = check(store, deep=True)
    if problems:
        raise AssertionError(f"{fault}: {problems[0].kind}: {problems[0].message}")
    return Outcome(fault, injected, len(told), len(set(told) - there.keys()), doubled, note)


def differs(folder: Path, other: Path, up_to: int | None = None) -> str | None:
    """Where two stores differ, None when nowhere; `up_to` an event of the first, all that is in the second."""
    with closing(opened(folder)) as first, closing(opened(other)) as second:
        if up_to is not None:
            return None if last_event(second) >= up_to else f"{last_event(second)} of {up_to} events"
        one, two = state_now(first, OPERATOR), state_now(second, OPERATOR)
        serves = alias_version(first, OPERATOR, Alias.PRODUCTION)
        if serves is not None and not (other / MODELS / serves.sha256 / WEIGHTS).exists():
            return f"the files of {serves.name}"
        return next((name for name in one.keys() | two.keys() if one.get(name) != two.get(name)), None)
