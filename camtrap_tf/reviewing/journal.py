"""Human answers as they are written down: a file that only grows.

`reviews.jsonl` has one JSON object per line, UTF-8, appended and flushed to the disk before the
person sees 'saved'. No line is ever changed: who changes their mind appends an answer, who
undoes one appends that. Every line ends with the `checksum` of its other fields (see
`core.checksums`); lines of earlier versions have none. Fields of an answer:

    version    1
    id         unique text; a line that occurs twice (where files were joined) counts once
    act        'answer'
    event_id   capture event
    reviewer   who
    at         when, ISO 8601, UTC
    seconds    how long the event was on the screen, or null
    drawn      how the event came up: 'gain', 'random', ...; accuracy is estimated from 'random'
    verdict    'empty', 'animal' or 'unsure' (looked and cannot tell)
    sightings  of 'animal', most prominent first: [{species, count, attributes}]; count is a bin
               or null (not told), attributes {name: true or false}, absent = not told. A species
               'animal' is an animal that the person cannot name.

    asked      of a question that a model which learns has asked: {why, blind, model, guess,
               probability, events}; `model` is the number of lines that it had learnt from,
               `events` how many there were to choose from. Else absent

An undo has `version`, `id`, `act` 'undo', `reviewer`, `at` and `undoes`, the id of an answer. Of
what one reviewer said of one event the latest answer counts that is not undone.

Two acts have `version` 2, which earlier versions of camtrap_tf refuse to read:

    wall       one answer to many events, accepted in bulk: `id`, `reviewer`, `at`, `seconds`,
               `verdict`, `sightings`, `events` (ids), `left` (ids that were on the wall and were
               not accepted), `wall`, `model` and `threshold`. One undo takes all of it back.
    mark       a `note` (text) or a `favourite` (true or false) at an `event_id`, or both

A power cut leaves at most the beginning of a last line. It is passed over, told of, and closed
with a newline before the next line is written. A line that is damaged otherwise is an error, which
names it: an answer is never read as another, nor left out unseen.
"""

import dataclasses
import datetime
import enum
import json
import logging
import os
import threading
import uuid
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from camtrap_tf.core import checksums
from camtrap_tf.core.artifacts import PathLike, existing_file
from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.core.labels import EMPTY

try:
    import fcntl
except ImportError:  # Windows: one process at a time writes a file
    fcntl = None

VERSION = 1
_ACTS = {"answer": 1, "undo": 1, "wall": 2, "mark": 2}  # and the version that they came with
WALL_DRAWN = "wall"
LABELS = "labels"  # who said, and how came up, what an event table had before a review
BULK_MARK = " (in bulk)"  # after the name of a reviewer
_LONGEST = 1e6  # seconds that an event is on the screen
_END = b', "checksum": "........"}'  # how a line ends, with any digits
log = logging.getLogger("camtrap")


class Verdict(enum.Enum):
    """What a person says of an event as a whole."""

    EMPTY = "empty"
    ANIMAL = "animal"
    UNSURE = "unsure"


