"""Everybody at once over real HTTP: visitors who analyse photos and annotators who submit, for two minutes.

    python tests/benchmarks/load.py --seconds 120 --visitors 50 --annotators 50

The running `app.py` is asked as the pages ask it: a visitor uploads a photo, waits in the queue, gets the result and
looks at it; an annotator fetches the face, thinks, submits, and gets the next one with the reply. Printed are errors,
latencies, analyses a second, and how the memory of the program grows.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that the folder of this file is where Python looks

from tests.benchmarks.annotators import ANSWER, PASSWORD, fill, name, running_app  # noqa: E402
from tests.benchmarks.store import Latency  # noqa: E402

SUBMIT_GOAL_MS = 300.0
PHOTOS = sorted((ROOT / "ui" / "starter").glob("*.jpg"))
MEBI = 2**20


@dataclass
class Load:
    """What was asked for, and what came of it."""

    address: str
    project: int
    end: float = 0.0
    """`time.monotonic` after which nobody begins anything."""
    errors: list[str] = field(default_factory=list)
    submit_s: list[float] = field(default_factory=list)
    analyse_s: list[float] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, bytes that lie in the memory of the app."""

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    def browser(self, number: int) -> httpx.AsyncClient:
        """Of somebody with an address of their own, as a proxy says it."""
        return httpx.AsyncClient(
            base_url=self.address,
            timeout=60,
            headers={"X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}"},
        )

    async def timed(self, what: str, into: list[float], step: Callable[[], Awaitable[Any]]) -> Any:
        """The result of a step, None when it went wrong, which is counted."""
        begin = time.perf_counter()
        try:
            result = await step()
        except (httpx.HTTPError, RuntimeError, KeyError) as error:
            self.errors.append(f"{what}: {error!r}")
            return None
        into.append(time.perf_counter() - begin)
        return result


async def visit(load: Load, number: int, event: int, pause_s: float) -> None:
    """One visitor: a photo, a look at the result, the next photo."""
    chance = random.Random(number)
    async with load.browser(number) as browser:
        await asyncio.sleep(pause_s * chance.random())
        while not load.is_over:
            photo = chance.choice(PHOTOS)
            await load.timed("analyse", load.analyse_s, lambda photo=photo: analyse(browser, event, photo))
            await asyncio.sleep(pause_s * (0.5 + chance.random()))


async def analyse(browser: httpx.AsyncClient, event: int, photo: Path) -> str:
    """The result's HTML, as the Analyse page gets it; raises when there is none."""
    sent = await browser.post("/gradio_api/upload", files={"files": (photo.name, photo.read_bytes())})
    session = f"{random.getrandbits(64):x}"
    body = {"data": [], "fn_index": event, "session_hash": session}
    body["event_data"] = {"path": sent.raise_for_status().json()[0], "name": photo.name}
    (await browser.post("/gradio_api/queue/join", json=body)).raise_for_status()
    where = ("GET", "/gradio_api/queue/data")
    async with browser.stream(*where, params={"session_hash": session}) as lines:
        async for line in lines.aiter_lines():
            told = json.loads(line[5:]) if line.startswith("data:") else {"msg": None}
            if told["msg"] == "process_completed":
                if not told["success"] or "vl-result" not in json.dumps(told["output"]):
                    raise RuntimeError(str(told["output"])[:200])
                return json.dumps(told["output"])
    raise RuntimeError("the queue ended without a result")


async def annotate(load: Load, number: int, component: int, pause_s: float) -> None:
    """One annotator: a face, some thought, an answer, the next face."""
    chance = random.Random(number)
    async with load.browser(number) as browser:
        account = {"name": name(number), "password": PASSWORD}
        (await browser.post("/account/sign-in", json=account)).raise_for_status()

        async def act(**message: Any) -> Any:
            body = {"session_hash": "load", "component_id": component, "fn_name": "act", "data": message}
            reply = await browser.post("/gradio_api/component_server", json=body)
            answer = reply.raise_for_status().json()
            if "error" in answer:
                raise RuntimeError(f"{message['do']}: {answer['message']}")
            return answer

        task = (await act(do="open", project=load.project))["task"]
        await asyncio.sleep(pause_s * chance.random())
        while not load.is_over and task is not None:
            await load.timed("picture", [], lambda item=task["item"]: picture(browser, item))
            await asyncio.sleep(pause_s * (0.5 + chance.random()))
            message = {"do": "submit", "project": load.project, "lease": task["lease"], "answer": ANSWER}
            reply = await load.timed(
                "submit", load.submit_s, lambda message=message: act(**message, despite=True)
            )
            if reply is None:
                continue
            load.acknowledged.append(reply["done"])
            task = reply["task"]


