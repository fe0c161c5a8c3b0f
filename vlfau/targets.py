"""The target of a run: which file, folder or stream its results go to, and in which form."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from vlfau.errors import OutputError
from vlfau.records import TEXT_FORMATS
from vlfau.sharding import Worker

FORM_OF_SUFFIX = {".csv": "csv", ".parquet": "parquet"}
"""Any other name is JSON Lines."""


@dataclass(frozen=True)
class Target:
    """Where the results go."""

    form: str
    """One of `vlfau.records.FORMATS`."""
    file: Path | None = None
    """None for standard output, or where a folder of part files is the result."""
    folder: Path | None = None
    """Of part files; None where records are written as they come."""

    @classmethod
    def of(
        cls, out: str | None, form: str | None = None, worker: Worker | None = None, resume: bool = False
    ) -> "Target":
        """From what a person asked for; raises OutputError where that does not go together.

        A folder is one that is there, or a name that ends in a slash.
        """
        world_size = (worker or Worker()).world_size
        if out is not None and not Path(out).parent.is_dir():  # said before the checkpoint is loaded
            raise OutputError(
                f"The results cannot be written. The folder '{Path(out).parent}' of --out is not there. Create it, or "
                "give another place to --out."
            )
        if out is not None and (out.endswith(("/", os.sep)) or Path(out).is_dir()):
            return cls._of_folder(out, form)
        if world_size > 1:
            raise OutputError(
                f"Several processes write a folder of part files. There are {world_size} of them and --out is {out!r}. "
                "Give a folder to --out, such as results/, and make one file of it afterwards with "
                "`python -m vlfau join results/ --out FILE`."
            )
        chosen = form_of(out, form)
        if out is not None and (Path(out).is_file() or not Path(out).exists()):
            return cls(chosen, Path(out), Path(f"{out}.parts"))
        if resume or chosen not in TEXT_FORMATS:
            raise OutputError(
                f"{'--resume' if resume else '--format parquet'} needs a file. --out is {out or 'standard output'}. "
                "Give --out FILE."
            )
        return cls(chosen, None if out is None else Path(out))

    @classmethod
    def _of_folder(cls, out: str, form: str | None) -> "Target":
        if form not in (None, "parquet"):
            raise OutputError(
                f"A folder gets Parquet part files. --out is the folder '{out}' and --format is {form}. "
                "Leave --format out, and make one file afterwards with `python -m vlfau join`."
            )
        return cls("parquet", folder=Path(out))


def form_of(out: str | Path | None, form: str | None = None) -> str:
    """The form asked for, or else the one that the name of the file asks for."""
    return form or FORM_OF_SUFFIX.get(Path(out or "").suffix.lower(), "jsonl")


def leave_stdout() -> None:
    """Let nothing more go to standard output, which takes no more; Python would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
