import collections
import dataclasses
import datetime
import hashlib

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf.core.errors import InputError
from data_prep import synthetic
from data_prep.consensus import pielou
from data_prep.synthetic.art import anatomy, animals, frames
from data_prep.synthetic.art.camera import Camera, make_camera
from data_prep.synthetic.events import plan
from data_prep.synthetic.habits import BEHAVIOURS, HABITS
from data_prep.synthetic.scenes import stage
from data_prep.synthetic.tables import TABLES
from data_prep.synthetic.volunteers import (
    COUNT_BINS,
    Vote,
    classify,
    consensus,
    count_bin,
    observe,
)
from data_prep.synthetic.world import Stream
from data_prep.synthetic.writing import UNFINISHED

SMALL = synthetic.World(events=64, sites=4, size=(96, 72), gold_share=0.5, empty_share=0.25, seed=3)
PLAIN = synthetic.World(events=4000)


def read(folder, name):
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def stages(world):
    """Yields (event, scene, camera) of every animal event without drawing it."""
    cameras = {
        site: make_camera(world.random(Stream.SITE, site), world.size)
        for site in range(world.sites)
    }
    for event in plan(world)[0]:
        if event.species:
            rng = world.random(Stream.SCENE, event.index)
            camera = cameras[event.roll.site]
            yield event, stage(event.species, event.frames, camera, rng), camera


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic") / "set"
    calls = []
    summary = synthetic.write(SMALL, folder, lambda done, total: calls.append((done, total)))
    return folder, summary, calls


def test_same_world_gives_same_bytes_with_two_processes(written, tmp_path):
    synthetic.write(SMALL, tmp_path, processes=2)
    first = digests(written[0])
    assert first == digests(tmp_path)
    assert sum(name.endswith(".JPG") for name in first) == written[1].frames


def test_another_seed_gives_other_pictures(written, tmp_path):
    tiny = dataclasses.replace(SMALL, events=4)
    assert synthetic.write(tiny, tmp_path / "a").events == 4
    synthetic.write(dataclasses.replace(tiny, seed=4), tmp_path / "b")
    assert not set(digests(tmp_path / "a").values()) & set(digests(tmp_path / "b").values())


def test_headers_and_line_ends_are_those_of_the_release(written):
    folder = written[0]
    heads = {name: (folder / name).read_bytes().split(b"\n")[0] for name in TABLES}
    assert heads == {
        "consensus_data.csv": b"CaptureEventID,NumImages,DateTime,SiteID,LocationX,LocationY,"
        b"NumSpecies,Species,Count,Standing,Resting,Moving,Eating,Interacting,Babies,"
        b"NumClassifications,NumVotes,NumBlanks,Evenness",
        "all_images.csv": b'"CaptureEventID","URL_Info"',
        "gold_standard_data.csv": b"CaptureEventID,NumSpecies,Species,Count\r",
        "search_effort.csv": b"Site ID,Start date,End date",
        "truth.csv": b"CaptureEventID,frame,URL_Info,animals,species,babies,night",
    }
    gold = (folder / "gold_standard_data.csv").read_bytes()
    assert (
        gold.count(b"\n") == gold.count(b"\r\n") == len(read(folder, "gold_standard_data.csv")) + 1
    )


def test_blank_events_are_in_all_images_only(written):
    folder, summary, _ = written
    images, truth = read(folder, "all_images.csv"), read(folder, "truth.csv")
    animals = truth.astype({"animals": int}).groupby("CaptureEventID").animals.max()
    blank = set(animals[animals == 0].index)
    assert len(blank) == summary.empty_events == 16  # 25% of 64
    assert set(images.CaptureEventID) == set(animals.index)
    assert set(read(folder, "consensus_data.csv").CaptureEventID) == set(animals.index) - blank
    assert not blank & set(read(folder, "gold_standard_data.csv").CaptureEventID)


def test_every_row_of_all_images_is_a_picture_in_path_order(written):
    folder, summary, _ = written
    images = read(folder, "all_images.csv")
    paths = list(images.URL_Info)
    assert paths == sorted(set(paths)) and len(paths) == summary.frames
    assert images.URL_Info.str.fullmatch(r"(S\d)/([B-V]\d\d)/\2_R\d/\1_\2_R\d_PICT\d{4}\.JPG").all()
    drawn = {str(p.relative_to(folder / "images")) for p in folder.glob("images/*/*/*/*")}
    assert drawn == set(paths)
    assert images.CaptureEventID.iloc[0] == "ASG0002kjh"
    assert set(images.groupby("CaptureEventID").size()) <= {1, 2, 3}


