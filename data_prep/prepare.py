"""Metadata of any kind -> one event table; what they are is recognised where it is not said."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.commands import counted, listed
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY
from camtrap_tf.events import corrections
from camtrap_tf.events.table import EventTable
from data_prep import sources
from data_prep.choice.select import event_labels
from data_prep.choice.statistics import summary
from data_prep.sources import places
from data_prep.sources.recognise import Recognised, recognise

AUTO = "auto"
log = logging.getLogger("camtrap")


def prepare(
    metadata: PathLike,
    out: PathLike | None = None,
    source: str = AUTO,
    yes: bool = False,
    clock: Sequence[str] = (),
    **options: str | float | None,
) -> EventTable:
    """Reads the metadata of a camera-trap project.

    Args:
        metadata: a file or folder.
        out: event table to write (Parquet); None writes none.
        source: a name in `sources.SOURCES`, or 'auto', which looks at what is there.
        yes: take a guess that a person should look at.
        clock: clocks that were wrong, see `events.corrections`.
        options: of `sources.read`; they overrule what is recognised, and settle its questions.

    Raises:
        InputError: metadata that are not recognised, or only with a question, or that break a
            rule of their format.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if source == AUTO:
        encoding = options.get("encoding")
        found = settled(recognise(metadata, str(encoding) if encoding else None), options, yes)
        source, metadata = str(found.source), found.metadata
        options = {**found.options, **options}
    wrong = corrections.told(clock)
    try:
        table = sources.read(source, metadata, **options)
    except InputError as error:
        raise _with_what_it_is(error, source, metadata) from error
    table = corrections.of_table(table, wrong)
    log.info("read %s\n%s\n%s", metadata, summary(table), table.dropped)
    if out is not None:
        table.write(out)
        log.info("wrote %s", out)
    return table


def _with_what_it_is(error: InputError, source: str, metadata: PathLike) -> InputError:
    """The error, which says so where the metadata look like those of another source."""
    found = recognise(metadata) if Path(metadata).exists() else None
    if found is None or found.source in (None, source):
        return error
    way_out = f"It looks like {found.what}: give --source={found.source}, or leave it out."
    return InputError(error.rule, error.value, way_out)


def settled(found: Recognised, options: dict, yes: bool) -> Recognised:
    """Says what was recognised; returns it if it can be read and holds no open question.

    Args:
        found: what was recognised.
        options: those that a person gave: each of them answers a question.
        yes: take the guess.

    Raises:
        InputError: no source reads it, or a person should be asked.
    """
    if found.source is None:
        reasons = " ".join(found.evidence)
        raise InputError(
            f"metadata are of a known format; {found.metadata} is {found.what}",
            reasons or found.metadata.name,
            "See camtrap prepare --help for the formats, and name one with --source.",
        )
    answered = {"dates", "columns", "folders"} & options.keys()
    log.info("%s", dataclasses.replace(found, uncertain=False, question="") if answered else found)
    if found.uncertain and not (yes or answered):
        raise InputError(
            f"it must be clear what {found.metadata} is",
            f"perhaps {found.what}",
            f"{found.question} Answer by the flag or the path, or accept the guess with --yes.",
        )
    return found


def tally(table: EventTable) -> str:
    """What a table holds, in a line: events by class, empty ones first.

    Example: '1,218 pictures in 245 capture events: 62 empty, 46 cow, 30 elk.'
    """
    sizes = event_labels(table)["species"].value_counts()
    counts = {EMPTY: int(sizes.get(EMPTY, 0))} | sizes.drop(EMPTY, errors="ignore").to_dict()
    unlabelled = len(table) - event_labels(table)["event_id"].nunique()
    said = [part for part in (listed(counts), listed({"without a label": unlabelled})) if part]
    where = f"{counted(len(table.frames), 'pictures')} in {counted(len(table), 'capture events')}"
    return f"{where}: {', '.join(said)}." if said else f"{where}."


def images_beside(table: EventTable, metadata: PathLike) -> Path | None:
    """The folder near the metadata that a table's pictures lie in; None where there is none."""
    path = Path(metadata)
    try:
        return places.locate(table, path if path.is_dir() else path.parent).folder
    except InputError:
        return None
