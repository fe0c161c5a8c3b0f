"""People who prove elsewhere who they are, and what a session of theirs needs here."""

from collections.abc import Collection

from sqlalchemy import select

from db.annotators import join, person_of
from db.errors import NotAllowed
from db.passwords import SignedIn, name_key
from db.roles import OPERATOR, Role
from db.store import Store, Work
from db.tables import Annotator, Credential
from db.text import MAX_NAME, required_text

NO_PASSWORD = "signs in elsewhere"
"""In the place of a hash: no password fits it."""


def sign_in_elsewhere(
    store: Store, name: str, identity: str, language: str = "en", admins: Collection[str] = ()
) -> SignedIn:
    """The person of that identity, for whom its issuer vouched a moment ago; a new one joins as an annotator.

    `identity` as `huggingface:6475...` never changes, the name may: it is taken over when nobody here has it, else it
    gets the issuer behind it. Whose name, as the issuer says it, is among `admins` becomes one. Raises `NotAllowed`
    for a blocked person.
    """
    called = required_text(name, MAX_NAME, "The name")
    with store.unit_of_work(OPERATOR, "sign_in") as work:
        found = work.scalars(select(Annotator).where(Annotator.identity == identity)).first()
        if found is None:
            found = join(work, _free_name(work, called, identity), identity, language)
        if found.blocked_at is not None:
            raise NotAllowed(
                f"This person is blocked. It is so since {found.blocked_at:%Y-%m-%d}. Ask an admin."
            )
        if called.casefold() in {admin.casefold() for admin in admins}:
            found.role = Role.ADMIN
        return SignedIn(person_of(found), _generation(work, found))


def _free_name(work: Work, name: str, identity: str) -> str:
    issuer, _, number = identity.partition(":")
    for free in (name, f"{name[:50]}@{issuer}", f"{name[:30]}@{issuer}-{number[-12:]}"):
        taken = work.scalars(select(Annotator.id).where(Annotator.name == free)).first()
        if (
            taken is None
            and not work.scalars(select(Credential).where(Credential.name_key == name_key(free))).first()
        ):
            return free
    raise NotAllowed(f"This name is taken. Somebody is called '{name}' already. Ask an admin.")


def _generation(work: Work, annotator: Annotator) -> int:
    """Of the sessions that are good now; signing in again ends none."""
    row = work.get(Credential, annotator.id)
    if row is None:
        row = Credential(
            annotator_id=annotator.id,
            name_key=name_key(annotator.name),
            password_hash=NO_PASSWORD,
            generation=1,
            changed_at=work.now,
        )
        work.add(row)
    return row.generation
