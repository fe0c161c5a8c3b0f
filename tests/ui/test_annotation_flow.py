"""The whole way in a real browser: two people label the same ten faces, a reviewer settles what they differ on, and the
export holds it.

Screenshots go to `build/screenshots/`.
"""

import io
import json
import time
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from db.annotators import list_annotators
from db.projects import list_projects
from db.review import set_aside
from db.roles import OPERATOR
from db.stats import stats
from db.store import Store
from db.values import ItemState
from tests.ui.annotate_lab import PASSWORD
from tests.ui.annotate_visit import AnnotateVisit
from tests.ui.browsing import SCREENSHOTS, expect
from tests.ui.conftest import App
from ui import starter

FACES = 10
BEYOND_THE_EDGE = """() => [...document.querySelectorAll(".gradio-container *")]
    .filter((item) => item.checkVisibility() && item.getBoundingClientRect().right > window.innerWidth + 1)
    .filter((item) => !item.closest(".vr-strip, .vr-kinds"))
    .map((item) => item.tagName + "." + item.className)"""
"""What reaches out of the window to the right, but for what lies in a strip that is pushed sideways by itself."""
PICTURES_ARE_THERE = """() => [...document.images].every((one) => {
    const { left, top } = one.getBoundingClientRect();
    return one.complete || left > window.innerWidth || top > window.innerHeight || !one.checkVisibility();
})"""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class FlowVisit(AnnotateVisit):
    """Somebody at any of the pages."""

    def sign_up(self, name):
        fields = {"name": name, "password": PASSWORD, "language": "en"}
        answer = self.page.request.post(f"{self.app.url}account/sign-up", data=fields)
        assert answer.status == 200, answer.text()
        return self

    def review(self, place=""):
        """The Review page at a place; its address alone would not load it anew."""
        self.page.goto(f"{self.app.url}review{place}")
        self.page.reload()
        self.page.wait_for_selector(".vr-page[data-tab]")
        return self

    def picture(self, name):
        """In light and dark."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.wait_for_function(PICTURES_ARE_THERE)
        for scheme in ("dark", "light"):
            self.page.emulate_media(color_scheme=scheme)
            self.page.wait_for_function(
                f"document.body.classList.contains('dark') === {str(scheme == 'dark').lower()}"
            )
            path = SCREENSHOTS / f"{name}-{self.width}-{scheme}.png"
            self.page.screenshot(path=path, animations="disabled")
        assert self.page.evaluate(BEYOND_THE_EDGE) == []

    def verdict(self, number):
        """What is marked in a row of the Review page."""
        row = self.page.locator(f'.vr-row[data-number="{number}"]')
        pressed = row.locator("[data-set][aria-pressed=true]").all()
        return {one.get_attribute("data-set"): one.get_attribute("value") for one in pressed}

    def warned(self):
        return self.page.locator(".vr-status.vr-warning")


class Flow:
    """The running application, its store seen from outside, and everybody's browser."""

    def __init__(self, browser, app, store):
        self.browser, self.app, self.store = browser, app, store
        self.project = self.first_faces()
        self.visits = []

    def visit(self, **look):
        self.visits.append(FlowVisit(self.browser, self.app, **look))
        return self.visits[-1]

    def first_faces(self):
        """The project that an empty store begins with, once the model has read its faces."""
        begin = time.monotonic()
        while time.monotonic() - begin < 300:
            if projects := list_projects(self.store, OPERATOR):
                return next(iter(projects))
            time.sleep(0.5)
        raise AssertionError(f"The first faces did not come: {self.app.log()}")

    def states(self):
        found = stats(self.store, OPERATOR)["projects"][starter.SETTINGS.name]
        return {state: count for state, count in found.items() if count}

    def keep_ten(self):
        """The starter set has more than ten faces whose answer is not known."""
        with self.store.reading(OPERATOR, "stats") as work:
            rows = work.connection().exec_driver_sql("SELECT id FROM item WHERE state = 'open' ORDER BY id")
            waiting = [row[0] for row in rows]
        for item in waiting[FACES:]:
            set_aside(self.store, OPERATOR, item, "Ten faces are enough")

    def looked_at_twice(self, visit, name, ready):
        """A page at both widths; `ready` brings it to what is to be seen."""
        visit.picture(name)
        phone = self.visit(width=390)
        phone.context.add_cookies(visit.context.cookies())
        ready(phone)
        phone.picture(name)


