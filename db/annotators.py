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

MAX_LANGUAGE = 35
"""Characters of a language tag (BCP 47)."""


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
    local: bool = True
    """Signs in here with a password, and not elsewhere."""

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
            found = join(work, name, identity, language)
        elif not identity and found.identity:
            raise Conflict(f"This name is taken. '{name}' signs in elsewhere. Choose another name.")
        if found.blocked_at is not None:
            raise NotAllowed(
                f"This person is blocked. It is so since {found.blocked_at:%Y-%m-%d}. Ask an admin."
            )
        return person_of(found)


def set_role(store: Store, actor: Actor, name: str, role: Role) -> Person:
    """Give somebody a role. Admins only, and not their own: the last admin cannot lock everybody out."""
    with store.unit_of_work(actor, "set_role") as work:
        found = by_name(work, name)
        if found.id == actor.annotator_id:
            raise NotAllowed("Nobody changes their own role. You asked for it. Ask another admin.")
        try:
            found.role = Role(role)
        except ValueError as error:
            raise LabelError(f"This is not a role. Found {role!r}. Use one of {', '.join(Role)}.") from error
        return person_of(found)


def block(store: Store, actor: Actor, name: str, blocked: bool = True) -> Person:
    """Keep somebody out, or let them in again; what they answered stays."""
    with store.unit_of_work(actor, "block") as work:
        found = by_name(work, name)
        if found.id == actor.annotator_id:
            raise NotAllowed("Nobody blocks themselves. You asked for it. Ask another admin.")
        found.blocked_at = work.now if blocked else None
        return person_of(found)


def list_annotators(store: Store, actor: Actor) -> list[Person]:
    """Everybody who ever joined, oldest first."""
    with store.reading(actor, "list_annotators") as work:
        return [person_of(row) for row in work.scalars(select(Annotator).order_by(Annotator.id))]


def who_is(store: Store, actor: Actor) -> Person:
    """The person behind an actor, with the role they have now."""
    with store.reading(actor, "progress") as work:
        return person_of(work.get_one(Annotator, work.annotator_id))


def join(
    work: Work, name: str, identity: str | None, language: str, role: Role = Role.ANNOTATOR
) -> Annotator:
    """A new annotator, inside a verb that has cleaned the name; raises `Conflict` when it is taken."""
    if work.scalars(select(Annotator).where(Annotator.name == name)).first():
        raise Conflict(f"This name is taken. Somebody is called '{name}' already. Choose another name.")
    joined = Annotator(
        name=name,
        identity=identity,
        pseudonym=f"annotator-{secrets.token_hex(4)}",
        role=role,
        language=required_text(language, MAX_LANGUAGE, "The language"),
        joined_at=work.now,
        blocked_at=None,
    )
    work.add(joined)
    work.flush()
    return joined


def by_name(work: Work, name: str) -> Annotator:
    """The row; raises `NotFound`."""
    found = work.scalars(select(Annotator).where(Annotator.name == name)).first()
    if found is None:
        raise NotFound(f"There is no such annotator. Nobody is called '{name}'. Let them sign in first.")
    return found


def person_of(row: Annotator) -> Person:
    """A row as the value that the rest of the project knows."""
    return Person(
        row.id,
        row.name,
        row.pseudonym,
        Role(row.role),
        row.language,
        row.joined_at,
        row.blocked_at is not None,
        row.identity is None,
    )
