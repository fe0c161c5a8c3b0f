"""Command line of the synthetic faces: labelled renders, contact sheets to look at, example photos."""

import argparse
import logging
from pathlib import Path

from finetune.people import SPLITS


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    options.run(options)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.synthetic", description=__doc__)
    commands = parser.add_subparsers(required=True)

    generate = commands.add_parser("generate", help="write shards of labelled renders")
    generate.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    generate.add_argument(
        "--out", type=Path, required=True, help="folder for the shards; resumed if it exists"
    )
    generate.add_argument("--count", type=int, required=True, help="number of renders")
    generate.add_argument("--split", choices=SPLITS, required=True, help="whose photos are used")
    generate.add_argument("--seed", type=int, required=True)
    generate.add_argument("--workers", type=int, default=1, help="processes, one core each")
    generate.add_argument(
        "--size", type=int, default=224, help="side of a render before alignment, in pixels"
    )
    generate.add_argument(
        "--like",
        choices=("disfa", "bp4d"),
        default="",
        help="dataset whose base rates the expressions follow",
    )
    generate.add_argument("--persons", type=int, default=0, help="how many persons; all if left out")
    generate.set_defaults(run=_generate)

    preview = commands.add_parser("preview", help="write contact sheets to look at")
    preview.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    preview.add_argument("--out", type=Path, required=True, help="a .png or .jpg; each sheet adds its name")
    preview.add_argument("--split", choices=SPLITS, default="train", help="whose photos are used")
    preview.set_defaults(run=_preview)

    examples = commands.add_parser("examples", help="write the example photos of the page")
    examples.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    examples.add_argument("--out", type=Path, required=True, help="folder for the photos and their licence")
    examples.add_argument("--tests", type=Path, help="folder for the test photos face.jpg and group.jpg")
    examples.set_defaults(run=_examples)

    guidelines = commands.add_parser("guidelines", help="write the pictures of the guidelines")
    guidelines.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    guidelines.add_argument(
        "--out", type=Path, required=True, help="folder for the pictures and their licence"
    )
    guidelines.set_defaults(run=_guidelines)

    starter = commands.add_parser("starter", help="write the first faces of an empty store")
    starter.add_argument("--data", type=Path, required=True, help="folder with face_rig/ and faces/")
    starter.add_argument("--out", type=Path, required=True, help="folder for the faces, labels and licence")
    starter.set_defaults(run=_starter)
    return parser


def _generate(options: argparse.Namespace) -> None:
    from finetune.synthetic.generate import GenerateSettings, generate

    generate(
        GenerateSettings(
            options.data,
            options.out,
            options.count,
            options.split,
            options.seed,
            options.workers,
            options.size,
            options.like,
            options.persons,
        )
    )


def _preview(options: argparse.Namespace) -> None:
    from finetune.synthetic.preview import write_preview

    write_preview(options.data, options.out, options.split)


def _examples(options: argparse.Namespace) -> None:
    from finetune.synthetic.examples import write_examples, write_test_photos

    write_examples(options.data, options.out)
    if options.tests:
        write_test_photos(options.data, options.tests)


def _guidelines(options: argparse.Namespace) -> None:
    from finetune.synthetic.guidelines import write_guideline_pictures

    write_guideline_pictures(options.data, options.out)


def _starter(options: argparse.Namespace) -> None:
    from finetune.synthetic.starter import write_starter

    write_starter(options.data, options.out)


if __name__ == "__main__":
    raise SystemExit(main())
