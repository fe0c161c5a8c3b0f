"""Composes the pages and launches them: `python app.py --port 7860`."""

import argparse
import sys
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import gradio as gr

from ui import about, analyse, theme
from vlfau.errors import VLFAUError
from vlfau.images import ImageLimits

if TYPE_CHECKING:
    from vlfau.predictor import Predictor


def build(predictor: Callable[[], "Predictor"]) -> gr.Blocks:
    """All pages; `predictor` is asked for each photo, and may wait until there is one."""
    # uploads that were never analysed are removed too: looked for every 10 minutes, once they are 10 minutes old
    with gr.Blocks(
        title="VL-FAU: facial action units", analytics_enabled=False, delete_cache=(600, 600)
    ) as pages:
        theme.head("Analyse")
        analyse.build(predictor)
    with pages.route("About", "/about", show_in_navbar=False):
        theme.head("About")
        about.build(predictor)
    return pages.queue(max_size=32, default_concurrency_limit=8)


def main() -> None:
    """Answer at once and load the model meanwhile; GRADIO_SERVER_PORT and GRADIO_SERVER_NAME work as well."""
    parser = argparse.ArgumentParser(description="The web pages of VL-FAU.")
    parser.add_argument("--port", type=int, help="port of the page (default: the first free one from 7860)")
    parser.add_argument(
        "--server-name", metavar="ADDRESS", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--model", metavar="DIR_OR_REPO", help="a checkpoint other than the embedded one")
    options = parser.parse_args()
    predictor: Future[Predictor] = Future()
    pages = build(predictor.result)
    pages.launch(
        server_name=options.server_name,
        server_port=options.port,
        theme=theme.THEME,
        css_paths=theme.STYLESHEET,
        max_file_size=ImageLimits().max_bytes,
        run_history=False,
        share=False,
        footer_links=["api"],
        prevent_thread_lock=True,
    )
    try:
        predictor.set_result(load(options.model))
    except VLFAUError as error:
        sys.exit(str(error))
    pages.block_thread()


def load(model: str | None) -> "Predictor":
    """Importing torch and loading take longer than all the rest, so they come last."""
    from vlfau.predictor import Predictor

    return Predictor.load(model)


if __name__ == "__main__":
    main()
