"""Configuration: frozen dataclasses, checked when they are made.

A variant is its difference: `dataclasses.replace(Config(), ...)`. `recipes.py` has those with a
name, `config_io.py` reads and writes them.
"""

import dataclasses
import enum

from camtrap_tf.core.codec import WHERE_SET
from camtrap_tf.core.errors import require
from camtrap_tf.core.labels import Task

EVENT_GAP_SECONDS = 10.0  # a longer pause between pictures of a camera begins a new event


class Normalisation(enum.Enum):
    """How pixels 0-255 become network inputs."""

    DATASET = "dataset"  # per channel, mean and deviation of the training split (the paper)
    IMAGE = "image"  # per picture: tf.image.per_image_standardization (the released code)
    IMAGENET = "imagenet"  # per channel, mean and deviation of ImageNet: for weights from there


IMAGENET_MEAN = (123.675, 116.28, 103.53)  # per channel, on pixel values 0-255
IMAGENET_STD = (58.395, 57.12, 57.375)


# Values of `ModelConfig.weights` beside '' and the path of a file.
IMAGENET_WEIGHTS, IMAGENET_IF_HERE = "imagenet", "imagenet_if_here"


class Variant(enum.Enum):
    """Which form of an architecture."""

    STANDARD = "standard"  # as published
    RELEASED_CODE = "released_code"  # as the code released with the paper has it
    # Its VGG of `phase1` and of `phase2_recognition_only`, which differs again.
    RELEASED_CODE_STAGE1 = "released_code_stage1"


class Context(enum.Enum):
    """What a network sees of a picture's capture event, beside the picture itself.

    The frames of an event show the same background; what differs is what moved.
    """

    NONE = "none"  # nothing
    DIFFERENCE = "difference"  # a fourth channel: how far pixels are from the event's median frame
    ZOOM = "zoom"  # the same four channels of the part that moved, as half the square's pixels
    NINE_CHANNELS = "nine_channels"  # first, middle and last frame, stacked (the paper's Fig. S4)
    LATE = "late"  # the same three, each through the same network; the strongest features count

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return {"none": 3, "difference": 4, "zoom": 4, "nine_channels": 9, "late": 9}[self.value]

    def side(self, size: int) -> int:
        """Height and width of what networks see of stored squares of `size`, pixels."""
        return size // 2 if self is Context.ZOOM else size

    def stored(self, side: int) -> int:
        """Height and width of the stored squares of which networks see `side`; see `side`."""
        return 2 * side if self is Context.ZOOM else side

    @property
    def stacks(self) -> bool:
        """Every input is a whole event: its three frames."""
        return self in (Context.NINE_CHANNELS, Context.LATE)

    @property
    def differs(self) -> bool:
        """The fourth channel is a difference, not a colour."""
        return self in (Context.DIFFERENCE, Context.ZOOM)


class View(enum.Enum):
    """Which part of a picture a network sees."""

    WHOLE = "whole"
    CROP = "crop"  # the part around the surest box of a detector (`pictures.crops`)


class Fit(enum.Enum):
    """How a picture that is not square becomes one."""

    SQUASH = "squash"  # the aspect ratio is not kept (the paper)
    PAD = "pad"  # whole and undistorted in the middle of a black square
    SHORTEST = "shortest"  # shortest side to the square's, then the middle: two edges are lost


