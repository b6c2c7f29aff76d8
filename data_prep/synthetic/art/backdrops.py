"""What one camera sees when nothing moves."""

import dataclasses

import numpy as np
from PIL import Image, ImageDraw

from data_prep.synthetic.art.camera import Camera, make_camera
from data_prep.synthetic.art.colours import Colour, mix, shade
from data_prep.synthetic.art.light import make_night, make_vignette
from data_prep.synthetic.art.noise import fractal, mirrored
from data_prep.synthetic.art.plants import WIND_STATES, draw_grass, draw_plants

SKIES = (  # colours at the top and at the horizon
    ((86, 142, 210), (198, 219, 236)),
    ((122, 168, 220), (224, 230, 232)),
    ((120, 128, 146), (206, 208, 206)),
    ((160, 180, 200), (232, 226, 212)),
)
GROUNDS = ((190, 166, 108), (168, 150, 92), (120, 132, 66), (150, 142, 84), (176, 140, 100))
GREEN = (98, 128, 54)


@dataclasses.dataclass(frozen=True)
class Backdrop:
    """What one camera sees when nothing moves, by day and in infrared, per state of the wind."""

    camera: Camera
    grass: float  # height in metres
    blades: tuple[Colour, ...]
    haze: Colour
    day: tuple[Image.Image, ...]  # RGB, one per state of the wind
    night: tuple[Image.Image, ...]  # L
    vignette: Image.Image  # L


def make_sky(rng: np.random.Generator, camera: Camera, sky) -> np.ndarray:
    """Returns a sky with clouds, [height, width, 3] float32."""
    depth = np.clip(np.arange(camera.height, dtype=np.float32) / camera.horizon, 0, 1)[
        :, None, None
    ]
    top, low = np.array(sky[0], np.float32), np.array(sky[1], np.float32)
    clear = top + (low - top) * depth
    noise = fractal(rng, (camera.height, camera.width), 2)[..., None]
    clouds = np.clip(noise * 1.6 - rng.uniform(-0.2, 0.7), 0, 1) * 0.85
    return clear + (np.array((246, 246, 244), np.float32) - clear) * clouds


def make_ground(
    rng: np.random.Generator, camera: Camera, colour: Colour, haze: Colour
) -> np.ndarray:
    """Returns ground with texture in perspective, [height, width, 3] float32."""
    tile, patches = (mirrored(fractal(rng, (256, 256), cells)) for cells in (32, 4))
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
    ahead = camera.focal * camera.eye / np.maximum(rows - camera.horizon, 0.5)  # metres
    across = (columns - camera.width / 2) * ahead / camera.focal
    fine = tile[(ahead * 22).astype(int) % 512, (across * 30).astype(int) % 512]
    broad = patches[(ahead * 5).astype(int) % 512, (across * 9).astype(int) % 512]
    fade = np.clip(7 / ahead, 0.15, 1)
    light = 1 + 0.16 * fine * fade + 0.16 * broad
    hazy = np.clip(1 - np.exp(-ahead / 160), 0, 0.75)[..., None]
    base = np.array(colour, np.float32) * light[..., None]
    return base + (np.array(haze, np.float32) - base) * hazy


def draw_hills(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, camera: Camera, over: int, fill
) -> None:
    """Draws a line of distant hills or kopjes on the horizon."""
    x = np.linspace(0, camera.width, 40)
    waves = sum(np.sin(x / camera.width * rng.uniform(2, 14) + rng.uniform(0, 7)) for _ in range(4))
    y = camera.horizon - np.clip(waves + rng.uniform(-1, 1.5), 0, None) * camera.height * 0.018
    line = [(a * over, b * over) for a, b in zip(x, y, strict=True)]
    ends = [(camera.width * over, (camera.horizon + 1) * over), (0, (camera.horizon + 1) * over)]
    draw.polygon(line + ends, fill=fill)


def make_backdrop(seed: list[int], wet: bool, size: tuple[int, int]) -> Backdrop:
    """Draws a camera site.

    Args:
        seed: entropy of the site; the same site has the same seed in every season.
        wet: whether the season is green.
        size: (width, height) in pixels.
    """
    rng = np.random.default_rng(seed)
    camera = make_camera(rng, size)
    over = 2 if size[0] <= 800 else 1  # supersampling
    sky = SKIES[rng.integers(len(SKIES))]
    soil = mix(GROUNDS[rng.integers(len(GROUNDS))], GREEN, 0.45 if wet else 0.0)
    haze, grass = mix(sky[1], soil, 0.25), float(rng.choice((0.07, 0.12, 0.2, 0.32)))
    blades = tuple(shade(mix(soil, (214, 196, 140), k * 0.12), 0.72 + 0.11 * k) for k in range(5))
    land = make_land(rng, camera, over, sky, soil, haze)
    day = []
    for wind in range(WIND_STATES):
        state, same = land.copy(), np.random.default_rng([*seed, 1])
        draw_grass(ImageDraw.Draw(state), camera, over, grass, blades, same, wind)
        day.append(state.reduce(over))
    night = tuple(make_night(picture, camera) for picture in day)
    return Backdrop(camera, grass, blades, haze, tuple(day), night, make_vignette(camera))


def make_land(
    rng: np.random.Generator, camera: Camera, over: int, sky, soil: Colour, haze: Colour
) -> Image.Image:
    """Returns sky, ground, hills and plants, `over` times as large as the camera's pictures."""
    scene = make_sky(rng, camera, sky)
    ground = np.arange(camera.height) > camera.horizon
    scene[ground] = make_ground(rng, camera, soil, haze)[ground]
    land = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))
    land = land.resize((camera.width * over, camera.height * over))
    draw = ImageDraw.Draw(land)
    draw_hills(rng, draw, camera, over, mix((92, 112, 128), haze, rng.uniform(0.3, 0.6)))
    draw_plants(rng, draw, camera, over, haze)
    return land
