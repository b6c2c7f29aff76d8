"""Which pictures show people, as far as answers tell, and what becomes of those.

An event is guarded as a whole: who walks through it is on most of its pictures. It shows people
where a person says so; where none has answered, where a label says so, where the model's answer
to it or to one of its pictures does, or where the model gives people a probability of at least
`FLOOR` on one of them. That is as good as the model is: a person whom it takes for a cow is shown,
and a model that was never taught people knows none. Vehicles are not people here.
"""

import enum
import re
from collections.abc import Iterable

import numpy as np

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import heads
from camtrap_tf.core.labels import MISSING

# Probability of people on one picture from which its event is guarded; low, because a person who is
# shown is worse than an animal that is not.
FLOOR = 0.02
WORDS = {
    "human", "humans", "person", "persons", "people", "sapiens", "hiker", "hikers", "hunter",
    "hunters", "pedestrian", "pedestrians", "cyclist", "cyclists", "biker", "bikers", "rider",
    "riders", "tourist", "tourists", "ranger", "rangers", "staff", "researcher", "researchers",
    "child", "children",
}  # fmt: skip
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Shown(enum.Enum):
    """What becomes of pictures that show people."""

    SHOW = "show"  # nothing: they are pictures as others
    BLUR = "blur"  # only a few coarse colours of them are shown
    HIDE = "hide"  # they are left out


def names_people(name: str) -> bool:
    """Whether a name of a class, or of an answer, means people.

    >>> [names_people(name) for name in ("Human", "person_on_horse", "groupOfPeople")]
    [True, True, True]
    >>> [names_people(name) for name in ("manedWolf", "humanoid", "vehicle", "cow")]
    [False, False, False, False]
    """
    return any(part.lower() in WORDS for part in _PART.findall(name))


def any_names_people(names: Iterable[str]) -> bool:
    """Whether one of several names means people."""
    return any(map(names_people, names))


def find(predictions: Predictions) -> np.ndarray:
    """[rows] bool: the row is of an event that shows people.

    Args:
        predictions: one row per picture or per event; people's answers may be merged in.
    """
    own = _named(predictions, predictions.answer_codes()) | (_probability(predictions) >= FLOOR)
    own |= _named(predictions, predictions.truth_codes())
    events = predictions.by_event()
    event = predictions.event_codes()
    whole = np.bincount(event, own, len(events)) > 0
    whole |= _named(events, events.answer_codes()) | _named(events, events.truth_codes())
    said = _named(predictions, predictions.answer_codes()) | _are_beside(predictions)
    return np.where(predictions.reviewed(), said, whole[event])


def _are_beside(predictions: Predictions) -> np.ndarray:
    """[rows] bool: somebody named people beside the species that stands in the row."""
    listed = predictions.info.get("review", {}).get("further_sightings", {})
    beside = [
        event for event, others in listed.items() if any_names_people(o["species"] for o in others)
    ]
    return predictions.event_names().isin(beside).to_numpy(bool)


def _named(predictions: Predictions, codes: np.ndarray) -> np.ndarray:
    """[rows] bool: the word of a code means people."""
    named = np.array([*map(names_people, predictions.words), False])  # the last is of MISSING
    return named[np.where(codes == MISSING, len(named) - 1, codes)]


def _probability(predictions: Predictions) -> np.ndarray:
    """[rows] float: the largest probability of a species that means people; 0 without any."""
    found = np.zeros(len(predictions))
    classes = predictions.classes.get(heads.SPECIES, ())
    places = [number for number, name in enumerate(classes) if names_people(name)]
    if places:
        values = np.asarray(predictions.probabilities[heads.SPECIES])[:, places].sum(axis=1)
        animal = predictions.animal_probability().astype(np.float64)
        there = np.where(np.isnan(animal) | predictions.one_stage, 1.0, animal)
        found = np.nan_to_num(values * there)
    return found
