"""The command line, `python -m vlfau`: predict photos and videos, join parts, find events, show or push a model."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlfau.baseline import AUTO, check_baseline
from vlfau.errors import VLFAUError
from vlfau.records import FORMATS, WORDLESS_FORMATS
from vlfau.sharding import Worker
from vlfau.targets import Target, form_of, leave_stdout

NOTHING_STARTED, INTERRUPTED = 2, 130
"""Exit codes beside those of `vlfau.runs`."""

if TYPE_CHECKING:  # loading these takes seconds; `--help` should not
    from vlfau.pipeline import Pipeline


def build_parser() -> argparse.ArgumentParser:
    """All commands and options."""
    parser = argparse.ArgumentParser(
        prog="python -m vlfau", description="Facial action units from photos and videos."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    predict = commands.add_parser(
        "predict",
        help="find the faces in photos and videos and write their action units",
        description="Writes one record per face. Exit code: 0; 1 when a file could not be read, or not to its end; "
        "2 when nothing could start; 3 when it had to stop in the middle (--resume goes on); 130 when interrupted.",
    )
    _add_predict_options(predict)
    join = commands.add_parser(
        "join",
        help="make one file of the part files that several processes wrote",
        description="Makes one file of a folder of part files. Exit code: 0, or 2 when parts are missing.",
    )
    join.add_argument("folder", type=Path, metavar="FOLDER", help="the --out of `predict`")
    join.add_argument("--out", type=Path, metavar="FILE", required=True, help="the file to write")
    events = commands.add_parser(
        "events",
        help="find onset, apex and offset of action units in videos that `predict` has read",
        description="Finds the events of every face and action unit in the videos of some results, as CSV.",
    )
    events.add_argument(
        "results",
        type=Path,
        metavar="RESULTS",
        help="a jsonl, csv or parquet file, or the FOLDER of `predict`",
    )
    events.add_argument("--out", type=Path, metavar="FILE", help="standard output unless given")
    info = commands.add_parser("info", help="print the model's card", description="Prints the model's card.")
    for command, where in ((predict, "a neutral photo of the same person, or 'auto'"), (join, "'auto'")):
        command.add_argument(
            "--baseline",
            metavar="PHOTO|auto" if command is predict else "auto",
            choices=None if command is predict else (AUTO,),
            help=f"also say how far each face is from its baseline: {where} for the calmest pictures of each face of a "
            "video",
        )
    _add_push_options(
        commands.add_parser(
            "push",
            help="put a checkpoint on the Hugging Face Hub",
            description="Uploads a checkpoint with its card in one commit. A new repository is private.",
        )
    )
    for command in (predict, join):
        command.add_argument(
            "--format",
            choices=FORMATS,
            help="default: csv or parquet when FILE ends in .csv or .parquet, else jsonl",
        )
    for command in (predict, events, info):
        command.add_argument(
            "--model",
            metavar="DIR_OR_REPO",
            help="a checkpoint's folder or Hub repository; the embedded one unless given",
        )
    return parser


def _add_predict_options(predict: argparse.ArgumentParser) -> None:
    predict.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a photo, a video, a folder with all below it, a zip archive, or a pattern in quotes ('clips/**/*.mp4')",
    )
    predict.add_argument(
        "--out",
        metavar="FILE",
        help="where to write; standard output unless given. A file that is there is replaced at the end. A folder "
        "(FOLDER/) gets Parquet part files",
    )
    predict.add_argument(
        "--resume",
        action="store_true",
        help="go on with the same command where it was stopped: what is finished is kept",
    )
    predict.add_argument(
        "--words", action=argparse.BooleanOptionalAction, default=True, help="sentences too (default: yes)"
    )
    predict.add_argument(
        "--quiet",
        action="store_true",
        help="no progress bar and no last line; what cannot be read is still told of",
    )
    predict.add_argument(
        "--every", type=_above_zero, default=1, metavar="N", help="of videos, look at every N-th picture"
    )
    predict.add_argument(
        "--detect-every",
        type=_above_zero,
        default=10,
        metavar="N",
        help="of videos, search every N-th picture for new faces and follow them in between (default: 10)",
    )
    predict.add_argument(
        "--batch",
        type=_above_zero,
        default=16,
        metavar="N",
        help="faces that go through the network at once (default: 16)",
    )


def _add_push_options(push: argparse.ArgumentParser) -> None:
    push.add_argument("repository", metavar="REPO", help="ORG/NAME")
    push.add_argument(
        "--folder", type=Path, metavar="DIR", help="a checkpoint's folder; the embedded one unless given"
    )
    push.add_argument("--tag", metavar="NAME", help="name this state for good, as a revision to load")
    push.add_argument("--public", action="store_true", help="a new repository can be read by everybody")


def _above_zero(text: str) -> int:
    try:
        number = int(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number (1, 2, 3, ...)") from error
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        commands = {"predict": _predict, "join": _join, "events": _events, "info": _info, "push": _push}
        return commands[options.command](options)
    except VLFAUError as error:
        _warn(str(error))
        return NOTHING_STARTED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        leave_stdout()
        return 1


def _warn(message: str) -> None:
    from vlfau.sources import printable

    print("\n".join(map(printable, message.split("\n"))), file=sys.stderr)


def _info(options: argparse.Namespace) -> int:
    from vlfau.checkpoint import load_checkpoint

    print(load_checkpoint(options.model).card_text)
    return 0


def _push(options: argparse.Namespace) -> int:
    from vlfau.push import push

    pushed = push(options.repository, options.folder, options.tag, private=not options.public)
    print(f"{pushed.repository} at {pushed.revision}\n{pushed.url}")
    return 0


def _join(options: argparse.Namespace) -> int:
    from vlfau.runs import join_parts

    form = form_of(options.out, options.format)
    check_baseline(options.baseline, form)
    join_parts(options.folder, options.out, form, options.baseline == AUTO)
    return 0


def _events(options: argparse.Namespace) -> int:
    from vlfau.au_events import events_csv
    from vlfau.checkpoint import load_checkpoint
    from vlfau.parts import open_output
    from vlfau.recorded import events_of, read_records

    config = load_checkpoint(options.model).config
    found = list(events_of(read_records(options.results), config))
    if not found:
        _warn(
            f"There is no video in these results. '{options.results}' has no picture of one, and only videos have "
            "events. Give what `python -m vlfau predict` wrote of a video."
        )
    with open_output(options.out) as out:
        out.write(events_csv("", []))
        for file, events in found:
            out.write(events_csv(file, events, header=False))
    return 0


def _predict(options: argparse.Namespace) -> int:
    from vlfau.sources import find_sources

    worker = Worker.from_environment()
    target = Target.of(options.out, options.format, worker, options.resume)
    check_baseline(
        options.baseline, target.form, to_file=target.file is not None and target.folder is not None
    )
    sources = find_sources(options.paths)
    # Only now, because it brings torch, which takes seconds: a mistyped name is told of at once.
    from vlfau.runs import predict_in_parts, predict_to_stream

    words = options.words and target.form not in WORDLESS_FORMATS
    pipeline = _pipeline(options, words, worker)
    if target.folder is None:
        return predict_to_stream(sources, pipeline, target, options.quiet)
    auto = options.baseline == AUTO
    return predict_in_parts(sources, pipeline, target, options.resume, worker, auto, options.quiet)


def _pipeline(options: argparse.Namespace, words: bool, worker: Worker) -> "Pipeline":
    import torch

    from vlfau.pipeline import Pipeline, Settings, neutral_baseline
    from vlfau.predictor import Predictor

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    predictor = Predictor.load(options.model, f"cuda:{worker.local_rank % gpus}" if gpus else "cpu")
    photo = options.baseline if options.baseline != AUTO else None
    baseline = neutral_baseline(predictor, Path(photo)) if photo else None
    return Pipeline(predictor, Settings(words, options.every, options.detect_every, options.batch), baseline)
