"""Photos come in: the image, the faces on it, what a model said of them, and their place in a project."""

import math
import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from db.answers import predicted_units
from db.errors import Conflict, NotFound, StoreError
from db.evidence import pack
from db.priority import priority
from db.projects import project_row
from db.roles import Actor
from db.store import Store, Work
from db.tables import FaceRow, Image, Item, PredictedUnitRow, PredictionRow, Project, Subject
from db.text import MAX_NAME, clean_text
from db.values import Consent, ItemState, SaidOfFace
from vlfau.errors import LabelError
from vlfau.faces import LANDMARK_COUNT, Face, HeadPose, QualityWarning

SAME_FACE_OVERLAP = 0.5
"""Boxes in one photo that share more than this of their union are the same face."""


def keep_photo(
    store: Store,
    actor: Actor,
    project_id: int,
    image: NDArray[np.uint8],
    predictions: Sequence[SaidOfFace],
    consent: Consent,
    subject_code: str | None = None,
    source: str | None = None,
) -> list[int]:
    """A photo with its faces into a project, all or nothing; returns the ids of its items.

    Arguments as of `add_image`, `add_prediction` and `add_item`, which this does one after the other. Keeping the same
    photo again adds nothing.
    """
    sha256, size_bytes = _write_file(store, actor, "keep_photo", image)
    with store.unit_of_work(actor, "keep_photo") as work:
        row = put_image(work, image, sha256, size_bytes, consent, subject_code, source)
        return [put_item(work, project_row(work, project_id), row, said).id for said in predictions]


def subject_code(store: Store, actor: Actor, item_id: int) -> str:
    """The code of the person in the photo of an item that one has just kept."""
    with store.reading(actor, "keep_photo") as work:
        query = select(Subject.code).join(Image).join(FaceRow).join(Item).where(Item.id == item_id)
        return work.scalars(query).one()


def add_image(
    store: Store,
    actor: Actor,
    image: NDArray[np.uint8],
    consent: Consent,
    subject_code: str | None = None,
    source: str | None = None,
) -> int:
    """Keep a photo, upright RGB (H, W, 3) uint8; returns its id, that of the first time when it is there already.

    `subject_code` names the person in it, None gives them a new code. A photo of several people has one code: they stay
    on one side of every split, and are forgotten together. When the code is known, the narrower consent holds. Raises
    `Conflict` when the photo is kept under another code, or the person withdrew.
    """
    sha256, size_bytes = _write_file(store, actor, "add_image", image)
    with store.unit_of_work(actor, "add_image") as work:
        return put_image(work, image, sha256, size_bytes, consent, subject_code, source).id


def add_prediction(store: Store, actor: Actor, image_id: int, said: SaidOfFace) -> int:
    """Keep what a model said of a face in a photo; returns the prediction's id.

    A face at the same place is the same face. A prediction never changes: the same model version on the same face is
    the one from the first time. Items of this face that nobody has looked at show the new one from now on.
    """
    with store.unit_of_work(actor, "add_prediction") as work:
        image = work.get(Image, image_id)
        if image is None:
            raise NotFound(f"There is no such photo. Number {image_id} was asked for. It may be forgotten.")
        return _add_prediction(work, image, said).id


def add_item(store: Store, actor: Actor, project_id: int, prediction_id: int) -> int:
    """Put the face of a prediction into a project; returns the item's id, also when it is there already."""
    with store.unit_of_work(actor, "add_item") as work:
        prediction = work.get(PredictionRow, prediction_id)
        if prediction is None:
            raise NotFound(
                f"There is no such prediction. Number {prediction_id} was asked for. Predict again."
            )
        return _add_item(work, project_row(work, project_id), prediction).id


def put_item(work: Work, project: Project, image: Image, said: SaidOfFace) -> Item:
    """A face in a photo with what a model said of it into a project, inside a verb; found again when it is there."""
    return _add_item(work, project, _add_prediction(work, image, said))


def face_of(row: FaceRow) -> Face:
    """A row as the value that the rest of the project knows."""
    return Face(
        (row.x0_px, row.y0_px, row.x1_px, row.y1_px),
        row.score,
        np.frombuffer(row.landmarks, "<f4").reshape(-1, 3).astype(np.float32),
        HeadPose(row.yaw_deg, row.pitch_deg, row.roll_deg),
        tuple(QualityWarning(code, message) for code, message in row.warnings),
    )


def _write_file(store: Store, actor: Actor, verb: str, image: NDArray[np.uint8]) -> tuple[str, int]:
    """Before the transaction: encoding takes a second, in which nobody else could write."""
    with store.reading(actor, verb):
        pass  # whoever may not do this leaves no file
    return store.images.add(image)


def put_image(
    work: Work,
    image: NDArray[np.uint8],
    sha256: str,
    size_bytes: int,
    consent: Consent,
    subject_code: str | None,
    source: str | None,
) -> Image:
    """The row of a photo whose file was written, inside a verb; see `add_image`."""
    if not work.images.path(sha256).exists():
        work.images.add(image)  # the person was forgotten between writing the file and now
    code = clean_text(subject_code, MAX_NAME, "The subject code")
    found = work.scalars(select(Image).where(Image.sha256 == sha256)).first()
    if found is not None:
        subject = work.get_one(Subject, found.subject_id)
        if code not in (None, subject.code):
            raise Conflict(
                "This photo is kept already. It has another subject code. Use that code, or withdraw it first."
            )
        _agree(subject, consent)
        return found
    row = Image(
        subject_id=_subject(work, code, consent).id,
        sha256=sha256,
        width_px=image.shape[1],
        height_px=image.shape[0],
        size_bytes=size_bytes,
        source=clean_text(source, MAX_NAME, "The source"),
        added_at=work.now,
    )
    work.add(row)
    work.flush()
    return row


