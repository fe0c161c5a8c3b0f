"""The action units of one face as HTML: a bar for each, and what lies behind the one that is chosen."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ui.overlay import data_uri, heat_png
from vlfau.action_units import Region, by_number, intensity_letter

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import ActionUnitPrediction, FacePrediction

STRENGTHS = {"A": "a trace", "B": "slight", "C": "marked", "D": "severe", "E": "the most there is"}
"""FACS intensity letters in words."""

REGION_TITLES = {
    Region.BROW: "Brows",
    Region.EYE: "Eyes",
    Region.CHEEK: "Cheeks",
    Region.NOSE: "Nose",
    Region.MOUTH: "Mouth",
    Region.CHIN: "Chin",
}

SEEN, NOT_SEEN = "seen", "not-seen"


def units_html(face: "FacePrediction", index: int) -> str:
    """All action units of face `index` as a group of radio buttons, the most likely one chosen.

    Choosing one shows its details by CSS alone. The picture under the evidence is the style property `--face` of an
    element around this one. Rows and headings carry their place in both orders, likely and region; `result.js` puts
    them in the order that the visitor wants.
    """
    units = by_likelihood(face.action_units)
    places = _places(units)
    evidence = {unit.number: face.evidence[i] for i, unit in enumerate(face.action_units)}
    parts = [
        (
            places["likely"][unit.number],
            _row(unit, index, unit is units[0], places, heat_png(evidence[unit.number])),
        )
        for unit in units
    ]
    parts += _headings(units, places)
    body = "".join(part for _, part in sorted(parts))
    return (
        f'<div class="vl-units" data-order="likely" role="radiogroup" aria-label="Action units" '
        f'style="--rows:{len(parts)}">{body}</div>'
    )


def by_likelihood(units: Sequence["ActionUnitPrediction"]) -> list["ActionUnitPrediction"]:
    """Those that are present first, the most probable on top of each group."""
    return sorted(units, key=lambda unit: (not unit.active, -unit.probability))


def percent(probability: float) -> str:
    """`93 %`; never 0 or 100, which nobody can know."""
    return f"{min(max(round(probability * 100), 1), 99)} %"


def verdict(unit: "ActionUnitPrediction") -> str:
    """What the numbers of one action unit mean, in words."""
    if not unit.active:
        return f"Not seen: {percent(unit.probability)} likely, and it counts from {percent(unit.threshold)}."
    strength = f"Intensity {letter(unit)}, {STRENGTHS[letter(unit)]}."
    return f"Seen: {percent(unit.probability)} likely; it counts from {percent(unit.threshold)}. {strength}"


def letter(unit: "ActionUnitPrediction") -> str:
    """FACS intensity of an action unit; nothing when it is absent, at least A when it is present."""
    return (intensity_letter(unit.intensity) or "A") if unit.active else ""


def _places(units: Sequence["ActionUnitPrediction"]) -> dict[str, dict[int, int]]:
    """Place of each unit in both orders; headings take the hundreds and rows follow them."""
    likely = {unit.number: (1 if unit.active else 2) * 100 + 1 + rank for rank, unit in enumerate(units)}
    regions = list(REGION_TITLES)
    table_order = sorted(unit.number for unit in units)
    region = {
        n: (1 + regions.index(by_number(n).region)) * 100 + 1 + rank for rank, n in enumerate(table_order)
    }
    return {"likely": likely, "region": region}


def _headings(
    units: Sequence["ActionUnitPrediction"], places: dict[str, dict[int, int]]
) -> list[tuple[int, str]]:
    """Headings of both orders; the stylesheet shows those of the order in use."""
    seen = sum(unit.active for unit in units)
    kinds = [
        (100, 0, SEEN, f"Seen on this face ({seen})"),
        (200, 0, NOT_SEEN, f"Not seen ({len(units) - seen})"),
    ]
    kinds = [kind for kind, count in zip(kinds, (seen, len(units) - seen), strict=True) if count]
    used = sorted({place // 100 for place in places["region"].values()})
    kinds += [(900, place * 100, "region", list(REGION_TITLES.values())[place - 1]) for place in used]
    return [
        (
            likely,
            f'<h4 class="vl-heading" data-kind="{kind}" data-likely="{likely}" data-region="{region}">{text}</h4>',
        )
        for likely, region, kind, text in kinds
    ]


def _row(
    unit: "ActionUnitPrediction", index: int, chosen: bool, places: dict[str, dict[int, int]], heat: bytes
) -> str:
    """One bar: code, name, probability with the threshold's mark, intensity letter when present."""
    about = by_number(unit.number)
    identity = f"vl-unit-{index}-{unit.number}"
    said = f"seen, intensity {letter(unit)}" if unit.active else "not seen"
    return (
        f'<div class="vl-unit{" vl-active" if unit.active else ""}" data-p="{unit.probability:.4f}" '
        f'data-i="{unit.intensity:.4f}" data-likely="{places["likely"][unit.number]}" '
        f'data-region="{places["region"][unit.number]}">'
        f'<label><input class="vl-hidden" type="radio" id="{identity}" name="vl-unit-{index}" value="{unit.number}"'
        f"{' checked' if chosen else ''}>"
        f'<span class="vl-code">AU{unit.number}</span>'
        f'<span class="vl-name">{escape(about.name)}</span>'
        f'<span class="vl-track" aria-hidden="true"><span class="vl-fill" style="width:{unit.probability:.1%}"></span>'
        f'<span class="vl-threshold" style="left:{unit.threshold:.1%}"></span></span>'
        f'<span class="vl-percent">{percent(unit.probability)}</span>'
        f'<span class="vl-letter" aria-hidden="true">{letter(unit)}</span><span class="vl-hidden">{said}</span></label>'
        f"{_detail(unit, index, data_uri(heat, 'image/png'))}</div>"
    )


def _detail(unit: "ActionUnitPrediction", index: int, heat_uri: str) -> str:
    """What lies behind a bar: evidence over the face, verdict, sentence, muscles, what is seen, what looks alike."""
    about = by_number(unit.number)
    sentence = f'<blockquote class="vl-sentence">{escape(unit.text)}</blockquote>' if unit.text else ""
    alike = "".join(_link(number, index) for number in about.confusable)
    return (
        f'<article class="vl-detail" aria-label="{escape(about.label)}">'
        f'<figure class="vl-evidence"><div class="vl-heat"><img src="{heat_uri}" '
        f'alt="The face with a heat map: where the network looked for AU{unit.number}"></div>'
        '<figcaption>Where the network looked: less <span class="vl-scale" aria-hidden="true"></span> '
        "more</figcaption></figure>"
        f'<div class="vl-about"><h3>{escape(about.label)}</h3>'
        f'<p class="vl-verdict">{escape(verdict(unit))}</p>{sentence}'
        f"<dl><dt>Muscles</dt><dd>{escape(_capital(about.muscles))}</dd>"
        f"<dt>When it is there</dt><dd>{escape(about.present)}</dd>"
        f"<dt>When it is not</dt><dd>{escape(about.absent)}</dd>"
        f'<dt>Easily mistaken for</dt><dd class="vl-alike">{alike}</dd></dl></div></article>'
    )


def _link(number: int, index: int) -> str:
    about = by_number(number)
    return f'<button type="button" data-choose="vl-unit-{index}-{number}">{escape(about.label)}</button>'


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
