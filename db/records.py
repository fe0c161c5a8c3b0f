"""The two tables of a data set: one row for each face, and one for each answer of each person.

Per action unit of the face table: `AU12` soft label 0-1, `AU12_n` annotators, `AU12_agreement`, `AU12_intensity` 0-5,
`AU12_laid_down` by a reviewer, `AU12_text` the sentence as a person wrote it, `AU12_model` the model's probability.
Null is a mask: nobody judged it. Of the answer table: `AU12` present, absent, unsure or not_visible; null: unanswered.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from db.answer_tables import Response
from db.answers import answers_of, stands
from db.consensus import Consensus, UnitConsensus, consensus
from db.judgements import LEFT_OUT, judgements
from db.measures import verdicts
from db.rows import in_parts
from db.store import Work
from db.tables import Annotator, FaceRow, Image, Item, PredictedUnitRow, PredictionRow, Subject
from db.values import Answer, Consent, ItemState, Status
from vlfau.action_units import AU_NUMBERS, by_number

Row = dict[str, Any]

_AT_ONCE = 500

CODES = {number: by_number(number).code for number in AU_NUMBERS}
FACE_COLUMNS: dict[str, str] = {
    "item": "int64",
    "face": "int64",
    "person": "string",
    "sha256": "string",
    "width_px": "int32",
    "height_px": "int32",
    "box_x0": "float32",
    "box_y0": "float32",
    "box_x1": "float32",
    "box_y1": "float32",
    "score": "float32",
    "pose_yaw": "float32",
    "pose_pitch": "float32",
    "pose_roll": "float32",
    "state": "string",
    "gold": "bool",
    "blind": "bool",
    "model_version": "string",
    "description": "string",
}
FACE_UNIT_COLUMNS = {
    "": "float32",
    "_n": "int32",
    "_agreement": "float32",
    "_intensity": "float32",
    "_laid_down": "bool",
    "_text": "string",
    "_model": "float32",
}
ANSWER_COLUMNS: dict[str, str] = {
    "response": "int64",
    "item": "int64",
    "face": "int64",
    "person": "string",
    "annotator": "string",
    "at": "string",
    "seconds": "float32",
    "blind": "bool",
    "chosen_by": "string",
    "model_version": "string",
    "guideline_version": "int32",
    "description": "string",
}
ANSWER_UNIT_COLUMNS = {"": "string", "_intensity": "int32", "_side": "string", "_text": "string"}


@dataclass(frozen=True, eq=False)
class Records:
    """What an export holds."""

    faces: list[Row]
    answers: list[Row]


def columns(general: dict[str, str], per_unit: dict[str, str]) -> dict[str, str]:
    """Column -> type, in order: the general ones, then those of each action unit."""
    return general | {f"{code}{suffix}": kind for code in CODES.values() for suffix, kind in per_unit.items()}


def records(work: Work, project_id: int, scope: Consent) -> Records:
    """Faces with a label, and the answers about them, of people whose consent covers the scope and stands."""
    laid_down = verdicts(work, project_id)
    labels, _ = consensus(judgements(work, project_id), laid_down)
    items = _items(work, project_id, scope)
    responses = _responses(work, project_id, items)
    answers = answers_of(work, [response for response, *_ in responses])
    faces = _face_rows(work, items, labels, laid_down, responses, answers)
    return Records(
        faces,
        [
            _answer_row(response, answers[response.id], pseudonym, version, items[response.item_id])
            for response, pseudonym, version in responses
        ],
    )


def _items(work: Work, project_id: int, scope: Consent) -> dict[int, Row]:
    """Item id -> the general columns of its face row."""
    query = (
        select(Item, FaceRow, Image, PredictionRow)
        .join(FaceRow, FaceRow.id == Item.face_id)
        .join(Image, Image.id == FaceRow.image_id)
        .join(Subject, Subject.id == Image.subject_id)
        .outerjoin(PredictionRow, PredictionRow.id == Item.prediction_id)
        .where(Item.project_id == project_id, Item.state.not_in(LEFT_OUT), Subject.withdrawn_at.is_(None))
        .order_by(Item.id)
    )
    if scope == Consent.PUBLISH:
        query = query.where(Subject.consent == Consent.PUBLISH)
    return {
        item.id: {
            "item": item.id,
            "face": face.id,
            "person": f"P{image.subject_id}",
            "sha256": image.sha256,
            "width_px": image.width_px,
            "height_px": image.height_px,
            **{f"box_{name}": getattr(face, f"{name}_px") for name in ("x0", "y0", "x1", "y1")},
            "score": face.score,
            **{f"pose_{name}": getattr(face, f"{name}_deg") for name in ("yaw", "pitch", "roll")},
            "state": item.state,
            "gold": item.state == ItemState.GOLD,
            "blind": item.blind,
            "model_version": prediction and prediction.model_version,
            "prediction": prediction and prediction.id,
        }
        for item, face, image, prediction in work.execute(query)
    }


def _responses(work: Work, project_id: int, items: dict[int, Row]) -> list[tuple[Response, str, str | None]]:
    """Submitted answers that stand, with the annotator's pseudonym and the model version they began from."""
    query = (
        select(Response, Annotator.pseudonym, PredictionRow.model_version)
        .join(Annotator, Annotator.id == Response.annotator_id)
        .outerjoin(PredictionRow, PredictionRow.id == Response.prediction_id)
        .where(Response.project_id == project_id, Response.status == Status.SUBMITTED, stands())
        .order_by(Response.id)
    )
    return [(row[0], row[1], row[2]) for row in work.execute(query) if row[0].item_id in items]


