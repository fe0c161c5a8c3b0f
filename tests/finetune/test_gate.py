"""Tests of the gate as a whole: real store, real networks of a few thousand parameters, real files."""

import json
import shutil

import numpy as np
import pytest

from db import registry
from db.model_files import content_hash
from db.registry_tables import Alias
from db.roles import OPERATOR
from db.tables import Event
from finetune import gate
from finetune.comparison import Contestant, compete, own_words
from finetune.gate import entry_of, main, people_learnt_from, record, run_gate, unseen
from finetune.gate_rules import Limits
from finetune.paired_bootstrap import paired_ece
from finetune.people_groups import pose_groups, read_groups
from finetune.replay import load_replay
from finetune.train import train
from finetune.train_config import REPLAY
from finetune.version_report import probabilities
from tests.finetune import training_lab
from vlfau.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from vlfau.errors import DataError, ModelError


@pytest.fixture(scope="module")
def made(bench, tmp_path_factory):
    """The folder of a version that a run made."""
    config = training_lab.tiny(bench / "store", bench / "base", bench / "replay.parquet")
    return train(config, tmp_path_factory.mktemp("runs") / "v1")


@pytest.fixture
def champion(store, bench):
    return entry_of(store, OPERATOR, str(bench / "base"))


@pytest.fixture
def base_in_production(store, bench, monkeypatch):
    """The tiny base is what comes with the program."""
    monkeypatch.setattr(gate, "EMBEDDED", bench / "base")


@pytest.fixture
def candidate(store, made):
    return entry_of(store, OPERATOR, str(made))


class TestWhoIsAsked:
    def test_nobody_is_on_both_sides(self, store, champion, candidate):
        report = run_gate(store, candidate, champion, Limits())
        held_out = set(report["data"]["people"])
        assert candidate.learnt_from
        assert held_out
        assert not held_out & candidate.learnt_from

    def test_who_the_champion_learnt_from_is_left_out_too(self, store, champion, candidate):
        everybody = run_gate(store, candidate, champion, Limits())["data"]["people"]
        learnt = gate.Entry(champion.folder, frozenset(everybody[:1]), None)
        report = run_gate(store, candidate, learnt, Limits())
        assert set(report["data"]["people"]) == set(everybody[1:])

    def test_who_shares_a_photo_with_somebody_seen_is_left_out(self):
        people = np.array(["P1", "P2", "P3"])
        groups = {"group": np.array(["P1", "P1", "P3"])}
        none = np.zeros((3, 0, 0, 3), np.uint8), np.zeros((3, 478, 3)), np.zeros((3, 2, 22), np.float32)
        faces = training_lab.LabelledFaces(*none, people, groups)
        everybody = gate.AnnotatedFaces.of(faces)
        assert unseen(everybody, everybody, {"P2"}).faces.person.tolist() == ["P3"]

    def test_a_checkpoint_of_no_run_learnt_from_nobody(self, bench):
        assert people_learnt_from(bench / "base") == frozenset()

    def test_groups_come_from_a_file_beside_the_store(self, store, champion, candidate):
        (store.folder / "groups.csv").write_text(
            "person,sex\n" + "".join(f"code-{k},f\n" for k in range(10)) + "x,m\n"
        )
        assert list(read_groups(store)) == ["sex: f"]
        report = run_gate(store, candidate, champion, Limits())
        assert report["groups"]["sex: f"]["people"] == report["held_out"]["people"] > 0

    def test_how_far_a_head_is_turned_is_always_known(self, store, champion, candidate):
        """Everybody of the laboratory has a photo from the front and one at 30 degrees."""
        groups = run_gate(store, candidate, champion, Limits())["groups"]
        assert {name: found["faces"] for name, found in groups.items()} == {
            "facing the camera": 1,
            "turned to one side": 1,
        }

    def test_both_sides_count_as_turned(self):
        rows = pose_groups(np.array([-40.0, 0.0, 25.0, -10.0]))
        assert [found.tolist() for found in rows.values()] == [[1, 3], [0, 2]]

    def test_a_file_of_groups_without_people_is_refused(self, store, tmp_path):
        (tmp_path / "groups.csv").write_text("name,sex\nann,f\n")
        with pytest.raises(DataError, match=r"its columns are \['name', 'sex'\]"):
            read_groups(store, tmp_path / "groups.csv")


