"""What lies on the Hub without those who left: every publication from before somebody went is published again."""

from dataclasses import dataclass

from sqlalchemy import func, select

from db.errors import StoreError
from db.kept_store import settings_from_environment
from db.publish import publish
from db.remote import open_remote
from db.roles import Actor
from db.saving import save
from db.store import Store, Work
from db.tables import Publication, Subject, Tombstone


@dataclass(frozen=True)
class Renewed:
    """One repository."""

    repository: str
    revision: str | None
    """The new commit; None when it could not be renewed."""
    error: str | None
    history_kept: bool
    """Whether the person can still be read in an earlier state there."""


@dataclass(frozen=True)
class Reached:
    """What was brought up to date outside the database, in sentences, and what was not."""

    done: list[str]
    failed: list[str]


def reach(store: Store, actor: Actor) -> Reached:
    """Publications without those who left, and the backups, when the environment says where they are; admins only."""
    told = Reached([], [])
    for one in renew(store, actor):
        if one.revision is None:
            told.failed.append(f"{one.repository} was not renewed. {one.error} Then: python -m db renew")
        else:
            kept = " Its history was kept and still has them." if one.history_kept else ""
            told.done.append(f"{one.repository} was published anew at {one.revision}.{kept}")
    try:
        settings = settings_from_environment()
        if settings is not None:
            save(store, open_remote(settings.place))
            told.done.append(f"The backups in {settings.place} are up to date.")
    except StoreError as error:
        told.failed.append(f"The backups are not up to date. {error} The app's next round tries again.")
    return told


def renew(store: Store, actor: Actor) -> list[Renewed]:
    """Publish again what may have somebody in it who withdrew or was forgotten since; admins only.

    Each with the settings it was published with; one that cannot be renewed does not stop the others, and is found
    again by the next call.
    """
    with store.reading(actor, "export") as work:
        stale = _stale(work)
    return [_renew(store, actor, one) for one in stale]


def _stale(work: Work) -> list[Publication]:
    """The newest publication of each repository, of those that were read before the last person left."""
    left = [
        work.scalar(select(func.max(Tombstone.begun_at))),
        work.scalar(select(func.max(Subject.withdrawn_at))),
    ]
    last = max((moment for moment in left if moment is not None), default=None)
    if last is None:
        return []
    newest = select(func.max(Publication.id)).group_by(Publication.repository)
    rows = work.scalars(select(Publication).where(Publication.id.in_(newest)).order_by(Publication.id))
    return [row for row in rows if row.read_at <= last]


def _renew(store: Store, actor: Actor, old: Publication) -> Renewed:
    try:
        done = publish(
            store,
            actor,
            old.project_id,
            old.repository,
            old.licence,
            old.contact,
            labels_only=old.labels_only,
            keep_history=old.history_kept,
            renews=True,
        )
    except StoreError as error:
        return Renewed(old.repository, None, str(error), old.history_kept)
    return Renewed(old.repository, done.revision, None, old.history_kept)
