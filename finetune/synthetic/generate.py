"""Write labelled renders to disk: aligned chips, detected landmarks and intensities, in shards that can be resumed.

A shard is a folder of .npy files with one row per render: chips (N, 144, 144, 3) uint8 RGB, landmarks (N, 478, 3)
float16 in chip units, intensity (N, 2, 22) float16 in 0-5 (the person's left, then right), visible (N, 22) uint8
(0 where the label must not be used), person (N,) int16 into persons.json. Shards are drawn independently, each from
its own seed, so any number of workers writes the same files.
"""

import json
import logging
import multiprocessing
import platform
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.datasets.protocol import PROTOCOLS, Protocol
from finetune.synthetic.creases import CREASE_STYLES
from finetune.synthetic.expressions import Expressions, Population, sample_intensities
from finetune.synthetic.occluders import occlude, seen
from finetune.synthetic.persons import (
    RIG_FILE,
    FittedPhotos,
    fit_persons,
    load_fits,
    make_person,
    read_photos,
    save_fits,
    skin_style,
)
from finetune.synthetic.render import WINDOW_EYE_DISTANCES, Rendering, Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.scenes import measured_intensity, only_on_far_side, sample_scene
from finetune.synthetic.surroundings import with_surroundings
from finetune.synthetic.texture import Person, stack
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder

logger = logging.getLogger(__name__)

CHIP_PX = 144
BATCH = 8
SHARD = 1000
RENDERER = 3
"""Raised when the same seed draws other pictures than before: shards of two renderers do not mix."""
ALWAYS_VISIBLE = (25, 26, 27)
"""Action units that the rendered mouth decides alone, whatever the photo showed."""
LARGE_TURN_RAD = 0.2
"""A turn to the side from which the far cheek would be left standing."""
CLEARLY_SHOWN = 1.0
"""Intensity from which a rendered movement counts although the photo may have shown a trace of it."""


