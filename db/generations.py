"""What lies at the place of the backups: generations, each a snapshot of the database and the log of what came after.

    generations/000002-000000000090-1b2c3d4e/snapshot.db.gz                      the database after event 90
                                            /log/000000000091-000000000120-....jsonl    events 91 to 120
                                            /joined/000000000093         events 91 to 93 of the one before belong here
    images/ab/ab....png                                                         photos, which never change

Everything that has to be decided is in the names: a listing tells which generation is the newest and where it began.
A program that takes over begins a generation of its own. Events after that moment in an older one are of a program
that went on meanwhile: a branch, which is kept and reported, and not mixed in.
"""

import gzip
import re
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from db.backup import take_snapshot
from db.content import SUFFIX
from db.event_log import Part
from db.remote import Remote
from db.store import Store

GENERATIONS, IMAGES, SNAPSHOT, LOG = "generations", "images", "snapshot.db.gz", "log"
_NAME = re.compile(rf"{GENERATIONS}/(?P<name>(?P<number>\d+)-(?P<base>\d+)-[0-9a-f]+)/(?P<file>.+)")
_JOINED = re.compile(r"joined/(?P<last>\d+)")
_PART = re.compile(rf"{LOG}/(?P<first>\d+)-(?P<last>\d+)-[0-9a-f]+\.jsonl")


@dataclass
class Generation:
    """A snapshot and its log."""

    name: str
    number: int
    base: int
    """The last event in the snapshot."""
    parts: list[tuple[int, int, str]] = field(default_factory=list)
    """First and last event, and the file's name at the place; in order."""
    joined: int = 0
    """Up to this event, what older generations have from after its beginning was taken in."""
    files: list[str] = field(default_factory=list)

    @property
    def start(self) -> int:
        """What older generations have after this event is a branch."""
        return max(self.base, self.joined)

    @property
    def snapshot(self) -> str:
        return f"{GENERATIONS}/{self.name}/{SNAPSHOT}"

    @property
    def last(self) -> int:
        """The last event that it holds."""
        return max([self.base, *(last for _, last, _ in self.parts)])


def generations(remote: Remote) -> list[Generation]:
    """Those with a snapshot, oldest first."""
    found: dict[str, Generation] = {}
    for path in remote.names(GENERATIONS):
        if match := _NAME.fullmatch(path):
            one = found.setdefault(
                match["name"], Generation(match["name"], int(match["number"]), int(match["base"]))
            )
            one.files.append(path)
            if part := _PART.fullmatch(match["file"]):
                one.parts.append((int(part["first"]), int(part["last"]), path))
            if joined := _JOINED.fullmatch(match["file"]):
                one.joined = max(one.joined, int(joined["last"]))
    whole = [one for one in found.values() if one.snapshot in one.files]
    return sorted(whole, key=lambda one: (one.number, one.name))


def begin(
    store: Store, remote: Remote, number: int, folder: Path, announce: Callable[[Generation], None]
) -> Generation:
    """Put a snapshot in place, after all photos it names; unfinished files go into `folder`.

    `announce` is told which it will be before anything is sent: whether all of it arrived may never be answered.
    """
    plain, packed = folder / "snapshot.db", folder / SNAPSHOT
    shas = take_snapshot(store, plain)
    with closing(sqlite3.connect(plain)) as copy:
        base = copy.execute("SELECT COALESCE(MAX(id), 0) FROM event").fetchone()[0]
    with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()
    made = Generation(f"{number:06d}-{base:012d}-{uuid.uuid4().hex[:8]}", number, base)
    announce(made)
    there = set(remote.names(IMAGES))
    photos = {photo_name(sha256): store.images.path(sha256) for sha256 in shas}
    new = {name: path for name, path in photos.items() if name not in there and path.exists()}
    remote.put({**new, made.snapshot: packed})
    made.files.append(made.snapshot)
    return made


def put_part(store: Store, remote: Remote, generation: Generation, part: Part, file: Path) -> None:
    """Put a written part in place, after the photos it names."""
    first, last = (part.events[0]["id"], part.events[-1]["id"]) if part.events else (generation.last,) * 2
    name = f"{GENERATIONS}/{generation.name}/{LOG}/{first:012d}-{last:012d}-{uuid.uuid4().hex[:8]}.jsonl"
    photos = {photo_name(sha256): store.images.path(sha256) for sha256 in part.photos}
    remote.put({**{name: path for name, path in photos.items() if path.exists()}, name: file})
    generation.parts.append((first, last, name))
    generation.files.append(name)


def note_joined(remote: Remote, generation: Generation, last: int, folder: Path) -> None:
    """Events of older generations, up to this one, are in the store now."""
    note = folder / "joined"
    note.write_text(f"{last}\n", "ascii")
    remote.put({f"{GENERATIONS}/{generation.name}/joined/{last:012d}": note})


def photo_name(sha256: str) -> str:
    """Where a photo lies at the place."""
    return f"{IMAGES}/{sha256[:2]}/{sha256}{SUFFIX}"


def branched(found: Sequence[Generation]) -> int:
    """Events in older generations from after the moment at which the next one began."""
    return sum(max(0, one.last - following.start) for one, following in pairwise(found))
