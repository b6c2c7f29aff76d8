"""Draws the pictures of the synthetic Serengeti: backgrounds, animals, light, information bar.

Nothing here is a photograph. Animals are drawn from parameters (`ANATOMY`), backgrounds from a
site's random generator. Drawing needs NumPy and Pillow only. Every function is a pure function of
its arguments and of the generator it is given, so the same arguments give the same pixels.

Geometry: a pinhole camera `eye` metres above flat ground. A point on the ground at a distance of
d metres appears `focal * eye / d` pixels below the horizon, and one metre at that distance is
`focal / d` pixels long.
"""

import dataclasses
import datetime
import functools
import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont

Colour = tuple[int, int, int]
POSES = ("standing", "resting", "moving", "eating")
WIND_STATES = 4  # drawings of the grass per backdrop; each frame shows one of them
BAR_SHARE = 98 / 1536  # height of the season 1 information bar
BRAND = "SYNTHETIC"
INFRARED_REACH = 8.0  # metres at which the infrared flash has lost half of its effect
INK = (24, 21, 20)


@dataclasses.dataclass(frozen=True)
class Anatomy:
    """The build of one species. Lengths are in shoulder heights, angles in degrees upwards."""

    height: float  # shoulder height in metres
    coat: Colour
    pattern: str = "plain"  # plain, stripes, patches, spots, flank, brindle
    mark: Colour = INK
    pale: Colour | None = None  # colour of the belly
    skin: Colour | None = None  # colour of the legs (and neck of a bird), default: the coat
    length: float = 1.1
    rump: float = 0.95  # height of the rump
    belly: float = 0.5  # height of the belly
    limb: float = 0.06  # radius of a leg
    legs: int = 4
    neck: float = 0.42
    neck_radii: tuple[float, float] = (0.17, 0.10)
    neck_angle: float = 42
    graze_angle: float = -52
    head: float = 0.30
    head_radii: tuple[float, float] = (0.10, 0.06)
    ears: float = 0.10
    round_ears: bool = False
    horns: str = "none"
    tail: str = "tuft"
    mane: str = "none"


