"""Composes the pages and launches them: `python app.py --port 7860`."""

import argparse

import gradio as gr

from ui import about, analyse, theme
from vlfau.images import ImageLimits
from vlfau.predictor import Predictor


def build(predictor: Predictor) -> gr.Blocks:
    """All pages around one predictor."""
    # uploads that were never analysed are removed too: looked for every 10 minutes, once they are 10 minutes old
    with gr.Blocks(
        title="VL-FAU: facial action units", analytics_enabled=False, delete_cache=(600, 600)
    ) as pages:
        theme.head("Analyse")
        analyse.build(predictor)
    with pages.route("About", "/about", show_in_navbar=False):
        theme.head("About")
        about.build(predictor.checkpoint)
    return pages.queue(max_size=32, default_concurrency_limit=8)


def main() -> None:
    """Load the model, then answer; port and address may also come as GRADIO_SERVER_PORT and GRADIO_SERVER_NAME."""
    parser = argparse.ArgumentParser(description="The web pages of VL-FAU.")
    parser.add_argument("--port", type=int, help="port of the page (default: the first free one from 7860)")
    parser.add_argument(
        "--server-name",
        metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument("--model", metavar="DIR_OR_REPO", help="a checkpoint other than the embedded one")
    options = parser.parse_args()
    build(Predictor.load(options.model)).launch(
        server_name=options.server_name,
        server_port=options.port,
        theme=theme.THEME,
        css_paths=theme.STYLESHEET,
        max_file_size=ImageLimits().max_bytes,
        run_history=False,
        share=False,
        footer_links=["api"],
    )


if __name__ == "__main__":
    main()