@dataclasses.dataclass(frozen=True)
class Sighting:
    """One species of an event.

    Args:
        species: a name; `predictions.ANIMAL` where the person cannot name it.
        count: a bin of the number of animals, None where not told.
        attributes: by name, whether it is so; absent where not told.
        choices: by further question its class (`heads.choices`); absent where not told.
    """

    species: str
    count: str | None = None
    attributes: dict[str, bool] = dataclasses.field(default_factory=dict)
    choices: dict[str, str] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict:
        """The sighting as JSON values; without `choices` where there are none."""
        content = dataclasses.asdict(self)
        if not self.choices:
            del content["choices"]
        return content


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one person said of one event; see the module's description.

    `wall` is the id of the line in which it was accepted in bulk, None of an event that was
    looked at by itself.
    """

    event_id: str
    reviewer: str
    verdict: Verdict
    sightings: tuple[Sighting, ...] = ()
    drawn: str = "gain"
    seconds: float | None = None
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    at: datetime.datetime = dataclasses.field(
        default_factory=lambda: datetime.datetime.now(datetime.UTC)
    )
    asked: dict | None = None
    wall: str | None = None

    def __post_init__(self):
        species = [sighting.species for sighting in self.sightings]
        if (self.verdict is Verdict.ANIMAL) != bool(species):
            raise InputError(
                "an answer names species when, and only when, there is an animal",
                (self.verdict.value, species),
                "Name at least one, or answer 'empty' or 'unsure'.",
            )
        if len(set(species)) < len(species) or not all(species) or EMPTY in species:
            raise InputError(
                "the species of an answer are different names, none of them 'empty'",
                species,
                "Name each once.",
            )

    @property
    def said(self) -> tuple[str, ...]:
        """The answer as a vote: its species, sorted, or `('empty',)`; () if unsure."""
        if self.verdict is Verdict.EMPTY:
            return (EMPTY,)
        return tuple(sorted(sighting.species for sighting in self.sightings))

    @property
    def by(self) -> str:
        """Who said it, for tables; marked where it was accepted in bulk.

        >>> Answer("e", "anna", Verdict.EMPTY, wall="1").by
        'anna (in bulk)'
        """
        return self.reviewer if self.wall is None else self.reviewer + BULK_MARK

    @property
    def line(self) -> str:
        """Id of the line that says it, which an undo names."""
        return self.id if self.wall is None else self.wall

    def to_json(self) -> dict:
        """The answer as JSON values: a line of the file."""
        told = {"asked": self.asked, "wall": self.wall}
        return {
            "version": VERSION, "id": self.id, "act": "answer", "event_id": self.event_id,
            "reviewer": self.reviewer, "at": self.at.isoformat(), "seconds": self.seconds,
            "drawn": self.drawn, "verdict": self.verdict.value,
            "sightings": [sighting.to_json() for sighting in self.sightings],
            **{name: value for name, value in told.items() if value is not None},
        }  # fmt: skip

    @classmethod
    def from_json(cls, content: dict) -> "Answer":
        """The reverse of `to_json`.

        Raises:
            InputError: a field is absent, of another type, or has an impossible value.
        """
        try:
            return cls(
                event_id=_text(content["event_id"]),
                reviewer=_text(content["reviewer"]),
                verdict=Verdict(content["verdict"]),
                sightings=tuple(_sighting(one) for one in content["sightings"]),
                drawn=_text(content["drawn"]),
                seconds=_seconds(content["seconds"]),
                id=_text(content["id"]),
                at=datetime.datetime.fromisoformat(content["at"]),
                asked=_asked(content.get("asked")),
                wall=check_id(content.get("wall")),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                "an answer has the fields that camtrap_tf.reviewing.answers describes",
                content,
                f"Mend it: {type(error).__name__} {error}.",
            ) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a text")
    value.encode()  # a surrogate that is alone could not be written down
    return value


def _seconds(value: float | None) -> float | None:
    """A time that a person took; None of a number that no time can be: it must lose no answer."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value) if 0 <= value < _LONGEST else None


def _asked(content: object) -> dict | None:
    """How a question was asked."""
    if content is None:
        return None
    if not isinstance(content, dict):
        raise TypeError(f"{content!r} is not an object")
    _text(content["why"])
    if not isinstance(content["blind"], bool) or not isinstance(content["model"], int):
        raise TypeError(f"{content!r}: `blind` is true or false, `model` a whole number")
    events = content.get("events")
    if events is not None and (isinstance(events, bool) or not isinstance(events, int)):
        raise TypeError(f"{content!r}: `events` is a whole number")
    names = ("why", "blind", "model", "guess", "probability", "events")
    return {name: content.get(name) for name in names}


def _sighting(content: dict) -> Sighting:
    count = content["count"]
    attributes = {_text(name): value for name, value in content["attributes"].items()}
    if not all(isinstance(value, bool) for value in attributes.values()):
        raise TypeError(f"{attributes} are not true or false")
    choices = {_text(name): _text(value) for name, value in content.get("choices", {}).items()}
    count = None if count is None else _text(count)
    return Sighting(_text(content["species"]), count, attributes, choices)


