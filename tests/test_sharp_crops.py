"""Crops cut from the files themselves: in shards, in training, in prediction, in one bundle."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.batches import pipeline
from camtrap_tf.core.config import (
    AugmentConfig,
    Config,
    Context,
    ModelConfig,
    PictureSpec,
    TrainConfig,
    View,
)
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.events import detections, records
from camtrap_tf.events.detections import Detector, Use
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from camtrap_tf.pictures import crops, files
from camtrap_tf.prediction.shards import predict_shards

SIZE = 40
EVENTS = [f"e{n:02}" for n in range(24)]
FRAMES = [(event, f"cards/{event}_{frame}.png") for event in EVENTS for frame in range(2)]
WITHOUT_BOX = FRAMES[5][1]
UNREADABLE = FRAMES[8][1]


def animal(event):
    """Stripes, across for one species and along for the other; none in a third of events."""
    kind = EVENTS.index(event) % 3
    stripes = np.where(np.arange(24)[:, None] // 3 % 2, 250, 5) * np.ones((1, 24), int)
    return {0: None, 1: stripes, 2: stripes.T}[kind]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Pictures of 320 x 240, in which an animal of 24 pixels stands somewhere; and its boxes."""
    folder, rng = tmp_path_factory.mktemp("sharp"), np.random.default_rng(0)
    (folder / "cards").mkdir()
    images = []
    for event, path in FRAMES:
        pixels = rng.integers(90, 110, (240, 320, 3), np.uint8)
        left, top = int(rng.integers(0, 296)), int(rng.integers(0, 216))
        found = animal(event)
        if found is not None:
            pixels[top : top + 24, left : left + 24] = found[..., None]
        Image.fromarray(pixels).save(folder / path)
        box = [left / 320, top / 240, 24 / 320, 24 / 240]
        seen = [] if path == WITHOUT_BOX else [{"category": "1", "conf": 0.75, "bbox": box}]
        images.append({"file": path, "detections": seen})
    (folder / UNREADABLE).write_bytes(b"")
    content = {"images": images, "detection_categories": {"1": "animal"}, "info": {}}
    (folder / "boxes.json").write_text(json.dumps(content))
    table().write(folder / "events.parquet")
    return folder


def table():
    ids, paths = zip(*FRAMES, strict=True)
    species = [("empty", "elk", "fox")[n % 3] for n in range(len(EVENTS))]
    return EventTable(
        pd.DataFrame({"event_id": EVENTS, "site": "A"}),
        pd.DataFrame({"event_id": ids, "path": paths}),
        pd.DataFrame({"event_id": EVENTS, "species": species}),
    )


def shard(data, out, *flags):
    shared = f"--events={data}/events.parquet", f"--images={data}", f"--size={SIZE}"
    return cli.main(["shard", *shared, f"--out={out}", "--split=event", *flags])


@pytest.fixture(scope="module")
def boxes(data):
    return detections.read(data / "boxes.json")


