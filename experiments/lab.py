"""The laboratory: networks by what they are, trained and asked only where that is missing.

A run directory is named after its configuration, so that experiments share networks: Table 2,
Table S.5, Fig. S.5 and the labour figures need the same nine.
"""

import csv
import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core import file_names
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import AugmentConfig, Config, ModelConfig, Step, TrainConfig
from camtrap_tf.core.config_io import difference, field_names, override
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import step_schedule
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.architectures import ARCHITECTURES
from experiments import published as paper
from experiments import subsets

log = logging.getLogger("camtrap")


class NotAvailable(Exception):
    """Why a figure cannot be had; it becomes the note of an empty row."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One network.

    Args:
        task: what it answers.
        architecture: its trunk.
        changes: fields of the recipe that differ from the scale's, dotted name and text.
        data: a name in `subsets.SUBSETS`: which of the shards' events it learns from.
        start: the network whose weights it begins with.
    """

    task: Task
    architecture: str
    changes: tuple[tuple[str, str], ...] = ()
    data: str = "all"
    start: "Job | None" = None


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much work an experiment is.

    Args:
        name: 'paper', 'small' or 'smoke'.
        recipe: of every network, but for the experiment's own changes.
        architectures: of Table 2 and Fig. 5; the first one stands in for the paper's choice in
            other results.
        seeds: of networks that are trained several times, to see what chance does.
    """

    name: str
    recipe: Config
    architectures: tuple[str, ...] = paper.ARCHITECTURES
    seeds: tuple[int, ...] = (0,)


# The paper's recipe with a small network and gentler changes, before its schedule.
SMALL = Config(
    model=ModelConfig(architecture="small", crop=112),
    augment=AugmentConfig(brightness=30.0, contrast=(0.6, 1.5)),
)


def _short(epochs: int, batch_size: int, learning_rate: float) -> Config:
    schedule = step_schedule(epochs, learning_rate, 0.0005)
    train = TrainConfig(epochs=epochs, batch_size=batch_size, schedule=schedule)
    return dataclasses.replace(SMALL, train=train)


SCALES = {
    "paper": Scale("paper", paper.RECIPE),
    "small": Scale("small", _short(12, 32, 0.02), ("small",), seeds=(0, 1, 2)),
    "smoke": Scale("smoke", _short(2, 16, 0.005), ("small", "edge")),
}


@dataclasses.dataclass
class Lab:
    """Data, place and scale of experiments.

    Args:
        data: folder of shards.
        out: folder of run directories.
        scale: how much work.
        truth: `truth.csv` of a synthetic world, or None: what is to be seen on each picture.
        train: whether networks that are missing are trained, or their rows left empty.
    """

    data: Path
    out: Path
    scale: Scale
    truth: Path | None = None
    train: bool = True

    def __post_init__(self):
        self.manifest = Manifest.read(self.data)

    @property
    def expert(self) -> str:
        """Split that experts labelled; the volunteers' test split where there is none."""
        return "expert_test" if "expert_test" in self.manifest.splits() else "test"

    def some(self, published: Sequence[str]) -> tuple[str, ...]:
        """The paper's choice of architectures for a result, or the scale's first."""
        return tuple(published) if self.scale.name == "paper" else self.scale.architectures[:1]

    def architecture(self, published: str) -> str:
        """The paper's one architecture for a result, or the scale's first."""
        return self.some((published,))[0]

    def config(self, job: Job) -> Config:
        """The whole configuration of a network.

        The crop keeps the paper's ratio to the stored square, 224 of 256.

        Raises:
            NotAvailable: this version lacks the architecture or a field of the recipe.
        """
        if job.architecture not in ARCHITECTURES:
            raise NotAvailable(f"not available in this version: {job.architecture}")
        changes = {
            "train.task": job.task.value,
            "model.architecture": job.architecture,
            "model.crop": str(self.manifest.picture.size * 7 // 8),
            **dict(job.changes),
        }
        if job.start:
            changes["train.init"] = str(self.folder(job.start))
        epochs = int(changes.get("train.epochs", 0))
        if epochs and "train.schedule" not in changes:
            steps = stretched(self.scale.recipe.train, epochs)
            changes["train.schedule"] = json.dumps([to_json(step) for step in steps])
        unknown = sorted(set(changes) - set(field_names()))
        if unknown:
            raise NotAvailable(f"not available in this version: {', '.join(unknown)}")
        return override(self.scale.recipe, changes)

    def folder(self, job: Job) -> Path:
        """Run directory of a network: the same for the same configuration and data.

        The name holds a hash of what differs from the default configuration, so that a field
        that a later version adds does not rename it.
        """
        config = self.config(job)
        start = self.folder(job.start).name if job.start else ""
        facts = [line for line in difference(config, Config()) if not line.startswith("train.init")]
        text = json.dumps([sorted(facts), job.data, start])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        words = [job.task.value, job.architecture, *(value for _, value in job.changes)]
        words += [job.data] if job.data != "all" else []
        words += ["started"] if job.start else []
        return self.out / "-".join([*words, digest])

    def shards(self, job: Job) -> Path:
        """Folder of shards that a network learns from; written where it is missing."""
        return subsets.write(self.manifest, job.data, self.out / "data")

    def run(self, job: Job) -> Path:
        """Run directory of the trained network; trains it where that is missing."""
        from camtrap_tf.training.train import train

        config, folder = self.config(job), self.folder(job)
        if not (folder / file_names.RESULT).is_file():
            if not self.train:
                raise NotAvailable("not trained yet")
            if job.start:
                self.run(job.start)
            log.info("\n-- training %s", folder.name)
            train(config, self.shards(job), folder)
        return folder

    def predictions(self, job: Job, split: str) -> Predictions:
        """A network's answers on a split; predicts where they are missing."""
        from camtrap_tf.networks.run import Run
        from camtrap_tf.prediction.shards import predict_split

        file = self.run(job) / file_names.answers(split)
        if not file.is_file():
            manifest = Manifest.read(self.shards(job))
            predict_split([Run.read(file.parent).network()], manifest, split).write(file)
        return Predictions.read(file)

    def ensemble(self, jobs: Sequence[Job], split: str) -> Predictions:
        """Mean of the answers of all networks that this version can train (Table S.4)."""
        members = []
        for job in jobs:
            try:
                members.append(self.predictions(job, split))
            except NotAvailable as reason:
                log.info("the ensemble goes without %s: %s", job.architecture, reason)
        if len(members) < 2:
            raise NotAvailable("an ensemble has two networks or more")
        return ensemble(members)

    def truths(self):
        """Truth of each picture by path: a table with `animals` and `species`.

        Raises:
            NotAvailable: no `truth.csv` was given.
        """
        import pandas as pd

        if self.truth is None:
            raise NotAvailable("what is to be seen on each picture is known for drawn ones only")
        return pd.read_csv(self.truth, dtype={"species": "string"}).set_index("URL_Info")


def stretched(train: TrainConfig, epochs: int) -> tuple[Step, ...]:
    """A schedule whose steps come at the same share of a run of another length."""
    share = epochs / train.epochs
    return tuple(
        dataclasses.replace(step, first=1 + round((step.first - 1) * share))
        for step in train.schedule
    )


def cost(folder: Path) -> dict[str, float]:
    """What a finished run took: `epochs`, `seconds`, mean `images_per_second`, from its log."""
    with open(folder / file_names.LOG, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    seconds = sum(float(row["seconds"]) for row in rows)
    images = sum(float(row["seconds"]) * float(row["images_per_second"]) for row in rows)
    return {"epochs": len(rows), "seconds": seconds, "images_per_second": images / seconds}
