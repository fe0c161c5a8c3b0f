"""The Video page: a video in, and beside the player what the action units of each face did over time.

The browser shows the visitor's own file; the server only reads it. It does so in turns of a second or two, each one
event in the queue: the page asks for the next turn when it has got the last. A visitor who leaves asks no more, several
visitors take turns, and a photo of somebody else waits for no more than one batch of faces.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.behind import behind
from ui.desk import script
from ui.errors import shown_on_page
from ui.upload_counts import ARRIVALS
from ui.uploads import uploaded_file
from ui.video_contours import LINES
from ui.video_job import Message, VideoJob, VideoLimits, as_text
from ui.video_shell import shell_html
from vlfau.action_units import ACTION_UNITS
from vlfau.errors import VLFAUError
from vlfau.faces import WARNING_CODES

if TYPE_CHECKING:  # the page answers before torch is loaded
    from vlfau.predictor import Predictor

LIMITS = VideoLimits()
QUEUE = {"concurrency_id": "video", "concurrency_limit": 1}
"""Turns of all videos wait in one line of their own."""

MOST_JOBS = 8
"""Videos that are open at the same time."""

IDLE_S = 60.0
"""A page that asks no more for so long has gone."""

PER_SECOND = {"all": None, "10": 10.0, "5": 5.0}
"""How closely a video can be looked at: about so many pictures in a second."""

_PARTS = tuple(f"video_{part}" for part in ("series", "lanes", "player", "results", "page"))
_FAILED = "() => document.querySelector('.vv')?.dispatchEvent(new CustomEvent('failed'))"
"""JavaScript for after an error, which Gradio has told."""


class VideoDesk:
    """The videos that are being read, one for each open page; holds nothing of those that are finished."""

    def __init__(
        self, predictor: Callable[[], "Predictor"], limits: VideoLimits = LIMITS, idle_s: float = IDLE_S
    ) -> None:
        self._predictor, self._limits, self._idle_s = predictor, limits, idle_s
        self._jobs: dict[str, VideoJob] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._lock = threading.Lock()

    @shown_on_page
    def begin(self, event: gr.EventData, request: gr.Request) -> str:
        """An uploaded video -> what is known of it before it is read; takes the place of one that is open."""
        page = _page(request)
        path = uploaded_file(getattr(event, "path", None), "video")
        self._drop(page)
        try:
            self._check_room()
            predictor = self._predictor()
        except Exception:
            ARRIVALS.let_go(path)
            raise
        name = Path(str(getattr(event, "name", None) or path.name)).name
        closely = PER_SECOND.get(str(getattr(event, "closely", "")), PER_SECOND["10"])
        job = VideoJob(predictor, path, name, closely, self._limits)
        with self._lock:
            self._jobs[page] = job
        self._wait_for(page)
        return as_text(job.begin())

    def _check_room(self) -> None:
        with self._lock:
            others = len(self._jobs)
        if others >= MOST_JOBS:
            raise VLFAUError(
                f"Too many videos are being read. There are {others} of other visitors. Try again in a minute."
            )

    @shown_on_page
    @behind
    def more(self, event: gr.EventData, request: gr.Request) -> str:
        """The next turn of the page's video -> what was read in it."""
        page = _page(request)
        with self._lock:
            job = self._jobs.get(page)
        if job is None:
            raise VLFAUError(
                "This video is not being read any more. The page was silent for too long, or lost the connection. "
                "What was read before is still shown; send the video again for the rest."
            )
        self._rest(page)
        try:
            message: Message = job.more(bool(getattr(event, "stop", False)))
        except BaseException:
            self._drop(page)
            raise
        if job.done:
            self._drop(page)
        else:
            self._wait_for(page)
        return as_text(message)

    def leave(self, request: gr.Request) -> None:
        """The visitor has closed the page, or wants another video."""
        self._drop(_page(request))

    @property
    def open(self) -> int:
        """How many videos are being read."""
        with self._lock:
            return len(self._jobs)

    def _wait_for(self, page: str) -> None:
        """From now on the page has to ask for more in time."""
        timer = threading.Timer(self._idle_s, self._drop, (page,))
        timer.daemon = True
        with self._lock:
            if page in self._jobs:
                self._timers[page] = timer
                timer.start()

    def _rest(self, page: str) -> None:
        with self._lock:
            timer = self._timers.pop(page, None)
        if timer:
            timer.cancel()

    def _drop(self, page: str) -> None:
        self._rest(page)
        with self._lock:
            job = self._jobs.pop(page, None)
        if job:
            job.close()


def build(predictor: Callable[[], "Predictor"], blocks: gr.Blocks) -> VideoDesk:
    """Put the page into the `blocks` around this call."""
    desk = VideoDesk(predictor)
    page = gr.HTML(
        "",
        html_template=shell_html(LIMITS),
        apply_default_css=False,
        js_on_load=script(*_PARTS),
        elem_id="vv",
        book=_book(),
    )
    private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    for event, handler in (("video", desk.begin), ("more", desk.more)):
        asked = getattr(page, event)(handler, None, page, trigger_mode="multiple", **private, **QUEUE)
        asked.failure(None, None, None, js=_FAILED, api_visibility="private")
    page.leave(desk.leave, None, None, queue=False, trigger_mode="multiple", **private)
    blocks.unload(desk.leave)
    return desk


def _book() -> dict[str, Any]:
    """What the script has to know of action units and faces."""
    units = [
        {"number": unit.number, "code": unit.code, "name": unit.name, "region": str(unit.region)}
        for unit in ACTION_UNITS
    ]
    limits = {"bytes": LIMITS.max_bytes, "seconds": LIMITS.max_seconds}
    return {"units": units, "lines": LINES, "warnings": list(WARNING_CODES), "limits": limits}


def _page(request: gr.Request) -> str:
    """Each open page has a name of its own, which it chose by chance."""
    if not request.session_hash:
        raise VLFAUError("This request comes from no page. It names no session. Open the page itself.")
    return request.session_hash
