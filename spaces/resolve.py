"""Asks pip whether a Space's requirements fit together on the Space's Python: `python -m spaces.resolve`.

Nothing is installed. Where that Python, or the registry, cannot be had, that is said and is no failure.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
AT_MOST_S = 300
NOT_TO_BE_HAD = re.compile(
    r"Could not find a version.*from versions: none|Connection|Temporary failure|timed out", re.I
)


def card_value(field: str) -> str:
    """A field of the card's head."""
    found = re.search(rf'^{field}: "?([^"\n]+)"?$', (HERE / "README.md").read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise SystemExit(f"The card has no field {field}.")
    return found[1]


def main() -> int:
    """0 they fit, or it could not be found out; 1 they do not."""
    wanted = f"python{card_value('python_version')}"
    python = shutil.which(wanted)
    if python is None or subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode:
        print(f"Not resolved: {wanted}, which a Space runs, is not on this machine.")
        return 0
    command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    gradio = f"gradio[oauth,mcp]=={card_value('sdk_version')}"
    command += ["-r", str(HERE / "requirements.txt"), gradio]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AT_MOST_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"Not resolved: the registry took more than {AT_MOST_S} seconds.")
        return 0
    if done.returncode == 0:
        print(f"The Space's requirements fit together on {wanted} with {gradio}.")
        return 0
    print(done.stderr[-3000:], file=sys.stderr)
    if NOT_TO_BE_HAD.search(done.stderr):
        print("Not resolved: the registry could not be asked.")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
