"""How fast each network answers on processors in TensorFlow's graph and in LiteRT.

    python -m benchmarks.engines [--size=224] [--architectures=lite0,resnet18] [--calls=2]

Networks have random weights and 48 species; what is computed is what `predict` computes, from
pixels of uint8 to probabilities. `camtrap_tf.networks.engines` tries both engines in this way, in
turns, when a job begins, and takes LiteRT where it is more than a twentieth faster and its answers
differ by less than 1e-4. Told are pictures a second, their ratio and what is taken; a network is
converted anew each time. docs/results/speed.md has the table.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from camtrap_tf.core import cache
from camtrap_tf.core.config import InputSpec, ModelConfig
from camtrap_tf.core.hardware import processors
from camtrap_tf.core.labels import Task
from camtrap_tf.networks import architectures, engines
from camtrap_tf.networks.network import Network

SPECIES = tuple(f"s{number}" for number in range(48))
CHOSEN = (
    "edge", "small", "lite0", "lite1", "lite2", "alexnet", "nin", "vgg11", "googlenet", "resnet18",
    "resnet34", "resnet50", "resnet101", "resnet152", "MobileNet", "MobileNetV2",
    "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny", "DenseNet121",
    "InceptionV3", "NASNetMobile", "Xception",
)  # fmt: skip


def network_of(architecture: str, size: int, species: Sequence[str] = SPECIES) -> Network:
    """A network with random weights that is not too sure of one species."""
    keras.utils.set_random_seed(0)
    heads = {"species": tuple(species)}
    model = architectures.build(ModelConfig(architecture, crop=size), heads)
    spec = InputSpec(size, mean=(127.0,) * 3, std=(60.0,) * 3)
    # Untrained deep networks are certain of one class; by their logits' spread they are less so.
    noise = np.random.default_rng(1).normal(size=(2, size, size, 3)).astype(np.float32)
    spread = float(np.std(model(noise, training=False)["species"]))
    return Network(model, spec, Task.SPECIES, heads, temperatures={"species": spread})


def computation_of(name: str, size: int) -> engines.Computation:
    """A network as a job computes it."""
    network = network_of(name, size)
    return engines.Computation(name, name, network.graph, network.model, (size, size, 3))


def main() -> None:
    """Reads the flags, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architectures", default=",".join(CHOSEN))
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--calls", type=int, default=processors(), help="under way at a time")
    given = parser.parse_args()
    print(f"{'network':18} {'Keras':>8} {'LiteRT':>8} {'ratio':>6}  taken")
    with tempfile.TemporaryDirectory() as folder:
        cache.folder = lambda: Path(folder)  # what this computer remembers has no part in it
        for name in given.architectures.split(","):
            trial = engines.compare(computation_of(name, given.size), given.calls)
            if "rates" not in trial:
                print(f"{name:18} {trial['told']}", flush=True)
                continue
            one, other = trial["rates"]["Keras"], trial["rates"]["LiteRT"]
            taken = trial["engine"]
            print(f"{name:18} {one:8.0f} {other:8.0f} {other / one:6.2f}  {taken}", flush=True)
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
