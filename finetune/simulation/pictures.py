"""The people of the simulated domain: `python -m finetune.simulation.pictures --data DIR --renders DIR` writes them.

Renders of synthetic persons of the `dev` split, whom no checkpoint learnt from, in a small Parquet file that comes with
the program. The domain is a lab in which people pose several movements at once, their heads a little raised to a camera
held high. Some of the persons are among the test persons of the replay pack; the simulation leaves those out there. A
row is one picture: `picture` (a JPEG, RGB, square), `intensity` (2 x A float16, the person's left then right, flat,
0-5, NaN unknown), `person`.
"""

import argparse
import io
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from PIL import Image

from finetune.division import place_of
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

if TYPE_CHECKING:
    from finetune.synthetic.generate import Studio

PACK = Path(__file__).parent / "pictures.parquet"
SIDE_PX = 160
JPEG_QUALITY = 88
PERSONS = 120
PICTURES_EACH = 7
SEED = 505
RAISED_RAD = -0.14
"""Added to the pitch of every head: people look up to a camera that is held high."""
_DRAWN_PX = 224
_BATCH = 8


@dataclass(frozen=True)
class Pictures:
    """The pack; n pictures, A action units."""

    jpeg: tuple[bytes, ...]
    intensity: NDArray[np.float32]
    """(n, 2, A) the person's left and right, 0-5, NaN unknown."""
    person: NDArray[np.str_]
    """(n,)"""

    def __len__(self) -> int:
        return len(self.jpeg)

    @property
    def peak(self) -> NDArray[np.float32]:
        """(n, A) the stronger side's intensity."""
        return np.asarray(self.intensity.max(axis=1))

    def image(self, row: int) -> NDArray[np.uint8]:
        """(S, S, 3) RGB."""
        return np.asarray(Image.open(io.BytesIO(self.jpeg[row])).convert("RGB"))


def load_pictures(path: Path = PACK) -> Pictures:
    """Read a pack. Raises `DataError` when it cannot be read or has other action units."""
    try:
        table = pq.read_table(path)
        units = json.loads((table.schema.metadata or {})[b"action_units"])
        flat = table.column("intensity").combine_chunks().flatten().to_numpy(zero_copy_only=False)
        jpeg, person = table.column("picture").to_pylist(), table.column("person").to_pylist()
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"The pictures of the simulation cannot be read. {path} gave: {error!r}. Bring the file back."
        ) from error
    if units != list(AU_NUMBERS):
        raise DataError(
            f"The pictures have other action units. {path} has {units}, this version {list(AU_NUMBERS)}. Make it anew: "
            "python -m finetune.simulation.pictures."
        )
    intensity = flat.reshape(-1, 2, len(AU_NUMBERS)).astype(np.float32)
    return Pictures(tuple(jpeg), intensity, np.array(person))


def save_pictures(path: Path, pictures: Pictures) -> None:
    """Write a pack; its metadata hold licence, attribution and the order of the action units."""
    from finetune.replay import ATTRIBUTION, LICENCE

    flat = pictures.intensity.astype(np.float16).reshape(len(pictures), -1)
    columns = {
        "picture": pa.array(list(pictures.jpeg), pa.binary()),
        "intensity": pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1]),
        "person": pa.array(pictures.person.tolist()),
    }
    notes = {"licence": LICENCE, "attribution": ATTRIBUTION, "action_units": json.dumps(AU_NUMBERS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(notes), path, compression="zstd")


def draw(studio: "Studio", persons: int = PERSONS, each: int = PICTURES_EACH) -> Pictures:
    """Render the domain's people: first those whom the replay pack does not have, then in the order of a hash."""
    from finetune.replay import SYNTHETIC, load_replay
    from finetune.train_config import REPLAY

    names = [photo.person for photo in studio.fitted.photos]
    packed = set(load_replay(REPLAY).person.tolist())
    synthetic = (name for name in names if name.startswith(SYNTHETIC))
    chosen = sorted(synthetic, key=lambda name: (name in packed, place_of(name)))[:persons]
    rng = np.random.default_rng(SEED)
    subjects = np.repeat([names.index(name) for name in chosen], each)
    rows = [
        one
        for start in range(0, len(subjects), _BATCH)
        for one in _shoot(studio, rng, subjects[start : start + _BATCH])
    ]
    jpeg, intensity, person = zip(*rows, strict=True)
    return Pictures(tuple(jpeg), np.stack(intensity), np.array(person))


def _shoot(
    studio: "Studio", rng: np.random.Generator, subjects: NDArray[np.integer]
) -> list[tuple[bytes, NDArray[np.float32], str]]:
    from finetune.synthetic.creases import CREASE_STYLES
    from finetune.synthetic.expressions import Mixture, sample_intensities
    from finetune.synthetic.generate import usable_labels
    from finetune.synthetic.persons import skin_style
    from finetune.synthetic.render import render
    from finetune.synthetic.scenes import measured_intensity, sample_scene
    from finetune.synthetic.texture import stack

    posed = Mixture(neutral=0.10, single=0.10, combination=0.20, random_units=5.5)
    persons = stack([studio.person(int(index)) for index in subjects])
    names = [studio.fitted.photos[index].person for index in subjects]
    intensity = sample_intensities(rng, len(subjects), posed)
    style = np.stack([skin_style(name, SEED, CREASE_STYLES) for name in names])
    scene = sample_scene(rng, studio.rig, persons.rotation.numpy(), intensity, style)
    turn = scene.turn * torch.tensor([0.5, 0.5, 0.5]) + torch.tensor([RAISED_RAD, 0.0, 0.0])
    rendering = render(studio.rig, persons, replace(scene, turn=turn), _DRAWN_PX)
    label = measured_intensity(intensity, rendering.lip_gap_cm.numpy())
    found = []
    for row, index in enumerate(subjects.tolist()):
        known = usable_labels(label[row], studio.fitted.photos[index].codes)
        buffer = io.BytesIO()
        small = Image.fromarray(rendering.picture(row)).resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        small.save(buffer, "jpeg", quality=JPEG_QUALITY, optimize=True)
        found.append((buffer.getvalue(), np.where(known, label[row], np.nan).astype(np.float32), names[row]))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Write the pack and say what is in it."""
    from finetune.synthetic.generate import Studio

    parser = argparse.ArgumentParser(prog="python -m finetune.simulation.pictures", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    parser.add_argument(
        "--renders", type=Path, required=True, help="folder of renders of `dev`: its fitted persons"
    )
    parser.add_argument("--out", type=Path, default=PACK)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    pictures = draw(Studio(options.data, options.renders, "dev", _DRAWN_PX))
    save_pictures(options.out, pictures)
    shown = float((np.nan_to_num(pictures.peak) >= 1).sum() / len(pictures))
    sys.stdout.write(
        f"{len(pictures)} pictures of {len(set(pictures.person.tolist()))} persons, {shown:.1f} action units in each, "
        f"{options.out.stat().st_size / 1e6:.1f} MB: {options.out}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
