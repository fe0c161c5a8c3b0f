"""A person's own answers as a list, each with what was said and a way back to it."""

from collections.abc import Sequence
from html import escape

from db.values import Answer, Occurrence, PastResponse, Status, UnitAnswer
from vlfau.action_units import INTENSITY_LETTERS

_STATUS = {Status.DRAFT: "Begun", Status.SUBMITTED: "Submitted", Status.DISCARDED: "Skipped"}


def history_html(past: Sequence[PastResponse]) -> str:
    """One list item each; the script writes the time as the reader's own."""
    return "".join(map(_line, past)) or "<li class='va-none'>You have not answered a face here yet.</li>"


def summary(answer: Answer) -> str:
    """`AU6, AU12 C left present; 18 absent; 1 unsure`; the words of a small space."""
    present = [_present(unit) for unit in answer.units if unit.occurrence == Occurrence.PRESENT]
    parts = [f"{', '.join(present)} present"] if present else []
    for state, word in (("absent", "absent"), ("unsure", "unsure"), ("not_visible", "not visible")):
        count = sum(unit.occurrence == state for unit in answer.units)
        parts += [f"{count} {word}"] if count else []
    return "; ".join(parts) or "nothing marked"


def _present(unit: UnitAnswer) -> str:
    letter = f" {INTENSITY_LETTERS[unit.intensity - 1]}" if unit.intensity else ""
    side = f" {unit.side}" if unit.side in ("left", "right") else ""
    return f"AU{unit.number}{letter}{side}"


def _line(past: PastResponse) -> str:
    said = past.reason if past.status == Status.DISCARDED else summary(past.answer)
    back = (
        f'<button type="button" data-reopen="{past.item_id}">{"Go on" if past.status == Status.DRAFT else "Change"}'
        "</button>"
        if past.can_reopen
        else "<small>A reviewer closed it</small>"
    )
    return (
        f'<li><img loading="lazy" width="72" height="72" src="./faces/{past.item_id}/small.jpg" alt="">'
        f"<div><b>{_STATUS[past.status]}</b> "
        f'<time datetime="{past.at.isoformat()}">{past.at:%Y-%m-%d %H:%M} UTC</time>'
        f"<p>{escape(said or '')}</p></div>{back}</li>"
    )
