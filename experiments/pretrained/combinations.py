r"""Frozen features, fine-tuned networks, and both: which for which question?

    camtrap train --shards=256-1 --task=empty --preset=quick --run=runs/empty-1
    camtrap train --shards=256-1 --task=species --preset=quick --view=crop \
        --detections=detected/detections.json --run=runs/species-1       # and with 2, 3, 4
    python -m experiments.pretrained.combinations --shards='256-{seed}' \
        --runs='runs/{task}-{seed}' --detections=detected/detections.json \
        --table=pretrained_combinations.csv

Shards and boxes as of `experiments.california.read_events`. A question is answered by `probe`, the
mean of the heads on either view (`probes`), by `tuned`, a network that learnt from there, or by all
three, each of which counts the same, as in a bundle. Tuned networks are calibrated on the
validation days, as a bundle does; pairs of answers to the two questions are read on the test days.
Runs that are not there leave their pairs out; several --runs are the same networks with other
seeds. Nothing is chosen by the test days.

    empty, pictures        empty or not
    empty, events          the same by the rule that a bundle takes (`aggregation.usual`)
    species, events: RULE  by each rule of `rules`, of frames that are not called empty
    species, pictures      alone, and read with the event by the usual weight
    all right, pictures    both questions, read with the event
    left at 96.6%          the largest share of pictures, surest first, of which 96.6% are right,
                           what the paper calls automated: by a threshold that the test days set,
                           as in the paper, and by one of the validation days, with its accuracy
    calibration error      expected, 15 bins of equal width, of the answer as a whole

Mean over splits. Intervals: events drawn anew; none for what is not a share of rows.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags

from camtrap_tf.answers import calibration, metrics, planning, with_event
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.labels import DETECTION
from experiments.pretrained import probes, rules
from experiments.pretrained.scored import Scored, decided, summary
from experiments.rows import write_lines

TARGET = 0.966  # of the paper's volunteers
QUESTIONS = ("empty", "species")
SPLITS = ("val", "test")
Values = dict[str, np.ndarray]  # [pictures, classes] by split
Figures = dict[str, Scored | float]


def of_probe(days: dict[str, probes.Days]) -> dict[str, Values]:
    """The mean of heads on both views, by question."""
    fitted = probes.fit(days["train"], np.arange(len(days["train"].answered)))
    both = {split: list(probes.ask(fitted, days[split]).values())[-1] for split in SPLITS}
    return {
        question: {split: rows.probabilities[question] for split, rows in both.items()}
        for question in QUESTIONS
    }


def of_run(folder: Path, shards: str, boxes, question: str) -> Values | None:
    """What a run answers, calibrated; None where it is not there."""
    from camtrap_tf.core import file_names
    from camtrap_tf.core.config import View
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.networks.run import Run
    from camtrap_tf.prediction.shards import predict_split

    if not (folder / file_names.RESULT).is_file():
        return None
    network, manifest = Run.read(folder).network(), Manifest.read(shards)
    around = boxes if network.view is View.CROP else None
    said = {s: predict_split([network], manifest, s, detections=around) for s in SPLITS}
    found = calibration.temperatures(said["val"])
    rows = {split: calibration.calibrate(own, found) for split, own in said.items()}
    return {split: own.probabilities[question] for split, own in rows.items()}


def sources(probe: Values, tuned: Values | None) -> dict[str, Values]:
    """By name: the probe of two views, the tuned network, the mean of the three."""
    if tuned is None:
        return {"probe": probe}
    mean = {split: (2 * probe[split] + tuned[split]) / 3 for split in SPLITS}
    return {"probe": probe, "tuned": tuned, "probe and tuned": mean}


def pairs(
    days: dict[str, probes.Days], given: dict, boxes
) -> Iterator[tuple[tuple[str, str], dict[str, Predictions]]]:
    """Answers by split, with the detector's scores, for each pair of sources of the questions."""
    for names in itertools.product(*(given[question] for question in QUESTIONS)):
        said = {}
        for split in SPLITS:
            values = {q: given[q][name][split] for q, name in zip(QUESTIONS, names, strict=True)}
            rows = probes.with_scores(probes.answered(days[split], values), boxes)
            said[split] = probes.with_facts(rows, animal_threshold=0.5)
        yield names, said


def figures(said: dict[str, Predictions]) -> Figures:
    """All figures of a pair of sources on the test days, from their answers by split."""
    test = said["test"]
    names, events = test.event_names().to_numpy(), test.by_event()
    found: Figures = {
        "empty, pictures": decided(test, "empty"),
        "empty, events": decided(events, "empty"),
        "species, pictures, alone": decided(test, "species"),
    }
    by_rule = rules.answer(test, test.scores[DETECTION])
    for rule, right in zip(rules.RULES, by_rule.right, strict=True):
        found[f"species, events: {rule}"] = Scored(right, by_rule.names)
    read = {split: with_event.read(rows, with_event.USUAL) for split, rows in said.items()}
    found["species, pictures, with the event"] = decided(read["test"], "species")
    right = metrics.right_answers(read["test"])
    found["all right, pictures, with the event"] = Scored(right, names)
    return found | left(read) | {"calibration error": _error(read["test"], right)}


def _error(rows: Predictions, right: np.ndarray) -> float:
    return calibration.reliability(rows.answer_confidence(), right).error


def left(read: dict[str, Predictions]) -> Figures:
    """What can be left to the network, by thresholds of the test and of the validation days."""
    sure = {split: rows.answer_confidence() for split, rows in read.items()}
    right = {split: metrics.right_answers(rows) for split, rows in read.items()}
    names, found = read["test"].event_names().to_numpy(), {}
    for split in SPLITS:
        least = planning.lowest_threshold(sure[split], right[split], TARGET)
        taken = sure["test"] >= least
        found[f"left at {TARGET:.1%}, threshold of {split}"] = Scored(taken.astype(float), names)
        accepted = np.where(taken, right["test"], np.nan)
        found[f"right of these, threshold of {split}"] = Scored(accepted, names)
    return found


def lines(found: dict[tuple[str, str], list[Figures]]) -> list[dict]:
    """A line for each pair and figure, over the splits."""
    made = []
    for names, splits in found.items():
        for figure in splits[0]:
            line = {**dict(zip(QUESTIONS, names, strict=True)), "figure": figure}
            values = [one[figure] for one in splits]
            made.append(line | {"splits": len(values)} | summary(values))
    return made


def main(_) -> None:
    """Reads the flags, asks all there is and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow
    from camtrap_tf.events import detections

    start_tensorflow()
    given = flags.FLAGS
    boxes, found = detections.read(given.detections), {}
    for seed, pools in enumerate(probes.pools(given)):
        if str(seed) not in given.seeds:
            continue
        shards = given.shards.replace("{seed}", str(seed))
        days = {split: probes.read(pools, split) for split in ("train", *SPLITS)}
        probe = of_probe(days)
        for runs in given.runs or [""]:
            asked = {}
            for question in QUESTIONS:
                folder = Path(runs.replace("{task}", question).replace("{seed}", str(seed)))
                asked[question] = sources(probe[question], of_run(folder, shards, boxes, question))
            for names, said in pairs(days, asked, boxes):
                found.setdefault(names, []).append(figures(said))
    write_lines(lines(found), Path(given.table))


if __name__ == "__main__":
    probes.define_flags()
    flags.DEFINE_multi_string("runs", [], "finished runs, {task} and {seed} in their name")
    flags.DEFINE_list("seeds", ["1", "2", "3", "4"], "splits of days")
    app.run(main)
