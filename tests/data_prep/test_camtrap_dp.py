import json

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from data_prep.sources import read

MEDIA = (
    "mediaID,deploymentID,timestamp,filePath,filePublic,fileMediatype,fileName",
    "m2,d1,2020-05-30T04:57:40+02:00,a/2.jpg,true,image/jpeg,2.jpg",
    "m1,d1,2020-05-30T04:57:37+02:00,a/1.jpg,true,image/jpeg,1.jpg",
    "m3,d1,2020-05-30T05:57:37+02:00,https://x.org/9/file,true,image/jpeg,3.jpg",
    "m4,d1,2020-06-30T05:57:37+02:00,a/4.jpg,true,image/jpeg,4.jpg",
    "m5,d1,2020-06-30T05:57:37+02:00,a/5.mp4,true,video/mp4,5.mp4",
)
OBSERVATIONS = (
    "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationLevel,"
    "observationType,scientificName,count",
    "o1,d1,m1,e1,2020-05-30T02:57:37Z,2020-05-30T02:57:40Z,media,blank,,",
    "o2,d1,m2,e1,2020-05-30T02:57:37Z,2020-05-30T02:57:40Z,media,animal,Ardea cinerea,3",
    "o3,d1,m2,e1,2020-05-30T02:57:37Z,2020-05-30T02:57:40Z,media,animal,Ardea cinerea,9",
    "o4,d1,,e2,2020-05-30T03:57:00Z,2020-05-30T03:58:00Z,event,human,Homo sapiens,",
    "o5,d1,,e2,2020-05-30T03:57:00Z,2020-05-30T03:58:00Z,event,unknown,,",
    "o6,d1,,e9,2020-05-30T03:59:00Z,2020-05-30T03:59:00Z,event,vehicle,,",
)


@pytest.fixture
def package(tmp_path):
    def write(media=MEDIA, observations=OBSERVATIONS, resources=None):
        names = ("deployments", "media", "observations")
        resources = resources or [{"name": name, "path": f"{name}.csv"} for name in names]
        (tmp_path / "datapackage.json").write_text(json.dumps({"resources": resources}))
        deployments = ("deploymentID,latitude,longitude,locationID", "d1,1,2,")
        for name, lines in zip(names, (deployments, media, observations), strict=True):
            (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
        return tmp_path

    return write


def test_media_and_event_observations(package):
    table = read("camtrap_dp", package())
    assert table.events["event_id"].tolist() == ["e1", "e2", "m4"]
    assert table.events["site"].tolist() == ["d1"] * 3
    assert table.events["source"].tolist() == ["annotation", "annotation", "none"]
    assert str(table.events["datetime"][0]) == "2020-05-30 04:57:37"  # the camera's clock
    # In the order of time; m3 lies within e2; behind a URL it is DEPLOYMENT/NAME.
    assert table.frames["path"].tolist() == ["a/1.jpg", "a/2.jpg", "d1/3.jpg", "a/4.jpg"]
    assert table.frames["image_id"].tolist() == ["m1", "m2", "m3", "m4"]
    labels = table.labels.fillna({"frame": -1, "count": ""})
    assert labels[["event_id", "frame", "species", "count"]].to_numpy().tolist() == [
        ["e1", 0, "empty", ""], ["e1", 1, "Ardea cinerea", "11-50"], ["e2", -1, "human", ""],
    ]  # fmt: skip
    assert table.dropped.counts == {
        "media that is no picture": 1,
        "observation that names no species": 1,
        "observation without a picture": 1,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("blank", "ghost"), "`observationType` is one of animal, .*'ghost'. Correct row 2"),
        ((",9", ",few"), "`count` is a number of at least 0; received 'few'. Correct row 4"),
        (("eventStart", "start"), "observations.csv has the columns .*Missing: eventStart"),
    ],
)
def test_broken_rules_are_told(package, change, message):
    with pytest.raises(InputError, match=message):
        read("camtrap_dp", package(observations=[line.replace(*change) for line in OBSERVATIONS]))


def test_packages_that_do_not_hang_together(package):
    with pytest.raises(InputError, match="has the resource media in one file; received None"):
        read("camtrap_dp", package(resources=[{"name": "deployments", "path": "deployments.csv"}]))
    with pytest.raises(InputError, match="is that of a deployment; received 'd7'"):
        read("camtrap_dp", package([line.replace("m4,d1", "m4,d7") for line in MEDIA]))
    with pytest.raises(InputError, match="a mediaID occurs once; received 'm1'"):
        read("camtrap_dp", package([line.replace("m2,", "m1,") for line in MEDIA]))
    folder = package()
    (folder / "datapackage.json").write_text("{}")
    with pytest.raises(InputError, match="is JSON with `resources`"):
        read("camtrap_dp", folder)


def test_an_unknown_type_can_be_left_out(package):
    lines = [line.replace("human", "ghost") for line in OBSERVATIONS]
    table = read("camtrap_dp", package(observations=lines), on_unknown="drop")
    assert table.events["source"].tolist() == ["annotation", "none", "none"]
    assert table.dropped.counts["observations: unknown observationType"] == 1


def test_the_official_example(shared_data):
    table = read("camtrap_dp", shared_data / "camtrap_dp" / "example")
    assert (len(table), len(table.frames), table.events["site"].nunique()) == (34, 423, 4)
    # 14 of 549 observations are unknown or unclassified animals.
    assert table.dropped.counts == {"observation that names no species": 14}
    whole = table.labels[table.labels["frame"].isna()]
    # 36 observations of events, of which 3 name no species and 3 repeat the one of their event.
    assert len(whole) == 30
    assert whole["event_id"].nunique() == 28
    first = whole[whole["event_id"] == "4bb69c45"].iloc[0]
    assert (first["species"], pd.isna(first["frame"])) == ("Anas platyrhynchos", True)
    frames = table.labels[table.labels["frame"].notna()]
    assert frames["species"].value_counts()["empty"] == 112
