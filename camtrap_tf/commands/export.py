"""Writes a bundle as SavedModel and TFLite and checks both against Keras on real pictures."""

from absl import flags

from export import TOLERANCE


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string("bundle", None, "bundle to export", flag_values=values, required=True)
    flags.DEFINE_string("out", None, "folder to write", flag_values=values, required=True)
    flags.DEFINE_string(
        "check_on", None, "folder of pictures to compare on", flag_values=values, required=True
    )
    flags.DEFINE_integer("check_pictures", 50, "how many of them", flag_values=values)
    flags.DEFINE_float(
        "tolerance",
        TOLERANCE,
        "refuse an export whose probabilities differ by more",
        flag_values=values,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    """Reads the flags, exports and checks."""
    from camtrap_tf.quiet import start_tensorflow

    start_tensorflow()
    from export.verify import export_and_verify

    export_and_verify(
        values.bundle, values.out, values.check_on, values.check_pictures, values.tolerance
    )
