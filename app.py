"""Composes the pages and launches them: `python app.py --port 7860`."""

import argparse
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

import gradio as gr

from db.store import Store
from ui import (
    about,
    account,
    account_page,
    account_people,
    analyse,
    annotate,
    pictures,
    review,
    review_downloads,
    server,
    starter,
    theme,
)
from vlfau.errors import VLFAUError
from vlfau.images import ImageLimits

if TYPE_CHECKING:
    from vlfau.predictor import Predictor


def build(predictor: Callable[[], "Predictor"], store: Store) -> gr.Blocks:
    """All pages; `predictor` is asked for each photo, and may wait until there is one."""
    # uploads that were never analysed are removed too: looked for every 10 minutes, once they are 10 minutes old
    with gr.Blocks(
        title="VL-FAU: facial action units", analytics_enabled=False, delete_cache=(600, 600)
    ) as pages:
        theme.head("Analyse")
        analyse.build(predictor, store)
    for title, build_page in {
        "Annotate": lambda: annotate.build(store),
        "Review": lambda: review.build(store),
        "About": lambda: about.build(predictor),
        "Account": account_page.build,
    }.items():
        with pages.route(title, f"/{title.lower()}", show_in_navbar=False):
            theme.head(title)
            build_page()
    pages.queue(max_size=32, default_concurrency_limit=8)
    return pages


def main() -> None:
    """Answer at once and load the model meanwhile; GRADIO_SERVER_PORT and GRADIO_SERVER_NAME work as well."""
    options = _parser().parse_args()
    predictor: Future[Predictor] = Future()

    def model_version() -> str | None:
        return predictor.result().checkpoint.config.model_version if predictor.done() else None

    try:
        store = Store.open(folder=options.data)
        pages = build(predictor.result, store)
        routes = [
            *account.Accounts(store, server.listens_here_only(options.server_name)).routes(),
            *account_people.People(store).routes(),
            *pictures.routes(store),
            *review_downloads.routes(store),
        ]
        pages.launch(
            server_name=options.server_name,
            server_port=options.port,
            theme=theme.THEME,
            css_paths=theme.STYLESHEETS,
            max_file_size=ImageLimits().max_bytes,
            app_kwargs=server.app_kwargs(store, model_version, routes),
            run_history=False,
            share=False,
            footer_links=["api"],
            prevent_thread_lock=True,
        )
        predictor.set_result(load(options.model))
        threading.Thread(
            target=starter.add_in_background, args=(store, predictor.result()), daemon=True
        ).start()
    except VLFAUError as error:
        sys.exit(str(error))
    pages.block_thread()


def load(model: str | None) -> "Predictor":
    """Importing torch and loading take longer than all the rest, so they come last."""
    from vlfau.predictor import Predictor

    return Predictor.load(model)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The web pages of VL-FAU.")
    parser.add_argument("--port", type=int, help="port of the page (default: the first free one from 7860)")
    parser.add_argument(
        "--server-name", metavar="ADDRESS", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--model", metavar="DIR_OR_REPO", help="a checkpoint other than the embedded one")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of the database, the photos and the session key (default: data)"
    )
    return parser


if __name__ == "__main__":
    main()
