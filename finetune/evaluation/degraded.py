"""Coded photos made harder to read: small, badly compressed, turned and lit from the side, as labelled faces.

Each degraded picture goes the whole way of a photo: it is found, aligned and cut anew. Small and compressed pictures
come from the photo itself, turned and relit ones from `finetune.synthetic.rerender`. No chance is involved.
"""

import hashlib
import io
import logging
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm.auto import tqdm

from finetune.faces import STORED_CHIP_PX, LabelledFaces, read_catalogue, row_codes
from finetune.synthetic.persons import RIG_FILE
from finetune.synthetic.rerender import View, fit_photos, rerender, usable
from finetune.synthetic.rig import Rig
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.errors import DataError
from vlfau.faces import FaceFinder
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

log = logging.getLogger(__name__)

PHOTO = "photo"
"""The condition that all others are compared with."""
REVISION = 3
"""To be raised with every change to how pictures are made, so that older caches are not read."""
SMALL_FACE_PX = 48.0
JPEG_QUALITY = 20
SIDE_LIGHT = 0.8
VIEWS = {
    "rerendered": View(),
    "yaw_right_30": View(yaw_deg=-30),
    "yaw_left_30": View(yaw_deg=30),
    "side_light": View(side_light=SIDE_LIGHT),
}
"""Made by re-rendering; `rerendered` changes nothing and shows what re-rendering alone costs."""
CONDITIONS = (PHOTO, "small_48px", "jpeg_20", *VIEWS)

Picture = tuple[str, str, NDArray[np.uint8]]
"""Condition, file of the photo, image (H, W, 3)."""


@dataclass(frozen=True)
class Cut:
    """A face found again in a degraded picture."""

    condition: str
    photo: str
    chip: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


def shrunk(image: NDArray[np.uint8], face_px: float) -> NDArray[np.uint8]:
    """The photo made so small that a face `face_px` wide becomes 48 px wide; one that is smaller stays."""
    factor = min(SMALL_FACE_PX / face_px, 1.0)
    height, width = (max(round(side * factor), 1) for side in image.shape[:2])
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def compressed(image: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> NDArray[np.uint8]:
    """The photo after being stored as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def side_of_light(photo: str) -> int:
    """1 or -1 by a hash of the file's name: half of the photos are lit from the left, half from the right."""
    return 1 if hashlib.sha256(photo.encode()).digest()[0] % 2 else -1


def cut_faces(finder: FaceFinder, pictures: Iterable[Picture]) -> Iterator[Cut]:
    """Chip and landmarks of the largest face of each picture; a picture without a face gives nothing."""
    for condition, photo, image in pictures:
        faces = finder.find(image)
        if faces:
            points = faces[0].landmarks_px
            chip = make_chip(image, chip_transform(points, STORED_CHIP_PX), STORED_CHIP_PX)
            yield Cut(condition, photo, chip, chip_landmarks(points))


def photo_pictures(
    finder: FaceFinder, folder: Path, files: list[str], found: dict[str, NDArray[np.float32]]
) -> Iterator[Picture]:
    """Each photo itself, small and compressed; the landmarks (478, 3) px of its face are noted in `found`."""
    for file in tqdm(files, desc="small, compressed", file=sys.stderr):
        image = read_image(folder / file)
        faces = finder.find(image)
        if faces:
            found[file] = faces[0].landmarks_px
            yield PHOTO, file, image
            yield "small_48px", file, shrunk(image, faces[0].width_px)
            yield "jpeg_20", file, compressed(image)


def rerendered_pictures(rig: Rig, folder: Path, found: dict[str, NDArray[np.float32]]) -> Iterator[Picture]:
    """Each photo that the rig can be fitted to, in the views of `VIEWS`."""
    files = list(found)
    fit = fit_photos(rig, np.stack([found[file] for file in files]))
    fitted = np.flatnonzero(usable(fit))
    log.info("%d of %d photos can be re-rendered", len(fitted), len(files))
    for index in tqdm(fitted.tolist(), desc="turned, relit", file=sys.stderr):
        file = files[index]
        side = side_of_light(file)
        views = [View(view.yaw_deg, view.side_light * side) for view in VIEWS.values()]
        images = rerender(rig, read_image(folder / file), found[file], fit.take(index), views)
        yield from ((name, file, image) for name, image in zip(VIEWS, images, strict=True))


def make_degraded(data: Path, files: list[str]) -> list[Cut]:
    """All conditions of photos DATA/faces/FILE; needs the rig in DATA/face_rig. About two seconds a photo."""
    finder, folder = MediaPipeFinder(), data / "faces"
    found: dict[str, NDArray[np.float32]] = {}
    cuts = list(cut_faces(finder, photo_pictures(finder, folder, files, found)))
    if not found:
        raise DataError(
            f"No photo can be degraded: no face was found in {len(files)} photos of {folder}. "
            "Point --data at the data folder."
        )
    rig = Rig.load(data / RIG_FILE)
    return cuts + list(cut_faces(finder, rerendered_pictures(rig, folder, found)))


def degraded_faces(data: Path, split: str, cache: Path | None = None) -> dict[str, LabelledFaces]:
    """Labelled faces by condition for the coded photos of one split of people; `groups["photo"]` names the photo.

    With `cache` (a folder) chips and landmarks are kept there and read again while files and settings are the same.
    """
    rows = {row["file"]: row for row in read_catalogue(data) if row["split"] == split}
    kept = cache / f"degraded-{split}-{_digest(list(rows))}.npz" if cache else None
    if kept is not None and kept.is_file():
        cuts = _load(kept)
    else:
        cuts = make_degraded(data, list(rows))
        if kept is not None:
            _save(kept, cuts)
    by_condition = defaultdict(list)
    for cut in cuts:
        by_condition[cut.condition].append(cut)
    return {name: _labelled(by_condition[name], rows) for name in CONDITIONS if by_condition[name]}


def _labelled(cuts: list[Cut], rows: dict[str, dict[str, str]]) -> LabelledFaces:
    return LabelledFaces(
        np.stack([cut.chip for cut in cuts]),
        np.stack([cut.landmarks for cut in cuts]),
        np.stack([np.stack([row_codes(rows[cut.photo])] * 2) for cut in cuts]),
        np.array([rows[cut.photo]["person"] for cut in cuts]),
        {"photo": np.array([cut.photo for cut in cuts])},
    )


def _digest(files: list[str]) -> str:
    """Short name of what a cache was made of."""
    recipe = repr((REVISION, sorted(files), SMALL_FACE_PX, JPEG_QUALITY, VIEWS, STORED_CHIP_PX))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _save(path: Path, cuts: list[Cut]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ("condition", "photo", "chip", "landmarks")
    columns = {name: np.stack([getattr(cut, name) for cut in cuts]) for name in names}
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **columns)
    partial.replace(path)


def _load(path: Path) -> list[Cut]:
    with np.load(path) as table:
        columns = [table[name] for name in ("condition", "photo", "chip", "landmarks")]
    return [Cut(str(a), str(b), c, d) for a, b, c, d in zip(*columns, strict=True)]
