"""What people say of events, one by one."""

import dataclasses
import uuid

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import COUNT_BINS
from camtrap_tf.reviewing.journal import (
    Answer,
    mark_line,
    undo_of,
)
from camtrap_tf.reviewing.live.memory import utc_now
from camtrap_tf.reviewing.live.views import Views
from camtrap_tf.reviewing.session import Saved


class Answering(Views):
    """Answers, undos and marks, each a line of the journal."""

    def answer(self, queue_name: str, content: dict) -> dict:
        """Appends an answer to the file; the same `id` again changes nothing.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            content: `id`, `event_id`, `verdict`, `sightings`, `seconds`, and `asked` as the
                question had it, as in `journal`.

        Raises:
            Stale: the page is of another review.
            InputError: an impossible answer, or an event that is not ready.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        asked = content.get("asked")
        blind = isinstance(asked, dict) and asked.get("blind") is True
        facts = {
            "reviewer": self.reviewer,
            "at": utc_now(),
            "drawn": "random" if blind else "model",
        }
        answer = Answer.from_json(content | facts | {"wall": None})
        self._check_event(answer.event_id)
        self._check_counts(answer)
        with self._lock:
            self._follow()
            if answer.id not in self._ledger:
                self._append(self._with_guess(answer).to_json())
                if answer.seconds is not None:
                    self._seconds.append(answer.seconds)
            return self._after()

    def _with_guess(self, answer: Answer) -> Answer:
        """A blind answer with what the model said, which the page was not told."""
        if answer.asked is None or not answer.asked["blind"] or self.state is None:
            return answer
        place = self.shelf.place[answer.event_id]
        if place >= len(self.state.probabilities):
            return answer
        name, probability = self.state.guess(place)
        told = {"guess": name, "probability": round(probability, 4)}
        return dataclasses.replace(answer, asked=answer.asked | told)

    def undo(
        self, queue_name: str, undo_id: str | None = None
    ) -> tuple[Answer | None, int | None, Saved]:
        """Takes this reviewer's latest answer back, or the latest wall: all of it.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            undo_id: unique; the same again changes nothing.

        Returns:
            The answer that no longer counts, the number of its event, and how far.

        Raises:
            Stale: the page is of another review.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        with self._lock:
            self._follow()
            answer = self._ledger.undone_by(undo_id or "")
            if answer is None:
                answer = self._ledger.latest(self.reviewer)
                if answer is None:
                    return None, None, self._saved()
                self._append(undo_of(answer, undo_id or uuid.uuid4().hex))
            place = self.shelf.place.get(answer.event_id)
            return answer, place, self._saved()

    def events_of(self, answer: Answer) -> int:
        """How many events were answered together with this answer: a wall's, else one."""
        return self._ledger.events_of(answer)

    def mark(self, queue_name: str, content: dict) -> dict:
        """Sets `favourite` or `note` of an event."""
        self._check_queue(queue_name)
        event_id = content.get("event_id")
        self._check_event(event_id)
        marks = {name: content[name] for name in ("favourite", "note") if name in content}
        kinds = {"favourite": bool, "note": str}
        wrong = {n: v for n, v in marks.items() if not isinstance(v, kinds[n])}
        if wrong or not marks:
            raise InputError(
                "a mark is `favourite`, true or false, or a `note`, a text", wrong or content,
                "Load the page again.",
            )  # fmt: skip
        with self._lock:
            self._append(mark_line(str(event_id), self.reviewer, **marks))
            told = self._ledger.marks(str(event_id))
        return {"favourite": bool(told.get("favourite")), "note": told.get("note") or None}

    @staticmethod
    def _check_counts(answer: Answer) -> None:
        wrong = [s.count for s in answer.sightings if s.count not in (None, *COUNT_BINS)]
        if wrong:
            raise InputError(
                f"counts are among {', '.join(COUNT_BINS)}", wrong, "Choose one of them."
            )
        choices = [s.choices for s in answer.sightings if s.choices]
        if choices:
            raise InputError("this review asks no further questions", choices, "Leave them out.")
