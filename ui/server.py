"""What the server answers besides Gradio's own: accounts and health, and the headers and sessions of every request.

Gradio starts its server itself, and Hugging Face's ZeroGPU hooks into `Blocks.launch`. So nothing is mounted around
it: our routes and middleware are handed to `launch(app_kwargs=...)`, which makes its FastAPI application with them.
Routes given there come before Gradio's, and middleware runs inside Gradio's own, for all routes of both.
"""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import vlfau
from db.errors import Conflict, LockedOut, NotAllowed, NotFound, StoreBusy, WrongPassword
from db.store import Store
from ui.metrics import Measured, Metrics
from ui.rate_limit import Throttle
from ui.upload_counts import Uploads
from ui.visitor import NotSignedIn
from vlfau.errors import VLFAUError
from vlfau.images import ImageLimits

SECRET_VARIABLE = "VLFAU_SESSION_SECRET"
SECRET_FILE = "session.key"
MIN_SECRET = 32
"""Characters of a secret from the environment."""

SESSION_COOKIE = "vlfau_session"
SESSION_SECONDS = 14 * 24 * 60 * 60

# Gradio's page begins with inline scripts and styles and compiles the scripts of gr.HTML as it runs. What is left for
# the policy to stop: anything from or to another host, plug-ins, and frames of strangers around the page.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # not "no-referrer": browsers then send "Origin: null" with our own forms too
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}

STATUS = {
    NotSignedIn: 401,
    LockedOut: 429,
    WrongPassword: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    StoreBusy: 503,
    VLFAUError: 400,
}
"""Error -> HTTP status; the first that fits."""


def app_kwargs(
    store: Store,
    model_version: Callable[[], str | None],
    routes: Sequence[BaseRoute],
    queued: Callable[[], int] = lambda: 0,
    most_bytes: int = ImageLimits().max_bytes,
) -> dict[str, Any]:
    """The argument of `launch`; `model_version` gives None while there is no model, `routes` are the pages' own.

    `queued` says how many events wait; an upload as a whole has `most_bytes`.
    """
    metrics = Metrics(store, model_version, queued)
    return {
        "routes": [*routes, *health_routes(store, model_version), *metrics.routes()],
        "middleware": [
            Middleware(Measured, metrics=metrics),
            Middleware(SecurityHeaders),
            Middleware(OwnPages),
            Middleware(
                SessionMiddleware,
                secret_key=session_secret(store.folder),
                session_cookie=SESSION_COOKIE,
                max_age=SESSION_SECONDS,
                # a Space is shown in a frame of huggingface.co, where only such a cookie arrives; OwnPages guards it
                **({"same_site": "none", "https_only": True} if on_space() else {"same_site": "lax"}),
            ),
            Middleware(Throttle),
            Middleware(Uploads, most_bytes=most_bytes),
        ],
        "exception_handlers": {VLFAUError: told_as_json},
    }


def health_routes(store: Store, model_version: Callable[[], str | None]) -> list[Route]:
    """`/healthz`: the process answers; `/readyz`: database and model do too; `/version`: which."""

    def healthz(_: Request) -> Response:
        return PlainTextResponse("ok")

    def readyz(_: Request) -> Response:
        ready = {"database": store.answers(), "model": model_version() is not None}
        return JSONResponse(ready, 200 if all(ready.values()) else 503)

    def version(_: Request) -> Response:
        return JSONResponse({"vlfau": vlfau.__version__, "model": model_version()})

    return [Route(f"/{answer.__name__}", answer) for answer in (healthz, readyz, version)]


def told_as_json(_: Request, error: Exception) -> Response:
    """An error of this project as `{"message": ...}` with the HTTP status that fits; the message is plain text."""
    status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
    wait = {"Retry-After": str(error.seconds)} if isinstance(error, LockedOut) else None
    return JSONResponse({"message": str(error)}, status, wait)


def session_secret(folder: Path) -> str:
    """What sessions are signed with: from the environment, or made once and kept beside the database."""
    given = os.environ.get(SECRET_VARIABLE)
    if given is not None:
        if len(given) < MIN_SECRET:
            raise VLFAUError(
                f"The secret of the sessions is too short. {SECRET_VARIABLE} has {len(given)} characters; "
                f"{MIN_SECRET} are needed. Set a long random text."
            )
        return given
    file = folder / SECRET_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            _place_secret(file)
        return file.read_text("ascii")
    except OSError as error:
        raise VLFAUError(
            f"The secret of the sessions cannot be kept. {file}: {error.strerror}. "
            f"Make the folder writable, or set {SECRET_VARIABLE}."
        ) from error


def _place_secret(file: Path) -> None:
    """All at once and never over another: two processes that start together end up with the same one."""
    unfinished = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as new:
        new.write(secrets.token_urlsafe(48))
    try:
        os.link(unfinished, file)
    except FileExistsError:
        pass
    finally:
        unfinished.unlink()


def on_space() -> bool:
    """Whether this runs as a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


class SecurityHeaders:
    """Middleware that adds HEADERS to every answer that has not its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class OwnPages:
    """Middleware against requests that other sites make in a visitor's name.

    A request that may change something and says that it comes from another site acts as nobody: it loses its cookies.
    Nobody may use the public API, so programs of others still can. What concerns accounts is refused to it at all, or
    a page could sign its visitors in as somebody else. Programs that are no browsers send no Origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_foreign(scope["method"], Headers(scope=scope)):
            if scope["path"].startswith("/account"):
                refused = NotAllowed(
                    "This request came from another site. Its Origin is not this page. Open the page itself."
                )
                await told_as_json(Request(scope), refused)(scope, receive, send)
                return
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"cookie"]}
        await self.app(scope, receive, send)


def is_foreign(method: str, headers: Headers) -> bool:
    """Whether a request may change something and says that another site made it.

    A proxy says which host the visitor asked for; a page of another site cannot set that header.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    if "origin" not in headers:
        return headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    hosts = {headers.get("host"), headers.get("x-forwarded-host", "").split(",")[0].strip()}
    return urlsplit(headers["origin"]).netloc not in hosts - {None, ""}
