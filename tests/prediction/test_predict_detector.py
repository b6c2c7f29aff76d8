"""Prediction with MegaDetector's results: in place of stage 1, or to crop by."""

import datetime
import json
import logging

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.events import detections
from camtrap_tf.events.detections import Detector, Use
from camtrap_tf.pictures import files
from camtrap_tf.prediction.predict import predict
from camtrap_tf.prediction.predictor import Options

NAMES = [f"{i}.jpg" for i in range(6)]
RED, BLUE = (230, 90, 90), (90, 90, 230)


def picture(path, colours=(RED,), seconds=0) -> None:
    """Patches of colours side by side on grey, with a time."""
    base = np.full((60, 80 * len(colours), 3), 95, np.uint8)
    for place, colour in enumerate(colours):
        base[15:45, 80 * place + 20 : 80 * place + 60] = colour
    exif = Image.Exif()
    taken = datetime.datetime(2020, 5, 1, 12) + datetime.timedelta(seconds=seconds)
    exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    Image.fromarray(base).save(path, exif=exif)


@pytest.fixture
def folder(tmp_path):
    """Six pictures of a red animal, a minute apart."""
    (tmp_path / "pictures").mkdir()
    for number, name in enumerate(NAMES):
        picture(tmp_path / "pictures" / name, seconds=60 * number)
    return tmp_path / "pictures"


def results(tmp_path, confidences: dict, box=(0.25, 0.25, 0.5, 0.5)):
    """A results file; a text in place of a confidence is a failure."""
    images = [
        {"file": name, "detections": None, "failure": conf} if isinstance(conf, str)
        else {"file": name, "detections": [{"category": "1", "conf": conf, "bbox": list(box)}]}
        for name, conf in confidences.items()
    ]  # fmt: skip
    content = {"info": {}, "detection_categories": {"1": "animal"}, "images": images}
    (tmp_path / "md.json").write_text(json.dumps(content))
    return tmp_path / "md.json"


def answer(folder, bundle, out, file, use, threshold=None) -> Predictions:
    detector = Detector(detections.read(file, threshold), use)
    options = Options(batch_size=2, block_size=4, detector=detector)
    return Predictions.read(predict([folder], bundle, out, options))


def test_its_verdict_is_stage_1(folder, colour_bundle, tmp_path, caplog):
    caplog.set_level(logging.INFO, "camtrap")
    file = results(tmp_path, dict(zip(NAMES, [0.9, 0.1, 0.25, 0.0, "corrupt"], strict=False)))
    found = answer(folder, colour_bundle, tmp_path / "out", file, Use.STAGE1)
    np.testing.assert_array_equal(
        found.probabilities["empty"][:4, 0], np.float32([0.9, 0.1, 0.25, 0])
    )
    assert found.answers().fillna("").tolist() == ["red", "empty", "red", "empty", "", ""]
    assert found.answered("species").tolist() == [True, False, True, False, False, False]
    assert found.ids["failure"][4:].tolist() == [
        "MegaDetector: corrupt", "MegaDetector: not in MegaDetector's results"
    ]  # fmt: skip
    assert found.ids["datetime"][:4].notna().all()  # those it calls empty are not decoded
    assert found.info["animal_threshold"] == 0.2 and found.info["model"].startswith("MegaDetector")
    assert "the detections have 5 of 6 pictures" in caplog.text


def test_its_box_is_what_the_network_sees(colour_bundle, tmp_path):
    (tmp_path / "pictures").mkdir()
    picture(tmp_path / "pictures" / "0.jpg", (BLUE, RED))
    answers = []
    for name, box in (("l", (0.125, 0.25, 0.25, 0.5)), ("r", (0.625, 0.25, 0.25, 0.5))):
        file = results(tmp_path, {"0.jpg": 0.9}, box)
        found = answer(tmp_path / "pictures", colour_bundle, tmp_path / name, file, Use.BOXES)
        answers += found.answers().tolist()
        assert found.info["detector"]["use"] == "boxes"
    assert answers == ["blue", "red"]