@dataclasses.dataclass(frozen=True)
class PictureSpec:
    """From a picture of any size to the stored square; fixed when shards are written.

    Args:
        size: height and width of the square, pixels (the paper: 256).
        bar_share: share of the height cut off at the bottom before resizing, in [0, 0.5).
            The released code cuts 100 of 1536 rows; 0 cuts nothing.
        jpeg_quality: quality of the stored JPEG, 1 to 100.
        fit: how the square is made.
        detect_bar: cut only as much as looks like an info bar (black or white rows at the
            bottom); `bar_share` is then the largest share that may be cut.
        keep_original: store the file's own bytes; readers make the square each time. Pictures
            that a graph would read otherwise than this (rotated by EXIF, CMYK, 16 bit, TIFF,
            WebP) are stored anew, whole, as JPEG of `jpeg_quality`.
        crops: the part around what a detector found is cut from the file itself and kept beside
            the square, sharp; otherwise it is cut from the square (`pictures.crops`). Not written
            where it is off: files of earlier versions know nothing of it.
    """

    size: int = 256
    bar_share: float = 0.0
    jpeg_quality: int = 95
    fit: Fit = Fit.SQUASH
    detect_bar: bool = False
    keep_original: bool = False
    crops: bool = dataclasses.field(default=False, metadata=WHERE_SET)

    def __post_init__(self):
        require(
            self.bar_share > 0 or not self.detect_bar,
            "detect_bar needs a bar_share, the largest share that may be cut",
            self.bar_share,
            "Try 0.12.",
        )
        require(self.size >= 8, "size is at least 8 pixels", self.size, "Try 256.")
        require(
            0 <= self.bar_share < 0.5,
            "bar_share lies in [0, 0.5)",
            self.bar_share,
            "Try 0.065.",
        )
        require(
            1 <= self.jpeg_quality <= 100,
            "jpeg_quality is 1 to 100",
            self.jpeg_quality,
            "Try 95.",
        )


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """From the stored square to one network's input; kept with the trained network.

    Args:
        crop: height and width of the input, pixels.
        normalisation: how pixels become inputs.
        mean, std: of red, green and blue, on pixel values 0-255; used by
            `Normalisation.DATASET`.
        context: what of the capture event stands beside the picture.
    """

    crop: int = 224
    normalisation: Normalisation = Normalisation.DATASET
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    context: Context = Context.NONE


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The network.

    Args:
        architecture: a name in `camtrap_tf.networks.architectures.ARCHITECTURES`.
        variant: its form.
        crop: height and width of the network's input, pixels, cut from the stored square.
        normalisation: how pixels become inputs.
        dropout: share of values dropped, in [0, 1); None leaves the architecture's own. It
            replaces the rate where the architecture drops, and elsewhere acts before the heads.
        weights: what the trunk starts from: "" random weights; "imagenet" the published ImageNet
            weights of the architecture (of lite0, lite1 and lite2 those that `camtrap weights get`
            has brought, of backbones of `keras.applications` those in Keras' cache, which Keras
            downloads where they are absent); "imagenet_if_here" those of lite0, lite1 or lite2, or
            random weights and a warning on a computer without them; else a local file for a
            backbone of `keras.applications`. All need `Normalisation.IMAGENET`; with
            `Context.NINE_CHANNELS` there are none.
        context: what of a picture's capture event the network sees beside it.
        view: which part of the picture; probes only know another than the whole.
    """

    architecture: str = "resnet18"
    variant: Variant = Variant.STANDARD
    crop: int = 224
    normalisation: Normalisation = Normalisation.DATASET
    dropout: float | None = None
    weights: str = ""
    context: Context = Context.NONE
    view: View = View.WHOLE

    def __post_init__(self):
        require(
            self.view is View.WHOLE or self.context is Context.NONE,
            "a network that sees the part around a box sees pictures by themselves",
            self.context.value,
            "Set model.context=none, or model.view=whole.",
        )
        require(
            not self.weights or self.context is not Context.NINE_CHANNELS,
            "model.weights, which know one picture, go with any model.context but nine_channels",
            self.context.value,
            "Set 'late', which shows the same three frames, or leave out model.weights.",
        )
        require(self.crop >= 16, "crop is at least 16 pixels", self.crop, "The paper: 224.")
        require(
            self.dropout is None or 0 <= self.dropout < 1,
            "dropout lies in [0, 1)",
            self.dropout,
            "0.5?",
        )
        require(
            not self.weights or self.normalisation is Normalisation.IMAGENET,
            "model.weights goes with model.normalisation=imagenet",
            self.normalisation.value,
            "Set it, or leave out model.weights.",
        )


@dataclasses.dataclass(frozen=True)
class AugmentConfig:
    """Random changes of training pictures, on pixel values 0-255, in this order.

    Args:
        random_crop: crop at a random place, else centrally.
        flip: mirror left-right with probability one half.
        brightness: add a value drawn from [-brightness, brightness].
        contrast: scale the distance to the channel means by a factor drawn from [low, high];
            (1, 1) leaves it.
        operations: how many further changes are drawn for each picture from
            `augmentation.OPERATIONS` (RandAugment, Cubuk et al. 2020); 0 = none.
        magnitude: largest strength of those, in (0, 1].
        hide_context: share of pictures that a network with `model.context` difference or zoom
            sees as if they were alone, in [0, 1), so that it can do without the other frames of
            an event.
    """

    random_crop: bool = True
    flip: bool = True
    brightness: float = 63.0
    contrast: tuple[float, float] = (0.2, 1.8)
    operations: int = 0
    magnitude: float = 0.5
    hide_context: float = 0.0

    def __post_init__(self):
        low, high = self.contrast
        require(self.brightness >= 0, "brightness is at least 0", self.brightness, "Try 63.")
        require(0 < low <= high, "0 < contrast low <= high", self.contrast, "Try (0.2, 1.8).")
        require(self.operations >= 0, "operations is at least 0", self.operations, "Try 2.")
        require(0 < self.magnitude <= 1, "magnitude lies in (0, 1]", self.magnitude, "Try 0.5.")
        hidden = self.hide_context
        require(0 <= hidden < 1, "hide_context lies in [0, 1)", hidden, "Try 0.2.")


@dataclasses.dataclass(frozen=True)
class Step:
    """One row of a schedule table: from `first` (epoch, counted from 1) on."""

    first: int
    learning_rate: float
    weight_decay: float


# Table S.2. The paper's table ends at epoch 53 and the training runs to 55.
TABLE_S2 = (
    Step(1, 0.01, 0.0005),
    Step(19, 0.005, 0.0005),
    Step(30, 0.001, 0.0),
    Step(44, 0.0005, 0.0),
    Step(53, 0.0001, 0.0),
)

# The released code counts its boundaries 19, 30, 44 and 53 to the stage before.
RELEASED_STEPS = (
    Step(1, 0.01, 0.0005),
    Step(20, 0.005, 0.0005),
    Step(31, 0.001, 0.0),
    Step(45, 0.0005, 0.0),
    Step(54, 0.0001, 0.0),
)


class ScheduleKind(enum.Enum):
    """How the learning rate runs."""

    TABLE = "table"  # the rows of train.schedule
    COSINE = "cosine"  # from train.learning_rate to 0 along half a cosine, step by step


class Optimizer(enum.Enum):
    """What turns gradients into steps, and what weight decay means with it."""

    SGD = "sgd"  # with momentum; weight decay is an L2 loss
    ADAMW = "adamw"  # weight decay is decoupled (Loshchilov and Hutter 2019)


class Precision(enum.Enum):
    """Number format of the computation; weights stay float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"  # with dynamic loss scaling


