"""What stays on the Annotate page while faces come and go: the line on top, the dialogs, the words for sentences."""

import json
from functools import cache
from html import escape
from typing import Any

from db.text import MAX_NOTE
from ui.annotate_view import button
from ui.guidelines import guidelines_html
from vlfau.action_units import ACTION_UNITS, ActionUnit
from vlfau.regions import REGIONS
from vlfau.sentences import BLENDS, NOTHING, SIDES, UnitLabel, describe_face, describe_unit

SKIP_REASONS = (
    "The face cannot be seen well enough",
    "There is no face here",
    "A mask, a hand or something else hides most of it",
    "This photo should not be here",
)
"""Offered when somebody skips a face; they may write another."""

KEYS = (
    ("↑ ↓", "the action unit before, the next one"),
    ("N", "the next one that is open"),
    ("C", "confirm: as the model says; goes on to the next row"),
    ("P A U V", "present, absent, unsure, not visible; the last three go on to the next row"),
    ("1 2 3 4 5", "intensity A, B, C, D, E; it makes it present"),
    ("L B R", "left, both sides, right; the person's own"),
    ("T", "write the sentence; Enter when done"),
    ("D", "write the description of the whole face"),
    ("⌫", "leave it open again"),
    ("G", "guideline for it"),
    ("⇧C", "confirm all that are open; asks first"),
    ("S", "submit, and the next face; Ctrl+Enter while writing"),
    ("K", "skip this face, with a reason"),
    ("Z", "undo the last submission or skip"),
    ("H", "history of your answers"),
    ("F", "whole photo or face"),
    ("+ -", "closer, farther"),
    ("O", "outline of the region to look at"),
    ("E", "evidence: where the network looked, painted over the face"),
    ("M", "hide or show what the model says"),
    ("?", "this list"),
)
"""Every key of the page and what it does; the same keys stand on the controls."""


@cache
def shell_html() -> str:
    """The page before the first face has come."""
    return (
        f'<div class="va" data-book="{escape(json.dumps(book(), ensure_ascii=False))}">'
        '<h1 class="vl-hidden">Annotate</h1>'
        '<div class="va-bar"><div class="va-round" hidden></div><div class="va-progress"></div>'
        '<select class="va-projects" aria-label="Project" hidden></select>'
        f"{button('guide', 'Guidelines', 'g')}"
        '<p class="va-saved" role="status"></p></div>'
        '<div class="va-notice" role="alert" hidden><p></p>'
        '<button type="button" data-do="notice-action" hidden></button>'
        '<button type="button" data-do="dismiss" aria-label="Close">×</button></div>'
        '<div class="va-desk"><p class="va-loading" role="status">Fetching a face …</p></div>'
        f"{_skip_dialog()}{_history_dialog()}{_question_dialog()}{_keys_dialog()}{guidelines_html()}</div>"
    )


def book() -> dict[str, Any]:
    """The sentences that fit each mark, so that the page can write them while it is offline, and each unit's region.

    Made by `vlfau.sentences`; the script only looks them up, and joins them for the whole face in the same way.
    """
    blends = sorted(BLENDS.items(), key=lambda blend: -len(blend[0]))
    return {
        "units": {unit.number: _unit_words(unit) for unit in ACTION_UNITS},
        "blends": [[list(numbers), wordings[0]] for numbers, wordings in blends],
        "nothing": NOTHING[0],
    }


def _unit_words(unit: ActionUnit) -> dict[str, Any]:
    sides = SIDES if unit.has_sides else SIDES[:1]
    clauses = {side: describe_face({unit.number: UnitLabel(side=side)}) for side in sides}
    graded = {
        side: [describe_unit(unit.number, UnitLabel(level, side)) for level in range(1, 6)] for side in sides
    }
    return {
        "label": unit.label,
        "sides": unit.has_sides,
        "look": unit.present,
        "absent": describe_unit(unit.number, None),
        # without an intensity first, then A to E
        "present": {side: [clauses[side], *graded[side]] for side in sides},
        "region": REGIONS[unit.number],
    }


def _dialog(name: str, title: str, body: str) -> str:
    return (
        f'<dialog class="va-dialog va-{name}" aria-labelledby="va-{name}-title"><header>'
        f'<h2 id="va-{name}-title">{title}</h2>'
        '<button type="button" class="va-close" data-do="close" aria-label="Close">×</button></header>'
        f"{body}</dialog>"
    )


def _skip_dialog() -> str:
    reasons = "".join(_reason(place, reason) for place, reason in enumerate(SKIP_REASONS, start=1))
    body = (
        f'<p>Why?</p><div class="va-reasons">{reasons}</div>'
        f'<label>Another reason<input type="text" maxlength="{MAX_NOTE}"></label>'
        '<footer><button type="button" data-do="skip-other">Skip</button></footer>'
    )
    return _dialog("skip", "Skip this face", body)


def _reason(place: int, reason: str) -> str:
    first = " autofocus" if place == 1 else ""
    return (
        f'<button type="button" data-reason="{escape(reason)}"{first}><kbd aria-hidden="true">{place}</kbd> '
        f"{escape(reason)}</button>"
    )


def _history_dialog() -> str:
    body = '<ol class="va-past"></ol><footer><button type="button" data-do="older" hidden>Older ones</button></footer>'
    return _dialog("history", "Your answers", body)


def _question_dialog() -> str:
    body = (
        '<div class="va-asked"></div><footer><button type="button" class="va-yes" data-do="yes"></button>'
        '<button type="button" data-do="close">Go back</button></footer>'
    )
    return _dialog("question", "", body)


def _keys_dialog() -> str:
    rows = "".join(f"<dt>{_caps(keys)}</dt><dd>{escape(what)}</dd>" for keys, what in KEYS)
    body = (
        f'<dl class="va-keys-list">{rows}</dl>'
        '<label class="va-switch"><input type="checkbox" checked data-do="keys-on"> Keys work without Ctrl</label>'
    )
    return _dialog("keys", "Keys", body)


def _caps(keys: str) -> str:
    return " ".join(f"<kbd>{escape(key)}</kbd>" for key in keys.split(" "))
