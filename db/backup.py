"""Backup and restore: the database and its photos as one tar file, consistent while others write."""

import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from db.content import ContentStore
from db.errors import Conflict, StoreError
from db.roles import OPERATOR
from db.store import Store, where
from db.tables import Image
from db.transfer import read_store, write_store

SNAPSHOT = "vlfau.db"
ROWS = "store.jsonl"


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds."""

    images: int
    missing: tuple[str, ...]
    """sha256 of photos that should be there and were not."""
    size_bytes: int


def backup(store: Store, file: str | Path) -> BackupReport:
    """Write the store as it is at one moment; the file appears when it is whole.

    Of SQLite it holds the database itself, copied in one step of SQLite's own backup; of PostgreSQL all rows as JSON
    Lines. Photos never change, so they may be copied after the moment: one that is new is not named, one that was
    forgotten meanwhile is missing, and said so.
    """
    file = Path(file)
    with unfinished_beside(file.parent) as folder:
        if store.is_sqlite:
            shas = take_snapshot(store, folder / SNAPSHOT)
        else:
            with store.reading(OPERATOR, "export") as work:
                shas = write_store(work, folder / ROWS)
        part = folder / "backup.tar"
        missing = _pack(part, folder, store.images, shas)
        size = part.stat().st_size
        part.replace(file)
    return BackupReport(len(shas) - len(missing), tuple(missing), size)


def restore(file: str | Path, url: str | None = None, folder: str | Path | None = None) -> int:
    """Make a new store from a backup, on either database; returns how many photos it has.

    Raises `Conflict` when there is a store already: nothing is ever written over. A backup of an older schema is
    migrated.
    """
    location, target = where(url, folder)
    with unfinished_beside(target) as unpacked:
        _unpack(Path(file), unpacked)
        if location.get_backend_name() == "sqlite" and (unpacked / SNAPSHOT).exists():
            database = Path(location.database or "")
            if database.exists():
                raise Conflict(
                    f"There is a database already. It is {database}. Move it away, or name another place."
                )
            images = _place_photos(unpacked / "images", ContentStore(target / "images"))
            (unpacked / SNAPSHOT).replace(database)
            Store.open(url, folder).close()
            return images
        return _refill(unpacked, url, folder)


def _refill(unpacked: Path, url: str | None, folder: str | Path | None) -> int:
    """Row by row, from one kind of database to the other."""
    if not (unpacked / ROWS).exists():
        source = Store.open(f"sqlite:///{unpacked / SNAPSHOT}")
        with source.reading(OPERATOR, "export") as work:
            write_store(work, unpacked / ROWS)
        source.close()
    with closing(Store.open(url, folder)) as target:
        counts = read_store(target, OPERATOR, unpacked / ROWS, unpacked / "images")
    return counts.get("image", 0)


def take_snapshot(store: Store, target: Path) -> list[str]:
    """A copy of a SQLite database at one moment; returns the photos it names."""
    try:
        with (
            closing(sqlite3.connect(str(store.url.database), timeout=30)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)  # all pages in one step: one read transaction, and writers go on
            copy.execute("PRAGMA journal_mode = DELETE")
            verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
            shas = [sha256 for (sha256,) in copy.execute(str(select(Image.sha256).order_by(Image.id)))]
    except sqlite3.Error as error:
        raise StoreError(
            f"The database cannot be copied. SQLite says: {error}. Make room in {target.parent}."
        ) from error
    if verdict != "ok":
        raise StoreError(f"The database is damaged. SQLite says: {verdict}. Restore the last good backup.")
    return shas


def _pack(part: Path, folder: Path, images: ContentStore, shas: list[str]) -> list[str]:
    missing = []
    with tarfile.open(part, "w") as tar:
        for name in (SNAPSHOT, ROWS):
            if (folder / name).exists():
                tar.add(folder / name, name)
        for sha256 in shas:
            path = images.path(sha256)
            try:
                tar.add(path, f"images/{sha256[:2]}/{path.name}")
            except FileNotFoundError:
                missing.append(sha256)
    return missing


def _unpack(file: Path, folder: Path) -> None:
    try:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise StoreError(
            f"This is not a backup. {file} cannot be read: {error}. Give a file that python -m db backup wrote."
        ) from error
    if not ((folder / SNAPSHOT).exists() or (folder / ROWS).exists()):
        raise StoreError(
            f"This is not a backup. {file} holds no store. Give a file that python -m db backup wrote."
        )


def _place_photos(source: Path, target: ContentStore) -> int:
    found = sorted(source.glob("??/*.png"))
    for path in found:
        target.add_file(path.stem, path.read_bytes())
    return len(found)


@contextmanager
def unfinished_beside(folder: Path) -> Iterator[Path]:
    """A folder for unfinished work on the same disk, gone afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    except OSError as error:
        raise StoreError(
            f"Nothing can be written here. {folder}: {error.strerror}. Name another place."
        ) from error
    try:
        yield unfinished
    except OSError as error:
        raise StoreError(
            f"The disk does not take it. {error.strerror or error}. Make room in {folder}, or name another place."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def unfinished_in(folder: Path) -> Iterator[Path]:
    """A folder of that name for unfinished work, of which nothing is left afterwards, nor of a time before."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise StoreError(
            f"The disk does not take it. {error.strerror or error}. Make room beside {folder}."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
