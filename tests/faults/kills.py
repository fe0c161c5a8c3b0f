"""Killing the program: in the middle of 200 submissions, and at every step of a backup and of a restore.

A step is a moment at which Python tells its audit hooks of a file that is opened, renamed, removed or made, or of a
database that is opened: the program ends itself there with SIGKILL, without a word of it in the program's own code.
"""

import multiprocessing
import multiprocessing.util
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from db.event_log import last_event
from db.keeper import Keeper
from db.people import forget
from db.remote import open_remote
from db.restoring import restore_from
from db.roles import OPERATOR
from db.saving import save
from tests.faults.scene import (
    Crowd,
    Outcome,
    add_photo,
    answer,
    differs,
    judge,
    opened,
    promote_version,
    submitted,
)

STEPS = {
    "open",
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.chmod",
    "sqlite3.connect",
    "shutil.rmtree",
}
DAY_LATER = 30.0
"""Hours: a new generation is due."""


def in_process(target: Callable[..., None], *arguments: Any) -> multiprocessing.Process:
    """A process of its own that has all modules already."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.kills"])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process


def amid_submissions(scene: Crowd, folder: Path, times: int, chance: random.Random) -> Iterator[Outcome]:
    """The disk stays; it is lost and replies waited for the place; it is lost and they did not."""
    label = "kill -9 amid 200 submissions"
    yield _amid(scene, folder / "disk", times, chance, label, False, False)
    yield _amid(
        scene, folder / "sync", times, chance, f"{label}, and the disk is lost; with sync", True, True
    )


def without_sync(scene: Crowd, folder: Path, chance: random.Random) -> Outcome:
    """What came after the last round goes with the disk, which is what the documentation says."""
    label = "kill -9 amid 200 submissions, and the disk is lost; without sync, no round since"
    return _amid(scene, folder / "window", 1, chance, label, True, False)


def _amid(
    scene: Crowd, folder: Path, times: int, chance: random.Random, label: str, loses_disk: bool, sync: bool
) -> Outcome:
    acknowledged = lost = doubled = 0
    for turn in range(times):
        here = folder / str(turn)
        mine = scene.copy(here / "data")
        place = str(here / "place") if loses_disk else None
        told = _killed_after(mine, place, sync, chance.randrange(1, len(scene.leases) - 1))
        if place is not None:
            shutil.rmtree(mine.folder)
            assert restore_from(open_remote(place), folder=mine.folder) is not None
        stored = submitted(mine.folder)
        acknowledged += len(told)
        lost += sum(stored.get(response) != mine.leases[lease] for lease, response in told.items())
        with closing(
            opened(mine.folder)
        ) as store:  # nobody knows what was stored, so everybody sends it again
            again = [answer(store, lease, who) for lease, who in mine.leases.items()]
        doubled += judge(label, 1, mine.folder, again).doubled
        assert len(submitted(mine.folder)) == len(mine.leases)
        shutil.rmtree(here)
    return Outcome(label, times, acknowledged, lost, doubled)


def _killed_after(scene: Crowd, place: str | None, sync: bool, acknowledged: int) -> dict[int, int]:
    """Lease -> response that was acknowledged before the program was killed, which was after so many."""
    log = scene.folder.with_name("acknowledged")
    log.touch()
    process = in_process(_submit_all, scene, log, place, sync)
    while process.is_alive() and log.read_bytes().count(b"\n") < acknowledged:
        time.sleep(0.001)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    lines = log.read_text().splitlines()
    return {int(line.split()[0]): int(line.split()[1]) for line in lines}


def _submit_all(scene: Crowd, log: Path, place: str | None, sync: bool) -> None:
    """All at the same moment; each acknowledgement is written down before anything else happens."""
    store = opened(scene.folder)
    if place:
        keeper = Keeper(store, place, 60, sync)
        keeper.round()
        keeper.start()
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    together = threading.Barrier(len(scene.leases))

    def one(lease: int, who: int) -> None:
        together.wait()
        response = answer(store, lease, who)
        os.write(file, f"{lease} {response}\n".encode())

    threads = [threading.Thread(target=one, args=pair) for pair in scene.leases.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def at_step(number: int, within: Path, count_into: Path | None = None) -> None:
    """From now on count the steps of this process in that folder, and kill it at that one.

    0 only counts, into a file at the end.
    """
    steps = 0

    def hook(event: str, arguments: Any) -> None:
        nonlocal steps
        if event not in STEPS or not str(arguments[0]).startswith(str(within)):
            return
        steps += 1
        if steps == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    if count_into is not None:
        multiprocessing.util.Finalize(None, lambda: count_into.write_text(str(steps)), exitpriority=100)


def _back_up(folder: Path, place: str, number: int, count_into: Path | None) -> None:
    store, remote = opened(folder, DAY_LATER), open_remote(place)
    at_step(number, folder.parent, count_into)
    save(store, remote)


def _restore(folder: Path, place: str, number: int, count_into: Path | None) -> None:
    remote = open_remote(place)
    at_step(number, folder.parent, count_into)
    restore_from(remote, folder=folder)


def _steps_of(target: Callable[..., None], folder: Path, place: str) -> int:
    counted = folder.with_name("steps")
    in_process(target, folder, place, 0, counted).join()
    return int(counted.read_text())


class Rounds:
    """A store with a place where a whole round is due: part of the log, snapshot, clearing up."""

    def __init__(self, scene: Crowd, folder: Path, forgets: bool = False) -> None:
        self.folder = folder
        data, place = folder / "made" / "data", str(folder / "made" / "place")
        mine = scene.copy(data)
        leases = iter(list(mine.leases.items())[:12])
        self.told: list[int] = []
        remote = open_remote(place)
        for day in range(3):
            with closing(opened(data, hours=day * DAY_LATER - 3 * DAY_LATER)) as store:
                self.told += [answer(store, *next(leases)) for _ in range(3)]
                add_photo(store, 1, 1000 + day)
                promote_version(store, folder / "versions", f"day-{day}")
                save(store, remote)
        with closing(opened(data)) as store:
            self.saved = last_event(store)
            self.told += [answer(store, *next(leases)) for _ in range(3)]
            add_photo(store, 1, 1010)
            promote_version(store, folder / "versions", "day-3")
            if forgets:
                self.gone = store.images.path(_photo_of(store, "p1001")).name
                forget(store, OPERATOR, "p1001")
            self.last = last_event(store)

    def fresh(self) -> tuple[Path, str]:
        """A copy to break: the store's folder and the place."""
        shutil.rmtree(self.folder / "broken", ignore_errors=True)
        shutil.copytree(self.folder / "made", self.folder / "broken")
        data = self.folder / "broken" / "data"
        state = data / "backup.json"
        state.write_text(state.read_text().replace(str(self.folder / "made"), str(self.folder / "broken")))
        return data, str(self.folder / "broken" / "place")


