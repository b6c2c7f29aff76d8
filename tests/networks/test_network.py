"""What is asked of a network beside its answers."""

import keras

from camtrap_tf.networks.network import layers_within


def test_layers_of_networks_inside_a_network_are_found():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="deep")], name="inner")
    seen = keras.Input((4,), name="seen")
    model = keras.Model(seen, keras.layers.Dense(2, name="head")(inner(seen)))
    names = [layer.name for layer in layers_within(model)]
    assert {"inner", "deep", "head"} <= set(names), "Keras no longer walks into inner models"
    assert model.name not in names
