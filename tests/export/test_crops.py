"""Bundles that see crops: exported with their detector, answering as Keras does, on cameras too."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import PictureSpec, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.bundle import Bundle
from export.checks import Checks
from tests.conftest import write_colour_bundle
from tests.prediction.test_detect import cells


def write_two_views(folder, compares: bool = False) -> Bundle:
    """A bundle whose networks see the whole picture, and such networks that see the crop.

    Those of the whole picture may compare it with the others of its event.
    """
    bundle = write_colour_bundle(folder, compares=compares)
    crops = write_colour_bundle(folder / "crops")
    file = bundle.folder / "bundle.json"
    content = json.loads(file.read_text())
    content.pop("checksum", None)  # of what it was
    for one in map(to_json, crops.members):
        own = f"crop-{one['file']}"
        (crops.folder / one["file"]).rename(folder / own)
        content["members"].append(one | {"view": View.CROP.value, "file": own})
    shutil.rmtree(crops.folder)
    file.write_text(json.dumps(content))
    return Bundle.read(bundle.folder)


@pytest.fixture(scope="module")
def two_views(tmp_path_factory):
    return write_two_views(tmp_path_factory.mktemp("views") / "bundle", compares=True)


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Grey pictures with a coloured patch, and in it a white one, where something is found."""
    folder = tmp_path_factory.mktemp("card")
    for number, colour in enumerate([(230, 90, 90), (90, 90, 130), (90, 90, 90)]):
        pixels = np.full((320, 320, 3), 90, np.uint8)
        pixels[64:160, 32:128] = colour
        pixels[96:128, 64:96] = 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
    Image.new("RGB", (320, 320), (90, 90, 90)).save(folder / "3.png")  # nothing is found
    return folder


@pytest.fixture(scope="module")
def shards(two_views, tiny_shards, tmp_path_factory):
    """Shards with the bundle's vocabulary, and a box in each of their pictures."""
    from camtrap_tf.batches import pipeline
    from camtrap_tf.events.manifest import Manifest
    from camtrap_tf.prediction import shard_boxes

    folder = tmp_path_factory.mktemp("shards") / "shards"
    shutil.copytree(tiny_shards, folder)
    manifest = dataclasses.replace(Manifest.read(folder), vocabulary=two_views.vocabulary)
    manifest.write()
    found = [{"category": "1", "conf": 0.9, "bbox": [0.25, 0.25, 0.5, 0.5]}]
    paths = pipeline.index(manifest, "train")[0]["path"]
    content = {
        "info": {"format_version": "1.5"},
        "detection_categories": {"1": "animal"},
        "images": [{"file": path, "detections": found} for path in paths],
    }
    (folder / shard_boxes.FOLDER).mkdir()
    (folder / shard_boxes.FOLDER / "detections.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def exported(two_views, card, shards, tmp_path_factory):
    from camtrap_tf.networks.detector import yolox
    from export.forms import Form
    from export.verify import export

    out = tmp_path_factory.mktemp("export") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yolox, "load_network", cells)
        rows = export(two_views, out, card, forms=(Form.FLOAT32, Form.INT8), shards=shards)
    return out, rows


def _pixels(paths):
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def expected(bundle, paths, together=False):
    """Keras' probabilities of an animal and of red, by both views of each picture.

    Every picture is an event of its own, or all are one.
    """
    from camtrap_tf.pictures import files
    from camtrap_tf.pictures.context import stacked

    squares = np.stack([files.read(path, bundle.picture).pixels for path in paths])
    events = [squares] if together else squares[:, None]
    whole = np.concatenate([stacked(event, bundle.context) for event in events])
    pairs = zip(paths, squares, strict=True)
    parts = np.stack([_part(path, square, bundle.picture) for path, square in pairs])
    seen = np.concatenate([whole, parts], axis=-1)
    told = [network.probabilities(seen) for network in bundle.networks()]
    mean = {head: np.mean([t[head] for t in told if head in t], axis=0)
            for head in ("empty", "species")}  # fmt: skip
    return np.stack([mean["empty"][:, 0], mean["species"][:, 1]], axis=1)


