"""Further heads from the metadata of each source: `sex`, of several classes, and `collar`."""

import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY
from data_prep.consensus import Votes, consensus
from data_prep.sources import SOURCES, read

HEADS = ["sex:male,female,unknown", "collar"]
CLASSES = {"sex": ("male", "female", "unknown"), "collar": BINARY}


def told(table, *columns):
    """Species, sex and collar of each label, '' where they are missing."""
    assert table.heads == CLASSES
    rows = table.labels[[*columns, "species", "sex", "collar"]].astype(object)
    return [tuple("" if pd.isna(one) else one for one in row) for row in rows.to_numpy()]


def coco_file(folder, annotations, **image):
    content = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in (1, 2)]
        + [{"id": 3, "file_name": "3.jpg", **image}],
        "annotations": [{"id": i, **one} for i, one in enumerate(annotations)],
        "categories": [{"id": 1, "name": "deer"}, {"id": 7, "name": "fox"}],
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder / "coco.json"


def test_fields_of_annotations_and_images(tmp_path):
    path = coco_file(
        tmp_path,
        [
            {"image_id": 1, "category_id": 1, "sex": "Male", "bbox": [0, 0, 1, 1]},
            {"image_id": 1, "category_id": 1, "collar": True, "bbox": [1, 0, 1, 1]},
            {"image_id": 1, "category_id": 7, "attributes": {"sex": "unknown", "collar": 0.25}},
            {"image_id": 2, "category_id": 1, "sex": "male", "collar": False, "bbox": [0, 0, 1, 1]},
            {"image_id": 2, "category_id": 1, "sex": "female", "bbox": [1, 0, 1, 1]},
            {"image_id": 3, "category_id": 1, "sex": None},
            {"image_id": 3, "category_id": 7, "collar": "no"},
        ],
        sex="female", collar="yes",
    )  # fmt: skip
    table = read("coco", path, head=HEADS)
    assert told(table, "event_id") == [
        ("1", "deer", "male", 1.0),
        ("1", "fox", "unknown", 0.25),
        ("2", "deer", "", 0.0),  # a male and a female
        ("3", "deer", "female", 1.0),  # of the image
        ("3", "fox", "female", 0.0),  # the annotation's own goes first
    ]
    assert table.labels["count"].fillna("").tolist() == ["2", "", "2", "", ""]
    assert table.dropped.counts == {"sex of a species: several answers": 1}


def test_fields_that_are_absent_or_answer_otherwise(tmp_path):
    path = coco_file(tmp_path, [{"image_id": 1, "category_id": 1, "sex": "m"}])
    with pytest.raises(InputError, match=r"`sex` is one of male, .*'m'. Correct row 0 of coco"):
        read("coco", path, head=HEADS[:1])
    with pytest.raises(InputError, match=r"field of annotations or images; received 'collar'"):
        read("coco", path, head=HEADS[1:])
    table = read("coco", path, head=HEADS[:1], on_unknown="drop")
    assert table.labels["sex"].isna().all() and len(table.labels) == 1


@pytest.fixture
def package(tmp_path):
    def write(observations):
        tables = {
            "deployments": "deploymentID\nA\n",
            "media": "mediaID,deploymentID,timestamp,filePath\n"
            + "".join(f"m{i},A,2020-01-02T03:0{i}:00Z,{i}.jpg\n" for i in range(3)),
            "observations": "observationID,deploymentID,eventStart,eventEnd,observationType,"
            "mediaID,scientificName,count,sex,observationTags\n"
            + "".join(f"o{i},A,,,animal,{row}\n" for i, row in enumerate(observations)),
        }
        for name, text in tables.items():
            (tmp_path / f"{name}.csv").write_text(text)
        resources = [{"name": name, "path": f"{name}.csv"} for name in tables]
        (tmp_path / "datapackage.json").write_text(json.dumps({"resources": resources}))
        return tmp_path

    return write


