"""Draw persons with given expressions, poses, gaze, light and creases: a batch of pictures in tensor operations.

Each output pixel is taken from the person's own photo: the mesh tells by how much every surface point moved, this
flow is extended smoothly beyond the mesh, so hair, ears and background follow without a seam. Changes of light are
ratios of soft shading, so skin keeps its texture. Only the inside of the mouth and what the photo hides is made up.
Letters: B pictures, V vertices, S skin vertices, K expression shapes, P covered pixels, H W output size.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from finetune.synthetic.camera import rotation_matrix
from finetune.synthetic.complexion import recolour_skin, skin_colour
from finetune.synthetic.creases import Creases, crease_shade
from finetune.synthetic.mouth import mouth_colours
from finetune.synthetic.raster import Fragments, fill_unknown, rasterise
from finetune.synthetic.rig import Rig
from finetune.synthetic.shading import concavity, log_ratio, skin_normals
from finetune.synthetic.surface import Surface
from finetune.synthetic.texture import CROP_PX, EYEBALL_BEHIND_CM, Person

WINDOW_EYE_DISTANCES = 4.1
"""Width of the picture in eye distances at zoom 1: face and some of the hair and neck."""
NECK_CM = (0.0, -1.0, 0.0)
"""The point about which the head turns."""
_OUTSIDE_PX = 1e6
_GROOVE_DARKENING = 1.0


@dataclass(frozen=True)
class Scene:
    """What to draw of each person.

    expression (B, K) weights added to the neutral face, turn (B, 3) rad about x, y, z on top of the photo's pose,
    shift (B, 2) of the face in eye distances, zoom (B,), gaze (B, 3) rad, light_change (B, 9) in parts of the photo's
    mean light, spot (B, 3) the direction of a hard lamp times its share of the light 0-1, creases, identity (B, M)
    modes added to the person's own, skin_tone (B, 3) and tooth_tone (B, 3) log changes of RGB; None leaves a thing
    as in the photo.
    """

    expression: Tensor
    turn: Tensor
    shift: Tensor
    zoom: Tensor
    gaze: Tensor | None = None
    light_change: Tensor | None = None
    creases: Creases | None = None
    identity: Tensor | None = None
    spot: Tensor | None = None
    skin_tone: Tensor | None = None
    tooth_tone: Tensor | None = None

    @property
    def relit(self) -> bool:
        """True when the light differs from the photo's."""
        return self.light_change is not None or self.spot is not None

    @classmethod
    def plain(cls, expression: Tensor) -> "Scene":
        """The photo's own pose, light and gaze."""
        batch, device = len(expression), expression.device
        return cls(
            expression,
            torch.zeros(batch, 3, device=device),
            torch.zeros(batch, 2, device=device),
            torch.ones(batch, device=device),
        )


@dataclass(frozen=True)
class Rendering:
    """image (B, 3, H, W) RGB 0-1, landmarks_px (B, 478, 2) of the rig itself, lip_gap_cm (B,) at least 0."""

    image: Tensor
    landmarks_px: Tensor
    lip_gap_cm: Tensor

    def picture(self, row: int) -> NDArray[np.uint8]:
        """One picture (H, W, 3) uint8 RGB."""
        pixels = (self.image[row] * 255 + 0.5).to(torch.uint8)
        return np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy())


@dataclass(frozen=True)
class _View:
    """Output pixel = (photo pixel - origin) * zoom, both per picture: origin (B, 2), zoom (B,)."""

    origin: Tensor
    zoom: Tensor

    @classmethod
    def of(cls, person: Person, scene: Scene, size_px: int) -> "_View":
        zoom = scene.zoom * size_px / (WINDOW_EYE_DISTANCES * person.eye_distance)
        middle = person.centre - scene.shift * person.eye_distance[:, None]
        middle = middle - torch.stack([torch.zeros_like(zoom), 0.10 * person.eye_distance], -1)
        return cls(middle - size_px / 2 / zoom[:, None], zoom)

    def to_output(self, photo_px: Tensor) -> Tensor:
        return (photo_px - self.origin[:, None]) * self.zoom[:, None, None]

    def pixel_grid(self, size_px: int) -> Tensor:
        """Photo positions (B, H, W, 2) of the output pixel centres if nothing moved."""
        step = torch.arange(size_px, device=self.zoom.device, dtype=self.zoom.dtype) + 0.5
        grid = torch.stack(torch.meshgrid(step, step, indexing="xy"), -1)
        return grid / self.zoom[:, None, None, None] + self.origin[:, None, None]


