"""Photos through the whole embedded predictor: faces of synthetic persons, rendered by this project."""

from pathlib import Path

import numpy as np
import pytest

from vlfau.action_units import AU_NUMBERS
from vlfau.images import read_image
from vlfau.predictor import Predictor
from vlfau.sentences import read_description, read_state

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor.load(device="cpu")


@pytest.fixture(scope="module")
def group(predictor):
    return predictor.predict(read_image(DATA / "group.jpg"))


def test_every_face_of_a_group_is_read_largest_first(group):
    assert len(group) == 5
    areas = [face.face.width_px * face.face.height_px for face in group]
    assert areas == sorted(areas, reverse=True)


def test_shapes_and_ranges(group, predictor):
    config = predictor.checkpoint.config
    for face in group:
        assert [unit.number for unit in face.action_units] == list(AU_NUMBERS)
        assert all(0 <= unit.probability <= 1 and 0 <= unit.intensity <= 5 for unit in face.action_units)
        assert all(
            unit.active == (unit.probability >= np.float32(unit.threshold)) for unit in face.action_units
        )
        assert face.evidence.shape == (len(AU_NUMBERS), config.grid, config.grid)
        assert np.allclose(face.evidence.sum(axis=(1, 2)), 1, atol=1e-4)
        assert face.chip.shape == (config.chip_size_px, config.chip_size_px, 3)
        assert face.model_version == config.model_version


def test_sentences_say_what_was_decided(group):
    """With the embedded checkpoint; the share over real photos is reported in its card."""
    units = [unit for face in group for unit in face.action_units]
    agreed = [read_state(unit.number, unit.text) is unit.active for unit in units]
    assert np.mean(agreed) >= 0.97
    named = [read_description(face.description) for face in group]
    decided = [frozenset(u.number for u in face.action_units if u.active) for face in group]
    assert sum(a == b for a, b in zip(named, decided, strict=True)) >= 4


def test_a_face_reads_the_same_alone_and_in_a_batch(group, predictor):
    image = read_image(DATA / "group.jpg")
    alone = predictor.predict_faces(image, [group[-1].face])[0]
    for one, other in zip(alone.action_units, group[-1].action_units, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-4)
        assert one.text == other.text


def test_without_words_there_are_none(predictor):
    (face,) = predictor.predict(read_image(DATA / "face.jpg"), words=False)
    assert face.description is None
    assert all(unit.text is None for unit in face.action_units)


def test_no_face_no_prediction(predictor):
    assert predictor.predict(np.full((200, 300, 3), 127, np.uint8)) == []


@pytest.mark.parametrize(
    ("example", "units"), [("au06-au12-au25", {12, 25}), ("au43", {43}), ("neutral", set())]
)
def test_examples_show_what_they_were_rendered_with(predictor, example, units):
    photo = Path(__file__).parents[2] / "ui" / "examples" / f"{example}.jpg"
    (face,) = predictor.predict(read_image(photo))
    assert units <= {unit.number for unit in face.action_units if unit.active}
