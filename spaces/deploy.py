"""Puts a Space in place, or brings it up to date: `python -m spaces.deploy --repo ORG/NAME [--dry-run]`.

The order is chosen so that the first build finds everything: the Space, then its secrets, variables and volume, then
all files in one commit, then other hardware. When a step fails, what was done stays; say the same command again then.
"""

import argparse
import os
import re
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spaces.tree import space_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi, SpaceHardware

SESSION_SECRET = "VLFAU_SESSION_SECRET"
ADMINS = "VLFAU_ADMINS"
BACKUP = "VLFAU_BACKUP"
JOBS = "VLFAU_JOBS_REPO"
TOKEN = "HF_TOKEN"
MOUNT = "/data"
ZERO_GPU = "zero-a10g"
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DeployError(Exception):
    """The Space cannot be put in place as asked; the message says what is wrong, what was found, what to do."""


@dataclass(frozen=True)
class Plan:
    """All that is going to happen."""

    repo: str
    private: bool
    hardware: "SpaceHardware | None"
    """None leaves it as it is; a new Space gets cpu-basic."""
    variables: dict[str, str]
    secrets: dict[str, str]
    """From the environment; never shown."""
    bucket: str | None
    """Mounted at MOUNT; None leaves the volumes as they are."""
    files: dict[str, Path]

    def lines(self) -> Iterator[str]:
        """For people, before anything happens."""
        yield f"Space      {self.repo}, Gradio, {'private' if self.private else 'public'} (if it is new)"
        yield f"hardware   {self.hardware.value if self.hardware else 'as it is; cpu-basic for a new Space'}"
        for name, value in self.variables.items():
            yield f"variable   {name}={value}"
        for name, value in self.secrets.items():
            yield f"secret     {name} ({len(value)} characters, from the environment)"
        if SESSION_SECRET not in self.secrets:
            yield f"secret     {SESSION_SECRET} (kept if the Space has one, else made at random)"
        if BACKUP not in self.variables:
            yield "backup     as it is; without one, what people annotate is lost with the disk (--bucket, --backup)"
        yield f"volume     {f'bucket {self.bucket} at {MOUNT}' if self.bucket else 'as it is'}"
        sizes = {there: here.stat().st_size for there, here in self.files.items()}
        yield f"one commit {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB; other files of the Space are removed"
        for there, size in sizes.items():
            yield f"  {size:>10,}  {there}"


def carry_out(plan: Plan, api: "HfApi") -> str:
    """Do all of it; returns the address of the commit."""
    from huggingface_hub import Volume

    # hardware is asked for with the Space itself: a free account may create one on ZeroGPU and not on a CPU
    api.create_repo(
        plan.repo,
        repo_type="space",
        space_sdk="gradio",
        private=plan.private,
        space_hardware=plan.hardware,
        exist_ok=True,
    )
    for name, value in plan.secrets.items():
        api.add_space_secret(plan.repo, name, value)
    if SESSION_SECRET not in plan.secrets and SESSION_SECRET not in api.get_space_secrets(plan.repo):
        api.add_space_secret(plan.repo, SESSION_SECRET, secrets.token_urlsafe(48))
    for name, value in plan.variables.items():
        api.add_space_variable(plan.repo, name, value)
    if plan.bucket:
        api.set_space_volumes(plan.repo, [Volume(type="bucket", source=plan.bucket, mount_path=MOUNT)])
    address = _commit(plan, api)
    if plan.hardware and api.get_space_runtime(plan.repo).requested_hardware != plan.hardware:
        api.request_space_hardware(plan.repo, plan.hardware)
    return address


def _commit(plan: Plan, api: "HfApi") -> str:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    kept = {*plan.files, ".gitattributes"}
    there = api.list_repo_files(plan.repo, repo_type="space")
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        *(CommitOperationAdd(path, file) for path, file in plan.files.items()),
        *(CommitOperationDelete(path) for path in there if path not in kept),
    ]
    made = api.create_commit(
        plan.repo, operations, commit_message="Deploy VL-FAU", repo_type="space", num_threads=2
    )
    return str(made.commit_url)


