"""What an empty store begins with: a small project of synthetic faces, so that there is something to annotate.

The faces, their labels and their licence in `ui/starter/` were written by the renderer, with
`python -m finetune.synthetic starter --data DIR --out ui/starter`; `finetune/synthetic/starter.py` says which.
"""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from db.errors import Conflict
from db.first_faces import FirstFace, begin_project
from db.projects import ProjectSettings, list_projects
from db.roles import OPERATOR
from db.store import Store
from db.values import Answer, Occurrence, Side, UnitAnswer
from vlfau.action_units import by_number
from vlfau.errors import VLFAUError
from vlfau.images import read_image

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

logger = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("starter")
SOURCE = "VL-FAU renderer"

SETTINGS = ProjectSettings(
    "First faces",
    answers_wanted=2,
    blind_share=0.1,  # rounded up, 2 of the 12 faces without a known answer
    qualification_items=3,
    # who marks what they see and leaves the rest open reaches 0.62 on any three of the known faces
    qualification_accuracy=0.6,
)


def add_first_faces(store: Store, predictor: "Predictor") -> bool:
    """Put the first faces into a store that has no project; False when it has one. May run in several processes."""
    if list_projects(store, OPERATOR):
        return False
    faces = [face for label in labels() if (face := _first_face(label, predictor)) is not None]
    try:
        begin_project(store, OPERATOR, SETTINGS, faces)
    except Conflict:  # another process, or an admin, was faster
        return False
    logger.info("The project '%s' begins with %d faces", SETTINGS.name, len(faces))
    return True


def add_in_background(store: Store, predictor: "Predictor") -> None:
    """For a thread: a store that cannot take the faces is no reason to stop, but the log has to say so."""
    try:
        add_first_faces(store, predictor)
    except VLFAUError as error:
        logger.warning("The store begins without faces: %s", error)


def labels() -> list[dict[str, Any]]:
    """What the renderer says of each face: file, person, left and right (AU -> intensity 0-5), absent (AUs)."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "labels.json").read_text("utf-8"))
    return found


def known_answer(label: dict[str, Any]) -> Answer | None:
    """The answer to a face that has one: what was rendered is present, what is absent beyond doubt is absent."""
    if not label["absent"]:
        return None
    units = [UnitAnswer(int(code[2:]), Occurrence.ABSENT) for code in label["absent"]]
    for code in {**label["left"], **label["right"]}:
        left, right = label["left"].get(code, 0), label["right"].get(code, 0)
        intensity = round(max(left, right))
        if intensity >= 1:
            units.append(UnitAnswer(int(code[2:]), Occurrence.PRESENT, intensity, _side(code, left, right)))
    return Answer(tuple(units))


def _side(code: str, left: float, right: float) -> Side | None:
    if not by_number(int(code[2:])).has_sides:
        return None
    return Side.BOTH if left and right else Side.LEFT if left else Side.RIGHT


def _first_face(label: dict[str, Any], predictor: "Predictor") -> FirstFace | None:
    image = read_image(FOLDER / label["file"])
    found = predictor.predict(image)
    if not found:
        logger.warning("No face was found in %s; it is left out", label["file"])
        return None
    return FirstFace(image, found[0], label["person"], SOURCE, known_answer(label))
