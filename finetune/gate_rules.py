"""The rules of the gate: each looks at one thing and says yes or no in a plain sentence with its numbers."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import takewhile
from pathlib import Path

from finetune.comparison import Both, Contest, OnFaces
from finetune.paired_bootstrap import Pair
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

CHANCE = 0.025
"""That a refusal for what fell is a mistake: the lower half of what a 95 % interval leaves out."""


@dataclass(frozen=True)
class Limits:
    """How much a candidate may lose; figures are on a scale of 0 to 1."""

    people: int = 5
    """Held-out people that are needed to judge at all."""
    base_drop: float = 0.01
    """Macro F1 on the base's test set."""
    unit_drop: float = 0.05
    """F1 of one action unit, where it is more than chance."""
    unit_present: int = 10
    """Faces that show an action unit, from which its F1 is looked at."""
    group_drop: float = 0.03
    """Macro F1 of a group of people, where it is more than chance."""
    ece_rise: float = 0.01
    """Expected calibration error."""
    words_drop: float = 0.02
    """Share of sentences that say what the network decided."""
    latency_ratio: float = 1.25
    """Time for a face, as a multiple of the champion's."""
    size_ratio: float = 1.25
    """Size of the weights, likewise."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise DataError(
                    f"The limit {field.name} cannot be used. Found {value!r}. Give a number from 0."
                )

    @classmethod
    def load(cls, file: Path | None) -> "Limits":
        """From a JSON file with some of the fields; None: the usual ones. Raises `DataError`."""
        if file is None:
            return cls()
        try:
            values = json.loads(file.read_text("utf-8"))
            return cls(**values)
        except (OSError, ValueError, TypeError) as error:
            known = ", ".join(field.name for field in fields(cls))
            raise DataError(
                f"The limits cannot be read. {file} gave: {error}. A JSON object may have: {known}."
            ) from error


@dataclass(frozen=True)
class Verdict:
    """What one rule says."""

    rule: str
    passed: bool | None
    """None: it could not be looked at, which is no reason to refuse."""
    sentence: str


def judge(contest: Contest, limits: Limits) -> list[Verdict]:
    """All rules, the most important first."""
    return [rule(contest, limits) for rule in RULES]


def enough_people(contest: Contest, limits: Limits) -> Verdict:
    """A few people say nothing, however sure they look."""
    found = contest.held_out.f1.people
    return Verdict(
        "people",
        found >= limits.people,
        f"There are corrections of {_count(found, 'person', 'people')} whom neither version was trained on; "
        f"{limits.people} are needed to judge.",
    )


def gain(contest: Contest, limits: Limits) -> Verdict:
    """It has to be better where people corrected, beyond chance."""
    macro = contest.held_out.f1.macro
    if math.isnan(macro.gain.low):
        return Verdict(
            "gain",
            False,
            "Whether it is better on held-out corrections cannot be told: too few show anything.",
        )
    return Verdict(
        "gain",
        macro.gain.low > 0,
        f"Macro F1 on held-out corrections goes from {macro.champion.value:.3f} to {macro.candidate.value:.3f}, "
        f"{_interval(macro)}; the lower bound must be above 0.",
    )


def base_drop(contest: Contest, limits: Limits) -> Verdict:
    """What was known before must not be forgotten."""
    macro = contest.base.f1.macro
    if math.isnan(macro.gain.value):
        return Verdict(
            "base", None, "The base's test set could not be looked at: the run has no replay pack."
        )
    return Verdict(
        "base",
        -macro.gain.value <= limits.base_drop,
        f"Macro F1 on the base's test set goes from {macro.champion.value:.3f} to {macro.candidate.value:.3f} "
        f"({macro.gain.value:+.3f}); it may drop by {limits.base_drop:g}.",
    )


def unit_drop(contest: Contest, limits: Limits) -> Verdict:
    """No action unit may pay for the others: not on held-out corrections, and not on the base's test set."""
    looked = {
        f"AU{number} {{}} on {where}": pair
        for where, on in (("held-out corrections", contest.held_out), ("the base's test set", contest.base))
        for number, pair, present in zip(AU_NUMBERS, on.f1.units, on.f1.present, strict=True)
        if present >= limits.unit_present
    }
    lost = [
        name.format(f"from {looked[name].champion.value:.2f} to {looked[name].candidate.value:.2f}")
        for name in _lost(looked, limits.unit_drop)
    ]
    allowed = f"an action unit may drop by {limits.unit_drop:g} or by chance"
    if not looked:
        return Verdict(
            "action units", None, f"No action unit is shown by {limits.unit_present} faces; {allowed}."
        )
    said = (
        f"F1 drops too far: {'; '.join(lost)}"
        if lost
        else f"None of {len(looked)} figures of action units drops too far"
    )
    return Verdict("action units", not lost, f"{said}; {allowed}.")


