"""A column of the metadata becomes a head, and goes all the way; nothing knows it by name.

The questions are 'sex', of several classes, and 'collar', answered by yes or no.
"""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli, outputs
from camtrap_tf.answers import metrics, planning
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.heads import declared
from camtrap_tf.core.labels import BINARY, Task, Vocabulary
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from camtrap_tf.outputs.options import Options
from camtrap_tf.reporting import tables
from camtrap_tf.reviewing import answers
from camtrap_tf.reviewing.journal import Answer, Sighting, Verdict
from data_prep.choice.select import event_labels
from data_prep.sources import read

SEX = ("male", "female", "unknown")
HEADS = ("--head=sex:male,female,unknown", "--head=collar")


def camtrap(*arguments) -> None:
    assert cli.main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """36 events of a picture: a third empty; collars and sexes in turn, every ninth not told.

    Males are bright, and collars are white stripes.
    """
    folder, rng = tmp_path_factory.mktemp("further"), np.random.default_rng(0)
    (folder / "pictures").mkdir()
    with open(folder / "labels.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "species", "event", "site", "sex", "has_collar"))
        for i in range(36):
            pixels = np.full((40, 40, 3), 90) + rng.integers(0, 12, (40, 40, 1))
            told = ("", "")
            if i % 3:
                colour = np.array([200, 40, 40] if i % 3 == 1 else [40, 40, 200])
                pixels[8:32, 8:32] = colour // (1 + i % 2)
                pixels[18:22, 8:32] = 250 if i % 4 < 2 else pixels[18:22, 8:32]
                told = ("Male", "female")[i % 2], ("yes", "1", "no", "0")[i % 4]
                told = ("unknown", "") if i % 9 == 1 else told
            name = f"{i:02d}.jpg"
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "pictures" / name, quality=95)
            table.writerow((name, ("empty", "deer", "fowl")[i % 3], f"e{i}", f"s{i % 6}", *told))
    camtrap(
        "prepare", "--source=csv", f"--metadata={folder / 'labels.csv'}",
        f"--out={folder / 'events.parquet'}", *HEADS, "--columns=collar=has_collar",
    )  # fmt: skip
    camtrap(
        "shard", f"--events={folder / 'events.parquet'}", f"--images={folder / 'pictures'}",
        f"--out={folder / 'shards'}", "--size=40", "--split=event", "--shares=0.5,0.25,0.25",
        "--processes=1",
    )  # fmt: skip
    return folder


def test_the_event_table_declares_it(prepared):
    table = EventTable.read(prepared / "events.parquet")
    assert table.heads == {"sex": SEX, "collar": BINARY}
    labels = table.labels.set_index("event_id")
    assert labels["sex"]["e2"] == "male" and labels["collar"]["e2"] == 0  # 'no' is 0
    assert labels["sex"]["e5"] == "female" and labels["collar"]["e5"] == 1  # '1' is yes
    assert labels["sex"]["e1"] == "unknown" and pd.isna(labels["collar"]["e1"])
    assert pd.isna(labels["sex"]["e0"])  # empty
    assert table.keep(["e2"]).heads == table.heads


def test_shards_carry_it(prepared):
    manifest = Manifest.read(prepared / "shards")
    assert manifest.vocabulary.further == {"sex": SEX, "collar": BINARY}
    assert list(manifest.vocabulary.heads(Task.ANIMAL)) == ["species", "sex", "collar"]
    assert "sex" not in manifest.vocabulary.heads(Task.SPECIES)
    counts = {
        head: np.sum([split[head] for split in manifest.class_counts.values()], axis=0).tolist()
        for head in ("sex", "collar")
    }
    # Of 24 animals 4 have i % 9 == 1; of the others, 12 have even i, and 9 i % 4 > 1.
    shown = [i for i in range(36) if i % 3 and i % 9 != 1]
    female, collar = sum(i % 2 for i in shown), sum(i % 4 < 2 for i in shown)
    assert counts["sex"] == [len(shown) - female, female, 4]
    assert counts["collar"] == [len(shown) - collar, collar]
    found = {}
    for shard in manifest.shards:
        for record in map(records.decode, records.read_file(prepared / "shards" / shard.file)):
            found[record.event_id] = record.labels
    assert found["e2"] | {"species": 0} == {"empty": 0, "species": 0, "sex": 0, "collar": 0}
    assert "sex" not in found["e0"] and found["e1"]["sex"] == 2 and "collar" not in found["e1"]


def test_a_vocabulary_without_further_heads_is_written_as_before():
    assert list(Vocabulary().to_json()) == ["species", "count_bins", "attributes"]
    told = Vocabulary(("deer",), (), (), {"sex": SEX})
    assert Vocabulary.from_json(json.loads(json.dumps(told.to_json()))) == told


