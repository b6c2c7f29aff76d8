import gzip
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
    with pytest.raises(
        InputError, match="has the resource media in a file, or a list of files; received None"
    ):
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


HEADER, MEDIA_HEADER = OBSERVATIONS[0], MEDIA[0]


def media(name, deployment="d1", second=0, **more):
    fields = [name, deployment, f"2020-01-01T10:00:{second:02d}Z", f"{deployment}/{name}.jpg",
              "true", "image/jpeg", f"{name}.jpg"]  # fmt: skip
    for place, value in more.items():
        fields[MEDIA_HEADER.split(",").index(place)] = value
    return ",".join(fields)


def note(name, event="", first=0, last=9, deployment="d1", species="fox", count="1", **more):
    row = {
        "observationID": name, "deploymentID": deployment, "mediaID": "", "eventID": event,
        "eventStart": f"2020-01-01T10:00:{first:02d}Z" if first is not None else "",
        "eventEnd": f"2020-01-01T10:00:{last:02d}Z" if last is not None else "",
        "observationLevel": "event", "observationType": "animal" if species else "blank",
        "scientificName": species, "count": count, **more,
    }  # fmt: skip
    if row["mediaID"]:
        row["observationLevel"] = "media"
    return ",".join(row.values())


def label_rows(table):
    rows = table.labels.fillna({"frame": -1, "count": ""})
    return sorted(map(tuple, rows[["event_id", "frame", "species", "count"]].to_numpy().tolist()))


def frames_of(table):
    return table.frames.groupby("event_id")["path"].agg(list).to_dict()


def test_events_without_an_id_hold_by_deployment_and_time(package):
    pictures = [media(f"m{second}", second=second) for second in (0, 5, 20)]
    notes = [note("o1", species="fox"), note("o2", species="badger", count="2"),
             note("o3", first=20, last=20, species="")]  # fmt: skip
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes]))
    one, other = "d1/2020-01-01T10:00:00Z/2020-01-01T10:00:09Z", "d1/2020-01-01T10:00:20Z"
    assert frames_of(table) == {one: ["d1/m0.jpg", "d1/m5.jpg"], other: ["d1/m20.jpg"]}
    assert label_rows(table) == [
        (one, -1, "badger", "2"), (one, -1, "fox", "1"), (other, -1, "empty", ""),
    ]  # fmt: skip
    assert table.dropped.counts == {}


def test_an_event_without_an_end_ends_when_it_begins(package):
    pictures = [media("m0"), media("m5", second=5)]
    notes = [note("o1", "7", last=None)]
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes]))
    assert frames_of(table)["7"] == ["d1/m0.jpg"]


def test_what_is_said_of_an_event_beside_one_of_its_pictures_holds_for_all(package):
    pictures = [media("m0"), media("m5", second=5)]
    notes = [note("o1", "7", mediaID="m5").replace(",media,animal,", ",event,animal,")]
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes]))
    assert label_rows(table) == [("7", -1, "fox", "1")]


def test_the_same_time_in_another_zone_is_the_same_event(package):
    notes = [note("o1", species="fox"),
             note("o2", species="badger").replace("T10:00:00Z", "T12:00:00+02:00")]  # fmt: skip
    table = read("camtrap_dp", package([MEDIA_HEADER, media("m1")], [HEADER, *notes]))
    assert len(table) == 1
    assert sorted(table.labels["species"]) == ["badger", "fox"]


def test_an_event_id_counts_within_its_deployment(package):
    deployments = ("deploymentID,latitude,longitude,locationID", "d1,1,2,A", "d2,1,2,B")
    pictures = [media("m1"), media("m2", "d2")]
    notes = [note("o1", "7", species="fox", count="3"),
             note("o2", "7", deployment="d2", species="fox", count="1"),
             note("o3", "7", deployment="d2", species="badger", count="1"),
             note("o4", "8")]  # fmt: skip
    path = package([MEDIA_HEADER, *pictures], [HEADER, *notes])
    (path / "deployments.csv").write_text("\n".join(deployments))
    table = read("camtrap_dp", path)
    assert table.events[["event_id", "site"]].to_numpy().tolist() == [["d1/7", "A"], ["8", "A"], [
        "d2/7", "B",
    ]]  # fmt: skip
    assert label_rows(table) == [
        ("8", -1, "fox", "1"), ("d1/7", -1, "fox", "3"),
        ("d2/7", -1, "badger", "1"), ("d2/7", -1, "fox", "1"),
    ]  # fmt: skip


def test_a_picture_belongs_to_all_events_that_hold_it(package):
    """A time-lapse event of one picture lies within a motion event of three."""
    pictures = [media(f"m{second}", second=second) for second in (0, 4, 8)]
    notes = [note("o1", "motion", species="fox"), note("o2", "lapse", 4, 4, species="")]
    notes.append(note("o3", "", 4, 4, species="mouse", mediaID="m4"))  # of the picture in both
    notes.append(note("o4", "lapse", 4, 4, species="vole", mediaID="m4"))  # of the one event
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes]))
    assert frames_of(table) == {
        "motion": ["d1/m0.jpg", "d1/m4.jpg", "d1/m8.jpg"], "lapse": ["d1/m4.jpg"],
    }  # fmt: skip
    assert label_rows(table) == [
        ("lapse", -1, "empty", ""), ("lapse", 0, "mouse", "1"), ("lapse", 0, "vole", "1"),
        ("motion", -1, "fox", "1"), ("motion", 1, "mouse", "1"),
    ]  # fmt: skip


