"""The command line in a process of its own: folders, videos, archives, broken files, no face, exit codes."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.vlfau.clips import face_at, nothing, write_clip
from vlfau.cli import build_parser

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "tests" / "data"


def run(*arguments):
    command = [sys.executable, "-m", "vlfau", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One face, none, a broken file one level down, and a file that is no photo."""
    folder = tmp_path_factory.mktemp("photos")
    shutil.copy(PHOTOS / "face.jpg", folder / "b-face.jpg")
    Image.fromarray(np.full((240, 320, 3), 128, np.uint8)).save(folder / "c-empty.png")
    (folder / "a").mkdir()
    (folder / "a" / "broken.JPG").write_bytes(b"\xff\xd8\xff broken")
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def whole_folder(folder):
    return run("predict", folder)


def test_a_folder_gives_a_record_for_every_photo_in_order(whole_folder, folder):
    records = [json.loads(line) for line in whole_folder.stdout.splitlines()]
    names = [Path(record["file"]).relative_to(folder).as_posix() for record in records]
    assert names == ["a/broken.JPG", "b-face.jpg", "c-empty.png"]
    assert [record["success"] for record in records] == [0, 1, 0]
    assert "damaged" in records[0]["error"] or "not a photo" in records[0]["error"]
    assert "No face was found" in records[2]["error"]
    assert 0 <= records[1]["AU12_p"] <= 1
    assert isinstance(records[1]["description"], str)


def test_a_photo_that_cannot_be_read_gives_exit_code_1(whole_folder):
    assert whole_folder.returncode == 1
    assert "1 of 3 photos could not be read, or not to the end" in whole_folder.stderr
    assert "Traceback" not in whole_folder.stderr


def test_a_photo_without_a_face_does_not(folder, tmp_path):
    out = tmp_path / "out.csv"
    result = run("predict", folder / "c-empty.png", folder / "b-face.jpg", "--no-words", "--out", out)
    rows = list(csv.DictReader(StringIO(out.read_text())))
    assert (result.returncode, result.stdout) == (0, "")
    assert [row["success"] for row in rows] == ["0", "1"]
    assert "description" not in rows[0]


def test_info_prints_the_card_without_what_only_the_hub_reads():
    card = (ROOT / "vlfau/checkpoints/small/README.md").read_text()
    metadata, text = card.removeprefix("---\n").split("\n---\n", 1)
    assert "license: apache-2.0" in metadata
    assert run("info").stdout.strip() == text.strip()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", PHOTOS / "face.jpg", "--model", "no/such/folder/here"], "no/such/folder/here"),
        (["predict", PHOTOS / "face.jpg", "--out", "no-such-folder/out.csv"], "cannot be written"),
        (
            ["predict", ROOT / "tests" / "vlfau"],
            "There is nothing to read. No photo or video was found below",
        ),
        (["predict"], "PATH"),
        (["predict", PHOTOS, "--every", "0"], "0 is not at least 1"),
        (["predict", PHOTOS, "--every", "1.5"], "argument --every: '1.5' is not a whole number"),
        (["join", ROOT / "tests", "--out", "out.csv"], "no run in this folder"),
    ],
)
def test_when_nothing_can_start_it_says_why(arguments, message):
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_is_one_that_cannot_be_read(folder, tiny_checkpoint):
    there = folder / "c-empty.png"
    result = run("predict", "nowhere.jpg", there, "--format", "openface", "--model", tiny_checkpoint)
    absent, other = csv.DictReader(StringIO(result.stdout))
    assert (result.returncode, absent["file"], absent["success"]) == (1, "nowhere.jpg", "0")
    assert "Nothing of that name exists" in absent["error"]
    assert (absent["frame"], other["frame"], other["file"]) == ("1", "2", str(there))
    assert {"frame", "face_id", "confidence", "AU12_r", "AU12_c"} <= set(absent)


def test_where_no_path_exists_the_results_of_before_stay(tmp_path):
    (tmp_path / "out.csv").write_text("results of before")
    result = run("predict", "nowhere.jpg", "\x1b[31m", "--out", tmp_path / "out.csv")
    assert result.returncode == 2
    assert "There is nothing to read. Nothing of that name exists. 'nowhere.jpg'" in result.stderr
    assert "\x1b" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "results of before"


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
def test_a_terminal_gets_a_bar_and_a_last_line(folder, tiny_checkpoint, tmp_path):
    """On a terminal of 0 x 0 too, which is what `script` and `docker` make."""
    import pty

    leader, follower = pty.openpty()
    command = ["predict", folder / "b-face.jpg", folder / "c-empty.png", "--out", tmp_path / "out.csv"]
    command = [sys.executable, "-m", "vlfau", *map(str, command), "--model", str(tiny_checkpoint)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=follower) as process:
        os.close(follower)
        said = b"".join(iter(partial(read_terminal, leader), b"")).decode()
        assert (process.wait(), process.stdout.read()) == (0, b"")
    os.close(leader)
    assert "100%" in said
    assert "2/2" in said
    assert re.search(r"(picture/s|s/picture), 1 face, c-empty\.png", said)
    last = said.strip().splitlines()[-1].rpartition("\r")[2]
    assert last == f"Read 2 photos, with 1 face. All could be read. Written to '{tmp_path / 'out.csv'}'."


def read_terminal(leader):
    """Empty at the end, which Linux tells as an error."""
    try:
        return os.read(leader, 10_000)
    except OSError:
        return b""


def test_a_video_and_an_archive_go_to_parquet(folder, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [face_at(), face_at(0.02), nothing()])
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", folder, "a")
    out = tmp_path / "out.parquet"
    result = run("predict", clip, packed, "--no-words", "--detect-every", "1", "--batch", "2", "--out", out)
    rows = pq.read_table(out).to_pylist()
    assert result.returncode == 1
    assert [(row["file"], row["frame"], row["success"]) for row in rows] == [
        (str(clip), 0, 1),
        (str(clip), 1, 1),
        (str(clip), 2, 0),
        (f"{packed}/a/broken.JPG", None, 0),
    ]
    assert [row["track"] for row in rows] == [0, 0, None, None]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_standard_output_that_takes_no_more_ends_the_run(folder, tiny_checkpoint):
    command = [
        sys.executable,
        "-m",
        "vlfau",
        "predict",
        str(folder / "c-empty.png"),
        "--model",
        str(tiny_checkpoint),
    ]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=300
        )
    assert result.returncode == 3
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else"
)
def test_a_file_without_permission_is_one_that_cannot_be_read(tmp_path):
    for name, content in {"a.jpg": (PHOTOS / "face.jpg").read_bytes(), "b.mp4": b"1"}.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0)
    code = (
        "import os, sys; from vlfau.video import Video; from vlfau.images import read_image; os.setuid(65534)\n"
        "for read, path in zip((read_image, Video), sys.argv[1:]):\n"
        "    try: read(path)\n"
        "    except Exception as error: print(type(error).__name__, error)"
    )
    for parent in tmp_path.parents:
        if parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    paths = [str(tmp_path / name) for name in ("a.jpg", "b.mp4")]
    printed = subprocess.run(
        [sys.executable, "-c", code, *paths], cwd=ROOT, capture_output=True, text=True
    ).stdout
    photo, video = printed.splitlines()
    assert "ImageError The photo cannot be opened" in photo
    assert "VideoError The video cannot be opened" in video
    assert printed.count("Permission denied") == 2


def test_words_are_on_unless_switched_off():
    assert build_parser().parse_args(["predict", "x"]).words is True
    assert build_parser().parse_args(["predict", "x", "--no-words"]).words is False
