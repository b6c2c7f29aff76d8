import json

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import lila, read

IMAGES = (
    ",capture_id,image_rank_in_capture,image_path_rel",
    "0,SER_S1#B04#1#1,2,S1/B04/B.JPG",
    "1,SER_S1#B04#1#1,1,S1/B04/C.JPG",
    "2,SER_S11#T11#1#131,1,S11/T11/D.JPG",
    "3,SER_S1#B04#1#3,10,S1/B04/F.JPG",
    "4,SER_S1#B04#1#3,9,S1/B04/G.JPG",
    "5,SER_S6#V10#2#9,1,S6/V10/E.JPG",
)
ANNOTATIONS = (
    ",capture_id,season,site,roll,capture,capture_date_local,capture_time_local,subject_id,"
    "question__species,question__count_max,question__count_median,question__count_min,"
    "question__standing,question__resting,question__moving,question__eating,"
    "question__interacting,question__young_present,p_users_identified_this_species,"
    "pielous_evenness_index,question__horns_visible",
    "0,SER_S1#B04#1#1,S1,B04,1,1,2010-07-18,16:26:14,,gazelleGrants,4,3,1,"
    "0.5,0.0,0.5,0.0,0.0,0.0,0.9,0.25,",
    "1,SER_S1#B04#1#1,S1,B04,1,1,2010-07-18,16:26:14,,human,1,1.0,1,0,0,1,0,0,,0.9,0.25,",
    "2,SER_S11#T11#1#131,SER_S11,T11,1,131,2015-11-18,10:23:36,7,hyenabrown,11-50,11-50,51+,"
    "1,0,0,,0,0,1,0,0.3",
    "3,SER_S1#B04#1#3,S1,B04,1,3,2010-07-18,16:30:00,,blank,,,,,,,,,,1,0,",
    "4,SER_S9#B04#1#3,S9,B04,1,3,2010-07-18,16:30:00,,blank,,,,,,,,,,1,0,",
)


