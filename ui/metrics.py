"""What `/metrics` tells a Prometheus server: requests, their time, the queue, the database, and which model serves."""

import hmac
import os
import time
from collections.abc import Callable, Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import vlfau
from db.errors import NotAllowed
from db.store import Store
from ui.origin import comes_from_here

TOKEN_VARIABLE = "VLFAU_METRICS_TOKEN"

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Upper bounds of the buckets of times."""

KNOWN = {
    "faces",
    "guidelines",
    "account",
    "review",
    "annotate",
    "training",
    "video",
    "about",
    "assets",
    "static",
}
"""First parts of addresses that are counted on their own: what strangers make up is "other", or memory would grow."""


class Metrics:
    """Counts of one application, in this process."""

    def __init__(
        self, store: Store, model_version: Callable[[], str | None], queued: Callable[[], int] = lambda: 0
    ) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "vlfau_requests",
            "Requests that were answered",
            ("method", "path", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "vlfau_request_seconds",
            "Until the first byte",
            ("path",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Standing(store, model_version, queued))

    def routes(self) -> list[Route]:
        """`GET /metrics`, for this machine, and for who knows the token of the environment."""

        def metrics(request: Request) -> Response:
            _refuse_strangers(request)
            return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

        return [Route("/metrics", metrics)]

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """One request was answered."""
        family = family_of(path)
        self.requests.labels(method, family, str(status)).inc()
        self.seconds.labels(family).observe(seconds)


class Measured:
    """Middleware that counts each request, and measures how long its first byte took."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                passed = time.perf_counter() - begin
                self.metrics.count(scope["method"], scope["path"], message["status"], passed)
            await send(message)

        await self.app(scope, receive, send_counted)


class _Standing(Collector):
    """What is looked up when somebody asks: nothing of it is counted meanwhile."""

    def __init__(
        self, store: Store, model_version: Callable[[], str | None], queued: Callable[[], int]
    ) -> None:
        self._store, self._model_version, self._queued = store, model_version, queued

    def collect(self) -> Iterator[Metric]:
        begin = time.perf_counter()
        answers = self._store.answers()
        passed = time.perf_counter() - begin
        yield GaugeMetricFamily("vlfau_database_up", "Whether the database answers", float(answers))
        yield GaugeMetricFamily("vlfau_database_seconds", "How long it took to answer", passed)
        yield GaugeMetricFamily("vlfau_queue_length", "Photos and videos that wait", float(self._queued()))
        yield from _backup(self._store)
        version = self._model_version()
        yield GaugeMetricFamily("vlfau_model_loaded", "Whether a model serves", float(version is not None))
        known = {"vlfau": vlfau.__version__, "model": version or ""}
        yield InfoMetricFamily("vlfau_version", "Which versions answer", known)


def family_of(path: str) -> str:
    """The part of an address that is counted: `/`, `/faces`, `/gradio_api/queue`, ...; never a number or a name."""
    parts = path.strip("/").split("/")
    if parts[0] == "gradio_api":
        inner = parts[1].split("=")[0] if len(parts) > 1 else ""
        return f"/gradio_api/{inner}" if inner in _GRADIO else "/gradio_api"
    if parts[0] in ("", "healthz", "readyz", "version", "metrics", "backup") or parts[0] in KNOWN:
        return f"/{parts[0]}"
    return "other"


_GRADIO = {"queue", "call", "run", "upload", "component_server", "file", "mcp", "info", "heartbeat"}


def _refuse_strangers(request: Request) -> None:
    token = os.environ.get(TOKEN_VARIABLE)
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if comes_from_here(request) or (token and hmac.compare_digest(given.encode(), token.encode())):
        return
    raise NotAllowed(
        "Only this machine may read the metrics. The request came from another one, without the token. "
        f"Set {TOKEN_VARIABLE} on the server and send it as a bearer token."
    )


def _backup(store: Store) -> Iterator[Metric]:
    """Of the running backup, when there is one."""
    if store.keeper is None:
        return
    standing = store.keeper.standing
    yield GaugeMetricFamily(
        "vlfau_backup_failing", "Whether the last backup did not succeed", float(standing.error is not None)
    )
    if standing.saved_at is not None:
        age = (store.clock() - standing.saved_at).total_seconds()
        yield GaugeMetricFamily("vlfau_backup_age_seconds", "Since the last backup that succeeded", age)
