"""The documents say what the code does, their links lead somewhere, and no text names an emotion."""

import argparse
import ast
import re

import pytest

import vlfau
from tests.architecture import ROOT, modules
from vlfau.cli import build_parser
from vlfau.faces import WARNING_CODES
from vlfau.records import FORMATS, columns

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TARGETS = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
EMOTION_WORDS = re.compile(
    r"\b(happ(y|iness|ily)|joy(ful)?|sad(ness|ly)?|ang(er|ry|rily)|rage|furious|fear(ful)?|afraid|scared|frighten\w*"
    r"|disgust\w*|surpris\w*|contempt\w*|anxi\w+|worr(y|ied)|upset|annoy\w*|delight\w*|cheerful|gloom\w*|nervous"
    r"|embarrass\w*|proud|shame\w*|amus\w*|depressed|miserable)\b",
    re.IGNORECASE,
)


def read(name):
    return (ROOT / name).read_text()


def subcommands():
    (group,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return group.choices


def cli_section(command):
    """The part of docs/cli.md about one subcommand."""
    return re.split(
        r"^## ", read("docs/cli.md").split(f"## `python -m vlfau {command}", 1)[1], flags=re.MULTILINE
    )[0]


def test_makefile_has_the_words_of_the_house():
    assert sorted(TARGETS) == ["bench", "check", "demo", "fix", "help", "test"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_word_in_a_document_exists(document):
    words = set(re.findall(r"(?:`|^\s*|&& )make ([a-z]+)", document.read_text(), re.MULTILINE))
    assert words <= TARGETS


def test_contributing_explains_every_make_word():
    assert set(re.findall(r"^\| `make ([a-z]+)`", read("CONTRIBUTING.md"), re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)|<img [^>]*src=\"([^\"]+)\"", document.read_text())
    relative = [link for pair in links for link in pair if link and not re.match(r"[a-z]+:", link)]
    assert not [link for link in relative if not (document.parent / link).exists()]


def test_every_subcommand_is_documented():
    assert set(re.findall(r"^## `python -m vlfau (\w+)", read("docs/cli.md"), re.MULTILINE)) == set(
        subcommands()
    )


@pytest.mark.parametrize("command", subcommands())
def test_options_and_their_documentation_agree(command):
    options = {option for action in subcommands()[command]._actions for option in action.option_strings}
    documented = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", cli_section(command)))
    assert documented == {option for option in options if option.startswith("--")} - {"--help"}


def test_columns_are_documented_in_their_order():
    documented = [
        name
        for row in re.findall(r"^\| (`.*?`) \|", cli_section("predict"), re.MULTILINE)
        for name in row.split(", ")
    ]
    assert [f"`{name}`" for name in columns([12])] == [
        name for name in documented if not name.startswith("`--")
    ]


@pytest.mark.parametrize("name", [*FORMATS, *(f"`{code}`" for code in WARNING_CODES)])
def test_formats_and_warnings_are_documented(name):
    assert name in cli_section("predict")


def test_architecture_stays_short():
    lines = len(read("docs/ARCHITECTURE.md").splitlines())
    assert lines < 150, (
        "cut prose, or gather modules in a package inside their room: it takes one line of the map"
    )


def test_changelog_begins_with_this_version():
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == vlfau.__version__


@pytest.mark.parametrize("module", [m for m in modules() if m.parts[0] in ("app.py", "ui", "vlfau")], ids=str)
def test_no_text_names_an_emotion(module):
    texts = [node.value for node in ast.walk(ast.parse(read(module))) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str) and EMOTION_WORDS.search(text)]
