"""The face finder: MediaPipe's detectors over the whole photo, then its mesh on every face found."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vlfau.alignment import apply, invert, scale_of, square_transform
from vlfau.detection import Candidate, Pyramid, find_candidates
from vlfau.faces import Face
from vlfau.head_pose import head_pose, shape_misfit
from vlfau.mediapipe_graphs import MESH_VIEW_PX, MediaPipeGraphs
from vlfau.quality import quality_warnings

MESH_MARGINS = (1.5, 2.0)
"""Side of the square given to the mesh, in sides of the face's box: what it was trained with, then a second try."""

OTHER_ROLLS_DEG = (180.0, 90.0, -90.0)
"""Turns that are tried when a mesh is doubtful: the detectors take some faces for upright that are upside down."""

LOWEST_PRESENCE = 0.97
"""Of 584 meshes on faces the least had 0.976; of 85 on false detections, half had less than 0.53."""

LARGEST_MISFIT = 0.10
"""Of the landmarks from the shape of a face, see `shape_misfit`."""

CERTAIN_MISFIT = 0.06
"""A mesh as good as this is taken without trying others."""

WEAK_SCORE = 0.6
"""What the detector is less sure of is a face only if the mesh is sure and its misfit is small."""

SURE_PRESENCE = 0.99
"""Asked of weak candidates and of other rolls: on smooth random texture 6 of 300 meshes reached it."""

FOLLOWING_LOOKS = 2
"""Of the mesh, to follow a face from one picture of a video to the next."""

FOLLOWING_MISFIT = 1.1
"""A face that never fits well may misfit so many times as much as in the picture before."""

_RIGHT_EYE, _LEFT_EYE = 33, 263

