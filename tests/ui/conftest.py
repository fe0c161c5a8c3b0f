"""What the tests of the pages share: photos, a small real predictor, the app in a process of its own, a browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "tests" / "data"


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Name -> file: one face, five faces, none, a broken file, and one face on 50 megapixels."""
    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0).integers(90, 160, (480, 640, 3), np.uint8)
    Image.fromarray(noise).save(folder / "no-face.jpg")
    (folder / "broken.jpg").write_bytes((PHOTOS / "face.jpg").read_bytes()[:3000])
    with Image.open(PHOTOS / "face.jpg") as face:
        face.resize((7072, 7072)).save(folder / "large.jpg", quality=80)
    made = {name: folder / f"{name}.jpg" for name in ("no-face", "broken", "large")}
    return {"face": PHOTOS / "face.jpg", "group": PHOTOS / "group.jpg"} | made


@pytest.fixture(scope="session")
def predictor():
    """The real finder with a network of a few thousand parameters, which knows nothing but says something."""
    import torch

    from vlfau.checkpoint import EMBEDDED, Checkpoint
    from vlfau.config import VLFAUConfig
    from vlfau.finder import MediaPipeFinder
    from vlfau.model import VLFAUModel
    from vlfau.predictor import Predictor
    from vlfau.words import Words

    torch.manual_seed(0)
    words = Words.load(EMBEDDED)
    model = VLFAUModel(VLFAUConfig.test(vocab_size=len(words)))
    return Predictor(Checkpoint(model.eval(), words, "---\nlicense: mit\n---\n# A card"), MediaPipeFinder())


@pytest.fixture(scope="session")
def image():
    from vlfau.images import read_image

    return read_image(PHOTOS / "face.jpg")


@pytest.fixture(scope="session")
def faces(predictor, image):
    """What is said of the one face in tests/data/face.jpg."""
    return predictor.predict(image)


@pytest.fixture(scope="session")
def empty_data(tmp_path_factory):
    """The folder of a store in which there is nothing; creating one takes longer than most tests."""
    from db.store import Store

    folder = tmp_path_factory.mktemp("empty") / "data"
    Store.open(folder=folder).close()
    return folder


@pytest.fixture
def store(tmp_path, empty_data):
    """An empty store."""
    from db.store import Store

    opened = Store(folder=shutil.copytree(empty_data, tmp_path / "data"))
    yield opened
    opened.close()


@pytest.fixture
def request_of(store):
    """`request_of("ann", Role.REVIEWER)`: a request as a handler gets it, of somebody who has just signed up."""
    import gradio as gr
    from starlette.requests import Request

    from db.annotators import set_role
    from db.passwords import sign_up
    from db.roles import OPERATOR
    from ui.visitor import begin_session

    def of(name, role=None):
        plain = Request({"type": "http", "session": {}})
        begin_session(plain, sign_up(store, name, "a horse and a battery"))
        if role is not None:
            set_role(store, OPERATOR, name, role)
        return gr.Request(plain)

    return of


class App:
    """`app.py` in a process of its own; everything that it writes lies below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        environment = os.environ | {"TMPDIR": str(folder), "GRADIO_TEMP_DIR": str(folder / "uploads")}
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py", "--port", str(port), "--data", str(folder / "data")],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def _wait(self) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < 240 and self.process.poll() is None:
            try:
                httpx.get(self.url, timeout=5).raise_for_status()
                return
            except httpx.HTTPError:
                time.sleep(0.2)
        raise AssertionError(f"app.py did not answer: {self.log()}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def files_of(self, photo: Path) -> list[Path]:
        """Files below `folder` that hold this photo, whole or re-encoded under its name."""
        data = photo.read_bytes()
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in files if path.stem == photo.stem or path.read_bytes() == data]


@pytest.fixture(scope="session")
def app(tmp_path_factory):
    """The real application with the embedded checkpoint, once for all tests."""
    with closing(App(tmp_path_factory.mktemp("app"))) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    """Chromium; of one module, because Playwright's event loop runs as long as it is open."""
    from tests.ui.browsing import opened_browser

    with opened_browser() as opened:
        yield opened


@pytest.fixture
def house(store, request_of, monkeypatch):
    """A project with people of every role, and what they do in it; their passwords cost the least they can."""
    from db import passwords
    from tests.ui.review_house import ReviewHouse

    monkeypatch.setattr(passwords, "_HASHER", passwords.PasswordHasher(1, 8, 1))
    with ReviewHouse(store, request_of) as opened:
        yield opened


@pytest.fixture(scope="module")
def running(lab):
    """The real application on the store of the module's `lab`."""
    with closing(App(lab.folder)) as opened:
        yield opened


@pytest.fixture
def visit(browser, running):
    """`visit("Ada", width=390)`: somebody who signed in, at the Annotate page of `running`."""
    from tests.ui.annotate_visit import AnnotateVisit

    with ExitStack() as visits:

        def begin(name="Ada", **look):
            seen = visits.enter_context(closing(AnnotateVisit(browser, running, **look)))
            seen.expected_error = "ERR_INTERNET_DISCONNECTED"  # some tests take the network away
            return seen.sign_in(name).open()

        yield begin
