"""The guidelines for annotators: for each action unit how to decide, how strong, and what it is mistaken for."""

from dataclasses import dataclass, field
from functools import cache
from html import escape

from ui.bars import REGION_TITLES
from vlfau.action_units import ACTION_UNITS, ActionUnit, by_number


@dataclass(frozen=True)
class Guideline:
    """What an annotator needs to know of one action unit beyond the table."""

    decide: str
    """When to mark it present."""
    strength: str
    """How a trace differs from a marked one."""
    apart: dict[int, str] = field(default_factory=dict)
    """Action unit it is mistaken for -> how to tell."""


GUIDELINES: dict[int, Guideline] = {
    1: Guideline(
        "Compare the two ends of each brow. Present when the inner ends are higher than the brow's shape explains. "
        "A wrinkle in the middle of the forehead alone, on skin that is wrinkled at rest, is not enough.",
        "A: the inner ends just lift. C: the brows slope visibly. E: the inner ends are as high as they can go.",
        {
            2: "AU2 lifts the outer ends. When the whole brow rises evenly, mark both.",
            4: "AU4 pulls down and together. With both, the inner ends are up and close to each other.",
        },
    ),
    2: Guideline(
        "Look at the outer third of each brow. Present when it is raised and the brow is arched; lines above the outer "
        "part help. Many brows are arched at rest: look for the stretched lid below.",
        "A: a slight arch. C: a clear arch with lines above it. E: the outer ends at their highest.",
        {
            1: "AU1 lifts the inner ends. When the whole brow rises evenly, mark both.",
            5: "AU5 lifts the lid, not the brow: look whether more white shows above the iris.",
        },
    ),
    4: Guideline(
        "Present when the brows are lower or closer together than at rest. Upright creases between the brows help, but "
        "some people always have them: then look for skin that is pushed towards the nose.",
        "A: a first crease or a hint of lowering. C: brows clearly down and in. E: deep creases, the eyes overhung.",
        {
            9: "AU9 creases the bridge of the nose and lifts the nostril wings. AU4 leaves the nose smooth.",
            1: "AU1 alone leaves the brows apart. With both they are drawn together and slope up to the middle.",
        },
    ),
    5: Guideline(
        "Look at the upper lid and the iris. At rest the lid covers the top of the iris. Present when more of the iris "
        "or white above it shows, with the brow where it was.",
        "A: the lid just reaches the top of the iris. C: a band of white above it. E: as wide as the eye opens.",
        {
            1: "A raised brow alone does not uncover the iris.",
            2: "A raised brow alone does not uncover the iris.",
        },
    ),
    6: Guideline(
        "Look at the skin beside and below the eyes. Present when the cheek is pushed up: lines fan out from the outer "
        "corner, the furrow below the lid deepens, the eye narrows from below.",
        "A: the skin below the eye just gathers. C: clear lines and a raised cheek. E: the cheek presses into the eye.",
        {
            7: "AU7 tenses only the lids; the cheek stays where it is and no lines fan out.",
            12: "A strong AU12 lifts the cheek by itself. Mark AU6 only when skin at the outer eye corner moves too.",
        },
    ),
    7: Guideline(
        "Look at the edge of the lower lid. Present when it is straighter and higher than at rest and the lids are "
        "tense, without the cheek coming up.",
        "A: the lower lid just straightens. C: the opening is clearly narrower. E: little more than a slit.",
        {
            6: "AU6 comes from outside: cheek and lines at the outer corner move.",
            43: "With AU43 the eye closes by relaxing; with AU7 the lids are tense and still open.",
        },
    ),
    9: Guideline(
        "Look at the bridge and the sides of the nose. Present when the skin is pulled up in creases and the nostril "
        "wings are lifted. The upper lip may rise with it; that alone is not AU10.",
        "A: first creases beside the bridge. C: creases on the bridge. E: deep creases, the nostrils pulled high.",
        {
            10: "AU10 lifts the lip and leaves the bridge of the nose smooth.",
            4: "AU4 creases the skin between the brows and leaves the nose smooth.",
        },
    ),
    10: Guideline(
        "Look at the middle of the upper lip. Present when it is drawn up, often in an angle, and the fold beside the "
        "nose deepens at its upper end. The lips may part by it: then mark AU25 too.",
        "A: the lip just lifts. C: an angular lip, the upper teeth may show. E: the lip as high as it goes.",
        {
            9: "AU9 creases the nose; with a smooth bridge it is AU10.",
            12: "AU12 pulls the corners up and back; AU10 lifts the middle.",
            25: "AU25 is any gap between the lips; AU10 is what the upper lip does.",
        },
    ),
    12: Guideline(
        "Look at the corners of the mouth. Present when they are drawn back and up towards the cheekbones. Mouths that "
        "curve upwards at rest need some stretch of the lips or a deeper fold beside the nose.",
        "A: the corners just tilt up. C: cheeks lifted, folds clear. E: the corners as far back and up as they go.",
        {
            14: "AU14 pulls the corners in, against the teeth; they do not rise.",
            6: "AU6 is about the eye. Both come together often; mark each for itself.",
            20: "AU20 goes straight to the side; the corners stay level.",
        },
    ),
    14: Guideline(
        "Look at the corners of the mouth and the skin beside them. Present when the corners are tight and drawn "
        "inwards, with a pit or a small bulge beside them. It is often on one side only.",
        "A: a corner just tightens. C: a clear pit or bulge. E: the corner disappears in the cheek.",
        {
            12: "AU12 lifts the corners.",
            24: "AU24 presses the whole length of the lips; AU14 acts at the corners.",
        },
    ),
    15: Guideline(
        "Look at the corners of the mouth against its middle. Present when they are drawn down; skin below them may "
        "bulge. Mouths that bend down at rest need a visible pull.",
        "A: the corners just tilt down. C: a clear downward bend. E: the corners as low as they go, with pouches.",
        {
            17: "AU17 pushes the middle of the lower lip up, which bends the line too: look whether the chin puckers.",
            20: "AU20 pulls sideways and leaves the corners level.",
        },
    ),
    17: Guideline(
        "Look at the chin. Present when its skin is pushed up and puckers or dimples, and the lower lip goes up with "
        "it. It has no sides.",
        "A: the chin just flattens or dimples. C: a puckered chin, the lip pushed up. E: the lower lip sticks out.",
        {
            15: "AU15 draws the corners down; the chin stays smooth.",
            24: "AU24 presses the lips without the chin coming up.",
        },
    ),
    18: Guideline(
        "Look at the length of the mouth. Present when the lips are drawn to the middle and forward, and fine lines "
        "run into their edge. It has no sides.",
        "A: the mouth just shortens. C: clearly short and forward. E: a small round mouth.",
        {
            22: "AU22 turns the lips outwards and shows more of their red; AU18 gathers them.",
            23: "AU23 narrows the red of the lips and does not bring them forward.",
        },
    ),
    20: Guideline(
        "Look at the corners of the mouth. Present when they are pulled straight back towards the ears, the mouth is "
        "longer, the lips are flatter; cords may show on the neck.",
        "A: the mouth just lengthens. C: clearly long and flat. E: as long as it goes, the skin beside it tight.",
        {
            12: "AU12 goes up as well as back.",
            15: "AU15 goes down.",
        },
    ),
    22: Guideline(
        "Look at the red of the lips. Present when they turn outwards like a funnel, so that more of the red and often "
        "the teeth show. With a gap between the lips mark AU25 too.",
        "A: the lips just turn out. C: an open funnel. E: the lips stand off the teeth all around.",
        {
            18: "AU18 gathers the lips and hides some of their red.",
            25: "AU25 is the gap alone.",
        },
    ),
    23: Guideline(
        "Look at the red of the lips. Present when it is narrower and looks tense, without the lips being pressed or "
        "rolled in. One lip is enough.",
        "A: the red just narrows. C: clearly narrow and hard. E: hardly any red left, fine lines around it.",
        {
            24: "AU24 is pressure: the lips push against each other and skin bulges above or below.",
            28: "With AU28 the red is rolled in over the teeth.",
            18: "AU18 makes the mouth shorter and brings it forward.",
        },
    ),
    24: Guideline(
        "Look at the line between the lips. Present when they are pushed against each other: the line is straight and "
        "tight, the red thinner, the skin around it may bulge.",
        "A: a first pressure. C: thin lips, bulges above or below. E: as hard as they can be pressed.",
        {
            23: "AU23 tightens each lip; they need not touch.",
            28: "With AU28 the red is rolled in over the teeth.",
            17: "AU17 pushes from the chin, which puckers.",
        },
    ),
    25: Guideline(
        "Present when there is a gap between the lips, whatever made it. Teeth may show or not. It has no sides. "
        "It comes with AU26 and AU27 nearly always; mark it as well.",
        "A: a dark line of a gap. C: an open gap, teeth may show. E: the lips as far apart as they go.",
        {
            26: "AU26 is the jaw: look whether the teeth are apart.",
            10: "AU10 is the upper lip drawn up.",
        },
    ),
    26: Guideline(
        "Look at the jaw, not at the lips. Present when the teeth are apart because the jaw has fallen, and the mouth "
        "looks relaxed. Behind closed lips it shows as a longer lower face.",
        "A: the teeth just part. C: a finger would fit between them. E: as far as it falls without being pulled.",
        {
            25: "AU25 is the gap between the lips; the teeth may still meet.",
            27: "AU27 is pulled open by force: cheeks flat, mouth long from top to bottom.",
        },
    ),
    27: Guideline(
        "Present when the mouth is pulled wide open: the lower face is long, the cheeks are flat and stretched. "
        "Then it is not AU26 as well. Mark AU25 with it.",
        "A: just beyond a fallen jaw. C: wide open. E: as wide as it goes.",
        {26: "AU26 is a jaw that hangs; nothing is stretched."},
    ),
    28: Guideline(
        "Present when the red of one or both lips is drawn in over the teeth, so that little or none of it is in view "
        "and the skin around is stretched over the teeth.",
        "A: the red begins to roll in. C: most of it is gone. E: none is left.",
        {
            24: "AU24 presses; some red stays in view.",
            23: "AU23 narrows the red without rolling it in.",
        },
    ),
    43: Guideline(
        "Present when the lids are shut or droop over the pupil. One picture cannot tell closed eyes from a blink; "
        "mark it either way. One eye alone has a side.",
        "A: the lids droop a little. B and C: they cover part or most of the pupil. D: a slit is left. E: shut.",
        {7: "With AU7 the lids are tense and the lower one comes up; with AU43 the upper one falls."},
    ),
}

