"""Plants the faults of `tests/faults.py`, one at a time, and tells which of them no test notices.

    python -m tests.mutants                    # all that were not tried with this code and tests
    python -m tests.mutants --only=planning    # those whose file, line or change match a pattern
    python -m tests.mutants --again            # anew, whatever was tried before
    python -m tests.mutants --minutes=3        # in pieces: begins none after that
    python -m tests.mutants --list             # the table; nothing is run

Faults are planted in a temporary copy of the tree, never in the checkout. The tests that are to
notice one run in a process forked from a server that has imported TensorFlow but nothing of ours,
which saves its five seconds each time. Each selection of tests runs once without a fault, too,
where it has to pass. What came of a fault is kept in `.mutants/results.json` until its row, its
file or its tests change. Ends with status 1 where a fault survives, 2 where a row of the table fits
its file no longer.
"""

import argparse
import compileall
import contextlib
import hashlib
import importlib
import json
import os
import py_compile
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.faults import FAULTS, Fault

ROOT = Path(__file__).parents[1]
PACKAGES = ("camtrap_tf", "data_prep", "export", "experiments")
PRELOADED = (
    "tensorflow",
    "keras",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn",
    "PIL.Image",
)
PYTEST = ("-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", "--tb=line")
LEAST, TIMES = 60.0, 10.0  # seconds, and times as long as without a fault, until tests hang
PASSED, FAILED, HANGS = 0, 1, -signal.SIGKILL


class Result(NamedTuple):
    """What the tests said: their status, seconds, and the line that tells the first failure."""

    status: int
    seconds: float
    said: str = ""

    @property
    def caught(self) -> bool:
        return self.status in (FAILED, HANGS)


def main(arguments: Sequence[str] | None = None) -> int:
    flags = _parsed(arguments)
    if flags.serve:
        return _serve(flags.serve)
    problems = [problem for fault in FAULTS if (problem := mismatch(fault, ROOT))]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 2
    wanted = [one for one in FAULTS if not flags.only or re.search(flags.only, shown(one))]
    if flags.list:
        print("\n".join(map(shown, wanted)))
        return 0
    kept = _Kept(flags.results)
    todo = [one for one in wanted if not one.equivalent and (flags.again or kept.of(one) is None)]
    with contextlib.ExitStack() as stack:
        tree = stack.enter_context(copied(ROOT)) if todo else ROOT
        tests = stack.enter_context(Tests(tree)) if todo else None
        until = time.monotonic() + 60 * flags.minutes
        for fault in sorted(todo, key=lambda one: one.tests):
            if time.monotonic() > until:
                break
            result = tried(fault, tree, tests)
            kept.add(fault, result)
            print(f"{'caught' if result.caught else 'SURVIVES':8}", f"{result.seconds:5.1f} s ",
                  shown(fault), result.said, flush=True)  # fmt: skip
    return summary(wanted, {one: kept.of(one) for one in wanted})


def summary(faults: Iterable[Fault], results: dict[Fault, Result | None]) -> int:
    """Prints what came of faults; 1 where one survives or was not tried, else 0."""
    counted = [one for one in faults if not one.equivalent]
    caught = [one for one in counted if (result := results[one]) and result.caught]
    survive = [one for one in counted if (result := results[one]) and not result.caught]
    print(f"\n{len(caught)} of {len(counted)} faults are caught", end="")
    print(f" ({len(caught) / len(counted):.1%})" if counted else "")
    print(f"{len(counted) - len(caught) - len(survive)} were not tried")
    for fault in survive:
        print("SURVIVES", shown(fault))
    for fault in faults:
        if fault.equivalent:
            print("equivalent", shown(fault), f"({fault.equivalent})")
    return int(len(caught) < len(counted))


def shown(fault: Fault) -> str:
    """A fault on one line."""
    before, after = (" ".join(text.split()) for text in (fault.line, fault.change))
    return f"{fault.file}: {before}  ->  {after or '(nothing)'}"


def mismatch(fault: Fault, root: Path) -> str:
    """Why a row of the table cannot be planted; '' where it can."""
    file = root / fault.file
    content = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = content.count(fault.line)
    if found != 1:
        return f"its line occurs {found} times, not once: {shown(fault)}"
    absent = [one for one in _paths(fault.tests) if not (root / one).is_file()]
    if absent:
        return f"no such tests {absent}: {shown(fault)}"
    try:
        compile(content.replace(fault.line, fault.change), fault.file, "exec")
    except SyntaxError as error:
        return f"it is no Python ({error}): {shown(fault)}"
    return ""