@torch.no_grad()
def render(rig: Rig, person: Person, scene: Scene, size_px: int = 224) -> Rendering:
    """Draw a batch on the rig's device: `person` stacked (B), `scene` for the same B. No chance is involved."""
    points = person.neutral + _blend(_closing(rig, person, scene.expression), rig.expression)
    if scene.identity is not None:
        points = points + _blend(scene.identity, rig.identity)
    points = _look(rig, points, scene.gaze)
    turned = _turn(points, person, scene.turn)
    camera = person.camera
    view = _View.of(person, scene, size_px)
    output_px = view.to_output(camera.project_turned(turned))
    gap = _lip_gap(rig, scene.expression)

    depth = turned[..., 2].clone()
    for name in ("eye_left", "eye_right"):
        depth[:, rig.parts[name]] -= EYEBALL_BEHIND_CM
    placed = torch.where(person.hidden[..., None] > 0, output_px.new_full((), _OUTSIDE_PX), output_px)
    fragments = rasterise(torch.cat([placed, depth[..., None]], -1), rig.triangles, size_px, size_px)

    parting = torch.maximum((gap / 0.18).clamp(0, 1), person.mouth_was_open)
    shade = _skin_shade(rig, person, scene, turned)
    surface = _interpolate(rig, person, fragments, parting, shade, depth)
    flow, shade_map = _flow(surface, fragments, view, len(points), size_px, scene.relit)
    photo = _photo_at(person, view.pixel_grid(size_px) + flow)
    flat = photo.permute(0, 2, 3, 1).reshape(-1, 3).clone()
    flat[fragments.pixel] = _surface_colours(
        rig, person, scene, surface, fragments, turned, flat[fragments.pixel], gap, size_px
    )
    if scene.skin_tone is not None:
        pixel, skin = fragments.pixel, surface.skin
        flat = recolour_skin(flat, skin_colour(rig, person), scene.skin_tone, pixel[skin], pixel[~skin])
    log_shade = shade_map.reshape(-1, 1).clone()
    log_shade[fragments.pixel[~surface.skin]] = surface.log_shade[~surface.skin, None]
    flat = flat * log_shade.exp()
    image = flat.view(len(points), size_px, size_px, 3).permute(0, 3, 1, 2).clamp(0, 1)
    return Rendering(image, rig.landmarks(output_px), gap)


def _closing(rig: Rig, person: Person, expression: Tensor) -> Tensor:
    """The expression (B, K) with blinks made as long as this person's eyes are high, so that full closure closes."""
    rig_lids = rig.landmarks(rig.neutral)
    lids = rig.landmarks(person.neutral)
    stretched = expression.clone()
    for name, (upper, lower) in (("eyeBlink_L", (386, 374)), ("eyeBlink_R", (159, 145))):
        own = lids[:, upper, 1] - lids[:, lower, 1]
        usual = rig_lids[upper, 1] - rig_lids[lower, 1]
        stretched[:, rig.shape_index(name)] *= (own / usual).clamp(0.95, 1.6)
    return stretched


def _blend(weights: Tensor, offsets: Tensor) -> Tensor:
    """Weights (B, N) of offsets (N, V, 3) -> (B, V, 3)."""
    return (weights @ offsets.flatten(1)).view(len(weights), -1, 3)


