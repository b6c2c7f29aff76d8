"""`snapshot_serengeti` for people who start from TensorFlow Datasets.

    from data_prep.shards import tfds_builder
    builder = tfds_builder.SnapshotSerengeti(data_dir="tfds")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=FOLDER))
    builder.as_dataset("train")

FOLDER holds Dryad's `consensus_data.csv`, `all_images.csv` and, where there is one,
`gold_standard_data.csv`, and the pictures in `images/` under the paths of `all_images.csv`.
Records, vocabulary and splits are those of `camtrap shard`; unreadable pictures are left out
and their number is logged. Who has shards already opens them with
`tfds.builder_from_directory`.
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.heads import FRAME_HEADS
from camtrap_tf.core.labels import MISSING, Vocabulary
from camtrap_tf.events.records import TEXTS, EventRecord, label_heads
from data_prep import sources
from data_prep.choice import select, splits
from data_prep.shards import plan, tasks, tfds_metadata

log = logging.getLogger("camtrap")


@dataclasses.dataclass
class SerengetiConfig(tfds.core.BuilderConfig):
    """A way to make it.

    Args:
        split: 'paper' (events labelled by experts are a test set of their own), 'event' or
            'site'.
        picture: how pictures are cut and stored.
    """

    split: str = "event"
    picture: PictureSpec = dataclasses.field(default_factory=PictureSpec)


class SnapshotSerengeti(tfds.core.GeneratorBasedBuilder):
    """Snapshot Serengeti, one example per capture event."""

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Dryad's CSV files, and the pictures in `images/`."
    BUILDER_CONFIGS = [  # noqa: RUF012 - what TFDS expects
        SerengetiConfig(name="event", split="event"),
        SerengetiConfig(name="paper", split="paper"),
        SerengetiConfig(name="site", split="site"),
    ]
    builder_config: SerengetiConfig
    vocabulary = Vocabulary()  # the 48 species

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict.from_json(tfds_metadata.features(self.vocabulary))
        return tfds.core.DatasetInfo(
            builder=self,
            description="Pictures of 225 camera stations in the Serengeti, labelled by volunteers.",
            features=features,
            homepage="https://doi.org/10.5061/dryad.5pt92",
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        folder = Path(dl_manager.manual_dir)
        table = select.select(sources.read("dryad", folder))
        rule = splits.assign(table, self.builder_config.split)
        planned = plan.make(table, rule, vocabulary=self.vocabulary)
        names = dict.fromkeys(task_split for _, task_split, _, _ in planned.shards)
        return {name: self._generate_examples(planned, folder / "images", name) for name in names}

    def _generate_examples(self, planned: plan.Plan, images: Path, split: str) -> Iterator[tuple]:
        for i, (_, name, _, _) in enumerate(planned.shards):
            if name == split:
                for event in self._events(planned.task(i), images):
                    yield event.event_id, _example(event, self.vocabulary)

    def _events(self, task: tasks.ShardTask, images: Path) -> Iterator[EventRecord]:
        tally = tasks.Tally(task)
        yield from tasks.events(task, images, self.builder_config.picture, tally)
        if tally.quarantine:
            log.warning("%d unreadable, such as %s", len(tally.quarantine), tally.quarantine[0])


def _example(event: EventRecord, vocabulary: Vocabulary) -> dict[str, Any]:
    missing = [MISSING] * len(event.frames)
    example: dict[str, Any] = {name: getattr(event, name) for name in TEXTS}
    example |= {"paths": event.paths, "frames": event.frames}
    for head in label_heads(vocabulary):
        example[f"label/{head}"] = event.labels.get(head, MISSING)
    for head in FRAME_HEADS:
        example[f"frame_label/{head}"] = event.frame_labels.get(head, missing)
    return example
