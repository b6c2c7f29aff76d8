"""A pinhole camera `eye` metres above flat ground.

A point on the ground at a distance of d metres appears `focal * eye / d` pixels below the horizon,
and one metre at that distance is `focal / d` pixels long.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera over flat ground; lengths in pixels except `eye`, in metres."""

    width: int
    height: int
    focal: float
    horizon: float
    eye: float

    def project(self, x: float, distance: float) -> tuple[float, float, float]:
        """Returns (column, row, pixels per metre) of a ground point x metres right of the axis."""
        scale = self.focal / distance
        return self.width / 2 + x * scale, self.horizon + self.eye * scale, scale


def make_camera(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    """Returns a site's camera: about 54 degrees wide, on a pole about one metre high."""
    width, height = size
    horizon = height * rng.uniform(0.32, 0.44)
    return Camera(width, height, 0.98 * width, horizon, rng.uniform(0.9, 1.2))
