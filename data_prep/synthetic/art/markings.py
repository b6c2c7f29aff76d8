"""Stripes, spots, patches and bands of a coat."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from data_prep.synthetic.art.anatomy import Anatomy
from data_prep.synthetic.art.bodies import Body
from data_prep.synthetic.art.pen import Pen, along


def stripe_marks(pen: Pen, anatomy: Anatomy, body: Body, draw: ImageDraw.ImageDraw, rng) -> None:
    """Draws a zebra's stripes across body, neck and legs."""
    width = max(1, round(pen.scale * 0.036))
    bars(pen, anatomy, body, draw, rng, -anatomy.length / 2, anatomy.belly, width)
    neck_bars(pen, anatomy, body, draw, width)
    for y in np.arange(0.06, anatomy.belly, 0.07):
        for x in (-anatomy.length * 0.36, anatomy.length * 0.38):
            ends = [(x - 0.3, y), (x + 0.3, y + 0.02)]
            draw.line(pen.at(ends), fill=255, width=max(1, width // 2))


def brindle_marks(pen: Pen, anatomy: Anatomy, body: Body, draw: ImageDraw.ImageDraw, rng) -> None:
    """Draws a wildebeest's faint stripes across shoulder and neck."""
    width = max(1, round(pen.scale * 0.022))
    bars(pen, anatomy, body, draw, rng, anatomy.length / 2 * 0.1, anatomy.belly + 0.25, width)
    neck_bars(pen, anatomy, body, draw, width)


def bars(
    pen: Pen, anatomy: Anatomy, body: Body, draw, rng, start: float, foot: float, width: int
) -> None:
    """Draws leaning bars over the trunk from x = start forwards, down to the height `foot`."""
    half = anatomy.length / 2
    for x in np.arange(start, half * 1.1, 0.085):
        lean = 0.16 * (1 - (x + half) / anatomy.length) + rng.uniform(-0.02, 0.02)
        heights = ((x - lean, 1.1), (x, 0.75), (x + lean * 0.4, foot))
        line = [(along_x, height - body.drop) for along_x, height in heights]
        draw.line(pen.at(line), fill=255, width=width, joint="curve")


def neck_bars(pen: Pen, anatomy: Anatomy, body: Body, draw, width: int) -> None:
    """Draws bars across neck and head, a little thinner than `width`."""
    for step in np.arange(0.05, anatomy.neck + anatomy.head, 0.075):
        if step < anatomy.neck:
            angle, middle = body.neck_angle, along(body.neck_base, body.neck_angle, step)
        else:
            angle = body.head_angle
            middle = along(body.poll, angle, step - anatomy.neck)
        ends = [along(middle, angle + side, 0.25) for side in (90, -90)]
        draw.line(pen.at(ends), fill=255, width=max(1, round(width * 0.8)))


def dot_marks(pen: Pen, anatomy: Anatomy, body: Body, draw: ImageDraw.ImageDraw, rng) -> None:
    """Draws round spots or a giraffe's angular patches over body and neck."""
    patches = anatomy.pattern == "patches"
    spacing, radius = (0.125, 0.062) if patches else (0.095, 0.026)
    half, low = anatomy.length / 2, anatomy.belly - body.drop
    top = max(1.05, body.poll[1] + 0.1) if patches else 1.05
    right = max(half, body.poll[0]) + 0.15
    for row, y in enumerate(np.arange(low, top, spacing)):
        for x in np.arange(-half - 0.05 + (row % 2) * spacing / 2, right, spacing):
            cx, cy = x + rng.normal(0, 0.016), y + rng.normal(0, 0.016)
            if patches:
                angles = np.arange(6) * 60 + rng.uniform(-14, 14, 6)
                draw.polygon(pen.at([along((cx, cy), a, radius * 1.05) for a in angles]), fill=255)
            else:
                px, py = pen.at([(cx, cy)])
                r = max(0.6, radius * pen.scale * rng.uniform(0.7, 1.2))
                draw.ellipse((px - r, py - r, px + r, py + r), fill=255)


def flank_marks(pen: Pen, anatomy: Anatomy, body: Body, draw: ImageDraw.ImageDraw, rng) -> None:
    """Draws the dark band along a gazelle's side."""
    half, y = anatomy.length / 2, anatomy.belly + 0.16 - body.drop
    band = [(half * 0.80, y + 0.03), (0.0, y + 0.005), (-half * 0.72, y + 0.06)]
    draw.line(pen.at(band), fill=255, width=max(1, round(0.105 * pen.scale)), joint="curve")


MARKS = {
    "stripes": stripe_marks,
    "brindle": brindle_marks,
    "spots": dot_marks,
    "patches": dot_marks,
    "flank": flank_marks,
}


def draw_marks(pen: Pen, anatomy: Anatomy, body: Body, rng) -> None:
    """Paints a species' markings on the parts drawn with marks=True."""
    if anatomy.pattern == "plain":
        return
    layer = Image.new("L", pen.cover.size)
    MARKS[anatomy.pattern](pen, anatomy, body, ImageDraw.Draw(layer), rng)
    pen.colour.paste(anatomy.mark, mask=ImageChops.multiply(layer, pen.hide))
