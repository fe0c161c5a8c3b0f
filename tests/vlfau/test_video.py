"""Videos come back upright, picture by picture and at their times, by either decoder; bad ones say what is wrong."""

import json
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest

from tests.vlfau.clips import numbered, write_clip
from vlfau import decoders, video
from vlfau.decoders import lacks_index
from vlfau.errors import VideoError
from vlfau.images import ImageLimits
from vlfau.video import Place, Video


@pytest.fixture(params=["PyAV", "OpenCV"])
def decoder(request, monkeypatch):
    """Each of the two decoders."""
    kind = {"PyAV": decoders.PyAVDecoder, "OpenCV": decoders.OpenCVDecoder}[request.param]
    monkeypatch.setattr(video, "open_decoder", kind)
    return request.param


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", numbered(20))


def read(path, every=1, after=None):
    with Video(path, after) as opened:
        return list(opened.frames(every)), opened.trouble()


def bar_of(image):
    """Which of 20 columns is white."""
    return int(image.mean(axis=(0, 2)).reshape(20, -1).mean(axis=1).argmax())


def test_every_picture_comes_once_and_in_order(decoder, clip):
    frames, trouble = read(clip)
    assert [bar_of(frame.image) for frame in frames] == list(range(20))
    assert [frame.index for frame in frames] == list(range(20))
    assert [frame.time_s for frame in frames] == pytest.approx([0.04 * i for i in range(20)])
    assert trouble is None


def test_pixels_are_those_that_went_in(decoder, clip):
    frames, _ = read(clip)
    assert frames[3].image.shape == (120, 160, 3)
    assert np.abs(frames[3].image.astype(int) - numbered(20)[3]).mean() < 3


def test_a_step_leaves_pictures_out_but_counts_them(decoder, clip):
    frames, trouble = read(clip, every=6)
    assert [(frame.index, bar_of(frame.image)) for frame in frames] == [(i, i) for i in (0, 6, 12, 18)]
    assert trouble is None


def test_a_varying_frame_rate_keeps_its_times(decoder, tmp_path):
    times_ms = [0, 40, 80, 500, 540, 1500, 1540, 3000]
    frames, trouble = read(write_clip(tmp_path / "vfr.mkv", numbered(8), times_ms))
    assert [round(1000 * frame.time_s) for frame in frames] == times_ms
    assert trouble is None