def test_consensus_is_consistent_in_itself(written):
    rows = read(written[0], "consensus_data.csv")
    numbers = rows[["NumClassifications", "NumVotes", "NumBlanks", "NumSpecies"]].astype(int)
    assert numbers.NumClassifications.between(10, 25).all()
    assert (numbers.NumVotes + numbers.NumBlanks <= numbers.NumClassifications).all()
    per_event = rows.groupby("CaptureEventID").Species.size()
    assert list(rows.CaptureEventID.map(per_event)) == list(numbers.NumSpecies)
    votes = rows[[*BEHAVIOURS, "Babies"]].astype(float).mul(numbers.NumVotes, axis=0)
    np.testing.assert_allclose(votes, votes.round(), atol=1e-9)  # whole numbers of votes
    assert rows.Evenness.astype(float).between(0, 1).all()
    assert set(rows.Count) <= set(COUNT_BINS)
    assert not pd.to_datetime(rows.DateTime, format="%Y-%m-%d %H:%M:%S").isna().any()


@pytest.mark.parametrize(
    ("votes", "expected"),
    [([12, 1], 0.391244), ([15, 1], 0.33729), ([20, 18], 0.998001), ([12, 3], 0.721928), ([9], 0)],
)
def test_evenness_of_known_votes(votes, expected):
    assert pielou(votes) == pytest.approx(expected, abs=5e-7)


def test_consensus_of_known_votes():
    event = plan(synthetic.World(events=1, empty_share=0.0))[0][0]
    standing, moving = (True,) + (False,) * 5, (False, False, True, False, False, True)
    ballots = [[Vote("zebra", k, standing)] for k in (0, 0, 1, 1)]
    ballots += [[Vote("eland", 3, moving)], []]
    (row,) = consensus(event, ballots)
    assert (row["Species"], row["Count"], row["NumVotes"]) == ("zebra", "2", 4)
    assert (row["NumClassifications"], row["NumBlanks"], row["NumSpecies"]) == (6, 1, 1)
    assert (row["Standing"], row["Moving"], row["Babies"]) == ("1", "0", "0")
    assert row["Evenness"] == "0.721928094887"  # of {4, 1}
    assert consensus(event, [[], []]) == []


def test_experts_agree_with_the_truth_and_find_some_impossible(written):
    folder, summary, _ = written
    gold, truth = read(folder, "gold_standard_data.csv"), read(folder, "truth.csv")
    assert gold.CaptureEventID.nunique() == 24  # half of 48 animal events
    assert len(gold) == summary.gold_rows
    hopeless = gold[gold.Species == "impossible"]
    assert len(hopeless) >= 1 and set(hopeless.Count) == {""}
    assert (gold.NumSpecies == "2").sum() >= 2
    named = gold[gold.Species != "impossible"]
    seen = truth.groupby("CaptureEventID").species.agg(lambda s: set("|".join(s).split("|")))
    assert all(r.Species in seen[r.CaptureEventID] for r in named.itertuples())
    single = named[named.NumSpecies == "1"].set_index("CaptureEventID").Count
    most = truth.astype({"animals": int}).groupby("CaptureEventID").animals.max()
    expected = [COUNT_BINS[count_bin(most[name])] for name in single.index]
    assert list(single) == expected


def test_every_event_is_within_the_search_effort(written):
    folder = written[0]
    effort = read(folder, "search_effort.csv")
    for row in read(folder, "consensus_data.csv").itertuples():
        of_site = effort[effort["Site ID"] == row.SiteID]
        day = row.DateTime[:10]
        assert ((of_site["Start date"] <= day) & (day <= of_site["End date"])).any()


def test_night_pictures_are_grey_and_day_pictures_are_not(written):
    folder = written[0]
    truth = read(folder, "truth.csv")
    assert set(truth.night) == {"0", "1"}
    for night, rows in truth.groupby("night"):
        for path in rows.URL_Info[:8]:
            with Image.open(folder / "images" / path) as picture:
                assert picture.mode == "RGB" and picture.size == (96, 72)
                pixels = np.asarray(picture).astype(int)[:60]
            assert (np.ptp(pixels, axis=2).max() == 0) == (night == "1")


def test_exif_says_when_and_that_it_is_synthetic(written):
    folder = written[0]
    row = read(folder, "consensus_data.csv").iloc[0]
    images = read(folder, "all_images.csv")
    path = images.URL_Info[images.CaptureEventID == row.CaptureEventID].iloc[0]
    with Image.open(folder / "images" / path) as picture:
        exif = picture.getexif()
    assert exif[0x010F] == "SYNTHETIC" and exif[0x0110] == "camtrap_tf synthetic"
    assert exif.get_ifd(0x8769)[0x9003] == row.DateTime.replace("-", ":")


def test_information_bar_is_white_over_the_share_of_season_1():
    picture = Image.new("RGB", (2048, 1536))
    frames.draw_bar(picture, datetime.datetime(2010, 8, 7, 1, 4, 15))
    pixels = np.asarray(picture)
    assert pixels[1437].max() == 0  # 1536 - 98 = 1438 is the first white row
    assert pixels[1438].min() == pixels[1535].min() == 255
    assert pixels[1438:].min() == 0  # the letters


