"""Passwords of local names: signing up, signing in, lock-out after wrong ones, and ending sessions."""

import hashlib
import math
import threading
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, delete, select

from db.annotators import Person, by_name, join, person_of
from db.errors import Conflict, LockedOut, NotAllowed, TextError, WrongPassword
from db.roles import OPERATOR, Actor, Role
from db.store import Store, Work
from db.tables import Annotator, Credential, FailedSignIn
from db.text import MAX_NAME, required_text

MIN_PASSWORD = 10
"""Characters of a password."""
MAX_PASSWORD = 200
"""Characters of a password: a longer one would only cost time."""
MIN_DIFFERENT = 5
"""Different characters in a password."""

TRIES = 5
"""Wrong passwords in a row before a name is locked."""
FIRST_LOCK = timedelta(seconds=30)
"""Each further wrong one doubles it."""
LONGEST_LOCK = timedelta(minutes=15)
MEMORY = timedelta(hours=1)
"""Wrong passwords are forgotten when none came for so long."""

_HASHER = PasswordHasher()
"""Argon2id with the library's defaults, RFC 9106's profile for little memory: 64 MiB and some 50 ms each."""
_AT_ONCE = threading.BoundedSemaphore(2)
"""Hashes worked out at the same time: visitors must not be able to fill the memory."""


@dataclass(frozen=True)
class SignedIn:
    """Somebody who proved who they are."""

    person: Person
    generation: int
    """Of their sessions; a session of another generation is over."""


def sign_up(
    store: Store, name: str, password: str, language: str = "en", first_is_admin: bool = False
) -> SignedIn:
    """A new annotator with a name and a password of their own; the first of an empty store may become its admin.

    Raises `TextError` for a name or password that cannot be, and `Conflict` for a name that is taken.
    """
    name = required_text(name, MAX_NAME, "The name")
    hashed = _hash(_new_password(password, name))
    with store.unit_of_work(OPERATOR, "sign_up") as work:
        if work.scalars(select(Credential).where(Credential.name_key == name_key(name))).first():
            raise Conflict(f"This name is taken. Somebody is called '{name}' already. Choose another name.")
        is_first = work.scalars(select(Annotator.id).limit(1)).first() is None
        role = Role.ADMIN if first_is_admin and is_first else Role.ANNOTATOR
        joined = join(work, name, None, language, role)
        return SignedIn(person_of(joined), _write(work, joined, hashed))


def sign_in(store: Store, name: str, password: str) -> SignedIn:
    """The person of this name, when the password is theirs.

    An unknown name and a wrong password look the same, take the same time and are locked the same way. Raises
    `WrongPassword`, `LockedOut` after `TRIES` wrong ones, and `NotAllowed` for a blocked person.
    """
    key = name_key(required_text(name, MAX_NAME, "The name"))
    _count_try(store, key)
    with store.reading(OPERATOR, "sign_in") as work:
        found = work.scalars(select(Credential).where(Credential.name_key == key)).first()
    if not _fits(found.password_hash if found else _nobodys_hash(), password) or found is None:
        raise WrongPassword(
            "You are not signed in. The name or the password is wrong. Check both and try again; "
            f"after {TRIES} wrong tries the name is locked for a while."
        )
    with store.unit_of_work(OPERATOR, "sign_in") as work:
        _forget_tries(work, key)
        annotator = work.get_one(Annotator, found.annotator_id)
        if annotator.blocked_at is not None:
            raise NotAllowed(
                f"This person is blocked. It is so since {annotator.blocked_at:%Y-%m-%d}. Ask an admin."
            )
        return SignedIn(person_of(annotator), found.generation)


def change_password(store: Store, actor: Actor, current: str, new: str) -> SignedIn:
    """Another password for oneself; all sessions end but one of the generation that is returned."""
    with store.reading(actor, "change_password") as work:
        credential = _credential(work)
        key, name = credential.name_key, work.get_one(Annotator, credential.annotator_id).name
    _count_try(store, key)
    if not _fits(credential.password_hash, current):
        raise WrongPassword("The password was not changed. The present one is wrong. Check it and try again.")
    hashed = _hash(_new_password(new, name))
    with store.unit_of_work(actor, "change_password") as work:
        annotator = work.get_one(Annotator, work.annotator_id)
        return SignedIn(person_of(annotator), _write(work, annotator, hashed))


def set_password(store: Store, actor: Actor, name: str, password: str) -> Person:
    """Another password for somebody of a local name, also their first; their sessions end. Admins only."""
    hashed = _hash(_new_password(password, name))
    with store.unit_of_work(actor, "set_password") as work:
        annotator = by_name(work, name)
        if annotator.identity:
            raise Conflict(f"This person has no password. '{name}' signs in elsewhere. Choose a local name.")
        _write(work, annotator, hashed)
        return person_of(annotator)


