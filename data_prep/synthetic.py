"""A synthetic Serengeti: drawn pictures with metadata in the format of the Dryad release.

Nothing it writes is a photograph and none of its numbers is a field result: it exists so that the
demo and the tests can run the whole chain, from metadata to report, without a download. Every
picture says SYNTHETIC in its information bar and in its EXIF. What it shares with the real data is
what makes them hard: bursts of one to three frames labelled as a whole, 75% empty events, a long
tail of species, infrared nights, sites with their own background, volunteers who disagree, and
frames of an animal event on which no animal is to be seen.

Everything follows from `World`: the same World gives the same bytes, whatever the number of
processes (with the same versions of NumPy and Pillow).

    synthetic.write(synthetic.World(), "serengeti")  # 600 events, 1,630 pictures
"""

import bisect
import collections
import concurrent.futures
import csv
import dataclasses
import datetime
import functools
import itertools
import json
import math
import multiprocessing
import os
import string
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from camtrap_tf import artifacts
from camtrap_tf.errors import InputError
from data_prep import synthetic_art as art
from data_prep.consensus import pielou

RECIPE = 1  # raise it when a change alters what is written for the same World
COUNT_BINS = (*(str(n) for n in range(1, 11)), "11-50", "51+")
BEHAVIOURS = ("Standing", "Resting", "Moving", "Eating", "Interacting")
CONSENSUS_COLUMNS = (
    "CaptureEventID", "NumImages", "DateTime", "SiteID", "LocationX", "LocationY", "NumSpecies",
    "Species", "Count", *BEHAVIOURS, "Babies", "NumClassifications", "NumVotes", "NumBlanks",
    "Evenness",
)  # fmt: skip
GOLD_COLUMNS = ("CaptureEventID", "NumSpecies", "Species", "Count")
TRUTH_COLUMNS = ("CaptureEventID", "frame", "URL_Info", "animals", "species", "babies", "night")
ARTIFACT, MARKER, UNFINISHED = "synthetic world", "world.json", "world.unfinished.json"
TABLES = (
    "consensus_data.csv", "all_images.csv", "gold_standard_data.csv", "search_effort.csv",
    "truth.csv",
)  # fmt: skip

# Streams of random numbers: default_rng([seed, stream, index]).
_PLAN, _SITE, _SCENE, _FRAME, _VOTES, _GOLD = range(6)

_TAIL = 0.64  # each species is 0.64 times as common as the one before it
_TWO_SPECIES = 0.05  # share of animal events with two species
_PASSING = 0.33  # share of bursts that animals enter or leave between two frames
_FRAMES = ((3, 0.85), (2, 0.05), (1, 0.10))  # frames of a burst and their share
_OPENING = datetime.datetime(2010, 7, 18)  # first day of season 1
_SEASON_DAYS = 180
_FIRST_EVENT = int("0002kjh", 36)  # the release's first identifier is ASG0002kjh


@dataclasses.dataclass(frozen=True)
class Habits:
    """How a species lives, as far as a camera notices."""

    behaviours: tuple[float, float, float, float, float]  # weights, in the order of BEHAVIOURS
    herd: tuple[float, float, float, float, float]  # weights of 1, 2-4, 5-10, 11-50, 51-75 animals
    nights: float  # share of events at night
    young: float  # share of events of two animals or more with young
    alike: tuple[str, ...]  # what volunteers mistake it for


_GRAZING, _BROWSING = (0.22, 0.06, 0.22, 0.44, 0.06), (0.34, 0.03, 0.25, 0.34, 0.04)
_HUNTING, _LAZY = (0.22, 0.12, 0.52, 0.06, 0.08), (0.14, 0.56, 0.18, 0.04, 0.08)
_PECKING = (0.18, 0.03, 0.39, 0.37, 0.03)
_HERD, _FAMILY = (0.28, 0.30, 0.20, 0.18, 0.04), (0.42, 0.42, 0.13, 0.03, 0.0)
_LONER, _FLOCK = (0.80, 0.19, 0.01, 0.0, 0.0), (0.14, 0.22, 0.34, 0.29, 0.01)

