"""A new version beside the one in production as HTML: the gate's word, each action unit, and how production moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from db.registry import Compared, Move, Version
from db.text import MAX_NOTE
from ui.training_figures import duel, gain, number
from vlfau.action_units import by_number

_MARKS = {True: ("✓", "yes"), False: ("✗", "no"), None: ("–", "not looked at")}


@dataclass(frozen=True)
class Standing:
    """Which versions there are, and how they compare."""

    production: Version | None
    """None: the checkpoint that comes with the program."""
    candidate: Version | None
    before: Version | None
    """Where a roll-back would lead."""
    shown: Compared | None
    """The comparison that is looked at."""
    comparisons: tuple[Compared, ...]
    moves: tuple[Move, ...]
    """Of production, newest first."""
    problem: str | None
    """Why the version in production does not serve."""

    @property
    def serves(self) -> str:
        return self.production.name if self.production else "the version that comes with the program"

    def line_html(self) -> str:
        """Who serves and who asks to, in a line."""
        asks = ""
        if self.candidate is not None and (
            self.production is None or self.candidate.id != self.production.id
        ):
            asks = f" <span>Candidate: <b>{escape(self.candidate.name)}</b></span>"
        return f'<p class="vt-serving"><span>In production: <b>{escape(self.serves)}</b></span>{asks}</p>'

    def problem_html(self) -> str:
        """What keeps the version in production from serving."""
        if self.problem is None:
            return ""
        said = f"The page still answers with another version. {escape(self.problem)}"
        return f'<p class="vt-notice" role="alert">{said}</p>'


def candidate_html(standing: Standing, acts: bool) -> str:
    """The second tab; `acts`: who looks may promote and roll back."""
    shown = standing.shown
    if shown is None:
        body = (
            '<section class="vt-card"><h2>No new version yet</h2><p class="vt-empty">A run makes one, and the '
            "gate compares it with the version in production, on faces of people whom neither was trained on."
            "</p></section>"
        )
    else:
        body = _verdict(standing, shown, acts) + _units(shown.report)
    return body + _history(standing, acts)


# ---- what the gate says


def _verdict(standing: Standing, shown: Compared, acts: bool) -> str:
    report = shown.report
    is_served = standing.production is not None and shown.candidate == standing.production.name
    title = (
        f"{escape(shown.candidate)} serves"
        if is_served
        else f"{escape(shown.candidate)} {'passed the gate' if shown.passed else 'did not pass the gate'}"
    )
    rules = "".join(
        f'<li data-passed="{str(rule["passed"]).lower()}"><span class="vt-mark" role="img" '
        f'aria-label="{_MARKS[rule["passed"]][1]}">{_MARKS[rule["passed"]][0]}</span>'
        f" {escape(rule['sentence'])}</li>"
        for rule in sorted(report["rules"], key=lambda rule: rule["passed"] is not False)
    )
    buttons = "" if is_served or not acts else _promote(standing, shown)
    return (
        f'<section class="vt-card"><h2>{title}</h2><p>Compared with <b>{escape(shown.champion)}</b> on '
        f"{shown.at:%Y-%m-%d} at {shown.at:%H:%M} UTC: on {_asked(report['held_out'], 'corrected ')}, and on "
        f"{_asked(report['base'])} of the base's test set."
        f'</p><ol class="vt-rules">{rules}</ol>{buttons}</section>'
    )


def _asked(on: Mapping[str, Any], kind: str = "") -> str:
    faces, people = on["faces"], on["people"]
    return f"{faces:,} {kind}face{'s' * (faces != 1)} of {people:,} {'person' if people == 1 else 'people'}"


def _promote(standing: Standing, shown: Compared) -> str:
    outdated = standing.production is not None and shown.champion != standing.production.name
    if outdated:
        return (
            f'<p class="vt-rest">{escape(standing.serves)} is in production by now, and this comparison was '
            "with another version. Train anew, or compare on the command line: "
            f"<code>python -m finetune.gate --candidate {escape(shown.candidate)} --record</code></p>"
        )
    version = escape(shown.candidate)
    reason = (
        f'<label class="vt-field">Why <input type="text" name="reason" maxlength="{MAX_NOTE}" '
        f'placeholder="It stays in the list of moves"{"" if shown.passed else " required"}></label>'
    )
    if shown.passed:
        title, said, press, force = (
            f"Serve {version}?",
            "From now on every photo is read by this version; requests that are under way end on the one they "
            "began with. "
            "You can go back with one press.",
            "Serve it",
            "false",
        )
        button = '<button type="button" class="vt-main" data-do="ask-promote">Promote it …</button>'
    else:
        title, said, press, force = (
            f"Serve {version} although the gate says no?",
            "This stays in the list of moves with your name and your reason. You can go back with one press.",
            "Serve it all the same",
            "true",
        )
        button = '<button type="button" data-do="ask-promote">Promote it all the same …</button>'
    return (
        f'<div class="vt-buttons">{button}</div>'
        f'<dialog class="vt-dialog" data-dialog="promote" aria-label="Promote"><form data-form="promote" '
        f'data-version="{version}" data-force="{force}"><h3>{title}</h3><p>{said}</p>{reason}'
        f'<div class="vt-buttons"><button type="submit" class="vt-main">{press}</button>'
        '<button type="button" data-do="close">Not now</button></div></form></dialog>'
    )


# ---- action unit by action unit


def _units(report: Mapping[str, Any]) -> str:
    held_out = report["held_out"]
    macro = held_out["f1_macro"]
    rows = "".join(_unit(code, found) for code, found in held_out["action_units"].items() if found["present"])
    if not rows:
        return ""
    unseen = [_plain(code) for code, found in held_out["action_units"].items() if not found["present"]]
    rest = f'<p class="vt-rest">Nobody of these people shows {", ".join(unseen)}.</p>' if unseen else ""
    mean = f'<li class="vt-mean"><span class="vt-name"><b>Mean</b></span>{_pair(macro)}</li>'
    return (
        '<section class="vt-card"><h2>F1 on held-out corrections</h2>'
        f'<p class="vt-key"><span data-who="champion">{escape(report["champion"])}</span> '
        f'<span data-who="candidate">{escape(report["candidate"])}</span> with 95 % intervals, from 0 to 1</p>'
        f'<ol class="vt-units vt-duels">{mean}{rows}</ol>{rest}{_groups(report["groups"])}</section>'
    )


def _unit(code: str, found: Mapping[str, Any]) -> str:
    unit = by_number(int(code[2:]))
    return (
        f'<li><span class="vt-name"><b>{_plain(code)}</b> {escape(unit.name)} <small>{found["present"]:,} of '
        f"{found['known']:,} show "
        f"it</small></span>{_pair(found['f1'])}</li>"
    )


def _pair(pair: Mapping[str, Sequence[float | None]]) -> str:
    """Both figures, their intervals, and the gain."""
    both = f"{number(pair['champion'][0])} → {number(pair['candidate'][0])}"
    return f'<span class="vt-from">{both}</span>{duel(pair)}{gain(pair["gain"])}'


def _groups(groups: Mapping[str, Any]) -> str:
    if not groups:
        return ""
    rows = "".join(
        f'<li><span class="vt-name"><b>{escape(name)}</b> <small>{found["people"]} people</small></span>'
        f"{_pair(found['f1_macro'])}</li>"
        for name, found in groups.items()
    )
    return f'<h3>Groups, mean F1</h3><ol class="vt-units vt-duels">{rows}</ol>'


def _plain(code: str) -> str:
    return f"AU{int(code[2:])}"


# ---- moves


def _history(standing: Standing, acts: bool) -> str:
    if not standing.moves:
        return ""
    moves = "".join(_move(move) for move in standing.moves)
    back = _roll_back(standing.before) if acts and standing.before else ""
    title = "<h2>What has been in production</h2>"
    return f'<section class="vt-card">{title}{back}<ol class="vt-moves">{moves}</ol></section>'


def _move(move: Move) -> str:
    how = " <em>rolled back</em>" if move.rolled_back else " <em>against the gate</em>" if move.forced else ""
    return (
        f"<li><b>{escape(move.version)}</b>{how} <small>{move.at:%Y-%m-%d %H:%M} UTC, "
        f"{escape(move.by or 'the operator or the schedule')}</small><span>{escape(move.reason)}</span></li>"
    )


def _roll_back(before: Version) -> str:
    name = escape(before.name)
    return (
        f'<div class="vt-buttons"><button type="button" data-do="ask-back">Roll back to {name} …</button></div>'
        '<dialog class="vt-dialog" data-dialog="back" aria-label="Roll back"><form data-form="back">'
        f"<h3>Go back to {name}?</h3><p>It serves again within seconds. The other version stays registered.</p>"
        f'<label class="vt-field">Why <input type="text" name="reason" maxlength="{MAX_NOTE}" '
        'placeholder="What went wrong"></label><div class="vt-buttons"><button type="submit" class="vt-main">Roll back'
        '</button><button type="button" data-do="close">Not now</button></div></form></dialog>'
    )
