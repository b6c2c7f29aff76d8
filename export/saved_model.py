"""A bundle as one SavedModel: pictures in, named answers out, both stages in one graph."""

import json
import logging
import tempfile
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.config import Context
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.heads import Head, find
from camtrap_tf.core.labels import BINARY, DETECTION, EMPTY, FAMILIARITY, UNKNOWN
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.network import Network
from camtrap_tf.pictures import context_graph, crops_graph, graph
from camtrap_tf.pictures.context_graph import stacked_alone
from export import AUTOMATIC, AUTOMATIC_AT, HUMAN, TOP, detector, event_rules
from export.decoding import cut_batch, decode_batch, decode_parts, decode_rows, squash_batch
from export.description import describe

log = logging.getLogger("camtrap")


def write_saved_model(
    bundle: Bundle,
    folder: PathLike,
    automatic_at: float = AUTOMATIC_AT,
    finder: detector.Serving | None = None,
) -> Path:
    """Writes a SavedModel that plain TensorFlow loads without this package.

    Endpoints (signatures):
        serving_default: `image_bytes` [n] string; JPEG, PNG, BMP, GIF or WebP of any size.
        pixels: `images` [n, height, width, 3] uint8, decoded pictures of one size.
        event: `image_bytes` [events, frames] string and `frames` [events] int32: how many of a
            row's pictures belong to the event; the rest is padding. One answer per event, by
            the bundle's rules, of its readable frames (for stage 2: of those with an animal).
        classes: no input; class names of every head.
        boxes: of bundles that see crops: `image_bytes` [n] string, and `boxes` [n, 4] float32, the
            surest box of each picture: left, top, width and height as shares of it, 0 where
            nothing was found. The other endpoints look for boxes themselves. Sharp crops
            (`PictureSpec.crops`) are cut from what is given: at `pixels` from decoded pictures.

    Answers, one row per picture or event:
        valid               bool: the picture (a frame of the event) could be decoded
        doubtful            bool: it is answered, but the picture (a frame of the event) seems to be
                            damaged inside (`wholeness_graph`); not at `pixels`
        animal_probability  float32
        decision            string: 'automatic' or 'ask a human'
        top_species         [n, <= 5] string, most probable first (one-stage: also 'empty')
        top_probabilities   [n, <= 5] float32
        species_probabilities, count_probabilities  [n, classes] float32
        count_bin           string
        ATTRIBUTE           float32, probability of 'yes', for every attribute
        HEAD_probabilities, HEAD_class  [n, classes] float32 and string, of further heads that are
                            answered by one of several classes
        detection           float32, of bundles that see crops: how sure the detector is of its
                            surest box, 0 where it finds none; at `serving_default` and
                            `pixels`. `event` weighs by it where the bundle's rule is 'detector'
        familiarity         float32, how much it looks like what the species were learnt from
        unknown             bool: an animal whose familiarity is below the bundle's threshold: it
                            is none of the species, and a human is asked
    A row that is not valid is zeros and '' and a human is asked. So are the outputs of stage 2
    where stage 1 sees no animal: those networks are run on the other rows only. There are count,
    attributes, further heads, familiarity and unknown only where the bundle has them.

    Networks with a context (`config.Context`) see the readable frames of an event together at
    `event`; at the other endpoints every picture is an event of one frame, from which nothing
    differs.

    Args:
        bundle: what to export.
        folder: new or empty.
        automatic_at: an answer is taken without a human when its probability reaches this, in
            [0, 1]: of 'empty' where no animal is seen, else of the most probable species.
        finder: the detector, of bundles that see crops.

    Raises:
        InputError: `folder` is not new or empty, or no detector for a bundle that sees crops.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError("an export is written to a new folder", str(folder), "Give another one.")
    with tempfile.TemporaryDirectory() as assets:
        module = Serving(bundle, automatic_at, Path(assets), finder)
        signatures = {
            "serving_default": module.serve,
            "pixels": module.pixels,
            "event": module.event,
            "classes": module.classes,
            **({"boxes": module.boxes} if bundle.needs_boxes else {}),
        }
        tf.saved_model.save(module, str(folder), signatures=signatures)
    log.info("wrote SavedModel %s", folder)
    return folder


_WITH_BOXES = (
    tf.TensorSpec([None], tf.string, name="image_bytes"),
    tf.TensorSpec([None, 4], tf.float32, name="boxes"),
)


class Squares(NamedTuple):
    """Encoded pictures, decoded.

    Args:
        pixels: [n, size, size, 3] uint8, stored squares.
        valid: [n] bool, which could be decoded.
        doubtful: [n] bool, which of these seem to be damaged.
        parts: [n, size, size, 3] uint8, their crops; None where no network sees those.
        detection: [n] float32, how sure the detector is of each crop; None without one.
    """

    pixels: tf.Tensor
    valid: tf.Tensor
    doubtful: tf.Tensor
    parts: tf.Tensor | None = None
    detection: tf.Tensor | None = None


class Serving(tf.Module):
    """The graph of a bundle."""

    def __init__(
        self,
        bundle: Bundle,
        automatic_at: float,
        assets: Path,
        finder: detector.Serving | None = None,
    ):
        super().__init__()
        require(
            bundle.needs_boxes == (finder is not None),
            "a detector goes with a bundle that sees crops, and only with one",
            str(bundle.folder),
            "Export it with `camtrap export`.",
        )
        self.finder = finder
        self.picture, self.context = bundle.picture, bundle.context
        self.first, self.second = bundle.networks(stage=1), bundle.networks(stage=2)
        self.models = [net.model for net in self.first + self.second]  # tracked: their variables
        heads = {head: c for net in self.first + self.second for head, c in net.heads.items()}
        self.names = {head: tf.constant(names) for head, names in heads.items()}
        self.heads = {head: find(head, names) for head, names in heads.items()}
        self.rows = {head: row for head, row in self.heads.items() if row.of_animals}
        self.event_rules = bundle.event_rules
        self.animal_threshold = bundle.animal_threshold
        self.familiarity_threshold = bundle.familiarity_threshold
        self.automatic_at = automatic_at
        if bundle.needs_boxes:  # else it is no part of what is saved
            self.boxes = tf.function(self._boxes, input_signature=_WITH_BOXES)
        labels = assets / "labels.json"
        content = describe(bundle, automatic_at) | {"classes": heads}
        labels.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        self.labels = tf.saved_model.Asset(str(labels))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        """Answers encoded pictures."""
        seen = self._squares(image_bytes)
        answers = self._answers_alone(seen.pixels, seen.parts, seen.valid)
        return answers | {"doubtful": seen.doubtful} | _scores(seen.detection)

    def _boxes(self, image_bytes, boxes):
        """Answers encoded pictures with what a detector found."""
        squares, valid, doubtful = decode_batch(image_bytes, self.picture)
        parts, valid = self._parts(image_bytes, boxes, squares, valid)
        return self._answers_alone(squares, parts, valid) | {"doubtful": doubtful}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, name="images")])
    def pixels(self, images):
        """Answers decoded pictures."""
        squares, parts, detection = squash_batch(images, self.picture), None, None
        if self.finder is not None:
            found, detection = detector.surest(self.finder.pixels(images))
            if self.picture.crops:
                parts = cut_batch(images, found, self.picture)
            else:
                parts = crops_graph.cut_around(squares, found)
        valid = tf.ones(tf.shape(squares)[:1], tf.bool)
        return self._answers_alone(squares, parts, valid) | _scores(detection)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, name="image_bytes"),
            tf.TensorSpec([None], tf.int32, name="frames"),
        ]
    )
    def event(self, image_bytes, frames):
        """Answers events."""
        shape = tf.shape(image_bytes)
        within = tf.reshape(tf.sequence_mask(frames, shape[1]), [-1])
        # Padding is not decoded into answers, whatever a client fills it with.
        encoded = tf.where(within, tf.reshape(image_bytes, [-1]), "")
        squares, valid, doubtful, parts, detection = self._squares(encoded)
        seen = _beside(stack_events(squares, valid, shape, self.context), parts)
        probabilities, asked = self._probabilities(seen, valid)
        means = self._of_events(probabilities, valid, asked, shape, detection)
        valid, doubtful = (
            tf.reduce_any(tf.reshape(of_frames, shape), axis=1) for of_frames in (valid, doubtful)
        )
        seen = valid
        if self.first:
            seen = tf.logical_and(valid, means[EMPTY][:, 0] >= self.animal_threshold)
            means = {h: v if h == EMPTY else _blank(v, seen) for h, v in means.items()}
        return self._answers(means, seen, valid) | {"doubtful": doubtful}

    @tf.function(input_signature=[])
    def classes(self):
        """Class names of every head."""
        return dict(self.names)

    def _answers_alone(self, squares, parts, valid) -> dict[str, tf.Tensor]:
        """Answers pictures as events of one frame each; see `Squares`."""
        seen = _beside(stacked_alone(squares, self.context), parts)
        return self._answers(*self._probabilities(seen, valid), valid)

    def _squares(self, encoded) -> Squares:
        """Encoded pictures, decoded."""
        if self.finder is None:
            return Squares(*decode_batch(encoded, self.picture))
        finder, size = self.finder, self.picture.size
        blanks = tf.zeros((size, size, 3), tf.uint8), *finder.blanks
        (squares, seen, filled), valid, doubtful = decode_rows(
            encoded, lambda one: (graph.decode(one, self.picture), *finder.decode(one)), blanks
        )
        found, detection = detector.surest(finder.find(seen, filled, valid))
        parts, valid = self._parts(encoded, found, squares, valid)
        return Squares(squares, valid, doubtful, parts, detection)

    def _parts(self, encoded, boxes, squares, valid) -> tuple[tf.Tensor, tf.Tensor]:
        """The crops of pictures, of the squares or of the files; and which there are."""
        if not self.picture.crops:
            return crops_graph.cut_around(squares, boxes), valid
        return decode_parts(tf.where(valid, encoded, ""), boxes, self.picture)

    def _of_events(
        self, probabilities, valid, asked, shape, detection=None
    ) -> dict[str, tf.Tensor]:
        """By head [events, classes], zeros where no frame was asked.

        Args:
            probabilities: by head and for familiarity, [events * frames, classes].
            valid, asked: [events * frames] bool: frames that could be read, and those that
                stage 2 was asked about.
            shape: [2] int32, how many events of how many frames, padded.
            detection: [events * frames] float32, how sure a detector is; None without one.
        """
        if self.first:
            animal = probabilities[EMPTY][:, 0]
        else:
            animal = self._animal_of_one_stage(probabilities["species"])
        sure = None if detection is None else tf.reshape(detection, shape)
        found = {}
        for name, values in probabilities.items():
            row = self.heads.get(name)
            grid = event_rules.Grid(
                tf.reshape(values, (shape[0], shape[1], values.shape[1])),
                tf.reshape(valid if name == EMPTY else asked, shape),
                tf.reshape(animal, shape),
                row and row.refuted,
                sure,
            )
            joint = not self.first and name == "species"
            found[name] = event_rules.combine(grid, self.event_rules.get(name, "mean"), joint)
        return found

    def _probabilities(self, squares, valid) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """By head [n, classes], zeros where it was not asked; and which rows stage 2 was asked."""
        if not self.first:
            return self._ask(self.second, squares, valid), valid
        probabilities = self._ask(self.first, squares, valid)
        seen = tf.logical_and(valid, probabilities[EMPTY][:, 0] >= self.animal_threshold)
        return probabilities | self._ask(self.second, squares, seen), seen

    def _ask(self, networks: list[Network], squares, rows) -> dict[str, tf.Tensor]:
        """Probabilities by head of the rows chosen, zeros elsewhere.

        Networks see the chosen rows alone, so that no answer depends on what else is in the
        batch, and are not run at all on none: batch norm fails on an empty batch.
        """
        outputs = {name: width for net in networks for name, width in net.outputs.items()}
        count, index = tf.shape(squares)[0], tf.where(rows)

        def run():
            found = mean_probabilities(networks, tf.gather_nd(squares, index))
            return {
                name: tf.scatter_nd(index, found[name], tf.cast([count, width], tf.int64))
                for name, width in outputs.items()
            }

        def skip():
            return {name: tf.zeros([count, width]) for name, width in outputs.items()}

        answers = tf.cond(tf.reduce_any(rows), run, skip)
        return {n: tf.ensure_shape(answers[n], (None, width)) for n, width in outputs.items()}

    def _answers(self, probabilities, asked, valid) -> dict[str, tf.Tensor]:
        """The named answers from the probabilities by head."""
        species = probabilities["species"]
        best, index = tf.math.top_k(species, k=min(TOP, species.shape[1]))
        names = tf.gather(self.names["species"], index)
        if self.first:
            animal = probabilities[EMPTY][:, 0]
            confidence = tf.where(asked, best[:, 0], 1.0 - animal)
        else:
            animal, confidence = self._animal_of_one_stage(species), best[:, 0]
        sure = tf.logical_and(valid, confidence >= self.automatic_at)
        answers = {}
        if FAMILIARITY in probabilities:
            familiarity = probabilities[FAMILIARITY][:, 0]
            unknown = tf.logical_and(asked, familiarity < self.familiarity_threshold)
            if not self.first:  # 'empty' is no unknown animal
                unknown = tf.logical_and(unknown, names[:, 0] != EMPTY)
            sure = tf.logical_and(sure, tf.logical_not(unknown))
            answers = {FAMILIARITY: familiarity, UNKNOWN: unknown}
        answers |= {
            "valid": valid,
            "animal_probability": _blank(animal, valid),
            "decision": tf.where(sure, AUTOMATIC, HUMAN),
            "top_species": _blank(names, asked),
            "top_probabilities": best,
        }
        for head, row in self.rows.items():
            answers |= self._answers_of_head(row, probabilities[head], asked)
        return answers

    def _answers_of_head(self, row: Head, values, asked) -> dict[str, tf.Tensor]:
        if row.is_attribute:
            return {row.name: values[:, BINARY.index("yes")]}
        answers = {f"{row.name}_probabilities": values}
        if row.served:
            names = tf.gather(self.names[row.name], tf.argmax(values, axis=1))
            answers[row.served] = _blank(names, asked)
        return answers

    def _animal_of_one_stage(self, species):
        has_empty = self.second[0].heads["species"][-1] == EMPTY
        return 1.0 - species[:, -1] if has_empty else tf.ones_like(species[:, 0])


def _beside(seen: tf.Tensor, parts: tf.Tensor | None) -> tf.Tensor:
    """[n, size, size, channels]: what networks of the whole picture see, then the crops."""
    return seen if parts is None else tf.concat([seen, parts], axis=-1)


def _scores(detection: tf.Tensor | None) -> dict[str, tf.Tensor]:
    return {} if detection is None else {DETECTION: detection}


def mean_probabilities(networks: list[Network], pixels: tf.Tensor) -> dict[str, tf.Tensor]:
    """Probabilities by head, averaged over the networks that have it."""
    answers = [network.graph(pixels) for network in networks]
    heads = dict.fromkeys(head for answer in answers for head in answer)
    return {head: tf.reduce_mean([a[head] for a in answers if head in a], axis=0) for head in heads}


def stack_events(
    squares: tf.Tensor, valid: tf.Tensor, shape: tf.Tensor, context: Context
) -> tf.Tensor:
    """Squares of events with what stands beside them, from their readable frames alone.

    Args:
        squares: [events * frames, size, size, 3] uint8.
        valid: [events * frames] bool.
        shape: [2] int32, how many events of how many frames, padded.
        context: what to add.

    Returns:
        [events * frames, side, side, context.channels] uint8, zeros where not valid.
    """
    if context is Context.NONE:
        return squares
    size = context.side(squares.shape[1])

    def one(event):
        frames, readable = event
        rows = tf.where(readable)

        def stacked():
            found = context_graph.stacked(tf.gather_nd(frames, rows), context)
            whole = tf.concat([shape[1:], tf.shape(found)[1:]], 0)
            return tf.scatter_nd(tf.cast(rows, tf.int32), tf.cast(found, tf.int32), whole)

        def nothing():
            return tf.zeros((shape[1], size, size, context.channels), tf.int32)

        return tf.cast(tf.cond(tf.size(rows) > 0, stacked, nothing), tf.uint8)

    by_event = tf.reshape(squares, tf.concat([shape, squares.shape[1:]], 0))
    signature = tf.TensorSpec((None, size, size, context.channels), tf.uint8)
    found = tf.map_fn(one, (by_event, tf.reshape(valid, shape)), fn_output_signature=signature)
    return tf.reshape(found, (-1, size, size, context.channels))


def _blank(values: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """Zeros (or '') in the rows that are not kept."""
    mask = kept if values.shape.rank == 1 else kept[:, None]
    return tf.where(mask, values, tf.zeros_like(values))
