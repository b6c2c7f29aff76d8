"""Several species in one picture: each box named, stopped and gone on with, and read again."""

import dataclasses
import json
import pickle
import shutil

import numpy as np
import pytest

from camtrap_tf.answers import boxes as named
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.config import View
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import boxes, detections
from camtrap_tf.events.detections import Detector, Use
from camtrap_tf.pictures import crops, files
from camtrap_tf.prediction.predict import predict
from camtrap_tf.prediction.predictor import Options
from tests.export.test_crops import write_two_views
from tests.prediction.test_predict_detector import BLUE, RED, picture

LEFT, RIGHT = [0.125, 0.25, 0.25, 0.5], [0.625, 0.25, 0.25, 0.5]
GREY = (95, 95, 95)
# By picture: its patches, and the confidence of the boxes on the left and the right.
SEASON = {
    "0.jpg": ((BLUE, RED), (0.9, 0.6)),
    "1.jpg": ((RED, GREY), (0.8, 0.1)),
    "2.jpg": ((GREY, GREY), (0.7, 0.7)),  # empty
    "3.jpg": ((RED, RED), (0.3, 0.5)),
    "4.jpg": ((BLUE, GREY), (0.1, 0.0)),
    "5.jpg": ((BLUE, RED), (0.9, 0.9)),  # is cut off
    "6.jpg": ((RED, BLUE), (0.6, 0.9)),
}


@pytest.fixture(scope="module")
def two_views(tmp_path_factory):
    bundle = write_two_views(tmp_path_factory.mktemp("views") / "bundle")
    # Blue beside red is grey to the network that sees the whole picture.
    return dataclasses.replace(bundle, animal_threshold=0.3)


@pytest.fixture(scope="module")
def season(tmp_path_factory):
    """Pictures of `SEASON`, two minutes apart."""
    folder = tmp_path_factory.mktemp("season") / "pictures"
    folder.mkdir()
    for number, (name, (colours, _)) in enumerate(SEASON.items()):
        picture(folder / name, colours, 120 * number)
    whole = (folder / "5.jpg").read_bytes()
    (folder / "5.jpg").write_bytes(whole[:-300])
    return folder


def write_results(path, season=SEASON):
    images = [
        {
            "file": name,
            "detections": [
                {"category": "1", "conf": conf, "bbox": box}
                for conf, box in zip(sure, (LEFT, RIGHT), strict=True)
                if conf
            ],
        }
        for name, (_, sure) in season.items()
    ]
    content = {"info": {}, "detection_categories": {"1": "animal"}, "images": images}
    path.write_text(json.dumps(content))
    return path


def answer(season, bundle, file, out):
    """Results in blocks of two pictures."""
    detector = Detector(detections.read(file), Use.VIEW)
    options = Options(batch_size=2, block_size=2, detector=detector, boxes=boxes.read(file))
    return predict([season], bundle, out, options)


@pytest.fixture(scope="module")
def answered(season, two_views, tmp_path_factory):
    folder = tmp_path_factory.mktemp("answered")
    return answer(season, two_views, write_results(folder / "md.json"), folder / "out")


def test_every_box_of_a_picture_with_several_is_answered(answered, two_views, season):
    found = named.beside(answered)
    assert found is not None and found.species == ("blue", "red") and found.threshold == 0.2
    paths = [0, 0, 1, 2, 2, 3, 3, 5, 5, 6, 6]
    assert found.rows["path"].tolist() == [f"{number}.jpg" for number in paths]
    sure = [0.9, 0.6, 0.8, 0.7, 0.7, 0.5, 0.3, 0.9, 0.9, 0.9, 0.6]
    np.testing.assert_array_equal(found.rows["confidence"], np.float32(sure))
    # Not of one box, an empty picture, or one that cannot be read.
    asked = ~np.isnan(np.asarray(found.probabilities)[:, 0])
    assert asked.tolist() == [number in (0, 3, 6) for number in paths]
    (network,) = [n for n in two_views.networks(2) if n.view is View.CROP]
    pixels = files.read(season / "6.jpg", two_views.picture).pixels
    around = crops.squares(np.float32([RIGHT, LEFT]))
    parts = crops.cut(np.stack([pixels, pixels]), around)
    expected = network.probabilities(parts)["species"]
    np.testing.assert_allclose(np.asarray(found.probabilities)[-2:], expected, atol=1e-5)


