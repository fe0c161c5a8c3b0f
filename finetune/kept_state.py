"""The state from which a killed training goes on: whenever it is killed, one whole state lies on the disk."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

_NOW, _NEXT, _BEFORE = "state", "state.part", "state.old"
_ALSO = "also.pt"


def keep(accelerator: Accelerator, folder: Path, also: Mapping[str, Any] | None = None) -> None:
    """Everything needed to go on, and what the accelerator does not know; all processes call this."""
    now, new, before = (folder / name for name in (_NOW, _NEXT, _BEFORE))
    if accelerator.is_main_process:
        shutil.rmtree(new, ignore_errors=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(new))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if also is not None:
            torch.save(dict(also), new / _ALSO)
        if now.is_dir():  # otherwise the one before is the only whole one
            shutil.rmtree(before, ignore_errors=True)
            now.rename(before)
        new.rename(now)
        shutil.rmtree(before, ignore_errors=True)
    accelerator.wait_for_everyone()


def last(folder: Path) -> Path | None:
    """The folder of the last whole state."""
    return next((folder / name for name in (_NOW, _BEFORE) if (folder / name).is_dir()), None)


def resume(accelerator: Accelerator, folder: Path) -> dict[str, Any] | None:
    """Load the last whole state and return what was kept with it; None when there is none to go on from."""
    found = last(folder)
    if found is None:
        return None
    accelerator.load_state(str(found))
    return dict(torch.load(found / _ALSO, weights_only=False)) if (found / _ALSO).is_file() else {}


def drop(folder: Path) -> None:
    """Remove all states; nobody can go on with the training then."""
    for name in (_NOW, _NEXT, _BEFORE):
        shutil.rmtree(folder / name, ignore_errors=True)
