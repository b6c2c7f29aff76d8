"""What there is to photograph, and where."""

import dataclasses
import enum
import string

import numpy as np

from camtrap_tf.core.errors import InputError
from data_prep.synthetic.habits import HABITS

GRID = tuple(
    f"{row}{column:02d}" for row in string.ascii_uppercase[1:22] for column in range(3, 14)
)


class Stream(enum.IntEnum):
    """What random numbers are drawn for; each has numbers of its own."""

    PLAN = 0
    SITE = 1
    SCENE = 2
    FRAME = 3
    VOTES = 4
    GOLD = 5


def require(holds: bool, rule: str, value: object, way_out: str = "Give such a value.") -> None:
    """Raises an InputError where a rule does not hold."""
    if not holds:
        raise InputError(rule, value, way_out)


@dataclasses.dataclass(frozen=True)
class World:
    """What there is to photograph.

    Args:
        events: number of capture events.
        sites: number of camera sites.
        seasons: number of seasons, from season 1; 1 to 11.
        size: (width, height) of the pictures in pixels, 64x48 to 2048x1536.
        empty_share: share of events without an animal, 0 to 1.
        gold_share: share of the animal events that experts label too, 0 to 1.
        seed: the world is a function of it; 0 or more.
        species: names from `HABITS`, the most common first.

    Raises:
        InputError: if a value is outside its range.
    """

    events: int = 600
    sites: int = 12
    seasons: int = 2
    size: tuple[int, int] = (320, 240)
    empty_share: float = 0.75
    gold_share: float = 0.1
    seed: int = 0
    species: tuple[str, ...] = (
        "wildebeest", "zebra", "gazelleThomsons", "buffalo", "giraffe", "elephant",
        "hyenaSpotted", "warthog", "guineaFowl", "lionFemale", "ostrich", "hippopotamus",
    )  # fmt: skip

    def __post_init__(self):
        object.__setattr__(self, "size", tuple(self.size))
        object.__setattr__(self, "species", tuple(self.species))
        require(self.events >= 1, "`events` is at least 1", self.events)
        require(1 <= self.sites <= len(GRID), f"`sites` is 1 to {len(GRID)}", self.sites)
        require(1 <= self.seasons <= 11, "`seasons` is 1 to 11", self.seasons)
        fits = len(self.size) == 2 and 64 <= self.size[0] <= 2048 and 48 <= self.size[1] <= 1536
        require(fits, "`size` is (width, height) from (64, 48) to (2048, 1536)", self.size)
        for name in ("empty_share", "gold_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"`{name}` is a share from 0 to 1", value)
        require(self.seed >= 0, "`seed` is 0 or more", self.seed)
        unknown = [name for name in self.species if name not in HABITS]
        known = ", ".join(HABITS)
        require(not unknown, "`species` are names that can be drawn", unknown, f"Use: {known}.")
        distinct = len(self.species) == len(set(self.species)) > 0
        require(distinct, "`species` holds at least one name and none twice", self.species)

    def entropy(self, stream: Stream, *place: int) -> list[int]:
        """Returns the seed of a random generator, of an event or a site, for example."""
        return [self.seed, int(stream), *place]

    def random(self, stream: Stream, *place: int) -> np.random.Generator:
        """Returns the random generator of `entropy`."""
        return np.random.default_rng(self.entropy(stream, *place))


def site_codes(world: World) -> list[str]:
    """Returns the names of the sites, such as B04, sorted."""
    rng = world.random(Stream.SITE)
    return sorted(GRID[k] for k in rng.choice(len(GRID), world.sites, replace=False))


def site_position(code: str) -> tuple[int, int]:
    """Returns (x, y) in metres, UTM zone 36 south, on the real study's grid."""
    return 695238 + 2110 * (ord(code[0]) - ord("B")), 9729497 - 2217 * (int(code[1:]) - 4)
