"""Installs the package as its users do, without extras, and runs each verb's main job.

    python tests/plain_install.py ENVIRONMENT [--python=3.12] [--brief] [--tests]

Makes a wheel of the tracked files, installs it with the versions of constraints.txt into the
virtual environment ENVIRONMENT, goes to an empty folder, and there draws a small world and leads it
through the whole chain, each step as a command of its own. A second environment, as on a camera's
computer, has the wheel and three packages. Ends with status 1 at the first command that fails,
and shows what it printed.

--python asks for another version of Python; where there is none, that is said, and nothing is
tried. --brief is one training and one prediction; --tests runs some fast tests in the environment.
`make plain` calls this; it needs nothing but the standard library.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("camtrap_tf", "data_prep", "export", "experiments")
CAMERA = ("numpy", "pillow", "ai-edge-litert")
SECONDS = 1800  # for a command; one that waits for ever is a fault

_QUICK = "--preset=quick --set=model.crop=48 --set=train.epochs=1 --set=train.batch_size=8"
# Commands of one stage need those of earlier stages only, and run two at a time.
DRAWN = (
    ("camtrap synthesize --out=world --events=60 --empty_share=0.5",),
    ("camtrap prepare --source=dryad --metadata=world --out=events.parquet",),
    ("camtrap shard --events=events.parquet --images=world/images --out=shards --size=64",),
)
BRIEF = (
    *DRAWN,
    (f"camtrap train --shards=shards --task=one_stage --run=runs/one_stage {_QUICK}",),
    ("camtrap bundle --run=runs/one_stage --out=bundle",),
    ("camtrap predict world/images --bundle=bundle --out=answers",),
)
WHOLE = (
    *DRAWN,
    (
        f"camtrap train --shards=shards --task=empty --run=runs/empty {_QUICK}",
        f"camtrap train --shards=shards --task=animal --run=runs/animal {_QUICK}",
        "camtrap lint --events=events.parquet --images=world/images",
        "camtrap audit shards --allow=near_same_site",
    ),
    ("camtrap bundle --run=runs/empty --run=runs/animal --out=bundle",),
    (
        "camtrap export --bundle=bundle --out=export --check_on=world/images "
        "--check_pictures=20 --form=float32 --force",
        "camtrap predict world/images --bundle=bundle --out=answers",
        "camtrap evaluate --bundle=bundle --shards=shards --split=val --out=validation",
        "camtrap evaluate --bundle=bundle --shards=shards --split=test --out=evaluation",
    ),
    (
        "review",
        "camera",
        "camtrap convert answers --images=world/images --format=csv,parquet,megadetector,folders "
        "--out=tables",
        "camtrap aggregate answers/predictions.parquet --out=events --event_rule=maximum",
        "camtrap plan --validation=validation/predictions.parquet "
        "--test=evaluation/predictions.parquet",
        "camtrap report --predictions=evaluation/predictions.parquet "
        "--images=world/images --out=report.html",
    ),
)
LEFT_BRIEF = ("answers/predictions.csv",)
LEFT_WHOLE = (
    *LEFT_BRIEF,
    "answers/reviews.jsonl",
    "evaluation/metrics.json",
    "events/events.csv",
    "export/saved_model/1/saved_model.pb",
    "report.html",
    "tables/megadetector.json",
    "world/images/decisions.jsonl",
)
# What needs an extra says so; none is installed here.
REFUSED = {
    "beam": "camtrap shard --events=events.parquet --images=world/images --out=other --size=64 "
    "--engine=beam",
    "dask": "camtrap predict world/images --bundle=bundle --out=more --engine=dask",
    "remote": "camtrap prepare --source=coco --metadata=s3://bucket/project.json",
    "serving": "camtrap remote-predict world/images --server=grpc://localhost:1 --out=served.csv",
}
# Fast ones that convert and compile graphs, and what the commands are made of.
TESTS = ("test_pipeline.py", "test_inputs.py", "test_predictions.py")


class Failed(Exception):
    """A command that did not do what it should; the text says which and shows its output."""


def main() -> int:
    """Installs and runs; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("environment", type=Path, help="folder of the virtual environment")
    parser.add_argument("--python", help="version, such as 3.12 (default: this one)")
    parser.add_argument("--brief", action="store_true", help="one training, one prediction")
    parser.add_argument("--tests", action="store_true", help="run some fast tests, too")
    options = parser.parse_args()
    python = find_python(options.python) if options.python else sys.executable
    if python is None:
        print(f"plain install: no Python {options.python} here: not tried")
        return 0
    # Ctrl-C stops the page also where this was started in the background, which ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="plain-") as folder:
            environment = Environment(options.environment.absolute(), Path(folder))
            with _timed("installed"):
                environment.install(python)
            with _timed("all verbs"):
                run_chain(environment, options.brief)
            if options.tests:
                with _timed("tests"):
                    run_tests(environment)
    except Failed as error:
        print(f"plain install: {error}", file=sys.stderr)
        return 1
    print(f"plain install: everything ran with {python}, {time.monotonic() - start:.0f} s")
    return 0


