"""Metadata in the format of the Dryad release, and the truth behind it."""

import collections
import csv
import dataclasses
import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from camtrap_tf.core import artifacts
from data_prep.synthetic.events import Roll
from data_prep.synthetic.habits import BEHAVIOURS
from data_prep.synthetic.shooting import Record
from data_prep.synthetic.volunteers import COUNT_BINS, count_bin
from data_prep.synthetic.world import Stream, World, site_codes


class Table(NamedTuple):
    """How a file is written: its columns, and options of `DataFrame.to_csv`."""

    columns: tuple[str, ...]
    options: dict[str, Any]


TABLES = {
    "consensus_data.csv": Table(
        (
            "CaptureEventID", "NumImages", "DateTime", "SiteID", "LocationX", "LocationY",
            "NumSpecies", "Species", "Count", *BEHAVIOURS, "Babies", "NumClassifications",
            "NumVotes", "NumBlanks", "Evenness",
        ),
        {},
    ),
    "all_images.csv": Table(("CaptureEventID", "URL_Info"), {"quoting": csv.QUOTE_NONNUMERIC}),
    "gold_standard_data.csv": Table(
        ("CaptureEventID", "NumSpecies", "Species", "Count"), {"lineterminator": "\r\n"}
    ),
    "search_effort.csv": Table(("Site ID", "Start date", "End date"), {}),
    "truth.csv": Table(
        ("CaptureEventID", "frame", "URL_Info", "animals", "species", "babies", "night"), {}
    ),
}  # fmt: skip


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


def write_tables(folder: Path, world: World, records: list[Record], rolls: list[Roll]) -> Summary:
    """Writes the CSV files; returns the summary."""
    truth = [row for record in records for row in record.truth]
    rows = {
        "consensus_data.csv": [row for record in records for row in record.consensus],
        "all_images.csv": [(row[0], row[2]) for row in truth],
        "gold_standard_data.csv": expert_rows(world, records),
        "search_effort.csv": effort_rows(world, rolls),
        "truth.csv": truth,
    }
    for name, (columns, options) in TABLES.items():
        with artifacts.atomic(folder / name) as temporary:
            frame = pd.DataFrame(rows[name], columns=list(columns))
            frame.to_csv(temporary, index=False, **{"lineterminator": "\n", **options})
    animal = [record for record in records if record.groups]
    shown = [row[3] for record in animal for row in record.truth]
    names = collections.Counter(g.species for record in animal for g in record.groups)
    return Summary(
        events=len(records),
        frames=len(truth),
        empty_events=len(records) - len(animal),
        animal_frames=len(shown),
        unseen_frames=shown.count(0),
        consensus_rows=len(rows["consensus_data.csv"]),
        gold_rows=len(rows["gold_standard_data.csv"]),
        species={name: names[name] for name in world.species},
    )


def effort_rows(world: World, rolls: list[Roll]) -> list[tuple[str, str, str]]:
    """Returns rows of search_effort.csv: site, first and last day of each deployment."""
    codes = site_codes(world)
    ends = (roll.start + datetime.timedelta(days=roll.days) for roll in rolls)
    return sorted(
        (codes[roll.site], roll.start.isoformat(), end.isoformat())
        for roll, end in zip(rolls, ends, strict=True)
    )


def expert_rows(world: World, records: list[Record]) -> list[tuple]:
    """Returns rows of gold_standard_data.csv; the hardest to see are 'impossible'."""
    chosen = _for_experts(world, [record for record in records if record.groups])
    single = sorted((r for r in chosen if len(r.groups) == 1), key=lambda r: r.groups[0].apparent)
    few = max(1, len(chosen) // 60) if len(chosen) > 4 else 0
    hopeless = [record.event.name for record in single[:few]]
    rows = []
    for record in chosen:
        name = record.event.name
        if name in hopeless:
            rows.append((name, 1, "impossible", ""))
            continue
        for g in record.groups:
            rows.append((name, len(record.groups), g.species, COUNT_BINS[count_bin(g.count)]))
    return rows


def _for_experts(world: World, animal: list[Record]) -> list[Record]:
    """Returns the animal events that experts label, in their order.

    About one event in twenty of them has two species, as in the real file (6.7%).
    """
    number = round(len(animal) * world.gold_share)
    double = [r for r in animal if len(r.groups) > 1][: max(1, number // 15)] if number else []
    rest = [record for record in animal if record not in double]
    order = world.random(Stream.GOLD).permutation(len(rest))[: number - len(double)]
    return sorted([*double, *(rest[k] for k in order)], key=lambda r: r.event.index)
