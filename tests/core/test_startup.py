"""How TensorFlow is started."""

import os
import subprocess
import sys

import pytest

from camtrap_tf.core import startup


def test_what_stands_in_the_environment_holds(monkeypatch):
    for name in startup.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TF_CPU_ALLOCATOR_USE_BFC", "0")
    startup.set_defaults()
    found = {name: os.environ[name] for name in startup.SETTINGS}
    assert found == startup.SETTINGS | {"TF_CPU_ALLOCATOR_USE_BFC": "0"}


@pytest.mark.slow
def test_tensorflow_keeps_the_memory_of_tensors():
    told = {"TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "bfc_allocator=1"}
    program = (
        "from camtrap_tf.core import startup; startup.set_defaults()\n"
        "import tensorflow as tf; tf.zeros((1000, 1000)).numpy()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | told,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bfc_cpu_allocator" in done.stderr
