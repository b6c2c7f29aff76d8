"""Progress of long loops: a bar with rate and time left; plain lines when not on a terminal."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
log = logging.getLogger("camtrap")

_QUIET_SECONDS = 2  # work that is done sooner shows nothing
_LINE_SECONDS = 15  # between plain lines


def progress(
    items: Iterable[Item], total: int | None, label: str, unit: str = "pictures", step: int = 1
) -> Iterator[Item]:
    """Yields `items`, showing how far and how fast once two seconds have passed.

    Args:
        items: what to loop over.
        total: number of units in all, or None where it is not known.
        label: what is being done, such as 'sharding'.
        unit: plural name of a unit.
        step: units in one item.
    """
    meter = Meter(total, label, unit)
    with meter:
        for item in items:
            yield item
            meter.advance(step)


class Meter:
    """A progress display that is advanced by hand; a context manager.

    `done` units were done before: they count as progress, not as speed.
    """

    def __init__(self, total: int | None, label: str, unit: str = "pictures", done: int = 0):
        self.total, self.label, self.unit = total, label, unit
        self.done = self.before = done
        self.shown = -1  # units that the last plain line said are done
        self.start = self.last_line = time.monotonic()
        self.bar = None
        if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
            self.bar = tqdm(
                total=total,
                initial=done,
                desc=label,
                unit=" " + unit,
                delay=_QUIET_SECONDS,
                smoothing=0.1,
            )

    def advance(self, units: int = 1, note: str = "") -> None:
        """Counts `units` more as done; `note` is shown behind the bar."""
        self.done += units
        if self.bar is not None:
            if note:
                self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(units)
        elif time.monotonic() - self.last_line >= _LINE_SECONDS:
            self._show(note)

    def line(self, note: str = "") -> str:
        """One plain line: how far, how fast, how long still."""
        rate = (self.done - self.before) / max(time.monotonic() - self.start, 1e-9)
        text = f"{self.label}: {self.done:,}"
        if self.total:
            text += f" of {self.total:,} {self.unit} ({self.done / self.total:.0%})"
        else:
            text += f" {self.unit}"
        text += f", {rate:,.1f}/s"
        if self.total and rate and self.done < self.total:
            text += f", {(self.total - self.done) / rate:,.0f} s left"
        return f"{text} {note}".rstrip()

    def _show(self, note: str = "") -> None:
        self.last_line, self.shown = time.monotonic(), self.done
        log.info("%s", self.line(note))

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_) -> None:
        if self.bar is not None:
            self.bar.close()
        elif time.monotonic() - self.start >= _QUIET_SECONDS and self.shown != self.done:
            self._show()
