"""Tests of reviewing, and of what holds in the end."""

import json

import numpy as np
import pytest

from db.consensus import consensus
from db.errors import Conflict, NotAllowed, NotFound, StoreError
from db.judgements import judgements
from db.measures import as_json, count_answers, measure, verdicts
from db.people import withdraw
from db.projects import change_project
from db.responses import skip, submit, undo
from db.review import adjudicate, review, send_back, set_aside, set_gold
from db.roles import OPERATOR, Role
from db.values import Answer, ItemState, Occurrence, UnitAnswer
from db.worklist import listed_items
from tests.db.laboratory import Lab, marks


@pytest.fixture
def rev(lab):
    return lab.person("rev", Role.REVIEWER)


@pytest.fixture
def disputed(lab):
    item = lab.add(1)
    lab.answer(lab.person("ann"), AU12="present", AU4="absent")
    lab.answer(lab.person("bo"), AU12="absent", AU4="absent")
    return item


def disputed_items(lab, rev):
    return [item.item_id for item in listed_items(lab.store, rev, lab.project)]


def holds(lab):
    """Item id -> number -> what holds."""
    with lab.store.reading(OPERATOR, "measure") as work:
        return consensus(judgements(work, lab.project), verdicts(work, lab.project))[0]


class TestReview:
    def test_what_people_disagree_on_is_shown_side_by_side(self, lab, rev, disputed):
        assert disputed_items(lab, rev) == [disputed]
        seen = review(lab.store, rev, disputed)
        assert seen.contradicted == (12,)
        assert [one.answer.occurrences[12] for one in seen.answers] == ["present", "absent"]
        assert all(one.pseudonym.startswith("annotator-") for one in seen.answers)
        assert seen.image.is_file()

    def test_reasons_of_skips_are_shown(self, lab, rev):
        lab.add(1)
        for name in ("ann", "bo"):
            skip(lab.store, lab.person(name), lab.next(lab.person(name)).lease_id, f"{name}: too dark")
        assert set(review(lab.store, rev, 1).skipped) == {"ann: too dark", "bo: too dark"}

    def test_an_annotator_sees_nobody_elses_answers(self, lab, disputed):
        for look in (
            lambda who: review(lab.store, who, disputed),
            lambda who: measure(lab.store, who, lab.project),
        ):
            with pytest.raises(NotAllowed, match="Only a reviewer"):
                look(lab.person("ann"))

    def test_the_last_adjudication_holds_and_the_first_is_kept(self, lab, rev, disputed, count):
        adjudicate(lab.store, rev, disputed, marks(AU12="present"), "first look")
        adjudicate(lab.store, rev, disputed, marks(AU12="absent"))
        seen = review(lab.store, rev, disputed)
        assert (seen.state, seen.adjudication.occurrences) == (ItemState.SETTLED, {12: "absent"})
        assert count("adjudication") == 2

    def test_sent_back_one_more_person_is_asked(self, lab, rev, disputed):
        send_back(lab.store, rev, disputed)
        assert lab.next(lab.person("ann")) is None
        assert lab.answer(lab.person("cy"), AU12="present") == disputed
        assert disputed_items(lab, rev) == [disputed]

    def test_set_aside_is_out_of_everything(self, lab, rev, disputed):
        set_aside(lab.store, rev, disputed, "not a face")
        assert disputed_items(lab, rev) == []
        assert holds(lab) == {}

    @pytest.mark.parametrize("verb", [adjudicate, set_gold])
    def test_a_verdict_says_something(self, lab, rev, disputed, verb):
        with pytest.raises(StoreError, match="no verdict"):
            verb(lab.store, rev, disputed, Answer())

    def test_gold_is_not_adjudicated(self, lab, rev, disputed):
        set_gold(lab.store, rev, disputed, marks(AU12="present"))
        set_gold(lab.store, rev, disputed, marks(AU12="absent"))
        with pytest.raises(Conflict, match="no verdict"):
            adjudicate(lab.store, rev, disputed, marks(AU12="present"))
        with pytest.raises(Conflict, match="cannot be sent back"):
            send_back(lab.store, rev, disputed)

    def test_a_verdict_on_what_has_changed_is_refused(self, lab, rev, disputed, count):
        seen = review(lab.store, rev, disputed)
        other = lab.person("other", Role.REVIEWER)
        adjudicate(lab.store, other, disputed, marks(AU12="absent"), mark=seen.mark)
        too_late = (
            lambda: adjudicate(lab.store, rev, disputed, marks(AU12="present"), mark=seen.mark),
            lambda: set_gold(lab.store, rev, disputed, marks(AU12="present"), mark=seen.mark),
            lambda: send_back(lab.store, rev, disputed, seen.mark),
            lambda: set_aside(lab.store, rev, disputed, "not a face", seen.mark),
        )
        for verdict in too_late:
            with pytest.raises(Conflict, match=r"has changed since you opened it\. It is settled now"):
                verdict()
        assert (count("adjudication"), count("gold")) == (1, 0)
        adjudicate(
            lab.store, rev, disputed, marks(AU12="present"), mark=review(lab.store, rev, disputed).mark
        )

    def test_an_answer_that_is_taken_back_changes_the_item(self, lab, rev, disputed):
        mark = review(lab.store, rev, disputed).mark
        undo(lab.store, lab.person("bo"), lab.project)
        with pytest.raises(Conflict, match="It is open now"):
            adjudicate(lab.store, rev, disputed, marks(AU12="present"), mark=mark)

    def test_a_person_who_withdrew_is_not_brought_back(self, lab, rev, disputed):
        withdraw(lab.store, OPERATOR, "person-1")
        with pytest.raises(Conflict, match="It is withdrawn"):
            set_aside(lab.store, rev, disputed, "not a face")

    def test_the_verdict_that_holds_and_its_note_are_shown(self, lab, rev, disputed):
        adjudicate(lab.store, rev, disputed, marks(AU12="present"), "the lip corners are up")
        assert review(lab.store, rev, disputed).note == "the lip corners are up"
        set_gold(lab.store, rev, disputed, marks(AU12="absent"), "known from the renderer")
        seen = review(lab.store, rev, disputed)
        assert (seen.gold.occurrences, seen.note) == ({12: "absent"}, "known from the renderer")

    def test_what_is_not_there(self, lab, rev):
        with pytest.raises(NotFound, match="no such item"):
            review(lab.store, rev, 9)


