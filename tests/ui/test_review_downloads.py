"""Tests of what can be taken out over plain HTTP: by whom, in which form, and that nothing stays behind."""

import io
import json
import zipfile

import pytest

from db.annotators import block
from db.errors import StoreError
from db.roles import OPERATOR
from tests.db.laboratory import marks
from ui import review_downloads

PARTS = ("agreement.json", "agreement-units.csv", "agreement-annotators.csv")


@pytest.fixture
def answered(house):
    house.disputed(ann=marks(AU12="present"), bo=marks(AU12="absent"))
    return house


def export(client, project=1, **fields):
    return client.post("/review/export", data={"project": project, "format": "jsonl"} | fields)


def left_behind(house):
    """What lies beside the database and is neither it nor the photos."""
    known = ("vlfau.db", "images", "session.key", "hidden")
    return [path.name for path in house.store.folder.iterdir() if not path.name.startswith(known)]


class TestWhoMay:
    def test_the_data_is_for_admins_and_the_report_for_reviewers(self, answered):
        for name, data, report in (
            ("nobody", 401, 401),
            ("ann", 403, 403),
            ("rev", 403, 200),
            ("admin", 200, 200),
        ):
            client = answered.client(name)
            answer = export(client)
            assert (name, answer.status_code) == (name, data)
            assert data == 200 or answer.json().keys() == {"message"}
            found = {client.get(f"/review/{part}?project=1").status_code for part in PARTS}
            assert (name, found) == (name, {report})
        assert left_behind(answered) == []

    def test_a_blocked_admin_is_nobody(self, answered):
        client = answered.client("admin")
        block(answered.store, OPERATOR, "admin")
        assert export(client).status_code == 401

    def test_a_form_of_another_site_is_nobodys(self, answered):
        client = answered.client("admin")
        answer = client.post(
            "/review/export", data={"project": 1}, headers={"Origin": "https://elsewhere.example"}
        )
        assert answer.status_code == 401

    def test_an_export_is_not_a_link(self, answered):
        assert answered.client("admin").get("/review/export?project=1").status_code == 405


class TestExport:
    def test_everything_is_in_the_file_and_nothing_stays(self, answered):
        answer = export(answered.client("admin"))
        assert answer.headers["content-disposition"] == 'attachment; filename="vl-fau-1-jsonl.zip"'
        assert answer.headers["cache-control"] == "no-store"
        assert int(answer.headers["content-length"]) == len(answer.content)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            names = archive.namelist()
            (face,) = archive.read("vl-fau/faces.jsonl").decode().splitlines()
        assert "vl-fau/private/store.jsonl" in names
        assert f"vl-fau/{json.loads(face)['sha256'][:2]}" in " ".join(names).replace(
            "vl-fau/images", "vl-fau"
        )
        assert left_behind(answered) == []

    def test_for_handing_on_nothing_private_is_in_it(self, answered):
        answer = export(answered.client("admin"), scope="publish")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert not [name for name in archive.namelist() if "private" in name]

    def test_the_other_formats(self, answered):
        client = answered.client("admin")
        for form, suffix in (("parquet", "parquet"), ("openface", "csv"), ("pyfeat", "csv")):
            with zipfile.ZipFile(io.BytesIO(export(client, format=form).content)) as archive:
                assert f"vl-fau/faces.{suffix}" in archive.namelist()

    def test_the_store_remembers_that_it_was_made(self, answered):
        export(answered.client("admin"))
        with answered.store._engine.connect() as connection:
            made = connection.exec_driver_sql("SELECT format, scope, faces FROM export").fetchall()
        assert made == [("jsonl", "annotate", 1)]

    def test_what_cannot_be_exported(self, answered):
        client = answered.client("admin")
        for fields, status in (
            ({"project": 99}, 404),
            ({"project": "1 OR 1=1"}, 404),
            ({"project": "9" * 40}, 404),
            ({"format": "exe"}, 400),
            ({"format": "../../etc"}, 400),
            ({"scope": "everything"}, 400),
            ({"format": "x" * 2000}, 400),
        ):
            answer = export(client, **fields)
            assert (fields, answer.status_code, answer.json().keys()) == (fields, status, {"message"})
        assert left_behind(answered) == []

    def test_a_fault_on_the_way_leaves_nothing(self, answered, monkeypatch):
        def breaks(*_):
            raise StoreError("The disk does not take it. It is full. Make room.")

        monkeypatch.setattr(review_downloads.zipfile.ZipFile, "write", breaks)
        assert export(answered.client("admin")).status_code == 400
        assert left_behind(answered) == []

    def test_who_hangs_up_leaves_nothing(self, answered):
        packed = review_downloads._packed(answered.store, OPERATOR, 1, "jsonl", "annotate")
        parts = review_downloads._parts(packed)
        assert next(parts).startswith(b"PK")
        parts.close()
        assert packed.closed
        assert left_behind(answered) == []


class TestReport:
    def test_the_files_are_what_they_say(self, answered):
        client = answered.client("rev")
        whole, units, people = (client.get(f"/review/{part}?project=1") for part in PARTS)
        assert whole.json()["faces"] == 1
        assert units.text.startswith("name,number,items,prevalence")
        assert units.headers["content-type"].startswith("text/csv")
        assert people.headers["content-disposition"] == 'attachment; filename="agreement-annotators.csv"'

    def test_of_no_project_there_is_none(self, answered):
        client = answered.client("rev")
        for project in ("", "?project=99", "?project=x", "?project=-1"):
            assert client.get(f"/review/agreement.json{project}").status_code == 404
