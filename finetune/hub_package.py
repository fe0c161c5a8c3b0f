"""What a job on the Hub is sent, as one file: faces laid ready for training, the configuration, the base, the code."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from finetune.hub_plan import INPUT, WORK
from finetune.preparation import SUMMARY, forget_faces, prepare
from finetune.train import CONFIG, base_checkpoint
from finetune.train_config import TrainConfig
from vlfau.checkpoint import EMBEDDED

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("vlfau", "db", "finetune")
"""The code that training consists of; checkpoints go separately."""
REQUIREMENTS, BASE = "requirements.txt", "base"


@dataclass(frozen=True)
class Package:
    """What is sent."""

    file: Path
    digest: str
    """Of the corrections in it."""


@contextmanager
def packed(config: TrainConfig, folder: Path) -> Iterator[Package]:
    """Lay the faces ready, as a run that trains here does, and pack them; nothing of them stays in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / INPUT
    try:
        forget_faces(folder)
        prepare(config, base_checkpoint(config).model.config, folder)
        (folder / CONFIG).write_text(json.dumps(_there(config).plain(), indent=1) + "\n", "utf-8")
        with tarfile.open(file, "w:gz", compresslevel=1) as tar:
            for name, path in _files(config, folder):
                tar.add(path, name, recursive=False)
        forget_faces(folder)
        yield Package(file, json.loads((folder / SUMMARY).read_text("utf-8"))["digest"])
    finally:
        file.unlink(missing_ok=True)
        forget_faces(folder)


def _there(config: TrainConfig) -> TrainConfig:
    """The configuration as the job has it: no store, and no path of this machine."""
    base = BASE if config.base and Path(config.base).is_dir() else config.base
    replay = config.replay and Path(config.replay).name
    return replace(config, store_url=None, store_folder=None, base=base, replay=replay)


def _files(config: TrainConfig, folder: Path) -> Iterator[tuple[str, Path]]:
    """Path in the job's folder, file here."""
    yield REQUIREMENTS, ROOT / REQUIREMENTS
    for room in ROOMS:
        yield from (one for one in _below(ROOT / room, room) if EMBEDDED.parent not in one[1].parents)
    if config.base is None:
        yield from _below(EMBEDDED, EMBEDDED.relative_to(ROOT).as_posix())
    elif Path(config.base).is_dir():
        yield from _below(Path(config.base), BASE)
    for path in sorted(folder.iterdir()):
        if path.suffix in (".npy", ".npz") or path.name in (CONFIG, SUMMARY):
            yield f"{WORK}/{path.name}", path


def _below(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The files of a folder under another name, without what tools leave behind."""
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in inside.parts):
            yield f"{name}/{inside.as_posix()}", path