ANATOMY = {
    "wildebeest": Anatomy(
        1.3, (92, 84, 80), "brindle", rump=0.86, belly=0.46, neck=0.34, neck_radii=(0.22, 0.13),
        neck_angle=20, head=0.40, head_radii=(0.12, 0.08), horns="hook", mane="beard",
        skin=(80, 68, 60), tail="horse",
    ),
    "zebra": Anatomy(
        1.3, (232, 228, 218), "stripes", belly=0.47, neck=0.46, neck_radii=(0.20, 0.12),
        head=0.34, head_radii=(0.115, 0.07), mane="crest",
    ),
    "gazelleThomsons": Anatomy(
        0.65, (196, 142, 84), "flank", pale=(242, 238, 228), length=1.05, belly=0.54, limb=0.042,
        neck=0.42, neck_radii=(0.13, 0.08), neck_angle=55, graze_angle=-60, head=0.27,
        head_radii=(0.085, 0.045), horns="spike", tail="flag", skin=(214, 176, 128),
    ),
    "buffalo": Anatomy(
        1.45, (52, 46, 43), length=1.3, belly=0.38, limb=0.08, neck=0.28, neck_radii=(0.27, 0.18),
        neck_angle=8, graze_angle=-48, head=0.36, head_radii=(0.15, 0.10), ears=0.13, horns="boss",
    ),
    "elephant": Anatomy(
        2.7, (124, 118, 113), length=1.1, rump=0.93, belly=0.36, limb=0.115, neck=0.14,
        neck_radii=(0.28, 0.24), neck_angle=22, graze_angle=-12, head=0.12,
        head_radii=(0.21, 0.15), ears=0.0, horns="trunk", tail="thin",
    ),
    "giraffe": Anatomy(
        2.9, (226, 194, 138), "patches", mark=(140, 84, 38), length=0.78, rump=0.80, belly=0.56,
        limb=0.042, neck=0.86, neck_radii=(0.16, 0.06), neck_angle=64, graze_angle=22, head=0.20,
        head_radii=(0.062, 0.036), ears=0.06, horns="ossicone", mane="crest",
    ),
    "warthog": Anatomy(
        0.7, (126, 112, 102), length=1.2, belly=0.40, limb=0.055, neck=0.16,
        neck_radii=(0.26, 0.20), neck_angle=0, graze_angle=-40, head=0.46, head_radii=(0.18, 0.10),
        ears=0.10, horns="tusk", tail="up", mane="crest", mark=(70, 54, 44),
    ),
    "hyenaSpotted": Anatomy(
        0.85, (172, 146, 108), "spots", mark=(62, 48, 38), rump=0.78, belly=0.46, neck=0.38,
        neck_radii=(0.20, 0.14), neck_angle=24, head=0.28, head_radii=(0.13, 0.075), ears=0.09,
        round_ears=True, skin=(120, 98, 76),
    ),
    "lionFemale": Anatomy(
        1.0, (204, 162, 104), pale=(226, 198, 150), length=1.3, belly=0.48, limb=0.075, neck=0.26,
        neck_radii=(0.20, 0.14), neck_angle=28, graze_angle=-48, head=0.22,
        head_radii=(0.155, 0.10), ears=0.075, round_ears=True, tail="long",
    ),
    "ostrich": Anatomy(
        1.3, (38, 34, 35), skin=(196, 160, 140), length=0.78, rump=1.02, belly=0.56, limb=0.042,
        legs=2, neck=0.74, neck_radii=(0.075, 0.045), neck_angle=76, graze_angle=-58, head=0.12,
        head_radii=(0.058, 0.02), ears=0.0, tail="plume",
    ),
    "guineaFowl": Anatomy(
        0.42, (66, 68, 82), "spots", mark=(214, 216, 222), skin=(72, 92, 140), length=1.0,
        rump=0.86, belly=0.34, limb=0.035, legs=2, neck=0.26, neck_radii=(0.12, 0.06),
        neck_angle=64, graze_angle=-50, head=0.14, head_radii=(0.075, 0.03), ears=0.0,
        horns="casque", tail="none",
    ),
    "hippopotamus": Anatomy(
        1.45, (118, 94, 92), pale=(152, 116, 110), length=1.5, belly=0.20, limb=0.11, neck=0.16,
        neck_radii=(0.34, 0.26), neck_angle=-4, graze_angle=-34, head=0.44,
        head_radii=(0.20, 0.20), ears=0.05, round_ears=True, tail="thin",
    ),
    "impala": Anatomy(
        0.9, (176, 98, 54), pale=(232, 214, 190), length=1.05, belly=0.54, limb=0.042,
        neck=0.46, neck_radii=(0.13, 0.08), neck_angle=56, graze_angle=-62, head=0.27,
        head_radii=(0.085, 0.045), horns="lyre", tail="tuft", skin=(196, 138, 92),
    ),
    "cheetah": Anatomy(
        0.8, (222, 180, 112), "spots", pale=(240, 224, 196), length=1.35, belly=0.54, limb=0.058,
        neck=0.26, neck_radii=(0.16, 0.11), neck_angle=34, head=0.17, head_radii=(0.12, 0.07),
        ears=0.055, round_ears=True, tail="long",
    ),
    "lionMale": Anatomy(
        1.1, (196, 154, 98), pale=(216, 186, 138), length=1.35, belly=0.44, limb=0.085, neck=0.24,
        neck_radii=(0.22, 0.18), neck_angle=28, graze_angle=-40, head=0.22,
        head_radii=(0.155, 0.10), ears=0.07, round_ears=True, tail="long", mane="full",
        mark=(92, 58, 34),
    ),
    "rhinoceros": Anatomy(
        1.6, (138, 130, 122), length=1.4, belly=0.34, limb=0.10, neck=0.24,
        neck_radii=(0.28, 0.19), neck_angle=0, graze_angle=-34, head=0.44, head_radii=(0.16, 0.10),
        ears=0.10, horns="nose", tail="thin",
    ),
}  # fmt: skip


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


@dataclasses.dataclass(frozen=True)
class Animal:
    """One animal as it is drawn in one frame."""

    species: str
    pose: str  # one of POSES
    x: float  # metres right of the camera's axis
    distance: float  # metres
    facing: int  # -1 left, 1 right
    turn: float  # apparent share of the body length, 1 = seen from the side
    size: float  # 1 = adult; young are about 0.55
    stride: float  # phase of the gait, radians; also nods the head a little
    seed: int  # fixes coat, proportions and markings of this individual


