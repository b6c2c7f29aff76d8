"""`camtrap-edge`: decides on the camera's computer which pictures to keep and to send.

Needs NumPy, Pillow and ai-edge-litert; TensorFlow is never imported.
"""

import argparse
import contextlib
import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from camtrap_tf.core import words
from camtrap_tf.core.config import EVENT_GAP_SECONDS
from camtrap_tf.core.errors import InputError

_RULE = "all, none, animal, confident, unsure, unknown or species:NAME,NAME"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `camtrap-edge`; returns the exit status: 0 done, 2 bad input, 130 interrupted."""
    values = _parser().parse_args(arguments)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(words.Formatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("camtrap").setLevel(logging.INFO)
    try:
        values.run(values)
    except InputError as error:
        print(words.plain(f"error: {error}"), file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, a folder that may not be written
        said = words.plain(f"error: {error}; what was decided before is on the log")
        print(said, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("camtrap-edge", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    watch = verbs.add_parser("watch", help="watch a folder and decide about each event")
    watch.add_argument("folder", type=Path, help="pictures; each subfolder is a camera")
    _add_model(watch)
    watch.add_argument("--keep", default="animal", help=f"events to keep: {_RULE}")
    watch.add_argument("--send", default="none", help=f"events to transmit: {_RULE}")
    watch.add_argument(
        "--budget", type=_at_least(0, int), help="bytes to transmit a day (default: no limit)"
    )
    watch.add_argument("--outbox", type=Path, help="folder for pictures to transmit")
    watch.add_argument("--log", type=Path, help="decisions (default: FOLDER/decisions.jsonl)")
    watch.add_argument(
        "--event_gap",
        type=_at_least(0),
        default=EVENT_GAP_SECONDS,
        metavar="SECONDS",
        help="longest pause inside an event, by EXIF time (default: %(default)s)",
    )
    watch.add_argument(
        "--poll",
        type=_at_least(0),
        default=2.0,
        metavar="SECONDS",
        help="pause between looks at the folder (default: %(default)s)",
    )
    watch.add_argument("--once", action="store_true", help="decide about what is there, and stop")
    watch.add_argument(
        "--delete_dropped", action="store_true", help="delete pictures of dropped events"
    )
    watch.set_defaults(run=_watch)
    answer = verbs.add_parser("answer", help="answer pictures, a JSON line each")
    answer.add_argument("pictures", nargs="+")
    _add_model(answer)
    answer.set_defaults(run=_answer)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help="folder such as export/tflite/float16")
    parser.add_argument(
        "--threads", type=_at_least(1, int), default=1, help="of each network (default: 1)"
    )
    parser.add_argument(
        "--memory",
        type=_at_least(8, int),
        default=256,
        metavar="MB",
        help="that decoding a picture may take; others are kept unread (default: %(default)s)",
    )
    parser.add_argument(
        "--animal_threshold",
        type=_at_least(0, most=1),
        help="in place of the one that the model carries, 0 to 1",
    )


def _at_least(least: float, kind: Callable = float, most: float = math.inf) -> Callable:
    """Reads a number from `least` to `most`."""

    def number(text: str):
        value = kind(text)
        if not least <= value <= most:
            limits = f"at least {least}" if most == math.inf else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"{limits}, not {text}")
        return value

    number.__name__ = kind.__name__  # argparse names it where the text is no number
    return number


def _watch(values: argparse.Namespace) -> None:
    from export.edge.model import EdgeModel
    from export.edge.policy import Policy, parse_rule
    from export.edge.watch import Settings, Watch

    _limit(values.memory)
    folder = values.folder
    if not folder.is_dir():
        raise InputError("the watched folder exists", str(folder), "Check the path.")
    outbox = values.outbox or folder / ".outbox"
    if values.outbox and folder.resolve() in outbox.resolve().parents:
        raise InputError(
            "the outbox lies outside the watched folder", str(outbox), "Give another --outbox."
        )
    model = EdgeModel(values.model, values.threads, values.animal_threshold)
    keep, send = (parse_rule(text, model.species) for text in (values.keep, values.send))
    settings = Settings(
        folder,
        values.log or folder / "decisions.jsonl",
        Policy(keep, send, values.budget),
        outbox,
        values.event_gap,
        values.delete_dropped,
    )
    with contextlib.closing(Watch(model, settings)) as watch:
        if values.once:
            watch.step(wait=False)
        else:
            watch.run(values.poll)


def _limit(megabytes: int) -> None:
    from camtrap_tf.pictures import memory

    memory.limit(megabytes)


def _answer(values: argparse.Namespace) -> None:
    from camtrap_tf.pictures import files
    from export.edge.journal import as_line
    from export.edge.model import EdgeModel
    from export.edge.policy import judge

    _limit(values.memory)
    model = EdgeModel(values.model, values.threads, values.animal_threshold)
    for path in values.pictures:
        try:
            verdict = judge([model.answer(path)], model)
        except files.PictureError as error:
            line = {"path": path, "failure": str(error)}
        else:
            line = {
                "path": path,
                "animal_probability": round(verdict.animal_probability, 4),
                "species": verdict.species,
                "probability": round(verdict.probability, 4),
                "automatic": verdict.automatic,
            }
        sys.stdout.write(as_line(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
