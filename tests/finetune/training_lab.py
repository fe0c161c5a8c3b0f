"""A small laboratory for the tests of fine-tuning: a real store of corrections, a tiny base, a tiny replay pack."""

import random
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from db.annotators import sign_in
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.responses import submit
from db.roles import OPERATOR
from db.store import Store
from db.values import Answer, Consent, UnitAnswer
from finetune.faces import LabelledFaces
from finetune.replay import pack, save_replay
from finetune.train_config import TrainConfig
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import EYE_DISTANCE, EYE_MIDPOINT, STABLE_LANDMARKS
from vlfau.checkpoint import save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.faces import Face, HeadPose
from vlfau.model import VLFAUModel
from vlfau.words import Words

SIDE_PX = 72
UNITS = len(AU_NUMBERS)


@dataclass
class SaidOfUnit:
    """One predicted action unit."""

    number: int
    probability: float = 0.4
    threshold: float = 0.5
    intensity: float = 2.0
    text: str | None = None


@dataclass
class SaidOfFace:
    """A prediction about the face of a photo that is nothing but a face."""

    yaw_deg: float = 0.0
    model_version: str = "base-0"
    description: str | None = None
    chip_transform: np.ndarray = field(default_factory=lambda: np.eye(3)[:2])
    evidence: np.ndarray | None = None

    @property
    def face(self):
        return Face((2.0, 2.0, 70.0, 70.0), 0.9, landmarks_px(), HeadPose(self.yaw_deg, 0.0, 0.0), ())

    @property
    def action_units(self):
        return [SaidOfUnit(number) for number in AU_NUMBERS]


def landmarks_px() -> np.ndarray:
    """(478, 3): stable points where an aligned chip has them, the others around them."""
    points = np.random.default_rng(7).uniform(0.2, 0.9, (478, 3))
    places = np.random.default_rng(8).uniform(-0.4, 0.4, (len(STABLE_LANDMARKS), 2)) * EYE_DISTANCE
    points[list(STABLE_LANDMARKS), :2] = places + np.array(EYE_MIDPOINT)
    return (points * SIDE_PX).astype(np.float32)


def picture(person: int, smiles: bool, seed: int) -> np.ndarray:
    """(72, 72, 3) a blotchy face of one person; who smiles has a bright band below."""
    base = np.random.default_rng(person).integers(40, 160, (9, 9, 3)).repeat(8, 0).repeat(8, 1)
    noise = np.random.default_rng(1000 + seed).integers(-12, 12, base.shape)
    base = base + noise
    if smiles:
        base[48:60, 16:56] += 90
    return np.clip(base, 0, 255).astype(np.uint8)


def new_store(folder: Path) -> tuple[Store, int]:
    store = Store.open(folder=folder)
    store.random = random.Random(0)
    shares = dict(random_share=0.0, blind_share=0.0, gold_share=0.0)
    return store, add_project(store, OPERATOR, ProjectSettings("faces", answers_wanted=1, **shares))


def keep(store: Store, project: int, image: np.ndarray, code: str, yaw_deg: float = 0.0) -> int:
    return keep_photo(store, OPERATOR, project, image, [SaidOfFace(yaw_deg)], Consent.PUBLISH, code, "test")[
        0
    ]


def smile(present: bool, **more) -> Answer:
    """AU12 present or absent, AU4 the other way round."""
    twelve = UnitAnswer(12, "present", intensity=3) if present else UnitAnswer(12, "absent")
    four = UnitAnswer(4, "absent") if present else UnitAnswer(4, "present")
    return Answer((four, twelve), seconds=2.0, **more)


def answer_all(store: Store, project: int, answer_of, name: str = "ann") -> int:
    """One person answers every open face; `answer_of` item -> answer. Returns how many."""
    actor = sign_in(store, name).actor
    count = 0
    while (task := next_item(store, actor, project)) is not None:
        submit(store, actor, task.lease_id, answer_of(task.item_id))
        count += 1
    return count


def fill(folder: Path, people: int = 10, photos: int = 2) -> None:
    """A store of corrections: everybody smiles on every second photo."""
    store, project = new_store(folder)
    smiles = {}
    for person in range(people):
        for number in range(photos):
            image = picture(person, number % 2 == 0, person * 10 + number)
            smiles[keep(store, project, image, f"code-{person}", 30.0 * number)] = number % 2 == 0
    answer_all(store, project, lambda item: smile(smiles[item]))
    store.close()


def write_base(folder: Path, **overrides) -> Path:
    """A tiny network with its words, as a checkpoint."""
    import torch

    words = Words.learn(["The mouth corners are pulled up.", "The brows are lowered."], 280)
    torch.manual_seed(0)
    config = VLFAUConfig.test(
        vocab_size=len(words), model_version="base-0", training_data=("nothing",), **overrides
    )
    save_checkpoint(folder, VLFAUModel(config), words, "# base\n")
    return folder


def write_replay(path: Path, persons: int = 6, each: int = 4) -> Path:
    """A tiny replay pack."""
    rng = np.random.default_rng(3)
    count = persons * each
    chips = rng.integers(0, 255, (count, 9, 9, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    intensity = rng.uniform(0, 5, (count, 2, UNITS)) * (rng.random((count, 1, UNITS)) < 0.3)
    person = np.array([f"synthetic-{k % persons}" for k in range(count)])
    points = rng.random((count, 478, 3)).astype(np.float32)
    faces = LabelledFaces(chips, points, intensity.astype(np.float32), person)
    split = {name: "test" if name.endswith(("0", "1")) else "train" for name in set(person.tolist())}
    save_replay(path, pack([faces], split, largest_bytes=1_000_000))
    return path


def tiny(store: Path, base: Path, replay: Path | None, **changes) -> TrainConfig:
    """A run of a few steps."""
    values = dict(
        train_what="head", epochs=2, batch=8, micro_batch=4, learning_rate=3e-3, save_every=1, tracker="none"
    )
    where = dict(store_folder=str(store), base=str(base), replay=replay and str(replay))
    return TrainConfig(**(where | values | changes))