def _subject(work: Work, code: str | None, consent: Consent) -> Subject:
    found = code and work.scalars(select(Subject).where(Subject.code == code)).first()
    if found:
        _agree(found, consent)
        return found
    subject = Subject(
        code=code or f"S-{secrets.token_hex(4)}",
        consent=_consent(consent),
        consented_at=work.now,
        withdrawn_at=None,
    )
    work.add(subject)
    work.flush()
    return subject


def _agree(subject: Subject, consent: Consent) -> None:
    """A known person brings a photo again: the narrower consent holds."""
    if subject.withdrawn_at is not None:
        raise Conflict(
            f"This person withdrew their consent. It was on {subject.withdrawn_at:%Y-%m-%d}. "
            "Forget them first, then they can agree anew."
        )
    if _consent(consent) == Consent.ANNOTATE:
        subject.consent = Consent.ANNOTATE


def _consent(consent: str) -> Consent:
    try:
        return Consent(consent)
    except ValueError as error:
        raise LabelError(
            f"This is no consent under which a photo is kept. Found {consent!r}. Use one of {', '.join(Consent)}."
        ) from error


def _add_prediction(work: Work, image: Image, said: SaidOfFace) -> PredictionRow:
    face = _face(work, image, said)
    same = (PredictionRow.face_id == face.id, PredictionRow.model_version == said.model_version)
    if found := work.scalars(select(PredictionRow).where(*same)).first():
        return found
    prediction = PredictionRow(
        face_id=face.id,
        model_version=said.model_version,
        description=said.description,
        made_at=work.now,
        evidence=pack(said.evidence, [unit.number for unit in said.action_units]),
    )
    work.add(prediction)
    work.flush()
    work.add_all(
        PredictedUnitRow(
            prediction_id=prediction.id,
            number=unit.number,
            probability=float(unit.probability),
            threshold=float(unit.threshold),
            intensity=_within_scale(unit.intensity),
            text=unit.text,
        )
        for unit in said.action_units
    )
    work.flush()
    _show_newest(work, face, prediction)
    return prediction


def _show_newest(work: Work, face: FaceRow, prediction: PredictionRow) -> None:
    untouched = (
        Item.face_id == face.id,
        Item.state == ItemState.OPEN,
        Item.answers + Item.held + Item.skips == 0,
    )
    for item in work.scalars(select(Item).where(*untouched).with_for_update()):
        item.prediction_id = prediction.id
        item.priority = _first_priority(work, work.get_one(Project, item.project_id), prediction)


def _face(work: Work, image: Image, said: SaidOfFace) -> FaceRow:
    box = tuple(float(value) for value in said.face.box_xyxy_px)
    for row in work.scalars(select(FaceRow).where(FaceRow.image_id == image.id)):
        if _overlap(box, (row.x0_px, row.y0_px, row.x1_px, row.y1_px)) > SAME_FACE_OVERLAP:
            return row
    landmarks = np.asarray(said.face.landmarks_px, dtype="<f4")
    if landmarks.shape != (LANDMARK_COUNT, 3) or not np.isfinite(landmarks).all():
        raise StoreError(
            f"A face needs its landmarks. Found shape {landmarks.shape}, or a value that is no number. "
            f"Give ({LANDMARK_COUNT}, 3), as a FaceFinder does."
        )
    pose = said.face.pose
    row = FaceRow(
        image_id=image.id,
        **dict(zip(("x0_px", "y0_px", "x1_px", "y1_px"), box, strict=True)),
        score=float(said.face.score),
        yaw_deg=float(pose.yaw_deg),
        pitch_deg=float(pose.pitch_deg),
        roll_deg=float(pose.roll_deg),
        warnings=[[warning.code, warning.message] for warning in said.face.warnings],
        landmarks=landmarks.tobytes(),
        chip_transform=np.asarray(said.chip_transform, dtype=float).tolist(),
    )
    work.add(row)
    work.flush()
    return row


def _add_item(work: Work, project: Project, prediction: PredictionRow) -> Item:
    same = (Item.project_id == project.id, Item.face_id == prediction.face_id)
    if found := work.scalars(select(Item).where(*same)).first():
        return found
    item = Item(
        project_id=project.id,
        face_id=prediction.face_id,
        prediction_id=prediction.id,
        state=ItemState.OPEN,
        wanted=project.answers_wanted,
        blind=work.random.random() < project.blind_share,
        priority=_first_priority(work, project, prediction),
        random_key=work.random.random(),
        added_at=work.now,
        answers=0,
        held=0,
        skips=0,
    )
    work.add(item)
    work.flush()
    return item


def _first_priority(work: Work, project: Project, prediction: PredictionRow) -> float:
    rarity = {int(number): weight for number, weight in project.rarity.items()}
    return priority(predicted_units(work, prediction.id), {}, rarity)


def _within_scale(intensity: float | None) -> float | None:
    """Intensity on the 0-5 scale; None for NaN."""
    if intensity is None or not math.isfinite(intensity):
        return None
    return min(max(float(intensity), 0.0), 5.0)


def _overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)
