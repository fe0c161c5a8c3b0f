"""A photo seen again: the head turned or the light changed, with the expression, and so the codes, kept.

The rig is fitted to the photo's landmarks with every expression it has, and the fitted expression becomes the person's
resting face. Rendered straight again this gives the photo; then only what is asked for changes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from finetune.synthetic.fitting import Fit, FitSettings, fit_landmarks
from finetune.synthetic.render import WINDOW_EYE_DISTANCES, Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.shading import LIGHT_TERMS
from finetune.synthetic.surroundings import with_surroundings
from finetune.synthetic.texture import Person, build_person, stack

LARGEST_ERROR = 0.03
"""Mean landmark error, in eye distances, above which a fit does not stand for the photo."""

LARGEST_TURN_RAD = 0.5
"""A head turned further in the photo shows too little of its other side."""

SIZE_PX = 256
"""Side of a re-rendered picture; it spans about four eye distances."""


@dataclass(frozen=True)
class View:
    """What changes: the head turned by `yaw_deg` to the person's own left, and light from that side.

    `side_light` is the share of the photo's mean light that is taken from one side of the face and given to the other;
    negative: from the person's right.
    """

    yaw_deg: float = 0.0
    side_light: float = 0.0


def fit_photos(rig: Rig, landmarks_px: NDArray[np.floating]) -> Fit:
    """Fit camera, identity and the whole expression to landmarks (n, 478, >= 2) px of n photos."""
    return fit_landmarks(rig, np.asarray(landmarks_px, np.float32), FitSettings(identity_ridge=3.0))


def usable(fit: Fit) -> NDArray[np.bool_]:
    """(n,) where the rig explains the landmarks and the face looks about ahead."""
    turn = fit.camera.rotation[:, :2].abs().amax(1)
    return ((fit.error < LARGEST_ERROR) & (turn < LARGEST_TURN_RAD)).cpu().numpy()


def expressive_person(
    rig: Rig, image: NDArray[np.uint8], landmarks_px: NDArray[np.float32], fit: Fit
) -> Person:
    """The person of one photo (`fit` a batch of one) who keeps the photo's expression, teeth and tongue included."""
    person = build_person(rig, image, landmarks_px, fit, resting=fit.expression[0])
    kept = replace(person, mouth_was_open=torch.zeros_like(person.mouth_was_open))
    return kept.for_scale(SIZE_PX / WINDOW_EYE_DISTANCES)


def rerender(
    rig: Rig,
    image: NDArray[np.uint8],
    landmarks_px: NDArray[np.float32],
    fit: Fit,
    views: Sequence[View],
) -> list[NDArray[np.uint8]]:
    """One picture (SIZE_PX, SIZE_PX, 3) RGB per view of a photo (H, W, 3); `fit` is a batch of one."""
    person = expressive_person(rig, image, landmarks_px, fit)
    plain = Scene.plain(torch.zeros(len(views), len(rig.expression_names), device=rig.device))
    turn, light = torch.zeros_like(plain.turn), torch.zeros(len(views), LIGHT_TERMS, device=rig.device)
    turn[:, 1] = torch.tensor([math.radians(view.yaw_deg) for view in views])
    light[:, 1] = torch.tensor([view.side_light for view in views])  # x of the normal: to the person's left
    scene = replace(plain, turn=turn, light_change=light)
    drawn = render(rig, stack([person] * len(views)), scene, SIZE_PX)
    outline = rig.landmarks(person.photo_px).numpy()
    scale = SIZE_PX / (WINDOW_EYE_DISTANCES * float(person.eye_distance))
    pictures = []
    for row, view in enumerate(views):
        picture, points = drawn.picture(row), drawn.landmarks_px[row].cpu().numpy()
        turned = view.yaw_deg != 0
        pictures.append(
            with_surroundings(picture, points, person.photo, outline, scale) if turned else picture
        )
    return pictures
