"""Soundness: a checkpoint is tried on a plain chip before anything depends on it."""

import numpy as np
import torch

from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import Checkpoint
from vlfau.errors import ModelError


@torch.inference_mode()
def refuse_unsound(checkpoint: Checkpoint) -> None:
    """Raise `ModelError` unless it answers: all action units, finite probabilities of 0-1, words that can be read."""
    model, version = checkpoint.model, checkpoint.config.model_version
    if tuple(checkpoint.config.au_numbers) != AU_NUMBERS:
        raise ModelError(
            f"The version {version} cannot be used here. Its action units are {list(checkpoint.config.au_numbers)}; "
            f"{list(AU_NUMBERS)} are needed. Take one that was trained by this program."
        )
    device, side = next(model.parameters()).device, checkpoint.config.chip_size_px
    pixels = torch.full((1, 3, side, side), 0.5, device=device)
    landmarks = torch.full((1, 478, 3), 0.5, device=device)
    output = model(pixels, landmarks)
    probabilities = model.probabilities(output).cpu().numpy()
    if not (np.isfinite(probabilities).all() and np.isfinite(output.intensity.cpu().numpy()).all()):
        raise ModelError(
            f"The version {version} cannot be used. Tried on a plain picture it says {probabilities.ravel()[:3]}. "
            "Its weights are broken: train it again."
        )
    if model.writes:
        for row in model.write(output)[0].tolist():
            checkpoint.words.decode(row)
