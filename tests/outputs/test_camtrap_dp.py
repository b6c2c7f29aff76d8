import csv
import datetime
import json

import numpy as np
import pandas as pd
import pytest

from camtrap_tf import __version__
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import BINARY, COUNT_BINS
from camtrap_tf.outputs import Options, camtrap_dp, species
from data_prep.sources import read as read_source

NAN = float("nan")
OPTIONS = Options(
    places={"A": (-2.5, 34.75), "B": (-2.25, 35.0)},
    time_zone="+03:00",
    project="Serengeti 2026",
    sampling_design="systematicRandom",
    contributors=("Ada Lovelace",),
    completed=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
)
SPECIES = ("human", "lionFemale", "vehicle", "zebra")
ROWS = [  # path, event, time, failure, P(animal), species, count bin, moving, eating, babies
    ("A/1.jpg", "e1", "2020-01-02 03:04:05", None, 0.9, "zebra", "11-50", 0.75, 0.875, 0.25),
    ("A/2.jpg", "e1", "2020-01-02 03:04:07", None, 0.9, "zebra", "11-50", 0.75, 0.25, 0.75),
    ("A/3.jpg", "e2", "2020-01-02 04:00:00", "truncated file", NAN, None, None, NAN, NAN, NAN),
    ("A/4.jpg", "e3", "2020-01-03 00:00:00", None, 0.25, None, None, NAN, NAN, NAN),
    ("B/5.jpg", "e4", "2020-01-04 00:00:00", None, 0.9, "lionFemale", "2", 0.25, 0.25, 0.25),
    ("B/6.jpg", "e4", "2020-01-04 00:00:00", None, 0.9, "lionFemale", "51+", 0.25, 0.25, 0.25),
    ("B/7.jpg", "e5", "2020-01-05 00:00:00", None, 0.9, "human", "1", 0.75, 0.25, 0.25),
    ("B/8.jpg", "e6", "2020-01-06 00:00:00", None, 0.9, "vehicle", "1", 0.75, 0.25, 0.25),
    ("B/9.jpg", "e7", "2020-01-07 00:00:00", None, 1.0, "zebra", "3", NAN, NAN, NAN),
]  # fmt: skip


def make(**changes) -> Predictions:
    """Seven events of nine pictures; the last was answered by a person."""
    columns = dict(
        zip(
            ["path", "event_id", "datetime", "failure", "p", "s", "c", "m", "e", "b"],
            zip(*ROWS, strict=True),
            strict=True,
        )
    )
    ids = pd.DataFrame({key: columns[key] for key in ("path", "event_id", "datetime", "failure")})
    ids["datetime"] = pd.to_datetime(ids["datetime"])
    ids["reviewed_by"] = [None] * 8 + ["Grace Hopper"]
    ids["reviewed_at"] = [pd.NaT] * 8 + [pd.Timestamp("2026-02-03 04:05:06.7")]

    def hot(values, names, sure):
        rows = [
            [NAN] * len(names) if v is None else [(n == v) * sure for n in names] for v in values
        ]
        spread = np.array(rows, np.float32)
        return spread + (1 - spread.sum(axis=1, keepdims=True)) / len(names)

    def binary(values):
        return np.array([[1 - v, v] for v in values], np.float32)

    probabilities = {
        "empty": np.array([[p, 1 - p] for p in columns["p"]], np.float32),
        "species": hot(columns["s"], SPECIES, 0.75),
        "count": hot(columns["c"], COUNT_BINS, 0.5),
        "moving": binary(columns["m"]),
        "eating": binary(columns["e"]),
        "babies": binary(columns["b"]),
    }
    classes = {"empty": BINARY, "species": SPECIES, "count": COUNT_BINS}
    classes |= dict.fromkeys(("moving", "eating", "babies"), BINARY)
    info = {"model": "resnet18", "model_version": "0123abcd"}
    return Predictions(ids.assign(**changes), classes, probabilities, info=info)


def written(folder, predictions=None, options=OPTIONS) -> tuple[dict, dict[str, list[dict]]]:
    camtrap_dp.write(predictions or make(), folder, options)
    tables = {}
    for name in ("deployments", "media", "observations"):
        with open(folder / f"{name}.csv", encoding="utf-8", newline="") as file:
            tables[name] = list(csv.DictReader(file))
    return json.loads((folder / "datapackage.json").read_text(encoding="utf-8")), tables


