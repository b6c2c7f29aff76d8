"""Run with KERAS_BACKEND=jax where there is no TensorFlow: answers of a network as .npz.

python jax_forward.py CONFIG.json INPUT.npz OUTPUT.npz; INPUT holds `image` and the weights
`w0`, `w1`, ... in the order of `model.weights`.
"""

import json
import sys

import keras
import numpy as np

from camtrap_tf.core.codec import from_json
from camtrap_tf.core.config import ModelConfig
from camtrap_tf.networks import architectures


def main(config: str, source: str, target: str) -> None:
    with open(config, encoding="utf-8") as file:
        content = json.load(file)
    model = architectures.build(from_json(content["model"], ModelConfig, "model"), content["heads"])
    arrays = np.load(source)
    model.set_weights([arrays[f"w{index}"] for index in range(len(model.weights))])
    np.savez(target, **model.predict(arrays["image"], verbose=0))


if __name__ == "__main__":
    if keras.backend.backend() != "jax" or "tensorflow" in sys.modules:
        sys.exit("this is for Keras on JAX, without TensorFlow")
    main(*sys.argv[1:])
