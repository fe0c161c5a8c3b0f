"""The command line of the store: `python -m db upgrade`, `stats`, `export`, `agreement`, `forget`, `backup`, ..."""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from db import (
    annotators,
    check,
    cli_backup,
    export,
    measures,
    migrate,
    model_list,
    passwords,
    people,
    projects,
    publish,
    renewal,
    rescore,
    stats,
    transfer,
)
from db.errors import NotFound, TextError
from db.roles import OPERATOR, Role
from db.store import Store, where
from db.values import Consent
from vlfau.action_units import by_number
from vlfau.errors import VLFAUError

Words = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 all is well, 1 it was refused or problems were found, 2 it was not understood."""
    words = _parser().parse_args(arguments)
    try:
        return int(words.run(words) or 0)
    except VLFAUError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m db", description="The store of photos, predictions and answers."
    )
    parser.add_argument(
        "--url",
        help="database, sqlite:///FILE or postgresql://...; default: VLFAU_DATABASE_URL, or data/vlfau.db",
    )
    parser.add_argument("--data", help="folder of the photos and of vlfau.db; default: data")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Callable[[Words], Any], about: str, *options: tuple[str, dict[str, Any]]
    ) -> None:
        sub = commands.add_parser(name, help=about, description=about)
        for option, settings in options:
            sub.add_argument(option, **settings)
        sub.set_defaults(run=run)

    as_json = ("--json", dict(action="store_true", help="print JSON"))
    project = ("--project", dict(help="name of the project; default: the only one"))
    code = ("subject", dict(metavar="SUBJECT", help="code of the person"))
    command("upgrade", _upgrade, "create the database, or bring it to this version's schema")
    command("stats", _stats, "how much there is, and how far each project is", as_json)
    command(
        "export",
        _export,
        "write a project as a data set",
        project,
        ("--format", dict(choices=export.FORMATS, default="parquet")),
        ("--out", dict(required=True, type=Path, metavar="DIR", help="new folder")),
        ("--scope", dict(choices=list(Consent), default=Consent.ANNOTATE, help="consent that is needed")),
        as_json,
    )
    command(
        "import",
        _import,
        "fill an empty store from an export in JSON Lines",
        ("folder", dict(metavar="DIR", type=Path)),
    )
    command("agreement", _agreement, "how well people agree, and whom to believe", project, as_json)
    command("forget", _forget, "erase a person: rows, photos, events", code, as_json)
    command(
        "renew",
        _renew,
        "publish again, without those who left, what was published before; and bring the backups up to date",
    )
    command("withdraw", _withdraw, "keep a person out of queue and exports at once", code)
    place = (
        "place",
        dict(
            metavar="PLACE",
            help="a file; or where an app keeps its backups: a folder, hf://datasets/ORG/NAME",
        ),
    )
    command(
        "backup",
        cli_backup.save_copy,
        "write database and photos into one file, or bring the backups of an app up to date; while others write",
        place,
        ("--take-over", dict(action="store_true", help="this database replaces the one kept there")),
        as_json,
    )
    command("restore", cli_backup.bring_back, "make a new store from a backup", place)
    command(
        "check",
        _check,
        "look for rows without files, files without rows, broken chains, wrong counts",
        ("--deep", dict(action="store_true", help="decode every photo, replay every event")),
        ("--remove-orphans", dict(action="store_true", help="delete files that no row names")),
        as_json,
    )
    command(
        "role",
        _role,
        "give somebody who signed in a role",
        ("name", dict(metavar="NAME")),
        ("role", dict(choices=list(Role))),
    )
    command(
        "password",
        _password,
        "give somebody with a local name a new password; asked for, or read from standard input",
        ("name", dict(metavar="NAME")),
    )
    command(
        "publish",
        _publish,
        "put the faces of people who agreed to that on the Hugging Face Hub, private and gated",
        ("repository", dict(metavar="REPO", help="ORG/NAME of the data set")),
        project,
        ("--licence", dict(required=True, help="identifier of the licence, such as cc-by-nc-4.0 or other")),
        ("--contact", dict(required=True, help="address to which people write who want to be taken out")),
        ("--labels-only", dict(action="store_true", help="without the photos")),
        ("--public", dict(action="store_true", help="a new repository is seen by everybody; still gated")),
        (
            "--keep-history",
            dict(action="store_true", help="earlier states stay, with who was forgotten since"),
        ),
    )
    command("project", _project, "add a project with the default settings", ("name", dict(metavar="NAME")))
    command("models", _models, "the model versions: which serves, how each compares", as_json)
    command("rescore", _rescore, "work out rarity and priorities anew", project)
    return parser


def _open(words: Words) -> closing[Store]:
    return closing(Store(words.url, words.data))


def _upgrade(words: Words) -> None:
    migrate.upgrade(words.url, words.data)
    print(f"{where(words.url, words.data)[0].render_as_string()} is up to date.")


def _stats(words: Words) -> None:
    with _open(words) as store:
        found = stats.stats(store, OPERATOR)
    if words.json:
        return _print_json(found)
    for name, states in found["projects"].items():
        print(f"{name}: " + ", ".join(f"{count} {state}" for state, count in states.items() if count))
    for name, count in found["rows"].items():
        print(f"{count:>10} {name}")
    return None


def _export(words: Words) -> None:
    with _open(words) as store:
        report = export.export(
            store, OPERATOR, _project_id(store, words), words.out, words.format, Consent(words.scope)
        )
    if words.json:
        return _print_json(asdict(report) | {"folder": str(report.folder)})
    print(f"{report.faces} faces and {report.answers} answers are in {report.folder}")
    return None


def _import(words: Words) -> None:
    migrate.upgrade(words.url, words.data)
    with _open(words) as store:
        counts = transfer.read_store(store, OPERATOR, words.folder / export.PRIVATE, words.folder / "images")
    print(f"{sum(counts.values())} rows were imported.")


def _agreement(words: Words) -> None:
    with _open(words) as store:
        found = measures.measure(store, OPERATOR, _project_id(store, words))
    if words.json:
        return _print_json(measures.as_json(found))
    print(
        f"FACS index {found.facs_index:.3f} on {found.faces} faces with at least two answers, known faces left out"
    )
    print(
        f"{'':24}{'items':>6}{'present':>9}{'raw':>7}{'Cohen':>7}{'Fleiss':>8}{'Randolph':>9}{'alpha':>7}  95 %"
    )
    for unit in found.units:
        numbers = (
            unit.raw_agreement,
            unit.cohen_kappa,
            unit.fleiss_kappa,
            unit.randolph_kappa,
            unit.alpha_nominal,
        )
        raw, cohen, fleiss, randolph, alpha = (f"{number:.2f}" for number in numbers)
        print(
            f"{by_number(unit.number).label:24.24}{unit.items:>6}{unit.prevalence:>9.2f}{raw:>7}{cohen:>7}{fleiss:>8}"
            f"{randolph:>9}{alpha:>7}  {unit.alpha_nominal_low:.2f} to {unit.alpha_nominal_high:.2f}"
        )
    for person in found.annotators:
        print(
            f"{person.pseudonym}: {person.responses} answers, informedness {person.informedness:.2f}, "
            f"right on gold {person.gold_accuracy:.2f}"
        )
    pull = found.anchoring
    print(
        f"Seeing the prediction: {pull.effect:+.3f} agreement ({pull.effect_low:+.3f} to {pull.effect_high:+.3f})"
    )
    return None


def _forget(words: Words) -> int:
    with _open(words) as store:
        report = people.forget(store, OPERATOR, words.subject)
        reached = renewal.reach(store, OPERATOR)
    if words.json:
        _print_json(asdict(report) | {"elsewhere": asdict(reached)})
        return int(bool(reached.failed))
    print(
        f"Erased: {report.images} photos, {report.faces} faces, {report.responses} answers, in {report.events} events. "
        f"Out of reach: backups in files made before now, and copies of {report.exports} exports; make both anew."
    )
    return _tell_reached(reached)


def _withdraw(words: Words) -> int:
    with _open(words) as store:
        items = people.withdraw(store, OPERATOR, words.subject)
        reached = renewal.reach(store, OPERATOR)
    print(f"{items} faces are out of the queue and of future exports. To erase them: python -m db forget")
    return _tell_reached(reached)


def _tell_reached(reached: renewal.Reached) -> int:
    for line in reached.done:
        print(line)
    for line in reached.failed:
        print(f"Not reached: {line}", file=sys.stderr)
    return int(bool(reached.failed))


def _renew(words: Words) -> int:
    with _open(words) as store:
        return _tell_reached(renewal.reach(store, OPERATOR))


def _check(words: Words) -> int:
    with _open(words) as store:
        removed = check.remove_orphans(store) if words.remove_orphans else 0
        problems = check.check(store, words.deep)
    if words.json:
        _print_json([asdict(problem) for problem in problems])
    else:
        if removed:
            print(f"{removed} files were removed.")
        for problem in problems:
            print(f"{problem.kind}: {problem.message}")
        print(f"{len(problems)} problems were found.")
    return int(bool(problems))


def _role(words: Words) -> None:
    with _open(words) as store:
        person = annotators.set_role(store, OPERATOR, words.name, Role(words.role))
    print(f"{person.name} is {person.role.article} now.")


def _password(words: Words) -> None:
    asked = sys.stdin.isatty()
    password = getpass.getpass("New password: ") if asked else sys.stdin.readline().rstrip("\r\n")
    if asked and getpass.getpass("The same again: ") != password:
        raise TextError("The password was not changed. The two are not the same. Try again.")
    with _open(words) as store:
        person = passwords.set_password(store, OPERATOR, words.name, password)
    print(f"{person.name} has a new password, and is signed out everywhere.")


def _publish(words: Words) -> None:
    with _open(words) as store:
        done = publish.publish(
            store,
            OPERATOR,
            _project_id(store, words),
            words.repository,
            words.licence,
            words.contact,
            words.labels_only,
            words.public,
            words.keep_history,
        )
    print(f"{done.faces} faces and {done.answers} answers are in {done.repository} at {done.revision}")


def _project(words: Words) -> None:
    with _open(words) as store:
        number = projects.add_project(store, OPERATOR, projects.ProjectSettings(words.name))
    print(f"Project {number} is there.")


def _models(words: Words) -> None:
    with _open(words) as store:
        rows = model_list.listed_versions(store, OPERATOR)
    if words.json:
        return _print_json(rows)
    gate = {True: "passed", False: "did not pass", None: "not compared"}
    for row in rows:
        names = f" ({', '.join(row['aliases'])})" if row["aliases"] else ""
        print(f"{row['name']}{names}: {gate[row['passed']]}; {row['added_at']}; {row['sha256'][:12]}")
    if not rows:
        print("No version is registered; the checkpoint that comes with the program serves.")
    return None


def _rescore(words: Words) -> None:
    with _open(words) as store:
        print(f"{rescore.rescore(store, OPERATOR, _project_id(store, words))} open items were looked at.")


def _project_id(store: Store, words: Words) -> int:
    found = {settings.name: number for number, settings in projects.list_projects(store, OPERATOR).items()}
    if words.project is None and len(found) == 1:
        return next(iter(found.values()))
    if words.project not in found:
        raise NotFound(
            f"Which project? Found '{words.project or 'none given'}' and these: {', '.join(found) or 'none'}. "
            "Name one with --project."
        )
    return found[words.project]


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