def test_passes_frictionless_and_the_profile(tmp_path, valid, shared_data):
    written(tmp_path / "package")
    valid("camtrap_dp", tmp_path / "package", shared_data / "camtrap_dp")


def test_the_validator_sees_a_bin_in_place_of_a_count(tmp_path, valid, shared_data):
    written(tmp_path)
    file = tmp_path / "observations.csv"
    file.write_text(file.read_text().replace(",11,", ",11-50,"))
    with pytest.raises(AssertionError, match="type-error"):
        valid("camtrap_dp", tmp_path, shared_data / "camtrap_dp")


def test_observations_of_pictures_and_events(tmp_path):
    rows = written(tmp_path)[1]["observations"]
    assert [row["observationLevel"] for row in rows] == ["media"] * 9 + ["event"] * 7
    first = {key: value for key, value in rows[0].items() if value}
    media = first.pop("mediaID")
    assert first == {
        "observationID": f"{media}_media",
        "deploymentID": "A",
        "eventID": "e1",
        "eventStart": "2020-01-02T03:04:05+03:00",
        "eventEnd": "2020-01-02T03:04:05+03:00",
        "observationLevel": "media",
        "observationType": "animal",
        "scientificName": "Equus quagga",
        "count": "11",
        "behavior": "eating | moving",
        "classificationMethod": "machine",
        "classifiedBy": f"camtrap_tf {__version__}: resnet18, 0123abcd",
        "classificationTimestamp": "2026-01-02T03:04:05Z",
        "classificationProbability": "0.8125",  # 0.75 + 0.25 / 4
        "observationTags": "label:zebra | countBin:11-50",
    }
    event = {key: value for key, value in rows[9].items() if value}
    assert event == first | {
        "observationID": "e1_event",
        "observationLevel": "event",
        "eventEnd": "2020-01-02T03:04:07+03:00",
        # moving 0.75, eating (0.875 + 0.25) / 2; young (0.25 + 0.75) / 2 is not more than half
        "behavior": "moving | eating",
    }
    assert rows[1]["lifeStage"] == "juvenile" and rows[1]["behavior"] == "moving"


def test_types_of_observations(tmp_path):
    rows = written(tmp_path)[1]["observations"][:9]
    types = ["animal"] * 2 + ["unclassified", "blank"] + ["animal"] * 2
    assert [row["observationType"] for row in rows] == [*types, "human", "vehicle", "animal"]
    names = ["Equus quagga"] * 2 + ["", ""] + ["Panthera leo"] * 2 + ["Homo sapiens", ""]
    assert [row["scientificName"] for row in rows] == [*names, "Equus quagga"]
    assert [row["count"] for row in rows] == ["11", "11", "", "", "2", "51", "1", "1", "3"]
    assert rows[4]["sex"] == "female"
    assert rows[6]["behavior"] == ""
    unread = {key: value for key, value in rows[2].items() if value}
    assert unread.keys().isdisjoint({"classificationMethod", "classifiedBy", "observationTags"})
    assert unread["observationComments"] == "unreadable: truncated file"
    assert rows[3]["classificationProbability"] == "0.7500" and rows[3]["observationTags"] == ""


def test_the_answer_of_a_person(tmp_path):
    tables = written(tmp_path)[1]
    for row in (tables["observations"][8], tables["observations"][-1]):
        assert row["classificationMethod"] == "human"
        assert row["classifiedBy"] == "Grace Hopper"
        assert row["classificationTimestamp"] == "2026-02-03T04:05:06Z"
        assert row["classificationProbability"] == ""


