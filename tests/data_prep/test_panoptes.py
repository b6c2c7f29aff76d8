import json

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import read


def test_the_real_export(shared_data):
    table = read("zooniverse", shared_data / "zooniverse" / "raw_classifications.csv")
    labels = table.labels.set_index(["event_id", "species"])
    assert len(table) == 14
    assert table.events["season"].value_counts().to_dict() == {"MAD_S1": 12, "MAD_S2": 1}
    assert table.dropped.counts == {
        "seen before by the same user": 1,
        "project not live": 1,
        "second classification by the same user": 2,
    }
    rhinos = labels.loc[("sub9", "rhinoceros")]
    assert (rhinos["count"], rhinos["eating"], rhinos["moving"], rhinos["babies"]) == (
        "2", 1, 1, 0,
    )  # fmt: skip
    assert labels.loc[("sub4", "wildebeestblue"), "babies"] == 1
    assert labels.loc["sub10"].index.tolist() == ["rhinoceros", "giraffe"]
    assert labels.loc[("sub3", "otherBird"), "count"] == "1"
    assert table.labels["event_id"][table.labels["species"] == "empty"].tolist() == [
        "sub1", "sub16", "sub17",
    ]  # fmt: skip


def test_workflows_of_panoptes(shared_data):
    path = shared_data / "zooniverse" / "raw_classifications_multi_workflow.csv"
    both = read("zooniverse", path)
    assert both.events[["classifications", "blanks"]].iloc[0].tolist() == [2, 1]
    assert both.dropped.counts == {"classification without a species task": 3}
    survey = read("zooniverse", path, workflow="1")
    assert survey.events["classifications"].tolist() == [1, 1, 1]
    assert survey.dropped.counts == {"another workflow": 4}
    with pytest.raises(InputError, match=r"has classifications; received {'another workflow': 7}"):
        read("zooniverse", path, workflow="3")


@pytest.fixture
def panoptes(tmp_path):
    def write(how_many="1150", annotations=None, **subject):
        choice = {"choice": "ZEBRA", "answers": {"HOWMANY": how_many}}
        annotations = annotations or json.dumps([{"task": "T0", "value": [choice]}])
        row = {
            "user_name": "a", "workflow_id": 1, "metadata": '{"live_project":true}',
            "annotations": annotations, "subject_data": json.dumps({"7": subject}),
            "subject_ids": 7,
        }  # fmt: skip
        pd.DataFrame([row]).to_csv(tmp_path / "export.csv", index=False)
        return tmp_path / "export.csv"

    return write


def test_what_the_subject_tells(panoptes):
    table = read("zooniverse", panoptes(**{
        "#site": "B04", "Season": "S1", "#datetime": "2019-04-02 14:55:29",
        "#filename1": "a/1.JPG", "#filename2": "a/2.jpeg", "retired": None,
    }))  # fmt: skip
    event = table.events.iloc[0]
    assert (event["site"], event["season"], str(event["datetime"])) == (
        "B04", "S1", "2019-04-02 14:55:29",
    )  # fmt: skip
    assert table.frames["path"].tolist() == ["a/1.JPG", "a/2.jpeg"]
    assert table.labels["count"].tolist() == ["11-50"]
    retired = panoptes(retired={"retirement_reason": "nothing_here"})
    assert read("zooniverse", retired).labels["species"].tolist() == ["empty"]


def test_answers_that_are_no_count(panoptes):
    with pytest.raises(InputError, match=r"HOWMANY is one of 1, 2,.*'LOTS'. Correct .*subject 7"):
        read("zooniverse", panoptes("LOTS"))
    table = read("zooniverse", panoptes("LOTS"), on_unknown="drop")
    assert table.labels["count"].isna().all()
    assert table.dropped.counts == {"export.csv: unknown count": 1}
    with pytest.raises(InputError, match=r"`annotations` is a list in JSON; received '\[{'. Mend"):
        read("zooniverse", panoptes(annotations="[{"))


def test_rows_of_panoptes_without_a_subject(panoptes):
    path = panoptes()
    header, row = path.read_text().splitlines()
    path.write_text("\n".join([header, row, row.removesuffix("7")]) + "\n")
    assert read("zooniverse", path).dropped.counts == {"row without subject or annotations": 1}
