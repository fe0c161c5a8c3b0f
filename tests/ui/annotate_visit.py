"""A browser at the Annotate page of the real application, for tests: what a person there does and sees."""

from contextlib import contextmanager

from tests.ui.annotate_lab import PASSWORD, AnnotateLab, begin
from tests.ui.browsing import Visit, expect


@contextmanager
def opened_lab(folder, image, face, **settings):
    """A store with the application running on it; tests look into it from outside."""
    lab = AnnotateLab(folder / "data", image, face, begin(folder / "begun"), **settings)
    lab.folder = folder
    yield lab
    lab.close()


class AnnotateVisit(Visit):
    """Somebody at the page."""

    def sign_in(self, name="Ada", password=PASSWORD):
        return super().sign_in(name, password)

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
