"""From pictures and what is known of them to answers: what to do, decided from what is there.

`recognise` says what the labels are, `decide` what suits them, and `steps` lists the verbs that
do it. What was decided is kept in PROJECT/project.json, so that a project that was stopped goes
on by the same rules.
"""

import dataclasses
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from camtrap_tf.core import choices, file_names
from camtrap_tf.core.artifacts import existing_folder, read_json, write_json
from camtrap_tf.core.choices import Data
from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.commands import Command, Step, command, counted
from camtrap_tf.core.config import Config, Context
from camtrap_tf.core.config_io import override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.core.labels import EMPTY, Task
from camtrap_tf.events.table import EventTable
from data_prep import prepare
from data_prep.shards import make
from data_prep.shards.make import Prospect
from data_prep.shards.plan import Plan
from data_prep.sources import places
from data_prep.sources.recognise import Recognised
from data_prep.sources.recognise import recognise as recognise_metadata

PROBE = "probe"  # in the place of a preset
KIND, VERSION, FILE = "quickstart project", 1, "project.json"
FEW = 200  # pictures to learn from: with fewer, figures mean next to nothing
_STARTING, _COMPILING = 15, 40  # seconds: TensorFlow, and a network's first steps
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Request:
    """What a person asks for.

    Args:
        pictures: folder of pictures.
        labels: file or folder that says what is on them; '' looks beside the pictures.
        epochs: of training; 0 is the recipe's own number.
        options: of `prepare`, by name, which answer the questions that labels may leave open.
    """

    pictures: str
    labels: str = ""
    epochs: int = 0
    options: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Source:
    """What `prepare` is asked to read: a source by name, where it lies, and its options.

    An event table that is there already has no source.
    """

    source: str
    metadata: str
    options: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Decision:
    """What suits a project.

    Args:
        images: folder that the pictures' paths are relative to.
        answered: folder whose pictures are answered in the end.
        split: a rule of `splits.RULES`.
        seed: of the split.
        size: side of the stored squares.
        preset: the recipe, or `PROBE`.
        changes: to it, as `field=value`.
        tasks: what is learnt, as values of `Task`.
        crops: boxes are looked for first, and shards hold what is in them, sharp.
    """

    images: str
    answered: str
    split: str
    seed: int
    size: int
    preset: str
    changes: tuple[str, ...]
    tasks: tuple[str, ...]
    crops: bool = False


@dataclasses.dataclass(frozen=True)
class Project:
    """A project folder, and what is known of it.

    Args:
        folder: where everything is written.
        request: what it is for.
        source: where labels come from.
        decision: what suits them; None before the event table is there.
    """

    folder: Path
    request: Request
    source: Source
    decision: Decision | None = None

    @property
    def events(self) -> Path:
        """The event table."""
        told = self.source
        return self.folder / file_names.EVENTS if told.source else Path(told.metadata)

    @property
    def shards(self) -> Path:
        """The folder of shards."""
        return self.folder / "shards"

    @property
    def boxes(self) -> Path:
        """What the detector finds on all pictures."""
        return self.folder / "boxes" / file_names.DETECTIONS

    @property
    def bundle(self) -> Path:
        """The bundle."""
        return self.folder / "bundle"

    @property
    def report(self) -> Path:
        """The report."""
        return self.folder / file_names.REPORT

    @property
    def answers(self) -> Path:
        """The results folder of all pictures."""
        return self.folder / "answers"

    def evaluation(self, split: str) -> Path:
        """The folder of a split's answers and scores."""
        return self.folder / "evaluation" / split

    def run(self, task: str) -> Path:
        """A run directory."""
        return self.folder / "runs" / task

    def write(self) -> None:
        """Keeps what is decided."""
        content = {name: to_json(getattr(self, name)) for name in ("request", "source", "decision")}
        write_json(self.folder / FILE, KIND, VERSION, content)


