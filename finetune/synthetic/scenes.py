"""Random scenes: how a person is shown apart from the action units (pose, gaze, light, resting shape, framing).

Letters: B pictures, K expression shapes, M identity modes, A 22 action units.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finetune.synthetic.actions import HIGHEST_WEIGHT, INDEX, intensity_of, rig_weights
from finetune.synthetic.complexion import MELANIN
from finetune.synthetic.creases import Creases
from finetune.synthetic.fitting import RESTING_SHAPES
from finetune.synthetic.render import Scene
from finetune.synthetic.rig import IDENTITY_MODES, Rig
from finetune.synthetic.shading import LIGHT_TERMS


@dataclass(frozen=True)
class SceneSpread:
    """How much scenes vary: standard deviations, with the share of pictures that vary at all where it is not all."""

    pitch_yaw_roll_rad: tuple[float, float, float] = (0.09, 0.14, 0.08)
    largest_turn_rad: tuple[float, float, float] = (0.24, 0.52, 0.25)
    profile_share: float = 0.15
    profile_yaw_rad: tuple[float, float] = (0.30, 0.50)
    straightened: float = 0.35
    gaze_rad: tuple[float, float, float] = (0.07, 0.12, 0.0)
    shift_eye_distances: float = 0.05
    zoom: tuple[float, float] = (0.93, 1.06)
    light: float = 0.20
    light_share: float = 0.55
    spot: tuple[float, float] = (0.25, 0.65)
    spot_share: float = 0.12
    shape_noise: float = 0.15
    resting: float = 0.07
    resting_share: float = 0.6
    neutral_resting: float = 0.11
    largest_resting: float = 0.20
    identity: float = 0.42
    identity_share: float = 0.75
    melanin: tuple[float, float] = (0.0, 0.28)
    melanin_limits: tuple[float, float] = (-0.12, 0.8)
    complexion_share: float = 0.5


def sample_scene(
    rng: np.random.Generator,
    rig: Rig,
    photo_turn: NDArray[np.floating],
    intensity: NDArray[np.float32],
    style: NDArray[np.floating],
    spread: SceneSpread | None = None,
) -> Scene:
    """Scenes for intensities (B, 2, A); `photo_turn` (B, 3) rad is the photo's pose, `style` (B, 12) the creases'."""
    spread = spread or SceneSpread()
    batch = len(intensity)
    turn = _turn(rng, photo_turn, spread)
    limit = np.array(spread.largest_turn_rad)

    def tensor(values: NDArray[np.floating]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=rig.device)

    return Scene(
        expression=_expression(rng, rig, intensity, spread),
        turn=tensor(np.clip(turn, -limit, limit)),
        shift=tensor(rng.normal(0, spread.shift_eye_distances, (batch, 2))),
        zoom=tensor(rng.uniform(*spread.zoom, batch)),
        gaze=tensor(rng.normal(0, 1, (batch, 3)) * spread.gaze_rad),
        light_change=tensor(_light(rng, batch, spread)),
        spot=tensor(_spot(rng, batch, spread)),
        skin_tone=tensor(_skin_tone(rng, batch, spread)),
        tooth_tone=tensor(_tooth_tone(rng, batch)),
        creases=Creases.sample(rng, style, intensity, rig.device),
        identity=tensor(
            rng.normal(0, spread.identity, (batch, IDENTITY_MODES))
            * (rng.random((batch, 1)) < spread.identity_share)
        ),
    )


def _turn(
    rng: np.random.Generator, photo_turn: NDArray[np.floating], spread: SceneSpread
) -> NDArray[np.float64]:
    """Turns (B, 3) on top of the photo's, a share of them far to one side."""
    batch = len(photo_turn)
    turn = rng.normal(0, 1, (batch, 3)) * spread.pitch_yaw_roll_rad - spread.straightened * photo_turn
    aside = rng.uniform(*spread.profile_yaw_rad, batch) * rng.choice([-1.0, 1.0], batch) - photo_turn[:, 1]
    turn[:, 1] = np.where(rng.random(batch) < spread.profile_share, aside, turn[:, 1])
    return turn


