"""Every dependency is documented and capped, every import is a dependency, and all can be imported side by side."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.architecture import ROOT, imports, modules, modules_of_tests

OPTIONAL = {
    "pillow-heif": "reads HEIC when the user has installed it; its wheels are GPL",
    "av": "reads videos better than OpenCV when the user has installed it; its wheels bundle GPL encoders",
}
"""Packages that the product may import without requiring them."""

INSTALLED_NAMES = {
    name: {re.sub(r"[-_.]+", "-", package).lower() for package in packages}
    for name, packages in packages_distributions().items()
}
"""Name in an import statement -> packages that bring it."""


def requirements(name):
    """Package -> version range, as in a requirements file."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and line[0] not in "#-"]
    return dict(re.fullmatch(r"([a-z0-9-]+)(.*)", line).groups() for line in lines)


RUN, DEVELOP = requirements("requirements.txt"), requirements("requirements-dev.txt")


def test_every_requirement_has_a_row_with_its_range():
    table = (ROOT / "docs" / "dependencies.md").read_text()
    assert dict(re.findall(r"^\| ([a-z0-9-]+) \|.*\| `([^`]*)` \|$", table, re.MULTILINE)) == RUN | DEVELOP


def test_every_requirement_is_capped():
    assert not [package for package, versions in (RUN | DEVELOP).items() if not re.search("<|==", versions)]


def packages_imported_by(module):
    top_level = {name.partition(".")[0] for name in imports(module)}
    return {package for name in top_level for package in INSTALLED_NAMES.get(name, set())}


@pytest.mark.parametrize("module", modules(), ids=str)
def test_every_library_that_is_imported_is_required(module):
    assert packages_imported_by(module) <= RUN.keys() | OPTIONAL.keys()


@pytest.mark.parametrize("module", modules_of_tests(), ids=str)
def test_every_library_that_a_test_imports_is_required(module):
    assert packages_imported_by(module) <= RUN.keys() | DEVELOP.keys()


@pytest.mark.slow
def test_requirements_can_be_imported_together_without_a_warning():
    names = [
        name for name, packages in INSTALLED_NAMES.items() if packages & RUN.keys() and name.isidentifier()
    ]
    public = sorted(name for name in names if not name.startswith("_"))
    assert {"datasets", "gradio", "mediapipe", "torch"} <= set(public)
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *public], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
