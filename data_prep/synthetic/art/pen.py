"""Points, curves and the pen that animals are drawn with."""

import math

import numpy as np
from PIL import Image, ImageDraw

from data_prep.synthetic.art.colours import Colour


def smooth(points: np.ndarray, steps: int = 5) -> np.ndarray:
    """Returns a closed Catmull-Rom curve [points * steps, 2] through points [points, 2]."""
    before, after, next_but_one = (np.roll(points, k, axis=0)[:, None] for k in (1, -1, -2))
    here = points[:, None]
    t = (np.arange(steps) / steps)[None, :, None]
    linear = after - before
    square = 2 * before - 5 * here + 4 * after - next_but_one
    cube = 3 * here - before - 3 * after + next_but_one
    return (here + 0.5 * t * (linear + t * (square + t * cube))).reshape(-1, 2)


def along(start: tuple[float, float], angle: float, length: float) -> tuple[float, float]:
    """Returns the point `length` away from start in the direction `angle` (degrees upwards)."""
    radians = math.radians(angle)
    return start[0] + length * math.cos(radians), start[1] + length * math.sin(radians)


class Pen:
    """Draws in an animal's own units (x forwards, y upwards, 1 = shoulder height).

    `colour` takes the paint, `cover` the silhouette and `hide` the parts that carry markings.
    """

    def __init__(self, reach: float, top: float, scale: float, squeeze: float):
        self.scale, self.squeeze = scale, squeeze
        self.origin = (reach * scale, top * scale)
        size = (math.ceil(2 * reach * scale), math.ceil((top + 0.2) * scale))
        self.colour = Image.new("RGB", size)
        self.cover = Image.new("L", size)
        self.hide = Image.new("L", size)
        self.paint = ImageDraw.Draw(self.colour)
        self.outline = ImageDraw.Draw(self.cover)
        self.markable = ImageDraw.Draw(self.hide)

    def at(self, points) -> list[float]:
        """Returns canvas coordinates [x0, y0, x1, y1, ...] of points [n, 2]."""
        points = np.asarray(points, np.float64)
        factors = (self.squeeze * self.scale, -self.scale)
        return (points * factors + self.origin).ravel().tolist()

    def targets(self, fill: Colour, marks: bool):
        """Lists the layers to draw on with their paint; marks=False hides older markings."""
        return (self.paint, fill), (self.outline, 255), (self.markable, 255 if marks else 0)

    def shape(self, points, fill: Colour, marks: bool = False) -> None:
        """Fills the closed smooth curve through the points."""
        corners = self.at(smooth(np.asarray(points, np.float64)))
        for layer, paint in self.targets(fill, marks):
            layer.polygon(corners, fill=paint)

    def blob(self, centre, radius: float, fill: Colour, marks: bool = False) -> None:
        """Fills a circle."""
        x, y = self.at([centre])
        r = max(radius * self.scale, 0.5)
        for layer, paint in self.targets(fill, marks):
            layer.ellipse((x - r, y - r, x + r, y + r), fill=paint)

    def limb(self, start, end, radii, fill: Colour, marks: bool = False) -> None:
        """Fills a tapered limb between two points with the given radii at its ends."""
        x0, y0, x1, y1 = self.at([start, end])
        r0, r1 = (max(radius * self.scale, 0.5) for radius in radii)
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        nx, ny = (y0 - y1) / length, (x1 - x0) / length
        sides = [x0 + nx * r0, y0 + ny * r0, x1 + nx * r1, y1 + ny * r1]
        sides += [x1 - nx * r1, y1 - ny * r1, x0 - nx * r0, y0 - ny * r0]
        for layer, paint in self.targets(fill, marks):
            layer.polygon(sides, fill=paint)
            layer.ellipse((x0 - r0, y0 - r0, x0 + r0, y0 + r0), fill=paint)
            layer.ellipse((x1 - r1, y1 - r1, x1 + r1, y1 + r1), fill=paint)

    def chain(self, points, radii, fill: Colour) -> None:
        """Draws limbs from point to point, tapering from radii[0] to radii[1]."""
        widths = np.linspace(radii[0], radii[1], len(points))
        for k in range(len(points) - 1):
            self.limb(points[k], points[k + 1], widths[k : k + 2], fill)
