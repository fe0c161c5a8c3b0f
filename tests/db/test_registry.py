"""Tests of the registry: versions never change, aliases move as the gate and an admin allow, every move is kept."""

import json

import pytest
from sqlalchemy import text

from db.check import check
from db.cli import main
from db.errors import Conflict, NotAllowed, NotFound, StoreError
from db.events import state_at, state_now
from db.model_files import DamagedVersion, content_hash
from db.registry import (
    PromotionRefused,
    add_comparison,
    add_version,
    alias_version,
    begin,
    checked_folder,
    comparisons,
    moves,
    previous_version,
    promote,
    propose,
    roll_back,
    version_named,
    versions,
)
from db.registry_tables import Alias
from db.roles import OPERATOR, Role
from db.tables import Event

FAILED = {"rules": [{"name": "gain", "passed": False, "sentence": "The gain is -0.020; it must be above 0."}]}


@pytest.fixture
def two(store, checkpoint_folder):
    """A version in production, and another."""
    return begin(store, OPERATOR, checkpoint_folder("small-1")), add_version(
        store, OPERATOR, checkpoint_folder("small-2", b"other")
    )


def production(store):
    return alias_version(store, OPERATOR, Alias.PRODUCTION)


class TestVersions:
    def test_its_files_are_copied_and_named_by_what_they_hold(self, store, checkpoint_folder):
        version = add_version(store, OPERATOR, checkpoint_folder("small-2"), learnt_from=["P2", "P1", "P2"])
        kept = checked_folder(store, version)
        assert kept == store.folder / "models" / content_hash(
            checkpoint_folder("small-2-again").parent / "small-2"
        )
        assert sorted(path.name for path in kept.iterdir()) == [
            "config.json",
            "model.safetensors",
            "training.json",
        ]
        assert (version.name, version.base, version.learnt_from) == ("small-2", "small-1", {"P1", "P2"})

    def test_the_same_again_is_the_same_version(self, store, checkpoint_folder):
        source = checkpoint_folder("small-2")
        assert add_version(store, OPERATOR, source) == add_version(store, OPERATOR, source)
        assert len(versions(store, OPERATOR)) == 1

    def test_another_of_the_same_name_is_refused(self, store, checkpoint_folder):
        source = checkpoint_folder("small-2")
        add_version(store, OPERATOR, source)
        (source / "model.safetensors").write_bytes(b"changed")
        with pytest.raises(Conflict, match=r"'small-2', and its files differ"):
            add_version(store, OPERATOR, source)

    @pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
    def test_what_is_no_checkpoint_is_refused_and_leaves_nothing(self, store, checkpoint_folder, missing):
        source = checkpoint_folder("small-2")
        (source / missing).unlink()
        with pytest.raises(StoreError, match="not a version that can be registered"):
            add_version(store, OPERATOR, source)
        assert not (store.folder / "models").exists()
        assert versions(store, OPERATOR) == []

    def test_a_changed_byte_is_noticed(self, store, checkpoint_folder):
        version = add_version(store, OPERATOR, checkpoint_folder("small-2"))
        weights = store.folder / "models" / version.sha256 / "model.safetensors"
        weights.chmod(0o644)
        weights.write_bytes(b"weighty")
        with pytest.raises(DamagedVersion, match=r"small-2 cannot be used.*is not what it was.*from a copy"):
            checked_folder(store, version)

    def test_a_missing_folder_says_where_else_it_is(self, store, checkpoint_folder):
        version = add_version(store, OPERATOR, checkpoint_folder("small-2"), hub=("org/model", "abc123"))
        (store.folder / "models" / version.sha256).rename(store.folder / "elsewhere")
        with pytest.raises(DamagedVersion, match=r"is missing.*org/model at abc123"):
            checked_folder(store, version)

    def test_the_database_lets_nobody_change_one(self, store, two):
        with (
            pytest.raises(StoreError, match="model_version never change"),
            store.unit_of_work(OPERATOR, "stats") as w,
        ):
            w.execute(text("UPDATE model_version SET name = 'better'"))

    def test_an_unknown_name_is_told_the_known_ones(self, store, two):
        with pytest.raises(NotFound, match=r"'small-9'.*small-1, small-2"):
            version_named(store, OPERATOR, "small-9")


