"""Places that fail: a disk that is full, and a Hub that is away, refuses, is slow, or hangs up in the middle."""

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from db.errors import StoreError
from db.keeper import Keeper
from db.remote import open_remote
from db.restoring import restore_from
from db.saving import save
from db.store import Store
from tests.faults.kills import in_process
from tests.faults.scene import NOON, Crowd, Outcome, add_photo, answer, differs, judge, opened
from tests.hub_double import HubDouble

PLACE = "hf://datasets/org/backup"
ROOM_BYTES = 2_000_000
"""Left for each file on the disk that is full."""


def full_disk_amid_submissions(scene: Crowd, folder: Path) -> Outcome:
    """No file grows any more: who is told that it is stored has it stored; the others are told it is not."""
    mine = scene.copy(folder / "full" / "data")
    log = folder / "full" / "acknowledged"
    in_process(_submit_until_full, mine, log).join()
    told, refused = (line.split() for line in log.read_text().split("\n")[:2])
    assert refused, "the disk was never full"
    label = "disk full amid submissions"
    first = judge(
        label, len(refused), mine.folder, map(int, told), f"{len(refused)} were refused, and told so"
    )
    with closing(opened(mine.folder)) as store:  # there is room again
        again = [answer(store, lease, who) for lease, who in mine.leases.items()]
    second = judge(label, 1, mine.folder, again)
    return Outcome(
        first.fault, first.injected, len(told), first.lost + second.lost, second.doubled, first.note
    )


def _submit_until_full(scene: Crowd, log: Path) -> None:
    told, refused = [], []
    with closing(opened(scene.folder)) as store:
        _no_more_room(scene.folder)
        for lease, who in scene.leases.items():
            try:
                told.append(answer(store, lease, who))
            except StoreError:
                refused.append(lease)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    log.write_text("\n".join(" ".join(map(str, numbers)) for numbers in (told, refused)) + "\n")


def _no_more_room(folder: Path) -> None:
    largest = max(path.stat().st_size for path in folder.glob("vlfau.db-wal"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM_BYTES, resource.RLIM_INFINITY))


def full_disk_of_the_backup(scene: Crowd, folder: Path) -> Outcome:
    """The place takes nothing: the round fails and says so, the store goes on, and later all of it arrives."""
    mine, place = scene.copy(folder / "room" / "data"), folder / "room" / "place"
    told_as = folder / "room" / "error"
    in_process(_back_up_without_room, mine.folder, str(place), told_as).join()
    assert "Make room" in told_as.read_text()
    label = "disk full at the place of the backup"
    with closing(opened(mine.folder)) as store:
        told = [answer(store, *pair) for pair in list(mine.leases.items())[:20]]
        save(store, open_remote(str(place)))
    left = list((folder / "room").rglob("*unfinished*"))
    assert not left, left
    back = folder / "room" / "back"
    restore_from(open_remote(str(place)), folder=back)
    assert differs(mine.folder, back) is None
    return judge(label, 1, back, told)


def _back_up_without_room(folder: Path, place: str, told_as: Path) -> None:
    with closing(opened(folder)) as store:
        keeper = Keeper(store, place)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))
        keeper.round()
        told_as.write_text(str(keeper.standing.error))


class Clock:
    """Says what time it is; who sleeps moves it, and nobody waits."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Any:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@dataclass
class Talk:
    """A store that is backed up to the double, and people who go on submitting."""

    store: Store
    hub: HubDouble
    keeper: Keeper
    clock: Clock
    leases: Iterator[tuple[int, int]]
    told: list[int]
    photos: Iterator[int]

    def go_on(self, minutes: float = 5.0) -> bool:
        """Two submissions and a photo, then a round; whether it went well."""
        self.told += [answer(self.store, *next(self.leases)) for _ in range(2)]
        add_photo(self.store, 1, next(self.photos))
        self.clock.sleep(minutes * 60)
        return self.keeper.round() is not None


Fault = Callable[[Talk], int]


def _away(rounds: int) -> Fault:
    def fault(talk: Talk) -> int:
        talk.hub.stop()
        failed = sum(not talk.go_on() for _ in range(rounds))
        talk.hub.start()
        return failed

    return fault


def _failing(match: str, times: int = 1, **what: Any) -> Fault:
    """`times` requests, and one after the other, so that a client that repeats meets the next."""

    def fault(talk: Talk) -> int:
        injected = talk.hub.fail(match, times=times, **what)
        for _ in range(20):
            talk.go_on()
            if not injected.times:
                return times
        raise AssertionError(f"{match} was never asked for")

    return fault


def hub_faults(rounds_away: int = 12, slow_s: float = 3.0) -> dict[str, Fault]:
    """Name -> what goes wrong."""
    commit, photo, listing = r"POST .*/commit/", r"PUT /large/", r"GET .*/tree/"
    return {
        f"Hub unreachable for {rounds_away * 5} minutes, {rounds_away} rounds": _away(rounds_away),
        "Hub answers 500 to a commit": _failing(commit, 3, status=500),
        "Hub answers 429 to a commit": _failing(commit, 3, status=429, retry_after_s=2),
        "Hub answers 500 to a listing": _failing(listing, 8, status=500),
        "Hub answers 503 to a photo": _failing(photo, 3, status=503),
        f"Hub takes {slow_s:g} s for a commit": _failing(commit, 2, slow_s=slow_s),
        "Hub hangs up in the middle of a commit": _failing(commit, 3, cut_after=200),
        "Hub hangs up in the middle of a photo": _failing(photo, 3, cut_after=1000),
        "Hub commits, and hangs up without saying so": _failing(commit, 3, lose_answer=True),
    }


def amid_hub_faults(scene: Crowd, folder: Path, faults: dict[str, Fault]) -> Iterator[Outcome]:
    """After each, one round without it; then the disk is lost, and what comes back has all that was acknowledged."""
    with _talk(scene, folder / "hub") as talk:
        for label, fault in faults.items():
            before = len(talk.told)
            injected = fault(talk)
            assert talk.go_on(), talk.keeper.standing.error
            back = folder / "hub" / "back"
            restore_from(open_remote(PLACE), folder=back)
            assert differs(talk.store.folder, back) is None
            told = talk.told[before:]
            yield judge(label, injected, back, told)
            shutil.rmtree(back)


@contextmanager
def _talk(scene: Crowd, folder: Path) -> Iterator[Talk]:
    mine, clock = scene.copy(folder / "data"), Clock()
    from huggingface_hub.utils import _http

    with (
        HubDouble() as hub,
        pytest.MonkeyPatch.context() as settings,
        patch.object(_http, "time", clock),  # the client's pauses pass on this clock
        closing(Store(folder=mine.folder, clock=clock)) as store,
    ):
        hub.use(settings, folder)
        keeper = Keeper(store, PLACE)
        keeper.round()
        yield Talk(store, hub, keeper, clock, iter(mine.leases.items()), [], iter(range(2000, 3000)))
