"""Watch, predict, review and train for an hour, while everything goes wrong that can.

    python -m tests.soak --minutes=60 --seed=1

In every round one of them runs as a process of its own and meets a mishap: it is killed at a random
moment, its disk is full, a file may not grow, handles or memory are short, the clock jumps, one of
its files is damaged or ends in half a line. Pictures come to the camera's card all the time, some
of them damaged, from clocks that jump. What is finished is compared with what an undisturbed
process makes of the same, and begun anew. In the end all go on undisturbed until they are done, and
then it must hold that

- every picture on the card is in one decision, and the decisions are those of one that was never
  disturbed; the outbox holds what they say was sent, and nothing else;
- finished predictions and trainings are, to the byte and to the last digit, the undisturbed ones;
- every answer that a reviewer was told is saved is in the journal, once, and what counts is what
  was said last;
- `camtrap verify` finds nothing damaged.

Ends with status 1 where it does not. Prints a table of its counts. The disk is a tmpfs where the
system lets us mount one, so that it can be full; else a limit on the size of files stands in.
"""

import argparse
import collections
import contextlib
import csv
import importlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests import conftest

OLD = Path(__file__).parent / "fixtures" / "before_rooms"
DISK = 64  # MB
PRELOADED = (
    "tensorflow", "keras", "camtrap_tf.prediction.predict", "camtrap_tf.prediction.predictor",
    "camtrap_tf.training.train", "camtrap_tf.training.trainer", "camtrap_tf.verbs.verify",
    "camtrap_tf.reviewing.session", "export.edge.watch",
)  # fmt: skip
LONGEST = 60.0  # seconds of a round
PICTURES, EVENT = 96, 3  # of the season that is predicted, and in an event
REVIEWERS = ("Ada", "Grace")
TRAIN = ("model.architecture=small", "model.crop=32", "train.epochs=3", "train.batch_size=8",
         "train.checkpoint_every=1", "train.steps_per_call=1")  # fmt: skip


class World(NamedTuple):
    """Where everything lies.

    Args:
        disk: what may be full; `card`, answers, decisions, journal and runs are on it.
        safe: what is not: what is read, what undisturbed processes make, what was told.
    """

    disk: Path
    safe: Path

    @property
    def card(self) -> Path:
        return self.safe / "card"

    def out(self, name: str, turn: int = 0) -> Path:
        """Named as undisturbed, since results tell the name of their folder."""
        return self.disk / str(turn) / name


class Ending(NamedTuple):
    """How a round ended: status of the process and what it said."""

    status: int
    said: str

    @property
    def kind(self) -> str:
        names = {0: "finished", 2: "in words", 130: "in words", -signal.SIGKILL: "killed"}
        return names.get(self.status, "otherwise")


# What runs


def watch(world: World, folder: Path, rng: random.Random) -> Callable[[], int]:
    from export.edge import cli

    command = ["watch", str(world.card), f"--model={OLD / 'edge' / 'model'}", "--send=animal"]
    command += [f"--log={folder / 'log.jsonl'}", f"--outbox={folder / 'outbox'}"]
    command += rng.choice([["--once"], ["--poll=0.05"]])
    return lambda: cli.main(command)


def predict(world: World, folder: Path, rng: random.Random) -> Callable[[], int]:
    from camtrap_tf import cli

    command = ["predict", str(world.safe / "season"), f"--bundle={world.safe / 'bundle'}"]
    command += [f"--out={folder}", "--block_size=6", "--batch_size=6", "--format=csv"]
    return lambda: cli.main(command)


def train(world: World, folder: Path, rng: random.Random) -> Callable[[], int]:
    from camtrap_tf import cli

    command = ["train", f"--shards={world.safe / 'shards'}", f"--run={folder}", "--task=species"]
    command += ["--preset=paper", *(f"--set={change}" for change in TRAIN)]
    return lambda: cli.main(command)


def review(world: World, folder: Path, rng: random.Random) -> Callable[[], int]:
    """One or two people, who answer as fast as they can, and take answers back."""
    people = rng.sample(REVIEWERS, rng.randint(1, 2))
    seeds = [rng.getrandbits(32) for _ in people]

    def both() -> int:
        children = [_fork(lambda p=p, s=s: _answer(world, folder, p, random.Random(s)))
                    for p, s in zip(people, seeds, strict=True)]  # fmt: skip
        return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)

    return both


