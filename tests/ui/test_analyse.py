"""The handlers of the Analyse page, called as functions, and what the page promises in its texts."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest

from ui import about, analyse
from ui.analyse import Analysis, examples

ROOT = Path(__file__).parents[2]


@pytest.fixture
def analysis(predictor, store):
    return Analysis(lambda: predictor, store)


@pytest.fixture
def uploaded(tmp_path, monkeypatch, photos):
    """Put a photo where Gradio puts an upload and return its path."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return lambda name: shutil.copy(photos[name], tmp_path)


def built(build, *arguments):
    """A page as Blocks; Gradio opens an event loop and leaves it open where none is running."""

    async def compose():
        with gr.Blocks(analytics_enabled=False) as page:
            build(*arguments)
        return page

    return asyncio.run(compose())


def event(**data):
    return gr.EventData(None, data)


def test_an_upload_hides_the_start_and_shows_the_result(analysis, uploaded):
    start, html, keep, neutral = analysis.show_upload(event(path=uploaded("face"), name="me.jpg"))
    assert start["visible"] is False
    assert "me-action-units.csv" in html
    assert keep["visible"] is True
    assert neutral["visible"] is True


def test_a_photo_without_a_face_is_no_error(analysis, uploaded):
    _, html, keep, neutral = analysis.show_upload(event(path=uploaded("no-face"), name="x.jpg"))
    assert "No face was found" in html
    assert keep["visible"] is False
    assert neutral["visible"] is False


def test_a_broken_file_is_a_message(analysis, uploaded):
    with pytest.raises(gr.Error, match="damaged or cut short"):
        analysis.show_upload(event(path=uploaded("broken"), name="x.jpg"))


def test_an_example_is_analysed_and_stays(analysis):
    before = examples()
    assert before
    _, html, keep, _ = analysis.show_example(event(name=before[0].name))
    assert "vl-face" in html
    assert keep["visible"] is False, "a render of ours is not to be kept again"
    assert examples() == before


@pytest.mark.parametrize("name", ["../style.css", "LICENSE.txt", "/etc/passwd", None])
def test_only_examples_are_examples(analysis, name):
    with pytest.raises(gr.Error, match="no such example"):
        analysis.show_example(event(name=name))


def test_the_notice_says_what_it_must():
    for words in (
        "not feelings",
        "Not for identification",
        "not for decisions about people",
        "AI Act",
        "not kept",
    ):
        assert words in analyse.NOTICE


def test_nothing_of_the_page_is_public(predictor, store):
    page = built(analyse.build, lambda: predictor, store)
    assert [fn.api_name for fn in page.fns.values() if fn.api_visibility == "public"] == []


def test_heavy_events_share_one_bounded_queue(predictor, store):
    page = built(analyse.build, lambda: predictor, store)
    heavy = [fn for fn in page.fns.values() if fn.concurrency_id == "predictor"]
    assert [fn.name for fn in heavy] == ["show_upload", "show_example", "read", "keep"]
    assert {fn.concurrency_limit for fn in heavy} == {2}


def test_about_shows_the_card_without_its_metadata(predictor):
    assert about.card_text(predictor.checkpoint) == "Version `untrained`\n\n# A card"


def test_the_pages_are_built_before_there_is_a_model(tmp_path):
    """The page is to answer while torch is still being imported."""
    code = (
        f"import sys, app; from unittest.mock import Mock; store = app.Store.open(folder={str(tmp_path)!r}); "
        "app.build(Mock(predictor=lambda: 1 / 0), store); "
        "print([name for name in ('torch', 'transformers', 'mediapipe') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
