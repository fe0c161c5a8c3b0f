"""Two networks before the same faces of people whom neither was trained on: everything the gate wants to know.

The champion is the version in production, the candidate the one that asks to take its place. Letters: n faces,
m faces whose sentences are read, A action units.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.annotated_faces import AnnotatedFaces
from finetune.paired_bootstrap import Pair, PairedF1, paired_ece, paired_f1
from finetune.version_report import probabilities
from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import WEIGHTS, Checkpoint
from vlfau.metrics import macro, sentence_state_agreement_per_au
from vlfau.sentences import read_state

WORDS_FACES = 64
"""Faces whose sentences are read; writing takes most of the time."""
_TIMED = 30
_AT_ONCE = 16

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Contestant:
    """A network with its files."""

    name: str
    checkpoint: Checkpoint
    folder: Path

    @property
    def size_bytes(self) -> int:
        """Of its weights."""
        return (self.folder / WEIGHTS).stat().st_size


@dataclass(frozen=True)
class Both:
    """One figure of each network; NaN where it is not defined."""

    champion: float
    candidate: float

    @property
    def rise(self) -> float:
        return self.candidate - self.champion

    @property
    def ratio(self) -> float:
        return self.candidate / self.champion


@dataclass(frozen=True)
class OnFaces:
    """How both do on one set of faces."""

    faces: int
    f1: PairedF1
    ece: Pair
    """Over all labels of all action units at once."""


@dataclass(frozen=True)
class Contest:
    """How both do."""

    held_out: OnFaces
    """Corrected faces of people whom neither was trained or calibrated on."""
    base: OnFaces
    """The base's test set: the test persons of the replay pack."""
    groups: Mapping[str, OnFaces]
    """Held-out faces by what is known of their people: `sex: f`."""
    words: Both
    """Share of sentences that say what their network decided; NaN when it does not write."""
    latency_s: Both
    """One face with its sentences, the quickest of some; on a CPU the processor time of one thread."""
    size_bytes: Both


def compete(
    champion: Contestant,
    candidate: Contestant,
    held_out: AnnotatedFaces,
    base: AnnotatedFaces,
    groups: Mapping[str, NDArray[np.integer]] | None = None,
    seed: int = 0,
) -> Contest:
    """Ask both; `held_out.faces.groups["group"]` names who belongs together, `groups` has rows of `held_out`."""
    pair = (champion, candidate)
    corrected, replayed = ([_said(who, faces) for who in pair] for faces in (held_out, base))
    people = held_out.faces.groups["group"]
    everyone = np.arange(len(held_out))
    return Contest(
        _on_faces(held_out.labels, corrected, pair, people, everyone, seed),
        _on_faces(base.labels, replayed, pair, base.faces.person, np.arange(len(base)), seed),
        {
            name: _on_faces(held_out.labels, corrected, pair, people, rows, seed)
            for name, rows in (groups or {}).items()
        },
        Both(*(own_words(who.checkpoint, held_out if len(held_out) else base) for who in pair)),
        Both(*quickest(pair)),
        Both(*(who.size_bytes for who in pair)),
    )


def _said(who: Contestant, faces: AnnotatedFaces) -> Floats:
    """(n, A) calibrated probabilities."""
    if not len(faces):
        return np.zeros((0, len(AU_NUMBERS)))
    return np.asarray(probabilities(who.checkpoint.model, faces), np.float64)


def _on_faces(
    labels: Floats,
    said: list[Floats],
    pair: tuple[Contestant, Contestant],
    people: NDArray[np.str_],
    rows: NDArray[np.integer],
    seed: int,
) -> OnFaces:
    first, second = (p[rows] for p in said)
    decided = [
        p >= np.array(who.checkpoint.config.thresholds) for p, who in zip((first, second), pair, strict=True)
    ]
    return OnFaces(
        len(rows),
        paired_f1(labels[rows], decided[0], decided[1], people[rows], seed=seed),
        paired_ece(labels[rows], first, second, people[rows], seed=seed),
    )


@torch.inference_mode()
def own_words(checkpoint: Checkpoint, faces: AnnotatedFaces) -> float:
    """Share of sentences, on at most `WORDS_FACES` faces, that say what the network decided itself."""
    model = checkpoint.model
    if not model.writes or not len(faces):
        return float("nan")
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(WORDS_FACES, len(faces))).astype(int))
    read, decided = [], []
    for start in range(0, len(chosen), _AT_ONCE):
        output = model(*_seen(checkpoint, faces, chosen[start : start + _AT_ONCE]))
        decided.append(model.decisions(output).cpu().numpy().astype(float))
        read.append([_states(checkpoint, face[:-1]) for face in model.write(output).tolist()])
    return macro(sentence_state_agreement_per_au(np.concatenate(read), np.concatenate(decided)))


def _states(checkpoint: Checkpoint, ids: list[list[int]]) -> list[float]:
    """(A,) 1 present, 0 absent, NaN neither, as the sentences of one face say."""
    texts = [checkpoint.words.decode(row) for row in ids]
    found = [read_state(number, text) for number, text in zip(AU_NUMBERS, texts, strict=True)]
    return [float("nan") if state is None else float(state) for state in found]


def _seen(
    checkpoint: Checkpoint, faces: AnnotatedFaces, rows: NDArray[np.integer]
) -> tuple[torch.Tensor, torch.Tensor]:
    device, side = next(checkpoint.model.parameters()).device, checkpoint.config.chip_size_px
    chips = torch.from_numpy(np.asarray(faces.faces.chips[rows])).to(device).permute(0, 3, 1, 2).float() / 255
    pixels = torch.nn.functional.interpolate(chips, size=(side, side), mode="bilinear", antialias=True)
    return pixels, torch.from_numpy(np.asarray(faces.faces.landmarks[rows], np.float32)).to(device)


@torch.inference_mode()
def quickest(pair: tuple[Contestant, Contestant]) -> list[float]:
    """Seconds for one face with its sentences; asked in turns, so that what else the machine does hits both alike."""
    best = [float("inf"), float("inf")]
    threads = torch.get_num_threads()
    torch.set_num_threads(
        1
    )  # several spin while they wait for each other, and on a busy machine that is all they do
    try:
        for turn in range(_TIMED):
            for place in (0, 1) if turn % 2 else (1, 0):
                best[place] = min(best[place], _seconds(pair[place].checkpoint))
    finally:
        torch.set_num_threads(threads)
    return best


def _seconds(checkpoint: Checkpoint) -> float:
    model = checkpoint.model
    device, side = next(model.parameters()).device, checkpoint.config.chip_size_px
    pixels = torch.full((1, 3, side, side), 0.5, device=device)
    landmarks = torch.full((1, 478, 3), 0.5, device=device)
    # on a CPU that others use as well, only the time that this process had says what a network costs
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    began = clock()
    output = model(pixels, landmarks)
    if model.writes:
        model.write(output)
    output.logits.cpu()  # waits for a GPU
    return clock() - began
