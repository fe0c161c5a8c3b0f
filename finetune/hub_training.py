"""The script that a job on the Hub runs: what was sent lies in this folder; train there, and send the version back.

`finetune.hub_plan.START` fetches, unpacks and begins it, with the words that follow `python` as arguments. Only what
comes with Python and `huggingface_hub` is there; training has an environment of its own, which `uv` makes.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from finetune.hub_plan import JOB_REPO, JOB_RUN, OUT, STATUS, WORK

LIBRARIES = ("libgl1", "libglib2.0-0")
"""OpenCV needs them, and images come without; a test compares them with spaces/packages.txt."""
STATUS_FILE = Path(WORK) / "status.json"
_LOOK_EVERY_S = 1.0


def main() -> int:
    """Install, train, send back; the exit code."""
    for command in (
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", *LIBRARIES],
    ):
        subprocess.run([*command, "-qq"], check=False)  # where it may not, training says what is missing
    environment = ["uv", "run", "--no-project", "--isolated", "--with-requirements", "requirements.txt"]
    failed = train([*environment, "python", *sys.argv[1:]])
    if not failed:
        send()
    return failed


def train(command: list[str]) -> int:
    """Run the command, and say each new status in the log, the one thing that can be watched from outside."""
    said = ""
    process = subprocess.Popen(command)
    over = False
    while not over:
        over = process.poll() is not None
        with suppress(OSError, ValueError):
            status = json.dumps(json.loads(STATUS_FILE.read_text("utf-8")))
            if status != said:
                said = status
                sys.stdout.write(f"\n{STATUS}{status}\n")
                sys.stdout.flush()
        if not over:
            time.sleep(_LOOK_EVERY_S)
    return process.returncode


def send() -> None:
    """The version in one commit: all of it, or nothing."""
    from huggingface_hub import HfApi

    HfApi().upload_folder(
        repo_id=os.environ[JOB_REPO],
        repo_type="dataset",
        folder_path=OUT,
        path_in_repo=f"{os.environ[JOB_RUN]}/{OUT}",
        commit_message="A version",
    )


if __name__ == "__main__":
    sys.exit(main())