def _expression(
    rng: np.random.Generator, rig: Rig, intensity: NDArray[np.float32], spread: SceneSpread
) -> Tensor:
    """Weights of the action units, each shape somewhat more or less than usual, on a varied resting face."""
    weights = rig_weights(rig, intensity).cpu().numpy()
    weights = weights * np.clip(1 + spread.shape_noise * rng.normal(size=weights.shape), 0.65, 1.4)
    resting = np.zeros_like(weights)
    columns = [rig.shape_index(name) for name in RESTING_SHAPES if name != "jawOpen"]
    neutral = intensity.reshape(len(weights), -1).max(1, keepdims=True) == 0
    much = np.where(neutral, spread.neutral_resting, spread.resting)
    drawn = np.abs(rng.normal(0, 1, (len(weights), len(columns)))) * much
    drawn = drawn.clip(0, spread.largest_resting) * (rng.random(drawn.shape) < 0.4)
    resting[:, columns] = drawn * (rng.random((len(weights), 1)) < spread.resting_share)
    total = np.clip(weights + resting, 0, HIGHEST_WEIGHT)
    return torch.as_tensor(total, dtype=torch.float32, device=rig.device)


def _light(rng: np.random.Generator, batch: int, spread: SceneSpread) -> NDArray[np.float64]:
    change = np.zeros((batch, LIGHT_TERMS))
    change[:, 1:4] = rng.normal(0, spread.light, (batch, 3))
    change[:, 4:] = rng.normal(0, spread.light / 4, (batch, LIGHT_TERMS - 4))
    return change * (rng.random((batch, 1)) < spread.light_share)


def _spot(rng: np.random.Generator, batch: int, spread: SceneSpread) -> NDArray[np.float64]:
    """A hard lamp from the side, sometimes from above or below: direction times share of the light (B, 3)."""
    aside = rng.uniform(0.5, 1.4, batch) * rng.choice([-1.0, 1.0], batch)
    up = rng.uniform(-0.25, 0.8, batch)
    towards = np.stack([np.sin(aside) * np.cos(up), np.sin(up), np.cos(aside) * np.cos(up)], 1)
    share = rng.uniform(*spread.spot, (batch, 1)) * (rng.random((batch, 1)) < spread.spot_share)
    return towards * share


def _skin_tone(rng: np.random.Generator, batch: int, spread: SceneSpread) -> NDArray[np.float64]:
    """Log change (B, 3) of the skin's RGB: more or less melanin, and a little colour of its own."""
    melanin = np.clip(rng.normal(*spread.melanin, (batch, 1)), *spread.melanin_limits)
    changed = rng.random((batch, 1)) < spread.complexion_share
    return (-melanin * np.array(MELANIN) + rng.normal(0, 0.03, (batch, 3))) * changed


def _tooth_tone(rng: np.random.Generator, batch: int) -> NDArray[np.float64]:
    """Log change (B, 3) of the teeth's RGB: brighter or darker, and more or less yellow."""
    yellow = np.abs(rng.normal(0, 0.14, (batch, 1))) * np.array([0.15, 0.4, 1.0])
    return rng.normal(-0.05, 0.10, (batch, 1)) - yellow


def measured_intensity(
    intensity: NDArray[np.float32], lip_gap_cm: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Labels (B, 2, A) of a picture: what was asked for, but AU25 from the rendered gap between the lips (B,)."""
    label = intensity.copy()
    gap = np.where(lip_gap_cm < LEAST_GAP_CM, 0.0, lip_gap_cm)
    label[:, :, INDEX[25]] = intensity_of(np.clip(gap / FULL_GAP_CM, 0, 1))[:, None]
    return label


def only_on_far_side(label: NDArray[np.float32], yaw_rad: float) -> NDArray[np.bool_]:
    """Units (A,) that a face turned by `yaw_rad` shows on its far side alone, for intensities (2, A)."""
    if abs(yaw_rad) < FAR_YAW_RAD:
        return np.zeros(label.shape[1], bool)
    far, near = (label[0], label[1]) if yaw_rad > 0 else (label[1], label[0])
    return (far > 0) & (near == 0)


FAR_YAW_RAD = 0.40
"""From here on the far cheek and mouth corner are too narrow to be coded alone."""
LEAST_GAP_CM = 0.03
"""A gap below this cannot be seen."""
FULL_GAP_CM = 0.8
"""A gap of this much counts as AU25 at intensity E; more of it comes from the jaw."""
