"""The replay pack: a small file of rendered synthetic persons with labels, `python -m finetune.replay --renders DIR`.

Fine-tuning mixes these faces in, so that what was learnt is not forgotten, and compares versions on its test persons.
Only renders of synthetic persons under the MIT licence go in, so the pack may be shipped with the weights. It is one
Parquet file (`datasets` reads it too), and reading it needs no more than numpy, Pillow and pyarrow.

A row is one face: `chip` (a JPEG, RGB, 144 px square), `landmarks` (478 x 3 float16, chip units, flat), `intensity`
(2 x A float16, the person's left then right, flat, 0-5, NaN unknown), `person`, `split` (train or test, by person).
"""

import argparse
import io
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from finetune.faces import LabelledFaces, load_renders, read_catalogue
from finetune.people import LEARNT_FROM
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

LARGEST_BYTES = 12_000_000
TEST_SHARE = 0.2
"""Share of the pack that is given to persons who are not trained on."""
NEUTRAL_SHARE = 0.15
NEUTRAL_BELOW = 0.4
"""A face whose known intensities all lie below this is neutral."""
JPEG_QUALITY = 90
SYNTHETIC = "sfhq"
LICENCE = "MIT"
ATTRIBUTION = (
    "Renders of synthetic persons, no real person is shown. Made from Synthetic Faces High Quality (SFHQ), Copyright "
    "(c) 2022 David Beniaguev, MIT licence, and ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative "
    "Technologies, MIT licence; under the same licence."
)


@dataclass(frozen=True)
class Packed:
    """One face as it is stored."""

    chip: bytes
    landmarks: NDArray[np.float16]
    intensity: NDArray[np.float16]
    person: str
    split: str

    @property
    def size(self) -> int:
        """Bytes before Parquet's own compression, which gains a few per cent."""
        return len(self.chip) + self.landmarks.nbytes + self.intensity.nbytes


def synthetic_persons(data: Path) -> dict[str, str]:
    """Split of the pack, train or test, by person: the synthetic persons of DATA whose photos are MIT-licensed.

    People that the published recipe learns from are `train`; `dev` is `test`.
    """
    return {
        row["person"]: "train" if row["split"] in LEARNT_FROM else "test"
        for row in read_catalogue(data)
        if row["person"].startswith(SYNTHETIC) and row["licence"] == LICENCE
    }


def strata(peak: NDArray[np.floating]) -> list[list[tuple[int, int]]]:
    """For each face of (n, A) its strata: (unit, level 1-5) of what it shows, or [(-1, 0)] when it is neutral.

    A face that shows nothing and of which too little is known to call it neutral has none.
    """
    levels = np.clip(np.round(np.nan_to_num(peak)), 0, 5).astype(int)
    found: list[list[tuple[int, int]]] = []
    for row, known in zip(levels, peak, strict=True):
        shown = [(int(unit), int(row[unit])) for unit in np.flatnonzero(row)]
        neutral = not shown and bool(np.nanmax(known, initial=0) < NEUTRAL_BELOW)
        found.append([(-1, 0)] if neutral else shown)
    return found


def balanced_order(peak: NDArray[np.floating], person: NDArray[np.str_], seed: int = 0) -> list[int]:
    """Rows of (n, A) in an order of which every beginning is balanced over units, intensities and persons.

    Again and again the stratum that was served least gives its next face, of the person served least by it; neutral
    faces come at a fixed share. Rows without a stratum are left out.
    """
    of_row = strata(peak)
    waiting = _queues(of_row, person, np.random.default_rng(seed))
    served: dict[tuple[int, int], int] = dict.fromkeys(waiting, 0)
    chosen: list[int] = []
    done: set[int] = set()
    while True:
        for stratum in list(waiting):
            while waiting[stratum] and waiting[stratum][-1] in done:
                waiting[stratum].pop()
            if not waiting[stratum]:
                del waiting[stratum]
        if not waiting:
            return chosen
        neutral_due = (-1, 0) in waiting and served[(-1, 0)] < NEUTRAL_SHARE * (len(chosen) + 1)
        others = [stratum for stratum in waiting if stratum != (-1, 0)]
        stratum = (-1, 0) if neutral_due or not others else min(others, key=lambda each: (served[each], each))
        row = waiting[stratum].pop()
        for each in of_row[row]:
            served[each] += 1
        chosen.append(row)
        done.add(row)


def _queues(
    of_row: list[list[tuple[int, int]]], person: NDArray[np.str_], rng: np.random.Generator
) -> dict[tuple[int, int], list[int]]:
    """Rows of each stratum, the next one last: shuffled, but every person once before any person twice."""
    rows_of: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in rng.permutation(len(of_row)).tolist():
        for stratum in of_row[row]:
            rows_of[stratum].append(row)
    queues = {}
    for stratum in sorted(rows_of):
        turns: dict[str, int] = defaultdict(int)
        ranked: list[tuple[int, int, int]] = []
        for row in rows_of[stratum]:
            ranked.append((turns[str(person[row])], len(ranked), row))
            turns[str(person[row])] += 1
        queues[stratum] = [row for *_, row in sorted(ranked, reverse=True)]
    return queues