def begun(folder: Path, request: Request) -> Project | None:
    """The project of a folder that was begun before; None if it is new.

    Raises:
        InputError: it was begun for something else.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    content = read_json(path, KIND, VERSION)
    before = from_json(content["request"], Request, "request")
    if before != request:
        pairs = zip(to_json(before).items(), to_json(request).items(), strict=True)
        changes = [f"{name}: {old or 'none'}, now {new or 'none'}"
                   for (name, old), (_, new) in pairs if old != new]  # fmt: skip
        raise InputError(
            f"a project is for the same pictures and labels; {folder} was begun for others",
            "; ".join(changes),
            "Give another --out, or the same pictures and flags as before.",
        )
    decision = content["decision"]
    return Project(
        folder,
        request,
        from_json(content["source"], Source, "source"),
        None if decision is None else from_json(decision, Decision, "decision"),
    )


def recognise(request: Request, yes: bool) -> tuple[Source, bool]:
    """Where labels come from, and whether there are any; says what was recognised.

    Args:
        request: what is asked for.
        yes: take a guess that a person should look at.

    Raises:
        InputError: no pictures, nothing that is known, or a question that a person must answer.
    """
    existing_folder(request.pictures, "the folder of pictures")
    where = request.labels or request.pictures
    if where.endswith(".parquet"):
        return Source("", where, {}), True
    found = _with_cameras(recognise_metadata(where), Path(where))
    if found.source is None and not request.labels:
        raise InputError(
            "quickstart takes a folder of pictures, and what says what is on them",
            f"{where}: {' '.join(found.evidence) or found.what}",
            "Give the folder of the pictures, and --labels=FILE.",
        )
    settled = prepare.settled(found, request.options, yes)
    options = {**settled.options, **request.options}
    labelled = found.has_labels if "folders" not in options else options["folders"] != "cameras"
    return Source(str(settled.source), str(settled.metadata), options), labelled


def _with_cameras(found: Recognised, where: Path) -> Recognised:
    """Pictures in no folders are those of one camera."""
    bare = found.source is None and not found.has_labels and not found.uncertain
    if bare and where.is_dir():
        return dataclasses.replace(found, source="folders", options={"folders": "cameras"})
    return found


def prepare_step(project: Project) -> list[Step]:
    """The verb that makes the event table, unless it is there."""
    source = project.source
    if not source.source:
        return []
    flags = {"metadata": source.metadata, **source.options, "out": project.events}
    return [Step(command("prepare", source=source.source, **flags), project.events)]


def decide(
    project: Project, table: EventTable, computer: Hardware
) -> tuple[Project, list[tuple[str, str]]]:
    """What suits the events of a project, and the reasons, as rows of name and text.

    Raises:
        InputError: no picture is found, or there is one class only.
    """
    request, pictures = project.request, Path(project.request.pictures)
    metadata = Path(project.source.metadata) if project.source.source else None
    place = places.locate(table, pictures, metadata)
    made = make.prospect(table, computer=computer)
    tasks, known = fitting(made.plan)
    if not tasks:
        raise InputError(
            "a network learns to tell classes apart, at least two, such as empty or not",
            prepare.tally(table).rstrip("."),
            "Label empty pictures, or a second species.",
        )
    data = training_data(made)
    preset, why = choices.choose_preset(data.pictures, computer)
    changes, notes = _changes(choices.of_preset(preset, Task.EMPTY), data, request.epochs)
    crops, recipe = choices.sees_crops(), f"--preset={preset}: {why}"
    if crops and not request.epochs and data.pictures < choices.FEW_LABELS:
        preset, changes, notes = PROBE, (), []
        recipe = f"camtrap probe --view=both: {_FEW_LABELS}"
    elif crops:
        recipe += _BESIDE_PROBE
    split = made.plan.split_rule.split(",")[0]
    decision = Decision(
        str(place.folder), str(_answered(place.folder, pictures)), split, made.plan.seed,
        made.picture.size, preset, changes, tuple(task.value for task in tasks), crops,
    )  # fmt: skip
    rows = [
        ("labels", f"{project.source.metadata}: {prepare.tally(table)}"),
        ("pictures", f"{place.folder}: of {counted(place.tried, 'paths')} tried, {place.found} "
                     "lead to a picture"),
        ("split", next(note for note in made.notes if note.startswith("--split"))),
        ("recipe", f"{recipe}; pictures are stored as squares of {made.picture.size} pixels"),
        *(("", note) for note in notes),
        ("networks", known),
        ("time", estimate(made, decision, computer)),
    ]  # fmt: skip
    if data.pictures < FEW:
        few = f"only {counted(data.pictures, 'pictures')} to learn from: everything runs, but its "
        rows.append(("caution", f"{few}figures mean next to nothing"))
    return dataclasses.replace(project, decision=decision), rows


_FEW_LABELS = (
    f"fewer than {choices.FEW_LABELS} pictures to learn from, and the weights of lite0 and of the "
    "detector are here: linear heads on features of each picture and of its crop"
)
_BESIDE_PROBE = (
    ", and beside it linear heads on features of each picture and of its crop, since the weights "
    "of lite0 and of the detector are here"
)


def _changes(recipe: Config, data: Data, epochs: int) -> tuple[tuple[str, ...], list[str]]:
    config, notes = choices.choose_context(recipe, data)
    changes = []
    if config.model.context is not recipe.model.context:
        changes += [f"model.context={Context.NONE.value}", "augment.hide_context=0"]
    return (*changes, *([f"train.epochs={epochs}"] if epochs else [])), notes


def _answered(images: Path, pictures: Path) -> Path:
    """The folder to answer: the one that was given, where the paths' folder holds it."""
    inside = pictures.resolve().is_relative_to(images.resolve())
    return pictures if inside else images


