"""Tests of `python -m db`: every command once, and what it says when it cannot."""

import io
import json

import pytest

from db.annotators import list_annotators
from db.cli import main
from db.passwords import sign_in
from db.responses import submit
from db.roles import OPERATOR, Role
from db.store import REVISION, Store
from tests.db.laboratory import Lab, marks


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("VLFAU_DATABASE_URL", raising=False)

    def command(*words, data="data"):
        code = main(["--data", str(tmp_path / data), *map(str, words)])
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return command


@pytest.fixture
def filled(run, tmp_path, clock):
    run("upgrade")
    store = Store(folder=tmp_path / "data", clock=clock)
    lab = Lab(store, clock)
    for seed in range(2):
        lab.add(seed)
    for name in ("ann", "bo"):
        person = lab.person(name)
        submit(store, person, lab.next(person).lease_id, marks(AU12="present", AU4="absent"))
    yield lab
    store.close()


def test_before_upgrade_it_says_what_to_do(run):
    code, out, error = run("stats")
    assert (code, out) == (1, "")
    assert error.startswith(
        f"error: The database does not fit this code. Its schema is missing; {REVISION} is needed."
    )


def test_upgrade_twice_is_as_good_as_once(run):
    assert run("upgrade")[0] == run("upgrade")[0] == 0


def test_stats(run, filled):
    found = json.loads(run("stats", "--json")[1])
    assert found["rows"]["response"] == 2
    assert found["projects"]["faces"]["agreed"] == 1
    assert "1 open, 1 agreed" in run("stats")[1]


def test_agreement(run, filled):
    found = json.loads(run("agreement", "--json")[1])
    assert (found["facs_index"], found["faces"]) == (1, 1)
    assert "AU12 Lip corner puller" in run("agreement")[1]


def test_export_and_import(run, filled, tmp_path):
    assert run("export", "--format", "jsonl", "--out", tmp_path / "out")[0] == 0
    assert run("import", tmp_path / "out", data="copy")[0] == 0
    assert json.loads(run("stats", "--json", data="copy")[1])["rows"]["response"] == 2
    assert "not empty" in run("import", tmp_path / "out", data="copy")[2]


def test_backup_and_restore(run, filled, tmp_path):
    assert "2 photos" in run("backup", tmp_path / "backup.tar")[1]
    assert "2 photos" in run("restore", tmp_path / "backup.tar", data="copy")[1]
    assert run("check", "--deep", data="copy")[:2] == (0, "0 problems were found.\n")


def test_forget(run, filled):
    assert json.loads(run("forget", "person-0", "--json")[1])["images"] == 1
    assert run("forget", "person-0")[0] == 1
    assert "1 faces are out" in run("withdraw", "person-1")[1]


def test_check_finds_a_file_too_many(run, filled, tmp_path):
    (tmp_path / "data" / "images" / "00").mkdir(exist_ok=True)
    (tmp_path / "data" / "images" / "00" / f"{'0' * 64}.png").touch()
    code, out, _ = run("check", "--json")
    assert (code, json.loads(out)[0]["kind"]) == (1, "file without row")
    assert run("check", "--remove-orphans")[:2] == (0, "1 files were removed.\n0 problems were found.\n")


def test_a_password_is_read_and_never_shown(run, filled, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("four horses and a battery\n"))
    shown = run("password", "ann")
    assert shown == (0, "ann has a new password, and is signed out everywhere.\n", "")
    assert sign_in(filled.store, "ann", "four horses and a battery").person.name == "ann"


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [("ann", "short", "10 are needed"), ("nobody", "x" * 5 + "four horses", "Nobody")],
)
def test_a_password_that_cannot_be_changes_nothing(run, filled, monkeypatch, name, typed, message):
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code, _, error = run("password", name)
    assert (code, message in error) == (1, True)


def test_role_and_projects(run, filled):
    assert run("role", "ann", "reviewer")[1] == "ann is a reviewer now.\n"
    assert list_annotators(filled.store, OPERATOR)[0].role == Role.REVIEWER
    assert "Nobody is called" in run("role", "nobody", "admin")[2]
    assert run("rescore")[0] == run("project", "second")[0] == 0
    assert "Name one with --project" in run("agreement")[2]
    assert run("agreement", "--project", "second")[0] == 0


def test_what_is_not_understood(run):
    for words in ([], ["cake"], ["export"], ["role", "ann", "king"]):
        with pytest.raises(SystemExit) as caught:
            run(*words)
        assert caught.value.code == 2
