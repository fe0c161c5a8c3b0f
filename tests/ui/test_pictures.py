"""Pictures over HTTP: only for who may see them, made once, kept for minutes, and never by the browser."""

import io

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from db.pictures import face_picture
from db.roles import OPERATOR
from tests.ui.annotate_lab import AnnotateLab, begin, shrunk
from ui.overlay import HEAT_SIDE_PX
from ui.pictures import CHIP_SIDE_PX, KEPT_SECONDS, SMALL_SIDE_PX, Darkroom, routes
from ui.server import told_as_json
from vlfau.alignment import chip_transform, make_chip
from vlfau.errors import VLFAUError


@pytest.fixture(scope="module")
def lab(tmp_path_factory, faces, image):
    folder = tmp_path_factory.mktemp("pictures")
    lab = AnnotateLab(folder / "lab", *shrunk(image, faces[0].face), begin(folder / "begun"))
    lab.item = lab.add(evidence=faces[0].evidence)[0]
    lab.open("Ada")
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def client(lab):
    """A browser that becomes somebody by GET /be/NAME."""

    def be(request):
        request.session.clear()
        request.session.update(lab.request(request.path_params["name"]).session)
        return PlainTextResponse("ok")

    app = Starlette(
        routes=[Route("/be/{name}", be), *routes(lab.store)],
        middleware=[Middleware(SessionMiddleware, secret_key="x" * 32)],
        exception_handlers={VLFAUError: told_as_json},
    )
    return TestClient(app)


@pytest.fixture
def picture(lab):
    return face_picture(lab.store, lab.person("Ada").actor, lab.item)


def opened(data):
    return Image.open(io.BytesIO(data))


@pytest.mark.parametrize(
    ("file", "kind"),
    [(f"{name}.jpg", "jpeg") for name in ("chip", "small", "photo")] + [("evidence.png", "png")],
)
def test_a_face_for_who_has_it_in_hand_only(client, lab, file, kind):
    address = f"/faces/{lab.item}/{file}"
    client.cookies.clear()
    assert client.get(address).status_code == 401
    client.get("/be/Bob")
    assert client.get(address).status_code == 403
    client.get("/be/Ada")
    answer = client.get(address)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"image/{kind}")
    assert answer.headers["cache-control"] == "no-store"
    picture = opened(answer.content)
    assert picture.format == kind.upper()
    if kind == "png":
        assert picture.size == (HEAT_SIDE_PX, 22 * HEAT_SIDE_PX)


def test_evidence_of_a_blind_face_is_refused_to_who_asks_past_the_page(client, lab):
    with lab.store.reading(OPERATOR, "stats") as work:
        work.connection().exec_driver_sql(f"UPDATE item SET blind = 1 WHERE id = {lab.item}")
        work.connection().commit()
    client.get("/be/Ada")
    answer = client.get(f"/faces/{lab.item}/evidence.png")
    assert (answer.status_code, "without the model" in answer.json()["message"]) == (403, True)


@pytest.mark.parametrize(
    "address",
    ["/faces/999/chip.jpg", "/faces/999/evidence.png", "/guidelines/au03.jpg", "/guidelines/LICENSE.jpg"],
)
def test_what_is_not_there(client, address):
    client.get("/be/Ada")
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    "address", ["/faces/x/chip.jpg", "/faces/1/other.jpg", "/guidelines/..%2f..%2fapp.jpg", "/guidelines/"]
)
def test_no_other_file_can_be_reached(client, address):
    assert client.get(address).status_code == 404


def test_a_render_of_the_guidelines_needs_no_session(client):
    client.cookies.clear()
    answer = client.get("/guidelines/au12.jpg")
    assert opened(answer.content).size == (644, 240)
    assert "max-age" in answer.headers["cache-control"]


def test_the_chip_is_the_face_upright_in_the_frame_of_the_network(lab, picture):
    seen = np.asarray(opened(Darkroom(lab.store).chip(picture)), float)
    assert seen.shape == (CHIP_SIDE_PX, CHIP_SIDE_PX, 3)
    photo = lab.store.images.read(picture.sha256)
    wanted = make_chip(photo, chip_transform(picture.face.landmarks_px, CHIP_SIDE_PX), CHIP_SIDE_PX)
    assert np.abs(seen - wanted).mean() < 3
    assert opened(Darkroom(lab.store).chip(picture, SMALL_SIDE_PX)).size == (SMALL_SIDE_PX, SMALL_SIDE_PX)


def test_the_photo_has_a_frame_around_the_face_and_stays_as_it_is_on_the_disk(lab, picture):
    before = lab.store.images.read(picture.sha256)
    framed = np.asarray(opened(Darkroom(lab.store).photo(picture)), float)
    left, top, _, _ = (round(value) for value in picture.face.box_xyxy_px)
    assert framed[top : top + 2, left + 5 : left + 15].mean() > 200
    assert np.array_equal(lab.store.images.read(picture.sha256), before)


def test_a_picture_is_made_once_and_anew_after_minutes(lab, picture, monkeypatch):
    read, times = type(lab.store.images).read, []
    monkeypatch.setattr(
        type(lab.store.images), "read", lambda store, name: times.append(name) or read(store, name)
    )
    now = [0.0]
    room = Darkroom(lab.store, clock=lambda: now[0])
    room.prepare(picture)
    first = room.chip(picture)
    assert (room.chip(picture), len(times)) == (first, 1)
    now[0] += KEPT_SECONDS + 1
    assert room.chip(picture) == first
    assert len(times) == 2


def test_what_failed_is_tried_anew(lab, picture, monkeypatch):
    room = Darkroom(lab.store)
    with monkeypatch.context() as patched:
        patched.setattr(type(lab.store.images), "read", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            room.chip(picture)
    assert room.chip(picture)