HABITS = {
    "wildebeest": Habits(_GRAZING, _HERD, 0.22, 0.14, ("buffalo", "hartebeest", "topi")),
    "zebra": Habits(_GRAZING, _HERD, 0.20, 0.14, ("wildebeest",)),
    "gazelleThomsons": Habits(_GRAZING, _HERD, 0.06, 0.08, ("gazelleGrants", "impala")),
    "buffalo": Habits(_GRAZING, _HERD, 0.40, 0.14, ("wildebeest", "eland")),
    "elephant": Habits(_BROWSING, _FAMILY, 0.30, 0.36, ("rhinoceros", "buffalo")),
    "giraffe": Habits(_BROWSING, _FAMILY, 0.12, 0.12, ("eland",)),
    "warthog": Habits(_GRAZING, _FAMILY, 0.02, 0.24, ("hyenaSpotted", "porcupine")),
    "hyenaSpotted": Habits(_HUNTING, _LONER, 0.70, 0.06, ("lionFemale", "hyenaStriped")),
    "lionFemale": Habits(_LAZY, _FAMILY, 0.45, 0.22, ("lionMale", "hyenaSpotted")),
    "ostrich": Habits(_PECKING, _FAMILY, 0.02, 0.10, ("koriBustard", "secretaryBird")),
    "guineaFowl": Habits(_PECKING, _FLOCK, 0.02, 0.06, ("otherBird",)),
    "hippopotamus": Habits(_GRAZING, _LONER, 0.85, 0.10, ("elephant", "rhinoceros")),
    "impala": Habits(_GRAZING, _HERD, 0.15, 0.10, ("gazelleGrants", "gazelleThomsons")),
    "cheetah": Habits(_LAZY, _LONER, 0.08, 0.25, ("leopard", "serval")),
    "lionMale": Habits(_LAZY, _LONER, 0.45, 0.05, ("lionFemale",)),
    "rhinoceros": Habits(_GRAZING, _LONER, 0.40, 0.25, ("elephant", "hippopotamus")),
}


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
        _check(self.events >= 1, "`events` is at least 1", self.events)
        _check(1 <= self.sites <= len(GRID), f"`sites` is 1 to {len(GRID)}", self.sites)
        _check(1 <= self.seasons <= 11, "`seasons` is 1 to 11", self.seasons)
        fits = len(self.size) == 2 and 64 <= self.size[0] <= 2048 and 48 <= self.size[1] <= 1536
        _check(fits, "`size` is (width, height) from (64, 48) to (2048, 1536)", self.size)
        for name in ("empty_share", "gold_share"):
            value = getattr(self, name)
            _check(0 <= value <= 1, f"`{name}` is a share from 0 to 1", value)
        _check(self.seed >= 0, "`seed` is 0 or more", self.seed)
        unknown = [name for name in self.species if name not in HABITS]
        known = ", ".join(HABITS)
        _check(not unknown, "`species` are names that can be drawn", unknown, f"Use: {known}.")
        distinct = len(self.species) == len(set(self.species)) > 0
        _check(distinct, "`species` holds at least one name and none twice", self.species)


def _check(holds: bool, rule: str, value: object, way_out: str = "Give such a value.") -> None:
    if not holds:
        raise InputError(rule, value, way_out)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What was written, in numbers."""

    events: int
    frames: int
    empty_events: int
    animal_frames: int  # frames of animal events
    unseen_frames: int  # those of them on which no animal is visible
    consensus_rows: int
    gold_rows: int
    species: dict[str, int]  # animal events by true species


# --- The plan: which camera takes a picture of what, and when ------------------------------------

GRID = tuple(
    f"{row}{column:02d}" for row in string.ascii_uppercase[1:22] for column in range(3, 14)
)


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


def site_codes(world: World) -> list[str]:
    """Returns the names of the sites, such as B04, sorted."""
    rng = np.random.default_rng([world.seed, _SITE])
    return sorted(GRID[k] for k in rng.choice(len(GRID), world.sites, replace=False))


def site_position(code: str) -> tuple[int, int]:
    """Returns (x, y) in metres, UTM zone 36 south, on the real study's grid."""
    return 695238 + 2110 * (ord(code[0]) - ord("B")), 9729497 - 2217 * (int(code[1:]) - 4)


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
    rng = np.random.default_rng([world.seed, _PLAN])
    rolls, codes = deployments(world, rng), site_codes(world)
    busy = rng.dirichlet(np.full(len(rolls), 3.0))
    choice = rng.choice(len(rolls), world.events, p=busy)
    drafts = []
    for species, k in zip(occupants(world, rng), choice, strict=True):
        seconds = round(rng.integers(rolls[k].days) * 86400 + hour_of(species, rng) * 3600)
        start = datetime.datetime.combine(rolls[k].start, datetime.time())
        when = start + datetime.timedelta(seconds=int(seconds))
        frames = int(rng.choice([n for n, _ in _FRAMES], p=[share for _, share in _FRAMES]))
        drafts.append((int(k), when, frames, species))
    used: collections.Counter[int] = collections.Counter()
    events = []
    for index, (k, when, frames, species) in enumerate(sorted(drafts)):
        code, first = codes[rolls[k].site], used[k] + 1
        name = "ASG" + np.base_repr(_FIRST_EVENT + index, 36).lower().zfill(7)
        events.append(Event(index, name, rolls[k], code, first, frames, when, species))
        used[k] += frames
    rule = "a memory card holds at most 9,999 pictures"
    _check(max(used.values()) <= 9999, rule, max(used.values()), "Ask for more sites or seasons.")
    return events, rolls


