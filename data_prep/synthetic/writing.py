"""Draws a World and writes its pictures and tables."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camtrap_tf.core import artifacts, locks
from camtrap_tf.core.errors import InputError
from data_prep.synthetic.events import plan
from data_prep.synthetic.shooting import shoot_all
from data_prep.synthetic.tables import TABLES, Summary, write_tables
from data_prep.synthetic.world import World, require

RECIPE = 1  # raise it when a change alters what is written for the same World
ARTIFACT, MARKER, UNFINISHED = "synthetic world", "world.json", "world.unfinished.json"


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
        require(not strangers, rule, strangers, f"{folder} was not written here: give another one.")
        return None
    content = artifacts.read_json(folder / marker, ARTIFACT, RECIPE)
    if content["world"] != _described(world):
        raise InputError(
            f"a folder holds one synthetic World and {folder} was made from another",
            _described(world),
            f"It holds {content['world']}. Give an empty folder, or delete this one first.",
        )
    return Summary(**content["summary"]) if marker == MARKER else None


@locks.holds("folder")
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
    require(processes >= 1, "`processes` is at least 1", processes)
    start = {"world": _described(world)}
    artifacts.write_json(folder / UNFINISHED, ARTIFACT, RECIPE, start)
    events, rolls = plan(world)
    records = shoot_all(world, events, folder / "images", processes, progress)
    summary = write_tables(folder, world, records, rolls)
    done = {**start, "summary": dataclasses.asdict(summary)}
    artifacts.write_json(folder / MARKER, ARTIFACT, RECIPE, done)
    (folder / UNFINISHED).unlink()
    return summary
