"""Consent is taken back with one click: the person leaves queue and exports at once, and what was published follows."""

import logging
import threading

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.people import withdraw_own
from db.renewal import reach
from db.roles import OPERATOR
from db.store import Store
from db.text import MAX_NAME, required_text
from ui.account import answer, fields_of
from ui.visitor import visitor

LOG = logging.getLogger(__name__)


def routes(store: Store) -> list[Route]:
    """`POST /account/withdraw` with the code of a person."""

    async def withdraw(request: Request) -> Response:
        code = required_text((await fields_of(request, "code"))["code"], MAX_NAME, "The code")
        actor = (await run_in_threadpool(visitor, request, store)).actor
        faces = await run_in_threadpool(withdraw_own, store, actor, code)
        threading.Thread(target=_reach_others, args=(store,), name="taking out", daemon=True).start()
        count = "One face is" if faces == 1 else f"{faces} faces are"
        return answer({"message": f"{count} out of the queue, of training and of every export from now on."})

    return [Route("/account/withdraw", withdraw, methods=["POST"])]


def _reach_others(store: Store) -> None:
    """What lies on the Hub is published anew; that takes longer than anybody waits for a reply."""
    try:
        reached = reach(store, OPERATOR)
    except Exception:  # at the border of a thread: what is not done is found again by the next call
        LOG.exception("What was published is not renewed; run: python -m db renew")
        return
    for line in reached.done:
        LOG.info("%s", line)
    for line in reached.failed:
        LOG.error("Not reached: %s", line)
