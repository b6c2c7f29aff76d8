"""Trees, bushes, rocks and grass."""

import math

import numpy as np
from PIL import ImageDraw

from data_prep.synthetic.art.camera import Camera
from data_prep.synthetic.art.colours import Colour, mix, shade

WIND_STATES = 4  # drawings of the grass per backdrop; each frame shows one of them


def draw_acacia(
    draw: ImageDraw.ImageDraw, rng, x: float, y: float, metre: float, leaf: Colour, bark: Colour
) -> None:
    """Draws an umbrella tree with its foot at (x, y); `metre` is one metre in pixels."""
    tall, wide = rng.uniform(4.5, 7.5) * metre, rng.uniform(3.0, 5.0) * metre
    fork = (x + rng.normal(0, 0.3) * metre, y - tall * 0.45)
    draw.line([(x, y), fork], fill=bark, width=max(1, round(0.32 * metre)))
    for share in (-0.7, -0.3, 0.25, 0.65):
        tip = (x + wide * share, y - tall * 0.88)
        draw.line([fork, tip], fill=bark, width=max(1, round(0.14 * metre)))
    for _ in range(16):
        cx = x + wide * rng.uniform(-0.85, 0.85)
        cy = y - tall * rng.uniform(0.84, 1.0) + abs(cx - x) * 0.12
        rx, ry = wide * rng.uniform(0.16, 0.36), tall * rng.uniform(0.035, 0.075)
        draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=shade(leaf, rng.uniform(0.8, 1.2)))


def draw_bush(
    draw: ImageDraw.ImageDraw, rng, x: float, y: float, metre: float, leaf: Colour, bark: Colour
) -> None:
    """Draws a low bush."""
    size = rng.uniform(0.4, 1.1) * metre
    for k in range(14):
        cx, cy = x + size * rng.normal(0, 0.55), y - size * rng.uniform(0.15, 0.9) * (1 - k / 30)
        r = size * rng.uniform(0.18, 0.38)
        draw.ellipse(
            (cx - r, cy - r * 0.8, cx + r, min(cy + r * 0.8, y)),
            fill=shade(leaf, rng.uniform(0.75, 1.2)),
        )


def draw_rock(
    draw: ImageDraw.ImageDraw, rng, x: float, y: float, metre: float, leaf: Colour, bark: Colour
) -> None:
    """Draws a boulder."""
    size = rng.uniform(0.3, 0.9) * metre
    angles = np.linspace(0, math.pi, 8)
    radii = size * rng.uniform(0.75, 1.15, 8)
    points = [
        (x + r * 1.3 * math.cos(a), y - r * math.sin(a)) for a, r in zip(angles, radii, strict=True)
    ]
    draw.polygon(points, fill=(132, 126, 120))
    draw.polygon([(px, py + (y - py) * 0.45) for px, py in points], fill=(104, 98, 94))


def draw_plants(rng: np.random.Generator, draw, camera: Camera, over: int, haze: Colour) -> None:
    """Draws trees, bushes and rocks from far to near."""
    kinds = (draw_acacia, draw_bush, draw_rock)
    count = int(rng.integers(4, 11))
    for distance in sorted(np.exp(rng.uniform(math.log(14), math.log(140), count)), reverse=True):
        kind = kinds[rng.choice(3, p=(0.55, 0.33, 0.12))]
        x, y, metre = camera.project(rng.uniform(-0.55, 0.55) * distance * 1.02, distance)
        veil = 1 - math.exp(-distance / 130)
        leaf = mix(mix((72, 88, 46), (104, 106, 62), rng.uniform()), haze, veil)
        kind(draw, rng, x * over, y * over, metre * over, leaf, mix((84, 68, 54), haze, veil))


def draw_grass(draw, camera: Camera, over: int, grass: float, blades, rng, wind: int) -> None:
    """Draws the blades of grass in one state of the wind; same `rng` state, same blades."""
    count = 2600
    share = np.sort(rng.uniform(0, 1, count) ** 0.8)
    rows = camera.horizon + 4 + (camera.height * 1.06 - camera.horizon - 4) * share
    metres = (rows - camera.horizon) / camera.eye  # pixels per metre
    columns = rng.uniform(0, camera.width, count)
    tall = grass * rng.uniform(0.4, 1.3, count) * metres
    sway = 0.22 * np.sin(2 * math.pi * wind / WIND_STATES + columns / camera.width * 9)
    lean = rng.normal(0, 0.28, count) + sway
    colours = rng.integers(0, len(blades), count)
    half = np.maximum(0.5, 0.008 * metres * over)
    for x, y, up, dx, w, c in zip(
        columns * over, rows * over, tall * over, lean, half, colours, strict=True
    ):
        draw.polygon((x - w, y, x + w, y, x + dx * up, y - up), fill=blades[c])