def test_the_commonest_class_of_the_frames_is_the_events(tmp_path):
    rows = ["path,species,event,sex,collar", *(f"{i}.jpg,deer,e,male,0.25" for i in range(2))]
    rows += ["2.jpg,deer,e,female,1", "3.jpg,deer,f,male,", "4.jpg,deer,f,female,"]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    table = read("csv", tmp_path / "labels.csv", head=["sex:male,female", "collar"])
    found = event_labels(table).set_index("event_id")
    assert found["sex"]["e"] == "male" and found["collar"]["e"] == 1
    assert pd.isna(found["sex"]["f"]) and pd.isna(found["collar"]["f"])


def test_other_values_are_refused_or_dropped(tmp_path):
    (tmp_path / "labels.csv").write_text("path,species,sex,collar\n1.jpg,deer,m,2\n")
    with pytest.raises(InputError, match="`sex` is one of male, female"):
        read("csv", tmp_path / "labels.csv", head=["sex:male,female"])
    with pytest.raises(InputError, match="`collar` is one of yes"):
        read("csv", tmp_path / "labels.csv", head=["collar"])
    with pytest.raises(InputError, match="sx=sx"):
        read("csv", tmp_path / "labels.csv", head=["sx:male,female"])
    dropping = {"head": ["sex:male,female", "collar"], "on_unknown": "drop"}
    labels = read("csv", tmp_path / "labels.csv", **dropping).labels
    assert labels["sex"].isna().all() and labels["collar"].isna().all()


def test_bad_declarations_are_refused():
    for text, rule in (
        ("species:a,b", "a further head is none of"),
        ("hair colour", "a letter and then"),
        ("sex:male", "at least two classes"),
        ("sex:male,male", "at least two classes"),
    ):
        with pytest.raises(InputError, match=rule):
            declared([text])


@pytest.fixture
def predictions() -> Predictions:
    """A male deer with a collar, a female without, an empty picture."""
    ids = pd.DataFrame(
        {
            "path": [f"A/{i}.jpg" for i in range(3)],
            "event_id": ["e0", "e1", "e2"],
            "site": "A",
            "datetime": pd.to_datetime([f"2020-01-02 03:0{i}:05" for i in range(3)]),
        }
    )
    nan = [np.nan]
    probabilities = {
        "empty": [[0.875, 0.125], [0.75, 0.25], [0.125, 0.875]],
        "species": [[0.75, 0.25], [0.75, 0.25], nan * 2],
        "sex": [[0.75, 0.125, 0.125], [0.25, 0.625, 0.125], nan * 3],
        "collar": [[0.25, 0.75], [0.875, 0.125], nan * 2],
    }
    labels = {
        "empty": np.array([0, 0, 1]),
        "species": np.array([0, 0, -1]),
        "sex": np.array([0, 0, -1]),
        "collar": np.array([1, 0, -1]),
    }
    classes = {"empty": BINARY, "species": ("deer", "fowl"), "sex": SEX, "collar": BINARY}
    return Predictions(
        ids,
        classes,
        {head: np.array(values, np.float32) for head, values in probabilities.items()},
        labels,
        labels,
        {"model": "m", "model_version": "v"},
    )


def test_it_is_evaluated_planned_and_reported(predictions):
    scores = metrics.evaluate(predictions)
    assert scores["images"]["heads"]["sex"]["top1"] == 0.5  # the second is a male
    assert scores["images"]["heads"]["sex"]["per_class"]["male"]["recall"] == 0.5
    assert scores["images"]["attributes"]["accuracy"] == 1.0  # the collars
    asked = planning.answers(predictions, "sex")["animal"]
    np.testing.assert_array_equal(asked.right, [1, 0, np.nan])
    np.testing.assert_array_equal(asked.confidence, np.float32([0.75, 0.625, np.nan]))
    rows = {row["question"]: row for row in tables.accuracy(scores, predictions)}
    assert rows["sex?"]["pictures"] == 0.5 and rows["sex?"]["majority_class"] == "male"


def test_every_table_has_it(predictions, tmp_path):
    species = tmp_path / "species.csv"
    species.write_text("label,scientificName\ndeer,Cervus elaphus\nfowl,Gallus gallus\n")
    deployments = tmp_path / "deployments.csv"
    deployments.write_text("deploymentID,latitude,longitude\nA,1,2\n")
    outputs.write(predictions, tmp_path, ["csv", "parquet"])
    rows = pd.read_csv(tmp_path / "predictions.csv")
    assert rows["sex"].tolist()[:2] == ["male", "female"]
    assert rows["collar"].tolist()[:2] == ["yes", "no"] and rows["sex_confidence"][1] == 0.625
    table = pd.read_parquet(next(tmp_path.glob("*.parquet")))
    assert table["p_sex_female"].tolist()[:2] == [0.125, 0.625]
    options = Options(
        species=species, deployments=deployments, time_zone="+00:00", project="Deer",
        sampling_design="targeted", contributors=["Ada"],
    )  # fmt: skip
    outputs.write(predictions, tmp_path, ["camtrap_dp"], options)
    (file,) = tmp_path.rglob("observations.csv")
    media = pd.read_csv(file)
    media = media[media["observationType"] == "animal"].drop_duplicates("eventID")
    assert media["sex"].tolist() == ["male", "female"]
    assert media["observationTags"].tolist() == [
        "label:deer | collar:yes", "label:deer | collar:no"
    ]  # fmt: skip


