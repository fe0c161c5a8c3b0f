"""Tests of signing up and in: lock-out, sessions, and that no password leaves its table."""

import pytest
from sqlalchemy import text

from db import passwords
from db.annotators import block, set_role, sign_in
from db.backup import backup, restore
from db.check import check
from db.errors import Conflict, LockedOut, NotAllowed, NotFound, TextError, WrongPassword
from db.events import state_at, state_now
from db.roles import OPERATOR, Role
from db.rows import TABLES
from db.store import Store
from db.tables import Credential, Event
from db.transfer import write_store

PASSWORD = "four horses and a battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Argon2 with the least it takes: these tests are about what is done with its word."""
    monkeypatch.setattr(passwords, "_HASHER", passwords.PasswordHasher(1, 8, 1))
    passwords._nobodys_hash.cache_clear()


@pytest.fixture
def ann(store):
    return passwords.sign_up(store, "Ann", PASSWORD, "de-AT")


def wrong(store, name="Ann", times=1):
    for _ in range(times):
        with pytest.raises(WrongPassword) as caught:
            passwords.sign_in(store, name, "no such password")
    return caught


class TestSigningUp:
    def test_a_new_person_is_an_annotator(self, ann):
        assert (ann.person.name, ann.person.role, ann.person.language) == ("Ann", Role.ANNOTATOR, "de-AT")

    def test_the_first_of_an_empty_store_may_become_admin(self, store):
        assert passwords.sign_up(store, "Ann", PASSWORD, first_is_admin=True).person.role == Role.ADMIN
        assert passwords.sign_up(store, "Bob", PASSWORD, first_is_admin=True).person.role == Role.ANNOTATOR

    def test_who_joined_without_a_password_was_first(self, store):
        sign_in(store, "Ann")
        assert not passwords.is_empty(store)
        assert passwords.sign_up(store, "Bob", PASSWORD, first_is_admin=True).person.role == Role.ANNOTATOR

    @pytest.mark.parametrize("name", ["Ann", "ANN", "ａnn"])
    def test_a_name_is_taken_in_all_its_spellings(self, store, ann, name):
        with pytest.raises(Conflict, match="taken"):
            passwords.sign_up(store, name, PASSWORD)

    def test_a_name_of_somebody_who_signs_in_elsewhere_is_taken(self, store):
        sign_in(store, "Ann", "huggingface:1")
        with pytest.raises(Conflict, match="taken"):
            passwords.sign_up(store, "Ann", PASSWORD)

    @pytest.mark.parametrize(
        ("password", "reason"),
        [
            ("short", "5 characters; 10 are needed"),
            ("a" * 20, "only 1 different"),
            ("ababababab", "only 2 different"),
            ("x1y2z3" * 40, "200 are allowed"),
            ("ann and a battery", "contains the name"),
        ],
    )
    def test_a_bad_password_stores_nothing(self, store, count, password, reason):
        with pytest.raises(TextError, match=reason):
            passwords.sign_up(store, "Ann", password)
        assert (count("annotator"), count("credential")) == (0, 0)

    @pytest.mark.parametrize("name", ["", "  ", "<b>Ann", "Ann\u202e", "a" * 81])
    def test_a_bad_name_stores_nothing(self, store, count, name):
        with pytest.raises(TextError):
            passwords.sign_up(store, name, PASSWORD)
        assert count("annotator") == 0


class TestSigningIn:
    def test_with_the_password_of_the_name(self, store, ann):
        assert passwords.sign_in(store, "ann", PASSWORD) == ann

    def test_an_unknown_name_looks_like_a_wrong_password(self, store, ann):
        assert str(wrong(store).value) == str(wrong(store, "Nobody").value)

    def test_letters_may_be_composed_or_not(self, store):
        passwords.sign_up(store, "Bob", "caf\u00e9s and a battery")
        assert passwords.sign_in(store, "Bob", "cafe\u0301s and a battery").person.name == "Bob"

    @pytest.mark.parametrize("password", ["", "x" * 100_000, "\ud800" * 12, "\0" * 12])
    def test_whatever_is_sent_is_only_wrong(self, store, ann, password):
        with pytest.raises(WrongPassword):
            passwords.sign_in(store, "Ann", password)

    def test_a_blocked_person_does_not_come_in(self, store, ann):
        block(store, OPERATOR, "Ann")
        with pytest.raises(NotAllowed, match="blocked"):
            passwords.sign_in(store, "Ann", PASSWORD)

    def test_who_signs_in_elsewhere_has_no_password(self, store):
        sign_in(store, "Ann", "huggingface:1")
        with pytest.raises(WrongPassword):
            passwords.sign_in(store, "Ann", "")


class TestLockOut:
    @pytest.mark.parametrize("name", ["Ann", "Nobody"])
    def test_after_some_wrong_ones_even_the_right_one_waits(self, store, ann, name):
        wrong(store, name, passwords.TRIES)
        with pytest.raises(LockedOut, match="Try again in 30 seconds") as caught:
            passwords.sign_in(store, name, PASSWORD)
        assert caught.value.seconds == 30

    def test_it_ends(self, store, ann, clock):
        wrong(store, times=passwords.TRIES)
        clock.tick(0.6)
        assert passwords.sign_in(store, "Ann", PASSWORD) == ann

    def test_it_doubles_up_to_a_limit(self, store, ann, clock):
        waits = []
        wrong(store, times=passwords.TRIES)
        for _ in range(8):
            waits.append(wrong(store).value.seconds)
            clock.tick(waits[-1] / 60)
            wrong(store)
        assert waits == [30, 60, 120, 240, 480, 900, 900, 900]

    def test_the_right_one_begins_anew(self, store, ann, count):
        wrong(store, times=passwords.TRIES - 1)
        passwords.sign_in(store, "Ann", PASSWORD)
        assert count("failed_sign_in") == 0
        wrong(store, times=passwords.TRIES - 1)
        assert passwords.sign_in(store, "Ann", PASSWORD) == ann

    def test_old_ones_are_forgotten(self, store, clock, count):
        wrong(store, "somebody")
        clock.tick(61)
        wrong(store, "somebody else")
        assert count("failed_sign_in") == 1

    def test_the_present_password_cannot_be_guessed_either(self, store, ann):
        for _ in range(passwords.TRIES):
            with pytest.raises(WrongPassword):
                passwords.change_password(store, ann.person.actor, "a guess", PASSWORD)
        with pytest.raises(LockedOut):
            passwords.change_password(store, ann.person.actor, PASSWORD, "another long one")


