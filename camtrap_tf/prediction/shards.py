"""Answers on the labelled pictures of shards."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from camtrap_tf.answers import with_event
from camtrap_tf.answers.predictions import WITH_EVENT, Predictions, writing
from camtrap_tf.batches import pipeline
from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import Context, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import DETECTION, EMPTY, FAMILIARITY
from camtrap_tf.core.progress import Meter
from camtrap_tf.events.detections import Detections, of_labelled
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle, answering_info, classes
from camtrap_tf.networks.network import Network, shared_context
from camtrap_tf.pictures import crops
from camtrap_tf.prediction import shard_boxes
from camtrap_tf.prediction.job import Job, is_whole


class Split:
    """A split of shards, opened once to be asked about more than once, as after every epoch.

    Opening it makes TensorFlow trace a pipeline, which takes longer than a few hundred pictures.

    Args:
        manifest, name: of the pictures.
        context: what networks see beside them; see `shared_context`.
        batch_size: pictures at a time.
        alone: every picture is shown as if its event had no other.
        detections: boxes, for networks that see the part around one.
    """

    def __init__(
        self,
        manifest: Manifest,
        name: str,
        context: Context = Context.NONE,
        batch_size: int = 64,
        alone: bool = False,
        detections: Detections | None = None,
    ):
        self.name = name
        self.ids, self.labels, self.event_labels = pipeline.index(manifest, name)
        self.batches = pipeline.stored_pictures(manifest, name, batch_size, context, alone)
        self.found = self.parts = None
        if detections is not None:
            self.found = of_labelled(detections, self.ids["path"].astype("string"))
            if manifest.picture.crops:
                self.parts = pipeline.stored_pictures(manifest.of_parts(), name, batch_size)

    def predict(self, networks: list[Network]) -> Predictions:
        """Every network's answers on every picture, one pass over the shards.

        Networks that share a head (an ensemble) are averaged. Where some see the part around a box,
        how sure the detector was of it is among the scores.

        Returns:
            Image-level predictions with labels, in the order of the shards.
        """
        collected: list[dict[str, list[np.ndarray]]] = [
            {name: [] for name in network.outputs} for network in networks
        ]
        with Meter(len(self.ids), f"predicting {self.name}") as meter:
            for pixels in self._pixels(networks):
                for network, answers in zip(networks, collected, strict=True):
                    for head, values in network.probabilities(pixels).items():
                        answers[head].append(values)
                meter.advance(len(pixels))
        outputs: dict[str, np.ndarray] = {}
        for name in dict.fromkeys(name for network in networks for name in network.outputs):
            members = [np.concatenate(answers[name]) for answers in collected if name in answers]
            outputs[name] = np.stack(members).mean(axis=0, dtype=np.float64).astype(np.float32)
        classes = {head: names for network in networks for head, names in network.heads.items()}
        return Predictions(
            self.ids,
            classes,
            {head: outputs[head] for head in classes},
            _with_empty_class(self.labels, classes),
            _with_empty_class(self.event_labels, classes),
            self._info(networks),
            {name: values[:, 0] for name, values in outputs.items() if name not in classes}
            | self._detection(networks),
        )

    def _detection(self, networks: list[Network]) -> dict[str, np.ndarray]:
        """The detector's score of every picture, where its boxes are used."""
        if self.found is None or not _see_crops(networks):
            return {}
        return {DETECTION: self.found.confidence.astype(np.float32)}

    def _pixels(self, networks: list[Network]) -> Iterable:
        """Batches of stored squares; with the parts around boxes, where some network sees those."""
        if not _see_crops(networks):
            return self.batches
        if self.found is None:
            raise InputError(
                "networks that see the part around a box are told where boxes are",
                ", ".join(network.name for network in networks if network.view is View.CROP),
                "Give --detections=FILE, what `camtrap detect` or MegaDetector wrote, or let "
                "`camtrap probe --view=both --images=PICTURES` find boxes and keep them.",
            )
        if self.parts is None:
            return crops.stacked(self.batches, self.found.boxes)
        pairs = zip(self.batches, self.parts, strict=True)
        return (np.concatenate(both, axis=-1) for both in pairs)

    def _info(self, networks: list[Network]) -> dict:
        info = {"split": self.name, "models": [network.name for network in networks]}
        scores = [network.score for network in networks if network.score is not None]
        return info | ({"familiarity_score": scores[0]} if scores else {})


