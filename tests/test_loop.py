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
from tests.loop_house import LoopHouse, chosen_faces, night_photo
from vlfau.checkpoint import EMBEDDED
from vlfau.config import VLFAUConfig
from vlfau.predictor import Predictor

CONFIG = {"epochs": 3, "learning_rate": 0.001, "replay_share": 0.65, "tracker": "none"}
NEW = "night-1"


@pytest.fixture
def house(tmp_path):
    opened = LoopHouse(tmp_path)
    yield opened
    opened.close()


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_corrections_become_a_better_model_that_serves_and_can_be_undone(house):
    old = VLFAUConfig.from_pretrained(EMBEDDED).model_version
    faces = chosen_faces(learnt=140, new=80)
    photo = night_photo(faces.chips[0], seed=999)

    house.fill(Predictor.load(), faces)
    house.wait_for(old)
    assert house.analyse(photo)["model_version"] == old
    first = house.keep(photo, "first")
    assert house.predicted_by(first) == old
    house.correct()
    states = stats(house.store, OPERATOR)["projects"]["Night"]
    assert states["agreed"] == len(house.answers)

    run = jobs.start(house.store, house.people["ada"], "The night camera is read badly.", CONFIG, name=NEW)
    assert "night-1" in house.training(do="go", tab="training")["html"]
    run = house.ended(run)
    report = registry.comparisons(house.store, OPERATOR)[0].report
    sentences = [rule["sentence"] for rule in report["rules"]]
    assert (run.state, report["passed"]) == (RunState.FINISHED, True), sentences
    assert "passed every rule" in run.message
    gain = report["held_out"]["f1_macro"]["gain"]
    assert gain[1] > 0
    candidate = registry.alias_version(house.store, OPERATOR, Alias.CANDIDATE)
    assert candidate.name == NEW
    assert not candidate.learnt_from & set(report["data"]["people"]), "nobody is on both sides"
    assert house.version() == old, "nothing is served before somebody says so"

    reply = house.training(do="promote", version=NEW, reason="It reads the night camera.", force=False)
    assert f"{NEW} is in production now." in reply["html"]
    house.wait_for(NEW)
    assert house.analyse(photo)["model_version"] == NEW
    assert house.predicted_by(house.keep(photo[:, ::-1].copy(), "second")) == NEW
    assert house.predicted_by(first) == old, "what was said stays said"

    house.training(do="back", reason="Only a test.")
    house.wait_for(old)
    assert house.analyse(photo)["model_version"] == old
    assert house.app.process.poll() is None
    moves = registry.moves(house.store, OPERATOR, Alias.PRODUCTION)
    assert [(move.version, move.rolled_back, move.forced) for move in moves] == [
        (old, True, False),
        (NEW, False, False),
        (old, False, False),
    ]
    assert house.events("start_training", "promote", "roll_back") == [
        ("start_training", "ada"),
        ("promote", "ada"),
        ("roll_back", "ada"),
    ]