def check_id(value: object) -> str | None:
    """An id that comes from a browser; None where there is none.

    Raises:
        InputError: it is no text, or one that cannot be written down.
    """
    try:
        return None if value is None else _text(value)
    except (TypeError, ValueError) as error:
        raise InputError("an `id` is a text", value, "Load the page again.") from error


def wall_line(
    wall: str, answer: Answer, events: Sequence[str], left: Sequence[str], **facts: object
) -> dict:
    """The line that gives one answer to many events.

    Args:
        wall: name of the wall.
        answer: what is said of each; its `event_id` is not used.
        events, left: ids that are accepted, and that were on the wall and are not.
        facts: further ones that the line keeps: `model`, `threshold`.
    """
    content = {"act": "wall", "wall": wall, "events": list(events), "left": list(left), **facts}
    kept = ("id", "reviewer", "at", "seconds", "verdict", "sightings")
    line = answer.to_json()
    return {"version": _ACTS["wall"]} | {name: line[name] for name in kept} | content


def mark_line(event_id: str, reviewer: str, **marks: object) -> dict:
    """The line that sets `favourite` or `note` of an event."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "version": _ACTS["mark"], "id": uuid.uuid4().hex, "act": "mark", "event_id": event_id,
        "reviewer": reviewer, "at": now.isoformat(), **marks,
    }  # fmt: skip


def answers_of(line: dict) -> list[Answer]:
    """The answers that a line gives: of a wall one for each of its events.

    Raises:
        InputError: a field is absent, of another type, or has an impossible value.
    """
    if line["act"] == "answer":
        return [Answer.from_json(line)]
    if line["act"] != "wall":
        return []
    shared = line | {"drawn": WALL_DRAWN, "wall": line["id"]}
    return [
        Answer.from_json(shared | {"id": f"{line['id']}/{number}", "event_id": event_id})
        for number, event_id in enumerate(line["events"])
    ]


def undo_of(answer: Answer, undo_id: str) -> dict:
    """The line that undoes an answer, or the whole wall that it was accepted with."""
    now = datetime.datetime.now(datetime.UTC)
    return {
        "version": VERSION, "id": undo_id, "act": "undo", "reviewer": answer.reviewer,
        "at": now.isoformat(), "undoes": answer.line,
    }  # fmt: skip


class Journal:
    """A file of answers that is appended to; several processes may do so at once."""

    def __init__(self, path: PathLike):
        self.path = Path(path)
        self._lock = threading.Lock()
        self._followed = 0, 0  # bytes and lines that `follow` has read

    def append(self, *lines: dict) -> None:
        """Writes lines and returns when they are on the disk.

        Raises:
            OSError: such as a full disk; the lines do not count then.
        """
        told = [{**line, checksums.FIELD: checksums.of_json(line)} for line in lines]
        encoded = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in told)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        with self._lock:
            new = not self.path.exists()
            descriptor = os.open(self.path, flags, 0o644)
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                _write(descriptor, b"\n" + encoded if _is_torn(descriptor) else encoded)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if new:
                _sync_folder(self.path.parent)

    def lines(self) -> list[dict]:
        """All lines, in order; those cut short by a power cut are passed over and told of."""
        return _lines(self.path) if self.path.exists() else []

    def follow(self) -> list[dict]:
        """The whole lines that came since the last call, whoever wrote them.

        The beginning of a line that somebody is writing is left for the next call. While a line
        among them is damaged, every call says so: those beside it must not be passed over.
        """
        start, number = self._followed
        try:
            if self.path.stat().st_size == start:
                return []
            with self.path.open("rb") as file:
                file.seek(start)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content[: content.rfind(b"\n") + 1]
        lines = _parsed(whole, self.path, number + 1)
        self._followed = start + len(whole), number + whole.count(b"\n")
        return lines


def _is_torn(descriptor: int) -> bool:
    """Whether the file ends inside a line."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if not size:
        return False
    os.lseek(descriptor, size - 1, os.SEEK_SET)
    return os.read(descriptor, 1) != b"\n"


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # the name of a new file is in its folder, which has its own flush
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lines(path: Path) -> list[dict]:
    return _parsed(path.read_bytes(), path)


