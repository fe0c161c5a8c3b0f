"""The experiment in small: a real store, queue, job and gate, on a dozen synthetic people and a tiny base."""

import json
from dataclasses import replace

import numpy as np
import pytest

from finetune.simulate import QUICK, build_parser, plan_of, told
from finetune.simulation.annotating import ROWS
from finetune.simulation.experiment import RESULTS, Experiment, Plan
from finetune.simulation.pictures import Pictures, load_pictures, save_pictures
from finetune.simulation.report import summary, write_report
from finetune.train_config import TrainConfig
from tests.finetune import training_lab
from vlfau.errors import DataError

pytestmark = pytest.mark.slow
TINY = Plan(
    corrections=(10,),
    seeds=(1,),
    orders=("uncertainty", "random"),
    replays=(True,),
    held_out_people=3,
    answers_wanted=5,
    careful=3,
    train=TrainConfig(train_what="fusion", learn_disputed=True, tracker="none"),
)


def some_pictures(people: int, each: int) -> Pictures:
    """The first of the pack."""
    everything = load_pictures()
    names = list(dict.fromkeys(everything.person.tolist()))[:people]
    rows = np.concatenate([np.flatnonzero(everything.person == name)[:each] for name in names])
    jpeg = tuple(everything.jpeg[row] for row in rows.tolist())
    return Pictures(jpeg, everything.intensity[rows], everything.person[rows])


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    """A world of ten people, not run yet."""
    folder = tmp_path_factory.mktemp("simulation")
    save_pictures(folder / "pictures.parquet", some_pictures(10, 3))
    base = training_lab.write_base(folder / "base")
    return Experiment(TINY, folder / "out", base, folder / "pictures.parquet")


@pytest.fixture(scope="module")
def lines(experiment):
    """What the run of all conditions left."""
    return experiment.run()


def test_every_condition_leaves_a_line_that_says_what_happened(experiment, lines):
    assert [line["name"] for line in lines] == [condition.name for condition in TINY.conditions]
    for line in lines:
        domain = line["domain"]
        assert domain["people"] == TINY.held_out_people
        assert domain["gain"][0] == pytest.approx(domain["candidate"][0] - domain["champion"][0], abs=2e-4)
        assert line["base_set"]["faces"] == len(experiment.base_set)
        assert 0 < sum(line["trained_on"].values()) <= line["corrections"]
        assert (line["gate"] is not None) == (line["order"] == "uncertainty")
    assert lines[0]["gate"]["refused"], "three people are too few to promote anything"


def test_who_is_measured_on_is_in_no_store_and_not_in_the_replay(experiment, lines):
    people = experiment.people(1)
    held_out = set(experiment.domain.person[people.held_out].tolist())
    for order in TINY.orders:
        rows = json.loads((experiment.folder / f"store-1-{order}" / ROWS).read_text())
        assert not held_out & set(experiment.domain.person[list(rows.values())].tolist())
    everybody = set(experiment.domain.person.tolist())
    assert not everybody & set(experiment.base_set.faces.person.tolist())
    assert len(experiment.base_set) > 100


def test_the_store_finds_out_who_clicks_at_random(lines):
    weights = lines[0]["weights"]
    careful = [weight for name, weight in weights.items() if name.startswith("careful")]
    assert min(careful) > 0.5
    assert weights["spammer"] < 0.25


def test_what_is_done_is_not_done_again(experiment, lines):
    before = (experiment.folder / RESULTS).read_bytes()
    again = Experiment(TINY, experiment.folder, experiment.base_folder, experiment.pack)
    assert again.run() == lines
    assert (experiment.folder / RESULTS).read_bytes() == before


def test_the_report_has_a_row_a_line_and_a_curve(experiment, lines):
    found = summary(lines)
    assert found["corrections"] == 10
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "macro F1 on held-out people" in told(found)
    write_report(experiment.folder, lines, found)
    assert (experiment.folder / "loop.csv").read_text().count("\n") == 1 + len(lines)
    assert (experiment.folder / "loop.md").read_text().count("\n| ") >= len(lines)


def test_more_corrections_than_photos_are_refused(experiment):
    greedy = Experiment(
        replace(TINY, corrections=(999,)), experiment.folder, experiment.base_folder, experiment.pack
    )
    with pytest.raises(DataError, match="999 are wanted"):
        greedy.run()


def test_the_command_line_says_what_is_run():
    plan = plan_of(build_parser().parse_args(["--quick", "--first-seed", "4", "--corrections", "50"]))
    assert (plan.seeds, plan.corrections, plan.replays) == ((4,), (50,), (True,))
    assert QUICK.train.learn_disputed
    assert plan_of(build_parser().parse_args(["--seeds", "2"])).seeds == (1, 2)
