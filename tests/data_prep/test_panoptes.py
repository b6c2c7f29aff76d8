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


@pytest.fixture
def survey(tmp_path):
    """Writes an export of classifications, each a list of choices; one user each."""

    def write(*classifications, subject=None):
        rows = [
            {
                "user_name": f"u{place}", "workflow_id": 1, "metadata": "{}",
                "annotations": json.dumps([{"task": "T0", "value": value}]),
                "subject_data": json.dumps({"7": subject or {}}), "subject_ids": 7,
            }
            for place, value in enumerate(classifications)
        ]  # fmt: skip
        pd.DataFrame(rows).to_csv(tmp_path / "export.csv", index=False)
        return tmp_path / "export.csv"

    return write


def choice(name, **answers):
    return {"choice": name, "answers": answers}


OLDER = {"HWMN": "1150", "WHTBHVRSDS": ["MVNG", "TNG"], "RTHRNNGPRSNT": "S"}


def test_names_without_vowels(survey):
    table = read("zooniverse", survey([choice("ZBR", **OLDER)]))
    label = table.labels.iloc[0]
    assert (label["species"], label["count"]) == ("zebra", "11-50")
    shares = label[["standing", "resting", "moving", "eating", "interacting", "babies"]]
    assert shares.tolist() == [0, 0, 1, 1, 0, 1]
    none = choice("ZBR", **OLDER | {"RTHRNNGPRSNT": "N"})
    assert read("zooniverse", survey([none])).labels["babies"].tolist() == [0]


@pytest.mark.parametrize(
    "name",
    ["NTHNGHR", "NTHNG", "NOTHINGHERE", "NOANIMALSPRESENT", "NNMLSPRSNT", "NOTHINGTHERE",
     "ISEENOTHING", "VEGETATIONNOANIMAL", "Nothing here", "BLNK"],
)  # fmt: skip
def test_nothing_here_is_no_species(survey, name):
    table = read("zooniverse", survey([choice(name)], [choice("ZEBRA")], [choice(name)]))
    assert table.events["blanks"].tolist() == [2]
    assert table.labels["species"].tolist() == ["zebra"]  # ten blanks retire an event
    assert read("zooniverse", survey([choice(name)])).labels["species"].tolist() == ["empty"]
    assert read("zooniverse", survey(name)).labels["species"].tolist() == ["empty"]


def test_the_answer_none_to_another_question_is_no_blank(survey):
    table = read("zooniverse", survey("None", [choice("ZEBRA")], ""))
    assert table.events[["classifications", "blanks"]].to_numpy().tolist() == [[1, 0]]
    assert table.dropped.counts == {"classification without a species task": 2}


def test_a_choice_that_says_nothing_is_no_vote(survey):
    table = read("zooniverse", survey([choice("DONTKNOW")], [choice("ZEBRA")]))
    assert table.events["classifications"].tolist() == [1]
    assert table.dropped.counts["label that names no species"] == 1
    table = read("zooniverse", survey([choice("FR")]), empty_names="FR")
    assert table.labels["species"].tolist() == ["empty"]


def test_one_species_with_and_without_vowels(survey):
    """A survey that was set up anew: both names are one species, and the votes add up."""
    table = read("zooniverse", survey([choice("KBDD")], [choice("KUBADUDU")], [choice("GNU")]))
    assert table.labels["species"].tolist() == ["kubadudu"]
    assert table.events["evenness"].round(3).tolist() == [0.918]  # 2 votes to 1


def test_a_table_says_what_names_mean(survey, tmp_path):
    rows = (
        "name,meaning", "GRV Z,grevysZebra", "VDE,empty", "COMBIEN,count", "QUOI,behaviours",
        "MANGE,eating", "BEBE,babies", "OUI,yes", "PLUSIEURS,11-50", "RIEN,unlabelled",
    )  # fmt: skip
    (tmp_path / "choices.csv").write_text("\n".join(rows))
    answers = {"COMBIEN": "PLUSIEURS", "QUOI": ["MANGE"], "BEBE": "OUI"}
    path = survey([choice("GRVZ", **answers)], [choice("VDE")], [choice("RIEN")])
    table = read("zooniverse", path, choices=tmp_path / "choices.csv")
    label = table.labels.iloc[0]
    assert label[["species", "count", "eating", "moving", "babies"]].tolist() == [
        "grevysZebra", "11-50", 1, 0, 1,
    ]  # fmt: skip
    assert table.events[["classifications", "blanks"]].to_numpy().tolist() == [[2, 1]]
    with pytest.raises(InputError, match="choices belongs to Panoptes exports"):
        (tmp_path / "old.csv").write_text("id,subject_zooniverse_id,species\n")
        read("zooniverse", tmp_path / "old.csv", choices=tmp_path / "choices.csv")


def test_pictures_in_the_order_of_their_numbers_each_once(survey):
    subject = {f"#image{n}": f"S1_B04_{n}.JPG" for n in (1, 10, 2)} | {
        "#file1": "S1_B04_1.JPG", "path2": "B04\\S1_B04_2.JPG",
    }  # fmt: skip
    table = read("zooniverse", survey([choice("ZEBRA")], subject=subject))
    assert table.frames["path"].tolist() == [
        "S1_B04_1.JPG", "B04/S1_B04_2.JPG", "S1_B04_10.JPG",
    ]  # fmt: skip


def test_a_survey_that_was_left_empty(survey):
    path = survey([choice("ZBR")], [])
    table = read("zooniverse", path)
    assert table.labels["species"].tolist() == ["zebra"]
    assert list(table.dropped.counts.values()) == [1]
    assert next(iter(table.dropped.counts)).startswith("classification that chose nothing")
    blank = read("zooniverse", path, empty_names="no choice")
    assert blank.events["blanks"].tolist() == [1] and not blank.dropped.counts
