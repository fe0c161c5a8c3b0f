"""Who brought what as HTML: for each annotator, the action units on which their corrections moved a version."""

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any

from db.registry import Compared
from ui.training_figures import number

_SHOWN = 12
"""Marks of one person and version; the ones with the most corrections come first."""


def people_html(comparisons: Sequence[Compared]) -> str:
    """`comparisons` newest first; the newest of each version counts."""
    seen: set[str] = set()
    of_person: defaultdict[str, list[tuple[Compared, dict[str, int]]]] = defaultdict(list)
    for compared in comparisons:
        if compared.candidate not in seen:
            seen.add(compared.candidate)
            for who, units in compared.report.get("contributions", {}).items():
                of_person[who].append((compared, units))
    if not of_person:
        return (
            '<section class="vt-card"><h2>Who moved what</h2><p class="vt-empty">Nobody\'s corrections have '
            "been learnt yet. "
            "After the first run, each annotator stands here with the action units on which they corrected "
            "the model.</p>"
            "</section>"
        )
    people = "".join(
        f"<li><b>{escape(who)}</b>{''.join(_version(*one) for one in found)}</li>"
        for who, found in sorted(of_person.items(), key=lambda item: -_marks(item[1]))
    )
    return (
        '<section class="vt-card"><h2>Who moved what</h2><p>Action units on which each person said something '
        "else than the "
        "model, on the faces that a version learnt from, and F1 of these on held-out people, before and after. Several "
        "people corrected the same action units: what one alone moved was not measured.</p>"
        f'<ol class="vt-people">{people}</ol></section>'
    )


def _marks(found: Sequence[tuple[Compared, dict[str, int]]]) -> int:
    return sum(count for _, units in found for count in units.values())


def _version(compared: Compared, units: dict[str, int]) -> str:
    measured = compared.report["held_out"]["action_units"]
    order = sorted(units, key=lambda code: -units[code])
    chips = "".join(_unit(code, units[code], measured.get(code)) for code in order[:_SHOWN])
    more = f"<li><small>and {len(order) - _SHOWN} more</small></li>" if len(order) > _SHOWN else ""
    return f'<div><small>in {escape(compared.candidate)}</small><ul class="vt-chips">{chips}{more}</ul></div>'


def _unit(code: str, count: int, measured: dict[str, Any] | None) -> str:
    said = f"<small>{count:,} correction{'s' * (count != 1)}</small>"
    if measured is None or measured["f1"]["champion"][0] is None:
        return f'<li><b>AU{int(code[2:])}</b> <span title="Nobody held out shows it">not measured</span>{said}</li>'
    before, after, change = (measured["f1"][name][0] for name in ("champion", "candidate", "gain"))
    kind = "up" if change >= 0.005 else "down" if change <= -0.005 else "open"
    return f'<li data-kind="{kind}"><b>AU{int(code[2:])}</b> {number(before)} → {number(after)}{said}</li>'
