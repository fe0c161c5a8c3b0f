"""Tests of which sentences are a person's own: not the model's, not those that a rule writes for the marks."""

from math import nan

import pytest

from db.responses import history, reopen, save_draft, submit, undo
from db.review import adjudicate, review
from db.roles import Role
from db.typed import typed
from db.values import Answer, PredictedUnit, Prediction, UnitAnswer
from vlfau.sentences import UnitLabel, describe_face, describe_unit

MODEL = {6: UnitLabel(3.0), 12: UnitLabel(4.0, "left")}
SAID = Prediction(
    1,
    "small-1",
    describe_face(MODEL),
    tuple(
        PredictedUnit(n, 0.9 if n in MODEL else 0.1, 0.5, 3.0, describe_unit(n, MODEL.get(n)))
        for n in (4, 6, 12, 25)
    ),
)
TYPED = UnitAnswer(12, "present", 2, "right", "One corner goes up.")


def text_of(*unit, said=SAID):
    kept = typed(Answer((UnitAnswer(*unit),)), said).units
    return kept[0].text if kept else None


@pytest.mark.parametrize(
    ("marks", "label"),
    [
        ((12, "absent", None, None), None),
        ((12, "present", 2, "right"), UnitLabel(2.0, "right")),
        ((12, "present", None, None), UnitLabel(nan)),
        ((4, "present", 5, "both"), UnitLabel(5.0)),
        ((25, "present", 1, None), UnitLabel(1.0)),
    ],
)
def test_the_sentence_of_the_marks_is_nobodys(marks, label):
    assert text_of(*marks, describe_unit(marks[0], label)) is None


@pytest.mark.parametrize("occurrence", ["present", "absent", "unsure", None])
def test_the_models_sentence_is_nobodys_whatever_is_marked(occurrence):
    assert text_of(12, occurrence, None, None, describe_unit(12, MODEL[12])) is None


def test_what_differs_by_a_word_or_says_something_else_was_typed():
    other_degree = describe_unit(12, UnitLabel(5.0, "right"))
    for text in (
        "One corner goes up.",
        other_degree,
        describe_unit(12, UnitLabel(2.0, "right")) + " A little.",
    ):
        assert text_of(12, "present", 2, "right", text) == text


def test_nothing_was_offered_without_a_model_or_without_its_words():
    rule = describe_unit(12, None)
    wordless = Prediction(1, "small-1", None, (PredictedUnit(12, 0.9, 0.5, 3.0, None),))
    for said in (None, wordless):
        assert text_of(12, "absent", None, None, rule, said=said) == rule


@pytest.mark.parametrize(
    ("units", "named"),
    [
        ((), MODEL),
        ((UnitAnswer(12, "absent"),), {6: UnitLabel()}),
        (
            (UnitAnswer(25, "present"), UnitAnswer(6, "present", 1, "right")),
            {6: UnitLabel(side="right"), 12: UnitLabel(side="left"), 25: UnitLabel()},
        ),
    ],
)
def test_a_description_of_the_model_or_of_the_marks_is_nobodys(units, named):
    assert typed(Answer(units, describe_face(named)), SAID).description is None
    assert (
        typed(Answer(units, "A broad smile of one side."), SAID).description == "A broad smile of one side."
    )


class TestStored:
    """The same through the store, whoever sends it."""

    MODELS, MARKS = "The model says so.", describe_unit(4, None)
    ANSWER = Answer(
        (UnitAnswer(4, "absent", text=MARKS), UnitAnswer(6, "present", text=MODELS), TYPED),
        "The model describes the face.",
        2.0,
    )
    KEPT = Answer((UnitAnswer(4, "absent"), UnitAnswer(6, "present"), TYPED), None, 2.0)

    def test_a_draft_an_answer_and_what_is_undone(self, lab, count):
        ann, item = lab.person("ann"), lab.add(1)
        lease = lab.next(ann).lease_id
        for _ in range(2):
            save_draft(lab.store, ann, lease, self.ANSWER)
        assert count("response") == 1
        assert lab.next(ann).draft == self.KEPT
        submit(lab.store, ann, lease, self.ANSWER)
        assert history(lab.store, ann, lab.project)[0].answer == self.KEPT
        assert count("answer WHERE text IS NOT NULL AND text <> 'One corner goes up.'") == 0
        assert undo(lab.store, ann, lab.project).draft == self.KEPT
        assert reopen(lab.store, ann, item).draft == self.KEPT

    def test_who_saw_nothing_of_the_model_typed_all_of_it(self, lab):
        ann = lab.person("ann")
        lab.add(1)
        own = Answer(self.ANSWER.units, self.ANSWER.description, 2.0, blind=True)
        submit(lab.store, ann, lab.next(ann).lease_id, own)
        assert history(lab.store, ann, lab.project)[0].answer == own

    def test_a_verdict(self, lab):
        rev, item = lab.person("rev", Role.REVIEWER), lab.add(1)
        lab.answer(lab.person("ann"))
        adjudicate(lab.store, rev, item, self.ANSWER)
        laid_down = review(lab.store, rev, item).adjudication
        assert (laid_down.units, laid_down.description) == (self.KEPT.units, None)
