"""What the experiment found: a summary, a Markdown table, a CSV of all runs, and the curve as SVG."""

import csv
import html
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

Line = dict[str, Any]
Figure = Callable[[Line], float]

PROMISED = 200
"""Corrections at which the goal is stated."""
CONFIDENCE = 0.95
ARMS = (
    ("uncertainty", True, "most uncertain first, with replay", "#1668b8"),
    ("random", True, "at random, with replay", "#c2410c"),
    ("uncertainty", False, "most uncertain first, without replay", "#7fb2e5"),
    ("random", False, "at random, without replay", "#eda98a"),
)
"""Order, replay, words, colour."""
COLUMNS = (
    *("seed", "order", "replay", "corrections", "trained_on", "domain_before", "domain_after", "domain_gain"),
    *("base_set_before", "base_set_after", "spammer_weight", "lazy_weight", "gate_passed", "seconds"),
)


def gain(line: Line) -> float:
    return float(line["domain"]["gain"][0])


def drop(line: Line) -> float:
    return -float(line["base_set"]["gain"][0])


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean with Student's interval over seeds; NaN bounds with one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(
        student.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    )
    return mean, mean - half, mean + half


def chosen(lines: Iterable[Line], order: str, replay: bool, corrections: int) -> list[Line]:
    """The runs of one point of a curve."""
    return [
        line
        for line in lines
        if (line["order"], line["replay"], line["corrections"]) == (order, replay, corrections)
    ]


def summary(lines: Sequence[Line]) -> dict[str, Any]:
    """The main arm at the promised number of corrections, or the largest there is, as plain JSON."""
    order, replay = lines[0]["order"], lines[0]["replay"]
    counts = sorted({line["corrections"] for line in lines})
    corrections = PROMISED if PROMISED in counts else counts[-1]
    main = chosen(lines, order, replay, corrections)
    gates = [line["gate"] for line in main if line["gate"] is not None]
    found: dict[str, Any] = {
        "corrections": corrections,
        "seeds": len(main),
        "interval": "over people (bootstrap)" if len(main) == 1 else "over seeds (Student)",
        "before_f1": round(float(np.mean([line["domain"]["champion"][0] for line in main])), 4),
        "after_f1": round(float(np.mean([line["domain"]["candidate"][0] for line in main])), 4),
    }
    for name, figure, place, sign in (("gain_f1", gain, "domain", 1), ("base_drop_f1", drop, "base_set", -1)):
        value, low, high = over_seeds([figure(line) for line in main])
        if len(main) == 1:
            low, high = sorted(sign * bound for bound in main[0][place]["gain"][1:])
        found |= {name: round(value, 4), f"{name}_interval": [round(low, 4), round(high, 4)]}
    for kind in ("spammer", "lazy", "careful"):
        weights = [w for line in main for who, w in line["weights"].items() if who.startswith(kind)]
        found[f"{kind}_weight"] = round(float(np.mean(weights)), 4)
    found |= {"gate_asked": len(gates), "gate_passed": sum(gate["passed"] for gate in gates)}
    found["gate_refused"] = sorted({sentence for gate in gates for sentence in gate["refused"]})
    return found


def write_report(folder: Path, lines: Sequence[Line], found: dict[str, Any]) -> None:
    """`loop.md`, `loop.csv`, `loop.svg` and `loop.json` into a folder."""
    (folder / "loop.md").write_text(table(lines), "utf-8")
    (folder / "loop.csv").write_text(as_csv(lines), "utf-8")
    (folder / "loop.svg").write_text(curve(lines), "utf-8")
    (folder / "loop.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")


def table(lines: Sequence[Line]) -> str:
    """One row for each point of each curve."""
    rows = [
        "| corrected faces | order | replay | macro F1, domain | gain | lost on the base set | gate |",
        "|---|---|---|---|---|---|---|",
    ]
    before = over_seeds([line["domain"]["champion"][0] for line in lines])[0]
    rows.append(f"| 0 | | | {before:.3f} | | | |")
    for corrections in sorted({line["corrections"] for line in lines}):
        for order, replay, *_ in ARMS:
            here = chosen(lines, order, replay, corrections)
            if not here:
                continue
            after = over_seeds([line["domain"]["candidate"][0] for line in here])[0]
            gates = [line["gate"]["passed"] for line in here if line["gate"]]
            rows.append(
                f"| {corrections} | {order} | {'yes' if replay else 'no'} | {after:.3f} "
                f"| {_interval(over_seeds([gain(line) for line in here]))} "
                f"| {_interval(over_seeds([drop(line) for line in here]))} "
                f"| {f'{sum(gates)} of {len(gates)}' if gates else ''} |"
            )
    return "\n".join(rows) + "\n"


