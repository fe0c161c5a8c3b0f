"""The first faces of an empty store: renders of synthetic persons, some of them with known action units."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from finetune.synthetic.examples import LICENCE, Example, Gallery, save
from vlfau.action_units import AU_NUMBERS

SIZE_PX = 520
LABELS = "labels.json"


@dataclass(frozen=True)
class StarterFace:
    """One render. `units` is the intensity 0-5 of each action unit, `"12L"` that of the person's left side alone.

    `absent` are action units that nobody can see in it. A face that names some is a known one: what it has counts as
    present, these as absent, and whoever annotates is measured against it. The rest is not asked about, because a face
    at rest has its own folds and shadows.
    """

    person: str
    units: dict[int | str, float]
    absent: tuple[int, ...] = ()


FACES = (
    StarterFace("sfhq_149", {6: 4, 12: 4.5, 25: 3.5}, absent=(15,)),
    StarterFace("sfhq_067", {1: 3.5, 4: 3, 15: 3}),
    StarterFace("sfhq_320", {25: 3.5, 27: 4.5}, absent=(12,)),
    StarterFace("sfhq_008", {6: 3, 12: 3}),
    StarterFace("sfhq_076", {"12L": 4}),
    StarterFace("sfhq_204", {1: 5, 2: 5, 5: 4.5}, absent=(43,)),
    StarterFace("sfhq_087", {9: 4, 10: 3}),
    StarterFace("sfhq_130", {}),
    StarterFace("sfhq_258", {4: 5, 7: 4.5}, absent=(12,)),
    StarterFace("sfhq_142", {22: 4, 25: 2}),
    StarterFace("sfhq_156", {6: 2.5, 12: 2.5, 25: 2}),
    StarterFace("sfhq_245", {43: 5}, absent=(5,)),
    StarterFace("sfhq_197", {20: 4, 25: 3}),
    StarterFace("sfhq_213", {17: 3, 24: 4}),
    StarterFace("sfhq_228", {15: 4.5, 17: 4}, absent=(12,)),
    StarterFace("sfhq_303", {"1R": 3, "2R": 4.5}),
    StarterFace("sfhq_312", {28: 4}),
    StarterFace("sfhq_332", {18: 4}),
)
"""Chosen by eye: other people in age, skin and light, and every part of the face at work."""


def write_starter(data: Path, out: Path) -> list[Path]:
    """Write one JPEG per face, labels.json and LICENSE.txt to `out`; return the JPEGs. Raises `DataError`."""
    torch.set_num_threads(1)
    examples = [Example(f"face-{number:02}", face.person, face.units) for number, face in enumerate(FACES, 1)]
    gallery = Gallery(data, examples)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
    labels = [_label(f"{example.name}.jpg", face) for example, face in zip(examples, FACES, strict=True)]
    (out / LABELS).write_text(json.dumps(labels, indent=1) + "\n", encoding="utf-8")
    return [save(gallery.render(example, SIZE_PX), out / f"{example.name}.jpg") for example in examples]


def _label(file: str, face: StarterFace) -> dict[str, object]:
    """What was rendered, each side apart, and which action units are absent beyond doubt."""
    sides = {
        side: {f"AU{number}": value for number in AU_NUMBERS if (value := _value(face, number, side[0]))}
        for side in ("left", "right")
    }
    return {"file": file, "person": face.person, **sides, "absent": [f"AU{number}" for number in face.absent]}


def _value(face: StarterFace, number: int, side: str) -> float | None:
    return face.units.get(number, face.units.get(f"{number}{side.upper()}"))
