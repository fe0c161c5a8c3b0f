"""Which person belongs to training, selection or the final report: splits are by person, never by image."""

import hashlib

from vlfau.errors import DataError

SPLITS = ("train", "val", "dev")
LEARNT_FROM = ("train", "val")
"""Splits whose people the published recipe learns from; `dev` is only ever reported on."""
VAL_BELOW = 64
"""A `tune` person whose hash starts with a byte below this is a `val` person (64 of 256: a quarter)."""


def person_split(person: str, coded_split: str) -> str:
    """Return `train`, `val` or `dev` for a person.

    `coded_split` is the split of the label codes: `dev` is only ever reported on; `tune` is divided by
    a hash of the person's name, so that a person never changes sides when others are added.
    Raises `DataError` for any other `coded_split`.
    """
    if coded_split == "dev":
        return "dev"
    if coded_split != "tune":
        raise DataError(
            f"The split of person {person!r} is not known. It is {coded_split!r}. Use 'tune' or 'dev' in codes.csv."
        )
    first_byte = hashlib.sha256(person.encode("utf-8")).digest()[0]
    return "val" if first_byte < VAL_BELOW else "train"


def fold_of(person: str, folds: int) -> int:
    """0 to `folds` - 1 by a hash of the person's name, apart from the one that `person_split` uses."""
    return hashlib.sha256(person.encode("utf-8")).digest()[1] % folds
