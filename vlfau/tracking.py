"""Tracking: the same face in the pictures of a video that follow each other keeps one number."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlfau.faces import LANDMARK_COUNT, Face, FaceFinder
from vlfau.head_pose import head_pose

DETECT_EVERY = 10
"""Pictures from one search of the whole picture to the next; between them faces are followed by the mesh alone."""

LONGEST_STEP_S = 0.2
"""Between two pictures that lie further apart nothing is followed: a face may be anywhere."""

LONGEST_GAP_S = 1.0
"""How long a face may be out of sight and still get its number back."""

LARGEST_MOVE = 0.8
"""How far a face may have moved and grown from where it was last seen, to be taken for the same; see `_distance`."""


@dataclass(frozen=True, eq=False)
class Track:
    """One face over time."""

    number: int
    """Counted from 0 in each video, in order of appearance."""
    face: Face
    """As it was last seen."""
    seen_s: float
    """When that was."""


class FaceTracker:
    """Finds and follows the faces of one video; give it the pictures in order."""

    def __init__(
        self, finder: FaceFinder, detect_every: int = DETECT_EVERY, state: Mapping[str, Any] | None = None
    ) -> None:
        """`state` is what `state()` of another tracker of the same video gave, to go on from there."""
        self._finder = finder
        self._detect_every = detect_every
        self._tracks = [_unpack(track) for track in state["tracks"]] if state else []
        self._next_number: int = state["next_number"] if state else 0
        self._since_detection: int = state["since_detection"] if state else 0
        self._time_s: float = state["time_s"] if state else -math.inf

    def update(self, image: NDArray[np.uint8], time_s: float) -> list[Track]:
        """The faces of the next picture, upright RGB (H, W, 3) uint8, largest first.

        Faces are followed from the picture before; the whole picture is searched every `detect_every` pictures, and
        whenever no face is known, one is lost or in doubt, or the picture is long after the one before.
        """
        self._tracks = [
            track
            for track in self._tracks
            if track.seen_s == self._time_s or time_s - track.seen_s <= LONGEST_GAP_S
        ]
        faces = self._follow(image, time_s)
        self._since_detection += 1
        if faces is None:
            self._since_detection = 1
            faces = self._number(self._finder.find(image), time_s)
        seen = {track.number for track in faces}
        self._tracks = [*faces, *(track for track in self._tracks if track.number not in seen)]
        self._time_s = time_s
        return sorted(faces, key=lambda track: -track.face.width_px * track.face.height_px)

    def state(self) -> dict[str, Any]:
        """All that the next picture depends on, ready for JSON."""
        return {
            "tracks": [_pack(track) for track in self._tracks],
            "next_number": self._next_number,
            "since_detection": self._since_detection,
            "time_s": self._time_s,
        }

    def _follow(self, image: NDArray[np.uint8], time_s: float) -> list[Track] | None:
        """The faces of the last picture in this one; None when the whole picture is to be searched."""
        live = [track for track in self._tracks if track.seen_s == self._time_s]
        step_s = time_s - self._time_s
        if not live or self._since_detection >= self._detect_every or not 0 <= step_s <= LONGEST_STEP_S:
            return None
        followed: list[Track] = []
        for track in live:
            face = self._finder.follow(image, track.face)
            if face is None or any(_distance(face, other.face) < LARGEST_MOVE / 2 for other in followed):
                return None
            followed.append(replace(track, face=face, seen_s=time_s))
        return followed

    def _number(self, faces: Sequence[Face], time_s: float) -> list[Track]:
        """Found faces as the tracks they go on, the closest pairs first, or as new ones."""
        pairs = sorted(
            (distance, index, track.number)
            for index, face in enumerate(faces)
            for track in self._tracks
            if (distance := _distance(face, track.face)) < LARGEST_MOVE
        )
        number_of: dict[int, int] = {}
        for _, index, number in pairs:
            if index not in number_of and number not in number_of.values():
                number_of[index] = number
        for index in range(len(faces)):
            if index not in number_of:
                number_of[index] = self._next_number
                self._next_number += 1
        return [Track(number_of[index], face, time_s) for index, face in enumerate(faces)]


def _distance(one: Face, other: Face) -> float:
    """Between the middles of two faces in sizes of a face, and by how much one is larger, as a logarithm."""
    apart = np.linalg.norm(one.landmarks_px[:, :2].mean(axis=0) - other.landmarks_px[:, :2].mean(axis=0))
    size, other_size = _size(one), _size(other)
    return float(apart) / math.sqrt(size * other_size) + abs(math.log(size / other_size))


def _size(face: Face) -> float:
    return max(face.width_px, face.height_px, 1e-6)


def _pack(track: Track) -> dict[str, Any]:
    landmarks = base64.b64encode(np.ascontiguousarray(track.face.landmarks_px, np.float32).tobytes()).decode()
    return {
        "number": track.number,
        "seen_s": track.seen_s,
        "score": track.face.score,
        "box_xyxy_px": list(track.face.box_xyxy_px),
        "landmarks_px": landmarks,
    }


def _unpack(packed: Mapping[str, Any]) -> Track:
    data = base64.b64decode(packed["landmarks_px"])
    landmarks = np.frombuffer(data, np.float32).reshape(LANDMARK_COUNT, 3).copy()
    x0, y0, x1, y1 = packed["box_xyxy_px"]
    face = Face((x0, y0, x1, y1), packed["score"], landmarks, head_pose(landmarks))
    return Track(packed["number"], face, packed["seen_s"])
