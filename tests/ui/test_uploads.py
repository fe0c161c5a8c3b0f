"""An upload is read once, is gone afterwards, and nothing outside the upload folder is touched."""

import shutil

import pytest

from ui.uploads import take_upload
from vlfau.errors import ImageError
from vlfau.images import ImageLimits


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    return tmp_path / "uploads"


@pytest.fixture
def put(folder, photos):
    """Put a photo where Gradio puts an upload."""

    def put(name):
        place = folder / "0123abcd"
        place.mkdir(parents=True)
        return shutil.copy(photos[name], place)

    return put


def test_a_photo_is_read_and_removed(put, folder):
    name, image = take_upload({"path": put("face"), "orig_name": "../holiday/me.jpg"})
    assert (name, image.shape) == ("me.jpg", (1280, 1280, 3))
    assert list(folder.iterdir()) == []


def test_a_broken_photo_is_removed_too_and_its_path_not_told(put, folder):
    with pytest.raises(ImageError, match="damaged") as caught:
        take_upload({"path": put("broken")})
    assert str(folder) not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_limits_hold(put):
    with pytest.raises(ImageError, match="too many pixels"):
        take_upload({"path": put("face")}, ImageLimits(max_pixels=1000))


def test_a_file_outside_the_upload_folder_is_neither_read_nor_removed(folder, tmp_path, photos):
    own = tmp_path / "own.jpg"
    shutil.copy(photos["face"], own)
    for path in (own, folder / ".." / "own.jpg"):
        with pytest.raises(ImageError, match="not an uploaded photo"):
            take_upload({"path": str(path)})
    assert own.exists()


@pytest.mark.parametrize("upload", [None, {}, {"path": None}])
def test_nothing_sent(upload):
    with pytest.raises(ImageError, match="There is no photo"):
        take_upload(upload)
