"""A bundle: the product of training, all that prediction and export need.

A bundle is a folder: `bundle.json` (written last) and one `.keras` file per network. One
network of task `empty` or several (averaged) make stage 1; networks of task `animal` or
`species` make stage 2. A one-stage bundle has networks of task `one_stage` only.
"""

import dataclasses
import logging
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from camtrap_tf import __version__
from camtrap_tf.answers import aggregation, calibration, event_rules, with_event
from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core import file_names, locks
from camtrap_tf.core.artifacts import (
    PathLike,
    atomic,
    existing_folder,
    read_json,
    sha256,
    write_json,
)
from camtrap_tf.core.asked import check_same
from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import Context, EventRule, InputSpec, PictureSpec, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY, DETECTION, EMPTY, FAMILIARITY, Task, Vocabulary
from camtrap_tf.core.words import mishap
from camtrap_tf.events.detections import Detector, Use, is_stage1
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks import bundle_description, engines
from camtrap_tf.networks.familiarity import BOTH, ENERGY
from camtrap_tf.networks.network import Network, shared_context
from camtrap_tf.networks.pretrained import origins
from camtrap_tf.networks.pretrained.weights import Origin
from camtrap_tf.networks.run import Run, runs_in

# What a bundle's folder holds before its description is written, whole or not.
_OWN = re.compile(
    r"(\.tmp-[^-]+-)?(empty|animal|species|one_stage)-\d+\.keras|\.tmp-[^-]+-bundle\.json"
)
KIND, VERSION = "bundle", 1
UNKNOWN_SHARE = 0.05
log = logging.getLogger("camtrap")


