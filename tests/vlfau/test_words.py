"""Any text goes through the vocabulary and comes back whole."""

import pytest

from vlfau.errors import ModelError
from vlfau.language import END, PAD
from vlfau.sentences import every_sentence
from vlfau.words import MAX_VOCABULARY, Words, rule_words


@pytest.mark.parametrize(
    "text", ["", "The lips are parted.", "嘴角 \U0001f600 ¿é?\n\t", "x" * 500, "a  b   c"]
)
def test_any_text_round_trips(text):
    words = rule_words()
    assert words.decode(words.encode(text)) == text


def test_the_vocabulary_is_small_and_sentences_are_short():
    words = rule_words()
    assert len(words) <= MAX_VOCABULARY
    lengths = [len(words.encode(text)) for text in every_sentence()]
    assert max(lengths) <= 8


def test_batches_are_padded_and_cut():
    words = rule_words()
    rows = words.encode_batch(["", "The lips are parted.", "zq" * 100], length=12)
    assert [len(row) for row in rows] == [12, 12, 12]
    assert rows[0] == [PAD] * 12
    assert END in rows[1]
    assert rows[1][-1] == PAD
    assert rows[2][-1] == END


def test_saved_and_loaded_words_agree(tmp_path):
    words = rule_words()
    words.save(tmp_path)
    assert Words.load(tmp_path).encode("The chin is raised.") == words.encode("The chin is raised.")


def test_a_folder_without_vocabulary_is_named(tmp_path):
    with pytest.raises(ModelError, match="no vocabulary"):
        Words.load(tmp_path)
