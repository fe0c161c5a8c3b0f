"""From labels to training targets: soft occurrence, intensity and sentences in several wordings."""

import random
from collections.abc import Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor

from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.language import PAD
from vlfau.model import Targets
from vlfau.sentences import Side, UnitLabel, describe_face, describe_unit
from vlfau.words import Words

ABSENT_BELOW, PRESENT_FROM = 0.4, 1.6
"""Intensities between these (a trace, A) count as partly present: the soft label rises linearly."""

USUAL_WORDING = 0.7
"""Share of sentences in the usual wording; the rest take any, so that the language is not one string per class."""

ONE_SIDED = 0.35
"""An action unit is one-sided when the weaker side has less than this share of the stronger side's intensity."""


def soft_occurrence(peak: Tensor) -> Tensor:
    """Intensity 0-5 or NaN -> probability that a coder calls it present, 0-1 or NaN."""
    return ((peak - ABSENT_BELOW) / (PRESENT_FROM - ABSENT_BELOW)).clamp(0, 1)


def unit_label(number: int, left: float, right: float) -> UnitLabel:
    """Intensity and side from the two sides' intensities."""
    strong, weak = max(left, right), min(left, right)
    side: Side = "both"
    if by_number(number).has_sides and weak < ONE_SIDED * strong:
        side = "left" if left > right else "right"
    return UnitLabel(strong, side)


class SentenceWriter:
    """Writes the sentences of a batch from its labels and turns them into token ids.

    `numbers` are the action units of the labels' columns; None takes the whole table.
    """

    def __init__(self, words: Words, per_face: int, seed: int, numbers: Sequence[int] | None = None) -> None:
        self.words, self.per_face, self.numbers = words, per_face, tuple(numbers or AU_NUMBERS)
        self.rng = random.Random(seed)

    def wording(self) -> random.Random | None:
        return None if self.rng.random() < USUAL_WORDING else self.rng

    def chosen_units(self, occurrence: NDArray) -> list[int]:
        """Indices of the action units that get a sentence: present ones first, then absent ones at random."""
        order = [i for i in range(len(occurrence)) if occurrence[i] == occurrence[i]]
        self.rng.shuffle(order)
        order.sort(key=lambda i: occurrence[i] < 0.5)
        half = self.per_face // 2
        present = [i for i in order if occurrence[i] >= 0.5][:half]
        absent = [i for i in order if occurrence[i] < 0.5]
        return (present + absent)[: self.per_face]

    def face(self, intensity: NDArray, occurrence: NDArray) -> tuple[list[int], list[str], str]:
        """(2, A) intensity, (A,) occurrence -> unit indices, their sentences, the description.

        The description is "" unless the state of every action unit is known.
        """
        present = {
            n: unit_label(n, float(intensity[0, i]), float(intensity[1, i]))
            for i, n in enumerate(self.numbers)
            if occurrence[i] >= 0.5
        }
        units = self.chosen_units(occurrence)
        texts = [describe_unit(self.numbers[i], present.get(self.numbers[i]), self.wording()) for i in units]
        unknown = bool((occurrence != occurrence).any())
        return units, texts, "" if unknown else describe_face(present, self.wording())

    def targets(self, intensity: Tensor, occurrence: Tensor | None = None) -> Targets:
        """(B, 2, A) intensity 0-5 or NaN -> all targets of the batch (on the CPU).

        `occurrence` (B, A), 0-1 or NaN, where coders said it apart from the intensity; None derives it.
        """
        peak = intensity.amax(dim=1)
        occurrence = soft_occurrence(peak) if occurrence is None else occurrence
        units, texts, descriptions = [], [], []
        for sides, states in zip(intensity.numpy(), occurrence.numpy(), strict=True):
            chosen, said, description = self.face(sides, states)
            missing = self.per_face - len(chosen)
            units.append(chosen + [0] * missing)
            texts += said + [""] * missing
            descriptions.append(description)
        local = torch.tensor(self._encode(texts)).unflatten(0, (len(units), self.per_face))
        return Targets(occurrence, peak, torch.tensor(units), local, torch.tensor(self._encode(descriptions)))

    def _encode(self, texts: list[str], longest: int = 64) -> list[list[int]]:
        rows = self.words.encode_batch(texts, longest)
        used = max(1, *(sum(i != PAD for i in row) for row in rows))
        return [row[:used] for row in rows]