@dataclasses.dataclass(frozen=True)
class Member:
    """One network of a bundle, as stored.

    Args:
        file: its `.keras` file, inside the bundle.
        name: of the run it comes from.
        task: what it answers.
        input: from the stored square to its input.
        architecture: name of its network.
        sha256: of the file.
        data: which shards it was trained on.
        result: figures of its best epoch on the selecting split.
        temperatures: by head, what its logits are divided by; 1 where a head has none.
        origins: of the published weights that it started from.
        view: which part of a picture it sees.
    """

    file: str
    name: str
    task: Task
    input: InputSpec
    architecture: str
    sha256: str
    data: dict
    result: dict
    temperatures: dict[str, float] = dataclasses.field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    view: View = View.WHOLE


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A bundle on disk.

    Args:
        folder: where it lies.
        vocabulary: names of the labels.
        picture: from a picture of any size to the stored square.
        members: its networks.
        animal_threshold: stage 2 is asked where the probability of an animal reaches this.
        event_rules: by head, how the frames of an event make one answer (`event_rules.RULES`);
            heads without one, as in bundles of earlier versions, take the mean. Only a bundle that
            sees crops has a detector's score to weigh by.
        event_weight: of a picture's event where its species is read (`with_event`), in [0, 1]; 0,
            as in bundles of earlier versions: pictures are read by themselves.
        familiarity_threshold: an animal is called unknown where its familiarity is below this,
            set on the validation split; None: never.
        familiarity_score: what familiarity is (`familiarity`); None where there is no threshold.
        version: hash over the networks, their calibration, thresholds, and rules for events: what
            to cite as the model's version.
    """

    folder: Path
    vocabulary: Vocabulary
    picture: PictureSpec
    members: tuple[Member, ...]
    animal_threshold: float
    event_rules: dict[str, str]
    event_weight: float
    familiarity_threshold: float | None
    familiarity_score: str | None
    version: str

    @classmethod
    def read(cls, folder: PathLike) -> "Bundle":
        """Reads a bundle's description.

        Raises:
            InputError: no bundle, another version, or a network file that is not the one
                described.
        """
        folder = existing_folder(folder, "a bundle")
        content = read_json(folder / file_names.BUNDLE, KIND, VERSION)
        bundle_description.check(content, folder / file_names.BUNDLE)
        members = from_json(content["members"], tuple[Member, ...], str(folder / file_names.BUNDLE))
        for member in members:
            path = folder / member.file
            if not path.is_file() or sha256(path) != member.sha256:
                raise InputError(
                    "a bundle's network files are those it describes",
                    str(path),
                    "Copy the bundle again, or make it anew with `camtrap bundle`.",
                )
        familiarity = content.get("familiarity")
        if familiarity is not None and familiarity["score"] not in (ENERGY, BOTH):
            raise InputError(
                f"this version knows '{ENERGY}' and '{BOTH}' as scores of familiarity",
                familiarity["score"],
                "Make the bundle anew with `camtrap bundle`.",
            )
        rules = content.get("event_rules") or {}
        for rule in rules.values():
            event_rules.check_scored(rule, _sees_crops(members))
        return cls(
            folder,
            Vocabulary.from_json(content["vocabulary"]),
            from_json(content["picture"], PictureSpec, "picture"),
            members,
            content["animal_threshold"],
            rules,
            content.get("event_weight", 0.0),
            familiarity and familiarity["threshold"],
            familiarity and familiarity["score"],
            content["model_version"],
        )

    @property
    def origins(self) -> tuple[Origin, ...]:
        """Of the published weights that its networks started from."""
        return origins.distinct(one for member in self.members for one in member.origins)

    @property
    def context(self) -> Context:
        """What its networks see of a picture's event beside the picture."""
        return shared_context(member.input for member in self.members)

    @property
    def needs_boxes(self) -> bool:
        """Some of its networks see the part of a picture around the surest box of a detector."""
        return _sees_crops(self.members)

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores that its networks give beside their heads."""
        return () if self.familiarity_score is None else (FAMILIARITY,)

    @property
    def kept_scores(self) -> tuple[str, ...]:
        """Names of the scores kept of a picture: its networks', and a detector's of crops."""
        return (*self.scores, *((DETECTION,) if self.needs_boxes else ()))

    def check_classes(self, manifest: Manifest) -> None:
        """Raises InputError where shards are labelled with other classes than the bundle's."""
        ours, theirs = self.vocabulary.classes(), manifest.vocabulary.classes()
        differing = [head for head in ours | theirs if ours.get(head) != theirs.get(head)]
        if differing:
            raise InputError(
                f"shards and bundle have the same classes; {manifest.folder} is of another project",
                "; ".join(
                    _differ(one, ours.get(one, ()), theirs.get(one, ())) for one in differing
                ),
                "Give the shards that it was trained on; camtrap predict answers a folder of other "
                "pictures.",
            )

    def check_shards(self, manifest: Manifest) -> None:
        """Raises InputError where shards have other classes, or squares made another way."""
        self.check_classes(manifest)
        crops = manifest.picture.crops and self.needs_boxes
        squares = dataclasses.replace(manifest.picture, crops=crops)
        ours, theirs = dataclasses.asdict(self.picture), dataclasses.asdict(squares)
        differing = [name for name in ours if ours[name] != theirs[name]]
        if differing:
            raise InputError(
                f"shards and bundle have squares made the same way; those of {manifest.folder} "
                "are not",
                "; ".join(f"{one}: {theirs[one]}, the bundle's {ours[one]}" for one in differing),
                "Write the shards again with the bundle's values, "
                f"{' '.join(f'--{one}={ours[one]}' for one in differing)}.",
            )

    def of_stage(self, stage: int | None = None) -> list[Member]:
        """Its members of a stage, see `networks`."""
        return [
            member
            for member in self.members
            if stage is None or (member.task is Task.EMPTY) == (stage == 1)
        ]

    def networks(self, stage: int | None = None) -> list[Network]:
        """Its networks, loaded: those of stage 1 (empty or not), of stage 2, or all.

        Stage 2 of a one-stage bundle are its one-stage networks; it has no stage 1.
        """
        return [
            Network(
                _load(self.folder / member.file),
                member.input,
                member.task,
                self.vocabulary.heads(member.task),
                member.name,
                member.temperatures,
                _score(self, member),
                view=member.view,
            )
            for member in self.of_stage(stage)
        ]


def _sees_crops(members: Iterable[Member]) -> bool:
    return any(member.view is View.CROP for member in members)


def _load(path: Path) -> keras.Model:
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:
        if mishap(error) is not None and not isinstance(error, RecursionError):
            raise  # a full disk, no memory: not the file's fault
        # Keras raises whatever its reader of a crafted file stumbles upon.
        raise InputError(
            "a bundle's network is a Keras model that this version reads",
            f"{path}: {' '.join(str(error).split())[:200]}",
            "Copy the bundle again, or make it anew with `camtrap bundle`.",
        ) from error