def _interval(found: tuple[float, float, float]) -> str:
    value, low, high = found
    return f"{value:+.3f}" + ("" if math.isnan(low) else f" ({low:+.3f} to {high:+.3f})")


def as_csv(lines: Sequence[Line]) -> str:
    """One row for each run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for line in lines:
        domain, base, gate = line["domain"], line["base_set"], line["gate"]
        trained = line["trained_on"]["train"] + line["trained_on"]["validation"]
        row = [line["seed"], line["order"], line["replay"], line["corrections"], trained]
        row += [domain["champion"][0], domain["candidate"][0], domain["gain"][0]]
        row += [base["champion"][0], base["candidate"][0]]
        row += [round(line["weights"][who], 4) for who in ("spammer", "lazy")]
        writer.writerow([*row, "" if gate is None else gate["passed"], line["seconds"]])
    return text.getvalue()


# ---- the curve

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 360, 240, 52, 34, 84


def curve(lines: Sequence[Line]) -> str:
    """Two panels side by side: macro F1 in the domain and on the base's set, by the number of corrected faces."""
    panels = [("Held-out people of the domain", "domain"), ("The base's own test people", "base_set")]
    width, height = 2 * (_WIDTH + _GAP), _TOP + _HEIGHT + 44 + 20 * len(ARMS)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" fill="#333"><rect width="{width}" height="{height}" fill="#fff"/>'
    ]
    for number, (title, place) in enumerate(panels):
        parts += _panel(lines, title, place, _LEFT + number * (_WIDTH + _GAP))
    for number, (_, _, words, colour) in enumerate(ARMS):
        y = _TOP + _HEIGHT + 54 + 20 * number
        parts.append(f'<path d="M{_LEFT} {y - 4}h28" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<text x="{_LEFT + 36}" y="{y}">{html.escape(words)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(lines: Sequence[Line], title: str, place: str, left: float) -> list[str]:
    values = [line[place][who][0] for line in lines for who in ("champion", "candidate")]
    low, high = math.floor(min(values) * 20 - 0.5) / 20, math.ceil(max(values) * 20 + 0.5) / 20
    most = max(line["corrections"] for line in lines)

    def x(corrections: float) -> float:
        return left + _WIDTH * corrections / most

    def y(f1: float) -> float:
        return _TOP + _HEIGHT * (high - min(max(f1, low), high)) / (high - low)

    parts = [f'<text x="{left}" y="{_TOP - 14}" font-weight="bold">{html.escape(title)}, macro F1</text>']
    for step in range(round((high - low) * 20) + 1):
        f1 = low + step / 20
        parts.append(f'<path d="M{left} {y(f1):.1f}h{_WIDTH}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{left - 8}" y="{y(f1) + 4:.1f}" text-anchor="end">{f1:.2f}</text>')
    for corrections in (0, *sorted({line["corrections"] for line in lines})):
        parts.append(
            f'<text x="{x(corrections):.1f}" y="{_TOP + _HEIGHT + 18}" text-anchor="middle">{corrections}</text>'
        )
    parts.append(
        f'<text x="{left + _WIDTH}" y="{_TOP + _HEIGHT + 34}" text-anchor="end">corrected faces</text>'
    )
    for order, replay, _, colour in ARMS:
        parts += _arm(
            [one for one in lines if (one["order"], one["replay"]) == (order, replay)], place, colour, x, y
        )
    return parts


def _arm(
    lines: Sequence[Line], place: str, colour: str, x: Callable[[float], float], y: Callable[[float], float]
) -> list[str]:
    if not lines:
        return []
    points = [(0, over_seeds([line[place]["champion"][0] for line in lines]))]
    for corrections in sorted({line["corrections"] for line in lines}):
        here = [line[place]["candidate"][0] for line in lines if line["corrections"] == corrections]
        points.append((corrections, over_seeds(here)))
    path = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, (value, *_) in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>']
    for count, (value, low, high) in points:
        parts.append(f'<circle cx="{x(count):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>')
        if not math.isnan(low):
            parts.append(f'<path d="M{x(count):.1f} {y(low):.1f}V{y(high):.1f}" stroke="{colour}"/>')
    return parts
