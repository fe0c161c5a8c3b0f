"""The Video page in a real browser: a video of two faces is read, played, searched and taken along."""

import csv
import io
import time
from contextlib import ExitStack, closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.ui.browsing import Visit, expect
from tests.vlfau.clips import write_clip
from ui import video
from ui.analyse import EXAMPLES
from vlfau.images import read_image

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAINTED = """() => { const over = document.querySelector(".vv-stage canvas");
    return over.getContext("2d").getImageData(0, 0, over.width, over.height).data.some((value) => value > 0); }"""
TABLES_ASIDE = """() => [...document.querySelectorAll(".gradio-container *")]
    .filter((item) => item.checkVisibility() && !item.closest(".vv-table")
        && item.getBoundingClientRect().right > window.innerWidth + 1).map((item) => item.className)"""
"""What reaches out of the window; the table of events scrolls by itself."""
CUT_OFF = """() => [...document.querySelectorAll(".vv-table, .vv-table td, .vv-table th, .vv-name, .vv-lane-name span")]
    .filter((item) => item.scrollWidth > item.clientWidth + 1 && getComputedStyle(item).display !== "inline")
    .map((item) => item.className + " " + item.textContent)"""
"""The events and the names of action units that are wider than their place."""
MOST_ACTIVE = """([code, units]) => {
    const element = { querySelector: () => ({ querySelector: () => null, querySelectorAll: () => [] }) };
    const reel = { units: units.map(({ au }) => au), thresholds: units.map(({ threshold }) => threshold), step_s: 0.1,
        events: units.flatMap(({ au, s }) => (s ? [{ track: 0, number: au, onset: 1, offset: 1 + s }] : [])) };
    const track = { number: 0, p: units.map(({ peak }) => [0.001, peak, NaN]) };
    const choose = new Function("element", "props", "given", "track",
        code + "; reel = given; return mostActive(track, 6)");
    return choose(element, { book: { units: [] } }, reel, track); }"""


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two faces for three seconds; the left one smiles from 1.0 to 2.2 s, the right one closes its eyes later."""
    neutral, smiling, closed = (
        cv2.resize(read_image(EXAMPLES / f"{name}.jpg"), (300, 300), interpolation=cv2.INTER_AREA)
        for name in ("neutral", "au06-au12-au25", "au43")
    )
    pictures = []
    for index in range(75):
        picture = np.full((360, 640, 3), 124, np.uint8)
        picture[30:330, 10:310] = smiling if 25 <= index < 55 else neutral
        picture[30:330, 330:630] = closed if 40 <= index < 60 else neutral[:, ::-1]
        pictures.append(picture)
    return write_clip(tmp_path_factory.mktemp("clips") / "two people.mp4", pictures)


class VideoVisit(Visit):
    """Somebody at the page."""

    def open(self, path="video"):
        self.page.goto(self.app.url + path)
        self.page.wait_for_selector(".vv-drop")
        return self

    def send(self, file):
        self.page.set_input_files(".vv-drop input", file)
        return self

    def finished(self):
        self.page.wait_for_selector(".vv-bar.vv-done")
        return self

    def time(self):
        """In the video, in seconds."""
        return float(self.page.locator(".vv-seek").input_value())

    def chosen(self):
        """Codes of the action units whose curves are shown."""
        return self.page.locator(".vv-lane b").all_inner_texts()

    def saved(self, button):
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name=button, exact=True).click()
        return download.value.suggested_filename, list(
            csv.DictReader(io.StringIO(download.value.path().read_text()))
        )


@pytest.fixture
def visit(browser, app):
    with ExitStack() as visits:
        yield lambda **look: visits.enter_context(closing(VideoVisit(browser, app, **look))).open()


def uploads(app):
    return [path for path in (app.folder / "uploads").rglob("*.video") if path.is_file()]


def test_what_can_be_seen_to_be_active_is_chosen_first(browser):
    code = (Path(video.__file__).parent / "video_series.js").read_text("utf-8")
    columns = ("au", "threshold", "peak", "s")
    units = [
        (5, 0.1, 0.012, 0),  # flat, and nearest to its threshold
        (20, 0.2, 0.03, 0),
        (6, 0.15, 0.01, 0),
        (2, 0.8, 0.3, 0),  # a long bar, and far from its threshold
        (1, 0.3, 0.2, 0),
        (12, 0.5, 0.9, 0.4),
        (25, 0.5, 0.6, 1.5),
    ]
    given = [dict(zip(columns, unit, strict=True)) for unit in units]
    with closing(browser.new_page()) as page:
        assert page.evaluate(MOST_ACTIVE, [code, given]) == [25, 12, 1, 2, 20, 5]


def test_a_video_from_the_file_to_the_numbers(visit, app, clip):
    seen = visit().send(clip).finished()
    page = seen.page
    assert uploads(app) == []
    expect(page.get_by_text("2 faces. Choose one:")).to_be_visible()
    expect(page.locator(".vv-unit")).to_have_count(22)
    assert len(seen.chosen()) == 6
    assert {"AU6", "AU12", "AU25"} <= set(seen.chosen())

    # an event is a place to go to
    smile = page.locator(".vv-table tr", has_text="Lip corner puller").first
    smile.get_by_label("Go to the onset").click()
    assert seen.time() == pytest.approx(1.0, abs=0.13)
    expect(page.locator(".vv-unit", has_text="AU12")).to_have_class("vv-unit vv-seen")
    page.wait_for_function(PAINTED)
    assert page.evaluate(CUT_OFF) == []
    seen.picture("video")

    # keys: one picture on and back, two digits for an action unit
    before = seen.time()
    page.keyboard.press("ArrowRight")
    assert 0.03 < seen.time() - before < 0.13
    page.keyboard.press("ArrowLeft")
    assert seen.time() == pytest.approx(before, abs=0.02)
    page.keyboard.type("12")
    assert "AU12" not in seen.chosen()
    page.keyboard.type("12")
    assert "AU12" in seen.chosen()

    # a click into a curve, and playing
    lane = page.locator(".vv-lane canvas").first.bounding_box()
    page.mouse.click(lane["x"] + lane["width"] / 2, lane["y"] + 10)
    assert seen.time() == pytest.approx(1.5, abs=0.05)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.querySelector('.vv-seek').value > 1.8")
    page.get_by_role("button", name="Pause", exact=True).click()

    # the other face, and the intensities
    chosen = seen.chosen()
    page.locator(".vl-choice label", has_text="Face 2").click()
    assert seen.chosen() == chosen, "who chose action units keeps them"
    page.get_by_role("button", name="The six most active").click()
    expect(page.locator(".vv-table tr", has_text="Eyes closed")).to_be_visible()
    expect(page.get_by_text("Threshold.")).to_be_visible()
    page.get_by_text("Intensity", exact=True).click()
    expect(page.get_by_text("Threshold.")).to_be_hidden()
    assert page.locator(".vv-lane canvas").first.get_attribute("aria-label").startswith("AU")
    no_event_of_what_is_chosen(page)


def no_event_of_what_is_chosen(page):
    """It is not no event of the face."""
    page.get_by_role("button", name="None", exact=True).click()
    expect(page.get_by_text("No action unit is chosen. This face has events of")).to_contain_text("AU43")
    page.keyboard.type("27")
    expect(
        page.get_by_text("The chosen action units have no events. This face has events of")
    ).to_be_visible()
    page.get_by_label("of all action units").check()
    expect(page.locator(".vv-table tr", has_text="Eyes closed")).to_be_visible()
    expect(page.locator(".vv-no-events")).to_be_hidden()


def test_the_numbers_can_be_taken_along(visit, clip):
    seen = visit().send(clip).finished()
    name, rows = seen.saved("CSV")
    assert name == "two people-action-units.csv"
    assert {row["track"] for row in rows} == {"0", "1"}
    assert {row["file"] for row in rows} == {"two people.mp4"}
    assert len(rows) == 2 * len({row["frame"] for row in rows}) > 60
    name, openface = seen.saved("CSV as OpenFace writes it")
    assert name == "two people-openface.csv"
    assert "AU12_r" in openface[0]
    assert "FaceRectX" in seen.saved("CSV as py-feat writes it")[1][0]
    events = seen.saved("Events")[1]
    assert {"AU12", "AU43"} <= {row["au"] for row in events}
    assert all(float(row["onset_s"]) <= float(row["apex_s"]) <= float(row["offset_s"]) for row in events)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone(visit, clip, scheme):
    seen = visit(width=390, scheme=scheme)
    expect(seen.page.get_by_text("Your video is not kept.")).to_be_visible()
    seen.picture("video-start")
    seen.send(clip).finished()
    seen.page.locator(".vv-seek").fill("1.6")
    seen.page.wait_for_function(PAINTED)
    expect(seen.page.locator(".vv-table").get_by_role("columnheader", name="At the apex")).to_be_visible()
    assert seen.page.evaluate(TABLES_ASIDE) == []
    assert seen.page.evaluate(CUT_OFF) == []
    seen.page.screenshot(
        path=f"build/screenshots/video-390-{scheme}.png", animations="disabled", full_page=True
    )


def test_a_stop_keeps_what_was_read_and_another_video_begins_anew(visit, app, clip):
    seen = visit()
    seen.page.locator("[name=vv-closely][value=all]").check()
    seen.send(clip)
    seen.page.get_by_role("button", name="Stop reading").click()
    seen.finished()
    expect(seen.page.locator(".vv-progress [role=status]")).to_contain_text("Stopped after")
    read = int(seen.page.locator(".vv-progress [role=status]").inner_text().split()[2])
    assert read < 75
    seen.page.get_by_role("button", name="Another video").click()
    expect(seen.page.get_by_role("button", name="Choose a video")).to_be_visible()
    seen.send(clip).finished()
    expect(seen.page.locator(".vv-progress [role=status]")).to_contain_text("Read 75 pictures")


def open_videos(app):
    """Files of videos that the application holds open, though they are gone from the disk."""
    links = Path(f"/proc/{app.process.pid}/fd").iterdir()
    return [link for link in links if ".video" in str(link.readlink() if link.is_symlink() else "")]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_who_closes_the_page_is_not_read_for_any_more(visit, app, clip):
    seen = visit()
    seen.page.locator("[name=vv-closely][value=all]").check()
    seen.send(clip).page.get_by_text("2 faces. Choose one:").wait_for()
    assert len(open_videos(app)) == 1
    assert uploads(app) == []
    seen.page.close()
    patience = time.monotonic() + video.IDLE_S / 2
    while open_videos(app) and time.monotonic() < patience:
        time.sleep(0.2)
    assert open_videos(app) == []


def test_a_broken_file_is_a_message_and_the_next_video_works(visit, app, clip, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(clip.read_bytes()[:2000])
    seen = visit().send(tmp_path / "broken.mp4")
    expect(seen.page.get_by_text("The video is cut short")).to_be_visible()
    assert uploads(app) == []
    seen.send(clip).finished()