def _parsed(content: bytes, path: Path, first: int = 1) -> list[dict]:
    """Lines of a file, of which the first has a number."""
    lines, torn = [], []
    for number, line in enumerate(content.split(b"\n"), first):
        begun = line.strip(b"\0 \r\t")  # some file systems leave zeros after a power cut
        if not begun:
            continue
        try:
            line = json.loads(begun)
        except (ValueError, RecursionError) as error:
            if _was_whole(begun) or _was_whole(begun[:-1]):  # without what was a newline
                raise _damaged(f"{path}:{number}") from error
            if not begun.startswith(b"{"):
                raise InputError(
                    "a file of human answers has one JSON object per line",
                    f"{path}:{number}: {begun[:80]!r}",
                    "Give a reviews.jsonl.",
                ) from error
            torn.append(number)
        else:
            lines.append(_checked(line, f"{path}:{number}"))
    if torn:
        log.warning("%s: passed over lines that were cut short: %s", path, torn)
    return lines


def _checked(line: object, where: str) -> dict:
    if not isinstance(line, dict) or line.get("act") not in _ACTS:
        raise InputError(f"a line is one of {', '.join(_ACTS)}", where, "Give a reviews.jsonl.")
    if not checksums.fits(line):
        raise _damaged(where)
    if line.get("version") != _ACTS[line["act"]]:
        raise InputError(
            f"this version of camtrap_tf reads version {_ACTS[line['act']]} of such lines",
            f"{where}: {line.get('version')}",
            "Install the version that wrote it.",
        )
    if line["act"] == "undo" and not (_is_text(line.get("id")) and _is_text(line.get("undoes"))):
        raise InputError(
            "an undo has an `id` and `undoes`, the id of an answer", where, "Mend the line."
        )
    return {name: value for name, value in line.items() if name != checksums.FIELD}


def _is_text(value: object) -> bool:
    try:
        return bool(_text(value))
    except (TypeError, ValueError):
        return False


def _was_whole(line: bytes) -> bool:
    """Whether a line was written to its end; a byte of that end may be damaged."""
    end = line[-len(_END) :]
    other = sum(a != b for a, b in zip(end, _END, strict=False) if b != ord("."))
    return len(end) == len(_END) and other <= 1


def _damaged(where: str) -> DamagedFile:
    return DamagedFile(
        where,
        "Take the line from a copy of the file; without one, delete it, and ask the event again. "
        f'If you changed it yourself, delete its "{checksums.FIELD}".',
        "the line does not fit its checksum",
    )


