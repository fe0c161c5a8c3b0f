"""A video of a visitor is read turn by turn, is gone from the disk at once, and goes to the page whole and once."""

import csv
import io
import threading

import numpy as np
import pytest

from tests.vlfau.clips import face_at, nothing, write_clip
from ui import video_job
from ui.video_contours import LINES, POINTS
from ui.video_job import VideoJob, VideoLimits, as_text, step
from vlfau.au_events import EVENT_COLUMNS
from vlfau.errors import VideoError
from vlfau.pipeline import Pipeline, Settings
from vlfau.records import columns, to_text
from vlfau.sources import Source


def two_faces(shift=0.0):
    """One large, one small, side by side."""
    return np.hstack([face_at(shift), face_at(size=0.6)])


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two faces for ten pictures, then none for two; 25 a second."""
    pictures = [two_faces(0.004 * index) for index in range(10)] + [np.hstack([nothing(), nothing()])] * 2
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures)


@pytest.fixture
def sent(clip, tmp_path):
    """The clip as Gradio keeps an upload: alone in a folder."""
    folder = tmp_path / "upload"
    folder.mkdir()
    (folder / "sent.video").write_bytes(clip.read_bytes())
    return folder / "sent.video"


@pytest.fixture(autouse=True)
def one_turn(monkeypatch):
    """However slow the machine is, the whole clip is one turn."""
    monkeypatch.setattr(video_job, "CHUNK_S", 3600.0)


@pytest.fixture
def turns(one_turn, monkeypatch):
    """Every turn ends after the first batch."""
    monkeypatch.setattr(video_job, "CHUNK_S", 0.0)


def read(job):
    messages = []
    while not job.done:
        messages.append(job.more())
    job.close()
    return messages


def test_the_file_is_gone_before_anything_is_read(predictor, sent):
    job = VideoJob(predictor, sent, "mine.mp4")
    assert not sent.parent.exists()
    assert sum(len(message["pictures"]) for message in read(job)) == 12


def test_all_pictures_come_once_in_several_turns(predictor, sent, turns):
    job = VideoJob(predictor, sent, "mine.mp4")
    messages = read(job)
    pictures = [picture for message in messages for picture in message["pictures"]]
    assert len(messages) > 3
    assert [frame for frame, _, _ in pictures] == list(range(12))
    assert [time_s for _, time_s, _ in pictures] == pytest.approx([0.04 * index for index in range(12)])
    assert [[face[0] for face in faces] for _, _, faces in pictures] == [[0, 1]] * 10 + [[]] * 2
    assert messages[0]["size"] == (640, 240)
    assert [message["done"] for message in messages] == [False] * (len(messages) - 1) + [True]


def test_a_face_has_its_box_outline_and_numbers(predictor, sent):
    (_, _, (face, _)), *_ = read(VideoJob(predictor, sent, "mine.mp4"))[0]["pictures"]
    _, box, outline, probabilities, intensities, warnings = face
    assert 0 < box[0] < box[2] < 320
    assert len(outline) == 2 * len(POINTS)
    assert min(outline[::2]) >= box[0] - 2
    assert max(outline[::2]) <= box[2] + 2
    assert len(probabilities) == len(intensities) == len(predictor.checkpoint.config.au_numbers)
    assert all(0 <= value <= 1000 for value in probabilities)
    assert all(0 <= value <= 500 for value in intensities)
    assert isinstance(warnings, list)


def test_each_face_has_one_picture(predictor, sent, turns):
    portraits = [
        portrait for message in read(VideoJob(predictor, sent, "x.mp4")) for portrait in message["tracks"]
    ]
    assert {portrait["track"] for portrait in portraits} == {0, 1}
    assert len(portraits) <= 4
    assert all(portrait["picture"].startswith("data:image/jpeg;base64,") for portrait in portraits)


@pytest.mark.parametrize("form", ["csv", "openface", "pyfeat"])
def test_the_tables_are_those_of_the_command_line(predictor, clip, sent, turns, form):
    messages = read(VideoJob(predictor, sent, str(clip)))
    pipeline = Pipeline(predictor, Settings(words=False))
    records = [record for item in pipeline.read(pipeline.look(Source(str(clip)))) for record in item.records]
    told = list(csv.reader(io.StringIO("".join(message["tables"][form] for message in messages))))
    known = list(csv.reader(io.StringIO(to_text(records, form))))
    assert len(told) == len(known) == 1 + 2 * 10 + 2
    assert told[0] == known[0]
    assert form != "csv" or tuple(told[0]) == columns(predictor.checkpoint.config.au_numbers, words=False)
    for mine, theirs in zip(told[1:], known[1:], strict=True):
        for one, other in zip(mine, theirs, strict=True):
            assert one == other or float(one) == pytest.approx(float(other), abs=2e-3)


def test_events_come_with_their_table(predictor, sent, turns):
    """The network of the tests knows nothing: whatever it says of a unit all the time is an event of ten pictures."""
    job = VideoJob(predictor, sent, "mine.mp4")
    text, events = job.begin()["events_csv"], []
    for message in read(job):
        text += message["events_csv"]
        events += message["events"]
    header, *rows = csv.reader(io.StringIO(text))
    assert tuple(header) == EVENT_COLUMNS
    assert len(rows) == len(events) > 0
    assert {row[0] for row in rows} == {"mine.mp4"}
    assert [row[2] for row in rows] == [f"AU{event[1]:02d}" for event in events]


def test_a_step_and_a_limit_of_faces(predictor, sent):
    job = VideoJob(predictor, sent, "mine.mp4", per_second=5, limits=VideoLimits(max_faces=1))
    pictures = read(job)[0]["pictures"]
    assert job.every == 5
    assert [(frame, len(faces)) for frame, _, faces in pictures] == [(0, 1), (5, 1), (10, 0)]


def test_a_long_video_is_read_up_to_the_limit_and_says_so(predictor, sent):
    messages = read(VideoJob(predictor, sent, "mine.mp4", limits=VideoLimits(max_seconds=0.2)))
    assert len(messages[-1]["pictures"]) == 5
    assert "longer than 0 seconds" in messages[-1]["note"] or "was not read" in messages[-1]["note"]


def test_a_stop_finishes_what_there_is(predictor, sent, turns):
    job = VideoJob(predictor, sent, "mine.mp4")
    first = job.more()
    last = job.more(stop=True)
    job.close()
    assert 0 < len(first["pictures"]) < 12
    assert (last["pictures"], last["done"], job.done) == ([], True, True)


def test_closing_ends_a_turn_of_another_thread(predictor, sent, monkeypatch):
    monkeypatch.setattr(video_job, "CHUNK_S", 1000.0)
    monkeypatch.setattr(video_job, "BATCH", 1)
    job, begun, messages = VideoJob(predictor, sent, "mine.mp4"), threading.Event(), []
    take = job._take
    monkeypatch.setattr(job, "_take", lambda *given: (begun.set(), take(*given))[1])
    reader = threading.Thread(target=lambda: messages.append(job.more()))
    reader.start()
    assert begun.wait(60)
    job.close()
    reader.join(60)
    assert 0 < len(messages[0]["pictures"]) < 12


def test_after_closing_nothing_is_left_running(predictor, sent, turns):
    job = VideoJob(predictor, sent, "mine.mp4")
    job.more()
    job.close()
    job.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "lookahead"] == []


def test_a_damaged_video_gives_what_can_be_read_and_says_so(predictor, tmp_path):
    path = write_clip(tmp_path / "whole.avi", [two_faces()] * 12, codec="ffv1")
    (tmp_path / "upload").mkdir()
    (tmp_path / "upload" / "x.video").write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    messages = read(VideoJob(predictor, tmp_path / "upload" / "x.video", "mine.avi"))
    assert 3 < sum(len(message["pictures"]) for message in messages) < 12
    assert "damaged" in messages[-1]["note"] or "cut short" in messages[-1]["note"]


def test_a_phone_video_is_upright_as_the_player_shows_it(predictor, tmp_path):
    stored = np.ascontiguousarray(np.rot90(face_at(), -1))
    (tmp_path / "upload").mkdir()
    path = write_clip(tmp_path / "upload" / "x.mp4", [stored] * 4, rotation_deg=90)
    (message,) = read(VideoJob(predictor, path, "mine.mp4"))
    assert message["size"] == (320, 240)
    assert [len(faces) for _, _, faces in message["pictures"]] == [1] * 4


@pytest.mark.parametrize("content", [b"", b"no video at all" * 50])
def test_what_is_no_video_is_refused_by_its_own_name_and_gone(predictor, tmp_path, content):
    (tmp_path / "upload").mkdir()
    path = tmp_path / "upload" / "secret.video"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=r"mine\.mp4") as told:
        VideoJob(predictor, path, "mine.mp4")
    assert "secret" not in str(told.value)
    assert not path.parent.exists()


def test_a_file_that_is_too_large_is_refused_and_gone(predictor, sent):
    with pytest.raises(VideoError, match="too large"):
        VideoJob(predictor, sent, "mine.mp4", limits=VideoLimits(max_bytes=100))
    assert not sent.exists()


def test_a_message_is_short(predictor, sent):
    """A face in a picture costs the visitor about two kilobytes."""
    (message,) = read(VideoJob(predictor, sent, "mine.mp4"))
    assert len(as_text(message | {"tracks": []})) < 20 * 2800


@pytest.mark.parametrize(
    ("rate", "duration_s", "per_second", "every"),
    [(30, 60, None, 1), (30, 60, 10, 3), (25, 60, 10, 2), (30, 0, 5, 6), (60, 120, None, 2), (4, 60, 10, 1)],
)
def test_how_many_pictures_are_looked_at(rate, duration_s, per_second, every):
    assert step(rate, duration_s, per_second, VideoLimits()) == every


def test_every_line_is_of_known_points():
    for lines in LINES.values():
        for line in lines:
            assert all(0 <= place < len(POINTS) for place in line)
    assert len(set(POINTS)) == len(POINTS)