def _look(rig: Rig, points: Tensor, gaze: Tensor | None) -> Tensor:
    """Turn both eyeballs about their centres; the rig's own look shapes move the lids only."""
    if gaze is None:
        return points
    points = points.clone()
    turn = rotation_matrix(gaze).transpose(1, 2)
    for name in ("eye_left", "eye_right"):
        ball = points[:, rig.parts[name]]
        centre = ball.mean(1, keepdim=True)
        points[:, rig.parts[name]] = (ball - centre) @ turn + centre
    return points


def _turn(points: Tensor, person: Person, turn: Tensor) -> Tensor:
    """Points (B, V, 3) in the pose of the photo with `turn` (B, 3) on top, about the neck."""
    first = rotation_matrix(person.rotation)
    neck = points.new_tensor(NECK_CM)[None, None]
    both = rotation_matrix(turn) @ first
    return (points - neck) @ both.transpose(1, 2) + neck @ first.transpose(1, 2)


def _lip_gap(rig: Rig, expression: Tensor) -> Tensor:
    """Distance (B,) between the lips that an expression adds, in cm."""
    return (expression @ rig.lip_gap).clamp_min(0)


def _skin_shade(rig: Rig, person: Person, scene: Scene, turned: Tensor) -> Tensor:
    """Log of the change in brightness (B, V): light on the new normals, grooves, lids that stay plain."""
    normals = skin_normals(rig, turned)
    light = person.light
    if scene.light_change is not None:
        light = light + scene.light_change * person.light[:, :1]
    shade = log_ratio(person.photo_normals, person.light, normals, light)
    groove = concavity(rig, turned, normals) - person.photo_concavity
    shade = shade - _GROOVE_DARKENING * groove.clamp(-0.15, 0.35)
    # Lid folds open and close too much for ratios: brightening them shows as streaks.
    shade = torch.where(rig.lid > 0, shade.clamp(-0.5, 0.10), shade)
    lids = [rig.shape_index("eyeBlink_L"), rig.shape_index("eyeBlink_R")]
    closed = scene.expression[:, lids].mean(1, keepdim=True).clamp(0, 1)
    shade = shade - 0.9 * closed * rig.lash
    whole = torch.zeros(len(turned), len(rig.neutral), device=turned.device)
    whole[:, rig.skin] = shade
    return whole if scene.spot is None else whole + _spot_shade(rig, scene.spot, normals)


def _spot_shade(rig: Rig, spot: Tensor, normals: Tensor) -> Tensor:
    """Log change (B, V) by a hard lamp; eyes and the inside of the mouth are lit like the skin around them."""
    share = spot.norm(dim=-1)[:, None]
    facing = torch.einsum("bsc,bc->bs", normals, spot) / share.clamp_min(1e-6)
    skin = torch.log(1 - share + 1.6 * share * facing.clamp_min(0)).clamp(-1.3, 0.4)
    x, y = rig.neutral[rig.skin, 0], rig.neutral[rig.skin, 1]
    around = {
        "eye_left": (rig.lid > 0) & (x > 0),
        "eye_right": (rig.lid > 0) & (x < 0),
        **dict.fromkeys(("socket", "gums", "teeth"), (x.abs() < 2.5) & (y < -2) & (y > -5)),
    }
    whole = torch.zeros(len(skin), len(rig.neutral), device=skin.device)
    whole[:, rig.skin] = skin
    for name, near in around.items():
        whole[:, rig.parts[name]] = skin[:, near].mean(1, keepdim=True)
    return whole


def _interpolate(
    rig: Rig, person: Person, fragments: Fragments, parting: Tensor, shade: Tensor, depth: Tensor
) -> Surface:
    shown = person.shown * (1 - person.lip_line * parting[:, None])
    rest = rig.neutral[None, :, :2].expand(len(shown), -1, -1)
    packed = torch.cat(
        [person.photo_px, shown[..., None], person.colour, shade[..., None], rest, depth[..., None]], -1
    )
    values = fragments.interpolate(packed, rig.triangles)
    photo_px, shown, colour, shade, rest, depth = values.split([2, 1, 3, 1, 2, 1], -1)
    material = rig.material[rig.triangles[fragments.triangle, 0]]
    return Surface(photo_px, shown[:, 0].clamp(0, 1), colour, shade[:, 0], rest, depth[:, 0], material)


