"""Small figures of the Training page as HTML and SVG: numbers, intervals side by side, and curves over a run."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Point = tuple[float, float]

_WIDTH, _HEIGHT = 560.0, 170.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, 8.0, 8.0, 24.0
_SPARK_WIDTH, _SPARK_HEIGHT = 120.0, 30.0
_LOSSES = {"loss": "Loss on the corrections", "validation_loss": "Loss on validation people"}
_NONE = '<span class="vt-none" title="Not defined: nobody of those asked about shows it">–</span>'


def number(value: float | None, digits: int = 2) -> str:
    """A figure, or a dash where there is none."""
    if value is None or not math.isfinite(value):
        return _NONE
    return f"{value:.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)


def gain(found: Sequence[float | None]) -> str:
    """A gain with its interval: `+0.06`, sure when its interval leaves 0 out."""
    value, low, high = found
    if value is None:
        return _NONE
    if low is None or high is None:
        return f'<span class="vt-gain">{_signed(value)}</span>'
    kind = "up" if low > 0 else "down" if high < 0 else "open"
    said = {"up": "better", "down": "worse", "open": "may be chance"}[kind]
    interval = f"<small>{_signed(low)} to {_signed(high)}, {said}</small>"
    return f'<span class="vt-gain" data-kind="{kind}"><b>{_signed(value)}</b> {interval}</span>'


def _signed(value: float) -> str:
    """`+0.06`; what is too small to be shown has no minus."""
    return f"{value:+.2f}".replace("-0.00", "+0.00")


def duel(pair: Mapping[str, Sequence[float | None]]) -> str:
    """Two figures of 0-1 with their intervals, one above the other on the same scale."""
    bars = "".join(_bar(name, pair[name]) for name in ("champion", "candidate"))
    return f'<span class="vt-duel" aria-hidden="true">{bars}</span>'


def _bar(name: str, found: Sequence[float | None]) -> str:
    value, low, high = (None if part is None else min(max(part, 0.0), 1.0) for part in found)
    if value is None:
        return f'<span data-who="{name}"></span>'
    between = "" if low is None or high is None else f'<i style="left:{low:.1%};width:{high - low:.1%}"></i>'
    return f'<span data-who="{name}">{between}<b style="left:{value:.1%}"></b></span>'


# ---- curves


def loss_charts(history: Sequence[Mapping[str, Any]]) -> str:
    """Loss on the corrections and on validation people against the step, each on its own scale: the first is the joint
    loss, the second that of the action units alone. Empty until there is something to draw."""
    lines = {
        "loss": _points(history, "loss"),
        "validation_loss": _changes(_points(history, "validation_loss")),
    }
    last = max((x for line in lines.values() for x, _ in line), default=0.0)
    drawn = "".join(_chart(name, line, max(last, 1.0)) for name, line in lines.items() if len(line) > 1)
    return f'<div class="vt-charts">{drawn}</div>' if drawn else ""


def _chart(name: str, line: Sequence[Point], last: float) -> str:
    low, high = min(y for _, y in line), max(y for _, y in line)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    dots = "".join(
        f'<circle class="vt-dot" data-line="{name}" r="3.5" cx="{_x(x, last):.1f}" cy="{_y(y, low, high):.1f}"/>'
        for x, y in (line[-1:] if name == "loss" else line)
    )
    grid = "".join(_grid_line(low + share * (high - low), low, high) for share in (0.0, 0.5, 1.0))
    said = f"{_LOSSES[name]} from {line[0][1]:.3f} to {line[-1][1]:.3f}"
    return (
        f'<figure class="vt-chart"><figcaption>{_LOSSES[name]}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{said}">{grid}'
        f'<text x="{_LEFT:g}" y="{_HEIGHT - 6:g}">0</text>'
        f'<text x="{_WIDTH - _RIGHT:g}" y="{_HEIGHT - 6:g}" text-anchor="end">step {last:.0f}</text>'
        f'<polyline class="vt-line" data-line="{name}" points="{_path(line, last, low, high)}"/>{dots}</svg></figure>'
    )


def unit_sparks(history: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    """F1 of each action unit over the epochs, and how far it came since the base; `names` code -> name.

    Without those that no validation person shows.
    """
    epochs = _epochs(history)
    cards = []
    for code, name in names.items():
        line = [
            (float(at), found["f1"][code])
            for at, found in enumerate(epochs)
            if found["f1"].get(code) is not None
        ]
        if line:
            cards.append(_spark(code, name, line, max(len(epochs) - 1, 1)))
    return f'<ul class="vt-sparks">{"".join(cards)}</ul>' if cards else ""


def _epochs(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The last word on each epoch that has figures of action units."""
    latest: dict[Any, Mapping[str, Any]] = {}
    before: Any = None
    for found in history:
        if found.get("f1") and found["f1"] != before:  # the figures of an epoch stay until those of the next
            latest[found.get("epoch")] = found
            before = found["f1"]
    return list(latest.values())


def _spark(code: str, name: str, line: Sequence[Point], last: float) -> str:
    change = f"<small>{_signed(line[-1][1] - line[0][1])}</small>" if len(line) > 1 else "<small></small>"
    points = " ".join(
        f"{2 + x / last * (_SPARK_WIDTH - 6):.1f},{2 + (1 - y) * (_SPARK_HEIGHT - 4):.1f}" for x, y in line
    )
    end_x, end_y = points.split(" ")[-1].split(",")
    return (
        f'<li title="{escape(name)}"><b>{_plain(code)}</b><span>{line[-1][1]:.2f}</span>{change}'
        f'<svg viewBox="0 0 {_SPARK_WIDTH:g} {_SPARK_HEIGHT:g}" aria-hidden="true"><polyline class="vt-line" '
        f'data-line="loss" points="{points}"/><circle class="vt-dot" data-line="loss" r="3" cx="{end_x}" cy="{end_y}"/>'
        "</svg></li>"
    )


def _plain(code: str) -> str:
    """`AU04` as people write it."""
    return f"AU{int(code[2:])}"


def _points(history: Sequence[Mapping[str, Any]], name: str) -> list[Point]:
    found: dict[float, float] = {}
    for entry in history:
        if isinstance(entry.get(name), int | float):
            found[float(entry.get("step") or 0)] = float(entry[name])
    return sorted(found.items())


def _changes(line: Sequence[Point]) -> list[Point]:
    """Without what only repeats the figure before: that of an epoch stays until the next one's."""
    return [point for at, point in enumerate(line) if at == 0 or point[1] != line[at - 1][1]]


def _path(line: Sequence[Point], last: float, low: float, high: float) -> str:
    return " ".join(f"{_x(x, last):.1f},{_y(y, low, high):.1f}" for x, y in line)


def _x(step: float, last: float) -> float:
    return _LEFT + step / last * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, low: float, high: float) -> float:
    return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)


def _grid_line(value: float, low: float, high: float) -> str:
    y = _y(value, low, high)
    return (
        f'<line class="vt-grid" x1="{_LEFT:g}" x2="{_WIDTH - _RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{_LEFT - 10:g}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>'
    )
