"""Flags of the verbs that write foreign formats, and the options made of them."""

from absl import flags

# The keys of outputs.FORMATS; written out so that --help needs no imports.
FORMATS = ["csv", "megadetector"]
HELP = """Formats (--format, several with commas between them):

csv           predictions.csv, a row per picture, and events.csv, a row per capture event
megadetector  megadetector.json: MegaDetector batch results 1.6, which Timelapse opens
"""


def define(values: flags.FlagValues, formats: list[str]) -> None:
    """Declares the flags; `formats` are written where --format is not given."""
    flags.DEFINE_list("format", formats, "formats to write, see above", flag_values=values)
    flags.DEFINE_float(
        "floor", 0.1, "megadetector: lowest animal probability that is written as a detection",
        flag_values=values, lower_bound=0, upper_bound=1,
    )  # fmt: skip


def options(values: flags.FlagValues, pictures: str | None = None):
    """The flags as `outputs.Options`.

    Args:
        values: the parsed flags.
        pictures: folder that the predictions' paths are relative to.
    """
    from camtrap_tf.outputs import Options

    return Options(pictures=pictures, floor=values.floor)
