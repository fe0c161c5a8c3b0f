"""The page in a real browser: what a visitor sees and can do, at two widths, in light and dark.

Screenshots go to `build/screenshots/`.
"""

import os
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect, sync_playwright

from vlfau.images import ImageLimits

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
PATIENCE_MS = 120_000
BEYOND_THE_EDGE = """() => [...document.querySelectorAll(".gradio-container *")]
    .filter((item) => item.checkVisibility() && item.getBoundingClientRect().right > window.innerWidth + 1)
    .map((item) => item.tagName + "." + item.className)"""
"""What reaches out of the window to the right; Gradio cuts it off, so that the page's own width does not tell."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no Chromium at {CHROMIUM}; set CHROMIUM"),
]
every_look = pytest.mark.parametrize("width", [1280, 390])
light_and_dark = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


class Visit:
    """One browser window on the app, which notes other hosts that were asked and errors on the console."""

    def __init__(self, chromium, app, width=1280, scheme="light"):
        self.app, self.width, self.scheme = app, width, scheme
        height = 900 if width > 760 else 844
        self.context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            has_touch=width < 760,
            accept_downloads=True,
            permissions=["camera"],
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        self.asked, self.errors = set(), []
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, message):
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, path=""):
        self.page.goto(self.app.url + path)
        self.page.wait_for_selector(".vl-press, .vl-prose h1")
        return self

    def send(self, photo):
        self.page.set_input_files(".vl-drop input", photo)
        return self

    def result(self):
        self.page.wait_for_selector(".vl-result")
        self.page.wait_for_selector(".vl-drop", state="detached")
        return self

    def picture(self, name):
        """A screenshot under a stable name; nothing may reach out of the window in it."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(
            path=SCREENSHOTS / f"{name}-{self.width}-{self.scheme}.png", animations="disabled"
        )
        assert self.page.evaluate(BEYOND_THE_EDGE) == []

    def chosen(self):
        """Number of the action unit whose details are in view."""
        return self.page.locator(".vl-unit input:checked >> visible=true").first.get_attribute("value")

    def orders(self):
        """Codes of the bars from top to bottom."""
        return self.page.locator(".vl-face:not([hidden]) .vl-code").all_inner_texts()


@pytest.fixture
def visit(chromium, app):
    visits = []

    def begin(**look):
        visits.append(Visit(chromium, app, **look))
        return visits[-1]

    yield begin
    for each in visits:
        each.context.close()
        assert each.errors == []
        assert {url for url in each.asked if not url.startswith((app.url, "data:", "blob:"))} == set()


@every_look
@light_and_dark
def test_start(visit, width, scheme):
    start = visit(width=width, scheme=scheme).open()
    expect(start.page.get_by_role("button", name="Choose a photo of a face")).to_be_visible()
    expect(start.page.get_by_text("Your photo is not kept.")).to_be_visible()
    start.picture("start")


@every_look
@light_and_dark
def test_one_face(visit, app, photos, width, scheme):
    seen = visit(width=width, scheme=scheme).open().send(photos["face"]).result()
    expect(seen.page.get_by_role("heading", name="What the face shows")).to_be_visible()
    expect(seen.page.locator(".vl-box")).to_have_count(1)
    expect(seen.page.locator(".vl-unit label")).to_have_count(22)
    assert app.files_of(photos["face"]) == []
    seen.picture("one-face")


@every_look
@light_and_dark
def test_an_action_unit_shows_what_lies_behind_it(visit, photos, width, scheme):
    seen = visit(width=width, scheme=scheme).open().send(photos["face"]).result()
    for name in ("Cheek raiser", "Lip corner puller"):  # the second may be the one that is chosen at first
        seen.page.locator(".vl-unit label", has_text=name).click()
    detail = seen.page.locator(".vl-detail >> visible=true")
    expect(detail).to_have_count(1)
    expect(detail.get_by_role("heading", name="AU12 Lip corner puller")).to_be_visible()
    expect(detail.get_by_text("Zygomaticus major")).to_be_visible()
    expect(detail.locator("img")).to_be_in_viewport()
    seen.picture("action-unit")
    detail.get_by_role("button", name="AU14 Dimpler").click()
    expect(detail.get_by_role("heading", name="AU14 Dimpler")).to_be_visible()


def test_the_bars_can_be_sorted_and_used_by_keyboard(visit, photos):
    seen = visit().open().send(photos["face"]).result()
    likely = seen.orders()
    seen.page.get_by_text("By part of the face").click()
    assert seen.orders()[:3] == ["AU1", "AU2", "AU4"]
    assert sorted(seen.orders()) == sorted(likely)
    seen.page.locator(".vl-unit input[value='1']").focus()
    seen.page.keyboard.press("Space")
    seen.page.keyboard.press("ArrowDown")
    expect(seen.page.locator(".vl-detail >> visible=true").get_by_role("heading")).to_have_text(
        "AU2 Outer brow raiser"
    )
    seen.picture("by-region")
    seen.page.get_by_text("Most likely first").click()
    assert seen.orders() == likely


