"""Sentences about action units, written by rule from labels and read back into labels.

The rules give the training targets of the language branch. Several wordings say the same, so that the decoder does
not learn one string per class; opposed action units are worded as one blend; no word names a feeling.
A wording is a template: `{s}` becomes "" for both sides or " left"/" right" for one, `{on}` " on the left" likewise,
`{p}` the plural ending, `{is}` the verb, `{how}` a degree adverb with its space, empty in descriptions of the whole
face.
"""

import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

from vlfau.action_units import ACTION_UNITS, AU_NUMBERS, by_number, intensity_letter
from vlfau.errors import LabelError

Side = Literal["left", "right", "both"]
SIDES: tuple[Side, ...] = ("both", "left", "right")

DEGREES = {"A": "faintly ", "B": "slightly ", "C": "clearly ", "D": "strongly ", "E": "very strongly "}
"""Adverb of each FACS intensity letter, with the space that follows it."""

PRESENT: dict[int, tuple[str, ...]] = {
    1: (
        "the inner end{p} of the{s} brow{p} {is} {how}raised",
        "the{s} brow{p} {is} {how}raised at the inner end{p}",
    ),
    2: (
        "the outer end{p} of the{s} brow{p} {is} {how}raised",
        "the{s} brow{p} {is} {how}arched at the outer end{p}",
    ),
    4: (
        "the{s} brow{p} {is} {how}pulled down and inwards",
        "the{s} brow{p} {is} {how}lowered and drawn to the middle",
    ),
    5: ("the{s} upper lid{p} {is} {how}lifted", "the{s} eye{p} {is} {how}widened by the upper lid{p}"),
    6: ("the{s} cheek{p} {is} {how}lifted", "the{s} cheek{p} {is} {how}pushed up towards the eye{p}"),
    7: ("the{s} eyelid{p} {is} {how}tightened", "the{s} lower lid{p} {is} {how}tensed and straightened"),
    9: (
        "the{s} side{p} of the nose {is} {how}wrinkled",
        "the{s} nostril wing{p} {is} {how}lifted with creases on the nose",
    ),
    10: ("the upper lip is {how}raised{on}", "the upper lip is {how}drawn up below the nose{on}"),
    12: (
        "the{s} mouth corner{p} {is} {how}drawn back and up",
        "the{s} lip corner{p} {is} {how}pulled up and back",
    ),
    14: (
        "the{s} mouth corner{p} {is} {how}tightened inwards",
        "the{s} mouth corner{p} {is} {how}pressed into the cheek{p}",
    ),
    15: ("the{s} mouth corner{p} {is} {how}drawn down", "the{s} lip corner{p} {is} {how}pulled downwards"),
    17: ("the chin is {how}pushed up", "the chin is {how}raised and puckered"),
    18: ("the lips are {how}puckered", "the lips are {how}drawn together and forward"),
    20: (
        "the{s} mouth corner{p} {is} {how}pulled sideways",
        "the{s} mouth corner{p} {is} {how}stretched to the side{p}",
    ),
    22: ("the lips are {how}funnelled outwards", "the lips are {how}turned outwards in a funnel"),
    23: ("the lips are {how}tightened and narrow{on}", "the red of the lips is {how}narrowed{on}"),
    24: ("the lips are {how}pressed together{on}", "the lips are {how}pushed against each other{on}"),
    25: ("the lips are {how}parted", "the lips are {how}open with a gap between them"),
    26: ("the jaw is {how}dropped", "the jaw is {how}lowered and relaxed"),
    27: ("the mouth is {how}stretched open", "the mouth is {how}pulled wide open by the jaw"),
    28: ("the lips are {how}sucked in", "the lips are {how}rolled in over the teeth"),
    43: ("the{s} eye{p} {is} {how}closed", "the{s} eyelid{p} {is} {how}shut"),
}
"""At least two wordings of each action unit when it is present; the first is the usual one."""