def training_data(made: Prospect) -> Data:
    """What networks are to learn from."""
    events = _training_events(made.plan)
    frames = int(np.diff(made.plan.offsets)[events].sum())
    return Data(frames, len(events), frames, made.picture.size)


def fitting(plan: Plan) -> tuple[list[Task], str]:
    """The tasks that make a bundle of the training events, and what they are in words.

    See `camtrap_tf.events.tasks.fitting`, which asks shards that are written.
    """
    events = _training_events(plan)
    frames = np.concatenate([np.arange(*plan.offsets[e : e + 2]) for e in events])
    own = np.repeat(plan.labels[EMPTY][events], np.diff(plan.offsets)[events])
    empty = np.where(plan.frame_labels[EMPTY][frames] >= 0, plan.frame_labels[EMPTY][frames], own)
    species = np.unique(plan.labels["species"][events])
    species = species[species >= 0]
    both = bool(0 < empty.sum() < len(empty))
    if both and len(species) > 1:
        found = f"{empty.sum():,} empty pictures and {len(empty) - empty.sum():,} with an animal"
        words = f"two: empty or not, from {found}; which of {len(species)} species"
        return [Task.EMPTY, Task.ANIMAL], words
    if both or len(species) > 1:
        return [Task.ONE_STAGE], f"one: {'empty, or ' * both}which of {len(species)} species"
    return [], ""


def _training_events(plan: Plan) -> np.ndarray:
    """Positions of the events of the training split."""
    ranges = [np.arange(start, stop) for _, split, start, stop in plan.shards if split == "train"]
    return np.concatenate(ranges) if ranges else np.zeros(0, np.int64)


def estimate(made: Prospect, decision: Decision, computer: Hardware) -> str:
    """How long it will take, part by part."""
    paths = made.plan.paths.tolist()
    cost = make.measure(paths, decision.images, made.picture)
    reading = (cost.seconds if cost else 0.0) * len(paths) / computer.processors
    looking = choices.PROBING * len(paths) / computer.processors if decision.crops else 0.0
    data, learning, answering = training_data(made), looking, reading + looking
    if decision.preset == PROBE:
        return _told(reading, learning + _COMPILING, answering, computer)
    changes = dict(change.split("=", 1) for change in decision.changes)
    for task in decision.tasks:
        config = override(choices.of_preset(decision.preset, Task(task)), changes)
        config, _ = choices.fit(config, data, set(changes))
        seconds = choices.training_seconds(config, data.pictures, computer)
        if seconds is None:
            return (
                f"{choices.duration(reading)} to store pictures on {computer}; training says its "
                "own"
            )
        learning += seconds + _COMPILING
        answering += (seconds + _COMPILING) / config.train.epochs * choices.ANSWERING
    return _told(reading, learning, answering, computer)