class Ledger:
    """What stands after all lines: by reviewer and event, and in what order it was said.

    Every operation takes the same time however many answers there are.
    """

    def __init__(self, lines: Iterable[dict] = ()):
        self._lines: dict[str, Answer] = {}  # the first answer of each line, by its id
        self._undone: set[str] = set()
        self._undos: dict[str, str] = {}  # from an undo's id to the answer's
        self._said: dict[tuple[str, str], list[Answer]] = {}
        self._history: dict[str, list[Answer]] = {}
        self._walled: dict[str, list[Answer]] = {}  # what was accepted in bulk of an event
        self._left: dict[str, None] = {}  # events that were on a wall and were not accepted
        self._people: dict[str, dict[str, None]] = {}  # who has answered an event, in order
        self._walls: dict[str, list[str]] = {}  # the events that a wall's line answers
        self._marks: dict[str, dict] = {}
        self.length = 0  # answers, walls and undos, each once
        self.changes = 0  # lines of any kind
        for line in lines:
            self.add(line)

    def add(self, line: dict) -> None:
        """Takes one line of the file into account; one that was there before changes nothing."""
        self.changes += 1
        if line["act"] == "undo":
            self.length += line["id"] not in self._undos
            self._undone.add(line["undoes"])
            self._undos[line["id"]] = line["undoes"]
        elif line["act"] == "mark":
            marks = {name: line[name] for name in ("favourite", "note") if name in line}
            self._marks.setdefault(line["event_id"], {}).update(marks)
        elif line["id"] not in self._lines:
            self._take(line)

    def _take(self, line: dict) -> None:
        found = answers_of(line)
        if not found:
            return
        first = found[0]
        self._lines[first.line] = first
        if first.wall is not None:
            self._left |= dict.fromkeys(line["left"])
            for answer in found:
                self._walled.setdefault(answer.event_id, []).append(answer)
            self._walls[first.wall] = [answer.event_id for answer in found]
        self._history.setdefault(first.reviewer, []).append(first)
        for answer in found:
            self._said.setdefault((answer.reviewer, answer.event_id), []).append(answer)
            self._people.setdefault(answer.event_id, {})[answer.reviewer] = None
        self.length += 1

    def __contains__(self, line_id: str) -> bool:
        return line_id in self._lines

    def events_of(self, answer: Answer) -> int:
        """How many events the line of an answer answers."""
        return len(self._walls.get(answer.line, (answer.event_id,)))

    def marks(self, event_id: str) -> dict:
        """`favourite` and `note` of an event, as far as they were set."""
        return self._marks.get(event_id, {})

    def undone_by(self, undo_id: str) -> Answer | None:
        """The answer that an undo took back; None where there was no such undo."""
        return self._lines.get(self._undos.get(undo_id, ""))

    def of(self, reviewer: str, event_id: str) -> Answer | None:
        """What the reviewer's answer on the event is now."""
        return self._last(self._said.get((reviewer, event_id), []))

    def latest(self, reviewer: str) -> Answer | None:
        """The reviewer's latest answer that is not undone: what an undo undoes."""
        return self._last(self._history.get(reviewer, []))

    def standing(self) -> list[Answer]:
        """Of each reviewer and event the answer that counts."""
        found = (self._last(stack) for stack in self._said.values())
        return [answer for answer in found if answer is not None]

    def about(self, event_id: str) -> list[Answer]:
        """What counts of all that was said of an event, reviewer by reviewer."""
        found = (self.of(reviewer, event_id) for reviewer in self._people.get(event_id, ()))
        return [answer for answer in found if answer is not None]

    def events(self) -> Collection[str]:
        """Events that were answered, even if all was undone, and those left on walls."""
        return self._people.keys() | self._left.keys()

    def walled(self, event_id: str) -> Answer | None:
        """What an event was last accepted as in bulk, whether that counts or is overruled."""
        return self._last(self._walled.get(event_id, []))

    @property
    def left(self) -> Collection[str]:
        """Events that somebody saw on a wall and did not accept."""
        return self._left

    def since(self, moment: datetime.datetime) -> list[str]:
        """Reviewers whose latest answer is not older."""
        found = {name: self.latest(name) for name in self._history}
        return [name for name, last in found.items() if last is not None and last.at >= moment]

    def touched(self, line: dict) -> list[str]:
        """The events whose answers a line changes."""
        if line["act"] == "undo":
            line_id = line["undoes"]
            first = self._lines.get(line_id)
            alone = [] if first is None else [first.event_id]
            return self._walls.get(line_id, alone)
        return [*line["events"], *line["left"]] if line["act"] == "wall" else [line["event_id"]]

    def _last(self, stack: list[Answer]) -> Answer | None:
        while stack and stack[-1].line in self._undone:
            stack.pop()
        return stack[-1] if stack else None


def read(paths: PathLike | Sequence[PathLike]) -> list[Answer]:
    """The answers that count, of one file or several (of several people, of several computers).

    Where one reviewer answers an event in several files, the one named last counts.

    Raises:
        InputError: no such file, or not a file of human answers.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else paths
    ledger = Ledger()
    for path in paths:
        for line in _lines(existing_file(path, "a file of human answers")):
            ledger.add(line)
    return ledger.standing()
