"""Downloads of the Review page over plain HTTP: the data set, for admins, and the agreement report, for reviewers."""

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from db.errors import NotFound, StoreError
from db.export import export
from db.measures import Agreement
from db.roles import Actor
from db.store import Store
from db.values import Consent
from ui.agreement_reports import annotators_csv, report_json, reports, units_csv
from ui.visitor import visitor

PART_BYTES = 1 << 20
MAX_FORM_BYTES = 1000

_NOT_KEPT = {"Cache-Control": "no-store"}
_PACKED = (".parquet", ".png")
"""Suffixes of files that a ZIP would not make smaller."""


def routes(store: Store) -> list[Route]:
    """`POST /review/export` and `GET /review/agreement.json`, `agreement-units.csv`, `agreement-annotators.csv`.

    Errors of the store leave as they are; the server tells them with the status that fits.
    """
    tables: dict[str, tuple[str, Callable[[Agreement], str]]] = {
        "agreement.json": ("application/json", report_json),
        "agreement-units.csv": ("text/csv", units_csv),
        "agreement-annotators.csv": ("text/csv", annotators_csv),
    }
    made = [Route(f"/review/{name}", _report(store, name, *table)) for name, table in tables.items()]
    return [*made, Route("/review/export", _export(store), methods=["POST"])]


def _report(
    store: Store, name: str, mime: str, write: Callable[[Agreement], str]
) -> Callable[[Request], Response]:
    def report(request: Request) -> Response:
        who = visitor(request, store)
        made = reports(store).kept_or_new(who.actor, _project(request.query_params.get("project")))
        headers = _NOT_KEPT | {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(write(made.report), media_type=mime, headers=headers)

    return report


def _export(store: Store) -> Callable[[Request], object]:
    async def export_project(request: Request) -> Response:
        """Written beside the database, packed into a file without a name, and erased before the first byte leaves."""
        who = await run_in_threadpool(visitor, request, store)
        form = await _form(request)
        project, kind = _project(form.get("project")), form.get("format", "parquet")
        scope = _scope(form.get("scope", Consent.ANNOTATE))
        packed = await run_in_threadpool(_packed, store, who.actor, project, kind, scope)
        size = packed.seek(0, 2)
        headers = _NOT_KEPT | {
            "Content-Disposition": f'attachment; filename="vl-fau-{project}-{kind}.zip"',
            "Content-Length": str(size),
        }
        return StreamingResponse(_parts(packed), media_type="application/zip", headers=headers)

    return export_project


def _packed(store: Store, actor: Actor, project: int, kind: str, scope: Consent) -> IO[bytes]:
    """The export as one open file that is on no disk by name: when it is closed, by a crash too, it is gone."""
    with tempfile.TemporaryDirectory(prefix="export-", dir=store.folder) as folder:
        written = export(store, actor, project, Path(folder) / "vl-fau", kind, scope).folder
        with ExitStack() as when_it_fails:
            packed = when_it_fails.enter_context(tempfile.TemporaryFile(dir=store.folder))
            with zipfile.ZipFile(packed, "w") as archive:
                for path in sorted(path for path in written.rglob("*") if path.is_file()):
                    squeeze = zipfile.ZIP_STORED if path.suffix in _PACKED else zipfile.ZIP_DEFLATED
                    archive.write(path, path.relative_to(written.parent), squeeze)
            when_it_fails.pop_all()
        return packed


def _parts(packed: IO[bytes]) -> Iterator[bytes]:
    with packed:
        packed.seek(0)
        while part := packed.read(PART_BYTES):
            yield part


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise StoreError(
                f"This form is too long. It has more than {MAX_FORM_BYTES} bytes. Use the page's own."
            )
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _project(text: str | None) -> int:
    if not text or not text.isdecimal() or len(text) > 9:
        raise NotFound(f"Which project? Found {text!r}. Give its number.")
    return int(text)


def _scope(scope: str) -> Consent:
    try:
        return Consent(scope)
    except ValueError as error:
        raise StoreError(
            f"This is no scope of consent. Found {scope!r}. Use one of {', '.join(Consent)}."
        ) from error
