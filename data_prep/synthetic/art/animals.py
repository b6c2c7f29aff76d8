"""Animals drawn whole, cut out of their background."""

import dataclasses
import functools

import numpy as np
from PIL import Image, ImageChops

from data_prep.synthetic.art.anatomy import ANATOMY, Animal
from data_prep.synthetic.art.bodies import bodied, draw_legs, draw_mane, draw_tail, draw_torso
from data_prep.synthetic.art.colours import shade
from data_prep.synthetic.art.heads import draw_head, draw_horns, eye_of
from data_prep.synthetic.art.markings import draw_marks
from data_prep.synthetic.art.pen import Pen


def draw_animal(pen: Pen, animal: Animal, rng: np.random.Generator) -> tuple[float, float]:
    """Draws one animal part by part, from the far side to the near side; returns its eye."""
    anatomy = ANATOMY[animal.species]
    coat = shade(anatomy.coat, rng.uniform(0.88, 1.12))
    bare = shade(anatomy.skin, rng.uniform(0.92, 1.08)) if anatomy.skin else coat
    body = bodied(anatomy, animal)
    draw_tail(pen, anatomy, body, coat)
    draw_legs(pen, anatomy, animal, True, shade(bare, 0.68))
    draw_legs(pen, anatomy, animal, False, bare)
    draw_torso(pen, anatomy, body, coat)
    neck = bare if anatomy.legs == 2 else coat
    marked = anatomy.pattern in ("stripes", "patches", "brindle")
    pen.limb(body.neck_base, body.poll, anatomy.neck_radii, neck, marks=marked)
    face = shade(coat, 0.6) if anatomy.mane == "beard" else neck
    draw_mane(pen, anatomy, body)
    draw_head(pen, anatomy, body, animal.size, face)
    draw_marks(pen, anatomy, body, rng)
    draw_horns(pen, anatomy, body)
    return eye_of(anatomy, body)


def draw_grass_over(pen: Pen, tall: float, rng: np.random.Generator) -> None:
    """Cuts blades of grass out of the silhouette, so that the ground shows through the feet."""
    reach = pen.origin[0] / pen.scale
    for x in rng.uniform(-reach, reach, int(40 * reach)):
        tip = (x + rng.normal(0, 0.05), tall * rng.uniform(0.4, 1.1))
        (x0, y0, x1, y1) = pen.at([(x, -0.2), tip])
        half = max(0.5, 0.022 * pen.scale)
        pen.outline.polygon((x0 - half, y0, x0 + half, y0, x1, y1), fill=0)


@dataclasses.dataclass(frozen=True)
class Sprite:
    """An animal drawn once; offsets in pixels from the point on the ground below its middle."""

    colour: Image.Image  # RGB
    cover: Image.Image  # L, 255 = animal
    left: float
    up: float
    eye: tuple[float, float]


@functools.lru_cache(maxsize=256)
def sprite(animal: Animal, scale: float, grass: float) -> Sprite:
    """Draws one animal with anti-aliasing; a repeated call returns the same object.

    Args:
        animal: what to draw; its x is not used.
        scale: pixels per metre at the animal's distance.
        grass: height of the grass in metres.
    """
    anatomy = ANATOMY[animal.species]
    rng = np.random.default_rng(animal.seed)
    unit = anatomy.height * animal.size
    over = 3 if scale * unit < 70 else 2  # supersampling
    reach = anatomy.length / 2 + anatomy.neck + anatomy.head + 0.45
    top = 1.3 + (anatomy.neck + anatomy.head if animal.pose != "eating" else 0.45)
    pen = Pen(reach, top, scale * unit * over, animal.facing * animal.turn)
    eye = draw_animal(pen, animal, rng)
    draw_grass_over(pen, grass / unit, rng)
    x0, y0, x1, y1 = pen.cover.getbbox() or (0, 0, over, over)
    box = (x0 // over * over, y0 // over * over, -(-x1 // over) * over, -(-y1 // over) * over)
    colour, cover = pen.colour.crop(box).reduce(over), pen.cover.crop(box).reduce(over)
    colour = ImageChops.multiply(colour, shading(colour.size))
    left, up = ((box[k] - pen.origin[k]) / over for k in (0, 1))
    ex, ey = pen.at([eye])
    return Sprite(
        colour, cover, left, up, ((ex - pen.origin[0]) / over, (ey - pen.origin[1]) / over)
    )


def shading(size: tuple[int, int]) -> Image.Image:
    """Returns light from above: white at the top falling to 62% at the bottom."""
    gradient = Image.linear_gradient("L").point([round(255 - 0.38 * v) for v in range(256)])
    return Image.merge("RGB", [gradient.resize(size)] * 3)
