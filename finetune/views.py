"""Coded photos seen again for training: the same face and codes, the head turned and the light moved at random.

`python -m finetune.views --data DIR --out FILE` makes them once; training reads the file.
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from finetune.evaluation.degraded import Cut, cut_faces
from finetune.faces import LabelledFaces, read_catalogue, row_codes
from finetune.synthetic.persons import RIG_FILE
from finetune.synthetic.rerender import View, fit_photos, rerender, usable
from finetune.synthetic.rig import Rig
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

log = logging.getLogger(__name__)

LARGEST_YAW_DEG = 34.0
LIT_SHARE, LARGEST_SIDE_LIGHT = 0.5, 0.9
"""Share of views with light from one side, and the most of the photo's light that is moved there."""


def sample_views(rng: np.random.Generator, count: int) -> list[View]:
    """Random views, the turns spread evenly from full right to full left."""
    yaw = (np.arange(count) + rng.random(count)) / count * 2 - 1
    light = rng.uniform(-1, 1, count) * (rng.random(count) < LIT_SHARE)
    return [
        View(float(y) * LARGEST_YAW_DEG, float(s) * LARGEST_SIDE_LIGHT)
        for y, s in zip(yaw, light, strict=True)
    ]


def make_views(data: Path, rows: list[dict[str, str]], per_photo: int, seed: int) -> dict[str, NDArray]:
    """Columns chips, landmarks, intensity, person, photo of `per_photo` views of each photo that can be fitted."""
    finder, found = MediaPipeFinder(), {}
    for row in tqdm(rows, desc="find", file=sys.stderr):
        faces = finder.find(read_image(data / "faces" / row["file"]))
        if faces:
            found[row["file"]] = faces[0].landmarks_px
    if not found:
        raise DataError(f"No photo can be seen again: no face was found in {len(rows)} photos of {data}.")
    rig, files = Rig.load(data / RIG_FILE), list(found)
    fit = fit_photos(rig, np.stack([found[file] for file in files]))
    by_file = {row["file"]: row for row in rows}
    cuts: list[Cut] = []
    for index in tqdm(np.flatnonzero(usable(fit)).tolist(), desc="turn, light", file=sys.stderr):
        file = files[index]
        views = sample_views(np.random.default_rng([seed, index]), per_photo)
        images = rerender(rig, read_image(data / "faces" / file), found[file], fit.take(index), views)
        cuts += cut_faces(finder, (("view", file, image) for image in images))
    log.info("%d views of %d photos", len(cuts), len({cut.photo for cut in cuts}))
    return {
        "chips": np.stack([cut.chip for cut in cuts]),
        "landmarks": np.stack([cut.landmarks for cut in cuts]),
        "intensity": np.stack([np.stack([row_codes(by_file[cut.photo])] * 2) for cut in cuts]),
        "person": np.array([by_file[cut.photo]["person"] for cut in cuts]),
        "photo": np.array([cut.photo for cut in cuts]),
    }


def load_views(file: Path) -> LabelledFaces:
    """What `make_views` made. Raises `DataError` when the file is missing."""
    if not file.is_file():
        raise DataError(f"There are no views of coded photos at {file}. Make them: python -m finetune.views.")
    with np.load(file) as table:
        columns = {name: table[name] for name in table.files}
    groups = {"photo": columns.pop("photo")}
    return LabelledFaces(**columns, groups=groups)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m finetune.views", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    parser.add_argument("--out", type=Path, default=Path("build/renders/views.npz"))
    parser.add_argument("--per-photo", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    rows = [row for row in read_catalogue(args.data) if row["split"] != "dev"]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez(args.out, **make_views(args.data, rows, args.per_photo, args.seed))


if __name__ == "__main__":
    main()
