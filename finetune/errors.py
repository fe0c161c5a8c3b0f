"""The errors of a training job that are not about its data, so that who started it can tell what to do.

    VLFAUError
    └── TrainingError       a run that cannot begin or go on
        ├── JobRunning      another run works on the same store
        ├── DiskFull        there is no room for what a run writes
        └── OutOfMemory     not even one face at a time fits into the device's memory

Data that cannot be trained on is a `vlfau.errors.DataError`, a checkpoint that does not fit a `ModelError`.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vlfau.errors import VLFAUError


class TrainingError(VLFAUError):
    """A run that cannot begin or go on."""


class JobRunning(TrainingError):
    """Another run works on the same store."""


class DiskFull(TrainingError):
    """There is no room for what a run writes."""


class OutOfMemory(TrainingError):
    """Not even one face at a time fits into the device's memory."""


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAID_SO = ("no space left", "file too large", "disk quota", "pytorchstreamwriter", "file write failed")
"""How libraries word it that raise something else than `OSError`: safetensors, PyTorch."""


def is_disk_full(error: BaseException | None) -> bool:
    """Whether this error, or one that led to it, says that the disk takes no more."""
    while error is not None:
        text = str(error).lower()
        if (isinstance(error, OSError) and error.errno in _NO_ROOM) or any(said in text for said in _SAID_SO):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def disk_border(folder: Path) -> Iterator[None]:
    """What says that the disk is full becomes `DiskFull`, whichever library says it."""
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not is_disk_full(error):
            raise
        raise DiskFull(
            f"The disk is full. Writing below {folder} stopped with: {error}. The store and the base are untouched. "
            "Make room, then go on with --resume."
        ) from error
