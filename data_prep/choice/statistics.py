"""Numbers that describe an event table, for people."""

from camtrap_tf.core.labels import EMPTY
from camtrap_tf.events.table import EventTable
from data_prep.choice.select import event_labels

_LISTED = 12


def summary(table: EventTable) -> str:
    """A few lines: how many events, pictures, sites, which time, which species."""
    events, labels = table.events, event_labels(table)
    sizes = labels["species"].value_counts()
    species = sizes.drop(EMPTY, errors="ignore")
    names = [f"{name} {size:,}" for name, size in species.items()]
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    labelled, empty = labels["event_id"].nunique(), sizes.get(EMPTY, 0)
    facts = {
        "events": f"{len(events):,} (labelled {labelled:,}, of these empty {empty:,})",
        "pictures": f"{len(table.frames):,}",
        "sites": f"{events['site'].nunique():,}",
        "time": _period(table),
        "species": f"{len(names)}, by events: {', '.join(names[:_LISTED])}{more}"
        if names
        else "none",
    }
    return "\n".join(f"  {name:<9}{fact}" for name, fact in facts.items())


def _period(table: EventTable) -> str:
    times = table.events["datetime"].dropna()
    return f"{times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}" if len(times) else "not known"
