"""From a folder of pictures and a file of labels to a trained system, a report and answers.

  camtrap quickstart PICTURES --labels=labels.csv --out=project

The kind of labels is recognised and shown; without --labels they are looked for in PICTURES, as
files or as folders named by species. How events are divided, how pictures are stored and what is
trained depends on the amount of data and on this machine, and it says why. It says how long it will
take (--dry_run stops there), and then runs other verbs, each shown as you would type it. Stop it at
any time: the same command goes on. PROJECT holds what each verb writes.
"""

import logging
import textwrap
from pathlib import Path
from typing import Any

from absl import flags

from camtrap_tf.core import file_names, hardware
from camtrap_tf.core.commands import Ending, Run, command, follow
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind

INPUTS = {ARGUMENTS: Input(Kind.FOLDER), "labels": Input(Kind.EITHER)}
OPTIONS = ("folders", "columns", "dates", "encoding", "empty_names", "on_unknown")
log = logging.getLogger("camtrap")


def define(values: flags.FlagValues) -> None:
    where: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_string("out", None, "project folder to write", required=True, **where)
    flags.DEFINE_string(
        "labels", "", "file or folder that says what is on the pictures; any of camtrap prepare's "
        "sources, or an event table (.parquet)", **where,
    )  # fmt: skip
    flags.DEFINE_boolean("yes", False, "accept a guess that is not certain", **where)
    for name in OPTIONS:
        flags.DEFINE_string(name, None, "as in camtrap prepare, to answer its question", **where)
    flags.DEFINE_integer(
        "epochs", 0, "epochs of training (default: the recipe's own)", lower_bound=0, **where
    )
    flags.DEFINE_boolean(
        "dry_run",
        False,
        "say what would be done and how long it would take, and do nothing",
        **where,
    )


def run(values: flags.FlagValues, arguments: list[str], camtrap: Run) -> Ending:
    if len(arguments) != 1:
        raise InputError(
            "quickstart takes one folder of pictures",
            arguments,
            "camtrap quickstart PICTURES --labels=FILE --out=PROJECT",
        )
    from data_prep import quickstart
    from data_prep.quickstart import Project, Request

    options = {name: one for name in OPTIONS if (one := values[name].value) is not None}
    request = Request(arguments[0], values.labels, values.epochs, options)
    folder = Path(values.out)
    project, labelled = quickstart.begun(folder, request), True
    if project is None:
        source, labelled = quickstart.recognise(request, values.yes)
        project = Project(folder, request, source)
    if not labelled:
        return _without_labels(project, values.dry_run, camtrap)
    if project.decision is None:
        project = _decided(project, values.dry_run, camtrap)
    if values.dry_run:
        verbs = [*quickstart.prepare_step(project), *quickstart.steps(project)]
        return Ending("\n".join(["would run:", *(f"  {step.command}" for step in verbs)]))
    follow(quickstart.steps(project), camtrap)
    return _ending(project)


def _without_labels(project, dry_run: bool, camtrap: Run) -> Ending:
    """An event table to label, and the ways there are."""
    from camtrap_tf.events.table import EventTable
    from data_prep import prepare, quickstart

    if dry_run:
        source = project.source
        table = prepare.prepare(source.metadata, None, source.source, **source.options)
    else:
        follow(quickstart.prepare_step(project), camtrap)
        table = EventTable.read(project.events)
    return Ending(
        f"{prepare.tally(table)} No file says what is on the pictures.",
        quickstart.ways_without_labels(project),
    )


def _decided(project, dry_run: bool, camtrap: Run):
    """The project with what suits its events, which is shown and kept."""
    from camtrap_tf.events.table import EventTable
    from data_prep import prepare, quickstart

    source = project.source
    if dry_run and source.source:
        table = prepare.prepare(source.metadata, None, source.source, **source.options)
    else:
        follow(quickstart.prepare_step(project), camtrap)
        table = EventTable.read(project.events)
    project, rows = quickstart.decide(project, table, hardware.look())
    log.info("\n%s", _shown(rows))
    if not dry_run:
        project.write()
    return project


def _shown(rows: list[tuple[str, str]]) -> str:
    """Rows of name and text, the texts wrapped beside the names."""
    indent = max(len(name) for name, _ in rows) + 4
    return "\n".join(
        textwrap.fill(
            text, 100, initial_indent=f"  {name}".ljust(indent), subsequent_indent=" " * indent,
            break_long_words=False, break_on_hyphens=False,
        )
        for name, text in rows
    )  # fmt: skip


def _ending(project) -> Ending:
    """Tally, three numbers with intervals, the report and the next command."""
    from camtrap_tf.answers import metrics, summary
    from camtrap_tf.answers.predictions import Predictions

    scores = metrics.read(project.evaluation("test") / file_names.METRICS)
    predictions = Predictions.open(project.answers / file_names.PREDICTIONS)
    lines = (
        f"\nDone. {summary.tally(predictions)}",
        "On pictures that it has not learnt from, with 95% intervals:",
        *(f"  {line}" for line in summary.numbers(scores)),
        f"The report: {project.report}",
    )
    plan = command(
        "plan",
        validation=project.evaluation("val") / file_names.PREDICTIONS,
        test=project.evaluation("test") / file_names.PREDICTIONS,
    )
    return Ending("\n".join(lines), (command("review", project.answers), plan))