@pytest.mark.parametrize("rotation_deg", [90, -90, 180])
def test_a_phone_video_is_turned_upright(decoder, tmp_path, rotation_deg):
    upright = np.full((120, 160, 3), 40, np.uint8)
    upright[:40, :50] = 255  # top left
    stored = np.ascontiguousarray(np.rot90(upright, -rotation_deg // 90))
    (frame, *_), _ = read(write_clip(tmp_path / "phone.mp4", [stored] * 3, rotation_deg=rotation_deg))
    assert frame.image.shape == upright.shape
    assert np.abs(frame.image.astype(int) - upright).mean() < 3


def test_pixels_that_are_not_square_are_made_square(decoder, tmp_path):
    path = write_clip(tmp_path / "wide.mp4", numbered(3), aspect=Fraction(3, 2))
    (frame, *_), _ = read(path)
    assert frame.image.shape == (120, 240, 3)


def test_4k_pictures_come_whole(decoder, tmp_path):
    path = write_clip(tmp_path / "4k.mp4", [np.full((2160, 3840, 3), 99, np.uint8)] * 2, codec="mpeg4")
    frames, _ = read(path)
    assert [frame.image.shape for frame in frames] == [(2160, 3840, 3)] * 2


def test_pictures_beyond_the_limit_are_refused_before_they_are_decoded(decoder, tmp_path, monkeypatch):
    monkeypatch.setattr(decoders, "ImageLimits", lambda: ImageLimits(max_pixels=160 * 120 - 1))
    with pytest.raises(VideoError, match=r"too large.*160 x 120"):
        Video(write_clip(tmp_path / "large.mp4", numbered(2)))


@pytest.mark.parametrize("stop", [1, 9, 19])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_reading_goes_on_where_it_was_left(decoder, tmp_path, name, stop):
    path = write_clip(tmp_path / name, numbered(20), codec="mpeg4")
    with Video(path) as opened:
        first = [frame for frame, _ in zip(opened.frames(), range(stop), strict=False)]
        place = opened.place
    place = Place(**json.loads(json.dumps(vars(place))))
    assert place.index in (stop - 1, stop)
    frames, trouble = read(path, after=place)
    assert [frame.index for frame in frames] == list(range(place.index + 1, 20))
    assert [bar_of(frame.image) for frame in frames] == [frame.index for frame in frames]
    assert len(first) == stop
    assert trouble is None


def test_a_file_without_times_has_a_constant_rate(decoder, tmp_path):
    frames, _ = read(write_clip(tmp_path / "raw.mjpeg", numbered(5), codec="mjpeg"))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[4].time_s == pytest.approx(4 / 25, abs=0.01)


def test_a_video_that_is_cut_short_says_so(decoder, tmp_path):
    pictures = [np.random.default_rng(i).integers(0, 255, (120, 160, 3), np.uint8) for i in range(75)]
    whole = write_clip(tmp_path / "whole.mkv", pictures, codec="mpeg4").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    frames, trouble = read(tmp_path / "cut.mkv")
    assert 5 < len(frames) < 75
    assert trouble is not None
    assert "cut short" in trouble or "damaged" in trouble


def test_damage_in_the_middle_is_counted_and_the_rest_is_read(tmp_path):
    path = write_clip(tmp_path / "video.avi", numbered(20), codec="ffv1")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = b"\x55" * 3000
    path.write_bytes(content)
    frames, trouble = read(path)
    assert 5 < len(frames) < 20
    assert trouble is not None
    assert "damaged" in trouble
    assert "near 0." in trouble


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"no video at all" * 100, "not a video that can be read")]
)
def test_what_is_no_video_is_refused(decoder, tmp_path, content, message):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=message):
        Video(path)


def test_a_video_without_an_index_is_refused(decoder, tmp_path, clip):
    content = clip.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match=r"cut short, before its index.*copy the file again, in full"):
        Video(tmp_path / "cut.mp4")


def test_only_an_mp4_without_an_index_is_called_that(tmp_path, clip):
    assert not lacks_index(clip)
    large = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x01mdat" + (2**40).to_bytes(8, "big")
    for name, content, lacking in (
        ("large", large, True),
        ("endless", large[:16] + b"\0\0\0\0mdat", True),
        ("odd", large[:16] + b"\0\0\0\x01mdat" + b"\xff" * 8, False),
        ("whole", large[:16] + b"\0\0\0\x08moov", False),
        ("other", b"no video at all" * 10, False),
    ):
        (tmp_path / name).write_bytes(content)
        assert lacks_index(tmp_path / name) is lacking, name


def test_sound_alone_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(VideoError, match="no video stream"):
        Video(tmp_path / "sound.mp4")


@pytest.mark.parametrize("name", ["nowhere.mp4", "."])
def test_what_is_no_file_is_refused(decoder, tmp_path, name):
    with pytest.raises(VideoError, match=r"cannot be opened|not a video file"):
        Video(tmp_path / name)


def test_a_name_that_looks_like_a_protocol_is_a_file(decoder, tmp_path, monkeypatch, clip):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "concat:a.mp4").write_bytes(clip.read_bytes())
    frames, _ = read("concat:a.mp4")
    assert len(frames) == 20


def test_nothing_of_a_video_is_printed(decoder, tmp_path, capfd, clip):
    content = bytearray(clip.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 40] = b"\x55" * 40
    (tmp_path / "damaged.mp4").write_bytes(content)
    with suppress(VideoError):
        read(tmp_path / "damaged.mp4")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
