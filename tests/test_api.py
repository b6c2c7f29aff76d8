"""`import camtrap_tf as ct`: what is there, that importing it is cheap, and that it answers."""

import ast
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import camtrap_tf as ct
from tests.conftest import ROOT


@pytest.mark.parametrize("name", ct.PUBLIC)
def test_every_public_name_is_there_and_explained(name):
    found = getattr(ct, name)
    assert callable(found)
    assert found.__doc__
    assert name in dir(ct)


def test_the_stub_has_the_same_names():
    stub = ast.parse((ROOT / "camtrap_tf" / "__init__.pyi").read_text())
    stated = {
        alias.asname: (node.module, alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    looked_up = {name: tuple(where.split(":")) for name, where in ct.PUBLIC.items()}
    assert stated == looked_up


def test_importing_brings_nothing_heavy():
    code = """
import sys
import camtrap_tf
heavy = {"tensorflow", "keras", "numpy", "pandas", "PIL", "absl"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        ct.lode  # noqa: B018


def test_no_module_can_take_the_place_of_a_public_name():
    package = ROOT / "camtrap_tf"
    assert not ct.PUBLIC.keys() & {path.stem for path in package.iterdir()}


RED, GREY = (230, 90, 90), (100, 100, 100)


def patch(colour, size=40):
    pixels = np.full((size, size, 3), 95, np.uint8)
    pixels[5:-5, 5:-5] = colour
    return pixels


def test_a_model_answers_folders_files_and_arrays(colour_bundle, tmp_path):
    (tmp_path / "card").mkdir()
    for name, colour in (("a", RED), ("b", GREY)):
        Image.fromarray(patch(colour)).save(tmp_path / "card" / f"{name}.png")
    (tmp_path / "card" / "c.jpg").write_bytes(b"no picture")
    model = ct.load(colour_bundle.folder)
    assert model.species == ("blue", "red")
    rows = model.predict(tmp_path / "card").to_pandas()
    assert rows["path"].tolist() == ["a.png", "b.png", "c.jpg"]
    assert rows["answer"].fillna("-").tolist() == ["red", "empty", "-"]
    assert rows["failure"].notna().tolist() == [False, False, True]
    alone = model.predict([tmp_path / "card" / "a.png"]).to_pandas()
    assert alone["species_confidence"][0] == pytest.approx(rows["species_confidence"][0])
    # Pixels go the same way as files of them.
    for arrays in ([patch(RED), patch(GREY, 60)], np.stack([patch(RED), patch(GREY)])):
        answers = model.predict(arrays)
        assert answers.answers().tolist() == ["red", "empty"]
        assert answers.ids["path"].tolist() == ["0.png", "1.png"]
        assert answers.ids["event_id"].nunique() == 2
    assert model.predict(patch(RED)).answers().tolist() == ["red"]
    with pytest.raises(ct.InputError, match=r"received '\(4, 4\), float64'"):
        model.predict([np.zeros((4, 4))])