@pytest.fixture(scope="module")
def flow(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flow")
    with closing(App(folder)) as app, closing(Store(folder=folder / "data")) as store:
        running = Flow(browser, app, store)
        yield running
        for visit in running.visits:
            visit.close()


def test_two_label_ten_faces_and_a_reviewer_settles_two(flow):
    admin = the_first_account_is_the_admins(flow)
    ann, bo, rev = (flow.visit().sign_up(name) for name in ("ann", "bo", "rev"))
    the_admin_makes_a_reviewer_and_sets_up_the_project(flow, admin)
    items = ann_labels_all_and_reloads_in_the_middle(flow, ann)
    differ = {items[1], items[4]}
    bo_labels_the_same_and_takes_one_back(bo, items, differ)
    assert flow.states() == {"agreed": 8, "disputed": 2, "gold": 6, "set_aside": 2}
    an_annotator_cannot_review(ann)
    first, second = the_reviewer_settles_both(flow, rev, differ)
    the_agreement_is_measured(flow, rev)
    the_export_holds_the_result(flow, admin, first, second)


def the_first_account_is_the_admins(flow):
    admin = flow.visit()
    admin.page.goto(f"{flow.app.url}account")
    form = admin.page.locator("form[data-do=sign-up]")
    form.locator("[name=name]").fill("boss")
    form.locator("[name=password]").fill(PASSWORD)
    form.get_by_role("button", name="Create the account").click()
    admin.page.wait_for_url("**/annotate")
    return admin


def the_admin_makes_a_reviewer_and_sets_up_the_project(flow, admin):
    admin.page.goto(f"{flow.app.url}account")
    expect(admin.page.locator(".vk-role")).to_contain_text("Admin")
    admin.page.locator(".vk-people summary").click()
    admin.page.get_by_label("Role of rev").select_option("reviewer")
    begin = time.monotonic()
    while "reviewer" not in [one.role for one in list_annotators(flow.store, OPERATOR)]:
        assert time.monotonic() - begin < 60
        time.sleep(0.2)
    admin.review("#tab=data")
    for name in ("qualification_items", "gold_share", "random_share"):
        admin.page.locator(f"[name={name}]").fill("0")
    admin.page.get_by_role("button", name="Save").click()
    expect(admin.page.get_by_text("The settings are saved.")).to_be_visible()
    flow.keep_ten()


def ann_labels_all_and_reloads_in_the_middle(flow, ann):
    """Says that AU12 is there and AU4 is not; returns the items in the order they came."""
    ann.open()
    flow.looked_at_twice(ann, "flow-annotate", lambda phone: phone.open())
    items = []
    while ann.page.locator(".va-chip").count():
        items.append(ann.item())
        ann.go_to(12).keys("p", "3", "b")
        ann.go_to(4).keys("a")
        if len(items) == 3:
            ann.saved().page.reload()
            ann.page.wait_for_selector(".va-face")
            assert ann.item() == items[-1]
            assert ann.chosen(12) == {"occurrence": "present", "intensity": "3", "side": "both"}
        ann.submit()
    assert len(set(items)) == FACES
    return items


def bo_labels_the_same_and_takes_one_back(bo, items, differ):
    """Says the same but for AU12 on two faces; of one of the last ones AU4 was hard to tell, on second thoughts."""
    bo.open()
    done, undone = [], None
    while bo.page.locator(".va-chip").count():
        item = bo.item()
        bo.go_to(12).keys(*(["a"] if item in differ else ["p", "3", "b"]))
        bo.go_to(4).keys("a")
        bo.submit()
        done.append(item)
        if len(done) >= 5 and undone is None and item not in differ:
            undone = item
            bo.keys("z")
            bo.page.wait_for_function(f"document.querySelector('.va-chip').src.includes('/faces/{item}/')")
            assert bo.chosen(4) == {"occurrence": "absent"}
            bo.go_to(4).keys("u").submit()
    assert sorted(done) == sorted(items)


def an_annotator_cannot_review(ann):
    ann.review()
    expect(ann.page.get_by_text("Reviewing is for reviewers. You are an annotator.")).to_be_visible()
    assert ann.page.locator(".vr-row").count() == 0


def the_reviewer_settles_both(flow, rev, differ):
    """One by taking an answer, one by an own verdict which a reload does not lose; returns both in that order."""
    rev.review()
    flow.looked_at_twice(rev, "review", lambda phone: phone.review())
    shown = rev.page.locator(".vr-item")
    first = int(shown.get_attribute("data-item"))
    assert first in differ
    expect(rev.page.locator(".vr-row[data-current]")).to_have_attribute("data-number", "12")
    rev.keys("ArrowLeft")
    assert rev.verdict(12) == {"occurrence": "present", "intensity": "3", "side": "both"}
    rev.keys("ArrowRight")
    assert rev.verdict(12) == {"occurrence": "absent"}
    rev.keys("s")
    expect(rev.page.get_by_text(f"Face {first} is settled.")).to_be_visible()
    (second,) = differ - {first}
    expect(shown).to_have_attribute("data-item", str(second))

    rev.keys("c", "s")  # what they agree on is confirmed; the contradiction is still open
    expect(rev.warned()).to_contain_text("AU12 is still open")
    rev.keys("p", "2", "l")
    rev.page.reload()
    assert "/review#" in rev.page.url
    expect(rev.page.get_by_text("1 of 1 contradiction decided")).to_be_visible()
    assert rev.verdict(12) == {"occurrence": "present", "intensity": "2", "side": "left"}
    rev.page.get_by_label("Note").fill("The left corner only")
    rev.page.get_by_role("button", name="Settle, next face").click()
    expect(rev.page.get_by_text("Nothing is disputed.")).to_be_visible()
    assert flow.states()[ItemState.SETTLED] == 2
    return first, second


def the_agreement_is_measured(flow, rev):
    def ready(visit):
        visit.review("#tab=agreement")
        visit.page.wait_for_selector(".vr-headline")

    ready(rev)
    expect(rev.page.get_by_text("Measured on")).to_contain_text("from 20 answers")
    flow.looked_at_twice(rev, "agreement", ready)
    rev.page.get_by_role("columnheader").get_by_role("button", name="Fleiss").click()
    about = rev.page.locator("#vr-about-fleiss_kappa")
    expect(about.get_by_role("heading", name="Fleiss' kappa")).to_be_visible()
    about.get_by_role("button", name="Close").click()
    expect(about).to_be_hidden()


def the_export_holds_the_result(flow, admin, first, second):
    admin.review("#tab=data")
    flow.looked_at_twice(admin, "data", lambda phone: phone.review("#tab=data"))
    admin.page.get_by_text("JSON Lines", exact=True).click()
    admin.page.get_by_text("Only who agreed to be published", exact=False).click()
    with admin.page.expect_download() as download:
        admin.page.get_by_role("button", name="Download as ZIP").click()
    with zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())) as archive:
        faces, answers = (lines(archive, f"vl-fau/{name}.jsonl") for name in ("faces", "answers"))
    labelled = {face["item"]: face for face in faces if face["AU12"] is not None and not face["gold"]}
    assert len(labelled) == FACES
    settled = {face["item"] for face in faces if face["state"] == "settled"}
    assert settled == {first, second}
    told = [(labelled[item]["AU12"], labelled[item]["AU12_laid_down"]) for item in (first, second)]
    assert told == [(0.0, True), (1.0, True)]
    assert labelled[second]["AU12_intensity"] == 2.0
    agreed = [face for item, face in labelled.items() if item not in settled]
    assert all(face["AU12"] > 0.5 and face["AU12_n"] == 2 and face["AU12_agreement"] == 1 for face in agreed)
    assert [answer["AU04"] for answer in answers].count("unsure") == 1
    assert len(answers) == 2 * FACES
    assert {answer["annotator"][:10] for answer in answers} == {"annotator-"}


def lines(archive, name):
    return [json.loads(line) for line in archive.read(name).decode().splitlines()]
