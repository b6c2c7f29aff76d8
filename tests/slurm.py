"""A SLURM of this computer's own, for a test: one machine of two processors, without systemd.

    apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge

Its daemons are children of the test and leave with it; all their files lie in one folder. They need
root.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

DAEMONS = ("munged", "slurmctld", "slurmd")
PROGRAMS = (*DAEMONS, "sbatch", "scontrol", "sinfo")
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
# A job that is requeued waits for its credentials to expire: as short as it can be. The cgroups of
# this computer are left alone.
CONF = """\
ClusterName=t
SlurmctldHost={host}
SlurmUser=root
AuthInfo=socket={folder}/sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/c.pid
SlurmdPidFile={folder}/d.pid
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
KillWait=30
SchedulerParameters=sched_interval=2,batch_sched_delay=1
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=500
PartitionName=p Nodes=localhost Default=YES State=UP
"""


def why_not() -> str:
    """Why there can be no SLURM here; '' if there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if absent:
        return f"no SLURM: {', '.join(absent)} are absent (apt-get: see tests/slurm.py)"
    return "" if os.geteuid() == 0 else "no SLURM: its daemons need root"


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """SLURM while the block runs; yields the environment of its commands.

    Args:
        folder: for its files; an absolute path, or its daemons hang, and a short one, or the
            names of their sockets are too long.
    """
    conf = folder / "slurm.conf"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    ports = _free_ports(2)
    conf.write_text(
        CONF.format(folder=folder, host=socket.gethostname().split(".")[0], ports=ports)
    )
    environment = {**os.environ, "SLURM_CONF": str(conf), "PATH": PATH}
    munge = [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "log", "seed")]
    with contextlib.ExitStack() as stack:

        def start(*command: str) -> None:
            stack.enter_context(_daemon(command, environment, folder))

        start(
            "munged", "-F", "--force", f"--key-file={folder}/key", f"--socket={folder}/sock", *munge
        )
        _until((folder / "sock").exists, folder)
        start("slurmctld", "-D", "-c", "-f", str(conf))
        start("slurmd", "-D", "-N", "localhost", "-f", str(conf))
        _until(lambda: tell(environment, "sinfo", "-h", "-o", "%T") == "idle", folder)
        yield environment


def tell(environment: dict[str, str], *command: str) -> str:
    """What a command of SLURM prints; '' if it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else ""


@contextlib.contextmanager
def _daemon(command: tuple[str, ...], environment: dict[str, str], folder: Path) -> Iterator[None]:
    """A daemon while the block runs; what it says is in a file of its name."""
    program = shutil.which(command[0], path=PATH)
    assert program is not None
    with open(folder / f"{command[0]}.out", "w") as out:
        process = subprocess.Popen(
            [program, *command[1:]], env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _until(holds, folder: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        said = "\n".join(path.read_text()[-2000:] for path in folder.glob("*.out"))
        assert time.monotonic() < end, f"SLURM does not start:\n{said}"
        time.sleep(0.1)
