"""Who is asking: the person of the signed session cookie, looked up anew for each request."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from starlette.requests import Request

from db.passwords import SignedIn, who_is_signed_in
from db.roles import Actor, Role
from db.store import Store
from vlfau.errors import VLFAUError


class NotSignedIn(VLFAUError):
    """Nobody is signed in, or the session is over."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who signed in."""

    actor: Actor
    name: str
    role: Role
    """As the database has it now. To decide what to show; verbs of the store look for themselves."""
    language: str


def visitor(request: gr.Request | Request, store: Store) -> Visitor:
    """The person who sent this request; raises `NotSignedIn`.

    A handler gets `request` from Gradio by asking for it: `def submit(answer: str, request: gr.Request)`. Nothing else
    in a request says who somebody is. The database is asked each time: signing out, another password and being blocked
    hold at once.
    """
    annotator_id, generation = _session(request).get("annotator"), _session(request).get("generation")
    if isinstance(annotator_id, int) and isinstance(generation, int):
        person = who_is_signed_in(store, annotator_id, generation)
        if person is not None:
            return Visitor(person.actor, person.name, person.role, person.language)
    raise NotSignedIn("You are not signed in. There is no session, or it is over. Sign in and try again.")


def begin_session(request: Request, signed_in: SignedIn) -> None:
    """From now on the browser that sent this request is this person."""
    end_session(request)
    request.session.update(annotator=signed_in.person.id, generation=signed_in.generation)


def end_session(request: Request) -> None:
    """From now on it is nobody."""
    request.session.clear()


def _session(request: gr.Request | Request) -> dict[str, Any]:
    plain = request.request if isinstance(request, gr.Request) else request
    return plain.scope.get("session", {}) if plain is not None else {}
