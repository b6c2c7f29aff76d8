"""Many events at once: walls as the page shows them, and as they are accepted."""

import numpy as np

from camtrap_tf.core.errors import InputError
from camtrap_tf.reviewing.journal import (
    Answer,
    wall_line,
)
from camtrap_tf.reviewing.live import walls as screens
from camtrap_tf.reviewing.live.memory import utc_now
from camtrap_tf.reviewing.live.views import Views


class WallViews(Views):
    """Walls (`walls`), and events that look alike."""

    def walls(self) -> dict:
        """All walls that there are; see `walls.Wall.to_json`."""
        with self._lock:
            self._follow()
            number = 0 if self.state is None else self.state.model.number
            return {"model": number, "walls": [one.to_json() for one in self._walls()]}

    def _walls(self) -> list[screens.Wall]:
        return self._remember("walls", self._find_walls)

    def _find_walls(self) -> list[screens.Wall]:
        state, known = self.state, self._known
        if state is None or known is None:
            return []
        return screens.walls(known, state.names, state.confidence, self.due())

    def wall(self, name: str, count: int = screens.TILES, above: float | None = None) -> dict:
        """The least sure events of a wall; none of one that was emptied meanwhile.

        Args:
            name: of the wall.
            count: of events, `walls.TILES` at most.
            above: confidence; None: the wall's own threshold.

        Raises:
            LookupError: no wall is ever called so.
        """
        with self._lock:
            self._follow()
            found = next((one for one in self._walls() if one.wall == name), None)
            if found is None:
                found = screens.emptied(name)
            least = found.threshold if above is None else above
            kept = found.above(least)
            places = kept.events[: max(1, min(count, screens.TILES))].tolist()
            return {
                "wall": name, "model": self.state.model.number if self.state else 0,
                "name": found.name, "threshold": least, "total": len(kept.events),
                "tiles": [self._tile(place) for place in places],
            }  # fmt: skip

    def accept(self, queue_name: str, content: dict) -> dict:
        """Gives many events one answer, in one line of the journal.

        Args:
            queue_name: `describe()['queue']` that the page was loaded with.
            content: `id`, `wall`, `name`, `accepted` and `left` (ids of events), `model`,
                `threshold`, `seconds`. The same `id` again changes nothing.

        Raises:
            Stale: the page is of another review.
            InputError: no name, no events or too many, events that are not ready, or a wall
                that its checks have shut.
            OSError: it could not be written.
        """
        self._check_queue(queue_name)
        name, accepted, left = _names_of(content)
        for event_id in (*accepted, *left):
            self._check_event(event_id)
        given = {"event_id": "-", "reviewer": self.reviewer, "at": utc_now(), "drawn": "wall"}
        facts = {key: content.get(key) for key in ("id", "seconds")}
        answer = Answer.from_json(screens.verdict_of(name) | given | facts)
        with self._lock:
            self._follow()
            if answer.id in self._ledger:
                return self._after() | {"accepted": 0, "skipped": []}
            shut = next((w.closed for w in self._walls() if w.wall == f"name:{name}"), None)
            if shut is not None:
                raise InputError(f"walls of {name} are shut", shut, "Answer them one by one.")
            free = [one for one in accepted if not self._ledger.about(one)]
            skipped = [one for one in accepted if one not in set(free)]
            if free:
                told = {key: content.get(key) for key in ("model", "threshold")}
                self._append(wall_line(str(content.get("wall")), answer, free, left, **told))
            return self._after() | {"accepted": len(free), "skipped": skipped}

    def alike(self, place: int, count: int) -> dict:
        """Open events that look most like one, most alike first."""
        with self._lock:
            self._follow()
            state, known = self.state, self._known
            if state is None or known is None or not 0 <= place < len(state.pool):
                raise LookupError("nothing is known of that event yet")
            left = ~known.answered
            left[[place, *self.due()]] = False
            candidates = np.flatnonzero(left)
            near = state.pool.likeness.nearest(place, candidates, max(1, min(count, screens.TILES)))
            return {"tiles": [self._tile(other) for other in near.tolist()]}


def _names_of(content: dict) -> tuple[str, list[str], list[str]]:
    """The name and the events of a wall that is accepted."""
    name, accepted, left = (content.get(key) for key in ("name", "accepted", "left"))
    lists = [accepted, [] if left is None else left]
    if not isinstance(name, str) or not name.strip():
        raise InputError("a wall is accepted under a name", name, "Choose one.")
    for one in lists:
        if not isinstance(one, list) or not all(isinstance(event, str) for event in one):
            raise InputError("`accepted` and `left` are lists of event ids", one, "Load the page.")
    found = [list(dict.fromkeys(one)) for one in lists]
    if not 1 <= len(found[0]) <= screens.ACCEPTED:
        raise InputError(
            f"1 to {screens.ACCEPTED} events are accepted at once", len(found[0]), "Take fewer."
        )
    return name.strip(), found[0], found[1]
