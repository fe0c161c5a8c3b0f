"""For the test of the whole loop: the running application, its people, and a camera that the model reads badly."""

import io
import json
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from db.annotators import set_role
from db.passwords import sign_up
from db.photos import keep_photo
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.responses import submit
from db.roles import OPERATOR, Role
from db.store import Store
from db.tables import Event
from db.training_runs import Run, run_of
from db.values import Answer, Consent, UnitAnswer
from finetune.replay import load_replay
from finetune.simulation.camera import Camera
from finetune.simulation.pictures import load_pictures
from finetune.train_config import REPLAY
from tests.ui.conftest import App
from vlfau.action_units import AU_NUMBERS

PASSWORD = "a horse and a battery"


@dataclass(frozen=True)
class Photo:
    """What somebody sends in."""

    image: np.ndarray
    """(160, 160, 3) uint8 RGB."""
    peak: np.ndarray
    """(A,) what is true of it: intensity 0-5 of the stronger side."""
    person: str


def night_photos(each: int) -> list[Photo]:
    """The near-infrared camera's photos of people of the simulation who do not measure the base, so many of each
    person: those that show most at once, which people would send in first."""
    pictures, replay = load_pictures(), load_replay(REPLAY)
    measures_the_base = set(replay.person[replay.groups["split"] == "test"].tolist())
    shown, chosen = (pictures.peak >= 1).sum(axis=1), []
    for person in sorted(set(pictures.person.tolist()) - measures_the_base):
        rows = np.flatnonzero(pictures.person == person)
        chosen += rows[np.argsort(-shown[rows], kind="stable")][:each].tolist()
    return [
        Photo(
            Camera().photo(pictures.image(row), np.random.default_rng(row)),
            pictures.peak[row],
            str(pictures.person[row]),
        )
        for row in chosen
    ]


def truth(peak: np.ndarray) -> Answer:
    """What a person who sees well says of intensities (A,); nothing of what is neither absent nor clear."""
    units = []
    for number, intensity in zip(AU_NUMBERS, peak.tolist(), strict=True):
        if intensity >= 1:
            units.append(UnitAnswer(number, "present", intensity=round(intensity)))
        elif intensity < 0.5:
            units.append(UnitAnswer(number, "absent"))
    return Answer(tuple(units), seconds=2.0)


class LoopHouse:
    """A store with a project, an admin, a reviewer and two annotators, and the application that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder=folder / "data")
        shares = dict(random_share=0.0, blind_share=0.0, gold_share=0.0)
        self.project = add_project(self.store, OPERATOR, ProjectSettings("Night", answers_wanted=2, **shares))
        self.people = {
            name: sign_up(self.store, name, PASSWORD).person.actor for name in ("ada", "rev", "ann", "ben")
        }
        set_role(self.store, OPERATOR, "ada", Role.ADMIN)
        set_role(self.store, OPERATOR, "rev", Role.REVIEWER)
        self.answers: dict[int, Answer] = {}
        self.app = App(folder)
        self.browsers = {name: self._signed_in(name) for name in ("ada", "rev")}
        self.page = self.browsers["ada"]
        self.config = self.page.get("config").json()

    def _signed_in(self, name: str) -> httpx.Client:
        browser = httpx.Client(base_url=self.app.url, timeout=120)
        browser.post("account/sign-in", json={"name": name, "password": PASSWORD}).raise_for_status()
        return browser

    def close(self) -> None:
        for browser in self.browsers.values():
            browser.close()
        self.app.close()
        self.store.close()

    # ---- photos and what people say of them

    def fill(self, predictor, photos: list[Photo]) -> None:
        """Photos with what the model says of them; those in which no face is found are left out."""
        for photo in photos:
            if said := predictor.predict(photo.image, words=False):
                about = Consent.PUBLISH, photo.person, "night camera"
                (item,) = keep_photo(self.store, OPERATOR, self.project, photo.image, said[:1], *about)
                self.answers[item] = truth(photo.peak)

    def correct(self) -> None:
        """Both annotators say the truth of every face that the queue gives them."""
        for name in ("ann", "ben"):
            while (task := next_item(self.store, self.people[name], self.project)) is not None:
                submit(self.store, self.people[name], task.lease_id, self.answers[task.item_id])

    def predicted_by(self, item: int) -> str:
        """The version that the prediction of an item names."""
        query = "SELECT model_version FROM prediction JOIN item ON item.prediction_id = prediction.id WHERE item.id = ?"
        with self.store.reading(OPERATOR, "stats") as work:
            return work.connection().exec_driver_sql(query, (item,)).scalar_one()

    def acts_of(self, name: str) -> list[str]:
        """What somebody did to runs and versions, oldest first."""
        kinds = ("start_training", "promote", "force_promotion", "roll_back")
        with self.store.reading(OPERATOR, "stats") as work:
            mine = work.query(Event.kind).filter(Event.actor_id == self.people[name].annotator_id)
            return [kind for (kind,) in mine.order_by(Event.id) if kind in kinds]

    def ended(self, run: Run) -> Run:
        """The run once it is over."""
        while not (now := run_of(self.store, OPERATOR, run.id)).is_over:
            time.sleep(0.5)
        return now

    # ---- the application, as a browser speaks to it

    def version(self) -> str:
        """Which version answers."""
        return self.page.get("version").json()["model"]

    def wait_for(self, version: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while self.version() != version:
            assert time.monotonic() < deadline, f"{self.version()} still serves: {self.app.log()}"
            time.sleep(0.2)

    def training(self, name: str, **message) -> dict:
        """One message of the Training page from somebody's browser; the reply."""
        (component,) = [one["id"] for one in self.config["components"] if one["props"].get("elem_id") == "vt"]
        body = {"session_hash": name, "component_id": component, "fn_name": "act", "data": message}
        return self.browsers[name].post("gradio_api/component_server", json=body).json()

    def analyse(self, image: np.ndarray) -> dict:
        """The record of the largest face of a photo."""
        from gradio_client import Client, handle_file

        path = self.app.folder / "asked.png"
        Image.fromarray(image).save(path)
        client = Client(self.app.url, verbose=False)
        try:
            return client.predict(handle_file(str(path)), False, api_name="/predict")[0]
        finally:
            client.close()

    def keep(self, image: np.ndarray, code: str, peak: np.ndarray) -> int:
        """The admin keeps a photo of intensities (A,) under the result of the Analyse page; its item."""
        (event,) = [one["id"] for one in self.config["dependencies"] if one["api_name"] == "keep"]
        data = io.BytesIO()
        Image.fromarray(image).save(data, "PNG")
        (path,) = self.page.post("gradio_api/upload", files={"files": ("a.png", data.getvalue())}).json()
        wanted = {"path": path, "scope": "annotate", "agreed": True, "code": code, "project": None}
        sent = {"data": [], "event_data": wanted, "fn_index": event, "session_hash": code}
        self.page.post("gradio_api/queue/join", json=sent).raise_for_status()
        answer = self.page.get("gradio_api/queue/data", params={"session_hash": code})
        told = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
        (completed,) = [message for message in told if message["msg"] == "process_completed"]
        assert completed["success"], completed
        with self.store.reading(OPERATOR, "stats") as work:
            item = work.connection().exec_driver_sql("SELECT max(id) FROM item").scalar_one()
        self.answers[item] = truth(peak)
        return item