def _part(path, square, picture):
    from camtrap_tf.networks.detector import boxes
    from camtrap_tf.networks.detector.finder import Finder
    from camtrap_tf.pictures import crops, files

    padded = files.read_padded(path, boxes.side_of)
    (found,) = Finder(model=cells()).find(padded.pixels[None], [padded.filled])
    box = found.boxes[0] if len(found) else np.full(4, np.nan)
    if picture.crops:
        return crops.sharp(path, picture, box)
    return crops.cut(square[None], crops.squares(box[None]))[0]


@pytest.mark.slow
def test_an_export_finds_boxes_and_answers_as_keras_does(two_views, card, exported):
    import tensorflow as tf

    out, rows = exported
    limits = {
        "SavedModel": 0.01,
        "own boxes": 0.01,
        "float32": 0.01,
        "int8": 0.1,
        "int8 boxes": 0.1,
    }
    assert {row.export for row in rows} == limits.keys()
    assert all(row.difference < limits[row.export] for row in rows)
    paths = sorted(card.iterdir())
    alone, together = (expected(two_views, paths, one)[:, 0] for one in (False, True))
    # The views differ: what is found is nearer, and larger in the crop. So do the questions.
    whole = dataclasses.replace(two_views, members=two_views.members[:2])
    assert not np.allclose(alone[:2], expected(whole, paths)[:2, 0], atol=0.01)
    assert not np.allclose(alone, together, atol=0.01)
    signatures = tf.saved_model.load(str(out / "saved_model" / "1")).signatures
    encoded = [path.read_bytes() for path in paths]
    for name, given, wanted in (
        ("serving_default", {"image_bytes": tf.constant([*encoded, b"damaged"])}, [*alone, 0.0]),
        ("pixels", {"images": _pixels(paths)}, alone),
        ("event", {"image_bytes": [[*encoded, b"damaged"]], "frames": [5]}, [together.mean()]),
    ):
        found = signatures[name](**{key: tf.constant(value) for key, value in given.items()})
        np.testing.assert_allclose(found["animal_probability"], wanted, atol=0.01)


@pytest.fixture(scope="module")
def sharp(two_views):
    """The same bundle, of crops that are cut from files."""
    return dataclasses.replace(two_views, picture=PictureSpec(size=40, crops=True))


@pytest.mark.slow
def test_sharp_crops_in_a_graph(two_views, sharp, card, tmp_path):
    import tensorflow as tf

    from camtrap_tf.networks.detector import boxes
    from export import crops, detector
    from export.checks import read_checks
    from export.saved_model import Serving

    paths = sorted(card.iterdir())
    wanted = expected(sharp, paths)[:, 0]
    assert not np.allclose(wanted, expected(two_views, paths)[:, 0], atol=0.01)
    side, checks = crops.see(read_checks(card, sharp, 4), cells(), sharp.picture)
    assert side == boxes.side_of(320, 320)
    serving = Serving(sharp, 0.9, tmp_path, detector.Serving(cells(), side))
    encoded = tf.constant([*checks.encoded, b"damaged"])
    found = [*np.nan_to_num(checks.boxes), np.zeros(4, np.float32)]
    for answers in (serving.serve(encoded), serving.boxes(encoded, tf.constant(found))):
        assert answers["valid"].numpy().tolist() == [True] * 4 + [False]
        np.testing.assert_allclose(answers["animal_probability"], [*wanted, 0.0], atol=0.01)
    answers = serving.pixels(_pixels(paths))
    np.testing.assert_allclose(answers["animal_probability"], wanted, atol=0.01)


@pytest.mark.slow
def test_sharp_crops_on_a_camera(sharp, card, exported):
    from export.edge.model import EdgeModel

    model = EdgeModel(exported[0] / "tflite" / "float32", animal_threshold=0.0)
    model.picture = sharp.picture
    paths = sorted(card.iterdir())
    found = [(one.animal_probability, one.species[1]) for one in model.answer_event(paths)]
    np.testing.assert_allclose(found, expected(sharp, paths, together=True), atol=0.01)


