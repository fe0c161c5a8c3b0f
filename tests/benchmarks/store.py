"""How quick the queue is as it grows, and what twenty people who submit at once wait for, on SQLite, in one run.

    python tests/benchmarks/store.py --items 10000 100000 1000000 --writers 20
    python tests/benchmarks/store.py --http

A database of that size is filled by hand: half as many answers as items by 200 annotators, the top of the queue begun,
one hundred known faces. All items share one prediction of 22 action units, so that filling takes minutes and not hours.
Then random annotators take a face and answer all of it; and one who is 5,000 faces ahead of everybody takes a face.
Last, real annotators work over HTTP with the running app (`tests/benchmarks/annotators.py`); `--http` does only that.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that the folder of this file is where Python looks

from db.projects import ProjectSettings, add_project  # noqa: E402
from db.queue import next_item  # noqa: E402
from db.responses import submit  # noqa: E402
from db.roles import OPERATOR, Actor  # noqa: E402
from db.store import Store  # noqa: E402
from db.values import Answer, Occurrence, UnitAnswer  # noqa: E402
from tests.benchmarks.annotators import annotators  # noqa: E402
from vlfau.action_units import AU_NUMBERS  # noqa: E402

ANNOTATORS = 200
GOLD = 100
AHEAD = 5_000
NOW = "2026-11-22 12:00:00.000000"
EVERYTHING = Answer(tuple(UnitAnswer(number, Occurrence.ABSENT) for number in AU_NUMBERS), seconds=20.0)
NEXT_GOAL_MS, SUBMIT_GOAL_MS = 20.0, 150.0


@dataclass(frozen=True)
class Latency:
    """Of many calls, in ms."""

    calls: int
    p50_ms: float
    p95_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Latency":
        cuts = statistics.quantiles(seconds, n=100)
        return cls(len(seconds), cuts[49] * 1e3, cuts[94] * 1e3, max(seconds) * 1e3)

    def __str__(self) -> str:
        return f"p50 {self.p50_ms:6.1f}   p95 {self.p95_ms:6.1f}   max {self.max_ms:7.1f} ms   ({self.calls} calls)"


def fill(folder: Path, items: int) -> int:
    """A store with so many items and the history described above; returns the project's id."""
    with closing(Store.open(folder=folder)) as store:
        project = add_project(store, OPERATOR, ProjectSettings("faces"))
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        for table, rows in history(items, project):
            first = next(rows)
            places = ", ".join("?" * len(first))
            insert = f"INSERT INTO {table} ({', '.join(first)}) VALUES ({places})"
            connection.execute(insert, tuple(first.values()))
            connection.executemany(insert, (tuple(row.values()) for row in rows))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("ANALYZE")
    return project