def test_columns_and_tags_of_observations(package):
    table = read("camtrap_dp", package([
        "m0,Cervus elaphus,1,male,label:deer | collar:yes",
        "m1,Cervus elaphus,1,male,collar:no",
        "m1,Cervus elaphus,2,female,",
        "m2,Vulpes vulpes,1,,",
        "m2,Cervus elaphus,1,female,collar : no|sex:male",
    ]), head=HEADS)  # fmt: skip
    assert told(table, "event_id") == [
        ("m0", "Cervus elaphus", "male", 1.0),
        ("m1", "Cervus elaphus", "", 0.0),
        ("m2", "Vulpes vulpes", "", ""),
        ("m2", "Cervus elaphus", "female", 0.0),
    ]
    assert table.labels["count"].tolist() == ["1", "3", "1", "1"]
    assert table.dropped.counts == {"sex of a species: several answers": 1}


def test_observations_that_do_not_answer(package):
    folder = package(["m0,Cervus elaphus,1,hind,"])
    with pytest.raises(InputError, match=r"column or a tag of the observations.*'collar'"):
        read("camtrap_dp", folder, head=["collar"])
    with pytest.raises(InputError, match=r"`sex` is one of .*'hind'. Correct row 2 of observ"):
        read("camtrap_dp", folder, head=["sex:male,female"])


def test_questions_of_lilas_csv(tmp_path):
    (tmp_path / "x_images.csv").write_text(
        "capture_id,image_rank_in_capture,image_path_rel\n" + "".join(
            f"SER_S1#B04#1#{i},1,{i}.jpg\n" for i in range(2)
        )
    )  # fmt: skip
    (tmp_path / "x_annotations.csv").write_text(
        "capture_id,question__species,question__sex,collar\n"
        "SER_S1#B04#1#0,impala,Male,0.75\nSER_S1#B04#1#1,zebra,,no\n"
    )
    table = read("lila", tmp_path, head=HEADS)
    assert told(table) == [("impala", "male", 0.75), ("zebra", "", 0.0)]
    with pytest.raises(InputError, match="Missing: horns"):
        read("lila", tmp_path, head=["horns"])


def test_columns_of_the_consensus(tmp_path):
    shares = "Standing,Resting,Moving,Eating,Interacting,Babies"
    (tmp_path / "consensus_data.csv").write_text(
        "CaptureEventID,Species,Count,DateTime,SiteID,Evenness,NumClassifications,NumBlanks,"
        f"{shares},Sex,Collar\n"
        "A,impala,1,2010-07-18 16:26:14,B04,0,10,0,0,0,0,0,0,0,female,0.5\n"
        "B,zebra,1,2010-07-18 16:26:14,B04,0,10,0,0,0,0,0,0,0,,1\n"
    )
    images = "".join(f"{event},S1/B04/{event}.JPG\n" for event in "ABC")
    (tmp_path / "all_images.csv").write_text("CaptureEventID,URL_Info\n" + images)
    (tmp_path / "gold_standard_data.csv").write_text("CaptureEventID,Species,Count\nB,zebra,2\n")
    table = read("dryad", tmp_path, head=HEADS)
    assert sorted(told(table)) == [
        ("empty", "", ""), ("impala", "female", 0.5), ("zebra", "", 1.0),
    ]  # fmt: skip
    assert table.events["source"].tolist() == ["volunteers", "expert", "volunteers"]


def test_columns_of_raw_votes(tmp_path):
    rows = [f"A,c{i},impala,{sex},{collar}" for i, (sex, collar) in enumerate((
        ("male", "true"), ("Male", "false"), ("female", ""), ("", "true"),
    ))]  # fmt: skip
    rows += ["B,c8,zebra,male,", "B,c9,zebra,female,"]
    path = tmp_path / "raw_data_for_dryad.csv"
    path.write_text("\n".join(["CaptureEventID,ClassificationID,Species,Sex,Collar", *rows]))
    (tmp_path / "all_images.csv").write_text("CaptureEventID,URL_Info\nA,1.JPG\nB,2.JPG\n")
    table = read("dryad_raw", tmp_path, head=HEADS)
    # Two of three say male, and two of three see a collar; of B as many say either.
    assert told(table) == [("impala", "male", pytest.approx(2 / 3)), ("zebra", "", "")]
    path.write_text(path.read_text().replace("Male,false", "m,maybe"))
    with pytest.raises(InputError, match=r"`collar` is one of yes.*'maybe'. Correct row 3"):
        read("dryad_raw", tmp_path, head=["collar"])
    with pytest.raises(InputError, match=r"`sex` is one of male.*'m'. Correct row 3"):
        read("dryad_raw", tmp_path, head=HEADS[:1])
    table = read("dryad_raw", tmp_path, head=HEADS, on_unknown="drop")
    assert told(table)[0] == ("impala", "", 1.0)  # one of each, and two of two


