"""Watches a folder of pictures and decides about each event, once."""

import contextlib
import dataclasses
import datetime
import logging
import os
import time
from pathlib import Path
from typing import Any

from camtrap_tf.core.artifacts import atomic
from camtrap_tf.core.config import Context
from camtrap_tf.events.bursts import events
from camtrap_tf.pictures import files
from camtrap_tf.pictures.context import NOTHING_TO_COMPARE
from export.edge import bursts, journal
from export.edge.bursts import File
from export.edge.model import Answer, EdgeModel
from export.edge.policy import Action, Policy, Verdict, judge

log = logging.getLogger("camtrap")
WRITING = 2.0  # seconds without a change after which a file is taken to be whole


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
        InputError: another process writes the log.
    """

    def __init__(self, model: EdgeModel, settings: Settings):
        self.model, self.settings = model, settings
        self.journal = journal.Journal(settings.log)
        self._frames: dict[str, File] = {}
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
            self.step()
            time.sleep(poll_seconds)

    def step(self, wait: bool = True) -> int:
        """Decides about the events that are over, or, without waiting, about all there are.

        Returns:
            How many.
        """
        now, gap, done = time.time(), self.settings.gap_seconds, 0
        for event in events(self._new_frames(), gap):
            if not wait or bursts.is_over(event, now, gap, WRITING):
                self._decide(event)
                done += 1
        if done:
            self._point_out_alone()
        return done

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
        for path in files.find(self.settings.folder):
            try:
                status = (self.settings.folder / path).stat()
            except FileNotFoundError:
                continue
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

    def _decide(self, event: list[File]) -> None:
        answers, reasons, doubts = self._answers(event)
        self._events += 1
        self._alone += len(event) - len(reasons) == 1
        verdict = judge(answers, self.model)
        best, day = event[verdict.best], datetime.date.today().isoformat()
        policy, sent = self.settings.policy, self.journal.sent[day]
        action, reason = policy.decide(verdict, best.size, sent)
        if action is Action.TRANSMIT:
            # Before the log: after a power cut in between the same picture is put there again
            # under the same name, and none is forgotten.
            self._post(best)
        entry = _entry(event, verdict) | {
            "unreadable": reasons,
            "doubtful": doubts,
            "decision": action.value,
            "reason": reason,
            "sent": best.path if action is Action.TRANSMIT else None,
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

    def _post(self, frame: File) -> None:
        with atomic(self.settings.outbox / frame.path.replace("/", "_")) as temporary:
            temporary.write_bytes((self.settings.folder / frame.path).read_bytes())

    def _delete(self, entry: dict[str, Any]) -> None:
        """Removes a dropped event's pictures, but none unread, doubtful, or come under their names.

        A log without sizes cannot tell the latter: what it dropped stays.
        """
        if entry["decision"] != Action.DROP.value:
            return
        kept = {*entry["unreadable"], *entry.get("doubtful", ())}
        for path, size in zip(entry["frames"], journal.sizes(entry), strict=True):
            file = self.settings.folder / path
            with contextlib.suppress(FileNotFoundError):
                if path not in kept and file.stat().st_size == size:
                    file.unlink()
        os.sync()


def _entry(event: list[File], verdict: Verdict) -> dict[str, Any]:
    taken = event[0].taken
    return {
        "event": event[0].path,
        "frames": [frame.path for frame in event],
        "sizes": [frame.size for frame in event],
        "taken": taken.isoformat() if taken else None,
        "animal": verdict.animal,
        "animal_probability": round(verdict.animal_probability, 4),
        "species": verdict.species,
        "probability": round(verdict.probability, 4),
        "automatic": verdict.automatic,
    }
