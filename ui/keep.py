"""Keeping a photo: what a person who signed in may agree to under a result, and what happens then."""

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from db.errors import NotFound
from db.photos import keep_photo, subject_code
from db.projects import list_projects
from db.roles import OPERATOR
from db.store import Store
from db.text import MAX_NAME, clean_text
from db.values import Consent
from ui.errors import shown_on_page
from ui.uploads import take_upload
from ui.visitor import visitor
from vlfau.errors import NoFaceError, VLFAUError
from vlfau.records import no_face_message

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

MOST_PIXELS = 12_000_000
"""A larger photo is made smaller before it is kept: faces stay large enough, and the disk lasts."""

FIELDS = ("path", "scope", "code", "project", "agreed")
"""Of the event that the form sends."""

SOURCE = "kept on the Analyse page"

READY = "() => document.querySelectorAll('.vl-keep').forEach((form) => form.removeAttribute('aria-busy'))"
"""JavaScript that makes the form ready again after something was wrong."""

_SCRIPT = Path(__file__).with_name("keep.js").read_text("utf-8")

_SCOPES = {
    Consent.ANNOTATE: (
        "Keep it for annotation",
        "People who signed in here see the photo and say what they see on it. Models may learn from it. "
        "It is not given out.",
    ),
    Consent.PUBLISH: (
        "Keep it, and it may be published",
        "The same, and it may be part of published data sets.",
    ),
}


def keep_form() -> gr.HTML:
    """The form; its event `keep` carries FIELDS."""
    return gr.HTML("", visible=False, apply_default_css=False, js_on_load=_SCRIPT, elem_id="vl-keep")


def form_html(store: Store) -> str:
    """The form under a result, for the projects that there are; for nobody in particular it asks to sign in."""
    scopes = "".join(
        f'<label class="vl-scope"><input type="radio" name="scope" value="{scope}" required>'
        f"<span><strong>{title}</strong><small>{text}</small></span></label>"
        for scope, (title, text) in _SCOPES.items()
    )
    return f"""<section class="vl-keep"><p class="vl-keep-nobody" hidden><strong>Is something read wrongly?</strong>
<a href="./account">Sign in</a>, and you can keep this photo so that people correct the reading.</p>
<details hidden><summary>Keep this photo so that people can correct the reading</summary>
<form><p>Nothing of this photo is kept until you press the button below; it is sent once more then.</p>
<fieldset><legend>What may be done with it?</legend>{scopes}</fieldset>{_projects(store)}
<label class="vl-code-of"><span>Code of the person in the photo</span>
<input name="code" maxlength="{MAX_NAME}" autocomplete="off" placeholder="left empty, a new one is made">
<small>Not a name. The same person has the same code in every photo, and can be taken out again by it.</small></label>
<label class="vl-agreed"><input type="checkbox" name="agreed" value="yes" required>
<span>Everybody who can be recognised in this photo agreed to what I chose above.</span></label>
<button type="submit" class="vl-press">Keep this photo</button></form></details></section>"""


class Keeping:
    """What the form does on the server, where everything is looked at anew."""

    def __init__(self, predictor: Callable[[], "Predictor"], store: Store) -> None:
        self.predictor = predictor
        self.store = store

    @shown_on_page
    def keep(self, event: gr.EventData, request: gr.Request) -> str:
        """The photo, sent again, with its faces and what the model says into the project; what the page then says."""
        wanted = {name: getattr(event, name, None) for name in FIELDS}
        _, image = take_upload(wanted)  # and gone from the disk, whoever asks
        who = visitor(request, self.store)
        consent = _agreement(wanted)
        code = clean_text(_text(wanted, "code"), MAX_NAME, "The code")
        project = self._project(_text(wanted, "project"))
        image = _not_too_large(image)
        faces = self.predictor().predict(image)
        if not faces:
            raise NoFaceError(no_face_message(image.shape[1], image.shape[0]))
        items = keep_photo(self.store, who.actor, project, image, faces, consent, code, SOURCE)
        return kept_html(len(items), subject_code(self.store, who.actor, items[0]))

    def _project(self, chosen: str) -> int:
        """The project that was chosen, or the only one."""
        projects = list_projects(self.store, OPERATOR)
        if not chosen and len(projects) == 1:
            return next(iter(projects))
        if not chosen.isascii() or not chosen.isdigit() or int(chosen) not in projects:
            raise NotFound(
                f"There is no such project. Found '{chosen[:20] or 'none'}'; there are {len(projects)}. Choose one."
            )
        return int(chosen)


def kept_html(faces: int, code: str) -> str:
    """What is said when a photo is kept."""
    count = "One face is" if faces == 1 else f"{faces} faces are"
    return (
        '<section class="vl-keep vl-kept" role="status"><p><strong>The photo is kept.</strong> '
        f'{count} in the queue now. <a href="./annotate">Annotate</a></p>'
        f"<p>Code of the person: <code>{escape(code)}</code>. Write it down: with it the person can be taken out "
        'again, by you on the page <a href="./account">Account</a> or by whoever runs this page.</p>'
        f'<p><button type="button" class="vl-take-out" data-code="{escape(code)}">Take this person out again</button> '
        '<span class="vl-taken-out" role="status"></span></p></section>'
    )


def _agreement(wanted: Mapping[str, Any]) -> Consent:
    scope = _text(wanted, "scope")
    if scope not in list(Consent):
        raise VLFAUError(
            f"It is not said what may be done with the photo. Found '{scope[:20] or 'nothing'}'. "
            "Choose one of the two, or keep nothing."
        )
    if wanted.get("agreed") is not True:
        raise VLFAUError(
            "The people in the photo have not agreed. The box is not ticked. Ask them, then tick it; "
            "or keep nothing."
        )
    return Consent(scope)


def _text(wanted: Mapping[str, Any], name: str) -> str:
    value = wanted.get(name)
    return value if isinstance(value, str) else ""


def _projects(store: Store) -> str:
    projects = list_projects(store, OPERATOR)
    if len(projects) < 2:
        return ""
    options = "".join(
        f'<option value="{number}">{escape(settings.name)}</option>' for number, settings in projects.items()
    )
    return f'<label class="vl-code-of"><span>Project</span><select name="project">{options}</select></label>'


def _not_too_large(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = (MOST_PIXELS / (height * width)) ** 0.5
    if scale >= 1:
        return image
    size = (int(width * scale), int(height * scale))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
