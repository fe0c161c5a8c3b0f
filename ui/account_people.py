"""What an admin does about others on the Account page: roles, keeping out, letting in, a new password."""

import secrets
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.annotators import Person, block, list_annotators, set_role
from db.passwords import set_password
from db.roles import Actor, Role
from db.store import Store
from ui.account import Handler, answer, fields_of
from ui.visitor import visitor
from vlfau.errors import LabelError

_Change = Callable[[Actor, str, str], dict[str, str]]


class People:
    """Routes below `/account/`; the store's verbs refuse everybody who is no admin."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def routes(self) -> list[Route]:
        """To be handed to the server."""
        changes: dict[str, _Change] = {
            "role": self._role,
            "block": self._block,
            "unblock": self._unblock,
            "reset": self._reset,
        }
        return [
            Route("/account/people", self._people, methods=["GET"]),
            *(
                Route(f"/account/{name}", self._changing(change), methods=["POST"])
                for name, change in changes.items()
            ),
        ]

    def _people(self, request: Request) -> Response:
        actor = visitor(request, self.store).actor
        return answer([_line(person, actor) for person in list_annotators(self.store, actor)])

    def _changing(self, change: _Change) -> Handler:
        async def endpoint(request: Request) -> Response:
            fields = await fields_of(request, "name", "role")
            actor = (await run_in_threadpool(visitor, request, self.store)).actor
            return answer(await run_in_threadpool(change, actor, fields["name"], fields["role"]))

        return endpoint

    def _role(self, actor: Actor, name: str, role: str) -> dict[str, str]:
        if role not in list(Role):
            raise LabelError(f"This is not a role. Found '{role[:20]}'. Use one of {', '.join(Role)}.")
        person = set_role(self.store, actor, name, Role(role))
        return {"message": f"{person.name} is {person.role.article} now."}

    def _block(self, actor: Actor, name: str, _: str) -> dict[str, str]:
        return {"message": f"{block(self.store, actor, name).name} is kept out. Their answers stay."}

    def _unblock(self, actor: Actor, name: str, _: str) -> dict[str, str]:
        return {"message": f"{block(self.store, actor, name, blocked=False).name} may sign in again."}

    def _reset(self, actor: Actor, name: str, _: str) -> dict[str, str]:
        """A password that only this answer ever shows."""
        password = secrets.token_urlsafe(12)
        set_password(self.store, actor, name, password)
        return {"password": password}


def _line(person: Person, actor: Actor) -> dict[str, str | bool]:
    return {
        "name": person.name,
        "pseudonym": person.pseudonym,
        "role": person.role,
        "blocked": person.blocked,
        "own": person.actor == actor,
        "local": person.local,
    }