class TestVerdict:
    def test_a_few_people_are_not_enough(self, store, champion, candidate):
        report = run_gate(store, candidate, champion, Limits())
        assert report["passed"] is False
        assert [rule["name"] for rule in report["rules"] if rule["passed"] is False][:1] == ["people"]

    def test_a_perfect_candidate_beats_one_that_is_always_wrong(self, bench, made):
        """Real networks on faces whose labels are what the candidate says: it gets F1 1 and the champion less."""
        base, version = (Contestant(f.name, load_checkpoint(f), f) for f in (bench / "base", made))
        rng = np.random.default_rng(0)
        chips, points = rng.integers(0, 255, (30, 36, 36, 3), dtype=np.uint8), rng.random((30, 478, 3))
        person = np.array([f"P{k % 10}" for k in range(30)])
        blank = training_lab.LabelledFaces(
            chips, points, np.zeros((30, 2, 22), np.float32), person, {"group": person}
        )
        asked = gate.AnnotatedFaces.of(blank)
        said = probabilities(version.checkpoint.model, asked)
        asked.occurrence[:] = said >= np.median(said, axis=0)
        version.checkpoint.model.set_calibration([1.0] * 22, [0.0] * 22, np.median(said, axis=0).tolist())
        contest = compete(base, version, asked, asked.subset(np.arange(0)))
        assert contest.held_out.f1.macro.candidate.value > contest.held_out.f1.macro.champion.value
        assert np.isnan(contest.base.f1.macro.gain.value)

    def test_a_version_is_not_compared_with_itself(self, store, champion):
        with pytest.raises(DataError, match="not compared with itself"):
            run_gate(store, champion, champion, Limits())

    def test_broken_weights_are_noticed(self, store, bench, champion, tmp_path):
        checkpoint = load_checkpoint(bench / "base")
        for parameter in checkpoint.model.parameters():
            parameter.data.fill_(float("nan"))
        checkpoint.model.config.model_version = "broken"
        save_checkpoint(tmp_path / "broken", checkpoint.model, checkpoint.words, "")
        with pytest.raises(ModelError, match=r"broken cannot be used.*weights are broken"):
            run_gate(store, entry_of(store, OPERATOR, str(tmp_path / "broken")), champion, Limits())


class TestMeasures:
    def test_pooled_calibration_by_hand(self):
        labels = np.array([[1, np.nan], [0, 1]])
        probability = np.array([[0.9, 0.5], [0.1, 0.7]])
        found = paired_ece(labels, probability, probability, np.array(["a", "b"]), 2)
        assert found.champion.value == pytest.approx((0.1 + 0.1 + 0.3) / 3)

    def test_the_embedded_checkpoint_says_what_it_decides(self):
        faces = gate.AnnotatedFaces.of(load_replay(REPLAY, "test").subset(np.arange(4)))
        assert own_words(load_checkpoint(), faces) > 0.9

    def test_without_words_there_is_no_share(self, tmp_path):
        checkpoint = load_checkpoint(training_lab.write_base(tmp_path / "mute", local_language=False))
        faces = gate.AnnotatedFaces.of(
            training_lab.LabelledFaces(
                np.zeros((1, 36, 36, 3), np.uint8),
                np.zeros((1, 478, 3)),
                np.zeros((1, 2, 22)),
                np.array(["a"]),
            )
        )
        assert isinstance(checkpoint, Checkpoint)
        assert np.isnan(own_words(checkpoint, faces))


