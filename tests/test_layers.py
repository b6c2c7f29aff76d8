"""Imports run downwards only, as `tests/layers.py` states it."""

import subprocess
import sys

import pytest

from tests import layers


def test_no_import_runs_upwards():
    known = layers.modules()
    wrong = [
        fault
        for name, path in known.items()
        for fault in layers.faults(name, layers.imports(path, known))
    ]
    assert wrong == []


def test_nothing_imports_in_circles():
    figures = layers.summary()
    assert figures["circles between them"] == []
    assert figures["circles between modules"] == []
    assert figures["imports from camtrap_tf into other packages"] == []


def test_rooms_not_files_stand_in_the_library():
    assert layers.summary()["modules at the root of camtrap_tf"] <= 5


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("camtrap_tf.answers.metrics", "camtrap_tf.batches.pipeline"),
        ("camtrap_tf.networks.bundle", "camtrap_tf.training.train"),
        ("camtrap_tf.training.train", "data_prep.shards.plan"),
        ("camtrap_tf.verbs.predict", "data_prep.sources"),
        ("camtrap_tf.reporting.cards", "camtrap_tf.networks.bundle"),
        ("data_prep.shards.plan", "export.verify"),
        ("data_prep.shards.write", "camtrap_tf.training.train"),
    ],
)
def test_the_check_finds_a_wrong_import(module, imported):
    assert layers.faults(module, {imported})


def test_the_check_finds_a_circle():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    (circle,) = layers.circles(graph)
    assert sorted(set(circle)) == ["a", "b", "c"]


def test_the_documentation_shows_the_rooms_as_they_are():
    page = (layers.ROOT / "docs" / "developers.md").read_text(encoding="utf-8")
    assert f"```text\n{layers.picture()}```" in page


def _import_all(names: list[str], before: str = "", after: str = "") -> None:
    code = f"""
import importlib, sys
{before}
for name in {names!r}:
    importlib.import_module(name)
{after}
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=layers.ROOT)


def test_what_needs_no_tensorflow_works_without():
    names = [
        name
        for name in layers.modules()
        if layers.within(name, layers.WITHOUT_TENSORFLOW) and name not in layers.WITH_TENSORFLOW
    ]
    assert len(names) > 50
    _import_all(names, before='sys.modules["tensorflow"] = sys.modules["keras"] = None')


def test_importing_the_library_does_not_start_tensorflow():
    # Logical devices can be set only before TensorFlow runs its first operation.
    names = [name for name in layers.modules() if name.startswith("camtrap_tf")]
    after = "from tensorflow.python.eager import context\nassert not context.context()._initialized"
    _import_all(names, after=after)
