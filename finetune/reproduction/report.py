"""Results of trainings gathered into one report: plain data for JSON, a long table for CSV, Markdown for people.

Per action unit a figure is the mean over divisions (the three folds) and seeds; the average is the mean over action
units. Figures are 0-1 in JSON and CSV, per cent in Markdown.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from finetune.datasets.protocol import PROTOCOLS
from finetune.reproduction.comparison import MEASURES, difference
from finetune.reproduction.measures import Verdicts, unit_measures
from finetune.reproduction.published import published
from finetune.reproduction.results import Result

SELECTED = "epoch chosen on the test fold, as much published work does"
LIMITS = (
    "VL-FAU's own numbers and code could not be found, so nothing here confirms or contradicts them. Most published "
    "rows choose the epoch on the test fold; differences of one or two points between rows are within the noise of who "
    "is in which fold."
)

Figures = dict[str, dict[str, float]]
"""Measure -> action unit (and `average`) -> value."""


def build(results: Sequence[Result], note: str = "") -> dict[str, Any]:
    """Everything that is reported, as plain data; `note` says what the faces are when they are no real dataset."""
    parts = []
    for kind in sorted({_kind(result) for result in results}):
        mine = [result for result in results if _kind(result) == kind]
        parts.append(_part(kind, mine))
    return {"note": note, "limits": LIMITS, "parts": parts}


def _kind(result: Result) -> str:
    """`disfa` for its folds, `bp4d-to-disfa` for a whole dataset tested on another."""
    return result.dataset if result.division.startswith("fold-") else result.division


def _part(kind: str, results: Sequence[Result]) -> dict[str, Any]:
    variants = list(dict.fromkeys(result.variant for result in results))
    others = [
        difference(results, "full", variant, measure)
        for variant in variants
        if variant != "full"
        for measure in MEASURES
    ]
    return {
        "name": kind,
        "dataset": results[0].dataset,
        "units": list(results[0].units),
        "divisions": sorted({result.division for result in results}),
        "seeds": sorted({result.seed for result in results}),
        "people": {r.division: {k: len(v) for k, v in r.recipe["people"].items()} for r in results},
        "test_faces": {r.division: len(r.tested.labels) for r in results},
        "variants": {v: _variant([r for r in results if r.variant == v]) for v in variants},
        "differences": [
            {
                "of": each.better,
                "less": each.than,
                "measure": each.measure,
                "mean": each.interval.value,
                "low": each.interval.low,
                "high": each.interval.high,
                "pairs": dict(zip(each.names, each.pairs, strict=True)),
                "wins": each.wins,
                "answer": each.answer,
            }
            for each in others
            if each is not None
        ],
    }


def _variant(results: Sequence[Result]) -> dict[str, Any]:
    chosen_on_test = [(r, r.on_test) for r in results if r.on_test is not None]
    return {
        "figures": _figures([(result, result.tested) for result in results]),
        "selected_on_test": _figures(chosen_on_test) if chosen_on_test else None,
        "average_f1_each": {f"{r.division}, seed {r.seed}": _average_f1(r) for r in results},
        "epochs": {f"{r.division}, seed {r.seed}": r.epoch for r in results},
        "words": _words(results),
    }


def _figures(pairs: Sequence[tuple[Result, Verdicts]]) -> Figures:
    each = [unit_measures(tested, np.array(result.train_rates)) for result, tested in pairs]
    names = [f"AU{unit}" for unit in pairs[0][0].units]
    figures: Figures = {}
    for measure in each[0]:
        values = [_mean(one[measure][a] for one in each) for a in range(len(names))]
        figures[measure] = dict(zip(names, values, strict=True)) | {"average": _mean(values)}
    return figures


def _average_f1(result: Result) -> float:
    return _mean(unit_measures(result.tested, np.array(result.train_rates))["f1"])


def _words(results: Sequence[Result]) -> dict[str, float] | None:
    written = [result.words for result in results if result.words]
    return {name: _mean(one[name] for one in written) for name in written[0]} if written else None


def _mean(values: Iterable[float]) -> float:
    known = [float(value) for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else float("nan")


def as_json(report: dict[str, Any]) -> str:
    """JSON in which a figure without evidence is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: plain(each) for name, each in value.items()}
        if isinstance(value, list):
            return [plain(each) for each in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    return json.dumps(plain(report), indent=1, allow_nan=False) + "\n"


def as_csv(report: dict[str, Any]) -> str:
    """One line for each figure: part, variant, measure, action unit, value; words have no action unit."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["part", "variant", "measure", "action_unit", "value"])
    for part in report["parts"]:
        for name, variant in part["variants"].items():
            kinds = {"": variant["figures"], "selected_on_test_": variant["selected_on_test"] or {}}
            for prefix, figures in kinds.items():
                for measure, units in figures.items():
                    writer.writerows(
                        [part["name"], name, prefix + measure, u, _plain(v)] for u, v in units.items()
                    )
            for measure, value in (variant["words"] or {}).items():
                writer.writerow([part["name"], name, f"words_{measure}", "", _plain(value)])
    return out.getvalue()


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def as_markdown(report: dict[str, Any]) -> str:
    """The whole report for people."""
    blocks = [report["note"], report["limits"]]
    for part in report["parts"]:
        blocks += _part_markdown(part)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _part_markdown(part: dict[str, Any]) -> list[str]:
    title = PROTOCOLS[part["dataset"]].title
    folds = part["name"] == part["dataset"]
    if not folds:
        learnt = PROTOCOLS[part["name"].split("-to-")[0]].title
        title = f"Learnt on all of {learnt}, tested on all of {title}"
    people = "; ".join(
        f"{name}: {who['train']} train, {who['validation']} validation, {who['test']} test subjects, "
        f"{part['test_faces'][name]} test faces"
        for name, who in sorted(part["people"].items())
    )
    blocks = [f"## {title}", f"{people}. Seeds: {', '.join(map(str, part['seeds']))}."]
    blocks += ["### F1, per cent", _f1_table(part, folds), "### Accuracy and AUPRC, per cent", _others(part)]
    words = _words_table(part)
    if words:
        blocks += ["### Words", words]
    if part["differences"]:
        blocks += ["### Differences, points", _differences(part)]
    return blocks


def _f1_table(part: dict[str, Any], with_published: bool) -> str:
    names = [f"AU{unit}" for unit in part["units"]]
    first = next(iter(part["variants"].values()))["figures"]
    rows = [["always active", *_cells(first["always_active_f1"], names), "computed on these test faces"]]
    rows.append(["majority state", *_cells(first["majority_f1"], names), "computed on these test faces"])
    for name, variant in part["variants"].items():
        rows.append(
            [
                f"**ours, {name}**",
                *_cells(variant["figures"]["f1"], names),
                "epoch chosen on validation subjects",
            ]
        )
        if variant["selected_on_test"]:
            rows.append([f"ours, {name}", *_cells(variant["selected_on_test"]["f1"], names), SELECTED])
    if with_published:
        for row in published(part["dataset"]):
            mark = "" if row.own_row else ", copied by later authors"
            mark += "; the printed average does not follow from its units" if row.doubtful else ""
            cells = [f"{value:.1f}" for value in (*row.f1, row.average)]
            rows.append([row.method, *cells, f"published: {row.source}{mark}"])
    return markdown(["", *names, "average", ""], rows)


def _others(part: dict[str, Any]) -> str:
    names = [f"AU{unit}" for unit in part["units"]]
    rows = []
    for name, variant in part["variants"].items():
        for measure, label in (("accuracy", "accuracy"), ("auprc", "AUPRC")):
            rows.append([f"**ours, {name}: {label}**", *_cells(variant["figures"][measure], names)])
    first = next(iter(part["variants"].values()))["figures"]
    rows.append(["accuracy of the majority state", *_cells(first["majority_accuracy"], names)])
    rows.append(["AUPRC of any constant (share active)", *_cells(first["share_active"], names)])
    return markdown(["", *names, "average"], rows)


WORDS = (
    ("local_bleu_4", "BLEU-4 of the sentences", "constant_local_bleu_4"),
    ("local_rouge_l", "ROUGE-L of the sentences", "constant_local_rouge_l"),
    ("global_bleu_4", "BLEU-4 of the descriptions", "constant_global_bleu_4"),
    ("global_rouge_l", "ROUGE-L of the descriptions", "constant_global_rouge_l"),
    ("sentence_says_truth", "sentences that say what was coded", "constant_sentence_says_truth"),
    ("description_names_truth", "descriptions that name what was coded", "constant_description_names_truth"),
    ("sentence_says_decision", "sentences that say what was decided", None),
    ("description_names_decisions", "descriptions that name what was decided", None),
)


def _words_table(part: dict[str, Any]) -> str:
    writing = {name: variant["words"] for name, variant in part["variants"].items() if variant["words"]}
    if not writing:
        return ""
    rows = []
    for name, label, constant in WORDS:
        trivial = next(iter(writing.values()))[constant] if constant else float("nan")
        rows.append([label, *(_per_cent(words[name]) for words in writing.values()), _per_cent(trivial)])
    return markdown(["per cent", *(f"ours, {name}" for name in writing), "constant sentence"], rows)


def _differences(part: dict[str, Any]) -> str:
    over = "subjects and seeds" if len(part["seeds"]) > 1 else "subjects"
    rows = [
        [
            f"{each['of']} less {each['less']}",
            "F1" if each["measure"] == "f1" else "AUPRC",
            f"{100 * each['mean']:+.2f}",
            f"{100 * each['low']:+.2f} to {100 * each['high']:+.2f}",
            f"{each['wins']} of {len(each['pairs'])}",
            each["answer"],
        ]
        for each in part["differences"]
    ]
    return markdown(["", "average", "mean", f"95 % over {over}", "trainings in which it is higher", ""], rows)


def _cells(figures: dict[str, float], names: Sequence[str]) -> list[str]:
    return [_per_cent(figures[name]) for name in (*names, "average")]


def _per_cent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f}"


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
