"""The report of `finetune.evaluate_real` for people: Markdown tables, for the terminal and for the card."""

from collections.abc import Iterable, Sequence

from finetune.evaluation.goals import CONDITIONS


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def figure(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def interval(bounds: Sequence[float | None]) -> str:
    """Bounds in brackets."""
    return f"[{figure(bounds[0])}, {figure(bounds[1])}]"


def goals_table(report: dict) -> str:
    """Each goal with what was measured and whether it is met."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [
        [
            goal["name"],
            figure(goal["measured"]),
            f"{goal['sign']} {goal['wanted']:g}",
            words[goal["met"]],
            goal["detail"],
        ]
        for goal in report["goals"]
    ]
    return markdown(["goal", "measured", "wanted", "met", ""], rows)


def photo_table(photos: dict) -> str:
    """AUROC, F1 and intensity on photos, for the action units that photos can measure."""
    rows = [
        [
            name,
            str(photos["positives"][name]),
            f"{figure(photos['auroc'][name])} {interval(photos['auroc_95'][name])}",
            figure(photos["f1"][name]),
            figure(photos["intensity_icc"].get(name)),
        ]
        for name in photos["auroc"]
    ]
    macro = f"**{figure(photos['auroc_macro'])}** {interval(photos['auroc_macro_95'])}"
    rows.append(["macro", "", macro, figure(photos["f1_macro"]), ""])
    return markdown(
        ["action unit", "positives", "AUROC [95 %]", "F1 at the threshold", "ICC of intensity"], rows
    )


def unit_table(report: dict) -> str:
    """Per action unit: AUROC on renders, false positives on photos, and what its evidence map shows."""
    renders, evidence = report.get("renders") or {}, report.get("evidence") or {}
    rows = []
    for name, rate in report["photos"]["false_positive_rate"].items():
        shown = evidence.get("by_unit", {}).get(name, {})
        rows.append(
            [
                name,
                figure(renders.get("auroc", {}).get(name)),
                figure(rate, ".1%"),
                figure(shown.get("pixels_ratio"), ".1f"),
                figure(shown.get("mass_in_region"), ".2f"),
            ]
        )
    header = [
        "action unit",
        "AUROC on renders",
        "false positives",
        "erasing evidence, times random",
        "in region",
    ]
    return markdown(header, rows)


def group_table(photos: dict, most: int = 3) -> str:
    """Per group of people: its photos and the action units with the highest false positive rates."""
    rows = []
    for group, found in photos["group_false_positive_rate"].items():
        known = {name: rate for name, rate in found["rate"].items() if rate}
        worst = sorted(known.items(), key=lambda item: -item[1])[:most]
        named = ", ".join(f"{name} {rate:.1%}" for name, rate in worst) or "none"
        rows.append([group.replace("=", ": ").replace("_", " "), str(found["photos"]), named])
    return markdown(["group", "photos", "highest false positive rates"], rows)


def robustness_table(robustness: dict) -> str:
    """Macro AUROC of the photos and of their degraded versions."""
    names = {"rerendered": "re-rendered without a change"} | CONDITIONS
    rows = [
        [
            names[key],
            str(found["photos"]),
            figure(found["auroc_macro_photo"]),
            figure(found["auroc_macro"]),
            f"{figure(found['fall'])} {interval(found['fall_95'])}",
        ]
        for key, found in robustness.items()
    ]
    return markdown(["condition", "photos", "AUROC as taken", "AUROC degraded", "fall [95 %]"], rows)


def words_table(photos: dict) -> str:
    """How often sentences and descriptions say what was decided."""
    words = photos["words"]
    rows = [
        ["sentences that say what was decided", figure(words["sentence_says_decision"], ".1%")],
        [
            "descriptions that name what was decided, and nothing else",
            figure(words["description_names_decisions"], ".1%"),
        ],
        ["sentences that say what the coders saw", figure(words["sentence_says_truth"], ".1%")],
        ['the same, if every sentence said "absent"', figure(words["always_absent_says_truth"], ".1%")],
    ]
    return markdown(["words", "share"], rows)


def report_text(report: dict) -> str:
    """The whole report as Markdown, goals first."""
    photos = report["photos"]
    parts = [
        f"{report['model_version']} on {photos['photos']} photos of {photos['people']} people of `dev`",
        goals_table(report),
        photo_table(photos),
        unit_table(report),
        group_table(photos),
    ]
    if report.get("robustness"):
        parts.append(robustness_table(report["robustness"]))
    return "\n\n".join([*parts, words_table(photos)])
