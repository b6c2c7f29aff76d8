"""Takes the pictures: draws each event and tells what is known of it then."""

import concurrent.futures
import dataclasses
import datetime
import functools
import itertools
import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from data_prep.synthetic.art.anatomy import Animal
from data_prep.synthetic.art.backdrops import Backdrop, make_backdrop
from data_prep.synthetic.art.frames import BRAND, draw_bar, draw_frame
from data_prep.synthetic.art.light import daylight
from data_prep.synthetic.art.plants import WIND_STATES
from data_prep.synthetic.events import Event
from data_prep.synthetic.scenes import stage
from data_prep.synthetic.volunteers import Group, classify, consensus, observe
from data_prep.synthetic.world import Stream, World


@dataclasses.dataclass(frozen=True)
class Record:
    """What is known of one event after it has been drawn."""

    event: Event
    groups: list[Group]
    consensus: list[dict[str, Any]]
    truth: list[tuple]  # rows in the order of TRUTH_COLUMNS


@functools.lru_cache(maxsize=1)
def _backdrop(world: World, site: int, season: int) -> Backdrop:
    return make_backdrop(world.entropy(Stream.SITE, site), season % 2 == 0, world.size)


def _exif(when: datetime.datetime) -> Image.Exif:
    """Returns EXIF data with maker, model and time; it says that the picture is synthetic."""
    exif, stamp = Image.Exif(), when.strftime("%Y:%m:%d %H:%M:%S")
    exif.update({0x010F: BRAND, 0x0110: "camtrap_tf synthetic", 0x0132: stamp})
    exif.get_ifd(0x8769).update({0x9003: stamp, 0x9004: stamp})
    return exif


def _save(picture: Image.Image, when: datetime.datetime, file: Path) -> None:
    draw_bar(picture, when)
    picture.save(file, "JPEG", quality=88, exif=_exif(when))


def _seen(animals: list[Animal]) -> tuple[int, str, int]:
    """Returns the number of animals of a frame, their species and the number of young."""
    names = "|".join(sorted({animal.species for animal in animals}))
    return len(animals), names, sum(animal.size < 0.8 for animal in animals)


def shoot(world: World, event: Event, folder: Path) -> Record:
    """Draws and writes the pictures of one event; returns what is known of it."""
    backdrop = _backdrop(world, event.roll.site, event.roll.season)
    rng = world.random(Stream.SCENE, event.index)
    scene = stage(event.species, event.frames, backdrop.camera, rng)
    hour = event.when.hour + event.when.minute / 60
    light, breeze = daylight(hour, rng), int(rng.integers(1, 4))
    near = world.entropy(Stream.FRAME, event.index)
    truth = []
    for frame, path in enumerate(event.paths):
        noise = world.random(Stream.FRAME, event.index, frame)
        animals = scene.animals(frame, backdrop.camera)
        wind = (event.index + frame * breeze) % WIND_STATES
        picture = draw_frame(backdrop, animals, light, wind, near, noise)
        _save(picture, event.when + datetime.timedelta(seconds=frame), folder / path)
        truth.append((event.name, frame, path, *_seen(animals), int(light.night)))
    groups = observe(scene, event.frames, backdrop.camera)
    votes = classify(groups, world.random(Stream.VOTES, event.index))
    return Record(event, groups, consensus(event, votes) if groups else [], truth)


def _shoot_batch(world: World, events: list[Event], folder: Path) -> list[Record]:
    """Draws the events of one site and season, which share a backdrop."""
    for parent in {Path(event.paths[0]).parent for event in events}:
        (folder / parent).mkdir(parents=True, exist_ok=True)
    return [shoot(world, event, folder) for event in events]


def _batches(
    world: World, events: list[Event], folder: Path, processes: int
) -> Iterator[list[Record]]:
    """Yields the records of each site and season, in the order of the events."""
    sites = itertools.groupby(events, lambda event: (event.roll.season, event.roll.site))
    batches = [list(batch) for _, batch in sites]
    work = functools.partial(_shoot_batch, world, folder=folder)
    if processes == 1:
        yield from map(work, batches)
        return
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        yield from pool.map(work, batches)


def shoot_all(
    world: World,
    events: list[Event],
    folder: Path,
    processes: int,
    progress: Callable[[int, int], None] | None,
) -> list[Record]:
    """Draws all events; returns their records in the order of the events."""
    records: list[Record] = []
    for batch in _batches(world, events, folder, processes):
        records += batch
        if progress:
            progress(len(records), len(events))
    return records