def _flow(
    surface: Surface, fragments: Fragments, view: _View, batch: int, size_px: int, relit: bool
) -> tuple[Tensor, Tensor]:
    """By how much (B, H, W, 2) photo px each output pixel's content moved, and the log shade (B, H, W)."""
    solid = ~surface.mouth
    still = view.pixel_grid(size_px).view(-1, 2)[fragments.pixel]
    values = torch.cat(
        [surface.photo_px - still, surface.log_shade[:, None], torch.ones_like(still[:, :1])], -1
    )
    known = torch.zeros(batch * size_px * size_px, 4, device=still.device)
    known[fragments.pixel[solid]] = values[solid]
    known = known.view(batch, size_px, size_px, 4).permute(0, 3, 1, 2)
    beyond = _extend(known, size_px, relit)
    # Feather the mesh into the extended flow along its outline, but not along the lips.
    covered = known[:, 3:].clone()
    covered.view(-1)[fragments.pixel[surface.mouth]] = 1
    soft = F.avg_pool2d(F.pad(F.avg_pool2d(covered, 4), (1, 1, 1, 1)), 3, 1)
    soft = F.interpolate(soft, size=(size_px, size_px), mode="bilinear", align_corners=False)
    inner = ((soft - 0.55) / 0.4).clamp(0, 1)
    total = torch.where(known[:, 3:] > 0, known[:, :3] * inner + beyond * (1 - inner), beyond)
    return total[:, :2].permute(0, 2, 3, 1), total[:, 2]


def _extend(known: Tensor, size_px: int, relit: bool) -> Tensor:
    """Flow and shade (B, 3, H, W) everywhere, smooth, from what is known (B, 4, H, W) on the mesh."""
    coarse = F.avg_pool2d(known, 4)
    filled = fill_unknown(coarse[:, :3] / coarse[:, 3:].clamp_min(1e-6), (coarse[:, 3:] > 0).float())
    filled = F.avg_pool2d(F.pad(filled, (2, 2, 2, 2), mode="replicate"), 5, 1)
    if relit:  # hair and neck follow the light of the skin beside them, what lies behind the head does not
        near = F.avg_pool2d((coarse[:, 3:] > 0).float(), 5, 1, 2)
        filled = torch.cat([filled[:, :2], filled[:, 2:] * (1.2 * near).clamp(0, 1)], 1)
    return F.interpolate(filled, size=(size_px, size_px), mode="bilinear", align_corners=False)


def _photo_at(person: Person, position_px: Tensor) -> Tensor:
    """Photo colours (B, 3, H, W) at positions (B, H, W, 2) in the full crop's pixels."""
    return F.grid_sample(
        person.photo,
        position_px / CROP_PX * 2 - 1,
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )


def _surface_colours(
    rig: Rig,
    person: Person,
    scene: Scene,
    surface: Surface,
    fragments: Fragments,
    turned: Tensor,
    photo: Tensor,
    gap: Tensor,
    size_px: int,
) -> Tensor:
    """Colours (P, 3) of the covered pixels before the change of light; `photo` (P, 3) is what the photo gives."""
    trust = surface.shown[:, None]
    colours = photo * trust + surface.colour * (1 - trust)
    mouth = surface.mouth
    colours[mouth] = mouth_colours(
        rig, person, scene.expression, scene.tooth_tone, surface, fragments, turned, photo, gap, size_px
    )
    if scene.creases is not None:
        shade = crease_shade(surface.rest, fragments.picture, scene.creases)
        shown = surface.shown.clamp(0.3, 1) * surface.skin
        colours = colours * torch.exp(-shade * shown[:, None])
    return colours