def test_further_species_that_a_person_saw(tmp_path, valid, shared_data):
    predictions = make()
    lioness = {
        "species": "lionFemale",
        "count": "2",
        "attributes": {"moving": True, "babies": True},
    }
    ostrich = {"species": "Struthio camelus", "count": None, "attributes": {"eating": False}}
    predictions.info["review"] = {"further_sightings": {"e7": [lioness, ostrich]}}
    package, tables = written(tmp_path, predictions)
    first, *more = tables["observations"][-3:]
    assert [row["observationID"] for row in more] == ["e7_event_2", "e7_event_3"]
    assert [row["scientificName"] for row in more] == ["Panthera leo", "Struthio camelus"]
    for row in more:
        for same in ("eventID", "eventStart", "deploymentID", "classifiedBy", "observationLevel"):
            assert row[same] == first[same]
        assert row["classificationProbability"] == ""
    told = [(row["count"], row["lifeStage"], row["behavior"]) for row in more]
    assert told == [("2", "juvenile", "moving"), ("", "", "")]
    assert package["taxonomic"][-1]["scientificName"] == "Struthio camelus"
    valid("camtrap_dp", tmp_path, shared_data / "camtrap_dp")


def test_further_species_that_single_frames_are_sure_of(tmp_path, valid, shared_data):
    """Of e1 a frame is sure of a lion; of e4 one is, but less than `SURE`; e7 a person answered."""
    predictions = make()
    species, empty = predictions.probabilities["species"], predictions.probabilities["empty"]
    lion, zebra = SPECIES.index("lionFemale"), SPECIES.index("zebra")
    species[0], empty[0] = np.eye(4)[zebra], (1, 0)
    species[1], empty[1] = 0.99 * np.eye(4)[lion] + 0.0025, (0.99, 0.01)
    species[0] = 0.995 * np.eye(4)[zebra] + 0.00125
    species[4], species[5] = np.eye(4)[lion], np.eye(4)[zebra]
    empty[4], empty[5] = (1, 0), (0.9, 0.1)
    rows = [r for r in written(tmp_path, predictions)[1]["observations"] if r["eventID"] == "e1"]
    event, further = (r for r in rows if r["observationLevel"] == "event")
    assert (event["observationID"], event["scientificName"]) == ("e1_event", "Equus quagga")
    assert (further["observationID"], further["scientificName"]) == ("e1_event_2", "Panthera leo")
    # of the one frame that says so: its own count, young and probability
    alone = next(r for r in rows if r["scientificName"] == "Panthera leo")
    for same in ("count", "lifeStage", "behavior", "classificationProbability"):
        assert further[same] == alone[same]
    assert further["classificationMethod"] == "machine" and further["eventEnd"] == event["eventEnd"]
    everything = written(tmp_path, predictions)[1]["observations"]
    assert [r["observationID"] for r in everything if "_event_" in r["observationID"]] == [
        "e1_event_2"
    ]
    valid("camtrap_dp", tmp_path, shared_data / "camtrap_dp")


def test_a_frame_that_looks_unfamiliar_is_no_further_species(tmp_path):
    predictions = make()
    predictions.probabilities["species"][:2] = np.eye(4)[SPECIES.index("zebra")]
    predictions.probabilities["empty"][:2] = 1, 0
    familiarity = np.float32([5, 1, *[5] * 7])  # of e1's frames the second's is too low
    predictions = Predictions(
        predictions.ids,
        predictions.classes,
        predictions.probabilities,
        info=predictions.info | {"familiarity_threshold": 2.0},
        scores={"familiarity": familiarity},
    )
    rows = [r for r in written(tmp_path, predictions)[1]["observations"] if r["eventID"] == "e1"]
    assert [r["observationType"] for r in rows] == ["animal", "unknown", "animal"]


def test_media(tmp_path):
    rows = written(tmp_path)[1]["media"]
    assert rows[0] | {"mediaID": ""} == dict.fromkeys(camtrap_dp.MEDIA_COLUMNS, "") | {
        "deploymentID": "A",
        "timestamp": "2020-01-02T03:04:05+03:00",
        "filePath": "A/1.jpg",
        "filePublic": "false",
        "fileName": "1.jpg",
        "fileMediatype": "image/jpeg",
    }


