"""The folder that a run leaves behind: a checkpoint that loads anywhere, and what made it; all of it or nothing."""

import hashlib
import json
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from finetune.errors import TrainingError
from vlfau.checkpoint import EMBEDDED, WEIGHTS, save_checkpoint
from vlfau.model import VLFAUModel
from vlfau.words import Words

TRAINING, METRICS = "training.json", "metrics.json"
PACKAGES = (
    "torch",
    "transformers",
    "accelerate",
    "peft",
    "safetensors",
    "tokenizers",
    "numpy",
    "scipy",
    "scikit-learn",
)


def working_folder(out: Path) -> Path:
    """Where a run keeps what is not for the version: status, log, states, and while it lasts the chips."""
    return out.with_name(out.name + ".work")


def refuse_existing(out: Path) -> None:
    """Raises `TrainingError` when the run folder is there: a version never changes."""
    if out.exists():
        raise TrainingError(
            f"There is something at {out} already. A finished run is never written over. Name another folder by --out."
        )


def write_weights(out: Path, model: VLFAUModel, words: Words) -> Path:
    """Save the checkpoint beside `out`, for `publish` to finish; returns where."""
    partial = out.with_name(out.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    save_checkpoint(partial, model, words, "")
    return partial


def publish(partial: Path, out: Path, training: dict[str, Any], metrics: dict[str, Any], card: str) -> None:
    """Add what explains the weights, and let the folder appear under its name, whole."""
    for name, content in ((TRAINING, training), (METRICS, metrics)):
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        (partial / name).write_text(text, "utf-8")
    (partial / "README.md").write_text(card, "utf-8")
    partial.rename(out)


def weights_digest(source: str | None) -> str | None:
    """sha256 of a checkpoint's weights; None when they are not in a folder here."""
    weights = Path(source or EMBEDDED) / WEIGHTS
    if not weights.is_file():
        return None
    with weights.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def surroundings() -> dict[str, Any]:
    """The code and the packages that a run was made with."""
    return {
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changed_files": None
        if (changed := _git("status", "--porcelain")) is None
        else len(changed.splitlines()),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(_versions()),
    }


def _git(*command: str) -> str | None:
    """What git says about the code's own folder; None outside a repository."""
    folder = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", *command], cwd=folder, capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _versions() -> Iterator[tuple[str, str | None]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, None
