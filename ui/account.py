"""Accounts: the page on which people sign in, and the plain HTTP routes behind it."""

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from db import passwords
from db.errors import LockedOut, NotAllowed
from db.passwords import SignedIn
from db.store import Store
from ui.origin import comes_from_here
from ui.rate_limit import RateLimit
from ui.visitor import NotSignedIn, Visitor, begin_session, end_session, visitor
from vlfau.errors import VLFAUError

MAX_BODY = 10_000
"""Bytes of a request about an account."""

Fields = dict[str, str]
Handler = Callable[[Request], Awaitable[Response]]


class Accounts:
    """The routes below `/account/`, each of which takes and gives JSON.

    `first_is_admin` is True when the server listens on this machine only: who opens its page first then owns it.
    `signs_up` is False where accounts come from elsewhere.
    """

    def __init__(self, store: Store, first_is_admin: bool = False, signs_up: bool = True) -> None:
        self.store = store
        self.signs_up = signs_up
        self.first_is_admin = first_is_admin
        # a class in one laboratory has one address
        self.sign_ins = RateLimit(60, 5 * 60)
        self.sign_ups = RateLimit(40, 60 * 60)

    def routes(self) -> list[Route]:
        """To be handed to the server."""
        posts = {
            "sign-in": self._sign_in,
            "sign-up": self._sign_up,
            "sign-out": self._sign_out,
            "password": self._password,
        }
        return [
            Route("/account/me", self._me, methods=["GET"]),
            *(Route(f"/account/{name}", handler, methods=["POST"]) for name, handler in posts.items()),
        ]

    async def _me(self, request: Request) -> Response:
        """Who is signed in; for nobody, whether the next account will be the admin's."""
        try:
            found = await run_in_threadpool(visitor, request, self.store)
        except NotSignedIn:
            return answer({"name": None, "first_is_admin": await self._is_first(request)})
        return answer(_told(found))

    async def _sign_in(self, request: Request) -> Response:
        fields = await fields_of(request, "name", "password")
        _check_rate(self.sign_ins, request)
        found = await run_in_threadpool(passwords.sign_in, self.store, fields["name"], fields["password"])
        return self._begin(request, found)

    async def _sign_up(self, request: Request) -> Response:
        if not self.signs_up:
            raise NotAllowed(
                "There are no accounts with a password here. You asked for one. Use Hugging Face."
            )
        fields = await fields_of(request, "name", "password", "language")
        _check_rate(self.sign_ups, request)
        found = await run_in_threadpool(
            passwords.sign_up,
            self.store,
            fields["name"],
            fields["password"],
            fields["language"],
            await self._is_first(request),
        )
        return self._begin(request, found)

    async def _sign_out(self, request: Request) -> Response:
        """Ends the person's sessions in other browsers too."""
        found = await run_in_threadpool(visitor, request, self.store)
        await run_in_threadpool(passwords.end_sessions, self.store, found.actor)
        end_session(request)
        return answer({"name": None})

    async def _password(self, request: Request) -> Response:
        fields = await fields_of(request, "password", "new")
        found = await run_in_threadpool(visitor, request, self.store)
        changed = await run_in_threadpool(
            passwords.change_password, self.store, found.actor, fields["password"], fields["new"]
        )
        return self._begin(request, changed)

    def _begin(self, request: Request, found: SignedIn) -> Response:
        begin_session(request, found)
        person = found.person
        return answer(_told(Visitor(person.actor, person.name, person.role, person.language)))

    async def _is_first(self, request: Request) -> bool:
        here = self.first_is_admin and comes_from_here(request)
        return here and await run_in_threadpool(passwords.is_empty, self.store)


def _told(found: Visitor) -> dict[str, Any]:
    return {"name": found.name, "role": found.role, "language": found.language}


def answer(content: Any) -> Response:
    """JSON that nothing between here and the browser keeps."""
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def _check_rate(limit: RateLimit, request: Request) -> None:
    seconds = math.ceil(limit.wait(request.client.host if request.client else ""))
    if seconds:
        raise LockedOut(
            f"There were too many tries from this address. More than {limit.times} came in a short time. "
            f"Try again in {seconds} seconds.",
            seconds,
        )


async def fields_of(request: Request, *names: str) -> Fields:
    """The texts of a small JSON object. Only JSON: no form of another site can send it."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise VLFAUError(f"This is too much. More than {MAX_BODY} bytes came. Send name and password.")
    try:
        given = json.loads(body)
        fields = {name: given[name] for name in names}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise VLFAUError(
            f"The request cannot be read. It is not a JSON object with {', '.join(names)}. Send one."
        ) from error
    if not all(isinstance(text, str) for text in fields.values()):
        raise VLFAUError("The request cannot be read. One of its fields is not a text. Send texts.")
    return fields