def history(items: int, project: int) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Table -> rows. Of all items the best tenth has two answers, the next three tenths have one."""
    chance = random.Random(0)
    done, begun = items // 10, 4 * items // 10
    matrix = "[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]"
    people = range(1, ANNOTATORS + 2)  # the last one is far ahead
    yield (
        "annotator",
        (
            dict(id=n, name=f"a{n}", pseudonym=f"p{n}", role="annotator", language="en", joined_at=NOW)
            for n in people
        ),
    )
    yield (
        "membership",
        (
            dict(
                project_id=project,
                annotator_id=n,
                submitted=0,
                gold_items=0,
                gold_scored=0,
                gold_right=0,
                qualified_at=NOW,
            )
            for n in people
        ),
    )
    yield (
        "subject",
        (dict(id=n, code=f"s{n}", consent="publish", consented_at=NOW) for n in range(1, items // 10 + 2)),
    )
    yield (
        "image",
        (
            dict(
                id=n,
                subject_id=n // 10 + 1,
                sha256=f"{n:064d}",
                width_px=8,
                height_px=8,
                size_bytes=8,
                added_at=NOW,
            )
            for n in range(1, items + 1)
        ),
    )
    box = dict(x0_px=0, y0_px=0, x1_px=8, y1_px=8, score=1, yaw_deg=0, pitch_deg=0, roll_deg=0)
    yield (
        "face",
        (
            dict(id=n, image_id=n, **box, warnings="[]", landmarks=b"\0" * 12, chip_transform=matrix)
            for n in range(1, items + 1)
        ),
    )
    yield "prediction", iter([dict(id=1, face_id=1, model_version="m", made_at=NOW)])
    yield (
        "predicted_unit",
        (
            dict(
                prediction_id=1,
                number=n,
                probability=0.5,
                threshold=0.5,
                intensity=1.0,
                text="A sentence about it.",
            )
            for n in AU_NUMBERS
        ),
    )
    yield (
        "item",
        (
            dict(
                id=n,
                project_id=project,
                face_id=n,
                prediction_id=1,
                state="gold" if n > items - GOLD else "agreed" if n <= done else "open",
                wanted=2,
                answers=2 if n <= done else 1 if n <= begun else 0,
                held=0,
                skips=0,
                blind=n % 10 == 0,
                priority=2 - n / items,
                random_key=chance.random(),
                added_at=NOW,
            )
            for n in range(1, items + 1)
        ),
    )
    known = range(items - GOLD + 1, items + 1)
    yield "gold", (dict(id=n, item_id=n, at=NOW) for n in known)
    yield "gold_unit", (dict(gold_id=n, number=12, occurrence="absent") for n in known)
    yield (
        "response",
        (
            dict(
                item_id=n,
                project_id=project,
                annotator_id=who,
                status="submitted",
                prediction_id=1,
                blind=0,
                chosen_by="priority",
                seconds=20,
                guideline_version=1,
                at=NOW,
            )
            for n in range(1, begun + 1)
            for who in answered_by(n, done)
        ),
    )


def answered_by(item: int, done: int) -> tuple[int, ...]:
    """Who answered: two neighbours a finished one; one a begun one, the first of these all the one who is ahead."""
    if item > done:
        return (ANNOTATORS + 1 if item <= done + AHEAD else item % ANNOTATORS + 1,)
    return item % ANNOTATORS + 1, (item + 1) % ANNOTATORS + 1


def queue(folder: Path, project: int, rounds: int) -> dict[str, Latency]:
    """Latency of taking a face, of answering it, and of taking one when far ahead."""
    chance = random.Random(1)
    taking, answering, ahead = [], [], []
    with closing(Store(folder=folder)) as store:
        for _ in range(rounds):
            actor = Actor(chance.randrange(1, ANNOTATORS + 1))
            task, seconds = timed(next_item, store, actor, project)
            taking.append(seconds)
            answering.append(timed(submit, store, actor, task.lease_id, EVERYTHING)[1])
        for _ in range(max(20, rounds // 5)):
            task, seconds = timed(next_item, store, Actor(ANNOTATORS + 1), project)
            ahead.append(seconds)
            submit(store, Actor(ANNOTATORS + 1), task.lease_id, EVERYTHING)
    return {"next": Latency.of(taking), "submit": Latency.of(answering), "next, far ahead": Latency.of(ahead)}


def timed(call: Any, *arguments: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    return call(*arguments), time.perf_counter() - start


def writers(folder: Path, project: int, count: int, each: int, pause_s: float) -> dict[str, Any]:
    """So many processes that take and answer faces at once; latency of submitting, answers lost and doubled."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["db.queue", "db.responses"])
    barrier, results = context.Barrier(count), context.Queue()
    jobs = [
        context.Process(target=write, args=(folder, project, number + 1, each, pause_s, barrier, results))
        for number in range(count)
    ]
    for job in jobs:
        job.start()
    found = [results.get(timeout=600) for _ in jobs]
    for job in jobs:
        job.join()
    acknowledged = [response for responses, _ in found for response in responses]
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        marks = ", ".join("?" * len(acknowledged))
        there = connection.execute(
            f"SELECT COUNT(*) FROM response WHERE id IN ({marks})", acknowledged
        ).fetchone()[0]
        answers = connection.execute(
            f"SELECT COUNT(*) FROM answer WHERE response_id IN ({marks})", acknowledged
        )
        units = answers.fetchone()[0]
    latency = Latency.of([second for _, seconds in found for second in seconds])
    return {
        "submit": latency,
        "acknowledged": len(acknowledged),
        "lost": count * each - there,
        "doubled": len(acknowledged) - len(set(acknowledged)),
        "action units lost": len(acknowledged) * len(AU_NUMBERS) - units,
    }


