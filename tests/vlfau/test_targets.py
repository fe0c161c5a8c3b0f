"""Where results go follows from the options, and what does not go together is refused before anything starts."""

import os
from pathlib import Path

import pytest

from vlfau.errors import OutputError
from vlfau.sharding import Worker
from vlfau.targets import Target


@pytest.mark.parametrize(
    ("out", "form", "expected"),
    [
        (None, None, Target("jsonl")),
        (None, "openface", Target("openface")),
        ("a.csv", None, Target("csv", Path("a.csv"), Path("a.csv.parts"))),
        ("a.CSV", "pyfeat", Target("pyfeat", Path("a.CSV"), Path("a.CSV.parts"))),
        ("a.parquet", None, Target("parquet", Path("a.parquet"), Path("a.parquet.parts"))),
        ("a", None, Target("jsonl", Path("a"), Path("a.parts"))),
        ("new/", None, Target("parquet", folder=Path("new"))),
        (os.devnull, None, Target("jsonl", Path(os.devnull))),
    ],
)
def test_target_of_one_process(out, form, expected):
    assert Target.of(out, form) == expected


def test_a_folder_that_is_there_gets_part_files(tmp_path):
    assert Target.of(str(tmp_path)) == Target("parquet", folder=tmp_path)
    assert Target.of(str(tmp_path), worker=Worker(1, 2)) == Target("parquet", folder=tmp_path)


@pytest.mark.parametrize(
    ("out", "options", "message"),
    [
        ("a.csv", {"worker": Worker(0, 2)}, "There are 2 of them and --out is 'a.csv'"),
        (None, {"worker": Worker(0, 2)}, "There are 2 of them and --out is None"),
        ("new/", {"form": "csv"}, "--format is csv"),
        ("no/such/a.csv", {}, "The folder 'no/such' of --out is not there"),
        (None, {"resume": True}, "--resume needs a file"),
        (os.devnull, {"resume": True}, "--resume needs a file"),
        (None, {"form": "parquet"}, "--format parquet needs a file"),
    ],
)
def test_what_does_not_go_together_is_refused(out, options, message):
    with pytest.raises(OutputError, match=message):
        Target.of(out, **options)