async def picture(browser: httpx.AsyncClient, item: int) -> None:
    (await browser.get(f"/faces/{item}/chip.jpg")).raise_for_status()


async def watch(load: Load, process: int) -> None:
    """Look at the memory once a second."""
    begin = time.monotonic()
    while not load.is_over:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
        load.memory.append((time.monotonic() - begin, pages * 4096))
        await asyncio.sleep(1)


async def everybody(load: Load, process: int, options: argparse.Namespace) -> None:
    async with httpx.AsyncClient(base_url=load.address, timeout=60) as browser:
        config = (await browser.get("/config")).json()
    component = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "va")
    event = next(
        one["id"] for one in config["dependencies"] if one["targets"] and one["targets"][0][1] == "photo"
    )
    load.end = time.monotonic() + options.seconds
    await asyncio.gather(
        watch(load, process),
        *(visit(load, 1000 + one, event, options.visitor_pause) for one in range(options.visitors)),
        *(annotate(load, one, component, options.annotator_pause) for one in range(options.annotators)),
    )


def slope_mib_a_minute(memory: list[tuple[float, int]]) -> float:
    """Least squares over the second half, when everything has been touched once."""
    half = memory[len(memory) // 2 :]
    mean_s, mean = (sum(column) / len(half) for column in zip(*half, strict=True))
    spread = sum((second - mean_s) ** 2 for second, _ in half)
    if not spread:
        return float("nan")
    return sum((second - mean_s) * (size - mean) for second, size in half) / spread * 60 / MEBI


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The figures, printed as they are known."""
    with tempfile.TemporaryDirectory(prefix="vlfau-load-") as made:
        folder = Path(made)
        each = max(4, int(options.seconds / max(options.annotator_pause, 0.1)) + 2)
        project = fill(folder, options.annotators, each)
        with running_app(folder) as (address, process):
            load = Load(address, project)
            asyncio.run(everybody(load, process, options))
        with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
            rows = connection.execute(
                "SELECT id, item_id, annotator_id FROM response WHERE status = 'submitted'"
            ).fetchall()
    return {
        "seconds": options.seconds,
        "visitors": options.visitors,
        "annotators": options.annotators,
        "errors": load.errors,
        "lost": len(set(load.acknowledged) - {row[0] for row in rows}),
        "doubled": len(rows) - len({row[1:] for row in rows}),
        "submit": vars(Latency.of(load.submit_s)),
        "analyse": vars(Latency.of(load.analyse_s)),
        "analyses_a_second": len(load.analyse_s) / options.seconds,
        "memory_mib": load.memory[-1][1] / MEBI,
        "memory_slope_mib_a_minute": slope_mib_a_minute(load.memory),
    }


def show(report: dict[str, Any]) -> None:
    """For people."""
    submit, analysed = Latency(**report["submit"]), Latency(**report["analyse"])
    print(f"{report['visitors']} visitors and {report['annotators']} annotators for {report['seconds']:g} s")
    print(f"    submit   {submit}")
    print(f"    analyse  {analysed}, {report['analyses_a_second']:.2f} a second")
    print(f"    {len(report['errors'])} errors, {report['lost']} lost, {report['doubled']} doubled")
    print(
        f"    memory {report['memory_mib']:.0f} MiB, {report['memory_slope_mib_a_minute']:+.1f} MiB a minute"
    )
    for error in report["errors"][:5]:
        print(f"    {error}")
    print(f"goal: no errors, submit p95 under {SUBMIT_GOAL_MS:.0f} ms; {submit.p95_ms:.1f} ms")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--annotators", type=int, default=50)
    parser.add_argument(
        "--visitor-pause", type=float, default=30.0, help="mean time a visitor looks at a result, s"
    )
    parser.add_argument("--annotator-pause", type=float, default=10.0, help="mean time on a face, s")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-load.json")
    options = parser.parse_args(arguments)
    report = measure(options)
    show(report)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    if report["errors"] or report["lost"] or report["doubled"]:
        raise SystemExit("There were errors, or answers were lost or doubled.")


if __name__ == "__main__":
    main()
