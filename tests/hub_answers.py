"""How the double of the Hub answers each request of the client; `tests/hub_double.py` says how to use it."""

import hashlib
import json
import re
import socket
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.hub_repositories import Commit, Hub, Refused, Repository, upload_mode

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}
PAGE = 1000
"""Lines of a tree in one answer."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    double: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.connections: set[socket.socket] = set()

    def server_close(self) -> None:
        """Connections that clients keep open end too."""
        super().server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell about."""


class Answers(BaseHTTPRequestHandler):
    """One connection; `server.double` is the Hub."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _answer(self) -> None:
        double = self.server.double
        address = urlsplit(self.path)
        self.asked = f"{self.command} {unquote(address.path)}"
        self.query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        with double.hub.lock:
            double.requests.append(self.asked)
            fault = next(
                (one for one in double.faults if one.times and re.search(one.match, self.asked)), None
            )
            if fault is not None:
                fault.times -= 1
        if fault is not None and fault.cut_after is not None:
            self.rfile.read(fault.cut_after)
            return self._hang_up()
        self.body = self._read_body()
        if fault is not None:
            time.sleep(fault.slow_s)
            if fault.status is not None:
                after = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
                return self._send(fault.status, {"error": "A fault was injected"}, after)
        try:
            status, value, headers = self._routed(unquote(address.path))
        except Refused as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            status, value, headers = (
                refused.status,
                {"error": str(refused)},
                code | {"X-Error-Message": str(refused)},
            )
        if fault is not None and fault.lose_answer:
            return self._hang_up()
        return self._send(status, value, headers)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _stream(self, events: Iterator[dict[str, Any]]) -> None:
        """Server-sent events, until there are no more."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        for event in events:
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

    def _send(self, status: int, value: Any, headers: dict[str, str]) -> None:
        if isinstance(value, Iterator):
            self._stream(value)
            return
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        self.send_response(status)
        for name, text in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # ---- what is asked for

    @property
    def hub(self) -> Hub:
        return self.server.double.hub

    @property
    def token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def _user(self) -> str:
        if self.token not in self.hub.users:
            raise Refused(401, "Invalid username or password.")
        return self.hub.users[self.token]

    def _json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    def _routed(self, path: str) -> tuple[int, Any, dict[str, str]]:
        asked = f"{self.command} {path}"
        for pattern, handler in self.ROUTES.items():
            if found := re.fullmatch(pattern, asked):
                answer = handler(self, **found.groupdict())
                return answer if isinstance(answer, tuple) else (200, answer, {})
        raise Refused(404, f"The double has no such endpoint: {asked}")

    def _repository(self, kind: str, name: str, write: bool = False) -> Repository:
        if write:
            self._user()
        return self.hub.find(KINDS[kind], name, self.token)

    def _whoami(self) -> Any:
        return {"type": "user", "name": self._user(), "orgs": [], "auth": {"type": "access_token"}}

    def _create(self) -> Any:
        wanted, owner = self._json(), self._user()
        kind, name = wanted.get("type") or "model", f"{wanted.get('organization') or owner}/{wanted['name']}"
        prefix = {"model": "", "dataset": "datasets/", "space": "spaces/"}[kind]
        url = f"{self.server.double.url}/{prefix}{name}"
        try:
            self.hub.create(kind, name, wanted)
        except Refused as there:
            return there.status, {"error": str(there), "url": url}, {}
        return {"url": url, "name": name}

    def _delete(self) -> Any:
        wanted, owner = self._json(), self._user()
        key = wanted.get("type") or "model", f"{wanted.get('organization') or owner}/{wanted['name']}"
        if self.hub.repositories.pop(key, None) is None:
            raise Refused(404, "Repository not found", "RepoNotFound")
        return {}

    def _settings(self, kind: str, name: str) -> Any:
        found, wanted = self._repository(kind, name, write=True), self._json()
        found.gated = wanted.get("gated", found.gated)
        if "visibility" in wanted or "private" in wanted:
            found.private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        return {}

    def _info(self, kind: str, name: str, revision: str | None = None) -> Any:
        return self._repository(kind, name).as_json(revision or "main")

    def _preupload(self, kind: str, name: str, revision: str) -> Any:
        there = self._repository(kind, name, write=True).at(revision).files
        answers = []
        for file in self._json()["files"]:
            mode = upload_mode(b64decode(file["sample"]), file["size"])
            oid = there[file["path"]].etag if file["path"] in there else None
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return {"files": answers}

    def _batch(self, kind: str | None, name: str) -> Any:
        self._repository(kind or "models", name, write=True)
        objects = []
        for wanted in self._json()["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.objects:
                answer["actions"] = {"upload": {"href": f"{self.server.double.url}/large/{wanted['oid']}"}}
            objects.append(answer)
        return {"transfer": "basic", "objects": objects}

    def _upload(self, oid: str) -> Any:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "The content does not fit its hash")
        self.hub.objects[oid] = self.body
        return {}

    def _commit(self, kind: str, name: str, revision: str) -> Any:
        found = self._repository(kind, name, write=True)
        found.at(revision)
        made = self.hub.commit(found, self.body)
        return {"success": True, "commitOid": made.oid, "commitUrl": self._commit_url(found, made)}

    def _commit_url(self, found: Repository, made: Commit) -> str:
        prefix = "" if found.kind == "model" else f"{found.kind}s/"
        return f"{self.server.double.url}/{prefix}{found.name}/commit/{made.oid}"

    def _tree(self, kind: str, name: str, revision: str, path: str | None = None) -> Any:
        files = self._repository(kind, name).at(revision).files
        inside = f"{path}/" if path else ""
        below = {name: blob for name, blob in files.items() if name.startswith(inside)}
        if path and not below:
            raise Refused(404, f"{path} does not exist", "EntryNotFound")
        deep = self.query.get("recursive", "").lower() in ("true", "1")
        lines = [blob.as_json(name) for name, blob in below.items() if deep or "/" not in name[len(inside) :]]
        folders = {str(parent) for name in below for parent in PurePosixPath(name).parents} - {".", path}
        shown = [one for one in folders if one.startswith(inside) and (deep or "/" not in one[len(inside) :])]
        lines += [{"type": "directory", "path": one, "oid": "0" * 40, "size": 0} for one in shown]
        begin = int(self.query.get("cursor", 0))
        page = sorted(lines, key=lambda line: line["path"])[begin : begin + PAGE]
        if begin + PAGE >= len(lines):
            return page
        here = f"{self.server.double.url}{urlsplit(self.path).path}"
        return 200, page, {"Link": f'<{here}?recursive={deep}&cursor={begin + PAGE}>; rel="next"'}

    def _paths_info(self, kind: str, name: str, revision: str) -> Any:
        files = self._repository(kind, name).at(revision).files
        wanted = parse_qs(self.body.decode()).get("paths", [])
        return [files[path].as_json(path) for path in wanted if path in files]

    def _resolve(self, name: str, revision: str, path: str, kind: str | None = None) -> Any:
        commit = self._repository(kind or "models", name).at(revision)
        if path not in commit.files:
            raise Refused(404, "Entry not found", "EntryNotFound")
        blob = commit.files[path]
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"', "Accept-Ranges": "bytes"}
        if blob.large:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
        part = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        if part is None:
            return 200, blob.data, headers
        begin = int(part[1])
        span = f"bytes {begin}-{len(blob.data) - 1}/{len(blob.data)}"
        return 206, blob.data[begin:], headers | {"Content-Range": span}

    def _commits(self, kind: str, name: str, revision: str) -> Any:
        date = "2026-01-01T00:00:00.000Z"
        found = self._repository(kind, name).commits
        who = [{"user": self.hub.users.get(self.token or "", "nobody")}]
        return [
            {"id": one.oid, "title": one.title, "message": "", "date": date, "authors": who}
            for one in reversed(found)
        ]

    def _refs(self, kind: str, name: str) -> Any:
        found = self._repository(kind, name)
        tags = [
            {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": oid} for tag, oid in found.tags.items()
        ]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": found.commits[-1].oid}
        return {"branches": [main], "converts": [], "tags": tags}

    def _tag(self, kind: str, name: str, revision: str) -> Any:
        found, tag = self._repository(kind, name, write=True), self._json()["tag"]
        if tag in found.tags:
            raise Refused(409, f"Tag {tag} already exists")
        found.tags[tag] = found.at(revision).oid
        return {}

    def _squash(self, kind: str, name: str) -> Any:
        self.hub.squash(self._repository(kind, name, write=True), self._json().get("message", ""))
        return {}

    def _large_files(self, kind: str, name: str) -> Any:
        """Those of every commit and those of none, until they are deleted for good."""
        self._repository(kind, name, write=True)
        day = "2026-01-01T00:00:00.000Z"
        return [
            {"oid": oid, "fileOid": oid, "filename": oid[:8], "pushedAt": day, "size": len(data)}
            for oid, data in self.hub.objects.items()
        ]

    def _delete_large_files(self, kind: str, name: str) -> Any:
        self._repository(kind, name, write=True)
        for oid in self._json()["deletions"]["sha"]:
            self.hub.objects.pop(oid, None)
        return {}

    def _space(self, name: str, part: str) -> Any:
        """Secrets, variables, volumes and hardware of a Space."""
        space = self._repository("spaces", name, write=True).space
        wanted = self._json()
        if part in ("secrets", "variables"):
            if self.command == "POST":
                space[part][wanted["key"]] = wanted["value"]
            elif self.command == "DELETE":
                space[part].pop(wanted["key"], None)
            shown = {key: {"key": key, "value": value} for key, value in space[part].items()}
            return shown if part == "variables" else {key: {"key": key} for key in shown}
        if part == "volumes":
            space["volumes"] = wanted.get("volumes", [])
        elif part == "hardware":
            space["hardware"] = wanted["flavor"]
        hardware = {"current": None, "requested": space.get("hardware")}
        return {"stage": "BUILDING", "hardware": hardware, "volumes": space.get("volumes")}

    def _job(self, kind: str, owner: str) -> Any:
        """Jobs are listed, and run when there is a runner."""
        jobs = self.hub.scheduled_jobs if kind == "scheduled-jobs" else self.hub.jobs
        if self.command == "GET":
            return jobs
        self._user()
        number = f"{len(self.hub.jobs) + len(self.hub.scheduled_jobs) + 1:024x}"
        asked = self._json()
        owner_told = {"id": "0" * 24, "name": owner, "type": "user"}
        status = {"stage": "RUNNING"} if kind == "jobs" else {"lastJob": None, "nextJobRunAt": None}
        jobs.append({**asked, "id": number, "owner": owner_told, "status": status})
        if kind == "jobs" and self.hub.runner is not None:
            self.hub.runner.start(jobs[-1])
        return jobs[-1]

    def _one_job(self, owner: str, number: str, part: str | None = None) -> Any:
        """A job, its log as it comes, or its end."""
        self._user()
        found = [job for job in self.hub.jobs if (job["id"], job["owner"]["name"]) == (number, owner)]
        if not found:
            raise Refused(404, "Job not found", "JobNotFound")
        if part == "logs":
            return self.hub.runner.log(found[0])
        if part == "cancel":
            self.hub.runner.stop(found[0])
        return found[0]

    _JOB: ClassVar = r"/api/jobs/(?P<owner>[^/]+)/(?P<number>[0-9a-f]+)"
    _NAME: ClassVar = r"(?P<name>[^/ ]+/[^/ ]+)"
    _REPO: ClassVar = rf"/api/(?P<kind>models|datasets|spaces)/{_NAME}"
    ROUTES: ClassVar[dict[str, Callable[..., Any]]] = {
        r"GET /api/whoami-v2": _whoami,
        r"POST /api/repos/create": _create,
        r"DELETE /api/repos/delete": _delete,
        r"POST /api/validate-yaml": lambda self: {"errors": [], "warnings": []},
        r"(POST|GET) /api/(?P<kind>jobs|scheduled-jobs)/(?P<owner>[^/]+)": _job,
        rf"GET {_JOB}(/(?P<part>logs))?": _one_job,
        rf"POST {_JOB}/(?P<part>cancel)": _one_job,
        rf"GET {_REPO}(/revision/(?P<revision>.+))?": _info,
        rf"PUT {_REPO}/settings": _settings,
        rf"POST {_REPO}/preupload/(?P<revision>.+)": _preupload,
        rf"POST {_REPO}/commit/(?P<revision>.+)": _commit,
        rf"GET {_REPO}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?": _tree,
        rf"POST {_REPO}/paths-info/(?P<revision>.+)": _paths_info,
        rf"GET {_REPO}/commits/(?P<revision>.+)": _commits,
        rf"GET {_REPO}/refs": _refs,
        rf"POST {_REPO}/tag/(?P<revision>.+)": _tag,
        rf"POST {_REPO}/super-squash/.+": _squash,
        rf"GET {_REPO}/lfs-files": _large_files,
        rf"POST {_REPO}/lfs-files/batch": _delete_large_files,
        rf"\w+ /api/spaces/{_NAME}/(?P<part>secrets|variables|volumes|hardware|runtime|restart)": _space,
        rf"POST /((?P<kind>datasets|spaces)/)?{_NAME}\.git/info/lfs/objects/batch": _batch,
        r"PUT /large/(?P<oid>[0-9a-f]{64})": _upload,
        rf"(GET|HEAD) /((?P<kind>datasets|spaces)/)?{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)": _resolve,
    }
