"""Lessons: which faces each training step sees, and how a face becomes what the network is shown and asked.

A step's faces are cut into micro-batches. What a micro-batch holds depends on seed, step and its number alone, never on
the process that works on it or on what ran before: so a resumed run, and several processes, see what one straight run
sees. Letters: B faces of a micro-batch, S stored chip side in px, A action units, K sentences, L tokens.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from finetune.annotated_faces import UNDECIDED, AnnotatedFaces, AnnotationWriter, Written
from finetune.augment import augment, chance, generator_for, jitter_landmarks
from vlfau.errors import DataError
from vlfau.model import Targets
from vlfau.words import Words

Ticket = tuple[int, int, int]
"""Row of the mixture, step, number of the micro-batch in the step."""

PARTS = ("occurrence", "intensity", "branches", "region", "local", "global")
"""Of the joint loss, in the order of the columns of `Mixture.counts`."""

_CORRECTIONS, _REPLAY, _ORDER, _SEEN, _SHOWN = range(5)
"""Random streams of a run, kept apart by these numbers."""


class Mixture:
    """Corrections and replay as one list of faces: row r of the whole is a row of one of them."""

    def __init__(self, sets: Sequence[AnnotatedFaces], sentences_per_face: int) -> None:
        self.sets = sets
        self.starts = np.cumsum([0, *(len(some) for some in sets)])
        self.occurrence = torch.from_numpy(np.concatenate([some.occurrence for some in sets]))
        intensity = np.concatenate([some.faces.intensity for some in sets])
        self.intensity = torch.from_numpy(intensity.astype(np.float32))
        self.written = [written for some in sets for written in some.written]
        self.counts = self._counts(sentences_per_face)

    def __len__(self) -> int:
        return int(self.starts[-1])

    def rows(self, number: int) -> range:
        """The rows of one of the sets."""
        return range(int(self.starts[number]), int(self.starts[number + 1]))

    def pictures(self, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """chips (B, S, S, 3) uint8, landmarks (B, 478, 3) float32."""
        places = [self._place(row) for row in rows]
        chips = np.stack([self.sets[k].faces.chips[r] for k, r in places])
        landmarks = np.stack([self.sets[k].faces.landmarks[r] for k, r in places]).astype(np.float32)
        return torch.from_numpy(chips), torch.from_numpy(landmarks)

    def _place(self, row: int) -> tuple[int, int]:
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        return number, row - int(self.starts[number])

    def _counts(self, sentences_per_face: int) -> Tensor:
        """(n, parts): of how many terms each face's share of each part of the loss is the mean."""
        known = ~self.occurrence.isnan()
        sure = known & ((self.occurrence <= UNDECIDED[0]) | (self.occurrence >= UNDECIDED[1]))
        told = sure.sum(1).clamp_max(sentences_per_face)
        described = sure.all(1) | torch.tensor([bool(one.description) for one in self.written])
        written = torch.tensor([min(len(one.units), sentences_per_face) for one in self.written])
        rated = (~self.intensity.amax(1).isnan()).sum(1)
        active = (self.occurrence.nan_to_num() >= 0.5).sum(1)
        columns = (known.sum(1), rated, known.sum(1), active, torch.maximum(told, written), described)
        return torch.stack([column.float() for column in columns], dim=1)


