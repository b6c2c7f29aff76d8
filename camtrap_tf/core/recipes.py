"""Recipes: configurations by name, each a difference from the paper's."""

import dataclasses

from camtrap_tf.core.config import (
    IMAGENET_WEIGHTS,
    RELEASED_STEPS,
    AugmentConfig,
    Config,
    Context,
    EventRule,
    ModelConfig,
    Normalisation,
    Optimizer,
    RareClasses,
    ScheduleKind,
    Step,
    TrainConfig,
    Variant,
)
from camtrap_tf.core.labels import Task


def step_schedule(epochs: int, learning_rate: float, weight_decay: float) -> tuple[Step, ...]:
    """A short schedule in the manner of Table S.2: tenfold lower after 60% and 85% of a run."""
    firsts = sorted({1, 1 + round(0.6 * epochs), 1 + round(0.85 * epochs)})
    rates = (learning_rate, learning_rate / 10, learning_rate / 100)
    return tuple(
        Step(first, rate, weight_decay) for first, rate in zip(firsts, rates, strict=False)
    )


MODERN = Config(
    model=ModelConfig(context=Context.DIFFERENCE),
    augment=AugmentConfig(
        brightness=30.0, contrast=(0.6, 1.5), operations=2, magnitude=0.5, hide_context=0.05
    ),
    train=TrainConfig(
        optimizer=Optimizer.ADAMW,
        schedule_kind=ScheduleKind.COSINE,
        learning_rate=0.001,
        weight_decay=0.05,
        rate_for_batch=128,
        warmup_epochs=3,
        label_smoothing=0.1,
        ema=0.999,
    ),
)


# The same for some thousand pictures and for processors: a small network, small batches.
QUICK = dataclasses.replace(
    MODERN,
    model=dataclasses.replace(MODERN.model, architecture="small", crop=112),
    train=dataclasses.replace(
        MODERN.train,
        epochs=20,
        batch_size=32,
        learning_rate=0.002,
        rate_for_batch=0,
        warmup_epochs=1,
        ema=0.98,
    ),
)


# What the authors' published program does by default. It also cuts the lowest 100 of 1,536 rows
# off each picture: that is a property of shards, `camtrap shard --bar_share=0.0651`.
RELEASED_CODE = Config(
    model=ModelConfig(
        architecture="resnet50", variant=Variant.RELEASED_CODE, normalisation=Normalisation.IMAGE
    ),
    train=TrainConfig(schedule=RELEASED_STEPS, event_rule=EventRule.MEAN),
)


# Stage 1 on a camera's computer: little data, few epochs, whole numbers afterwards.
EDGE = Config(
    model=ModelConfig(architecture="edge", crop=112),
    augment=AugmentConfig(brightness=30.0, contrast=(0.6, 1.5), operations=1),
    train=TrainConfig(
        epochs=20,
        batch_size=32,
        optimizer=Optimizer.ADAMW,
        schedule_kind=ScheduleKind.COSINE,
        learning_rate=0.002,
        weight_decay=0.05,
        warmup_epochs=1,
        ema=0.99,
    ),
)


PRESETS = {
    # Tables S.1 and S.2, and the mean over an event's frames
    "paper": Config(train=TrainConfig(event_rule=EventRule.MEAN)),
    "released_code": RELEASED_CODE,  # what the authors' published program does
    # These three start from published weights where they are on the computer (`tuned`); elsewhere:
    "modern": MODERN,  # what has been learnt about training since, and whole events
    "quick": QUICK,  # the same with a small network, for small data and processors
    "edge": EDGE,  # stage 1 for a camera's computer
}


# Fine-tuning of published weights, so that what they know is kept: heads first, then all layers at
# a low rate, batch norm as it is. Of one network's two questions 'empty' bears a higher rate and
# gains by the event's difference; species, on days unlike those learnt from, do neither. Rates and
# epochs come from trials on one station in California that were made before this code. What both
# reached there, beside a probe: docs/results/pretrained.md.
GENTLY = Config(
    model=ModelConfig(
        architecture="lite0", normalisation=Normalisation.IMAGENET, weights=IMAGENET_WEIGHTS
    ),
    augment=AugmentConfig(brightness=30.0, contrast=(0.6, 1.5), operations=1, magnitude=0.3),
    train=TrainConfig(
        epochs=6,
        batch_size=32,
        optimizer=Optimizer.ADAMW,
        schedule_kind=ScheduleKind.COSINE,
        learning_rate=0.0001,
        weight_decay=0.05,
        label_smoothing=0.05,
        ema=0.98,
        rare=RareClasses.SQUARE_ROOT,
        fit_heads=True,
        fixed_norm=True,
    ),
)
STRONGLY = dataclasses.replace(
    GENTLY,
    model=dataclasses.replace(GENTLY.model, context=Context.DIFFERENCE),
    augment=dataclasses.replace(GENTLY.augment, hide_context=0.05),
    train=dataclasses.replace(GENTLY.train, epochs=8, learning_rate=0.0003, rare=RareClasses.NONE),
)
STARTED = "lite0"  # the network that presets start from where its weights are on the computer
_OF_SPECIES = (Task.ANIMAL, Task.SPECIES)


def tuned(preset: str, task: Task, architecture: str = STARTED) -> Config | None:
    """A preset as it is where published weights are on the computer; None: it takes none.

    Args:
        preset: a name in `PRESETS`.
        task: what it answers.
        architecture: a name in `PROBED`.

    >>> [tuned("quick", task).train.learning_rate for task in (Task.EMPTY, Task.SPECIES)]
    [0.0003, 0.0001]
    """
    if preset not in ("modern", "quick", "edge"):
        return None
    config = GENTLY if task in _OF_SPECIES else STRONGLY
    model, augment, train = config.model, config.augment, config.train
    if preset == "edge":  # a camera's computer answers pictures one by one
        model = dataclasses.replace(model, context=Context.NONE)
        augment = dataclasses.replace(augment, hide_context=0.0)
    if preset == "modern":  # more pictures
        train = dataclasses.replace(train, batch_size=64, ema=0.99)
        augment = dataclasses.replace(augment, operations=2)
    model = dataclasses.replace(model, architecture=architecture)
    return Config(model, augment, dataclasses.replace(train, task=task))


# Networks whose features linear heads are fitted to, and the side of the pictures that taught them.
PROBED = {"lite0": 224, "lite1": 240, "lite2": 260}
_LARGER = 1.2  # a picture may be by so much larger than those: rather that than lose its edges


def probe_config(task: Task, name: str, size: int) -> Config:
    """The recipe of a probe: a pretrained network that stays as it is, and linear heads.

    Species with few pictures count as much as common ones; 'empty' has no long tail.

    Args:
        task: what it answers.
        name: of `PROBED`.
        size: side of the stored squares, pixels; the network sees them whole where they are
            hardly larger than what it was taught on.

    >>> [probe_config(Task.EMPTY, "lite0", size).model.crop for size in (128, 256, 512)]
    [128, 256, 269]
    """
    crop = min(size, round(_LARGER * PROBED[name]))
    rare = RareClasses.NONE if task is Task.EMPTY else RareClasses.WEIGHTED_LOSS
    return Config(
        model=ModelConfig(
            architecture=name,
            crop=crop,
            normalisation=Normalisation.IMAGENET,
            weights=IMAGENET_WEIGHTS,
        ),
        train=TrainConfig(task=task, epochs=1, rare=rare),
    )
