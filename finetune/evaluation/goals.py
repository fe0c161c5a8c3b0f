"""What a published checkpoint has to reach, and whether a report reaches it: one line for each goal."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from operator import ge, gt, le

AUROC_WANTED = {"AU1": 0.95, "AU4": 0.95, "AU6": 0.95, "AU12": 0.985, "AU25": 0.985}
"""Area under the ROC curve on photos of people who were not trained on."""

SIGNS: dict[str, Callable[[float, float], bool]] = {">=": ge, ">": gt, "<=": le}

CONDITIONS = {
    "small_48px": "faces of 48 px",
    "jpeg_20": "JPEG quality 20",
    "yaw_right_30": "head turned 30 degrees to its right",
    "yaw_left_30": "head turned 30 degrees to its left",
    "side_light": "hard side light",
}


@dataclass(frozen=True)
class Goal:
    """One goal; `measured` None means that the report does not hold what it needs."""

    name: str
    measured: float | None
    sign: str
    """">=", ">" or "<="."""
    wanted: float
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """None when it was not measured."""
        return None if self.measured is None else SIGNS[self.sign](self.measured, self.wanted)

    def plain(self) -> dict:
        """As plain JSON types."""
        return asdict(self) | {"met": self.met}


def goals(report: dict) -> list[Goal]:
    """Every goal, in order; `report` is that of `finetune.evaluate_real`, whose parts may be None."""
    return [
        *_photo_goals(report["photos"]),
        _render_goal(report.get("renders")),
        *_false_positive_goals(report["photos"]),
        *_robustness_goals(report.get("robustness")),
        *_calibration_and_words_goals(report["photos"]),
        *_evidence_goals(report.get("evidence")),
    ]


def _photo_goals(photos: dict) -> Iterator[Goal]:
    for name, wanted in AUROC_WANTED.items():
        detail = f"{_interval(photos['auroc_95'][name])}, {photos['positives'][name]} positives"
        yield Goal(f"AUROC of {name} on photos", _known(photos["auroc"][name]), ">=", wanted, detail)
    yield Goal(
        "AUROC on photos, macro",
        _known(photos["auroc_macro"]),
        ">=",
        0.97,
        _interval(photos["auroc_macro_95"]),
    )
    cheeks = photos["cheeks_apart_from_smile"]
    own, other = _known(cheeks["by_AU6"]), _known(cheeks["by_AU12"])
    yield Goal("AUROC of AU6 where AU12 is coded", own, ">=", 0.90, f"{cheeks['photos']} photos")
    above = None if own is None or other is None else own - other
    detail = "" if other is None else f"AU12's own output: {other:.3f}"
    yield Goal("the same, above AU12's own output by", above, ">", 0.0, detail)
    yield Goal("F1 at the shipped thresholds, macro", _known(photos["f1_macro"]), ">=", 0.80)


def _render_goal(renders: dict | None) -> Goal:
    name, wanted = "AUROC on renders, the lowest of 22", 0.93
    if renders is None:
        return Goal(name, None, ">=", wanted)
    known = _known_values(renders["auroc"])
    low = ", ".join(f"{unit} {value:.3f}" for unit, value in sorted(known.items()) if value < wanted)
    complete = len(known) == len(renders["auroc"])  # a unit without positives was not measured
    return Goal(name, min(known.values()) if complete else None, ">=", wanted, f"below: {low}" if low else "")


def _false_positive_goals(photos: dict) -> Iterator[Goal]:
    yield _highest("false positives, the highest of 22", photos["false_positive_rate"], 0.03)
    by_group = {
        f"{unit} {group}": rate
        for group, found in photos["group_false_positive_rate"].items()
        for unit, rate in found["rate"].items()
    }
    yield _highest("false positives in a group, the highest", by_group, 0.08)
    yield Goal("neutral photos that show any", _known(photos["neutral_with_any"]), "<=", 0.10)


def _highest(name: str, rates: dict[str, float | None], wanted: float) -> Goal:
    known = _known_values(rates)
    above = sorted((item for item in known.items() if item[1] > wanted), key=lambda item: -item[1])
    detail = ", ".join(f"{unit} {rate:.1%}" for unit, rate in above[:6])
    more = f" and {len(above) - 6} more" if len(above) > 6 else ""
    return Goal(
        name, max(known.values(), default=None), "<=", wanted, f"above: {detail}{more}" if above else ""
    )


def _robustness_goals(robustness: dict | None) -> Iterator[Goal]:
    for key, words in CONDITIONS.items():
        found = (robustness or {}).get(key)
        measured = None if found is None else _known(found["fall"])
        detail = (
            ""
            if found is None
            else f"{_interval(found['fall_95'])}, {found['photos']} photos, {found['left_out']} left out"
        )
        yield Goal(f"fall of AUROC, {words}", measured, "<=", 0.04, detail)


def _calibration_and_words_goals(photos: dict) -> Iterator[Goal]:
    yield Goal("calibration error, macro", _known(photos["ece_macro"]), "<=", 0.05)
    icc = _known_values(photos["intensity_icc"])
    detail = ", ".join(f"{unit} {value:.2f}" for unit, value in icc.items())
    yield Goal("ICC of intensity, the lowest", min(icc.values(), default=None), ">=", 0.6, detail)
    words = photos["words"]
    yield Goal("sentences that say the decision", _known(words["sentence_says_decision"]), ">=", 0.99)
    described = _known(words["description_names_decisions"])
    yield Goal("descriptions that name what was decided", described, ">=", 0.97)


def _evidence_goals(evidence: dict | None) -> Iterator[Goal]:
    erasing = "logit from pixels falls by erasing evidence, times a random area"
    region = "mass of the map in the unit's region, the lowest of the medians"
    if evidence is None:
        yield Goal(erasing, None, ">=", 3.0)
        yield Goal(region, None, ">=", 0.80)
        return
    count = f"{evidence['positives']} positives"
    yield Goal(erasing, _known(evidence["pixels_ratio"]), ">=", 3.0, count)
    mass = _known_values({name: found["mass_in_region"] for name, found in evidence["by_unit"].items()})
    lowest = min(mass, key=lambda name: mass[name], default="")
    median = _known(evidence["mass_in_region"])
    detail = f"{lowest}; over all positives {median:.2f}" if lowest and median is not None else ""
    yield Goal(region, min(mass.values(), default=None), ">=", 0.80, detail)


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _known_values(values: dict[str, float | None]) -> dict[str, float]:
    return {name: known for name, value in values.items() if (known := _known(value)) is not None}


def _interval(bounds: list[float | None]) -> str:
    low, high = (_known(bound) for bound in bounds)
    return "no interval" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"
