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

CONFIG = {"epochs": 3, "learning_rate": 3e-4, "tracker": "none"}
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
    faces = chosen_faces(learnt=120, new=80)
    photo, peak = night_photo(faces.chips[0], seed=999), faces.intensity[0].max(axis=0)

    house.fill(Predictor.load(), faces)
    house.wait_for(old)
    assert house.analyse(photo)["model_version"] == old
    first = house.keep(photo, "first", peak)
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
    (gain,) = [rule for rule in report["rules"] if rule["name"] == "gain"]
    assert gain["passed"], gain["sentence"]
    assert house.version() == old, "nothing is served before somebody says so"

    serve_it(house, report)
    house.wait_for(NEW)
    assert house.analyse(photo)["model_version"] == NEW
    assert house.predicted_by(house.keep(photo[:, ::-1].copy(), "second", peak)) == NEW
    assert house.predicted_by(first) == old, "what was said stays said"

    reply = house.training("ada", do="back", reason="Only a test.")
    assert f"{old} is in production again." in reply["html"]
    house.wait_for(old)
    assert house.analyse(photo)["model_version"] == old
    assert house.app.process.poll() is None
    moves = registry.moves(house.store, OPERATOR, Alias.PRODUCTION)
    assert [(move.version, move.rolled_back) for move in moves] == [(old, True), (NEW, False), (old, False)]
    assert moves[1].forced == (not report["passed"])
    served_by = "promote" if report["passed"] else "force_promotion"
    assert house.acts_of("ada") == ["start_training", served_by, "roll_back"]


def serve_it(house, report):
    """Promote what passed. What the gate refuses is refused with its sentences, also to a reviewer who would force it;
    an admin may force it, and that is written down."""
    wanted = {"do": "promote", "version": NEW, "reason": "It reads the night camera."}
    assert house.training("rev", **wanted, force=True)["error"] == "NotAllowed"
    if not report["passed"]:
        refused = house.training("ada", **wanted, force=False)
        assert refused["error"] == "PromotionRefused"
        failed = [rule["sentence"] for rule in report["rules"] if rule["passed"] is False]
        assert all(sentence in refused["message"] for sentence in failed)
        assert house.version() == VLFAUConfig.from_pretrained(EMBEDDED).model_version
    reply = house.training("ada", **wanted, force=not report["passed"])
    assert f"{NEW} is in production now." in reply["html"]