PRINCIPLES = (
    (
        "Say what you see, not what it means",
        "An action unit is a movement. What a person may feel is not asked.",
    ),
    (
        "Compare with the face at rest",
        "Brows, lids and mouths differ from person to person. Present means: moved away from rest, not: looks so.",
    ),
    (
        "Unsure and not visible differ",
        "Unsure: you see the place and cannot decide. Not visible: hair, a hand, glasses or a turned head hide it.",
    ),
    ("Left and right are the person's own", "Their left is on the right of the picture."),
    (
        "A to E",
        "A a trace, B slight, C marked, D severe, E the most there is. Between two letters take the lower.",
    ),
    (
        "Confirm only what you looked at",
        "Agreeing with the model is an answer like any other. What you leave open stays unanswered, and that is fine.",
    ),
)


@cache
def guidelines_html() -> str:
    """The dialog with the guidelines of all action units; the page shows one at a time."""
    articles = "".join(_article(unit) for unit in ACTION_UNITS)
    principles = "".join(f"<dt>{escape(title)}</dt><dd>{escape(text)}</dd>" for title, text in PRINCIPLES)
    return (
        '<dialog class="va-dialog va-guidelines" aria-labelledby="va-guidelines-title">'
        '<header><h2 id="va-guidelines-title">Guidelines</h2>'
        '<button type="button" class="va-close" data-do="close" aria-label="Close">×</button></header>'
        f'<nav aria-label="Action units"><button type="button" data-guideline="0">In general</button>{_choices()}</nav>'
        f'<article data-guideline-of="0" tabindex="-1"><h3>In general</h3><dl>{principles}</dl></article>'
        f"{articles}</dialog>"
    )


