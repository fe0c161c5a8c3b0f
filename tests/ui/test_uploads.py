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


@pytest.fixture
def put_bytes(folder):
    """Put bytes where Gradio puts an upload."""

    def put(name, data):
        place = folder / "4567cdef"
        place.mkdir(parents=True)
        (place / name).write_bytes(data)
        return str(place / name)

    return put


def test_what_hides_behind_or_inside_a_photo_is_not_kept(put_bytes, photos, store):
    """A photo that is a page, an archive and notes at the same time: only its pixels are stored."""
    data = photos["face"].read_bytes()
    comment = b"\xff\xfe" + (2 + 25).to_bytes(2, "big") + b"<script>alert(1)</script>"
    hostile = data[:2] + comment + data[2:] + b"<script>alert(2)</script>PK\x03\x04 an archive"
    _, image = take_upload({"path": put_bytes("face.html.jpg", hostile)})
    sha256, _ = store.images.add(image)
    kept = store.images.data(sha256)
    assert kept.startswith(b"\x89PNG")
    assert b"script" not in kept
    assert b"archive" not in kept


@pytest.mark.parametrize(
    "data",
    [
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='http://169.254.169.254/'/></svg>",
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + b"\0" * 40,
        b"PK\x03\x04" + b"\0" * 60,
        b"http://169.254.169.254/latest/meta-data",
    ],
    ids=["svg", "gif", "zip", "address"],
)
def test_what_is_no_photo_is_refused_whatever_its_name_says(put_bytes, folder, data):
    with pytest.raises(ImageError, match="not a photo"):
        take_upload({"path": put_bytes("face.jpg", data), "url": "http://169.254.169.254/"})
    assert list(folder.iterdir()) == []


def test_an_address_instead_of_a_file_is_not_fetched(folder):
    folder.mkdir()
    with pytest.raises(ImageError, match="not an uploaded photo"):
        take_upload({"path": "http://169.254.169.254/latest/meta-data"})