def test_boxes_are_named_by_one_rule(answered):
    predictions, found = Predictions.read(answered), named.beside(answered)
    assert found is not None
    # Blue and red are alike in the whole picture; the surest box decides.
    answers = predictions.answers().fillna("").tolist()
    assert answers == ["blue", "red", "empty", "red", "blue", "", "blue"]
    rows = found.parts(predictions)
    assert rows.picture.tolist() == [0, 0, 1, 2, 3, 3, 4, 5, 6, 6]
    assert rows.number().tolist() == [0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert [(one.start, one.stop) for one in rows.slices()[:3]] == [(0, 2), (2, 3), (3, 4)]
    said = rows.answers.answers().fillna("").tolist()
    assert said == ["blue", "red", "red", "empty", "red", "red", "blue", "", "blue", "red"]
    assert np.flatnonzero(rows.other).tolist() == [1, 9]
    assert np.flatnonzero(~rows.boxed).tolist() == [3, 6, 7]
    np.testing.assert_array_equal(rows.sides[:4], np.float32([LEFT, RIGHT, LEFT, [np.nan] * 4]))
    # A box of the picture's species says what the picture says.
    own, whole = rows.answers.probabilities["species"], predictions.probabilities["species"]
    np.testing.assert_array_equal(own[[0, 2, 4, 5]], whole[[0, 1, 3, 3]])
    np.testing.assert_array_equal(own[1], np.asarray(found.probabilities)[1])
    sure = rows.answers.scores["detection"]
    np.testing.assert_allclose(sure[[0, 1, 2]], [0.9, 0.6, 0.8])


def test_a_stopped_job_names_the_other_boxes(season, two_views, answered, tmp_path, monkeypatch):
    from camtrap_tf.prediction import boxes as naming

    file, out = write_results(tmp_path / "md.json"), tmp_path / "out"
    names, asked = naming._Namer.species, []

    def species(self, rows, animal):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(rows))
        return names(self, rows, animal)

    with monkeypatch.context() as patch:
        patch.setattr(naming._Namer, "species", species)
        with pytest.raises(KeyboardInterrupt):
            answer(season, two_views, file, out)
    assert not (out / "boxes.parquet").exists() and not (out / "predictions.parquet").exists()
    whole = answered.with_name("boxes.parquet").read_bytes()
    blocks = sorted((out / "boxes").iterdir())
    before = [path.stat().st_mtime_ns for path in blocks]
    assert len(blocks) == 2
    answer(season, two_views, file, out)
    assert (out / "boxes.parquet").read_bytes() == whole
    assert [path.stat().st_mtime_ns for path in blocks] == before
    # Nothing is left to do: no network is loaded.
    monkeypatch.setattr(naming, "Predictor", None)
    answer(season, two_views, file, out)
    assert (out / "boxes.parquet").read_bytes() == whole


def test_blocks_whose_boxes_are_others_are_answered_anew(season, two_views, tmp_path):
    out = tmp_path / "out"
    answer(season, two_views, write_results(tmp_path / "md.json"), out)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "boxes").iterdir()}
    other = SEASON | {"3.jpg": ((RED, RED), (0.1, 0.5))}  # the surest is the same
    answer(season, two_views, write_results(tmp_path / "other.json", other), out)
    after = {path.name: path.stat().st_mtime_ns for path in (out / "boxes").iterdir()}
    assert [name for name in before if after[name] != before[name]] == ["000001.parquet"]
    found = named.beside(out / "predictions.parquet")
    assert found is not None and found.rows["path"].tolist().count("3.jpg") == 1


def test_boxes_of_other_species_are_refused(answered):
    predictions, found = Predictions.read(answered), named.beside(answered)
    assert found is not None
    predictions.classes["species"] = ("blue", "green")
    with pytest.raises(InputError, match="the same species; received 'red'"):
        found.parts(predictions)


def test_no_boxes_where_none_are_given(season, two_views, tmp_path):
    file = write_results(tmp_path / "md.json")
    options = Options(detector=Detector(detections.read(file), Use.VIEW))
    path = predict([season], two_views, tmp_path / "out", options)
    assert named.beside(path) is None
    empty = write_results(tmp_path / "none.json", dict.fromkeys(SEASON, ((), (0, 0))))
    path = answer(season, two_views, empty, tmp_path / "none")
    found = named.beside(path)
    assert found is not None and len(found) == 0
    rows = found.parts(Predictions.read(path))
    assert len(rows.picture) == len(SEASON) and not rows.boxed.any()


def test_pictures_that_have_come_since_get_boxes(season, two_views, tmp_path, monkeypatch):
    from camtrap_tf.prediction import predict as predicting

    def look(*_, **__):
        listed = {path.name: SEASON[path.name] for path in (tmp_path / "card").iterdir()}
        return write_results(tmp_path / "md.json", listed)

    monkeypatch.setattr(predicting, "detect", look)
    (tmp_path / "card").mkdir()
    shutil.copy(season / "6.jpg", tmp_path / "card")
    predict([tmp_path / "card"], two_views, tmp_path / "out")
    shutil.copy(season / "0.jpg", tmp_path / "card")
    path = predict([tmp_path / "card"], two_views, tmp_path / "out", only_new=True)
    found = named.beside(path)
    assert found is not None and found.rows["path"].tolist() == ["6.jpg"] * 2 + ["0.jpg"] * 2
    said = found.parts(Predictions.read(path)).answers.answers()
    assert said.tolist() == ["blue", "red"] * 2


def test_sharp_crops_are_cut_from_the_file(season, two_views, tmp_path):
    picture = dataclasses.replace(two_views.picture, crops=True)
    bundle = dataclasses.replace(two_views, picture=picture)
    path = answer(season, bundle, write_results(tmp_path / "md.json"), tmp_path / "out")
    found = named.beside(path)
    assert found is not None and found.rows["path"].iloc[-1] == "6.jpg"
    (network,) = [n for n in bundle.networks(2) if n.view is View.CROP]
    around = np.float32([RIGHT, LEFT])
    parts = np.stack([crops.sharp(season / "6.jpg", picture, box) for box in around])
    expected = network.probabilities(parts)["species"]
    np.testing.assert_allclose(np.asarray(found.probabilities)[-2:], expected, atol=1e-5)


def test_what_names_boxes_can_be_sent_to_other_processes(season, two_views, answered, tmp_path):
    def send(work, advance):
        start, arguments = pickle.loads(pickle.dumps((work.start, work.arguments)))
        tasks = pickle.loads(pickle.dumps(list(work.tasks)))
        return enumerate(start(*arguments)(tasks, advance))

    file = write_results(tmp_path / "md.json")
    detector = Detector(detections.read(file), Use.VIEW)
    options = Options(batch_size=2, block_size=2, detector=detector, boxes=boxes.read(file))
    path = predict([season], two_views, tmp_path / "out", options, engine=send)
    found, expected = named.beside(path), named.beside(answered)
    assert found is not None and expected is not None
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