class StepPlan(Sampler[list[Ticket]]):
    """The micro-batches of all steps from `first_step` on, in order.

    A step takes `replay_share` of its faces from the replay and the rest from the corrections; each is an endless row
    of permutations. `epoch_steps` steps go once over the corrections.
    """

    drop_last = False

    def __init__(
        self,
        corrections: range,
        replay: range,
        batch: int,
        micro_batches: int,
        replay_share: float,
        seed: int,
    ) -> None:
        if batch % micro_batches:
            raise DataError(
                f"A step cannot be cut evenly. It has {batch} faces for {micro_batches} micro-batches. "
                "Choose a batch that the number of processes divides."
            )
        self.seed, self.micro_batches, self.batch_size = seed, micro_batches, batch // micro_batches
        self.replayed = min(round(batch * replay_share), batch - 1) if len(replay) else 0
        self.learnt = batch - self.replayed
        self.corrections, self.replay = corrections, replay
        self.epoch_steps = -(-len(corrections) // self.learnt)
        self.first_step, self.last_step = 0, 0
        self._orders: dict[int, tuple[int, list[int]]] = {}

    def __len__(self) -> int:
        return max(0, self.last_step - self.first_step) * self.micro_batches

    def __iter__(self) -> Iterator[list[Ticket]]:
        for step in range(self.first_step, self.last_step):
            for number, rows in enumerate(self.step(step)):
                yield [(row, step, number) for row in rows]

    def step(self, step: int) -> list[list[int]]:
        """Rows of each micro-batch of a step."""
        rows = self._stream(self.corrections, _CORRECTIONS, step * self.learnt, self.learnt)
        rows += self._stream(self.replay, _REPLAY, step * self.replayed, self.replayed)
        order = torch.randperm(len(rows), generator=generator_for(self.seed, _ORDER, step)).tolist()
        size = self.batch_size
        return [[rows[at] for at in order[start : start + size]] for start in range(0, len(rows), size)]

    def _stream(self, rows: range, stream: int, start: int, count: int) -> list[int]:
        drawn: list[int] = []
        while len(drawn) < count:
            turn, offset = divmod(start + len(drawn), len(rows))
            order = self._order(len(rows), stream, turn)
            drawn += [rows[at] for at in order[offset : offset + count - len(drawn)]]
        return drawn

    def _order(self, count: int, stream: int, turn: int) -> list[int]:
        """The permutation of one turn; the latest of each stream is remembered."""
        if self._orders.get(stream, (-1, []))[0] != turn:
            order = torch.randperm(count, generator=generator_for(self.seed, stream, turn)).tolist()
            self._orders[stream] = turn, order
        return self._orders[stream][1]


def micro_batches(batch: int, micro_batch: int, processes: int) -> int:
    """Into how many equal micro-batches of at most `micro_batch` faces a step is cut; all processes get as many.

    Raises `DataError` when there is no such number.
    """
    least = -(-batch // micro_batch)
    for count in range(max(least, processes), batch + 1):
        if count % processes == 0 and batch % count == 0:
            return count
    raise DataError(
        f"A step cannot be shared out. It has {batch} faces for {processes} processes. "
        f"Set batch to a multiple of {processes}."
    )


class Lessons(Dataset):
    """What the network is shown and asked, micro-batch by micro-batch; runs in the loader's workers."""

    def __init__(
        self,
        mixture: Mixture,
        words: Words,
        mirror_index: Tensor,
        sentences_per_face: int,
        seed: int,
    ) -> None:
        self.mixture, self.words, self.mirror_index = mixture, words, mirror_index
        self.sentences_per_face, self.seed = sentences_per_face, seed

    def __len__(self) -> int:
        return len(self.mixture)

    def __getitem__(self, ticket: Ticket) -> dict[str, Tensor]:
        return self.__getitems__([ticket])

    def __getitems__(self, tickets: list[Ticket]) -> dict[str, Tensor]:
        """One micro-batch: chips (B, 3, S, S) uint8, landmarks (B, 478, 3), rows (B,), and `Targets` by name."""
        rows = [row for row, *_ in tickets]
        generator = generator_for(self.seed, _SEEN, *tickets[0][1:])
        flip = chance(generator, len(rows), 0.5)
        chips, landmarks = self.mixture.pictures(rows)
        chips, landmarks = self._mirrored(chips.permute(0, 3, 1, 2), landmarks, flip)
        intensity, occurrence = self.mixture.intensity[rows], self.mixture.occurrence[rows]
        intensity = torch.where(flip[:, None, None], intensity.flip(1), intensity)
        # a person's sentence may say left or right, in any language: it is not put to the mirror image
        written = [
            Written() if f else self.mixture.written[r] for r, f in zip(rows, flip.tolist(), strict=True)
        ]
        writer = AnnotationWriter(
            self.words, self.sentences_per_face, int(torch.randint(2**31, (1,), generator=generator))
        )
        targets = writer.annotated(intensity, occurrence, written)
        return {
            "chips": chips.contiguous(),
            "landmarks": landmarks,
            "rows": torch.tensor(rows),
            **{name: value for name, value in vars(targets).items() if value is not None},
        }

    def _mirrored(self, chips: Tensor, landmarks: Tensor, flip: Tensor) -> tuple[Tensor, Tensor]:
        turned = landmarks[:, self.mirror_index].clone()
        turned[..., 0] = 1 - turned[..., 0]
        chips = torch.where(flip[:, None, None, None], chips.flip(-1), chips)
        return chips, torch.where(flip[:, None, None], turned, landmarks)


def as_given(batch: Any) -> Any:
    """For a loader's `collate_fn`: the batch is one already."""
    return batch


def targets_of(batch: dict[str, Tensor]) -> Targets:
    """The targets in a batch of `Lessons`."""
    return Targets(**{name: batch[name] for name in Targets.__dataclass_fields__ if name in batch})


def shown(
    batch: dict[str, Tensor], side: int, landmark_noise: float, seed: int, step: int, number: int
) -> tuple[Tensor, Tensor]:
    """A batch of `Lessons` on any device -> augmented pixels (B, 3, side, side) 0-1 and landmarks (B, 478, 3).

    The network's own randomness, dropout and what it withholds, is seeded as well.
    """
    generator = generator_for(seed, _SHOWN, step, number)
    pixels, landmarks = augment(batch["chips"].float() / 255, batch["landmarks"], side, generator)
    landmarks = jitter_landmarks(landmarks, generator, landmark_noise)
    torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
    return pixels, landmarks


def shares(mixture: Mixture, steps_rows: Sequence[Sequence[int]], number: int) -> dict[str, float]:
    """Part of the loss -> what one micro-batch's mean counts for the step's.

    A mean over the known labels of each micro-batch, averaged, is not the mean over the step: labels that stand among
    few would count more. Weighted like this, it does not matter how a step is cut.
    """
    each = torch.stack([mixture.counts[list(rows)].sum(0) for rows in steps_rows])
    share = each[number] / each.sum(0).clamp_min(1) * len(each)
    return dict(zip(PARTS, share.tolist(), strict=True))
