r"""Which rule names the species of an event, and does it pay to choose one on validation days?

    python -m experiments.pretrained.rules --shards='/tmp/ca/256-{seed}' \
        --detections=/tmp/ca/detected/detections.json --table=pretrained_rules.csv

Shards and boxes as of `experiments.california.read_events`. The rules of `answers.event_rules`, and
two that weigh frames by the detector's score in place of the probe's probability of an animal.
Ways to take one:

    usual                   the mean weighted by the detector, what a bundle of both views takes
    most right              the rule with which most of the validation days' events are right, the
                            likelier of equals
    most right, clearly     the same of those that beat the usual one by a sign test at 95%, and the
                            usual one without any: what a bundle does (`aggregation.compare`)
    likeliest               the rule with which their labels are likeliest
    likeliest, clearly      the same, where the log likelihood gains more than 1.92

`learnt days`: heads are fitted to two thirds of the training and validation days of the four splits
and answer the last third, in turn; ways choose on 22 of these events, drawn at random, and are
scored on the others, 200 times. `test days`: ways choose on the validation days, once. What is to
be the default is decided by the first; the second is read once.

Intervals of test days: events drawn anew.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from absl import app, flags

from camtrap_tf.answers import event_rules
from camtrap_tf.answers.aggregation import clearly_better
from camtrap_tf.answers.calibration import LEAST_GAIN
from camtrap_tf.answers.predictions import Predictions, concatenate
from camtrap_tf.core.labels import MISSING
from experiments.pretrained import probes
from experiments.pretrained.scored import Scored, join
from experiments.rows import write_lines

BY_PROBE = ("mean", "mean_logit", "maximum", "animal", "surest")
BY_DETECTOR = {"animal": "detector", "surest": "surest of the detector"}
RULES = (*BY_PROBE, *BY_DETECTOR.values())
USUAL = RULES.index("detector")
FOLDS, CHOSEN_ON, DRAWS = 3, 22, 200


class Events(NamedTuple):
    """Events with an animal, answered by every rule.

    Args:
        right: [rules, events] float, 1 or 0.
        likely: [rules, events] float, log-probability of the label.
        names: [events] str.
    """

    right: np.ndarray
    likely: np.ndarray
    names: np.ndarray

    def select(self, events: np.ndarray) -> "Events":
        """Some of them."""
        return Events(self.right[:, events], self.likely[:, events], self.names[events])


def answer(rows: Predictions, scores: np.ndarray) -> Events:
    """Events of pictures.

    Args:
        rows: pictures' answers.
        scores: [rows] float32, the detector's.
    """
    codes, animal = rows.event_codes(), rows.animal_probability()
    seen = event_rules.frames_with_animal(codes, animal, 0.5)
    events = codes.max() + 1
    species = rows.probabilities["species"][seen]
    weights = dict.fromkeys(BY_PROBE, animal) | dict.fromkeys(BY_DETECTOR.values(), scores)
    plain = {name: name for name in BY_PROBE} | {name: rule for rule, name in BY_DETECTOR.items()}
    said = np.stack([
        event_rules.combine(codes[seen], events, species, weights[rule][seen], plain[rule])
        for rule in RULES
    ])  # fmt: skip
    first = np.unique(codes, return_index=True)[1]
    truth = rows.event_labels["species"][first]
    known = np.flatnonzero(truth != MISSING)
    said, truth = said[:, known], truth[known]
    likely = event_rules.log_probabilities(said[:, np.arange(len(known)), truth])
    names = rows.event_names().to_numpy()[first][known]
    return Events((said.argmax(axis=2) == truth).astype(float), likely, names)


def _most_right(known: Events, among: Sequence[int] = range(len(RULES))) -> int:
    right, likely = _sums(known)
    return max(among, key=lambda rule: (right[rule], likely[rule]))


def _sums(known: Events) -> tuple[np.ndarray, np.ndarray]:
    return known.right.sum(axis=1), known.likely.sum(axis=1)


def _most_right_clearly(known: Events) -> int:
    usual = known.right[USUAL]
    better = [rule for rule, own in enumerate(known.right) if clearly_better(own, usual)]
    return _most_right(known, better or [USUAL])


def _likeliest(known: Events) -> int:
    return int(_sums(known)[1].argmax())


def _likeliest_clearly(known: Events) -> int:
    best, sums = _likeliest(known), _sums(known)[1]
    return best if sums[best] - sums[USUAL] > LEAST_GAIN else USUAL


WAYS: dict[str, Callable[[Events], int]] = {
    "usual": lambda _: USUAL,
    "most right": _most_right,
    "most right, clearly": _most_right_clearly,
    "likeliest": _likeliest,
    "likeliest, clearly": _likeliest_clearly,
}


def drawn(known: Events, seed: int = 0) -> dict[str, float]:
    """By way, the share of events that is right of those on which it did not choose."""
    rng, found = np.random.default_rng(seed), {name: [] for name in WAYS}
    for _ in range(DRAWS):
        order = rng.permutation(known.right.shape[1])
        seen, rest = known.select(order[:CHOSEN_ON]), known.select(order[CHOSEN_ON:])
        for name, choose in WAYS.items():
            found[name].append(rest.right[choose(seen)].mean())
    return {name: float(np.mean(values)) for name, values in found.items()}


def cross_fitted(days: probes.Days, folds: np.ndarray) -> dict[str, Predictions]:
    """By view, answers to all pictures by heads fitted to the other folds of the days."""
    parts: dict[str, list[Predictions]] = {}
    for fold in np.unique(folds):
        asked = days.select(np.flatnonzero(folds == fold))
        fitted = probes.fit(days, np.flatnonzero(folds != fold))
        for view, rows in probes.ask(fitted, asked).items():
            parts.setdefault(view, []).append(rows)
    return {view: concatenate(rows) for view, rows in parts.items()}


def answers(pools: dict) -> dict[str, dict[str, Predictions]]:
    """By days ('learnt', 'val', 'test') and view, what heads say that have not learnt from them.

    Calibrated on the validation days.

    Args:
        pools: features by view, of a split of the days.
    """
    days = {split: probes.read(pools, split) for split in ("train", "val", "test")}
    both = probes.join([days["train"], days["val"]])
    fitted = probes.fit(days["train"], np.arange(len(days["train"].answered)))
    said = {split: probes.ask(fitted, days[split]) for split in ("val", "test")}
    said["learnt"] = cross_fitted(both, folds_of_days(both.answered))
    return {
        split: {view: probes.calibrated(rows, said["val"][view]) for view, rows in views.items()}
        for split, views in said.items()
    }


def folds_of_days(rows: Predictions, seed: int = 0) -> np.ndarray:
    """[rows] int: pictures of a day are in one fold."""
    day = pd.factorize(pd.to_datetime(rows.ids["datetime"]).dt.date, sort=True)[0]
    return np.random.default_rng(seed).permutation(day.max() + 1)[day] % FOLDS


def lines(learnt: dict[str, list[Events]], validation: dict, test: dict) -> list[dict]:
    """Lines of the table, from events by view and split of the days."""
    found = []
    for view, parts in learnt.items():
        shares = [drawn(events) for events in parts]
        for name in WAYS:
            chosen = [WAYS[name](known) for known in validation[view]]
            runs = [Scored(own.right[rule], own.names)
                    for rule, own in zip(chosen, test[view], strict=True)]  # fmt: skip
            line = {"view": view, "rule": f"chosen: {name}", "chosen": _names(chosen)}
            mean = np.mean([one[name] for one in shares])
            found.append(line | {"learnt_days": round(float(mean), 4)} | join(runs).figures())
        for place, rule in enumerate(RULES):
            runs = [Scored(own.right[place], own.names) for own in test[view]]
            mean = np.mean([events.right[place].mean() for events in parts])
            line = {"view": view, "rule": rule, "chosen": "", "learnt_days": round(float(mean), 4)}
            found.append(line | join(runs).figures())
    return found


def _names(rules: list[int]) -> str:
    return " ".join(RULES[rule].replace(" ", "_") for rule in rules)


def main(_) -> None:
    """Reads the flags, fits the heads and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    boxes, found = detections.read(flags.FLAGS.detections), {"learnt": {}, "val": {}, "test": {}}
    for pools in probes.pools(flags.FLAGS)[1:]:
        for split, views in answers(pools).items():
            for view, rows in views.items():
                scores = boxes.of(rows.ids["path"]).confidence
                found[split].setdefault(view, []).append(answer(rows, scores))
    write_lines(lines(found["learnt"], found["val"], found["test"]), Path(flags.FLAGS.table))


if __name__ == "__main__":
    probes.define_flags()
    app.run(main)
