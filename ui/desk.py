"""A page with a script of its own: one `gr.HTML`, and each thing that a person does is one message and one reply."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.requests import Request

from db.roles import Role
from db.store import Store
from ui.message import Message, MessageError
from ui.visitor import NotSignedIn, Visitor, visitor
from vlfau.errors import VLFAUError

Reply = dict[str, Any]
"""JSON. Of these: `html`, what is shown from now on; `error` and `message`; and what one message asks for."""

Verb = Callable[[Visitor, Message], Reply]


class Desk:
    """What a page asks for, and who may; each page has its own kind."""

    least = Role.ANNOTATOR
    """Who may ask for anything at all."""

    def __init__(self, store: Store, verbs: Mapping[str, Verb]) -> None:
        self.store, self.verbs = store, verbs

    def closed(self, who: Visitor | None) -> str:
        """HTML for somebody who may not look, None for one who did not sign in."""
        raise NotImplementedError

    def act(self, data: object, request: gr.Request | Request) -> Reply:
        """One message of the page -> the reply. Who asks is in the session's cookie and nowhere else."""
        try:
            who = visitor(request, self.store)
            message = Message(data)
            wanted = message.word("do")
            if wanted not in self.verbs:
                raise MessageError(
                    f"The page asked for something unknown. It is {wanted[:40]!r}. Load it again."
                )
            if not who.role.includes(self.least):
                return {"html": self.closed(who)}
            return self.verbs[wanted](who, message)
        except NotSignedIn as error:
            return {"error": "NotSignedIn", "message": str(error), "html": self.closed(None)}
        except VLFAUError as error:
            return {"error": type(error).__name__, "message": str(error)}

    def html(self, shell: str, script: str, name: str) -> gr.HTML:
        """The page, put into the Blocks around this call."""

        # Gradio calls such a function by its name over HTTP, whoever asks: `Desk.act` looks at the session first.
        def act(message: Any, request: gr.Request) -> Reply:
            return self.act(message, request)

        return gr.HTML(
            shell, apply_default_css=False, js_on_load=script, server_functions=[act], elem_id=name
        )


def script(*parts: str) -> str:
    """A page's script from the files of its parts: together they are the body of one function."""
    folder = Path(__file__).parent
    return "\n".join((folder / f"{part}.js").read_text("utf-8") for part in parts)