def end_sessions(store: Store, actor: Actor) -> None:
    """Sign out, everywhere."""
    with store.unit_of_work(actor, "end_sessions") as work:
        _credential(work).generation += 1


_IN_SESSION = (
    select(Annotator)
    .join(Credential, Credential.annotator_id == Annotator.id)
    .where(
        Annotator.id == bindparam("annotator"),
        Credential.generation == bindparam("generation"),
        Annotator.blocked_at.is_(None),
    )
)


def who_is_signed_in(store: Store, annotator_id: int, generation: int) -> Person | None:
    """The person of a session; None when it is over or they are blocked."""
    with store.reading(OPERATOR, "sign_in") as work:
        found = work.scalars(_IN_SESSION, {"annotator": annotator_id, "generation": generation}).first()
        return person_of(found) if found else None


def is_empty(store: Store) -> bool:
    """Whether nobody joined yet."""
    with store.reading(OPERATOR, "sign_in") as work:
        return work.scalars(select(Annotator.id).limit(1)).first() is None


def name_key(name: str) -> str:
    """The name without the difference of capital letters and of ways to type the same letter."""
    return unicodedata.normalize("NFKC", name).casefold()


def _new_password(password: str, name: str) -> str:
    """The password when it may be one; raises `TextError`."""
    problem = None
    if len(password) < MIN_PASSWORD:
        problem = f"It has {len(password)} characters; {MIN_PASSWORD} are needed."
    elif len(password) > MAX_PASSWORD:
        problem = f"It has {len(password)} characters; {MAX_PASSWORD} are allowed."
    elif len(set(password)) < MIN_DIFFERENT:
        problem = f"It has only {len(set(password))} different characters."
    elif len(name) > 2 and name_key(name) in name_key(password):
        problem = "It contains the name."
    if problem:
        raise TextError(
            f"This password is easy to guess or too long. {problem} Take a few words, for example."
        )
    return password


def _hash(password: str) -> str:
    with _AT_ONCE:
        return _HASHER.hash(_bytes(password))


def _fits(hashed: str, password: str) -> bool:
    if len(password) > MAX_PASSWORD:
        return False
    with _AT_ONCE:
        try:
            return _HASHER.verify(hashed, _bytes(password))
        except (VerificationError, InvalidHashError):
            return False


def _bytes(password: str) -> bytes:
    """The same for a letter typed as one character or as two; half characters pass, they harm nobody here."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


@cache
def _nobodys_hash() -> str:
    """Looked at when there is no such name, so that it takes as long as when there is one."""
    return _hash("the password of nobody")


def _count_try(store: Store, key: str) -> None:
    """Before the password is looked at, so that tries at the same moment count too; raises `LockedOut`."""
    with store.unit_of_work(OPERATOR, "sign_in") as work:
        work.execute(delete(FailedSignIn).where(FailedSignIn.last_at < work.now - MEMORY))
        row = work.get(FailedSignIn, _digest(key), with_for_update=None if store.is_sqlite else True)
        if row is None:
            row = FailedSignIn(name_sha256=_digest(key), failures=0, last_at=work.now, locked_until=None)
            work.add(row)
        elif row.locked_until is not None and row.locked_until > work.now:
            seconds = math.ceil((row.locked_until - work.now).total_seconds())
            raise LockedOut(
                f"This name is locked. There were {row.failures} wrong passwords in a row. "
                f"Try again in {seconds} seconds.",
                seconds,
            )
        row.failures += 1
        row.last_at = work.now
        if row.failures >= TRIES:
            doublings = min(
                row.failures - TRIES, 10
            )  # a number of days that no calendar holds would be an error
            row.locked_until = work.now + min(FIRST_LOCK * 2**doublings, LONGEST_LOCK)


def _forget_tries(work: Work, key: str) -> None:
    work.execute(delete(FailedSignIn).where(FailedSignIn.name_sha256 == _digest(key)))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _credential(work: Work) -> Credential:
    found = work.get(Credential, work.annotator_id)
    if found is None:
        raise NotAllowed(
            "There is no password here. You sign in elsewhere. Use the page where you signed in."
        )
    return found


def _write(work: Work, annotator: Annotator, hashed: str) -> int:
    """The new password of somebody; returns the generation of the sessions that are good from now on."""
    key = name_key(annotator.name)
    row = work.get(Credential, annotator.id)
    if row is None:
        row = Credential(annotator_id=annotator.id, name_key=key, generation=0)
        work.add(row)
    row.password_hash, row.changed_at = hashed, work.now
    row.generation += 1
    work.flush()
    _forget_tries(work, key)
    return row.generation
