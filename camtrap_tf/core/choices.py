"""What suits the amount of data and the hardware: recipe, stored size, crop, batch, and how long.

The choices are rules of thumb with their reasons; whoever knows better sets the flag.
"""

import dataclasses
from collections.abc import Collection

from camtrap_tf.core import cache
from camtrap_tf.core.commands import counted
from camtrap_tf.core.config import Config, Context, View
from camtrap_tf.core.errors import require
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS, STARTED, tuned

ENOUGH_FOR_A_LARGE_NETWORK = 5_000  # pictures to learn from
FEW_LABELS = 500  # pictures to learn from, below which linear heads on two views are taken
LEAST_FRAMES = 1.5  # pictures of an event, on average, that are worth comparing
LEAST_STEPS = 4  # of an epoch, where a batch must be made smaller
SMALLEST_BATCH = 4  # pictures, unless there are fewer: batch norm needs some
CROP_SHARE = 224 / 256  # of the stored square's side (the paper)
# Processor time to learn from one picture, in seconds, of a crop of 112 pixels; it grows with the
# square of the crop. Two cores of an AMD EPYC, decoding and augmentation included; lite0 while
# others computed there: 10 to 12 pictures a second at 224 pixels with the time of one core.
COST = {"small": 0.020, "edge": 0.014, "resnet18": 0.075, "lite0": 0.022}
# Processor time in seconds to find boxes in a picture (0.07) and features of it and of its crop,
# mirrored too (0.11 each): the detector at 320 pixels and lite0 at 256, in LiteRT, on two cores of
# that machine while others computed on them.
PROBING = 0.3
ANSWERING = 0.2  # of the cost of learning, to answer a picture


def choose_preset(pictures: int, hardware: Hardware) -> tuple[str, str]:
    """Name of the recipe that suits, and why.

    Args:
        pictures: to learn from.
        hardware: what computes.

    >>> choose_preset(90_000, Hardware(8))
    ('quick', '8 processors and no GPU: a small network')
    """
    if not hardware.gpus:
        return "quick", f"{hardware}: a small network"
    enough = pictures >= ENOUGH_FOR_A_LARGE_NETWORK
    found = f"{hardware}, {counted(pictures, 'pictures')} to learn from"
    return (
        ("modern", f"{found}: a large network")
        if enough
        else (
            "quick",
            f"{found}, fewer than {ENOUGH_FOR_A_LARGE_NETWORK:,}: a small network",
        )
    )


def sees_crops() -> bool:
    """Whether networks can see crops beside whole pictures: the published weights are here."""
    return cache.has_lite(STARTED) and cache.has_detector()


def of_preset(preset: str, task: Task) -> Config:
    """A preset as it is on this computer: from published weights where they are there."""
    started = tuned(preset, task) if cache.has_lite(STARTED) else None
    return started or PRESETS[preset]


def stored_size(preset: str) -> int:
    """Side of the stored square that a recipe's crop is made for on this computer, pixels.

    >>> stored_size("paper")
    256
    """
    model = of_preset(preset, Task.ONE_STAGE).model
    return model.context.stored(round(model.crop / CROP_SHARE))


@dataclasses.dataclass(frozen=True)
class Data:
    """What a network is to learn from.

    Args:
        pictures: of the training split that the task can use.
        events: of the training split.
        frames: pictures of those events.
        size: side of the stored squares, pixels.
    """

    pictures: int
    events: int
    frames: int
    size: int


def choose_context(config: Config, data: Data) -> tuple[Config, list[str]]:
    """The recipe without comparing an event's pictures, where most events have but one."""
    if config.model.context is Context.NONE or data.frames >= LEAST_FRAMES * data.events:
        return config, []
    alone = dataclasses.replace(config.model, context=Context.NONE)
    shown = dataclasses.replace(config.augment, hide_context=0.0)
    note = "model.context=none: most events have one picture, which compares with no other"
    return dataclasses.replace(config, model=alone, augment=shown), [note]


def fit(config: Config, data: Data, given: Collection[str] = ()) -> tuple[Config, list[str]]:
    """The recipe with a crop that fits the shards and a batch that the pictures fill.

    Args:
        config: a recipe.
        data: what it is for.
        given: dotted names of fields that a person has set; they stay.

    Returns:
        The recipe, and a note on each field that was changed, for people.
    """
    notes = []
    # The part around a box is seen to its edges, as new pictures' parts are.
    share = 1 if config.model.view is View.CROP else CROP_SHARE
    crop = round(config.model.context.side(data.size) * share)
    if "model.crop" not in given and crop != config.model.crop:
        notes.append(f"model.crop={crop} instead of {config.model.crop}: shards of {data.size}")
        config = dataclasses.replace(config, model=dataclasses.replace(config.model, crop=crop))
    examples = examples_of(config, data.pictures)
    if "train.batch_size" not in given and examples < config.train.batch_size:
        batch = fitting_batch(examples)
        notes.append(
            f"train.batch_size={batch} instead of {config.train.batch_size}: "
            f"there are {counted(data.pictures, 'pictures')} to learn from"
        )
        config = dataclasses.replace(
            config, train=dataclasses.replace(config.train, batch_size=batch)
        )
    return config, notes


def examples_of(config: Config, pictures: int) -> int:
    """Of a split: a network that is shown whole events takes three pictures for one."""
    return pictures // 3 if config.model.context.stacks else pictures


def fitting_batch(pictures: int) -> int:
    """The largest power of two that goes into `pictures` four times; of few pictures, up to 4.

    >>> [fitting_batch(number) for number in (1, 3, 7, 21, 100, 127)]
    [1, 2, 4, 4, 16, 16]
    """
    several, most = pictures // LEAST_STEPS, min(pictures, SMALLEST_BATCH)
    return 1 << max(max(several, most).bit_length() - 1, 0)


def check_batch(size: int, examples: int) -> None:
    """Raises InputError where the training pictures do not fill one batch."""
    require(
        examples >= size,
        "the training split fills at least one batch",
        size,
        f"{counted(examples, 'examples')} do not: set train.batch_size="
        f"{fitting_batch(examples)}, or leave it out.",
    )


def training_seconds(config: Config, pictures: int, hardware: Hardware) -> float | None:
    """About how long training takes on processors; None for GPUs and networks not measured.

    Args:
        config: the recipe.
        pictures: of an epoch.
        hardware: what computes.
    """
    if hardware.gpus or config.model.architecture not in COST:
        return None
    cost = COST[config.model.architecture] * (config.model.crop / 112) ** 2
    return config.train.epochs * pictures * cost / hardware.processors


def duration(seconds: float) -> str:
    """A duration for people, in two figures at most.

    >>> [duration(s) for s in (8, 95, 600, 5000, 40_000, 500_000)]
    ['8 s', '2 min', '10 min', '1.4 h', '11 h', '5.8 days']
    """
    for unit, size in (("days", 86_400), ("h", 3_600)):
        if seconds >= size:
            number = seconds / size
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
