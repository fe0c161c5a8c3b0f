"""The table of facial action units: names, muscles, what is seen, and in which order every array holds them.

Names and muscles follow FACS (Ekman & Friesen 1978; Ekman, Friesen & Hager 2002) as tabled in Cohn et al. 2007 and in
public references (PMC7264164, Table 1); the descriptions are this project's own words. The order of `ACTION_UNITS`
is the order of every array, column and plot, and a checkpoint stores it.
"""

from dataclasses import dataclass
from enum import StrEnum

from vlfau.errors import LabelError

INTENSITY_LETTERS = ("A", "B", "C", "D", "E")
"""FACS intensity letters: trace, slight, marked, severe, maximum; stored as 1 to 5, with 0 for "not present"."""


class Region(StrEnum):
    """Part of the face an action unit belongs to, top to bottom."""

    BROW = "brow"
    EYE = "eye"
    CHEEK = "cheek"
    NOSE = "nose"
    MOUTH = "mouth"
    CHIN = "chin"


@dataclass(frozen=True)
class ActionUnit:
    """One row of the table.

    `present` and `absent` say what is seen on the face in either state. `opposed` pull against this unit (a description
    words both together as a blend); `confusable` look alike. `has_sides` is False for units of the midline, which
    have no left or right. `disfa` and `bp4d` tell whether that data set labels the unit in the field's protocol.
    """

    number: int
    name: str
    muscles: str
    region: Region
    present: str
    absent: str
    opposed: tuple[int, ...] = ()
    confusable: tuple[int, ...] = ()
    has_sides: bool = True
    disfa: bool = False
    bp4d: bool = False

    @property
    def code(self) -> str:
        """Column name, two digits: `AU01`, `AU12`."""
        return f"AU{self.number:02d}"

    @property
    def label(self) -> str:
        """Name for people: `AU12 Lip corner puller`."""
        return f"AU{self.number} {self.name}"


B, Y, K, N, M, C = Region.BROW, Region.EYE, Region.CHEEK, Region.NOSE, Region.MOUTH, Region.CHIN

