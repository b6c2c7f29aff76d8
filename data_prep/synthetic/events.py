"""The plan: which camera takes a picture of what, and when."""

import collections
import dataclasses
import datetime
import itertools
from collections.abc import Iterator

import numpy as np

from data_prep.synthetic.habits import HABITS
from data_prep.synthetic.world import Stream, World, require, site_codes

_TAIL = 0.64  # each species is 0.64 times as common as the one before it
_TWO_SPECIES = 0.05  # share of animal events with two species
_FRAMES = ((3, 0.85), (2, 0.05), (1, 0.10))  # frames of a burst and their share
_OPENING = datetime.datetime(2010, 7, 18)  # first day of season 1
_SEASON_DAYS = 180
_FIRST_EVENT = int("0002kjh", 36)  # the release's first identifier is ASG0002kjh


@dataclasses.dataclass(frozen=True)
class Roll:
    """One deployment of a memory card at a site."""

    site: int
    season: int  # from 1
    number: int  # from 1
    start: datetime.date
    days: int


@dataclasses.dataclass(frozen=True)
class Event:
    """One planned capture event."""

    index: int  # in order of season, site, roll and time
    name: str  # CaptureEventID
    roll: Roll
    code: str  # name of the site, as B04
    first: int  # number of the first picture on the roll
    frames: int
    when: datetime.datetime
    species: tuple[str, ...]  # empty, one or two

    @property
    def paths(self) -> list[str]:
        """URL_Info of each frame."""
        season, roll = f"S{self.roll.season}", f"{self.code}_R{self.roll.number}"
        numbers = range(self.first, self.first + self.frames)
        return [f"{season}/{self.code}/{roll}/{season}_{roll}_PICT{n:04d}.JPG" for n in numbers]


def quotas(total: int, species: tuple[str, ...]) -> list[str]:
    """Returns `total` names in long-tailed numbers, every species once where there is room.

    >>> quotas(5, ("zebra", "giraffe"))
    ['zebra', 'zebra', 'zebra', 'giraffe', 'giraffe']
    """
    shares = _TAIL ** np.arange(len(species))
    spare = max(total - len(species), 0)
    numbers = np.diff(np.round(np.cumsum(shares) / shares.sum() * spare), prepend=0).astype(int)
    names = [name for name, n in zip(species, numbers, strict=True) for _ in range(n + 1)]
    return names[:total]


def occupants(world: World, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Returns the species of every event in random order; () for an empty event."""
    animals = world.events - round(world.events * world.empty_share)
    found = [(name,) for name in quotas(animals, world.species)]
    double = rng.permutation(animals)[: round(animals * _TWO_SPECIES)]
    for k in double if len(world.species) > 1 else ():
        others = [name for name in world.species[:6] if name not in found[k]]
        found[k] += (others[rng.integers(len(others))],)
    found += [()] * (world.events - animals)
    return [found[k] for k in rng.permutation(world.events)]


def deployments(world: World, rng: np.random.Generator) -> list[Roll]:
    """Returns two or three deployments per site and season, with gaps between them."""
    rolls = []
    for season, site in itertools.product(range(1, world.seasons + 1), range(world.sites)):
        day = _OPENING.date() + datetime.timedelta(days=(season - 1) * _SEASON_DAYS)
        for number in range(1, int(rng.integers(2, 4)) + 1):
            day += datetime.timedelta(days=int(rng.integers(1, 12)))
            days = int(rng.integers(30, 45))
            rolls.append(Roll(site, season, number, day, days))
            day += datetime.timedelta(days=days)
    return rolls


def hour_of(species: tuple[str, ...], rng: np.random.Generator) -> float:
    """Returns a random hour of the day; empty events cluster in the heat of the day."""
    nights = HABITS[species[0]].nights if species else 0.25
    if rng.uniform() < nights:
        return (19.2 + rng.uniform(0, 10.4)) % 24
    return float(rng.normal(13, 2.4)) % 24 if not species else 6.4 + 11.8 * float(rng.uniform())


def plan(world: World) -> tuple[list[Event], list[Roll]]:
    """Returns the capture events, in the order of their paths, and the deployments."""
    rng = world.random(Stream.PLAN)
    rolls, codes = deployments(world, rng), site_codes(world)
    used: collections.Counter[int] = collections.Counter()
    events = []
    for index, (k, when, frames, species) in enumerate(sorted(_drafts(world, rolls, rng))):
        code, first = codes[rolls[k].site], used[k] + 1
        name = "ASG" + np.base_repr(_FIRST_EVENT + index, 36).lower().zfill(7)
        events.append(Event(index, name, rolls[k], code, first, frames, when, species))
        used[k] += frames
    rule = "a memory card holds at most 9,999 pictures"
    require(max(used.values()) <= 9999, rule, max(used.values()), "Ask for more sites or seasons.")
    return events, rolls


def _drafts(
    world: World, rolls: list[Roll], rng: np.random.Generator
) -> Iterator[tuple[int, datetime.datetime, int, tuple[str, ...]]]:
    """Yields position of the roll, time, number of frames and species of each event."""
    busy = rng.dirichlet(np.full(len(rolls), 3.0))
    choice = rng.choice(len(rolls), world.events, p=busy)
    for species, k in zip(occupants(world, rng), choice, strict=True):
        seconds = round(rng.integers(rolls[k].days) * 86400 + hour_of(species, rng) * 3600)
        start = datetime.datetime.combine(rolls[k].start, datetime.time())
        when = start + datetime.timedelta(seconds=int(seconds))
        frames = int(rng.choice([n for n, _ in _FRAMES], p=[share for _, share in _FRAMES]))
        yield int(k), when, frames, species
