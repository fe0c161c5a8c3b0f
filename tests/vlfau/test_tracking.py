"""A face keeps its number through a video and is where a search of every picture would find it."""

import json

import numpy as np
import pytest

from tests.vlfau.clips import face_at, nothing
from vlfau.finder import MediaPipeFinder
from vlfau.tracking import FaceTracker

STEP_S = 0.04


class CountingFinder(MediaPipeFinder):
    """Counts how often whole pictures are searched."""

    def __init__(self):
        super().__init__()
        self.searches = 0

    def find(self, image):
        self.searches += 1
        return super().find(image)


@pytest.fixture(scope="module")
def real_finder():
    return CountingFinder()


@pytest.fixture
def finder(real_finder):
    real_finder.searches = 0
    return real_finder


def track(finder, pictures, step_s=STEP_S, **options):
    tracker = FaceTracker(finder, **options)
    return [tracker.update(picture, index * step_s) for index, picture in enumerate(pictures)]


def numbers(seen):
    return [[track.number for track in tracks] for tracks in seen]


def beside(left, right):
    return np.hstack([left, right])


def moving(count):
    """A face that moves by a fifth of its width and leans, over `count` pictures."""
    return [face_at(0.1 * i / count, 0.03 * np.sin(i), roll_deg=15 * i / count) for i in range(count)]


def test_a_moving_face_is_followed_with_few_searches(finder):
    seen = track(finder, moving(21), detect_every=10)
    assert numbers(seen) == [[0]] * 21
    assert finder.searches == 3


def test_followed_landmarks_are_those_of_a_search(finder):
    """Within 1 % of the distance of the outer corners of the eyes on average; searches differ by 0.1 % themselves."""
    for picture, (tracked,) in zip(moving(10), track(finder, moving(10)), strict=True):
        (face,) = finder.find(picture)
        eyes = np.linalg.norm(face.landmarks_px[33, :2] - face.landmarks_px[263, :2])
        apart = np.linalg.norm((tracked.face.landmarks_px - face.landmarks_px)[:, :2], axis=1)
        assert apart.mean() < 0.01 * eyes
        assert tracked.face.score == pytest.approx(face.score, abs=0.1)
        assert tracked.face.pose.roll_deg == pytest.approx(face.pose.roll_deg, abs=1)


def test_every_picture_is_searched_when_asked_for(finder):
    track(finder, moving(4), detect_every=1)
    assert finder.searches == 4


def test_pictures_far_apart_are_searched(finder):
    assert numbers(track(finder, moving(4), step_s=2.0)) == [[0]] * 4
    assert finder.searches == 4


def test_a_number_lasts_through_a_short_gap(finder):
    seen = track(finder, [*moving(3), *[nothing()] * 4, face_at(0.08)])
    assert numbers(seen) == [[0]] * 3 + [[]] * 4 + [[0]]


def test_a_number_does_not_last_through_a_long_gap(finder):
    tracker = FaceTracker(finder)
    assert numbers([tracker.update(face_at(), 0.0), tracker.update(nothing(), 0.1)]) == [[0], []]
    assert numbers([tracker.update(face_at(), 1.2)]) == [[1]]


def test_a_cut_to_a_face_elsewhere_gives_a_new_number(finder):
    here, there = beside(face_at(), nothing()), beside(nothing(), face_at())
    assert numbers(track(finder, [here, here, there, there])) == [[0], [0], [1], [1]]


def test_a_face_that_leaves_does_not_take_the_number_of_one_that_stays(finder):
    both, one = beside(face_at(), face_at(size=0.7)), beside(nothing(), face_at(size=0.7))
    assert numbers(track(finder, [both, both, one, one])) == [[0, 1], [0, 1], [1], [1]]


def test_a_face_that_comes_is_found_by_the_next_search(finder):
    one, both = beside(face_at(), nothing()), beside(face_at(), face_at(size=0.7))
    seen = numbers(track(finder, [one, *[both] * 4], detect_every=3))
    assert seen == [[0], [0], [0], [0, 1], [0, 1]]


def test_without_a_face_every_picture_is_searched(finder):
    assert numbers(track(finder, [nothing(), nothing(), face_at()])) == [[], [], [0]]


def test_tracking_goes_on_from_its_state(finder):
    pictures = [*moving(6), nothing(), face_at(0.1)]
    straight = track(finder, pictures, detect_every=4)
    for stop in (1, 5, 7):
        tracker = FaceTracker(finder, detect_every=4)
        for index, picture in enumerate(pictures[:stop]):
            tracker.update(picture, index * STEP_S)
        later = FaceTracker(finder, detect_every=4, state=json.loads(json.dumps(tracker.state())))
        for index in range(stop, len(pictures)):
            tracks = later.update(pictures[index], index * STEP_S)
            assert numbers([tracks]) == numbers([straight[index]])
            for one, other in zip(tracks, straight[index], strict=True):
                assert np.array_equal(one.face.landmarks_px, other.face.landmarks_px)
                assert one.face.score == other.face.score
