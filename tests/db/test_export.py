"""Tests of what leaves the store, and of the store that comes back from it."""

import csv
import json
import re

import pytest
from sqlalchemy import text

from db.errors import Conflict, NotAllowed, StoreError
from db.events import state_now
from db.export import export
from db.responses import save_draft, submit
from db.review import adjudicate, set_gold
from db.roles import OPERATOR
from db.rows import TABLES
from db.store import REVISION, Store
from db.transfer import read_store
from db.values import Answer, Consent, Occurrence, Side, UnitAnswer
from tests.db.laboratory import maps, marks, photo

SMILE = Answer(
    (
        UnitAnswer(12, Occurrence.PRESENT, 3, Side.LEFT, "The left corner is up."),
        UnitAnswer(4, Occurrence.ABSENT),
    ),
    "The left mouth corner is drawn up.",
    7.5,
)


@pytest.fixture
def crowd(lab):
    """Four faces: one with two answers, one settled, one gold, one begun; two consents."""
    for seed in range(4):
        consent = Consent.PUBLISH if seed else Consent.ANNOTATE
        lab.add(seed, probability=0.5 - seed / 100, consent=consent, evidence=maps(seed) if seed else None)
    ann, bo = lab.person("ann"), lab.person("bo")
    for person in (ann, bo):
        submit(lab.store, person, lab.next(person).lease_id, SMILE)
    lab.answer(ann, AU12="present"), lab.answer(bo, AU12="absent")
    adjudicate(lab.store, OPERATOR, 2, marks(AU12="absent", AU1="unsure"))
    set_gold(lab.store, OPERATOR, 3, marks(AU12="present"))
    task = lab.next(ann)
    save_draft(lab.store, ann, task.lease_id, marks(AU9="present"))
    return lab


def write(crowd, folder, form, scope=Consent.ANNOTATE):
    return export(crowd.store, OPERATOR, crowd.project, folder, form, scope)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestJsonLines:
    def test_a_face_with_its_soft_labels_masks_and_sentences(self, crowd, tmp_path):
        report = write(crowd, tmp_path / "out", "jsonl")
        first, settled, gold = lines(tmp_path / "out" / "faces.jsonl")
        assert (report.faces, report.answers) == (3, 4)
        assert first["AU12"] > 0.8
        assert (first["AU12_n"], first["AU12_agreement"], first["AU12_intensity"]) == (2, 1, 3)
        assert first["AU12_text"] == "The left corner is up."
        assert first["description"] == "The left mouth corner is drawn up."
        assert first["AU04"] < 0.2
        assert first["AU09"] is None, "nobody judged it"
        assert first["AU09_model"] == 0.5
        assert (settled["AU12"], settled["AU12_laid_down"], settled["AU01"]) == (0, True, None)
        assert (gold["gold"], gold["state"], gold["AU12"]) == (True, "gold", 1)
        assert (tmp_path / "out" / first["file_name"]).is_file()

    def test_an_answer_as_it_was_given(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "jsonl")
        row = lines(tmp_path / "out" / "answers.jsonl")[0]
        assert (row["AU12"], row["AU12_intensity"], row["AU12_side"]) == ("present", 3, "left")
        assert (row["AU04"], row["AU09"]) == ("absent", None)
        assert (row["seconds"], row["blind"], row["model_version"], row["chosen_by"]) == (
            7.5,
            False,
            "small-1",
            "priority",
        )
        assert row["annotator"].startswith("annotator-")
        assert row["guideline_version"] == 1

    def test_names_and_codes_are_only_in_the_private_file(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "jsonl")
        for name in ("faces.jsonl", "answers.jsonl"):
            text = (tmp_path / "out" / name).read_text()
            assert '"ann"' not in text
            assert "person-1" not in text
        assert '"ann"' in (tmp_path / "out" / "private" / "store.jsonl").read_text()

    def test_to_publish_only_who_agreed_and_nothing_private(self, crowd, tmp_path):
        report = write(crowd, tmp_path / "out", "jsonl", Consent.PUBLISH)
        assert (report.faces, report.answers) == (2, 2)
        assert not (tmp_path / "out" / "private").exists()
        assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 2


