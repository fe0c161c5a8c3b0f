"""Where backups go: a folder, such as a mounted bucket or another disk, or a private data set repository on the Hub."""

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from db.errors import StoreError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

if TYPE_CHECKING:
    pass

HUB_SCHEME = "hf://"
HUB = f"{HUB_SCHEME}datasets/"
UNFINISHED = ".unfinished-"
_FILES_AT_ONCE = 500
"""Files in one commit."""


class Remote(Protocol):
    """A place for files with names like `images/ab/ab12.png`; every error is a `StoreError`."""

    place: str
    """As people write it."""

    def names(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""

    def put(self, files: Mapping[str, Path]) -> None:
        """Name -> local file; the last one is there only when all others are."""

    def fetch(self, name: str, target: Path) -> Path:
        """A copy of one file, below a local folder."""

    def fetch_all(self, folder: str, target: Path) -> None:
        """Copies of all files below a folder, with their names below a local one."""

    def erase(self, names: Iterable[str], for_good: bool = False) -> None:
        """Delete files; `for_good` from the history of the place too."""


def open_remote(place: str) -> Remote:
    """`hf://datasets/ORG/NAME`, which is made private when it is not there, or a folder."""
    if place.startswith(HUB_SCHEME):
        if not re.fullmatch(rf"{HUB}[\w.-]+/[\w.-]+", place):
            raise StoreError(
                f"This is no place for backups. Found '{place}'. Give {HUB}ORG/NAME, or a folder."
            )
        return HubRemote(place)
    return FolderRemote(place)


class FolderRemote:
    """Files of a folder; each appears when it is whole."""

    def __init__(self, place: str) -> None:
        self._root = Path(place).resolve()
        self.place = str(self._root)

    def names(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""
        with self._told():
            self._root.mkdir(parents=True, exist_ok=True)
            found = (Path(here, name) for here, _, names in os.walk(self._root / folder) for name in names)
            return sorted(
                path.relative_to(self._root).as_posix()
                for path in found
                if not path.name.startswith(UNFINISHED)
            )

    def put(self, files: Mapping[str, Path]) -> None:
        """Name -> local file, one after the other."""
        with self._told():
            for name, source in files.items():
                _place(source, self._root / name)

    def fetch(self, name: str, target: Path) -> Path:
        """A copy of one file, below a local folder."""
        with self._told():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._root / name, copy)
            return copy

    def fetch_all(self, folder: str, target: Path) -> None:
        """Copies of all files below a folder."""
        for name in self.names(folder):
            self.fetch(name, target)

    def erase(self, names: Iterable[str], for_good: bool = False) -> None:
        """Delete files, and folders that are empty then; a folder has no history."""
        with self._told():
            for name in names:
                path = self._root / name
                path.unlink(missing_ok=True)
                for parent in list(path.relative_to(self._root).parents)[:-1]:
                    if any((self._root / parent).iterdir()):
                        break
                    (self._root / parent).rmdir()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The backup's folder does not take or give it. {self.place}: {error.strerror or error}. Check that it "
                "is mounted, that there is room, and who may write there."
            ) from error


def _place(source: Path, target: Path) -> None:
    """Whole or not at all, and on the disk when this returns."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{UNFINISHED}{uuid.uuid4().hex}")
    try:
        with source.open("rb") as given, unfinished.open("wb") as taken:
            shutil.copyfileobj(given, taken, 1 << 20)
            taken.flush()
            os.fsync(taken.fileno())
        unfinished.replace(target)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """The new name too is on the disk; some mounts cannot promise that, and say so."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


class HubRemote:
    """Files of a private data set repository; what is put together arrives in one commit."""

    def __init__(self, place: str) -> None:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
        self.place = place
        self._repo = place.removeprefix(HUB)
        self._api = HfApi()
        with self._told():
            self._api.create_repo(self._repo, repo_type="dataset", private=True, exist_ok=True)
            if not self._api.repo_info(self._repo, repo_type="dataset").private:
                raise StoreError(
                    f"What is kept here shows faces, and this place can be read by everybody. {place} is public. "
                    "Make it private, or name another."
                )

    def names(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""
        from huggingface_hub import RepoFile
        from huggingface_hub.errors import EntryNotFoundError

        with self._told():
            try:
                found = self._api.list_repo_tree(self._repo, folder, recursive=True, repo_type="dataset")
                return sorted(entry.path for entry in found if isinstance(entry, RepoFile))
            except EntryNotFoundError:
                return []

    def put(self, files: Mapping[str, Path]) -> None:
        """Name -> local file; many in several commits, in order."""
        from huggingface_hub import CommitOperationAdd

        names = list(files)
        for begin in range(0, len(names), _FILES_AT_ONCE):
            part = [CommitOperationAdd(name, files[name]) for name in names[begin : begin + _FILES_AT_ONCE]]
            with self._told():
                self._api.create_commit(
                    self._repo, part, commit_message="Backup", repo_type="dataset", num_threads=2
                )

    def fetch(self, name: str, target: Path) -> Path:
        """A copy of one file, below a local folder."""
        with self._told():
            return Path(
                self._api.hf_hub_download(self._repo, name, repo_type="dataset", local_dir=str(target))
            )

    def fetch_all(self, folder: str, target: Path) -> None:
        """Copies of all files below a folder."""
        with self._told():
            self._api.snapshot_download(
                self._repo, repo_type="dataset", local_dir=target, allow_patterns=[f"{folder}/*"]
            )

    def erase(self, names: Iterable[str], for_good: bool = False) -> None:
        """Delete files; `for_good` drops earlier states, and the large files that only those name."""
        from huggingface_hub import CommitOperationDelete

        gone = [CommitOperationDelete(name) for name in names]
        with self._told():
            if gone:
                self._api.create_commit(self._repo, gone, commit_message="Erase", repo_type="dataset")
            if for_good:
                self._api.super_squash_history(self._repo, repo_type="dataset", commit_message="Backup")
                erase_unnamed(self._api, self._repo)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except hub_errors() as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise StoreError(
                f"The repository on the Hub does not take or give it. {self.place}: {reason}. Check that the Hub "
                "answers, and the token (HF_TOKEN; it has to be allowed to write)."
            ) from error


def erase_unnamed(api: "HfApi", repository: str) -> None:
    """Delete the large files of a data set that its newest state does not name: they outlive their commits."""
    from huggingface_hub import RepoFile

    kind = "dataset"
    found = api.list_repo_tree(repository, recursive=True, repo_type=kind)
    named = {entry.lfs.sha256 for entry in found if isinstance(entry, RepoFile) and entry.lfs}
    large = api.list_lfs_files(repository, repo_type=kind)
    gone = [file for file in large if not {file.file_oid, file.oid} & named]
    api.permanently_delete_lfs_files(repository, gone, repo_type=kind)


def hub_errors() -> tuple[type[Exception], ...]:
    """What the Hub's client raises when the Hub refuses, does not answer, or there is no token."""
    # HTTPError is that of the client's own HTTP library, whichever that is
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalTokenNotFoundError,
    )

    return (HfHubHTTPError, HTTPError, HFValidationError, LocalTokenNotFoundError, OSError, RuntimeError)
