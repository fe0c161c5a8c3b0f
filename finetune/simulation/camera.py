"""The camera of the simulated domain: a night camera, held near and high, unlike any that the base knows."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_MIDDLE_Y = 0.05
"""The nose, in half sides of the picture below its middle."""
_NEAR_SPREAD = 0.25
"""How wide the part is that comes near the lens, in squared half sides."""


@dataclass(frozen=True)
class Camera:
    """How a photo is taken; the defaults are the domain's camera."""

    near: float = 1.0
    """How much larger the middle of the face is than its rim, as a lens at arm's length shows it; 0 none."""
    high: float = 0.45
    """Keystone: above 0 the brow is nearer to the lens than the chin, below 0 the other way round."""
    infrared: bool = True
    """Grey, from the red channel: in near infrared skin is bright and even."""
    light: float = 0.85
    """Brightness in the middle, of 1."""
    falloff: float = 0.5
    """Share of the light that is lost towards the rim: the lamp is small and near."""
    noise: float = 0.01
    """Standard deviation of the sensor's noise, of 1."""
    side_px: int = 160
    """Side of the photo, of which the face takes about six tenths."""
    jpeg_quality: int = 80

    def photo(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """(S, S, 3) RGB -> (side_px, side_px, 3) RGB."""
        seen = cv2.remap(
            picture, *self._rays(len(picture)), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        seen = cv2.resize(seen, (self.side_px, self.side_px), interpolation=cv2.INTER_AREA)
        light = seen.astype(np.float32) / 255
        if self.infrared:
            light = np.repeat(light[..., :1], 3, axis=2)
        light = light * self._lamp()[..., None]
        noise = rng.normal(0, self.noise, (self.side_px, self.side_px, 1 if self.infrared else 3))
        pixels = np.round(np.clip(light + noise, 0, 1) * 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "jpeg", quality=self.jpeg_quality)
        return np.asarray(Image.open(buffer).convert("RGB"))

    def _rays(self, side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where each pixel of the photo comes from in the picture, x and y (S, S) px."""
        at = (np.arange(side) + 0.5) / side * 2 - 1
        x, y = np.meshgrid(at, at)
        swell = 1 + self.near * np.exp(-(x**2 + (y - _MIDDLE_Y) ** 2) / _NEAR_SPREAD)
        x, y = x / swell, _MIDDLE_Y + (y - _MIDDLE_Y) / swell
        depth = 1 - self.high * y
        source_x, source_y = (((v / depth + 1) / 2 * side - 0.5).astype(np.float32) for v in (x, y))
        return source_x, source_y

    def _lamp(self) -> NDArray[np.float32]:
        at = (np.arange(self.side_px) + 0.5) / self.side_px * 2 - 1
        x, y = np.meshgrid(at, at)
        share = 1 - self.falloff * (1 - np.exp(-(x**2 + y**2) / 1.2))
        return np.asarray(self.light * share, np.float32)


DAYLIGHT = Camera(near=0, high=0, infrared=False, light=1, falloff=0, noise=0, jpeg_quality=95)
"""The pictures as they are: what the same people cost the base without the night camera."""
