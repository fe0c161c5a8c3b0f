"""The result of one photo as HTML: the photo with its faces, what was found on each, and the files to take away.

All of it is in the page, pictures and files included, so that nothing of a visitor's photo has to stay on the server.
"""

import json
from collections.abc import Sequence
from html import escape
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ui.bars import units_html
from ui.overlay import data_uri, face_jpeg, photo_jpeg
from vlfau.records import no_face_message, photo_records, to_text

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import FacePrediction

_AGAIN = '<h1 class="vl-hidden">Result</h1><button type="button" class="vl-again">Another photo</button>'


def result_html(name: str, image: NDArray[np.uint8], faces: Sequence["FacePrediction"]) -> str:
    """Everything about one photo; `name` is its file name, `faces` may be empty."""
    height, width = image.shape[:2]
    if not faces:
        return (
            f'<div class="vl-result" tabindex="-1"><div class="vl-photo">{_AGAIN}{_photo(image, [])}</div>'
            f'<div class="vl-faces"><p class="vl-caution" role="status">{escape(no_face_message(width, height))}</p>'
            "</div></div>"
        )
    pictures = [
        data_uri(face_jpeg(image, face.chip_transform, face.chip.shape[0]), "image/jpeg") for face in faces
    ]
    panels = "".join(_panel(face, index, pictures[index], len(faces)) for index, face in enumerate(faces))
    return (
        f'<div class="vl-result" tabindex="-1"><div class="vl-photo">{_AGAIN}{_choices(faces, pictures)}'
        f'{_photo(image, faces)}{_downloads(name, faces)}</div><div class="vl-faces">{panels}</div></div>'
    )


def _photo(image: NDArray[np.uint8], faces: Sequence["FacePrediction"]) -> str:
    count = {0: "no face", 1: "one face"}.get(len(faces), f"{len(faces)} faces")
    boxes = "".join(_box(face, index, image, len(faces)) for index, face in enumerate(faces))
    return (
        f'<figure class="vl-figure"><img src="{data_uri(photo_jpeg(image), "image/jpeg")}" '
        f'alt="Your photo, with {count} marked">{boxes}</figure>'
    )


def _box(prediction: "FacePrediction", index: int, image: NDArray[np.uint8], count: int) -> str:
    """A frame over the photo; with several faces it is a second label of that face's radio button."""
    height, width = image.shape[:2]
    left, top, right, bottom = np.clip(
        np.array(prediction.face.box_xyxy_px) / [width, height, width, height], 0, 1
    )
    style = f"left:{left:.2%};top:{top:.2%};width:{right - left:.2%};height:{bottom - top:.2%}"
    if count == 1:
        return f'<span class="vl-box" style="{style}"></span>'
    return (
        f'<label class="vl-box" for="vl-face-{index}" style="{style}" title="Face {index + 1}">'
        f"<span>{index + 1}</span></label>"
    )


def _choices(faces: Sequence["FacePrediction"], pictures: Sequence[str]) -> str:
    """A row of small pictures to choose a face from; nothing when there is only one."""
    if len(faces) == 1:
        return ""
    choices = "".join(
        f'<div class="vl-choice"><input class="vl-hidden" type="radio" name="vl-face" id="vl-face-{index}" '
        f'value="{index}"{" checked" if index == 0 else ""}><label for="vl-face-{index}"><img src="{picture}" alt="">'
        f"<span>Face {index + 1}</span></label></div>"
        for index, picture in enumerate(pictures)
    )
    return (
        f'<div class="vl-choices" role="radiogroup" aria-label="Which face"><p>{len(faces)} faces. Choose one:</p>'
        f"<div>{choices}</div></div>"
    )


def _panel(prediction: "FacePrediction", index: int, picture: str, count: int) -> str:
    """What was found on one face; only the first is in view at the beginning."""
    title = "What the face shows" if count == 1 else f"What face {index + 1} shows"
    seen = sum(unit.active for unit in prediction.action_units)
    described = prediction.description or f"{seen} of {len(prediction.action_units)} action units are seen."
    return (
        f'<section class="vl-face" data-face="{index}" style="--face:url({picture})"{" hidden" if index else ""}>'
        f'<div class="vl-description"><h2>{title}</h2><p>{escape(described)}</p></div>'
        f"{_facts(prediction)}{_warnings(prediction)}"
        f"{_legend(index)}{units_html(prediction, index)}</section>"
    )


def _facts(prediction: "FacePrediction") -> str:
    """Size and turn of the face, from the person's own point of view."""
    face, pose = prediction.face, prediction.face.pose
    yaw, pitch = round(pose.yaw_deg), round(pose.pitch_deg)
    turned = f"turned {abs(yaw)}° to its own {'left' if yaw > 0 else 'right'}" if yaw else "not turned"
    chin = f"chin {abs(pitch)}° {'up' if pitch > 0 else 'down'}" if pitch else "chin level"
    return f'<p class="vl-facts">Face of {face.width_px:.0f} x {face.height_px:.0f} pixels, {turned}, {chin}.</p>'


def _warnings(prediction: "FacePrediction") -> str:
    items = "".join(f"<li>{escape(warning.message)}</li>" for warning in prediction.face.warnings)
    return (
        f'<div class="vl-caution" role="note"><strong>Read this face with care.</strong><ul>{items}</ul></div>'
        if items
        else ""
    )


def _legend(index: int) -> str:
    """The order of the bars, and how to read one."""
    orders = "".join(
        f'<span><input class="vl-hidden" type="radio" name="vl-order-{index}" id="vl-order-{index}-{order}" '
        f'value="{order}"{" checked" if order == "likely" else ""}>'
        f'<label for="vl-order-{index}-{order}">{text}</label></span>'
        for order, text in (("likely", "Most likely first"), ("region", "By part of the face"))
    )
    return (
        f'<div class="vl-legend"><div class="vl-orders" role="radiogroup" aria-label="Order">{orders}</div>'
        '<p>Bar: how likely the movement is. <span class="vl-tick" aria-hidden="true"></span> From here on it counts '
        "as seen. Letter: how strong, A to E. Choose one to see more of it.</p></div>"
    )


def _downloads(name: str, faces: Sequence["FacePrediction"]) -> str:
    records = photo_records(name, faces)
    stem = escape(PurePath(name).stem or "photo")
    files = (
        ("CSV", "csv", "text/csv", to_text(records, "csv")),
        ("JSON", "json", "application/json", json.dumps(records, ensure_ascii=False, indent=1)),
    )
    links = "".join(
        f'<a download="{stem}-action-units.{suffix}" href="{data_uri(text.encode(), mime)}">{title}</a>'
        for title, suffix, mime, text in files
    )
    return f'<p class="vl-downloads"><span>Take the numbers along:</span>{links}</p>'
