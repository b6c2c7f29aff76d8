r"""Unknowns: can it be told that an animal is of a species never seen in training?

    python -m experiments.run unknowns --data=SHARDS --out=RUNS --scale=small

The paper takes every animal for one of its 48 species. Here a species is left out of training,
each of the five that follow the most frequent one, and scores of familiarity are asked to
tell its pictures from those of the others: by the area under the ROC curve (AUROC), the
probability that a picture of a known species gets a higher score than one of the unknown.

Known pictures are those of the test split. Unknown ones are those of the left-out species in
the test and the training split: nothing was learnt of either. On the validation split, where
the score is chosen and its threshold is set, they are those of that split. Pictures count as
their event's label says, also those on which nothing is to be seen. An event's score is the
mean over its frames. AUROCs are means over the networks, whose own are in the notes.
Cost: five networks a seed, twice the passes of Table 2's. On the Californian station: the
shards of `experiments/california/california.py`, --results elsewhere.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from camtrap_tf.core.labels import MISSING, Task
from camtrap_tf.networks.bundle import UNKNOWN_SHARE
from camtrap_tf.networks.familiarity import BOTH
from camtrap_tf.training import familiarity
from experiments import draws, subsets
from experiments.lab import Job, Lab, NotAvailable
from experiments.rows import Row

SEEDS = 2  # at most
NEIGHBOURS = 10


@dataclasses.dataclass(frozen=True)
class Animals:
    """What a network makes of pictures with a labelled species.

    Args:
        features: [n, width] float32, what its heads see.
        logits: [n, species] float32, of the species it knows.
        labels: [n] int, the species, -1 for the one it does not know.
        events: [n] int, the picture's event.
    """

    features: np.ndarray
    logits: np.ndarray
    labels: np.ndarray
    events: np.ndarray


def jobs(lab: Lab) -> list[Job]:
    """A network for each species left out and each seed."""
    epochs = str(2 * lab.scale.recipe.train.epochs)
    species = np.count_nonzero(lab.manifest.class_counts["train"]["species"])
    return [
        Job(
            Task.ANIMAL,
            lab.scale.architectures[0],
            (("train.epochs", epochs), ("train.seed", str(seed))),
            data,
        )
        for seed in lab.scale.seeds[:SEEDS]
        for data, rank in subsets.WITHOUT.items()
        if rank < species
    ]


def report(lab: Lab) -> list[Row]:
    """AUROC of every score, and what the threshold in use does."""
    tried, missing = {}, []
    for job in jobs(lab):
        try:
            tried[_name(lab, job)] = [look(lab, job, s) for s in ("train", "val", "test")]
        except NotAvailable as reason:
            missing.append(Row(_name(lab, job), "AUROC", note=str(reason)))
    if not tried:
        return missing
    rows = [
        row
        for name, score in SCORES.items()
        for split, known, unknown in (("val", 1, (1,)), ("test", 2, (0, 2)))
        for row in _auroc_rows(name, score, split, known, unknown, tried)
    ]
    return [*rows, *_threshold_rows(tried), *missing]


def _name(lab: Lab, job: Job) -> str:
    """The species left out, and the seed."""
    counts = np.array(lab.manifest.class_counts["train"]["species"])
    species = np.argsort(-counts, kind="stable")[subsets.WITHOUT[job.data]]
    return f"{lab.manifest.vocabulary.species[species]}, seed {dict(job.changes)['train.seed']}"


def look(lab: Lab, job: Job, split: str) -> Animals:
    """A network on all animals of a split of the *whole* data set."""
    import keras

    from camtrap_tf.batches import pipeline
    from camtrap_tf.networks.run import Run
    from camtrap_tf.pictures import graph

    network = Run.read(lab.run(job)).network()
    outputs = [network.model.get_layer("species").input, network.model.output["species"]]
    model = keras.Model(network.model.input, outputs)
    ids, labels, _ = pipeline.index(lab.manifest, split)
    found = [
        [part.numpy() for part in model(graph.network_input(pixels, network.spec), training=False)]
        for pixels in pipeline.stored_pictures(lab.manifest, split, 64, network.spec.context)
    ]
    known = network.heads["species"]
    words = lab.manifest.vocabulary.species
    translate = np.array([known.index(w) if w in known else MISSING for w in words])
    rows = np.flatnonzero(np.asarray(labels["species"]) != MISSING)
    return Animals(
        np.concatenate([features for features, _ in found])[rows],
        np.concatenate([logits for _, logits in found])[rows],
        translate[np.asarray(labels["species"])[rows]],
        ids["event_id"].factorize()[0][rows],
    )


# Scores of familiarity: from the known animals of the training and of the validation split, and any
# animals, [n] float each.
Score = Callable[[Animals, Animals, Animals], np.ndarray]


def max_probability(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """The softmax probability of the best species: what `confidence` is."""
    return 1 / np.exp(seen.logits - seen.logits.max(axis=1, keepdims=True)).sum(axis=1)


def max_logit(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """The highest logit."""
    return seen.logits.max(axis=1)


def energy(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """log Σ exp(logit): the score of networks that have learnt no distance."""
    highest = seen.logits.max(axis=1)
    return highest + np.log(np.exp(seen.logits - highest[:, None]).sum(axis=1))


def mahalanobis(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """Minus the distance to the nearest class mean, in the classes' common covariance."""
    return -_distance(learnt)(seen.features)


