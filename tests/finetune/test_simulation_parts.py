"""The parts of the simulation: the camera, the annotators, who is who, and the figures of the report."""

import math
from xml.etree import ElementTree

import numpy as np
import pytest

from db.values import Occurrence, PredictedUnit, Prediction
from finetune.simulation.annotating import refuse_too_many
from finetune.simulation.annotators import Careful, Lazy, Spammer
from finetune.simulation.camera import DAYLIGHT, Camera
from finetune.simulation.domain import share_out
from finetune.simulation.pictures import load_pictures
from finetune.simulation.report import curve, over_seeds, summary, table
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

UNITS = len(AU_NUMBERS)


def test_the_pack_shows_people_whom_nobody_learnt_from():
    pictures = load_pictures()
    assert len(pictures) == 840
    assert len(set(pictures.person.tolist())) == 120
    assert pictures.image(0).shape == (160, 160, 3)
    assert 2 < (np.nan_to_num(pictures.peak) >= 1).sum() / len(pictures) < 5
    assert all(name.startswith("sfhq_") for name in pictures.person.tolist())


def test_a_pack_that_is_none_is_refused(tmp_path):
    (tmp_path / "pictures.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        load_pictures(tmp_path / "pictures.parquet")


def test_a_store_that_went_further_cannot_say_what_fewer_corrections_do(tmp_path):
    refuse_too_many(50, 50, tmp_path)
    with pytest.raises(DataError, match=r"has 51 corrected faces, 50 are wanted"):
        refuse_too_many(51, 50, tmp_path)


def test_daylight_leaves_a_picture_as_it_is():
    picture = load_pictures().image(3)
    photo = DAYLIGHT.photo(picture, np.random.default_rng(0))
    assert np.abs(photo.astype(int) - picture).mean() < 3


def test_the_night_camera_is_grey_dark_at_the_rim_and_swells_the_middle():
    camera = Camera(noise=0, high=0)
    rings = np.zeros((160, 160, 3), np.uint8)
    at = np.hypot(*np.meshgrid(np.arange(160) - 79.5, np.arange(160) - 83.5))
    rings[at < 30] = (255, 0, 0)
    photo = camera.photo(rings, np.random.default_rng(0))
    assert (photo.std(axis=2) < 3).all()
    assert (photo[..., 0] > 100).sum() > 1.5 * (rings[..., 0] > 100).sum()
    white = camera.photo(np.full((160, 160, 3), 255, np.uint8), np.random.default_rng(0))
    assert white[80, 80, 0] > 1.3 * white[2, 2, 0]


def test_a_camera_held_high_shows_the_brow_larger():
    stripes = np.zeros((160, 160, 3), np.uint8)
    stripes[:, 60:100] = 255
    photo = Camera(near=0, high=0.4, noise=0, falloff=0).photo(stripes, np.random.default_rng(0))
    widths = (photo[..., 0] > 100).sum(axis=1)
    assert widths[10] > 1.5 * widths[150]


def test_the_careful_err_as_often_as_they_should_and_leave_open_what_nobody_can_tell():
    peak = np.where(np.arange(UNITS) % 2, 3.0, 0.0).astype(np.float32)
    peak[0] = np.nan
    rng = np.random.default_rng(5)
    answers = [Careful(0.1).answer(peak, None, rng).occurrences for _ in range(200)]
    assert {answer[AU_NUMBERS[0]] for answer in answers} == {Occurrence.UNSURE}
    wrong = [
        (answer[number] == Occurrence.PRESENT) != bool(true >= 1)
        for answer in answers
        for number, true in zip(AU_NUMBERS[1:], peak[1:].tolist(), strict=True)
    ]
    assert np.mean(wrong) == pytest.approx(0.1, abs=0.02)


def test_the_lazy_accept_and_spammers_do_not_look():
    units = tuple(
        PredictedUnit(number, 0.9 if number == 12 else 0.1, 0.5, 3.0, None) for number in AU_NUMBERS
    )
    prediction = Prediction(1, "base", None, units)
    truth, rng = np.zeros(UNITS, np.float32), np.random.default_rng(0)
    said = Lazy().answer(truth, prediction, rng).occurrences
    assert [number for number, what in said.items() if what == Occurrence.PRESENT] == [12]
    assert set(Lazy().answer(truth, None, rng).occurrences.values()) == {Occurrence.ABSENT}
    clicks = [Spammer().answer(truth, prediction, rng).occurrences[12] for _ in range(100)]
    assert 30 < clicks.count(Occurrence.PRESENT) < 70


def test_people_are_shared_out_whole_and_otherwise_with_another_seed():
    person = np.repeat([f"P{number}" for number in range(12)], 3)
    first, second = share_out(person, 4, 1), share_out(person, 4, 2)
    assert len(first.held_out) == 12
    assert not set(person[first.held_out]) & set(person[first.pool])
    assert sorted([*first.held_out, *first.pool]) == list(range(36))
    assert set(person[first.held_out]) != set(person[second.held_out])


def line(seed: int, corrections: int, after: float, order: str = "uncertainty", replay: bool = True) -> dict:
    """A made result."""
    weights = {"careful-0": 0.8, "lazy": 0.3, "spammer": 0.01 * seed}
    return {
        "seed": seed,
        "order": order,
        "corrections": corrections,
        "replay": replay,
        "domain": {
            "champion": [0.4, 0.3, 0.5],
            "candidate": [after, 0.4, 0.6],
            "gain": [after - 0.4, 0.05, 0.2],
        },
        "base_set": {
            "champion": [0.7, 0.6, 0.8],
            "candidate": [0.69, 0.6, 0.8],
            "gain": [-0.01, -0.03, 0.01],
        },
        "weights": weights,
        "gate": {"passed": seed == 1, "refused": [] if seed == 1 else ["No."]},
    }


def test_an_interval_over_seeds_is_students():
    mean, low, high = over_seeds([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx(
        (2.0, 2 - 4.3027 / math.sqrt(3), 2 + 4.3027 / math.sqrt(3)), abs=1e-3
    )
    assert math.isnan(over_seeds([1.0])[1])


def test_the_summary_is_of_what_was_promised():
    found = summary([line(1, 200, 0.5), line(2, 200, 0.54), line(1, 400, 0.9), line(1, 200, 0.1, "random")])
    assert (found["corrections"], found["seeds"], found["gate_passed"], found["gate_asked"]) == (200, 2, 1, 2)
    assert found["gain_f1"] == pytest.approx(0.12)
    assert found["gain_f1_interval"][0] < 0.12 < found["gain_f1_interval"][1]
    assert found["base_drop_f1"] == pytest.approx(0.01)
    assert found["spammer_weight"] == pytest.approx(0.015)


def test_one_seed_takes_its_interval_from_people():
    found = summary([line(1, 200, 0.5)])
    assert found["gain_f1_interval"] == [0.05, 0.2]
    assert found["base_drop_f1_interval"] == [-0.01, 0.03]


def test_table_and_curve_show_every_point():
    lines = [
        line(s, n, 0.4 + n / 1000, o) for s in (1, 2) for n in (50, 200) for o in ("uncertainty", "random")
    ]
    rows = table(lines).splitlines()
    assert len(rows) == 2 + 1 + 4
    assert rows[-1].startswith("| 200 | random | yes | 0.600 | +0.200")
    drawing = ElementTree.fromstring(curve(lines))
    points = drawing.findall("{http://www.w3.org/2000/svg}circle")
    assert len(points) == 2 * 2 * 3
