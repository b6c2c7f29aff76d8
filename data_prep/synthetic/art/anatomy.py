"""How each species is built, and one animal as it is drawn."""

import dataclasses

from data_prep.synthetic.art.colours import INK, Colour

POSES = ("standing", "resting", "moving", "eating")


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
