"""Daylight and the infrared flash."""

import dataclasses
import math

import numpy as np
from PIL import Image

from data_prep.synthetic.art.camera import Camera
from data_prep.synthetic.art.noise import fractal

INFRARED_REACH = 8.0  # metres at which the infrared flash has lost half of its effect


@dataclasses.dataclass(frozen=True)
class Light:
    """How one event is lit."""

    night: bool
    gains: tuple[float, float, float]  # of red, green and blue
    sun: float  # -1 from the left to 1 from the right; 0 = overhead
    shadow: float  # darkness of shadows, 0 to 1
    clouds: np.ndarray | None  # [8, 8] uint8, 255 = full light; shadows of clouds on the scene


def daylight(hour: float, rng: np.random.Generator) -> Light:
    """Returns the light at an hour of the day (0 to 24), with random exposure and cloud cover."""
    high = math.sin(math.pi * (hour - 6.0) / 12.8)  # height of the sun, below 0 at night
    exposure = rng.uniform(0.88, 1.12)
    if high <= 0:
        return Light(True, (exposure, exposure, exposure), 0.0, 0.0, None)
    warm = max(0.0, 1 - high * 2.2)
    level = exposure * (0.55 + 0.5 * min(1.0, high * 1.6))
    gains = (level * (1 + 0.10 * warm), level * (1 - 0.02 * warm), level * (1 - 0.22 * warm))
    clouds = None
    if rng.uniform() < 0.35:
        clouds = (255 - 90 * np.clip(fractal(rng, (8, 8), 2) + 0.2, 0, 1)).astype(np.uint8)
    return Light(False, gains, (12.4 - hour) / 6.4, float(rng.uniform(0.1, 0.45)), clouds)


def falloff(distance):
    """Returns the share of infrared light that reaches this distance in metres, 0 to 1."""
    return 1 / (1 + (distance / INFRARED_REACH) ** 2)


def make_night(day: Image.Image, camera: Camera) -> Image.Image:
    """Returns the infrared picture (L) of a daylight picture: bright near ground, black sky."""
    rows = np.arange(camera.height, dtype=np.float32)
    ahead = camera.focal * camera.eye / np.maximum(rows - camera.horizon, 1)
    light = np.where(rows > camera.horizon, falloff(ahead) * 1.25, 0.0)
    light = np.maximum(light, 0.05 * np.clip(rows / camera.horizon, 0.2, 1))[:, None]
    return Image.fromarray(np.clip(np.asarray(day.convert("L")) * light, 0, 255).astype(np.uint8))


def make_vignette(camera: Camera) -> Image.Image:
    """Returns the infrared lamp's cone of light (L, white in the middle)."""
    rows, columns = np.mgrid[-1 : 1 : camera.height * 1j, -1 : 1 : camera.width * 1j]
    radius = np.hypot(columns, rows * 0.7)
    return Image.fromarray((255 * np.clip(1.25 - 0.75 * radius**2, 0.18, 1)).astype(np.uint8))
