"""Renders chosen to look like DISFA or BP4D in numbers: as many subjects, the field's base rates, label noise.

For questions about the method that need more faces than may be passed on: nothing is detected or pasted, a render's own
chip and landmarks go into the shards. What comes out is no DISFA and no BP4D, and every report on it must say so.
Letters: n renders, A action units of the protocol, P subjects.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.datasets.generated import cast
from finetune.datasets.protocol import Protocol
from finetune.datasets.shards import PreparedFace, ShardWriter
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

Array = NDArray[np.float64]

ROUNDS = 60
"""Of raking; the rates settle long before."""

MOST = 200.0
"""How much likelier one render may become than another of the same subject, so that no face is asked for too often."""


def imitate(
    faces: LabelledFaces, protocol: Protocol, out: Path, frames: int, noise: float = 0.0, seed: int = 0
) -> dict[str, float]:
    """Write shards of at most `frames` renders for each subject; the rate of each action unit that came out.

    `noise` is the share of occurrence labels that is drawn anew from the rates, in training and test faces alike, as
    a second coder's would differ. Raises `DataError` with too few persons or when `out` has shards already.
    """
    if out.is_dir() and any(out.glob("*.parquet")):
        raise DataError(
            f"The folder is in use. {out} has shards already. Give an empty folder by --out, or delete them."
        )
    out.mkdir(parents=True, exist_ok=True)
    (players,) = cast(faces, [protocol])
    rng = np.random.default_rng(seed)
    everyone = np.concatenate(list(players.rows.values()))
    labels = occurrences(faces, everyone, protocol)
    weight = dict(zip(everyone.tolist(), raked(labels, np.array(protocol.base_rates)), strict=True))
    written = []
    for subject, rows in players.rows.items():
        chances = np.array([weight[int(row)] for row in rows])
        chosen = _drawn(rows, chances, frames, rng)
        noisy = with_noise(occurrences(faces, chosen, protocol), np.array(protocol.base_rates), noise, rng)
        _write_shard(out, faces, chosen, noisy, protocol, subject)
        written.append(noisy)
    rates = np.nanmean(np.concatenate(written), axis=0)
    return {f"AU{unit}": float(rate) for unit, rate in zip(protocol.units, rates, strict=True)}


def occurrences(faces: LabelledFaces, rows: NDArray[np.int64], protocol: Protocol) -> Array:
    """(n, A) 1, 0 or NaN as the dataset's coders would decide."""
    columns = [AU_NUMBERS.index(unit) for unit in protocol.units]
    peak = np.round(np.asarray(faces.intensity[rows], np.float64).max(axis=1)[:, columns])
    return np.where(np.isnan(peak), np.nan, peak >= protocol.active_from)


def raked(labels: Array, rates: Array) -> Array:
    """Weights (n,) with which the labels (n, A) have these rates (A,), as nearly as there are faces for it.

    Iterative proportional fitting (Deming & Stephan 1940), one action unit after the other; unknown labels take part
    in none.
    """
    weights = np.ones(len(labels))
    for _ in range(ROUNDS):
        for column, rate in zip(labels.T, rates, strict=True):
            active, idle = weights[column == 1].sum(), weights[column == 0].sum()
            if active > 0 and idle > 0:
                weights[column == 1] *= rate * (active + idle) / active
                weights[column == 0] *= (1 - rate) * (active + idle) / idle
    return np.asarray(weights.clip(max=MOST * np.median(weights)))


def with_noise(labels: Array, rates: Array, noise: float, rng: np.random.Generator) -> Array:
    """(n, A) with a share of the known labels drawn anew from the rates (A,)."""
    again = rng.random(labels.shape) < noise
    drawn = (rng.random(labels.shape) < rates).astype(np.float64)
    return np.where(again & ~np.isnan(labels), drawn, labels)


def _drawn(
    rows: NDArray[np.int64], chances: Array, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """At most `count` different rows, likelier ones first with their chances."""
    usable = rows[chances > 0]
    share = chances[chances > 0] / chances.sum()
    return np.sort(rng.choice(usable, min(count, len(usable)), replace=False, p=share))


def _write_shard(
    out: Path, faces: LabelledFaces, rows: NDArray[np.int64], labels: Array, protocol: Protocol, subject: str
) -> None:
    writer = ShardWriter(out / f"{subject}.parquet")
    columns = [AU_NUMBERS.index(unit) for unit in protocol.units]
    for frame, (row, states) in enumerate(zip(rows.tolist(), labels, strict=True), start=1):
        occurrence = np.full(len(AU_NUMBERS), np.nan, np.float32)
        intensity = occurrence.copy()
        occurrence[columns] = states
        if protocol.name == "disfa":
            peak = np.asarray(faces.intensity[row], np.float32).max(axis=0)[columns]
            agrees = (np.round(peak) >= protocol.active_from) == (states == 1)
            intensity[columns] = np.where(np.isnan(states) | ~agrees, np.nan, np.round(peak))
        chip, landmarks = np.asarray(faces.chips[row]), np.asarray(faces.landmarks[row], np.float32)
        writer.add(PreparedFace(chip, landmarks, occurrence, intensity, subject, "", frame))
    notes = {"dataset": protocol.name, "camera": None, "chip_px": int(faces.chips[int(rows[0])].shape[0])}
    kept = {"subject": subject, "kept": len(rows), "dropped": {}, "imitation": True}
    writer.finish(notes | {"action_units": list(AU_NUMBERS)} | kept)
