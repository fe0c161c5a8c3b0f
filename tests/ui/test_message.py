"""A message may be anybody's making: what the page never sends is refused with words, never with a crash."""

import pytest

from ui.message import Message, MessageError


@pytest.mark.parametrize("data", [None, [], "submit", 3, b"x"])
def test_a_message_is_an_object(data):
    with pytest.raises(MessageError, match="load the page again"):
        Message(data)


@pytest.mark.parametrize("value", [None, "5", 5.0, True, [5], {}, 2**40])
def test_a_number_is_a_whole_number(value):
    with pytest.raises(MessageError, match="For lease it sent"):
        Message({"lease": value}).number("lease")


@pytest.mark.parametrize("value", [None, 1, ["no face"]])
def test_a_word_is_a_text(value):
    with pytest.raises(MessageError):
        Message({"reason": value}).word("reason")


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_a_flag_is_true_or_false(value):
    with pytest.raises(MessageError):
        Message({"despite": value}).flag("despite")


def test_a_long_value_is_not_repeated_in_full():
    with pytest.raises(MessageError) as raised:
        Message({"lease": "x" * 10_000}).number("lease")
    assert len(str(raised.value)) < 250
