"""Bundles that see crops: exported with their detector, answering as Keras does, on cameras too."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.config import View
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.bundle import Bundle
from tests.conftest import write_colour_bundle
from tests.prediction.test_detect import cells


def write_two_views(folder) -> Bundle:
    """A bundle whose networks see the whole picture, and the same networks that see the crop."""
    bundle = write_colour_bundle(folder)
    file = bundle.folder / "bundle.json"
    content = json.loads(file.read_text())
    content.pop("checksum", None)  # of what it was
    for one in list(content["members"]):
        own = f"crop-{one['file']}"
        shutil.copyfile(bundle.folder / one["file"], bundle.folder / own)
        content["members"].append(one | {"view": View.CROP.value, "file": own})
    file.write_text(json.dumps(content))
    return Bundle.read(bundle.folder)


@pytest.fixture(scope="module")
def two_views(tmp_path_factory):
    return write_two_views(tmp_path_factory.mktemp("views") / "bundle")


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """Grey pictures with a coloured patch, and in it a white one, where something is found."""
    folder = tmp_path_factory.mktemp("card")
    for number, colour in enumerate([(230, 90, 90), (90, 90, 230), (90, 90, 90)]):
        pixels = np.full((320, 320, 3), 90, np.uint8)
        pixels[64:160, 32:128] = colour
        pixels[96:128, 64:96] = 255
        Image.fromarray(pixels).save(folder / f"{number}.png")
    Image.new("RGB", (320, 320), (90, 90, 90)).save(folder / "3.png")  # nothing is found
    return folder


@pytest.fixture(scope="module")
def exported(two_views, card, tmp_path_factory):
    from camtrap_tf.networks.detector import yolox
    from export.forms import Form
    from export.verify import export

    out = tmp_path_factory.mktemp("export") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yolox, "load_network", cells)
        rows = export(two_views, out, card, forms=(Form.FLOAT32,))
    return out, rows


def _pixels(paths):
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def expected(bundle, card):
    """Keras' probabilities of an animal and of red, by both views of each picture."""
    from camtrap_tf.networks.detector import boxes
    from camtrap_tf.networks.detector.finder import Finder
    from camtrap_tf.pictures import crops, files

    finder, answers = Finder(model=cells()), []
    for path in sorted(card.iterdir()):
        square = files.read(path, bundle.picture).pixels
        padded = files.read_padded(path, boxes.side_of)
        (found,) = finder.find(padded.pixels[None], [padded.filled])
        box = found.boxes[:1] if len(found) else np.full((1, 4), np.nan)
        (part,) = crops.cut(square[None], crops.squares(box))
        both = np.concatenate([square, part], axis=-1)[None]
        told = [network.probabilities(both) for network in bundle.networks()]
        mean = {head: np.mean([t[head][0] for t in told if head in t], axis=0)
                for head in ("empty", "species")}  # fmt: skip
        answers.append((mean["empty"][0], mean["species"][1]))
    return np.array(answers)


@pytest.mark.slow
def test_an_export_finds_boxes_and_answers_as_keras_does(two_views, card, exported):
    import tensorflow as tf

    out, rows = exported
    assert {row.export for row in rows} == {"SavedModel", "own boxes", "float32"}
    assert max(row.difference for row in rows) < 0.01
    wanted = expected(two_views, card)
    # The views differ: what is found is nearer, and larger in the crop.
    whole = dataclasses.replace(two_views, members=two_views.members[:2])
    assert not np.allclose(wanted[:2, 0], expected(whole, card)[:2, 0], atol=0.01)
    signatures = tf.saved_model.load(str(out / "saved_model" / "1")).signatures
    paths = sorted(card.iterdir())
    encoded = [path.read_bytes() for path in paths]
    event = {"image_bytes": tf.constant([encoded[:1]]), "frames": tf.constant([1])}
    for name, given in (
        ("serving_default", {"image_bytes": tf.constant([*encoded, b"damaged"])}),
        ("pixels", {"images": _pixels(paths)}),
        ("event", event),
    ):
        found = signatures[name](**given)["animal_probability"].numpy()
        n = min(4, len(found))
        np.testing.assert_allclose(found[:n], wanted[:n, 0], atol=0.01)
        assert not found[n:].any()


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
    red = expected(bundle, card)[:, 1]
    # A red one, and one in which nothing is found; two in which nothing is found count alike.
    for pair, wanted in (((0, 3), red[0]), ((3, 3), red[3])):
        given = tf.constant([[encoded[one] for one in pair]])
        (event,) = serving.event(given, tf.constant([2]))["species_probabilities"]
        assert event[1].numpy() == pytest.approx(wanted, abs=0.01)
    assert red[0] > 0.9 and red[3] < 0.6


@pytest.mark.slow
def test_a_camera_looks_for_boxes_first(two_views, card, exported):
    from export.edge.model import EdgeModel
    from export.edge.policy import judge

    out, _ = exported
    model = EdgeModel(out / "tflite" / "float32", animal_threshold=0.0)
    wanted = expected(two_views, card)
    answers = model.answer_event(sorted(card.iterdir()))
    np.testing.assert_allclose([a.animal_probability for a in answers], wanted[:, 0], atol=0.01)
    assert model.answer(card / "0.png").species[1] == pytest.approx(wanted[0, 1], abs=0.01)
    # By the rule of the detector a picture in which nothing is found has no say.
    model.event_rules = {"species": "detector"}
    assert answers[3].detection == 0 and min(a.detection for a in answers[:3]) > 0
    verdict = judge([answers[0], answers[3]], model)
    assert verdict.species == "red" and verdict.probability == pytest.approx(wanted[0, 1], abs=0.01)
    (out / "tflite" / "float32" / "detector.tflite").rename(out / "detector.tflite")
    with pytest.raises(InputError, match=r"have their detector beside them, detector\.tflite"):
        EdgeModel(out / "tflite" / "float32")


def test_what_such_an_export_cannot_be_is_told_at_once(two_views, tiny_shards, card, tmp_path):
    from export.forms import Form
    from export.verify import export

    for check_on, request, says in (
        (tiny_shards, {}, "checked on pictures as they were taken, not on shards"),
        (card, {"forms": (Form.INT8,), "shards": tiny_shards}, "have no form int8 yet"),
    ):
        with pytest.raises(InputError, match=says):
            export(two_views, tmp_path / "out", check_on, **request)
    assert not list(tmp_path.iterdir())
