"""Whenever a training is killed while it keeps its state, it can go on: from this state or from the one before."""

import itertools
import os
from functools import partial

import pytest
import torch
from accelerate import Accelerator

from finetune import kept_state


class Killed(BaseException):
    """Not an error: nothing may catch it, as nothing catches a kill."""


class Counter:
    """What an accelerator keeps by name."""

    step = 0

    def state_dict(self):
        return {"step": self.step}

    def load_state_dict(self, state):
        self.step = state["step"]


@pytest.fixture(scope="module")
def accelerator():
    return Accelerator(cpu=True)


@pytest.fixture
def counter(accelerator):
    counter = Counter()
    accelerator.register_for_checkpointing(counter)
    yield counter
    accelerator._custom_objects.clear()


def kill_before(monkeypatch, number):
    """Die before the change of a folder with this number: a file removed, a folder removed, a folder renamed."""
    turn = itertools.count()

    def change(real, *args, **options):
        if next(turn) == number:
            raise Killed
        return real(*args, **options)

    for name in ("rename", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, partial(change, getattr(os, name)))


def keep_step(accelerator, counter, folder, step):
    counter.step = step
    kept_state.keep(accelerator, folder, {"weights": torch.full((3,), float(step))})


def resumed_step(accelerator, counter, folder):
    """The step of the state that is gone on from, which must be whole."""
    counter.step = -1
    also = kept_state.resume(accelerator, folder)
    assert also["weights"].tolist() == [counter.step] * 3
    return counter.step


def test_without_a_state_there_is_none_to_go_on_from(accelerator, tmp_path):
    assert kept_state.last(tmp_path) is None
    assert kept_state.resume(accelerator, tmp_path) is None
    kept_state.keep(accelerator, tmp_path)
    assert kept_state.resume(accelerator, tmp_path) == {}
    kept_state.drop(tmp_path)
    assert not list(tmp_path.iterdir())


def test_killed_at_any_moment_a_whole_state_remains(accelerator, counter, tmp_path):
    """Each kill meets what the kill before has left, as in a training that is killed again and again."""
    keep_step(accelerator, counter, tmp_path, 0)
    last, ends = 0, []
    for moment in itertools.count():
        with pytest.MonkeyPatch.context() as patch:
            kill_before(patch, moment)
            try:
                keep_step(accelerator, counter, tmp_path, last + 1)
                killed = False
            except Killed:
                killed = True
        now = resumed_step(accelerator, counter, tmp_path)
        assert now in ((last, last + 1) if killed else (last + 1,))
        ends.append(now - last)
        last = now
        if not killed:
            break
    assert len(ends) > 5
    assert set(ends) == {0, 1}
    assert [folder.name for folder in tmp_path.iterdir()] == ["state"]


def test_killed_while_it_is_written_the_state_before_remains(accelerator, counter, tmp_path, monkeypatch):
    keep_step(accelerator, counter, tmp_path, 4)
    monkeypatch.setattr(torch, "save", lambda *args, **options: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        keep_step(accelerator, counter, tmp_path, 5)
    assert resumed_step(accelerator, counter, tmp_path) == 4


def test_killed_twice_between_the_two_renames_the_one_before_remains(accelerator, counter, tmp_path):
    """The second time no current state lies there, so that nothing may touch the one before."""
    keep_step(accelerator, counter, tmp_path, 7)
    (tmp_path / "state").rename(tmp_path / "state.old")
    for moment in itertools.count():
        with pytest.MonkeyPatch.context() as patch:
            kill_before(patch, moment)
            try:
                keep_step(accelerator, counter, tmp_path, 8)
                break
            except Killed:
                assert resumed_step(accelerator, counter, tmp_path) in (7, 8)
    assert resumed_step(accelerator, counter, tmp_path) == 8
