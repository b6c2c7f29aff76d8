"""The same weights answer alike under Keras' JAX backend, in an environment without TensorFlow."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import venv
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Context, ModelConfig, Variant

ROOT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "camtrap_tf"
PACKAGES = ("jax", "jaxlib", "keras", "numpy", "h5py", "scipy")
HEADS = {"species": ("ape", "bat", "cat"), "count": ("1", "2")}


@pytest.fixture(scope="session")
def jax_python() -> Path:
    """Python of an environment with Keras and JAX, made once and kept in the user's cache."""
    constraints = ROOT / "constraints.txt"
    stamp = hashlib.sha256(constraints.read_bytes()).hexdigest()[:12]
    folder = CACHE / f"jax-{stamp}"
    python = folder / "bin" / "python"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests in several processes make it once
        if not (folder / "complete").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            install = [python, "-m", "pip", "install", "--quiet", "-c", constraints, *PACKAGES]
            done = subprocess.run(install, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"JAX cannot be installed: {done.stderr.strip().splitlines()[-1:]}")
            (folder / "complete").touch()
    return python


@pytest.mark.slow
@pytest.mark.parametrize(
    "config",
    [
        ModelConfig("resnet18", crop=64),
        ModelConfig("vgg11", crop=64),
        ModelConfig("googlenet", Variant.RELEASED_CODE, crop=64),
        ModelConfig("alexnet", crop=64),
        ModelConfig("nin", Variant.RELEASED_CODE, crop=64),
        ModelConfig("small", crop=64, context=Context.LATE),
        ModelConfig("EfficientNetV2B0", crop=64),
    ],
    ids=lambda config: f"{config.architecture}-{config.variant.value}-{config.context.value}",
)
def test_jax_gives_the_answers_of_tensorflow(config, jax_python, tmp_path):
    import keras

    from camtrap_tf.networks import architectures

    keras.utils.set_random_seed(1)
    model, rng = architectures.build(config, HEADS), np.random.default_rng(2)
    for variable in model.weights:  # batch norm as after training, not the identity
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("beta", "moving_mean", "bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
    image = rng.normal(size=(4, 64, 64, config.context.channels)).astype(np.float32)
    weights = {f"w{index}": value for index, value in enumerate(model.get_weights())}
    np.savez(tmp_path / "in.npz", image=image, **weights)
    (tmp_path / "config.json").write_text(json.dumps({"model": to_json(config), "heads": HEADS}))
    script = Path(__file__).with_name("jax_forward.py")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [jax_python, script, *(tmp_path / name for name in ("config.json", "in.npz", "out.npz"))],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, expected = np.load(tmp_path / "out.npz"), model.predict(image, verbose=0)
    for head, logits in expected.items():
        np.testing.assert_allclose(found[head], logits, rtol=1e-4, atol=1e-4)
        assert np.ptp(logits, axis=0).min() > 1e-3  # the answers depend on the picture