def test_no_time_is_invented(tmp_path, caplog):
    times = [pd.NaT if row[0] in ("A/3.jpg", "B/6.jpg") else row[2] for row in ROWS]
    predictions = make(datetime=pd.to_datetime(times))
    with pytest.raises(InputError, match=r"2 of 9 pictures without one, such as A/3\.jpg"):
        written(tmp_path / "package", predictions)
    assert not (tmp_path / "package").exists()
    left_out = Options(**vars(OPTIONS) | {"without_time": "leave_out"})
    tables = written(tmp_path / "package", predictions, left_out)[1]
    paths = [row["filePath"] for row in tables["media"]]
    assert paths == [row[0] for row in ROWS if row[0] not in ("A/3.jpg", "B/6.jpg")]
    assert {row["eventID"] for row in tables["observations"]} == {
        "e1",
        "e3",
        "e4",
        "e5",
        "e6",
        "e7",
    }
    listed = pd.read_csv(tmp_path / "package_left_out.csv")
    assert listed["path"].tolist() == ["A/3.jpg", "B/6.jpg"]
    assert "2 of 9 pictures have no time and are left out" in caplog.text
    with pytest.raises(InputError, match="9 of 9 pictures without one"):
        written(tmp_path / "none", make(datetime=[pd.NaT] * 9), left_out)


def in_berlin(folder, times, **changes):
    """Timestamps of media, begins and ends of events: of pictures of one deployment in Berlin."""
    predictions = make().select(np.arange(len(times)))
    predictions.ids["path"] = [f"A/{number}.jpg" for number in range(len(times))]
    predictions.ids["event_id"] = "e"
    predictions.ids["datetime"] = pd.to_datetime(times)
    changes = {"places": {"A": (52.5, 13.4)}, "time_zone": "Europe/Berlin"} | changes
    tables = written(folder, predictions, Options(**vars(OPTIONS) | changes))[1]
    events = [row for row in tables["observations"] if row["observationLevel"] == "event"]
    spans = [(row["eventStart"], row["eventEnd"]) for row in events]
    return [row["timestamp"] for row in tables["media"]], spans


def test_a_clock_knows_no_summer_time(tmp_path, caplog):
    caplog.set_level("INFO", "camtrap")
    # Clocks were put forward at 2 on 2024-03-31; the camera, put up in winter, shows 2:10.
    times = ["2024-03-01 12:00", "2024-03-31 02:10", "2024-03-31 02:20", "2024-04-02 12:00"]
    found, _ = in_berlin(tmp_path / "spring", times)
    assert found == [f"{time.replace(' ', 'T')}:00+01:00" for time in times]
    assert "past a change of summer time in Europe/Berlin: 1 deployment;" in caplog.text
    # Put back at 3 on 2024-10-27: four seconds are four seconds.
    times = ["2024-10-27 01:59:58", "2024-10-27 02:00:02"]
    found, spans = in_berlin(tmp_path / "autumn", times)
    assert found == ["2024-10-27T01:59:58+02:00", "2024-10-27T02:00:02+02:00"]
    assert spans == [tuple(found)]


def test_a_clock_that_follows_summer_time(tmp_path, caplog):
    times = ["2024-03-31 02:10:00", "2024-03-31 02:20:00", "2024-03-31 02:30:00"]
    found, _ = in_berlin(tmp_path / "spring", times, summer_time=True)
    assert found == [f"{time.replace(' ', 'T')}+01:00" for time in times]  # three times stay three
    assert "a time that never was in Europe/Berlin: 3 pictures, such as 2024-03-31T02:10:00" in (
        caplog.text
    )
    found, spans = in_berlin(
        tmp_path / "autumn", ["2024-10-27 01:59:58", "2024-10-27 02:00:02"], summer_time=True
    )
    assert spans == [("2024-10-27T01:59:58+02:00", "2024-10-27T02:00:02+02:00")]
    found, _ = in_berlin(tmp_path / "winter", ["2024-06-01 12:00:00"], summer_time=True)
    assert found == ["2024-06-01T12:00:00+02:00"]


def test_the_offset_is_that_of_the_day_on_which_the_deployment_began(tmp_path):
    (tmp_path / "d.csv").write_text(
        "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
        "A,52.5,13.4,2024-02-01T10:00:00+01:00,2024-08-01T10:00:00+02:00\n"
    )
    changes = {"deployments": tmp_path / "d.csv", "places": {}}
    found, _ = in_berlin(tmp_path / "p", ["2024-07-01 12:00:00"], **changes)
    assert found == ["2024-07-01T12:00:00+01:00"]


