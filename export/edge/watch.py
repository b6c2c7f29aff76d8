"""Watches a folder of pictures and decides about each event, once."""

import contextlib
import dataclasses
import datetime
import logging
import os
import time
from pathlib import Path
from typing import Any

from camtrap_tf.core.config import Context
from camtrap_tf.events.bursts import events
from camtrap_tf.pictures.context import NOTHING_TO_COMPARE
from export.edge import bursts, card, journal, outbox
from export.edge.bursts import File
from export.edge.model import Answer, EdgeModel
from export.edge.policy import Action, Policy, Verdict, judge

log = logging.getLogger("camtrap")
WRITING = 2.0  # seconds without a change after which a file is taken to be whole
PAUSE_AFTER_FAILURE = 60.0  # seconds, before what a full disk refused is tried again
MOST_FRAMES = 500  # in an event: all its pictures are in memory at once


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where and how to watch.

    Args:
        folder: of pictures, with all its subfolders; each subfolder is a camera.
        log: JSON lines, one per event.
        policy: what is kept and sent.
        outbox: gets the pictures to transmit, for whatever program sends them.
        gap_seconds: longest pause inside an event.
        delete_dropped: remove the files of dropped events, once that is on the log; those that
            could not be read, or seem damaged, stay.
    """

    folder: Path
    log: Path
    policy: Policy
    outbox: Path
    gap_seconds: float
    delete_dropped: bool = False


class Watch:
    """Decides about events and remembers by its log alone.

    Args:
        model: what answers.
        settings: where and how.

    Raises:
        InputError: another process writes the log, or the log or outbox leads elsewhere.
    """

    def __init__(self, model: EdgeModel, settings: Settings):
        self.model, self.settings = model, settings
        outbox.check(settings.outbox, settings.folder)
        self.journal = journal.Journal(settings.log, reserve=settings.delete_dropped)
        self._frames: dict[str, File] = {}
        self._skipped: dict[str, str] = {}
        self._failure = ""
        self._events = self._alone = 0  # decided about, and of these with one readable picture
        self._warned = False
        if settings.delete_dropped:  # a power cut may have come between log and deletion
            for entry in journal.read(settings.log):
                self._delete(entry)

    def close(self) -> None:
        """Lets another process watch."""
        self.journal.close()

    def run(self, poll_seconds: float) -> None:
        """Decides about events as they end, for ever."""
        while True:
            done = self.try_step()
            time.sleep(poll_seconds if done else max(poll_seconds, PAUSE_AFTER_FAILURE))

    def try_step(self, wait: bool = True) -> bool:
        """`step`; what the disk refuses is said once, and False means to try again later."""
        try:
            self.step(wait)
        except OSError as error:
            if str(error) != self._failure:
                log.warning("%s; tried again every %.0f s", error, PAUSE_AFTER_FAILURE)
            self._failure = str(error)
            return False
        self._failure = ""
        return True

    def step(self, wait: bool = True) -> int:
        """Decides about the events that are over, or, without waiting, about all there are.

        Returns:
            How many.

        Raises:
            OSError: the disk refuses, for instance because it is full. Events that could not be
                put on the log or into the outbox are not decided; the next step tries them again.
        """
        now, gap, done = time.time(), self.settings.gap_seconds, 0
        refused = None
        for event in self._open_events():
            if wait and not bursts.is_over(event, now, gap, WRITING):
                continue
            try:
                self._decide(event)
                done += 1
            except _NotPosted as error:
                refused = error
        if done:
            self._point_out_alone()
        if refused is not None:
            raise refused
        return done

    def _open_events(self) -> list[list[File]]:
        found = events(self._new_frames(), self.settings.gap_seconds)
        return [
            event[start : start + MOST_FRAMES]
            for event in found
            for start in range(0, len(event), MOST_FRAMES)
        ]

    def _point_out_alone(self) -> None:
        """Says once that most events have nothing to compare, where networks expect it."""
        if self._warned or self.model.context is Context.NONE or 2 * self._alone <= self._events:
            return
        self._warned = True
        log.warning(
            NOTHING_TO_COMPARE
            + "Give a longer --event_gap; pictures without an EXIF time are events of their own.",
            f"{self._alone:,}",
            f"{self._events:,}",
            self.model.context.value,
        )

    def _new_frames(self) -> list[File]:
        """The pictures not decided about; their headers are read again only if they change.

        Cameras use a file name again when the card is formatted or the counter runs over: a
        file of another size is another picture, unless the log, an old one, tells no sizes.
        """
        frames: dict[str, File] = {}
        for path, status in card.pictures(self.settings.folder, self._skip):
            if not self.journal.decided.isdisjoint([(path, status.st_size), (path, None)]):
                continue
            known = self._frames.get(path)
            if known and (known.modified, known.size) == (status.st_mtime, status.st_size):
                frames[path] = known
            else:
                frames[path] = File.read(
                    self.settings.folder, path, modified=status.st_mtime, size=status.st_size
                )
        self._frames = frames
        return list(frames.values())

    def _skip(self, path: str, reason: str) -> None:
        """Says once what is no picture file."""
        if self._skipped.get(path) != reason and len(self._skipped) < 10_000:
            self._skipped[path] = reason
            log.warning("%s: %s", path, reason)

    def _decide(self, event: list[File]) -> None:
        answers, reasons, doubts = self._answers(event)
        self._events += 1
        self._alone += len(event) - len(reasons) == 1
        verdict = judge(answers, self.model)
        best, day = event[verdict.best], datetime.date.today().isoformat()
        policy, sent = self.settings.policy, self.journal.sent[day]
        action, reason = policy.decide(verdict, best.size, sent)
        posted = None
        if action is Action.TRANSMIT:
            # Before the log: after a power cut in between the same picture is put there again
            # under the same name, and none is forgotten.
            posted = self._post(best)
        entry = _entry(event, verdict) | {
            "unreadable": reasons,
            "doubtful": doubts,
            "decision": action.value,
            "reason": reason,
            "sent": best.path if action is Action.TRANSMIT else None,
            "outbox": posted,
            "bytes": best.size if action is Action.TRANSMIT else 0,
            "day": day,
            "model_version": self.model.version,
        }
        self.journal.write(entry)
        log.info("%s: %s (%s)", entry["event"], action.value, verdict.species or reason)
        if self.settings.delete_dropped:
            self._delete(entry)

    def _answers(
        self, event: list[File]
    ) -> tuple[list[Answer | None], dict[str, str], dict[str, str]]:
        """The frames' answers; by path, why one cannot be read; and what one seems to lack."""
        found = self.model.answer_event([self.settings.folder / frame.path for frame in event])
        reasons, doubts = {}, {}
        for frame, answer in zip(event, found, strict=True):
            if isinstance(answer, str):
                reasons[frame.path] = answer
            elif answer.doubt:
                doubts[frame.path] = answer.doubt
        answers = [None if isinstance(answer, str) else answer for answer in found]
        return answers, reasons, doubts

    def _post(self, frame: File) -> str:
        content = (self.settings.folder / frame.path).read_bytes()
        try:
            return outbox.post(self.settings.outbox, frame.path, content)
        except OSError as error:
            raise _NotPosted(*error.args) from error

    def _delete(self, entry: dict[str, Any]) -> None:
        """Removes a dropped event's pictures, but none unread, doubtful, or come under their names.

        A log without sizes cannot tell the latter: what it dropped stays.
        """
        if entry["decision"] != Action.DROP.value:
            return
        kept = {*entry["unreadable"], *entry.get("doubtful", ())}
        for path, size in zip(entry["frames"], journal.sizes(entry), strict=True):
            if path not in kept and card.is_picture(self.settings.folder, path):
                self._unlink(path, size)
        os.sync()
        self.journal.keep_reserve()

    def _unlink(self, path: str, size: int | None) -> None:
        file = self.settings.folder / path
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_size == size:
                file.unlink()


class _NotPosted(OSError):
    """A picture could not be put into the outbox."""


def _entry(event: list[File], verdict: Verdict) -> dict[str, Any]:
    taken, read = event[0].taken, verdict.readable
    return {
        "event": event[0].path,
        "frames": [frame.path for frame in event],
        "sizes": [frame.size for frame in event],
        "taken": taken.isoformat() if taken else None,
        "animal": verdict.animal if read else None,
        "animal_probability": round(verdict.animal_probability, 4) if read else None,
        "species": verdict.species if read else None,
        "probability": round(verdict.probability, 4) if read else None,
        "automatic": verdict.automatic if read else None,
    }