class TestImport:
    def test_the_same_store_comes_back(self, crowd, tmp_path, clock, count):
        before = state_now(crowd.store, OPERATOR)
        events = count("event")
        write(crowd, tmp_path / "out", "jsonl")
        copy = Store.open(f"sqlite:///{tmp_path / 'copy' / 'vlfau.db'}")
        counts = read_store(
            copy, OPERATOR, tmp_path / "out" / "private" / "store.jsonl", tmp_path / "out" / "images"
        )
        assert state_now(copy, OPERATOR) == before
        assert [bool(row["evidence"]) for row in before["prediction"].values()] == [False, True, True, True]
        assert counts["event"] == events
        assert set(copy.images.names()) == set(crowd.store.images.names())
        copy.close()

    @pytest.mark.parametrize("store", ["postgresql"], indirect=True)
    def test_after_an_import_work_goes_on(self, crowd, tmp_path):
        """On PostgreSQL the numbers of new rows must go on where those of the imported ones end."""
        before = state_now(crowd.store, OPERATOR)
        write(crowd, tmp_path / "out", "jsonl")
        with crowd.store._engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE"))
        read_store(
            crowd.store, OPERATOR, tmp_path / "out" / "private" / "store.jsonl", tmp_path / "out" / "images"
        )
        assert state_now(crowd.store, OPERATOR) == before
        assert crowd.add(9) == 5

    def test_a_store_in_use_is_not_overwritten(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "jsonl")
        with pytest.raises(Conflict, match="not empty"):
            read_store(
                crowd.store,
                OPERATOR,
                tmp_path / "out" / "private" / "store.jsonl",
                tmp_path / "out" / "images",
            )

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda text: "hello\n" + text, "Line 1 of"),
            (lambda text: text.replace('\n{"table": "item"', '\n{"table": "cake"'), "cake"),
            (
                lambda text: re.sub(r'(\n{"table": "answer".*)"present"', r'\1"maybe"', text),
                "(?i)constraint",
            ),
            (
                lambda text: text.replace(f'"vlfau_store": "{REVISION}"', '"vlfau_store": "0001"'),
                "another schema",
            ),
            (lambda text: text[:-30], "cannot be read"),
        ],
    )
    def test_a_damaged_file_leaves_nothing(self, crowd, tmp_path, damage, message):
        write(crowd, tmp_path / "out", "jsonl")
        path = tmp_path / "out" / "private" / "store.jsonl"
        path.write_text(damage(path.read_text()))
        copy = Store.open(f"sqlite:///{tmp_path / 'copy' / 'vlfau.db'}")
        with pytest.raises(StoreError, match=message):
            read_store(copy, OPERATOR, path, tmp_path / "out" / "images")
        assert state_now(copy, OPERATOR) == {}
        copy.close()

    def test_a_photo_that_was_swapped_is_refused(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "jsonl")
        first, second = sorted((tmp_path / "out" / "images").rglob("*.png"))[:2]
        first.write_bytes(second.read_bytes())
        copy = Store.open(f"sqlite:///{tmp_path / 'copy' / 'vlfau.db'}")
        with pytest.raises(StoreError, match="not what its name says"):
            read_store(
                copy, OPERATOR, tmp_path / "out" / "private" / "store.jsonl", tmp_path / "out" / "images"
            )
        copy.close()


class TestOtherFormats:
    def test_parquet_is_a_hugging_face_data_set(self, crowd, tmp_path):
        from datasets import load_dataset

        write(crowd, tmp_path / "out", "parquet")
        faces = load_dataset(str(tmp_path / "out"), "faces", split="train", cache_dir=str(tmp_path / "cache"))
        answers = load_dataset(
            str(tmp_path / "out"), "answers", split="train", cache_dir=str(tmp_path / "cache")
        )
        assert (len(faces), len(answers)) == (3, 4)
        import numpy as np

        assert (np.asarray(faces[0]["image"]) == photo(0)).all()
        assert faces[0]["AU12"] > 0.8
        assert faces[0]["AU09"] is None
        assert answers[0]["AU12"] == "present"

    def test_openface_columns(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "openface")
        with (tmp_path / "out" / "faces.csv").open() as file:
            first, settled, _ = csv.DictReader(file)
        assert (first["AU12_r"], first["AU12_c"], first["AU04_c"], first["AU09_c"]) == ("3.0", "1", "0", "")
        assert (settled["AU12_c"], settled["frame"], settled["success"]) == ("0", "2", "1")
        assert float(first["pose_Ry"]) == pytest.approx(-0.0873, abs=1e-4)

    def test_pyfeat_columns(self, crowd, tmp_path):
        write(crowd, tmp_path / "out", "pyfeat")
        with (tmp_path / "out" / "faces.csv").open() as file:
            first = next(csv.DictReader(file))
        assert float(first["AU12"]) > 0.8
        assert first["AU09"] == ""
        assert float(first["FaceRectWidth"]) == 36

    @pytest.mark.parametrize("form", ["parquet", "jsonl", "openface", "pyfeat"])
    def test_an_empty_project(self, lab, tmp_path, form):
        assert write(lab, tmp_path / "out", form).faces == 0

    def test_what_is_refused(self, crowd, tmp_path):
        with pytest.raises(StoreError, match="no such format"):
            write(crowd, tmp_path / "out", "xml")
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "file").touch()
        with pytest.raises(StoreError, match="not empty"):
            write(crowd, tmp_path / "full", "jsonl")
        with pytest.raises(NotAllowed):
            export(crowd.store, crowd.person("ann"), crowd.project, tmp_path / "out")
        assert not (tmp_path / "out").exists()
