"""Signing in with Hugging Face, as a Space offers it: OpenID Connect with a code, a state and a proof (PKCE).

Gradio's own sign-in keeps a session of its own beside ours, with the visitor's token in its cookie. Here the token is
used once, to ask who it is, and forgotten; what stays is our session, and the account in our store.
"""

import base64
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from db.identities import sign_in_elsewhere
from db.store import Store
from ui.visitor import begin_session
from vlfau.errors import VLFAUError

ADMINS_VARIABLE = "VLFAU_ADMINS"
LOGIN, CALLBACK = "/login/huggingface", "/login/callback"
PAGES = ("annotate", "review", "training", "video", "")
"""Where somebody may be sent afterwards."""
_STATE = "hugging_face"
_PATIENCE_S = 15.0


class SignInFailed(VLFAUError):
    """Hugging Face did not say who somebody is."""


@dataclass(frozen=True)
class Provider:
    """As a Space with `hf_oauth: true` is told in its environment."""

    client_id: str
    client_secret: str
    scopes: str
    url: str
    host: str
    """Of the Space, for the way back."""

    @cached_property
    def endpoints(self) -> dict[str, str]:
        """Where to ask for what."""
        found = _asked("GET", f"{self.url.rstrip('/')}/.well-known/openid-configuration")
        return {name: str(found[f"{name}_endpoint"]) for name in ("authorization", "token", "userinfo")}

    @property
    def way_back(self) -> str:
        return f"https://{self.host}{CALLBACK}"


def provider() -> Provider | None:
    """None where there is none: elsewhere than on a Space people have local accounts."""
    names = ("OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL", "SPACE_HOST")
    client_id, client_secret, scopes, url, hosts = (os.environ.get(name, "") for name in names)
    if not all((client_id, client_secret, scopes, url, hosts)):
        return None
    # with a domain of one's own there are several hosts, of which Hugging Face knows the first
    return Provider(client_id, client_secret, scopes, url, hosts.split(",")[0].strip())


class HuggingFace:
    """The two routes: to Hugging Face, and back from it."""

    def __init__(self, store: Store, known: Provider) -> None:
        self.store, self.known = store, known

    def routes(self) -> list[Route]:
        """To be handed to the server."""
        return [Route(LOGIN, self._leave), Route(CALLBACK, self._come_back)]

    async def _leave(self, request: Request) -> Response:
        state, proof = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        wanted = request.query_params.get("next", "annotate")
        request.session[_STATE] = {"state": state, "proof": proof, "next": wanted if wanted in PAGES else ""}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(proof.encode()).digest()).rstrip(b"=").decode()
        question = {
            "client_id": self.known.client_id,
            "redirect_uri": self.known.way_back,
            "response_type": "code",
            "scope": self.known.scopes,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoints = await run_in_threadpool(lambda: self.known.endpoints)
        return RedirectResponse(f"{endpoints['authorization']}?{urlencode(question)}", 303)

    async def _come_back(self, request: Request) -> Response:
        begun = request.session.pop(_STATE, None) or {}
        given = request.query_params
        if not begun or not hmac.compare_digest(given.get("state", "").encode(), begun["state"].encode()):
            raise SignInFailed(
                "You are not signed in. This answer of Hugging Face belongs to no question of this browser. Open the "
                "page in a tab of its own, allow its cookies and sign in again."
            )
        if "code" not in given:
            raise SignInFailed(
                f"You are not signed in. Hugging Face said: {given.get('error', 'nothing')[:80]}. Try again."
            )
        who = await run_in_threadpool(self._who, given["code"], begun["proof"])
        admins = [name.strip() for name in os.environ.get(ADMINS_VARIABLE, "").split(",") if name.strip()]
        found = await run_in_threadpool(
            sign_in_elsewhere,
            self.store,
            who["preferred_username"],
            f"huggingface:{who['sub']}",
            "en",
            admins,
        )
        begin_session(request, found)
        return RedirectResponse(f"/{begun['next']}", 303)

    def _who(self, code: str, proof: str) -> dict[str, str]:
        """Whom the code stands for; the token behind it is used for that and nothing else."""
        known = self.known
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": known.way_back,
            "client_id": known.client_id,
            "client_secret": known.client_secret,
            "code_verifier": proof,
        }
        token = _asked("POST", known.endpoints["token"], data=asked).get("access_token")
        told = _asked("GET", known.endpoints["userinfo"], headers={"Authorization": f"Bearer {token}"})
        who = {name: told.get(name) for name in ("sub", "preferred_username")}
        if not all(isinstance(value, str) and value for value in who.values()):
            raise SignInFailed("You are not signed in. Hugging Face did not say who you are. Try again.")
        return {name: str(value) for name, value in who.items()}


def _asked(method: str, url: str, **what: Any) -> dict[str, Any]:
    from huggingface_hub import get_session

    try:
        answer = get_session().request(method, url, timeout=_PATIENCE_S, **what)
        answer.raise_for_status()
        found = answer.json()
    except Exception as error:  # the HTTP library is huggingface_hub's own business
        raise SignInFailed(
            f"You are not signed in. Hugging Face could not be asked: {type(error).__name__}. Try again in a minute."
        ) from error
    if not isinstance(found, dict):
        raise SignInFailed("You are not signed in. Hugging Face answered something else. Try again.")
    return found