def energy_and_distance(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """Energy and Mahalanobis distance, each in its deviations: the score in use."""
    distance, usual = _distance(learnt), select(usual, familiarity.balanced(usual.labels))
    of_energy, of_distance, constant = familiarity.of_both(
        energy(learnt, usual, usual), distance(usual.features)
    )
    energies = energy(learnt, usual, seen)
    return of_energy * energies + of_distance * distance(seen.features) + constant


def _distance(learnt: Animals) -> familiarity.Distance:
    some = select(learnt, familiarity.balanced(learnt.labels))
    return familiarity.Distance.learn(some.features, some.labels, some.logits.shape[1])


def neighbours(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """The cosine to the tenth nearest picture learnt from (Sun et al. 2022)."""
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (seen.features, learnt.features)]
    return np.sort(unit[0] @ unit[1].T, axis=1)[:, -min(NEIGHBOURS, len(learnt.features))]


def cosine(learnt: Animals, usual: Animals, seen: Animals) -> np.ndarray:
    """The cosine to the nearest class mean."""
    means = _means(learnt)
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (seen.features, means)]
    return np.nanmax(unit[0] @ unit[1].T, axis=1)


def _means(learnt: Animals) -> np.ndarray:
    """[species, width] float: mean features; NaN of a species without pictures."""
    classes = learnt.logits.shape[1]
    counts = np.bincount(learnt.labels, minlength=classes)[:, None]
    sums = np.eye(classes)[learnt.labels].T @ learnt.features
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


SCORES: dict[str, Score] = {
    "max probability": max_probability,
    "max logit": max_logit,
    "energy": energy,
    "Mahalanobis": mahalanobis,
    BOTH: energy_and_distance,
    "cosine": cosine,
    "neighbours": neighbours,
}


def select(animals: Animals, rows: np.ndarray) -> Animals:
    """Some of the animals."""
    return Animals(*(getattr(animals, f.name)[rows] for f in dataclasses.fields(animals)))


def _scored(
    score: Score, looked: list[Animals], split: int, known: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and events of a split's known or unknown animals."""
    learnt, usual = (select(looked[i], looked[i].labels != MISSING) for i in (0, 1))
    seen = select(looked[split], (looked[split].labels != MISSING) == known)
    return score(learnt, usual, seen), seen.events


def _of_splits(
    score: Score, looked: list[Animals], splits: tuple[int, ...], known: bool
) -> tuple[np.ndarray, np.ndarray]:
    parts = [_scored(score, looked, split, known) for split in splits]
    events = [events + 1_000_000_000 * i for i, (_, events) in enumerate(parts)]
    values = np.concatenate([values for values, _ in parts])
    return values, np.unique(np.concatenate(events), return_inverse=True)[1]


def by_event(values: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean scores of events, and their numbers; events are numbered without gaps."""
    means = np.bincount(events, values) / np.bincount(events)
    return means, np.arange(len(means))


def _auroc_rows(
    name: str,
    score: Score,
    split: str,
    known: int,
    unknown: tuple[int, ...],
    tried: dict[str, list[Animals]],
) -> list[Row]:
    rows = []
    for level in ("pictures", "events"):
        values, drawn, scored, notes = [], [], 0, []
        for left_out, looked in tried.items():
            sides = [
                _of_splits(score, looked, splits, side)
                for splits, side in (((known,), True), (unknown, False))
            ]
            if level == "events":
                sides = [by_event(*side) for side in sides]
            if not all(len(values) for values, _ in sides):
                notes.append(f"{left_out}: none on this split")
                continue
            value, again = draws.auroc(*sides[0], *sides[1])
            values.append(value)
            drawn.append(again)
            scored += sum(len(values) for values, _ in sides)
            notes.append(f"{left_out}: {value:.3f}")
        if values:
            low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
            mean = float(np.mean(values))
            note = "; ".join(notes)
            figure = f"AUROC of {level}"
            rows.append(Row(name, figure, split, mean, low, high, scored, note=note))
    return rows


def _threshold_rows(tried: dict[str, list[Animals]]) -> list[Row]:
    """Shares below the threshold that 5% of the known animals of 'val' lie below."""
    rows = []
    score = SCORES[BOTH]
    for left_out, looked in tried.items():
        validated, _ = _scored(score, looked, 1, True)
        if not len(validated):
            continue
        limit = np.quantile(validated, UNKNOWN_SHARE, method="higher")
        for known, splits in ((True, (2,)), (False, (0, 2))):
            sides = _of_splits(score, looked, splits, known)
            for level, (values, events) in (("pictures", sides), ("events", by_event(*sides))):
                kind = "known" if known else "unknown"
                figure = f"{kind} {level} called unknown"
                shares = draws.share((values < limit).astype(float), events)
                if len(values):
                    rows.append(Row(left_out, figure, "test", *shares, scored=len(values)))
    return rows