def write(
    folder: Path, project: int, number: int, each: int, pause_s: float, barrier: Any, results: Any
) -> None:
    """One writer's process."""
    chance = random.Random(number)
    responses, seconds = [], []
    with closing(Store(folder=folder)) as store:
        actor = Actor(number)
        for turn in range(each):
            task = next_item(store, actor, project)
            if turn == 0:
                barrier.wait()  # the first answers of all arrive together
            time.sleep(pause_s * chance.random() if turn else 0)
            response, spent = timed(submit, store, actor, task.lease_id, EVERYTHING)
            responses.append(response)
            seconds.append(spent)
    results.put((responses, seconds))


def measure_queue(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of the store alone, printed as they come."""
    report: dict[str, Any] = {"queue": {}}
    for items in options.items:
        folder = Path(tempfile.mkdtemp(prefix="vlfau-bench-"))
        project, filled = timed(fill, folder, items)
        size = sum(path.stat().st_size for path in folder.glob("vlfau.db*")) / 1e6
        print(f"{items:>9,} items ({size:,.0f} MB, filled in {filled:.0f} s)", flush=True)
        figures = queue(folder, project, options.rounds)
        for name, latency in figures.items():
            print(f"    {name:16}{latency}", flush=True)
        report["queue"][items] = {name: vars(latency) for name, latency in figures.items()}
        if options.writers and items == options.items[-1]:
            together = writers(folder, project, options.writers, options.each, options.pause)
            print(f"{options.writers} writers at once: submit {together['submit']}")
            print("    " + ", ".join(f"{together[name]} {name}" for name in list(together)[1:]))
            report["writers"] = together | {"submit": vars(together["submit"])}
        shutil.rmtree(folder)
    slowest = max(sizes["next"]["p95_ms"] for sizes in report["queue"].values())
    print(f"goal: next p95 under {NEXT_GOAL_MS:.0f} ms; largest {slowest:.1f} ms")
    return report


def measure_http(options: argparse.Namespace) -> dict[str, Any]:
    """The figures of annotators over HTTP; raises when an answer was lost or stored twice."""
    with tempfile.TemporaryDirectory(prefix="vlfau-bench-") as folder:
        seconds, counts = annotators(Path(folder), options.annotators, options.each, options.http_pause)
    latency = Latency.of([second for one in seconds for second in one])
    together = Latency.of([one[0] for one in seconds])
    print(f"{options.annotators} annotators over HTTP: submit and next {latency}")
    print(f"    of these the first, all at the same moment: {together}")
    print("    " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    print(f"goal: submit p95 under {SUBMIT_GOAL_MS:.0f} ms; {latency.p95_ms:.1f} ms")
    if counts["lost"] or counts["doubled"] or counts["action units lost"]:
        raise SystemExit("Answers were lost or doubled.")
    return {"http": counts | {"submit": vars(latency), "submit together": vars(together)}}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=300, help="faces taken and answered at each size")
    parser.add_argument("--writers", type=int, default=20, help="processes that submit at once; 0 for none")
    parser.add_argument("--each", type=int, default=20, help="answers of each of them")
    parser.add_argument("--pause", type=float, default=1.0, help="longest pause between two answers, in s")
    parser.add_argument("--http", action="store_true", help="only the annotators over HTTP")
    parser.add_argument("--annotators", type=int, default=20, help="processes over HTTP; 0 for none")
    parser.add_argument("--http-pause", type=float, default=4.0, help="longest pause of these, in s")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench-store.json")
    options = parser.parse_args(arguments)
    report: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }
    if not options.http:
        report |= measure_queue(options)
    if options.annotators:
        report |= measure_http(options)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
