"""Answers to events, made of those to their pictures.

`aggregate` writes `event_predictions.parquet`, a predictions file with a row per event, and
`events.csv`, the same as a table with the columns of `csv`. Where events were read with their
neighbours, `read_with_neighbours` says whether that changed the species or how sure it is, and
`species_alone` and `species_alone_confidence` are what the event says by itself.
"""

import dataclasses
import logging
from pathlib import Path

from camtrap_tf.answers import aggregation, event_rules, neighbours
from camtrap_tf.answers.predictions import WITH_NEIGHBOURS, Predictions
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import SPECIES
from camtrap_tf.outputs import csv

AUTO = "auto"
log = logging.getLogger("camtrap")


def aggregate(
    predictions: Predictions | PathLike,
    folder: PathLike,
    rule: str | None = None,
    minutes: float = 0.0,
    validation: Predictions | PathLike | None = None,
) -> Predictions:
    """Makes one answer of each event's pictures, and writes them.

    Args:
        predictions: a row per picture; for `minutes`, of whole seasons.
        folder: to write to.
        rule: for all heads, a key of `event_rules.RULES`; 'auto': for each head the usual one,
            or one that is clearly better on `validation` (`aggregation.compare`); None: the rules
            that are kept with the answers.
        minutes: read the species of an event with those of its neighbours, events of the same place
            that are at most so far apart (`neighbours`); 0: every event by itself.
        validation: labelled predictions of the same model, on which rules and the weight of the
            neighbours are chosen; None: the usual weight.

    Returns:
        A row per event.

    Raises:
        InputError: no such rule, 'auto' without a validation split, a rule that needs a detector's
            scores where there are none, minutes below 0, no species that neighbours could tell, or
            no times to find them by.
    """
    pictures = Predictions.of(predictions)
    known = None if validation is None else Predictions.of(validation)
    facts = {"event_rules": _rules(pictures, rule, known)}
    pictures = dataclasses.replace(pictures, info=pictures.info | facts)
    if known is not None:
        known = dataclasses.replace(known, info=known.info | facts)
    events = _read(pictures, minutes, known) if minutes else pictures.by_event()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    events.write(folder / file_names.EVENT_PREDICTIONS)
    csv.write([events], folder / file_names.EVENT_TABLE)
    log.info("wrote %s", folder / file_names.EVENT_TABLE)
    return events


def _rules(pictures: Predictions, rule: str | None, known: Predictions | None) -> dict[str, str]:
    """By head."""
    if rule is None:
        return pictures.info.get("event_rules") or {}
    if rule != AUTO:
        event_rules.check(rule)
        return dict.fromkeys(pictures.classes, rule)
    if known is None:
        raise InputError(
            "a rule is chosen on labelled answers of a validation split",
            rule,
            "Give --validation=FILE, which `camtrap evaluate --split=val` writes.",
        )
    table = aggregation.compare(known, pictures if pictures.labels else None)
    return (pictures.info.get("event_rules") or {}) | aggregation.chosen(table)


def _read(pictures: Predictions, minutes: float, known: Predictions | None) -> Predictions:
    """Events read with their neighbours, and a line to the log of what that did."""
    if SPECIES not in pictures.classes:
        raise InputError(
            "of neighbouring events the species is read",
            f"answers to {', '.join(pictures.classes)}",
            "Leave out --neighbours.",
        )
    if pictures.ids["datetime"].isna().all():
        raise InputError(
            "neighbouring events are known by their times",
            "pictures without any",
            "Leave out --neighbours.",
        )
    reading = neighbours.Reading(minutes)
    if known is not None:
        reading = neighbours.choose(known, minutes)
    events = neighbours.read(pictures, reading)
    if WITH_NEIGHBOURS not in events.info:
        log.info("on the validation split neighbouring events do not help: each is read by itself")
        return events
    changed = events.alone().top("species") != events.top("species")
    log.info(
        "neighbouring events have the weight %g; they change the species of %d of %d events",
        reading.weight, int(changed.sum()), len(events),
    )  # fmt: skip
    return events
