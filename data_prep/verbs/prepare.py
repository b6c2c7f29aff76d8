"""Reads the metadata of a camera-trap project and writes one event table (Parquet).

  camtrap prepare --metadata=project.json --out=events.parquet
  camtrap prepare --source=dryad --metadata=serengeti/ --out=events.parquet

What the metadata are is recognised and shown (--source=auto); where that is not certain, a
question is asked, which a flag answers, or --yes. Sources:

"""

from pathlib import Path

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Command, Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind
from data_prep.sources import HELP, OPTIONS, SOURCES

INPUTS = {"metadata": Input(Kind.EITHER), "choices": Input(Kind.FILE)}
__doc__ = f"{__doc__}{HELP}"


def define(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "source", "auto", ["auto", *SOURCES], "format of the metadata; auto: what they look like",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_boolean(
        "yes", False, "with --source=auto: accept a guess that is not certain", flag_values=values
    )
    flags.DEFINE_multi_string(
        "clock", [],
        "a clock that was wrong: SITE=+1h12m, where SITE is one of the metadata or a folder, or a "
        "CSV file with the columns site, shift, and from and to where it was wrong for a while",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "on_unknown", None, ["error", "drop"],
        "a species, count or category that the source does not know, and rows that contradict one "
        "another: stop with the row, or leave the event, the count or the label out and count it "
        "(default: error)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "empty_names", None,
        "names that mean an empty picture, besides the known ones ('nothing', 'no animal', ...): "
        "NAME,NAME; NAME=unlabelled is no label, and NAME=species is a species",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "dates", None, ["DMY", "MDY"],
        "which of day and month comes first in dates like 3/4/2020 (default: the one that fits "
        "all rows)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "encoding", None,
        "encoding of CSV files, such as cp1252 or utf-16 (default: recognised by their bytes)",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "even_median", None, ["upper", "lower"],
        "dryad_raw, zooniverse: which middle value is the median of an even number of votes: the "
        "upper, as documented and on LILA, or the lower, as in the released script (default: "
        "upper)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "blank_rule", None, ["retirement", "majority"],
        "dryad_raw, zooniverse: what makes an event empty: ten blanks and no species with ten "
        "votes, or more blanks than others, as on LILA (default: retirement)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "workflow", None, "zooniverse: id of the only workflow to read", flag_values=values
    )
    flags.DEFINE_string(
        "choices", None,
        "zooniverse: CSV file with the columns name and meaning, for names of questions, choices "
        "and answers that are not known: a species, empty, unlabelled, count, behaviours, babies, "
        "moving, yes, ...", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "columns", None,
        "csv: which column is what, such as path=File,species=Label, or "
        "folder=RelativePath,file=File,species=Label; the fields are path, folder, file, species, "
        "count, event, site, season, datetime (or datetime=Date+Time) and the attributes",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_multi_string(
        "head", None,
        "a further question, which a column, field or question of its name answers; "
        "NAME:CLASS,CLASS,... such as sex:male,female,unknown, or NAME, answered by yes or no; may "
        "be repeated; all sources but folders and megadetector",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_enum(
        "folders", None, ["species", "cameras", "cameras/species"],
        "folders: what they are named by (default: species; names that look like cameras are "
        "asked about)", flag_values=values,
    )  # fmt: skip
    flags.DEFINE_float(
        "threshold", None, "megadetector: least confidence of a detection (default: 0.2)",
        flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "metadata", None, "path of the metadata, a file or a folder, see above",
        required=True, flag_values=values,
    )  # fmt: skip
    flags.DEFINE_string(
        "out", file_names.EVENTS, "event table to write; replaced if it is there",
        flag_values=values,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if arguments:
        raise InputError("prepare takes flags only", arguments, "Write --metadata=PATH.")
    from data_prep import prepare

    options = {name: values[name].value for name in OPTIONS}
    table = prepare.prepare(
        values.metadata, values.out, values.source, values.yes, values.clock, **options
    )
    images = prepare.images_beside(table, values.metadata) or "PICTURES"
    return Ending(prepare.tally(table), _next(table, values.out, images))


def _next(table, events: str, images: Path | str) -> tuple[Command | str, ...]:
    if not len(table.labels):
        return (command("review", events, images=images), _WITHOUT_LABELS)
    return (
        command("shard", events=events, images=images, out="shards"),
        command("lint", events=events, images=images),
    )


_WITHOUT_LABELS = (
    "if someone has trained a bundle for such pictures: camtrap predict PICTURES --bundle=BUNDLE "
    "--out=answers"
)
