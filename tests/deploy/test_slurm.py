"""`deploy/train.sbatch` on a real SLURM: two tasks that are asked to go are started again."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests import slurm
from tests.conftest import ROOT

# Stands for `camtrap`: says who it is, works until it is asked to go, and is done in its third run.
STAND_IN = """
import json, os, pathlib, signal, sys, time
sys.path.insert(0, {root!r})
from camtrap_tf.core import preemption, slurm
slurm.set_tf_config(os.environ)
here, restarts = pathlib.Path({folder!r}), int(os.environ.get("SLURM_RESTART_COUNT", 0))
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(preemption.REQUEUE))
(here / f"{{restarts}}-{{index}}").write_text(" ".join(sys.argv[1:]))
time.sleep(0 if restarts == 2 else 300)
"""


@pytest.fixture
def environment(tmp_path):
    """SLURM, whose jobs find `camtrap` in tmp_path/bin."""
    why_not = slurm.why_not()
    if why_not:
        pytest.skip(why_not)
    (tmp_path / "bin").mkdir()
    # Of sockets in `tmp_path`, the names would be longer than the 107 bytes that they may have.
    with (
        tempfile.TemporaryDirectory(prefix="slurm-") as folder,
        slurm.running(Path(folder)) as found,
    ):
        yield found | {"PATH": f"{tmp_path / 'bin'}:{found['PATH']}"}


def put(program, first: str, rest: str) -> None:
    """Writes a program that can be called."""
    program.write_text(f"#!{first}\n{rest}\n")
    program.chmod(0o755)


class Job:
    """A job of `deploy/train.sbatch` with two tasks."""

    def __init__(self, environment, log, *arguments):
        self.environment, self.log = environment, log
        given = ("--ntasks=2", "--cpus-per-task=1", "--time=30", f"--output={log}")
        script = str(ROOT / "deploy" / "train.sbatch")
        self.id = slurm.tell(environment, "sbatch", "--parsable", *given, script, *arguments)
        assert self.id

    def state(self) -> str:
        return slurm.tell(self.environment, "scontrol", "show", "job", self.id)

    def call(self, *command: str) -> None:
        """Runs a command of SLURM on the job."""
        subprocess.run([*command, self.id], env=self.environment, check=True)

    def wait(self, holds, seconds: float = 250) -> None:
        end = time.monotonic() + seconds
        while not holds():
            said = self.log.read_text()[-4000:] if self.log.exists() else "no log"
            assert time.monotonic() < end, f"{said}\n{self.state()}"
            assert "JobState=FAILED" not in self.state(), said
            time.sleep(0.1)


def ask_twice(job: Job, first, second) -> None:
    """Asks a job to go as each of two conditions holds, in two ways; then it ends."""
    job.wait(first)
    job.call("scancel", "--signal=TERM", "--batch")  # as before its time limit
    job.wait(lambda: "Restarts=1" in job.state())
    job.wait(second)
    job.call("scontrol", "requeue")  # as where it is preempted
    job.wait(lambda: "JobState=COMPLETED" in job.state())
    assert "Restarts=2" in job.state()


@pytest.mark.slow
def test_a_job_that_is_asked_to_go_is_requeued(environment, tmp_path):
    text = STAND_IN.format(root=str(ROOT), folder=str(tmp_path))
    put(tmp_path / "bin" / "camtrap", sys.executable, text)
    (tmp_path / "run").mkdir()
    lock = tmp_path / "run" / ".camtrap-lock"
    job = Job(environment, tmp_path / "job.log", "--shards=s", f"--run={tmp_path / 'run'}")

    def began(restarts: int):
        return lambda: all((tmp_path / f"{restarts}-{index}").exists() for index in range(2))

    job.wait(began(0))
    lock.write_text("of a machine that went away")
    ask_twice(job, began(0), began(1))
    assert not lock.exists()
    words = f"train --shards=s --run={tmp_path / 'run'} --set=train.strategy=multi_worker"
    assert [(tmp_path / f"2-{index}").read_text() for index in range(2)] == [words] * 2
