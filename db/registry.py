"""The registry: model versions that never change, and the names "production" and "candidate" that move over them.

A version's files lie in the store's folder, in `models/`, under the sha256 of what they hold. Which version is served
says the last move of the alias "production"; without one it is the checkpoint that comes with the program.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from db.errors import Conflict, NotFound, StoreError
from db.model_files import CONFIG, TRAINING, WEIGHTS, DamagedVersion, checked_files, place_files
from db.registry_tables import Alias, AliasMove, Comparison, ModelVersion
from db.roles import Actor
from db.store import Store, Work
from db.tables import Annotator
from db.text import MAX_NOTE, required_text

MAX_VERSION = 200
"""Characters of a version's name."""


class PromotionRefused(Conflict):
    """The version may not be served: it was not compared with the one that is, or did not do well enough."""


@dataclass(frozen=True)
class Version:
    """A model that is registered."""

    id: int
    name: str
    """As predictions name it."""
    sha256: str
    """Of its files."""
    size_bytes: int
    """Of its weights."""
    base: str | None
    repository: str | None
    revision: str | None
    learnt_from: frozenset[str]
    """Codes of people it was trained or calibrated on."""
    run_id: int | None
    added_at: datetime


@dataclass(frozen=True)
class Move:
    """An alias came to a version."""

    alias: Alias
    version: str
    reason: str
    by: str | None
    """Pseudonym; None is the operator or the schedule."""
    at: datetime
    forced: bool
    rolled_back: bool


@dataclass(frozen=True)
class Compared:
    """A stored comparison of a version with the one that was in production."""

    id: int
    candidate: str
    champion: str
    passed: bool
    report: dict[str, Any]
    at: datetime


# ---- versions


def add_version(
    store: Store,
    actor: Actor,
    folder: str | Path,
    *,
    run_id: int | None = None,
    learnt_from: Sequence[str] = (),
    hub: tuple[str, str] | None = None,
) -> Version:
    """Register a checkpoint folder; its files are copied. The very same one again is the version that is there.

    `hub` says where on the Hugging Face Hub they also are: repository and commit. Raises `StoreError` for a folder
    that is no checkpoint and `Conflict` when another version has its name.
    """
    folder = Path(folder)
    name, base = _named(folder)
    sha256 = place_files(store.folder, folder)
    with store.unit_of_work(actor, "add_version") as work:
        known = work.scalars(select(ModelVersion).where(ModelVersion.sha256 == sha256)).first()
        if known is not None:
            return _version(known)
        if work.scalar(select(ModelVersion.id).where(ModelVersion.name == name)):
            raise Conflict(
                f"There is another version of this name. It is '{name}', and its files differ. A version never "
                "changes: give the new one a name of its own (model_version in its config.json)."
            )
        row = ModelVersion(
            name=name,
            sha256=sha256,
            size_bytes=(folder / WEIGHTS).stat().st_size,
            base=base,
            repository=hub and hub[0],
            revision=hub and hub[1],
            learnt_from=sorted(set(learnt_from)),
            run_id=run_id,
            added_at=work.now,
            added_by=actor.annotator_id,
        )
        work.add(row)
        work.flush()
        return _version(row)


def _named(folder: Path) -> tuple[str, str | None]:
    """Name and base of a checkpoint folder, as its files say."""
    try:
        name = json.loads((folder / CONFIG).read_text("utf-8"))["model_version"]
        weights = (folder / WEIGHTS).stat().st_size
        training = folder / TRAINING
        base = json.loads(training.read_text("utf-8"))["base"]["version"] if training.is_file() else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"This is not a version that can be registered. {folder} gave: {error!r}. Give the folder of a checkpoint, "
            f"with {CONFIG} and {WEIGHTS}."
        ) from error
    if not weights or not isinstance(name, str):
        raise StoreError(
            f"This is not a version that can be registered. {folder} has {weights} bytes of weights and the name "
            f"{name!r}. Give the folder of a checkpoint that was saved whole."
        )
    return required_text(name, MAX_VERSION, "The name of the version"), base


def checked_folder(store: Store, version: Version) -> Path:
    """Where its files lie, every byte as it was. Raises `DamagedVersion`."""
    try:
        return checked_files(store.folder, version.sha256)
    except DamagedVersion as error:
        hub = (
            f" It is also on the Hub: {version.repository} at {version.revision}."
            if version.repository
            else ""
        )
        raise DamagedVersion(f"The version {version.name} cannot be used. {error}{hub}") from error


