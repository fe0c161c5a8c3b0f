"""The content store: photos as files that are named by what is in them.

A photo is stored as a PNG of its pixels, written by us: no byte of the upload survives, so neither does its EXIF with
place and time. The name is the sha256 of width, height and pixels, not of the upload's bytes: the same photo saved
by two programs, or stripped of its EXIF on the way, is one image; and a file can be checked against its own name
as long as the format loses nothing, which is why it is PNG.
"""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from db.errors import NotFound, StoreError

SUFFIX = ".png"


class ContentStore:
    """Files in `folder`, as `ab/abcdef....png`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """Where a photo lies, or would lie."""
        return self.folder / sha256[:2] / f"{sha256}{SUFFIX}"

    def add(self, image: NDArray[np.uint8]) -> tuple[str, int]:
        """Upright RGB image (H, W, 3) uint8 -> its sha256 and the file's size in bytes; written unless it is there."""
        _check(image)
        sha256 = sha256_of(image)
        path = self.path(sha256)
        if not path.exists():
            self._write(path, _png(image))
        return sha256, path.stat().st_size

    def add_file(self, sha256: str, data: bytes) -> None:
        """Put a file that another store wrote; raises `StoreError` when it is not what its name says."""
        if sha256_of(_pixels(io.BytesIO(data), sha256)) != sha256:
            raise StoreError(
                f"An image file is not what its name says. It is called {sha256}{SUFFIX}. Copy it again."
            )
        self._write(self.path(sha256), data)

    def read(self, sha256: str) -> NDArray[np.uint8]:
        """The image (H, W, 3) uint8 of that name; raises `NotFound`."""
        return _pixels(io.BytesIO(self.data(sha256)), sha256)

    def data(self, sha256: str) -> bytes:
        """The file's bytes; raises `NotFound`."""
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(
                f"The file of an image is missing. It should be {self.path(sha256)}. Run: python -m db check"
            ) from error

    def is_whole(self, sha256: str) -> bool:
        """Whether the file is there and its pixels are what its name says."""
        try:
            return sha256_of(self.read(sha256)) == sha256
        except StoreError:
            return False

    def remove(self, sha256: str) -> bool:
        """Delete a file; False when there was none."""
        path = self.path(sha256)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """The sha256 of every file here."""
        for path in sorted(self.folder.glob(f"??/*{SUFFIX}")):
            yield path.stem

    def _write(self, path: Path, data: bytes) -> None:
        """Whole or not at all, and on the disk before a row can name it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except OSError as error:
            Path(temporary).unlink(missing_ok=True)
            raise StoreError(
                f"A photo cannot be stored. Writing to {path.parent} failed: {error.strerror}. "
                "Make room there, or check its permissions."
            ) from error


def sha256_of(image: NDArray[np.uint8]) -> str:
    """The name of an image (H, W, 3) uint8: the sha256 of its width, height and pixels, as 64 hexadecimal digits."""
    height, width = image.shape[:2]
    digest = hashlib.sha256(f"RGB {width}x{height}\n".encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _check(image: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise StoreError(
            f"This is not an image that can be stored. It has shape {image.shape} and type {image.dtype}. "
            "Give an upright RGB image (H, W, 3) uint8, as vlfau.images.read_image returns."
        )


def _png(image: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    # level 1: on photos six times as fast as the smallest, for a tenth more bytes
    Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _pixels(source: io.BytesIO, sha256: str) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(source, formats=("PNG",)) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except Exception as error:  # Pillow's parsers may raise anything on damaged bytes
        raise StoreError(
            f"The file of an image is damaged. {sha256}{SUFFIX} cannot be decoded: {error}. Restore it from a backup."
        ) from error