def test_shares_of_a_large_world():
    events, _ = plan(PLAIN)
    animal = [event for event in events if event.species]
    assert len(events) == 4000 and len(animal) == 1000
    assert sum(len(event.species) == 2 for event in animal) == 50  # 5%
    first = collections.Counter(event.species[0] for event in animal)
    assert 340 <= first["wildebeest"] <= 400 and first["zebra"] > first["buffalo"]
    assert set(first) == set(PLAIN.species) and min(first.values()) <= 10
    nights = sum(not 6 <= event.when.hour < 19 for event in events)
    assert 0.15 < nights / 4000 < 0.35
    names = [event.name for event in events]
    paths = [path for event in events for path in event.paths]
    assert names == sorted(set(names)) and paths == sorted(set(paths))


def test_some_frames_of_animal_events_show_no_animal():
    frames, bins = [], collections.Counter()
    for event, scene, camera in stages(PLAIN):
        shown = [len(scene.animals(frame, camera)) for frame in range(event.frames)]
        assert max(shown) == len(scene.actors) == shown[scene.anchor]
        frames += shown
        bins.update(g.count for g in observe(scene, event.frames, camera))
    assert 0.10 <= frames.count(0) / len(frames) <= 0.15
    assert {count_bin(count) for count in bins} == set(range(12))


def test_volunteers_are_mostly_right():
    right = total = 0
    for event, scene, camera in stages(dataclasses.replace(PLAIN, events=2000)):
        groups = observe(scene, event.frames, camera)
        votes = classify(groups, np.random.default_rng([0, event.index]))
        rows = consensus(event, votes)
        right += {row["Species"] for row in rows} == set(event.species)
        total += 1
    assert 0.94 <= right / total <= 0.999


def test_every_species_can_be_drawn_in_every_pose():
    assert set(HABITS) == set(anatomy.ANATOMY)
    for species in anatomy.ANATOMY:
        for pose in anatomy.POSES:
            animal = anatomy.Animal(species, pose, 0.0, 8.0, -1, 0.8, 0.55, 1.0, 7)
            drawn = animals.sprite(animal, 60.0, 0.1)
            assert np.asarray(drawn.cover).mean() > 25  # of 255: not an empty mask


def test_camera_projects_the_ground():
    camera = Camera(320, 240, 300.0, 90.0, 1.0)
    assert camera.project(1.0, 10.0) == (190.0, 120.0, 30.0)  # 160 + 30, 90 + 30, 300 / 10


def test_a_finished_set_is_left_alone(written):
    folder, summary, calls = written
    before = (folder / "truth.csv").stat().st_mtime_ns
    assert synthetic.write(SMALL, folder) == summary
    assert (folder / "truth.csv").stat().st_mtime_ns == before
    assert calls[-1] == (64, 64)
    assert not (folder / UNFINISHED).exists()


def test_an_unfinished_set_is_completed(tmp_path):
    world = dataclasses.replace(SMALL, events=3)
    synthetic.write(world, tmp_path)
    whole = digests(tmp_path)
    (tmp_path / "world.json").rename(tmp_path / UNFINISHED)
    (tmp_path / "truth.csv").unlink()
    synthetic.write(world, tmp_path)
    assert digests(tmp_path) == whole


def test_another_world_is_refused(written):
    with pytest.raises(ValueError, match=r"one synthetic World.*seed.: 4.*delete this one first"):
        synthetic.write(dataclasses.replace(SMALL, seed=4), written[0])


def test_pictures_of_others_are_not_overwritten(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match=r"holds no other pictures.*'images'.*another one"):
        synthetic.write(SMALL, tmp_path)


@pytest.mark.parametrize("events", [1, 5])
def test_a_world_without_animals(tmp_path, events):
    world = synthetic.World(events=events, sites=1, seasons=1, size=(64, 48), empty_share=1.0)
    summary = synthetic.write(world, tmp_path)
    assert (summary.empty_events, summary.consensus_rows, summary.gold_rows) == (events, 0, 0)
    assert list(read(tmp_path, "consensus_data.csv").columns) == list(
        TABLES["consensus_data.csv"].columns
    )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"events": 0}, "`events` is at least 1; received 0"),
        ({"sites": 999}, "`sites` is 1 to 231; received 999"),
        ({"seasons": 12}, "`seasons` is 1 to 11; received 12"),
        ({"size": (4096, 3072)}, "`size` is .width, height."),
        ({"empty_share": 1.5}, "`empty_share` is a share from 0 to 1; received 1.5"),
        ({"species": ("zebra", "unicorn")}, r"received \['unicorn'\]. Use: wildebeest"),
        ({"species": ("zebra", "zebra")}, "none twice"),
        ({"seed": -1}, "`seed` is 0 or more; received -1"),
    ],
)
def test_a_world_out_of_range_is_refused(change, rule):
    with pytest.raises(InputError, match=rule):
        dataclasses.replace(SMALL, **change)
