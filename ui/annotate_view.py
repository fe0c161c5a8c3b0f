"""One face to annotate, as HTML and as the values that the page's script works with."""

from html import escape
from typing import Any

from db.text import MAX_DESCRIPTION, MAX_SENTENCE
from db.values import Answer, PredictedUnit, Prediction, Side, Task, UnitAnswer
from ui.bars import REGION_TITLES, percent
from ui.overlay import HEAT_SIDE_PX
from vlfau.action_units import ACTION_UNITS, INTENSITY_LETTERS, ActionUnit, by_number, intensity_letter
from vlfau.sentences import read_description, read_side

OCCURRENCES = (
    ("present", "Present", "p"),
    ("absent", "Absent", "a"),
    ("unsure", "Unsure", "u"),
    ("not_visible", "Not visible", "v"),
)
"""Value, text and key of each answer to an action unit."""
INSET_SIDE_PX = 192
"""Of the small grey face under the evidence; shown at half of it, sharp on fine screens."""
SIDES = (("left", "Left", "l"), ("both", "Both", "b"), ("right", "Right", "r"))
BY_REGION = tuple(
    (title, tuple(unit for unit in ACTION_UNITS if unit.region == region))
    for region, title in REGION_TITLES.items()
)
"""Heading and action units of each part of the face, from top to bottom."""


def task_values(task: Task) -> dict[str, Any]:
    """What the script needs to know of a face; JSON. Nothing of the prediction when the item is blind."""
    said = task.prediction
    named = read_description(said.description) if said and said.description else None
    return {
        "lease": task.lease_id,
        "item": task.item_id,
        "blind": task.blind,
        "model": {str(unit.number): _model_values(unit) for unit in said.units} if said else {},
        "description": said.description if said else None,
        "named": None if named is None else sorted(named),
        "draft": answer_values(task.draft) if task.draft else None,
    }


def answer_values(answer: Answer) -> dict[str, Any]:
    """An answer as the page sends and gets it."""
    return {
        "units": [_unit_values(unit) for unit in answer.units],
        "description": answer.description,
        "seconds": answer.seconds,
        "blind": answer.blind,
    }


def task_html(task: Task) -> str:
    """The face on the left, its action units on the right."""
    return (
        f'<section class="va-face" aria-label="The face in hand">{_left(task)}'
        f'<div class="va-answers">{_hints(task)}{_rows(task)}{_description(task.prediction)}</div></section>'
    )


def message_html(title: str, text: str, more: str = "") -> str:
    """What stands in place of a face when there is none; `more` is HTML."""
    return f'<section class="va-empty"><h2>{escape(title)}</h2><p>{escape(text)}</p>{more}</section>'


def button(action: str, text: str, key: str = "", style: str = "") -> str:
    """A button that does `action` when it is pressed, or its key is."""
    hint = f' <kbd aria-hidden="true">{escape(key_name(key))}</kbd>' if key else ""
    shortcut = f' data-key="{escape(key)}" aria-keyshortcuts="{escape(_aria_key(key))}"' if key else ""
    return f'<button type="button" class="{style}" data-do="{action}"{shortcut}>{escape(text)}{hint}</button>'


def key_name(key: str) -> str:
    """How a key is written on its control."""
    return key.replace("shift+", "⇧").upper()


def _aria_key(key: str) -> str:
    return "+".join(part.capitalize() for part in key.split("+")) if len(key) > 1 else key.upper()


def _model_values(unit: PredictedUnit) -> dict[str, Any]:
    has_sides = by_number(unit.number).has_sides
    return {
        "present": unit.active,
        "intensity": INTENSITY_LETTERS.index(_letter(unit)) + 1 if unit.active else None,
        "side": (read_side(unit.text) if unit.text else str(Side.BOTH))
        if unit.active and has_sides
        else None,
        "text": unit.text,
    }


