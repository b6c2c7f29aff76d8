"""Exports answer as Keras does; a damaged picture fails its row, not its batch."""

import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from camtrap_tf.bundle import Bundle, make_bundle
from camtrap_tf.config import override
from camtrap_tf.errors import InputError
from camtrap_tf.events import group
from camtrap_tf.predict import predict_folder, predict_shards
from camtrap_tf.train import train
from export import verify
from export.saved_model import write_saved_model

RED, BLUE, GREY = (230, 90, 90), (90, 90, 230), (100, 100, 100)


@pytest.fixture(scope="module")
def bundle(tiny_shards, tmp_path_factory) -> Bundle:
    """A two-stage bundle that tells red from blue from grey."""
    from camtrap_tf.config import QUICK

    folder, runs = tmp_path_factory.mktemp("runs"), []
    changes = {"model.crop": "32", "train.batch_size": "8", "train.epochs": "6"}
    changes |= {"augment.brightness": "5", "augment.contrast": "[0.9, 1.1]"}
    for task in ("empty", "animal"):
        config = override(QUICK, changes | {"train.task": task})
        runs.append(train(config, tiny_shards, folder / task).folder)
    return make_bundle(runs, folder / "bundle")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six pictures and three files that are none."""
    root = tmp_path_factory.mktemp("pictures")
    for number, colour in enumerate((RED, BLUE, GREY) * 2):
        base = np.full((60, 80, 3), 95, np.uint8)
        base[15:45, 20:60] = colour
        Image.fromarray(base).save(root / f"{number}.{'jpg' if number < 3 else 'png'}")
    whole = (root / "0.jpg").read_bytes()
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "empty.jpg").write_bytes(b"")
    (root / "text.jpg").write_text("not a picture")
    return root


def test_bundle_tells_what_it_is_made_of(bundle):
    again = Bundle.read(bundle.folder)
    assert again == bundle
    assert [member.task.value for member in again.members] == ["empty", "animal"]
    assert len(again.version) == 16


def test_a_changed_network_file_is_noticed(bundle, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(bundle.folder, copy)
    with open(copy / bundle.members[0].file, "ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match="network files are those it describes"):
        Bundle.read(copy)


def test_half_a_system_is_no_bundle(bundle, tmp_path):
    with pytest.raises(InputError, match=r"received \['empty'\]"):
        make_bundle([bundle.folder.parent / "empty"], tmp_path / "half")


def test_prediction_records_what_it_cannot_read(bundle, folder):
    found = predict_folder(folder, bundle, batch_size=2)
    reasons = dict(zip(found.ids["path"], found.ids["failure"], strict=True))
    assert reasons["empty.jpg"] == "empty file"
    assert reasons["text.jpg"].startswith("not a picture")
    assert reasons["cut.jpg"].startswith("damaged")
    failed = found.ids["failure"].notna().to_numpy()
    assert failed.sum() == 3
    for head in found.classes:
        assert np.isnan(found.probabilities[head][failed]).all()
    names = found.classes["species"]
    species = [names[top] if top >= 0 else None for top in found.top("species")]
    by_path = dict(zip(found.ids["path"], species, strict=True))
    # Stage 2 is not asked about the grey ones, 2.jpg and 5.png.
    assert by_path == {
        "0.jpg": "red", "1.jpg": "blue", "2.jpg": None, "3.png": "red", "4.png": "blue",
        "5.png": None, "cut.jpg": None, "empty.jpg": None, "text.jpg": None,
    }  # fmt: skip
    assert list(found.ids["event_id"]) == list(group(found.ids["path"], found.ids["datetime"])[0])


def test_prediction_on_shards_scores_every_row(bundle, tiny_shards):
    found = predict_shards(bundle, tiny_shards, "val")
    assert len(found) == 16
    assert all(found.answered(head).all() for head in found.classes)
    assert (found.top("empty") == found.labels["empty"]).all()


def test_exports_pass_the_gate_and_move(bundle, folder, tmp_path):
    rows = verify.export_and_verify(bundle.folder, tmp_path / "out", folder, count=6)
    assert {(row.export, row.head) for row in rows} == {
        (export, head)
        for export in ("SavedModel", "TFLite")
        for head in ("empty", "species", "count", "moving")
    }
    assert all(row.pictures == 6 for row in rows)
    labels = json.loads((tmp_path / "out" / "tflite" / "labels.json").read_text())
    assert labels["models"][1]["classes"]["species"] == ["blue", "red"]


def test_the_gate_refuses_what_differs_or_is_no_number():
    good = {"species": np.array([[0.25, 0.75]], np.float32)}
    for found, difference in ((0.5, 0.25), (np.nan, np.nan)):
        row = verify.compare("X", good, {"species": np.array([[found, 0.75]], np.float32)})[0]
        np.testing.assert_equal(row.difference, difference)
        with pytest.raises(InputError, match="head 'species' of X"):
            verify.gate([row], 1e-3)
    verify.gate(verify.compare("X", good, good), 0.0)


def test_a_damaged_picture_fails_its_row_only(bundle, folder, tmp_path):
    serve = tf.saved_model.load(write_saved_model(bundle, tmp_path / "1")).signatures[
        "serving_default"
    ]
    paths = sorted(folder.iterdir())
    contents = [path.read_bytes() for path in paths]
    good = [i for i, path in enumerate(paths) if path.stem.isdigit()]
    mixed = serve(image_bytes=tf.constant(contents))
    assert np.flatnonzero(mixed["valid"]).tolist() == good
    alone = serve(image_bytes=tf.constant([contents[i] for i in good]))
    for name, values in alone.items():
        np.testing.assert_array_equal(np.asarray(mixed[name])[good], values)
    assert (np.asarray(mixed["species_probabilities"])[~np.asarray(mixed["valid"])] == 0).all()
    nothing = serve(image_bytes=tf.constant([b"", b"junk"]))
    assert not np.asarray(nothing["valid"]).any()
