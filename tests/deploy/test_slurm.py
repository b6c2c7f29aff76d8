"""`deploy/train.sbatch` on a real SLURM: two workers that are asked to go go on, and end alike."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests import preempted, slurm
from tests.conftest import ROOT
from tests.training.test_resume import digest

# `camtrap` of this checkout, whose steps take as long as those of a real training.
SLOW_STEPS = """
import sys, time
sys.path.insert(0, {root!r})
from camtrap_tf import cli
from camtrap_tf.training.trainer import Trainer
call = Trainer._call
Trainer._call = lambda *arguments: (time.sleep(0.3), call(*arguments))[1]
sys.exit(cli.main(sys.argv[1:]))
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


def ask_twice(job: Job, first, second, left: Path) -> None:
    """Asks a job to go as each of two conditions holds, in two ways; then it ends.

    Before it starts again, a lock lies there as of a machine that went away.
    """
    job.wait(first)
    job.call("scancel", "--signal=TERM", "--batch")  # as before its time limit
    job.wait(lambda: "Restarts=1" in job.state())
    left.write_text("of a machine that went away")
    job.wait(second)
    job.call("scontrol", "requeue")  # as where it is preempted
    job.wait(lambda: "JobState=COMPLETED" in job.state())
    assert "Restarts=2" in job.state()


@pytest.mark.slow
def test_two_workers_that_are_asked_to_go_twice_end_as_if_undisturbed(
    environment, tiny_shards, tmp_path
):
    put(tmp_path / "bin" / "camtrap", sys.executable, SLOW_STEPS.format(root=str(ROOT)))
    run, log = tmp_path / "run", tmp_path / "job.log"
    given = preempted.command(tiny_shards, run)[1:]
    given.remove("--set=train.strategy=multi_worker")  # the script says it
    job = Job(environment, log, *given)

    def began(epoch: int):
        return lambda: preempted.number_kept(run) >= epoch * preempted.STEPS

    ask_twice(job, began(1), began(2), left=run / ".camtrap-lock")
    assert digest(run) == preempted.whole(tiny_shards, tmp_path)
    said = log.read_text()
    assert said.count("asked to end (SIGTERM) in epoch 2 of 3") == 2, said  # both tasks
    assert said.count("asked to end (SIGTERM) in epoch 3 of 3") == 2, said
    assert said.count("goes on when the job is started again") == 2, said
    assert "not requeued" not in said
