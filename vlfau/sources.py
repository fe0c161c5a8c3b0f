"""What there is to read: photos and videos named one by one, in folders, by patterns and inside zip archives."""

import glob
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vlfau.errors import ImageError
from vlfau.images import ImageLimits, read_image
from vlfau.video import VIDEO_SUFFIXES

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif"})
"""What counts as a photo in a folder or an archive; a file that is named itself is tried whatever its name."""


@dataclass(frozen=True, slots=True)
class Source:
    """One photo or video."""

    path: str
    """A file, or the archive it lies in."""
    member: str | None = None
    """Its name inside the archive."""
    error: str | None = None
    """Why it cannot be read, where that was seen before reading; a message in three parts."""

    @property
    def is_video(self) -> bool:
        return _suffix(self.member or self.path) in VIDEO_SUFFIXES

    @property
    def label(self) -> str:
        """What it is called in the results: the path as it was given, and the name inside an archive after it.

        Bytes that are no UTF-8 become question marks in a diamond, so that the label can be written anywhere.
        """
        whole = self.path if self.member is None else f"{self.path}/{self.member}"
        return os.fsencode(whole).decode("utf-8", "replace")


def find_sources(paths: Iterable[str | Path]) -> list[Source]:
    """All photos and videos at the paths, in the order given, those of a folder or archive by name, each once.

    A path is a file, a folder (all below it), a zip archive or a pattern such as `clips/**/*.mp4`. What is not there,
    cannot be listed, or has nothing in it, becomes a source with an `error`; ImageError when there is nothing else.
    """
    named = [os.fspath(path) for path in paths]
    found = list(dict.fromkeys(source for path in named for source in _at(path)))
    if all(source.error for source in found):
        reasons = " ".join(dict.fromkeys(source.error or "" for source in found[:3]))
        raise ImageError(
            f"There is nothing to read. {reasons or 'No path was given.'} Give photos, videos, or a folder or zip "
            f"archive with some ({', '.join(sorted(PHOTO_SUFFIXES | VIDEO_SUFFIXES))})."
        )
    return found


def printable(text: str) -> str:
    """A text for a terminal. Names of files may hold anything, also what would steer it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class SourceReader:
    """Opens sources; keeps the archive it read from last open, so that reading on in it costs nothing."""

    def __init__(self) -> None:
        self._archive: zipfile.ZipFile | None = None

    def photo(self, source: Source, limits: ImageLimits | None = None) -> NDArray[np.uint8]:
        """Upright RGB image (H, W, 3) uint8; raises ImageError as `read_image` does."""
        if source.error:
            raise ImageError(source.error)
        if source.member is None:
            return read_image(Path(source.path), limits)
        limits = limits or ImageLimits()
        with _archive_errors(source), self._archive_of(source).open(source.member) as file:
            data = file.read(limits.max_bytes + 1)  # whatever size the archive claims
        return read_image(data, limits)

    @contextmanager
    def video_file(self, source: Source) -> Iterator[Path]:
        """A file with the video; one inside an archive is unpacked into a temporary file first."""
        if source.error:
            raise ImageError(source.error)
        if source.member is None:
            yield Path(source.path)
            return
        with tempfile.TemporaryDirectory(prefix="vlfau-") as folder:
            unpacked = Path(folder) / f"video{_suffix(source.member)}"
            with (
                _archive_errors(source),
                self._archive_of(source).open(source.member) as packed,
                unpacked.open("wb") as file,
            ):
                shutil.copyfileobj(packed, file, 1 << 20)
            yield unpacked

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _archive_of(self, source: Source) -> zipfile.ZipFile:
        if self._archive is None or self._archive.filename != source.path:
            self.close()
            self._archive = zipfile.ZipFile(source.path)
        return self._archive


def _at(path: str) -> Iterator[Source]:
    place = Path(path)
    if place.is_dir():
        yield from _in_folder(path)
    elif _suffix(path) == ".zip" and place.is_file():
        yield from _in_archive(path)
    elif glob.has_magic(path) and not place.exists():
        yield from _matching(path)
    else:
        yield Source(path, error=None if _is_there(path) else _absent(path))


def _is_there(path: str) -> bool:
    """Whether something has that name; what cannot be found out counts as there, and is told of when it is opened."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True


def _absent(path: str) -> str:
    return (
        f"Nothing of that name exists. '{path}' is neither a file nor a folder. Check the name, and the folder you are "
        "in."
    )


def _in_folder(folder: str) -> Iterator[Source]:
    """All photos and videos below, by path; folders that cannot be opened are told of in their place."""
    closed: list[OSError] = []
    walk = os.walk(folder, onerror=closed.append)
    files = [Path(below) / name for below, _, names in walk for name in names if _is_wanted(name)]
    places = [(file.parts, Source(str(file))) for file in files]
    places += [(Path(error.filename).parts, _closed(error)) for error in closed]
    if not places:
        yield Source(folder, error=f"No photo or video was found below '{folder}'.")
    yield from (source for _, source in sorted(places, key=lambda place: place[0]))


def _closed(folder: OSError) -> Source:
    return Source(
        str(folder.filename),
        error=f"The folder cannot be opened. Listing '{folder.filename}' failed: {folder.strerror}. "
        "Check its permissions.",
    )


def _matching(pattern: str) -> Iterator[Source]:
    matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    wanted = [
        match for match in matches if _is_wanted(match) or _suffix(match) == ".zip" or Path(match).is_dir()
    ]
    if not wanted:
        yield Source(pattern, error=f"No photo or video matches '{pattern}'.")
    for match in wanted:
        yield from _at(match)


def _in_archive(path: str) -> Iterator[Source]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted({info.filename for info in archive.infolist() if not info.is_dir()})
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield Source(
            path,
            error=f"This zip archive cannot be opened. Opening '{path}' failed: {reason}. Copy or download it again.",
        )
        return
    wanted = [name for name in names if _is_wanted(name) and not name.startswith("__MACOSX/")]
    if not wanted:
        yield Source(path, error=f"No photo or video was found in the zip archive '{path}'.")
    for name in wanted:
        yield Source(path, name, _leads_outside(name))


def _leads_outside(name: str) -> str | None:
    """Nothing is ever unpacked under such a name, but programs that read the results might follow it."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if not parts.is_absolute() and ".." not in parts.parts and ":" not in parts.parts[0]:
        return None
    return (
        f"This file of the archive was left out. Its name {name!r} leads outside of the archive. "
        "Pack the archive anew with names that do not."
    )


@contextmanager
def _archive_errors(source: Source) -> Iterator[None]:
    """Whatever the zip module raises on damaged, locked or unknown content, as ImageError."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
        EOFError,
        KeyError,
        OSError,
        ValueError,
    ) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ImageError(
            f"This file cannot be taken out of its zip archive. Unpacking {source.member!r} failed: {reason}. "
            "Unpack it with another program, or pack it anew without a password."
        ) from error


def _is_wanted(name: str) -> bool:
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return not last.startswith(".") and _suffix(last) in PHOTO_SUFFIXES | VIDEO_SUFFIXES


def _suffix(name: str) -> str:
    return Path(name).suffix.lower()
