"""What waits to be learnt as HTML: agreed faces, action unit by action unit, and the form that starts a run."""

from collections.abc import Sequence
from html import escape

from db.text import MAX_NOTE
from db.training_runs import Run
from db.waiting import UnitWaiting, Waiting
from vlfau.action_units import by_number

_WHAT = {
    "fusion": (
        "How the parts are weighed",
        "Minutes, and forgets nothing: the usual choice for some hundred corrections.",
    ),
    "head": ("The heads and the words", "Also learns the sentences that people wrote."),
    "lora": (
        "Also low-rank changes of the stem",
        "For faces that look different: other cameras, other light.",
    ),
    "all": ("Everything", "For many corrections (thousands) and a GPU."),
}


ENOUGH_PEOPLE = 20
"""A quarter of them is tested; of fewer people that is too few to tell a gain from chance."""


def waiting_html(found: Waiting, learnt: Run | None) -> str:
    """How much there is and how much of it is new since the last run that became a version."""
    if not found.agreed:
        return (
            '<section class="vt-card"><h2>Corrections</h2><p class="vt-empty">No face is agreed on yet. A run '
            "needs faces on which enough people say the same, or that a reviewer settled, of at least two people."
            "</p></section>"
        )
    since = f" since {escape(learnt.name)} looked" if learnt else ""
    return (
        '<section class="vt-card"><h2>Corrections</h2><div class="vt-headline">'
        f'<p class="vt-big">{found.new:,}</p><p>{"face is" if found.new == 1 else "faces are"} newly agreed on{since}, '
        f"of {found.agreed:,} in all. Known and blind faces are not counted: nothing is trained on them.</p></div>"
        f"{_people(found.people)}{_units(found)}</section>"
    )


def _people(people: int) -> str:
    """Whose faces they are, and whether that is enough to judge a new version."""
    if people >= ENOUGH_PEOPLE:
        return f"<p>They are of {people:,} people.</p>"
    whose = "one person" if people == 1 else f"{people} people"
    return (
        f"<p>They are of {whose}. A run needs two, since a version is judged on people that it has not learnt from; of "
        f"fewer than {ENOUGH_PEOPLE} the gate can seldom tell a gain from chance, and then it refuses.</p>"
    )


def _units(found: Waiting) -> str:
    new = {unit.number: unit for unit in found.new_units}
    judged = [unit for unit in found.units if unit.present or unit.absent]
    most = max((unit.present + unit.absent for unit in judged), default=1)
    rows = "".join(_unit(unit, new[unit.number], most) for unit in judged)
    without = [f"AU{unit.number}" for unit in found.units if not (unit.present or unit.absent)]
    rest = f'<p class="vt-rest">Nobody judged {", ".join(without)}.</p>' if without else ""
    return (
        '<details class="vt-folded" data-fold="units" open><summary>What they say of each action unit</summary>'
        '<p class="vt-key"><span data-part="present">present</span> <span data-part="absent">absent</span></p>'
        f'<ol class="vt-units vt-waiting">{rows}</ol>{rest}</details>'
    )


def _unit(unit: UnitWaiting, new: UnitWaiting, most: int) -> str:
    known = by_number(unit.number)
    added = new.present + new.absent
    return (
        f'<li><span class="vt-name"><b>AU{unit.number}</b> {escape(known.name)}</span>'
        f'<span class="vt-stack" aria-hidden="true"><i data-part="present" style="width:{unit.present / most:.1%}"></i>'
        f'<i data-part="absent" style="width:{unit.absent / most:.1%}"></i></span>'
        f'<span class="vt-counts">{unit.present:,} present, {unit.absent:,} absent'
        f"<small>{unit.against_model:,} against the model; {added:,} new</small></span></li>"
    )


def start_html(projects: Sequence[str], elsewhere: Sequence[tuple[str, str]] = ()) -> str:
    """For admins: what to train, on which project's corrections, and why; `elsewhere`: what is sent to the Hub."""
    choices = "".join(
        f'<label><input type="radio" name="what" value="{value}"{" checked" if value == "fusion" else ""}> '
        f"<span><b>{title}</b><small>{about}</small></span></label>"
        for value, (title, about) in _WHAT.items()
    )
    options = "".join(f'<option value="{escape(name)}">{escape(name)}</option>' for name in projects)
    project = (
        f'<label class="vt-field">Corrections of <select name="project"><option value="">all projects</option>{options}'
        "</select></label>"
        if len(projects) > 1
        else '<input type="hidden" name="project" value="">'
    )
    return (
        '<section class="vt-card"><h2>Train a new version</h2><form class="vt-form" data-form="start">'
        f"<fieldset><legend>What is trained</legend>{choices}</fieldset>{project}"
        f'<label class="vt-field">Why now <input type="text" name="reason" maxlength="{MAX_NOTE}" '
        'placeholder="For whoever looks at it later"></label>'
        "<p>It begins with the model that comes with the program and learns all agreed corrections anew, beside what "
        "the model knew before. Nothing is served until it has passed the gate and an admin says so.</p>"
        f"{_elsewhere_html(elsewhere)}"
        '<button type="submit" class="vt-main">Start training</button></form></section>'
    )


def _elsewhere_html(entries: Sequence[tuple[str, str]]) -> str:
    """What pressing the button sends to the Hub and starts there; nothing when it trains here."""
    if not entries:
        return ""
    parts = "".join(f"<dt>{escape(what)}</dt><dd>{escape(said)}</dd>" for what, said in entries)
    return (
        "<p><b>It trains on Hugging Face Jobs, which cost money.</b></p>"
        '<details class="vt-folded" data-fold="elsewhere" open><summary>What is sent and started there</summary>'
        f'<dl class="vt-sent" tabindex="0">{parts}</dl></details>'
    )