class TestSessions:
    def here(self, store, signed_in):
        return passwords.who_is_signed_in(store, signed_in.person.id, signed_in.generation)

    def test_a_session_is_its_person_with_the_role_of_now(self, store, ann):
        set_role(store, OPERATOR, "Ann", Role.REVIEWER)
        assert self.here(store, ann).role == Role.REVIEWER

    def test_signing_out_ends_it(self, store, ann):
        passwords.end_sessions(store, ann.person.actor)
        assert self.here(store, ann) is None
        assert self.here(store, passwords.sign_in(store, "Ann", PASSWORD)).name == "Ann"

    def test_another_password_ends_the_others(self, store, ann):
        changed = passwords.change_password(store, ann.person.actor, PASSWORD, "a new and long one")
        assert self.here(store, ann) is None
        assert self.here(store, changed).name == "Ann"
        with pytest.raises(WrongPassword):
            passwords.sign_in(store, "Ann", PASSWORD)

    def test_being_blocked_ends_it(self, store, ann):
        block(store, OPERATOR, "Ann")
        assert self.here(store, ann) is None

    def test_of_a_made_up_person_there_is_none(self, store, ann):
        assert passwords.who_is_signed_in(store, 77, 1) is None


class TestNewPasswordByAnAdmin:
    def test_it_ends_sessions_and_the_lock(self, store, ann):
        wrong(store, times=passwords.TRIES)
        passwords.set_password(store, OPERATOR, "Ann", "given by an admin")
        assert passwords.who_is_signed_in(store, ann.person.id, ann.generation) is None
        assert passwords.sign_in(store, "Ann", "given by an admin").person.name == "Ann"

    def test_it_may_be_the_first(self, store):
        sign_in(store, "Bob")
        passwords.set_password(store, OPERATOR, "Bob", "given by an admin")
        assert passwords.sign_in(store, "Bob", "given by an admin").person.name == "Bob"

    def test_not_for_who_signs_in_elsewhere_and_not_for_nobody(self, store):
        sign_in(store, "Bob", "huggingface:1")
        with pytest.raises(Conflict, match="elsewhere"):
            passwords.set_password(store, OPERATOR, "Bob", PASSWORD)
        with pytest.raises(NotFound):
            passwords.set_password(store, OPERATOR, "Nobody", PASSWORD)

    def test_annotators_may_not(self, store, ann):
        with pytest.raises(NotAllowed):
            passwords.set_password(store, ann.person.actor, "Ann", PASSWORD)


class TestSecrecy:
    """A hash is nowhere but in its table."""

    @pytest.fixture
    def hashed(self, store, ann):
        changed = passwords.change_password(store, ann.person.actor, PASSWORD, "a new and long one")
        passwords.end_sessions(store, changed.person.actor)
        wrong(store)
        with store.reading(OPERATOR, "stats") as work:
            return work.get_one(Credential, ann.person.id).password_hash

    def test_no_event_knows_it_and_the_past_can_be_rebuilt(self, store, hashed):
        with store.reading(OPERATOR, "export") as work:
            changes = work.query(Event.changes, Event.id).all()
        assert [change["table"] for (row, _) in changes for change in row] == ["annotator"]
        assert "argon2" not in str(changes)
        assert state_at(store, OPERATOR, changes[-1][1]) == state_now(store, OPERATOR)
        assert check(store, deep=True) == []

    def test_no_export_of_the_store_has_it(self, store, hashed, tmp_path):
        with store.reading(OPERATOR, "export") as work:
            write_store(work, tmp_path / "all.jsonl")
        written = (tmp_path / "all.jsonl").read_text()
        assert "Ann" in written
        assert "argon2" not in written
        assert "credential" not in TABLES

    def test_a_backup_of_sqlite_has_it_so_that_accounts_come_back(self, store, hashed, tmp_path):
        if not store.is_sqlite:
            pytest.skip("a backup of PostgreSQL holds rows as the export does: passwords are set anew")
        backup(store, tmp_path / "backup.tar")
        restore(tmp_path / "backup.tar", folder=tmp_path / "new")
        restored = Store(folder=tmp_path / "new", clock=store.clock)
        assert passwords.sign_in(restored, "Ann", "a new and long one").person.name == "Ann"
        restored.close()

    def test_the_database_takes_no_second_credential_of_a_name(self, store, ann):
        other = sign_in(store, "Bob")
        with pytest.raises(Conflict, match="name_key"), store.unit_of_work(OPERATOR, "sign_up") as work:
            work.execute(
                text(
                    "INSERT INTO credential (annotator_id, name_key, password_hash, generation, changed_at) "
                    "VALUES (:who, 'ann', 'x', 1, '2026-01-01')"
                ),
                {"who": other.id},
            )
