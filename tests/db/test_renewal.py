"""Who withdraws or is forgotten leaves what was published, and the backups, with one command."""

import io

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet
from sqlalchemy import select

from db import tables
from db.cli import main
from db.content import sha256_of
from db.people import forget, withdraw
from db.publish import publish
from db.renewal import reach, renew
from db.roles import OPERATOR
from db.values import Consent

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def published(lab, hub, clock):
    """Two repositories with the same two people."""
    for seed, code in enumerate(("ann", "ben")):
        lab.add(seed, consent=Consent.PUBLISH, code=code)
    annotator = lab.person("zoe")
    for _ in range(2):
        lab.answer(annotator)
    for name in ("org/faces", "org/labels"):
        labels = name == "org/labels"
        publish(lab.store, OPERATOR, lab.project, name, "other", "x@example.org", labels_only=labels)
    clock.tick(1)
    return lab


def photo_of(lab, code):
    with lab.store.reading(OPERATOR, "export") as work:
        query = select(tables.Image.sha256).join(tables.Subject).where(tables.Subject.code == code)
        return lab.store.images.data(work.scalars(query).one())


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def photos_in(hub):
    """sha256 of all photos and of all rows in files that the Hub has, whether a commit names them or not."""
    found = set()
    for data in hub.hub.objects.values():
        rows = parquet.read_table(io.BytesIO(data)).to_pylist()
        found |= {row["sha256"] for row in rows if "sha256" in row}
        found |= {
            sha256_of(pixels(row["image"]["bytes"])) for row in rows if isinstance(row.get("image"), dict)
        }
    return found


def test_nothing_is_renewed_while_everybody_stays(published):
    assert renew(published.store, OPERATOR) == []


@pytest.mark.parametrize("leave", [withdraw, forget])
def test_who_leaves_is_in_no_revision_and_in_no_file(published, hub, clock, leave):
    gone, stays = (sha256_of(pixels(photo_of(published, code))) for code in ("ann", "ben"))
    assert photos_in(hub) == {gone, stays}
    leave(published.store, OPERATOR, "ann")
    clock.tick(1)
    found = renew(published.store, OPERATOR)
    assert [one.repository for one in found] == ["org/faces", "org/labels"]
    assert found[0].revision == hub.repository("dataset", "org/faces").commits[-1].oid
    assert photos_in(hub) == {stays}, "nor in a file that only an earlier state names"
    assert renew(published.store, OPERATOR) == []


def test_the_last_one_leaves_an_empty_data_set(published, hub, clock):
    for code in ("ann", "ben"):
        forget(published.store, OPERATOR, code)
    clock.tick(1)
    assert all(one.revision for one in renew(published.store, OPERATOR))
    assert b"0 faces" in hub.repository("dataset", "org/faces").files["README.md"]


def test_a_hub_that_fails_is_told_and_tried_again(published, hub, clock):
    forget(published.store, OPERATOR, "ann")
    clock.tick(1)
    hub.fail("POST .*org/faces/commit/", status=500)
    reached = reach(published.store, OPERATOR)
    assert [line.split()[0] for line in reached.failed] == ["org/faces"]
    assert [line.split()[0] for line in reached.done] == ["org/labels"]
    assert [line.split()[0] for line in reach(published.store, OPERATOR).done] == ["org/faces"]


def test_the_command_reaches_publications_and_backups(published, hub, clock, capsys, monkeypatch):
    store = published.store
    if not store.is_sqlite:
        pytest.skip("these backups are of SQLite")
    monkeypatch.setenv("VLFAU_BACKUP", "hf://datasets/org/backup")
    words = ["--url", store.url.render_as_string(hide_password=False), "--data", str(store.folder)]
    assert main([*words, "backup", "hf://datasets/org/backup"]) == 0
    gone = photo_of(published, "ann")
    assert gone in hub.hub.objects.values()
    assert main([*words, "forget", "ann"]) == 0
    told = capsys.readouterr().out
    assert "org/faces was published anew at" in told
    assert "The backups in hf://datasets/org/backup are up to date." in told
    assert gone not in hub.hub.objects.values()