def _photo_of(store: Any, code: str) -> str:
    from sqlalchemy import select

    from db.tables import Image, Subject

    with store.reading(OPERATOR, "export") as work:
        return str(work.scalars(select(Image.sha256).join(Subject).where(Subject.code == code)).one())


def amid_backup(scene: Crowd, folder: Path, every: int, forgets: bool = False) -> Outcome:
    """At every step, or every so many: what lay there before can be restored, and the next round ends it all."""
    rounds = Rounds(scene, folder, forgets)
    label = "kill -9 at a step of a backup" + (" after somebody was forgotten" if forgets else "")
    steps = _steps_of(_back_up, *rounds.fresh())
    lost = doubled = injected = 0
    for number in range(1, steps + 1, every):
        data, place = rounds.fresh()
        process = in_process(_back_up, data, place, number, None)
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"step {number} of {steps}: {process.exitcode}"
        injected += 1
        if not forgets:
            lost += differs_after_restore(data, place, rounds.saved)
        with closing(opened(data, DAY_LATER)) as store:
            save(store, open_remote(place))
        lost += differs_after_restore(data, place, None)
        if forgets:
            left = [path for path in (folder / "broken").rglob("*") if path.name == rounds.gone]
            assert not left, f"step {number}: {left}"
        outcome = judge(label, 1, data.with_name("back"), rounds.told)
        lost, doubled = lost + outcome.lost, doubled + outcome.doubled
    return Outcome(label, injected, len(rounds.told) * injected, lost, doubled, f"{steps} steps")


def differs_after_restore(data: Path, place: str, up_to: int | None) -> int:
    """1 when what comes back is not what is here, or ends before an event."""
    back = data.with_name("back")
    shutil.rmtree(back, ignore_errors=True)
    restore_from(open_remote(place), folder=back)
    return int(differs(data, back, up_to) is not None)


def amid_restore(scene: Crowd, folder: Path, every: int) -> Outcome:
    """At every step, or every so many: what is there then is all or nothing, and the next try brings all."""
    rounds = Rounds(scene, folder)
    label = "kill -9 at a step of a restore"
    data, place = rounds.fresh()
    with closing(opened(data, DAY_LATER)) as store:
        save(store, open_remote(place))
    target = data.with_name("back")
    steps = _steps_of(_restore, target, place)
    lost = doubled = injected = 0
    for number in range(1, steps + 1, every):
        shutil.rmtree(target, ignore_errors=True)
        process = in_process(_restore, target, place, number, None)
        process.join()
        assert process.exitcode == -signal.SIGKILL, f"step {number} of {steps}: {process.exitcode}"
        injected += 1
        if not (target / "vlfau.db").exists():
            assert restore_from(open_remote(place), folder=target) is not None
        lost += int(differs(data, target) is not None)
        outcome = judge(label, 1, target, rounds.told)
        lost, doubled = lost + outcome.lost, doubled + outcome.doubled
    return Outcome(label, injected, len(rounds.told) * injected, lost, doubled, f"{steps} steps")
