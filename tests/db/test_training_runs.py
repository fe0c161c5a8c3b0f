"""Tests of training runs in the store: one at a time, whoever asks, and what waits for the next one."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from db.errors import Conflict, NotAllowed, NotFound
from db.registry_tables import RunState
from db.review import adjudicate, set_gold
from db.roles import OPERATOR, Role
from db.training_runs import RunGoing, begin_run, end_run, run_of, runs
from db.waiting import waiting
from tests.db.laboratory import marks


def start(store, name="run-1", actor=OPERATOR, **more):
    return begin_run(store, actor, name, "Asked for.", {"epochs": 1}, 7, "here", timedelta(hours=1), **more)


class TestRuns:
    def test_a_run_begins_and_ends(self, store, clock):
        run = start(store)
        clock.tick(5)
        ended = end_run(store, OPERATOR, run.id, RunState.FINISHED, "Done.")
        assert (ended.state, ended.message, ended.ended_at) == (RunState.FINISHED, "Done.", clock())
        assert runs(store, OPERATOR) == [ended]

    def test_a_second_one_is_refused_while_the_first_is_going(self, store):
        run = start(store)
        with pytest.raises(RunGoing, match=r"It is 'run-1', since 2026-11-22 12:00"):
            start(store, "run-2")
        end_run(store, OPERATOR, run.id, RunState.CANCELLED, "No more.")
        assert start(store, "run-2").id == run.id + 1

    def test_the_database_itself_refuses_the_second(self, store):
        run = start(store)
        copied = "name, state, reason, config, corrections, machine, started_at, deadline_at"
        others = copied.replace("name,", "'other',")
        with pytest.raises(Conflict, match=r"(?i)unique"), store.unit_of_work(OPERATOR, "stats") as work:
            work.execute(text(f"INSERT INTO training_run ({copied}) SELECT {others} FROM training_run"))
        assert [found.id for found in runs(store, OPERATOR)] == [run.id]

    def test_of_many_at_once_one_gets_it(self, store):
        outcomes = []

        def try_it(number):
            try:
                outcomes.append(start(store, f"run-{number}").name)
            except Conflict:
                outcomes.append(None)

        threads = [threading.Thread(target=try_it, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([name for name in outcomes if name]) == 1

    def test_a_decision_that_is_out_of_date_starts_nothing(self, store):
        end_run(store, OPERATOR, start(store, after=0).id, RunState.FAILED, "Broke off.")
        with pytest.raises(RunGoing, match="Decide anew"):
            start(store, "run-2", after=0)
        assert start(store, "run-2", after=1).name == "run-2"

    def test_the_first_word_on_how_it_ended_counts(self, store):
        run = start(store)
        end_run(store, OPERATOR, run.id, RunState.CANCELLED, "Cancelled.")
        end_run(store, OPERATOR, run.id, RunState.FAILED, "It is gone.")
        assert run_of(store, OPERATOR, run.id).message == "Cancelled."

    def test_names_are_not_used_twice(self, store):
        end_run(store, OPERATOR, start(store).id, RunState.FAILED, "")
        with pytest.raises(Conflict, match="run of this name"):
            start(store)

    def test_reviewers_look_and_admins_act(self, lab):
        rev = lab.person("rev", Role.REVIEWER)
        with pytest.raises(NotAllowed, match="Only an admin"):
            start(lab.store, actor=rev)
        ada = lab.person("ada", Role.ADMIN)
        assert start(lab.store, actor=ada).started_by == runs(lab.store, rev)[0].started_by is not None

    def test_an_unknown_run_is_said_so(self, store):
        with pytest.raises(NotFound, match="Number 9"):
            run_of(store, OPERATOR, 9)


class TestWaiting:
    @pytest.fixture
    def disputed(self, lab):
        """One face that two people agree on against the model; one that is open; and this one."""
        for seed in range(3):
            lab.add(seed, 0.9)
        for name in ("ann", "bob"):
            lab.answer(lab.person(name), AU12="absent", AU4="present")
        lab.answer(lab.person("ann"), AU12="present")
        return lab.answer(lab.person("bob"), AU12="absent")

    def unit(self, found, number):
        return next(unit for unit in found if unit.number == number)

    def test_only_what_is_agreed_counts_and_a_face_counts_once(self, lab, disputed):
        found = waiting(lab.store, OPERATOR)
        assert (found.agreed, found.people, found.new) == (1, 1, 1)
        twelve = self.unit(found.units, 12)
        assert (twelve.present, twelve.absent, twelve.against_model) == (0, 1, 1)
        four = self.unit(found.units, 4)
        assert (four.present, four.absent, four.against_model) == (1, 0, 0)

    def test_what_a_reviewer_lays_down_takes_the_place_of_the_answers(self, lab, disputed):
        adjudicate(lab.store, OPERATOR, disputed, marks(AU12="present", AU9="unsure"))
        adjudicate(lab.store, OPERATOR, disputed, marks(AU12="absent", AU9="unsure"))
        found = waiting(lab.store, OPERATOR)
        assert (found.agreed, found.people) == (2, 2)
        assert self.unit(found.units, 12).absent == 2
        assert self.unit(found.units, 9).present == self.unit(found.units, 9).absent == 0

    def test_new_is_what_came_since(self, lab, disputed, clock):
        moment = clock()
        clock.tick(1)
        assert waiting(lab.store, OPERATOR, moment).new == 0
        adjudicate(lab.store, OPERATOR, disputed, marks(AU12="present"))
        found = waiting(lab.store, OPERATOR, moment)
        assert (found.agreed, found.new) == (2, 1)
        assert self.unit(found.new_units, 12).present == 1

    def test_known_faces_do_not_count(self, lab, disputed):
        before = waiting(lab.store, OPERATOR).agreed
        set_gold(lab.store, OPERATOR, disputed, marks(AU12="present"))
        assert waiting(lab.store, OPERATOR).agreed == before

    def test_a_project_counts_its_own(self, lab, disputed):
        assert waiting(lab.store, OPERATOR, project="faces").agreed == 1
        assert waiting(lab.store, OPERATOR, project="others").agreed == 0
