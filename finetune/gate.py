"""The gate: is a new version better than the one in production? `python -m finetune.gate --candidate VERSION --json`.

A version is named by its name in the registry or by its folder. Both are asked about the same corrected faces of people
whom neither was trained or calibrated on, and about the base's test set; the rules then say yes or no. Nothing is
changed, unless `--record` asks to register the candidate and to keep the comparison, on which a promotion is founded.
Exit codes: 0 it passed, 1 a rule says no, 2 it could not be judged.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from db import registry
from db.contributions import contributions
from db.model_files import TRAINING
from db.registry import Version
from db.registry_tables import Alias
from db.roles import OPERATOR, Actor
from db.store import Store
from finetune.annotated_faces import AnnotatedFaces
from finetune.comparison import Contestant, compete
from finetune.division import Part
from finetune.gate_report import gate_report
from finetune.gate_rules import Limits, judge
from finetune.people_groups import pose_groups, read_groups
from finetune.preparation import load_prepared, prepare
from finetune.train_config import TrainConfig
from vlfau.action_units import by_number
from vlfau.checkpoint import EMBEDDED, load_checkpoint
from vlfau.errors import DataError, VLFAUError
from vlfau.soundness import refuse_unsound

_AS_TRAINED = (
    "project",
    "replay",
    "validation_share",
    "test_share",
    "skip_damaged_photos",
    "learn_disputed",
)
"""Fields of a run's configuration that say who is on which side."""


@dataclass(frozen=True)
class Entry:
    """A version that is to be compared."""

    folder: Path
    learnt_from: frozenset[str]
    version: Version | None
    """None when it is not registered."""


def run_gate(
    store: Store, candidate: Entry, champion: Entry, limits: Limits, groups_file: Path | None = None
) -> dict[str, Any]:
    """Compare and judge; returns the report of `finetune.gate_report`. Raises `VLFAUError` when it cannot be judged."""
    first, second = _contestant(champion), _contestant(candidate)
    if first.name == second.name:
        raise DataError(
            f"A version is not compared with itself. Both are '{first.name}'. Name another candidate or champion."
        )
    config = _config(candidate.folder, store)
    groups = read_groups(store, groups_file)
    with tempfile.TemporaryDirectory(prefix="vlfau-gate-") as folder:
        prepare(config, second.checkpoint.config, Path(folder))
        prepared = load_prepared(Path(folder))
        held_out, base = prepared.part(Part.TEST)
        held_out = unseen(held_out, prepared.corrections, champion.learnt_from | candidate.learnt_from)
        contest = compete(first, second, held_out, base, _rows(held_out, groups), config.seed)
        digest = prepared.summary["digest"]
    verdicts = judge(contest, limits)
    about = {
        "data": {"digest": digest, "people": sorted(set(held_out.faces.person.tolist()))},
        "limits": asdict(limits),
        "contributions": _contributions(store, candidate.learnt_from),
    }
    return gate_report(first.name, second.name, contest, verdicts, about)


def record(
    store: Store, actor: Actor, candidate: Entry, report: dict[str, Any], run_id: int | None = None
) -> Version:
    """Register the candidate, keep the comparison with the version in production, and let it ask to be served."""
    champion = registry.begin(store, actor, EMBEDDED)
    if champion.name != report["champion"]:
        raise DataError(
            f"This comparison cannot be kept. It is with '{report['champion']}', and production is '{champion.name}'. "
            "Compare anew."
        )
    version = candidate.version or registry.add_version(
        store, actor, candidate.folder, run_id=run_id, learnt_from=sorted(candidate.learnt_from)
    )
    registry.add_comparison(store, actor, version, champion, report["passed"], report)
    said = "It passed every rule." if report["passed"] else "It was trained; the gate says no."
    registry.propose(store, actor, version, said)
    return version


def unseen(held_out: AnnotatedFaces, everybody: AnnotatedFaces, seen: Collection[str]) -> AnnotatedFaces:
    """Without faces of whom a version was trained on, and of whoever shares a photo with them."""
    columns = everybody.faces
    groups = set(columns.groups["group"][np.isin(columns.person, sorted(seen))].tolist())
    return held_out.subset(np.flatnonzero(~np.isin(held_out.faces.groups["group"], sorted(groups))))


def entry_of(store: Store, actor: Actor, name_or_folder: str) -> Entry:
    """A registered version by its name, its files checked, or any checkpoint by its folder."""
    if Path(name_or_folder).is_dir():
        return Entry(Path(name_or_folder), people_learnt_from(Path(name_or_folder)), None)
    version = registry.version_named(store, actor, name_or_folder)
    return Entry(registry.checked_folder(store, version), version.learnt_from, version)


