"""Copies of a photo are found, other faces are not, and who shares one is in one group."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from finetune.near_duplicates import joined_groups, perceptual_hash, similar_pairs


def face(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return cv2.resize(small, (144, 144), interpolation=cv2.INTER_CUBIC)


def saved_again(chip: np.ndarray) -> np.ndarray:
    """Half the size, JPEG 50, a little turned, darker, and back."""
    buffer = io.BytesIO()
    Image.fromarray(cv2.resize(chip, (72, 72), interpolation=cv2.INTER_AREA)).save(buffer, "jpeg", quality=50)
    turn = cv2.getRotationMatrix2D((72, 72), 0.5, 1.0)
    back = cv2.resize(np.array(Image.open(buffer)), (144, 144))
    return (cv2.warpAffine(back, turn, (144, 144), borderMode=cv2.BORDER_REPLICATE) * 0.85).astype(np.uint8)


def test_a_copy_is_found_and_others_are_not():
    chips = [face(seed) for seed in range(20)]
    hashes = np.stack([perceptual_hash(chip) for chip in [*chips, saved_again(chips[3]), chips[7]]])
    assert sorted(similar_pairs(hashes)) == [(3, 20), (7, 21)]


def test_blocks_do_not_lose_pairs(monkeypatch):
    hashes = np.stack([perceptual_hash(face(seed % 5)) for seed in range(15)])
    whole = similar_pairs(hashes)
    monkeypatch.setattr("finetune.near_duplicates._AT_ONCE", 4)
    assert similar_pairs(hashes) == whole
    assert len(whole) == 15


@pytest.mark.parametrize(
    ("pairs", "groups"),
    [
        ([], ["a", "b", "a", "c", "d"]),
        ([(1, 2)], ["a", "a", "a", "c", "d"]),
        ([(0, 3), (3, 4)], ["a", "b", "a", "a", "a"]),
    ],
)
def test_people_and_pairs_make_groups(pairs, groups):
    assert joined_groups(["a", "b", "a", "c", "d"], pairs).tolist() == groups
