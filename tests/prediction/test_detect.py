"""`camtrap detect`: boxes as MegaDetector's results, stopped and gone on with."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import detections
from camtrap_tf.networks.pretrained import weights
from camtrap_tf.outputs import megadetector
from tests.networks.detector.test_finder import Spot


@pytest.fixture
def season(tmp_path):
    """Four pictures: a white part at different places, none, a tall one, and a damaged one."""
    folder = tmp_path / "season"
    (folder / "b").mkdir(parents=True)

    def save(name, width, height, box=None):
        pixels = np.zeros((height, width, 3), np.uint8)
        if box:
            left, top, right, bottom = box
            pixels[top:bottom, left:right] = 255
        Image.fromarray(pixels).save(folder / name, quality=95)

    # 320 x 320 of the network: the white cell is column 1, row 1 of ten.
    save("a.jpg", 320, 320, (32, 32, 64, 64))
    save("b/empty.jpg", 320, 320)
    save("b/tall.png", 160, 320, (0, 0, 32, 32))
    (folder / "b" / "zero.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def by_hand(monkeypatch):
    """A network by hand in place of the published one; returns the shapes that it was shown."""
    from camtrap_tf.networks.detector import finder
    from camtrap_tf.prediction import detect

    shown = []

    class Told(finder.Finder):
        def __init__(self, floor):
            super().__init__(floor, Spot())

        def find(self, pixels, filled):
            shown.append(pixels.shape)
            return super().find(pixels, filled)

    monkeypatch.setattr(detect, "Finder", Told)
    monkeypatch.setattr(weights, "require", lambda name: None)
    return shown


def test_boxes_of_a_folder(season, tmp_path, by_hand):
    from camtrap_tf.prediction.detect import Search, detect

    path = detect([season], tmp_path / "out", Search(floor=0.5))
    results = json.loads(path.read_text())
    megadetector.validate(results)
    images = {image["file"]: image for image in results["images"]}
    assert list(images) == ["a.jpg", "b/empty.jpg", "b/tall.png", "b/zero.jpg"]
    [one] = images["a.jpg"]["detections"]
    # Centre at (32, 32) and 32 x 32: from 16 to 48 of 320.
    assert one["bbox"] == pytest.approx([0.05, 0.05, 0.1, 0.1])
    assert one["conf"] == pytest.approx(1.0, abs=1e-3) and one["category"] == "1"
    assert images["b/empty.jpg"]["detections"] == []
    # 160 x 320 fills all of 320 x 160; the box around (0, 0) from -16 to 16 ends with the picture.
    [tall] = images["b/tall.png"]["detections"]
    assert tall["bbox"] == pytest.approx([0, 0, 0.1, 0.05])
    assert images["b/zero.jpg"] == {
        "file": "b/zero.jpg",
        "failure": "image access failure: empty file",
        "detections": None,
    }
    assert results["detection_categories"] == {"1": "something"}
    assert "zamba==2.7.2, licence MIT" in results["info"]["detector_metadata"]["origin"]
    # Pictures of one shape are answered together.
    assert sorted(by_hand) == [(1, 320, 160, 3), (2, 320, 320, 3)]
    assert (
        (tmp_path / "out" / "not_processed.csv")
        .read_text()
        .endswith("notes.txt,not a picture: .txt\n")
    )
    read = detections.read(path)
    assert read.threshold == 0.2 and read.something.tolist() == [True, False, True, False]


def test_what_seems_damaged_is_answered_and_marked(season, tmp_path, by_hand, caplog, valid):
    from camtrap_tf.pictures import wholeness
    from camtrap_tf.prediction.detect import Search, detect
    from tests import damaged_jpegs
    from tests.odd_pictures import saved

    whole = saved(damaged_jpegs.grain())
    middle = len(whole) // 2
    lost = whole[:middle] + bytes(damaged_jpegs.CLUSTER) + whole[middle + damaged_jpegs.CLUSTER :]
    (season / "lost.jpg").write_bytes(lost)
    (season / "short.jpg").write_bytes(whole[:middle])
    path = detect([season], tmp_path / "out", Search(floor=0.5))
    images = {image["file"]: image for image in json.loads(path.read_text())["images"]}
    assert images["lost.jpg"]["detections"] and images["lost.jpg"]["doubt"]
    assert images["short.jpg"] == {
        "file": "short.jpg",
        "failure": f"image access failure: {wholeness.NO_END}",
        "detections": None,
    }
    assert [name for name, image in images.items() if "doubt" in image] == ["lost.jpg"]
    assert "1 pictures are answered, but seem to be damaged ('doubt' says so)" in caplog.text
    valid("megadetector", path)


def test_results_obey_the_format(season, tmp_path, by_hand, valid):
    from camtrap_tf.prediction.detect import Search, detect

    valid("megadetector", detect([season], tmp_path / "out", Search(floor=0.5)))


def test_a_job_that_was_stopped_goes_on_and_comes_to_the_same(season, tmp_path, by_hand):
    from camtrap_tf.prediction.detect import Search, detect

    search = Search(floor=0.5, block_size=1, batch_size=1)
    whole = json.loads(detect([season], tmp_path / "whole", search).read_text())
    assert len(list((tmp_path / "whole" / "blocks").iterdir())) == 4
    detect([season], tmp_path / "out", search)
    (tmp_path / "out" / "detections.json").unlink()
    (tmp_path / "out" / "blocks" / "000002.parquet").unlink()
    by_hand.clear()
    again = json.loads(detect([season], tmp_path / "out", search).read_text())
    assert by_hand == [(1, 320, 160, 3)]
    assert again["images"] == whole["images"]
    with pytest.raises(InputError, match=r"belongs to one job; .* 'floor: 0\.5 != 0\.4'"):
        detect([season], tmp_path / "out", Search(floor=0.4))
    # Another name for the boxes is no other job.
    named = detect([season], tmp_path / "out", Search(floor=0.5, category="animal"))
    assert json.loads(named.read_text())["detection_categories"] == {"1": "animal"}


def test_new_pictures_are_added(season, tmp_path, by_hand):
    from camtrap_tf.prediction.detect import Search, detect

    detect([season], tmp_path / "out", Search(floor=0.5))
    Image.new("RGB", (320, 320), "white").save(season / "new.png")
    path = detect([season], tmp_path / "out", Search(floor=0.5), only_new=True)
    images = json.loads(path.read_text())["images"]
    assert [image["file"] for image in images][-1] == "new.png" and len(images) == 5


def test_bad_input(season, tmp_path, monkeypatch, capsys):
    from camtrap_tf.prediction.detect import Search

    for options, says in (
        ({"longer": 500}, "multiples of 32"),
        ({"floor": 0.0}, "between 0 and 1"),
        ({"batch_size": 0}, "batch_size is at least 1"),
    ):
        with pytest.raises(InputError, match=says):
            Search(**options)
    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "none"))
    out = tmp_path / "out"
    assert cli.main(["detect", str(season), f"--out={out}"]) == 2
    assert "Run `camtrap weights get megadetector-lite`" in capsys.readouterr().err
    assert not out.exists()


def cells():
    """A Keras network whose every position is as sure as its cell at stride 32 is bright."""
    import keras
    from keras import layers

    image = keras.Input((None, None, 3), name="image")
    mean = layers.AveragePooling2D(32)(image)
    told = layers.Conv2D(6, 1, name="told")
    answers = [
        layers.Reshape((-1, 6))(layers.UpSampling2D(repeats)(told(mean))) for repeats in (4, 2, 1)
    ]
    model = keras.Model(image, layers.Concatenate(1)(answers), name="cells")
    kernel = np.zeros((1, 1, 3, 6), np.float32)
    kernel[..., 0, 4] = 40 / 255
    model.get_layer("told").set_weights([kernel, np.array([0, 0, 0, 0, -20, 20], np.float32)])
    return model


def test_litert_finds_what_keras_finds(season, tmp_path, monkeypatch):
    from camtrap_tf.core import cache
    from camtrap_tf.networks.detector import finder
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.prediction import detect

    class Told(finder.Finder):
        def __init__(self, floor):
            super().__init__(floor, cells())

    monkeypatch.setattr(detect, "Finder", Told)
    monkeypatch.setattr(weights, "require", lambda name: None)
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "cache")
    found = {
        engine: json.loads(
            detect.detect(
                [season], tmp_path / engine, detect.Search(floor=0.1, engine_cpu=Engine(engine))
            ).read_text()
        )["images"]
        for engine in ("keras", "litert")
    }
    assert found["keras"] == found["litert"]
    assert len(found["keras"][0]["detections"]) == 21
    # The network was converted for the shape of the first picture; the tall one went to Keras.
    assert len(list((tmp_path / "cache" / "engines").glob("*.tflite"))) == 1
    assert len(json.loads((tmp_path / "litert" / "engine.json").read_text())["litert"]) == 1


def test_a_prediction_that_looks_for_boxes_speaks_of_its_own_folder(
    season, tmp_path, by_hand, caplog
):
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options
    from tests.export.test_crops import write_two_views

    caplog.set_level("INFO", "camtrap")
    bundle, out = write_two_views(tmp_path / "bundle"), tmp_path / "out"
    predict([season], bundle, out, Options())
    for told in ("listed 4 pictures", "listed ", "not processed: 1 file"):
        assert caplog.text.count(told) == 1
    shown = len(by_hand)
    other = tmp_path / "other"
    other.mkdir()
    for folder, options, told in (
        (season / "b", Options(), r"out differs; received .sources: "),
        (season, Options(batch_size=5), r"out differs; received .batch_size: 32 != 5"),
    ):
        with pytest.raises(InputError, match=told):
            predict([folder], bundle, out, options)
    (other / "notes.txt").touch()
    with pytest.raises(
        InputError, match=r"new, empty, or that of the same job; received '.*other'"
    ):
        predict([season], bundle, other, Options())
    assert len(by_hand) == shown  # nothing was looked for first
    # One that was stopped before it had all boxes has its boxes alone.
    (out / "job.json").unlink()
    (out / "predictions.parquet").unlink()
    for folder in ("blocks", "boxes"):
        shutil.rmtree(out / folder)
    for path in out.glob("[a-z]*.*"):
        path.unlink()
    with pytest.raises(InputError, match=r"out differs; received .sources: "):
        predict([season / "b"], bundle, out, Options())
