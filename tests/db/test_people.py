"""Tests of forgetting: nothing of a person is left, and everything of the others is."""

import base64

import pytest

from db.check import check
from db.errors import NotFound
from db.events import state_at, state_now
from db.evidence import pack
from db.export import export
from db.people import forget, withdraw
from db.photos import add_image
from db.review import adjudicate, set_gold
from db.roles import OPERATOR
from db.values import Consent
from tests.db.laboratory import maps, marks, photo
from vlfau.action_units import AU_NUMBERS

SECRET = "XK-secret-code"


@pytest.fixture
def crowd(lab):
    """Two people in photos, answers about both, one settled and one gold."""
    for seed, code in ((1, SECRET), (2, SECRET), (3, "other")):
        lab.add(seed, code=code, model_version=f"small-{seed}", evidence=maps(seed))
    for name in ("ann", "bo"):
        person = lab.person(name)
        while lab.next(person):
            lab.answer(person, AU12="present")
    adjudicate(lab.store, OPERATOR, 1, marks(AU12="absent"))
    set_gold(lab.store, OPERATOR, 2, marks(AU12="absent"))
    return lab


class TestForget:
    def test_rows_and_files_are_gone(self, crowd, count):
        report = forget(crowd.store, OPERATOR, SECRET)
        assert (report.images, report.faces, report.responses) == (2, 2, 4)
        assert (count("subject"), count("image"), count("item"), count("response")) == (1, 1, 1, 2)
        assert (count("adjudication"), count("gold"), count("gold_unit"), count("lease")) == (0, 0, 0, 2)
        assert len(list(crowd.store.images.names())) == 1
        assert check(crowd.store, deep=True) == []

    def test_the_tombstone_says_how_much_and_not_who(self, crowd, count):
        forget(crowd.store, OPERATOR, SECRET)
        assert count("tombstone WHERE images = 2 AND responses = 4 AND done_at IS NOT NULL") == 1
        assert SECRET not in str(state_now(crowd.store, OPERATOR))

    def test_the_past_is_rebuilt_without_them(self, crowd, count):
        forget(crowd.store, OPERATOR, SECRET)
        for event in range(1, count("event") + 1):
            rebuilt = state_at(crowd.store, OPERATOR, event)
            assert len(rebuilt.get("image", {})) <= 1
            assert SECRET not in str(rebuilt)
        assert rebuilt == state_now(crowd.store, OPERATOR)

    @pytest.mark.parametrize(
        "store", ["sqlite"], indirect=True
    )  # PostgreSQL's files are not ours; VACUUM empties them
    def test_no_byte_of_the_code_and_of_the_maps_is_left_in_the_files(self, crowd, tmp_path):
        packed = pack(maps(1), AU_NUMBERS)
        secrets = (SECRET.encode(), packed[:64], base64.b64encode(packed)[:64])
        assert all(secret in (tmp_path / "vlfau.db-wal").read_bytes() for secret in secrets)
        forget(crowd.store, OPERATOR, SECRET)
        crowd.store.close()
        for path in tmp_path.rglob("*"):
            found = b"" if path.is_dir() else path.read_bytes()
            assert not [secret for secret in secrets if secret in found], path

    def test_the_guards_are_up_again(self, crowd):
        forget(crowd.store, OPERATOR, SECRET)
        with pytest.raises(NotFound, match="not known, or was forgotten"):
            forget(crowd.store, OPERATOR, SECRET)

    def test_the_report_names_exports_that_are_out_of_reach(self, crowd, tmp_path):
        export(crowd.store, OPERATOR, crowd.project, tmp_path / "out", "openface")
        assert forget(crowd.store, OPERATOR, SECRET).exports == 1

    def test_the_same_person_can_come_again(self, crowd, count):
        forget(crowd.store, OPERATOR, SECRET)
        crowd.add(1, code=SECRET)
        assert count(f"subject WHERE code = '{SECRET}' AND id = 3") == 1, "with a number that nobody had"

    def test_a_photo_alone(self, lab, count):
        add_image(lab.store, OPERATOR, photo(1), Consent.ANNOTATE, "alone")
        forget(lab.store, OPERATOR, "alone")
        assert count("image") == 0


def test_who_withdrew_is_in_no_export(crowd, tmp_path):
    assert export(crowd.store, OPERATOR, crowd.project, tmp_path / "before", "pyfeat").faces == 3
    withdraw(crowd.store, OPERATOR, SECRET)
    report = export(crowd.store, OPERATOR, crowd.project, tmp_path / "after", "pyfeat")
    assert (report.faces, report.answers) == (1, 2)