def versions(store: Store, actor: Actor) -> list[Version]:
    """All of them, newest first."""
    with store.reading(actor, "models") as work:
        return [_version(row) for row in work.scalars(select(ModelVersion).order_by(ModelVersion.id.desc()))]


def version_named(store: Store, actor: Actor, name: str) -> Version:
    """The version of that name; raises `NotFound`."""
    with store.reading(actor, "models") as work:
        row = work.scalars(select(ModelVersion).where(ModelVersion.name == name)).first()
        if row is None:
            known = ", ".join(work.scalars(select(ModelVersion.name).order_by(ModelVersion.id))) or "none"
            raise NotFound(
                f"There is no such version. Asked for was '{name}', there are: {known}. Name one of these."
            )
        return _version(row)


def alias_version(store: Store, actor: Actor, alias: Alias) -> Version | None:
    """The version that an alias stands at; None before its first move."""
    with store.reading(actor, "models") as work:
        last = _last_move(work, alias)
        return None if last is None else _version(work.get_one(ModelVersion, last.version_id))


def moves(store: Store, actor: Actor, alias: Alias) -> list[Move]:
    """Every move of an alias, newest first."""
    query = (
        select(AliasMove, ModelVersion.name, Annotator.pseudonym)
        .join(ModelVersion, ModelVersion.id == AliasMove.version_id)
        .outerjoin(Annotator, Annotator.id == AliasMove.actor_id)
        .where(AliasMove.alias == alias)
        .order_by(AliasMove.id.desc())
    )
    with store.reading(actor, "models") as work:
        return [
            Move(Alias(row.alias), name, row.reason, by, row.at, row.forced, row.rolled_back)
            for row, name, by in work.execute(query)
        ]


def _version(row: ModelVersion) -> Version:
    return Version(
        row.id,
        row.name,
        row.sha256,
        row.size_bytes,
        row.base,
        row.repository,
        row.revision,
        frozenset(row.learnt_from),
        row.run_id,
        row.added_at,
    )


# ---- comparisons


def add_comparison(
    store: Store, actor: Actor, candidate: Version, champion: Version, passed: bool, report: dict[str, Any]
) -> int:
    """Keep how a version did beside the one in production, as `finetune.gate` found it."""
    with store.unit_of_work(actor, "compare") as work:
        row = Comparison(
            candidate_id=candidate.id, champion_id=champion.id, passed=passed, report=report, at=work.now
        )
        work.add(row)
        work.flush()
        return row.id


def comparisons(store: Store, actor: Actor) -> list[Compared]:
    """The newest of each pair of versions, newest first."""
    pairs = select(func.max(Comparison.id)).group_by(Comparison.candidate_id, Comparison.champion_id)
    with store.reading(actor, "models") as work:
        names = {row[0]: row[1] for row in work.execute(select(ModelVersion.id, ModelVersion.name))}
        rows = work.scalars(select(Comparison).where(Comparison.id.in_(pairs)).order_by(Comparison.id.desc()))
        return [
            Compared(row.id, names[row.candidate_id], names[row.champion_id], row.passed, row.report, row.at)
            for row in rows
        ]


# ---- moves


def begin(store: Store, actor: Actor, folder: Path) -> Version:
    """The version in production; before the first move it becomes the checkpoint that comes with the program."""
    served = alias_version(store, actor, Alias.PRODUCTION)
    if served is not None:
        return served
    first = add_version(store, actor, folder)
    with store.unit_of_work(actor, "begin_production") as work:
        if _last_move(work, Alias.PRODUCTION) is None:
            _move(work, Alias.PRODUCTION, first.id, "It comes with the program.")
    return first


def propose(store: Store, actor: Actor, version: Version, reason: str) -> None:
    """The version is the one that asks to be served."""
    with store.unit_of_work(actor, "propose") as work:
        _move(work, Alias.CANDIDATE, version.id, reason)