class TestConsensus:
    def test_votes_give_a_soft_label_with_n_and_agreement(self, lab, disputed):
        found = holds(lab)[disputed]
        assert found.keys() == {4, 12}
        assert 0.2 < found[12].probability < 0.8
        assert (found[12].n, found[12].agreement) == (2, 0.5)
        assert found[4].probability < 0.2
        assert (found[4].n, found[4].agreement, found[4].intensity) == (2, 1, 0)

    def test_a_reviewer_has_the_last_word(self, lab, rev, disputed):
        verdict = Answer((UnitAnswer(12, Occurrence.PRESENT, 4), UnitAnswer(4, Occurrence.NOT_VISIBLE)))
        adjudicate(lab.store, rev, disputed, verdict)
        found = holds(lab)[disputed]
        assert found.keys() == {12}, "what cannot be seen is masked"
        assert (found[12].probability, found[12].intensity, found[12].laid_down) == (1, 4, True)
        assert found[12].n == 2

    def test_sent_back_the_votes_hold_again(self, lab, rev, disputed):
        adjudicate(lab.store, rev, disputed, marks(AU12="present"))
        send_back(lab.store, rev, disputed)
        assert not holds(lab)[disputed][12].laid_down

    def test_nobody_asked_nothing_holds(self, lab):
        lab.add(1)
        assert holds(lab) == {}