# --- The scene: which animals stand where in each frame ------------------------------------------


@dataclasses.dataclass(frozen=True)
class Actor:
    """One animal during a burst, as it is in frame `anchor`."""

    animal: art.Animal
    speed: float  # metres per frame along the picture
    behaviour: str


@dataclasses.dataclass(frozen=True)
class Scene:
    """What happens during one event."""

    actors: tuple[Actor, ...]
    anchor: int  # the frame in which every animal is inside the picture
    present: frozenset[int]  # frames on which animals may be seen

    def animals(self, frame: int, camera: art.Camera) -> list[art.Animal]:
        """Returns the animals that are visible in a frame."""
        if frame not in self.present:
            return []
        shown = [_moved(actor, frame - self.anchor) for actor in self.actors]
        return [animal for animal in shown if _visible(animal, camera)]


def _moved(actor: Actor, steps: int) -> art.Animal:
    """Returns the animal `steps` frames after the anchor."""
    animal = actor.animal
    if not actor.speed:
        return animal
    x = animal.x + actor.speed * animal.facing * steps
    return dataclasses.replace(animal, x=x, stride=animal.stride + 1.9 * steps)


def _visible(animal: art.Animal, camera: art.Camera) -> bool:
    """Whether at least about a third of the body is inside the picture."""
    column, _, scale = camera.project(animal.x, animal.distance)
    half = art.ANATOMY[animal.species].length * art.ANATOMY[animal.species].height * scale / 2
    return -half * animal.turn * 0.3 < column < camera.width + half * animal.turn * 0.3


def herd_size(species: str, rng: np.random.Generator) -> int:
    """Returns a number of animals; the bins 1 to 51+ can all occur."""
    ranges = ((1, 1), (2, 4), (5, 10), (11, 50), (51, 75))
    low, high = ranges[rng.choice(5, p=HABITS[species].herd)]
    return int(min(rng.integers(low, high + 1), rng.integers(low, high + 1)))


def stage(species: tuple[str, ...], frames: int, camera: art.Camera, rng) -> Scene:
    """Returns a random scene with the given species.

    Args:
        species: the species of the event; () gives an empty scene.
        frames: number of frames of the burst.
        camera: of the site.
        rng: random generator of the event.
    """
    passing = frames > 1 and rng.uniform() < _PASSING
    empty = 2 if frames > 2 and rng.uniform() < 0.2 else 1
    leaves = rng.uniform() < 0.5
    shown = range(frames - empty) if leaves else range(empty, frames)
    present = frozenset(shown if passing else range(frames))
    anchor = (max(present) if leaves else min(present)) if passing else int(rng.integers(frames))
    toward = int(rng.choice((-1, 1)))
    actors = []
    for name in species:
        size = min(herd_size(name, rng), 4) if passing else herd_size(name, rng)
        actors += gather(name, size, camera, rng, passing, toward if leaves else -toward, toward)
    return Scene(tuple(actors), anchor, present)


def nearest(species: str, size: int, rng: np.random.Generator) -> float:
    """Returns a herd's distance in metres: larger animals and herds are seen from farther away."""
    typical = 5.0 * math.sqrt(art.ANATOMY[species].height) * (1 + 0.22 * math.log(size))
    low = max(2.6, 1.9 * art.ANATOMY[species].height)
    return float(np.clip(typical * rng.lognormal(0.0, 0.55), low, 42.0))


