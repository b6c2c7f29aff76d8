"""Flags of the verbs that write foreign formats, and the options made of them."""

from typing import Any

from absl import flags

from camtrap_tf import outputs
from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

HELP = f"Formats (--format, several with commas between them):\n\n{outputs.HELP}"
INPUTS = {"species": Input(Kind.FILE, ("serengeti",))}
PACKAGE_INPUTS = {"deployments": Input(Kind.EITHER), "package": Input(Kind.FILE)}


def define(values: flags.FlagValues, formats: list[str]) -> None:
    """Declares the flags; `formats` are written where --format is not given."""
    flags.DEFINE_list("format", formats, "formats to write, see above", flag_values=values)
    flags.DEFINE_boolean(
        "guard_formulas", True,
        "csv: an apostrophe before texts that spreadsheet programs would run as formulas; "
        "--noguard_formulas writes them as they are", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_boolean(
        "bom", False, "csv: begin with the mark by which Excel knows UTF-8", flag_values=values
    )
    flags.DEFINE_float(
        "floor", 0.1, "megadetector: lowest animal probability that is written as a detection",
        flag_values=values, lower_bound=0, upper_bound=1,
    )  # fmt: skip
    flags.DEFINE_string(
        "species", None,
        "camtrap_dp, speciesnet: CSV file with the columns label and scientificName; 'serengeti' "
        "for the table of the 48 Serengeti species, which is used where they are the model's",
        flag_values=values,
    )  # fmt: skip

    flags.DEFINE_enum(
        "link", "symbolic", ["symbolic", "hard"], "folders: what leads to the pictures",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "people", "show", ["show", "hide"],
        "folders: hide leaves out pictures that show people, as far as the answers tell (no "
        "promise: see docs/predict.md)", flag_values=values,
    )  # fmt: skip


def define_package(values: flags.FlagValues) -> None:
    """Declares the flags of a Camtrap DP package."""
    flags.DEFINE_string(
        "deployments", None,
        "camtrap_dp: CSV file with deploymentID, latitude, longitude (and folder, deploymentStart, "
        "... as they are known), or a Camtrap DP package that has them",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "place", [],
        "camtrap_dp, in place of --deployments: FOLDER=LATITUDE,LONGITUDE for every camera, or "
        "LATITUDE,LONGITUDE where there is one",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "time_zone", None,
        "camtrap_dp: of the cameras' clocks: +03:00, or a place such as Africa/Nairobi",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_boolean(
        "summer_time", False,
        "camtrap_dp: the cameras' clocks follow the summer time of --time_zone; most do not, and "
        "keep the offset that it had when the deployment began", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "without_time", "error", ["error", "leave_out"],
        "camtrap_dp: pictures without a time stop the export, or are left out and listed in "
        "camtrap_dp_left_out.csv", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string("project", None, "camtrap_dp: title of the project", flag_values=values)
    flags.DEFINE_string(
        "sampling_design", None,
        "camtrap_dp: how the places were chosen: simpleRandom, systematicRandom, clusteredRandom, "
        "experimental, targeted or opportunistic",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "contributor", [], "camtrap_dp: name of a person or organisation", flag_values=values
    )
    flags.DEFINE_string(
        "package", None,
        "camtrap_dp: JSON file with fields of datapackage.json, such as licenses and project",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "media_url", None, "camtrap_dp: where the pictures are to be had, as https://HOST/FOLDER",
        flag_values=values,
    )  # fmt: skip


def options(values: flags.FlagValues, pictures: PathLike | None = None, completed=None, boxes=None):
    """The flags as `outputs.Options`.

    Args:
        values: the parsed flags.
        pictures: folder that the predictions' paths are relative to.
        completed: when the pictures were answered, local datetime; now when None.
        boxes: what is in each box of the pictures (`answers.boxes`), if that is known.

    Raises:
        InputError: a --place that is not FOLDER=LATITUDE,LONGITUDE, or a format whose flags the
            verb has not got.
    """
    if "camtrap_dp" in values.format and "place" not in values:
        raise InputError(
            "a Camtrap DP package is written by `camtrap convert`, which asks for deployments",
            "--format=camtrap_dp",
            "Leave it out here, then run: camtrap convert predictions.parquet --format=camtrap_dp",
        )
    everywhere = ("guard_formulas", "bom", "floor", "species", "link", "people")
    given: dict[str, Any] = {name: values[name].value for name in everywhere}
    if "place" in values:
        plain = (
            "deployments", "time_zone", "summer_time", "without_time", "project",
            "sampling_design", "package", "media_url",
        )  # fmt: skip
        given |= {name: values[name].value for name in plain}
        given["places"] = dict(map(_place, values.place))
        given["contributors"] = values.contributor
    return outputs.Options(pictures=pictures, completed=completed, boxes=boxes, **given)


def _place(text: str) -> tuple[str, tuple[float, float]]:
    folder, _, at = text.rpartition("=")
    try:
        latitude, longitude = map(float, at.split(","))
    except ValueError:
        raise InputError(
            "a place is FOLDER=LATITUDE,LONGITUDE in degrees",
            text,
            "Write it like S1/B04=-2.45,34.82.",
        ) from None
    return folder, (latitude, longitude)
