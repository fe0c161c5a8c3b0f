"""What the Annotate page looks like in a real browser: at two widths, in light and dark, with and without faces.

Screenshots go to `build/screenshots/`.
"""

from contextlib import closing

import pytest

from tests.ui.annotate_visit import AnnotateVisit, opened_lab
from tests.ui.browsing import BEYOND_THE_EDGE, SCREENSHOTS, every_look, expect, light_and_dark
from tests.ui.conftest import App

FACES = 3

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(tmp_path_factory, image, faces):
    with opened_lab(tmp_path_factory.mktemp("annotate"), image, faces[0].face, answers_wanted=9) as lab:
        lab.add(FACES, evidence=faces[0].evidence)
        yield lab


@every_look
@light_and_dark
def test_looks(visit, width, scheme):
    seen = visit("Bob", width=width, scheme=scheme)
    expect(seen.page.get_by_role("button", name="Submit and next")).to_be_visible()
    expect(seen.page.locator(".va-row")).to_have_count(22)
    seen.go_to(6)
    if width > 760:
        seen.keys("c", "p", "2", "ArrowDown", "ArrowDown", "c", "ArrowUp")
    else:
        seen.row(6).get_by_role("button", name="Confirm").click()
    seen.saved().picture("annotate")


def test_evidence_looks_as_on_the_analyse_page(visit):
    for width in (1280, 390):
        seen = visit("Bob", width=width)
        seen.go_to(12).page.locator(".va-evidence").click()
        expect(seen.page.locator(".va-canvas")).to_have_class("va-canvas va-lit")
        seen.picture("annotate-evidence")
        seen.page.locator(".va-evidence").click()


def test_evidence_is_not_asked_for_while_the_model_is_hidden(visit):
    seen = visit("Ada").keys("m")
    expect(seen.page.locator(".va-evidence")).to_be_hidden()
    seen.go_to(12).keys("p").submit()
    seen.page.wait_for_function("() => document.querySelector('.va-chip').complete")
    address = f"{seen.app.url}faces/{seen.item()}/evidence.png"
    seen.keys("e").go_to(4)
    expect(seen.page.locator(".va-canvas")).to_have_class("va-canvas")
    assert address not in seen.asked
    seen.keys("m")
    expect(seen.page.locator(".va-canvas")).to_have_class("va-canvas va-lit")
    assert address in seen.asked
    seen.keys("e")
    expect(seen.page.locator(".va-canvas")).to_have_class("va-canvas")


@every_look
def test_guidelines_are_one_click_away(visit, width):
    seen = visit("Bob", width=width)
    seen.row(12).get_by_role("button", name="Guideline for AU12").click()
    dialog = seen.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="AU12 Lip corner puller")).to_be_visible()
    picture = dialog.locator("article:not([hidden]) img")
    seen.page.wait_for_function(
        "() => document.querySelector('.va-guidelines article:not([hidden]) img').naturalWidth > 0"
    )
    expect(picture).to_be_in_viewport()
    seen.page.screenshot(path=SCREENSHOTS / f"guideline-{width}-light.png")
    dialog.get_by_role("button", name="AU14 Dimpler").click()
    expect(dialog.get_by_role("heading", name="AU14 Dimpler")).to_be_visible()
    seen.keys("Escape")
    expect(dialog).to_have_count(0)


def test_on_a_phone_the_face_stays_in_view_and_grows_when_it_is_pressed(visit):
    seen = visit("Bob", width=390)
    seen.row(17).scroll_into_view_if_needed()
    expect(seen.page.locator(".va-chip")).to_be_in_viewport()
    small = seen.page.locator(".va-chip").bounding_box()["width"]
    seen.page.locator(".va-frame").click()
    assert seen.page.locator(".va-chip").bounding_box()["width"] > 1.5 * small
    assert seen.page.evaluate(BEYOND_THE_EDGE) == []


@every_look
def test_who_is_not_signed_in_is_shown_where_to(browser, running, width):
    nobody = AnnotateVisit(browser, running, width=width).open()
    link = nobody.page.get_by_role("link", name="Sign in or make an account")
    expect(link).to_be_visible()
    nobody.picture("annotate-nobody")
    link.click()
    nobody.page.wait_for_url("**/account")
    nobody.context.close()


# ---- the qualification round, and what comes at the end


@pytest.fixture
def other_lab(tmp_path, image, faces):
    """A store of its own with a qualification round of two faces and nothing behind it, and the app on it."""
    with opened_lab(tmp_path, image, faces[0].face, qualification_items=2) as lab:
        lab.add_gold(2)
        with closing(App(lab.folder)) as lab.app:
            yield lab


def test_the_qualification_round_and_an_empty_queue(browser, other_lab):
    seen = AnnotateVisit(browser, other_lab.app).sign_in().open()
    expect(seen.page.locator(".va-round")).to_contain_text("Qualification round: face 1 of 2.")
    seen.picture("annotate-qualification")
    for _ in range(2):
        seen.go_to(12).keys("p").go_to(4).keys("a").submit()
    expect(seen.page.locator(".va-round")).to_be_hidden()
    expect(seen.page.locator(".va-notice")).to_contain_text("You have passed the qualification round.")
    expect(seen.page.get_by_role("heading", name="No face is waiting for you")).to_be_visible()
    seen.picture("annotate-empty")
    other_lab.add()
    seen.page.get_by_role("button", name="Look again").click()
    expect(seen.page.locator(".va-row")).to_have_count(22)
    seen.context.close()
