"""The persons that can be rendered: which photos, of which split, fitted and kept on disk.

Photos are listed in `faces/faces.csv` and coded by eye in `faces/codes.csv` of the data folder.
"""

import csv
import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.people import person_split
from finetune.synthetic.camera import Camera
from finetune.synthetic.fitting import RESTING_SHAPES, Fit, FitSettings, fit_landmarks
from finetune.synthetic.rig import Rig
from finetune.synthetic.texture import Person, build_person
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

logger = logging.getLogger(__name__)

RIG_FILE = Path("face_rig") / "ict_facekit.npz"
FACES = Path("faces")
EXPRESSIVE_UNITS = (5, 6, 9, 10, 12, 25, 26, 43)
"""A photo that is not coded absent for each of these is fitted with all expressions, which are then removed."""
REFUSED = {43: 0.5, 27: 0.5, 12: 4.1, 9: 2.5, 28: 0.5, 18: 2.5, 22: 0.5}
"""Photos coded above these intensities are left out: what they hide or stretch cannot be undone."""
LARGEST_ERROR = 0.028
LARGEST_TURN_RAD = 0.42


@dataclass(frozen=True)
class Photo:
    """One photo of the data: `codes` (A,) intensity 0-5, NaN where the coders differ or were unsure."""

    person: str
    file: str
    split: str
    source: str
    codes: NDArray[np.float32]

    @property
    def neutral(self) -> bool:
        """True when every movement that changes the shape of the face was coded absent."""
        return all(self.code(number) == 0 for number in EXPRESSIVE_UNITS)

    def code(self, number: int) -> float:
        """The coded intensity of an action unit."""
        return float(self.codes[AU_NUMBERS.index(number)])


def read_photos(data: Path, split: str) -> list[Photo]:
    """One photo per person of a split (`train`, `val` or `dev`): the calmest, without those that cannot be used."""
    best: dict[str, Photo] = {}
    for photo in all_photos(data):
        refused = any(photo.code(number) > limit for number, limit in REFUSED.items())
        if photo.split != split or refused:
            continue
        other = best.get(photo.person)
        if other is None or np.nansum(photo.codes) < np.nansum(other.codes):
            best[photo.person] = photo
    if not best:
        raise DataError(
            f"There is no photo to render. The split {split!r} of {data} is empty. Check codes.csv."
        )
    return [best[person] for person in sorted(best)]


def all_photos(data: Path) -> Iterator[Photo]:
    """Every photo of the data with its codes."""
    try:
        faces = _read_csv(data / FACES / "faces.csv")
        codes = {row["file"]: row for row in _read_csv(data / FACES / "codes.csv")}
        for face in faces:
            coded = codes[face["file"]]
            values = [float(coded[f"AU{number}"] or "nan") for number in AU_NUMBERS]
            yield Photo(
                face["person"],
                face["file"],
                person_split(face["person"], coded["split"]),
                face["source"],
                np.array(values, np.float32),
            )
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            f"The list of photos cannot be read. {data / FACES} gave: {error!r}. Point --data at the data folder."
        ) from error


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class FittedPhotos:
    """Photos with their landmarks (B, 478, 3) px and fit; the batch order is that of `photos`."""

    photos: tuple[Photo, ...]
    landmarks_px: NDArray[np.float32]
    fit: Fit

    def only_usable(self) -> "FittedPhotos":
        """Those that the rig explains, that look about ahead and whose forehead is in the photo, by person's name."""
        turn = self.fit.camera.rotation[:, :2].abs().amax(1)
        whole = torch.from_numpy(self.landmarks_px[:, :468, 1].min(1)) > 0
        good = (self.fit.error < LARGEST_ERROR) & (turn < LARGEST_TURN_RAD) & whole
        chosen = sorted(torch.nonzero(good)[:, 0].tolist(), key=lambda index: self.photos[index].person)
        fits = [self.fit.take(index) for index in chosen]
        return FittedPhotos(tuple(self.photos[i] for i in chosen), self.landmarks_px[chosen], _join(fits))


