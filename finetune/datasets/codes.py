"""The coders' files of DISFA and BP4D: comma-separated whole numbers, frame by frame, 9 for what could not be coded.

Letters: n frames, A action units of the table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

UNKNOWN = 9
"""What a coder writes when an action unit cannot be seen."""

DISFA_ACTIVE_FROM = 2
"""The field calls an action unit of DISFA active from this intensity."""


@dataclass(frozen=True)
class Codes:
    """What was coded, frame by frame; NaN is unknown or not coded."""

    frames: NDArray[np.int64]
    """(n,) rising frame numbers as the dataset counts them."""
    occurrence: NDArray[np.float32]
    """(n, A) 1 active, 0 not."""
    intensity: NDArray[np.float32]
    """(n, A) 0-5."""

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def coded(self) -> NDArray[np.bool_]:
        """(n,) whether anything is known of the frame."""
        return np.asarray(~np.isnan(self.occurrence).all(axis=1))


def read_pairs(file: Path, highest: int = 5) -> dict[int, int]:
    """A file of "frame,code" lines -> code by frame; codes are 0 to `highest`, or 9. Raises `DataError`."""
    pairs: dict[int, int] = {}
    for number, cells in _rows(file):
        if len(cells) != 2 or not (0 <= cells[1] <= highest or cells[1] == UNKNOWN):
            raise DataError(
                f"A line of codes does not fit. Line {number} of {file} is {cells}; expected a frame number and a code "
                f"of 0 to {highest}, or {UNKNOWN}. Copy the file from the original again."
            )
        pairs[cells[0]] = cells[1]
    if not pairs:
        raise DataError(f"A file of codes is empty. {file} has no line. Copy it from the original again.")
    return pairs


def read_table(file: Path) -> tuple[list[int], dict[int, list[int]]]:
    """A file with a header of action units -> the units, and their codes (0, 1 or 9) by frame. Raises `DataError`."""
    rows = list(_rows(file, empty=0))
    if len(rows) < 2:
        raise DataError(
            f"A file of codes is too short. {file} has {len(rows)} lines; expected a header with the numbers of the "
            "action units and a line for each frame. Copy it from the original again."
        )
    (_, header), *lines = rows
    table: dict[int, list[int]] = {}
    for number, cells in lines:
        if len(cells) != len(header) or not set(cells[1:]) <= {0, 1, UNKNOWN}:
            raise DataError(
                f"A line of codes does not fit. Line {number} of {file} has {len(cells)} cells with the codes "
                f"{sorted(set(cells[1:]))[:8]}; expected {len(header)} cells and the codes 0, 1 and {UNKNOWN}. "
                "Copy the file from the original again."
            )
        table[cells[0]] = cells[1:]
    return header[1:], table


def _rows(file: Path, empty: int | None = None) -> list[tuple[int, list[int]]]:
    """Line numbers and their cells as whole numbers; `empty` stands for a cell without text."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(
            f"A file of codes cannot be read. {file} gave: {error}. Copy it from the original again."
        ) from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            cells = [cell.strip() for cell in line.split(",")]
            rows.append((number, [empty if not c and empty is not None else int(c) for c in cells]))
        except ValueError as error:
            raise DataError(
                f"A file of codes holds something else. Line {number} of {file} is {line[:60]!r}; expected whole "
                "numbers with commas between them. Copy it from the original again."
            ) from error
    return rows


def from_intensities(by_unit: Mapping[int, Mapping[int, int]]) -> Codes:
    """DISFA: intensity 0-5 by unit and frame -> codes of all frames that any unit has."""
    frames = np.array(sorted({frame for codes in by_unit.values() for frame in codes}), np.int64)
    intensity = unknown(len(frames))
    _fill(intensity, frames, by_unit)
    occurrence = np.where(np.isnan(intensity), np.nan, intensity >= DISFA_ACTIVE_FROM)
    return Codes(frames, occurrence.astype(np.float32), intensity)


def from_occurrences(
    units: list[int], table: Mapping[int, list[int]], intensities: Mapping[int, Mapping[int, int]]
) -> Codes:
    """BP4D: occurrence by frame and, of a few units, intensity by unit and frame."""
    frames = np.array(sorted(table), np.int64)
    occurrence, intensity = unknown(len(frames)), unknown(len(frames))
    by_unit = {
        unit: {frame: codes[column] for frame, codes in table.items()} for column, unit in enumerate(units)
    }
    _fill(occurrence, frames, by_unit)
    _fill(intensity, frames, intensities)
    intensity[np.isnan(occurrence)] = np.nan
    return Codes(frames, occurrence, intensity)


def unknown(frames: int) -> NDArray[np.float32]:
    """(frames, A) of NaN."""
    return np.full((frames, len(AU_NUMBERS)), np.nan, np.float32)


def _fill(
    into: NDArray[np.float32], frames: NDArray[np.int64], by_unit: Mapping[int, Mapping[int, int]]
) -> None:
    for unit, codes in by_unit.items():
        if unit in AU_NUMBERS:
            said = np.array([codes.get(frame, UNKNOWN) for frame in frames.tolist()], np.float32)
            into[:, AU_NUMBERS.index(unit)] = np.where(said == UNKNOWN, np.nan, said)
