"""One action unit under review as HTML: what everybody said of it, and the controls of the verdict."""

import json
from html import escape

from db.text import MAX_SENTENCE
from db.typed import sentence_of_marks
from db.values import Occurrence, Side, UnitAnswer
from ui.bars import percent
from ui.review_rows import ComparedUnit
from vlfau.action_units import INTENSITY_LETTERS, intensity_letter

WORDS = {
    Occurrence.PRESENT: "Present",
    Occurrence.ABSENT: "Absent",
    Occurrence.UNSURE: "Unsure",
    Occurrence.NOT_VISIBLE: "Not visible",
}
SIDES = {Side.LEFT: "left", Side.RIGHT: "right", Side.BOTH: "both"}

_KEYS = {Occurrence.PRESENT: "P", Occurrence.ABSENT: "A", Occurrence.UNSURE: "U", Occurrence.NOT_VISIBLE: "V"}


def said_in_words(answer: UnitAnswer | None) -> str:
    """`present, C, left`; how one answer reads in a small space."""
    if answer is None or answer.occurrence is None:
        return "no answer"
    strength = [INTENSITY_LETTERS[answer.intensity - 1]] if answer.intensity else []
    side = [SIDES[answer.side]] if answer.side else []
    return ", ".join([WORDS[answer.occurrence].lower(), *strength, *side])


def row_html(row: ComparedUnit) -> str:
    """One action unit: its name, a button per answer that takes it over, the verdict, what people wrote."""
    label = escape(row.unit.label)
    said = "".join(_pill(answer, place) for place, answer in enumerate(row.answers))
    lines = "".join(f"<li><b>{place + 1}</b> {escape(text)}</li>" for place, text in row.sentences)
    sentences = f'<ul class="vr-sentences">{lines}</ul>' if lines else ""
    text = escape((row.laid_down and row.laid_down.text) or "")
    common = f" data-common='{_as_json(row.common)}'" if row.common else ""
    return (
        f'<div class="vr-row" role="group" aria-label="{label}" tabindex="-1" data-number="{row.unit.number}" '
        f'data-kind="{int(row.difference)}" data-text="{text}" title="{escape(row.unit.present)}"{common}>'
        f'<div class="vr-unit"><button type="button" data-guideline="{row.unit.number}" title="Guideline">'
        f"<b>AU{row.unit.number}</b> {escape(row.unit.name)}</button>{_model(row)}</div>"
        f'<div class="vr-answers">{said}</div>{_verdict(row, label)}'
        f"{sentences}</div>"
    )


def _model(row: ComparedUnit) -> str:
    """What the model said; the page shows it only when the reviewer asks."""
    if row.predicted is None:
        return ""
    strength = intensity_letter(row.predicted.intensity) if row.predicted.intensity is not None else None
    letter = f", {strength}" if row.predicted.active and strength else ""
    state = "present" if row.predicted.active else "absent"
    return f'<small class="vr-model">Model: {state}, {percent(row.predicted.probability)}{letter}</small>'


def _pill(answer: UnitAnswer | None, place: int) -> str:
    """One person's answer; pressing it takes it over."""
    words = said_in_words(answer)
    if answer is None or answer.occurrence is None:
        return f'<span class="vr-said" data-kind="none"><b>{place + 1}</b> {words}</span>'
    return (
        f'<button type="button" class="vr-said" data-kind="{answer.occurrence}" data-person="{place}" '
        f"data-take='{_as_json(answer)}' title=\"Take this answer\"><b>{place + 1}</b> {words}</button>"
    )


def _verdict(row: ComparedUnit, label: str) -> str:
    """The reviewer's own answer to one action unit, as it holds so far."""
    holds = row.laid_down
    chosen = holds.occurrence if holds else None
    choices = "".join(
        _choice("occurrence", state, f"{word} <kbd>{_KEYS[state]}</kbd>", chosen == state)
        for state, word in WORDS.items()
    )
    letters = "".join(
        _choice("intensity", step, letter, bool(holds and holds.intensity == step))
        for step, letter in enumerate(INTENSITY_LETTERS, 1)
    )
    sides = "".join(
        _choice("side", side, word.capitalize(), bool(holds and holds.side == side))
        for side, word in SIDES.items()
    )
    sided = f'<span class="vr-sides" role="group" aria-label="Side, the person\'s own">{sides}</span>'
    wordy = row.sentences or (holds and holds.text and holds.text != sentence_of_marks(holds))
    sentence = (
        f'<input class="vr-text" type="text" maxlength="{MAX_SENTENCE}" aria-label="Sentence about {label}" '
        f'placeholder="Sentence, if it should be another" value="{escape((holds and holds.text) or "")}">'
    )
    return (
        f'<div class="vr-verdict" role="group" aria-label="Verdict on {label}">'
        f'<span class="vr-choices">{choices}</span>'
        f'<span class="vr-degree"><span class="vr-letters" role="group" aria-label="Intensity">{letters}</span>'
        f"{sided if row.unit.has_sides else ''}</span>{sentence if wordy else ''}</div>"
    )


def _choice(name: str, value: object, text: str, chosen: bool) -> str:
    pressed = str(chosen).lower()
    return f'<button type="button" data-set="{name}" value="{value}" aria-pressed="{pressed}">{text}</button>'


def _as_json(answer: UnitAnswer) -> str:
    """For an attribute in single quotes: what the page puts into the verdict when it takes this answer."""
    values = {
        "occurrence": answer.occurrence,
        "intensity": answer.intensity,
        "side": answer.side,
        "text": answer.text,
    }
    return escape(json.dumps(values))