def _letter(unit: PredictedUnit) -> str:
    """Of an action unit that is present: at least A."""
    return (intensity_letter(unit.intensity) if unit.intensity is not None else None) or "A"


def _unit_values(unit: UnitAnswer) -> dict[str, Any]:
    return {
        "number": unit.number,
        "occurrence": unit.occurrence,
        "intensity": unit.intensity,
        "side": unit.side,
        "text": unit.text,
    }


# ---- the face


def _left(task: Task) -> str:
    address = f"./faces/{task.item_id}"
    return (
        f'<div class="va-left"><div class="va-frame" data-view="face" tabindex="-1">'
        f'<div class="va-canvas"><img class="va-chip" src="{address}/chip.jpg" width="640" height="640" '
        'alt="The face to annotate, upright" draggable="false">'
        f"{_heat(task)}"
        '<svg class="va-region" viewBox="0 0 1 1" aria-hidden="true"></svg></div>'
        f'<img class="va-photo" data-src="{address}/photo.jpg" alt="The whole photo, the face marked"></div>'
        f'{_TOOLS}<div class="va-about">{_evidence(task)}<div><p class="va-focus"></p>{_legend(task)}</div></div>'
        f"{_warnings(task)}{_ACTIONS}</div>"
    )


def _has_evidence(task: Task) -> bool:
    return task.prediction is not None and task.prediction.has_evidence


def _heat(task: Task) -> str:
    """Where the script paints the map of the action unit in focus."""
    side = f'width="{HEAT_SIDE_PX}" height="{HEAT_SIDE_PX}"'
    return f'<canvas class="va-heat" {side} aria-hidden="true"></canvas>' if _has_evidence(task) else ""


def _legend(task: Task) -> str:
    words = 'Where the network looked: less <span class="vl-scale" aria-hidden="true"></span> more'
    return f'<p class="va-legend">{words}</p>' if _has_evidence(task) else ""


def _evidence(task: Task) -> str:
    """The same small, beside what to look for; pressed, it is painted over the face."""
    if not _has_evidence(task):
        return ""
    return (
        f'<button type="button" class="va-evidence" data-do="evidence" data-key="e" aria-keyshortcuts="E" '
        f'aria-pressed="false" data-src="./faces/{task.item_id}/evidence.png" '
        'title="Where the network looked (E)"><span class="va-inset">'
        f'<canvas class="va-grey" width="{INSET_SIDE_PX}" height="{INSET_SIDE_PX}" aria-hidden="true"></canvas>'
        f'{_heat(task)}</span><span>Evidence <kbd aria-hidden="true">E</kbd></span></button>'
    )


_TOOLS = (
    '<div class="va-tools" role="toolbar" aria-label="Picture">'
    f"{button('photo', 'Photo', 'f')}{button('zoom-in', 'Closer', '+')}"
    f"{button('zoom-out', 'Farther', '-')}{button('region', 'Region', 'o')}</div>"
)
_ACTIONS = (
    '<div class="va-actions">'
    f"{button('submit', 'Submit and next', 's', 'va-submit')}"
    f"<p class='va-count' aria-live='polite'></p>"
    f"{button('skip', 'Skip', 'k')}{button('undo', 'Undo last', 'z')}{button('history', 'History', 'h')}"
    f"{button('keys', 'Keys', '?')}</div>"
)


def _warnings(task: Task) -> str:
    """What makes the face hard to read; what to do about it concerns who takes photos, not who looks at them."""
    items = "".join(
        f"<li>{escape(warning.message.split('. ')[0].rstrip('.'))}.</li>" for warning in task.face.warnings
    )
    return f'<ul class="va-warnings" aria-label="Look with care">{items}</ul>' if items else ""


# ---- the action units


def _hints(task: Task) -> str:
    if task.prediction is None:
        return (
            '<p class="va-blind"><strong>Without the model.</strong> For this face nothing is shown that a model says. '
            "Mark what you see yourself.</p>"
        )
    return (
        '<div class="va-aids">'
        f"{button('confirm-rest', 'Confirm the rest', 'shift+c')}"
        f"{button('aid', 'Hide the model', 'm')}</div>"
    )


