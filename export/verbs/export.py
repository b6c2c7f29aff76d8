"""Writes a bundle as SavedModel and TFLite and checks both against Keras on real pictures.

An export whose answers differ too much is refused with a table that shows where.
"""

from absl import flags

from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from export import AUTOMATIC_AT
from export.forms import USUAL, Form, check_shards

INPUTS = {
    "bundle": Input(Kind.BUNDLE),
    "check_on": Input(Kind.FOLDER),
    "shards": Input(Kind.SHARDS),
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("bundle", None, "bundle to export", flag_values=values, required=True)
    flags.DEFINE_string("out", None, "new folder to write", flag_values=values, required=True)
    flags.DEFINE_string(
        "check_on",
        None,
        "folder of pictures to compare on, or of shards, whose labels then give the accuracy",
        flag_values=values,
        required=True,
    )
    flags.DEFINE_integer(
        "check_pictures", 200, "how many of them", flag_values=values, lower_bound=1
    )
    flags.DEFINE_multi_enum(
        "form",
        [form.value for form in USUAL],
        [form.value for form in Form],
        "TFLite form (repeatable); int8 needs --shards",
        flag_values=values,
    )
    flags.DEFINE_string(
        "shards",
        None,
        "shards that int8's representative pictures and --recall's threshold come from",
        flag_values=values,
    )
    flags.DEFINE_float(
        "automatic_at",
        AUTOMATIC_AT,
        "probability from which an answer is taken without a human",
        flag_values=values,
        lower_bound=0,
        upper_bound=1,
    )
    flags.DEFINE_float(
        "recall",
        None,
        "choose the animal threshold so that this share of the validation animals passes stage 1",
        flag_values=values,
        lower_bound=0,
        upper_bound=1,
    )
    flags.DEFINE_enum(
        "recall_of",
        "pictures",
        ["pictures", "events"],
        "what --recall counts; an event passes with any of its frames, as on a camera",
        flag_values=values,
    )
    flags.DEFINE_integer("version", 1, "SavedModel's version folder", flag_values=values)
    flags.DEFINE_boolean(
        "force", False, "write even what differs; the model card says so", flag_values=values
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, exports and checks."""
    if arguments:
        raise InputError("export takes flags only", arguments, "Write --bundle=B --out=O.")
    from camtrap_tf.core.startup import start_tensorflow

    forms = tuple(dict.fromkeys(Form(form) for form in values.form))
    check_shards(forms, values.recall, values.shards)
    start_tensorflow()
    from camtrap_tf.networks.bundle import Bundle
    from export.request import Request
    from export.threshold import Level
    from export.verify import export_and_verify

    request = Request(
        check_on=values.check_on,
        check_pictures=values.check_pictures,
        forms=forms,
        shards=values.shards,
        automatic_at=values.automatic_at,
        recall=values.recall,
        recall_of=Level(values.recall_of),
        version=values.version,
        force=values.force,
    )
    export_and_verify(Bundle.read(values.bundle), values.out, request)
    named = ", ".join(form.value for form in forms)
    return Ending(
        f"{values.out}: a SavedModel and TFLite ({named}), compared with Keras picture by picture; "
        f"{values.out}/model_card.md has the figures.",
        (
            f"camtrap-edge watch DCIM --model={values.out}/tflite/{forms[0].value} "
            "--keep=animal, on a camera's computer",
            command("remote-predict", "PICTURES", server="http://HOST:8501", out="answers.csv"),
        ),
    )
