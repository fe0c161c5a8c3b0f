"""The one place where an error of this project becomes a message on the page."""

from collections.abc import Callable
from functools import wraps
from html import escape
from typing import ParamSpec, TypeVar

import gradio as gr

from vlfau.errors import VLFAUError

P = ParamSpec("P")
R = TypeVar("R")


def told_to_programs(handler: Callable[P, R]) -> Callable[P, R]:
    """Turn a VLFAUError of an API endpoint into a `gr.Error` with its message as it is: programs show no HTML."""

    @wraps(handler)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except VLFAUError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return wrapper


def shown_on_page(handler: Callable[P, R]) -> Callable[P, R]:
    """Turn a VLFAUError of `handler` into a `gr.Error`, whose message is HTML and therefore escaped here.

    It stays until it is closed, because its last part says what to do. Any other exception is a fault of ours: it goes
    to the log, and the visitor is told no more than that something failed.
    """

    @wraps(handler)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except VLFAUError as error:
            raise gr.Error(escape(str(error)), duration=None, print_exception=False) from error

    return wrapper
