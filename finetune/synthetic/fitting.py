"""Fit camera, identity and expression of the rig to detected landmarks, many faces at once.

Letters: B faces, M 60 identity modes, K expression shapes. Errors are in parts of the distance between the eyes.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from finetune.synthetic import correspondence as mesh
from finetune.synthetic.camera import Camera
from finetune.synthetic.rig import Rig
from finetune.synthetic.sculpt import SCULPTED

ASYMMETRIC_OR_HIDDEN = ("eyeLookIn", "eyeLookOut", "mouthLeft", "mouthRight", "cheekPuff", "jawForward")
"""Shapes that fitting misuses for identity or pose (measured on neutral photos); sculpted ones are left out too."""
_PAIRED = ("eyeBlink", "eyeWide", "mouthPress", "browInnerUp", "browDown", "mouthSmile", "mouthFrown")
RESTING_SHAPES = (
    *(f"{name}_{side}" for name in _PAIRED for side in "LR"),
    *("jawOpen", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
)
"""What a face at rest may show: naturally low brows, thin lips, drooping lids."""


@dataclass(frozen=True)
class FitSettings:
    """How a fit is weighted. `shapes` None means all shapes but those that fitting misuses."""

    shapes: tuple[str, ...] | None = None
    expression_ridge: float = 3.0
    expression_sparsity: float = 4.0
    identity_ridge: float = 1.5
    error_scale: float = 0.015
    iterations: int = 450
    learning_rate: float = 0.03


@dataclass(frozen=True)
class Fit:
    """What was found: camera of the photo (px), identity (B, M), expression (B, K) in 0-1,
    residual_px (B, 478, 2) projected minus detected, eye_distance_px (B,)."""

    camera: Camera
    identity: Tensor
    expression: Tensor
    residual_px: Tensor
    eye_distance_px: Tensor

    @property
    def error(self) -> Tensor:
        """Mean landmark error (B,) in parts of the eye distance, irises left out."""
        return self.residual_px[:, :468].norm(dim=-1).mean(1) / self.eye_distance_px

    def take(self, index: int) -> "Fit":
        """One face of the batch, as a batch of one."""
        one = slice(index, index + 1)
        camera = Camera(self.camera.rotation[one], self.camera.translation[one], self.camera.scale[one])
        return Fit(
            camera,
            self.identity[one],
            self.expression[one],
            self.residual_px[one],
            self.eye_distance_px[one],
        )


def eye_centres(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    """Middle between the corners of the right and of the left eye, each (..., C) from landmarks (..., 478, C)."""
    right = landmarks[..., list(mesh.RIGHT_EYE_CORNERS), :].mean(-2)
    left = landmarks[..., list(mesh.LEFT_EYE_CORNERS), :].mean(-2)
    return right, left


def landmark_weights(device: torch.device) -> Tensor:
    """How much each landmark counts (478,): lips, lids and brows double, the face outline little, irises nothing."""
    weights = torch.ones(mesh.LANDMARKS, device=device)
    weights[list(mesh.FACE_OVAL)] = 0.25
    weights[list(mesh.LIPS + mesh.LIDS + mesh.BROWS)] = 2.0
    weights[468:] = 0.0
    return weights


def fit_landmarks(rig: Rig, landmarks_px: np.ndarray | Tensor, settings: FitSettings | None = None) -> Fit:
    """Fit landmarks (B, 478, >=2) px by projected Adam with a robust (pseudo-Huber) landmark error.

    Expression weights stay in 0-1, identity modes in -3 to 3. The result is on the rig's device.
    """
    settings = settings or FitSettings()
    detected = torch.as_tensor(landmarks_px, dtype=torch.float32, device=rig.device)[..., :2]
    batch = len(detected)
    chosen = _shape_indices(rig, settings.shapes)
    neutral = rig.landmarks(rig.neutral)
    modes = rig.landmarks(rig.identity).flatten(1)
    shapes = rig.landmarks(rig.expression[chosen]).flatten(1)
    weights = landmark_weights(rig.device)
    start, eye_distance = _first_camera(neutral, detected)

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape, device=rig.device, requires_grad=True)

    turn, shift, growth = zeros(batch, 3), zeros(batch, 2), zeros(batch)
    identity, expression = zeros(batch, modes.shape[0]), zeros(batch, len(chosen))
    rate = settings.learning_rate
    optimiser = torch.optim.Adam(
        [
            {"params": [turn, shift, growth], "lr": rate * 0.5},
            {"params": [identity], "lr": rate * 2},
            {"params": [expression], "lr": rate * 0.7},
        ],
        betas=(0.9, 0.99),
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.iterations, eta_min=rate * 0.02)

    def camera() -> Camera:
        return Camera(
            start.rotation + turn,
            start.translation + shift * eye_distance[:, None],
            start.scale * growth.exp(),
        )

    def residual() -> Tensor:
        points = neutral + (identity @ modes + expression @ shapes).view(batch, -1, 3)
        return camera().project(points)[0] - detected

    for _ in range(settings.iterations):
        squared = (residual() / eye_distance[:, None, None]).pow(2).sum(-1) / settings.error_scale**2
        robust = 18 * (torch.sqrt(1 + squared / 9) - 1)
        loss = 0.15 * (robust * weights).sum() + settings.identity_ridge * identity.pow(2).sum()
        loss = loss + settings.expression_ridge * (expression / 0.5).pow(2).sum()
        loss = loss + settings.expression_sparsity * expression.abs().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            expression.clamp_(0, 1)
            identity.clamp_(-3, 3)

    with torch.no_grad():
        full = torch.zeros(batch, len(rig.expression_names), device=rig.device)
        full[:, chosen] = expression
        found = camera()
        found = Camera(found.rotation.detach(), found.translation.detach(), found.scale.detach())
        return Fit(found, identity.detach(), full, residual().detach(), eye_distance)


def _shape_indices(rig: Rig, names: tuple[str, ...] | None) -> list[int]:
    if names is not None:
        return [rig.shape_index(name) for name in names]
    unused = ASYMMETRIC_OR_HIDDEN + SCULPTED
    return [i for i, name in enumerate(rig.expression_names) if not name.startswith(unused)]


def _first_camera(neutral: Tensor, detected: Tensor) -> tuple[Camera, Tensor]:
    """Size, place and roll from the eyes and the centre of the landmarks; yaw and pitch start at zero."""
    right, left = eye_centres(detected)
    rig_right, rig_left = eye_centres(neutral)
    across = left - right
    eye_distance = across.norm(dim=-1)
    scale = eye_distance / (rig_left - rig_right).norm()
    middle = neutral[:468].mean(0)
    offset = torch.stack([-scale * middle[0], scale * middle[1]], -1)
    rotation = torch.zeros(len(detected), 3, device=detected.device)
    rotation[:, 2] = -torch.atan2(across[:, 1], across[:, 0])
    return Camera(rotation, detected[:, :468].mean(1) + offset, scale), eye_distance
