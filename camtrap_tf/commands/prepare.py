"""Reads the metadata of a camera-trap project and writes one event table (Parquet).

  camtrap prepare --source=coco --metadata=project.json --out=events.parquet
  camtrap prepare --source=dryad --metadata=serengeti/ --out=events.parquet

coco    a COCO Camera Traps JSON file
dryad   folder with consensus_data.csv, all_images.csv and, if wanted, gold_standard_data.csv
lila    folder with the pair ..._images.csv and ..._annotations.csv, or a JSON file of a season
"""

import logging

from absl import flags

from camtrap_tf.errors import InputError

log = logging.getLogger("camtrap")

# The keys of data_prep.sources.SOURCES; written out so that --help needs no imports.
SOURCES = ["coco", "dryad", "lila"]


def define(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "source", None, SOURCES, "format of the metadata",
        required=True, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "on_unknown", None, ["error", "drop"],
        "a species or count that the source does not know: stop with its row, or leave the event "
        "or the count out and count it (default: error)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "metadata", None, "path of the metadata, a file or a folder, see above",
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

    table = sources.read(values.source, values.metadata, on_unknown=values.on_unknown)
    log.info("read %s\n%s\n%s", values.metadata, summary(table), table.dropped)
    table.write(values.out)
    log.info("wrote %s", values.out)