@contextlib.contextmanager
def _timed(what: str) -> Iterator[None]:
    """Says how long a block took."""
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:6.1f} s  {what}", flush=True)


def find_python(version: str) -> str | None:
    """An interpreter of this version: on the path, or pyenv's; None if there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    places = [f"python{version}", *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]
    return next((place for place in places if _runs(place, version)), None)


def _runs(python: str, version: str) -> bool:
    """Whether it starts: pyenv's python3.12 is on the path also where it leads nowhere."""
    show = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        done = subprocess.run([python, "-c", show], capture_output=True, text=True)
    except OSError:
        return False
    return done.stdout.strip() == version


class Environment:
    """A virtual environment, and the empty folder in which its commands are run.

    Args:
        folder: of the environment.
        work: the empty folder.
    """

    def __init__(self, folder: Path, work: Path):
        self.folder, self.work = folder, work

    def install(self, python: str) -> None:
        """Makes the environment and installs a wheel of the tracked files, without extras."""
        self._make(python)
        for old in (self.folder / "wheel").glob("*.whl"):
            old.unlink()
        self.wheel = build_wheel(self.python, self.folder / "wheel")
        self.pip("install", "--constraint", ROOT / "constraints.txt", self.wheel)
        self.pip("install", "--no-deps", "--force-reinstall", self.wheel)

    def install_camera(self) -> "Environment":
        """A second environment, with what a camera's computer needs."""
        camera = Environment(self.folder / "camera", self.work)
        camera._make(self.python)
        camera.pip("install", "--no-deps", "--force-reinstall", self.wheel)
        camera.pip("install", "--constraint", ROOT / "constraints.txt", *CAMERA)
        return camera

    def _make(self, python: str | Path) -> None:
        if not (self.folder / "bin" / "python").exists():
            _call([python, "-m", "venv", self.folder], cwd=self.work)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def pip(self, verb: str, *arguments: str | Path) -> str:
        """Runs pip. Modules are compiled when they are first imported: most never are."""
        quiet = ["--quiet", "--disable-pip-version-check", *["--no-compile"] * (verb == "install")]
        return _call([self.python, "-m", "pip", verb, *quiet, *arguments], cwd=self.work)

    def run(self, command: str, status: int = 0) -> str:
        """Runs a command of the environment in the empty folder; returns what it printed."""
        words = shlex.split(command)
        with _timed(command):
            return _call([self.folder / "bin" / words[0], *words[1:]], self.work, status)