def gather(species: str, size: int, camera: art.Camera, rng, passing, side: int, heading: int):
    """Returns the actors of one herd, spread over the picture or, if passing, near one edge."""
    habits, behaviours = HABITS[species], np.array(BEHAVIOURS)
    close = nearest(species, size, rng)
    young = size > 1 and rng.uniform() < habits.young
    duel = size > 1 and not passing and rng.uniform() < habits.behaviours[4] * 2
    mood = rng.dirichlet(np.array(habits.behaviours[:4]) * 2.0)  # a herd mostly does one thing
    actors: list[Actor] = []
    for k in range(size):
        behaviour = "Moving" if passing else str(rng.choice(behaviours[:4], p=mood))
        distance = min(close * float(rng.uniform(1.0, 1.0 + 0.16 * min(size, 9))), 46.0)
        spot = rng.uniform(0.45, 0.88) * side if passing else rng.uniform(-0.84, 0.84)
        x = spot / 2 * camera.width * distance / camera.focal
        facing = heading if passing or behaviour == "Moving" else int(rng.choice((-1, 1)))
        small = young and 0 < k <= max(1, size // 4)
        animal = art.Animal(
            species, behaviour.lower(), float(x), distance, facing, float(rng.uniform(0.58, 1.0)),
            float(rng.uniform(0.48, 0.62) if small else rng.uniform(0.93, 1.07)),
            float(rng.uniform(0, 6.28)), int(rng.integers(2**31)),
        )  # fmt: skip
        speed = rng.uniform(0.25, 0.7) * animal.size if behaviour == "Moving" else 0.0
        if small:
            animal = _beside(animal, actors[0].animal)
        actors.append(Actor(animal, float(speed), behaviour))
    return face_off(actors) if duel else actors


def _beside(young: art.Animal, adult: art.Animal) -> art.Animal:
    """Returns the young animal standing a little in front of an adult, nearer to the middle."""
    shift = -math.copysign(young.stride / 6.28 * 0.6 * art.ANATOMY[adult.species].height, adult.x)
    return dataclasses.replace(young, x=adult.x + shift, distance=adult.distance * 0.96)


def face_off(actors: list[Actor]) -> list[Actor]:
    """Returns the herd with its first and last animals head to head, interacting."""
    first, last = actors[0].animal, actors[-1].animal
    build = art.ANATOMY[first.species]
    reach = (build.length / 2 + build.neck * 0.6 + build.head * 0.5) * build.height * 0.9
    toward = -1 if first.x > 0 else 1  # the middle of the picture
    x = first.x + toward * reach * (first.size + last.size)
    first = dataclasses.replace(first, pose="standing", facing=toward, turn=0.9)
    last = dataclasses.replace(last, x=x, pose="standing", facing=-toward, turn=0.9)
    last = dataclasses.replace(last, distance=first.distance * 1.01)
    pair = [Actor(animal, 0.0, "Interacting") for animal in (first, last)]
    return [pair[0], *actors[1:-1], pair[1]]


# --- Volunteers, consensus and experts -----------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Group:
    """All animals of one species during one event, as a perfect observer would report them."""

    species: str
    count: int  # most animals visible in one frame
    behaviours: tuple[float, ...]  # share of the animals, in the order of BEHAVIOURS
    young: bool
    apparent: float  # height of the nearest animal as a share of the picture's height


@dataclasses.dataclass(frozen=True)
class Vote:
    """What one volunteer reports of one species."""

    species: str
    bin: int  # index into COUNT_BINS
    flags: tuple[bool, ...]  # BEHAVIOURS and then babies


def count_bin(animals: int) -> int:
    """Returns the index into COUNT_BINS of a number of animals.

    >>> [COUNT_BINS[count_bin(n)] for n in (1, 10, 11, 50, 51)]
    ['1', '10', '11-50', '11-50', '51+']
    """
    return bisect.bisect_right((*range(2, 12), 51), animals)


def observe(scene: Scene, frames: int, camera: art.Camera) -> list[Group]:
    """Returns what there was to be seen during an event, one group per species."""
    groups = []
    for name in dict.fromkeys(actor.animal.species for actor in scene.actors):
        herd = [actor for actor in scene.actors if actor.animal.species == name]
        seen = [[a for a in scene.animals(f, camera) if a.species == name] for f in range(frames)]
        does = [sum(a.behaviour == b for a in herd) / len(herd) for b in BEHAVIOURS]
        near = min(herd, key=lambda actor: actor.animal.distance).animal
        tall = art.ANATOMY[name].height * near.size * camera.focal / near.distance / camera.height
        young = any(actor.animal.size < 0.8 for actor in herd)
        groups.append(Group(name, max(map(len, seen)), tuple(does), young, tall))
    return groups


def report(group: Group, mistaken: float, rng: np.random.Generator) -> Vote:
    """Returns one volunteer's report of a group; `mistaken` is the chance of a wrong species."""
    name = group.species
    if rng.uniform() < mistaken:
        name = str(rng.choice(HABITS[name].alike))
    blur = 0.03 if group.count < 4 else 0.16
    count = max(1, round(group.count * float(rng.lognormal(-blur / 3, blur))))
    chances = [0.03 + 0.92 * min(1.0, 1.8 * share) for share in group.behaviours]
    chances.append(0.85 if group.young else 0.015)
    flags = [bool(rng.uniform() < chance) for chance in chances]
    if not any(flags[:5]):
        flags[int(np.argmax(group.behaviours))] = True
    return Vote(name, count_bin(count), tuple(flags))


def classify(groups: list[Group], rng: np.random.Generator) -> list[list[Vote]]:
    """Returns 10 to 25 volunteers' classifications; an empty list is a vote for blank."""
    veil = [math.exp(-group.apparent / 0.06) for group in groups]
    deceived = [rng.uniform() < 0.4 * v for v in veil]
    classifications = []
    for _ in range(int(rng.integers(10, 26))):
        votes: dict[str, Vote] = {}
        for group, v, wrong in zip(groups, veil, deceived, strict=True):
            if rng.uniform() > 0.02 + 0.4 * v:
                vote = report(group, 0.55 if wrong else 0.02 + 0.3 * v, rng)
                votes.setdefault(vote.species, vote)
        classifications.append(list(votes.values()))
    return classifications


def upper_median(values: list[int]) -> int:
    """Returns the median, of an even number the larger of the two in the middle."""
    return sorted(values)[len(values) // 2]


def consensus(event: Event, classifications: list[list[Vote]]) -> list[dict[str, Any]]:
    """Returns the rows of consensus_data.csv for one event: Swanson's plurality algorithm.

    The number of species is the median over the classifications that are not blank; the species
    with most votes win (the alphabet breaks ties). No rows if every volunteer said blank.
    """
    named = [votes for votes in classifications if votes]
    if not named:
        return []
    ballots: dict[str, list[Vote]] = collections.defaultdict(list)
    for vote in itertools.chain.from_iterable(named):
        ballots[vote.species].append(vote)
    winners = sorted(ballots, key=lambda name: (-len(ballots[name]), name))
    winners = winners[: upper_median([len(votes) for votes in named])]
    x, y = site_position(event.code)
    rows = []
    for name in winners:
        votes = ballots[name]
        flags = np.mean([vote.flags for vote in votes], axis=0)
        rows.append(
            {
                "CaptureEventID": event.name, "NumImages": event.frames,
                "DateTime": str(event.when), "SiteID": event.code, "LocationX": x, "LocationY": y,
                "NumSpecies": len(winners), "Species": name,
                "Count": COUNT_BINS[upper_median([vote.bin for vote in votes])],
                **{key: _digits(v) for key, v in zip((*BEHAVIOURS, "Babies"), flags, strict=True)},
                "NumClassifications": len(classifications), "NumVotes": len(votes),
                "NumBlanks": len(classifications) - len(named),
                "Evenness": _digits(pielou(len(v) for v in ballots.values())),
            }
        )  # fmt: skip
    return rows


def _digits(value: float) -> str:
    """Formats a number as the release does: 12 significant digits, no trailing zeros."""
    return f"{value:.12g}"


# --- Writing -------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of one event after it has been drawn."""

    event: Event
    groups: list[Group]
    consensus: list[dict[str, Any]]
    truth: list[tuple]  # rows in the order of TRUTH_COLUMNS


@functools.lru_cache(maxsize=1)
def _backdrop(world: World, site: int, season: int) -> art.Backdrop:
    return art.make_backdrop([world.seed, _SITE, site], season % 2 == 0, world.size)


def _exif(when: datetime.datetime) -> Image.Exif:
    """Returns EXIF data with maker, model and time; it says that the picture is synthetic."""
    exif, stamp = Image.Exif(), when.strftime("%Y:%m:%d %H:%M:%S")
    exif.update({0x010F: art.BRAND, 0x0110: "camtrap_tf synthetic", 0x0132: stamp})
    exif.get_ifd(0x8769).update({0x9003: stamp, 0x9004: stamp})
    return exif


def shoot(world: World, event: Event, folder: Path) -> Record:
    """Draws and writes the pictures of one event; returns what is known of it."""
    backdrop = _backdrop(world, event.roll.site, event.roll.season)
    rng = np.random.default_rng([world.seed, _SCENE, event.index])
    scene = stage(event.species, event.frames, backdrop.camera, rng)
    hour = event.when.hour + event.when.minute / 60
    light, breeze = art.daylight(hour, rng), int(rng.integers(1, 4))
    truth = []
    for frame, path in enumerate(event.paths):
        noise = np.random.default_rng([world.seed, _FRAME, event.index, frame])
        animals = scene.animals(frame, backdrop.camera)
        wind = (event.index + frame * breeze) % art.WIND_STATES
        near = [world.seed, _FRAME, event.index]
        picture = art.draw_frame(backdrop, animals, light, wind, near, noise)
        when = event.when + datetime.timedelta(seconds=frame)
        art.draw_bar(picture, when)
        picture.save(folder / path, "JPEG", quality=88, exif=_exif(when))
        names = "|".join(sorted({animal.species for animal in animals}))
        babies = sum(animal.size < 0.8 for animal in animals)
        truth.append((event.name, frame, path, len(animals), names, babies, int(light.night)))
    groups = observe(scene, event.frames, backdrop.camera)
    votes = classify(groups, np.random.default_rng([world.seed, _VOTES, event.index]))
    return Record(event, groups, consensus(event, votes) if groups else [], truth)


def _shoot_roll(world: World, events: list[Event], folder: Path) -> list[Record]:
    """Draws the events of one site and season, which share a backdrop."""
    for parent in {Path(event.paths[0]).parent for event in events}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    return [shoot(world, event, folder) for event in events]


def shoot_all(world: World, events: list[Event], folder: Path, processes: int, progress):
    """Draws all events; returns their records in the order of the events."""
    sites = itertools.groupby(events, lambda event: (event.roll.season, event.roll.site))
    batches = [list(batch) for _, batch in sites]
    work = functools.partial(_shoot_roll, world, folder=folder)
    records: list[Record] = []

    def collect(results: Iterable[list[Record]]) -> None:
        for batch in results:
            records.extend(batch)
            if progress:
                progress(len(records), len(events))

    if processes == 1:
        collect(map(work, batches))
        return records
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        collect(pool.map(work, batches))
    return records


def expert_rows(world: World, records: list[Record]) -> list[tuple]:
    """Returns rows of gold_standard_data.csv; the hardest to see are 'impossible'.

    About one event in twenty of them has two species, as in the real file (6.7%).
    """
    rng = np.random.default_rng([world.seed, _GOLD])
    animal = [record for record in records if record.groups]
    number = round(len(animal) * world.gold_share)
    double = [r for r in animal if len(r.groups) > 1][: max(1, number // 15)] if number else []
    rest = [record for record in animal if record not in double]
    order = rng.permutation(len(rest))[: number - len(double)]
    chosen = sorted([*double, *(rest[k] for k in order)], key=lambda r: r.event.index)
    single = sorted((r for r in chosen if len(r.groups) == 1), key=lambda r: r.groups[0].apparent)
    hopeless = [r.event.name for r in single[: max(1, number // 60)]] if number > 4 else []
    rows = []
    for record in chosen:
        name = record.event.name
        if name in hopeless:
            rows.append((name, 1, "impossible", ""))
            continue
        for g in record.groups:
            rows.append((name, len(record.groups), g.species, COUNT_BINS[count_bin(g.count)]))
    return rows


def _write_csv(path: Path, rows: list, columns: Iterable[str], **options) -> None:
    with artifacts.atomic(path) as temporary:
        frame = pd.DataFrame(rows, columns=list(columns))
        frame.to_csv(temporary, index=False, **{"lineterminator": "\n", **options})


def write_tables(folder: Path, world: World, records: list[Record], rolls: list[Roll]) -> Summary:
    """Writes the CSV files; returns the summary."""
    codes, gold = site_codes(world), expert_rows(world, records)
    rows = [row for record in records for row in record.consensus]
    truth = [row for record in records for row in record.truth]
    effort = sorted(
        (
            codes[r.site],
            r.start.isoformat(),
            (r.start + datetime.timedelta(days=r.days)).isoformat(),
        )
        for r in rolls
    )
    images = [(row[0], row[2]) for row in truth]
    specifications = (
        (rows, CONSENSUS_COLUMNS, {}),
        (images, ("CaptureEventID", "URL_Info"), {"quoting": csv.QUOTE_NONNUMERIC}),
        (gold, GOLD_COLUMNS, {"lineterminator": "\r\n"}),
        (effort, ("Site ID", "Start date", "End date"), {}),
        (truth, TRUTH_COLUMNS, {}),
    )
    for name, (content, columns, options) in zip(TABLES, specifications, strict=True):
        _write_csv(folder / name, content, columns, **options)
    animal = [record for record in records if record.groups]
    shown = [row[3] for record in animal for row in record.truth]
    names = collections.Counter(g.species for record in animal for g in record.groups)
    return Summary(
        len(records), len(truth), len(records) - len(animal), len(shown), shown.count(0),
        len(rows), len(gold), {name: names[name] for name in world.species},
    )  # fmt: skip


def _described(world: World) -> dict[str, Any]:
    """Returns the World as it reads back from JSON."""
    return json.loads(json.dumps(dataclasses.asdict(world)))


def finished(world: World, folder: Path) -> Summary | None:
    """Returns the summary of a finished set of the same World, None if there is work to do.

    Raises:
        InputError: if the folder holds a set of another World, or files of unknown origin.
    """
    marker = next((name for name in (MARKER, UNFINISHED) if (folder / name).is_file()), None)
    if marker is None:
        strangers = [name for name in ("images", *TABLES) if (folder / name).exists()]
        rule = "a synthetic set is written to a folder that holds no other pictures or metadata"
        _check(not strangers, rule, strangers, f"{folder} was not written here: give another one.")
        return None
    content = artifacts.read_json(folder / marker, ARTIFACT, RECIPE)
    if content["world"] != _described(world):
        raise InputError(
            f"a folder holds one synthetic World and {folder} was made from another",
            _described(world),
            f"It holds {content['world']}. Give an empty folder, or delete this one first.",
        )
    return Summary(**content["summary"]) if marker == MARKER else None


def write(
    world: World,
    folder: str | os.PathLike,
    progress: Callable[[int, int], None] | None = None,
    processes: int = 1,
) -> Summary:
    """Writes a synthetic Serengeti: pictures, Dryad metadata and the truth behind them.

    `truth.csv` is not part of the Dryad format. It has one row per frame: `frame` from 0,
    `animals` and `babies` that are visible, `species` joined by '|' (empty on an empty frame)
    and `night` 0 or 1. A finished set of the same World is left as it is; an unfinished one is
    drawn again.

    Args:
        world: what to draw.
        folder: where to write; created if missing.
        progress: called with (events done, events in all) after each site and season.
        processes: number of processes that draw. The files do not depend on it.

    Returns:
        What was written, in numbers.

    Raises:
        InputError: if the folder holds the set of another World.
    """
    folder = Path(folder)
    earlier = finished(world, folder)
    if earlier:
        return earlier
    _check(processes >= 1, "`processes` is at least 1", processes)
    start = {"world": _described(world)}
    artifacts.write_json(folder / UNFINISHED, ARTIFACT, RECIPE, start)
    events, rolls = plan(world)
    records = shoot_all(world, events, folder / "images", processes, progress)
    summary = write_tables(folder, world, records, rolls)
    done = {**start, "summary": dataclasses.asdict(summary)}
    artifacts.write_json(folder / MARKER, ARTIFACT, RECIPE, done)
    (folder / UNFINISHED).unlink()
    return summary
