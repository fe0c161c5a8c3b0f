"""All runs and versions of the Training page as HTML: what each learnt from, what came of it, and what was decided."""

from collections.abc import Sequence
from html import escape

from db.registry import Version
from db.training_runs import Run
from ui.training_candidate import Standing
from ui.training_figures import number
from ui.training_run import ENDED, duration


def runs_html(past: Sequence[Run], versions: Sequence[Version], standing: Standing) -> str:
    """Newest first."""
    of_run = {version.run_id: version for version in versions if version.run_id}
    runs = "".join(_run(run, of_run.get(run.id), standing) for run in past)
    others = "".join(_other(version, standing) for version in versions if not version.run_id)
    return (
        '<section class="vt-card"><h2>Runs</h2>'
        + (
            f'<ol class="vt-runs">{runs}</ol>'
            if runs
            else '<p class="vt-empty">There has been no run yet.</p>'
        )
        + (
            f'</section><section class="vt-card"><h2>Other versions</h2><ol class="vt-runs">{others}</ol>'
            if others
            else ""
        )
        + "</section>"
    )


def _run(run: Run, version: Version | None, standing: Standing) -> str:
    took = f", {duration((run.ended_at - run.started_at).total_seconds())}" if run.ended_at else ""
    what = run.config.get("train_what", "fusion")
    trained = {
        "fusion": "weighing only",
        "head": "heads and words",
        "lora": "low-rank changes",
        "all": "everything",
    }.get(what, what)
    return (
        f'<li data-state="{run.state}"><div><b>{escape(run.name)}</b> {_decision(run, version, standing)}'
        f"<small>{run.started_at:%Y-%m-%d %H:%M} UTC{took}; {run.corrections:,} agreed faces; "
        f"{escape(trained)}</small></div>"
        f"<p>{escape(run.reason)}</p>{_figures(version, standing)}{_message(run, version)}</li>"
    )


def _message(run: Run, version: Version | None) -> str:
    """Why there is no version; with one, the gate's word stands on the second tab."""
    return (
        f'<p class="vt-said" data-state="{run.state}">{escape(run.message)}</p>'
        if run.message and not version
        else ""
    )


def _other(version: Version, standing: Standing) -> str:
    hub = (
        f"; {escape(version.repository)} at {escape(version.revision or '')[:12]} on the Hub"
        if version.repository
        else ""
    )
    return (
        f"<li><div><b>{escape(version.name)}</b> {_mark(version, standing)}<small>registered "
        f"{version.added_at:%Y-%m-%d %H:%M} UTC; {version.size_bytes / 1e6:.1f} MB{hub}</small></div>"
        f"{_figures(version, standing)}</li>"
    )


def _decision(run: Run, version: Version | None, standing: Standing) -> str:
    if version is None:
        return f'<span class="vt-tag" data-tag="{run.state}">{ENDED[run.state]}</span>'
    return _mark(version, standing)


def _mark(version: Version, standing: Standing) -> str:
    """What became of a version."""
    if standing.production is not None and version.id == standing.production.id:
        return '<span class="vt-tag" data-tag="production">in production</span>'
    if any(move.version == version.name for move in standing.moves):
        return '<span class="vt-tag">was in production</span>'
    compared = next((found for found in standing.comparisons if found.candidate == version.name), None)
    if compared is None:
        return '<span class="vt-tag">not compared</span>'
    return (
        '<span class="vt-tag" data-tag="passed">passed the gate</span>'
        if compared.passed
        else '<span class="vt-tag" data-tag="failed">the gate says no</span>'
    )


def _figures(version: Version | None, standing: Standing) -> str:
    """The main figure of its newest comparison, and the way to all of them."""
    compared = next(
        (found for found in standing.comparisons if version and found.candidate == version.name), None
    )
    if version is None or compared is None:
        return ""
    macro = compared.report["held_out"]["f1_macro"]
    base = compared.report["base"]["f1_macro"]
    return (
        f"<p>Mean F1 on held-out corrections {number(macro['champion'][0], 3)} → {number(macro['candidate'][0], 3)}, "
        f"on the base's test set {number(base['champion'][0], 3)} → {number(base['candidate'][0], 3)} "
        f'<button type="button" class="vt-quiet" data-compare="{escape(version.name)}">Compare</button></p>'
    )
