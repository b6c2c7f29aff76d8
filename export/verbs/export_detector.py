"""Writes the detector as SavedModel and TFLite and checks both against Keras on real pictures.

  camtrap weights get megadetector-lite
  camtrap export-detector --check_on=PICTURES --out=detector

Its input is as large as the first of the pictures deserves: give pictures of the camera that it is
for. An export that finds something else than Keras does is refused.
"""

from typing import Any

from absl import flags

from camtrap_tf.core.commands import Ending
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

INPUTS = {"check_on": Input(Kind.FOLDER)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "new folder to write", required=True, **where)
    flags.DEFINE_string(
        "check_on", None, "folder of pictures to compare on", required=True, **where
    )
    flags.DEFINE_integer("check_pictures", 120, "how many of them", lower_bound=2, **where)
    flags.DEFINE_integer(
        "side", 0,
        "longer side of the network's input, a multiple of 32; 0: by the size of the first picture",
        **where,
    )  # fmt: skip
    flags.DEFINE_multi_enum(
        "form", ["float32", "int8"], ["float32", "float16", "int8"],
        "TFLite form (repeatable); the ranges of int8 are measured on half of the pictures",
        **where,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags, exports and checks."""
    if arguments:
        raise InputError(
            "export-detector takes flags only", arguments, "Write --check_on=PICTURES --out=O."
        )
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    from camtrap_tf.core.artifacts import existing_folder
    from camtrap_tf.pictures import files
    from export.detector import export_detector
    from export.forms import Form

    folder = existing_folder(values.check_on, "a folder of pictures")
    paths = [folder / path for path in files.find(folder)]
    chosen = paths[:: max(1, len(paths) // values.check_pictures)][: values.check_pictures]
    forms = [Form(form) for form in dict.fromkeys(values.form)]
    rows = export_detector(values.out, chosen, values.side, forms)
    found = ", ".join(f"{row.export} in {row.found}" for row in rows)
    return Ending(
        f"{values.out}: of {rows[0].pictures} pictures Keras finds something in "
        f"{rows[0].found_keras}, {found}; {values.out}/model_card.md has the figures."
    )
