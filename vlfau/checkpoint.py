"""A checkpoint: network, vocabulary and card in one folder or Hub repository, loaded and saved together."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from vlfau.action_units import AU_NUMBERS
from vlfau.config import VLFAUConfig
from vlfau.errors import ModelError
from vlfau.model import VLFAUModel
from vlfau.words import FILE_NAME, Words

EMBEDDED = Path(__file__).parent / "checkpoints" / "small"
"""The checkpoint that comes with the package and needs no network."""

WEIGHTS = "model.safetensors"


@dataclass
class Checkpoint:
    """A network ready to predict (evaluation mode), its vocabulary and its card."""

    model: VLFAUModel
    words: Words
    card: str

    @property
    def card_text(self) -> str:
        """The card for people: without the metadata at its head, which the Hub reads."""
        return re.sub(r"\A---\n.*?\n---\n", "", self.card, flags=re.DOTALL).strip()

    @property
    def config(self) -> VLFAUConfig:
        return self.model.config


def check_units(config: VLFAUConfig) -> None:
    """Raise `ModelError` unless the checkpoint's action units are in the table, in the table's order."""
    numbers = list(config.au_numbers)
    if numbers != [n for n in AU_NUMBERS if n in numbers]:
        raise ModelError(
            f"The checkpoint's action units do not fit this version: found {numbers}, and the table's order is "
            f"{list(AU_NUMBERS)}. Load it with the version that saved it."
        )


def load_checkpoint(source: str | Path | None = None, revision: str | None = None) -> Checkpoint:
    """Load from a folder, or from a repository on the Hugging Face Hub; None loads the embedded one.

    Raises `ModelError` when a file is missing or does not fit this code.
    """
    transformers_logging.disable_progress_bar()
    folder = Path(source) if source is not None else EMBEDDED
    if not folder.is_dir():
        folder = _download(str(source), revision) if source is not None else folder
    if not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"There is no checkpoint at {folder}: {WEIGHTS} was not found. Give its folder or Hub repository."
        )
    try:
        config = VLFAUConfig.from_pretrained(folder)
        check_units(config)
        model, report = VLFAUModel.from_pretrained(
            folder, config=config, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The checkpoint at {folder} could not be read: {error}. Load another or save it again."
        ) from error
    _refuse_misfit(folder, report)
    card = folder / "README.md"
    return Checkpoint(model.eval(), Words.load(folder), card.read_text("utf-8") if card.is_file() else "")


def _refuse_misfit(folder: Path, report: dict) -> None:
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report[kind]:
            raise ModelError(
                f"The weights at {folder} do not fit its config.json: {kind.replace('_', ' ')} "
                f"{sorted(map(str, report[kind]))[:5]}. Save the checkpoint again."
            )


def save_checkpoint(folder: str | Path, model: VLFAUModel, words: Words, card: str) -> None:
    """Write config.json, model.safetensors (half precision), tokenizer.json and README.md (the card) into `folder`."""
    folder = Path(folder)
    transformers_logging.disable_progress_bar()
    half = {name: value.half() for name, value in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=half)
    words.save(folder)
    (folder / "README.md").write_text(card, "utf-8")


def _download(repository: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = ["config.json", WEIGHTS, FILE_NAME, "README.md"]
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=wanted))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"The checkpoint {repository!r} was not found: it is no folder here, and the Hub answered: {error}. "
            "Check the name, or leave the option out to use the embedded checkpoint."
        ) from error
