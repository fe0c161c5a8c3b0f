"""What the code itself says about its own build: modules, purposes, imports, and the file map made of them.

`python tests/architecture.py --write` writes the map into docs/ARCHITECTURE.md; `make fix` does the same.
"""

import ast
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = ROOT / "docs" / "ARCHITECTURE.md"
ROOMS = ("app.py", "ui", "vlfau", "db", "finetune", "spaces")
"""The parts of the product, in the order of the map; a room that is not built yet is not there."""
MAP_START, MAP_END = "<!-- file map: written by `make fix` -->\n", "<!-- end of file map -->"


def modules() -> list[Path]:
    """All Python files of the product, relative to the root, room by room."""
    return [path for room in ROOMS for path in _python_files(ROOT / room)]


def modules_of_tests() -> list[Path]:
    """All Python files under tests, relative to the root."""
    return _python_files(ROOT / "tests")


def purpose(module: Path) -> str:
    """First paragraph of a module's docstring, as one line; empty when there is none."""
    return " ".join((ast.get_docstring(_tree(module)) or "").split("\n\n")[0].split())


def imports(module: Path) -> set[str]:
    """Dotted names that a module imports anywhere, also inside functions: `from a import b` gives `a.b`."""
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{_imported_from(node, module)}.{alias.name}" for alias in node.names}
    return names


LARGEST_LISTED_ROOM = 30
"""Modules up to which a room is listed one by one; a larger one has a page of its own in docs/."""


def file_map() -> str:
    """The map as Markdown: each module of a room with its purpose; a package inside a room and a room of many modules
    take one line."""
    by_folder = {
        folder: list(group) for folder, group in groupby(modules(), key=lambda module: module.parent)
    }
    lines = []
    for folder, found in by_folder.items():
        if len(folder.parts) < 2 and len(found) <= LARGEST_LISTED_ROOM:
            lines += [f"- `{module.as_posix()}` {purpose(module)}" for module in found]
        else:
            names = ", ".join(module.stem for module in found if not module.stem.startswith("__"))
            lines.append(f"- `{folder.as_posix()}/` {purpose(folder / '__init__.py')} Modules: {names}.")
    return "\n".join(lines) + "\n"


def written_file_map() -> str:
    """The map as it stands in docs/ARCHITECTURE.md."""
    return ARCHITECTURE.read_text().split(MAP_START)[1].split(MAP_END)[0]


def write_file_map() -> None:
    """Put the map between its two marks in docs/ARCHITECTURE.md."""
    before, _, rest = ARCHITECTURE.read_text().partition(MAP_START)
    after = rest.partition(MAP_END)[2]
    ARCHITECTURE.write_text(before + MAP_START + file_map() + MAP_END + after)


def _python_files(path: Path) -> list[Path]:
    found: Iterator[Path] = path.rglob("*.py") if path.is_dir() else iter([path] if path.exists() else [])
    return sorted((file.relative_to(ROOT) for file in found), key=lambda file: (file.parent.parts, file.name))


def _tree(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(), str(module))


def _imported_from(node: ast.ImportFrom, module: Path) -> str:
    """The absolute package of a `from` import; each leading dot is one folder up."""
    folders = module.parent.parts
    return ".".join(
        (*folders[: len(folders) - node.level + 1], node.module or "") if node.level else (node.module or "",)
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write_file_map()
    else:
        print(file_map(), end="")
