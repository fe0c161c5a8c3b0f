"""Puts a checkpoint on the Hugging Face Hub with its card: `python -m vlfau push REPO`."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlfau.checkpoint import EMBEDDED, WEIGHTS, load_checkpoint
from vlfau.errors import ModelError
from vlfau.words import FILE_NAME

CARD, METRICS, RECIPE = "README.md", "metrics.json", "training.json"
FILES = ("config.json", WEIGHTS, FILE_NAME, METRICS, RECIPE)
"""Beside the card; a checkpoint need not have the last two."""

ASKED_OF_A_CARD = {
    "the data and their licences": ("## Data",),
    "what was measured": ("## Results",),
    "groups of people": ("group",),
    "what it cannot do": ("## What it cannot do", "## Limits"),
    "what it is not for": ("Not for",),
}
"""What a card has to tell -> words of which one has to be in it."""


@dataclass(frozen=True)
class Pushed:
    """A checkpoint on the Hub."""

    repository: str
    revision: str
    """The commit: what `load_checkpoint(repository, revision=...)` takes."""
    url: str


def push(
    repository: str, folder: str | Path | None = None, tag: str | None = None, private: bool = True
) -> Pushed:
    """Upload a checkpoint's folder (None: the embedded one) in one commit; a new repository is private by default.

    It is loaded first, so that nothing is published that cannot be read again. `tag` names the commit for good. Raises
    `ModelError` when the folder is no checkpoint, its card does not tell what a card has to, or the Hub refuses.
    """
    folder = Path(folder) if folder is not None else EMBEDDED
    checkpoint = load_checkpoint(folder)
    _refuse_silent_card(checkpoint.card)
    card = with_metadata(checkpoint.card, checkpoint.config.model_version, _metrics(folder))
    with tempfile.TemporaryDirectory() as made:
        for name in FILES:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, Path(made) / name)
        (Path(made) / CARD).write_text(card, "utf-8")
        return _upload(repository, Path(made), checkpoint.config.model_version, tag, private)


def with_metadata(card: str, version: str, metrics: Mapping[str, Any]) -> str:
    """The card with the head that the Hub reads: licence, task, and the measured figures for its table of results."""
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    text = ModelCard(card, ignore_metadata_errors=False).text if card.startswith("---") else card
    results = [
        EvalResult(
            "image-classification", "photos", "Photos of people it never saw", kind, value, metric_name=name
        )
        for kind, name, value in _figures(metrics)
    ]
    data = ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="image-classification",
        tags=["facial-action-units", "facs", "vision-language"],
        model_name=f"VL-FAU {version}",
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{text.lstrip()}"


def _figures(metrics: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Metric type of the Hub, name, value; of those that were measured."""
    photos = metrics.get("photos", {})
    wanted = {
        "f1_macro": ("f1", "F1 at the shipped thresholds, macro"),
        "auroc_macro": ("roc_auc", "AUROC, macro"),
        "ece_macro": ("ece", "Calibration error, macro"),
    }
    return [
        (kind, name, round(float(photos[key]), 4))
        for key, (kind, name) in wanted.items()
        if isinstance(photos.get(key), int | float)
    ]


def _metrics(folder: Path) -> dict[str, Any]:
    file = folder / METRICS
    if not file.is_file():
        return {}
    found = json.loads(file.read_text("utf-8"))
    return found if isinstance(found, dict) else {}


def _refuse_silent_card(card: str) -> None:
    missing = [told for told, words in ASKED_OF_A_CARD.items() if not any(word in card for word in words)]
    if missing:
        raise ModelError(
            f"The card does not tell enough to publish. It says nothing of: {'; '.join(missing)}. Write it into the "
            f"folder's {CARD} first; `python -m finetune.card` makes one from a report."
        )


def _upload(repository: str, folder: Path, version: str, tag: str | None, private: bool) -> Pushed:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HFValidationError,
        HTTPError,  # of the client's own HTTP library, whichever that is
        LocalTokenNotFoundError,
    )

    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        made = api.upload_folder(
            folder_path=folder, repo_id=repository, commit_message=f"VL-FAU {version}", ignore_patterns=[".*"]
        )
        if tag is not None:
            api.create_tag(repository, tag=tag, revision=made.oid)
    except (HTTPError, HFValidationError, LocalTokenNotFoundError, OSError, RuntimeError) as error:
        raise ModelError(
            f"The checkpoint is not on the Hub, or not whole. {repository}: {error}. Check the name and the token "
            "(HF_TOKEN, or `hf auth login`; it has to be allowed to write) and push again."
        ) from error
    return Pushed(repository, made.oid, str(made.commit_url))
