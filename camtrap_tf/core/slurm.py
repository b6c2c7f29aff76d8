"""Who works with whom in a job of SLURM, as TensorFlow's TF_CONFIG says it.

TensorFlow's own resolver sorts names of machines as text, n10 before n2, so that workers are
numbered otherwise than SLURM numbers them, and it asks nvidia-smi even where there is no GPU.
"""

import itertools
import json
import re
import subprocess
from collections.abc import Mapping, MutableMapping
from typing import Any

from camtrap_tf.core.errors import InputError

# Ports below those that outgoing connections are given. Jobs are numbered one after the other: each
# has a block of its own, for the tasks on one machine.
_FIRST, _LAST, _BLOCK = 20_000, 32_000, 16


def set_tf_config(environment: MutableMapping[str, str]) -> None:
    """Sets TF_CONFIG where several tasks of a SLURM job step train and nobody has set it.

    Args:
        environment: `os.environ`.

    Raises:
        InputError: the command was not started by `srun`, or the names of the machines are unknown.
    """
    if "TF_CONFIG" not in environment and int(environment.get("SLURM_NTASKS") or 1) > 1:
        environment["TF_CONFIG"] = json.dumps(tf_config(environment))


def tf_config(environment: Mapping[str, str]) -> dict[str, Any]:
    """TF_CONFIG of one task of a job step.

    Workers are numbered machine by machine, in SLURM's order of machines, however SLURM has dealt
    out its own numbers of tasks (`srun --distribution`).

    Args:
        environment: what SLURM gives the task.

    Returns:
        The addresses of all workers, and the number of this one.

    Raises:
        InputError: see `set_tf_config`.
    """
    if "SLURM_STEP_ID" not in environment:
        raise InputError(
            "each of several workers is started by srun",
            f"a job of {environment['SLURM_NTASKS']} tasks, and no job step",
            "Write `srun camtrap train ...` in the batch script, or set TF_CONFIG.",
        )
    machines = hostnames(environment.get("SLURM_STEP_NODELIST") or environment["SLURM_NODELIST"])
    tasks = tasks_per_node(
        environment.get("SLURM_STEP_TASKS_PER_NODE") or environment["SLURM_TASKS_PER_NODE"]
    )
    port = first_port(int(environment["SLURM_JOB_ID"]), int(environment["SLURM_STEP_ID"]))
    workers = [
        f"{machine}:{port + number}"
        for machine, count in zip(machines, tasks, strict=True)
        for number in range(count)
    ]
    before = sum(tasks[: int(environment["SLURM_NODEID"])])
    index = before + int(environment["SLURM_LOCALID"])
    return {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}


def hostnames(nodes: str) -> list[str]:
    """Names of machines, in SLURM's order.

    Args:
        nodes: SLURM's list, such as 'n[2,10]'.

    Raises:
        InputError: `scontrol`, which knows how to read it, is absent or does not.
    """
    call = ["scontrol", "show", "hostnames", nodes]
    try:
        return subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError) as error:
        raise InputError(
            "scontrol tells the names of a SLURM job's machines",
            f"{nodes}: {getattr(error, 'stderr', None) or error}".strip(),
            "Put scontrol on the PATH of the tasks, or set TF_CONFIG.",
        ) from error


def tasks_per_node(text: str) -> list[int]:
    """How many tasks each machine has.

    >>> tasks_per_node("2(x3),1")
    [2, 2, 2, 1]
    """
    parts = re.findall(r"(\d+)(?:\(x(\d+)\))?", text)
    return list(itertools.chain(*([int(count)] * int(times or 1) for count, times in parts)))


def first_port(job: int, step: int = 0) -> int:
    """The port of the first task on each machine; the others' follow it.

    All tasks find the same one without asking each other. Jobs with numbers near one another, which
    may share a machine, have other ports.

    >>> first_port(1), first_port(2), first_port(751)
    (20016, 20032, 20016)
    """
    return _FIRST + (job + step) * _BLOCK % (_LAST - _FIRST)
