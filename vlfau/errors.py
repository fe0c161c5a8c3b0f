"""The errors this project raises on purpose, so that callers can tell a bad photo from a bad model.

    VLFAUError
    ├── ImageError          the bytes or the file are not a photo that can be read
    │   ├── ImageTooLarge   more bytes or pixels than the limits allow
    │   └── VideoError      a video that cannot be opened, or goes wrong in the middle
    ├── NoFaceError         a photo was read, but no face was found in it
    ├── LabelError          an action unit, intensity or side that does not exist
    ├── ModelError          a checkpoint that cannot be loaded or does not fit this code
    ├── DataError           training or evaluation data that is missing, empty or malformed
    ├── OutputError         results that cannot be written, or do not fit those that are there
    └── StoreError          something about the store of answers; its own tree is in `db/errors.py`

A message has three parts: what is wrong, what was found, what to do next.
"""


class VLFAUError(Exception):
    """Base of every error raised on purpose by this project."""


class ImageError(VLFAUError):
    """The bytes or the file are not a photo that can be read."""


class ImageTooLarge(ImageError):
    """The photo has more bytes or pixels than the limits allow."""


class VideoError(ImageError):
    """The file is not a video that can be read, or not to its end."""


class NoFaceError(VLFAUError):
    """A photo was read, but no face was found in it."""


class LabelError(VLFAUError, ValueError):
    """An action unit, intensity or side that does not exist."""


class ModelError(VLFAUError):
    """A checkpoint that cannot be loaded or does not fit this code."""


class DataError(VLFAUError):
    """Training or evaluation data that is missing, empty or malformed."""


class OutputError(VLFAUError):
    """Results that cannot be written, or do not fit those that are there already."""
