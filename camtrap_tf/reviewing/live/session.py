"""One person's work on events of which no model knows anything yet, and the model that learns.

`memory` has the answers and the model, and keeps them up to date; on it stand, each for a concern
of the page, `views`, `questions`, `answering`, `wall_views` and `catalogue`.
"""

import collections
import dataclasses

from camtrap_tf.answers.predictions import ANIMAL
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import ATTRIBUTES, COUNT_BINS
from camtrap_tf.reviewing.agreement import agreement
from camtrap_tf.reviewing.answers import resolve
from camtrap_tf.reviewing.live.accuracy import Running
from camtrap_tf.reviewing.live.answering import Answering
from camtrap_tf.reviewing.live.catalogue import Catalogue
from camtrap_tf.reviewing.live.finishing import Finish
from camtrap_tf.reviewing.live.questions import Questions
from camtrap_tf.reviewing.live.wall_views import WallViews
from camtrap_tf.reviewing.session import YOUNG


class LiveSession(Questions, Answering, WallViews, Catalogue):
    """All that the page of a review asks for; see `Memory` for its arguments."""

    def describe(self) -> dict:
        """What stays the same, and how far the work is."""
        with self._lock:
            return {
                "queue": self.queue,
                "live": True,
                "target": self.target,
                "folder": str(self.folder),
                "reviewer": self.reviewer,
                "file": str(self._journal.path),
                "drawn": "model",
                "blind": False,
                "species": [*self._classes(), ANIMAL],
                "counts": list(COUNT_BINS),
                "attributes": list(ATTRIBUTES),
                "choices": {},
                "young": YOUNG,
                **dataclasses.asdict(self._saved()),
            }

    def status(self) -> dict:
        """How far preparation, model and accuracy are."""
        with self._lock:
            self._follow()
            progress = self.shelf.source.progress()
            state, known = self.state, self._known
            return {
                "preparing": dataclasses.asdict(progress)
                | {"events": len(self.shelf), "can_begin": self.state is not None},
                "model": self._told(),
                "classes": self._classes(),
                "saved": dataclasses.asdict(self._saved()),
                "bulk": 0 if known is None else int(known.bulk.sum()),
                "accuracy": None if state is None else self._accuracy(state.running),
                "walls": sum(one["open"] and one["sure"] > 0 for one in self.walls()["walls"]),
            }

    def _accuracy(self, running: Running | None) -> dict | None:
        if running is None:
            return None
        told = {"answers": running.further, "share": running.foretold}
        return {
            "right": running.right, "drawn": running.drawn, "share": running.share,
            "low": running.low, "high": running.high, "target": self.target,
            "met": running.low >= self.target,
            "more": None if running.foretold is None else told,
        }  # fmt: skip

    def results(self) -> dict:
        """Agreement of all reviewers, and the running accuracy."""
        with self._lock:
            self._follow()
            answers = self._ledger.standing()
            state = self.state
        people = collections.Counter(answer.reviewer for answer in answers)
        decided, dropped = resolve(answers)
        pairs = [dataclasses.asdict(pair) for pair in agreement(answers)]
        return {
            "reviewers": dict(sorted(people.items())),
            "pairs": [{k: None if v != v else v for k, v in pair.items()} for pair in pairs],
            "decided": len(decided),
            "undecided": dropped.counts,
            "accuracy": None,
            "accuracy_live": None if state is None else self._accuracy(state.running),
            "bulk": sum(answer.wall is not None for answer in answers),
        }

    def finishing(self) -> dict:
        """How far the finish is."""
        found = Finish() if self.finisher is None else self.finisher.progress()
        return dataclasses.asdict(found)

    def finish(self, queue_name: str) -> dict:
        """Begins to make a bundle, predictions and tables; while it runs, nothing more."""
        self._check_queue(queue_name)
        if self.finisher is None:
            raise InputError("this review can be finished", "no way to", "Use camtrap review.")
        self.finisher.start()
        return self.finishing()
