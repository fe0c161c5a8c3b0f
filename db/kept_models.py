"""Versions that production stood at go to the place of the backups too, and come back with the store."""

import shutil
from pathlib import Path

from db.errors import StoreError
from db.model_files import MODELS, WEIGHTS, DamagedVersion, checked_files, content_hash
from db.registry import moves, versions
from db.registry_tables import Alias
from db.remote import Remote
from db.roles import OPERATOR
from db.store import Store, border

KEPT = 3
"""The one in production and those before it, so that going back works after a restore too."""


def serving(store: Store) -> list[str]:
    """sha256 of the last versions that production stood at, newest first."""
    names = list(dict.fromkeys(move.version for move in moves(store, OPERATOR, Alias.PRODUCTION)))
    sha256 = {version.name: version.sha256 for version in versions(store, OPERATOR)}
    return [sha256[name] for name in names[:KEPT]]


def put_models(store: Store, remote: Remote) -> None:
    """What `serving` names and is sound here goes to the place; what is not named any more leaves it."""
    wanted, there = serving(store), remote.names(MODELS)
    for sha256 in wanted:
        if f"{MODELS}/{sha256}/{WEIGHTS}" in there:  # sent last
            continue
        try:
            folder = checked_files(store.folder, sha256)
        except DamagedVersion:
            continue  # the pages tell of it
        files = sorted(
            (path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name == WEIGHTS
        )
        remote.put({f"{MODELS}/{sha256}/{path.relative_to(folder).as_posix()}": path for path in files})
    spare = [name for name in there if name.split("/")[1] not in wanted]
    if spare:
        remote.erase(spare)


def fetch_models(store: Store, remote: Remote, folder: Path, target: Path) -> tuple[str, ...]:
    """Bring what `serving` names into the store's folder `target`; sha256 of those that did not come whole.

    `folder` is for unfinished files. A version that is there already is left as it is.
    """
    wanted = [sha256 for sha256 in serving(store) if not (target / MODELS / sha256).is_dir()]
    there = remote.names(MODELS) if wanted else []
    missing = []
    for sha256 in wanted:
        copy = folder / MODELS / sha256
        try:
            for name in there:
                if name.startswith(f"{MODELS}/{sha256}/"):
                    remote.fetch(name, folder)
        except StoreError:
            shutil.rmtree(copy, ignore_errors=True)
        with border():
            if not copy.is_dir() or content_hash(copy) != sha256:
                missing.append(sha256)
                continue
            for path in copy.rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o444)
            (target / MODELS).mkdir(parents=True, exist_ok=True)
            copy.rename(target / MODELS / sha256)
    return tuple(missing)
