"""What the sentences of one training are worth: likeness to the reference, and agreement with decision and truth.

Likeness alone proves nothing: where nearly every sentence says "absent", a constant sentence is like its reference
too. So each figure stands beside that of the commonest sentences of the training labels, which see no picture.
Letters: n faces, A action units of the division.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from finetune.reproduction.division import FaceRows
from vlfau.metrics import bleu_4, macro, rouge_l, sentence_state_agreement_per_au
from vlfau.sentences import UnitLabel, describe_face, describe_unit, read_description, read_state


@dataclass(frozen=True)
class References:
    """The sentences that the rules write for some labels."""

    local: list[list[str | None]]
    """n x A; None where the state is not known"""
    whole: list[str | None]
    """n; None unless every state is known"""

    @classmethod
    def of(cls, units: tuple[int, ...], labels: NDArray, intensity: NDArray) -> "References":
        """labels (n, A) 1, 0 or NaN, intensity (n, A) 0-5 or NaN, in the usual wordings."""
        local, whole = [], []
        for states, levels in zip(labels, intensity, strict=True):
            present = {
                u: UnitLabel(float(i)) for u, s, i in zip(units, states, levels, strict=True) if s == 1
            }
            local.append(
                [
                    describe_unit(u, present.get(u)) if s == s else None
                    for u, s in zip(units, states, strict=True)
                ]
            )
            whole.append(describe_face(present) if not np.isnan(states).any() else None)
        return cls(local, whole)


@dataclass(frozen=True)
class Constant:
    """The commonest sentence for each action unit, and the commonest description, of the training labels."""

    local: tuple[str, ...]
    whole: str

    @classmethod
    def of(cls, train: FaceRows, most: int = 20_000) -> "Constant":
        step = max(1, len(train) // most)
        written = References.of(train.units, train.occurrence[::step], train.intensity[::step])
        columns = [[row[a] for row in written.local if row[a]] for a in range(len(train.units))]
        local = (
            Counter(c).most_common(1)[0][0] if c else describe_unit(u, None)
            for u, c in zip(train.units, columns, strict=True)
        )
        whole = Counter(text for text in written.whole if text).most_common(1)
        return cls(tuple(str(text) for text in local), str(whole[0][0]) if whole else describe_face({}))


def words_measures(
    texts: list[list[str]],
    units: tuple[int, ...],
    labels: NDArray,
    intensity: NDArray,
    decisions: NDArray,
    constant: Constant,
) -> dict[str, float]:
    """Every figure by name. `texts` has, for each face, a sentence for each action unit and the description last."""
    references = References.of(units, labels, intensity)
    always = [[*constant.local, constant.whole]] * len(texts)
    figures = _likeness(texts, references) | {
        f"constant_{name}": value for name, value in _likeness(always, references).items()
    }
    read = _states(texts, units)
    figures["sentence_says_decision"] = macro(sentence_state_agreement_per_au(read, decisions.astype(float)))
    figures["sentence_says_truth"] = macro(sentence_state_agreement_per_au(read, labels))
    figures["constant_sentence_says_truth"] = macro(
        sentence_state_agreement_per_au(_states(always, units), labels)
    )
    decided = [frozenset(u for u, d in zip(units, row, strict=True) if d) for row in decisions]
    named = [read_description(row[-1]) for row in texts]
    figures["description_names_decisions"] = float(
        np.mean([a == b for a, b in zip(named, decided, strict=True)])
    )
    figures |= _description_truth(named, always, units, labels)
    return figures | {"faces": float(len(texts))}


def _likeness(texts: list[list[str]], references: References) -> dict[str, float]:
    local = [
        (said, wanted)
        for row, truth in zip(texts, references.local, strict=True)
        for said, wanted in zip(row[:-1], truth, strict=True)
        if wanted is not None
    ]
    whole = [
        (row[-1], wanted) for row, wanted in zip(texts, references.whole, strict=True) if wanted is not None
    ]
    figures = {}
    for name, pairs in {"local": local, "global": whole}.items():
        said, wanted = [a for a, _ in pairs], [[b] for _, b in pairs]
        figures[f"{name}_bleu_4"] = bleu_4(said, wanted) if pairs else float("nan")
        figures[f"{name}_rouge_l"] = rouge_l(said, wanted) if pairs else float("nan")
    return figures


def _states(texts: list[list[str]], units: tuple[int, ...]) -> NDArray[np.float64]:
    """(n, A) the state each sentence says, NaN where none can be read."""
    read = [[read_state(u, text) for u, text in zip(units, row[:-1], strict=True)] for row in texts]
    return np.array([[np.nan if state is None else float(state) for state in row] for row in read])


def _description_truth(
    named: list[frozenset[int] | None], always: list[list[str]], units: tuple[int, ...], labels: NDArray
) -> dict[str, float]:
    """How often the description, and the constant one, names exactly what was coded, where all of it is known."""
    known = np.flatnonzero(~np.isnan(labels).any(axis=1)).tolist()
    truth = {i: frozenset(u for u, s in zip(units, labels[i], strict=True) if s == 1) for i in known}
    constant = read_description(always[0][-1]) if always else None
    if not known:
        return {
            "description_names_truth": float("nan"),
            "constant_description_names_truth": float("nan"),
        }
    return {
        "description_names_truth": float(np.mean([named[i] == truth[i] for i in known])),
        "constant_description_names_truth": float(np.mean([constant == truth[i] for i in known])),
    }