def served(store: Store, actor: Actor) -> Entry:
    """The version in production: before the first move, the checkpoint that comes with the program."""
    version = registry.alias_version(store, actor, Alias.PRODUCTION)
    if version is None:
        return Entry(EMBEDDED, frozenset(), None)
    return Entry(registry.checked_folder(store, version), version.learnt_from, version)


def people_learnt_from(folder: Path) -> frozenset[str]:
    """Codes of the people whom a version was trained or calibrated on, as its run wrote them down.

    Empty for a checkpoint that no run on a store made.
    """
    return frozenset(_training(folder).get("data", {}).get("learnt_from", ()))


def _training(folder: Path) -> dict[str, Any]:
    file = folder / TRAINING
    try:
        found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    except ValueError as error:
        raise DataError(f"The version's record is damaged. {file} gave: {error}. Train it again.") from error
    return found if isinstance(found, dict) else {}


def _config(folder: Path, store: Store) -> TrainConfig:
    """How the candidate's run divided people, on this store."""
    made = _training(folder).get("config", {})
    known = {field.name for field in fields(TrainConfig)}
    values = {name: made[name] for name in _AS_TRAINED if name in made and name in known}
    if values.get("replay") and not Path(values["replay"]).is_file():
        del values["replay"]  # it was trained on another machine
    url = store.url.render_as_string(hide_password=False)
    return TrainConfig(**values, store_url=url, store_folder=str(store.folder))


def _contestant(entry: Entry) -> Contestant:
    checkpoint = load_checkpoint(entry.folder)
    checkpoint.model.to("cuda" if torch.cuda.is_available() else "cpu")
    refuse_unsound(checkpoint)
    return Contestant(checkpoint.config.model_version, checkpoint, entry.folder)


def _rows(held_out: AnnotatedFaces, groups: Mapping[str, set[str]]) -> dict[str, NDArray[np.integer]]:
    """Rows of the faces of each group: of the people who are known to be in one, and by head pose."""
    rows: dict[str, NDArray[np.integer]] = {
        name: np.flatnonzero(np.isin(held_out.faces.person, sorted(people)))
        for name, people in groups.items()
    }
    rows |= pose_groups(held_out.faces.groups["yaw_deg"])
    return {name: found for name, found in rows.items() if len(found)}


def _contributions(store: Store, people: Collection[str]) -> dict[str, dict[str, int]]:
    found = contributions(store, OPERATOR, people)
    return {
        who: {by_number(n).code: count for n, count in sorted(units.items())} for who, units in found.items()
    }


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.gate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--candidate", required=True, metavar="VERSION", help="name in the registry, or a folder"
    )
    parser.add_argument(
        "--champion", metavar="VERSION", help="compare with this one, not with the one in production"
    )
    parser.add_argument("--store", help="folder of the store; default: data")
    parser.add_argument(
        "--limits", type=Path, metavar="FILE", help="JSON with other limits, see docs/training-loop.md"
    )
    parser.add_argument(
        "--groups", type=Path, metavar="FILE", help="CSV of groups of people; default: groups.csv there"
    )
    parser.add_argument(
        "--record", action="store_true", help="register the candidate and keep the comparison"
    )
    parser.add_argument(
        "--run", type=int, metavar="ID", help="training run that made the candidate, with --record"
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON, on one line")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge and return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.record and options.champion:
        parser.error("--record keeps comparisons with the version in production: leave out --champion")
    try:
        with closing(Store(folder=options.store)) as store:
            candidate = entry_of(store, OPERATOR, options.candidate)
            champion = (
                entry_of(store, OPERATOR, options.champion) if options.champion else served(store, OPERATOR)
            )
            report = run_gate(store, candidate, champion, Limits.load(options.limits), options.groups)
            if options.record:
                record(store, OPERATOR, candidate, report, options.run)
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{json.dumps(report, allow_nan=False)}\n" if options.json else _told(report))
    return 0 if report["passed"] else 1


def _told(report: dict[str, Any]) -> str:
    """The verdicts for people."""
    marks = {True: "yes", False: "NO ", None: "-  "}
    lines = [f"{report['candidate']} against {report['champion']}"]
    lines += [f"  {marks[rule['passed']]}  {rule['sentence']}" for rule in report["rules"]]
    lines.append("It passed." if report["passed"] else "It did not pass.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