def _face_rows(
    work: Work,
    items: dict[int, Row],
    labels: Consensus,
    laid_down: dict[int, Answer],
    responses: Iterable[tuple[Response, str, str | None]],
    answers: dict[int, Answer],
) -> list[Row]:
    said: defaultdict[int, list[Answer]] = defaultdict(list)
    for response, *_ in responses:
        said[response.item_id].append(answers[response.id])
    labelled = [item for item in items if labels.get(item)]
    model = _model(work, [items[item]["prediction"] for item in labelled])
    rows = []
    for item in labelled:
        general = dict(items[item])
        predicted = model.get(general.pop("prediction"), {})
        # who laid something down has the last word, also in sentences; then the latest person
        words = [*said[item], *([laid_down[item]] if item in laid_down else [])]
        general["description"] = next((a.description for a in reversed(words) if a.description), None)
        rows.append(general | _unit_columns(labels[item], words, predicted))
    return rows


def _unit_columns(
    labels: dict[int, UnitConsensus], words: Sequence[Answer], predicted: dict[int, float]
) -> Row:
    row: Row = {}
    for number, code in CODES.items():
        label = labels.get(number)
        row[code] = label and label.probability
        row[f"{code}_n"] = label.n if label else 0
        row[f"{code}_agreement"] = label and label.agreement
        row[f"{code}_intensity"] = label and label.intensity
        row[f"{code}_laid_down"] = bool(label and label.laid_down)
        row[f"{code}_text"] = _sentence(number, label, words)
        row[f"{code}_model"] = predicted.get(number)
    return row


def _sentence(number: int, label: UnitConsensus | None, words: Sequence[Answer]) -> str | None:
    """The latest sentence of somebody who says the same as the label."""
    if label is None:
        return None
    state = "present" if label.probability >= 0.5 else "absent"
    for answer in reversed(words):
        for unit in answer.units:
            if unit.number == number and unit.text and unit.occurrence == state:
                return unit.text
    return None


def _model(work: Work, predictions: Sequence[int | None]) -> dict[int | None, dict[int, float]]:
    """Prediction id -> number -> probability."""
    found: defaultdict[int | None, dict[int, float]] = defaultdict(dict)
    ids = [prediction for prediction in predictions if prediction is not None]
    unit = PredictedUnitRow
    query = select(unit.prediction_id, unit.number, unit.probability)
    for part in in_parts(ids, _AT_ONCE):
        for prediction, number, probability in work.execute(query.where(unit.prediction_id.in_(part))):
            found[prediction][number] = probability
    return found


def _answer_row(response: Response, answer: Answer, pseudonym: str, version: str | None, item: Row) -> Row:
    row: Row = {
        "response": response.id,
        "item": item["item"],
        "face": item["face"],
        "person": item["person"],
        "annotator": pseudonym,
        "at": response.at.isoformat(),
        "seconds": response.seconds,
        "blind": response.blind,
        "chosen_by": response.chosen_by,
        "model_version": version,
        "guideline_version": response.guideline_version,
        "description": response.description,
    }
    said = {unit.number: unit for unit in answer.units}
    for number, code in CODES.items():
        unit = said.get(number)
        row[code] = str(unit.occurrence) if unit and unit.occurrence else None
        row[f"{code}_intensity"] = unit and unit.intensity
        row[f"{code}_side"] = str(unit.side) if unit and unit.side else None
        row[f"{code}_text"] = unit and unit.text
    return row