CLOSED_BY_DEGREE = {"A": "barely ", "B": "nearly ", "C": "almost ", "D": "", "E": "firmly "}
"""AU43 takes its own adverbs: an eye is not "clearly closed" by degrees."""

ABSENT: dict[int, tuple[str, ...]] = {
    1: ("the inner ends of the brows are at rest", "the inner brows are not raised"),
    2: ("the outer ends of the brows are at rest", "the outer brows are not raised"),
    4: ("the brows are level and apart", "the brows are not lowered"),
    5: ("the upper lids are at rest", "the upper lids are not lifted"),
    6: ("the cheeks are at rest", "the cheeks are not lifted"),
    7: ("the eyelids are relaxed", "the lids are not tightened"),
    9: ("the nose is smooth", "the nose is not wrinkled"),
    10: ("the upper lip is at rest", "the upper lip is not raised"),
    12: ("the mouth corners are level", "the mouth corners are not pulled up"),
    14: ("the mouth corners are relaxed", "the mouth corners are not tightened"),
    15: ("the mouth corners are not lowered", "the mouth corners are not drawn down"),
    17: ("the chin is smooth", "the chin is not raised"),
    18: ("the lips are not puckered", "the lips are not drawn together"),
    20: ("the mouth is not stretched sideways", "the mouth corners are not pulled sideways"),
    22: ("the lips do not turn outwards", "the lips are not funnelled"),
    23: ("the lips are soft", "the lips are not tightened"),
    24: ("the lips are not pressed together", "the lips rest without pressure"),
    25: ("the lips touch each other", "the lips are not parted"),
    26: ("the jaw is closed", "the jaw is not dropped"),
    27: ("the mouth is not stretched open", "the mouth is not pulled wide open"),
    28: ("the red of the lips is in view", "the lips are not sucked in"),
    43: ("the eyes are open", "the eyes are not closed"),
}
"""At least two wordings of each action unit when it is absent."""

BLENDS: dict[tuple[int, ...], tuple[str, ...]] = {
    (1, 2, 4): ("the brows are raised and at the same time drawn together",),
    (1, 2): ("the brows are raised along their whole length", "the brows are raised from end to end"),
    (1, 4): ("the inner brows are raised and drawn together", "the brows are knitted and slanted upwards"),
    (2, 4): ("the outer brows are raised while the inner brows are pulled down",),
    (5, 43): ("the upper lids are pulled open and shut at once",),
    (12, 15): ("the mouth corners are pulled both up and down",),
    (18, 20): ("the lips are drawn forward and sideways at once",),
    (24, 25): ("the lips are partly pressed and partly open",),
    (25, 28): ("the lips are parted and rolled inwards",),
}
"""Action units that are worded together; longer ones are tried first."""

NOTHING = ("none of the listed face movements is visible", "no listed face movement can be seen")
"""The whole face when nothing is active."""


@dataclass(frozen=True)
class UnitLabel:
    """What is known of one present action unit: intensity 0.5-5 (A to E, NaN unknown) and the side it is seen on."""

    intensity: float = 3.0
    side: Side = "both"


def _fill(template: str, side: Side, degree: str) -> str:
    one = side != "both"
    return template.format(
        **{
            "s": f" {side}" if one else "",
            "on": f" on the {side}" if one else "",
            "p": "" if one else "s",
            "is": "is" if one else "are",
            "how": degree,
        }
    )


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."


def _choose(options: tuple[str, ...], rng: random.Random | None) -> str:
    return rng.choice(options) if rng else options[0]


def _degree(number: int, intensity: float) -> str:
    if math.isnan(intensity):
        return ""
    letter = intensity_letter(max(intensity, 0.5)) or "A"
    return (CLOSED_BY_DEGREE if number == 43 else DEGREES)[letter]


