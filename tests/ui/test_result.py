"""The result of a photo: boxes where the faces are, files that hold the records, warnings in words."""

import base64
import csv
import json
import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest

from ui.result import result_html
from vlfau.faces import QualityWarning


def downloaded(html, suffix):
    name, data = re.search(rf'download="([^"]+\.{suffix})" href="data:[^;]+;base64,([^"]+)"', html).groups()
    return name, base64.b64decode(data).decode()


def test_the_box_lies_over_the_face(image, faces):
    left, top, width, height = (
        float(v)
        for v in re.search(
            r'class="vl-box" style="left:([\d.]+)%;top:([\d.]+)%;width:([\d.]+)%;height:([\d.]+)%',
            result_html("a", image, faces),
        ).groups()
    )
    x0, y0, x1, y1 = np.array(faces[0].face.box_xyxy_px) / 12.80
    assert (left, top, left + width, top + height) == pytest.approx((x0, y0, x1, y1), abs=0.05)


def test_a_box_that_leaves_the_photo_is_cut_off(image, faces):
    outside = replace(faces[0], face=replace(faces[0].face, box_xyxy_px=(-50, -50, 9000, 640)))
    assert "left:0.00%;top:0.00%;width:100.00%;height:50.00%" in result_html("a", image, [outside])


def test_both_files_hold_the_records(image, faces):
    html = result_html("me & you.jpg", image, faces)
    name, text = downloaded(html, "csv")
    (row,) = csv.DictReader(StringIO(text))
    (record,) = json.loads(downloaded(html, "json")[1])
    assert name == "me &amp; you-action-units.csv"
    assert row["file"] == record["file"] == "me & you.jpg"
    assert float(row["AU12_p"]) == record["AU12_p"] == round(faces[0].action_units[8].probability, 4)


def test_one_face_needs_no_choice_and_several_do(image, faces):
    assert "vl-choices" not in result_html("a", image, faces)
    several = result_html("a", image, faces * 3)
    assert several.count('name="vl-face"') == 3
    assert several.count('<section class="vl-face"') == 3
    assert several.count(" hidden>") == 2


def test_a_warning_is_shown_in_its_words(image, faces):
    warned = replace(
        faces[0], face=replace(faces[0].face, warnings=(QualityWarning("blur", "Blurred <a lot>."),))
    )
    html = result_html("a", image, [warned])
    assert "Read this face with care" in html
    assert "Blurred &lt;a lot&gt;." in html


def test_no_face_says_what_to_do(image):
    html = result_html("a", image, [])
    assert "No face was found" in html
    assert "crop closer" in html
    assert "download=" not in html


def test_names_and_descriptions_cannot_become_markup(image, faces):
    html = result_html('"><script>.jpg', image, [replace(faces[0], description="<b onclick=x>")])
    assert "<script" not in html
    assert "<b " not in html


def test_a_result_without_words_has_no_empty_quotes(image, predictor):
    html = result_html("a", image, predictor.predict(image, words=False))
    assert "<blockquote" not in html
    assert "of 22 action units are seen." in html
    assert "None" not in html
