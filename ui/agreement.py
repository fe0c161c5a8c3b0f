"""The Agreement tab as HTML: how well people agree, whom to believe, and how much seeing the model sways them."""

import math
from collections.abc import Sequence
from html import escape

from db.measures import Agreement, Anchoring, AnnotatorRecord, UnitAgreement
from ui.agreement_reports import AT_ONCE, COUNTED, Latest, Measured
from ui.agreement_words import EXPLAINED, Explained
from vlfau.action_units import by_number

_UNDEFINED = (
    '<span class="vr-none" title="Not defined: too few answers, or only one value was ever given">–</span>'
)
_UNIT_COLUMNS = (
    "items",
    "prevalence",
    "raw_agreement",
    "cohen_kappa",
    "fleiss_kappa",
    "randolph_kappa",
    "alpha_nominal",
    "alpha_ordinal",
)
_PEOPLE_COLUMNS = ("sensitivity", "specificity", "informedness", "gold", "seconds", "expired")


def agreement_html(latest: Latest, project: int) -> str:
    """The last measurement of a project, or how to make the first."""
    made = latest.measured
    if latest.answers == 0:
        body = '<p class="vr-empty">Nobody has submitted an answer yet, so there is nothing to measure.</p>'
    elif made is None:
        body = _first(latest.answers)
    else:
        body = _made(made, latest.answers, project) + report_html(made.report)
    return f'<section class="vr-agreement" aria-label="Agreement">{body}</section>'


def report_html(report: Agreement) -> str:
    """All tables of a report, and the explanations that their heads open."""
    explanations = "".join(_explanation(key, one) for key, one in EXPLAINED.items())
    return (
        f"{_headline(report)}<h2>Action units</h2>{_few(report)}{_units(report.units)}"
        f"<h2>Annotators</h2>{_people(report.annotators)}"
        f"<h2>The pull of the model</h2>{_pull(report.anchoring)}{explanations}"
    )


def _first(answers: int) -> str:
    """Small projects are measured by the page itself, at once."""
    at_once = ' data-at-once="true"' if answers <= AT_ONCE else ""
    return (
        f'<div class="vr-measure"{at_once}><p>There are {_count(answers)} answers to compare. '
        f"{'This takes a moment.' if answers <= AT_ONCE else 'That can take a minute or more.'}</p>"
        '<button type="button" class="vr-main" data-do="measure">Measure agreement</button></div>'
    )


def _made(made: Measured, answers: int, project: int) -> str:
    newer = answers - made.answers
    since = f" {newer} answers came since." if newer > 0 else ""
    files = "".join(
        f'<a download href="./review/{name}?project={project}">{title}</a>'
        for title, name in (
            ("All as JSON", "agreement.json"),
            ("Action units as CSV", "agreement-units.csv"),
            ("Annotators as CSV", "agreement-annotators.csv"),
        )
    )
    return (
        f'<div class="vr-measured"><p>Measured on {made.at:%Y-%m-%d %H:%M} UTC from {_count(made.answers)} answers.'
        f'{since}</p><button type="button" data-do="measure">Measure again</button>'
        f'<span class="vr-files">{files}</span></div>'
    )


def _headline(report: Agreement) -> str:
    if report.faces == 0:
        return (
            '<p class="vr-empty">No face has two answers yet, so people cannot be compared. '
            "Known faces do not count here.</p>"
        )
    low, high = _number(report.facs_index_low), _number(report.facs_index_high)
    return (
        f'<div class="vr-headline"><p class="vr-big">{_number(report.facs_index)}</p><div>{_term("facs_index")}'
        f"<p>95 % interval {low} to {high}, from {report.faces} face{'' if report.faces == 1 else 's'} "
        "with at least two answers. Known faces are not among them.</p></div></div>"
    )


def _few(report: Agreement) -> str:
    """What to keep in mind while there is little data."""
    if not 0 < report.faces < 30:
        return ""
    return (
        '<p class="vl-caution">These are few faces. The coefficients can jump with each new answer; '
        "look at the intervals.</p>"
    )


def _units(units: Sequence[UnitAgreement]) -> str:
    judged = [unit for unit in units if unit.items]
    unjudged = [f"AU{unit.number}" for unit in units if not unit.items]
    rows = "".join(_unit(unit) for unit in judged)
    rest = f'<p class="vr-rest">No face with two answers yet: {", ".join(unjudged)}.</p>' if unjudged else ""
    return (_table("vr-units", "Action unit", _UNIT_COLUMNS, rows) if judged else "") + rest


def _unit(unit: UnitAgreement) -> str:
    about = by_number(unit.number)
    cells = [
        str(unit.items),
        _share(unit.prevalence),
        _share(unit.raw_agreement),
        _number(unit.cohen_kappa),
        _number(unit.fleiss_kappa),
        _number(unit.randolph_kappa),
        _interval(unit.alpha_nominal, unit.alpha_nominal_low, unit.alpha_nominal_high),
        _interval(unit.alpha_ordinal, unit.alpha_ordinal_low, unit.alpha_ordinal_high),
    ]
    return _table_row(f"<b>AU{about.number}</b> {escape(about.name)}", _UNIT_COLUMNS, cells)