@pytest.fixture(scope="module")
def shards(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("shards") / "sharp"
    assert (
        shard(data, out, "--crops", f"--detections={data}/boxes.json", "--shares=0.6,0.2,0.2") == 0
    )
    return out


def test_shards_hold_what_is_cut_from_the_files(data, boxes, shards):
    manifest = Manifest.read(shards)
    assert manifest.picture == PictureSpec(size=SIZE, crops=True)
    seen = {}
    for one in manifest.shards:
        for record in map(records.decode, records.read_file(shards / one.file)):
            told = zip(record.paths, record.parts, record.boxes, strict=True)
            seen |= {
                path: (files.read(part, PictureSpec(size=SIZE)).pixels, box)
                for path, part, box in told
            }
    assert seen.keys() == {path for _, path in FRAMES} - {UNREADABLE}
    for path, (part, box) in seen.items():
        own = boxes.of(pd.Series([path], dtype="string"))
        expected = crops.sharp(data / path, PictureSpec(size=SIZE), own.boxes[0])
        assert np.abs(part.astype(int) - expected).mean() < 4  # JPEG of stripes
        np.testing.assert_allclose(box, [*own.boxes[0], own.confidence[0]], rtol=1e-6)
    assert np.isnan(seen[WITHOUT_BOX][1][:4]).all() and seen[WITHOUT_BOX][1][4] == 0
    kept = pipeline.stored_boxes(manifest, "train")
    expected = boxes.of(kept.paths)
    np.testing.assert_array_equal(kept.boxes, expected.boxes)
    np.testing.assert_array_equal(kept.confidence, expected.confidence)
    np.testing.assert_array_equal(kept.failures.isna(), expected.failures.isna())


def test_the_same_command_finds_them_done_and_other_boxes_are_told(data, shards, tmp_path, capsys):
    before = (shards / "manifest.json").stat().st_mtime_ns
    flags = "--crops", "--shares=0.6,0.2,0.2"
    assert shard(data, shards, *flags, f"--detections={data}/boxes.json") == 0
    assert (shards / "manifest.json").stat().st_mtime_ns == before
    content = json.loads((data / "boxes.json").read_text())
    content["images"][0]["detections"][0]["bbox"] = [0.1, 0.1, 0.2, 0.2]
    (tmp_path / "others.json").write_text(json.dumps(content))
    assert shard(data, shards, *flags, f"--detections={tmp_path}/others.json") == 2
    assert "checksum of events, labels and order" in capsys.readouterr().err
    assert shard(data, tmp_path / "x", f"--detections={data}/boxes.json") == 2
    assert "Give --crops, too" in capsys.readouterr().err


def test_crops_are_asked_for_with_boxes(data, tmp_path, capsys):
    assert shard(data, tmp_path / "x", "--crops") == 2
    assert "Run `camtrap detect PICTURES --out=found`" in capsys.readouterr().err


def test_training_reads_the_parts(shards, boxes):
    from camtrap_tf.training.trainer import Trainer

    manifest = Manifest.read(shards)
    config = Config(
        ModelConfig(architecture="small", crop=SIZE, view=View.CROP),
        AugmentConfig(flip=False),
        TrainConfig(task=Task.SPECIES, batch_size=2),
    )
    trainer = Trainer(config, manifest, pipeline.stored_boxes(manifest, "train"))
    assert trainer.data.detections is None and trainer.manifest == manifest.of_parts()
    stored = np.concatenate(list(pipeline.stored_parts(manifest, "train", 8, boxes)))
    batches = pipeline.training(trainer.manifest, trainer.data, 1).as_numpy_iterator()
    shown = np.concatenate([pixels for pixels, *_ in batches])
    distance = np.abs(shown[:, None].astype(int) - stored[None]).mean(axis=(2, 3, 4)).min(axis=1)
    assert len(shown) and distance.max() == 0


@pytest.fixture(scope="module")
def bundle(shards, tmp_path_factory):
    """Empty or not by whole pictures and their event's difference, the species by sharp crops."""
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.training.probe import probe
    from camtrap_tf.training.train import train

    folder, manifest = tmp_path_factory.mktemp("sharp_bundle"), Manifest.read(shards)
    model = ModelConfig(architecture="small", crop=SIZE)
    empty = Config(
        dataclasses.replace(model, context=Context.DIFFERENCE),
        train=TrainConfig(task=Task.EMPTY, epochs=1, batch_size=8),
    )
    species = Config(
        dataclasses.replace(model, view=View.CROP),
        train=TrainConfig(task=Task.SPECIES, epochs=1),
    )
    both = [pipeline.stored_boxes(manifest, split) for split in manifest.splits()]
    found = detections.joined(both)
    runs = [
        train(empty, shards, folder / "empty"),
        probe(species, shards, folder / "species", detections=found),
    ]
    return make_bundle([run.folder for run in runs], folder / "bundle", event_weight=0.0)


def test_files_are_answered_as_shards_are(data, boxes, bundle, shards, tmp_path):
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options

    assert bundle.picture.crops and bundle.context is Context.DIFFERENCE and bundle.needs_boxes
    expected = predict_shards(bundle, shards, "test")
    with pytest.raises(InputError, match="cut around the boxes that the shards hold"):
        predict_shards(bundle, shards, "test", detections=boxes)
    sure = dataclasses.replace(bundle, animal_threshold=0.0)  # stage 2 is asked about all
    options = Options(detector=Detector(boxes, Use.VIEW), event_weight=0.0)
    out = predict([data / "cards"], sure, tmp_path / "job", options, table(), images=data)
    found = Predictions.read(out)
    place = pd.Index(found.ids["path"]).get_indexer(expected.ids["path"])
    assert (place >= 0).all()
    for head in ("empty", "species"):
        np.testing.assert_allclose(
            found.probabilities[head][place], expected.probabilities[head], atol=0.05
        )
    failures = found.ids.set_index("path")["failure"]
    assert failures[UNREADABLE] == "empty file" and failures.notna().sum() == 1
    np.testing.assert_allclose(found.scores["detection"][place], expected.scores["detection"])


def test_squares_without_crops_are_others(data, bundle, tmp_path):
    assert shard(data, tmp_path / "plain", "--shares=0.6,0.2,0.2") == 0
    with pytest.raises(InputError, match="crops: False, the bundle's True"):
        bundle.check_shards(Manifest.read(tmp_path / "plain"))
