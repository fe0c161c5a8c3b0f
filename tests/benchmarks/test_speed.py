"""The benchmark runs from end to end and writes the figures that people and later issues look up."""

import json
import subprocess
import sys

import pytest

from tests.architecture import ROOT
from tests.benchmarks import speed
from vlfau.checkpoint import save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel
from vlfau.words import Words


@pytest.fixture
def tiny_checkpoint(tmp_path):
    words = Words.learn(["The brows are level and apart."], size=300)
    config = VLFAUConfig.test(vocab_size=len(words), max_text_tokens=4)
    save_checkpoint(tmp_path / "tiny", VLFAUModel(config), words, card="")
    return tmp_path / "tiny"


@pytest.mark.slow
def test_one_round_gives_every_figure(tiny_checkpoint, tmp_path):
    out = tmp_path / "bench.json"
    options = ["--quick", "--model", tiny_checkpoint, "--rounds", "1", "--batch", "2", "--threads", "1"]
    options += ["--out", out]
    # a process of its own: the benchmark binds itself to cores
    command = [sys.executable, "tests/benchmarks/speed.py", *map(str, options)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    report = json.loads(out.read_text())
    keys = [
        "stem_chips_per_s",
        "own_stem_chips_per_s",
        "network_chips_per_s",
        "network_words_chips_per_s",
        "photos_per_s",
        "peak_rss_mb",
    ]
    assert all(report[key] > 0 for key in keys)
    assert all(key in printed for key in keys)
    assert report["machine"]["threads"] == 1


def test_goals_compare_with_the_stem_of_the_same_run():
    figures = dict(stem_chips_per_s=100, own_stem_chips_per_s=200)
    figures |= dict(network_chips_per_s=80, network_words_chips_per_s=40)
    verdicts = speed.goals(figures | dict(photos_per_s=4, peak_rss_mb=1501))
    assert [(goal.measured, goal.met) for goal in verdicts] == [
        (1.25, True),
        (2.5, False),
        (2.5, False),
        (5.0, False),
        (250, True),
        (1501, False),
    ]


def test_every_variant_is_measured_once_a_round_and_once_to_warm_up():
    calls = []
    rates = speed.rates({"a": (8, lambda: calls.append("a")), "b": (1, lambda: calls.append("b"))}, rounds=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert rates["a"] > 0
