"""The benchmark of the store runs from end to end, loses nothing, and writes its figures."""

import json

from tests.benchmarks import store


def test_a_small_run_gives_every_figure(tmp_path, capsys):
    options = ["--items", "400", "800", "--rounds", "5", "--writers", "2", "--each", "3", "--pause", "0"]
    store.main([*options, "--out", str(tmp_path / "bench.json")])
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
