"""The network on ZeroGPU, where a Space is lent a GPU for some seconds at a time; elsewhere nothing of this happens.

What is marked with `spaces.GPU` runs in a process of its own that has the GPU. It gets the aligned faces and the name
of the checkpoint, loads that once, and sends predictions back; faces are found here, on the CPU. A short time is
declared, because a visitor is refused when more is declared than they have left.
"""

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import AlignedFace, FacePrediction, Predictor

BEGIN_S, FACE_S, MOST_S = 10, 1, 60
"""Declared: to begin (the first call of a process loads the network), for each face, and at most."""

Function = TypeVar("Function", bound=Callable[..., Any])


def is_there() -> bool:
    """Whether this Space runs on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def declared_s(_: object, faces: Sequence["AlignedFace"], __: bool) -> int:
    """How many seconds of a GPU a call asks for; the arguments are those of the call."""
    return min(BEGIN_S + FACE_S * len(faces), MOST_S)


def with_gpu(function: Function) -> Function:
    """Mark what needs a GPU; Hugging Face's package has to come before torch, and is on such a Space only."""
    if not is_there():
        return function
    # by its name, because the room `spaces` of this repository, which is never uploaded, is called the same
    marked: Function = import_module("spaces").GPU(function, duration=declared_s)
    return marked


@with_gpu
def read_faces(source: Path | str | None, faces: list["AlignedFace"], words: bool) -> list["FacePrediction"]:
    """What the checkpoint says of aligned faces, in their order."""
    return _network(source).predict_aligned(faces, words)


@lru_cache(maxsize=2)
def _network(source: Path | str | None) -> "Predictor":
    """In the process that has the GPU; two, for the moment in which another version takes over."""
    import torch

    from vlfau.checkpoint import load_checkpoint
    from vlfau.predictor import Predictor

    no_finder: Any = None  # faces are found before the GPU is asked for
    return Predictor(load_checkpoint(source), no_finder, "cuda" if torch.cuda.is_available() else "cpu")


def lent(predictor: "Predictor", source: Path | str | None) -> "Predictor":
    """The same predictor, whose network is asked on a lent GPU; `source` is where its checkpoint came from."""
    from vlfau.predictor import Predictor

    class Lent(Predictor):
        def predict_aligned(
            self, faces: Sequence["AlignedFace"], words: bool = True, batch_size: int = 16
        ) -> list["FacePrediction"]:
            # without a face no GPU is asked for
            return read_faces(source, list(faces), words) if faces else []

    return Lent(predictor.checkpoint, predictor.finder, "cpu")
