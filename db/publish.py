"""Puts a project on the Hugging Face Hub as a data set, of people who agreed to that: `python -m db publish REPO`."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.errors import StoreError
from db.export import ANSWERS, FACES, ExportReport, export
from db.projects import list_projects
from db.remote import erase_unnamed, hub_errors
from db.roles import Actor
from db.store import Store
from db.tables import Publication
from db.text import required_text
from db.values import Consent

PICTURE = "image"
"""The column of the photos."""
_ROWS_AT_ONCE = 256
_MAX_LICENCE = 60


@dataclass(frozen=True)
class Published:
    """A data set on the Hub."""

    repository: str
    revision: str
    """The commit."""
    faces: int
    answers: int
    photos: bool
    history_kept: bool
    """Whether earlier states can still be read there."""


def publish(
    store: Store,
    actor: Actor,
    project_id: int,
    repository: str,
    licence: str,
    contact: str,
    labels_only: bool = False,
    public: bool = False,
    keep_history: bool = False,
    renews: bool = False,
) -> Published:
    """Upload the faces of a project whose people agreed to publishing, in one commit; admins only.

    A new repository is private, and gated in any case: who wants it asks, and a person decides. What was there before
    is replaced, and its history dropped unless `keep_history`, so that who was forgotten meanwhile is in no earlier
    state; copies that were taken are out of reach. `labels_only` leaves the photos out. `contact` is where people ask
    to be taken out. Raises `StoreError` when nobody agreed, or the Hub refuses. `renews`: what lies there is replaced,
    also by nothing.
    """
    read_at = store.clock()
    licence, contact = (
        required_text(licence, _MAX_LICENCE, "The licence"),
        required_text(contact, 200, "The contact"),
    )
    with tempfile.TemporaryDirectory(prefix="publish-", dir=store.folder) as made:
        folder = Path(made) / "set"
        report = export(store, actor, project_id, folder, "parquet", Consent.PUBLISH)
        if not report.faces and not renews:
            raise StoreError(
                "There is nothing to publish. Nobody in this project agreed that their photo may be published. "
                "Ask people, or export it for yourself."
            )
        if labels_only:
            _drop_photos(folder / f"{FACES}.parquet")
        name = list_projects(store, actor)[project_id].name
        (folder / "README.md").write_text(card(name, report, licence, contact, labels_only), "utf-8")
        revision = _upload(folder, repository, public, keep_history)
    with store.unit_of_work(actor, "export") as work:
        settings = {
            "repository": repository,
            "licence": licence,
            "contact": contact,
            "labels_only": labels_only,
        }
        counts = {"faces": report.faces, "responses": report.answers}
        done = {"revision": revision, "history_kept": keep_history, "read_at": read_at, "at": work.now}
        work.add(Publication(project_id=project_id, **settings, **counts, **done))
    return Published(repository, revision, report.faces, report.answers, not labels_only, keep_history)


def card(name: str, report: ExportReport, licence: str, contact: str, labels_only: bool) -> str:
    """The data set's card: what it is, who agreed to what, how to be taken out, and what its columns say."""
    columns = (report.folder / "README.md").read_text("utf-8").partition("annotated by people\n")[2].strip()
    photos = (
        "The photos are not part of it: `sha256` says which photo a row is about."
        if labels_only
        else "The photos are part of it, without EXIF, as they were kept."
    )
    return f"""---
license: {json.dumps(licence)}
pretty_name: {json.dumps(f"{name}: facial action units, annotated by people", ensure_ascii=False)}
task_categories:
- image-classification
tags:
- facial-action-units
- facs
extra_gated_heading: These are faces of people who can be recognised
extra_gated_description: Say who you are and what for. Somebody reads each request.
extra_gated_fields:
  Institution: text
  Purpose: text
  I will not try to find out who somebody is: checkbox
  I will not use it to tell what somebody feels, or to decide about people: checkbox
  I will delete what the maintainers tell me to delete: checkbox
configs:
- config_name: {FACES}
  data_files: {FACES}.parquet
  default: true
- config_name: {ANSWERS}
  data_files: {ANSWERS}.parquet
---
# {name}: facial action units, annotated by people

{report.faces} faces and {report.answers} answers. {photos}

## Consent, and being taken out

Everybody in here agreed that their photo may be published. Agreement can be taken back at any time: write to {contact}
with the code that was given when the photo was kept. The next state of this repository is without that person, and
earlier states are dropped. Who has a copy deletes the person from it when told.

Annotators are pseudonyms; people in the photos are numbers.

## What for, and what not

For learning and measuring how facial muscle movements (FACS action units) are read from photos. Not for saying what
somebody feels, wants or is; not for identifying people; not for deciding about a person.

## Columns

{columns}
"""


def _drop_photos(path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyarrow import parquet

    thin = path.with_suffix(".thin")
    with parquet.ParquetFile(path) as full:
        names = [name for name in full.schema_arrow.names if name != PICTURE]
        schema = pa.schema([full.schema_arrow.field(name) for name in names])
        with parquet.ParquetWriter(thin, schema) as writer:
            for part in full.iter_batches(_ROWS_AT_ONCE, columns=names):
                writer.write_batch(part.replace_schema_metadata(None))
    thin.replace(path)


def _upload(folder: Path, repository: str, public: bool, keep_history: bool) -> str:
    from huggingface_hub import HfApi

    api, kind = HfApi(), "dataset"
    try:
        api.create_repo(repository, repo_type=kind, private=not public, exist_ok=True)
        # before there is anything to read
        api.update_repo_settings(repository, repo_type=kind, gated="manual")
        api.create_commit(
            repository, _operations(api, repository, folder), commit_message="Publish", repo_type=kind
        )
        if not keep_history:
            api.super_squash_history(repository, repo_type=kind, commit_message="Publish")
            erase_unnamed(api, repository)
        return str(api.repo_info(repository, repo_type=kind).sha)
    except hub_errors() as error:
        raise StoreError(
            f"The data set is not on the Hub, or not whole. {repository}: {error}. Check the name and the token "
            "(HF_TOKEN, or `hf auth login`; it has to be allowed to write) and publish again."
        ) from error


def _operations(api: Any, repository: str, folder: Path) -> list[Any]:
    """What makes the repository hold this folder and nothing else."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    there = set(api.list_repo_files(repository, repo_type="dataset")) - {".gitattributes"}
    return [
        *(CommitOperationAdd(name, path) for name, path in sorted(files.items())),
        *(CommitOperationDelete(name) for name in sorted(there - files.keys())),
    ]