def promote(store: Store, actor: Actor, name: str, reason: str = "", force: bool = False) -> Version:
    """Serve a version from now on; admins only.

    Its files are checked first. Raises `PromotionRefused` with the rules that failed, unless `force`; then a reason
    has to be given, and the move says that it was forced.
    """
    if force and not reason.strip():
        raise StoreError(
            "A forced promotion needs a reason. None was given. Say why; it stays in the list of moves."
        )
    _refuse_who_may_not(store, actor, "promote")
    version = version_named(store, actor, name)
    checked_folder(store, version)
    with store.unit_of_work(actor, "force_promotion" if force else "promote") as work:
        served = _last_move(work, Alias.PRODUCTION)
        if served is not None and served.version_id == version.id:
            raise Conflict(f"This version is in production already. It is '{name}'. Nothing has to be done.")
        compared = _compared(work, version.id, served.version_id) if served else None
        refusal = _refusal(version, compared)
        if refusal and not force:
            raise PromotionRefused(refusal)
        said = reason.strip() or "It passed every rule of the gate."
        _move(
            work,
            Alias.PRODUCTION,
            version.id,
            said,
            forced=bool(refusal),
            comparison_id=compared.id if compared else None,
        )
    return version


def roll_back(store: Store, actor: Actor, reason: str) -> Version:
    """Serve what was served before the version in production; admins only. Again goes one further back."""
    _refuse_who_may_not(store, actor, "roll_back")
    target = _before(store, actor)
    checked_folder(store, target)
    with store.unit_of_work(actor, "roll_back") as work:
        if _stack(work)[-2:-1] != [target.id]:
            raise Conflict("Production has moved meanwhile. Somebody else was faster. Look again.")
        _move(work, Alias.PRODUCTION, target.id, reason, rolled_back=True)
    return target


def previous_version(store: Store, actor: Actor) -> Version | None:
    """Where a roll-back would lead; None when there is nothing before."""
    with store.reading(actor, "models") as work:
        stack = _stack(work)
        return _version(work.get_one(ModelVersion, stack[-2])) if len(stack) > 1 else None


def _refuse_who_may_not(store: Store, actor: Actor, verb: str) -> None:
    """Before files are read for somebody who may not do it anyway."""
    with store.reading(actor, verb):
        pass


def _before(store: Store, actor: Actor) -> Version:
    found = previous_version(store, actor)
    if found is None:
        raise Conflict(
            "There is nothing to go back to. Production has been at one version only. Promote another one instead."
        )
    return found


def _stack(work: Work) -> list[int]:
    """Versions of production, each on top of the one it took the place of; a roll-back takes one away."""
    stack: list[int] = []
    query = select(AliasMove).where(AliasMove.alias == Alias.PRODUCTION).order_by(AliasMove.id)
    for row in work.scalars(query):
        if row.rolled_back:
            stack.pop()
        else:
            stack.append(row.version_id)
    return stack


def _refusal(version: Version, compared: Comparison | None) -> str | None:
    """Why the version may not be served; None when it may."""
    if compared is None:
        return (
            f"The version {version.name} may not be served. It was never compared with the one in production. "
            f"Run: python -m finetune.gate --candidate {version.name}"
        )
    if compared.passed:
        return None
    failed = [rule["sentence"] for rule in compared.report.get("rules", ()) if rule["passed"] is False]
    return (
        f"The version {version.name} may not be served. {' '.join(failed)} "
        "Collect more corrections and train again, or force it as an admin, with a reason."
    )


def _compared(work: Work, candidate: int, champion: int) -> Comparison | None:
    query = select(Comparison).where(Comparison.candidate_id == candidate, Comparison.champion_id == champion)
    return work.scalars(query.order_by(Comparison.id.desc()).limit(1)).first()


def _last_move(work: Work, alias: Alias) -> AliasMove | None:
    later = aliased(AliasMove)
    last = ~select(later.id).where(later.supersedes == AliasMove.id).exists()
    return work.scalars(select(AliasMove).where(AliasMove.alias == alias, last)).first()


def _move(
    work: Work,
    alias: Alias,
    version_id: int,
    reason: str,
    *,
    forced: bool = False,
    rolled_back: bool = False,
    comparison_id: int | None = None,
) -> None:
    last = _last_move(work, alias)
    work.add(
        AliasMove(
            alias=alias,
            version_id=version_id,
            supersedes=last.id if last else None,
            reason=required_text(reason, MAX_NOTE, "The reason"),
            forced=forced,
            rolled_back=rolled_back,
            comparison_id=comparison_id,
            at=work.now,
            actor_id=work.actor.annotator_id,
        )
    )
