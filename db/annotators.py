"""The people who answer: signing in, roles, blocking."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from db.errors import Conflict, NotAllowed, NotFound
from db.roles import OPERATOR, Actor, Role
from db.store import Store, Work
from db.tables import Annotator
from db.text import MAX_NAME, required_text
from vlfau.errors import LabelError


@dataclass(frozen=True)
class Person:
    """An annotator as the store knows them."""

    id: int
    name: str
    pseudonym: str
    role: Role
    language: str
    joined_at: datetime
    blocked: bool

    @property
    def actor(self) -> Actor:
        return Actor(self.id)


def sign_in(store: Store, name: str, identity: str | None = None, language: str = "en") -> Person:
    """The person of that identity, or of that local name; a new one joins as an annotator.

    Proving who somebody is happens before: the caller passes an identity only when its issuer vouches for it.
    Raises `NotAllowed` for a blocked person and `Conflict` when the name belongs to another identity.
    """
    name = required_text(name, MAX_NAME, "The name")
    with store.unit_of_work(OPERATOR, "sign_in") as work:
        known = Annotator.identity == identity if identity else Annotator.name == name
        found = work.scalars(select(Annotator).where(known)).first()
        if found is None:
            found = _join(work, name, identity, required_text(language, 35, "The language"))
        elif not identity and found.identity:
            raise Conflict(f"This name is taken. '{name}' signs in elsewhere. Choose another name.")
        if found.blocked_at is not None:
            raise NotAllowed(
                f"This person is blocked. It is so since {found.blocked_at:%Y-%m-%d}. Ask an admin."
            )
        return _person(found)


def set_role(store: Store, actor: Actor, name: str, role: Role) -> Person:
    """Give somebody a role. Admins only, and not their own: the last admin cannot lock everybody out."""
    with store.unit_of_work(actor, "set_role") as work:
        found = _by_name(work, name)
        if found.id == actor.annotator_id:
            raise NotAllowed("Nobody changes their own role. You asked for it. Ask another admin.")
        try:
            found.role = Role(role)
        except ValueError as error:
            raise LabelError(f"This is not a role. Found {role!r}. Use one of {', '.join(Role)}.") from error
        return _person(found)


def block(store: Store, actor: Actor, name: str, blocked: bool = True) -> Person:
    """Keep somebody out, or let them in again; what they answered stays."""
    with store.unit_of_work(actor, "block") as work:
        found = _by_name(work, name)
        if found.id == actor.annotator_id:
            raise NotAllowed("Nobody blocks themselves. You asked for it. Ask another admin.")
        found.blocked_at = work.now if blocked else None
        return _person(found)


def list_annotators(store: Store, actor: Actor) -> list[Person]:
    """Everybody who ever joined, oldest first."""
    with store.reading(actor, "list_annotators") as work:
        return [_person(row) for row in work.scalars(select(Annotator).order_by(Annotator.id))]


def who_is(store: Store, actor: Actor) -> Person:
    """The person behind an actor, with the role they have now."""
    with store.reading(actor, "progress") as work:
        return _person(work.get_one(Annotator, work.annotator_id))


def _join(work: Work, name: str, identity: str | None, language: str) -> Annotator:
    if work.scalars(select(Annotator).where(Annotator.name == name)).first():
        raise Conflict(
            f"This name is taken. '{name}' belongs to somebody who signs in elsewhere. Choose another."
        )
    joined = Annotator(
        name=name,
        identity=identity,
        pseudonym=f"annotator-{secrets.token_hex(4)}",
        role=Role.ANNOTATOR,
        language=language,
        joined_at=work.now,
        blocked_at=None,
    )
    work.add(joined)
    work.flush()
    return joined


def _by_name(work: Work, name: str) -> Annotator:
    found = work.scalars(select(Annotator).where(Annotator.name == name)).first()
    if found is None:
        raise NotFound(f"There is no such annotator. Nobody is called '{name}'. Let them sign in first.")
    return found


def _person(row: Annotator) -> Person:
    return Person(
        row.id,
        row.name,
        row.pseudonym,
        Role(row.role),
        row.language,
        row.joined_at,
        row.blocked_at is not None,
    )