def test_a_box_below_the_threshold_is_not_used(folder, colour_bundle, tmp_path):
    file = results(tmp_path, dict.fromkeys(NAMES, 0.1), (0, 0, 0.1, 0.1))
    cropped, whole = (
        answer(folder, colour_bundle, tmp_path / str(at), file, Use.BOXES, at) for at in (0.05, 0.2)
    )
    plain = Predictions.read(
        predict([folder], colour_bundle, tmp_path / "plain", Options(batch_size=2, block_size=4))
    )
    for head, values in plain.probabilities.items():
        np.testing.assert_array_equal(whole.probabilities[head], values)
    assert not np.array_equal(cropped.probabilities["empty"], plain.probabilities["empty"])


def test_results_of_other_pictures_are_refused(folder, colour_bundle, tmp_path):
    file = results(tmp_path, {"elsewhere/0.jpg": 0.9})
    with pytest.raises(InputError, match=r"e\.g\. 0\.jpg; received 'elsewhere/0\.jpg'.*--images"):
        answer(folder, colour_bundle, tmp_path / "out", file, Use.STAGE1)


def test_a_job_is_not_gone_on_with_other_results(folder, colour_bundle, tmp_path):
    file = results(tmp_path, dict.fromkeys(NAMES, 0.9))
    answer(folder, colour_bundle, tmp_path / "out", file, Use.STAGE1)
    for threshold, conf in ((0.5, 0.9), (None, 0.8)):
        file = results(tmp_path, dict.fromkeys(NAMES, conf))
        with pytest.raises(InputError, match=r"belongs to one job.*detector"):
            answer(folder, colour_bundle, tmp_path / "out", file, Use.STAGE1, threshold)


def test_the_command(folder, colour_bundle, tmp_path):
    file = results(tmp_path, dict.fromkeys(NAMES, 0.3))
    arguments = ["predict", str(folder), f"--bundle={colour_bundle.folder}", "--format=csv"]
    arguments += [f"--out={tmp_path / 'out'}", f"--megadetector={file}"]
    assert cli.main([*arguments, "--megadetector_threshold=0.4"]) == 0
    answers = pd.read_csv(tmp_path / "out" / "predictions.csv")["answer"]
    assert answers.tolist() == ["empty"] * 6


@pytest.mark.parametrize(("suffix", "off"), [("png", 1), ("jpg", 2)])
def test_the_part_around_a_box(tmp_path, suffix, off):
    """A tenth of margin, the proportions of the picture, moved inside it; without the bar.

    Halving before the last resize rounds once more than Pillow's way in one go.
    """
    across, down = np.meshgrid(np.arange(800) * 255 // 799, np.arange(400) * 255 // 399)
    pixels = np.stack([across, down, across], axis=-1).astype(np.uint8)
    pixels[360:] = 255
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", quality=95)
    spec = PictureSpec(size=32, bar_share=0.1)
    found = files.read(tmp_path / f"a.{suffix}", spec, (0.75, 0.3, 0.25, 0.2)).pixels
    # The longer side, 0.25 and a margin of 0.025 each side: 0.3 of 800 columns, of 360 rows.
    # Centre: 0.875 of the columns, too far right; 0.4 of 400 rows: 160 - 54.
    part = Image.fromarray(pixels).crop((560, 106, 800, 106 + 108))
    expected = np.asarray(part.resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=off)


def test_a_glance_tells_all_but_the_pixels(folder):
    whole, glanced = (
        files.read(folder / "1.jpg", PictureSpec(size=8)),
        files.glance(folder / "1.jpg"),
    )
    assert (glanced.facts, glanced.width, glanced.height) == (whole.facts, 80, 60)
    assert glanced.pixels.size == 0
    with pytest.raises(files.PictureError, match="no such file"):
        files.glance(folder / "9.jpg")


def test_sites_of_a_list_are_apart(folder, colour_bundle, tmp_path):
    """Pictures of two cameras in one folder, of one time, in blocks of any size."""
    for name in NAMES:
        picture(folder / name)
    rows = ["path,site", *(f"{name},{'AB'[number % 2]}" for number, name in enumerate(NAMES))]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    for size in (1, 512):
        options = Options(block_size=size)
        out = predict([tmp_path / "list.csv"], colour_bundle, tmp_path / str(size), options,
                      images=folder)  # fmt: skip
        assert Predictions.read(out).ids["event_id"].tolist() == ["0.jpg", "1.jpg"] * 3
