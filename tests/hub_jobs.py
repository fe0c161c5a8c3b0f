"""Runs the jobs that the double of the Hub is asked for: the very command, with its variables, in a clean folder.

`uv` and `apt-get` are scripts that install nothing: they say what they were asked for, and `uv run ... python WORDS`
becomes this Python with these words.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

UV = f"""#!/bin/sh
echo "uv $*"
while [ "$1" != python ]; do shift; done
shift
exec {sys.executable} "$@"
"""
APT_GET = '#!/bin/sh\necho "apt-get $*"\n'


class JobRunner:
    """Set it as `hub.hub.runner`; `uv` is another script in its place."""

    def __init__(self, folder: Path, environment: dict[str, str], uv: str = UV) -> None:
        self.folder, self.environment = folder, environment
        self.logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._bin = folder / "bin"
        self._bin.mkdir(parents=True)
        for name, script in (("uv", uv), ("apt-get", APT_GET)):
            (self._bin / name).write_text(script)
            (self._bin / name).chmod(0o755)

    def start(self, job: dict[str, Any]) -> None:
        """Run it beside everything else."""
        folder = self.folder / job["id"]
        folder.mkdir()
        mine = {"PATH": f"{self._bin}{os.pathsep}{os.defpath}", "HOME": str(folder), "TMPDIR": str(folder)}
        process = subprocess.Popen(
            job["command"],
            cwd=folder,
            env=self.environment
            | mine
            | {"OMP_NUM_THREADS": "1"}
            | job["environment"]
            | job.get("secrets", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._processes[job["id"]] = process
        threading.Thread(target=self._watch, args=(job, process), daemon=True).start()

    def _watch(self, job: dict[str, Any], process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.logs[job["id"]].append({"data": line.rstrip("\n"), "timestamp": _now()})
        failed = process.wait()
        if job["status"]["stage"] == "RUNNING":
            job["status"] = (
                {"stage": "ERROR", "message": f"exit code {failed}"} if failed else {"stage": "COMPLETED"}
            )

    def log(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Its lines, and those that still come."""
        sent, over = 0, False
        while not over:
            over = job["status"]["stage"] != "RUNNING"
            lines = self.logs[job["id"]][sent:]
            yield from lines
            sent += len(lines)
            if not over:
                time.sleep(0.05)

    def stop(self, job: dict[str, Any]) -> None:
        """End it with all that it started."""
        job["status"] = {"stage": "CANCELED"}
        with suppress(ProcessLookupError):
            os.killpg(self._processes[job["id"]].pid, signal.SIGKILL)

    def said(self, job: dict[str, Any]) -> str:
        """Its log as text."""
        return "\n".join(line["data"] for line in self.logs[job["id"]])

    def close(self) -> None:
        """Nothing goes on."""
        for process in self._processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
