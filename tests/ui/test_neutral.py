"""A neutral photo is read, forgotten, and compared with the result on the page."""

import csv
import io
import json
import shutil
from contextlib import closing
from pathlib import Path

import gradio as gr
import pytest

from tests.ui.test_analyse import event
from ui.analyse import EXAMPLES
from ui.neutral import NeutralPhoto


@pytest.fixture
def uploaded(tmp_path, monkeypatch, photos):
    """Put a photo where Gradio puts an upload and return its path."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return lambda name: shutil.copy(photos[name], tmp_path)


def test_the_values_are_those_of_the_photo_and_it_is_gone(predictor, uploaded, faces):
    path = uploaded("face")
    read = json.loads(NeutralPhoto(lambda: predictor).read(event(path=path, name="rest.jpg")))
    assert read["name"] == "rest.jpg"
    for unit in faces[0].action_units:
        assert read["values"][str(unit.number)] == pytest.approx([unit.probability, unit.intensity], abs=1e-4)
    assert not Path(path).exists()


@pytest.mark.parametrize(
    ("name", "words"), [("group", "5 faces were found"), ("no-face", "No face was found")]
)
def test_it_must_show_one_face(predictor, uploaded, name, words):
    path = uploaded(name)
    with pytest.raises(gr.Error, match=words):
        NeutralPhoto(lambda: predictor).read(event(path=path, name="x.jpg"))
    assert not Path(path).exists()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_result_is_compared(browser, app, photos, width, scheme):
    from tests.ui.browsing import Visit, expect

    with closing(Visit(browser, app, width=width, scheme=scheme)) as seen:
        seen.open().send(photos["face"]).result()
        before = seen.orders()
        compare(seen, expect)
        refuse_another(seen, expect, photos["group"])
        go_back(seen, expect, before)


def compare(seen, expect):
    page = seen.page
    page.get_by_text("Compare with a neutral photo").click()
    page.set_input_files(".vl-neutral input", EXAMPLES / "neutral.jpg")
    expect(page.get_by_text("Compared with neutral.jpg")).to_be_visible()
    expect(page.locator(".vl-change")).to_have_count(22)
    changes = [
        abs(int(text.strip("+±").replace("−", "-"))) for text in page.locator(".vl-change").all_inner_texts()
    ]
    assert changes == sorted(changes, reverse=True), "the most changed first"
    assert changes[0] > 50, "the photo shows a smile"
    expect(page.get_by_text("At rest: ").locator("visible=true")).to_have_count(1)
    seen.picture("neutral")


BARE_ERRORS = """() => [...document.querySelectorAll(".gradio-container *")].filter((item) => !item.children.length
    && item.textContent.trim() === "Error" && item.checkVisibility() && !item.closest(".toast-body"))
    .map((item) => item.className)"""
"""What says no more than that something failed; in a toast that word is only the title."""


def refuse_another(seen, expect, photo):
    """A photo that cannot be used changes nothing of the comparison before it."""
    page = seen.page
    orders, changes = seen.orders(), page.locator(".vl-change").all_inner_texts()
    page.set_input_files(".vl-neutral input", photo)
    expect(page.get_by_text("5 faces were found")).to_be_visible()
    expect(page.get_by_text("Reading it")).to_have_count(0)
    expect(page.get_by_text("Compared with neutral.jpg")).to_be_visible()
    assert (seen.orders(), page.locator(".vl-change").all_inner_texts()) == (orders, changes)
    assert page.evaluate(BARE_ERRORS) == []
    page.locator(".toast-close").click()


def go_back(seen, expect, before):
    page = seen.page
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    (record,) = csv.DictReader(io.StringIO(download.value.path().read_text()))
    assert float(record["AU12_p_diff"]) > 0.5
    assert abs(float(record["AU43_p_diff"])) <= 1
    page.get_by_role("button", name="Show without it").click()
    expect(page.locator(".vl-change")).to_have_count(0)
    assert seen.orders() == before
    page.set_input_files(".vl-neutral input", EXAMPLES / "neutral.jpg")  # the same photo works again
    expect(page.get_by_text("Compared with neutral.jpg")).to_be_visible()
