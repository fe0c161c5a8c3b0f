"""Where each of the 478 face-mesh landmarks lies on the rig's surface.

The numbers in `correspondence.npz` were computed once from the landmarks of 142 neutral photos:
the mean detected face, made symmetrical, was matched to the rig by a similarity and a thin-plate warp; points of
the lids and lips were put by arc length on the rig's own lid and lip edges; every other point went to the nearest
surface point. Four rounds of fitting the photos then slid each point by the median of what was left, until the mean
error was 1.1 % of the distance between the eyes. They are facts about two meshes and hold no photo.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np

LANDMARKS = 478

LOWER_LIP_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
UPPER_LIP_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_LIP_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_LIP_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
RIGHT_LID_LOWER = (33, 7, 163, 144, 145, 153, 154, 155, 133)
RIGHT_LID_UPPER = (33, 246, 161, 160, 159, 158, 157, 173, 133)
LEFT_LID_LOWER = (263, 249, 390, 373, 374, 380, 381, 382, 362)
LEFT_LID_UPPER = (263, 466, 388, 387, 386, 385, 384, 398, 362)
RIGHT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
LEFT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
# fmt: off
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
             149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
# fmt: on
LIPS = LOWER_LIP_OUTER + UPPER_LIP_OUTER + LOWER_LIP_INNER + UPPER_LIP_INNER
LIDS = RIGHT_LID_LOWER + RIGHT_LID_UPPER + LEFT_LID_LOWER + LEFT_LID_UPPER
BROWS = RIGHT_BROW + LEFT_BROW
RIGHT_EYE_CORNERS = (33, 133)
LEFT_EYE_CORNERS = (362, 263)
RIGHT_IRIS, LEFT_IRIS = 468, 473
LIP_GAP_PAIRS = ((13, 14), (82, 87), (312, 317))
"""Upper and lower inner lip landmarks that face each other near the middle of the mouth."""


@dataclass(frozen=True)
class Correspondence:
    """Landmarks on the rig: `vertices` (478, 3) indices of the full rig, `weights` (478, 3) summing to 1,
    `mirror` (478,) the landmark on the other side, `curves` the rig's lid and lip edges as vertex chains."""

    vertices: np.ndarray
    weights: np.ndarray
    mirror: np.ndarray
    curves: dict[str, np.ndarray]

    @classmethod
    def load(cls) -> "Correspondence":
        """Read the table that is shipped beside this file."""
        with (files(__package__) / "correspondence.npz").open("rb") as file, np.load(file) as table:
            prefix = "curve_vertices_"
            curves = {
                name.removeprefix(prefix): table[name] for name in table.files if name.startswith(prefix)
            }
            return cls(
                table["vertices"].astype(np.int64), table["weights"], table["mirror"].astype(np.int64), curves
            )
