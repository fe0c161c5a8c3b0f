"""The network beside a bare Swin: every row has every figure, and ratios follow from rates of the same run."""

import subprocess
import sys

import pytest
import torch

from tests.architecture import ROOT
from tests.benchmarks import network, speed
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel

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


def test_the_longest_description_is_longer_than_any_sentence_of_a_unit():
    assert 10 < network.longest_description() < 64


def test_a_process_does_not_inherit_its_parents_peak():
    """As `getrusage` has it on Linux: the parent here holds more than the child ever does."""
    held = bytearray(b"x") * 600_000_000
    small, large = (
        float(subprocess.check_output([sys.executable, "-c", PROGRAM, size], cwd=ROOT))
        for size in ("1", "200")
    )
    assert len(held) > 0
    assert small < 300
    assert large - small == pytest.approx(199, abs=60)