def _differ(head: str, ours: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """What only one of them has of a head's classes."""
    rows = ("the bundle", set(ours) - set(theirs)), ("the shards", set(theirs) - set(ours))
    said = [f"{head} only in {where}: {_few(names)}" for where, names in rows if names]
    return ", ".join(said) or f"{head} in another order"


def _few(names: set[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more


def computation_key(bundle: Bundle, member: Member) -> str:
    """What tells a member's network, as it is computed on pictures, from all others."""
    return engines.digest(
        member.sha256,
        to_json(member.input),
        member.temperatures,
        _score(bundle, member),
        bundle.context.side(bundle.picture.size),
        *(() if member.view is View.WHOLE else (member.view.value,)),
    )


def computation(bundle: Bundle, member: Member, network: Network) -> engines.Computation:
    """A member's network as it is computed on pictures."""
    side = bundle.context.side(bundle.picture.size)
    shape = (side, side, member.input.context.channels)
    key = computation_key(bundle, member)
    return engines.Computation(key, member.name, network.graph, network.model, shape)


def _score(bundle: Bundle, member: Member) -> str | None:
    # What is familiar is told by networks that see the whole picture.
    tells = member.task is not Task.EMPTY and member.view is View.WHOLE
    return bundle.familiarity_score if tells else None


@locks.holds("folder")
def make_bundle(
    runs: list[PathLike],
    folder: PathLike,
    animal_threshold: float = 0.5,
    unknown_share: float = UNKNOWN_SHARE,
    event_rule: str | None = None,
    event_weight: float | None = None,
) -> Bundle:
    """Puts trained runs together into one bundle; one that is there already is read.

    Args:
        runs: finished run directories: of task `empty` and of task `animal` (or `species`),
            or of task `one_stage` alone; several of one task are averaged. A folder of run
            directories stands for all of them.
        folder: where to write: new, empty, or a bundle that was made from the same.
        animal_threshold: in [0, 1]; see `Bundle`.
        unknown_share: of the animals of the validation split that may be called unknown, though
            their species is known, in [0, 1); 0: nothing is called unknown.
        event_rule: how the frames of an event make one answer, for all heads, a key of
            `event_rules.RULES`; None: that of the runs' recipes (`train.event_rule`), which is
            the paper's mean for those of preset `paper`; where they name none, the usual of each
            head, or one that is clearly better on the validation split (`aggregation.compare`).
            'detector' is for bundles that see crops.
        event_weight: of a picture's event where its species is read, in [0, 1]; None: of
            networks that started from published weights, as probes do, the best on the validation
            split (`with_event.choose`), of others 0.

    Raises:
        InputError: no such rule or weight, no runs, tasks that do not go together, runs on
            different vocabularies or differently stored pictures, or a folder that holds another
            bundle, or other files.
    """
    folder = Path(folder)
    read = [Run.read(run) for given in runs for run in runs_in(given)]
    asked = {
        "runs": ", ".join(_named(run) for run in read),
        "animal_threshold": animal_threshold,
        "unknown_share": unknown_share,
        "event_rule": event_rule,
        "event_weight": event_weight,
    }
    if (folder / file_names.BUNDLE).is_file():
        there = read_json(folder / file_names.BUNDLE, KIND, VERSION)
        check_same(folder, there.get("made_from"), asked)
        log.info("%s is complete and made from the same runs: nothing to do", folder)
        return Bundle.read(folder)
    _check_runs(read, folder)
    _check_wishes(read, animal_threshold, unknown_share, event_rule, event_weight)
    folder.mkdir(parents=True, exist_ok=True)
    validations = [_validation(run) for run in read]
    members = _copied(read, validations, folder)
    together = _together(validations, members, animal_threshold)
    rules = _event_rules(read, together, event_rule)
    if event_weight is None:
        event_weight = _event_weight(read, together, rules)
    whole = [v for v, member in zip(validations, members, strict=True) if member.view is View.WHOLE]
    content = {
        "vocabulary": read[0].vocabulary.to_json(),
        "picture": _picture(read),
        "members": [to_json(member) for member in members],
        "animal_threshold": animal_threshold,
        "event_rules": rules,
        "event_weight": event_weight,
        "familiarity": _familiarity(whole, together, unknown_share),
    }
    _write(folder, content, asked)
    log.info("wrote bundle %s: %s", folder, ", ".join(member.name for member in members))
    _tell_rules(rules, event_weight)
    return Bundle.read(folder)


def _picture(runs: list[Run]) -> dict:
    """How pictures reach the networks, as JSON: without crops where none of them sees any."""
    seen = any(run.config.model.view is View.CROP for run in runs)
    return {name: own for name, own in runs[0].picture.items() if seen or name != "crops"}


def _check_wishes(
    runs: list[Run],
    animal_threshold: float,
    unknown_share: float,
    event_rule: str | None,
    event_weight: float | None,
) -> None:
    """Raises InputError where one of `make_bundle`'s values cannot be."""
    if not 0 <= animal_threshold <= 1:
        raise InputError("animal_threshold lies in [0, 1]", animal_threshold, "Try 0.5.")
    if not 0 <= unknown_share < 1:
        raise InputError("unknown_share lies in [0, 1)", unknown_share, "Try 0.05.")
    if event_rule is not None:
        event_rules.check(event_rule)
        event_rules.check_scored(event_rule, any(_sees_crop(run) for run in runs))
    if event_weight is not None:
        with_event.check(event_weight)


def _copied(runs: list[Run], validations: list[Predictions | None], folder: Path) -> list[Member]:
    """The runs' networks, copied into the folder, each calibrated on its validation split.

    Heads that are as sure as they should be (`Run.as_fitted`) are not.
    """
    members = []
    for index, (run, validated) in enumerate(zip(runs, validations, strict=True)):
        file = f"{run.config.train.task.value}-{index}.keras"
        with atomic(folder / file) as temporary:
            shutil.copyfile(run.folder / file_names.NETWORK, temporary)
        told = None if run.as_fitted else validated
        temperatures = {} if told is None else calibration.temperatures(told)
        members.append(_member(run, folder / file, temperatures))
    return members


def _write(folder: Path, content: dict[str, Any], asked: dict[str, Any]) -> None:
    """Writes bundle.json, which makes the folder a bundle."""
    versions = {
        "camtrap_tf": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    made = {"model_version": _version(content), "made_from": asked, "versions": versions}
    write_json(folder / file_names.BUNDLE, KIND, VERSION, content | made)


def _tell_rules(rules: dict[str, str], event_weight: float) -> None:
    log.info(
        "an event's answer is made of its pictures by %s; where the species on a picture is read, "
        "its event has the weight %g",
        ", ".join(f"'{rule}' ({head})" for head, rule in rules.items()),
        event_weight,
    )


def with_threshold(bundle: Bundle, threshold: float) -> Bundle:
    """A bundle with another animal threshold: it answers differently, so its version is another."""
    version = _version([bundle.version, threshold])
    return dataclasses.replace(bundle, animal_threshold=threshold, version=version)


def _named(run: Run) -> str:
    """A run and the beginning of its network's checksum."""
    return f"{run.folder.name} ({sha256(run.folder / file_names.NETWORK)[:16]})"


def _version(facts: Any) -> str:
    """A hash over everything that answers depend on: networks, calibration, thresholds, rules."""
    return engines.digest(to_json(facts))[:16]


def _validation(run: Run) -> Predictions | None:
    """The run's answers on its validation split; None where it was selected on another."""
    file = run.folder / file_names.answers("val")
    if file.is_file():
        return Predictions.read(file)
    log.warning("%s has no answers on a validation split: not calibrated", run.folder.name)
    return None


def _together(
    validations: list[Predictions | None], members: list[Member], animal_threshold: float
) -> Predictions | None:
    """All members' answers on the validation split; None where they were validated on several."""
    calibrated = [
        calibration.calibrate(validated, member.temperatures)
        for validated, member in zip(validations, members, strict=True)
        if validated is not None
    ]
    if not calibrated or any(
        not c.ids["path"].equals(calibrated[0].ids["path"]) for c in calibrated
    ):
        return None
    together = ensemble(calibrated)
    together.info["animal_threshold"] = animal_threshold
    return together


def _event_rules(runs: list[Run], together: Predictions | None, rule: str | None) -> dict[str, str]:
    """The rule for each head; see `make_bundle`."""
    heads, named = {}, {}
    for run in runs:
        for head, names in run.vocabulary.heads(run.config.train.task).items():
            heads[head] = names
            named.setdefault(head, set()).add(run.config.train.event_rule)
    if rule is not None:
        return dict.fromkeys(heads, rule)
    chosen = {} if together is None else aggregation.chosen(aggregation.compare(together))
    of_paper = {head for head, rules in named.items() if rules == {EventRule.MEAN}}
    usual = aggregation.usual(heads, scored=any(_sees_crop(run) for run in runs))
    return usual | chosen | dict.fromkeys(of_paper, EventRule.MEAN.value)


def _sees_crop(run: Run) -> bool:
    return run.config.model.view is View.CROP


def _event_weight(runs: list[Run], together: Predictions | None, rules: dict[str, str]) -> float:
    """The weight of a picture's event; see `make_bundle`."""
    if together is None or not all(run.is_probe or run.config.model.weights for run in runs):
        return 0.0
    return with_event.choose(
        dataclasses.replace(together, info=together.info | {"event_rules": rules})
    )


def _familiarity(
    validations: list[Predictions | None], together: Predictions | None, share: float
) -> dict | None:
    """Score, and its threshold on the validation split; None (and a warning) if it has none."""
    if not share:
        return None
    told = all(
        FAMILIARITY in validated.scores
        for validated in validations
        if validated is not None and "species" in validated.classes
    )
    threshold = None
    if told and together is not None:
        threshold = calibration.familiarity_threshold(together, share)
    if threshold is None or together is None:
        log.warning("the validation split tells no familiarity: nothing will be called 'unknown'")
        return None
    log.info(
        "an animal whose familiarity is below %.4g is called 'unknown', as are %.1f%% of the "
        "animals of the validation split",
        threshold,
        100 * share,
    )
    return {"score": together.info["familiarity_score"], "threshold": threshold}


def _member(run: Run, path: Path, temperatures: dict[str, float]) -> Member:
    return Member(
        file=path.name,
        name=run.folder.name,
        task=run.config.train.task,
        input=run.spec,
        architecture=run.config.model.architecture,
        sha256=sha256(path),
        data=run.data,
        result=run.result["best"],
        temperatures=temperatures,
        origins=run.origins,
        view=run.config.model.view,
    )


def _clear(folder: Path) -> None:
    """Removes what a process left that was stopped before the bundle was whole.

    Raises:
        InputError: the folder holds a bundle, or other files.
    """
    there = (
        [path for path in folder.iterdir() if path.name != locks.NAME] if folder.is_dir() else []
    )
    own = [path for path in there if _OWN.fullmatch(path.name)]
    if len(own) < len(there):
        raise InputError("a bundle is written to a new folder", str(folder), "Give another --out.")
    for path in own:
        path.unlink()


def _check_runs(runs: list[Run], folder: Path) -> None:
    _clear(folder)
    tasks = {run.config.train.task for run in runs}
    two_stage = Task.EMPTY in tasks and tasks & {Task.ANIMAL, Task.SPECIES}
    if not (tasks == {Task.ONE_STAGE} or (two_stage and Task.ONE_STAGE not in tasks)):
        raise InputError(
            "a bundle holds runs of task 'empty' and of task 'animal' or 'species', or of "
            "task 'one_stage' alone",
            sorted(task.value for task in tasks),
            "Train what is missing, or leave out what does not belong.",
        )
    shared_context(run.spec for run in runs)
    for field in ("vocabulary", "picture"):
        values = {str(getattr(run, field)) for run in runs}
        if len(values) > 1:
            raise InputError(
                f"runs of a bundle have the same {field}",
                [run.folder.name for run in runs],
                "Train them on the same shards.",
            )


def classes(bundle: Bundle, detector: Detector | None = None) -> dict[str, tuple[str, ...]]:
    """Class names by head, of all the bundle's networks and a detector in place of stage 1."""
    first = {EMPTY: BINARY} if is_stage1(detector) else {}
    members = sorted(bundle.members, key=lambda member: member.task is not Task.EMPTY)
    heads = [bundle.vocabulary.heads(member.task) for member in members]
    return first | {head: names for one in heads for head, names in one.items()}


def answering_info(bundle: Bundle, detector: Detector | None = None) -> dict:
    """What is recorded of a bundle, and of a detector before it, beside their answers."""
    info = _info(bundle)
    if detector is None:
        return info
    info["detector"] = detector.record()
    if detector.use is Use.STAGE1:
        info["animal_threshold"] = detector.detections.threshold
        info["model"] = ", ".join(
            ["MegaDetector", *(m.name for m in bundle.members if m.task is not Task.EMPTY)]
        )
    return info


def _info(bundle: Bundle) -> dict:
    return {
        "model": ", ".join(member.name for member in bundle.members),
        "model_version": bundle.version,
        "animal_threshold": bundle.animal_threshold,
        "familiarity_threshold": bundle.familiarity_threshold,
        "familiarity_score": bundle.familiarity_score,
        "event_rules": bundle.event_rules,
        "temperatures": _temperatures(bundle),
        **({"origins": origins.sentences(bundle.origins)} if bundle.origins else {}),
    }


def _temperatures(bundle: Bundle) -> dict[str, float]:
    """By head, what its logits were divided by; of heads that one network answers."""
    found: dict[str, list[float]] = {}
    for member in bundle.members:
        for head in bundle.vocabulary.heads(member.task):
            found.setdefault(head, []).append(member.temperatures.get(head, 1.0))
    return {head: values[0] for head, values in found.items() if len(values) == 1}
