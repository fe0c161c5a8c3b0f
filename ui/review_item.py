"""One face under review as HTML: its picture, everybody's answers side by side, and the reviewer's verdict."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from db.review import GivenAnswer, Review
from db.text import MAX_DESCRIPTION
from db.values import ItemState
from ui.review_actions import actions_html
from ui.review_row import row_html
from ui.review_rows import ComparedUnit, Difference, compared_units

STATES = {
    ItemState.OPEN: "waits for answers",
    ItemState.AGREED: "agreed",
    ItemState.DISPUTED: "disputed",
    ItemState.SETTLED: "settled",
    ItemState.GOLD: "a known face",
    ItemState.SET_ASIDE: "set aside",
    ItemState.WITHDRAWN: "withdrawn",
}

_GROUPS = {
    Difference.CONTRADICTED: "They contradict each other",
    Difference.UNDECIDED: "Somebody is not sure or did not answer",
    Difference.DEGREE: "Present for all, but not as strong or not on the same side",
    Difference.NONE: "They agree",
    Difference.UNANSWERED: "Nobody answered",
}
_CONFIRM = '<button type="button" class="vr-confirm" data-do="confirm">Confirm what they agree on <kbd>C</kbd></button>'
_HINT = (
    '<p class="vr-hint" aria-hidden="true"><kbd>↑</kbd> <kbd>↓</kbd> rows <kbd>←</kbd> <kbd>→</kbd> take an answer '
    "<kbd>1</kbd> to <kbd>5</kbd> intensity <kbd>L</kbd> <kbd>B</kbd> <kbd>R</kbd> side <kbd>⌫</kbd> clear "
    "<kbd>N</kbd> next contradiction <kbd>G</kbd> guideline</p>"
)
_MODEL = (
    '<button type="button" class="vr-quiet" data-do="model" aria-pressed="false">Show what the model said '
    "<kbd>M</kbd></button>"
)
_OWN = (
    '<p class="vl-caution">One of these answers is yours. If somebody else can review this face, leave it to them '
    "(<b>Later</b>).</p>"
)
_TO_DECIDE = (Difference.CONTRADICTED, Difference.UNDECIDED, Difference.DEGREE)


def item_html(seen: Review) -> str:
    """The face with everything that was said of it, and all that can be done with it."""
    if seen.state == ItemState.WITHDRAWN:
        return (
            '<p class="vr-empty">The person in this photo withdrew consent. There is nothing to review.</p>'
        )
    return (
        f'<section class="vr-item" data-item="{seen.item_id}" data-mark="{escape(seen.mark)}" '
        f'data-state="{seen.state}" aria-label="Face {seen.item_id}">'
        f'<div class="vr-face">{_picture(seen)}{_story(seen)}{_HINT}</div>'
        f'<div class="vr-sheet">{_people(seen.answers)}{_groups(compared_units(seen), bool(seen.answers))}'
        f"{_description(seen)}{actions_html(seen)}</div></section>"
    )


def why_disputed(contradicted: Sequence[int], skips: int) -> str:
    """`AU4 and AU12 differ`, `2 skipped it`; empty when there is nothing to decide."""
    names = [f"AU{number}" for number in contradicted]
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    parts = [f"{listed} {'differs' if len(names) == 1 else 'differ'}"] if names else []
    return "; ".join(parts + ([f"{skips} skipped it"] if skips else []))


def _picture(seen: Review) -> str:
    chip, photo = (f"./faces/{seen.item_id}/{name}.jpg" for name in ("chip", "photo"))
    return (
        f'<figure class="vr-picture"><img src="{chip}" data-chip="{chip}" data-photo="{photo}" '
        f'alt="Face {seen.item_id}"></figure><div class="vr-views" role="group" aria-label="Picture">'
        '<button type="button" data-view="chip" aria-pressed="true">Face</button>'
        '<button type="button" data-view="photo" aria-pressed="false">Whole photo <kbd>F</kbd></button></div>'
    )


def _story(seen: Review) -> str:
    """Where the face stands, why, and what was noted about it."""
    why = why_disputed(seen.contradicted, len(seen.skipped))
    skipped = "".join(f"<li>Skipped: {escape(reason)}</li>" for reason in seen.skipped)
    warned = "".join(f"<li>{escape(warning.message)}</li>" for warning in seen.face.warnings)
    note = f"<li>Last verdict: {escape(seen.note)}</li>" if seen.note else ""
    return (
        f'<h2 class="vr-title" tabindex="-1">Face {seen.item_id} <small>{STATES[seen.state]}</small></h2>'
        f'<ul class="vr-story">{f"<li><strong>{escape(why)}</strong></li>" if why else ""}{note}{skipped}{warned}</ul>'
    )


def _people(answers: Sequence[GivenAnswer]) -> str:
    """Who answered, under a number, with a button to take all of one's answers."""
    if not answers:
        return '<p class="vr-empty">Nobody gave an answer. Judge it yourself, ask one more person, or set it aside.</p>'
    people = "".join(
        f"<li><b>{place + 1}</b><span>{escape(one.pseudonym)} "
        f"<small>{one.answer.seconds:.0f} s, {'blind' if one.blind else 'model shown'}"
        f"{', yours' if one.own else ''}</small></span>"
        f'<button type="button" data-take-all="{place}">Take all <kbd>⇧{place + 1}</kbd></button></li>'
        for place, one in enumerate(answers)
    )
    own = _OWN if any(one.own for one in answers) else ""
    return f'<ol class="vr-people" aria-label="Who answered">{people}</ol>{own}{_MODEL}'


