"""What programs and language models may ask for: a few functions that read, typed and described, and nothing else.

Gradio serves each as an endpoint of its API and, where the `mcp` package is installed, as a tool. Nothing that writes
is among them: who may write is a person with a session, on the pages.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypedDict

import gradio as gr
import numpy as np
from gradio.events import api as endpoint
from numpy.typing import NDArray

from db.roles import OPERATOR
from db.stats import stats
from db.store import Store
from ui.analyse import QUEUE
from ui.behind import behind
from ui.errors import told_to_programs
from ui.uploads import take_upload
from vlfau.action_units import ACTION_UNITS, by_number
from vlfau.records import failed_record, no_face_message, photo_records

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import ActionUnitPrediction, FacePrediction, Predictor


class Reason(TypedDict):
    """Why one action unit is reported, as `explain` tells it."""

    action_unit: str
    """Code and name: `AU12 Lip corner puller`."""
    present: bool
    probability: float
    """Calibrated, 0-1."""
    threshold: float
    """From which probability it counts as present, 0-1."""
    intensity: float
    """0-5; 1-5 are the letters A-E of FACS."""
    sentence: str | None
    region: str
    """Part of the face it belongs to: brow, eye, cheek, nose, mouth or chin."""
    seen_at_x: float
    """Pixels of the photo: the middle of what speaks for it."""
    seen_at_y: float


class Explanation(TypedDict):
    """One face, as `explain` tells it."""

    face: int
    """0 is the largest."""
    box: list[float]
    """x0, y0, x1, y1 in pixels of the photo."""
    description: str | None
    action_units: list[Reason]
    warnings: list[str]
    """What may make the reading less sure: a turned head, a small or blurred face."""
    model_version: str


class ActionUnitInfo(TypedDict):
    """One line of the table of action units."""

    code: str
    name: str
    muscles: str
    region: str
    what_is_seen: str
    can_be_one_sided: bool


class PublicStats(TypedDict):
    """How much has been annotated, without anything about anybody."""

    model_version: str | None
    projects: int
    faces: int
    answers: int
    faces_by_state: dict[str, int]


class Api:
    """The functions; asks for the predictor each time and holds no photo."""

    def __init__(self, predictor: Callable[[], "Predictor"], store: Store) -> None:
        self.predictor, self.store = predictor, store

    @told_to_programs
    @behind
    def predict(self, photo: gr.FileData, words: bool = True) -> list[dict[str, Any]]:
        """Find the faces in a photo and the facial action units of each.

        Args:
            photo: JPEG, PNG, WebP, BMP or TIFF, at most 50 MB and 80 megapixels. It is not kept.
            words: with a sentence for each action unit and a description of the face.

        Returns:
            One record per face, largest face first: file, face, success, box_x0 to box_y1 (pixels; frame, time_s and
            track are for videos), score (0-1),
            pose_yaw, pose_pitch, pose_roll (degrees), model_version; per action unit AU12_p (calibrated probability
            0-1), AU12_i (intensity 0-5), AU12_c (1 when the probability reaches that unit's threshold); with words
            AU12_text and description; warnings; error. A photo without a face gives one record with success 0 and
            an error.
        """
        name, image, predictor = *_taken(photo), self.predictor()
        faces = predictor.predict(image, words=words)
        if faces:
            return [dict(record) for record in photo_records(name, faces, words)]
        config = predictor.checkpoint.config
        message = no_face_message(image.shape[1], image.shape[0])
        return [dict(failed_record(name, message, config.model_version, config.au_numbers, words))]

    @told_to_programs
    @behind
    def explain(self, photo: gr.FileData, all_units: bool = False) -> list[Explanation]:
        """Say which muscle movements a face shows, how sure that is, and where in the photo it is seen.

        These are movements, not feelings: do not conclude from them what somebody feels, thinks or intends.

        Args:
            photo: JPEG, PNG, WebP, BMP or TIFF, at most 50 MB and 80 megapixels. It is not kept.
            all_units: also the action units that are not present.

        Returns:
            One explanation per face, largest first; none when no face was found.
        """
        _, image = _taken(photo)
        faces = self.predictor().predict(image)
        return [explanation(number, face, all_units) for number, face in enumerate(faces)]

    def list_action_units(self) -> list[ActionUnitInfo]:
        """List the action units that can be recognised: code, name, muscles, and what is seen when one is present.

        Returns:
            One entry per action unit, in the order of every other answer.
        """
        return [
            ActionUnitInfo(
                code=unit.code,
                name=unit.name,
                muscles=unit.muscles,
                region=str(unit.region),
                what_is_seen=unit.present,
                can_be_one_sided=unit.has_sides,
            )
            for unit in ACTION_UNITS
        ]

    @told_to_programs
    def export_public_stats(self) -> PublicStats:
        """Count what people have annotated here so far; numbers only, about nobody in particular.

        Returns:
            The model that serves, and how many projects, faces and answers there are, faces by how far they are.
        """
        found = stats(self.store, OPERATOR)
        states: dict[str, int] = {}
        for items in found["projects"].values():
            for state, count in items.items():
                states[str(state)] = states.get(str(state), 0) + count
        rows = found["rows"]
        return PublicStats(
            model_version=self.predictor().checkpoint.config.model_version,
            projects=len(found["projects"]),
            faces=rows["face"],
            answers=rows["response"],
            faces_by_state=states,
        )


def explanation(number: int, face: "FacePrediction", all_units: bool) -> Explanation:
    """What `explain` tells of one face."""
    told = [
        _reason(unit, face, evidence)
        for unit, evidence in zip(face.action_units, face.evidence, strict=True)
        if unit.active or all_units
    ]
    return Explanation(
        face=number,
        box=[round(float(value), 1) for value in face.face.box_xyxy_px],
        description=face.description,
        action_units=told,
        warnings=[warning.message for warning in face.face.warnings],
        model_version=face.model_version,
    )


def _reason(unit: "ActionUnitPrediction", face: "FacePrediction", evidence: NDArray[np.float32]) -> Reason:
    known = by_number(unit.number)
    x, y = seen_at(evidence, face.chip.shape[0], face.chip_transform)
    return Reason(
        action_unit=known.label,
        present=unit.active,
        probability=round(unit.probability, 4),
        threshold=round(unit.threshold, 4),
        intensity=round(unit.intensity, 2),
        sentence=unit.text,
        region=str(known.region),
        seen_at_x=round(x, 1),
        seen_at_y=round(y, 1),
    )


def seen_at(
    evidence: NDArray[np.float32], side_px: int, transform: NDArray[np.float64]
) -> tuple[float, float]:
    """The middle of an evidence map (G, G) over a chip of that side, in photo px; transform (2, 3) photo -> chip."""
    weights = np.asarray(evidence, np.float64)
    weights = weights / weights.sum()
    cells = (np.arange(weights.shape[0]) + 0.5) / weights.shape[0] * side_px
    chip = np.array([weights.sum(axis=0) @ cells, weights.sum(axis=1) @ cells])
    x, y = np.linalg.solve(transform[:, :2], chip - transform[:, 2])
    return float(x), float(y)


def build(predictor: Callable[[], "Predictor"], store: Store) -> None:
    """Put the endpoints into the Blocks around this call."""
    api = Api(predictor, store)
    endpoint(api.predict, api_name="predict", **QUEUE)
    endpoint(api.explain, api_name="explain", **QUEUE)
    endpoint(api.list_action_units, api_name="list_action_units", queue=False)
    endpoint(api.export_public_stats, api_name="export_public_stats", queue=False)


def mcp_is_there() -> bool:
    """Whether the functions can be served as tools: the package is an addition that users choose."""
    return find_spec("mcp") is not None


def _taken(photo: gr.FileData) -> tuple[str, NDArray[np.uint8]]:
    return take_upload(photo.model_dump() if isinstance(photo, gr.FileData) else photo)
