"""Frames: animals and light in front of a backdrop, and the information bar below."""

import dataclasses
import datetime
import functools
import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

from data_prep.synthetic.art.anatomy import Animal
from data_prep.synthetic.art.animals import Sprite, sprite
from data_prep.synthetic.art.backdrops import Backdrop
from data_prep.synthetic.art.colours import shade
from data_prep.synthetic.art.light import Light, falloff
from data_prep.synthetic.art.noise import add_noise

BAR_SHARE = 98 / 1536  # height of the season 1 information bar
BRAND = "SYNTHETIC"


def paste_shadow(picture: Image.Image, x: float, y: float, drawn: Sprite, light: Light) -> None:
    """Darkens the ground under an animal that stands at (x, y)."""
    width = max(3, round(drawn.cover.width * (0.8 + 0.3 * abs(light.sun))))
    height = max(2, round(drawn.cover.height * 0.13))
    dark = [max(0, round(255 * light.shadow - v * light.shadow * 1.5)) for v in range(256)]
    mask = Image.radial_gradient("L").point(dark).resize((width, height))
    left = round(x - width / 2 - light.sun * drawn.cover.height * 0.25)
    picture.paste((24, 22, 14), (left, round(y - height * 0.55)), mask)


def paste_animal(picture: Image.Image, animal: Animal, backdrop: Backdrop, light: Light) -> None:
    """Draws one animal into a picture (RGB by day, L by night)."""
    x, y, scale = backdrop.camera.project(animal.x, animal.distance)
    drawn = sprite(dataclasses.replace(animal, x=0.0), scale, backdrop.grass)
    corner = (round(x + drawn.left), round(y + drawn.up))
    if light.night:
        gain = 1.55 * falloff(animal.distance)
        grey = drawn.colour.convert("L").point([min(250, round(v * gain + 5)) for v in range(256)])
        picture.paste(grey, corner, drawn.cover)
        ex, ey, r = x + drawn.eye[0], y + drawn.eye[1], max(0.5, 0.02 * scale)
        ImageDraw.Draw(picture).ellipse((ex - r, ey - r, ex + r, ey + r), fill=255)
        return
    paste_shadow(picture, x, y, drawn, light)
    veil = 1 - math.exp(-animal.distance / 130)
    colour = Image.blend(drawn.colour, Image.new("RGB", drawn.colour.size, backdrop.haze), veil)
    picture.paste(colour, corner, drawn.cover)


def paste_near_grass(
    picture: Image.Image, backdrop: Backdrop, rng: np.random.Generator, wind: int
) -> None:
    """Draws blades of grass just in front of the camera, moved by the wind."""
    draw, camera = ImageDraw.Draw(picture), backdrop.camera
    metre = camera.height * 0.55
    for x in rng.uniform(0, camera.width, int(rng.integers(0, 26))):
        up = backdrop.grass * metre * rng.uniform(0.5, 1.3)
        dx = (rng.normal(0, 0.25) + 0.3 * math.sin(wind * 1.6 + x)) * up
        fill = shade(backdrop.blades[rng.integers(5)], 0.9)
        if picture.mode == "L":
            fill = min(255, round(sum(fill) / 3 * 1.2))
        base, half = camera.height * rng.uniform(0.93, 1.05), max(0.6, metre * 0.007)
        draw.polygon((x - half, base, x + half, base, x + dx, base - up), fill=fill)


def draw_frame(
    backdrop: Backdrop, animals: list[Animal], light: Light, wind: int, near_seed: list[int], rng
) -> Image.Image:
    """Returns one picture (RGB) without its information bar.

    Args:
        backdrop: the site.
        animals: what stands in front of it, in any order.
        light: of the event.
        wind: state of the grass, 0 to WIND_STATES - 1.
        near_seed: entropy of the blades in front of the lens; the same within an event.
        rng: random generator of this frame's noise.
    """
    picture = (backdrop.night if light.night else backdrop.day)[wind].copy()
    for animal in sorted(animals, key=lambda one: -one.distance):
        paste_animal(picture, animal, backdrop, light)
    paste_near_grass(picture, backdrop, np.random.default_rng(near_seed), wind)
    if light.night:
        picture = ImageChops.multiply(picture, backdrop.vignette)
        picture = picture.point([min(255, round(v * light.gains[0])) for v in range(256)])
        return add_noise(picture, 5.0, rng).convert("RGB")
    if light.clouds is not None:
        drift = Image.fromarray(np.roll(light.clouds, int(rng.integers(2)), axis=1))
        field = drift.resize(picture.size, Image.Resampling.BICUBIC)
        picture = ImageChops.multiply(picture, Image.merge("RGB", [field] * 3))
    table = [min(255, round(v * gain)) for gain in light.gains for v in range(256)]
    return add_noise(picture.point(table), 3.0, rng)


@functools.lru_cache(maxsize=4)
def bar_font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns the font of an information bar of this height in pixels."""
    return ImageFont.load_default(max(6, round(height * 0.72)))


def draw_bar(picture: Image.Image, when: datetime.datetime) -> None:
    """Draws the full-width white bar of season 1 over the bottom: brand, date and time."""
    width, height = picture.size
    top = height - max(8, round(height * BAR_SHARE))
    draw, font = ImageDraw.Draw(picture), bar_font(height - top)
    draw.rectangle((0, top, width, height), fill=(255, 255, 255))
    middle = (top + height) / 2
    draw.text((width * 0.01, middle), BRAND, fill=(0, 0, 0), font=font, anchor="lm")
    stamp = when.strftime("%m-%d-%Y  %H:%M:%S")
    draw.text((width * 0.985, middle), stamp, fill=(0, 0, 0), font=font, anchor="rm")
