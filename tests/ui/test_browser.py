"""The page in a real browser: what a visitor sees and can do, at two widths, in light and dark.

Screenshots go to `build/screenshots/`.
"""

from contextlib import ExitStack, closing

import pytest

from tests.ui.browsing import Visit, every_look, expect, light_and_dark
from vlfau.images import ImageLimits

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def visit(browser, app):
    with ExitStack() as visits:
        yield lambda **look: visits.enter_context(closing(Visit(browser, app, **look)))


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
