"""The whole experiment in minutes: generated trees in the official layouts, prepared, trained and reported."""

import json
from pathlib import Path

from accelerate import Accelerator

from finetune.datasets.__main__ import layout_of
from finetune.datasets.generated import cast, write_bp4d, write_disfa
from finetune.datasets.preparation import Settings, prepare
from finetune.datasets.protocol import BP4D, DISFA
from finetune.datasets.shards import PreparedFaces, load_prepared
from finetune.faces import LabelledFaces, load_renders
from finetune.replay import load_replay
from finetune.train_config import REPLAY
from vlfau.errors import DataError

CHIP_PX = 96
DISFA_FRAMES = 12
BP4D_FRAMES = 5
RENDERS = 3000
NOTE = (
    "**A demonstration on generated faces, not a result on DISFA or BP4D.** The trees have the datasets' layouts, "
    "subjects and oddities; the persons are synthetic, the faces few and the network tiny, so the figures show that "
    "the whole way works and say nothing about the method."
)


def demo_faces(
    out: Path, accelerator: Accelerator, renders: Path | None, workers: int
) -> list[PreparedFaces]:
    """Both datasets generated, prepared and loaded; what was made before in `out` is kept."""
    if accelerator.is_main_process:
        _generate(out, renders)
        for dataset in ("disfa", "bp4d"):
            layout = layout_of(dataset, out / "trees" / dataset)
            report = prepare(layout, Settings(out / "faces" / dataset, CHIP_PX, workers))
            if report.failed:
                raise DataError(
                    f"Generated subjects could not be prepared. Found: {report.failed}. "
                    "Delete the folder and try again."
                )
    accelerator.wait_for_everyone()
    return [load_prepared(out / "faces" / dataset) for dataset in ("disfa", "bp4d")]


def render(data: Path, out: Path, workers: int) -> Path:
    """Renders of the persons in DATA, made once; the folder they are in."""
    from finetune.synthetic.generate import GenerateSettings, generate

    folder = out / "renders"
    generate(GenerateSettings(data, folder, RENDERS, "train", seed=7, workers=workers))
    return folder


def _generate(out: Path, renders: Path | None) -> None:
    done = out / "trees" / "generated.json"
    if done.is_file():
        return
    faces: LabelledFaces = load_renders(renders) if renders else load_replay(REPLAY)
    for_disfa, for_bp4d = cast(faces, (DISFA, BP4D))
    write_disfa(out / "trees" / "disfa", for_disfa, DISFA_FRAMES)
    write_bp4d(out / "trees" / "bp4d", for_bp4d, BP4D_FRAMES)
    done.write_text(json.dumps({"from": "renders" if renders else "replay pack"}) + "\n", "utf-8")