def _told(reading: float, learning: float, answering: float, computer: Hardware) -> str:
    """Seconds in words."""
    whole = _STARTING + reading + learning + answering
    parts = ("store", reading), ("train", learning), ("answer", answering)
    told = ", ".join(f"{name} {choices.duration(seconds)}" for name, seconds in parts)
    return f"about {choices.duration(whole)} on {computer} ({told})"


def steps(project: Project) -> Iterator[Step]:
    """The verbs from an event table to answers and a report."""
    decision = project.decision
    if decision is None:
        raise InputError("a project is decided on first", str(project.folder), "Call `decide`.")
    shards, bundle, images = project.shards, project.bundle, decision.images
    boxes = project.boxes if decision.crops else None
    if boxes:
        yield Step(
            command(
                "detect", project.events, decision.answered, images=images, out=boxes.parent
            ),
            boxes,
        )  # fmt: skip
    yield Step(
        command(
            "shard", events=project.events, images=images, out=shards, split=decision.split,
            seed=decision.seed or None, size=decision.size, crops=decision.crops or None,
            detections=boxes,
        )
    )  # fmt: skip
    yield from _learning(project, decision)
    names = (PROBE, *decision.tasks) if decision.crops else decision.tasks
    runs = [project.run(name) for name in names]
    if decision.preset == PROBE:
        runs = [project.folder / "runs"]  # all that are in it
    yield Step(command("bundle", run=runs, out=bundle), bundle / file_names.BUNDLE)
    for split in ("val", "test"):
        out = project.evaluation(split)
        yield Step(
            command("evaluate", bundle=bundle, shards=shards, split=split, out=out),
            out / file_names.METRICS,
        )
    validation, test = (
        project.evaluation(split) / file_names.PREDICTIONS for split in ("val", "test")
    )
    yield Step(
        command(
            "report", predictions=test, validation=validation, shards=shards, images=images,
            out=project.report,
        ),
        project.report,
    )  # fmt: skip
    inside = images if images != decision.answered else None
    yield Step(
        command(
            "predict", decision.answered, images=inside, bundle=bundle, events=project.events,
            detections=boxes, out=project.answers,
        )
    )  # fmt: skip


def _learning(project: Project, decision: Decision) -> Iterator[Step]:
    """The verbs that make the runs."""
    shards = project.shards
    if decision.preset == PROBE:
        looks = None if decision.crops else decision.images
        out = project.folder / "runs"
        yield Step(command("probe", shards=shards, view="both", images=looks, run=out))
        return
    if decision.crops:
        yield Step(command("probe", shards=shards, view="both", run=project.run(PROBE)))
    recipe: dict[str, Any] = {"preset": decision.preset, "set": list(decision.changes)}
    for task in decision.tasks:
        # The crop shows best which species it is, the whole picture whether anything is there.
        view = "crop" if decision.crops and task == Task.ANIMAL.value else None
        run = project.run(task)
        yield Step(command("train", shards=shards, task=task, view=view, run=run, **recipe))


def ways_without_labels(project: Project) -> tuple[Command | str, ...]:
    """What can be done with pictures that nobody has labelled."""
    pictures = project.request.pictures
    labelled = project.folder / "labelled.parquet"
    by_hand = command("review", project.events, images=pictures)
    then = command("review", project.events, export_events=labelled)
    again = command("quickstart", pictures, labels=labelled, out=f"{project.folder}-labelled")
    return (
        _way("label some yourself, in the browser", by_hand, then, again),
        _way(
            "use a bundle that someone has trained",
            command("predict", pictures, bundle="BUNDLE", out=project.answers),
        ),
        _way(
            "take MegaDetector's results, which say which pictures are empty",
            command("quickstart", pictures, labels="RESULTS.json", out=project.folder),
        ),
        _way(
            "if a file does say what is on them, but was not recognised, see",
            "camtrap prepare --help",
        ),
    )


def _way(what: str, *commands: Command | str) -> str:
    """What can be done, and its commands, each on a line of its own."""
    return "\n        ".join((f"{what}:", *map(str, commands)))
