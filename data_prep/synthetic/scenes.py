"""Scenes: which animals stand where in each frame of an event."""

import dataclasses
import math

import numpy as np

from data_prep.synthetic.art.anatomy import ANATOMY, Animal
from data_prep.synthetic.art.camera import Camera
from data_prep.synthetic.habits import BEHAVIOURS, HABITS

_PASSING = 0.33  # share of bursts that animals enter or leave between two frames


@dataclasses.dataclass(frozen=True)
class Actor:
    """One animal during a burst, as it is in frame `anchor`."""

    animal: Animal
    speed: float  # metres per frame along the picture
    behaviour: str


@dataclasses.dataclass(frozen=True)
class Scene:
    """What happens during one event."""

    actors: tuple[Actor, ...]
    anchor: int  # the frame in which every animal is inside the picture
    present: frozenset[int]  # frames on which animals may be seen

    def animals(self, frame: int, camera: Camera) -> list[Animal]:
        """Returns the animals that are visible in a frame."""
        if frame not in self.present:
            return []
        shown = [_moved(actor, frame - self.anchor) for actor in self.actors]
        return [animal for animal in shown if _visible(animal, camera)]


def _moved(actor: Actor, steps: int) -> Animal:
    """Returns the animal `steps` frames after the anchor."""
    animal = actor.animal
    if not actor.speed:
        return animal
    x = animal.x + actor.speed * animal.facing * steps
    return dataclasses.replace(animal, x=x, stride=animal.stride + 1.9 * steps)


def _visible(animal: Animal, camera: Camera) -> bool:
    """Whether at least about a third of the body is inside the picture."""
    column, _, scale = camera.project(animal.x, animal.distance)
    half = ANATOMY[animal.species].length * ANATOMY[animal.species].height * scale / 2
    return -half * animal.turn * 0.3 < column < camera.width + half * animal.turn * 0.3


def herd_size(species: str, rng: np.random.Generator) -> int:
    """Returns a number of animals; the bins 1 to 51+ can all occur."""
    ranges = ((1, 1), (2, 4), (5, 10), (11, 50), (51, 75))
    low, high = ranges[rng.choice(5, p=HABITS[species].herd)]
    return int(min(rng.integers(low, high + 1), rng.integers(low, high + 1)))


def stage(species: tuple[str, ...], frames: int, camera: Camera, rng) -> Scene:
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
    typical = 5.0 * math.sqrt(ANATOMY[species].height) * (1 + 0.22 * math.log(size))
    low = max(2.6, 1.9 * ANATOMY[species].height)
    return float(np.clip(typical * rng.lognormal(0.0, 0.55), low, 42.0))


def gather(species: str, size: int, camera: Camera, rng, passing, side: int, heading: int):
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
        animal = Animal(
            species, behaviour.lower(), float(x), distance, facing, float(rng.uniform(0.58, 1.0)),
            float(rng.uniform(0.48, 0.62) if small else rng.uniform(0.93, 1.07)),
            float(rng.uniform(0, 6.28)), int(rng.integers(2**31)),
        )  # fmt: skip
        speed = rng.uniform(0.25, 0.7) * animal.size if behaviour == "Moving" else 0.0
        if small:
            animal = _beside(animal, actors[0].animal)
        actors.append(Actor(animal, float(speed), behaviour))
    return face_off(actors) if duel else actors


def _beside(young: Animal, adult: Animal) -> Animal:
    """Returns the young animal standing a little in front of an adult, nearer to the middle."""
    shift = -math.copysign(young.stride / 6.28 * 0.6 * ANATOMY[adult.species].height, adult.x)
    return dataclasses.replace(young, x=adult.x + shift, distance=adult.distance * 0.96)


def face_off(actors: list[Actor]) -> list[Actor]:
    """Returns the herd with its first and last animals head to head, interacting."""
    first, last = actors[0].animal, actors[-1].animal
    build = ANATOMY[first.species]
    reach = (build.length / 2 + build.neck * 0.6 + build.head * 0.5) * build.height * 0.9
    toward = -1 if first.x > 0 else 1  # the middle of the picture
    x = first.x + toward * reach * (first.size + last.size)
    first = dataclasses.replace(first, pose="standing", facing=toward, turn=0.9)
    last = dataclasses.replace(last, x=x, pose="standing", facing=-toward, turn=0.9)
    last = dataclasses.replace(last, distance=first.distance * 1.01)
    pair = [Actor(animal, 0.0, "Interacting") for animal in (first, last)]
    return [pair[0], *actors[1:-1], pair[1]]
