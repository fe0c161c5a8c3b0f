"""One training run as HTML: how far it is, its curves, its log, and how it ended."""

from collections.abc import Mapping
from html import escape

from db.training_runs import Run
from finetune.jobs import Progress, Status
from ui.training_figures import loss_charts, unit_sparks
from vlfau.action_units import ACTION_UNITS

NAMES: Mapping[str, str] = {unit.code: unit.label for unit in ACTION_UNITS}

ENDED = {"finished": "finished", "failed": "failed", "cancelled": "was cancelled", "running": "is going"}

_DOING = {
    "preparing": "Reading photos and corrections",
    "training": "Training",
    "validating": "Asking about people it was not trained on",
    "saving": "Calibrating, saving and measuring",
    "finished": "Comparing it with the version in production",
    "failed": "It broke off",
    "cancelled": "Ending",
}
_DIALOG = (
    '<dialog class="vt-dialog" data-dialog="cancel" aria-label="Cancel the run"><h3>Cancel this run?</h3>'
    "<p>What it has learnt so far is lost. The corrections stay, and the version in production goes on serving.</p>"
    '<div class="vt-buttons"><button type="button" class="vt-main" data-do="cancel">Cancel the run</button>'
    '<button type="button" data-do="close">Let it go on</button></div></dialog>'
)


def run_html(progress: Progress, acts: bool) -> str:
    """The run that is going, or the last one; `acts`: who looks may cancel it."""
    run = progress.run
    title = "The run that is going" if not run.is_over else "The last run"
    return (
        f'<section class="vt-card" data-card="run"><h2>{title} <small>{escape(run.name)}</small></h2>'
        '<div class="vt-live" '
        f'aria-live="off">{live_html(progress, acts)}</div>{_DIALOG if not run.is_over else ""}</section>'
    )


def live_html(progress: Progress, acts: bool) -> str:
    """What changes while it goes."""
    run = progress.run
    state = _ended(run) if run.is_over else _going(run, progress.status, acts)
    curves = loss_charts(progress.history)
    sparks = unit_sparks(progress.history, NAMES)
    units = (
        f"<h3>F1 of each action unit on validation people, and the change since the base</h3>{sparks}"
        if sparks
        else ""
    )
    log = (
        f'<details class="vt-folded" data-fold="log"><summary>The end of its log</summary>'
        f'<pre tabindex="0">{escape(progress.log)}</pre></details>'
        if progress.log
        else ""
    )
    return f"{state}{curves}{units}{log}"


def _going(run: Run, status: Status | None, acts: bool) -> str:
    share = status.step / status.of if status and status.of else 0.0
    doing = _DOING[status.state] if status else "Starting"
    doing = "Ending, because it was cancelled" if run.cancel_at else doing
    button = (
        '<button type="button" data-do="ask-cancel">Cancel …</button>' if acts and not run.cancel_at else ""
    )
    return (
        f'<div class="vt-progress"><div><p role="status"><b>{doing}</b> {_where(status)}</p>'
        f'<progress max="1" value="{share:.4f}" aria-label="Share of the steps that are done">{share:.0%}</progress>'
        f"<p><small>{_why(run)}</small></p></div>{button}</div>"
    )


def _where(status: Status | None) -> str:
    if status is None or not status.of:
        return ""
    parts = [f"step {status.step:,} of at most {status.of:,}"]
    if status.eta_s is not None and status.state in ("training", "validating"):
        parts.append(f"at most {duration(status.eta_s)} left")
    if status.loss is not None:
        parts.append(f"loss {status.loss:.3f}")
    return ", ".join(parts)


def _ended(run: Run) -> str:
    took = duration((run.ended_at - run.started_at).total_seconds()) if run.ended_at else ""
    when = f" {run.ended_at:%Y-%m-%d %H:%M} UTC, after {took}" if run.ended_at else ""
    message = f'<p class="vt-said" data-state="{run.state}">{escape(run.message)}</p>' if run.message else ""
    return f"<p>It {ENDED[run.state]}{when}. <small>{_why(run)}</small></p>{message}"


def _why(run: Run) -> str:
    who = escape(run.started_by) if run.started_by else "the operator or the schedule"
    when = f"{run.started_at:%Y-%m-%d %H:%M} UTC"
    return f"{escape(run.reason)} Started by {who}, {when}, with {run.corrections:,} agreed faces."


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 5 min`."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
