"""Which files a Space consists of: the rooms that run there, and its card, requirements and system packages."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ui", "vlfau", "db", "finetune")
"""Not `spaces`: on a Space that name belongs to Hugging Face's own package."""
FILES = {
    "app.py": "app.py",
    "LICENSE": "LICENSE",
    "README.md": "spaces/README.md",
    "requirements.txt": "spaces/requirements.txt",
    "packages.txt": "spaces/packages.txt",
}
"""Path in the Space -> path here."""


def space_files(root: Path = ROOT) -> dict[str, Path]:
    """Path in the Space -> file here, sorted; without what tools leave behind."""
    found = {there: root / here for there, here in FILES.items()}
    found |= {path.relative_to(root).as_posix(): path for room in ROOMS for path in _files(root / room)}
    return dict(sorted(found.items()))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path
