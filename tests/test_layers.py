"""Imports run downwards only, as the README's picture shows."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# The lowest layer that a module belongs to; everything in camtrap_tf not named here is L0.
LAYERS = {
    "camtrap_tf.records": 1, "camtrap_tf.images": 1, "camtrap_tf.augmentation": 1,
    "camtrap_tf.pipeline": 2, "camtrap_tf.models": 2, "camtrap_tf.losses": 2,
    "camtrap_tf.schedules": 2, "camtrap_tf.distribution": 2, "camtrap_tf.network": 2,
    "camtrap_tf.sampling": 2, "camtrap_tf.familiarity": 2,
    "camtrap_tf.trainer": 3, "camtrap_tf.train": 3, "camtrap_tf.bundle": 3,
    "camtrap_tf.predict": 3, "camtrap_tf.transfer": 3, "camtrap_tf.watch": 3,
    "camtrap_tf.checkpoint_import": 3, "camtrap_tf.beam_prediction": 3,
    "data_prep": 4, "export": 4, "experiments": 4,
    "camtrap_tf.cli": 5, "camtrap_tf.commands": 5,
}  # fmt: skip
PACKAGES = ("camtrap_tf", "data_prep", "export", "experiments")
# data_prep reads pictures and writes records: L0 and L1 are enough for it.
HIGHEST_IMPORT = {"data_prep": 1}


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def layer(module: str) -> int:
    prefixes = [name for name in LAYERS if module == name or module.startswith(name + ".")]
    return LAYERS[max(prefixes, key=len)] if prefixes else 0


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def faults(module: str, imported: set[str]) -> list[str]:
    """Imports of `module` that run upwards or across."""
    package, known = module.split(".")[0], modules()
    wrong = []
    for name in imported & set(known):
        other = name.split(".")[0]
        across = package != other and layer(module) == layer(name)
        too_high = layer(name) > HIGHEST_IMPORT.get(package, 9) and other != package
        if layer(name) > layer(module) or across or too_high:
            wrong.append(f"{module} (layer {layer(module)}) imports {name} (layer {layer(name)})")
    return wrong


def test_no_import_runs_upwards():
    wrong = [fault for name, path in modules().items() for fault in faults(name, imports(path))]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("camtrap_tf.metrics", "camtrap_tf.images"),
        ("camtrap_tf.train", "data_prep.plan"),
        ("data_prep.plan", "export.verify"),
        ("data_prep.shard", "camtrap_tf.train"),
    ],
)
def test_the_check_finds_an_upward_import(module, imported, monkeypatch):
    assert faults(module, {imported})


def test_the_lowest_layer_works_without_tensorflow():
    lowest = [name for name in modules() if name.startswith("camtrap_tf") and layer(name) in (0, 5)]
    code = f"""
import importlib, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
for name in {lowest!r}:
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_importing_the_library_does_not_start_tensorflow():
    # Logical devices can be set only before TensorFlow runs its first operation.
    names = [name for name in modules() if name.startswith("camtrap_tf")]
    code = f"""
import importlib
for name in {names!r}:
    importlib.import_module(name)
from tensorflow.python.eager import context
assert not context.context()._initialized
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
