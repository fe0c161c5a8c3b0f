"""A person ready to be rendered: a photo, the fitted face in it, and what the photo does not show.

There is no texture atlas. Every vertex knows its place in the photo (`photo_px`); the renderer samples the photo
there. What the photo hides (inner lips, folds of the lids, the eyeball behind the lids) gets a colour per vertex.
Letters: V vertices, S skin vertices. The photo is cut to a square of `CROP_PX` whose side is 5 eye distances.
"""

import os
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree
from torch import Tensor

from finetune.synthetic import correspondence as mesh
from finetune.synthetic.camera import Camera, rotation_matrix
from finetune.synthetic.fitting import Fit
from finetune.synthetic.raster import fill_unknown, rasterise
from finetune.synthetic.rig import Rig
from finetune.synthetic.shading import LUMINANCE, concavity, fit_light, skin_normals

CROP_PX = 640
CROP_EYE_DISTANCES = 5.0
EYEBALL_BEHIND_CM = 0.06
"""Eyeballs are moved back by this much in the depth test only, so that lids of any fit stay in front."""
OPEN_LIPS_CM = 0.12
"""A fitted lip gap above this means that the photo shows the inside of the mouth."""
_MAX_CORRECTION_CM = 0.45


@dataclass(frozen=True)
class Person:
    """Tensors of one person (or stacked with a leading B). Pixels are those of the cut photo, lengths are cm.

    photo (3, H, W) RGB 0-1, neutral (V, 3) face without expression, photo_px (V, 2), shown (V,) how far the photo is
    trusted 0-1, lip_line (V,) 1 near the slit between the lips, colour (V, 3) RGB where the photo is not trusted,
    light (9,), photo_normals (S, 3), photo_concavity (S,), rotation (3,), translation (2,), scale (), hidden (V,) 1 for
    vertices turned away, centre (2,), eye_distance (), lip_depth (), tooth_brightness (), mouth_was_open () 0 or 1,
    lip_shadow (3,) RGB of the slit between lips that touch.
    """

    photo: Tensor
    neutral: Tensor
    photo_px: Tensor
    shown: Tensor
    lip_line: Tensor
    colour: Tensor
    light: Tensor
    photo_normals: Tensor
    photo_concavity: Tensor
    rotation: Tensor
    translation: Tensor
    scale: Tensor
    hidden: Tensor
    centre: Tensor
    eye_distance: Tensor
    lip_depth: Tensor
    tooth_brightness: Tensor
    mouth_was_open: Tensor
    lip_shadow: Tensor

    @property
    def camera(self) -> Camera:
        """The camera of the photo (a stacked person only)."""
        return Camera(self.rotation, self.translation, self.scale)

    def save(self, path: Path) -> None:
        """Write to an npz; the photo as uint8, the rest as float32. The file appears only when it is complete."""
        arrays = {name: value.cpu().numpy() for name, value in asdict(self).items()}
        arrays["photo"] = np.round(arrays["photo"] * 255).astype(np.uint8)
        partial = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
        np.savez(partial, **arrays)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path, device: torch.device | str = "cpu") -> "Person":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            values = {field.name: torch.from_numpy(arrays[field.name]) for field in fields(cls)}
        values["photo"] = values["photo"].float() / 255
        return cls(**{name: value.to(device) for name, value in values.items()})

    def for_scale(self, pixels_per_eye_distance: float) -> "Person":
        """The same person with the photo halved while it is more than 1.6 times finer than needed (no aliasing)."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        while (
            CROP_PX / CROP_EYE_DISTANCES * values["photo"].shape[-1] / CROP_PX > 1.6 * pixels_per_eye_distance
        ):
            values["photo"] = F.avg_pool2d(values["photo"][None], 2)[0]
        return Person(**values)


def stack(persons: list[Person]) -> Person:
    """Persons of the same photo size -> one Person whose tensors have a leading batch dimension."""
    return Person(
        **{field.name: torch.stack([getattr(p, field.name) for p in persons]) for field in fields(Person)}
    )


def build_person(
    rig: Rig, image: NDArray[np.uint8], landmarks_px: NDArray[np.float32], fit: Fit, resting: Tensor
) -> Person:
    """Make a person from a photo (H, W, 3) RGB, its landmarks (478, >=2) px and their fit (a batch of one).

    `resting` (K,) is the expression that stays on the neutral face; the rest of the fitted one is removed.
    """
    crop, zoom, corner = _crop(image, landmarks_px, float(fit.eye_distance_px[0]))
    landmarks = (landmarks_px[:, :2] - corner) * zoom
    offset = torch.tensor(corner[None], dtype=torch.float32)
    camera = fit.camera.cropped(offset, torch.tensor([zoom], dtype=torch.float32))
    in_photo, neutral = _geometry(rig, fit, resting)
    photo_px, turned = camera.project(in_photo[None])
    photo = torch.from_numpy(crop.astype(np.float32) / 255).permute(2, 0, 1)
    normals = skin_normals(rig, turned)
    shown, hidden = _visibility(rig, photo_px, turned, normals[0])
    colour = _sample(photo, photo_px[0])
    lip_line = _lip_line(rig, photo_px[0].numpy(), landmarks, float(camera.scale[0]))
    _diffuse_skin(rig, colour, shown, lip_line)
    _fill_eyes(rig, colour, shown, photo_px[0].numpy(), turned[0], landmarks, float(camera.scale[0]))
    luminance = colour @ torch.tensor(LUMINANCE)
    height = in_photo[rig.skin, 1]
    lit = (shown[rig.skin] > 0.9) & (height < 8.5) & (height > -8)
    eyes = landmarks[[33, 133, 362, 263]].mean(0)
    gap = float(fit.expression[0] @ rig.lip_gap)
    return Person(
        photo=photo,
        neutral=neutral,
        photo_px=photo_px[0],
        shown=shown,
        lip_line=lip_line,
        colour=colour,
        light=fit_light(normals[0], luminance[rig.skin], lit.float()),
        photo_normals=normals[0],
        photo_concavity=concavity(rig, turned, normals)[0],
        rotation=camera.rotation[0],
        translation=camera.translation[0],
        scale=camera.scale[0],
        hidden=hidden,
        centre=torch.tensor((eyes + landmarks[[13, 14]].mean(0)) / 2, dtype=torch.float32),
        eye_distance=fit.eye_distance_px[0] * zoom,
        lip_depth=rig.landmarks(turned)[0, 13, 2],
        tooth_brightness=_tooth_brightness(rig, luminance, shown),
        mouth_was_open=torch.tensor(float(gap > OPEN_LIPS_CM)),
        lip_shadow=colour[lip_line > 0.5].mean(0) * torch.tensor([0.5, 0.38, 0.38]),
    )


def _crop(
    image: NDArray[np.uint8], landmarks_px: NDArray[np.float32], eye_distance: float
) -> tuple[NDArray[np.uint8], float, NDArray[np.float64]]:
    """The square around the face, pixels of it per photo pixel, and its upper left corner in the photo."""
    side = CROP_EYE_DISTANCES * eye_distance
    zoom = CROP_PX / side
    corner = landmarks_px[:468, :2].mean(0).astype(np.float64) - side / 2
    shift = -corner * zoom
    # OpenCV counts from pixel centres, this project from pixel corners.
    matrix = np.array([[zoom, 0, shift[0] + zoom / 2 - 0.5], [0, zoom, shift[1] + zoom / 2 - 0.5]])
    smooth = image if zoom >= 1 else cv2.GaussianBlur(image, (0, 0), 0.5 / zoom)

    def cut(values: NDArray[Any], border: int) -> NDArray[np.float32]:
        size = (CROP_PX, CROP_PX)
        warped = cv2.warpAffine(values, matrix, size, flags=cv2.INTER_CUBIC, borderMode=border)
        return warped.astype(np.float32)

    inside = torch.from_numpy(cut(np.ones(image.shape[:2], np.float32), cv2.BORDER_CONSTANT))[None, None]
    pixels = torch.from_numpy(cut(smooth, cv2.BORDER_REPLICATE)).permute(2, 0, 1)[None]
    # Beyond its edge the photo fades into a blur: mirrored, a photo cut at the brows would show a second pair.
    crop = fill_unknown(pixels, (inside > 0.999).float())[0]
    return crop.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy(), zoom, corner


def _geometry(rig: Rig, fit: Fit, resting: Tensor) -> tuple[Tensor, Tensor]:
    """The face as in the photo and at rest, each (V, 3); what the modes missed is added as a smooth correction."""
    identity = rig.neutral + torch.einsum("m,mvc->vc", fit.identity[0], rig.identity)
    in_photo = identity + torch.einsum("k,kvc->vc", fit.expression[0], rig.expression)
    missing = _missing_cm(fit)
    calm = missing.copy()
    for upper, lower in zip(mesh.UPPER_LIP_INNER, mesh.LOWER_LIP_INNER, strict=True):
        # Removing the expression must leave the lips closed, whatever the fit left over between them.
        calm[upper] = calm[lower] = (missing[upper] + missing[lower]) / 2
    centres = rig.landmarks(in_photo).numpy()
    correction = _smooth_field(rig, centres, np.concatenate([missing, calm], 1), in_photo.numpy())
    at_rest = identity + torch.einsum("k,kvc->vc", resting, rig.expression)
    changed = float((fit.expression[0] - resting).abs().max()) > 0.05
    return in_photo + correction[:, :3], at_rest + (correction[:, 3:] if changed else correction[:, :3])


def _missing_cm(fit: Fit) -> NDArray[np.float64]:
    """How far each landmark of the fitted face has to move, in the rig's own axes (478, 3)."""
    flat = -(fit.residual_px[0] / fit.camera.scale[0]).numpy().astype(np.float64)
    turned = np.stack([flat[:, 0], -flat[:, 1], np.zeros(len(flat))], -1)
    return turned @ rotation_matrix(fit.camera.rotation)[0].numpy()


