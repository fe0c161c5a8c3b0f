"""The face finder: MediaPipe's detectors over the whole photo, then its mesh on every face found."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vlfau.alignment import apply, invert, make_chip, scale_of
from vlfau.mediapipe_graphs import MESH_VIEW_PX, MediaPipeGraphs

MESH_MARGIN = 1.5
"""Side of the square given to the mesh, in sides of the face's box; what the network was trained with."""

RIGHT_EYE_OUTER, LEFT_EYE_OUTER = 33, 263


class MediaPipeFinder:
    """Finds faces with the networks of MediaPipe's wheel; safe to share between threads."""

    def __init__(self) -> None:
        self._graphs = MediaPipeGraphs()

    def mesh(
        self, image: NDArray[np.uint8], box_xyxy_px: ArrayLike, roll_deg: float = 0.0
    ) -> NDArray[np.float32] | None:
        """Landmarks (478, 3) in photo px of the face in a box, or None when the mesh sees no face there.

        The box runs from hairline to chin and ear to ear, roughly; `roll_deg` is how far the head leans
        (clockwise in the picture). Photos and renders both go through here, so both get the same landmarks.
        """
        fitted = self._fit_mesh(image, np.asarray(box_xyxy_px, np.float64), roll_deg)
        return None if fitted is None else fitted[0]

    def _fit_mesh(
        self, image: NDArray[np.uint8], box: NDArray[np.float64], roll_deg: float
    ) -> tuple[NDArray[np.float32], float] | None:
        """Landmarks and presence (0-1): a look at the box, then two at the landmarks' own square.

        Without the second and third look the landmarks depend on how the detector happened to frame the face:
        0.60 % of the eyes' outer distance over small turns and shifts of 60 photos, against 0.11 % with them.
        """
        centre, side = (box[:2] + box[2:]) / 2, float(np.max(box[2:] - box[:2]))
        view = _square_view(centre, side * MESH_MARGIN, math.radians(roll_deg))
        for _ in range(3):
            points, presence = self._graphs.mesh(make_chip(image, view, MESH_VIEW_PX))
            if presence < LOWEST_PRESENCE:
                return None
            landmarks = _back_to_photo(points, view)
            view = _square_view(*_upright_square(landmarks))
        return landmarks.astype(np.float32), presence


LOWEST_PRESENCE = 0.5
"""Below this the mesh says there is no face."""


def _square_view(centre: NDArray[np.float64], side_px: float, roll: float) -> NDArray[np.float64]:
    """Transform (2, 3) from photo px to the mesh view: a square around `centre`, leaning by `roll` radians."""
    scale = MESH_VIEW_PX / side_px
    cosine, sine = math.cos(roll) * scale, math.sin(roll) * scale
    linear = np.array([[cosine, sine], [-sine, cosine]])
    return np.hstack([linear, (MESH_VIEW_PX / 2 - linear @ centre)[:, None]])


def _upright_square(landmarks: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Centre, side and roll (radians) of the square with margin in which these landmarks stand upright."""
    across = landmarks[LEFT_EYE_OUTER, :2] - landmarks[RIGHT_EYE_OUTER, :2]
    roll = math.atan2(across[1], across[0])
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    upright = landmarks[:, :2] @ turn.T
    low, high = upright.min(axis=0), upright.max(axis=0)
    return turn.T @ ((low + high) / 2), float(np.max(high - low)) * MESH_MARGIN, roll


def _back_to_photo(points: NDArray[np.float64], view: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks (478, 3) in view px -> photo px; the depth has the same scale."""
    return np.hstack([apply(invert(view), points[:, :2]), points[:, 2:] / scale_of(view)])
