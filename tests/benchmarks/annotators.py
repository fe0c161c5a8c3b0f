"""Annotators at work over HTTP: real processes that sign in to the running app, take faces and submit all at once.

    python tests/benchmarks/store.py --http

Each is a process with a session of its own that does what the Annotate page does: it opens the page's first face, and
then again and again fetches the picture, waits, submits, and gets the next face with the reply. The first answers of
all arrive together. Everybody repeats the last submission as a browser does that got no reply, which must change
nothing.
"""

import multiprocessing
import os
import random
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from db.passwords import sign_up
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.roles import OPERATOR
from db.store import Store
from db.values import Consent
from tests.db.laboratory import SaidOfFace, photo
from vlfau.action_units import AU_NUMBERS

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a password of the benchmark"
ANSWER = {"units": [{"number": number, "occurrence": "absent"} for number in AU_NUMBERS], "seconds": 20.0}
START_SECONDS = 300


@dataclass
class Worked:
    """What one annotator saw."""

    acknowledged: list[int] = field(default_factory=list)
    """Ids of the responses that the server said it stored."""
    repeated: list[int] = field(default_factory=list)
    """What it said of submissions that came a second time."""
    seconds: list[float] = field(default_factory=list)
    """From submitting to having the next face; the first of everybody at the same moment."""


def fill(folder: Path, people: int, each: int) -> int:
    """Accounts, and so many small photos that everybody can answer `each`; returns the project's id."""
    with closing(Store.open(folder=folder)) as store:
        for number in range(people):
            sign_up(store, name(number), PASSWORD)
        settings = ProjectSettings("faces", answers_wanted=2, gold_share=0.0)
        project = add_project(store, OPERATOR, settings)
        for seed in range(max(people * each // 2, each) + people):
            keep_photo(
                store, OPERATOR, project, photo(seed), [SaidOfFace()], Consent.PUBLISH, f"p{seed}", "bench"
            )
    return project


def name(number: int) -> str:
    return f"annotator {number}"


@contextmanager
def running_app(folder: Path) -> Iterator[tuple[str, int]]:
    """`app.py` on that store; gives its address and process id once it answers and has its model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = os.environ | {"GRADIO_TEMP_DIR": str(folder / "uploads")}
    command = [sys.executable, "app.py", "--port", str(port), "--data", str(folder)]
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_ready(address, process, folder / "app.log")
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    begin = time.monotonic()
    while time.monotonic() - begin < START_SECONDS and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise RuntimeError(f"app.py did not become ready: {log.read_text()[-2000:]}")


def work(
    address: str, project: int, number: int, each: int, pause_s: float, barrier: Any, results: Any
) -> None:
    """One annotator's process."""
    chance, worked = random.Random(number), Worked()
    with httpx.Client(base_url=address, timeout=60) as browser:
        account = {"name": name(number), "password": PASSWORD}
        browser.post("/account/sign-in", json=account).raise_for_status()
        page = Page(browser)
        task = page.act(do="open", project=project)["task"]
        for turn in range(each):
            browser.get(f"/faces/{task['item']}/chip.jpg").raise_for_status()
            if turn == 0:
                barrier.wait()
            else:
                time.sleep(pause_s * chance.random())
            message = {"do": "submit", "project": project, "lease": task["lease"], "answer": ANSWER}
            start = time.perf_counter()
            reply = page.act(**message, despite=True)
            worked.seconds.append(time.perf_counter() - start)
            worked.acknowledged.append(reply["done"])
            task = reply["task"]
        worked.repeated.append(page.act(**message, despite=True)["done"])
    results.put(worked)


class Page:
    """The Annotate page's way to the server."""

    def __init__(self, browser: httpx.Client) -> None:
        self._browser = browser
        config = browser.get("/config").json()
        (component,) = [one for one in config["components"] if one["props"].get("elem_id") == "va"]
        self._body = {"session_hash": "bench", "component_id": component["id"], "fn_name": "act"}

    def act(self, **message: Any) -> dict[str, Any]:
        reply = self._browser.post("/gradio_api/component_server", json=self._body | {"data": message})
        answer: dict[str, Any] = reply.raise_for_status().json()
        if "error" in answer:
            raise RuntimeError(f"The server refused {message['do']}: {answer['message']}")
        return answer


def annotators(
    folder: Path, people: int, each: int, pause_s: float
) -> tuple[list[list[float]], dict[str, int]]:
    """Seconds of each person's submissions; and how many were acknowledged, lost, doubled, and counted by the store."""
    project = fill(folder, people, each)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    barrier, results = context.Barrier(people), context.Queue()
    with running_app(folder) as (address, _):
        jobs = [
            context.Process(
                target=work, args=(address, project, n, each, pause_s, barrier, results), daemon=True
            )
            for n in range(people)
        ]
        for job in jobs:
            job.start()
        found: list[Worked] = [results.get(timeout=600 + 4 * each * pause_s) for _ in jobs]
        for job in jobs:
            job.join()
    return [one.seconds for one in found], _count(folder, found, people * each)


def _count(folder: Path, found: list[Worked], sent: int) -> dict[str, int]:
    """Compares what the server said with what is in the database."""
    acknowledged = [response for one in found for response in one.acknowledged]
    repeated = [response for one in found for response in one.repeated]
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        stored = {row[0] for row in connection.execute("SELECT id FROM response WHERE status = 'submitted'")}
        units = connection.execute("SELECT COUNT(*) FROM answer").fetchone()[0]
    return {
        "acknowledged": len(acknowledged),
        "lost": sent - len(set(acknowledged) & stored),
        "doubled": len(stored - set(acknowledged)) + len(set(repeated) - set(acknowledged)),
        "action units lost": len(stored) * len(AU_NUMBERS) - units,
    }
