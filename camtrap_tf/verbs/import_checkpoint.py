"""Reads a TensorFlow 1 checkpoint of the code released with the paper, as a finished run.

Both stages together make a bundle:
camtrap import-checkpoint phase1/snapshot-55 --architecture=vgg11
--variant=released_code_stage1 --task=empty --empty_class=0 --out=runs/empty
camtrap import-checkpoint phase2/snapshot-55 --architecture=resnet152 --task=animal
--out=runs/animal
"""

from absl import flags

from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.config import ModelConfig, PictureSpec, Variant
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind
from camtrap_tf.core.labels import Task, Vocabulary

SERENGETI = "serengeti"
BAR_SHARE = 100 / 1536  # what the released code cut off
INPUTS = {ARGUMENTS: Input(Kind.PREFIX), "vocabulary": Input(Kind.FILE, (SERENGETI,))}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string(
        "architecture", None, "such as resnet152 or vgg11", flag_values=values, required=True
    )
    flags.DEFINE_enum(
        "variant",
        Variant.RELEASED_CODE.value,
        [variant.value for variant in Variant if variant is not Variant.STANDARD],
        "form of the network; phase1 and phase2_recognition_only have a VGG of their own, "
        "released_code_stage1",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "task", None, [t.value for t in Task], "what it answers", flag_values=values, required=True
    )
    flags.DEFINE_string(
        "vocabulary",
        SERENGETI,
        "'serengeti', or a JSON file with species, count_bins and attributes in output order",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "empty_class",
        None,
        "index of 'empty' among the classes; needed for the tasks empty and one_stage",
        flag_values=values,
    )
    flags.DEFINE_integer("crop", 224, "side of the network's input, pixels", flag_values=values)
    flags.DEFINE_float(
        "bar_share",
        BAR_SHARE,
        "share of a picture's height cut off at the bottom before resizing to 256 pixels",
        flag_values=values,
    )
    flags.DEFINE_string("out", None, "run directory to write", flag_values=values, required=True)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and imports the checkpoint."""
    if len(arguments) != 1:
        raise InputError(
            "import-checkpoint takes one checkpoint", arguments, "Give its prefix or folder."
        )
    model = ModelConfig(values.architecture, Variant(values.variant), values.crop)
    picture = PictureSpec(bar_share=values.bar_share)

    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.networks.released_checkpoint import import_checkpoint, read_vocabulary

    own = values.vocabulary != SERENGETI
    vocabulary = read_vocabulary(values.vocabulary) if own else Vocabulary()
    run = import_checkpoint(
        arguments[0],
        values.out,
        model,
        Task(values.task),
        vocabulary,
        picture,
        values.empty_class,
    )
    return Ending(
        f"{run.folder}: a network for task '{values.task}'.",
        (command("bundle", run=[run.folder], out="bundle"),),
    )
