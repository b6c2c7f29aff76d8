"""Reads the metadata of a camera-trap project and writes one event table (Parquet).

  camtrap prepare --source=coco --metadata=project.json --out=events.parquet
  camtrap prepare --source=dryad --metadata=serengeti/ --out=events.parquet

For dryad the folder holds consensus_data.csv, all_images.csv and, if wanted,
gold_standard_data.csv.
"""

import logging

from absl import flags

from camtrap_tf.errors import InputError

log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "source", None, ["coco", "dryad"], "format of the metadata",
        required=True, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "metadata", None, "path of the metadata: a file (coco) or a folder (dryad)",
        required=True, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "out", "events.parquet", "event table to write; replaced if it is there",
        flag_values=values,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> None:
    if arguments:
        raise InputError("prepare takes flags only", arguments, "Write --metadata=PATH.")
    from data_prep import sources
    from data_prep.statistics import summary

    table = sources.read(values.source, values.metadata)
    log.info("read %s\n%s\n%s", values.metadata, summary(table), table.dropped)
    table.write(values.out)
    log.info("wrote %s", values.out)