def find_landmarks(
    data: Path, photos: list[Photo], finder: MediaPipeFinder
) -> tuple[list[Photo], NDArray[np.float32]]:
    """Landmarks (B, 478, 3) px of the photos' faces; every photo of the data is cut around one face.

    Photos in which the mesh sees no face are left out.
    """
    found, landmarks = [], []
    for photo in photos:
        image = read_image(data / FACES / photo.file)
        height, width = image.shape[:2]
        points = finder.mesh(image, (0.2 * width, 0.2 * height, 0.8 * width, 0.85 * height))
        if points is None:
            logger.warning("no face found in %s", photo.file)
        else:
            found.append(photo)
            landmarks.append(points)
    return found, np.stack(landmarks)


def fit_photos(rig: Rig, photos: list[Photo], landmarks_px: NDArray[np.float32]) -> FittedPhotos:
    """Fit all photos: neutral ones with resting shapes only, the others with every expression."""
    neutral = [i for i, photo in enumerate(photos) if photo.neutral]
    others = [i for i, photo in enumerate(photos) if not photo.neutral]
    plans = [
        (neutral, FitSettings(shapes=RESTING_SHAPES, expression_ridge=6.0)),
        (others, FitSettings(identity_ridge=3.0)),
    ]
    order: list[int] = []
    fits: list[Fit] = []
    for chosen, settings in plans:
        if chosen:
            order += chosen
            fits.append(fit_landmarks(rig, landmarks_px[chosen], settings))
    return FittedPhotos(tuple(photos[i] for i in order), landmarks_px[order], _join(fits))


def fit_persons(rig: Rig, data: Path, photos: list[Photo], finder: MediaPipeFinder) -> FittedPhotos:
    """Detect and fit photos and keep those that can be rendered, in order of the person's name."""
    found, landmarks = find_landmarks(data, photos, finder)
    return fit_photos(rig, found, landmarks).only_usable()


def save_fits(path: Path, fitted: FittedPhotos) -> None:
    """Keep landmarks and fits on disk; the photos themselves are named by their file."""
    fit = fitted.fit
    np.savez(
        path,
        files=np.array([photo.file for photo in fitted.photos]),
        landmarks_px=fitted.landmarks_px,
        rotation=fit.camera.rotation.numpy(),
        translation=fit.camera.translation.numpy(),
        scale=fit.camera.scale.numpy(),
        identity=fit.identity.numpy(),
        expression=fit.expression.numpy(),
        residual_px=fit.residual_px.numpy(),
        eye_distance_px=fit.eye_distance_px.numpy(),
    )


def load_fits(path: Path, photos: list[Photo]) -> FittedPhotos:
    """Read what `save_fits` wrote; `photos` gives codes and persons of the files named there."""
    by_file = {photo.file: photo for photo in photos}
    with np.load(path) as table:
        arrays = {name: table[name] for name in table.files}
    tensors = {name: torch.from_numpy(values) for name, values in arrays.items() if name != "files"}
    camera = Camera(tensors["rotation"], tensors["translation"], tensors["scale"])
    fit = Fit(
        camera, tensors["identity"], tensors["expression"], tensors["residual_px"], tensors["eye_distance_px"]
    )
    return FittedPhotos(tuple(by_file[str(file)] for file in arrays["files"]), arrays["landmarks_px"], fit)


def _join(fits: list[Fit]) -> Fit:
    camera = Camera(
        torch.cat([fit.camera.rotation for fit in fits]),
        torch.cat([fit.camera.translation for fit in fits]),
        torch.cat([fit.camera.scale for fit in fits]),
    )
    return Fit(
        camera,
        *(
            torch.cat([getattr(fit, name) for fit in fits])
            for name in ("identity", "expression", "residual_px", "eye_distance_px")
        ),
    )


def make_person(rig: Rig, data: Path, fitted: FittedPhotos, index: int) -> Person:
    """Build one person; a neutral photo keeps its fitted resting shape, any other loses its expression."""
    photo, fit = fitted.photos[index], fitted.fit.take(index)
    resting = fit.expression[0] if photo.neutral else torch.zeros_like(fit.expression[0])
    image = read_image(data / FACES / photo.file)
    return build_person(rig, image, fitted.landmarks_px[index], fit, resting)


def skin_style(person: str, seed: int, count: int) -> NDArray[np.float64]:
    """The crease style (count,) in 0-1 of a person, the same in every run with this seed."""
    digest = hashlib.sha256(f"{seed}/{person}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little")).random(count)
