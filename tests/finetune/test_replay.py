"""The replay pack: who may be in it, how it is balanced, and that it comes out as it went in."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finetune.faces import LabelledFaces
from finetune.replay import balanced_order, load_replay, pack, save_replay, strata, synthetic_persons
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

UNITS = len(AU_NUMBERS)
SPLIT_OF = {"sfhq_1": "train", "sfhq_2": "train", "sfhq_3": "test"}


def some_faces(count: int = 60) -> LabelledFaces:
    """Renders of synthetic persons and of one real person; each shows one unit or nothing."""
    rng = np.random.default_rng(0)
    intensity = np.zeros((count, 2, UNITS), np.float32)
    intensity[np.arange(count), :, rng.integers(0, 3, count)] = rng.integers(1, 6, (count, 1))
    intensity[::4] = 0
    intensity[1, 1, 5] = np.nan
    smooth = np.linspace(0, 200, 48).astype(np.uint8)[None, None, :, None]
    chips = smooth + rng.integers(0, 50, (count, 1, 1, 3), dtype=np.uint8) + np.zeros((1, 48, 1, 1), np.uint8)
    people = np.array(["sfhq_1", "sfhq_2", "sfhq_3", "london_1"])[np.arange(count) % 4]
    return LabelledFaces(chips, rng.random((count, 478, 3)).astype(np.float32), intensity, np.roll(people, 1))


def test_only_synthetic_persons_with_a_free_licence_may_be_in_it(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    rows = ["a.jpg,sfhq_1,MIT", "b.jpg,london_1,CC BY 4.0", "c.jpg,sfhq_2,CC BY 4.0", "d.jpg,london_2,MIT"]
    (folder / "faces.csv").write_text("\n".join(["file,person,licence", *rows]))
    (folder / "codes.csv").write_text("file,split\na.jpg,dev\nb.jpg,dev\nc.jpg,dev\nd.jpg,dev\n")
    assert synthetic_persons(tmp_path) == {"sfhq_1": "test"}


def test_a_face_without_movement_is_neutral_unless_too_little_is_known():
    peak = np.zeros((4, 3))
    peak[1] = [2.6, 0.2, 0]
    peak[2, 0] = 0.45  # neither shown nor absent
    peak[3] = np.nan
    assert strata(peak) == [[(-1, 0)], [(0, 3)], [], [(-1, 0)]]


def test_every_beginning_of_the_order_is_balanced():
    faces = some_faces(400)
    order = balanced_order(faces.peak, faces.person)
    assert len(set(order)) == len(order) == 400
    first = faces.peak[order[:100]]
    levels = [int((first[:, unit] == level).sum()) for unit in range(3) for level in range(1, 6)]
    assert max(levels) - min(levels) <= 2
    assert 13 <= (first.max(axis=1) == 0).sum() <= 17
    counts = np.unique(faces.person[order[:100]], return_counts=True)[1]
    assert counts.max() < 2 * counts.min()
    assert order == balanced_order(faces.peak, faces.person)
    assert order != balanced_order(faces.peak, faces.person, seed=1)


def test_a_pack_comes_out_as_it_went_in(tmp_path):
    faces = some_faces()
    packed = pack([faces, faces.subset(np.arange(9))], SPLIT_OF, 1_000_000)
    save_replay(tmp_path / "replay.parquet", packed)
    found = load_replay(tmp_path / "replay.parquet")
    assert set(found.person.tolist()) == set(SPLIT_OF)
    assert all(SPLIT_OF[p] == s for p, s in zip(found.person, found.groups["split"], strict=True))
    np.testing.assert_allclose(found.intensity, [face.intensity for face in packed])
    assert np.isnan(found.intensity).any()
    np.testing.assert_array_equal(found.landmarks, [face.landmarks for face in packed])
    original = {faces.landmarks[row].astype(np.float16).tobytes(): faces.chips[row] for row in range(60)}
    expected = original[found.landmarks[0].astype(np.float16).tobytes()]
    assert np.abs(found.chips[0].astype(int) - expected).mean() < 4
    assert len(load_replay(tmp_path / "replay.parquet", "test")) < len(found)
    assert b"SFHQ" in pq.read_schema(tmp_path / "replay.parquet").metadata[b"attribution"]


def test_the_pack_keeps_within_its_size(tmp_path):
    save_replay(tmp_path / "replay.parquet", pack([some_faces(200)], SPLIT_OF, 200_000))
    assert 100_000 < (tmp_path / "replay.parquet").stat().st_size < 200_000


def test_a_pack_without_test_persons_is_refused():
    with pytest.raises(DataError, match="no test persons"):
        pack([some_faces()], {"sfhq_1": "train"})


def test_a_file_that_is_no_pack_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        load_replay(tmp_path / "missing.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        load_replay(tmp_path / "other.parquet")


def test_reading_needs_no_torch():
    code = "import sys, finetune.replay; sys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0