class Strategy(enum.Enum):
    """On which devices a network trains."""

    LOCAL = "local"  # the devices of this machine
    MULTI_WORKER = "multi_worker"  # several machines, named in TF_CONFIG
    TPU = "tpu"


class Words(enum.Enum):
    """Which vocabulary a network has that starts from a trained one."""

    MINE = "mine"  # that of the shards; heads with other classes start fresh
    SAME = "same"  # that of the trained one, which the shards must share


class SelectBy(enum.Enum):
    """What makes an epoch the best: a figure of the task's main head."""

    ACCURACY = "accuracy"  # pictures that are right
    MEAN_RECALL = "mean_recall"  # every class that occurs counts the same
    LOSS = "loss"  # the lowest cross-entropy
    LAST = "last"  # none: the last epoch's network is kept, whatever its figures


class EventRule(enum.Enum):
    """How a bundle of this run makes one answer of an event's frames."""

    AUTO = "auto"  # by the usual rule, or one that is clearly better on the validation split
    MEAN = "mean"  # the mean probability, as the paper does


class RareClasses(enum.Enum):
    """What is done for rare classes of the main head (the paper's section on imbalance)."""

    NONE = "none"
    WEIGHTED_LOSS = "weighted_loss"  # Eq. 1 and 2
    SQUARE_ROOT = "square_root"  # the square roots of those weights
    OVERSAMPLING = "oversampling"  # every class equally often
    EMPHASIS = "emphasis"  # failures are shown again


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The recipe.

    Args:
        task: what the network answers.
        epochs: passes over the training split.
        batch_size: pictures in one optimiser step, over all replicas together.
        optimizer: see `Optimizer`.
        momentum: of SGD.
        schedule_kind: whether `schedule` holds, or a cosine from `learning_rate`.
        schedule: learning rate and weight decay by epoch. With SGD weight decay is the L2 loss
            `weight_decay * sum(w**2) / 2` over convolution and dense kernels.
        learning_rate, weight_decay: of the cosine schedule, at its highest point; weight decay
            is constant.
        warmup_epochs: the learning rate rises linearly over these first epochs; may be a
            fraction; 0 = none.
        rate_for_batch: batch size that the learning rates are meant for: at another batch size
            they are scaled in proportion. 0 = as they stand.
        label_smoothing: share of the target spread evenly over a head's classes, in [0, 1).
        burst_noise: share of the empty pictures that lie in events labelled with an animal, in
            [0, 1), where labels are those of whole events: the loss allows for it
            (`sampling.burst_noise`). For the tasks that know 'empty'.
        ema: decay per step of the average of weights that is validated and saved, in [0, 1);
            0 = the weights themselves.
        precision: number format of the computation.
        rare: what is done for rare classes.
        seed: of weights, data order and augmentation.
        steps_per_call: optimiser steps in one call of the compiled function.
        checkpoint_every: steps between checkpoints inside an epoch; 0 = at its end only.
        strategy: on which devices.
        replicas: 0 = all GPUs there are (or one device); n = the first n devices, where
            processors are split into logical devices to make n.
        sync_batch_norm: batch norm over the batch of all replicas instead of each one's own.
        select_on: split that chooses the best epoch; the paper used the expert test set.
        select_by: figure that chooses it; of equals the one with the lower loss is best.
        init: what to start from: a run, a bundle, or a file of weights; '' = random weights.
        vocabulary: whether what it starts from must have the shards' vocabulary.
        freeze_epochs: first epochs in which only the heads learn.
        fit_heads: before the first epoch the heads are fitted, as `camtrap probe` fits them, to
            what the published weights (`model.weights`) say of the training pictures. With
            `Context.NONE` and `Context.DIFFERENCE`.
        fixed_norm: batch norm stays as it starts: it computes with the averages it has, and its
            averages, scales and shifts do not change. For trained weights and small batches.
        jit: compile forward and backward pass with XLA.
        event_rule: how a bundle makes one answer of an event's frames; training does not ask.
    """

    task: Task = Task.ANIMAL
    epochs: int = 55
    batch_size: int = 128
    optimizer: Optimizer = Optimizer.SGD
    momentum: float = 0.9
    schedule_kind: ScheduleKind = ScheduleKind.TABLE
    schedule: tuple[Step, ...] = TABLE_S2
    learning_rate: float = 0.001
    weight_decay: float = 0.0
    warmup_epochs: float = 0.0
    rate_for_batch: int = 0
    label_smoothing: float = 0.0
    burst_noise: float = 0.0
    ema: float = 0.0
    precision: Precision = Precision.FLOAT32
    rare: RareClasses = RareClasses.NONE
    seed: int = 0
    steps_per_call: int = 20
    checkpoint_every: int = 1000
    strategy: Strategy = Strategy.LOCAL
    replicas: int = 0
    sync_batch_norm: bool = False
    select_on: str = "val"
    select_by: SelectBy = SelectBy.ACCURACY
    init: str = ""
    vocabulary: Words = Words.MINE
    freeze_epochs: int = 0
    fit_heads: bool = False
    fixed_norm: bool = False
    jit: bool = False
    event_rule: EventRule = EventRule.AUTO

    def __post_init__(self):
        for field in ("epochs", "batch_size", "steps_per_call"):
            require(getattr(self, field) >= 1, f"{field} is at least 1", getattr(self, field), "")
        for field in ("checkpoint_every", "rate_for_batch", "warmup_epochs", "freeze_epochs"):
            require(getattr(self, field) >= 0, f"{field} is at least 0", getattr(self, field), "")
        for field in ("momentum", "label_smoothing", "burst_noise", "ema"):
            value = getattr(self, field)
            require(0 <= value < 1, f"{field} lies in [0, 1)", value, "Give 0 to switch it off.")
        require(
            not self.burst_noise or self.task in (Task.EMPTY, Task.ONE_STAGE),
            "burst_noise goes with the tasks empty and one_stage",
            self.task.value,
            "Stage 2 sees pictures of animals: leave it at 0, or train stage 1 with it.",
        )
        firsts = [step.first for step in self.schedule]
        require(
            firsts[:1] == [1] and firsts == sorted(set(firsts)),
            "the schedule starts at epoch 1 and its rows ascend",
            firsts,
            "Order the rows.",
        )
        require(
            not (self.jit and self.sync_batch_norm),
            "jit and sync_batch_norm exclude one another",
            "both",
            "Replicas cannot speak to one another inside a compiled pass: switch one off.",
        )


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything that decides a training run, except the data."""

    model: ModelConfig = ModelConfig()
    augment: AugmentConfig = AugmentConfig()
    train: TrainConfig = TrainConfig()

    def __post_init__(self):
        if not self.train.fit_heads:
            return
        require(
            bool(self.model.weights) and not self.train.init,
            "train.fit_heads goes with model.weights, and without train.init",
            self.train.init or "no weights",
            "Set train.fit_heads=false; train.freeze_epochs lets new heads settle.",
        )
        require(
            self.model.context in (Context.NONE, Context.DIFFERENCE),
            "train.fit_heads goes with model.context none and difference",
            self.model.context.value,
            "Set one of them, or train.fit_heads=false.",
        )
