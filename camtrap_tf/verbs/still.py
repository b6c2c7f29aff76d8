"""Sets boxes apart that stay in one place for days: branches and stones that a detector takes for
animals.

  camtrap still found/detections.json --images=CARD --out=still

FILE holds MegaDetector results, of `camtrap detect` or of MegaDetector itself. --out gets
still.html, the places with pictures; still.csv, a row each; and detections.json, the results with
these boxes taken back, which `camtrap predict` takes. Where you see an animal on the page, write
`no` into set_apart of its row in still.csv and give the same command again.
"""

from typing import Any

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

INPUTS = {ARGUMENTS: Input(Kind.FILE), "images": Input(Kind.FOLDER)}
# Fields of `events.still.Rule`, which has their defaults.
_RULE = {
    "pictures": "a box stays that is on so many pictures (default: 10)",
    "days": "on so many different days (default: 3)",
    "untimed": "on so many pictures, where times are not known (default: 20)",
    "overlap": "boxes are in one place from this intersection over union on (default: 0.85)",
    "largest": "share of the picture that such a box covers at most (default: 0.2)",
}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "folder to write", required=True, **where)
    flags.DEFINE_string(
        "images", None, "folder that the paths are relative to, for times and the page", **where
    )
    for name, what in _RULE.items():
        define = flags.DEFINE_float if name in ("overlap", "largest") else flags.DEFINE_integer
        define(name, None, what, **where)
    flags.DEFINE_float("confidence", 0.1, "boxes below it are left as they are", **where)


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and writes the files."""
    if len(arguments) != 1:
        raise InputError(
            "still takes one file of detections", arguments, "camtrap still FILE --out=FOLDER"
        )
    from camtrap_tf.events.still import Rule
    from camtrap_tf.prediction.still import YES, set_apart

    given = {name: values[name].value for name in _RULE}
    rule = Rule(**{name: value for name, value in given.items() if value is not None})
    found = set_apart(arguments[0], values.out, values.images, rule, values.confidence)
    places = int((found.places["set_apart"] == YES).sum())
    results = found.folder / file_names.DETECTIONS
    if not len(found.places):
        return Ending(f"No box of {counted(found.boxes, 'boxes')} stays in one place for days.")
    page = found.folder / file_names.STILL_PAGE
    return Ending(
        f"{counted(places, 'places')} where a box stays for days: {found.set_apart:,} of "
        f"{counted(found.boxes, 'boxes')} set apart. Look at {page}.",
        (command("predict", "PICTURES", bundle="BUNDLE", megadetector=results, out="answers"),),
    )
