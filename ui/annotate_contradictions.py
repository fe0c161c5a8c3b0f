"""Where a sentence and the marks of an answer say different things, so that the page can ask before it submits."""

import re
from collections.abc import Mapping
from functools import cache

from db.values import Answer, Occurrence, Side, UnitAnswer
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.sentences import ABSENT, PRESENT, read_description, read_state

_NEGATIONS = frozenset({"not", "no", "never", "without", "nor", "neither", "hardly"})
_EMPTY = frozenset(
    word
    for line in (
        "a an and are as at back be been both by clearly each end for from has have i in is it its little of on own",
        "person quite rather s seen side slight slightly strong strongly that the their there they this to towards",
        "very visible was were with faintly left right one all",
    )
    for word in line.split(" ")
)
"""Words that do not tell one movement from another, or rest from movement."""
_DIRECTIONS = frozenset(
    {"up", "down", "inward", "outward", "forward", "sideway", "together", "apart", "away"}
)
"""A sentence that goes another way is about another movement."""
_SAME = {
    "eyelid": "lid",
    "eyebrow": "brow",
    "shut": "clos",
    "lift": "rais",
    "upward": "up",
    "downward": "down",
    "lower": "down",
    "drop": "fallen",
    "fall": "fallen",
    "part": "apart",
    "open": "apart",
    "pull": "draw",
    "drawn": "draw",
    "mouth": "lip",
}
"""Words that say the same here, in their simplest form."""
ENOUGH = 0.6
"""Share of the words in common from which a sentence is taken to say what one of ours says."""


def contradictions(answer: Answer) -> dict[int, str]:
    """Number -> what is wrong between sentence and mark; 0 stands for the description of the whole face.

    Looked at are the texts of the answer; a sentence in words that nobody can place contradicts nothing.
    """
    found = {unit.number: said for unit in answer.units if unit.text and (said := _about_unit(unit))}
    if answer.description and (said := _about_face(answer.description, answer.occurrences)):
        found[0] = said
    return found


def says_present(number: int, text: str) -> bool | None:
    """Whether a sentence says that this action unit is present; None when that cannot be told.

    First in the very words of `vlfau.sentences`, then by the words it has in common with one of those sentences.
    """
    exact = read_state(number, text)
    if exact is not None:
        return exact
    words, negated = _words(text)
    yes, no = _likeness(number, words, negated)
    others = max(max(_likeness(other, words, negated)) for other in AU_NUMBERS if other != number)
    if max(yes, no) < max(ENOUGH, others) or yes == no:
        return None
    return yes > no


def _likeness(number: int, words: frozenset[str], negated: bool) -> tuple[float, float]:
    """How much a sentence is like those that say present, and like those that say absent, 0-1."""
    found = {True: 0.0, False: 0.0}
    for known, state, known_negated in _known(number):
        if words & _DIRECTIONS == known & _DIRECTIONS:
            said = state if negated == known_negated else not state
            found[said] = max(found[said], len(words & known) / len(words | known))
    return found[True], found[False]


def _about_unit(unit: UnitAnswer) -> str | None:
    assert unit.text is not None
    label, state = by_number(unit.number).label, says_present(unit.number, unit.text)
    marked = {Occurrence.PRESENT: True, Occurrence.ABSENT: False}.get(unit.occurrence)  # type: ignore[arg-type]
    if state is not None and marked is not None and state != marked:
        return f"The sentence says that {label} is {_word(state)}, and it is marked {_word(marked)}."
    side = _one_side(unit.text)
    if side is not None and unit.side is not None and unit.side != side and marked:
        marked_side = "both sides" if unit.side == Side.BOTH else f"the {unit.side} side"
        return f"The sentence says {side}, and {label} is marked on {marked_side}."
    return None


def _about_face(description: str, occurrences: Mapping[int, Occurrence]) -> str | None:
    named = read_description(description)
    if named is None:
        return None
    wrong = [n for n in AU_NUMBERS if n in named and occurrences.get(n) == Occurrence.ABSENT]
    missing = [n for n in AU_NUMBERS if n not in named and occurrences.get(n) == Occurrence.PRESENT]
    parts = []
    if wrong:
        parts.append(f"It names {_list(wrong)}, marked absent.")
    if missing:
        parts.append(f"It does not name {_list(missing)}, marked present.")
    return f"The description of the face does not fit the marks. {' '.join(parts)}" if parts else None


def _one_side(text: str) -> Side | None:
    """The one side that a sentence names; None when it names none or both."""
    named = set(re.findall(r"\b(left|right)\b", text.lower()))
    return Side(named.pop()) if len(named) == 1 else None


def _word(present: bool) -> str:
    return "present" if present else "absent"


def _list(numbers: list[int]) -> str:
    return ", ".join(f"AU{number}" for number in numbers)


@cache
def _known(number: int) -> tuple[tuple[frozenset[str], bool, bool], ...]:
    """Words, state and negation of each sentence that we have for an action unit."""
    present = [template.format(s="", on="", p="s", how="", **{"is": "are"}) for template in PRESENT[number]]
    seen = by_number(number)
    texts = [(text, True) for text in (*present, seen.present)]
    texts += [(text, False) for text in (*ABSENT[number], seen.absent)]
    return tuple((words, state, negated) for text, state in texts for words, negated in [_words(text)])


def _words(text: str) -> tuple[frozenset[str], bool]:
    """The telling words of a sentence in their simplest form, and whether it denies something."""
    found = re.findall(r"[a-z]+", text.lower().replace("n't", " not"))
    negated = sum(word in _NEGATIONS for word in found) % 2 == 1
    telling = (word for word in found if word not in _EMPTY and word not in _NEGATIONS)
    return frozenset(_SAME.get(stem := _stem(word), stem) for word in telling), negated


def _stem(word: str) -> str:
    """Without the endings of number and tense, roughly."""
    for ending in ("ing", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