def test_an_end_with_an_offset_is_where_the_cameras_clock_stood_then(tmp_path, caplog):
    (tmp_path / "d.csv").write_text(
        "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
        "A,52.5,13.4,2024-02-01T10:00:00+01:00,2024-08-01T10:00:00+02:00\n"
    )
    changes = {"deployments": tmp_path / "d.csv", "places": {}}
    # Eight o'clock UTC: a clock that was set in winter shows nine.
    in_berlin(tmp_path / "before", ["2024-08-01 08:59:00"], **changes)
    assert "outside their deployment's time" not in caplog.text
    in_berlin(tmp_path / "after", ["2024-08-01 09:01:00"], **changes)
    assert "taken outside the time of the deployment: 1 picture" in caplog.text


@pytest.mark.parametrize(("summer_time", "end"), [(False, "+01:00"), (True, "+02:00")])
def test_begin_and_end_of_a_deployment_have_the_offset_of_its_clock(summer_time, end, tmp_path):
    (tmp_path / "d.csv").write_text(
        "deploymentID,latitude,longitude,deploymentStart,deploymentEnd\n"
        "A,52.5,13.4,2024-02-01T10:00:00,2024-08-01T10:00:00\n"
    )
    changes = {"deployments": tmp_path / "d.csv", "places": {}, "summer_time": summer_time}
    in_berlin(tmp_path / "p", ["2024-07-01 12:00:00"], time_zone="Europe/Berlin", **changes)
    with open(tmp_path / "p" / "deployments.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["deploymentStart"] == "2024-02-01T10:00:00+01:00"
    assert row["deploymentEnd"] == f"2024-08-01T10:00:00{end}"


def stood(tmp_path, *rows) -> Options:
    """Options with deployments: folder, id, first and last moment."""
    lines = ["folder,deploymentID,latitude,longitude,deploymentStart,deploymentEnd"]
    lines += [f"{folder},{name},1,2,{start},{end}" for folder, name, start, end in rows]
    (tmp_path / "deployments.csv").write_text("\n".join(lines) + "\n")
    return Options(**vars(OPTIONS) | {"places": {}, "deployments": tmp_path / "deployments.csv"})


def test_the_offset_of_a_deployments_begin_counts(tmp_path):
    # 02:30 at UTC+3 is 23:30 UTC the day before: half an hour before the second deployment.
    late = "2020-01-03T23:59:59Z", ""
    options = stood(tmp_path, ("A", "a1", "2020-01-01", ""), ("A", "a2", *late),
                    ("B", "b1", "2020-01-01", ""))  # fmt: skip
    times = ["2020-01-04 02:59:58", "2020-01-04 03:00:00"] + ["2020-01-05 00:00:00"] * 7
    rows = written(tmp_path / "out", make(datetime=pd.to_datetime(times)), options)[1]["media"]
    assert [row["deploymentID"] for row in rows[:4]] == ["a1", "a2", "a2", "a2"]


def test_a_deployment_that_ends_on_a_day_ends_with_it(tmp_path, caplog):
    options = stood(tmp_path, ("A", "a", "2020-01-01", "2020-01-03"),
                    ("B", "b", "2020-01-01", "2020-01-07"))  # fmt: skip
    times = pd.to_datetime(["2020-01-03 23:59:00"] * 4 + ["2020-01-07 12:00:00"] * 5)
    tables = written(tmp_path / "out", make(datetime=times), options)[1]
    assert "outside their deployment's time" not in caplog.text
    ends = [row["deploymentEnd"] for row in tables["deployments"]]
    assert ends == ["2020-01-03T23:59:59+03:00", "2020-01-07T23:59:59+03:00"]
    later = make(datetime=times + pd.Timedelta(2, "min"))
    written(tmp_path / "later", later, options)
    assert "taken outside the time of the deployment: 4 pictures" in caplog.text


def test_ids_are_the_same_every_time(tmp_path):
    one, other = (written(tmp_path / name) for name in "ab")
    assert one == other
    fewer = written(tmp_path / "c", make().select(np.arange(4, 9)))[1]["media"]
    assert fewer == one[1]["media"][4:]


def test_deployments_from_folders(tmp_path):
    rows = written(tmp_path)[1]["deployments"]
    assert [{k: v for k, v in row.items() if v} for row in rows] == [
        {
            "deploymentID": name, "latitude": latitude, "longitude": longitude,
            "deploymentStart": f"2020-01-{start}+03:00", "deploymentEnd": f"2020-01-{end}+03:00",
        }
        for name, latitude, longitude, start, end in (
            ("A", "-2.5", "34.75", "02T03:04:05", "03T00:00:00"),
            ("B", "-2.25", "35.0", "04T00:00:00", "07T00:00:00"),
        )
    ]  # fmt: skip


def test_description(tmp_path):
    package = written(tmp_path)[0]
    assert package["name"] == "serengeti-2026" and package["created"] == "2026-01-02T03:04:05Z"
    assert package["project"] == {
        "title": "Serengeti 2026",
        "samplingDesign": "systematicRandom",
        "captureMethod": ["activityDetection"],
        "individualAnimals": False,
        "observationLevel": ["media", "event"],
    }
    assert package["contributors"] == [{"title": "Ada Lovelace"}]
    assert package["temporal"] == {"start": "2020-01-02", "end": "2020-01-07"}
    corners = [[34.75, -2.5], [35.0, -2.5], [35.0, -2.25], [34.75, -2.25], [34.75, -2.5]]
    assert package["spatial"] == {"type": "Polygon", "coordinates": [corners]}
    taxa = [taxon["scientificName"] for taxon in package["taxonomic"]]
    assert taxa == ["Equus quagga", "Homo sapiens", "Panthera leo"]
    assert package["taxonomic"][0] == {
        "scientificName": "Equus quagga", "taxonRank": "species", "class": "Mammalia",
        "order": "Perissodactyla", "family": "Equidae", "genus": "Equus",
        "vernacularNames": {"eng": "plains zebra"},
    }  # fmt: skip


def test_round_trip_through_our_reader(tmp_path):
    """Events, frames and labels are those of the predictions, pictures and events apart."""
    written(tmp_path)
    predictions, table = make(), read_source("camtrap_dp", tmp_path)
    assert table.frames["path"].tolist() == predictions.ids["path"].tolist()
    assert table.frames["event_id"].tolist() == predictions.ids["event_id"].tolist()
    assert table.events["site"].tolist() == list("AAABBBB")
    starts = predictions.ids["datetime"].groupby(predictions.ids["event_id"]).min()
    known = starts.notna().to_numpy()
    assert table.events["datetime"][known].tolist() == starts[known].tolist()
    found = table.labels.sort_values(["event_id", "frame"])[
        ["event_id", "frame", "species", "count"]
    ]
    lion, zebra = "Panthera leo", "Equus quagga"
    assert found.astype(object).where(found.notna(), None).to_numpy().tolist() == [
        ["e1", 0, zebra, "11-50"], ["e1", 1, zebra, "11-50"], ["e1", None, zebra, "11-50"],
        ["e3", 0, "empty", None], ["e3", None, "empty", None],
        ["e4", 0, lion, "2"], ["e4", 1, lion, "51+"], ["e4", None, lion, "2"],
        ["e5", 0, "human", "1"], ["e5", None, "human", "1"],
        ["e6", 0, "vehicle", "1"], ["e6", None, "vehicle", "1"],
        ["e7", 0, zebra, "3"], ["e7", None, zebra, "3"],
    ]  # fmt: skip
    assert list(table.dropped.counts.values()) == [2]  # e2, unreadable: picture and event


def test_deployments_of_the_official_example(tmp_path, shared_data, valid):
    """Its tables, project and contributors are taken over; pictures go by folder and time."""
    example = shared_data / "camtrap_dp" / "example"
    given = json.loads((example / "datapackage.json").read_text())
    predictions = make(path=[f"00a2c20d/{i}.jpg" for i in range(9)], datetime="2020-06-01")
    package, tables = written(
        tmp_path, predictions, Options(deployments=example, time_zone="Europe/Brussels")
    )
    assert package["contributors"] == given["contributors"]
    assert package["licenses"] == given["licenses"]
    assert package["project"] == given["project"]
    with open(example / "deployments.csv", encoding="utf-8", newline="") as file:
        assert tables["deployments"] == list(csv.DictReader(file))
    assert {row["deploymentID"] for row in tables["media"]} == {"00a2c20d"}
    assert tables["media"][0]["timestamp"] == "2020-06-01T00:00:00+02:00"
    valid("camtrap_dp", tmp_path, shared_data / "camtrap_dp")


def test_a_table_of_species(tmp_path):
    table = tmp_path / "species.csv"
    table.write_text(
        "label,scientificName,observationType\nzebra,Equus grevyi,\nvehicle,,unknown\n"
    )
    options = Options(**vars(OPTIONS) | {"species": table})
    rows = written(tmp_path / "out", options=options)[1]["observations"]
    assert [rows[i]["scientificName"] for i in (0, 4, 7)] == ["Equus grevyi", "", ""]
    assert rows[7]["observationType"] == "unknown"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("zebra,plains zebra,", "a scientific name is that of a taxon.*received 'plains zebra'"),
        ("zebra,Equus sp.,", "in place of 'Equus sp.' the genus alone"),
        ("zebra,Equus spp,", "received 'Equus spp'"),
        ("zebra,'Equus quagga Boddaert, 1785',", "without its author"),
        ("zebra,Equus,Genus", "taxonRank is empty or one of kingdom.*received 'Genus'"),
        ("zebar,Equus quagga,", "received 'zebar'. Write 'zebra' in"),
        ("kudu,Tragelaphus,", "a table of species names words of the model, such as"),
    ],
)
def test_a_table_of_species_with_an_error(rows, says, tmp_path):
    table = tmp_path / "species.csv"
    table.write_text("label,scientificName,taxonRank\n" + rows.replace("'", '"') + "\n")
    with pytest.raises(InputError, match=says):
        species.names(make().words, table)


