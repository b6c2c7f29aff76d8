"""Checks whether artefacts are as they were written.

PATH is a folder of shards, a bundle, a run, answers, an export, features; a file of any of these,
an event table, weights or reviews.jsonl; or a folder that holds several.

  camtrap verify shards
  camtrap verify season bundle runs

Files of earlier versions have no checksum; they are counted, and read as a whole. The status is 2
where a file is damaged or missing.
"""

import logging

from absl import flags

from camtrap_tf.core.commands import Ending, counted
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

log = logging.getLogger("camtrap")
INPUTS = {ARGUMENTS: Input(Kind.EITHER)}
_SHOWN = 20  # files that are named


def define(values: flags.FlagValues) -> None:
    """Declares the flags: none."""


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Checks each path, and says what came of it."""
    if not arguments:
        raise InputError("verify takes paths", "none", "Write camtrap verify PATH.")
    from camtrap_tf.verifying.artefacts import verify

    found = [(path, verify(path)) for path in arguments]
    bad = [one for _, verified in found for one in verified.bad]
    for one in bad[:_SHOWN]:
        log.warning("%s: %s. %s", one.path, one.told, one.remedy)
    if bad:
        total = sum(len(verified.findings) for _, verified in found)
        raise InputError(
            "every file is as it was written",
            f"{len(bad):,} of {counted(total, 'files')} damaged or missing, such as {bad[0].path}",
            bad[0].remedy,
        )
    return Ending("\n".join(_line(path, verified) for path, verified in found))


def _line(path: str, verified) -> str:
    from camtrap_tf.verifying.artefacts import State

    unchecked = verified.count(State.UNCHECKED)
    text = counted(len(verified.findings), "files")
    text += ", all as they were written" if not unchecked else (
        f": {verified.count(State.WHOLE):,} as they were written, {unchecked:,} without a "
        "checksum, which can be read"
    )  # fmt: skip
    return f"{path} ({', '.join(verified.names)}): {text}."