def _rows(task: Task) -> str:
    said = {unit.number: unit for unit in task.prediction.units} if task.prediction else {}
    parts = []
    for title, units in BY_REGION:
        parts.append(f'<h3 class="va-heading">{title}</h3>')
        parts += [_row(unit, said.get(unit.number)) for unit in units]
    return "".join(parts)


def _row(unit: ActionUnit, said: PredictedUnit | None) -> str:
    n = unit.number
    return (
        f'<div class="va-row" role="group" aria-labelledby="va-name-{n}" tabindex="-1" data-unit="{n}">'
        f'<div class="va-head"><span id="va-name-{n}"><b>AU{n}</b> {escape(unit.name)}</span>'
        f'<button type="button" class="va-guide" data-do="guide" data-key="g" aria-label="Guideline for AU{n}" '
        f'title="Guideline (G)">?</button></div>'
        f"{_model(unit, said)}"
        f"{_radios(unit, 'occurrence', OCCURRENCES, 'is')}"
        f'<div class="va-words"><textarea rows="1" maxlength="{MAX_SENTENCE}" spellcheck="true" '
        f'aria-label="Sentence about AU{n}" placeholder="{_placeholder(said)}"></textarea>'
        f'<small class="va-source"></small></div>'
        f'<div class="va-degree">{_letters(unit)}'
        f"{_radios(unit, 'side', SIDES, 'is seen on') if unit.has_sides else ''}</div>"
        f'<p class="va-contradiction" role="alert" hidden></p></div>'
    )


def _placeholder(said: PredictedUnit | None) -> str:
    return "In words, if you like" if said is None else "No sentence"


def _model(unit: ActionUnit, said: PredictedUnit | None) -> str:
    """What the model says; pressing it says the same."""
    if said is None:
        return ""
    words = f"present, {_letter(said)}" if said.active else "absent"
    return (
        f'<button type="button" class="va-model{" va-seen" if said.active else ""}" data-do="confirm" data-key="c" '
        f'aria-label="Confirm: AU{unit.number} {words}, {percent(said.probability)} likely">'
        f'<span class="va-said">{words} <span class="va-percent">{percent(said.probability)}</span></span>'
        f'<span class="va-track"><span style="width:{said.probability:.1%}"></span>'
        f'<i style="left:{said.threshold:.1%}"></i></span>'
        f'<span class="va-confirm">Confirm <kbd aria-hidden="true">C</kbd></span></button>'
    )


def _radios(unit: ActionUnit, name: str, choices: tuple[tuple[str, str, str], ...], verb: str) -> str:
    options = "".join(
        f'<label><input type="radio" name="va-{name}-{unit.number}" data-part="{name}" value="{value}" '
        f'data-key="{key}"><span>{text}<kbd aria-hidden="true">{key.upper()}</kbd></span></label>'
        for value, text, key in choices
    )
    return f'<div class="va-{name}" role="radiogroup" aria-label="AU{unit.number} {verb}">{options}</div>'


def _letters(unit: ActionUnit) -> str:
    letters = tuple((str(i), letter, str(i)) for i, letter in enumerate(INTENSITY_LETTERS, start=1))
    return _radios(unit, "intensity", letters, "has the intensity")


def _description(said: Prediction | None) -> str:
    placeholder = "In one sentence, if you like" if said is None else "No description"
    return (
        '<div class="va-description"><label for="va-description">The whole face in one sentence '
        '<kbd aria-hidden="true">D</kbd></label>'
        f'<textarea id="va-description" rows="2" maxlength="{MAX_DESCRIPTION}" data-key="d" '
        f'placeholder="{placeholder}"></textarea><small class="va-source"></small>'
        '<p class="va-contradiction" role="alert" hidden></p></div>'
    )
