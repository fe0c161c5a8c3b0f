"""The house keeps its shape: imports point one way, modules say what they are for, importing stays light."""

import re
import subprocess
import sys

import pytest

from tests import architecture
from tests.architecture import ROOT, imports, modules, purpose

MAY_IMPORT = {
    "vlfau": {"vlfau"},
    "db": {"db", "vlfau.action_units", "vlfau.errors", "vlfau.faces", "vlfau.sentences"},
    "finetune": {"finetune", "vlfau", "db"},
    "ui": {"ui", "vlfau", "db", "finetune.jobs", "finetune.status"},
    "app.py": {"ui", "vlfau", "db", "finetune"},
    "spaces": {"spaces"},
}
"""Which parts of ours a part may import; docs/ARCHITECTURE.md shows the same table."""

NEVER = {
    "vlfau": {"gradio", "gradio_client", "sqlalchemy", "alembic", "accelerate"},
    "db": {"torch", "transformers", "gradio", "gradio_client"},
    "finetune": {"gradio", "gradio_client"},
    "ui": {"sqlalchemy", "alembic", "accelerate"},
    "app.py": set(),
    "spaces": set(),
}
"""Libraries that a part must not know."""

OURS = {"app", "vlfau", "db", "finetune", "ui", "spaces", "tests"}
HEAVY = ("torch", "transformers", "gradio", "mediapipe", "cv2", "sklearn")
CATCH_ALL_NAMES = {"utils", "util", "helpers", "misc", "common"}

each_module = pytest.mark.parametrize("module", modules(), ids=str)


def is_within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@each_module
def test_imports_point_one_way(module):
    part = module.parts[0]
    foreign = {
        name for name in imports(module) if is_within(name, OURS) and not is_within(name, MAY_IMPORT[part])
    }
    assert not foreign, f"{part} may import of ours only {sorted(MAY_IMPORT[part])}"


@each_module
def test_a_part_does_not_know_the_libraries_of_others(module):
    assert not {name for name in imports(module) if is_within(name, NEVER[module.parts[0]])}


@pytest.mark.parametrize("module", modules() + architecture.modules_of_tests(), ids=str)
def test_module_opens_with_one_sentence(module):
    assert purpose(module).endswith("."), "a module opens with a docstring that says what it is for"
    assert not re.search(r"[.!?] [A-Z]", purpose(module)), "one sentence, then an empty line"


@pytest.mark.parametrize(
    "package", [name for name in ("vlfau", "db") if (ROOT / name / "__init__.py").exists()]
)
def test_importing_a_package_stays_light(package):
    code = f"import sys, {package}; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_file_map_is_up_to_date():
    assert architecture.written_file_map() == architecture.file_map(), "run: make fix"


def test_tests_have_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py")), "tests/db/__init__.py would hide the real db"


def test_every_file_has_a_noun_for_a_name():
    everywhere = modules() + architecture.modules_of_tests()
    assert not [path for path in everywhere if CATCH_ALL_NAMES & set(path.with_suffix("").parts)]
