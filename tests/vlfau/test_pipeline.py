"""Photos and videos become records: the same alone and in a batch, one for every picture, whatever goes wrong."""

import json

import pytest
from PIL import Image

from tests.vlfau.clips import DATA, face_at, nothing, write_clip
from vlfau import pipeline as pipeline_module
from vlfau.pipeline import Pause, Pipeline, Read, Settings
from vlfau.records import columns
from vlfau.sources import Source


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A clip of nine pictures of which two show no face, photos with one face, five and none, and broken files."""
    folder = tmp_path_factory.mktemp("sources")
    pictures = (
        [face_at(0.02 * i) for i in range(4)] + [nothing()] * 2 + [face_at(0.08 + 0.02 * i) for i in range(3)]
    )
    write_clip(folder / "clip.mp4", pictures)
    for name, picture in {"one.png": face_at(), "none.png": nothing()}.items():
        Image.fromarray(picture).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 broken")
    (folder / "broken.mp4").write_bytes(b"broken")
    return folder


def sources(folder, *names):
    return [Source(str(folder / name)) for name in names]


def run(predictor, found, **settings):
    pipeline = Pipeline(predictor, Settings(**settings))
    looked = (item for source in found for item in pipeline.look(source))
    return [item for item in pipeline.read(looked) if isinstance(item, Read)]


def records(reads):
    return [record for read in reads for record in read.records]


def test_every_picture_of_a_video_has_a_record(folder, tiny_predictor):
    found = records(run(tiny_predictor, sources(folder, "clip.mp4")))
    assert [record["frame"] for record in found] == list(range(9))
    assert [record["time_s"] for record in found] == pytest.approx([0.04 * i for i in range(9)])
    assert [record["track"] for record in found] == [0, 0, 0, 0, None, None, 0, 0, 0]
    assert [record["success"] for record in found] == [1, 1, 1, 1, 0, 0, 1, 1, 1]
    assert [record["error"] is None for record in found] == [record["success"] == 1 for record in found]
    assert {tuple(record) for record in found} == {columns(tiny_predictor.checkpoint.config.au_numbers)}


def test_a_step_leaves_pictures_out(folder, tiny_predictor):
    found = records(run(tiny_predictor, sources(folder, "clip.mp4"), every=4, words=False))
    assert [(record["frame"], record["success"]) for record in found] == [(0, 1), (4, 0), (8, 1)]


def test_what_goes_wrong_has_a_record_in_its_place(folder, tiny_predictor):
    names = ["broken.jpg", "one.png", "none.png", "broken.mp4", "nowhere.jpg"]
    reads = run(tiny_predictor, sources(folder, *names), words=False)
    assert [read.picture.source.label for read in reads] == [str(folder / name) for name in names]
    assert [record["success"] for record in records(reads)] == [0, 1, 0, 0, 0]
    assert [read.picture.unread for read in reads] == [True, False, False, True, True]
    assert "No face was found in this photo" in reads[2].records[0]["error"]


def test_a_video_that_goes_wrong_keeps_its_pictures_and_says_so(folder, tmp_path, tiny_predictor):
    whole = write_clip(tmp_path / "clip.avi", [face_at()] * 12, codec="ffv1").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    *pictures, last = run(tiny_predictor, sources(tmp_path, "cut.avi"), words=False)
    assert 3 < len(pictures) < 12
    assert all(read.records[0]["success"] for read in pictures)
    assert last.picture.unread
    assert last.records[0]["frame"] is None
    assert "damaged" in last.records[0]["error"] or "cut short" in last.records[0]["error"]


def test_a_face_reads_the_same_alone_and_in_a_batch(folder, tiny_predictor):
    found = [*sources(folder, "one.png", "clip.mp4", "none.png"), Source(str(DATA / "group.jpg"))]
    together = records(run(tiny_predictor, found, batch_size=5))
    alone = records(run(tiny_predictor, found, batch_size=1))
    assert len(together) == len(alone) == 1 + 9 + 1 + 5
    for one, other in zip(together, alone, strict=True):
        for name in one:
            same = pytest.approx(other[name], abs=2e-4) if isinstance(other[name], float) else other[name]
            assert one[name] == same, name


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_video_is_gone_on_with_after_a_pause(folder, tiny_predictor, monkeypatch, stop):
    (source,) = sources(folder, "clip.mp4")
    straight = records(run(tiny_predictor, [source]))
    monkeypatch.setattr(pipeline_module, "PAUSE_FRAMES", 2)
    before, state = [], None
    items = Pipeline(tiny_predictor).read(Pipeline(tiny_predictor).look(source))
    for item in items:
        before += item.records if isinstance(item, Read) else []
        stop -= isinstance(item, Pause)
        if stop == 0:
            state = json.loads(json.dumps(item.state))
            break
    pipeline = Pipeline(tiny_predictor)
    after = [item for item in pipeline.read(pipeline.look(source, state)) if isinstance(item, Read)]
    assert before + records(after) == straight
    assert 0 < len(before) < 9


def test_all_before_a_pause_is_read_before_it(folder, tiny_predictor, monkeypatch):
    monkeypatch.setattr(pipeline_module, "PAUSE_FRAMES", 4)
    pipeline = Pipeline(tiny_predictor, Settings(words=False))
    kinds = [type(item) for item in pipeline.read(pipeline.look(*sources(folder, "clip.mp4")))]
    assert kinds == [*[Read] * 4, Pause] * 2 + [Read]


def test_many_faces_make_a_pause_too(folder, tiny_predictor, monkeypatch):
    monkeypatch.setattr(pipeline_module, "PAUSE_FACES", 3)
    pipeline = Pipeline(tiny_predictor, Settings(words=False))
    found = list(pipeline.look(*sources(folder, "clip.mp4")))
    assert [index for index, item in enumerate(found) if isinstance(item, Pause)] == [3, 9]


def test_few_pictures_wait_for_a_batch(folder, tiny_predictor):
    """Also where no face fills it, so that memory does not grow with the length of a video."""
    pipeline = Pipeline(tiny_predictor, Settings(batch_size=2))
    (picture,) = pipeline.look(*sources(folder, "none.png"))
    taken = []
    endless = (taken.append(1) or picture for _ in iter(int, 1))
    next(pipeline.read(endless))
    assert len(taken) <= 8
