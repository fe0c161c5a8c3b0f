"""Where a photo comes in: chosen, dropped, pasted or taken with the camera.

Gradio's own image input fetches the uploaded file again to show it, so the file could not be removed at once; it also
mirrors what it takes from a camera, and the sentences say left and right.
"""

from pathlib import Path

import gradio as gr

from vlfau.images import ImageLimits

_SCRIPT = Path(__file__).with_name("drop_zone.js").read_text("utf-8")

_MARKUP = f"""<div class="vl-drop" data-max-bytes="{ImageLimits().max_bytes}">
<input type="file" class="vl-hidden" tabindex="-1" accept="image/*,.heic,.heif,.tif,.tiff" aria-label="Photo file">
<button type="button" class="vl-press" data-do="choose">Choose a photo of a face</button>
<p>or drop it here, or paste it</p>
<div class="vl-ways"><button type="button" data-do="camera">Use the camera</button>
<button type="button" data-do="paste">Paste from the clipboard</button></div>
<p class="vl-status" role="status"></p>
<div class="vl-camera" hidden><video playsinline muted aria-label="Camera picture"></video>
<div><button type="button" class="vl-press" data-do="shoot">Take the photo</button>
<button type="button" data-do="close">Close the camera</button></div></div>
<p class="vl-wait vl-sending" role="status">Sending the photo …</p>
<p class="vl-wait vl-reading" role="status">Looking for faces …</p></div>"""

RESET = "() => document.querySelectorAll('.vl-drop').forEach((zone) => delete zone.dataset.state)"
"""JavaScript that makes the zone ready again after a photo that could not be used."""


def drop_zone() -> gr.HTML:
    """The zone; its event `photo` carries `path`, where the photo lies in the upload folder, and its `name`."""
    return gr.HTML(
        _MARKUP, apply_default_css=False, js_on_load=_SCRIPT, elem_id="vl-drop-zone", min_width=300
    )
