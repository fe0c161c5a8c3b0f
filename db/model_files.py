"""The files of model versions: copied once, named by what they hold, never changed, checked before they are used."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from db.errors import StoreError
from db.store import border

MODELS = "models"
"""Folder of the versions in the store's folder; each lies under the sha256 of its content."""
WEIGHTS, CONFIG, TRAINING = "model.safetensors", "config.json", "training.json"


class DamagedVersion(StoreError):
    """A version's files are missing, or not what they were."""


def content_hash(folder: Path) -> str:
    """sha256 over the names and contents of a folder's files: two versions with the same one are the same."""
    made = hashlib.sha256()
    for path in _files(folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        made.update(f"{path.relative_to(folder).as_posix()}\0{digest}\n".encode())
    return made.hexdigest()


def place_files(store_folder: Path, source: Path) -> str:
    """Copy a checkpoint to its place, whole or not at all; returns its hash."""
    models = store_folder / MODELS
    with border():
        models.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=models))
        try:
            for path in _files(source):
                target = partial / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                target.chmod(0o444)
            sha256 = content_hash(partial)
            if not (models / sha256).is_dir():
                partial.chmod(0o755)  # mkdtemp makes it private
                partial.rename(models / sha256)
            return sha256
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def checked_files(store_folder: Path, sha256: str) -> Path:
    """The folder of a version, every byte as it was. Raises `DamagedVersion`."""
    folder = store_folder / MODELS / sha256
    with border():
        found = content_hash(folder) if folder.is_dir() else None
    if found != sha256:
        what = "is missing" if found is None else "is not what it was"
        raise DamagedVersion(f"Its folder {folder} {what}. Bring it back from a copy.")
    return folder


def _files(folder: Path) -> list[Path]:
    """All but hidden ones, sorted by name."""
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return [
        path for name, path in sorted(found.items()) if not any(p.startswith(".") for p in name.split("/"))
    ]
