"""A browser at the Annotate page of the real application, for tests: what a person there does and sees."""

from contextlib import contextmanager

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect, sync_playwright

from tests.ui.annotate_lab import PASSWORD, AnnotateLab, begin
from tests.ui.conftest import App
from tests.ui.test_browser import CHROMIUM, OPTIONS, PATIENCE_MS, Visit


@contextmanager
def opened_browser():
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


@contextmanager
def opened_lab(folder, image, face, **settings):
    """A store with the application running on it; tests look into it from outside."""
    lab = AnnotateLab(folder / "data", image, face, begin(folder / "begun"), **settings)
    lab.folder = folder
    yield lab
    lab.close()


@contextmanager
def opened_app(lab):
    app = App(lab.folder)
    yield app
    app.process.terminate()
    app.process.wait(30)


@contextmanager
def opened_visits(browser, app):
    """Gives `begin(name, **look)`; at the end nothing went wrong on the console and no other host was asked."""
    visits = []

    def begin(name="Ada", **look):
        visits.append(AnnotateVisit(browser, app, **look).sign_in(name).open())
        return visits[-1]

    yield begin
    for each in visits:
        each.context.close()
        assert [error for error in each.errors if "ERR_INTERNET_DISCONNECTED" not in error] == []
        own = (app.url, "data:", "blob:")
        assert {url for url in each.asked if not url.startswith(own)} == set()


class AnnotateVisit(Visit):
    """Somebody at the page."""

    def sign_in(self, name="Ada"):
        address = f"{self.app.url}account/sign-in"
        answer = self.page.request.post(address, data={"name": name, "password": PASSWORD})
        assert answer.status == 200
        return self

    def open(self, path="annotate"):
        self.page.goto(self.app.url + path)
        self.page.wait_for_selector(".va-face, .va-empty")
        return self

    def keys(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
        return self

    def row(self, number):
        return self.page.locator(f'.va-row[data-unit="{number}"]')

    def go_to(self, number):
        self.row(number).locator(".va-head").click()
        return self

    def press(self, number, value):
        """Press one of the choices of a row with the pointer."""
        self.row(number).locator(f'label:has(input[value="{value}"])').click()

    def chosen(self, number):
        """What is marked in a row: part -> value."""
        inputs = self.row(number).locator("input:checked")
        return {one.get_attribute("data-part"): one.get_attribute("value") for one in inputs.all()}

    def words(self, number):
        return self.row(number).locator("textarea").input_value()

    def saved(self):
        expect(self.page.locator(".va-saved")).to_have_text("Saved")
        return self

    def item(self):
        """Of the face in hand, from its picture's address."""
        return int(self.page.locator(".va-chip").get_attribute("src").split("/")[2])

    def begin_anew(self):
        """What an earlier test left in hand goes away; the face that comes has no marks."""
        if self.page.locator(".va-count").inner_text() != "0 of 22 answered":
            self.submit()
        return self

    def submit(self):
        before = self.item()
        self.keys("s")
        self.page.wait_for_function(f"!document.querySelector('.va-chip')?.src.includes('/faces/{before}/')")
        return before