def smooth(points: np.ndarray, steps: int = 5) -> np.ndarray:
    """Returns a closed Catmull-Rom curve [points * steps, 2] through points [points, 2]."""
    before, after, next_but_one = (np.roll(points, k, axis=0)[:, None] for k in (1, -1, -2))
    here = points[:, None]
    t = (np.arange(steps) / steps)[None, :, None]
    linear = after - before
    square = 2 * before - 5 * here + 4 * after - next_but_one
    cube = 3 * here - before - 3 * after + next_but_one
    return (here + 0.5 * t * (linear + t * (square + t * cube))).reshape(-1, 2)


def shade(colour: Colour, gain: float) -> Colour:
    """Returns the colour made brighter (gain > 1) or darker (gain < 1)."""
    red, green, blue = (max(0, min(255, round(channel * gain))) for channel in colour)
    return red, green, blue


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
        low = points[[6, 7, 8]] + (0, 0.0)
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


def stripe_marks(pen: Pen, anatomy: Anatomy, body: Body, draw: ImageDraw.ImageDraw, rng) -> None:
    """Draws stripes across body, neck and legs (zebra, and fainter as a brindle)."""
    brindle = anatomy.pattern == "brindle"
    width = max(1, round(pen.scale * (0.022 if brindle else 0.036)))
    half = anatomy.length / 2
    for x in np.arange(half * 0.1 if brindle else -half, half * 1.1, 0.085):
        lean = 0.16 * (1 - (x + half) / anatomy.length) + rng.uniform(-0.02, 0.02)
        foot = anatomy.belly + (0.25 if brindle else 0.0)
        line = [
            (x - lean, 1.1 - body.drop),
            (x, 0.75 - body.drop),
            (x + lean * 0.4, foot - body.drop),
        ]
        draw.line(pen.at(line), fill=255, width=width, joint="curve")
    for step in np.arange(0.05, anatomy.neck + anatomy.head, 0.075):
        on_neck = step < anatomy.neck
        origin, angle = (
            (body.neck_base, body.neck_angle) if on_neck else (body.poll, body.head_angle)
        )
        middle = along(origin, angle, step if on_neck else step - anatomy.neck)
        reach = 0.25
        ends = [along(middle, angle + 90, reach), along(middle, angle - 90, reach)]
        draw.line(pen.at(ends), fill=255, width=max(1, round(width * 0.8)))
    for y in () if brindle else np.arange(0.06, anatomy.belly, 0.07):
        for x in (-anatomy.length * 0.36, anatomy.length * 0.38):
            draw.line(
                pen.at([(x - 0.3, y), (x + 0.3, y + 0.02)]), fill=255, width=max(1, width // 2)
            )


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
    "brindle": stripe_marks,
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


SKIES = (  # colours at the top and at the horizon
    ((86, 142, 210), (198, 219, 236)),
    ((122, 168, 220), (224, 230, 232)),
    ((120, 128, 146), (206, 208, 206)),
    ((160, 180, 200), (232, 226, 212)),
)
GROUNDS = ((190, 166, 108), (168, 150, 92), (120, 132, 66), (150, 142, 84), (176, 140, 100))
GREEN = (98, 128, 54)


def mix(first, second, share: float) -> Colour:
    """Returns a colour between two: share 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def fractal(rng: np.random.Generator, shape: tuple[int, int], cells: int = 3) -> np.ndarray:
    """Returns smooth noise [rows, columns] float32, about -1 to 1, over five octaves."""
    total = np.zeros(shape, np.float32)
    for octave in range(5):
        n = cells * 2**octave
        coarse = Image.fromarray(rng.uniform(-1, 1, (n, n)).astype(np.float32))
        total += (
            np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)) / 2**octave
        )
    return total / 1.5


def mirrored(tile: np.ndarray) -> np.ndarray:
    """Returns a tile twice as high and wide that repeats without a seam."""
    return np.block([[tile, tile[:, ::-1]], [tile[::-1], tile[::-1, ::-1]]])


def make_camera(rng: np.random.Generator, size: tuple[int, int]) -> Camera:
    """Returns a site's camera: about 54 degrees wide, on a pole about one metre high."""
    width, height = size
    horizon = height * rng.uniform(0.32, 0.44)
    return Camera(width, height, 0.98 * width, horizon, rng.uniform(0.9, 1.2))


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


def make_backdrop(seed: list[int], wet: bool, size: tuple[int, int]) -> Backdrop:
    """Draws a camera site.

    Args:
        seed: entropy of the site; the same site has the same seed in every season.
        wet: whether the season is green.
        size: (width, height) in pixels.
    """
    rng = np.random.default_rng(seed)
    camera = make_camera(rng, size)
    over = 2 if size[0] <= 800 else 1
    sky = SKIES[rng.integers(len(SKIES))]
    soil = mix(GROUNDS[rng.integers(len(GROUNDS))], GREEN, 0.45 if wet else 0.0)
    haze, grass = mix(sky[1], soil, 0.25), float(rng.choice((0.07, 0.12, 0.2, 0.32)))
    blades = tuple(shade(mix(soil, (214, 196, 140), k * 0.12), 0.72 + 0.11 * k) for k in range(5))
    scene = make_sky(rng, camera, sky)
    ground = np.arange(camera.height) > camera.horizon
    scene[ground] = make_ground(rng, camera, soil, haze)[ground]
    canvas = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).resize(
        [v * over for v in size]
    )
    draw = ImageDraw.Draw(canvas)
    draw_hills(rng, draw, camera, over, mix((92, 112, 128), haze, rng.uniform(0.3, 0.6)))
    draw_plants(rng, draw, camera, over, haze)
    day = []
    for wind in range(WIND_STATES):
        state = canvas.copy()
        draw_grass(
            ImageDraw.Draw(state),
            camera,
            over,
            grass,
            blades,
            np.random.default_rng([*seed, 1]),
            wind,
        )
        day.append(state.reduce(over))
    night = tuple(make_night(picture, camera) for picture in day)
    return Backdrop(camera, grass, blades, haze, tuple(day), night, make_vignette(camera))


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


