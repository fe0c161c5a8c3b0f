"""A browser at the pages, for tests: how it is opened, what a visitor does there, and what is looked at in the end."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect, sync_playwright

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

every_look = pytest.mark.parametrize("width", [1280, 390])
light_and_dark = pytest.mark.parametrize("scheme", ["light", "dark"])


@contextmanager
def opened_browser():
    """Skips where there is none."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; set CHROMIUM")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield opened
        opened.close()


class Visit:
    """One browser window on the app, which notes other hosts that were asked and errors on the console."""

    expected_error = "none is"
    """What errors say that belong to what is tested."""

    def __init__(self, browser, app, width=1280, scheme="light"):
        self.app, self.width, self.scheme = app, width, scheme
        height = 900 if width > 760 else 844
        self.context = browser.new_context(
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

    def close(self):
        """At the end nothing went wrong on the console that had to go right, and no other host was asked."""
        self.context.close()
        wrong = [error for error in self.errors if self.expected_error not in error]
        own = (self.app.url, "data:", "blob:")
        wrong += [url for url in self.asked if not url.startswith(own)]
        assert not wrong, wrong

    def sign_in(self, name, password):
        address = f"{self.app.url}account/sign-in"
        answer = self.page.request.post(address, data={"name": name, "password": password})
        assert answer.status == 200
        return self

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
        self.page.wait_for_function(
            "[...document.images].every((image) => image.complete || image.loading === 'lazy')"
        )
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
