"""What is asked next, and why."""

from collections.abc import Iterable

from camtrap_tf.reviewing.live import learner
from camtrap_tf.reviewing.live.asking import Question, Why
from camtrap_tf.reviewing.live.state import State
from camtrap_tf.reviewing.live.views import Views
from camtrap_tf.reviewing.live.walls import SURE
from camtrap_tf.reviewing.session import PAGE


class Questions(Views):
    """Events that people are asked about."""

    def next(self, count: int, skip: Iterable[int] = ()) -> dict:
        """The next questions for this reviewer.

        Args:
            count: of them, `PAGE` at most.
            skip: numbers of events that are on the screen.
        """
        with self._lock:
            self._follow()
            state, known = self.state, self._known
            if state is None or known is None or known.pool is not state.pool:
                return {"model": 0, "questions": [], "left": "prepare"}
            people = self._at_work()
            own, several = people.index(self.reviewer), len(people)
            count = max(1, min(count, PAGE))
            asked = learner.ask(known, state.probabilities, count * several, skip)
            questions = [self._question(one, state) for one in asked[own::several] or asked[:1]]
            running = self.shelf.source.progress().state in ("listing", "running")
            left = {} if questions else {"left": "prepare" if running else "nothing"}
            return {"model": state.model.number, "questions": questions, **left}

    def _question(self, question: Question, state: State) -> dict:
        place, blind = question.event, question.blind
        name, probability = state.guess(place)
        asked = {
            "why": question.why.value, "blind": blind, "model": state.model.number,
            "guess": None if blind else name, "probability": None if blind else probability,
            "events": len(state.pool),
        }  # fmt: skip
        shown = self._shown(place, state, blind)
        if blind:  # what was accepted in bulk is looked at as if for the first time
            shown["mine"] = None
        return shown | {"reasons": _reasons(question, name, probability), "asked": asked}


_WORDS = {
    Why.UNSURE: "unsure: {share} {name}",
    Why.UNLIKE: "unlike anything answered so far",
}


def _reasons(question: Question, name: str, probability: float) -> list[str]:
    """Why a question is asked, in words; nothing of a blind one."""
    if question.why is Why.TYPICAL:
        return [f"stands for {max(question.stands_for, 1)} events that look alike"]
    words = _WORDS.get(question.why)
    if question.why is Why.UNSURE and probability >= SURE:
        words = "the least sure of all: {share} {name}"
    return [] if words is None else [words.format(share=f"{probability:.0%}", name=name)]
