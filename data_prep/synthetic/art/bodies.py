"""Trunk, legs, tail and mane of an animal."""

import dataclasses
import math

import numpy as np

from data_prep.synthetic.art.anatomy import Anatomy, Animal
from data_prep.synthetic.art.colours import INK, Colour, shade
from data_prep.synthetic.art.pen import Pen, along


@dataclasses.dataclass(frozen=True)
class Body:
    """Where the parts of one animal are in one frame, in shoulder heights."""

    withers: float  # x of the fore legs; the hind legs are at -withers
    neck_base: tuple[float, float]
    poll: tuple[float, float]  # where the neck meets the head
    neck_angle: float
    head_angle: float
    muzzle: tuple[float, float]
    drop: float  # how far a lying body is below its standing height


def bodied(anatomy: Anatomy, animal: Animal) -> Body:
    """Returns the joints of an animal in its pose."""
    drop = anatomy.belly * 0.86 if animal.pose == "resting" else 0.0
    eating = animal.pose == "eating"
    nod = 4 * math.sin(animal.stride)
    neck_angle = (anatomy.graze_angle if eating else anatomy.neck_angle) + nod
    head_angle = neck_angle - (20 if eating else 62) if anatomy.legs == 4 else nod - 12
    head_angle = max(min(head_angle, -8), -82 if eating else -42)
    neck_base = (anatomy.length * 0.40, 0.84 - anatomy.neck_radii[0] * 0.35 - drop)
    poll = along(neck_base, neck_angle, anatomy.neck)
    head = anatomy.head * (1.25 if animal.size < 0.8 else 1.0)
    muzzle = along(poll, head_angle, head)
    if muzzle[1] < 0.07:  # a mouth does not go below the ground
        muzzle = (muzzle[0], 0.07)
    return Body(anatomy.length * 0.36, neck_base, poll, neck_angle, head_angle, muzzle, drop)


def draw_legs(pen: Pen, anatomy: Anatomy, animal: Animal, far: bool, fill: Colour) -> None:
    """Draws the legs of one side: stretched, striding or folded under a lying body."""
    swing = (0.30 if animal.pose == "moving" else 0.05) * math.sin(animal.stride)
    swing *= -1 if far else 1
    offset = 0.09 if far else 0.0
    hips = (0.02,) if anatomy.legs == 2 else (anatomy.length * 0.36, -anatomy.length * 0.38)
    for k, hip in enumerate(hips):
        if animal.pose == "resting":
            knee = (hip + 0.20, anatomy.limb)
            pen.limb(
                (hip - 0.1, anatomy.limb * 1.4), knee, (anatomy.limb * 1.7, anatomy.limb), fill
            )
            continue
        step = swing * (1 if k == 0 else -0.9) * min(1.0, anatomy.belly * 2)
        top = (hip + offset * 0.6, anatomy.belly + 0.10)
        knee = (hip + offset + step * 0.45 + (0.02 if k == 0 else -0.05), anatomy.belly * 0.52)
        foot = (hip + offset + step, anatomy.limb * 0.5)
        thigh = anatomy.limb * (1.9 if k else 1.5)
        pen.limb(top, knee, (thigh, anatomy.limb), fill, marks=anatomy.pattern == "stripes")
        pen.limb(
            knee, foot, (anatomy.limb, anatomy.limb * 0.72), fill, anatomy.pattern == "stripes"
        )


def draw_torso(pen: Pen, anatomy: Anatomy, body: Body, fill: Colour) -> None:
    """Draws the trunk of the body and, on species that have one, its pale belly."""
    half, rump, belly = anatomy.length / 2, anatomy.rump, anatomy.belly
    points = np.array(
        [
            (-half, rump - 0.16),
            (-half * 0.78, rump),
            (0.0, (1 + rump) / 2 - 0.025),
            (half * 0.62, 1.0),
            (half * 0.98, 0.86),
            (half * 1.06, 0.70),
            (half * 0.80, belly + 0.02),
            (0.0, belly - 0.03),
            (-half * 0.62, belly + 0.05),
            (-half * 0.95, belly + 0.14),
        ]
    ) - (0, body.drop)
    pen.shape(points, fill, marks=True)
    if anatomy.pale:
        low = points[[6, 7, 8]]
        high = points[[8, 7, 6]] + (0, (0.95 - belly) * 0.24)
        pen.shape(np.concatenate([low, high]), anatomy.pale)


def draw_tail(pen: Pen, anatomy: Anatomy, body: Body, fill: Colour) -> None:
    """Draws the tail from the top of the rump."""
    x, y = -anatomy.length / 2 + 0.02, anatomy.rump - 0.10 - body.drop
    floor = max(0.05, y - 0.62)
    if anatomy.tail == "up":
        pen.chain([(x, y), (x - 0.04, y + 0.25), (x - 0.02, y + 0.48)], (0.02, 0.03), INK)
    elif anatomy.tail == "plume":
        pen.shape([(x + 0.1, y), (x - 0.16, y + 0.1), (x - 0.2, y - 0.12)], (226, 222, 212))
    elif anatomy.tail == "flag":
        pen.chain([(x, y), (x - 0.10, y - 0.06), (x - 0.12, y - 0.22)], (0.035, 0.03), INK)
    elif anatomy.tail == "long":
        tip = (x - 0.26, max(0.08, floor))
        pen.chain([(x, y), (x - 0.16, y - 0.22), tip], (0.045, 0.028), fill)
        pen.blob(tip, 0.05, shade(fill, 0.4))
    elif anatomy.tail != "none":
        thick = 0.07 if anatomy.tail == "horse" else 0.04
        pen.chain([(x, y), (x - 0.05, y - 0.3), (x - 0.04, floor)], (0.022, 0.022), fill)
        if anatomy.tail != "thin":
            pen.limb((x - 0.05, (y + floor) / 2), (x - 0.04, floor), (0.03, thick), INK)


def draw_mane(pen: Pen, anatomy: Anatomy, body: Body) -> None:
    """Draws a crest along the neck, a beard below it or a lion's mane around it."""
    radius = anatomy.neck_radii[0]
    if anatomy.mane == "full":
        middle = along(body.neck_base, body.neck_angle, anatomy.neck * 0.55)
        pen.blob(middle, radius * 1.4, anatomy.mark)
        pen.blob(along(middle, -80, 0.12), radius * 1.15, shade(anatomy.mark, 0.8))
    if anatomy.mane in ("crest", "beard"):
        root = along(body.neck_base, body.neck_angle + 90, radius * 0.9)
        end = along(body.poll, body.neck_angle + 90, anatomy.neck_radii[1])
        pen.limb(root, end, (0.035, 0.045), shade(anatomy.mark, 0.9))
    if anatomy.mane == "beard":
        root, end = (along(p, body.neck_angle - 90, 0.15) for p in (body.neck_base, body.poll))
        pen.limb(root, end, (0.05, 0.07), INK)
