"""The benchmark of everybody at once runs from end to end, and its slope is that of a line."""

import json

import pytest

from tests.benchmarks import load


def test_the_slope_is_of_the_second_half():
    memory = [(second, 500 * load.MEBI) for second in range(60)]
    memory += [(second, int((500 + (second - 60) / 30) * load.MEBI)) for second in range(60, 120)]
    assert load.slope_mib_a_minute(memory) == pytest.approx(2.0, abs=0.01)


@pytest.mark.slow
def test_a_small_crowd(tmp_path, capsys):
    options = ["--seconds", "8", "--visitors", "2", "--annotators", "3"]
    options += ["--visitor-pause", "1", "--annotator-pause", "0.7", "--out", str(tmp_path / "load.json")]
    load.main(options)
    report = json.loads((tmp_path / "load.json").read_text())
    assert (report["errors"], report["lost"], report["doubled"]) == ([], 0, 0)
    assert report["submit"]["calls"] > 3
    assert report["analyse"]["calls"] > 1
    assert "MiB a minute" in capsys.readouterr().out