def pack(
    sources: list[LabelledFaces], split_of: dict[str, str], largest_bytes: int = LARGEST_BYTES, seed: int = 0
) -> list[Packed]:
    """Balanced faces of the persons in `split_of` that fit into `largest_bytes` with some room for the format."""
    budget = {"train": (1 - TEST_SHARE) * largest_bytes * 0.98, "test": TEST_SHARE * largest_bytes * 0.98}
    packed = []
    for split, left in budget.items():
        rows = [_rows(some, split_of, split) for some in sources]
        faces = [(some, row) for some, each in zip(sources, rows, strict=True) for row in each]
        if not faces:
            raise DataError(
                f"The replay pack has no {split} persons. The renders show none of the {split} split among the "
                f"synthetic persons. Give renders of train and of dev to --renders."
            )
        peak = np.concatenate([some.peak[each] for some, each in zip(sources, rows, strict=True)])
        person = np.concatenate([some.person[each] for some, each in zip(sources, rows, strict=True)])
        for index in balanced_order(peak, person, seed):
            face = _packed(*faces[index], split)
            left -= face.size
            if left < 0:
                break
            packed.append(face)
    return packed


def _rows(faces: LabelledFaces, split_of: dict[str, str], split: str) -> list[int]:
    return [row for row, person in enumerate(faces.person.tolist()) if split_of.get(person) == split]


def _packed(faces: LabelledFaces, row: int, split: str) -> Packed:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(faces.chips[row])).save(buffer, "jpeg", quality=JPEG_QUALITY, optimize=True)
    landmarks = np.asarray(faces.landmarks[row]).astype(np.float16)
    intensity = np.asarray(faces.intensity[row]).astype(np.float16)
    return Packed(buffer.getvalue(), landmarks, intensity, str(faces.person[row]), split)


def save_replay(path: Path, packed: list[Packed]) -> None:
    """Write the pack; its metadata hold licence, attribution and the order of the action units."""
    chips = [{"bytes": face.chip, "path": None} for face in packed]
    columns = {
        "chip": pa.array(chips, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "landmarks": _float16_lists(np.stack([face.landmarks for face in packed])),
        "intensity": _float16_lists(np.stack([face.intensity for face in packed])),
        "person": pa.array([face.person for face in packed]),
        "split": pa.array([face.split for face in packed]),
    }
    notes = {"licence": LICENCE, "attribution": ATTRIBUTION, "action_units": json.dumps(AU_NUMBERS)}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(notes), path, compression="zstd")


def _float16_lists(values: NDArray[np.float16]) -> pa.Array:
    flat = values.reshape(len(values), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


def load_replay(path: str | Path, split: str | None = None) -> LabelledFaces:
    """The faces of a pack, of both splits or of one (train, test); `groups["split"]` says which.

    Raises `DataError` when the file is no replay pack of this version's action units.
    """
    try:
        table = pq.read_table(path)
        units = json.loads((table.schema.metadata or {})[b"action_units"])
        columns = {name: table.column(name).combine_chunks() for name in ("chip", "landmarks", "intensity")}
        person, splits = (np.array(table.column(name).to_pylist()) for name in ("person", "split"))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise DataError(
            f"The replay pack cannot be read. {path} gave: {error!r}. Make it: python -m finetune.replay --out {path}."
        ) from error
    if units != list(AU_NUMBERS):
        raise DataError(
            f"The replay pack has other action units. {path} has {units}, this version {list(AU_NUMBERS)}. "
            "Make it anew: python -m finetune.replay."
        )
    chips = [Image.open(io.BytesIO(one["bytes"])).convert("RGB") for one in columns["chip"].to_pylist()]
    faces = LabelledFaces(
        np.stack([np.asarray(chip) for chip in chips]),
        _from_lists(columns["landmarks"], (-1, 478, 3)),
        _from_lists(columns["intensity"], (-1, 2, len(AU_NUMBERS))),
        person,
        {"split": splits},
    )
    return faces if split is None else faces.subset(splits == split)


def _from_lists(column: pa.Array, shape: tuple[int, ...]) -> NDArray[np.float32]:
    return np.asarray(column.flatten().to_numpy(zero_copy_only=False)).reshape(shape).astype(np.float32)


def main(arguments: list[str] | None = None) -> int:
    """Write the pack and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m finetune.replay", description=__doc__)
    parser.add_argument(
        "--renders",
        type=Path,
        nargs="+",
        required=True,
        help="folders of renders, of train and of dev",
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces/: who is synthetic, and licences"
    )
    parser.add_argument("--out", type=Path, default=Path("vlfau/checkpoints/replay.parquet"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    packed = pack(
        [load_renders(f) for f in options.renders], synthetic_persons(options.data), seed=options.seed
    )
    save_replay(options.out, packed)
    for split in ("train", "test"):
        faces = [face for face in packed if face.split == split]
        sys.stdout.write(f"{split}: {len(faces)} faces of {len({face.person for face in faces})} persons\n")
    sys.stdout.write(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
