"""Tests of the promises of the store itself: events, guards, constraints, schema, permissions."""

import random
import threading
from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect, text

from db.annotators import block, list_annotators, set_role, sign_in, who_is
from db.errors import Conflict, NotAllowed, SchemaError, StoreError
from db.events import state_at, state_now
from db.migrate import configuration
from db.people import withdraw
from db.projects import ProjectSettings, add_project, change_project, list_projects
from db.responses import save_draft, skip, submit, undo
from db.review import adjudicate, send_back, set_aside, set_gold
from db.roles import OPERATOR, PERMISSIONS, Actor, Role
from db.stats import progress, stats
from db.store import REVISION, Store
from db.tables import Base
from db.values import ItemState
from tests.db.laboratory import Lab, marks
from vlfau.errors import VLFAUError


def last_event(store):
    with store._engine.connect() as connection:
        return connection.execute(text("SELECT COALESCE(MAX(id), 0) FROM event")).scalar()


class TestEvents:
    def test_every_past_moment_can_be_rebuilt(self, store, clock):
        """120 random steps of four people; after each the store is compared with what its events add up to."""
        lab = Lab(store, clock, gold_share=0.3, random_share=0.3, blind_share=0.3)
        chance = random.Random(7)
        everybody = [lab.person(name) for name in ("ann", "bo", "cy")] + [lab.person("rev", Role.REVIEWER)]
        moments = {}

        def step(person):
            action = chance.randrange(9)
            if action == 0:
                lab.add(chance.randrange(12), probability=chance.random())
            elif action in (1, 2, 3) and (task := lab.next(person)):
                answer = marks(
                    AU12=chance.choice(["present", "absent"]), AU4=chance.choice(["absent", "unsure"])
                )
                chance.choice([save_draft, submit, submit])(store, person, task.lease_id, answer)
            elif action == 4 and (task := lab.next(person)):
                skip(store, person, task.lease_id, "blurred")
            elif action == 5:
                undo(store, person, lab.project)
            elif action == 6:
                clock.tick(chance.randrange(20))
            elif action == 7:
                verdict = chance.choice([adjudicate, adjudicate, set_gold])
                verdict(store, everybody[3], chance.randrange(1, 9), marks(AU12="present"))
            else:
                send_back(store, everybody[3], chance.randrange(1, 9))

        for _ in range(120):
            with suppress(VLFAUError):
                step(chance.choice(everybody))
            moments[last_event(store)] = state_now(store, OPERATOR)
        assert len(moments) > 60
        for event in list(moments)[:: len(moments) // 20]:
            assert state_at(store, OPERATOR, event) == moments[event]
        assert state_at(store, OPERATOR, last_event(store)) == state_now(store, OPERATOR)

    def test_a_refused_verb_leaves_no_event_and_no_row(self, lab, count):
        before = last_event(lab.store)
        with pytest.raises(NotAllowed):
            add_project(lab.store, lab.person("ann"), ProjectSettings("mine"))
        assert last_event(lab.store) == before + 1, "only the sign-in"
        assert count("project") == 1

    def test_looking_writes_nothing(self, lab):
        ann = lab.person("ann")
        lab.add(1), lab.next(ann)
        before = last_event(lab.store)
        lab.next(ann), progress(lab.store, ann, lab.project), stats(lab.store, OPERATOR)
        assert last_event(lab.store) == before


SAY = "INSERT INTO answer (response_id, number, occurrence"


class TestTurns:
    """On PostgreSQL there are none: rows are locked."""

    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    def test_nobody_comes_between_two_verbs_of_one_turn(self, store):
        order = []

        def change(name):
            with store.unit_of_work(OPERATOR, "stats"):
                order.append(name)

        other = threading.Thread(target=change, args=("other",))
        with store.turn():
            change("first")
            other.start()
            other.join(0.3)
            change("second")
        other.join()
        assert order == ["first", "second", "other"]

    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    def test_a_verb_that_fails_gives_its_turn_back(self, store):
        with pytest.raises(ZeroDivisionError), store.turn(), store.unit_of_work(OPERATOR, "stats"):
            raise ZeroDivisionError
        taken = threading.Thread(target=lambda: store.turn().__enter__(), daemon=True)
        taken.start()
        taken.join(10)
        assert not taken.is_alive()


class TestGuards:
    """What the database refuses by itself, whoever asks."""

    @pytest.fixture
    def answered(self, lab):
        item = lab.add(1)
        lab.answer(lab.person("ann"), AU12="present")
        set_gold(lab.store, OPERATOR, lab.add(2), marks(AU12="present"))
        adjudicate(lab.store, OPERATOR, item, marks(AU12="present"))
        return lab

    def refused(self, store, statement, name):
        with pytest.raises(StoreError, match=name), store.unit_of_work(OPERATOR, "stats") as work:
            work.execute(text(statement))

    @pytest.mark.parametrize(
        "table",
        [
            "prediction",
            "predicted_unit",
            "response",
            "answer",
            "adjudication",
            "adjudicated_unit",
            "gold",
            "gold_unit",
            "event",
        ],
    )
    def test_what_was_said_never_changes(self, answered, table, count):
        rows = count(table)
        assert rows > 0
        self.refused(answered.store, f"DELETE FROM {table}", f"keep_{table}")
        column = {"answer": "text", "event": "kind"}.get(
            table, "note" if table in ("gold", "adjudication") else None
        )
        column = column or {"response": "reason", "prediction": "description"}.get(table, "text")
        self.refused(answered.store, f"UPDATE {table} SET {column} = 'forged'", f"keep_{table}")
        assert count(table) == rows

    @pytest.mark.parametrize(
        ("statement", "name"),
        [
            (f"{SAY}, intensity) VALUES (1, 4, 'present', 6)", "_intensity"),
            (f"{SAY}) VALUES (1, 3, 'present')", "ck_answer_number"),
            (f"{SAY}) VALUES (1, 4, 'maybe')", "ck_answer_occurrence"),
            (f"{SAY}, side) VALUES (1, 17, 'present', 'left')", "midline"),
            (f"{SAY}, side) VALUES (1, 4, 'absent', 'left')", "only_present"),
            ("INSERT INTO answer (response_id, number) VALUES (1, 4)", "says_something"),
            ("UPDATE item SET state = 'lost'", "ck_item_state"),
            ("UPDATE item SET held = -1", "ck_item_counts"),
            ("UPDATE annotator SET role = 'king'", "ck_annotator_role"),
            ("UPDATE project SET blind_share = 1.5", "ck_project_blind_share"),
            ("UPDATE item SET face_id = 99 WHERE id = 1", "(?i)foreign key|fk_item"),
        ],
    )  # fmt: skip
    def test_constraints_are_in_the_database_and_have_names(self, answered, statement, name):
        self.refused(answered.store, statement, name)

    @pytest.mark.parametrize("supersedes", ["NULL", "1"])
    def test_one_chain_for_each_person_and_item(self, answered, supersedes):
        columns = (
            "item_id, project_id, annotator_id, status, blind, chosen_by, seconds, guideline_version, at"
        )
        values = f"{columns}, {supersedes}"
        again = f"INSERT INTO response ({columns}, supersedes) SELECT {values} FROM response WHERE id = 1"
        if supersedes == "1":
            with answered.store.unit_of_work(OPERATOR, "stats") as work:
                work.execute(text(again))
        self.refused(answered.store, again, "(?i)unique")


class TestPermissions:
    @pytest.mark.parametrize("role", Role)
    def test_the_table_is_what_counts(self, lab, role):
        actor = lab.person("somebody", role)
        for verb, needed in PERMISSIONS.items():
            if role.includes(needed):
                with lab.store.reading(actor, verb):
                    pass
            else:
                with pytest.raises(NotAllowed, match="Only"), lab.store.reading(actor, verb):
                    pass

    def test_a_role_is_read_anew_each_time(self, lab):
        rev = lab.person("rev", Role.REVIEWER)
        item = lab.add(1)
        set_role(lab.store, OPERATOR, "rev", Role.ANNOTATOR)
        with pytest.raises(NotAllowed):
            adjudicate(lab.store, rev, item, marks(AU12="present"))

    def test_nobody_raises_themselves(self, lab):
        with pytest.raises(NotAllowed):
            set_role(lab.store, lab.person("ann"), "ann", Role.ADMIN)
        with pytest.raises(NotAllowed, match="their own"):
            set_role(lab.store, lab.person("boss", Role.ADMIN), "boss", Role.ADMIN)

    @pytest.mark.parametrize("number", [0, 999, -1])
    def test_a_made_up_actor_is_nobody(self, lab, number):
        with pytest.raises(NotAllowed, match="no such annotator"):
            lab.next(Actor(number))

    def test_the_operator_is_no_annotator(self, lab):
        lab.add(1)
        with pytest.raises(NotAllowed, match="signed in"):
            lab.next(OPERATOR)

    def test_who_is_blocked_can_do_nothing(self, lab):
        ann = lab.person("ann")
        block(lab.store, OPERATOR, "ann")
        with pytest.raises(NotAllowed, match="blocked"):
            lab.next(ann)
        with pytest.raises(NotAllowed, match="blocked"):
            sign_in(lab.store, "ann")
        block(lab.store, OPERATOR, "ann", blocked=False)
        assert sign_in(lab.store, "ann").actor == ann


class TestPeopleAndProjects:
    def test_an_identity_is_the_same_person_under_another_name(self, lab):
        first = sign_in(lab.store, "ann", "huggingface:1", "de")
        assert sign_in(lab.store, "ann-new", "huggingface:1").id == first.id
        assert who_is(lab.store, first.actor).language == "de"

    def test_a_name_is_not_taken_over(self, lab):
        sign_in(lab.store, "ann", "huggingface:1")
        with pytest.raises(Conflict, match="signs in elsewhere"):
            sign_in(lab.store, "ann")
        with pytest.raises(Conflict, match="taken"):
            sign_in(lab.store, "ann", "huggingface:2")
        assert len(list_annotators(lab.store, OPERATOR)) == 1

    def test_settings_can_be_changed(self, lab):
        changed = change_project(lab.store, OPERATOR, lab.project, answers_wanted=3, guideline_version=2)
        assert list_projects(lab.store, OPERATOR) == {lab.project: changed}
        assert changed == replace(changed, answers_wanted=3)

    @pytest.mark.parametrize(
        "bad", [{"answers_wanted": 0}, {"blind_share": 1.1}, {"lease_minutes": 0}, {"name": " "}]
    )
    def test_settings_that_cannot_be(self, lab, bad):
        with pytest.raises(StoreError):
            change_project(lab.store, OPERATOR, lab.project, **bad)

    def test_progress(self, lab):
        ann = lab.person("ann")
        for seed in range(3):
            lab.add(seed)
        lab.answer(ann), lab.answer(lab.person("bo"))
        set_aside(lab.store, OPERATOR, 1, "no face")
        seen = progress(lab.store, ann, lab.project)
        assert (seen.submitted, seen.done, seen.total) == (1, 1, 2)
        assert seen.items[ItemState.SET_ASIDE] == 1

    def test_who_withdrew_is_not_shown_any_more(self, lab):
        lab.add(1)
        ann = lab.person("ann")
        lab.next(ann)
        assert withdraw(lab.store, OPERATOR, "person-1") == 1
        assert lab.next(ann) is None


class TestSchema:
    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    def test_the_migrations_make_what_the_tables_say(self, store, tmp_path):
        """Compared column by column and rule by rule with a database that SQLAlchemy makes of the tables."""
        fresh = create_engine(f"sqlite:///{tmp_path / 'fresh.db'}")
        Base.metadata.create_all(fresh)
        assert described(fresh) == described(store._engine)
        fresh.dispose()

    def test_the_code_wants_the_newest_revision(self):
        from alembic.script import ScriptDirectory

        assert ScriptDirectory.from_config(configuration()).get_current_head() == REVISION

    def test_a_database_that_was_not_created_is_not_touched(self, tmp_path):
        with pytest.raises(SchemaError, match="python -m db upgrade"):
            Store(folder=tmp_path)

    @pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:"])
    def test_other_databases_are_refused(self, url):
        with pytest.raises(StoreError, match="cannot be used"):
            Store(url)


def described(engine):
    """Everything that can be seen of a schema, without its order."""
    seen = inspect(engine)
    names = set(seen.get_table_names()) - {"alembic_version", "sqlite_sequence"}

    def rows(found, *keys):
        return sorted(str([row.get(key) for key in keys]) for row in found)

    return {
        name: {
            "columns": rows(seen.get_columns(name), "name", "type", "nullable", "default"),
            "key": seen.get_pk_constraint(name),
            "foreign keys": rows(
                seen.get_foreign_keys(name), "name", "constrained_columns", "referred_table", "options"
            ),
            "indexes": rows(seen.get_indexes(name), "name", "column_names", "unique"),
            "unique": rows(seen.get_unique_constraints(name), "name", "column_names"),
            "checks": rows(seen.get_check_constraints(name), "name", "sqltext"),
        }
        for name in names
    }
