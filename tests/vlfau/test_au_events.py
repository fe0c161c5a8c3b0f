"""Events begin and end where the probability says so, with two thresholds, and survive short gaps."""

import csv
import io

import pytest

from vlfau.au_events import EVENT_COLUMNS, AUEventFinder, events_csv


def record(frame, probability=None, intensity=2.0, track=0, step_s=0.1):
    """AU12 of one face in one picture; None: no face."""
    seen = probability is not None
    return {
        "frame": frame,
        "time_s": round(frame * step_s, 6),
        "track": track if seen else None,
        "success": int(seen),
        "AU12_p": probability,
        "AU12_i": intensity if seen else None,
    }


def events(probabilities, intensities=None, **settings):
    finder = AUEventFinder({12: 0.5}, **settings)
    intensities = intensities or [2.0] * len(probabilities)
    found = []
    for frame, (probability, intensity) in enumerate(zip(probabilities, intensities, strict=True)):
        found += finder.update([record(frame, probability, intensity)])
    return found + finder.end()


def test_an_event_has_its_onset_apex_and_offset():
    (event,) = events([0.1, 0.6, 0.9, 0.9, 0.7, 0.1], [0, 1.2, 3.4, 3.4, 2.0, 0])
    assert (event.onset.frame, event.apex.frame, event.offset.frame) == (1, 2, 4)
    assert (event.onset.time_s, event.apex.time_s, event.offset.time_s) == pytest.approx((0.1, 0.2, 0.4))
    assert (event.letter, event.apex_intensity, event.peak_probability, event.pictures) == ("C", 3.4, 0.9, 4)
    assert (event.onset_seen, event.offset_seen) == (True, True)


def test_what_trembles_around_the_threshold_is_one_event():
    (event,) = events([0.1, 0.55, 0.45, 0.55, 0.41, 0.52, 0.39])
    assert (event.onset.frame, event.offset.frame) == (1, 5)


def test_it_begins_only_at_the_threshold_itself():
    assert events([0.1, 0.45, 0.49, 0.45, 0.1]) == []


@pytest.mark.parametrize(("pictures", "count"), [(2, 0), (3, 1)])
def test_what_is_too_short_does_not_count(pictures, count):
    assert len(events([0.1] + [0.9] * pictures + [0.1])) == count


def test_the_ends_of_the_video_are_no_onset_and_no_offset():
    (event,) = events([0.9] * 4)
    assert (event.onset_seen, event.offset_seen) == (False, False)


def test_a_short_gap_goes_unnoticed_and_a_long_one_ends_the_event():
    seen, gone = [0.9] * 3, [None]
    assert len(events(seen + gone * 3 + seen)) == 1
    first, second = events([0.1, *seen, *gone * 7, *seen, 0.1])
    assert (first.onset_seen, first.offset_seen) == (True, False)
    assert (second.onset_seen, second.offset_seen) == (False, True)
    assert second.onset.frame == 11


def test_faces_do_not_mix():
    finder = AUEventFinder({12: 0.5})
    found = []
    for frame in range(4):
        found += finder.update([record(frame, 0.9, track=0), record(frame, 0.1 + 0.8 * (frame > 0), track=1)])
    assert [(event.track, event.onset.frame) for event in found + finder.end()] == [(0, 0), (1, 1)]


def test_events_come_as_soon_as_they_end():
    finder = AUEventFinder({12: 0.5})
    counts = [len(finder.update([record(frame, p)])) for frame, p in enumerate([0.9, 0.9, 0.9, 0.1, 0.1])]
    assert counts == [0, 0, 0, 1, 0]
    assert finder.end() == []


def test_the_record_of_a_damaged_end_is_no_picture():
    finder = AUEventFinder({12: 0.5})
    finder.update([record(0, 0.9), record(1, 0.9), record(2, 0.9)])
    assert finder.update([{"frame": None, "time_s": None, "track": None, "success": 0}]) == []
    assert len(finder.end()) == 1


def test_events_as_csv():
    text = events_csv("a,b.mp4", events([0.1, 0.6, 0.9, 0.7, 0.1], [0, 1, 2.6, 2, 0]))
    header, row = csv.reader(io.StringIO(text))
    assert tuple(header) == EVENT_COLUMNS
    assert row == ["a,b.mp4", "0", "AU12", *["0.1", "0.2", "0.3", "0.2"], *"123", "2.6", "C", "0.9", "1", "1"]
    assert events_csv("x", [], header=False) == ""