def calibration(contest: Contest, limits: Limits) -> Verdict:
    """A probability has to go on meaning what it says."""
    found = {"held-out corrections": contest.held_out.ece, "the base's test set": contest.base.ece}
    known = {where: pair for where, pair in found.items() if not math.isnan(pair.gain.value)}
    allowed = f"it may rise by {limits.ece_rise:g} or by chance"
    if not known:
        return Verdict(
            "calibration", None, f"Calibration could not be looked at: there are no labels; {allowed}."
        )
    risen = [where for where in _beyond_chance(known) if known[where].gain.value > limits.ece_rise]
    worst = max(risen or known, key=lambda where: known[where].gain.value)
    return Verdict(
        "calibration",
        not risen,
        f"The calibration error goes from {known[worst].champion.value:.3f} to {known[worst].candidate.value:.3f} "
        f"on {worst}; {allowed}.",
    )


def words(contest: Contest, limits: Limits) -> Verdict:
    """What it writes has to be what it decided."""
    both = contest.words
    if math.isnan(both.champion):
        return Verdict(
            "words", None, "Sentences could not be looked at: the version in production writes none."
        )
    if math.isnan(both.candidate):
        return Verdict("words", False, "It writes no sentences, and the version in production does.")
    return Verdict(
        "words",
        -both.rise <= limits.words_drop,
        f"Sentences say what the network decided in {both.candidate:.1%} of the cases, before in {both.champion:.1%}; "
        f"the share may drop by {limits.words_drop:.0%}.",
    )


def latency(contest: Contest, limits: Limits) -> Verdict:
    """It must not be much slower."""
    both = contest.latency_s
    return _ratio(
        "latency",
        both,
        limits.latency_ratio,
        f"A face with its sentences takes {both.candidate * 1000:.0f} ms, before {both.champion * 1000:.0f} ms",
    )


def size(contest: Contest, limits: Limits) -> Verdict:
    """It must not be much larger."""
    both = contest.size_bytes
    said = f"Its weights have {both.candidate / 1e6:.1f} MB, before {both.champion / 1e6:.1f} MB"
    return _ratio("size", both, limits.size_ratio, said)


def groups(contest: Contest, limits: Limits) -> Verdict:
    """No group of people may pay for the others."""
    looked = {name: on.f1.macro for name, on in contest.groups.items() if _can_be_told(on, limits)}
    allowed = f"a group may lose {limits.group_drop:g} or by chance"
    if not looked:
        return Verdict("groups", None, f"No group of {limits.people} people is known; {allowed}.")
    lost = [
        f"{name} from {looked[name].champion.value:.3f} to {looked[name].candidate.value:.3f}"
        for name in _lost(looked, limits.group_drop)
    ]
    said = (
        f"Groups lose too much: {'; '.join(lost)}"
        if lost
        else f"None of {_count(len(looked), 'group', 'groups')} loses too much"
    )
    return Verdict("groups", not lost, f"{said}; {allowed}.")


RULES: tuple[Callable[[Contest, Limits], Verdict], ...] = (
    enough_people,
    gain,
    base_drop,
    unit_drop,
    calibration,
    words,
    groups,
    latency,
    size,
)


def _can_be_told(on: OnFaces, limits: Limits) -> bool:
    return on.f1.people >= limits.people and not math.isnan(on.f1.macro.gain.value)


def _lost(looked: Mapping[str, Pair], allowed: float) -> list[str]:
    """Names of those that fall by more than allowed and more than chance."""
    return [name for name in _beyond_chance(looked) if -looked[name].gain.value > allowed]


def _beyond_chance(looked: Mapping[str, Pair]) -> list[str]:
    """Names of those that got worse, surely.

    Of many small figures some do by chance each time: that any of those named did has a probability of `CHANCE` at
    most (Holm 1979, a simple sequentially rejective multiple test procedure).
    """
    told = [name for name in looked if not math.isnan(looked[name].by_chance)]
    told.sort(key=lambda name: looked[name].by_chance)
    beyond = takewhile(lambda k: looked[told[k]].by_chance <= CHANCE / (len(told) - k), range(len(told)))
    sure = {told[k] for k in beyond}
    return [name for name in looked if name in sure]


def _ratio(rule: str, both: Both, allowed: float, said: str) -> Verdict:
    return Verdict(rule, both.ratio <= allowed, f"{said}; {allowed:g} times as much is allowed.")


def _interval(pair: Pair) -> str:
    return f"a gain of {pair.gain.value:+.3f} (95 %: {pair.gain.low:+.3f} to {pair.gain.high:+.3f})"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
