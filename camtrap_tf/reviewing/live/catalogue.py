"""All events, by order and filters."""

import collections
from collections.abc import Mapping

import numpy as np

from camtrap_tf.reviewing.journal import (
    Verdict,
)
from camtrap_tf.reviewing.live import listing as lists
from camtrap_tf.reviewing.live.events import Event
from camtrap_tf.reviewing.live.state import State
from camtrap_tf.reviewing.live.views import Views
from camtrap_tf.reviewing.session import PAGE

_OF_ROW = ("answer", "by", "unlike", "favourite")


class Catalogue(Views):
    """The list of the page (`listing`)."""

    def listing(self, asked: Mapping[str, str]) -> dict:
        """Events by order and filters; see `listing.select`."""
        with self._lock:
            self._follow()
            rows = self._rows()
            kept, total = lists.page(rows, asked, PAGE)
            answers = collections.Counter(row.answer for row in rows if row.answer is not None)
            return {
                "total": total,
                "sites": sorted({row.site for row in rows if row.site is not None}),
                "answers": dict(answers.most_common()),
                "events": [
                    self._tile(row.place)
                    | {name: getattr(row, name) for name in _OF_ROW}
                    | {
                        "note": self._ledger.marks(self.shelf.events[row.place].event_id).get(
                            "note"
                        )
                    }
                    for row in kept
                ],
            }

    def _rows(self) -> list[lists.Row]:
        return self._remember("rows", self._find_rows)

    def _find_rows(self) -> list[lists.Row]:
        state, due = self.state, self.due()
        number = len(self.shelf)
        answers, confidence, unlike = ([None] * number for _ in range(3))
        if state is not None:
            known = len(state.probabilities)
            answers[:known] = state.names.tolist()
            confidence[:known] = state.confidence.tolist()
            unlike[:known] = self._unlike(state).tolist()
        for place in due:
            answers[place] = confidence[place] = unlike[place] = None
        return [
            self._row(place, event, answers[place], confidence[place], unlike[place])
            for place, event in enumerate(self.shelf.events[:number])  # more may have come since
        ]

    @staticmethod
    def _unlike(state: State) -> np.ndarray:
        """[events] how little each looks like anything answered."""
        places = np.arange(len(state.pool))
        return 1 - state.pool.likeness.to_nearest(places, np.flatnonzero(state.known.single))

    def _row(
        self,
        place: int,
        event: Event,
        answer: str | None,
        confidence: float | None,
        unlike: float | None,
    ) -> lists.Row:
        given = self._ledger.about(event.event_id)
        by = None if answer is None else "model"
        if given:
            answer = next(iter(given[-1].said), None)
            by = "people" if any(one.wall is None for one in given) else "bulk"
        unsure = any(one.verdict is Verdict.UNSURE for one in given)
        favourite = bool(self._ledger.marks(event.event_id).get("favourite"))
        text = f"{event.event_id} {event.frames[0].path}"
        return lists.Row(
            place, event.site, event.when, answer, by, confidence, unlike, unsure, favourite, text
        )
