"""Photos and videos are found in folders, by patterns and in archives; what is wrong with a place is told."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.vlfau.clips import numbered, write_clip
from vlfau.errors import ImageError
from vlfau.images import ImageLimits
from vlfau.sources import Source, SourceReader, find_sources
from vlfau.video import Video

ROOT = Path(__file__).parents[2]


def photo(path, grey=9):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 6, 3), grey, np.uint8)).save(path)
    return path


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("b/2.jpg", "b/1.PNG", "a.jpg", ".hidden.jpg", "b/c/3.webp"):
        photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "b" / "clip.MP4").write_bytes(b"")
    return tmp_path


def labels(paths):
    return [source.label for source in find_sources(paths)]


def below(folder, paths):
    return [Path(label).relative_to(folder).as_posix() for label in labels(paths)]


def test_a_folder_gives_all_below_it_by_path(folder):
    assert below(folder, [folder]) == ["a.jpg", "b/1.PNG", "b/2.jpg", "b/c/3.webp", "b/clip.MP4"]


def test_paths_come_in_the_order_given_and_each_once(folder):
    assert below(folder, [folder / "b" / "2.jpg", folder, folder / "a.jpg"])[:2] == ["b/2.jpg", "a.jpg"]
    assert len(labels([folder, folder, folder / "a.jpg"])) == 5


def test_a_pattern_is_expanded(folder):
    assert below(folder, [f"{folder}/**/*.jpg"]) == ["a.jpg", "b/2.jpg"]
    assert below(folder, [f"{folder}/?.*", f"{folder}/b/c*"]) == ["a.jpg", "b/c/3.webp", "b/clip.MP4"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    assert labels([photo(tmp_path / "[1].jpg")]) == [f"{tmp_path}/[1].jpg"]


def test_what_is_named_is_taken_whatever_its_name_and_whether_it_is_there(folder):
    assert below(folder, [folder / "notes.txt", folder / "nowhere.jpg"]) == ["notes.txt", "nowhere.jpg"]


def test_what_is_not_there_is_told_as_that(folder):
    there, absent, video = find_sources(
        [folder / "a.jpg", folder / "nowhere.jpg", folder / "a.jpg" / "b.mp4"]
    )
    assert there.error is None
    assert f"Nothing of that name exists. '{folder}/nowhere.jpg'" in absent.error
    with pytest.raises(ImageError, match="Nothing of that name exists"), SourceReader().video_file(video):
        pass
    with pytest.raises(ImageError, match=r"There is nothing to read\. Nothing of that name exists"):
        find_sources([folder / "nowhere.jpg", folder / "neither.mp4"])


def test_videos_are_told_from_photos(folder):
    assert [source.is_video for source in find_sources([folder])] == [False] * 4 + [True]
    assert Source("a.zip", "clip.mov").is_video


@pytest.mark.parametrize("name", ["empty", "*.jpg", "empty.zip", "texts.zip", "broken.zip"])
def test_a_place_with_nothing_says_so_and_names_it(tmp_path, name):
    (tmp_path / "empty").mkdir()
    archive(tmp_path / "empty.zip")
    archive(tmp_path / "texts.zip", **{"notes.txt": "no photo"})
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(ImageError, match="There is nothing to read") as caught:
        find_sources([tmp_path / name])
    assert str(tmp_path / name) in str(caught.value)


def test_one_empty_place_beside_others_is_told_of(folder):
    (folder / "none").mkdir()
    *_, last = find_sources([folder / "a.jpg", folder / "none"])
    assert "No photo or video was found below" in last.error
    with pytest.raises(ImageError, match="No photo or video"):
        SourceReader().photo(last)


def test_an_archive_gives_its_members_by_name(folder, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "all"), "zip", folder)
    assert labels([packed]) == [
        f"{packed}/{n}" for n in ("a.jpg", "b/1.PNG", "b/2.jpg", "b/c/3.webp", "b/clip.MP4")
    ]
    image = SourceReader().photo(find_sources([packed])[0])
    assert image.shape == (8, 6, 3)


def test_a_video_in_an_archive_is_unpacked_while_it_is_read(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered(3))
    (source,) = find_sources([archive(tmp_path / "all.zip", **{"in/clip.mp4": clip.read_bytes()})])
    with SourceReader().video_file(source) as file, Video(file) as video:
        assert len(list(video.frames())) == 3
    assert not file.exists()


@pytest.mark.parametrize(
    "name", ["../out.jpg", "/etc/out.jpg", "in/../../out.jpg", "..\\out.jpg", "C:\\out.jpg", "C:/out.jpg"]
)
def test_names_that_lead_out_of_an_archive_are_left_out(tmp_path, name):
    good = photo(tmp_path / "good.jpg").read_bytes()
    packed = archive(tmp_path / "tricks.zip", **{name: good, "good.jpg": good})
    found = {source.member: source for source in find_sources([packed])}
    assert len(found) == 2
    assert found["good.jpg"].error is None
    (other,) = found.keys() - {"good.jpg"}
    with pytest.raises(ImageError, match="leads outside of the archive"):
        SourceReader().photo(found[other])


def test_a_member_that_unpacks_to_more_than_the_limit_is_refused(tmp_path):
    packed = archive(tmp_path / "bomb.zip", **{"bomb.jpg": b"\0" * 2_000_000})
    assert packed.stat().st_size < 10_000
    with pytest.raises(ImageError, match="too large"):
        SourceReader().photo(find_sources([packed])[0], ImageLimits(max_bytes=1_000_000))


def test_a_damaged_member_is_told_of(tmp_path):
    packed = archive(tmp_path / "damaged.zip", **{"a.jpg": photo(tmp_path / "a.jpg").read_bytes()})
    content = bytearray(packed.read_bytes())
    content[60:90] = b"\x55" * 30
    packed.write_bytes(content)
    with pytest.raises(ImageError, match=r"cannot be taken out of its zip archive.*'a\.jpg'"):
        SourceReader().photo(find_sources([packed])[0])


def test_an_archive_that_vanishes_is_told_of(tmp_path):
    packed = archive(tmp_path / "gone.zip", **{"a.mp4": b"1"})
    (source,) = find_sources([packed])
    packed.unlink()
    with pytest.raises(ImageError, match="No such file"), SourceReader().video_file(source):
        pass


def test_a_name_of_strange_bytes_has_a_label_that_can_be_written(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")
    photo(tmp_path / "a.jpg").rename(name)
    (label,) = labels([tmp_path])
    assert label.encode() == os.fsencode(tmp_path) + "/\N{REPLACEMENT CHARACTER}.jpg".encode()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become somebody else"
)
def test_a_closed_folder_is_told_of_and_the_others_are_read(folder):
    """As a user that has no permission, in a process of its own."""
    folder.chmod(0o755)
    (folder / "b").chmod(0)
    code = (
        "import os, sys; from vlfau.sources import find_sources; os.setuid(65534)\n"
        "for source in find_sources([sys.argv[1]]): print(source.label, source.error)"
    )
    for parent in folder.parents:
        if parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(0o755)
    command = [sys.executable, "-c", code, str(folder)]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    first, second = printed.splitlines()
    assert first == f"{folder}/a.jpg None"
    assert "The folder cannot be opened" in second
    assert "Permission denied" in second
