"""`camtrap VERB ...`: a table of verbs; a verb's module is imported only when it is called.

The modules of verbs stand beside what they call, in `camtrap_tf.verbs`, `data_prep.verbs` and
`export.verbs`. Each has `define(values)`, which declares the verb's flags, and
`run(values, arguments)`, which reads them, calls one public function and returns an `Ending`.
Neither imports TensorFlow before it must, so that `--help` answers at once. `INPUTS` names the
paths that the verb reads; they are looked at before `run` is called, so that a mistyped one is
reported at once. What a verb needs from a package that its own must not import is handed to
`run`, as the table says.
"""

import importlib
import logging
import re
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import NamedTuple

from absl import flags

from camtrap_tf import __version__
from camtrap_tf.core import inputs, startup, words
from camtrap_tf.core.commands import Ending
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.hardware import look
from camtrap_tf.core.preemption import AGAIN, REQUEUE, Preempted, noticed


class Verb(NamedTuple):
    """A row of the table.

    Args:
        module: where the verb is defined.
        summary: what it does in one line: what it reads -> what it makes.
        given: functions that are handed to its `run`, as 'module:function'; they are imported
            when the verb is called.
    """

    module: str
    summary: str
    given: tuple[str, ...] = ()


# Flags of every verb: a letter for them, and what they do.
COMMON = {
    "verbose": ("v", "say more: every flag's value, the time of each message"),
    "quiet": ("q", "say nothing but warnings, errors and the last line"),
    "traceback": (None, "show the traceback of an error"),
}
log = logging.getLogger("camtrap")
_READ_METADATA, _CALL = "data_prep.sources:read_pictures", "camtrap_tf.cli:call"


VERBS = {
    "quickstart": Verb(
        "data_prep.verbs.quickstart",
        "pictures and labels -> a trained system, a report and answers: all that follows, at once",
        (_CALL,),
    ),
    "download": Verb(
        "data_prep.verbs.download", "pictures and metadata of Snapshot Serengeti -> a folder"
    ),
    "prepare": Verb("data_prep.verbs.prepare", "metadata of a camera-trap project -> event table"),
    "lint": Verb(
        "data_prep.verbs.lint", "event table (+ pictures) -> what deserves a look before it is used"
    ),
    "shard": Verb(
        "data_prep.verbs.shard", "event table + pictures -> TFRecord shards with a manifest"
    ),
    "audit": Verb(
        "data_prep.verbs.audit", "shards -> proof that nothing is on both sides of a split"
    ),
    "weights": Verb(
        "camtrap_tf.verbs.weights",
        "networks trained elsewhere: what there is, getting it once, checking it",
    ),
    "train": Verb("camtrap_tf.verbs.train", "shards -> a run directory with the trained network"),
    "probe": Verb(
        "camtrap_tf.verbs.probe",
        "shards + a pretrained network -> a run directory, its heads fitted in seconds",
    ),
    "import-checkpoint": Verb(
        "camtrap_tf.verbs.import_checkpoint",
        "a checkpoint of the paper's released code -> a run directory",
    ),
    "bundle": Verb("camtrap_tf.verbs.bundle", "trained runs -> one bundle that predicts"),
    "evaluate": Verb(
        "camtrap_tf.verbs.evaluate", "a bundle on labelled shards -> predictions and metrics"
    ),
    "predict": Verb(
        "camtrap_tf.verbs.predict",
        "a bundle on a folder of new pictures -> answers",
        (_READ_METADATA,),
    ),
    "detect": Verb("camtrap_tf.verbs.detect", "a folder of pictures -> boxes, without training"),
    "still": Verb(
        "camtrap_tf.verbs.still",
        "boxes of a detector -> the same without branches and stones, with a page to look at",
    ),
    "review": Verb(
        "camtrap_tf.verbs.review",
        "predictions + pictures -> people answer what the model is unsure of",
    ),
    "aggregate": Verb(
        "camtrap_tf.verbs.aggregate", "predictions -> an answer to each event, of its pictures'"
    ),
    "convert": Verb(
        "camtrap_tf.verbs.convert", "predictions -> the formats that people and programs use"
    ),
    "export": Verb(
        "export.verbs.export", "a bundle -> SavedModel and TFLite, checked against Keras"
    ),
    "export-detector": Verb(
        "export.verbs.export_detector", "the detector -> SavedModel and TFLite, checked"
    ),
    "plan": Verb(
        "camtrap_tf.verbs.plan",
        "predictions of two splits -> what to automate, what to send to people",
    ),
    "remote-predict": Verb(
        "export.verbs.remote_predict", "a served export on a folder of new pictures -> answers"
    ),
    "report": Verb("camtrap_tf.verbs.report", "predictions -> one HTML page to read"),
    "verify": Verb(
        "camtrap_tf.verbs.verify", "any of these -> whether its files are as they were written"
    ),
    "synthesize": Verb(
        "data_prep.verbs.synthesize", "a drawn data set with known truth, for demos and experiments"
    ),
    "demo": Verb(
        "camtrap_tf.verbs.demo", "the whole chain on a small synthetic data set", (_CALL,)
    ),
}

USAGE = "camtrap VERB [--flag=value ...]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `camtrap`; returns the exit status.

    0: done. 2: bad input. 75: asked to end by SIGTERM, and the same command goes on. 130:
    interrupted from the keyboard.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(_overview())
        return 0
    if arguments[0] == "--version":
        print(f"camtrap_tf {__version__}")
        return 0
    verb, rest = arguments[0], arguments[1:]
    if verb not in VERBS:
        return _complain(InputError(f"a verb is one of {', '.join(VERBS)}", verb, _closest(verb)))
    return _run(verb, rest)