def _answer(world: World, folder: Path, reviewer: str, rng: random.Random) -> int:
    from camtrap_tf.answers.predictions import Predictions
    from camtrap_tf.core.errors import InputError
    from camtrap_tf.reviewing import queue
    from camtrap_tf.reviewing.session import Session

    predictions = Predictions.read(world.safe / "plain" / "predict" / "predictions.parquet")
    order = queue.order(predictions)
    try:
        session = Session(
            predictions, order, world.safe / "season", folder / "reviews.jsonl", reviewer
        )
        for _ in range(rng.randint(20, 200)):
            _say(world, session, order, reviewer, rng)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _say(world: World, session, order, reviewer: str, rng: random.Random) -> None:
    """Answers an event or takes an answer back, and notes it as told once it is."""
    told = {"reviewer": reviewer, "id": uuid.UUID(int=rng.getrandbits(128)).hex}
    if rng.random() < 0.1:
        answer, _, _ = session.undo(session.queue, told["id"])
        if answer is None:
            return
        told["undoes"] = answer.id
    else:
        name = str(order["event_id"].iloc[rng.randrange(len(order))])
        species = rng.choice(["blue", "red", "hare"])
        kinds = {"animal": [{"species": species, "count": None, "attributes": {}}]}
        verdict = rng.choice(["animal", "empty", "unsure"])
        told |= {"event": name, "verdict": verdict}
        content = {"id": told["id"], "event_id": name, "verdict": verdict, "seconds": 1.0}
        session.answer(session.queue, content | {"sightings": kinds.get(verdict, [])})
    with open(world.safe / "told.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(told) + "\n")


ACTORS = {"watch": watch, "predict": predict, "review": review, "train": train}
OFTEN = {"watch": 3, "predict": 3, "review": 2, "train": 3}


# What goes wrong. Each gives a function that the process calls before it begins.


class Mishap(NamedTuple):
    """What happens in a round: before the process is there, and in it before it begins."""

    outside: Callable[[World, Path, random.Random], Callable[[], None]]
    inside: Callable[[random.Random], None] = lambda rng: None
    killed: float = 0.3  # how often it is killed as well


def _nothing(world: World, folder: Path, rng: random.Random) -> Callable[[], None]:
    return lambda: None


def _fill(world: World, folder: Path, rng: random.Random) -> Callable[[], None]:
    """Leaves some kilobytes of the disk, until the round is over."""
    ballast = world.disk / "ballast"
    if not os.path.ismount(world.disk):
        return lambda: None
    room = shutil.disk_usage(world.disk).free - 1024 * rng.choice([0, 1, 8, 64, 256])
    with contextlib.suppress(OSError), open(ballast, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(room, 1))
    return lambda: ballast.unlink(missing_ok=True)


def _limit_files(rng: random.Random) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    size = 1024 * rng.choice([8, 32, 128])
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _limit_handles(rng: random.Random) -> None:
    most = rng.randint(8, 48)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _limit_memory(rng: random.Random) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + rng.randint(1, 400) * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _jump(rng: random.Random) -> None:
    """The clock is hours or years from where it was."""
    real, shift = time.time, rng.choice([-1, 1]) * rng.choice([3600.0, 86400.0, 3e8])
    time.time = lambda: real() + shift


def _damage(world: World, folder: Path, rng: random.Random) -> Callable[[], None]:
    """Flips a bit of a block of answers, or of a shard until the round is over."""
    blocks = sorted(folder.glob("blocks/*.parquet"))
    shards = sorted((world.safe / "shards").glob("train*.tfrecord"))
    if folder.name == "train":
        file = rng.choice(shards)
        whole = file.read_bytes()
        _flip(file, rng)
        return lambda: file.write_bytes(whole)
    if blocks:
        _flip(rng.choice(blocks), rng)
    return lambda: None


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def _half_line(world: World, folder: Path, rng: random.Random) -> Callable[[], None]:
    """What a power cut leaves: half a line, or a temporary file."""
    for name in ("log.jsonl", "reviews.jsonl"):
        if (folder / name).is_file():
            line = (folder / name).read_bytes().splitlines()[-1:] or [b'{"a": 1}']
            with open(folder / name, "ab") as file:
                file.write(line[0][: rng.randint(1, max(1, len(line[0]) - 30))])
    if folder.is_dir():
        (folder / ".tmp-0123abcd-x").write_bytes(b"half")
    return lambda: None


MISHAPS = {
    "none": Mishap(_nothing, killed=0),
    "killed": Mishap(_nothing, killed=1),
    "disk full": Mishap(_fill),
    "files of some KB": Mishap(_nothing, _limit_files),
    "few handles": Mishap(_nothing, _limit_handles),
    "little memory": Mishap(_nothing, _limit_memory),
    "clock": Mishap(_nothing, _jump),
    "damage": Mishap(_damage),
    "half a line": Mishap(_half_line),
}


# Rounds


def _fork(call: Callable[[], int], said: Path | None = None) -> int:
    """Calls a function in a child process, in whose own group it is; returns the process's id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if said is not None:
            os.setpgid(0, 0)
            handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            for stream in (1, 2):
                os.dup2(handle, stream)
        status = call()
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 2
    except BaseException:  # noqa: BLE001 told by its traceback
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def run(call: Callable[[], int], said: Path, seconds: float) -> Ending:
    """Runs a function in a process that is killed after some seconds."""
    child, until = _fork(call, said), time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended or time.monotonic() > until:
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        status = os.waitpid(child, 0)[1]
    text = said.read_text(encoding="utf-8", errors="replace")
    return Ending(os.waitstatus_to_exitcode(status), text)


class Soak:
    """A world, what has happened in it, and what was found wrong.

    Args:
        world: made by `made`.
        seed: of all that is drawn.
    """

    def __init__(self, world: World, seed: int):
        self.world, self.rng = world, random.Random(seed)
        self.endings: collections.Counter[tuple[str, str]] = collections.Counter()
        self.finished: collections.Counter[str] = collections.Counter()
        self.tracebacks: collections.Counter[tuple[str, str, str]] = collections.Counter()
        self.wrong: list[str] = []
        self.turns = collections.Counter()
        self.number = itertools.count()
        self.clock = 1_700_000_000.0
        self.camera = 0

    def undisturbed(self, name: str) -> None:
        """Lets one of them run in a folder of its own, and wait for its end."""
        folder = self.world.safe / "plain" / name
        rng = _Always("--once")
        ending = run(ACTORS[name](self.world, folder, rng), self.world.safe / "said", 600)
        if ending.status:
            raise SystemExit(f"{name}, undisturbed, ended with {ending.status}:\n{ending.said}")

    def round(self) -> None:
        """One process and one mishap."""
        rng, world = self.rng, self.world
        name = rng.choices(list(OFTEN), OFTEN.values())[0]
        mishap = rng.choice(list(MISHAPS))
        if name == "watch":
            self._take_pictures()
        outside, inside, killed = MISHAPS[mishap]
        folder = self._folder(name)
        undo = outside(world, folder, rng)
        call, own = ACTORS[name](world, folder, rng), random.Random(rng.getrandbits(32))

        def inner() -> int:
            inside(own)
            return call()

        seconds = rng.uniform(0.05, 6) if rng.random() < killed else LONGEST
        if name == "watch":  # which mostly never ends by itself
            seconds = min(seconds, 4.0)
        ending = run(inner, world.safe / "said", seconds)
        undo()
        self.endings[mishap, ending.kind] += 1
        if "Traceback" in ending.said:
            last = ending.said.strip().splitlines()[-1][:160]
            self.tracebacks[mishap, name, last] += 1
        if mishap == "none" and ending.kind not in ("finished", "killed"):
            self.wrong.append(f"{name} ended {ending.kind} without a mishap: {ending.said[-600:]}")
        if ending.status == 0 and name in SAME:
            self._compare(name)

    def finish(self) -> None:
        """Everything goes on undisturbed to its end; then all must hold."""
        self._take_pictures()
        for name in ("watch", "predict", "train"):
            call = ACTORS[name](self.world, self._folder(name), _Always("--once"))
            ending = run(call, self.world.safe / "said", 600)
            if ending.status:
                self.wrong.append(f"{name} cannot go on: {ending.status} {ending.said[-1500:]}")
            elif name in SAME:
                self._compare(name)
        self.undisturbed("watch")
        self.wrong += watch_holds(self.world, self.rng)
        self.wrong += review_holds(self.world, self.endings)
        for folder in sorted(self.world.disk.glob("*/*")):
            if any((folder / name).exists() for name in ("job.json", "config.json")):
                self._verify(folder)

    def _verify(self, folder: Path) -> None:
        from camtrap_tf import cli

        ending = run(lambda: cli.main(["verify", str(folder)]), self.world.safe / "said", 120)
        if ending.status:
            self.wrong.append(f"verify of {folder.name}: {ending.said[-600:]}")

    def _folder(self, name: str) -> Path:
        turn = self.turns[name] if name in SAME else 0
        return self.world.out(name, turn)

    def _compare(self, name: str) -> None:
        """What has been finished is what is made undisturbed; the next begins anew."""
        folder, plain = self._folder(name), self.world.safe / "plain" / name
        differ = [file for file in SAME[name] if _told(folder / file) != _told(plain / file)]
        self.wrong += [f"{name}: {file} is not as it is undisturbed" for file in differ]
        self._verify(folder)
        self.finished[name] += 1
        if not differ:
            shutil.rmtree(folder)
            self.turns[name] += 1

    def _take_pictures(self) -> None:
        """Some events come to the card; now and then from another camera, whose clock is off."""
        rng = self.rng
        for _ in range(rng.randint(1, 3)):
            if rng.random() < 0.2:
                self.camera += 1
                self.clock += rng.choice([-3e8, -86400.0, 86400.0, 3e7])
            self.clock += rng.uniform(60, 900)
            for frame in range(rng.randint(1, EVENT)):
                number = next(self.number)
                name = f"cam{self.camera}/IMG_{number % 10_000:04}.JPG"
                save(self.world.card / name, rng, self.clock + frame, rng.random() < 0.1)
                if rng.random() < 0.2:
                    moment = time.time() + rng.choice([-1, 1]) * rng.choice([10, 1e5, 1e8])
                    os.utime(self.world.card / name, (moment, moment))


class _Always(random.Random):
    """Draws that take the first of what is offered: `--once`."""

    def choice(self, options):
        return options[0]


# Of what is compared once it is finished: its files, and columns of tables that tell durations.
SAME = {
    "predict": ("predictions.parquet", "predictions.csv", "clock_problems.csv"),
    "train": ("log.csv", "predictions-val.parquet"),
}
_DURATIONS = ("seconds", "images_per_second")


def _told(file: Path) -> object:
    if not file.is_file():
        return None
    if file.suffix != ".csv":
        return file.read_bytes()
    with open(file, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [{k: v for k, v in row.items() if k not in _DURATIONS} for row in rows]


# What must hold


def watch_holds(world: World, rng: random.Random) -> list[str]:
    """What is wrong with the decisions and the outbox."""
    from export.edge import journal

    wrong, found = [], {}
    for name, folder in (
        ("disturbed", world.out("watch")),
        ("plain", world.safe / "plain/watch"),
    ):
        entries = list(journal.read(folder / "log.jsonl"))
        frames = [path for entry in entries for path in entry["frames"]]
        card = [path.relative_to(world.card).as_posix() for path in world.card.rglob("*.JPG")]
        if sorted(frames) != sorted(card):
            lost, twice = set(card) - set(frames), len(frames) - len(set(frames))
            wrong.append(f"watch, {name}: {len(lost)} pictures lost, {twice} twice")
        sent = sorted(entry["outbox"] for entry in entries if entry["sent"])
        there = sorted(one.name for one in (folder / "outbox").glob("[!.]*"))
        if sent != there:
            wrong.append(f"watch, {name}: {len(sent)} sent, {len(there)} in the outbox")
        volatile = ("day", "model_version")
        found[name] = {
            entry["event"]: {k: v for k, v in entry.items() if k not in volatile}
            for entry in entries
        }
    differ = [e for e in found["plain"] if found["plain"][e] != found["disturbed"].get(e)]
    if differ:
        event = differ[0]
        both = found["plain"][event], found["disturbed"].get(event)
        wrong.append(f"watch: {len(differ)} decisions differ, such as {both}")
    return wrong


def review_holds(world: World, endings: collections.Counter) -> list[str]:
    """What is wrong with the journal."""
    from camtrap_tf.reviewing import journal

    path, wrong = world.out("review") / "reviews.jsonl", []
    if not path.is_file():
        return wrong
    lines = journal.Journal(path).lines()
    ids = [line["id"] for line in lines]
    told = [one for line in _notes(world) if (one := _parsed(line))]
    lost = {one["id"] for one in told} - set(ids)
    if lost:
        wrong.append(f"review: {len(lost)} answers lost of {len(told)} that were told to be saved")
    if len(ids) != len(set(ids)):
        wrong.append(f"review: {len(ids) - len(set(ids))} answers are there twice")
    more, interrupted = len(set(ids) - {one["id"] for one in told}), sum(endings.values())
    if more > 2 * interrupted:
        wrong.append(f"review: {more} answers that nobody gave")
    counted = {(one.reviewer, one.event_id): one.id for one in journal.read(path)}
    if counted != _standing(lines):
        wrong.append("review: what counts is not what was said last")
    return wrong


def _notes(world: World) -> list[bytes]:
    file = world.safe / "told.jsonl"
    return file.read_bytes().splitlines() if file.is_file() else []


def _parsed(line: bytes) -> dict | None:
    """A note; None where its process ended amid it."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _standing(lines: list[dict]) -> dict[tuple[str, str], str]:
    """By reviewer and event the answer that was said last and not taken back."""
    undone = {line["undoes"] for line in lines if line["act"] == "undo"}
    answers = [one for one in lines if one["act"] == "answer" and one["id"] not in undone]
    return {(one["reviewer"], one["event_id"]): one["id"] for one in answers}


# The world


def save(path: Path, rng: random.Random, taken: float, damaged: bool = False) -> None:
    """A picture of 80 x 60 pixels with a red or blue animal, or none."""
    base = np.full((60, 80, 3), 95, np.uint8)
    base += np.random.default_rng(rng.getrandbits(32)).integers(0, 20, base.shape, np.uint8)
    base[15:45, 20:60] = rng.choice([(230, 90, 90), (90, 90, 230), (100, 100, 100)])
    exif = Image.Exif()
    exif[0x0132] = time.strftime("%Y:%m:%d %H:%M:%S", time.gmtime(taken))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(base).save(path, "JPEG", quality=95, exif=exif)
    if damaged:
        path.write_bytes(path.read_bytes()[: rng.randint(0, path.stat().st_size)])


def made(world: World, seed: int) -> None:
    """Pictures, shards and a bundle; and some entries of a card that are no pictures."""
    rng = random.Random(seed)
    for number in range(PICTURES):
        name = f"cam{number // 48}/IMG_{number:04}.JPG"
        taken = 1_700_000_000 + number // EVENT * 600 + number % EVENT
        save(world.safe / "season" / name, rng, taken, rng.random() < 0.05)
    conftest.write_tiny_shards(world.safe / "shards", 40)
    (world.card / "cam0").mkdir(parents=True)
    os.mkfifo(world.card / "cam0" / "pipe.jpg")
    (world.card / "cam0" / "itself.jpg").symlink_to("itself.jpg")
    (world.safe / "plain").mkdir()
    status = run(lambda: _bundle(world), world.safe / "said", 300)
    if status.status:
        raise SystemExit(f"no bundle: {status.said}")


def _bundle(world: World) -> int:
    conftest.write_colour_bundle(world.safe / "bundle")
    return 0


@contextlib.contextmanager
def placed(folder: Path | None) -> Iterator[World]:
    """A world in a folder, its disk a tmpfs where that may be mounted."""
    with contextlib.ExitStack() as stack:
        root = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        world = World(root / "disk", root / "safe")
        world.disk.mkdir(parents=True)
        world.safe.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(world.disk)]
        mounted = (
            os.geteuid() == 0 and not subprocess.run(mount, stderr=subprocess.DEVNULL).returncode
        )
        if mounted:
            stack.callback(subprocess.run, ["umount", "-l", str(world.disk)], check=False)
        else:
            MISHAPS["disk full"] = Mishap(_nothing, _limit_files)
        yield world