ACTION_UNITS: tuple[ActionUnit, ...] = (
    ActionUnit(
        1,
        "Inner brow raiser",
        "frontalis (medial part)",
        B,
        "The inner ends of the brows go up, so that the brows slope; short lines may cross the middle of the forehead.",
        "The inner ends of the brows are at rest.",
        opposed=(4,),
        confusable=(2, 4),
        disfa=True,
        bp4d=True,
    ),
    ActionUnit(
        2,
        "Outer brow raiser",
        "frontalis (lateral part)",
        B,
        "The outer ends of the brows go up and the brows arch; lines may appear above the outer brow.",
        "The outer ends of the brows are at rest.",
        opposed=(4,),
        confusable=(1, 5),
        disfa=True,
        bp4d=True,
    ),
    ActionUnit(
        4,
        "Brow lowerer",
        "corrugator supercilii, depressor supercilii, procerus",
        B,
        "The brows are pulled down and towards each other; upright creases may form between them.",
        "The brows are level and apart.",
        opposed=(1, 2),
        confusable=(9, 1),
        disfa=True,
        bp4d=True,
    ),
    ActionUnit(
        5,
        "Upper lid raiser",
        "levator palpebrae superioris, superior tarsal muscle",
        Y,
        "The upper lids are lifted, the eyes are wider and more white shows above the iris.",
        "The upper lids are at rest.",
        opposed=(43,),
        confusable=(1, 2),
    ),
    ActionUnit(
        6,
        "Cheek raiser",
        "orbicularis oculi (orbital part)",
        K,
        "The cheeks are lifted, skin gathers under the eyes and lines fan out from their outer corners.",
        "The cheeks are at rest.",
        confusable=(7, 12),
        disfa=True,
        bp4d=True,
    ),
    ActionUnit(
        7,
        "Lid tightener",
        "orbicularis oculi (palpebral part)",
        Y,
        "The lids are tense; the lower lids are raised and straighter, and the eye openings narrow.",
        "The lids are relaxed.",
        confusable=(6, 43),
        bp4d=True,
    ),
    ActionUnit(
        9,
        "Nose wrinkler",
        "levator labii superioris alaeque nasi",
        N,
        "Skin creases over the bridge and the sides of the nose, and the nostril wings are lifted.",
        "The skin of the nose is smooth.",
        confusable=(10, 4),
        disfa=True,
    ),
    ActionUnit(
        10,
        "Upper lip raiser",
        "levator labii superioris",
        M,
        "The middle of the upper lip is drawn up and the fold beside the nose deepens; the nose bridge stays smooth.",
        "The upper lip is at rest.",
        confusable=(9, 12, 25),
        bp4d=True,
    ),
    ActionUnit(
        12,
        "Lip corner puller",
        "zygomaticus major",
        M,
        "The mouth corners are drawn back and up, and the fold from nose to mouth deepens.",
        "The mouth corners are level.",
        opposed=(15,),
        confusable=(14, 6, 20),
        disfa=True,
        bp4d=True,
    ),
    ActionUnit(
        14,
        "Dimpler",
        "buccinator",
        M,
        "The mouth corners are tightened inwards, and pits or small bulges form beside them.",
        "The mouth corners are relaxed.",
        confusable=(12, 24),
        bp4d=True,
    ),
    ActionUnit(
        15,
        "Lip corner depressor",
        "depressor anguli oris",
        M,
        "The mouth corners are drawn down.",
        "The mouth corners are not lowered.",
        opposed=(12,),
        confusable=(17, 20),
        bp4d=True,
    ),
    ActionUnit(
        17,
        "Chin raiser",
        "mentalis",
        C,
        "The chin boss is pushed up and puckers, and the lower lip is pushed up with it.",
        "The chin is smooth.",
        confusable=(15, 24),
        has_sides=False,
        bp4d=True,
    ),
    ActionUnit(
        18,
        "Lip pucker",
        "incisivii labii superioris and inferioris",
        M,
        "The lips are drawn together and forward, and the mouth is short and rounded.",
        "The lips are not drawn together.",
        opposed=(20,),
        confusable=(22, 23),
        has_sides=False,
    ),
    ActionUnit(
        20,
        "Lip stretcher",
        "risorius, platysma",
        M,
        "The mouth corners are pulled straight to the sides, and the mouth is longer and flatter.",
        "The mouth is not pulled sideways.",
        opposed=(18,),
        confusable=(12, 15),
    ),
    ActionUnit(
        22,
        "Lip funneler",
        "orbicularis oris",
        M,
        "The lips open outwards like a funnel and show more of their red.",
        "The lips do not turn outwards.",
        confusable=(18, 25),
        has_sides=False,
    ),
    ActionUnit(
        23,
        "Lip tightener",
        "orbicularis oris",
        M,
        "The red of the lips is narrow and tense, with fine lines at its edge.",
        "The lips are soft.",
        confusable=(24, 28, 18),
        bp4d=True,
    ),
    ActionUnit(
        24,
        "Lip pressor",
        "orbicularis oris",
        M,
        "The lips are pressed against each other and look thinner; skin may bulge above or below.",
        "The lips are not pressed together.",
        opposed=(25,),
        confusable=(23, 28, 17),
        bp4d=True,
    ),
    ActionUnit(
        25,
        "Lips part",
        "depressor labii inferioris, or relaxation of mentalis or orbicularis oris",
        M,
        "There is a gap between the lips; teeth may show.",
        "The lips touch each other.",
        opposed=(24, 28),
        confusable=(26, 10),
        has_sides=False,
        disfa=True,
    ),
    ActionUnit(
        26,
        "Jaw drop",
        "relaxation of masseter, temporalis and internal pterygoid",
        M,
        "The jaw has fallen by relaxing, and the teeth are apart.",
        "The jaw is closed.",
        confusable=(25, 27),
        has_sides=False,
        disfa=True,
    ),
    ActionUnit(
        27,
        "Mouth stretch",
        "pterygoids, digastric",
        M,
        "The mouth is pulled wide open and the cheeks are flattened.",
        "The mouth is not pulled wide open.",
        confusable=(26,),
        has_sides=False,
    ),
    ActionUnit(
        28,
        "Lip suck",
        "orbicularis oris",
        M,
        "The lips are drawn in over the teeth, so that little or none of their red is seen.",
        "The red of both lips is in view.",
        opposed=(25,),
        confusable=(24, 23),
        has_sides=False,
    ),
    ActionUnit(
        43,
        "Eyes closed",
        "relaxation of levator palpebrae superioris",
        Y,
        "The lids are shut. A still picture cannot tell closed eyes from a blink (AU45).",
        "The eyes are open.",
        opposed=(5,),
        confusable=(7,),
    ),
)

AU_NUMBERS: tuple[int, ...] = tuple(unit.number for unit in ACTION_UNITS)
DISFA_NUMBERS: tuple[int, ...] = tuple(unit.number for unit in ACTION_UNITS if unit.disfa)
BP4D_NUMBERS: tuple[int, ...] = tuple(unit.number for unit in ACTION_UNITS if unit.bp4d)

_BY_NUMBER = {unit.number: unit for unit in ACTION_UNITS}


def by_number(number: int) -> ActionUnit:
    """The unit with that FACS number; raises `LabelError` for one that is not in the table."""
    if number not in _BY_NUMBER:
        known = ", ".join(map(str, AU_NUMBERS))
        raise LabelError(
            f"There is no action unit {number!r} in the table. Known numbers: {known}. Use one of these."
        )
    return _BY_NUMBER[number]


def intensity_letter(intensity: float) -> str | None:
    """FACS letter A to E of an intensity on the 0-5 scale; None below 0.5. Values above 5 count as E."""
    level = min(int(intensity + 0.5), 5)
    return INTENSITY_LETTERS[level - 1] if level >= 1 else None