def _people(people: Sequence[AnnotatorRecord]) -> str:
    if not people:
        return '<p class="vr-empty">Nobody has answered yet.</p>'
    return _table("vr-annotators", "Annotator", _PEOPLE_COLUMNS, "".join(map(_person, people)))


def _person(person: AnnotatorRecord) -> str:
    cells = [
        _number(person.sensitivity),
        _number(person.specificity),
        _number(person.informedness),
        f"{_share(person.gold_accuracy)} <small>of {person.gold_judgements}</small>",
        f"{person.seconds:.0f} s",
        f"{person.expired} <small>of {person.leases}</small>",
    ]
    name = f"<b>{escape(person.pseudonym)}</b> <small>{person.responses} answers</small>"
    return _table_row(name, _PEOPLE_COLUMNS, cells)


def _pull(pull: Anchoring) -> str:
    """Whether people say what the model says because they see it."""
    if not math.isfinite(pull.effect):
        return (
            '<p class="vr-empty">Not measured yet: it takes answers to faces that were drawn to be shown with the '
            "model's reading and to faces that were drawn to be shown without it.</p>"
        )
    sign = "more" if pull.effect >= 0 else "less"
    return (
        f'<div class="vr-headline"><p class="vr-big">{pull.effect * 100:+.0f} points</p><div><p>People who see the '
        f"model's reading agree with it {abs(pull.effect) * 100:.0f} percentage points {sign} often: "
        f"{_share(pull.agreement_shown)} of {pull.judgements_shown:,} marks against {_share(pull.agreement_blind)} of "
        f"{pull.judgements_blind:,} without it. 95 % interval {pull.effect_low * 100:+.0f} to "
        f"{pull.effect_high * 100:+.0f} points. Which faces are shown without it is drawn by chance, so the difference "
        f"is the effect of seeing it.</p>{_errors_taken_over(pull)}</div></div>"
    )


def _errors_taken_over(pull: Anchoring) -> str:
    shown, blind = pull.errors_taken_over_shown, pull.errors_taken_over_blind
    if not (math.isfinite(shown) and math.isfinite(blind)):
        return ""
    return (
        f"<p>Where the model is wrong on faces that are known by now, people repeated its error in {_share(shown)} of "
        f"the marks when they saw it, and in {_share(blind)} when they did not.</p>"
    )


def _table(style: str, first: str, columns: Sequence[str], rows: str) -> str:
    heads = "".join(f'<th scope="col">{_term(key)}</th>' for key in columns)
    return (
        f'<table class="vr-table {style}"><thead><tr><th scope="col">{first}</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _table_row(name: str, columns: Sequence[str], cells: Sequence[str]) -> str:
    """On a phone, which shows no heads, each value has its own."""
    shown = "".join(
        f"<td>{_term(key, 'vr-label')}<span>{cell}</span></td>"
        for key, cell in zip(columns, cells, strict=True)
    )
    return f'<tr><th scope="row">{name}</th>{shown}</tr>'


def _term(key: str, style: str = "") -> str:
    title = escape(EXPLAINED[key].title)
    return f'<button type="button" class="vr-term {style}" popovertarget="vr-about-{key}">{title}</button>'


def _explanation(key: str, about: Explained) -> str:
    source = f"<p><small>{escape(about.source)}</small></p>" if about.source else ""
    return (
        f'<div class="vr-about" id="vr-about-{key}" popover><h3>{escape(about.name)}</h3><p>{escape(about.says)}</p>'
        f'<p>{escape(about.reading)}</p>{source}<button type="button" popovertarget="vr-about-{key}" '
        'popovertargetaction="hide">Close</button></div>'
    )


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-0.00", "0.00") if math.isfinite(value) else _UNDEFINED


def _share(value: float) -> str:
    return f"{value * 100:.0f} %" if math.isfinite(value) else _UNDEFINED


def _interval(value: float, low: float, high: float) -> str:
    """The value, and a bar from 0 to 1 on which its interval lies."""
    if not math.isfinite(value):
        return _UNDEFINED
    if not (math.isfinite(low) and math.isfinite(high)):
        return _number(value)
    left, right, middle = (min(max(number, 0.0), 1.0) for number in (low, high, value))
    return (
        f'{_number(value)} <span class="vr-interval" title="95 %: {low:.2f} to {high:.2f}">'
        f'<i style="left:{left:.0%};width:{right - left:.0%}"></i><b style="left:{middle:.0%}"></b></span>'
    )


def _count(number: int) -> str:
    return f"{number:,}{' or more' if number >= COUNTED else ''}"
