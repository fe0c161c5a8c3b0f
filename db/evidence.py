"""Evidence maps as they are kept with a prediction: where the network looked for each action unit.

A map is looked at and never calculated with, so each is kept in 255 steps of its own peak: a page paints 64 of them.
"""

import math
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from db.errors import StoreError

PEAK = 255
MAX_BYTES = 65_536
"""Of all maps of a face together, packed; the database allows no more."""


def pack(evidence: NDArray[np.floating] | None, numbers: Sequence[int]) -> bytes | None:
    """Maps (A, G, G), 0 or more, of the action units with these numbers, to bytes that `unpack` reads.

    They are kept in the order of the numbers. None stays None. Raises `StoreError` for what is no such array.
    """
    if evidence is None:
        return None
    maps = np.asarray(evidence, dtype=np.float32)
    if maps.ndim != 3 or maps.shape[0] != len(numbers) or maps.shape[1] != maps.shape[2] or not maps.size:
        raise _refused(f"shape {maps.shape} for {len(numbers)} action units")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise _refused("a value below 0 or one that is no number")
    peaks = np.maximum(maps.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    levels = np.rint(maps / peaks * PEAK).astype(np.uint8)[np.argsort(numbers)]
    packed = zlib.compress(levels.tobytes(), 9)
    if len(packed) > MAX_BYTES:
        raise _refused(f"{len(packed)} bytes, and {MAX_BYTES} are allowed")
    return packed


def unpack(packed: bytes, count: int) -> NDArray[np.uint8]:
    """Maps (A, G, G) uint8 of so many action units, in the order of their numbers; raises `StoreError`."""
    try:
        reader = zlib.decompressobj()
        levels = np.frombuffer(reader.decompress(packed, 64 * MAX_BYTES), np.uint8)
    except zlib.error as error:
        raise _refused(f"bytes that cannot be read: {error}") from error
    side = math.isqrt(levels.size // count) if count else 0
    if not side or levels.size != count * side * side or not reader.eof:
        raise _refused(f"{levels.size} values for {count} action units")
    return levels.reshape(count, side, side)


def _refused(found: str) -> StoreError:
    return StoreError(
        f"These are no evidence maps. Found {found}. Give (A, G, G), as the network makes them, or none."
    )