def test_people_answer_it(predictions, tmp_path):
    sighting = Sighting("deer", None, {"collar": True}, {"sex": "unknown"})
    said = [Answer("e1", "Ada", Verdict.ANIMAL, (sighting,))]
    assert Answer.from_json(json.loads(json.dumps(said[0].to_json()))) == said[0]
    merged = answers.merge(predictions, said)
    assert merged.top("sex").tolist() == [0, 2, -1] and merged.top("collar").tolist() == [1, 1, -1]
    table = answers.event_table(predictions, said)
    assert table.heads == {"collar": BINARY, "sex": SEX}
    assert table.labels[["sex", "collar"]].iloc[0].tolist() == ["unknown", 1.0]
    two = [Answer("e1", name, Verdict.ANIMAL, (Sighting("deer"),)) for name in ("Bo", "Cy")]
    assert answers.merge(predictions, [*said, *two]).top("sex")[1] == 2  # of those who told


@pytest.mark.slow
def test_the_whole_way(prepared, tmp_path, monkeypatch):
    """Training, evaluation, bundle, predictions, report and exports: each has the heads."""
    import tensorflow as tf

    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.bundle import Bundle
    from export.saved_model import write_saved_model
    from tests.fixtures.before_rooms import make

    monkeypatch.setitem(architectures.ARCHITECTURES, "tiny", make.tiny)
    recipe = [flag for flag in make.RECIPE if "epochs=12" not in flag]
    for task in ("empty", "animal"):
        camtrap(
            "train", f"--shards={prepared / 'shards'}", f"--run={tmp_path / task}",
            f"--task={task}", *recipe, "--set=train.epochs=4",
        )  # fmt: skip
    log = (tmp_path / "animal" / "log.csv").read_text().splitlines()[0].split(",")
    assert {"loss_sex", "val_accuracy_sex", "loss_collar"} <= set(log)
    bundle = tmp_path / "bundle"
    camtrap("bundle", f"--run={tmp_path / 'empty'}", f"--run={tmp_path / 'animal'}",
            f"--out={bundle}")  # fmt: skip
    for split in ("val", "test"):
        camtrap(
            "evaluate", f"--bundle={bundle}", f"--shards={prepared / 'shards'}",
            f"--split={split}", f"--out={tmp_path / split}",
        )  # fmt: skip
    scores = json.loads((tmp_path / "test" / "metrics.json").read_text())
    assert scores["images"]["heads"]["sex"]["scored"] > 0
    told = [f"--{s}={tmp_path / split / 'predictions.parquet'}"
            for s, split in (("validation", "val"), ("test", "test"))]  # fmt: skip
    camtrap("plan", *told, "--question=sex", f"--out={tmp_path / 'plan.json'}")
    camtrap("predict", prepared / "pictures", f"--bundle={bundle}", f"--out={tmp_path / 'answers'}",
            "--format=csv")  # fmt: skip
    rows = pd.read_csv(tmp_path / "answers" / "predictions.csv")
    assert set(rows["sex"].dropna()) <= set(SEX) and "collar_confidence" in rows
    camtrap(
        "report", f"--predictions={tmp_path / 'test' / 'predictions.parquet'}",
        f"--out={tmp_path / 'report.html'}",
    )  # fmt: skip
    assert "sex?" in (tmp_path / "report.html").read_text()
    camtrap(
        "export", f"--bundle={bundle}", f"--out={tmp_path / 'export'}", "--form=float32",
        f"--check_on={prepared / 'pictures'}", "--check_pictures=36", "--force",
    )  # fmt: skip
    with open(tmp_path / "export" / "parity.csv", newline="") as file:
        compared = {(row["export"], row["head"]) for row in csv.DictReader(file)}
    assert {(e, h) for e in ("SavedModel", "float32") for h in ("sex", "collar")} <= compared
    model = tmp_path / "model"
    write_saved_model(Bundle.read(bundle), model, 0.9)
    served = tf.saved_model.load(str(model)).signatures["serving_default"]
    encoded = tf.constant([(prepared / "pictures" / f"{i:02d}.jpg").read_bytes() for i in (1, 2)])
    found = served(image_bytes=encoded)
    assert found["sex_probabilities"].shape == (2, 3) and found["collar"].shape == (2,)
    assert set(found["sex_class"].numpy()) <= {b"", *(name.encode() for name in SEX)}