@functools.lru_cache(maxsize=4)
def noise_pool(width: int, height: int) -> np.ndarray:
    """Returns sensor noise [height + 64, width + 64] float32 of standard deviation 1."""
    return np.random.default_rng(0).standard_normal((height + 64, width + 64), np.float32)


def add_noise(picture: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    """Returns the picture with grey noise of the given standard deviation added."""
    row, column = rng.integers(0, 64, 2)
    noise = noise_pool(*picture.size)[row : row + picture.height, column : column + picture.width]
    noise = (noise * deviation).astype(np.int16)
    pixels = np.asarray(picture).astype(np.int16)
    pixels += noise[..., None] if pixels.ndim == 3 else noise
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


def paste_shadow(picture: Image.Image, x: float, y: float, art: Sprite, light: Light) -> None:
    """Darkens the ground under an animal that stands at (x, y)."""
    width = max(3, round(art.cover.width * (0.8 + 0.3 * abs(light.sun))))
    height = max(2, round(art.cover.height * 0.13))
    dark = [max(0, round(255 * light.shadow - v * light.shadow * 1.5)) for v in range(256)]
    mask = Image.radial_gradient("L").point(dark).resize((width, height))
    left = round(x - width / 2 - light.sun * art.cover.height * 0.25)
    picture.paste((24, 22, 14), (left, round(y - height * 0.55)), mask)


def paste_animal(picture: Image.Image, animal: Animal, backdrop: Backdrop, light: Light) -> None:
    """Draws one animal into a picture (RGB by day, L by night)."""
    x, y, scale = backdrop.camera.project(animal.x, animal.distance)
    art = sprite(dataclasses.replace(animal, x=0.0), scale, backdrop.grass)
    corner = (round(x + art.left), round(y + art.up))
    if light.night:
        gain = 1.55 * falloff(animal.distance)
        grey = art.colour.convert("L").point([min(250, round(v * gain + 5)) for v in range(256)])
        picture.paste(grey, corner, art.cover)
        ex, ey, r = x + art.eye[0], y + art.eye[1], max(0.5, 0.02 * scale)
        ImageDraw.Draw(picture).ellipse((ex - r, ey - r, ex + r, ey + r), fill=255)
        return
    paste_shadow(picture, x, y, art, light)
    veil = 1 - math.exp(-animal.distance / 130)
    colour = Image.blend(art.colour, Image.new("RGB", art.colour.size, backdrop.haze), veil)
    picture.paste(colour, corner, art.cover)


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
