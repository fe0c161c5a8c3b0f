"""What a training run on Hugging Face Jobs consists of: settings from the environment, and all that is submitted.

Light on purpose: the Training page shows these lines before an admin starts a run.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vlfau.errors import DataError

REPO_VARIABLE, FLAVOR_VARIABLE, TIMEOUT_VARIABLE = (
    "VLFAU_JOBS_REPO",
    "VLFAU_JOBS_FLAVOR",
    "VLFAU_JOBS_TIMEOUT",
)
LAUNCH_VARIABLE = "VLFAU_ACCELERATE"
"""Arguments for `accelerate launch`, such as `--num_processes 2`; without it one process trains."""
TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
FLAVOR, TIMEOUT = "t4-small", "30m"
RUNS = "runs"
"""Folder of the repository in which runs lie while they go; nothing is left in it afterwards."""
IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
CLIENT = "huggingface-hub>=2.4,<3"
"""Fetches what was sent; everything else comes from the requirements that are sent along."""
INPUT = "input.tar.gz"
WORK, OUT = "version.work", "version"
"""Where a job keeps what lies ready for training, and where the version appears."""
JOB_REPO, JOB_RUN = "VLFAU_JOB_REPO", "VLFAU_JOB_RUN"
STATUS = "vl-fau status "
"""Begins the lines of a job's log that hold the training's status as JSON."""
START = (
    "import os, runpy, tarfile, tempfile; from huggingface_hub import hf_hub_download as get; e = os.environ; "
    f'os.chdir(tempfile.mkdtemp()); tarfile.open(get(e["{JOB_REPO}"], e["{JOB_RUN}"] + "/{INPUT}", '
    'repo_type="dataset")).extractall(filter="data"); runpy.run_path("finetune/hub_training.py", run_name="__main__")'
)
"""The job's first step. The client looks whether each argument is a local file, and a name has 255 bytes at most
between two slashes."""
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def train_words() -> list[str]:
    """What follows `python` to train, without options: plain, or by `accelerate launch`."""
    launch = shlex.split(os.environ.get(LAUNCH_VARIABLE, ""))
    if not launch:
        return ["-m", "finetune.train"]
    return ["-m", "accelerate.commands.launch", *launch, "-m", "finetune.train"]


@dataclass(frozen=True)
class HubPlan:
    """Where and on what runs are trained."""

    repo: str
    """Private data set repository ORG/NAME for this alone; its owner pays."""
    flavor: str = FLAVOR
    timeout: str = TIMEOUT
    """Of the job, from its start: a number with s, m, h or d."""

    def __post_init__(self) -> None:
        for variable, value, pattern, example in (
            (REPO_VARIABLE, self.repo, r"[\w.-]+/[\w.-]+", "ORG/NAME"),
            (FLAVOR_VARIABLE, self.flavor, r"[a-z0-9-]+", FLAVOR),
            (TIMEOUT_VARIABLE, self.timeout, r"\d+(\.\d+)?[smhd]?", TIMEOUT),
        ):
            if not re.fullmatch(pattern, value):
                raise DataError(
                    f"Training on the Hub is not set up. {variable} is {value!r}. Set it to something like {example}, "
                    f"or take {REPO_VARIABLE} away to train here."
                )

    @property
    def owner(self) -> str:
        return self.repo.split("/")[0]

    @property
    def place(self) -> str:
        return f"hf://datasets/{self.repo}"

    @property
    def timeout_s(self) -> float:
        number = self.timeout.rstrip("smhd")
        return float(number) * _UNIT_S[self.timeout[len(number) :]]

    def submission(self, run: str) -> dict[str, Any]:
        """The arguments of `HfApi.run_uv_job` for a run, but the values of its secrets."""
        options = ["--config", f"{WORK}/config.json", "--out", OUT, "--prepared"]
        endpoint = os.environ.get(ENDPOINT)
        return {
            "script": "python",
            "script_args": ["-c", START, *train_words(), *options],
            "dependencies": [CLIENT],
            "image": IMAGE,
            "env": {JOB_REPO: self.repo, JOB_RUN: f"{RUNS}/{run}"}
            | ({ENDPOINT: endpoint} if endpoint else {}),
            "flavor": self.flavor,
            "timeout": self.timeout,
            "name": re.sub(r"[^\w-]", "-", f"vl-fau-{run}", flags=re.ASCII),
            "namespace": self.owner,
        }

    def entries(self, run: str = "NAME") -> Iterator[tuple[str, str]]:
        """What it is, and all there is to say of it; for people, before anything happens."""
        asked = self.submission(run)
        needed = [word for name in asked["dependencies"] for word in ("--with", name)]
        there = f"{self.place}/{RUNS}/{run}"
        yield "job", f"Hugging Face Jobs, paid by {asked['namespace']}, named {asked['name']}"
        yield "hardware", asked["flavor"]
        yield "timeout", f"{asked['timeout']}; then the Hub ends it"
        yield "secret", f"{TOKEN} (its value is not shown): to read and write {self.repo}"
        yield "upload", f"{there}/{INPUT}, private, erased with its history afterwards"
        for what in SENT:
            yield "in it", what
        yield "download", f"{there}/{OUT}, the version, which the gate judges here"
        yield "image", asked["image"]
        for name, value in asked["env"].items():
            yield "variable", f"{name}={value}"
        yield "command", shlex.join(["uv", "run", *needed, asked["script"], *asked["script_args"]])

    def lines(self, run: str = "NAME") -> Iterator[str]:
        """The same for a terminal."""
        return (f"{what:<10} {said}" for what, said in self.entries(run))


SENT = (
    "aligned face chips with landmarks, labels, written sentences and subject codes; no whole photo",
    "the same of the replay pack",
    "the configuration, without the place of the store",
    "the checkpoint to begin with, when it lies here",
    "the code of vlfau, db and finetune, and requirements.txt; no database, no name, no password",
)


def plan_from_environment() -> HubPlan | None:
    """None: runs are trained here. Raises `DataError` for settings that cannot be."""
    repo = os.environ.get(REPO_VARIABLE, "").strip()
    if not repo:
        return None
    plan = HubPlan(
        repo, os.environ.get(FLAVOR_VARIABLE) or FLAVOR, os.environ.get(TIMEOUT_VARIABLE) or TIMEOUT
    )
    if os.environ.get("VLFAU_BACKUP", "").rstrip("/") == plan.place:
        raise DataError(
            f"Training on the Hub needs a repository of its own. {REPO_VARIABLE} is {repo}, where the backups go, and "
            "a run erases its history. Name another; it is made when it is not there."
        )
    return plan
