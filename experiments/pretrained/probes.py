"""Heads on frozen features of the Californian pictures: fitted to some, asked about others.

Shards and boxes are those of `experiments.california.read_events`; what a probe does, with the
pictures that it learns from given. Views: the whole picture, the crop around the detector's surest
box, and both: the mean of the two heads' probabilities.
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import threadpoolctl
from absl import flags

from camtrap_tf.answers import aggregation, calibration
from camtrap_tf.answers.predictions import Predictions, concatenate, ensemble
from camtrap_tf.core.labels import BINARY, DETECTION, MISSING

if TYPE_CHECKING:
    from camtrap_tf.events.detections import Detections
    from camtrap_tf.training import linear

Heads = dict[str, dict[str, "linear.Head"]]  # by view and name
VIEWS = ("whole", "crop")
WEIGHTED = {"empty": False, "species": True}  # whether rare classes count as much, as in a probe


@dataclasses.dataclass(frozen=True)
class Days:
    """Pictures of a split of the days.

    Args:
        answered: of the pictures, without probabilities: ids, classes and labels.
        views: by name, [n, 2, width] float32.
    """

    answered: Predictions
    views: dict[str, np.ndarray]

    def select(self, rows: np.ndarray) -> "Days":
        """Some of them."""
        views = {view: seen[rows] for view, seen in self.views.items()}
        return Days(self.answered.select(rows), views)


def join(parts: list[Days]) -> Days:
    """Those of several splits as one."""
    names = parts[0].views
    views = {name: np.concatenate([part.views[name] for part in parts]) for name in names}
    return Days(concatenate([part.answered for part in parts]), views)


def read(pools: dict, split: str) -> Days:
    """Those of a split of shards, from `read_events.Pool`s by view."""
    from camtrap_tf.batches import pipeline

    manifest = next(iter(pools.values())).manifest
    ids, labels, event_labels = pipeline.index(manifest, split)
    classes = {"empty": BINARY, "species": manifest.vocabulary.species}
    nothing = {name: np.full((len(ids), len(names)), np.nan) for name, names in classes.items()}
    kept = [{name: one[name] for name in classes} for one in (labels, event_labels)]
    views = {view: pool.read(split) for view, pool in pools.items()}
    return Days(Predictions(ids, classes, nothing, *kept), views)


def fit(learnt: Days, rows: np.ndarray) -> Heads:
    """Heads fitted to some pictures."""
    return {
        view: {head: _fit(seen[rows], learnt.answered.select(rows), head) for head in WEIGHTED}
        for view, seen in learnt.views.items()
    }


def _fit(seen: np.ndarray, rows: Predictions, head: str) -> "linear.Head":
    known = np.flatnonzero(rows.labels[head] != MISSING)
    labels, events = rows.labels[head][known], rows.event_codes()[known]
    return fit_head(seen[known], labels, events, len(rows.classes[head]), WEIGHTED[head])


def fit_head(
    seen: np.ndarray, labels: np.ndarray, folds: np.ndarray, classes: int, weighted: bool
) -> "linear.Head":
    """A head for features [n, 2, width], with the strength that folds favour (`linear.fit`)."""
    from camtrap_tf.training import linear

    standard = linear.Standard.learn(seen)
    axes = axes_of(standard(seen))
    head = linear.fit(standard(seen) @ axes, labels, folds, classes, weighted)
    return turned_back(head, axes).behind(standard)


def axes_of(seen: np.ndarray) -> np.ndarray:
    """[width, k]: axes of the space that pictures [n, 2, width] span.

    A head with an L2 penalty lies within it: for features in these axes it is the same head, found
    sooner where there are fewer pictures than features.
    """
    with threadpoolctl.threadpool_limits(1, "blas"):  # several wait for each other
        return np.linalg.svd(seen.reshape(-1, seen.shape[-1]), full_matrices=False)[2].T


def turned_back(head: "linear.Head", axes: np.ndarray) -> "linear.Head":
    """A head for features from one for features in some axes."""
    return dataclasses.replace(head, kernel=(axes @ head.kernel).astype(np.float32))


def ask(fitted: Heads, asked: Days) -> dict[str, Predictions]:
    """What heads say of pictures, by view, and what those of the two views say together."""
    found = {view: _ask(heads, asked, view) for view, heads in fitted.items()}
    return found | ({"both": ensemble(list(found.values()))} if len(found) > 1 else {})


def _ask(heads: dict[str, "linear.Head"], asked: Days, view: str) -> Predictions:
    from scipy import special

    seen = asked.views[view][:, 0]
    values = {name: special.softmax(head.logits(seen), axis=1) for name, head in heads.items()}
    return answered(asked, values)


def answered(asked: Days, values: dict[str, np.ndarray]) -> Predictions:
    """Pictures with probabilities [pictures, classes] by head, as a bundle would read them."""
    info = {"animal_threshold": 0.5, "event_rules": aggregation.usual(asked.answered.classes)}
    return dataclasses.replace(asked.answered, probabilities=values, info=info)


def calibrated(rows: Predictions, validation: Predictions) -> Predictions:
    """Answers with the temperatures that the validation days' ask for."""
    tempered = calibration.calibrate(rows, calibration.temperatures(validation))
    return with_facts(tempered, animal_threshold=0.5)


def with_scores(rows: Predictions, boxes: "Detections") -> Predictions:
    """Answers with the detector's scores; events by the rules of bundles that see crops."""
    rules = aggregation.usual(rows.classes, scored=True)
    scores = {DETECTION: boxes.of(rows.ids["path"]).confidence}
    return with_facts(dataclasses.replace(rows, scores=scores), event_rules=rules)


def with_facts(rows: Predictions, **facts) -> Predictions:
    """Answers with further facts in their `info`."""
    return dataclasses.replace(rows, info=rows.info | facts)


def define_flags() -> None:
    """Declares the flags of experiments on these pictures."""
    flags.DEFINE_string("shards", None, "folders of shards, {seed} in their name", required=True)
    flags.DEFINE_string("detections", None, "what `camtrap detect` wrote", required=True)
    flags.DEFINE_string("features", None, "folder for the features of pictures")
    flags.DEFINE_multi_enum("views", list(VIEWS), list(VIEWS), "what heads see")
    flags.DEFINE_string("table", None, "table to write", required=True)


def pools(given: flags.FlagValues, network: str = "lite0") -> list[dict]:
    """By view, a network's features for each split of the days: the default and four others."""
    from camtrap_tf.events import detections
    from experiments.california.read_events import Pool

    folders = [given.shards.replace("{seed}", str(seed)) for seed in range(5)]
    boxes = {"whole": None, "crop": detections.read(given.detections)}
    first = {v: Pool.compute(folders[0], boxes[v], given.features, network) for v in given.views}
    return [{view: pool.of(folder) for view, pool in first.items()} for folder in folders]