def call(verb: str, arguments: Sequence[str]) -> Ending | None:
    """Runs one verb of `VERBS` inside this process; returns what it came to.

    Raises:
        InputError: bad input.
        flags.Error: bad flags.
    """
    command, values = _defined(verb)
    return _do(verb, command, values, values([f"camtrap {verb}", *arguments])[1:])


def _run(verb: str, arguments: list[str]) -> int:
    startup.set_defaults()
    command, values = _defined(verb)
    if {"--help", "-h", "-help"} & set(arguments):
        print(f"camtrap {verb}: {VERBS[verb].summary}\n\n{(command.__doc__ or '').strip()}\n")
        print(_flag_help(values))
        return 0
    try:
        rest = values([f"camtrap {verb}", *arguments])[1:]
        _set_up_log(values)
        with noticed():
            ending = _timed(verb, command, values, rest)
    except (flags.Error, InputError) as error:
        if isinstance(error, InputError) and values.is_parsed() and values.traceback:
            raise
        return _complain(error, verb)
    except Preempted as ended:
        print(ended, file=sys.stderr)
        return REQUEUE
    except KeyboardInterrupt:
        print(f"interrupted; {AGAIN}", file=sys.stderr)
        return 130
    except Exception as error:
        said = words.mishap(error)
        if said is None or (values.is_parsed() and values.traceback):
            raise
        return _complain(said, verb)
    if ending is not None:
        print(words.plain(str(ending.tally if values.quiet else ending)), flush=True)
    return 0


def _defined(verb: str) -> tuple[ModuleType, flags.FlagValues]:
    """A verb's module, and its flags, not yet parsed."""
    command, values = importlib.import_module(VERBS[verb].module), flags.FlagValues()
    command.define(values)
    for name, (short, meaning) in COMMON.items():
        flags.DEFINE_boolean(name, False, meaning, flag_values=values, short_name=short)
    return command, values


def _do(verb: str, command: ModuleType, values: flags.FlagValues, rest: list[str]) -> Ending | None:
    inputs.check(getattr(command, "INPUTS", {}), values, rest)
    return command.run(values, rest, *map(_found, VERBS[verb].given))


def _set_up_log(values: flags.FlagValues) -> None:
    """Messages go to stderr, as many of them as --quiet or --verbose ask for."""
    text = "%(asctime)s %(message)s" if values.verbose else "%(message)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(words.Formatter(text))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    level = logging.DEBUG if values.verbose else logging.INFO
    log.setLevel(logging.WARNING if values.quiet else level)


def _timed(
    verb: str, command: ModuleType, values: flags.FlagValues, rest: list[str]
) -> Ending | None:
    """Runs a verb; --verbose shows what it was given, and what it took."""
    start = time.monotonic()
    log.debug("camtrap_tf %s on Python %s, %s", __version__, sys.version.split()[0], look())
    for name in dict.fromkeys(values[name].name for name in values):
        log.debug("  --%s=%s", name, values[name].value)
    ending = _do(verb, command, values, rest)
    log.debug("%.1f s", time.monotonic() - start)
    return ending


def _found(name: str) -> Callable:
    """The function 'module:function'."""
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


# absl's words for a flag that is not given.
_MISSING_FLAG = re.compile(r"flag --(\w+)=None: Flag --\1 must have a value other than None\.")


def _complain(error: Exception | str, verb: str = "") -> int:
    hint = f"camtrap {verb} --help".replace("  ", " ")
    text = _MISSING_FLAG.sub(r"--\1 is needed.", " ".join(str(error).split()))
    text = text if text.endswith("?") else f"{text.rstrip('.')}."
    print(words.plain(f"error: {text} ({hint})"), file=sys.stderr)
    return 2


def _closest(verb: str) -> str:
    import difflib

    near = difflib.get_close_matches(verb, VERBS, n=1)
    return f"Did you mean '{near[0]}'?" if near else "See camtrap --help."


def _overview() -> str:
    width = max(map(len, VERBS))
    rows = [f"  {verb:<{width}} {summary}" for verb, (_, summary, _) in VERBS.items()]
    text = ("usage: " + USAGE, "", *rows, "", "camtrap VERB --help lists a verb's flags.")
    return "\n".join(text)


def _flag_help(values: flags.FlagValues) -> str:
    """The flags of a verb: those that are needed, the others, and those of every verb."""
    groups: dict[str, list[str]] = {"Needed:": [], "Others:": [], "Of every verb:": []}
    for name in dict.fromkeys(values[name].name for name in values):
        flag = values[name]
        group = "Of every verb:" if name in COMMON else "Needed:" if _is_needed(flag) else "Others:"
        groups[group].append(_describe(flag))
    return "\n\n".join("\n".join((title, *lines)) for title, lines in groups.items() if lines)


def _is_needed(flag: flags.Flag) -> bool:
    messages = (f"flag --{flag.name}=None: {validator.message}" for validator in flag.validators)
    return any(map(_MISSING_FLAG.match, messages))


def _describe(flag: flags.Flag) -> str:
    shown = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
    default = "" if flag.default in (None, "", [], False) else f" (default: {shown})"
    names = f"-{flag.short_name}, --{flag.name}" if flag.short_name else f"--{flag.name}"
    return f"  {names}: {flag.help}{default}"


if __name__ == "__main__":
    sys.exit(main())
