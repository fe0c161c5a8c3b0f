"""The whole loop with the checkpoint that comes with the program: from a photo that it reads badly to a better version.

photo -> prediction -> correction -> agreed -> job -> gate -> promoted -> the running application answers with the new
version -> rolled back. The application runs in a process of its own and is never restarted; the job, the gate and what
decides about them are the real ones.
"""

import pytest

from db import registry
from db.registry_tables import Alias, RunState
from db.roles import OPERATOR
from db.stats import stats
from finetune import jobs
from tests.loop_house import LoopHouse, night_photos
from vlfau.checkpoint import EMBEDDED
from vlfau.config import VLFAUConfig
from vlfau.predictor import Predictor

CONFIG = {"tracker": "none"}
NEW = "night-1"


@pytest.fixture
def house(tmp_path):
    opened = LoopHouse(tmp_path)
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_corrections_become_a_better_model_that_serves_and_can_be_undone(house):
    old = VLFAUConfig.from_pretrained(EMBEDDED).model_version
    asked, *photos = night_photos(each=5)

    house.fill(Predictor.load(), photos)
    house.wait_for(old)
    assert house.analyse(asked.image)["model_version"] == old
    first = house.keep(asked.image, "first", asked.peak)
    assert house.predicted_by(first) == old
    house.correct()
    assert stats(house.store, OPERATOR)["projects"]["Night"]["agreed"] == len(house.answers)

    run = jobs.start(house.store, house.people["ada"], "The night camera is read badly.", CONFIG, name=NEW)
    assert NEW in house.training("ada", do="go", tab="training")["html"]
    run = house.ended(run)
    assert run.state == RunState.FINISHED, run.message
    report = registry.comparisons(house.store, OPERATOR)[0].report
    candidate = registry.alias_version(house.store, OPERATOR, Alias.CANDIDATE)
    assert (candidate.name, report["candidate"], report["champion"]) == (NEW, NEW, old)
    assert not candidate.learnt_from & set(report["data"]["people"]), "nobody is on both sides"
    assert report["passed"], [rule["sentence"] for rule in report["rules"] if rule["passed"] is False]
    assert house.version() == old, "nothing is served before somebody says so"

    wanted = {"do": "promote", "version": NEW, "reason": "It reads the night camera."}
    assert house.training("rev", **wanted, force=True)["error"] == "NotAllowed"
    assert f"{NEW} is in production now." in house.training("ada", **wanted, force=False)["html"]
    house.wait_for(NEW)
    assert house.analyse(asked.image)["model_version"] == NEW
    assert house.predicted_by(house.keep(asked.image[:, ::-1].copy(), "second", asked.peak)) == NEW
    assert house.predicted_by(first) == old, "what was said stays said"

    reply = house.training("ada", do="back", reason="Only a test.")
    assert f"{old} is in production again." in reply["html"]
    house.wait_for(old)
    assert house.analyse(asked.image)["model_version"] == old
    assert house.app.process.poll() is None
    moves = registry.moves(house.store, OPERATOR, Alias.PRODUCTION)
    assert [(move.version, move.rolled_back) for move in moves] == [(old, True), (NEW, False), (old, False)]
    assert not moves[1].forced
    assert house.acts_of("ada") == ["start_training", "promote", "roll_back"]