@pytest.fixture
def folder(tmp_path):
    def write(annotations=ANNOTATIONS, images=IMAGES):
        for name, lines in (("images", images), ("annotations", annotations)):
            (tmp_path / f"S_v2_1_{name}.csv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def test_the_csv_pair(folder):
    table = read("lila", folder())
    events = table.events.set_index("event_id")
    a, b, c, d = "SER_S1#B04#1#1", "SER_S11#T11#1#131", "SER_S1#B04#1#3", "SER_S6#V10#2#9"
    assert events.index.tolist() == [a, b, c, d]
    assert events["season"].tolist() == ["S1", "S11", "S1", "S6"]
    assert events["site"].tolist() == ["B04", "T11", "B04", "V10"]
    assert events["source"].tolist() == ["volunteers"] * 3 + ["none"]
    assert str(events.loc[a, "datetime"]) == "2010-07-18 16:26:14"
    assert pd.isna(events.loc[d, "datetime"])
    assert events.loc[a, "evenness"] == 0.25
    # By the number of the rank, not by its text.
    assert table.frames["path"].str[-5].tolist() == ["C", "B", "D", "G", "F", "E"]
    labels = table.labels
    assert labels["species"].tolist() == ["gazelleGrants", "human", "hyenaBrown", "empty"]
    assert labels["count"].fillna("").tolist() == ["3", "1", "11-50", ""]
    assert labels["moving"].fillna(-1).tolist() == [0.5, 1, 0, -1]
    assert labels["babies"].fillna(-1).tolist() == [0, -1, 0, -1]
    assert table.dropped.counts == {"annotations: event without pictures": 1}


def test_unknown_species_are_an_error_or_counted(folder):
    annotations = [line.replace(",human,", ",gnu,") for line in ANNOTATIONS]
    with pytest.raises(InputError, match=r"received 'gnu'. Correct row 3 of S_v2_1_annotations"):
        read("lila", folder(annotations))
    table = read("lila", folder(annotations), on_unknown="drop")
    # The gazelle's event goes too: what else it shows is not known.
    assert len(table) == 3
    assert table.dropped.counts["event with an unknown species"] == 1
    examples = table.dropped.examples
    assert examples["S_v2_1_annotations.csv: unknown question__species"] == ["'gnu' in row 3"]


def test_a_species_listed_twice_counts_once(folder):
    table = read(
        "lila", folder([*ANNOTATIONS, ANNOTATIONS[2].replace(",human,1,1.0,", ",human,9,9,")])
    )
    assert table.labels["species"].tolist() == ["gazelleGrants", "human", "hyenaBrown", "empty"]
    assert table.labels["count"].iloc[1] == "1"
    assert table.dropped.counts["annotations: species listed twice for an event"] == 1


def test_an_unknown_count_goes_missing(folder):
    annotations = [line.replace(",4,3,1,", ",4,many,1,") for line in ANNOTATIONS]
    with pytest.raises(InputError, match="received 'many'"):
        read("lila", folder(annotations))
    table = read("lila", folder(annotations), on_unknown="drop")
    assert table.labels["count"].isna().tolist() == [True, False, False, True]
    assert table.dropped.counts["S_v2_1_annotations.csv: unknown count"] == 1


def test_a_folder_without_the_pair_is_told(tmp_path):
    with pytest.raises(InputError, match=r"whose name ends in images.csv; received \[\]"):
        read("lila", tmp_path)


def test_the_61_categories(shared_data):
    names = pd.read_csv(shared_data / "serengeti" / "metadata" / "categories_v2_1.csv")["name"]
    assert len(names) == 61
    assert len(lila.SPECIES) == 60
    assert {lila.spelling(name) for name in names} == {*lila.SPECIES, "empty"}


def test_the_real_json_excerpt(shared_data, tmp_path):
    path = shared_data / "serengeti" / "metadata" / "v2_1_cct_excerpt.json"
    table = read("lila", path)
    # Its two annotations are of images that the excerpt leaves out.
    assert table.dropped.counts == {"annotation of an image that is not listed or is corrupt": 2}
    assert table.events["season"].tolist() == ["S1", "S1"]
    content = json.loads(path.read_text())
    image = content["images"][0]
    for rank, annotation in enumerate(content["annotations"], start=1):
        annotation["category_id"] = 60
        content["images"].append({
            **image, "id": annotation["image_id"], "seq_id": annotation["seq_id"],
            "file_name": annotation["image_id"] + ".JPG", "frame_num": rank, "location": "T11",
        })  # fmt: skip
    (tmp_path / "S11.json").write_text(json.dumps(content))  # with bare NaN
    table = read("lila", tmp_path / "S11.json")
    assert table.events["season"].tolist() == ["S1", "S1", "S11"]
    assert table.events["source"].tolist() == ["none", "none", "volunteers"]
    assert len(table.labels) == 1  # repeated on both images
    label = table.labels.iloc[0]
    assert (label["species"], label["standing"], label["moving"]) == ("lionCub", 0.7, 0.4)
    assert (label["babies"], pd.isna(label["eating"]), pd.isna(label["count"])) == (0, True, True)
    assert pd.isna(label["frame"])


def test_the_real_csv_excerpt(shared_data, tmp_path):
    """The excerpt is the merged pair: split it and read it back."""
    path = shared_data / "serengeti" / "metadata" / "v2_1_csv_excerpt.txt"
    rows = pd.read_csv(path, comment=None, skiprows=1)
    names = ["capture_id", "image_rank_in_capture", "image_path_rel"]
    rows[names].to_csv(tmp_path / "x_images.csv")
    rows.drop(columns=names[1:]).to_csv(tmp_path / "x_annotations.csv")
    table = read("lila", tmp_path)
    assert table.labels["species"].tolist() == ["human", "empty", "empty", "gazelleGrants"]
    assert table.events["site"].tolist() == ["B04", "B04", "V10", "V10"]
