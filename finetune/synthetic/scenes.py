"""Random scenes: how a person is shown apart from the action units (pose, gaze, light, resting shape, framing).

Letters: B pictures, K expression shapes, M identity modes, A 22 action units.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from finetune.synthetic.actions import HIGHEST_WEIGHT, INDEX, intensity_of, rig_weights
from finetune.synthetic.creases import Creases
from finetune.synthetic.fitting import RESTING_SHAPES
from finetune.synthetic.render import Scene
from finetune.synthetic.rig import IDENTITY_MODES, Rig
from finetune.synthetic.shading import LIGHT_TERMS


@dataclass(frozen=True)
class SceneSpread:
    """How much scenes vary: standard deviations, with the share of pictures that vary at all where it is not all."""

    pitch_yaw_roll_rad: tuple[float, float, float] = (0.09, 0.14, 0.08)
    largest_turn_rad: tuple[float, float, float] = (0.24, 0.34, 0.25)
    straightened: float = 0.35
    gaze_rad: tuple[float, float, float] = (0.07, 0.12, 0.0)
    shift_eye_distances: float = 0.05
    zoom: tuple[float, float] = (0.93, 1.06)
    light: float = 0.20
    light_share: float = 0.55
    shape_noise: float = 0.2
    resting: float = 0.07
    resting_share: float = 0.6
    identity: float = 0.35
    identity_share: float = 0.6


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
    turn = rng.normal(0, 1, (batch, 3)) * spread.pitch_yaw_roll_rad - spread.straightened * photo_turn
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
        creases=Creases.sample(rng, style, intensity, rig.device),
        identity=tensor(
            rng.normal(0, spread.identity, (batch, IDENTITY_MODES))
            * (rng.random((batch, 1)) < spread.identity_share)
        ),
    )


def _expression(
    rng: np.random.Generator, rig: Rig, intensity: NDArray[np.float32], spread: SceneSpread
) -> Tensor:
    """Weights of the action units, each shape somewhat more or less than usual, on a varied resting face."""
    weights = rig_weights(rig, intensity).cpu().numpy()
    weights = weights * np.clip(1 + spread.shape_noise * rng.normal(size=weights.shape), 0.5, 1.5)
    resting = np.zeros_like(weights)
    columns = [rig.shape_index(name) for name in RESTING_SHAPES if name != "jawOpen"]
    drawn = np.abs(rng.normal(0, spread.resting, (len(weights), len(columns))))
    drawn *= rng.random(drawn.shape) < 0.4
    resting[:, columns] = drawn * (rng.random((len(weights), 1)) < spread.resting_share)
    total = np.clip(weights + resting, 0, HIGHEST_WEIGHT)
    return torch.as_tensor(total, dtype=torch.float32, device=rig.device)


def _light(rng: np.random.Generator, batch: int, spread: SceneSpread) -> NDArray[np.float64]:
    change = np.zeros((batch, LIGHT_TERMS))
    change[:, 1:4] = rng.normal(0, spread.light, (batch, 3))
    change[:, 4:] = rng.normal(0, spread.light / 4, (batch, LIGHT_TERMS - 4))
    return change * (rng.random((batch, 1)) < spread.light_share)


def measured_intensity(
    intensity: NDArray[np.float32], lip_gap_cm: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Labels (B, 2, A) of a picture: what was asked for, but AU25 from the rendered gap between the lips (B,)."""
    label = intensity.copy()
    gap = np.where(lip_gap_cm < LEAST_GAP_CM, 0.0, lip_gap_cm)
    label[:, :, INDEX[25]] = intensity_of(np.clip(gap / FULL_GAP_CM, 0, 1))[:, None]
    return label


LEAST_GAP_CM = 0.03
"""A gap below this cannot be seen."""
FULL_GAP_CM = 1.0
"""A gap of this much counts as AU25 at intensity E; more of it comes from the jaw."""
