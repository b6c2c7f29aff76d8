"""TF_CONFIG of SLURM's variables, with a stand-in for scontrol."""

import json

import pytest

from camtrap_tf.core import slurm
from camtrap_tf.core.errors import InputError

TWO_MACHINES = {
    "SLURM_JOB_ID": "1234",
    "SLURM_STEP_ID": "0",
    "SLURM_NTASKS": "3",
    "SLURM_NODELIST": "n[2,10]",
    "SLURM_STEP_NODELIST": "n[2,10]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_NODEID": "0",
    "SLURM_LOCALID": "1",
    "SLURM_PROCID": "2",  # --distribution=cyclic: 0 on n2, 1 on n10, 2 on n2
}
WORKERS = ["n2:27744", "n2:27745", "n10:27744"]  # 20000 + 1234 * 16 % 12000


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """A scontrol that knows one list of machines."""
    program = tmp_path / "scontrol"
    program.write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames n[2,10]" ] && printf "n2\\nn10\\n" && exit\n'
        'echo "Invalid hostlist: $3" >&2; exit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")


@pytest.mark.parametrize(("node", "local", "index"), [("0", "0", 0), ("0", "1", 1), ("1", "0", 2)])
def test_workers_stand_in_slurms_order_of_machines(node, local, index, scontrol):
    environment = TWO_MACHINES | {"SLURM_NODEID": node, "SLURM_LOCALID": local}
    slurm.set_tf_config(environment)
    assert json.loads(environment["TF_CONFIG"]) == {
        "cluster": {"worker": WORKERS},
        "task": {"type": "worker", "index": index},
    }


@pytest.mark.parametrize(
    "environment",
    [{}, {"SLURM_NTASKS": "1"}, {"SLURM_NTASKS": ""}, {"SLURM_NTASKS": "2", "TF_CONFIG": "{}"}],
)
def test_others_are_left_alone(environment):
    before = dict(environment)
    slurm.set_tf_config(environment)
    assert environment == before


def test_what_is_missing_is_named(scontrol, monkeypatch):
    with pytest.raises(InputError, match="Write `srun camtrap train"):
        slurm.set_tf_config({"SLURM_NTASKS": "2"})
    with pytest.raises(InputError, match="Invalid hostlist: n\\["):
        slurm.hostnames("n[")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="Put scontrol on the PATH"):
        slurm.hostnames("n[2,10]")


def test_jobs_side_by_side_have_other_ports():
    blocks = [range(start, start + 16) for start in map(slurm.first_port, range(5000, 5100))]
    ports = [port for block in blocks for port in block]
    assert len(set(ports)) == len(ports)
    assert min(ports) >= 20_000
    assert max(ports) < 32_000