@dataclass(frozen=True)
class GenerateSettings:
    """What to write. `count` renders of the persons of `split` (train, val or dev), `size_px` wide before alignment.

    `like` names a dataset (disfa or bp4d) whose base rates the expressions follow, and `persons` is how many of the
    split's persons are shown; 0 shows all.
    """

    data: Path
    out: Path
    count: int
    split: str
    seed: int
    workers: int = 1
    size_px: int = 224
    like: str = ""
    persons: int = 0

    @property
    def shards(self) -> int:
        """Number of shards, of up to 1000 renders each."""
        return -(-self.count // SHARD)

    @property
    def recipe(self) -> dict[str, int | str]:
        """What the content depends on; workers and folders do not matter."""
        recipe: dict[str, int | str] = {
            "count": self.count,
            "split": self.split,
            "seed": self.seed,
            "size_px": self.size_px,
            "renderer": RENDERER,
        }
        chosen: dict[str, int | str] = {"like": self.like, "persons": self.persons}
        return recipe | {name: value for name, value in chosen.items() if value}


def generate(settings: GenerateSettings) -> int:
    """Write all shards that are missing and return the number of renders on disk.

    Raises `DataError` when the folder holds renders of another recipe.
    """
    settings.out.mkdir(parents=True, exist_ok=True)
    _check_recipe(settings)
    fitted = _prepare(settings)
    (settings.out / "persons.json").write_text(
        json.dumps([photo.person for photo in fitted.photos], indent=1)
    )
    missing = [shard for shard in range(settings.shards) if not _shard_folder(settings, shard).exists()]
    if settings.workers == 1:
        for shard in missing:
            _report(shard, write_shard(settings, shard))
    elif missing:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(settings.workers, mp_context=context) as pool:
            waiting = {pool.submit(write_shard, settings, shard): shard for shard in missing}
            for done in as_completed(waiting):
                _report(waiting[done], done.result())
    return _finish(settings)


def write_shard(settings: GenerateSettings, shard: int) -> int:
    """Render one shard and return how many renders it holds; the folder appears only when it is complete."""
    torch.set_num_threads(1)
    studio = _studio(settings.data, settings.out, settings.split, settings.size_px)
    expressions = population(PROTOCOLS[settings.like]) if settings.like else None
    rng = np.random.default_rng([settings.seed, shard])
    subjects = _schedule(settings, len(studio.fitted.photos))[shard * SHARD : (shard + 1) * SHARD]
    rows = [
        row
        for start in range(0, len(subjects), BATCH)
        for row in studio.shoot(rng, subjects[start : start + BATCH], settings.seed, expressions)
    ]
    folder = _shard_folder(settings, shard)
    partial = folder.with_name(folder.name + ".part")
    partial.mkdir(exist_ok=True)
    for name, column in _columns(rows).items():
        np.save(partial / f"{name}.npy", column)
    partial.rename(folder)
    return len(rows)


@dataclass(frozen=True)
class Row:
    """One render as it is stored."""

    chip: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    intensity: NDArray[np.float32]
    visible: NDArray[np.bool_]
    person: int


class Studio:
    """Rig, persons and landmark detector of one worker."""

    def __init__(self, data: Path, out: Path, split: str, size_px: int) -> None:
        self.rig = Rig.load(data / RIG_FILE)
        self.fitted = load_fits(out / "assets" / "fits.npz", read_photos(data, split))
        self.finder = MediaPipeFinder()
        self._resting_landmarks = self.rig.landmarks(self.rig.neutral).numpy()
        self._data, self._assets, self._size_px = data, out / "assets", size_px
        self._persons: dict[int, Person] = {}

    def person(self, index: int) -> Person:
        """A person at the resolution needed, from memory, from disk, or built now."""
        if index not in self._persons:
            path = self._assets / f"{self.fitted.photos[index].person}.npz"
            if path.exists():
                person = Person.load(path)
            else:
                person = make_person(self.rig, self._data, self.fitted, index)
                person.save(path)
            self._persons[index] = person.for_scale(self._size_px / WINDOW_EYE_DISTANCES)
        return self._persons[index]

    def shoot(
        self,
        rng: np.random.Generator,
        subjects: NDArray[np.integer],
        seed: int,
        expressions: Expressions | None = None,
    ) -> list[Row]:
        """Render one picture of each subject (B,) and detect it; pictures without a detected mesh are dropped."""
        persons = stack([self.person(int(index)) for index in subjects])
        names = [self.fitted.photos[index].person for index in subjects]
        style = np.stack([skin_style(name, seed, CREASE_STYLES) for name in names])
        intensity = sample_intensities(rng, len(subjects), expressions)
        scene = sample_scene(rng, self.rig, persons.rotation.numpy(), intensity, style)
        rendering = render(self.rig, persons, scene, self._size_px)
        label = measured_intensity(intensity, rendering.lip_gap_cm.numpy())
        yaw = (persons.rotation + scene.turn)[:, 1].numpy()
        rows = []
        for row, drawn in enumerate(rendering.landmarks_px.numpy()):
            picture = self._picture(rendering, row, persons, scene)
            shown = occlude(rng, picture, drawn, self._resting_landmarks)
            landmarks = self.finder.mesh(shown.picture, face_box(drawn[:468], rng))
            if landmarks is not None:
                index = int(subjects[row])
                visible = usable_labels(label[row], self.fitted.photos[index].codes)
                visible &= seen(shown, landmarks) & ~only_on_far_side(label[row], float(yaw[row]))
                chip = make_chip(shown.picture, chip_transform(landmarks, CHIP_PX), CHIP_PX)
                rows.append(Row(chip, chip_landmarks(landmarks), label[row], visible, index))
        return rows

    def _picture(self, rendering: Rendering, row: int, persons: Person, scene: Scene) -> NDArray[np.uint8]:
        """A render, after a large turn with its surroundings pulled up to the face."""
        picture = rendering.picture(row)
        if abs(float(scene.turn[row, 1])) < LARGE_TURN_RAD:
            return picture
        scale = (
            float(scene.zoom[row]) * self._size_px / (WINDOW_EYE_DISTANCES * float(persons.eye_distance[row]))
        )
        outline = self.rig.landmarks(persons.photo_px[row]).numpy()
        here = rendering.landmarks_px[row].numpy()
        return with_surroundings(picture, here, persons.photo[row], outline, scale)


def face_box(landmarks_px: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float64]:
    """The box (4,) around landmarks (N, 2), a few per cent off, as a detector's box is."""
    low, high = landmarks_px.min(0), landmarks_px.max(0)
    middle = (low + high) / 2 + rng.normal(0, 0.02, 2) * (high - low)
    half = (high - low) / 2 * rng.uniform(0.95, 1.08)
    return np.concatenate([middle - half, middle + half]).astype(np.float64)


def usable_labels(label: NDArray[np.float32], codes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which labels (A,) may be used, for intensities (2, A) rendered from a photo coded (A,).

    Skin keeps traces of what the photo showed, so an absent label counts only where the photo was coded absent.
    """
    decided = (codes == 0) | np.isin(AU_NUMBERS, ALWAYS_VISIBLE)
    return decided | (label.max(0) >= CLEARLY_SHOWN)


def population(protocol: Protocol) -> Population:
    """Faces with the base rates of a dataset, as strong as what it calls active."""
    rates = dict(zip(protocol.units, protocol.base_rates, strict=True))
    return Population(rates, protocol.together, lowest=protocol.active_from - 0.5)


@lru_cache(maxsize=1)
def _studio(data: Path, out: Path, split: str, size_px: int) -> Studio:
    return Studio(data, out, split, size_px)


def _schedule(settings: GenerateSettings, persons: int) -> NDArray[np.int64]:
    """Whom each render shows (count,): every person equally often, in shuffled order."""
    rng = np.random.default_rng([settings.seed, 1_000_003])
    persons = min(settings.persons or persons, persons)
    rounds = -(-settings.count // persons)
    return np.concatenate([rng.permutation(persons) for _ in range(rounds)])[: settings.count]


def _columns(rows: list[Row]) -> dict[str, NDArray[np.generic]]:
    return {
        "chips": np.stack([row.chip for row in rows]),
        "landmarks": np.stack([row.landmarks for row in rows]).astype(np.float16),
        "intensity": np.stack([row.intensity for row in rows]).astype(np.float16),
        "visible": np.stack([row.visible for row in rows]).astype(np.uint8),
        "person": np.array([row.person for row in rows], np.int16),
    }


def _shard_folder(settings: GenerateSettings, shard: int) -> Path:
    return settings.out / f"shard-{shard:05d}"


def _prepare(settings: GenerateSettings) -> FittedPhotos:
    """Landmarks and fits of the split's persons, from disk where they were made before."""
    photos = read_photos(settings.data, settings.split)
    path = settings.out / "assets" / "fits.npz"
    if path.exists():
        return load_fits(path, photos)
    path.parent.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    fitted = fit_persons(Rig.load(settings.data / RIG_FILE), settings.data, photos, MediaPipeFinder())
    save_fits(path, fitted)
    logger.info("%d persons of %d photos can be rendered", len(fitted.photos), len(photos))
    return load_fits(path, photos)


def _check_recipe(settings: GenerateSettings) -> None:
    path = settings.out / "meta.json"
    if path.exists():
        found = json.loads(path.read_text())["recipe"]
        if found != settings.recipe:
            raise DataError(
                f"The folder holds renders of another recipe. {settings.out} has {found}, asked for is "
                f"{settings.recipe}. Choose another --out or delete the folder."
            )
    _write_meta(settings, {})


def _write_meta(settings: GenerateSettings, counts: dict[str, int]) -> None:
    meta = {
        "recipe": settings.recipe,
        "settings": {
            name: str(value) for name, value in asdict(settings).items() if name not in ("data", "out")
        },
        "action_units": list(AU_NUMBERS),
        "chip_px": CHIP_PX,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "counts": counts,
    }
    (settings.out / "meta.json").write_text(json.dumps(meta, indent=1))


def _finish(settings: GenerateSettings) -> int:
    people = [np.load(_shard_folder(settings, shard) / "person.npy") for shard in range(settings.shards)]
    total = sum(map(len, people))
    persons = len(np.unique(np.concatenate(people)))
    dropped = settings.count - total
    _write_meta(
        settings, {"renders": total, "persons": persons, "dropped": dropped, "shards": settings.shards}
    )
    logger.info("%d renders of %d persons, %d dropped", total, persons, dropped)
    return total


def _report(shard: int, renders: int) -> None:
    logger.info("shard %d: %d renders", shard, renders)