@pytest.fixture
def survey(tmp_path):
    def write(*answers):
        rows = [
            {
                "user_name": f"u{i}", "workflow_id": 1, "metadata": "{}", "subject_ids": 7,
                "subject_data": json.dumps({"7": {"file": "1.jpg"}}),
                "annotations": json.dumps(
                    [{"task": "T0", "value": [{"choice": "IMPALA", "answers": one}]}]
                ),
            }
            for i, one in enumerate(answers)
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(tmp_path / "export.csv", index=False)
        return tmp_path / "export.csv"

    return write


def test_questions_of_a_survey(survey):
    path = survey(
        {"SX": "ML", "CLLR": "YES"},
        {"SEX": ["MALE"], "COLLAR": "N"},
        {"SEX": "UNKNOWN", "HOWMANY": "1"},
        {"SEX": ["MALE", "FEMALE"], "COLLAR": []},
    )
    table = read("zooniverse", path, head=HEADS)
    assert told(table, "count") == [("1", "impala", "male", 0.5)]


def test_questions_that_a_survey_does_not_ask(survey, tmp_path):
    path = survey({"GENDER": "BUCK"})
    with pytest.raises(InputError, match=r"question of the survey; export.csv has GENDER; .*'sex'"):
        read("zooniverse", path, head=HEADS[:1])
    (tmp_path / "choices.csv").write_text("name,meaning\ngender,sex\nbuck,male\n")
    table = read("zooniverse", path, head=HEADS[:1], choices=tmp_path / "choices.csv")
    assert table.labels["sex"].tolist() == ["male"]
    (tmp_path / "choices.csv").write_text("name,meaning\ngender,sex\n")
    with pytest.raises(InputError, match="`sex` is one of male, female, unknown; received 'BUCK'"):
        read("zooniverse", path, head=HEADS[:1], choices=tmp_path / "choices.csv")


def test_a_species_named_twice_in_a_classification_tells_what_agrees():
    votes = Votes(
        event=np.zeros(4, int), classification=np.array([0, 0, 1, 1]), species=np.zeros(4, int),
        count=np.zeros(4, np.int8), attributes={}, events=pd.Series(["e"]),
        species_names=("impala",),
        choices={"sex": np.array([0, 1, -1, 1], np.int16)}, classes={"sex": ("male", "female")},
    )  # fmt: skip
    _, labels = consensus(votes)
    assert labels["sex"].tolist() == ["female"]  # the first classification tells both: none


def test_as_many_for_one_class_as_for_another_tell_none():
    votes = Votes(
        event=np.zeros(3, int), classification=np.arange(3), species=np.zeros(3, int),
        count=np.zeros(3, np.int8), attributes={}, events=pd.Series(["e"]),
        species_names=("impala",),
        choices={"sex": np.array([0, 1, -1], np.int16)}, classes={"sex": ("male", "female")},
    )  # fmt: skip
    _, labels = consensus(votes)
    assert labels["sex"].isna().tolist() == [True]


@pytest.mark.parametrize("source", [name for name, one in SOURCES.items() if not one.heads])
def test_a_source_that_cannot_says_so(source, tmp_path):
    with pytest.raises(InputError, match=f"'{source}'. Leave head out"):
        read(source, tmp_path, head=["collar"])
    assert source in ("folders", "megadetector", "speciesnet")
