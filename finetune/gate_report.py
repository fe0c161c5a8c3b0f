"""What the gate found, as plain JSON: the rules' verdicts, and the figures that the Training page shows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from finetune.comparison import Both, Contest, OnFaces
from finetune.gate_rules import Verdict
from finetune.paired_bootstrap import Pair
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.metrics import Interval


def gate_report(
    champion: str, candidate: str, contest: Contest, verdicts: Sequence[Verdict], about: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole report; `about` is what else is known, such as the data's digest. A figure without evidence is None."""
    return {
        "champion": champion,
        "candidate": candidate,
        "passed": passed(verdicts),
        "rules": [{"name": v.rule, "passed": v.passed, "sentence": v.sentence} for v in verdicts],
        "held_out": _on_faces(contest.held_out),
        "base": _on_faces(contest.base),
        "groups": {name: _on_faces(on, units=False) for name, on in contest.groups.items()},
        "words": _both(contest.words),
        "latency_s": _both(contest.latency_s),
        "size_bytes": _both(contest.size_bytes),
        **about,
    }


def passed(verdicts: Sequence[Verdict]) -> bool:
    """No rule says no."""
    return all(verdict.passed is not False for verdict in verdicts)


def _on_faces(on: OnFaces, units: bool = True) -> dict[str, Any]:
    found = {"faces": on.faces, "people": on.f1.people, "f1_macro": _pair(on.f1.macro)}
    found["ece"] = _pair(on.ece, gain="rise")
    if units:
        found["action_units"] = {
            by_number(number).code: {"known": known, "present": present, "f1": _pair(pair)}
            for number, pair, present, known in zip(
                AU_NUMBERS, on.f1.units, on.f1.present, on.f1.known, strict=True
            )
            if known
        }
    return found


def _pair(pair: Pair, gain: str = "gain") -> dict[str, Any]:
    figures = {"champion": pair.champion, "candidate": pair.candidate, gain: pair.gain}
    return {name: _interval(figure) for name, figure in figures.items()}


def _interval(found: Interval) -> list[float | None]:
    """Value, low and high."""
    return [_number(found.value), _number(found.low), _number(found.high)]


def _both(both: Both) -> dict[str, float | None]:
    return {"champion": _number(both.champion), "candidate": _number(both.candidate)}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)