@contextlib.contextmanager
def copied(root: Path) -> Iterator[Path]:
    """A temporary copy of the tree; compiled so that each module is compared to its source."""
    names = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(["git", *names], cwd=root, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        tree = Path(place) / "tree"
        for name in filter(None, listed.decode().split("\0")):
            if (root / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, tree / name)
        checked = py_compile.PycInvalidationMode.CHECKED_HASH
        for package in (*PACKAGES, "tests"):
            compileall.compile_dir(tree / package, quiet=2, invalidation_mode=checked)
        yield tree


def tried(fault: Fault, tree: Path, tests: "Tests") -> Result:
    """What the tests say of a fault, planted for as long as they run."""
    usual = tests.without_fault(fault.tests)
    file = tree / fault.file
    content = file.read_text(encoding="utf-8")
    file.write_text(content.replace(fault.line, fault.change), encoding="utf-8")
    try:
        result = tests.run(fault.tests, LEAST + TIMES * usual)
    finally:
        file.write_text(content, encoding="utf-8")
    if result.status not in (PASSED, FAILED, HANGS):
        raise SystemExit(f"pytest ended with {result.status} on {shown(fault)}\n{result.said}")
    return result


class Tests:
    """Runs tests of a tree, each time in a process that has imported nothing of it before."""

    def __init__(self, tree: Path, preload: Sequence[str] = PRELOADED):
        shared = os.environ.get("CAMTRAP_TEST_DATA", ROOT.parent / "shared" / "data")
        own = {"PYTHONPATH": str(tree), "CAMTRAP_TEST_DATA": str(shared)}
        self.server = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.mutants", f"--serve={','.join(preload)}"],
            cwd=tree, env=os.environ | own, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.usual: dict[str, float] = {}

    def run(self, tests: str, limit: float) -> Result:
        """What tests (arguments of pytest) say, within some seconds."""
        assert self.server.stdin and self.server.stdout
        print(json.dumps([tests, limit]), file=self.server.stdin, flush=True)
        return Result(*json.loads(self.server.stdout.readline()))

    def without_fault(self, tests: str) -> float:
        """Seconds that tests take where no fault is planted."""
        if tests not in self.usual:
            result = self.run(tests, 10 * LEAST)
            if result.status != PASSED:
                raise SystemExit(f"{tests} does not pass without a fault: {result}")
            self.usual[tests] = result.seconds
        return self.usual[tests]

    def __enter__(self) -> "Tests":
        return self

    def __exit__(self, *_) -> None:
        self.server.__exit__(None, None, None)  # closes its pipes, which ends it, and waits


def _serve(preload: str) -> int:
    """Runs the tests that it reads, a line each, and answers with their results."""
    from camtrap_tf.core import startup

    startup.set_defaults()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    with startup.native_silence():
        for name in preload.split(","):
            importlib.import_module(name)
    for name in [one for one in sys.modules if one.partition(".")[0] in (*PACKAGES, "tests")]:
        del sys.modules[name]
    for line in sys.stdin:
        print(json.dumps(_forked(*json.loads(line))), flush=True)
    return 0


def _forked(tests: str, limit: float) -> Result:
    start = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        child = os.fork()
        if not child:
            _run_here(tests, said.fileno())
        status = _ended(child, start + limit)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what it has started
        said.seek(0)
        lines = said.read().splitlines()
    telling = [one for one in lines if one.startswith(("FAILED", "ERROR"))] or lines[-15:]
    seconds = round(time.monotonic() - start, 1)
    return Result(status, seconds, " ".join(telling)[:300] if status else "")


def _run_here(tests: str, said: int) -> None:
    """Runs tests in this process, which ends then."""
    status = 99
    try:
        os.setpgid(0, 0)
        for stream in (1, 2):
            os.dup2(said, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        import pytest

        status = int(pytest.main([*PYTEST, *shlex.split(tests)]))
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 this process is not the one to go on with it
        traceback.print_exc()
    finally:
        os._exit(status)


def _ended(child: int, until: float) -> int:
    """The status of a child process, which is killed where it takes too long."""
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class _Kept:
    """Results of before, by what they depend on."""

    def __init__(self, folder: Path):
        self.path = folder / "results.json"
        self.found = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def of(self, fault: Fault) -> Result | None:
        found = self.found.get(_key(fault))
        return Result(*found) if found else None

    def add(self, fault: Fault, result: Result) -> None:
        self.path.parent.mkdir(exist_ok=True)
        self.found[_key(fault)] = result
        scratch = self.path.with_suffix(".tmp")
        scratch.write_text(json.dumps(self.found, indent=1))
        scratch.replace(self.path)


def _key(fault: Fault) -> str:
    parts = [fault.line, fault.change, fault.tests]
    parts += [
        (ROOT / one).read_text(encoding="utf-8") for one in (fault.file, *_paths(fault.tests))
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _paths(tests: str) -> list[str]:
    """The files among arguments of pytest."""
    return [one.partition("::")[0] for one in shlex.split(tests) if one.startswith("tests/")]


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="regular expression")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--results", type=Path, default=ROOT / ".mutants")
    parser.add_argument("--serve", default="", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