def _choices() -> str:
    return "".join(
        f'<button type="button" data-guideline="{unit.number}" title="{escape(unit.name)}">AU{unit.number}</button>'
        for unit in ACTION_UNITS
    )


def _article(unit: ActionUnit) -> str:
    guide = GUIDELINES[unit.number]
    apart = "".join(
        f'<dt><button type="button" data-guideline="{number}">{escape(by_number(number).label)}</button></dt>'
        f"<dd>{escape(text)}</dd>"
        for number, text in guide.apart.items()
    )
    return (
        f'<article data-guideline-of="{unit.number}" tabindex="-1" hidden><h3>{escape(unit.label)} '
        f"<small>{REGION_TITLES[unit.region]} · {escape(unit.muscles)}</small></h3>"
        f'<figure><img loading="lazy" width="644" height="240" src="./guidelines/{unit.code.lower()}.jpg" '
        f'alt="A rendered face at rest, and the same face with {escape(unit.label)}">'
        f"<figcaption><span>At rest</span><span>With AU{unit.number}</span></figcaption></figure>"
        f"<dl><dt>When it is there</dt><dd>{escape(unit.present)}</dd>"
        f"<dt>How to decide</dt><dd>{escape(guide.decide)}</dd>"
        f"<dt>How strong</dt><dd>{escape(guide.strength)}</dd></dl>"
        f'<h4>What it is mistaken for</h4><dl class="va-apart">{apart}</dl></article>'
    )
