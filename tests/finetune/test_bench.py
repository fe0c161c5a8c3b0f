"""The benchmark runs where little is installed, and says how much of the hardware is used."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LITTLE = """
import sys
for name in ("mediapipe", "gradio", "sqlalchemy", "datasets", "cv2", "sklearn", "pyarrow", "scipy", "PIL", "peft"):
    sys.modules[name] = None
from finetune.bench import main
sys.exit(main(sys.argv[1:]))
"""


def test_it_measures_with_little_installed():
    times = ["--rounds", "1", "--repeats", "1", "--warm-up", "1"]
    options = ["--device", "cpu", "--preset", "test", "--batch", "4", *times]
    done = subprocess.run(
        [sys.executable, "-c", LITTLE, *options], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert 0 < told["ratio"] < 1
    assert 0 < told["step_share_of_matrix_rate"] < told["stem_share_of_matrix_rate"] < 1
    assert told["time"][0]["share"] >= told["time"][-1]["share"] > 0
