"""The commands that copy a store and bring it back: a file, or the place where an app keeps its backups."""

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from db import backup, remote, restoring, saving
from db.errors import NotFound
from db.store import Store

Words = argparse.Namespace


def save_copy(words: Words) -> int:
    """`python -m db backup`; 0 all is there, 1 a photo is missing or another program has taken over."""
    if not _is_file(words.place):
        return _save(words)
    with closing(Store(words.url, words.data)) as store:
        report = backup.backup(store, words.place)
    if words.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        print(f"{words.place}: {report.size_bytes / 1e6:.1f} MB, {report.images} photos.")
        for sha256 in report.missing:
            print(f"The photo {sha256} is missing.", file=sys.stderr)
    return int(bool(report.missing))


def _save(words: Words) -> int:
    with closing(Store(words.url, words.data)) as store:
        saved = saving.save(store, remote.open_remote(words.place), words.take_over)
    if words.json:
        print(json.dumps(asdict(saved), indent=2))
    else:
        begun = "began generation" if saved.began else "is in generation"
        print(
            f"{words.place}: {saved.events} new events, up to number {saved.last}; {begun} {saved.generation}."
        )
    if saved.superseded:
        print("Another program has taken over there; see docs/hosting.md.", file=sys.stderr)
    if saved.unsent:
        print(f"A version that serves could not be sent: {saved.unsent}", file=sys.stderr)
    return int(saved.superseded or saved.unsent is not None)


def bring_back(words: Words) -> int:
    """`python -m db restore`; 0 all came back, 1 a photo or a version is missing."""
    if _is_file(words.place):
        images = backup.restore(words.place, words.url, words.data)
        print(
            f"The store is back, with {images} photos. Who was forgotten since the backup must be forgotten again."
        )
        return 0
    found = restoring.restore_from(remote.open_remote(words.place), words.url, words.data)
    if found is None:
        raise NotFound(
            f"There is no backup. {words.place} has no generation with a snapshot. Check the name."
        )
    print(
        f"The store is back, with {found.images} photos and {found.events} events from after the snapshot of "
        f"{found.generation}; {found.branched} events of another program are not in it."
    )
    for sha256 in found.missing:
        print(f"The photo {sha256} is missing.", file=sys.stderr)
    for sha256 in found.missing_models:
        print(f"The files {sha256} of a version are missing.", file=sys.stderr)
    return int(bool(found.missing or found.missing_models))


def _is_file(place: str) -> bool:
    return not (place.startswith(remote.HUB_SCHEME) or place.endswith("/") or Path(place).is_dir())
