"""A face as it is found in a photo: where it is, how the head is turned, and what makes it hard to read."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

LANDMARK_COUNT = 478
"""Points of MediaPipe Face Mesh with both irises."""

WARNING_CODES = ("yaw", "pitch", "size", "blur", "confidence", "edge", "occlusion")
"""Every code that a QualityWarning may have, in the order in which warnings are listed."""


@dataclass(frozen=True)
class HeadPose:
    """How the head is turned, in degrees, seen from the person; all 0 when the face looks into the camera.

    The three turns are independent of each other: turning the photo itself changes only the roll.
    """

    yaw_deg: float
    """Positive: turned to the person's own left (towards the right of the picture). -90 to 90."""
    pitch_deg: float
    """Positive: chin up. -180 to 180, in practice -60 to 60."""
    roll_deg: float
    """Positive: head leaning to the person's own left shoulder (clockwise in the picture). -180 to 180."""


@dataclass(frozen=True)
class QualityWarning:
    """One reason to trust the reading of a face less."""

    code: str
    """One of WARNING_CODES; fit for a CSV column."""
    message: str
    """Plain sentences for a person: what was found and what to do."""

    def __post_init__(self) -> None:
        if self.code not in WARNING_CODES:
            raise ValueError(
                f"There is no quality warning of this code. '{self.code}' was given. "
                f"Use one of {', '.join(WARNING_CODES)}."
            )


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one photo; all coordinates are photo px as defined in `vlfau.alignment`."""

    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom of the landmarks' extent, chin to hairline; may reach beyond the photo."""
    score: float
    """How sure the detector is that this is a face, 0 to 1."""
    landmarks_px: NDArray[np.float32]
    """(478, 3): x, y and depth z; z has the scale of x and y, smaller is nearer to the camera."""
    pose: HeadPose
    warnings: tuple[QualityWarning, ...] = ()
    """Empty when nothing speaks against reading this face."""

    @property
    def width_px(self) -> float:
        return self.box_xyxy_px[2] - self.box_xyxy_px[0]

    @property
    def height_px(self) -> float:
        return self.box_xyxy_px[3] - self.box_xyxy_px[1]


class FaceFinder(Protocol):
    """Anything that finds faces; the rest of the project asks for no more than this."""

    def find(self, image: NDArray[np.uint8]) -> list[Face]:
        """All faces in an upright RGB image (H, W, 3) uint8, largest first; empty when there is none."""
        ...

    def follow(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """The same face in the next picture of a video, or None when it is not surely there any more."""
        ...
