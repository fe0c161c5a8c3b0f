"""The synthetic faces: geometry and chance on small numbers, and the real renderer where the shared data is at hand."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from finetune.datasets.protocol import BP4D, DISFA
from finetune.people import person_split
from finetune.synthetic import correspondence as mesh
from finetune.synthetic.actions import INDEX, STARTS_AT, intensities, intensity_of, movement, rig_weights
from finetune.synthetic.camera import Camera, rotation_matrix
from finetune.synthetic.complexion import MELANIN, recolour_skin
from finetune.synthetic.creases import Creases, crease_shade
from finetune.synthetic.expressions import COMBINATIONS, allowed, sample_intensities, tetrachoric
from finetune.synthetic.fitting import FitSettings, fit_landmarks
from finetune.synthetic.generate import GenerateSettings, _schedule, generate, population, usable_labels
from finetune.synthetic.persons import RIG_FILE, fit_persons, make_person, read_photos, skin_style
from finetune.synthetic.raster import fill_unknown, rasterise
from finetune.synthetic.render import Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.scenes import measured_intensity, only_on_far_side, sample_scene
from finetune.synthetic.shading import fit_light, light_basis
from finetune.synthetic.texture import stack
from vlfau.action_units import ACTION_UNITS, AU_NUMBERS
from vlfau.alignment import chip_transform, make_chip
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder
from vlfau.regions import region_prior

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("VLFAU_SHARED_DATA", ROOT.parent / "shared" / "data"))
needs_data = pytest.mark.skipif(
    not (DATA / RIG_FILE).exists(),
    reason="needs the face rig and photos: set VLFAU_SHARED_DATA to their folder",
)
SQUARE = torch.tensor([[[0.0, 0.0, 1.0], [8.0, 0.0, 1.0], [8.0, 8.0, 1.0], [0.0, 8.0, 1.0]]])
FACING = torch.tensor([[0, 2, 1], [0, 3, 2]])
"""Two triangles that cover the square and face the camera."""


# People


def test_a_dev_person_is_never_trained_on():
    assert person_split("sfhq_000", "dev") == "dev"


def test_tune_persons_are_divided_for_good():
    splits = [person_split(f"person_{number}", "tune") for number in range(400)]
    assert set(splits) == {"train", "val"}
    assert 0.18 < splits.count("val") / 400 < 0.32
    assert person_split("person_7", "tune") == splits[7]


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match="'test'"):
        person_split("sfhq_000", "test")


# Camera and raster


def test_rotation_about_the_upward_axis_turns_the_nose_to_the_persons_left():
    turned = rotation_matrix(torch.tensor([[0.0, torch.pi / 2, 0.0]])) @ torch.tensor([0.0, 0.0, 1.0])
    torch.testing.assert_close(turned[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_the_camera_flips_y_and_enlarges_what_is_near():
    camera = Camera(torch.zeros(1, 3), torch.tensor([[100.0, 50.0]]), torch.tensor([10.0]))
    pixels, _ = camera.project(torch.tensor([[[1.0, 1.0, 0.0], [1.0, 1.0, 75.0]]]))
    torch.testing.assert_close(pixels[0], torch.tensor([[110.0, 40.0], [120.0, 30.0]]))


def test_a_square_covers_each_of_its_pixels_once():
    seen = rasterise(SQUARE, FACING, 8, 8)
    assert seen.pixel.tolist() == list(range(64))
    torch.testing.assert_close(seen.weights.sum(1), torch.ones(64))


def test_interpolated_positions_are_the_pixel_centres():
    seen = rasterise(SQUARE, FACING, 8, 8)
    places = seen.interpolate(SQUARE[..., :2], FACING)
    expected = torch.stack([seen.pixel % 8 + 0.5, seen.pixel // 8 + 0.5], -1)
    torch.testing.assert_close(places, expected, atol=1e-5, rtol=0)


def test_the_nearer_surface_wins_whatever_the_order():
    points = torch.cat([SQUARE, SQUARE + torch.tensor([0.0, 0.0, 2.0])], 1)
    for triangles in (torch.cat([FACING, FACING + 4]), torch.cat([FACING + 4, FACING])):
        seen = rasterise(points, triangles, 8, 8)
        assert len(seen.pixel) == 64
        assert (triangles[seen.triangle] >= 4).all()


def test_surfaces_seen_from_behind_are_left_out():
    assert len(rasterise(SQUARE, FACING.flip(1), 8, 8).pixel) == 0


def test_a_vertex_sent_outside_takes_its_triangles_along():
    points = SQUARE.clone()
    points[0, 1] = 1e6
    assert set(rasterise(points, FACING, 8, 8).triangle.tolist()) == {1}


def test_a_square_partly_outside_the_picture_is_cut_off():
    seen = rasterise(SQUARE - torch.tensor([4.0, 4.0, 0.0]), FACING, 8, 8)
    assert seen.pixel.tolist() == [row * 8 + column for row in range(4) for column in range(4)]


def test_unknown_places_take_the_values_around_them():
    known = torch.zeros(1, 1, 16, 16)
    known[..., :8] = 1
    filled = fill_unknown(torch.full((1, 1, 16, 16), 3.0) * known, known)
    torch.testing.assert_close(filled, torch.full((1, 1, 16, 16), 3.0))


# Light and creases


def test_light_is_found_again_from_the_brightness_it_causes():
    normals = torch.nn.functional.normalize(
        torch.randn(4000, 3, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    light = torch.tensor([0.6, 0.1, 0.2, -0.1, 0, 0, 0, 0, 0])
    found = fit_light(normals, light_basis(normals) @ light, torch.ones(4000))
    assert (light_basis(normals) @ (found - light)).abs().max() < 0.05


def test_a_face_at_rest_has_no_creases_and_a_frown_has_some():
    style = np.full((2, 12), 0.8)
    intensity = np.stack([intensities({}), intensities({4: 5})])
    creases = Creases.sample(np.random.default_rng(0), style, intensity, torch.device("cpu"))
    place = torch.tensor([[0.68, 5.6], [0.68, 5.6]])
    shade = crease_shade(place, torch.tensor([0, 1]), creases)
    assert shade[0].abs().max() == 0
    assert shade[1].min() > 0.05


def test_slight_movements_fold_the_skin_already():
    style = np.full((2, 12), 0.5)
    intensity = np.stack([intensities({14: 2}), intensities({14: 5})])
    creases = Creases.sample(np.random.default_rng(0), style, intensity, torch.device("cpu"))
    slight, full = creases.amplitude[:, 0, INDEX[14]].tolist()
    assert slight > 0.25
    assert full > slight


def test_melanin_darkens_skin_and_not_the_wall_or_the_eyes():
    skin = torch.tensor([[0.7, 0.5, 0.4]])
    pixels = torch.tensor([[0.7, 0.5, 0.4], [0.35, 0.25, 0.2], [0.3, 0.5, 0.7], [0.9, 0.9, 0.9]])
    nothing = torch.tensor([], dtype=torch.long)
    tone = -0.5 * torch.tensor([MELANIN])
    changed = recolour_skin(pixels, skin, tone, nothing, torch.tensor([3]))
    assert (changed[:2] / pixels[:2]).max() < 0.9
    torch.testing.assert_close(changed[2:], pixels[2:], atol=0.02, rtol=0)


def test_creases_differ_between_persons_and_stay_with_a_person():
    first, again, other = skin_style("a", 1, 12), skin_style("a", 1, 12), skin_style("b", 1, 12)
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.2


# Action units


def test_letters_stand_for_the_stated_parts_of_the_movement():
    assert movement(np.array([0.0, 1, 2, 3, 4, 5])).tolist() == pytest.approx(
        [0, 0.18, 0.38, 0.58, 0.80, 1.0]
    )
    assert intensity_of(movement(np.array([2.5, 4.2]))).tolist() == pytest.approx([2.5, 4.2], abs=1e-5)


def test_faces_are_drawn_as_the_mixture_says():
    drawn = sample_intensities(np.random.default_rng(0), 3000)
    present = drawn.max(1) > 0
    assert 0.24 < (~present.any(1)).mean() < 0.31
    assert present.mean(0).min() > 0.02
    assert drawn[drawn > 0].min() < 0.6
    assert drawn.max() <= 5


def test_cheeks_and_smiles_come_apart():
    present = sample_intensities(np.random.default_rng(1), 3000).max(1) > 0
    cheek, smile = present[:, INDEX[6]], present[:, INDEX[12]]
    for share in ((cheek & smile), (cheek & ~smile), (~cheek & smile)):
        assert share.mean() > 0.02


def test_opposed_units_never_meet_and_the_midline_is_even():
    drawn = sample_intensities(np.random.default_rng(2), 3000)
    for face in drawn.max(1) > 0:
        assert allowed({number for number, present in zip(AU_NUMBERS, face, strict=True) if present})
    middle = [index for index, unit in enumerate(ACTION_UNITS) if not unit.has_sides]
    assert np.array_equal(drawn[:, 0, middle], drawn[:, 1, middle])
    assert (drawn[:, 0] != drawn[:, 1]).any()


@pytest.mark.parametrize("protocol", [DISFA, BP4D], ids=lambda protocol: protocol.name)
def test_a_population_has_the_rates_of_a_dataset_and_its_pairs(protocol):
    drawn = sample_intensities(np.random.default_rng(3), 8000, population(protocol)).max(1)
    for face in drawn > 0:
        assert allowed({number for number, shown in zip(AU_NUMBERS, face, strict=True) if shown})
    present = np.round(drawn[:, [INDEX[unit] for unit in protocol.units]]) >= protocol.active_from
    rates = np.array(protocol.base_rates)
    assert np.abs(present.mean(0) - rates).max() < 0.035
    assert (present.mean(0) / rates).min() > 0.85
    correlations = np.corrcoef(present.T.astype(float))
    for (one, two), phi in protocol.together.items():
        found = correlations[protocol.units.index(one), protocol.units.index(two)]
        assert found == pytest.approx(phi, abs=0.06)


def test_two_normal_variables_have_the_phi_that_was_asked_for():
    correlation = tetrachoric(0.5, 0.1, 0.3)
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], 200_000)
    below = drawn < np.quantile(drawn, [0.1, 0.3], axis=0).diagonal()
    assert np.corrcoef(below.T.astype(float))[0, 1] == pytest.approx(0.5, abs=0.01)


def test_every_listed_combination_is_possible():
    assert [units for units in COMBINATIONS if not allowed(set(units))] == []


def test_parted_lips_are_labelled_from_the_gap():
    asked = np.stack([intensities({25: 5, 24: 2}), intensities({27: 5}), intensities({12: 3})])
    label = measured_intensity(asked, np.array([0.0, 1.4, 0.02]))
    assert label[:, 0, INDEX[25]].tolist() == [0.0, 5.0, 0.0]
    assert label[2, 0, INDEX[12]] == 3.0


def test_a_movement_on_the_far_side_alone_is_not_labelled():
    label = intensities({"12L": 3, "14R": 3, 4: 2})
    hidden = only_on_far_side(label, yaw_rad=0.45)
    assert [number for number, far in zip(AU_NUMBERS, hidden, strict=True) if far] == [12]
    assert not only_on_far_side(label, yaw_rad=0.2).any()


def test_what_the_photo_may_have_shown_cannot_count_as_absent():
    codes = np.zeros(22, np.float32)
    codes[[INDEX[12], INDEX[4], INDEX[25]]] = [2.0, np.nan, 3.0]
    visible = usable_labels(intensities({}), codes)
    assert [number for number, shown in zip(AU_NUMBERS, visible, strict=True) if not shown] == [4, 12]
    assert usable_labels(intensities({12: 3, 4: 2}), codes).all()


def test_every_person_is_shown_equally_often():
    settings = GenerateSettings(Path(), Path(), count=35, split="train", seed=1)
    shown = np.bincount(_schedule(settings, 10))
    assert sorted(shown.tolist()) == [3] * 5 + [4] * 5
    some = np.bincount(_schedule(replace(settings, persons=7), 10))
    assert some.tolist() == [5] * 7


def test_a_folder_belongs_to_one_population_of_faces():
    settings = GenerateSettings(Path(), Path(), count=35, split="train", seed=1)
    like = replace(settings, like="bp4d", persons=7)
    assert {"like", "persons"} & settings.recipe.keys() == set()  # folders of before go on
    assert like.recipe == settings.recipe | {"like": "bp4d", "persons": 7}


# The rig


def test_the_correspondence_is_symmetrical():
    table = mesh.Correspondence.load()
    assert (table.mirror[table.mirror] == np.arange(478)).mean() > 0.98
    assert np.allclose(table.weights.sum(1), 1, atol=1e-5)


@pytest.fixture(scope="module")
def rig():
    return Rig.load(DATA / RIG_FILE)


@pytest.fixture(scope="module")
def person(rig):
    photo = next(photo for photo in read_photos(DATA, "train") if photo.neutral and "sfhq" in photo.file)
    fitted = fit_persons(rig, DATA, [photo], MediaPipeFinder())
    return make_person(rig, DATA, fitted, 0).for_scale(40)


def test_a_missing_rig_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.npz"):
        Rig.load(tmp_path / "none.npz")


@needs_data
def test_each_unit_moves_the_face_and_its_own_side_most(rig):
    for unit in ACTION_UNITS:
        left = rig_weights(rig, intensities({f"{unit.number}L": 5})[None])
        moved = rig.landmarks((left[0] @ rig.expression.flatten(1)).view(-1, 3))[:468].norm(dim=-1)
        assert moved.max() > 0.1, unit.number
        if unit.has_sides:
            place = rig.landmarks(rig.neutral)[:468, 0]
            assert moved[place > 0.5].sum() > 1.8 * moved[place < -0.5].sum(), unit.number


@needs_data
def test_a_stretched_mouth_goes_on_where_a_dropped_jaw_ends(rig):
    gaps = [
        float(rig_weights(rig, intensities(units)[None])[0] @ rig.lip_gap)
        for units in ({26: 1}, {26: 5}, {27: 1}, {27: 5})
    ]
    assert gaps == sorted(gaps)
    assert STARTS_AT[27] > 0


@needs_data
def test_nose_wrinkles_leave_the_lips_closed(rig):
    for number in (4, 6, 7, 9, 12, 14, 23, 24):
        assert float(rig_weights(rig, intensities({number: 5})[None])[0] @ rig.lip_gap) < 0.08, number


@needs_data
def test_a_fit_finds_pose_and_expression_again(rig):
    camera = Camera(torch.tensor([[0.1, -0.2, 0.05]]), torch.tensor([[300.0, 280.0]]), torch.tensor([20.0]))
    smile = rig_weights(rig, intensities({12: 4})[None])
    points = rig.neutral + (smile @ rig.expression.flatten(1)).view(1, -1, 3)
    found = fit_landmarks(rig, rig.landmarks(camera.project(points)[0]), FitSettings(iterations=250))
    assert float(found.error) < 0.01
    assert (found.camera.rotation - camera.rotation).abs().max() < 0.06
    assert found.expression[0, rig.shape_index("mouthSmile_L")] > 0.4


@needs_data
def test_persons_of_the_splits_do_not_mix():
    splits = {name: {photo.person for photo in read_photos(DATA, name)} for name in ("train", "val", "dev")}
    assert not splits["train"] & splits["val"]
    assert not splits["train"] & splits["dev"]
    assert len(splits["train"]) > 150


@needs_data
def test_a_face_at_rest_is_rendered_as_the_photo_shows_it(rig, person):
    plain = Scene.plain(torch.zeros(1, len(rig.expression_names)))
    picture = render(rig, stack([person]), plain, 160)
    photo = person.photo[:, 58:-58, 58:-58] if person.photo.shape[-1] == 640 else person.photo
    inner = picture.image[0, :, 40:120, 40:120].mean()
    assert abs(float(inner) - float(photo[:, photo.shape[1] // 3 : -photo.shape[1] // 3].mean())) < 0.15
    assert picture.lip_gap_cm.item() == 0


@needs_data
def test_rendering_shows_what_was_asked_for(rig, person):
    asked = np.stack([intensities({}), intensities({12: 5}), intensities({26: 5}), intensities({43: 5})])
    drawn = render(rig, stack([person] * 4), Scene.plain(rig_weights(rig, asked)), 160)
    rest, smile, jaw, shut = drawn.landmarks_px
    assert smile[61, 1] < rest[61, 1] - 1
    assert smile[291, 0] > rest[291, 0] + 1
    assert jaw[152, 1] > rest[152, 1] + 1
    assert abs(shut[145, 1] - shut[159, 1]) < 0.3 * (rest[145, 1] - rest[159, 1])
    assert (drawn.image[2] - drawn.image[0]).abs().max() > 0.2


@needs_data
def test_a_lamp_from_the_left_darkens_the_right_cheek_and_eye(rig, person):
    plain = Scene.plain(torch.zeros(1, len(rig.expression_names)))
    lit = replace(plain, spot=torch.tensor([[0.55, 0.0, 0.15]]))
    before, after = (render(rig, stack([person]), scene, 160) for scene in (plain, lit))
    change = (after.image / before.image.clamp_min(0.02))[0].mean(0)

    def at(landmark):
        x, y = before.landmarks_px[0, landmark].round().long().tolist()
        return float(change[y - 1 : y + 2, x - 1 : x + 2].mean())

    assert at(50) < 0.85 < at(280)
    assert at(468) < at(473)
    assert float(change[:4, :4].mean()) == pytest.approx(1, abs=0.02)


@needs_data
def test_slight_units_can_be_seen_where_they_belong(rig, person):
    numbers = [unit.number for unit in ACTION_UNITS if unit.number not in (25, 26, 27)]
    asked = np.stack([intensities({}), *(intensities({number: 2}) for number in numbers)])
    style = np.full((len(asked), 12), 0.5)
    creases = Creases.sample(np.random.default_rng(0), style, asked, rig.device)
    scene = replace(Scene.plain(rig_weights(rig, asked)), creases=creases)
    drawn = render(rig, stack([person] * len(asked)), scene, 224)
    rest, *moved = (
        make_chip(drawn.picture(row), chip_transform(drawn.landmarks_px[0].numpy(), 36), 36)
        for row in range(len(asked))
    )
    regions = region_prior(tuple(numbers), 36).numpy()
    for number, region, chip in zip(numbers, regions, moved, strict=True):
        change = np.abs(chip.astype(float) - rest).mean(2)
        assert (change * region).sum() / region.sum() > 1.2, number


@needs_data
def test_the_same_seed_draws_the_same_picture(rig, person):
    def draw(seed):
        rng = np.random.default_rng(seed)
        style = skin_style("someone", 0, 12)[None]
        scene = sample_scene(rng, rig, np.zeros((1, 3)), intensities({6: 3, 12: 4})[None], style)
        return render(rig, stack([person]), scene, 96).image

    assert torch.equal(draw(5), draw(5))
    assert not torch.equal(draw(5), draw(6))


@needs_data
def test_a_picture_does_not_depend_on_its_batch(rig, person):
    weights = rig_weights(rig, np.stack([intensities({12: 4}), intensities({1: 4})]))
    both = render(rig, stack([person] * 2), Scene.plain(weights), 96).image
    alone = render(rig, stack([person]), Scene.plain(weights[1:]), 96).image
    assert (both[1] - alone[0]).abs().mean() < 1e-4


@needs_data
@pytest.mark.slow
def test_generation_is_complete_repeatable_and_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("finetune.synthetic.generate.SHARD", 4)
    monkeypatch.setattr(
        "finetune.synthetic.generate.read_photos", lambda data, split: read_photos(data, split)[:3]
    )
    runs = [GenerateSettings(DATA, tmp_path / name, count=6, split="val", seed=2) for name in ("a", "b")]
    assert [generate(run) for run in runs] == [6, 6]
    names = {"chips.npy", "landmarks.npy", "intensity.npy", "visible.npy", "person.npy"}
    for shard in ("shard-00000", "shard-00001"):
        assert {path.name for path in (tmp_path / "a" / shard).iterdir()} == names
        for name in names:
            first, second = (np.load(run.out / shard / name, mmap_mode="r") for run in runs)
            assert np.array_equal(first, second), name
    chips = np.load(tmp_path / "a" / "shard-00000" / "chips.npy")
    assert chips.shape == (4, 144, 144, 3)
    assert json.loads((tmp_path / "a" / "meta.json").read_text())["counts"]["persons"] == 3

    untouched = (tmp_path / "a" / "shard-00000" / "chips.npy").stat().st_mtime_ns
    (tmp_path / "a" / "shard-00001" / "chips.npy").unlink()
    for path in (tmp_path / "a" / "shard-00001").iterdir():
        path.unlink()
    (tmp_path / "a" / "shard-00001").rmdir()
    assert generate(runs[0]) == 6
    assert (tmp_path / "a" / "shard-00000" / "chips.npy").stat().st_mtime_ns == untouched
    with pytest.raises(DataError, match="another recipe"):
        generate(GenerateSettings(DATA, tmp_path / "a", count=6, split="val", seed=3))
