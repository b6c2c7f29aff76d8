"""A picture is read with its event by weights worked out by hand, and both readings are kept."""

import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers import with_event
from camtrap_tf.answers.predictions import Predictions, ensemble
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from camtrap_tf.outputs import camtrap_dp, csv, further, megadetector, speciesnet

NAN = float("nan")
CLASSES = {"empty": BINARY, "species": ("lion", "zebra")}


def make(**changes) -> Predictions:
    """Event x: lion, zebra, and a frame that was not asked; y stands alone; z has two species."""
    animal = np.float32([0.8, 0.8, 0.2, 0.9, 0.99, 0.99])
    lion = np.float32([0.9, 0.4, NAN, 0.7, 0.98, 0.02])
    ids = pd.DataFrame({"path": [f"{name}.jpg" for name in "abcdef"], "event_id": list("xxxyzz")})
    probabilities = {
        head: np.stack([p, 1 - p], 1) for head, p in (("empty", animal), ("species", lion))
    }
    return Predictions(**{"ids": ids, "classes": CLASSES, "probabilities": probabilities} | changes)


def test_a_picture_joins_its_own_word_and_its_events():
    found = with_event.read(make(), 0.5)
    # x together: lion (0.9 + 0.4) / 2 = 0.65. First frame √(0.65 · 0.9) : √(0.35 · 0.1), second
    # √(0.65 · 0.4) : √(0.35 · 0.6).
    lion = [0.7649 / (0.7649 + 0.1871), 0.5099 / (0.5099 + 0.4583)]
    np.testing.assert_allclose(found.probabilities["species"][:2, 0], lion, atol=1e-4)
    assert found.answers()[:3].tolist() == ["lion", "lion", "empty"]
    assert found.alone().answers()[:2].tolist() == ["lion", "zebra"]
    np.testing.assert_array_equal(found.own["species"], make().probabilities["species"])
    assert found.read_with_event().tolist() == [True, True, False, False, True, True]
    assert found.info["read_with_event"] == 0.5 and not found.alone().info


def test_what_has_no_other_frame_or_a_person_behind_it_keeps_its_answer():
    ids = make().ids.assign(reviewed_by=[None, "Ada", None, None, None, None])
    found = with_event.read(make(ids=ids), 0.9).probabilities["species"]
    np.testing.assert_array_equal(found[[1, 2, 3]], make().probabilities["species"][[1, 2, 3]])
    plain = make()
    assert with_event.read(plain, 0.0) is plain
    with pytest.raises(InputError, match=r"lies in \[0, 1\].*1.5"):
        with_event.read(plain, 1.5)


def test_of_one_stage_the_probability_of_empty_stays():
    ids = pd.DataFrame({"path": ["a", "b"], "event_id": ["x", "x"]})
    values = np.array([[0.06, 0.04, 0.9], [0.1, 0.7, 0.2]], np.float32)  # lion, zebra, empty
    one = Predictions(ids, {"species": ("lion", "zebra", "empty")}, {"species": values})
    found = with_event.read(one, 1.0).probabilities["species"]
    # Together lion 0.16 and zebra 0.74, of 0.9.
    np.testing.assert_allclose(found[:, 2], [0.9, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found[:, 0], [0.1 * 0.16 / 0.9, 0.8 * 0.16 / 0.9], rtol=1e-5)


def test_events_are_made_of_what_pictures_say_by_themselves():
    found, plain = with_event.read(make(), 0.9), make()
    for events in (found.by_event(), ensemble([found, found]).by_event()):
        np.testing.assert_allclose(
            events.probabilities["species"], plain.by_event().probabilities["species"]
        )
    assert not found.by_event().own
    again = with_event.read(found, 0.5)
    np.testing.assert_array_equal(
        again.probabilities["species"], with_event.read(plain, 0.5).probabilities["species"]
    )


def test_parts_are_read_as_the_whole_though_an_event_is_divided():
    whole = make(ids=make().ids.assign(event_id=list("xzxyxz")))
    bounds = [slice(0, 2), slice(2, 4), slice(4, 6)]
    parts = [whole.select(np.arange(6)[one]) for one in bounds]
    events = [whole.ids["event_id"].iloc[one] for one in bounds]
    found = list(with_event.read_parts(lambda: iter(parts), events, 0.9))
    np.testing.assert_array_equal(
        np.concatenate([part.probabilities["species"] for part in found]),
        with_event.read(whole, 0.9).probabilities["species"],
    )
    np.testing.assert_array_equal(found[0].own["species"], parts[0].probabilities["species"])


def test_both_readings_are_kept_in_the_file(tmp_path):
    found = with_event.read(make(), 0.9)
    found.write(tmp_path / "p.parquet")
    read, opened = (
        Predictions.read(tmp_path / "p.parquet"),
        Predictions.open(tmp_path / "p.parquet"),
    )
    for one in (read, opened.select(np.arange(6))):
        np.testing.assert_array_equal(one.own["species"], found.own["species"])
        np.testing.assert_array_equal(one.probabilities["species"], found.probabilities["species"])
    assert read.info == found.info


def test_the_weight_is_chosen_by_the_labels_of_pictures():
    labels = {"species": np.array([0, 0, -1, 0, 0, 1])}
    # The second frame of x is a lion only with its event; z's two species are known alone, and
    # up to 0.5: its event says lion 0.5.
    assert with_event.choose(make(labels=labels)) > 0
    assert with_event.choose(make(labels={"species": np.array([0, 1, -1, 0, 0, 1])})) == 0.0
    assert with_event.choose(make()) == 0.0


def test_every_output_says_which_pictures_were_read_so(tmp_path):
    found = with_event.read(make(), 0.5)
    row = csv.frame(found).iloc[1]
    assert (row["species"], row["species_alone"], row["read_with_event"]) == ("lion", "zebra", True)
    assert row["species_alone_confidence"] == pytest.approx(0.6)
    assert "species_alone" not in csv.frame(make()) and "species_alone" not in csv.frame(
        found.by_event()
    )
    content = megadetector.content(found)
    megadetector.validate(content)
    assert content["info"]["detector_metadata"]["read_with_event"] == 0.5
    image = content["images"][1]
    assert image["detections"][0]["classifications"][0][0] == "0"
    assert image["classifications_alone"] == [["1", 0.6], ["0", 0.4]]
    assert "classifications_alone" not in content["images"][3]
    speciesnet.write(found, tmp_path / "s.json")
    entry = json.loads((tmp_path / "s.json").read_text())["predictions"][1]
    itself = entry["detections"][0]
    assert itself["processed_classification"]["class"].endswith("lion")
    assert itself["raw_classifications"]["classes"][0].endswith("lion")
    assert entry["classifications_alone"]["scores"] == [0.6, 0.4]
    comments = camtrap_dp._comments(found, found.answers().notna().to_numpy())
    assert comments[1] == "read with its event; by itself: zebra (0.60)"
    assert comments.notna().tolist() == found.read_with_event().tolist()


def test_two_species_of_an_event_are_still_told():
    seen = [seen for _, seen in further.events(with_event.read(make(), 0.9))]
    assert pd.concat(seen).tolist()[-1] in ("lion", "zebra")


def test_a_frame_alone_with_its_species_keeps_its_answer():
    found = make().select(np.array([0, 2]))  # the other frame was not asked
    read = with_event.read(found, 0.9)
    np.testing.assert_array_equal(read.probabilities["species"], found.probabilities["species"])
    assert not read.read_with_event().any()