def _groups(rows: Sequence[ComparedUnit], answered: bool) -> str:
    """Rows under headings, what differs first; what needs no decision is folded away."""
    undisputed = not any(row.difference in _TO_DECIDE for row in rows)
    parts = []
    for kind, group in groupby(rows, key=lambda row: row.difference):
        members = list(group)
        body = "".join(map(row_html, members))
        title = f"{_GROUPS[kind]} <small>{len(members)}</small>"
        if kind in _TO_DECIDE:
            parts.append(f'<h3 class="vr-heading">{title}</h3>{body}')
        else:
            first = Difference.NONE if answered else Difference.UNANSWERED
            unfolded = (undisputed and kind == first) or any(row.laid_down for row in members)
            confirm = _CONFIRM if kind == Difference.NONE else ""
            parts.append(_folded(f"rows-{int(kind)}", title, confirm + body, unfolded))
    return f'<div class="vr-rows">{"".join(parts)}</div>'


def _folded(name: str, title: str, body: str, unfolded: bool) -> str:
    return (
        f'<details class="vr-folded" data-fold="{name}"{" open" if unfolded else ""}>'
        f'<summary class="vr-heading">{title}</summary>{body}</details>'
    )


def _description(seen: Review) -> str:
    holds = seen.gold or seen.adjudication
    written = [
        (place, one.answer.description) for place, one in enumerate(seen.answers) if one.answer.description
    ]
    model = seen.prediction.description if seen.prediction else None
    lines = "".join(
        f'<li><button type="button" data-sentence="{escape(text)}" title="Take this sentence"><b>{place + 1}</b> '
        f"{escape(text)}</button></li>"
        for place, text in written
    )
    lines += f'<li class="vr-model">Model: {escape(model)}</li>' if model else ""
    text = (holds and holds.description) or ""
    body = (
        f'<ul class="vr-sentences">{lines}</ul><textarea class="vr-description" rows="2" maxlength="{MAX_DESCRIPTION}" '
        'aria-label="Description of the whole face" placeholder="Only if it should be another than the model\'s">'
        f"{escape(text)}</textarea>"
    )
    title = f"The whole face in words <small>{len(written) or 'nobody'} changed it</small>"
    return _folded("words", title, body, unfolded=bool(written or text))
