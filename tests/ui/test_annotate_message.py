"""A message may be anybody's making: what the page never sends is refused with words, never with a crash."""

import json

import pytest

from db.values import Answer, UnitAnswer
from ui.annotate_message import answer_of
from ui.annotate_view import answer_values
from ui.message import Message
from vlfau.errors import VLFAUError


def unit(**values):
    return answer_of(Message({"answer": {"units": [{"number": 12, "occurrence": "present"} | values]}}))


def test_an_answer_there_and_back():
    answer = Answer(
        (UnitAnswer(4, "absent"), UnitAnswer(12, "present", 3, "left", "Up.")), "A face.", 4.5, True
    )
    assert answer_of(Message({"answer": json.loads(json.dumps(answer_values(answer)))})) == answer


@pytest.mark.parametrize(
    "values",
    [
        {"number": 3},
        {"number": "12"},
        {"number": [12]},
        {"number": None},
        {"occurrence": "maybe"},
        {"occurrence": 1},
        {"occurrence": {}},
        {"intensity": 6},
        {"intensity": 0},
        {"intensity": 2.5},
        {"intensity": "C"},
        {"intensity": True},
        {"side": "top"},
        {"side": 1},
        {"occurrence": "absent", "intensity": 3},
        {"number": 17, "side": "left"},
        {"text": 12},
        {"text": "x" * 301},
        {"text": "<script>alert(1)</script>"},
        {"text": "a\u202eb"},
        {"text": "a\x00b"},
        {"text": "two\nlines"},
        {"role": "admin"},
    ],
)
def test_what_an_action_unit_cannot_be(values):
    with pytest.raises(VLFAUError):
        unit(**values)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {"units": None},
        {"units": {}},
        {"units": [None]},
        {"units": [{"number": 12}] * 23},
        {"units": [{"number": 12, "occurrence": "present"}] * 2},
        {"seconds": "3"},
        {"seconds": -1},
        {"seconds": float("nan")},
        {"seconds": 1e9},
        {"blind": "no"},
        {"description": 1},
        {"description": "x" * 1001},
        {"annotator": 1},
    ],
)
def test_what_an_answer_cannot_be(answer):
    with pytest.raises(VLFAUError):
        answer_of(Message({"answer": answer}))