def test_names_go_before_times(package):
    """A clock that stood still: observations name the pictures of both events."""
    pictures = [media("m1"), media("m2"), media("m3", second=3)]
    notes = [note("o1", "1", species="fox"), note("o2", "2", 0, 0, species="badger"),
             note("o3", "1", species="fox", mediaID="m1"),
             note("o4", "2", 0, 0, species="badger", mediaID="m2")]  # fmt: skip
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes]))
    # Nothing names m3, which was taken within the first.
    assert frames_of(table) == {"1": ["d1/m1.jpg", "d1/m3.jpg"], "2": ["d1/m2.jpg"]}


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "nan", "-99"])
def test_what_counts_as_missing(package, missing):
    schema = {"missingValues": ["", "-99"]}
    resources = [{"name": name, "path": f"{name}.csv", "schema": schema}
                 for name in ("deployments", "media", "observations")]  # fmt: skip
    notes = [note("o1", missing, species="fox", count=missing),
             note("o2", missing, species="x").replace(",x,", f",{missing},")]  # fmt: skip
    pictures = [media("m1", fileMediatype=missing)]
    table = read("camtrap_dp", package([MEDIA_HEADER, *pictures], [HEADER, *notes], resources))
    assert label_rows(table) == [
        ("d1/2020-01-01T10:00:00Z/2020-01-01T10:00:09Z", -1, "fox", ""),
    ]  # fmt: skip
    assert table.dropped.counts == {"observation that names no species": 1}


@pytest.mark.parametrize("named", [True, False])
def test_packed_tables(package, named):
    names = ("deployments", "media", "observations")
    suffix = ".csv.gz" if named else ".csv"
    path = package(resources=[{"name": name, "path": name + suffix} for name in names])
    plain = read("camtrap_dp", package())
    package(resources=[{"name": name, "path": name + suffix} for name in names])
    for name in names:
        file = path / f"{name}.csv"
        (path / f"{name}.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    packed = read("camtrap_dp", path)
    pd.testing.assert_frame_equal(packed.labels, plain.labels)
    pd.testing.assert_frame_equal(packed.frames, plain.frames)


def test_pictures_of_unknown_deployments_can_be_left_out(package):
    lines = [MEDIA_HEADER, media("m1"), media("m2", "d7")]
    table = read("camtrap_dp", package(lines, [HEADER, note("o1")]), on_unknown="drop")
    assert table.frames["image_id"].tolist() == ["m1"]
    assert table.dropped.counts == {"picture of a deployment that is not listed": 1}


def test_a_file_name_that_repeats_in_its_deployment(package):
    url = {"filePath": "https://x.org/file"}
    lines = [media("m1", fileName="IMG.JPG", **url), media("m2", fileName="IMG.JPG", **url),
             media("m3", fileName="IMG2.JPG", **url)]  # fmt: skip
    table = read("camtrap_dp", package([MEDIA_HEADER, *lines], [HEADER, note("o1")]))
    assert table.frames["path"].tolist() == ["d1/IMG2.JPG", "d1/m1.JPG", "d1/m2.JPG"]


def test_a_file_with_two_media_ids(package):
    lines = [MEDIA_HEADER, media("m1"), media("m2", filePath="d1\\m1.jpg")]
    path = package(lines, [HEADER, note("o1")])
    with pytest.raises(InputError, match=r"a picture is listed once; received 'd1/m1.jpg \(m1, m2"):
        read("camtrap_dp", path)
    table = read("camtrap_dp", path, on_unknown="drop")
    assert table.frames["image_id"].tolist() == ["m1"]


def test_rows_that_are_listed_twice_count_once(package):
    lines = [MEDIA_HEADER, media("m1"), media("m1")]
    path = package(lines, [HEADER, note("o1", count="2"), note("o1", count="2")])
    table = read("camtrap_dp", path)
    assert table.labels["count"].tolist() == ["2"]
    assert table.dropped.counts == {"media row listed twice": 1, "observation listed twice": 1}
    with pytest.raises(InputError, match="an observationID occurs once; received 'o1'"):
        read("camtrap_dp", package(lines, [HEADER, note("o1"), note("o1", count="2")]))


def test_counts_that_are_no_numbers_can_be_left_out(package):
    path = package([MEDIA_HEADER, media("m1")], [HEADER, note("o1", count="few")])
    with pytest.raises(InputError, match="`count` is a number of at least 0; received 'few'"):
        read("camtrap_dp", path)
    table = read("camtrap_dp", path, on_unknown="drop")
    assert label_rows(table)[0][2:] == ("fox", "")


def test_names_of_nothing_are_no_species(package):
    notes = [note("o1", "1", species="Unknown"), note("o2", "2", 20, 20, species="No animal")]
    lines = [MEDIA_HEADER, media("m1"), media("m2", second=20)]
    table = read("camtrap_dp", package(lines, [HEADER, *notes]))
    assert label_rows(table) == [("2", -1, "empty", "")]


@pytest.mark.parametrize("repeated", [True, False])
def test_a_table_in_several_files(package, repeated):
    """The second has the header again, or goes on without it."""
    folder = package()
    whole = read("camtrap_dp", folder)
    header, *rows = (folder / "media.csv").read_text().splitlines()
    (folder / "media1.csv").write_text("\n".join([header, *rows[:2]]))
    (folder / "media2.csv").write_text("\n".join([header] * repeated + rows[2:]))
    parts = [{"name": name, "path": f"{name}.csv"} for name in ("deployments", "observations")]
    parts.append({"name": "media", "path": ["media1.csv", "media2.csv"]})
    (folder / "datapackage.json").write_bytes(json.dumps({"resources": parts}).encode("utf-16"))
    table = read("camtrap_dp", folder)
    for ours, theirs in ((table.events, whole.events), (table.frames, whole.frames),
                         (table.labels, whole.labels)):  # fmt: skip
        pd.testing.assert_frame_equal(ours, theirs)
