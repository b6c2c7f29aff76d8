"""Labels of whole bursts: how many empty pictures of an animal's event a network finds.

    python -m experiments.run burst_labels --data=SHARDS --truth=truth.csv --out=RUNS --scale=small

The paper gives pictures the label of their event, so that empty ones are called what walked past
before or after. `train.burst_noise` allows for that in the loss (forward correction, Patrini et
al. 2017), and `model.context=difference` shows where a picture differs from its event.
On drawn pictures `truth.csv` says what is to be seen on each.
Cost: four networks of stage 1, once for every seed of the scale.
"""

import numpy as np

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import EMPTY, Task
from experiments import draws, scoring
from experiments.lab import Job, Lab
from experiments.rows import Row

SPLIT = "test"
NOISE = ("train.burst_noise", "0.3")
DIFFERENCE = ("model.context", "difference")
METHODS = {
    "labels as they are": (),
    "loss allows for noise": (NOISE,),
    "difference": (DIFFERENCE,),
    "difference, loss allows for noise": (DIFFERENCE, NOISE),
}


def jobs(lab: Lab) -> list[Job]:
    """Every method, once for each seed."""
    return [_job(lab, method, seed) for seed in lab.scale.seeds for method in METHODS]


def _job(lab: Lab, method: str, seed: int) -> Job:
    changes = (("train.seed", str(seed)),) if seed else ()
    return Job(Task.EMPTY, lab.scale.architectures[0], (*METHODS[method], *changes))


def report(lab: Lab) -> list[Row]:
    """Per method, on events labelled with an animal, as the mean over seeds.

    The order of pictures by their probability of 'empty' tells what any threshold could reach.
    """
    rows = []
    for method in METHODS:
        rows += scoring.guarded(
            method, "empty pictures found", SPLIT, lambda method=method: _method(lab, method)
        )
    return rows


def _method(lab: Lab, method: str) -> list[Row]:
    truths, found = lab.truths(), []
    for seed in lab.scale.seeds:
        answers = lab.predictions(_job(lab, method, seed), SPLIT)
        found.append(right(answers, truths.loc[answers.ids["path"], "animals"].to_numpy() > 0))
    events = scoring.event_codes(answers)
    return [_row(method, figure, [seed[figure] for seed in found], events) for figure in found[0]]


def _row(method: str, figure: str, seeds: list[np.ndarray], events: np.ndarray) -> Row:
    each = "seeds " + " ".join(f"{np.nanmean(values):.3f}" for values in seeds)
    mean = draws.share(np.mean(seeds, axis=0), events)
    return Row(method, figure, SPLIT, *mean, int((~np.isnan(seeds[0])).sum()), note=each)


def right(answers: Predictions, animal: np.ndarray) -> dict[str, np.ndarray]:
    """[rows] float by figure: 1 right, 0 wrong, NaN not scored.

    Args:
        answers: with the head `empty`.
        animal: [rows] bool, an animal is to be seen.
    """
    of_animal = answers.event_labels[EMPTY] == 0
    said_empty = answers.top(EMPTY) == 1

    def among(chosen: np.ndarray, values: np.ndarray) -> np.ndarray:
        return np.where(of_animal & chosen, values, np.nan)

    return {
        "empty pictures found": among(~animal, said_empty),
        "pictures of animals kept": among(animal, ~said_empty),
        "empty below animal, of all pairs": _below(
            answers, of_animal & animal, of_animal & ~animal
        ),
    }


def _below(answers: Predictions, animal: np.ndarray, nothing: np.ndarray) -> np.ndarray:
    """[rows] float: share of the pictures of animals that an empty one lies below; else NaN.

    Their mean is the area under the receiver operating characteristic.
    """
    probability = answers.animal_probability()
    others = np.sort(probability[animal])
    above = len(others) - np.searchsorted(others, probability, "right")
    level = np.searchsorted(others, probability, "right") - np.searchsorted(others, probability)
    return np.where(nothing, (above + level / 2) / max(len(others), 1), np.nan)
