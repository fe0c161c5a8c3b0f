"""The benchmark of whole videos gives every figure, and its goals follow from them."""

import pytest

from tests.architecture import ROOT
from tests.benchmarks import pipeline, speed
from vlfau.video import Video


def test_the_video_is_what_it_should_be(tmp_path):
    path = pipeline.write_video(tmp_path / "video.mp4", ROOT / "tests" / "data" / "face.jpg", seconds=0.2)
    with Video(path) as video:
        frames = list(video.frames())
    assert [frame.image.shape for frame in frames] == [(480, 640, 3)] * 6
    assert frames[5].time_s == pytest.approx(5 / 30, abs=1e-3)


@pytest.mark.slow
def test_a_measurement_gives_every_figure(tmp_path):
    """With the embedded checkpoint, on the first pictures."""
    video = pipeline.write_video(tmp_path / "video.mp4", ROOT / "tests" / "data" / "face.jpg", seconds=0.2)
    figures = pipeline.measure(video, video, "", threads=1, words=False)
    assert figures["frames"] == 6
    assert figures["faces_per_s"] > 0
    assert figures["peak_rss_mb"] > 100


def test_goals_are_times_of_a_face_and_growth_of_memory():
    figures = dict(video_2_threads_faces_per_s=20, video_2_threads_words_faces_per_s=4)
    goals = speed.pipeline_goals(figures | dict(video_peak_rss_mb=500, longer_video_peak_rss_mb=510))
    assert [(goal.measured, goal.met) for goal in goals] == [(50, True), (250, False), (1.02, True)]
