"""The network beside a bare Swin: every row has every figure, and ratios follow from rates of the same run."""

import random
import subprocess
import sys

import pytest
import torch

from tests.architecture import ROOT
from tests.benchmarks import network, speed
from vlfau.action_units import BP4D_NUMBERS
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel
from vlfau.sentences import UnitLabel, describe_face
from vlfau.words import rule_words

PROGRAM = """
import sys
from tests.benchmarks.memory import peak_rss_mb
held = bytearray(int(sys.argv[1]) * 1_000_000)
print(peak_rss_mb())
"""


def test_a_row_has_rates_of_one_run_and_what_follows_from_them():
    threads = torch.get_num_threads()
    model = VLFAUModel(VLFAUConfig.test(max_text_tokens=4)).eval()
    row = network.measure(network.Setting("test", "cpu", 1, 2), model, rounds=1)
    torch.set_num_threads(threads)
    assert (row["size"], row["batch"]) == ("test", 2)
    rates = [row[name] for name in row if name.endswith("chips_per_s")]
    assert len(rates) == 4
    assert min(rates) > 0
    expected = row["stem_chips_per_s"] / row["network_words_chips_per_s"]
    assert row["times_stem_with_words"] == pytest.approx(expected, rel=0.05)
    assert "words x Swin" in network.table([row])


def test_rows_are_by_size_threads_and_batch():
    rows = network.settings("cpu", threads=2)
    assert {(each.size, each.threads) for each in rows} == {(s, t) for s in ("small", "base") for t in (1, 2)}
    assert len(set(rows)) == len(rows)
    assert {each.threads for each in network.settings("cuda", threads=2)} == {0}


def test_the_goal_of_the_papers_size_is_read_from_its_row_on_all_threads():
    rows = [
        dict(size="small", threads=2, times_stem_with_words=1.0),
        dict(size="base", threads=1, times_stem_with_words=1.2),
        dict(size="base", threads=2, times_stem_with_words=1.6),
    ]
    goal = speed.paper_goal(rows)
    assert (goal.measured, goal.met) == (1.6, False)
    assert speed.paper_goal(rows[:2]).measured == 1.2  # measured on one thread only


def test_random_weights_write_as_much_as_the_longest_description():
    """Of any set of BP4D's action units, in any wording."""
    words, wording = rule_words(), random.Random(0)
    lengths = []
    for _ in range(3000):
        shown = [unit for unit in BP4D_NUMBERS if wording.random() < 0.7]
        face = describe_face({unit: UnitLabel(wording.uniform(1, 5)) for unit in shown}, wording)
        lengths.append(len(words.encode(face)) + 1)
    assert network.TOKENS - 3 <= max(lengths) <= network.TOKENS


def test_a_process_does_not_inherit_its_parents_peak():
    """As `getrusage` has it on Linux: the parent here holds more than the child ever does."""
    held = bytearray(b"x") * 400_000_000
    small, large = (
        float(subprocess.check_output([sys.executable, "-c", PROGRAM, size], cwd=ROOT))
        for size in ("1", "200")
    )
    assert len(held) > 0
    assert small < 200
    assert large - small == pytest.approx(199, abs=60)
