"""Looks in written shards for events, sites and (nearly) identical pictures in two splits.

  camtrap audit shards/

Lists the offenders and exits with status 2 where there are any; `data_prep/shards/audit.py` says
what is compared and how. Damaged shards are found too.
"""

import collections
import logging
from typing import Any

from absl import flags

from camtrap_tf.core.commands import Ending, command
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

log = logging.getLogger("camtrap")
_SHOWN = 5  # offenders of each kind; all are in the file
INPUTS = {ARGUMENTS: Input(Kind.SHARDS)}


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_enum(
        "sites", "auto", ["auto", "yes", "no"],
        "whether a site in two splits is an offence; auto: if the split rule promises none",
        **where,
    )  # fmt: skip
    flags.DEFINE_list(
        "allow", [],
        "kinds that are reported but do not fail, such as near_same_site, which a split by event "
        "cannot rule out", **where,
    )  # fmt: skip
    flags.DEFINE_string("out", None, "CSV file for all offenders", **where)
    flags.DEFINE_integer(
        "processes", 0, "processes that look at shards; 0 = one per processor", **where
    )


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    if len(arguments) != 1:
        raise InputError("audit takes one folder of shards", arguments, "camtrap audit shards/")
    from data_prep.shards import audit

    unknown = sorted(set(values.allow) - set(audit.KINDS))
    if unknown:
        raise InputError(f"kinds are {', '.join(audit.KINDS)}", unknown, "Pick among them.")
    sites = {"auto": None, "yes": True, "no": False}[values.sites]
    offences = audit.audit(arguments[0], sites, values.processes)
    if values.out:
        audit.write(offences, values.out)
    counts = collections.Counter(offence.kind for offence in offences)
    for kind, count in counts.items():
        log.info("%s: %s%s", kind, f"{count:,}", " (allowed)" if kind in values.allow else "")
        for offence in [one for one in offences if one.kind == kind][:_SHOWN]:
            log.info("  %s %s: %s", offence.what, offence.other, offence.where)
    failing = {kind: count for kind, count in counts.items() if kind not in values.allow}
    if failing:
        raise InputError("nothing is on both sides of a split", failing, "Mend the split.")
    allowed = sum(counts.values())
    text = f"{allowed:,} offences, all of them allowed" if allowed else "nothing is in two splits"
    return Ending(
        f"{arguments[0]}: {text}.",
        (command("train", shards=arguments[0], task="empty", run="runs/empty"),),
    )