@pytest.mark.slow
def test_events_weighted_by_the_detector_in_a_graph(two_views, card, tmp_path):
    import tensorflow as tf

    from camtrap_tf.networks.detector import boxes
    from export import detector
    from export.saved_model import Serving

    rules = {"empty": "maximum", "species": "detector"}
    bundle = dataclasses.replace(two_views, event_rules=rules, animal_threshold=0.0)
    paths = sorted(card.iterdir())
    side = boxes.side_of(320, 320)
    serving = Serving(bundle, 0.9, tmp_path, detector.Serving(cells(), side))
    encoded = [path.read_bytes() for path in paths]
    sure = serving.serve(tf.constant(encoded))["detection"].numpy()
    assert sure[3] == 0 and (sure[:3] > 0).all()
    assert np.array_equal(serving.pixels(_pixels(paths))["detection"], sure)
    # A red one, and one in which nothing is found; two in which nothing is found count alike.
    for pair, red in (((0, 3), True), ((3, 3), False)):
        given = tf.constant([[encoded[one] for one in pair]])
        (event,) = serving.event(given, tf.constant([2]))["species_probabilities"]
        wanted = expected(bundle, [paths[one] for one in pair], together=True)[0, 1]
        assert event[1].numpy() == pytest.approx(wanted, abs=0.01)
        assert wanted > 0.9 if red else wanted < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("form", "close"), [("float32", 0.01), ("int8", 0.1)])
def test_a_camera_answers_as_keras_does(two_views, card, exported, form, close):
    from export.edge import carried
    from export.edge.model import EdgeModel

    folder = exported[0] / "tflite" / form
    assert carried.read(folder / "detector.tflite")["form"] == form
    model, paths = EdgeModel(folder, animal_threshold=0.0), sorted(card.iterdir())
    wanted = expected(two_views, paths, together=True)
    answers = model.answer_event(paths)
    np.testing.assert_allclose([a.animal_probability for a in answers], wanted[:, 0], atol=close)
    np.testing.assert_allclose([a.species[1] for a in answers], wanted[:, 1], atol=close)
    ((animal, red),) = expected(two_views, paths[:1])
    answer = model.answer(paths[0])
    assert answer.animal_probability == pytest.approx(animal, abs=close)
    assert answer.species[1] == pytest.approx(red, abs=close)


@pytest.mark.slow
def test_a_camera_looks_for_boxes_first(two_views, card, exported):
    from export.edge.model import EdgeModel
    from export.edge.policy import judge

    out, _ = exported
    model = EdgeModel(out / "tflite" / "float32", animal_threshold=0.0)
    paths = sorted(card.iterdir())
    answers, red = model.answer_event(paths), expected(two_views, paths, together=True)[0, 1]
    # By the rule of the detector a picture in which nothing is found has no say.
    model.event_rules = {"species": "detector"}
    assert answers[3].detection == 0 and min(a.detection for a in answers[:3]) > 0
    verdict = judge([answers[0], answers[3]], model)
    assert verdict.species == "red" and verdict.probability == pytest.approx(red, abs=0.01)
    (out / "tflite" / "float32" / "detector.tflite").rename(out / "detector.tflite")
    with pytest.raises(InputError, match=r"have their detector beside them, detector\.tflite"):
        EdgeModel(out / "tflite" / "float32")


def test_what_such_an_export_cannot_be_is_told_at_once(two_views, shards, card, tmp_path):
    from camtrap_tf.prediction import shard_boxes
    from export.forms import Form
    from export.verify import export

    shutil.move(shards / shard_boxes.FOLDER, shards / "others")
    for check_on, request, says in (
        (shards, {}, "checked on pictures as they were taken, not on shards"),
        (card, {"forms": (Form.INT8,), "shards": shards}, r"detect PICTURES --out=\S+/boxes` on"),
    ):
        with pytest.raises(InputError, match=says):
            export(two_views, tmp_path / "out", check_on, **request)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_detector_in_int8_that_moves_answers_is_left_out(
    two_views, exported, tmp_path, monkeypatch
):
    from export import crops, verify
    from export.edge import carried
    from export.forms import Form

    def answers(first):
        return {head: np.tile([first, 1 - first], (20, 1)) for head in ("empty", "species")}

    checks = Checks([], np.zeros(0), np.zeros(0), {})
    monkeypatch.setattr(crops, "see_with", lambda checks, folder, picture: checks)
    for found, rows, form in ((0.9, {"int8 boxes"}, "int8"), (0.1, set(), "float16")):
        monkeypatch.setattr(verify, "_tflite", lambda paths, checks, found=found: answers(found))
        given = exported[0] / "detector", Form.INT8, [tmp_path / "a.tflite"], checks, answers(0.9)
        assert {row.export for row in verify._place_detector(two_views, *given)} == rows
        assert carried.read(tmp_path / "detector.tflite")["form"] == form
