"""Pictures over plain HTTP: faces, for those who work on them, and the guidelines' renders, for everybody.

Photos of people are made from the store when they are asked for, are kept in memory for minutes, and are not to be
kept by a browser. Whether somebody may see one is asked of the store each time.
"""

import io
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from db.errors import NotFound
from db.pictures import FacePicture, face_evidence, face_picture, likely_pictures
from db.roles import Actor
from db.store import Store
from ui.overlay import heat_sheet_png, photo_jpeg
from ui.visitor import visitor
from vlfau.alignment import chip_transform, make_chip
from vlfau.faces import Face

GUIDELINE_PICTURES = Path(__file__).with_name("guideline_pictures")
"""Renders of synthetic persons, `au12.jpg`: at rest on the left, with the action unit on the right. Made by
`python -m finetune.synthetic guidelines --data DATA --out ui/guideline_pictures`."""

CHIP_SIDE_PX = 640
"""Side of the face that is worked on; large enough to look closer."""
SMALL_SIDE_PX = 96
"""Side of the face in a list."""
KEPT_PICTURES = 64
KEPT_SECONDS = 600.0
"""How long a picture stays in memory at most, so that a forgotten person leaves it too."""

_PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PUBLIC = {"Cache-Control": "public, max-age=86400", "X-Content-Type-Options": "nosniff"}


class Darkroom:
    """Makes the pictures of one store and keeps the latest in memory."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._kept: OrderedDict[tuple[str, ...], tuple[float, Future[bytes]]] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="pictures")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="pictures-ahead")

    def chip(self, picture: FacePicture, side_px: int = CHIP_SIDE_PX) -> bytes:
        """The aligned face as JPEG of that side."""
        return self._chip(picture, side_px).result()

    def photo(self, picture: FacePicture) -> bytes:
        """The whole photo as JPEG, not larger than a screen, with a frame around the face."""
        face = picture.face
        key = ("photo", picture.sha256, *map(str, face.box_xyxy_px))
        return self._made(key, lambda: _photo_jpeg(self._store.images.read(picture.sha256), face)).result()

    def prepare(self, picture: FacePicture) -> None:
        """Begin with the chip: the browser is going to ask for it in a moment."""
        self._chip(picture, CHIP_SIDE_PX)

    def look_ahead(self, actor: Actor, project_id: int) -> None:
        """Begin with the faces that this person is likely to get next, while they look at this one."""

        def prepare_all() -> None:
            for picture in likely_pictures(self._store, actor, project_id):
                # one after the other, so that no more than one stands before a picture that somebody waits for
                self._chip(picture, CHIP_SIDE_PX).result()

        self._ahead.submit(prepare_all)

    def close(self) -> None:
        """Finish what was begun; for a store that is closed before the process ends."""
        for workers in (self._ahead, self._workers):
            workers.shutdown()

    def _chip(self, picture: FacePicture, side_px: int) -> "Future[bytes]":
        face = picture.face
        key = ("chip", picture.sha256, str(side_px), *map(str, face.box_xyxy_px))
        return self._made(key, lambda: _chip_jpeg(self._store.images.read(picture.sha256), face, side_px))

    def _made(self, key: tuple[str, ...], make: Callable[[], bytes]) -> "Future[bytes]":
        """Made once, also when several ask at the same time; what failed is tried anew."""
        with self._lock:
            made_at, made = self._kept.pop(key, (0.0, None))
            failed = made is not None and made.done() and made.exception() is not None
            if made is None or failed or self._clock() - made_at > KEPT_SECONDS:
                made_at, made = self._clock(), self._workers.submit(make)
            self._kept[key] = made_at, made
            while len(self._kept) > KEPT_PICTURES:
                self._kept.popitem(last=False)
            return made


def _chip_jpeg(image: NDArray[np.uint8], face: Face, side_px: int) -> bytes:
    """The aligned face cut from the photo at side_px, in the frame of the network's chip."""
    chip = make_chip(image, chip_transform(face.landmarks_px, side_px), side_px)
    data = io.BytesIO()
    Image.fromarray(chip).save(data, "JPEG", quality=85)
    return data.getvalue()


def _photo_jpeg(image: NDArray[np.uint8], face: Face) -> bytes:
    """The photo with the face in a frame that is light inside and dark outside, so that it shows on everything."""
    framed = image.copy()
    line = max(2, round(max(image.shape[:2]) / 400))
    left, top, right, bottom = (round(value) for value in face.box_xyxy_px)
    for grown, colour in ((line, (28, 37, 48)), (0, (255, 255, 255))):
        corners = ((left - grown, top - grown), (right + grown, bottom + grown))
        cv2.rectangle(framed, *corners, colour, line)
    return photo_jpeg(framed)


@cache
def darkroom(store: Store) -> Darkroom:
    """The darkroom of a store, one for all pages."""
    return Darkroom(store)


def routes(store: Store) -> list[Route]:
    """Addresses of the pictures: `/faces/ITEM/chip.jpg`, `small.jpg`, `photo.jpg`, `evidence.png`, and
    `/guidelines/au12.jpg`.

    Who may not see one gets the error as JSON, from the handler in `ui.server`.
    """
    made: dict[str, Callable[[FacePicture], bytes]] = {
        "chip": darkroom(store).chip,
        "small": lambda picture: darkroom(store).chip(picture, SMALL_SIDE_PX),
        "photo": darkroom(store).photo,
    }
    faces = [
        Route(f"/faces/{{item_id:int}}/{name}.jpg", _face_endpoint(store, make))
        for name, make in made.items()
    ]
    faces.append(Route("/faces/{item_id:int}/evidence.png", _evidence_endpoint(store)))
    return [*faces, Route("/guidelines/{name}.jpg", guideline_picture)]


def _evidence_endpoint(store: Store) -> Callable[[Request], Response]:
    def evidence(request: Request) -> Response:
        maps = face_evidence(store, visitor(request, store).actor, request.path_params["item_id"])
        return Response(heat_sheet_png(maps), media_type="image/png", headers=_PRIVATE)

    return evidence


def _face_endpoint(store: Store, make: Callable[[FacePicture], bytes]) -> Callable[[Request], Response]:
    def face(request: Request) -> Response:
        picture = face_picture(store, visitor(request, store).actor, request.path_params["item_id"])
        return Response(make(picture), media_type="image/jpeg", headers=_PRIVATE)

    return face


def guideline_picture(request: Request) -> Response:
    """A render of the guidelines; only names of files that are there."""
    path = {path.stem: path for path in GUIDELINE_PICTURES.glob("au*.jpg")}.get(request.path_params["name"])
    if path is None:
        raise NotFound("There is no such picture. The guidelines have au01 to au43. Choose one of them.")
    return Response(path.read_bytes(), media_type="image/jpeg", headers=_PUBLIC)