def describe_unit(number: int, label: UnitLabel | None, rng: random.Random | None = None) -> str:
    """Sentence for one action unit; `label` None means absent. Without `rng` the usual wording is taken.

    Raises `LabelError` for a unit outside the table, or a side of one that has none.
    """
    unit = by_number(number)
    if label is None:
        return _sentence(_choose(ABSENT[number], rng))
    if label.side != "both" and not unit.has_sides:
        raise LabelError(f"{unit.label} has no sides, found {label.side!r}. Give side='both'.")
    return _sentence(_fill(_choose(PRESENT[number], rng), label.side, _degree(number, label.intensity)))


def _clauses(present: Mapping[int, UnitLabel], rng: random.Random | None) -> Iterator[str]:
    left = {n: present[n] for n in AU_NUMBERS if n in present}
    for numbers, wordings in sorted(BLENDS.items(), key=lambda item: -len(item[0])):
        if all(n in left and left[n].side == "both" for n in numbers):
            yield _choose(wordings, rng)
            for n in numbers:
                del left[n]
    for n, label in left.items():
        yield _fill(_choose(PRESENT[n], rng), label.side, "")


def describe_face(present: Mapping[int, UnitLabel], rng: random.Random | None = None) -> str:
    """One sentence that names every present action unit of the face and no other, top to bottom."""
    for number in present:
        by_number(number)
    clauses = list(_clauses(present, rng)) or [_choose(NOTHING, rng)]
    if len(clauses) == 1:
        return _sentence(clauses[0])
    return _sentence(", ".join(clauses[:-1]) + (", and " if len(clauses) > 2 else " and ") + clauses[-1])


# ---- reading back


@cache
def _lexicon() -> tuple[dict[str, frozenset[int]], dict[str, int]]:
    """Every clause the rules can write -> the action units it says are present; and absent clauses -> their unit."""
    present: dict[str, frozenset[int]] = {clause: frozenset() for clause in NOTHING}
    for number, templates in PRESENT.items():
        degrees = {"", *(CLOSED_BY_DEGREE if number == 43 else DEGREES).values()}
        for template, side, degree in product(templates, SIDES, degrees):
            present[_fill(template, side, degree)] = frozenset({number})
    for numbers, wordings in BLENDS.items():
        present |= {clause: frozenset(numbers) for clause in wordings}
    absent = {clause: number for number, clauses in ABSENT.items() for clause in clauses}
    return present, absent


def _normal(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().rstrip(".").lower()


def read_state(number: int, text: str) -> bool | None:
    """Whether a sentence says that this action unit is present; None when it says neither in words we know."""
    by_number(number)
    present, absent = _lexicon()
    clause = _normal(text)
    if number in present.get(clause, ()):
        return True
    return False if absent.get(clause) == number else None


def read_side(text: str) -> Side:
    """The side a sentence names; "both" when it names none."""
    match = re.search(r"\b(left|right)\b", text.lower())
    return match[1] if match else "both"  # type: ignore[return-value]


def read_description(text: str) -> frozenset[int] | None:
    """The action units a description names; None when a part of it is in words we do not know."""
    present, _ = _lexicon()

    def parse(rest: str) -> frozenset[int] | None:
        if rest in present:
            return present[rest]
        for separator in (", and ", ", ", " and "):
            for cut in (m.start() for m in re.finditer(separator, rest)):
                tail = parse(rest[cut + len(separator) :]) if rest[:cut] in present else None
                if tail is not None:
                    return present[rest[:cut]] | tail
        return None

    return parse(_normal(text))


def every_sentence() -> Iterator[str]:
    """Every sentence on one action unit that the rules can write, and every clause of descriptions: a corpus."""
    for unit in ACTION_UNITS:
        for clause in ABSENT[unit.number]:
            yield _sentence(clause)
        sides = SIDES if unit.has_sides else SIDES[:1]
        degrees = ("", *(CLOSED_BY_DEGREE if unit.number == 43 else DEGREES).values())
        for template, side, degree in product(PRESENT[unit.number], sides, degrees):
            yield _sentence(_fill(template, side, degree))
            yield _fill(template, side, degree)
    for clause in (*NOTHING, *(clause for wordings in BLENDS.values() for clause in wordings)):
        yield _sentence(clause)
        yield clause
