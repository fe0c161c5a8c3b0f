"""What a Hugging Face Hub holds, in memory: repositories with commits and tags, large files, Spaces and jobs.

`tests/hub_double.py` puts it behind HTTP. A commit is all or nothing, under one lock, as on the Hub.
"""

import hashlib
import json
import threading
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

MAX_REGULAR_BYTES = 10_000_000
"""Larger files go the way of large files; binary ones too, whatever their size."""


class Refused(Exception):
    """An answer that is no success: status, the Hub's error code if it has one, and a message."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Blob:
    """A file's content."""

    data: bytes
    large: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def etag(self) -> str:
        """What the client compares: SHA-256 of a large file, git's hash of another."""
        return self.sha256 if self.large else _git_hash(self.data)

    def as_json(self, path: str) -> dict[str, Any]:
        """A line of a tree."""
        line: dict[str, Any] = {"type": "file", "path": path, "size": len(self.data)}
        if not self.large:
            return line | {"oid": self.etag}
        pointer = (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        )
        large = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(pointer)}
        return line | {"oid": _git_hash(pointer.encode()), "lfs": large}


@dataclass(frozen=True)
class Commit:
    """One state of a repository."""

    oid: str
    title: str
    files: dict[str, Blob]


@dataclass
class Repository:
    """A model, data set or Space."""

    kind: str
    name: str
    private: bool
    gated: str | bool = False
    commits: list[Commit] = field(default_factory=list)
    """Oldest first."""
    tags: dict[str, str] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=dict)
    """Of a Space: sdk, secrets, variables, volumes, hardware."""

    @property
    def files(self) -> dict[str, bytes]:
        """Path -> content, at the newest commit."""
        return {path: blob.data for path, blob in self.commits[-1].files.items()}

    def at(self, revision: str) -> Commit:
        """By branch, tag, or the beginning of a commit's number."""
        wanted = self.tags.get(revision, revision)
        if wanted in ("main", "HEAD", ""):
            return self.commits[-1]
        for commit in self.commits:
            if len(wanted) >= 7 and commit.oid.startswith(wanted):
                return commit
        raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def as_json(self, revision: str = "main") -> dict[str, Any]:
        """What `repo_info` reads."""
        commit = self.at(revision)
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        known = {"id": self.name, "sha": commit.oid, "private": self.private, "gated": self.gated}
        more = {
            "siblings": siblings,
            "lastModified": now,
            "createdAt": now,
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        return known | more | ({"sdk": self.space.get("sdk")} if self.kind == "space" else {})


class Hub:
    """All repositories of all users; `users` maps a token to its owner, who may write everywhere."""

    def __init__(self, users: dict[str, str]) -> None:
        self.users = users
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.objects: dict[str, bytes] = {}
        """SHA-256 -> large files that were uploaded, also when no commit names them."""
        self.jobs: list[dict[str, Any]] = []
        self.scheduled_jobs: list[dict[str, Any]] = []
        self.runner: Any = None
        """Takes a job when it is submitted: `start(job)`, `stop(job)`, `log(job)` as of `tests.hub_jobs.JobRunner`."""
        self.lock = threading.RLock()
        self._numbers = count()

    def create(self, kind: str, name: str, wanted: dict[str, Any]) -> Repository:
        """Raises `Refused` 409 when it is there."""
        with self.lock:
            if (kind, name) in self.repositories:
                raise Refused(409, "You already created this repo")
            private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
            made = Repository(kind, name, private)
            made.commits.append(Commit(self._oid(), "initial commit", {".gitattributes": Blob(b"")}))
            if kind == "space":
                made.space = {"sdk": wanted.get("sdk"), "hardware": wanted.get("hardware")}
                made.space |= {"volumes": wanted.get("volumes") or [], "secrets": {}, "variables": {}}
                for name_of in ("secrets", "variables"):
                    made.space[name_of] = {line["key"]: line["value"] for line in wanted.get(name_of) or []}
            self.repositories[kind, name] = made
            return made

    def find(self, kind: str, name: str, token: str | None) -> Repository:
        """A private one is there for those with a token only, as on the Hub."""
        found = self.repositories.get((kind, name))
        if found is None or (found.private and token not in self.users):
            raise Refused(404 if token in self.users else 401, "Repository not found", "RepoNotFound")
        if found.gated and token not in self.users:
            raise Refused(401, "Access to this repository is restricted. Ask for it.", "GatedRepo")
        return found

    def commit(self, found: Repository, lines: bytes) -> Commit:
        """Apply NDJSON as the client sends it: a header, then files, large files and deletions."""
        asked = [json.loads(line) for line in lines.splitlines() if line.strip()]
        header = asked[0]["value"]
        with self.lock:
            before = found.commits[-1]
            if header.get("parentCommit", before.oid) != before.oid:
                raise Refused(412, "A commit has happened since. Please refresh and try again.")
            files = dict(before.files)
            for line in asked[1:]:
                self._apply(files, line["key"], line["value"])
            found.commits.append(Commit(self._oid(), header["summary"], files))
            return found.commits[-1]

    def squash(self, found: Repository, title: str) -> None:
        """One commit is left, and nothing of those before it."""
        with self.lock:
            found.commits[:] = [Commit(self._oid(), title, dict(found.commits[-1].files))]

    def _apply(self, files: dict[str, Blob], key: str, value: dict[str, Any]) -> None:
        path = value["path"]
        if key == "file":
            files[path] = Blob(b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.objects:
                raise Refused(400, f"The large file {value['oid']} was not uploaded")
            files[path] = Blob(self.objects[value["oid"]], large=True)
        elif key in ("deletedFile", "deletedFolder"):
            folder = path.rstrip("/") + "/"
            gone = [
                name for name in files if name == path or (key == "deletedFolder" and name.startswith(folder))
            ]
            if not gone:
                raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
            for name in gone:
                del files[name]
        else:
            raise Refused(400, f"Unknown operation {key}")

    def _oid(self) -> str:
        return hashlib.sha1(f"commit {next(self._numbers)}".encode()).hexdigest()


def upload_mode(sample: bytes, size: int) -> str:
    """How the Hub wants a file, from its size and first bytes."""
    return "lfs" if size > MAX_REGULAR_BYTES or b"\0" in sample else "regular"


def _git_hash(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
