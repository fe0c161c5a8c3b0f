"""Tests of keeping a photo: only of who signed in, only with what was agreed, and nothing of it beside the store."""

import shutil
from contextlib import suppress
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from db.check import check
from db.evidence import unpack
from db.people import withdraw
from db.projects import ProjectSettings, add_project
from db.roles import OPERATOR, Role
from db.stats import stats
from ui import keep
from ui.keep import Keeping, form_html, kept_html


@pytest.fixture
def keeping(predictor, store):
    add_project(store, OPERATOR, ProjectSettings("Faces"))
    return Keeping(lambda: predictor, store)


@pytest.fixture
def wanted(tmp_path, monkeypatch, photos):
    """What the form sends about an uploaded photo."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads").mkdir()

    def of(photo="face", **changes):
        path = shutil.copy(photos[photo], tmp_path / "uploads")
        return {"path": path, "scope": "annotate", "code": "", "project": None, "agreed": True} | changes

    return of


@pytest.fixture
def rows(store):
    """How many photos, people and items the store has."""
    return lambda: tuple(stats(store, OPERATOR)["rows"][name] for name in ("image", "subject", "item"))


def event(data):
    return gr.EventData(None, data)


def test_a_photo_is_kept_with_its_faces(keeping, wanted, request_of, rows, store):
    html = keeping.keep(event(wanted("group", code="P-7")), request_of("Ann"))
    assert "5 faces are in the queue" in html
    assert "<code>P-7</code>" in html
    assert rows() == (1, 1, 5)
    assert check(store, deep=True) == []


def test_where_the_network_looked_is_kept_with_it(keeping, wanted, request_of, store, faces):
    keeping.keep(event(wanted()), request_of("Ann"))
    with store.reading(OPERATOR, "export") as work:
        (kept,) = work.connection().exec_driver_sql("SELECT evidence FROM prediction").scalars()
    maps, shown = unpack(kept, 22), faces[0].evidence
    assert np.abs(maps / 255 - shown / shown.max((1, 2), keepdims=True)).max() < 0.01


def test_the_scope_is_the_one_that_was_chosen(keeping, wanted, request_of, store):
    keeping.keep(event(wanted(scope="publish", code="P-7")), request_of("Ann"))
    with store.reading(OPERATOR, "export") as work:
        assert work.connection().exec_driver_sql("SELECT code, consent FROM subject").all() == [
            ("P-7", "publish")
        ]


def test_without_a_code_one_is_made_and_found_again(keeping, wanted, request_of, rows):
    ann = request_of("Ann")
    first = keeping.keep(event(wanted()), ann)
    assert keeping.keep(event(wanted()), ann) == first
    assert rows() == (1, 1, 1)


def test_the_upload_is_gone_whoever_asks(keeping, wanted, request_of, tmp_path):
    for request in (request_of("Ann"), gr.Request()):
        (tmp_path / "uploads").mkdir(exist_ok=True)
        sent = wanted()
        with suppress(gr.Error):
            keeping.keep(event(sent), request)
        assert not Path(sent["path"]).exists()


def test_nobody_keeps_anything(keeping, wanted, rows):
    with pytest.raises(gr.Error, match="not signed in"):
        keeping.keep(event(wanted()), gr.Request())
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scope": None}, "not said what may be done"),
        ({"scope": "everything"}, "not said what may be done"),
        ({"scope": ["publish"]}, "not said what may be done"),
        ({"agreed": False}, "not agreed"),
        ({"agreed": "yes"}, "not agreed"),
        ({"code": "<script>"}, "looks like HTML"),
        ({"code": "x" * 81}, "too long"),
        ({"project": "7"}, "no such project"),
        ({"project": "1; DROP"}, "no such project"),
        ({"path": "/etc/passwd"}, "not an uploaded photo"),
        ({"path": None}, "There is no photo"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    keeping, wanted, request_of, rows, store, changes, message
):
    with pytest.raises(gr.Error, match=message):
        keeping.keep(event(wanted(**changes)), request_of("Ann"))
    assert rows() == (0, 0, 0)
    assert not list((store.folder / "images").rglob("*.png"))


@pytest.mark.parametrize(("photo", "message"), [("no-face", "No face was found"), ("broken", "damaged")])
def test_a_photo_without_a_face_is_not_kept(keeping, wanted, request_of, rows, photo, message):
    with pytest.raises(gr.Error, match=message):
        keeping.keep(event(wanted(photo)), request_of("Ann", Role.ADMIN))
    assert rows() == (0, 0, 0)


def test_who_withdrew_does_not_come_back(keeping, wanted, request_of, store):
    ann = request_of("Ann")
    keeping.keep(event(wanted(code="P-7")), ann)
    withdraw(store, OPERATOR, "P-7")
    with pytest.raises(gr.Error, match="withdrew"):
        keeping.keep(event(wanted(code="P-7")), ann)


def test_a_large_photo_is_kept_smaller():
    large = np.zeros((4000, 6000, 3), np.uint8)
    small = keep._not_too_large(large)
    assert small.shape == (2828, 4242, 3)
    assert keep._not_too_large(small) is small


def test_with_several_projects_one_is_chosen(keeping, wanted, request_of, store):
    assert "<select" not in form_html(store)
    second = add_project(store, OPERATOR, ProjectSettings("A & B"))
    assert f'<option value="{second}">A &amp; B</option>' in form_html(store)
    with pytest.raises(gr.Error, match="no such project"):
        keeping.keep(event(wanted()), request_of("Ann"))
    keeping.keep(event(wanted(project=str(second))), request_of("Bob"))
    assert stats(store, OPERATOR)["projects"]["A & B"]["open"] == 1


def test_a_code_is_escaped():
    assert "<code>a &lt; b</code>" in kept_html(1, "a < b")


def test_nothing_is_chosen_for_the_visitor(keeping, store):
    assert "checked" not in form_html(store)
