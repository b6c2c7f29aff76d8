"""Events and their pictures, as the page shows them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from camtrap_tf.answers.people import FLOOR, Shown, any_names_people, names_people
from camtrap_tf.core.paths import on_disk
from camtrap_tf.reviewing.journal import (
    Verdict,
)
from camtrap_tf.reviewing.live.memory import Memory
from camtrap_tf.reviewing.live.state import State
from camtrap_tf.reviewing.session import GUARDS, PAGE, is_inside, said


class Views(Memory):
    """Events by number, and their pictures."""

    def page(self, start: int, count: int) -> list[dict]:
        """Events by number, `PAGE` at most."""
        return self.events(range(max(start, 0), min(start + min(count, PAGE), len(self))))

    def events(self, places: Iterable[int]) -> list[dict]:
        """Events by number; numbers that no event has are passed over."""
        with self._lock:
            self._follow()
            known = [place for place in places if 0 <= place < len(self)][:PAGE]
            return [self._shown(place, self.state, self._is_due(place)) for place in known]

    def _shown(self, place: int, state: State | None, blind: bool) -> dict:
        event = self.shelf.events[place]
        mine = self._ledger.of(self.reviewer, event.event_id)
        told = None if mine is None else said(mine) | {"bulk": mine.wall is not None}
        marks = self._ledger.marks(event.event_id)
        return {
            "place": place,
            "event_id": event.event_id,
            "site": event.site,
            "datetime": event.when,
            "frames": [
                {
                    "name": PurePosixPath(frame.path).name, "failure": frame.failure,
                    "box": frame.box, "score": frame.score,
                }
                for frame in event.frames
            ],
            "best": event.best,
            "people": GUARDS[self.people] if self.shows_people(place) else None,
            "suggestions": [] if blind or state is None else state.suggestions(place),
            "further": [] if blind or state is None else state.further(place),
            "reasons": [],
            "mine": told,
            "note": marks.get("note") or None,
            "favourite": bool(marks.get("favourite")),
        }  # fmt: skip

    def _tile(self, place: int) -> dict:
        event, state = self.shelf.events[place], self.state
        frame = event.frames[event.best]
        name, confidence = None, None
        if state is not None and place < len(state.probabilities) and not self._is_due(place):
            name, confidence = state.guess(place)
        return {
            "place": place, "event_id": event.event_id, "best": event.best, "box": frame.box,
            "score": frame.score, "site": event.site, "datetime": event.when,
            "frames": len(event.frames), "name": name, "confidence": confidence,
            "people": GUARDS[self.people] if self.shows_people(place) else None,
        }  # fmt: skip

    def picture(self, queue_name: str, place: int, frame: int) -> Path:
        """The file of one frame of one event, by number.

        Raises:
            Stale: the number is of another review.
            LookupError: there is no such event or frame.
        """
        self._check_queue(queue_name)
        if not 0 <= place < len(self):
            raise LookupError(f"{len(self)} events are ready")
        frames = self.shelf.events[place].frames
        if not 0 <= frame < len(frames):
            raise LookupError(f"event {place} has {len(frames)} pictures")
        path = frames[frame].path
        if not is_inside(path):
            raise LookupError("the picture lies outside the folder of pictures")
        return on_disk(self.images, path)

    def shows_people(self, place: int) -> bool:
        """Whether the event shows people, as far as its answers tell: people's, else the model's.

        Raises:
            LookupError: there is no such event.
        """
        if not 0 <= place < len(self):
            raise LookupError(f"{len(self)} events are ready")
        if self.people is Shown.SHOW:
            return False
        with self._lock:
            given = self._ledger.about(self.shelf.events[place].event_id)
            sure = [one for one in given if one.verdict is not Verdict.UNSURE]
            if sure:
                return any(any_names_people(one.said) for one in sure)
            state = self.state
        if state is None or place >= len(state.probabilities):
            return False
        columns = [names_people(word) for word in state.model.words]
        return float(state.probabilities[place, columns].sum()) >= FLOOR
