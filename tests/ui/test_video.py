"""The handlers of the Video page: one video for each open page, in turns, and nothing left of those who go."""

import json
import shutil
import time
from pathlib import Path

import gradio as gr
import pytest
from starlette.requests import Request

from tests.ui.test_analyse import built, event
from tests.vlfau.clips import face_at, write_clip
from ui import theme, video, video_job
from ui.upload_counts import ARRIVALS
from ui.video import VideoDesk
from ui.video_shell import EVENTS_NOTE, shell_html
from vlfau import au_events


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", [face_at(0.004 * i) for i in range(20)])


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(video_job, "CHUNK_S", 0.0)
    return tmp_path


@pytest.fixture
def send(clip, uploads):
    """Put the clip where Gradio puts an upload; gives the event of the drop zone."""

    def sent(name="mine.mp4", **more):
        folder = uploads / f"upload-{len(list(uploads.iterdir()))}"
        folder.mkdir()
        return event(path=str(shutil.copy(clip, folder / "random.video")), name=name, **more)

    return sent


@pytest.fixture
def desk(predictor):
    desk = VideoDesk(lambda: predictor)
    yield desk
    for page in list(desk._jobs):
        desk._drop(page)


def page(name="a page"):
    return gr.Request(Request({"type": "http"}), session_hash=name)


def files(uploads):
    return [path for path in uploads.rglob("*") if path.is_file()]


def test_a_video_is_read_in_turns_to_its_end(desk, send, uploads):
    begun = json.loads(desk.begin(send(closely="all"), page()))
    assert (begun["kind"], begun["name"], begun["every"]) == ("begin", "mine.mp4", 1)
    assert files(uploads) == []
    messages = []
    while not messages or not messages[-1]["done"]:
        messages.append(json.loads(desk.more(event(), page())))
    assert sum(len(message["pictures"]) for message in messages) == 20
    assert len(messages) > 1
    assert desk.open == 0


def test_visitors_take_turns(desk, send):
    for name in ("one", "other"):
        desk.begin(send(name=f"{name}.mp4", closely="all"), page(name))
    first = [json.loads(desk.more(event(), page(name)))["tables"]["csv"] for name in ("one", "other", "one")]
    assert "one.mp4" in first[0]
    assert "other.mp4" in first[1]
    assert "one.mp4,1," in first[2], "goes on where it was"


def test_another_video_of_the_same_page_takes_its_place(desk, send):
    desk.begin(send("a.mp4"), page())
    desk.begin(send("b.mp4"), page())
    assert desk.open == 1
    assert "b.mp4" in desk.more(event(), page())


def test_a_stop_is_the_end(desk, send):
    desk.begin(send(), page())
    assert json.loads(desk.more(event(stop=True), page()))["done"]
    assert desk.open == 0


def test_who_leaves_is_forgotten(desk, send):
    desk.begin(send(), page())
    desk.leave(page())
    desk.leave(page())
    assert desk.open == 0
    with pytest.raises(gr.Error, match="not being read any more"):
        desk.more(event(), page())


def test_a_page_that_asks_no_more_is_forgotten(predictor, send):
    desk = VideoDesk(lambda: predictor, idle_s=0.05)
    desk.begin(send(), page())
    end = time.monotonic() + 30
    while desk.open and time.monotonic() < end:
        time.sleep(0.01)
    assert desk.open == 0


def test_too_many_are_refused_and_the_file_is_gone(desk, send, uploads, monkeypatch):
    monkeypatch.setattr(video, "MOST_JOBS", 1)
    desk.begin(send(), page("one"))
    with pytest.raises(gr.Error, match="Try again in a minute"):
        desk.begin(send(), page("other"))
    assert files(uploads) == []


def test_equal_videos_of_two_visitors_are_both_read(desk, send, uploads):
    """Gradio puts both into one file."""
    given = send()
    path = Path(given.path).resolve()
    for _ in range(2):
        assert ARRIVALS.note(path)
    desk.begin(given, page("one"))
    assert files(uploads) == [path], "it waits for the other"
    desk.begin(given, page("two"))
    assert files(uploads) == []
    assert desk.open == 2


def test_a_broken_video_is_a_message_and_gone(desk, uploads):
    (uploads / "up").mkdir()
    (uploads / "up" / "random.video").write_bytes(b"broken" * 99)
    with pytest.raises(gr.Error, match=r"not a video that can be read.*mine\.mp4"):
        desk.begin(event(path=str(uploads / "up" / "random.video"), name="mine.mp4"), page())
    assert files(uploads) == []
    assert desk.open == 0


def test_a_file_of_the_server_is_not_read_or_removed(desk, clip, uploads):
    with pytest.raises(gr.Error, match="not an uploaded video"):
        desk.begin(event(path=str(clip), name="x"), page())
    assert clip.exists()


def test_a_request_without_a_page_is_refused(desk, send):
    with pytest.raises(gr.Error, match="comes from no page"):
        desk.begin(send(), page(None))


def test_a_version_that_takes_over_does_not_disturb_a_video(predictor, send):
    served = [predictor]
    desk = VideoDesk(lambda: served[0])
    desk.begin(send(closely="all"), page())
    served[0] = None
    assert json.loads(desk.more(event(), page()))["pictures"]
    desk.leave(page())


def test_turns_wait_in_a_line_of_their_own(predictor):
    def build(blocks_predictor):
        video.build(blocks_predictor, gr.context.Context.root_block)

    blocks = built(build, lambda: predictor)
    lines = {fn.name: (fn.concurrency_id, fn.concurrency_limit) for fn in blocks.fns.values() if fn.queue}
    assert lines["begin"] == lines["more"] == ("video", 1)
    assert {fn.api_visibility for fn in blocks.fns.values() if fn.name in ("begin", "more")} == {"private"}


def test_the_page_says_what_it_must_before_anything_is_sent():
    shell = " ".join(shell_html(video.LIMITS).split())
    for words in (
        "200 MB",
        "first 120 seconds",
        "6 largest faces",
        "not kept",
        "consent",
        "not feelings",
        "removed",
    ):
        assert words in shell, words


def test_the_definition_on_the_page_is_the_one_that_is_used():
    assert (au_events.RELEASE_SHARE, au_events.LONGEST_GAP_S, au_events.LEAST_PICTURES) == (0.8, 0.5, 3)
    for words in ("four fifths", "half a second", "at least three"):
        assert words in EVENTS_NOTE


def test_gradio_finds_nothing_to_fill_in_in_the_shell():
    shell = shell_html(video.LIMITS)
    assert not any(sign in shell for sign in ("`", "${", "{{", "\\", "@children"))


def test_the_navigation_knows_the_page():
    assert theme.PAGES["Video"] == "./video"
