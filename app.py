"""Composes the pages and launches them: `python app.py --port 7860`."""

import argparse
import signal
import sys
import threading
from contextlib import closing

import gradio as gr
from starlette.routing import BaseRoute

from db.kept_store import open_kept, settings_from_environment
from db.store import Store
from ui import (
    about,
    account,
    account_page,
    account_people,
    analyse,
    annotate,
    api,
    backup_badge,
    hugging_face,
    origin,
    pictures,
    review,
    review_downloads,
    server,
    starter,
    taking_out,
    theme,
    training,
    video,
)
from ui.serving import Serving, load_predictor
from vlfau.errors import VLFAUError
from vlfau.images import ImageLimits

SESSIONS = 100
"""Pages of which Gradio remembers what it sent, some 0.4 MB each; no page of ours asks for that again."""

LOOK_EVERY_S = 0.02
"""How often Gradio's queue looks whether somebody waits. Its own 0.001 takes a sixth of a core when nobody does."""


def build(serving: Serving, store: Store) -> gr.Blocks:
    """All pages; `serving` is asked for each photo which version answers, and waits until there is one."""
    # uploads that were never analysed are removed too: looked for every 10 minutes, once they are 10 minutes old
    with gr.Blocks(
        title="VL-FAU: facial action units", analytics_enabled=False, delete_cache=(600, 600)
    ) as pages:
        theme.head("Analyse")
        analyse.build(serving.predictor, store)
        api.build(serving.predictor, store)
    for title, build_page in {
        "Video": lambda: video.build(serving.predictor, pages),
        "Annotate": lambda: annotate.build(store),
        "Review": lambda: review.build(store),
        "Training": lambda: training.build(store, serving),
        "About": lambda: about.build(serving.predictor),
        "Account": account_page.build,
    }.items():
        with pages.route(title, f"/{title.lower()}", show_in_navbar=False):
            theme.head(title)
            build_page()
    pages.queue(max_size=100, default_concurrency_limit=8)
    pages._queue.sleep_when_free = pages._queue.progress_update_sleep_when_free = LOOK_EVERY_S
    return pages


def routes(store: Store, first_is_admin: bool = False) -> list[BaseRoute]:
    """What is answered over plain HTTP; `first_is_admin` as of `ui.account`."""
    elsewhere = hugging_face.provider()
    return [
        *account.Accounts(store, first_is_admin, signs_up=elsewhere is None).routes(),
        *(hugging_face.HuggingFace(store, elsewhere).routes() if elsewhere else ()),
        *account_people.People(store).routes(),
        *taking_out.routes(store),
        *backup_badge.routes(store),
        *pictures.routes(store),
        *review_downloads.routes(store),
    ]


def main() -> None:
    """Answer at once and load the model meanwhile; GRADIO_SERVER_PORT and GRADIO_SERVER_NAME work as well."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, _told_to_end)
    try:
        with closing(open_kept(settings_from_environment(), options.data)) as store:
            try:
                _serve(options, store)
            finally:
                if store.keeper is not None:
                    store.keeper.stop()
    except VLFAUError as error:
        sys.exit(str(error))
    except Terminated:
        # as a program ends that knows nothing of the signal: threads in the middle of a photo need not be waited for
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


class Terminated(BaseException):
    """The program is told to end; what is below `finally` is done first."""


def _told_to_end(*_: object) -> None:
    raise Terminated


def _serve(options: argparse.Namespace, store: Store) -> None:
    """Until somebody ends the program."""
    serving = Serving(load_predictor(options.model), store, pinned=options.model is not None)
    pages = build(serving, store)
    own = routes(store, origin.listens_here_only(options.server_name))
    most_bytes = max(ImageLimits().max_bytes, video.LIMITS.max_bytes)
    _, address, _ = pages.launch(
        server_name=options.server_name,
        server_port=options.port,
        theme=theme.THEME,
        css_paths=theme.STYLESHEETS,
        max_file_size=most_bytes,
        app_kwargs=server.app_kwargs(
            store, serving.model_version, own, lambda: len(pages._queue), most_bytes
        ),
        run_history=False,
        share=False,
        enable_monitoring=False,
        state_session_capacity=SESSIONS,
        mcp_server=api.mcp_is_there(),
        quiet=True,  # Gradio would recommend a public link
        footer_links=["api"],
        prevent_thread_lock=True,
    )
    print(f"VL-FAU: {address}", flush=True)  # noqa: T201
    serving.start()
    threading.Thread(target=starter.add_in_background, args=(store, serving.predictor()), daemon=True).start()
    pages.block_thread()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The web pages of VL-FAU.")
    parser.add_argument("--port", type=int, help="port of the page (default: the first free one from 7860)")
    parser.add_argument(
        "--server-name", metavar="ADDRESS", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--model", metavar="DIR_OR_REPO", help="serve this checkpoint, whatever is in production"
    )
    parser.add_argument(
        "--data", metavar="DIR", help="folder of the database, the photos and the session key (default: data)"
    )
    return parser


if __name__ == "__main__":
    main()