@pytest.mark.usefixtures("base_in_production")
class TestRecord:
    def test_it_registers_compares_and_proposes(self, store, candidate):
        report = run_gate(store, candidate, gate.served(store, OPERATOR), Limits())
        version = record(store, OPERATOR, candidate, report)
        assert (version.name, version.base) == ("v1", "base-0")
        assert version.learnt_from == candidate.learnt_from
        assert registry.alias_version(store, OPERATOR, Alias.CANDIDATE) == version
        assert registry.alias_version(store, OPERATOR, Alias.PRODUCTION).name == "base-0"
        kept = registry.comparisons(store, OPERATOR)[0]
        assert (kept.candidate, kept.champion, kept.passed, kept.report) == ("v1", "base-0", False, report)
        with pytest.raises(registry.PromotionRefused, match=r"of 1 person.*5 are needed"):
            registry.promote(store, OPERATOR, "v1")

    def test_what_was_compared_with_another_is_not_kept(self, store, candidate):
        report = run_gate(store, candidate, gate.served(store, OPERATOR), Limits())
        with pytest.raises(DataError, match="Compare anew"):
            record(store, OPERATOR, candidate, report | {"champion": "somebody"})
        assert [version.name for version in registry.versions(store, OPERATOR)] == ["base-0"]

    def test_each_annotator_sees_what_they_brought(self, store, candidate):
        brought = run_gate(store, candidate, gate.served(store, OPERATOR), Limits())["contributions"]
        (units,) = brought.values()
        smiling = len(
            candidate.learnt_from
        )  # one of the two photos of each; the model said absent of everything
        assert units == {"AU04": smiling, "AU12": smiling}


@pytest.mark.usefixtures("base_in_production")
class TestCommand:
    def run(self, store, capsys, *options):
        code = main([*options, "--store", str(store.folder)])
        return code, capsys.readouterr()

    def test_it_says_no_in_words_and_by_its_exit_code(self, store, made, capsys):
        code, said = self.run(store, capsys, "--candidate", str(made))
        assert code == 1
        assert said.out.startswith("v1 against base-0\n  NO   There are corrections of")
        assert registry.versions(store, OPERATOR) == []

    def test_a_registered_version_goes_by_its_name(self, store, made, capsys, tmp_path):
        self.run(store, capsys, "--candidate", str(made), "--record")
        limits = tmp_path / "limits.json"
        limits.write_text(json.dumps(dict.fromkeys(("base_drop", "unit_drop", "ece_rise"), 1)))
        code, said = self.run(store, capsys, "--candidate", "v1", "--json", "--limits", str(limits))
        report = json.loads(said.out)
        assert code == 1
        assert (report["candidate"], report["champion"], report["limits"]["base_drop"]) == ("v1", "base-0", 1)

    @pytest.mark.parametrize("name", ["nothing", "v9"])
    def test_an_unknown_version_cannot_be_judged(self, store, name, capsys):
        code, said = self.run(store, capsys, "--candidate", name)
        assert code == 2
        assert f"Asked for was '{name}'" in said.err

    def test_without_corrections_it_cannot_be_judged(self, made, tmp_path, capsys):
        empty, _ = training_lab.new_store(tmp_path / "empty")
        code, said = self.run(empty, capsys, "--candidate", str(made), "--record")
        assert code == 2
        assert "There are no corrections" in said.err
        assert registry.versions(empty, OPERATOR) == []
        empty.close()

    def test_a_full_disk_leaves_the_registry_as_it_was(self, store, made, monkeypatch, capsys):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(shutil, "copyfile", full)
        code, said = self.run(store, capsys, "--candidate", str(made), "--record")
        assert code == 2
        assert "No space left on device" in said.err
        assert registry.versions(store, OPERATOR) == []
        assert not list((store.folder / "models").iterdir())

    def test_files_that_were_changed_are_not_judged(self, store, made, capsys):
        self.run(store, capsys, "--candidate", str(made), "--record")
        version = registry.version_named(store, OPERATOR, "v1")
        card = registry.checked_folder(store, version) / "README.md"
        card.chmod(0o644)
        card.write_text("# Better than it is")
        assert content_hash(card.parent) != version.sha256
        code, said = self.run(store, capsys, "--candidate", "v1")
        assert code == 2
        assert "is not what it was" in said.err


def test_the_store_is_only_read(store, champion, candidate):
    def seen():
        with store.reading(OPERATOR, "export") as work:
            return work.query(Event).count(), sorted(path.name for path in store.folder.iterdir())

    before = seen()
    run_gate(store, candidate, champion, Limits())
    assert seen() == before