def test_taxa_of_every_kind_and_labels_of_another_model(tmp_path, caplog):
    caplog.set_level("INFO", "camtrap")
    table = tmp_path / "species.csv"
    names = ["Equus", "Equidae", "Canis lupus familiaris", "Anas × platyrhynchos"]
    names.append("Equus (Hippotigris) quagga")
    labels = ["zebra", "lionFemale", "kudu", "gnu", "oryx"]
    rows = [f"{label},{name}" for label, name in zip(labels, names, strict=True)]
    table.write_text("\n".join(["label,scientificName", *rows, "impala,"]), encoding="utf-8")
    found = species.names(make().words, table).set_axis(list(make().words))
    assert found["scientificName"][["zebra", "lionFemale"]].tolist() == ["Equus", "Equidae"]
    assert "not words of this model: kudu, gnu, oryx, impala" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"time_zone": None}, "gives every time with its UTC offset"),
        ({"time_zone": "Serengeti"}, "a time zone is a UTC offset such as"),
        ({"places": {}}, "says where the cameras stood"),
        ({"places": {"A": (91.0, 0.0)}}, "latitude is a number of degrees from -90 to 90"),
        ({"project": None}, "Give --project=TITLE, or"),
        ({"sampling_design": "at will"}, "samplingDesign is one of simpleRandom"),
        ({"deployments": "nowhere.csv"}, "received 'nowhere.csv'"),
        ({"species": "nowhere.csv"}, "a table of species is an existing file"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_written(options, says, tmp_path):
    with pytest.raises(InputError, match=says):
        camtrap_dp.check(Options(**vars(OPTIONS) | options), tmp_path)


def test_pictures_that_the_package_cannot_list(tmp_path):
    with pytest.raises(InputError, match=r"5 pictures that do not, e\.g\. folder 'B'"):
        written(tmp_path, options=Options(**vars(OPTIONS) | {"places": {"A": (0, 0)}}))
    with pytest.raises(InputError, match=r"hold no '\.\.'; received 'A/\.\./A/1\.jpg'"):
        written(tmp_path, make(path=["A/../A/1.jpg", *(row[0] for row in ROWS[1:])]))
    assert not (tmp_path / "datapackage.json").exists()


def test_pictures_elsewhere(tmp_path):
    predictions = make(path=["A/../A/1 ü.jpg", *(row[0] for row in ROWS[1:])])
    options = Options(**vars(OPTIONS) | {"media_url": "https://example.org/p/"})
    paths = [row["filePath"] for row in written(tmp_path, predictions, options)[1]["media"]]
    assert paths[:2] == [
        "https://example.org/p/A/%2E%2E/A/1%20%C3%BC.jpg", "https://example.org/p/A/2.jpg"
    ]  # fmt: skip