class TestPromotion:
    def test_the_first_in_production_is_the_one_that_comes_with_the_program(
        self, store, two, checkpoint_folder
    ):
        assert production(store).name == "small-1"
        assert begin(store, OPERATOR, checkpoint_folder("small-0")).name == "small-1", (
            "asked again, nothing moves"
        )

    def test_what_was_not_compared_is_refused(self, store, two):
        with pytest.raises(PromotionRefused, match=r"never compared.*finetune\.gate --candidate small-2"):
            promote(store, OPERATOR, "small-2")

    def test_what_failed_is_refused_with_the_rule(self, store, two):
        add_comparison(store, OPERATOR, two[1], two[0], False, FAILED)
        with pytest.raises(PromotionRefused, match=r"The gain is -0\.020"):
            promote(store, OPERATOR, "small-2")
        assert production(store).name == "small-1"

    def test_what_passed_is_served(self, store, two):
        add_comparison(store, OPERATOR, two[1], two[0], True, {"rules": []})
        promote(store, OPERATOR, "small-2")
        assert production(store).name == "small-2"
        assert [(m.version, m.by, m.forced) for m in moves(store, OPERATOR, Alias.PRODUCTION)] == [
            ("small-2", None, False),
            ("small-1", None, False),
        ]

    def test_only_the_newest_comparison_counts(self, store, two):
        add_comparison(store, OPERATOR, two[1], two[0], True, {"rules": []})
        add_comparison(store, OPERATOR, two[1], two[0], False, FAILED)
        with pytest.raises(PromotionRefused):
            promote(store, OPERATOR, "small-2")
        assert [found.passed for found in comparisons(store, OPERATOR)] == [False]

    def test_a_comparison_with_what_is_not_served_any_more_does_not_count(
        self, store, two, checkpoint_folder
    ):
        third = add_version(store, OPERATOR, checkpoint_folder("small-3", b"third"))
        add_comparison(store, OPERATOR, two[1], two[0], True, {"rules": []})
        add_comparison(store, OPERATOR, third, two[0], True, {"rules": []})
        promote(store, OPERATOR, "small-2")
        with pytest.raises(PromotionRefused, match="never compared"):
            promote(store, OPERATOR, "small-3")

    def test_the_same_again_is_refused(self, store, two):
        with pytest.raises(Conflict, match="in production already"):
            promote(store, OPERATOR, "small-1", "again", force=True)

    def test_damaged_files_are_never_served(self, store, two):
        add_comparison(store, OPERATOR, two[1], two[0], True, {"rules": []})
        (store.folder / "models" / two[1].sha256).rename(store.folder / "elsewhere")
        with pytest.raises(DamagedVersion):
            promote(store, OPERATOR, "small-2")
        assert production(store).name == "small-1"

    def test_force_needs_a_reason_and_is_in_the_audit_log(self, lab, two):
        store, ada = lab.store, lab.person("ada", Role.ADMIN)
        add_comparison(store, OPERATOR, two[1], two[0], False, FAILED)
        with pytest.raises(StoreError, match="needs a reason"):
            promote(store, ada, "small-2", "  ", force=True)
        promote(store, ada, "small-2", "The old one fails on masks.", force=True)
        last = moves(store, OPERATOR, Alias.PRODUCTION)[0]
        assert (last.forced, last.reason, last.by is None) == (True, "The old one fails on masks.", False)
        with store.reading(OPERATOR, "export") as work:
            event = work.query(Event).order_by(Event.id.desc()).first()
        assert (event.kind, event.actor_id) == ("force_promotion", ada.annotator_id)

    @pytest.mark.parametrize("force", [False, True])
    def test_only_admins(self, lab, two, force):
        rev = lab.person("rev", Role.REVIEWER)
        add_comparison(lab.store, OPERATOR, two[1], two[0], True, {"rules": []})
        with pytest.raises(NotAllowed, match="Only an admin"):
            promote(lab.store, rev, "small-2", "why not", force)
        assert production(lab.store).name == "small-1"


class TestRollback:
    @pytest.fixture
    def three(self, store, two, checkpoint_folder):
        """small-3 in production, small-2 and small-1 before it."""
        third = add_version(store, OPERATOR, checkpoint_folder("small-3", b"third"))
        for now, before in ((two[1], two[0]), (third, two[1])):
            add_comparison(store, OPERATOR, now, before, True, {"rules": []})
            promote(store, OPERATOR, now.name)
        return third

    def test_it_leads_back_step_by_step(self, store, three):
        assert roll_back(store, OPERATOR, "It reads masks wrongly.").name == "small-2"
        assert previous_version(store, OPERATOR).name == "small-1"
        assert roll_back(store, OPERATOR, "So does this one.").name == "small-1"
        with pytest.raises(Conflict, match="nothing to go back to"):
            roll_back(store, OPERATOR, "And again.")
        assert [m.rolled_back for m in moves(store, OPERATOR, Alias.PRODUCTION)] == [
            True,
            True,
            False,
            False,
            False,
        ]

    def test_after_it_one_can_go_on_from_there(self, store, three):
        roll_back(store, OPERATOR, "No.")
        promote(store, OPERATOR, "small-3", "Yes, after all.")
        assert production(store).name == "small-3"
        assert previous_version(store, OPERATOR).name == "small-2"

    def test_only_admins(self, lab, three):
        with pytest.raises(NotAllowed):
            roll_back(lab.store, lab.person("rev", Role.REVIEWER), "No.")
        assert production(lab.store).name == "small-3"

    def test_the_past_can_be_rebuilt(self, store, three):
        propose(store, OPERATOR, three, "Newest.")
        roll_back(store, OPERATOR, "No.")
        with store.reading(OPERATOR, "export") as work:
            last = work.query(Event.id).order_by(Event.id.desc()).first()[0]
        assert state_at(store, OPERATOR, last) == state_now(store, OPERATOR)
        assert check(store, deep=True) == []


def test_the_command_line_lists_them(store, two, capsys):
    add_comparison(store, OPERATOR, two[1], two[0], True, {"rules": []})
    propose(store, OPERATOR, two[1], "Newest.")
    where = ["--url", store.url.render_as_string(hide_password=False), "--data", str(store.folder)]
    assert main([*where, "models"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("small-2 (candidate): passed; ")
    assert second.startswith("small-1 (production): not compared; ")
    assert main([*where, "models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["compared_with"] == "small-1"