def table(soak: Soak) -> str:
    """The counts, as a table of docs/results."""
    kinds = ("finished", "in words", "killed", "otherwise")
    lines = ["| mishap | rounds | finished | ended in words | killed | otherwise | traceback |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in MISHAPS:
        cells = [soak.endings[name, kind] for kind in kinds]
        traces = sum(n for (mishap, *_), n in soak.tracebacks.items() if mishap == name)
        lines.append(f"| {name} | {sum(cells)} | " + " | ".join(map(str, (*cells, traces))) + " |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="new; a temporary one where it is not given")
    flags = parser.parse_args()
    from camtrap_tf.core import startup

    startup.set_defaults()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with startup.native_silence():  # imported once, and not used in this process
        for name in PRELOADED:
            importlib.import_module(name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # unmounts its disk
    with placed(flags.folder) as world:
        made(world, flags.seed)
        soak, until = Soak(world, flags.seed), time.monotonic() + 60 * flags.minutes
        for name in ("predict", "train"):
            soak.undisturbed(name)
        while time.monotonic() < until:
            soak.round()
        soak.finish()
        report(soak)
    return int(bool(soak.wrong))


def report(soak: Soak) -> None:
    world = soak.world
    print(table(soak))
    answers = len(_notes(world))
    pictures = sum(1 for _ in world.card.rglob("*.JPG"))
    done = ", ".join(f"{number} {name}" for name, number in soak.finished.items())
    print(
        f"\n{pictures} pictures on the card, {answers} answers told to be saved, finished: {done}"
    )
    for (mishap, name, last), number in soak.tracebacks.most_common():
        print(f"traceback, {number} times ({mishap}, {name}): {last}")
    print(*(f"WRONG: {one}" for one in soak.wrong), sep="\n")
    print("all holds" if not soak.wrong else f"{len(soak.wrong)} things are wrong")


if __name__ == "__main__":
    sys.exit(main())