def plan_of(words: argparse.Namespace) -> Plan:
    """The plan that was asked for; raises `DeployError`."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", words.repo):
        raise DeployError(f"This is no name of a Space. Found '{words.repo}'. Give it as ORG/NAME.")
    # only Hugging Face's proxy reaches a Space: what it says of a visitor's address is taken, or all would count as one
    variables = {ADMINS: ",".join(words.admin or [words.repo.split("/")[0]]), "FORWARDED_ALLOW_IPS": "*"}
    variables |= _backup(words)
    for pair in words.variable:
        name, equals, value = pair.partition("=")
        if not (_KEY.fullmatch(name) and equals):
            raise DeployError(f"A variable cannot be read. Found '{pair}'. Give it as NAME=VALUE.")
        variables[name] = value
    if JOBS in variables and TOKEN not in words.secret:
        raise DeployError(
            f"The Space could not train on Hugging Face Jobs. {JOBS} is {variables[JOBS]}, and it has no token. Put "
            f"one that may write there and start jobs into {TOKEN} here, and add --secret {TOKEN}."
        )
    missing = [name for name in words.secret if not os.environ.get(name)]
    if missing:
        raise DeployError(
            f"A secret has no value. The environment has no {', '.join(missing)}. Set it there: values of secrets are "
            "not taken from the command line, where other users of a machine can read them."
        )
    hidden = {name: os.environ[name] for name in words.secret}
    hardware = _hardware(words.hardware) if words.hardware else None
    return Plan(words.repo, words.private, hardware, variables, hidden, words.bucket, space_files())


def _backup(words: argparse.Namespace) -> dict[str, str]:
    """The setting that says where backups go: as asked, or the bucket."""
    place = words.backup or (f"{MOUNT}/vl-fau" if words.bucket else None)
    if place is None:
        return {}
    if place.startswith("hf://") and TOKEN not in words.secret:
        raise DeployError(
            f"The Space could not write its backups. They go to {place}, and it has no token. Put a token that may "
            f"write there into {TOKEN} here, and add --secret {TOKEN}."
        )
    return {BACKUP: place}


def _hardware(name: str) -> "SpaceHardware":
    from huggingface_hub import SpaceHardware

    try:
        return SpaceHardware(name)
    except ValueError as error:
        known = ", ".join(one.value for one in SpaceHardware)
        raise DeployError(f"There is no such hardware. Found '{name}'. Use one of {known}.") from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 done, 1 refused or failed."""
    words = _parser().parse_args(arguments)
    try:
        plan = plan_of(words)
        for line in plan.lines():
            print(line)
        if words.dry_run:
            print("Nothing was sent: this was a dry run.")
            return 0
        print(_sent(plan))
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _sent(plan: Plan) -> str:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, LocalTokenNotFoundError

    try:
        return carry_out(plan, HfApi())
    except (HTTPError, LocalTokenNotFoundError, OSError, RuntimeError) as error:
        raise DeployError(
            f"The Space is not in place, or only in part. The Hub answered: {error}. Check the token (HF_TOKEN, or "
            "`hf auth login`; it has to be allowed to write) and say the same command again: it goes on."
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m spaces.deploy", description="Put VL-FAU on a Space.")
    parser.add_argument(
        "--repo", required=True, metavar="ORG/NAME", help="the Space; created when it is not there"
    )
    parser.add_argument("--private", action="store_true", help="a new Space is seen by its owners only")
    parser.add_argument(
        "--hardware", metavar="FLAVOUR", help=f"cpu-basic, t4-small, {ZERO_GPU} (ZeroGPU), ..."
    )
    parser.add_argument(
        "--bucket", metavar="ORG/NAME", help=f"storage bucket to mount at {MOUNT}, for backups"
    )
    parser.add_argument(
        "--backup",
        metavar="PLACE",
        help=f"where backups go: hf://datasets/ORG/NAME (private), or a folder; with --bucket {MOUNT}/vl-fau",
    )
    parser.add_argument(
        "--admin",
        action="append",
        metavar="NAME",
        help="Hugging Face name of an admin, may be repeated; default: ORG of --repo",
    )
    parser.add_argument(
        "--variable", action="append", default=[], metavar="NAME=VALUE", help="public setting"
    )
    parser.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="NAME",
        help="setting whose value is in the environment here",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would happen and send nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
