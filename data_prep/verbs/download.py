"""Downloads seasons of Snapshot Serengeti, or a sample of their events, from LILA.

  camtrap download --seasons=1 --events=500 --out=serengeti/
  camtrap prepare --source=lila --metadata=serengeti/metadata/SnapshotSerengetiS01_500_events.json
  camtrap shard --images=serengeti/ ...

A season has hundreds of thousands of pictures of about 1 MB. Started again with the same
flags it goes on where it stopped.
"""

from typing import Any

from absl import flags

from camtrap_tf.core import file_names
from camtrap_tf.core.commands import Ending, command, counted, listed
from camtrap_tf.core.errors import InputError


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "folder for pictures and metadata", required=True, **where)
    flags.DEFINE_list("seasons", None, "numbers, 1 to 11", required=True, **where)
    flags.DEFINE_integer("events", 0, "events of each season, drawn at random; 0 = all", **where)
    flags.DEFINE_integer("seed", 0, "seed of the draw", **where)
    flags.DEFINE_integer("connections", 8, "downloads at a time", **where)
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "fetch only the metadata, and count the pictures wanted",
        **where,
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if arguments:
        raise InputError("download takes flags only", arguments, "Write --out=FOLDER.")
    from data_prep import download

    try:
        seasons = [int(season) for season in values.seasons]
    except ValueError:
        raise InputError("seasons are numbers", values.seasons, "Write --seasons=1,2.") from None
    manners = download.Manners(connections=values.connections)
    found = download.download(
        values.out, seasons, values.events, values.seed, manners, only_metadata=values.dry_run
    )
    others = listed({name: number for name, number in found.items() if name != "there"})
    return Ending(
        f"{values.out}: {counted(found.get('there', 0), 'pictures')} there"
        f"{', ' * bool(others)}{others}.",
        (
            command(
                "prepare", source="lila", metadata=f"{values.out}/metadata", out=file_names.EVENTS
            ),
        ),
    )
