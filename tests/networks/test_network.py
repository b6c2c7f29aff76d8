"""What is asked of a network beside its answers."""

import shutil

import keras
import pytest

from camtrap_tf.networks.network import layers_within


def test_layers_of_networks_inside_a_network_are_found():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="deep")], name="inner")
    seen = keras.Input((4,), name="seen")
    model = keras.Model(seen, keras.layers.Dense(2, name="head")(inner(seen)))
    names = [layer.name for layer in layers_within(model)]
    assert {"inner", "deep", "head"} <= set(names), "Keras no longer walks into inner models"
    assert model.name not in names


def test_a_damaged_network_of_a_run_is_told(tmp_path):
    from camtrap_tf.core.errors import DamagedFile
    from camtrap_tf.networks.run import Run
    from tests import flips

    shutil.copytree(flips.OLD / "runs" / "animal", tmp_path / "run")
    path = tmp_path / "run" / "best.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"best.keras: .*Copy the run again"):
        Run.read(tmp_path / "run").network()