def _see_crops(networks: list[Network]) -> bool:
    return any(network.view is View.CROP for network in networks)


def predict_split(
    networks: list[Network],
    manifest: Manifest,
    split: str,
    batch_size: int = 64,
    alone: bool = False,
    detections: Detections | None = None,
) -> Predictions:
    """Answers on a split of shards, asked once; see `Split`."""
    context = shared_context(network.spec for network in networks)
    return Split(manifest, split, context, batch_size, alone, detections).predict(networks)


def _with_empty_class(labels: dict, classes: dict[str, tuple[str, ...]]) -> dict:
    """The labels of the heads there are; in a one-stage model 'empty' is a species."""
    kept = {head: labels[head] for head in classes if head in labels}
    if classes.get("species", ())[-1:] == ("empty",):
        last = len(classes["species"]) - 1
        kept["species"] = np.where(labels["empty"] == 1, last, labels["species"])
    return kept


def answer_shards(bundle: Bundle, shards: PathLike, job: Job, event_weight: float) -> Path:
    """Answers the pictures that shards hold, a split at a time; splits that are there stay.

    Stage 2 counts where stage 1 sees an animal, as with pictures.

    Args:
        bundle: what predicts.
        shards: a folder of them.
        job: where the answers are kept.
        event_weight: of a picture's event where its species is read.
    """
    found, info = classes(bundle), answering_info(bundle)
    path, splits = job.folder / file_names.PREDICTIONS, Manifest.read(shards).splits()
    files = {split: job.folder / "blocks" / f"{split}.parquet" for split in splits}
    missing = [split for split, file in files.items() if not is_whole(file)]
    networks = bundle.networks() if missing else []
    for split in missing:
        predict_shards(bundle, shards, split, networks).write(files[split])
    own = with_event.heads_read(event_weight, found)
    info |= {WITH_EVENT: event_weight} if own else {}
    with writing(path, found, info, scores=bundle.kept_scores, own=own) as add:
        for file in files.values():
            answers = Predictions.read(file)
            values, scores = answers.probabilities, answers.scores
            if EMPTY in found:
                empty = answers.judged_empty()
                second = values.keys() - {EMPTY}
                values |= {head: np.where(empty[:, None], np.nan, values[head]) for head in second}
                unasked = scores.keys() & {FAMILIARITY}
                scores |= {name: np.where(empty, np.nan, scores[name]) for name in unasked}
            alone = Predictions(answers.ids, found, values, info=info, scores=scores)
            add(with_event.read(alone, event_weight))
    return path


def predict_shards(
    bundle: Bundle,
    shards: PathLike,
    split: str,
    networks: list[Network] | None = None,
    detections: Detections | None = None,
) -> Predictions:
    """Every network's answers on a labelled split, stage 2 on empty pictures too.

    Args:
        bundle: what predicts.
        shards: a folder of them.
        split: which.
        networks: the bundle's, where they are loaded already.
        detections: boxes, for networks that see the part around one; None: those that lie beside
            the shards (`shard_boxes`).

    Raises:
        InputError: the shards' vocabulary or stored pictures are not the bundle's, or no boxes
            for a network that needs them.
    """
    manifest = Manifest.read(shards)
    bundle.check_shards(manifest)
    if bundle.needs_boxes:
        detections = shard_boxes.given(manifest, detections)
    predictions = predict_split(
        networks or bundle.networks(), manifest, split, detections=detections
    )
    predictions.info |= answering_info(bundle)
    return predictions
