"""Move production to another version, or back: `python -m finetune.promote VERSION`, or `--roll-back`.

A version is promoted when its comparison with the one in production (`finetune.gate --record`) passed every rule. An
admin may force it, with a reason; name, reason and that it was forced stay in the store. Pages take up the new version
within seconds, without a restart. `--add` registers a checkpoint that no run here made, from a folder or from the Hub.
Exit codes: 0 done, 1 refused.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from db import registry
from db.annotators import list_annotators
from db.errors import NotFound
from db.registry import Version
from db.roles import OPERATOR, Actor
from db.store import Store
from finetune.gate import people_learnt_from
from vlfau.checkpoint import EMBEDDED, load_checkpoint
from vlfau.errors import ModelError, VLFAUError
from vlfau.soundness import refuse_unsound


def promote(store: Store, actor: Actor, name: str, reason: str = "", force: bool = False) -> Version:
    """Try the version out, then move production to it. Raises `VLFAUError`, and production stays where it is."""
    registry.begin(store, OPERATOR, EMBEDDED)
    version = registry.version_named(store, OPERATOR, name)
    refuse_unsound(load_checkpoint(registry.checked_folder(store, version)))
    return registry.promote(store, actor, name, reason, force)


def add(store: Store, actor: Actor, source: str, revision: str | None = None) -> Version:
    """Register a checkpoint from a folder, or from a repository on the Hub at one of its commits."""
    if Path(source).is_dir():
        folder, hub = Path(source), None
    else:
        folder, hub = _from_hub(source, revision)
    refuse_unsound(load_checkpoint(folder))
    return registry.add_version(store, actor, folder, learnt_from=sorted(people_learnt_from(folder)), hub=hub)


def _from_hub(repository: str, revision: str | None) -> tuple[Path, tuple[str, str]]:
    """Its files, and the commit that the revision meant."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=["*.json", "*.safetensors", "*.md"]
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"The version was not found. {repository!r} is no folder here, and the Hub said: {error}. Check the name."
        ) from error
    return folder, (repository, folder.name)  # the Hub's cache names a snapshot by its commit


def person_named(store: Store, name: str | None) -> Actor:
    """Who acts: the operator when nobody is named. What they may do the store looks up itself."""
    if name is None:
        return OPERATOR
    for person in list_annotators(store, OPERATOR):
        if person.name == name:
            return person.actor
    raise NotFound(f"There is no such person. Nobody is called '{name}'. Let them sign in first.")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.promote",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "version", nargs="?", metavar="VERSION", help="name in the registry: python -m db models"
    )
    parser.add_argument("--roll-back", action="store_true", help="back to what was served before")
    parser.add_argument("--add", metavar="DIR_OR_REPO", help="register a checkpoint first, or only that")
    parser.add_argument("--revision", help="commit, branch or tag of a Hub repository")
    parser.add_argument("--reason", default="", help="why; it stays in the list of moves")
    parser.add_argument(
        "--force", action="store_true", help="also when the gate says no; needs --reason and --as"
    )
    parser.add_argument(
        "--as", dest="who", metavar="NAME", help="the person who does this; default: the operator"
    )
    parser.add_argument("--store", help="folder of the store; default: data")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Do it and return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if bool(options.version) + options.roll_back + bool(options.add) != 1:
        parser.error("give one of: a version, --roll-back, --add")
    if options.force and not (options.who and options.reason):
        parser.error("--force needs --as with an admin's name, and --reason")
    try:
        with closing(Store(folder=options.store)) as store:
            sys.stdout.write(_done(store, person_named(store, options.who), options))
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _done(store: Store, actor: Actor, options: argparse.Namespace) -> str:
    if options.add:
        version = add(store, actor, options.add, options.revision)
        return f"{version.name} is registered. Now: python -m finetune.gate --candidate {version.name} --record\n"
    if options.roll_back:
        return f"{registry.roll_back(store, actor, options.reason or 'Rolled back.').name} is in production again.\n"
    return f"{promote(store, actor, options.version, options.reason, options.force).name} is in production.\n"


if __name__ == "__main__":
    raise SystemExit(main())
