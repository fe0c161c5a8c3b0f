"""Tests of serving: a version takes another's place while requests go on, and a bad one never does."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from db import registry
from db.registry_tables import Alias
from db.roles import OPERATOR
from db.store import Store
from ui.serving import Serving
from vlfau.checkpoint import EMBEDDED, load_checkpoint, save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel
from vlfau.predictor import Predictor
from vlfau.words import Words


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of three tiny versions, each with a calibration of its own; the third one's weights are broken."""
    words = Words.load(EMBEDDED)
    folders = []
    for number in (1, 2, 3):
        torch.manual_seed(number)
        config = VLFAUConfig.test(
            vocab_size=len(words), model_version=f"v{number}", thresholds=[number / 10] * 22
        )
        model = VLFAUModel(config)
        if number == 3:
            for parameter in model.parameters():
                parameter.data.fill_(float("nan"))
        folders.append(tmp_path_factory.mktemp("versions") / f"v{number}")
        save_checkpoint(folders[-1], model, words, "")
    return folders


@pytest.fixture
def store(tmp_path):
    opened = Store.open(folder=tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def load(made, predictor):
    """As the page loads, with the tiny v1 as what comes with the program, and one face finder for all."""

    def load_one(folder, before):
        return Predictor(load_checkpoint(folder or made[0]), predictor.finder)

    return load_one


@pytest.fixture
def serving(store, load):
    serving = Serving(load, store)
    serving.refresh()
    yield serving
    serving.close()


def put_in_production(store, made, number):
    registry.begin(store, OPERATOR, made[0])
    version = registry.add_version(store, OPERATOR, made[number - 1])
    registry.promote(store, OPERATOR, version.name, "A test.", force=True)


def test_it_begins_with_what_comes_with_the_program(serving):
    assert serving.model_version() == "v1"
    assert serving.refresh() is False


def test_a_promoted_version_takes_its_place_and_a_roll_back_brings_it_back(serving, store, made):
    put_in_production(store, made, 2)
    assert serving.refresh() is True
    assert serving.model_version() == "v2"
    registry.roll_back(store, OPERATOR, "A test.")
    serving.refresh()
    assert serving.model_version() == "v1"


def test_a_restart_serves_what_is_in_production(store, made, load):
    put_in_production(store, made, 2)
    again = Serving(load, store)
    again.start()
    assert again.model_version() == "v2"
    again.close()


def test_requests_in_flight_end_on_the_version_they_began_with(serving, store, made, image):
    """One request holds its predictor across the swap; many others run through several swaps: none is mixed."""
    early = serving.predictor()
    face = early.finder.find(image)
    ended, mixed = threading.Event(), []

    def ask():
        asked = 0
        while not ended.is_set():
            predictor = serving.predictor()
            said = predictor.predict_faces(image, face)[0]
            asked += 1
            expected = predictor.checkpoint.config.thresholds[0]
            if (said.model_version, said.action_units[0].threshold) not in (("v1", 0.1), ("v2", 0.2)):
                mixed.append((said.model_version, expected))
        return asked

    put_in_production(store, made, 2)
    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask) for _ in range(3)]
        for turn in range(4):
            serving.refresh()
            time.sleep(0.2)
            if turn % 2 == 0:
                registry.roll_back(store, OPERATOR, "A test.")
            else:
                registry.promote(store, OPERATOR, "v2", "A test.", force=True)
        ended.set()
        assert all(asked.result() for asked in asking)
    assert mixed == []
    assert early.predict_faces(image, face)[0].model_version == "v1"


def test_a_broken_version_is_not_served_and_said_so(serving, store, made):
    put_in_production(store, made, 3)
    assert serving.refresh() is False
    assert serving.model_version() == "v1"
    assert "weights are broken" in serving.problem
    registry.roll_back(store, OPERATOR, "A test.")
    serving.refresh()
    assert (serving.model_version(), serving.problem) == ("v1", None)


def test_changed_files_are_not_served(serving, store, made):
    put_in_production(store, made, 2)
    version = registry.alias_version(store, OPERATOR, Alias.PRODUCTION)
    config = registry.checked_folder(store, version) / "config.json"
    config.chmod(0o644)
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_version": "v2b"}))
    serving.refresh()
    assert serving.model_version() == "v1"
    assert "is not what it was" in serving.problem


def test_a_restart_with_a_broken_version_in_production_still_answers(store, made, load):
    put_in_production(store, made, 3)
    again = Serving(load, store)
    again.start()
    assert again.model_version() == "v1"
    assert "weights are broken" in again.problem
    again.close()


def test_a_pinned_one_stays(store, made, load):
    put_in_production(store, made, 2)
    pinned = Serving(load, store, pinned=True)
    pinned.start()
    assert pinned.model_version() == "v1"
    assert pinned.refresh() is False
    assert "started with --model" in pinned.problem


def test_it_follows_production_by_itself(store, made, load):
    following = Serving(load, store)
    following.start()
    put_in_production(store, made, 2)
    following.look_soon()
    deadline = time.monotonic() + 60
    while following.model_version() != "v2" and time.monotonic() < deadline:
        time.sleep(0.05)
    following.close()
    assert following.model_version() == "v2"


def test_who_asks_before_there_is_one_waits(store, load):
    waiting = Serving(load, store)
    assert waiting.model_version() is None
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(waiting.predictor)
        assert not asked.done()
        waiting.refresh()
        assert asked.result(60).checkpoint.config.model_version == "v1"