def _smooth_field(
    rig: Rig, centres: NDArray[np.float32], moves: NDArray[np.float64], points: NDArray[np.float32]
) -> Tensor:
    """Spread moves (478, C) known at centres (478, 3) over all vertices (V, C)."""
    spread = RBFInterpolator(centres[:468], moves[:468], kernel="linear", smoothing=0.15, degree=0)
    field = np.zeros((len(points), moves.shape[1]))
    for name in ("skin", "socket"):
        part = rig.parts[name]
        field[part] = np.clip(spread(points[part]), -_MAX_CORRECTION_CM, _MAX_CORRECTION_CM)
    rigid = {
        "teeth": mesh.UPPER_LIP_INNER,
        "gums": mesh.UPPER_LIP_INNER,
        "eye_left": mesh.LEFT_LID_LOWER + mesh.LEFT_LID_UPPER,
        "eye_right": mesh.RIGHT_LID_LOWER + mesh.RIGHT_LID_UPPER,
    }
    for name, landmarks in rigid.items():
        field[rig.parts[name]] = moves[list(landmarks)].mean(0)
    return torch.tensor(field, dtype=torch.float32)


def _visibility(rig: Rig, photo_px: Tensor, turned: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
    """How well the photo shows each vertex (V,) 0-1, and which skin is turned away so far that it is dropped (V,)."""
    depth = turned[0, :, 2].clone()
    for name in ("eye_left", "eye_right"):
        depth[rig.parts[name]] -= EYEBALL_BEHIND_CM
    points = torch.cat([photo_px[0], depth[:, None]], -1)[None]
    seen = rasterise(points, rig.triangles, CROP_PX, CROP_PX)
    nearest = torch.full((CROP_PX * CROP_PX,), -99.0)
    nearest[seen.pixel] = seen.interpolate(points[..., 2:], rig.triangles)[:, 0]
    nearest = F.max_pool2d(nearest.view(1, 1, CROP_PX, CROP_PX), 3, 1, 1)[0, 0]
    pixel = photo_px[0].floor().long().clamp(0, CROP_PX - 1)
    shown = (depth > nearest[pixel[:, 1], pixel[:, 0]] - 0.12).float()

    x, y = rig.neutral[rig.skin, 0].abs(), rig.neutral[rig.skin, 1]
    mouth = (x < 3.2) & (y < 1.2) & (y > -5.2)
    eyes = (x < 4.9) & (x > 1.3) & (y < 5.2) & (y > 2.2)
    folded = mouth | eyes
    facing = normals[:, 2]
    shown[rig.skin] = torch.where(
        folded, shown[rig.skin] * ((facing - 0.12) / 0.2).clamp(0, 1), torch.ones_like(facing)
    )
    shown[rig.parts["socket"].start : rig.parts["eye_left"].start] = 0
    hidden = torch.zeros(len(depth))
    hidden[rig.skin] = (~folded & (facing < 0.06)).float()
    return shown, hidden


def _sample(photo: Tensor, points_px: Tensor) -> Tensor:
    """Colours (V, 3) of the photo (3, H, W) at pixels (V, 2)."""
    grid = points_px / photo.shape[-1] * 2 - 1
    return F.grid_sample(photo[None], grid[None, None], align_corners=False)[0, :, 0].T.contiguous()


def _lip_line(
    rig: Rig, photo_px: NDArray[np.float32], landmarks: NDArray[np.float32], scale: float
) -> Tensor:
    """1 on skin near the inner edge of either lip (V,), where the photo shows slit, shadow or teeth."""
    skin = photo_px[rig.skin]
    distance = np.minimum(
        _distance_to_line(skin, landmarks[list(mesh.UPPER_LIP_INNER)]),
        _distance_to_line(skin, landmarks[list(mesh.LOWER_LIP_INNER)]),
    )
    near = np.zeros(len(photo_px), np.float32)
    near[rig.skin] = np.clip((0.22 - distance / scale) / 0.10, 0, 1)
    return torch.from_numpy(near)


def _distance_to_line(points: NDArray[np.float32], line: NDArray[np.float32]) -> NDArray[np.float64]:
    """Distance of points (N, 2) to a chain of line pieces (M, 2)."""
    best = np.full(len(points), np.inf)
    for start, end in pairwise(line):
        along = end - start
        part = np.clip((points - start) @ along / max(float(along @ along), 1e-9), 0, 1)[:, None]
        best = np.minimum(best, np.linalg.norm(points - start - part * along, axis=1))
    return best


def _diffuse_skin(rig: Rig, colour: Tensor, shown: Tensor, lip_line: Tensor, rounds: int = 60) -> None:
    """Give skin that the photo hides (in place) the colour of its nearest shown skin, step by step over the mesh."""
    trusted = shown[rig.skin] * (1 - lip_line[rig.skin]) > 0.6
    filled = torch.where(trusted[:, None], colour[rig.skin], torch.zeros(()))
    known = trusted.float()
    near = rig.skin_neighbours
    for _ in range(rounds):
        count = known[near].sum(1)
        mean = (filled[near] * known[near][..., None]).sum(1) / count.clamp_min(1e-6)[:, None]
        update = ~trusted & (count > 0)
        filled[update] = mean[update]
        known[update] = 1
    colour[rig.skin] = torch.where(trusted[:, None], colour[rig.skin], filled)


def _fill_eyes(
    rig: Rig,
    colour: Tensor,
    shown: Tensor,
    photo_px: NDArray[np.float32],
    turned: Tensor,
    landmarks: NDArray[np.float32],
    scale: float,
) -> None:
    """Trust eyeballs (in place) only well inside the lids; elsewhere take colours as far from the iris."""
    eyes = (
        ("eye_left", mesh.LEFT_LID_UPPER, mesh.LEFT_LID_LOWER, mesh.LEFT_IRIS),
        ("eye_right", mesh.RIGHT_LID_UPPER, mesh.RIGHT_LID_LOWER, mesh.RIGHT_IRIS),
    )
    for name, upper, lower, iris in eyes:
        part = rig.parts[name]
        outline = np.concatenate([landmarks[list(upper)], landmarks[list(lower)][::-1]]).astype(np.float32)
        pixels = photo_px[part]
        inside = (
            np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in pixels]) / scale
        )
        depth = turned[part, 2].numpy()
        front = depth > depth.max() - 1.6
        # The first half millimetre along the lid shows lashes and their shadow.
        trust = np.clip((inside - 0.05) / 0.06, 0, 1) * front
        shown[part] = torch.tensor(trust, dtype=torch.float32)
        away = (pixels - landmarks[iris]) / scale
        place = np.stack(
            [np.linalg.norm(away, axis=1) * 3, away[:, 0] * 0.8, np.abs(away[:, 1]) * 0.5, away[:, 1] * 0.1],
            1,
        )
        good = np.flatnonzero((inside > 0.09) & front)
        if len(good) > 8:
            distance, near = cKDTree(place[good]).query(place, 6)
            weight = 1 / (distance + 0.05)
            values = colour[part].numpy().copy()
            guess = (values[good][near] * weight[..., None]).sum(1) / weight.sum(1)[:, None]
            values[trust < 0.999] = guess[trust < 0.999]
            colour[part] = torch.tensor(values, dtype=torch.float32)


def _tooth_brightness(rig: Rig, luminance: Tensor, shown: Tensor) -> Tensor:
    """Teeth are as bright as the white of the eyes, whatever the colour of the skin."""
    eyes = slice(rig.parts["eye_left"].start, rig.parts["eye_right"].stop)
    white = luminance[eyes][shown[eyes] > 0.9]
    bright = torch.quantile(white, 0.85) if len(white) > 20 else torch.tensor(0.65)
    return (bright * 1.12).clamp(0.68, 0.95)