LeaningSquare = tuple[tuple[float, float], float, float]
"""Middle (x, y) and side in photo px, and roll in degrees clockwise in the picture."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """Landmarks laid over a candidate, and how well they lie."""

    landmarks_px: NDArray[np.float32]
    """(478, 3) in photo px."""
    presence: float
    """How sure the network is of a face, 0 to 1."""
    misfit: float
    """See `shape_misfit`."""


class MediaPipeFinder:
    """Finds faces with the networks of MediaPipe's wheel; safe to share between threads."""

    def __init__(self) -> None:
        self._graphs = MediaPipeGraphs()

    def find(self, image: NDArray[np.uint8]) -> list[Face]:
        """All faces in an upright RGB image (H, W, 3) uint8, largest first; empty when there is none."""
        photo = Pyramid(image)
        faces: list[Face] = []
        for candidate in find_candidates(photo, self._graphs):
            face = self._face(image, photo, candidate)
            if face is not None and not any(_same_face(face, other) for other in faces):
                faces.append(face)
        return sorted(faces, key=lambda face: -face.width_px * face.height_px)

    def mesh(
        self, image: NDArray[np.uint8], box_xyxy_px: ArrayLike, roll_deg: float = 0.0
    ) -> NDArray[np.float32] | None:
        """Landmarks (478, 3) in photo px of the face in a box, or None when the mesh sees no face there.

        The box runs from hairline to chin and ear to ear, roughly; `roll_deg` is how far the head leans
        (clockwise in the picture). Photos and renders both go through here, so both get the same landmarks.
        The box is trusted: cloudy texture is sometimes taken for a face here, which `find` guards against.
        """
        x0, y0, x1, y1 = (float(value) for value in np.asarray(box_xyxy_px))
        side = max(x1 - x0, y1 - y0)
        candidate = Candidate((x0 + x1) / 2, (y0 + y1) / 2, side, roll_deg, 1.0)
        mesh = self._fit_mesh(Pyramid(image), candidate, ())
        return None if mesh is None else mesh.landmarks_px

    def follow(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """The same face in the next picture of a video, by the mesh alone, or None when that leaves any doubt.

        The look begins where the landmarks were. The score stays the detector's of when the face was last found.
        """
        mesh = self._look(Pyramid(image), _own_square(face.landmarks_px.astype(np.float64)), FOLLOWING_LOOKS)
        largest = min(LARGEST_MISFIT, max(CERTAIN_MISFIT, FOLLOWING_MISFIT * shape_misfit(face.landmarks_px)))
        if mesh.presence < LOWEST_PRESENCE or mesh.misfit > largest:
            return None
        found = _as_face(image, mesh, face.score)
        return found if _same_face(found, face) else None

    def _face(self, image: NDArray[np.uint8], photo: Pyramid, candidate: Candidate) -> Face | None:
        mesh = self._fit_mesh(photo, candidate, OTHER_ROLLS_DEG)
        return None if mesh is None else _as_face(image, mesh, candidate.score)

    def _fit_mesh(self, photo: Pyramid, candidate: Candidate, rolls_deg: tuple[float, ...]) -> Mesh | None:
        """The mesh in a candidate's square, or None when there is no face that a mesh fits.

        `rolls_deg` are further turns to try when the mesh is doubtful as the candidate leans.
        """
        tries = [(margin, 0.0) for margin in MESH_MARGINS] + [(MESH_MARGINS[0], roll) for roll in rolls_deg]
        weak = candidate.score < WEAK_SCORE
        best: Mesh | None = None
        for margin, turn in tries:
            mesh = self._settle(photo, candidate, margin, turn)
            if mesh.presence < (SURE_PRESENCE if weak or turn else LOWEST_PRESENCE):
                continue
            if mesh.misfit <= CERTAIN_MISFIT:
                return mesh
            if best is None or mesh.misfit < best.misfit:
                best = mesh
        return best if best is not None and best.misfit <= LARGEST_MISFIT and not weak else None

    def _settle(self, photo: Pyramid, candidate: Candidate, margin: float, turn_deg: float) -> Mesh:
        """A look at the candidate's square, then two at the square that the landmarks themselves ask for.

        Without the second and third look the landmarks depend on how the detector happened to frame the face:
        0.60 % of the eyes' outer distance over small turns and shifts of 60 photos, against 0.11 % with them.
        """
        square = (candidate.x, candidate.y), candidate.side_px * margin, candidate.roll_deg + turn_deg
        return self._look(photo, square, 3)

    def _look(self, photo: Pyramid, square: LeaningSquare, times: int) -> Mesh:
        """The mesh in a square, then in the square that its own landmarks ask for, and so on."""
        for _ in range(times):
            view = square_transform(*square, MESH_VIEW_PX)
            points, presence = self._graphs.mesh(photo.view(view, MESH_VIEW_PX))
            landmarks = _back_to_photo(points, view)
            square = _own_square(landmarks)
        return Mesh(landmarks.astype(np.float32), presence, shape_misfit(landmarks))


def _as_face(image: NDArray[np.uint8], mesh: Mesh, score: float) -> Face:
    landmarks = mesh.landmarks_px
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    pose = head_pose(landmarks)
    warnings = quality_warnings(image, landmarks, box, pose, score, mesh.presence)
    return Face(box, score, landmarks, pose, warnings)


def _own_square(landmarks: NDArray[np.float64]) -> LeaningSquare:
    """Middle, side and roll (degrees) of the square with margin in which these landmarks stand upright."""
    across = landmarks[_LEFT_EYE, :2] - landmarks[_RIGHT_EYE, :2]
    roll = math.degrees(math.atan2(across[1], across[0]))
    turn = square_transform((0, 0), 1.0, roll, 1)
    upright = apply(turn, landmarks[:, :2])
    low, high = upright.min(axis=0), upright.max(axis=0)
    x, y = apply(invert(turn), (low + high) / 2)
    return (float(x), float(y)), float(np.max(high - low)) * MESH_MARGINS[0], roll


def _back_to_photo(points: NDArray[np.float64], view: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks (478, 3) in view px -> photo px; the depth has the same scale."""
    return np.hstack([apply(invert(view), points[:, :2]), points[:, 2:] / scale_of(view)])


def _same_face(one: Face, other: Face) -> bool:
    """Whether two meshes lie on one face: their middles are closer than a third of the smaller one's size."""
    distance = np.linalg.norm(one.landmarks_px[:, :2].mean(axis=0) - other.landmarks_px[:, :2].mean(axis=0))
    return bool(distance < min(max(one.width_px, one.height_px), max(other.width_px, other.height_px)) / 3)
