"""The benchmark of the store runs from end to end, loses nothing, and writes its figures."""

import json

import pytest

from tests.benchmarks import store


def test_a_small_run_gives_every_figure(tmp_path, capsys):
    options = ["--items", "400", "800", "--rounds", "5", "--writers", "2", "--each", "3", "--pause", "0"]
    store.main([*options, "--annotators", "0", "--out", str(tmp_path / "bench.json")])
    report = json.loads((tmp_path / "bench.json").read_text())
    assert report["queue"].keys() == {"400", "800"}
    assert report["queue"]["800"]["next"]["calls"] == 5
    assert 0 < report["queue"]["800"]["next"]["p50_ms"] <= report["queue"]["800"]["next"]["max_ms"]
    together = report["writers"]
    assert (
        together["acknowledged"],
        together["lost"],
        together["doubled"],
        together["action units lost"],
    ) == (6, 0, 0, 0)
    assert "goal: next p95 under 20 ms" in capsys.readouterr().out


@pytest.mark.slow
def test_annotators_over_http_lose_nothing_and_double_nothing(tmp_path, capsys):
    options = ["--http", "--annotators", "3", "--each", "4", "--http-pause", "0.2"]
    store.main([*options, "--out", str(tmp_path / "bench.json")])
    report = json.loads((tmp_path / "bench.json").read_text())
    assert "queue" not in report
    counts = {name: count for name, count in report["http"].items() if not name.startswith("submit")}
    assert counts == {"acknowledged": 12, "lost": 0, "doubled": 0, "action units lost": 0}
    assert (report["http"]["submit"]["calls"], report["http"]["submit together"]["calls"]) == (12, 3)
    assert "goal: submit p95 under 150 ms" in capsys.readouterr().out
