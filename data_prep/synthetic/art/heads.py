"""Head of an animal: ears, eye, trunk and what it wears."""

import dataclasses

from data_prep.synthetic.art.anatomy import Anatomy
from data_prep.synthetic.art.bodies import Body
from data_prep.synthetic.art.colours import INK, Colour, shade
from data_prep.synthetic.art.pen import Pen, along


@dataclasses.dataclass(frozen=True)
class Horn:
    """One horn in two straight pieces; angles in degrees from the crown's upward direction."""

    angles: tuple[float, float]
    lengths: tuple[float, float]
    radii: tuple[float, float]
    colour: Colour = INK


HORNS = {
    "hook": tuple(Horn((62 * k, 37 * k), (0.17, 0.14), (0.04, 0.016)) for k in (-1, 1)),
    "boss": tuple(
        Horn((105 * k, 100 * k), (0.22, 0.17), (0.075, 0.02), (112, 104, 94)) for k in (-1, 1)
    ),
    "spike": tuple(Horn((28 + 9 * k, 12), (0.20, 0.20), (0.026, 0.012)) for k in (-1, 1)),
    "lyre": tuple(Horn((28 + 9 * k, 52 + 30 * k), (0.25, 0.25), (0.026, 0.012)) for k in (-1, 1)),
    "ossicone": tuple(
        Horn((12 + 25 * k, 12 + 25 * k), (0.05, 0.04), (0.014, 0.022)) for k in (-1, 1)
    ),
}


def draw_horns(pen: Pen, anatomy: Anatomy, body: Body) -> None:
    """Draws what a species wears on its head: horns, or a casque, tusks, a horn on the nose."""
    up = body.head_angle + 90
    crown = along(body.poll, up, anatomy.head_radii[0] * 0.8)
    for horn in HORNS.get(anatomy.horns, ()):
        bend = along(crown, up + horn.angles[0], horn.lengths[0])
        tip = along(bend, up + horn.angles[1], horn.lengths[1])
        pen.chain([crown, bend, tip], horn.radii, horn.colour)
    if anatomy.horns == "casque":
        pen.limb(crown, along(crown, 95, 0.07), (0.04, 0.015), (150, 100, 60))
        pen.blob(along(body.poll, -70, 0.08), 0.03, (170, 50, 40))
    elif anatomy.horns == "tusk":
        draw_tusks(pen, body)
    elif anatomy.horns == "nose":
        draw_nose_horns(pen, body)


def draw_tusks(pen: Pen, body: Body) -> None:
    """Draws a warthog's tusks."""
    root = along(body.muzzle, body.head_angle + 180, 0.12)
    for gap in (0.0, 0.06):
        bend = along(root, body.head_angle + 30, 0.16 + gap)
        tip = along(bend, body.head_angle + 105, 0.09)
        pen.chain([root, bend, tip], (0.03, 0.012), (236, 228, 206))


def draw_nose_horns(pen: Pen, body: Body) -> None:
    """Draws the two horns of a rhinoceros."""
    up = body.head_angle + 90
    front = along(body.muzzle, up, 0.07)
    pen.limb(front, along(front, up - 8, 0.26), (0.05, 0.012), (92, 86, 80))
    back = along(along(body.muzzle, body.head_angle + 180, 0.13), up, 0.09)
    pen.limb(back, along(back, up, 0.11), (0.04, 0.012), (92, 86, 80))


def draw_trunk(pen: Pen, body: Body, fill: Colour) -> None:
    """Draws an elephant's trunk, tusk and ear."""
    x, y = body.muzzle
    reach = 0.06 * body.neck_angle / 22
    curve = [(x, y), (x + 0.13, y * 0.72), (x + 0.12 + reach, y * 0.38), (x + 0.05 + reach, 0.07)]
    pen.chain(curve, (0.12, 0.045), fill)
    pen.chain(
        [(x - 0.02, y - 0.08), (x + 0.14, y - 0.2), (x + 0.27, y - 0.2)],
        (0.028, 0.014),
        (238, 232, 214),
    )
    ex, ey = body.poll
    ear = [(ex - 0.02, ey + 0.20), (ex - 0.30, ey + 0.22), (ex - 0.36, ey - 0.06)]
    ear += [(ex - 0.20, ey - 0.34), (ex - 0.06, ey - 0.12)]
    pen.shape(ear, shade(fill, 0.80))


def draw_head(pen: Pen, anatomy: Anatomy, body: Body, size: float, fill: Colour) -> None:
    """Draws head, muzzle, ears and eye."""
    radii = [radius * (1.2 if size < 0.8 else 1.0) for radius in anatomy.head_radii]
    pen.limb(body.poll, body.muzzle, radii, fill, marks=anatomy.pattern == "stripes")
    if anatomy.horns == "trunk":
        draw_trunk(pen, body, fill)
    elif anatomy.legs == 4 and anatomy.pattern != "plain":
        pen.blob(body.muzzle, radii[1] * 0.95, shade(fill, 0.45))
    elif anatomy.legs == 4:
        nose = along(body.muzzle, body.head_angle, radii[1] * 0.55)
        pen.blob(nose, min(radii[1] * 0.5, 0.05), shade(fill, 0.5))
    if anatomy.ears:
        draw_ears(pen, anatomy, body, radii[0], shade(fill, 0.83))
    pen.blob(eye_of(anatomy, body), 0.016, INK)


def eye_of(anatomy: Anatomy, body: Body) -> tuple[float, float]:
    """Returns the place of the eye."""
    brow = along(body.poll, body.head_angle, anatomy.head_radii[0] * 0.5)
    return along(brow, body.head_angle + 90, anatomy.head_radii[0] * 0.35)


def draw_ears(pen: Pen, anatomy: Anatomy, body: Body, crown: float, fill: Colour) -> None:
    """Draws two ears behind the brow, which is `crown` above the middle of the head."""
    for side in (0, 1):
        root = along(body.poll, body.head_angle + 115 + 22 * side, crown * 0.9)
        if anatomy.round_ears:
            pen.blob(root, anatomy.ears, fill)
        else:
            tip = along(root, body.head_angle + 140 + 20 * side, anatomy.ears * 1.3)
            pen.limb(root, tip, (anatomy.ears * 0.45, anatomy.ears * 0.15), fill)
