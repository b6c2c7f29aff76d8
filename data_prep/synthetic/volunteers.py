"""What volunteers report of an event, and the consensus of their reports."""

import bisect
import collections
import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from data_prep.consensus import pielou
from data_prep.synthetic.art.anatomy import ANATOMY
from data_prep.synthetic.art.camera import Camera
from data_prep.synthetic.events import Event
from data_prep.synthetic.habits import BEHAVIOURS, HABITS
from data_prep.synthetic.scenes import Scene
from data_prep.synthetic.world import site_position

COUNT_BINS = (*(str(n) for n in range(1, 11)), "11-50", "51+")


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


def observe(scene: Scene, frames: int, camera: Camera) -> list[Group]:
    """Returns what there was to be seen during an event, one group per species."""
    groups = []
    for name in dict.fromkeys(actor.animal.species for actor in scene.actors):
        herd = [actor for actor in scene.actors if actor.animal.species == name]
        seen = [[a for a in scene.animals(f, camera) if a.species == name] for f in range(frames)]
        does = [sum(a.behaviour == b for a in herd) / len(herd) for b in BEHAVIOURS]
        near = min(herd, key=lambda actor: actor.animal.distance).animal
        tall = ANATOMY[name].height * near.size * camera.focal / near.distance / camera.height
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
    evenness = _digits(pielou(len(votes) for votes in ballots.values()))
    winners = sorted(ballots, key=lambda name: (-len(ballots[name]), name))
    winners = winners[: upper_median([len(votes) for votes in named])]
    x, y = site_position(event.code)
    return [
        {
            "CaptureEventID": event.name, "NumImages": event.frames,
            "DateTime": str(event.when), "SiteID": event.code, "LocationX": x, "LocationY": y,
            "NumSpecies": len(winners), "Species": name, **_summed(ballots[name]),
            "NumClassifications": len(classifications), "NumVotes": len(ballots[name]),
            "NumBlanks": len(classifications) - len(named), "Evenness": evenness,
        }
        for name in winners
    ]  # fmt: skip


def _summed(votes: list[Vote]) -> dict[str, str]:
    """Returns median count and shares of behaviours of the votes for one species."""
    flags = np.mean([vote.flags for vote in votes], axis=0)
    shares = zip((*BEHAVIOURS, "Babies"), map(_digits, flags), strict=True)
    return {"Count": COUNT_BINS[upper_median([vote.bin for vote in votes])], **dict(shares)}


def _digits(value: float) -> str:
    """Formats a number as the release does: 12 significant digits, no trailing zeros."""
    return f"{value:.12g}"