def _call(command: list, cwd: Path, status: int = 0) -> str:
    words = [str(word) for word in command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run(words, cwd=cwd, env=_variables(), timeout=SECONDS, **pipes)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{shlex.join(words)} did not end within {SECONDS} s") from error
    if done.returncode != status:
        raise Failed(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def _variables() -> dict[str, str]:
    """The process's variables, without those that would show Python another copy of the tree.

    Weights that this computer has are out of sight: presets would start from them.
    """
    kept = {name: v for name, v in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    return kept | {"CAMTRAP_WEIGHTS": os.path.join(tempfile.gettempdir(), "no-weights")}


def tracked(*patterns: str) -> list[str]:
    """Files that git knows below these folders, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [file for file in listed.stdout.split("\0") if (ROOT / file).is_file()]


def build_wheel(python: str | Path, out: Path, *options: str) -> Path:
    """Makes a wheel of the tracked files, as `pip wheel . --no-deps` does in a fresh clone."""
    with tempfile.TemporaryDirectory() as folder:
        for file in tracked("setup.py", "pyproject.toml", "README.md", "LICENSE", *PACKAGES):
            (Path(folder) / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, Path(folder) / file)
        pip = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", *options]
        _call([*pip, "--wheel-dir", out, "."], cwd=Path(folder))
    return next(out.glob("camtrap_tf-*.whl"))


def run_chain(environment: Environment, brief: bool) -> None:
    """Runs the verbs, and those that lack an extra; checks what they leave."""
    _check_import(environment)
    special: dict[str, Callable[[Environment], None]] = {"review": review, "camera": camera}
    for stage in BRIEF if brief else WHOLE:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(special.get(c, _runner(c)), environment) for c in stage]
            for job in jobs:
                job.result()
    for file in LEFT_BRIEF if brief else LEFT_WHOLE:
        if not (environment.work / file).is_file():
            raise Failed(f"no verb left {file}")
    for extra, command in REFUSED.items() if not brief else ():
        _check_refusal(environment, extra, command)


def _runner(command: str) -> Callable[[Environment], object]:
    return lambda environment: environment.run(command)


def _check_import(environment: Environment) -> None:
    """The package is the installed one, and says what it is."""
    shown = environment.run("python -c 'import camtrap_tf; print(camtrap_tf.__file__)'").strip()
    if not Path(shown).is_relative_to(environment.folder):
        raise Failed(f"camtrap_tf was imported from {shown}")


def _check_refusal(environment: Environment, extra: str, command: str) -> None:
    printed = environment.run(command, status=2)
    way_out = f'pip install "camtrap_tf[{extra}] @ {environment.wheel.as_uri()}"'
    if way_out not in printed:
        raise Failed(f"{command} does not say {way_out}:\n{printed}")


def review(environment: Environment) -> None:
    """Starts the page, answers one event, and stops it."""
    command = "camtrap review answers --images=world/images --port=0 --reviewer=kim"
    with _serving(environment, command) as address:
        queue = _ask(f"{address}/api/session")["queue"]
        event = _ask(f"{address}/api/events?start=0&count=1")["events"][0]["event_id"]
        answer = {"id": "a", "queue": queue, "event_id": event, "seconds": 1.0}
        _ask(f"{address}/api/answers", answer | {"verdict": "empty", "sightings": []})
    print(f"          {command}, one answer", flush=True)


@contextlib.contextmanager
def _serving(environment: Environment, command: str) -> Iterator[str]:
    """Runs a server until the block ends, then stops it as Ctrl-C does; yields its address."""
    words = shlex.split(command)
    server = subprocess.Popen(
        [environment.folder / "bin" / words[0], *words[1:]],
        cwd=environment.work,
        env=_variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    killer = threading.Timer(SECONDS, server.kill)
    killer.start()
    try:
        yield _address(server)
        server.send_signal(signal.SIGINT)
        if server.wait(60) not in (0, 130):
            raise Failed(f"{command} ended with {server.returncode}")
    finally:
        killer.cancel()
        server.kill()
        server.communicate()


def _address(server: subprocess.Popen) -> str:
    printed = ""
    for line in server.stdout or ():
        printed += line
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found:
            return found.group()
    raise Failed(f"camtrap review shows no address:\n{printed}")


def _ask(address: str, content: dict | None = None) -> dict:
    """A reply of the page as JSON; `content` is posted."""
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


def camera(environment: Environment) -> None:
    """Decides about the pictures as on a camera's computer."""
    environment.install_camera().run(
        "camtrap-edge watch world/images --model=export/tflite/float32 --keep=animal --once"
    )


def run_tests(environment: Environment) -> None:
    """Runs `TESTS` of the tree with the environment's interpreter and packages."""
    environment.pip("install", "--constraint", ROOT / "constraints.txt", "pytest", "pytest-timeout")
    files = [path for name in TESTS for path in sorted((ROOT / "tests").rglob(name))]
    pytest = [environment.python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider"]
    print(_call([*pytest, *files], cwd=ROOT).strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    sys.exit(main())
