"""Whether what people said is safe elsewhere: a badge in the head of every page, for who signed in."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from db.roles import Role
from db.store import Store
from db.values import BackupStanding
from ui.visitor import visitor

LATE_ROUNDS = 3
"""After so many rounds without success the backup counts as late, whatever the last one said."""


def routes(store: Store) -> list[Route]:
    """`GET /backup`: how the running backup stands."""

    def backup(request: Request) -> Response:
        who = visitor(request, store)
        if store.keeper is None:
            return JSONResponse({"kept": False})
        standing = store.keeper.standing
        shown = {
            "kept": True,
            "at": standing.saved_at and standing.saved_at.isoformat(),
            "minutes": standing.minutes,
            "sync": standing.sync,
            "failing": is_failing(store, standing),
            "reason": standing.error if who.role.includes(Role.REVIEWER) else None,
            "branched": standing.branched if who.role.includes(Role.REVIEWER) else 0,
        }
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})

    return [Route("/backup", backup)]


def is_failing(store: Store, standing: BackupStanding) -> bool:
    """Whether the last round did not go well, or there should have been one long ago."""
    if standing.error is not None:
        return True
    late = timedelta(minutes=standing.minutes * LATE_ROUNDS)
    return standing.saved_at is not None and store.clock() - standing.saved_at > late
