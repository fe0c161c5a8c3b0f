"""An uploaded photo or video: taken from Gradio's upload folder, removed from the disk, decoded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from gradio.utils import get_upload_folder
from numpy.typing import NDArray

from ui.upload_counts import ARRIVALS
from vlfau.errors import ImageError
from vlfau.images import ImageLimits, read_image


def take_upload(
    upload: Mapping[str, Any] | None, limits: ImageLimits | None = None
) -> tuple[str, NDArray[np.uint8]]:
    """Gradio's dictionary for one uploaded file -> its name and the upright RGB image (H, W, 3) uint8.

    The file is gone from the disk when this returns or raises, unless an equal one waits there to be read. Raises
    ImageError when it is no photo.
    """
    if not upload or not upload.get("path"):
        raise ImageError("There is no photo. Nothing was sent. Choose one and try again.")
    path = uploaded_file(upload["path"])
    try:
        image = read_image(path, limits)
    except ImageError as error:
        raise ImageError(str(error).replace(str(path), path.name)) from error
    finally:
        ARRIVALS.let_go(path)
    return Path(str(upload.get("orig_name") or path.name)).name, image


def uploaded_file(given: object, noun: str = "photo") -> Path:
    """The file that lies there, if it was uploaded; else ImageError.

    Gradio does not look at the path of a hand-made request, and who asks for this reads and deletes it.
    """
    folder = Path(get_upload_folder()).resolve()
    path = Path(str(given)).resolve()
    if not path.is_relative_to(folder) or not path.is_file():
        raise ImageError(
            f"This is not an uploaded {noun}. No such file has been uploaded. Upload the {noun} and try again."
        )
    return path
