"""The command line: `python -m vlfau predict` for photos and folders, `python -m vlfau info` for the model's card."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from vlfau.errors import ImageError, NoFaceError, VLFAUError
from vlfau.records import (
    FORMATS,
    Record,
    RecordWriter,
    columns,
    failed_record,
    no_face_message,
    photo_records,
)

if TYPE_CHECKING:  # loading these takes seconds; `--help` should not
    from vlfau.predictor import Predictor

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif"})
"""What counts as a photo in a folder; a file that is named itself is tried whatever its name."""


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(prog="python -m vlfau", description="Facial action units from photos.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="find the faces in photos and write their action units",
        description="Writes one record per face. "
        "Exit code: 0, 1 when a photo could not be read, 2 when nothing could start.",
    )
    predict.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a photo, or a folder with all photos below it"
    )
    predict.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write; standard output unless given"
    )
    predict.add_argument("--format", choices=FORMATS, help="default: csv when FILE ends in .csv, else jsonl")
    predict.add_argument(
        "--words",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="sentences too, in jsonl and csv (default: yes)",
    )
    info = commands.add_parser("info", help="print the model's card", description="Prints the model's card.")
    for command in (predict, info):
        command.add_argument(
            "--model",
            metavar="DIR_OR_REPO",
            help="a checkpoint's folder or Hub repository; the embedded one unless given",
        )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        return _predict(options) if options.command == "predict" else _info(options)
    except VLFAUError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def photos_at(paths: Sequence[Path]) -> list[Path]:
    """The files named, and of folders all photos below them in order of their paths; each once."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                file for file in path.rglob("*") if file.suffix.lower() in PHOTO_SUFFIXES and file.is_file()
            )
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _info(options: argparse.Namespace) -> int:
    from vlfau.checkpoint import load_checkpoint

    print(load_checkpoint(options.model).card_text)
    return 0


def _predict(options: argparse.Namespace) -> int:
    photos = photos_at(options.paths)
    if not photos:
        raise ImageError(
            f"There is no photo to read. Found none below {', '.join(map(str, options.paths))}. "
            f"Give a photo, or a folder that has some ({', '.join(sorted(PHOTO_SUFFIXES))})."
        )
    form = options.format or ("csv" if options.out and options.out.suffix.lower() == ".csv" else "jsonl")
    words = options.words and form in ("jsonl", "csv")
    with _output(options.out) as out:
        return _predict_photos(photos, _load(options.model), out, form, words)


def _predict_photos(
    photos: Sequence[Path], predictor: "Predictor", out: TextIO, form: str, words: bool
) -> int:
    from tqdm import tqdm

    unread = 0
    writer = RecordWriter(out, form, columns(predictor.checkpoint.config.au_numbers, words))
    for photo in tqdm(photos, unit="photo", file=sys.stderr, disable=None):
        try:
            records = _read_and_predict(photo, predictor, words)
        except ImageError as error:
            unread += 1
            tqdm.write(f"{photo}: {error}", file=sys.stderr)
            records = [_failed(photo, error, predictor, words)]
        for record in records:
            writer.write(record)
        out.flush()
    if unread:
        print(
            f"{unread} of {len(photos)} photo{'s' * (len(photos) > 1)} could not be read: success 0 in the output.",
            file=sys.stderr,
        )
    return 1 if unread else 0


def _read_and_predict(photo: Path, predictor: "Predictor", words: bool) -> list[Record]:
    from vlfau.images import read_image

    image = read_image(photo)
    try:
        faces = predictor.predict(image, words=words)
        if not faces:
            raise NoFaceError(no_face_message(image.shape[1], image.shape[0]))
    except NoFaceError as error:
        return [_failed(photo, error, predictor, words)]
    return photo_records(str(photo), faces, words)


def _failed(photo: Path, error: VLFAUError, predictor: "Predictor", words: bool) -> Record:
    config = predictor.checkpoint.config
    return failed_record(str(photo), str(error), config.model_version, config.au_numbers, words)


def _load(model: str | None) -> "Predictor":
    from vlfau.predictor import Predictor

    return Predictor.load(model)


@contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ImageError(
            f"The results cannot be written. Opening '{path}' failed: {error.strerror}. Give another FILE to --out."
        ) from error
    with file:
        yield file