@every_look
@light_and_dark
def test_several_faces(visit, photos, width, scheme):
    seen = visit(width=width, scheme=scheme).open().send(photos["group"]).result()
    title = seen.page.locator(".vl-description h2 >> visible=true")
    expect(title).to_have_text("What face 1 shows")
    seen.page.get_by_text("Face 3", exact=True).click()
    expect(title).to_have_text("What face 3 shows")
    seen.page.locator("label.vl-box[for=vl-face-1]").click()
    expect(title).to_have_text("What face 2 shows")
    seen.picture("several-faces")


def test_order_and_action_unit_stay_when_another_face_is_chosen(visit, photos):
    seen = visit().open().send(photos["group"]).result()
    seen.page.locator(".vl-face:not([hidden]) label", has_text="By part of the face").click()
    seen.page.locator(".vl-face:not([hidden]) .vl-unit label", has_text="Chin raiser").click()
    seen.page.get_by_text("Face 4", exact=True).click()
    assert seen.orders()[:3] == ["AU1", "AU2", "AU4"]
    expect(seen.page.locator(".vl-detail >> visible=true").get_by_role("heading")).to_have_text(
        "AU17 Chin raiser"
    )


@every_look
def test_no_face(visit, photos, width):
    seen = visit(width=width).open().send(photos["no-face"]).result()
    expect(seen.page.get_by_text("No face was found in this photo.")).to_be_visible()
    seen.picture("no-face")


@every_look
def test_a_broken_file_is_a_message_and_the_next_photo_works(visit, photos, width):
    seen = visit(width=width).open().send(photos["broken"])
    expect(seen.page.get_by_text("The photo is damaged or cut short.")).to_be_visible()
    seen.page.wait_for_timeout(700)  # it fades in
    seen.picture("broken-file")
    seen.send(photos["face"]).result()


def test_a_file_that_is_too_large_is_not_even_sent(visit, tmp_path):
    with (tmp_path / "huge.jpg").open("wb") as huge:
        huge.truncate(ImageLimits().max_bytes + 1)
    seen = visit().open().send(tmp_path / "huge.jpg")
    expect(seen.page.get_by_text("larger than 50 MB")).to_be_visible()
    assert not [url for url in seen.asked if "upload" in url]


def test_fifty_megapixels(visit, app, photos):
    seen = visit().open().send(photos["large"]).result()
    expect(seen.page.locator(".vl-box")).to_have_count(1)
    assert app.files_of(photos["large"]) == []


def test_another_photo_begins_anew(visit, photos):
    seen = visit().open().send(photos["group"]).result()
    seen.page.get_by_text("Face 2", exact=True).click()
    seen.page.get_by_role("button", name="Another photo").click()
    expect(seen.page.get_by_role("button", name="Choose a photo of a face")).to_be_visible()
    seen.send(photos["face"]).result()
    expect(seen.page.get_by_role("heading", name="What the face shows")).to_be_visible()
    expect(seen.page.locator(".vl-detail >> visible=true")).to_have_count(1)


def test_an_example_is_one_click(visit):
    seen = visit().open()
    seen.page.get_by_role("button", name="Example: ").first.click()
    seen.result()
    expect(seen.page.locator(".vl-box")).to_have_count(1)


def test_a_photo_can_be_pasted_anywhere(visit, photos):
    seen = visit().open()
    data = list(photos["face"].read_bytes())
    seen.page.evaluate(
        """(data) => { const held = new DataTransfer();
        held.items.add(new File([new Uint8Array(data)], "pasted.jpg", { type: "image/jpeg" }));
        document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: held })); }""",
        data,
    )
    seen.result()
    expect(seen.page.locator(".vl-downloads a").first).to_have_attribute(
        "download", "pasted-action-units.csv"
    )


def test_the_camera_takes_a_photo(visit):
    seen = visit().open()
    seen.page.get_by_role("button", name="Use the camera").click()
    seen.page.get_by_role("button", name="Take the photo").click()
    seen.result()
    expect(
        seen.page.get_by_text("No face was found in this photo.")
    ).to_be_visible()  # Chromium's camera shows a clock


def test_the_numbers_can_be_taken_along(visit, photos):
    seen = visit().open().send(photos["face"]).result()
    with seen.page.expect_download() as download:
        seen.page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "face-action-units.csv"
    assert download.value.path().read_text().startswith("file,frame,time_s,face,track,success,box_x0")


@every_look
def test_about(visit, width):
    seen = visit(width=width).open()
    seen.page.get_by_role("link", name="About").click()
    expect(seen.page.get_by_role("heading", name="Not for this")).to_be_visible()
    expect(seen.page.get_by_text("Version ", exact=False).first).to_be_visible()
    seen.picture("about")
    seen.page.get_by_role("link", name="Analyse").click()
    expect(seen.page.get_by_role("button", name="Choose a photo of a face")).to_be_visible()