class TestMeasures:
    @pytest.fixture
    def crowd(self, store, clock):
        """Three careful people and one who says present to everything, 24 faces; half are blind. 8 are known later.

        The truth of a face: AU12 is there on every second one. The model says so on every face, and whoever sees that
        agrees on the next wrong one: the careful ones slip where the number of the face divides by six.
        """
        lab = Lab(store, clock, blind_share=0.5, gold_share=0.4, answers_wanted=4)
        for seed in range(24):
            lab.add(seed, probability=0.9)
        for name in ("ann", "bo", "cy", "spam"):
            self.work_on(lab, name)
        return lab

    def work_on(self, lab, name):
        person = lab.person(name)
        while task := lab.next(person):
            there = name == "spam" or task.item_id % 2 == 1 or (not task.blind and task.item_id % 6 == 0)
            said = {
                "AU12": "present" if there else "absent",
                "AU4": "present" if name == "spam" else "absent",
            }
            submit(lab.store, person, task.lease_id, marks(**said))

    def make_known(self, lab):
        for item in range(1, 9):
            set_gold(lab.store, OPERATOR, item, marks(AU12="present" if item % 2 else "absent", AU4="absent"))

    def test_the_whole_report(self, crowd):
        self.make_known(crowd)
        found = measure(crowd.store, OPERATOR, crowd.project)
        self.known_faces_are_left_out(found, {unit.number: unit for unit in found.units})
        self.who_says_yes_to_everything_is_found_out(found)
        self.the_pull_of_the_model_is_seen(found.anchoring)
        for one in found.annotators:
            assert (one.seconds, one.leases, one.expired) == (3.0, one.responses, 0)
        self.units_nobody_judged_are_not_measured({unit.number: unit for unit in found.units})
        text = json.dumps(as_json(found), allow_nan=False)
        assert json.loads(text)["units"][6]["fleiss_kappa"] is None

    def test_answers_to_known_faces_leave_agreement_and_pull_as_they_are(self, crowd):
        self.make_known(crowd)
        before = measure(crowd.store, OPERATOR, crowd.project)
        change_project(crowd.store, OPERATOR, crowd.project, gold_share=1.0)
        self.work_on(crowd, "spam who comes late")
        after = measure(crowd.store, OPERATOR, crowd.project)
        assert as_json(after.units) == as_json(before.units)
        assert (after.facs_index, after.faces) == (before.facs_index, before.faces)
        assert after.anchoring.effect == before.anchoring.effect
        assert after.anchoring.errors_taken_over_shown == before.anchoring.errors_taken_over_shown
        assert after.annotators[-1].gold_judgements == 16

    def known_faces_are_left_out(self, found, by_number):
        assert (found.faces, by_number[4].items) == (16, 16)
        pull = found.anchoring
        assert pull.judgements_shown + pull.judgements_blind == 16 * 4 * 2
        assert {one.responses for one in found.annotators} == {24}

    def who_says_yes_to_everything_is_found_out(self, found):
        careful, spam = found.annotators[:3], found.annotators[3]
        assert min(person.informedness for person in careful) > spam.informedness + 0.4
        assert min(person.gold_accuracy for person in careful) > 0.8 > spam.gold_accuracy
        assert spam.gold_judgements > 0

    def the_pull_of_the_model_is_seen(self, pull):
        assert pull.judgements_blind > 0
        assert pull.effect == pytest.approx(pull.agreement_shown - pull.agreement_blind)
        assert pull.effect_low <= pull.effect <= pull.effect_high
        assert pull.errors_taken_over_shown > pull.errors_taken_over_blind

    def units_nobody_judged_are_not_measured(self, by_number):
        assert len(by_number) == 22
        assert np.isnan(by_number[9].fleiss_kappa)
        assert by_number[9].items == 0
        assert by_number[12].items == 16
        assert 0 < by_number[12].fleiss_kappa < by_number[12].raw_agreement < 1
        assert (
            by_number[12].alpha_nominal_low < by_number[12].alpha_nominal < by_number[12].alpha_nominal_high
        )

    def test_time_spent_and_faces_let_go(self, lab, clock):
        for seed in range(3):
            lab.add(seed)
        ann = lab.person("ann")
        for spent in (2.0, 4.0, 30.0):
            if spent == 4.0:
                lab.next(ann)
                clock.tick(minutes=16)
            submit(lab.store, ann, lab.next(ann).lease_id, Answer(marks(AU12="present").units, seconds=spent))
        (record,) = measure(lab.store, OPERATOR, lab.project).annotators
        assert (record.seconds, record.leases, record.expired) == (4.0, 4, 1)

    def test_how_much_there_is_to_measure(self, lab, disputed):
        assert [count_answers(lab.store, OPERATOR, lab.project, limit) for limit in (10, 1)] == [2, 1]
        undo(lab.store, lab.person("bo"), lab.project)
        assert count_answers(lab.store, OPERATOR, lab.project, 10) == 1

    def test_an_empty_project_has_no_numbers_and_no_error(self, lab):
        found = measure(lab.store, OPERATOR, lab.project)
        assert found.faces == 0
        assert np.isnan(found.facs_index)
        assert found.annotators == ()
