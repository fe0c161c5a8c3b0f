"""The three networks of MediaPipe's wheel that find faces, each as one call on a small square picture.

They run offline: the weights lie in the wheel (0.10.21). The mesh network is addressed directly instead of
through `solutions.FaceMesh`, because that one begins with a detector of its own, which finds one face of five
in a group picture, and does not tell how sure the mesh is.
"""

import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlfau.errors import ModelError

logger = logging.getLogger(__name__)

MESH_VIEW_PX = 192
"""Side of the picture that the mesh network reads."""

DETECTOR_VIEW_PX = {"full": 192, "short": 128}
"""Sides of the pictures that the two detectors read: faces up to about 5 m away, and up to about 2 m."""

_DETECTOR_GRAPHS = {"full": "FaceDetectionFullRangeCpu", "short": "FaceDetectionShortRangeCpu"}
_DETECTOR_PORTS = {"input_stream": ["IMAGE:image"], "output_stream": ["DETECTIONS:detections"]}
_MESH_PORTS = {
    "input_stream": ["IMAGE:image", "ROI:region"],
    "input_side_packet": ["WITH_ATTENTION:with_attention"],
    "output_stream": ["LANDMARKS:landmarks"],
}
_PRESENCE_STREAM = "facelandmarkcpu__face_presence_score"
_THRESHOLD_OPTION = "facelandmarkcpu__ThresholdingCalculator.threshold"
_HARMLESS_LINE = re.compile(rb"^(INFO: |WARNING: All log messages before absl|[IW]\d{4} )")


@dataclass(frozen=True)
class Detection:
    """One face as a detector sees it, in pixels of the view that it was shown."""

    box_xyxy_px: tuple[float, float, float, float]
    right_eye_px: tuple[float, float]
    left_eye_px: tuple[float, float]
    score: float
    """0 to 1."""


class MediaPipeGraphs:
    """Graphs, built when first used and then kept; they are not thread safe, so every call waits its turn."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._graphs: dict[str, Any] = {}

    def detect(self, view: NDArray[np.uint8], reach: str) -> list[Detection]:
        """Faces in an RGB view (S, S, 3) uint8, S = DETECTOR_VIEW_PX[reach], reach "full" or "short"."""
        with self._lock:
            found = self._graph(reach).process(np.ascontiguousarray(view)).detections or []
        return [_as_detection(item, len(view)) for item in found]

    def mesh(self, view: NDArray[np.uint8]) -> tuple[NDArray[np.float64], float]:
        """Landmarks (478, 3) in view px and how sure the network is of a face (0 to 1).

        The view is RGB (192, 192, 3) uint8 with one upright face over about two thirds of its side.
        Without a face the landmarks mean nothing and the second number is near 0.
        """
        with self._lock:
            result = _run_mesh(self._graph("mesh"), np.ascontiguousarray(view))
            presence = float(getattr(result, _PRESENCE_STREAM))
            points = [(point.x, point.y, point.z) for point in result.landmarks.landmark]
        return np.array(points, np.float64) * len(view), presence

    def _graph(self, name: str) -> Any:
        if name not in self._graphs:
            with _native_log_filtered():
                self._graphs[name] = _build_mesh() if name == "mesh" else _build_detector(name)
        return self._graphs[name]


def _as_detection(item: Any, size_px: int) -> Detection:
    data = item.location_data
    box, points = data.relative_bounding_box, data.relative_keypoints
    corners = (box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height)
    x0, y0, x1, y1 = (value * size_px for value in corners)
    right, left = ((points[k].x * size_px, points[k].y * size_px) for k in (0, 1))
    return Detection((x0, y0, x1, y1), right, left, float(item.score[0]))


def _build_detector(reach: str) -> Any:
    """With the network's own threshold, a score of about 0.5."""
    graph = _build(_DETECTOR_GRAPHS[reach], _DETECTOR_PORTS)
    size = DETECTOR_VIEW_PX[reach]
    graph.process(np.zeros((size, size, 3), np.uint8))  # the networks load, and log, on their first picture
    return graph


def _build_mesh() -> Any:
    graph = _build(
        "FaceLandmarkCpu",
        _MESH_PORTS,
        side_inputs={"with_attention": True},
        outputs=["landmarks", _PRESENCE_STREAM],
        calculator_params={_THRESHOLD_OPTION: -1.0},  # always give landmarks; the caller judges the presence
    )
    _run_mesh(graph, np.zeros((MESH_VIEW_PX, MESH_VIEW_PX, 3), np.uint8))
    return graph


def _build(calculator: str, ports: dict[str, list[str]], **options: Any) -> Any:
    """A graph of one of the wheel's parts with the part's own ports, run on the thread that calls it."""
    try:
        from mediapipe.framework.calculator_pb2 import CalculatorGraphConfig, ExecutorConfig
        from mediapipe.python.solution_base import PacketDataType, SolutionBase
    except ImportError as error:
        raise ModelError(
            f"Faces cannot be found without MediaPipe. Importing it failed: {error}. "
            "Install the packages of requirements.txt (mediapipe 0.10.21)."
        ) from error
    graph = CalculatorGraphConfig(
        node=[CalculatorGraphConfig.Node(calculator=calculator, **ports)],
        executor=[ExecutorConfig(name="", type="ApplicationThreadExecutor")],
        **ports,
    )
    return SolutionBase(graph_config=graph, stream_type_hints={"landmarks": PacketDataType.PROTO}, **options)


def _run_mesh(graph: Any, view: NDArray[np.uint8]) -> Any:
    from mediapipe.framework.formats.rect_pb2 import NormalizedRect

    whole = NormalizedRect(x_center=0.5, y_center=0.5, width=1.0, height=1.0, rotation=0.0)
    return graph.process({"image": view, "region": whole})


@contextmanager
def _native_log_filtered() -> Iterator[None]:
    """Keep the C++ start-up notices of MediaPipe off the terminal; errors, and anybody else's lines, pass.

    They are written straight to file descriptor 2, before any setting of theirs is read, so only the
    descriptor itself can be turned away for that moment.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # a process without a stderr has nothing to keep clean
        yield
        return
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            if sys.stderr is not None:
                sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            caught.seek(0)
            _pass_on(caught.read())


def _pass_on(text: bytes) -> None:
    for line in text.splitlines(keepends=True):
        if _HARMLESS_LINE.match(line):
            logger.debug("%s", line.decode(errors="replace").rstrip())
        else:
            os.write(2, line)
