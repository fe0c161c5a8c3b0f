"""Under a result: a neutral photo of the same person, and how far the result is from that.

The server reads the neutral photo and says what is seen on it; the differences are made in the browser, which has the
result. So nothing of either photo has to stay.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ui.behind import behind
from ui.errors import shown_on_page
from ui.uploads import take_upload

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

NEUTRAL_READY = (
    "() => document.querySelectorAll('.vl-neutral').forEach((fold) => fold.removeAttribute('aria-busy'))"
)
"""JavaScript that makes the fold ready again after a photo that could not be used."""

_SCRIPT = Path(__file__).with_name("neutral.js").read_text("utf-8")

_FOLD = """<details class="vl-neutral"><summary>Compare with a neutral photo of the same person</summary>
<p>Faces differ at rest. Give a photo of this person alone, with nothing moving, and each movement is also told as the
difference to it: how much more likely, and how much stronger.</p>
<input type="file" class="vl-hidden" tabindex="-1" accept="image/*,.heic,.heif,.tif,.tiff" aria-label="Neutral photo">
<p class="vl-neutral-do"><button type="button" data-do="choose">Choose the neutral photo</button>
<button type="button" data-do="remove" hidden>Show without it</button>
<span class="vl-neutral-said" role="status"></span></p>
<p class="vl-neutral-weak">Where this is weak: nothing checks that it is the same person. What moves in both photos
disappears. Another light, distance or turn of the head changes the readings too, so use photos that are alike. The
neutral photo is not kept either.</p></details>"""


class NeutralPhoto:
    """What the fold does on the server; holds no photo."""

    def __init__(self, predictor: Callable[[], "Predictor"]) -> None:
        self._predictor = predictor

    @shown_on_page
    @behind
    def read(self, event: gr.EventData) -> str:
        """A photo of one face -> JSON: its name, and probability and intensity for each action unit's number.

        The upload's own name makes each answer another one: the page gets no event for a value that it has.
        """
        from vlfau.pipeline import baseline_of

        given = {"path": getattr(event, "path", None), "orig_name": getattr(event, "name", None)}
        name, image = take_upload(given)
        baseline = baseline_of(self._predictor(), name, image)
        return json.dumps({"name": name, "values": baseline.values, "upload": Path(str(given["path"])).stem})


def neutral_form() -> gr.HTML:
    """The fold; its event `neutral` carries `path`, where the photo lies in the upload folder, and its `name`."""
    return gr.HTML(
        "",
        visible=False,
        html_template=_FOLD,
        apply_default_css=False,
        js_on_load=_SCRIPT,
        elem_id="vl-neutral",
    )
