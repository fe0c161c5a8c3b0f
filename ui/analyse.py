"""The Analyse page: a photo in, faces and their action units out; nothing of it stays, unless somebody keeps it."""

import io
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from db.store import Store
from ui.behind import behind
from ui.drop_zone import RESET, drop_zone
from ui.errors import shown_on_page
from ui.keep import READY, Keeping, form_html, keep_form
from ui.neutral import NEUTRAL_READY, NeutralPhoto, neutral_form
from ui.overlay import data_uri
from ui.result import result_html
from ui.theme import static_html
from ui.uploads import take_upload
from vlfau.action_units import by_number
from vlfau.images import read_image

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

EXAMPLES = Path(__file__).with_name("examples")
"""Renders of synthetic persons; a file name says which action units were rendered: `au06-au12.jpg`."""

THUMBNAIL_PX = 200

QUEUE = {"concurrency_id": "predictor", "concurrency_limit": 2}
"""All heavy work waits in one queue; two at a time, so that one large photo does not hold up everyone."""

_RESULT_SCRIPT = Path(__file__).with_name("result.js").read_text("utf-8")
_EXAMPLES_SCRIPT = """
element.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-example]");
  const zone = document.querySelector(".vl-drop");
  if (!button || zone.dataset.state) return;
  zone.dataset.state = "reading";
  globalThis.vlPhoto = null;
  trigger("example", { name: button.dataset.example });
});
"""

LEAD = """<div class="vl-lead"><h1>Facial action units from a photo</h1>
<p>22 muscle movements of the face: how likely each one is, how strong, where it shows, and all of it in words.</p>
</div>"""

NOTICE = """<div class="vl-notice" role="note">
<p><strong>Movements, not feelings.</strong> What is read are muscle movements. They do not tell what a person feels,
thinks or intends.</p>
<p><strong>Not about who someone is.</strong> Not for identification and not for decisions about people. In the EU the
AI Act bans reading emotions at work and at school, and asks you to tell people elsewhere.
<a href="./about">Intended use</a></p>
<p><strong>Your photo is not kept.</strong> It is analysed in memory and removed at once. The result exists only in
your browser. Whoever signs in may keep a photo, and is asked for consent first.</p></div>"""


class Analysis:
    """What the page does with a photo; asks for the predictor each time and holds no photo."""

    def __init__(self, predictor: Callable[[], "Predictor"], store: Store) -> None:
        self.predictor = predictor
        self.store = store

    @shown_on_page
    @behind
    def show_upload(self, event: gr.EventData) -> tuple[Any, ...]:
        """A photo from the drop zone -> what the page shows."""
        return self._show(*take_upload({"path": event.path, "orig_name": event.name}), may_be_kept=True)

    @shown_on_page
    @behind
    def show_example(self, event: gr.EventData) -> tuple[Any, ...]:
        """The example that was clicked -> what the page shows."""
        chosen = {path.name: path for path in examples()}.get(str(event.name))
        if chosen is None:
            raise gr.Error(
                "There is no such example. Choose one of those on the page.", print_exception=False
            )
        return self._show(chosen.name, read_image(chosen))

    def _show(self, name: str, image: NDArray[np.uint8], may_be_kept: bool = False) -> tuple[Any, ...]:
        faces = self.predictor().predict(image)
        html = result_html(name, image, faces)
        keep = gr.update(visible=False)
        if faces and may_be_kept:
            keep = gr.update(visible=True, value=form_html(self.store))
        return gr.update(visible=False), html, keep, gr.update(visible=bool(faces), value="")


def examples() -> list[Path]:
    """The example photos, sorted by name."""
    return sorted(EXAMPLES.glob("*.jpg"))


def build(predictor: Callable[[], "Predictor"], store: Store) -> None:
    """Put the page into the Blocks around this call."""
    analysis = Analysis(predictor, store)
    with gr.Column(elem_id="vl-start") as start:
        static_html(LEAD)
        with gr.Row(equal_height=True):
            with gr.Column(scale=2, min_width=300):
                zone = drop_zone()
            with gr.Column(scale=1, min_width=300, visible=bool(examples())):
                gallery = _examples_gallery()
    result = gr.HTML(apply_default_css=False, js_on_load=_RESULT_SCRIPT, elem_id="vl-result")
    neutral = neutral_form()
    form = keep_form()
    static_html(NOTICE)

    shown = [start, result, form, neutral]
    private: dict[str, Any] = {"api_visibility": "private"}
    heavy = {"show_progress": "hidden", **private, **QUEUE}
    photo = zone.photo(analysis.show_upload, None, shown, **heavy)
    example = gallery.example(analysis.show_example, None, shown, **heavy)
    for shown_photo in (photo, example):
        shown_photo.failure(None, None, None, js=RESET, **private)
    compared = neutral.neutral(NeutralPhoto(predictor).read, None, neutral, **heavy)
    compared.failure(None, None, None, js=NEUTRAL_READY, **private)
    kept = form.keep(Keeping(predictor, store).keep, None, form, **heavy)
    kept.failure(None, None, None, js=READY, **private)
    result.again(_start_again, None, shown, queue=False, show_progress="hidden", **private)


def _examples_gallery() -> gr.HTML:
    buttons = "".join(
        f'<button type="button" data-example="{escape(path.name)}"><img src="{_thumbnail(path)}" '
        f'alt="Example: {escape(_what_is_rendered(path))}"></button>'
        for path in examples()
    )
    return gr.HTML(
        '<section class="vl-side"><h2>No photo at hand?</h2>'
        "<p>Try one of these. They are renders, not real persons.</p>"
        f'<div class="vl-examples">{buttons}</div></section>',
        apply_default_css=False,
        js_on_load=_EXAMPLES_SCRIPT,
        elem_id="vl-examples",
    )


def _what_is_rendered(path: Path) -> str:
    names = [by_number(int(code)).name.lower() for code in re.findall(r"au(\d+)", path.stem)]
    return " and ".join(names) or "a face at rest"


def _thumbnail(path: Path) -> str:
    with Image.open(path) as image:
        image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        data = io.BytesIO()
        image.convert("RGB").save(data, "JPEG", quality=80)
    return data_uri(data.getvalue(), "image/jpeg")


def _start_again() -> tuple[Any, ...]:
    return gr.update(visible=True), "", gr.update(visible=False), gr.update(visible=False, value="")
