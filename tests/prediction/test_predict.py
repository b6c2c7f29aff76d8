"""Prediction as a job: stopped and gone on with, grown, refused; what is listed and what is not."""

import dataclasses
import datetime
import json
import logging
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.table import EventTable
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.predict import predict, predict_folder
from camtrap_tf.prediction.predictor import Options
from tests import edited, odd_pictures

RED, BLUE, GREY = (230, 90, 90), (90, 90, 230), (100, 100, 100)
SMALL = Options(batch_size=4, block_size=5)


def save(path, colour, seconds=None, camera=None, comment=None) -> None:
    """A picture with a patch of a colour, taken so many seconds after noon, by a camera."""
    base = np.full((60, 80, 3), 95, np.uint8)
    base[15:45, 20:60] = colour
    exif = Image.Exif()
    if seconds is not None:
        taken = datetime.datetime(2020, 5, 1, 12) + datetime.timedelta(seconds=seconds)
        exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if camera is not None:
        exif[0x010F], exif[0x0110] = camera
        exif.get_ifd(0x8769)[0xA431] = "H500\0\0"
    if comment is not None:
        exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + comment
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(base).save(path, exif=exif)


@pytest.fixture
def season(tmp_path):
    """Two cameras: bursts of three 2 s apart, every minute; red, blue and grey in turn."""
    root = tmp_path / "season"
    for camera, events in (("A", 7), ("B", 4)):
        for event in range(events):
            for frame in range(3):
                path = root / camera / f"{event}-{frame}.jpg"
                save(path, (RED, BLUE, GREY)[event % 3], 60 * event + 2 * frame)
    return root


class Stopped(Exception):
    """What stands in for a power cut."""


def stop_after(monkeypatch, blocks):
    """Lets a job die when it has kept so many blocks."""
    from camtrap_tf.prediction.job import Job

    keep, kept = Job.write, []

    def write(self, block, answers):
        if len(kept) == blocks:
            raise Stopped
        kept.append(block.number)
        keep(self, block, answers)

    monkeypatch.setattr(Job, "write", write)
    return kept


def test_answers_and_events_of_a_season(season, colour_bundle, tmp_path):
    found = Predictions.read(predict([season], colour_bundle, tmp_path / "out", SMALL))
    assert len(found) == 33
    assert list(found.ids["path"][:4]) == [f"A/{name}.jpg" for name in ("0-0", "0-1", "0-2", "1-0")]
    species = [str(answer) for answer in found.answers()]
    assert species == 3 * ["red"] + 3 * ["blue"] + 3 * ["empty"] + 3 * ["red"] + 3 * [
        "blue"] + 3 * ["empty"] + 3 * ["red"] + 3 * ["red"] + 3 * ["blue"] + 3 * ["empty"] + 3 * [
        "red"]  # fmt: skip
    events = found.by_event()
    assert len(events) == 11 and list(found.ids["frame"]) == 11 * [0, 1, 2]
    assert found.ids["datetime"][4] == pd.Timestamp("2020-05-01 12:01:02")
    # Stage 2 was asked of animals alone.
    assert list(found.answered("species")) == [answer != "empty" for answer in species]


def test_a_block_ends_where_an_event_does(season, colour_bundle, tmp_path):
    predict([season], colour_bundle, tmp_path / "out", SMALL)
    listed = pd.read_parquet(tmp_path / "out" / "pictures.parquet")
    # Five pictures are in the midst of the second burst: the block takes its last one, too.
    assert list(listed["block"].value_counts(sort=False)) == [6, 6, 6, 6, 6, 3]
    sizes = [os.stat(season / path).st_size for path in listed["path"]]
    assert list(listed["bytes"]) == sizes


def test_no_block_cuts_an_event(season, colour_bundle, tmp_path):
    names = [f"A/{event}-{frame}.jpg" for event in range(7) for frame in range(3)]
    shuffled = np.random.default_rng(0).permutation(names)
    (season / "list.txt").write_text("\n".join(shuffled))
    frames = pd.DataFrame({"event_id": ["e1", "e2"] * 10 + ["e1"], "path": shuffled})
    events = pd.DataFrame({"event_id": ["e1", "e2"]})
    EventTable(events, frames, pd.DataFrame({"event_id": []})).write(season / "t.parquet")
    for number in range(9):  # slow, but without a pause longer than the gap
        save(season / "C" / f"{number}.jpg", RED, 10 * number)
    small = Options(batch_size=4, block_size=2)
    for name, sources, expected in (
        ("list", [season / "list.txt"], 7 * [3]),
        ("table", [season / "t.parquet"], [11, 10]),
        ("long", [season / "C"], [9]),
    ):
        path = predict(sources, colour_bundle, tmp_path / name, small)
        listed = pd.read_parquet(tmp_path / name / "pictures.parquet")
        assert listed["block"].value_counts(sort=False).tolist() == expected
        blocks = Predictions.read(path).ids.assign(block=listed["block"])
        assert (blocks.groupby("event_id")["block"].nunique() == 1).all()


def test_the_time_of_a_picture_that_is_cut_off_is_kept(season, colour_bundle, tmp_path):
    cut = season / "A" / "0-1.jpg"
    cut.write_bytes(cut.read_bytes()[:-300])
    rows = Predictions.read(predict([season], colour_bundle, tmp_path / "out", SMALL)).ids
    assert "damaged" in rows["failure"][1]
    assert rows["datetime"][1] == pd.Timestamp("2020-05-01 12:00:02")
    assert (rows["event_id"][1], rows["frame"][1]) == ("A/0-0.jpg", 1)
    assert rows["time_source"].tolist() == 33 * ["capture"]


@pytest.mark.parametrize("blocks", [0, 1, 4])
def test_a_stopped_job_goes_on_and_ends_the_same(
    season, colour_bundle, tmp_path, monkeypatch, blocks
):
    whole = predict([season], colour_bundle, tmp_path / "whole", SMALL).read_bytes()
    with monkeypatch.context() as patch:
        stop_after(patch, blocks)
        with pytest.raises(Stopped):
            predict([season], colour_bundle, tmp_path / "out", SMALL)
    save(season / "B" / "late.jpg", RED)  # the list is fixed
    kept = stop_after(monkeypatch, 99)
    assert predict([season], colour_bundle, tmp_path / "out", SMALL).read_bytes() == whole
    assert kept == list(range(blocks, 6))


def test_only_new_adds_what_has_come(season, colour_bundle, tmp_path, monkeypatch, caplog):
    before = Predictions.read(predict([season], colour_bundle, tmp_path / "out", SMALL))
    save(season / "A" / "6-3.jpg", RED, 60 * 6 + 6)
    save(season / "C" / "0.jpg", BLUE, 0)
    save(season / "B" / "0-0.jpg", GREY, 7200)
    kept = stop_after(monkeypatch, 99)
    again = predict([season], colour_bundle, tmp_path / "out", SMALL, only_new=True)
    found = Predictions.read(again)
    assert kept == [6]
    assert list(found.ids["path"][33:]) == ["A/6-3.jpg", "C/0.jpg"]
    np.testing.assert_array_equal(found.probabilities["empty"][:33], before.probabilities["empty"])
    # The late frame belongs to the event that was there.
    assert found.ids["event_id"][33] == "A/6-0.jpg" and found.ids["frame"][33] == 3
    assert "1 pictures changed since they were listed" in caplog.text


def test_a_plain_rerun_tells_what_was_replaced_or_deleted(season, colour_bundle, tmp_path, caplog):
    whole = predict([season], colour_bundle, tmp_path / "out", SMALL).read_bytes()
    predict([season], colour_bundle, tmp_path / "out", SMALL)
    assert not (tmp_path / "out" / "changed.csv").exists()
    (season / "A" / "0-1.jpg").unlink()
    save(season / "B" / "0-0.jpg", GREY, 7200)
    assert predict([season], colour_bundle, tmp_path / "out", SMALL).read_bytes() == whole
    changed = pd.read_csv(tmp_path / "out" / "changed.csv")
    assert changed.to_numpy().tolist() == [["A/0-1.jpg", "deleted"], ["B/0-0.jpg", "replaced"]]
    assert "2 pictures changed since they were listed (1 deleted, 1 replaced)" in caplog.text


def test_a_season_that_moved_goes_on(season, colour_bundle, tmp_path, monkeypatch, caplog):
    whole = predict([season], colour_bundle, tmp_path / "whole", SMALL).read_bytes()
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with pytest.raises(Stopped):
            predict([season], colour_bundle, tmp_path / "out", SMALL)
    new = tmp_path / "disk" / "season"
    shutil.copytree(season, new, copy_function=shutil.copyfile)  # with other times of change
    shutil.rmtree(season)
    with pytest.raises(InputError, match=r"or --images=FOLDER where the pictures have moved"):
        predict([new], colour_bundle, tmp_path / "out", SMALL)
    flags = [f"--bundle={colour_bundle.folder}", f"--out={tmp_path / 'out'}", "--batch_size=4",
             "--block_size=5", f"--images={new}"]  # fmt: skip
    answered = new / "A" / "0-0.jpg"
    answered.rename(tmp_path / "answered.jpg")
    for _ in "ab":  # the same command goes on, too
        assert cli.main(["predict", str(new), *flags]) == 0
        assert (tmp_path / "out" / "predictions.parquet").read_bytes() == whole
    assert f"the pictures have moved to {new}: 32 of 33 are there" in caplog.text
    assert caplog.text.count("pictures have moved") == 1
    assert "1 pictures changed since they were listed (1 deleted), such as A/0-0" in caplog.text


def test_other_pictures_are_not_taken_for_a_season_that_moved(season, colour_bundle, tmp_path):
    predict([season], colour_bundle, tmp_path / "out", SMALL)
    season.rename(tmp_path / "new")
    other = tmp_path / "new" / "B" / "1-2.jpg"
    other.write_bytes(other.read_bytes() + b"more")
    with pytest.raises(InputError, match=r"0 of 33 are missing and 1 have another size.*B/1-2"):
        predict([tmp_path / "new"], colour_bundle, tmp_path / "out", SMALL, images=tmp_path / "new")
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="33 of 33 are missing"):
        predict([tmp_path / "none"], colour_bundle, tmp_path / "out", SMALL,
                images=tmp_path / "none")  # fmt: skip


def test_bursts_cameras_and_clocks(colour_bundle, tmp_path, caplog):
    root = tmp_path / "season"
    for number in range(4):  # two triggers of two pictures within two seconds
        comment = b"M %d/2" % (number % 2 + 1)
        save(root / "A" / f"{number}.jpg", RED, number // 2, ("RECONYX", "HC500"), comment)
    for number, seconds in enumerate((9, 3, -1e9)):
        save(root / "B" / f"IMG_{number}_{number + 1}of3.jpg", RED, seconds)
    found = Predictions.read(predict([root], colour_bundle, tmp_path / "out", SMALL))
    events = found.ids.set_index("path")["event_id"]
    assert list(events[:4]) == ["A/0.jpg", "A/0.jpg", "A/2.jpg", "A/2.jpg"]
    block = pd.read_parquet(tmp_path / "out" / "blocks" / "000000.parquet")
    assert list(block["camera"].dropna()) == 4 * ["RECONYX HC500 H500"]
    assert list(block["position"]) == [1, 2, 1, 2, 1]  # then the clock goes back: no event is cut
    assert set(found.ids["time_source"]) == {"capture"}
    problems = pd.read_csv(tmp_path / "out" / "clock_problems.csv")
    assert list(problems["problem"]) == ["not set", "goes back"]
    assert "clock: not set in 1 folders, 1 pictures, such as B/IMG_2_3of3.jpg" in caplog.text


def test_another_bundle_or_another_flag_is_refused(season, colour_bundle, tmp_path):
    import dataclasses

    predict([season], colour_bundle, tmp_path / "out", SMALL)
    other = dataclasses.replace(colour_bundle, version="another", animal_threshold=0.9)
    message = "bundle: by hand != another; animal_threshold: 0.5 != 0.9"
    with pytest.raises(InputError, match=message):
        predict([season], other, tmp_path / "out", SMALL)
    with pytest.raises(InputError, match="batch_size: 4 != 8"):
        predict([season], colour_bundle, tmp_path / "out", Options(batch_size=8, block_size=5))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="new, empty, or that of the same job"):
        predict([season], colour_bundle, tmp_path / "full")


def test_another_gap_makes_other_events_of_the_same_answers(season, colour_bundle, tmp_path):
    predict([season], colour_bundle, tmp_path / "out", SMALL)
    wide = Options(gap_seconds=90, batch_size=4, block_size=5)
    found = Predictions.read(predict([season], colour_bundle, tmp_path / "out", wide))
    assert set(found.ids["event_id"]) == {"A/0-0.jpg", "B/0-0.jpg"}


def test_clocks_are_corrected_and_the_answers_say_so(season, colour_bundle, tmp_path):
    from camtrap_tf.events import corrections

    before = Predictions.read(predict([season], colour_bundle, tmp_path / "out", SMALL))
    right = dataclasses.replace(SMALL, corrected=corrections.told(["B=-1d2h"]))
    after = Predictions.read(predict([season], colour_bundle, tmp_path / "out", right))
    of_b = before.ids["path"].str.startswith("B/")
    shift = before.ids["datetime"] - after.ids["datetime"]
    assert set(shift[of_b]) == {pd.Timedelta(hours=26)} and set(shift[~of_b]) == {pd.Timedelta(0)}
    assert set(after.ids["time_source"][of_b]) == {"capture, corrected"}
    assert after.info["corrected_clocks"] == ["B=-1d2h"]
    assert after.ids["event_id"].tolist() == before.ids["event_id"].tolist()
    wrong = dataclasses.replace(SMALL, corrected=corrections.told(["C=+1h"]))
    with pytest.raises(InputError, match=r"names the site or a folder .*received 'C=\+1h'"):
        predict([season], colour_bundle, tmp_path / "out", wrong)


def test_what_is_no_picture_is_listed_with_its_reason(season, colour_bundle, tmp_path):
    for name in ("A/film.MP4", "notes.xml", "A/._0-0.jpg", ".trash/old.jpg", "A/@eaDir/1.jpg",
                 "$RECYCLE.BIN/2.jpg", "lost+found/3.jpg"):  # fmt: skip
        (season / name).parent.mkdir(exist_ok=True)
        (season / name).write_bytes(b"x")
    (season / "link").symlink_to(season / "A")
    latin = os.fsencode(season) + b"/M\xe4rz"
    os.mkdir(latin)
    shutil.copy(season / "A" / "0-0.jpg", os.fsdecode(latin + b"/1.jpg"))
    out = season / "answers"  # inside the pictures: its own files are none
    found = Predictions.read(predict([season], colour_bundle, out, SMALL))
    assert len(found) == 33
    skipped = pd.read_csv(out / "not_processed.csv").set_index("path")["reason"].to_dict()
    name = "its name is not valid UTF-8: rename it (convmv renames whole folders)"
    assert skipped == {
        "A/film.MP4": "video", "notes.xml": "not a picture: .xml", "A/._0-0.jpg": "hidden file",
        ".trash": "hidden folder: not searched", "A/@eaDir": "system folder: not searched",
        "$RECYCLE.BIN": "system folder: not searched", "lost+found": "system folder: not searched",
        "link": "link to a folder: not followed",
        r"M\xe4rz/1.jpg": name,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
def test_forty_kinds_of_odd_files_each_their_own_reason(season, colour_bundle, tmp_path):
    for kind in odd_pictures.KINDS:
        if kind.make:
            (season / kind.name).write_bytes(kind.make())
    found = Predictions.read(predict([season], colour_bundle, tmp_path / "out", SMALL))
    failed = found.ids[found.ids["failure"].notna()].set_index("path")["failure"]
    wrong = {kind.name: kind.reason for kind in odd_pictures.KINDS if kind.reason and kind.make}
    assert set(failed.index) == set(wrong)
    assert all(failed[name].startswith(reason) for name, reason in wrong.items())
    for head in found.classes:
        assert np.isnan(found.probabilities[head][found.ids["failure"].notna()]).all()


def test_sources_of_every_kind_by_the_command(season, colour_bundle, tmp_path, caplog):
    names = ["A/0-0.jpg", "A/1-0.jpg", "B/2-0.jpg", "B/absent.jpg"]
    (tmp_path / "list.txt").write_text("\n".join(f"season/{name}" for name in names))
    (tmp_path / "absolute.txt").write_text("\n".join(str(season / name) for name in names[:2]))
    pd.DataFrame(
        {"File": names, "Event": ["e1", "e1", "e2", None], "Site": ["S", "S", None, None]}
    ).to_csv(season / "list.csv", index=False, sep=";")
    images = [{"id": i, "file_name": name, "seq_id": "e1", "frame_num": i}
              for i, name in enumerate(names)]  # fmt: skip
    coco = {"images": images, "annotations": [], "categories": [{"id": 0, "name": "empty"}]}
    (season / "coco.json").write_text(json.dumps(coco))
    megadetector = {"images": [{"file": names[0], "detections": []}], "detection_categories": {}}
    (season / "md.json").write_text(json.dumps(megadetector))

    def answered(name, *arguments):
        out = tmp_path / name
        flags = [f"--bundle={colour_bundle.folder}", f"--out={out}", "--format=csv"]
        assert cli.main(["predict", *map(str, arguments), *flags]) == 0
        return pd.read_csv(out / "predictions.csv")

    answers = ["red", "blue", "empty", None]
    rows = answered("1", tmp_path / "list.txt")
    assert list(rows["path"]) == [f"season/{name}" for name in names]
    assert list(rows["answer"].astype(object).where(rows["answer"].notna(), None)) == answers
    assert rows["failure"][3] == "no such file"
    assert list(answered("2", tmp_path / "absolute.txt")["path"]) == ["0-0.jpg", "1-0.jpg"]
    rows = answered("3", season / "list.csv")
    assert list(rows["event_id"]) == ["e1", "e1", "e2", "B/absent.jpg"]
    assert list(rows["frame"]) == [0, 1, 0, 0] and rows["site"][1] == "S"
    assert list(answered("4", season / "coco.json")["event_id"]) == 4 * ["e1"]
    assert list(answered("5", season / "md.json")["path"]) == names[:1]
    rows = answered("6", season / "A", season / "B" / "0-0.jpg", season / "list.csv")
    assert len(rows) == 21 + 1 + 2 and not rows["path"].duplicated().any()
    table = EventTable.read(_table(names[:2], tmp_path))
    assert len(table) == 1
    assert list(answered("7", tmp_path / "t.parquet", f"--images={season}")["event_id"]) == 2 * [
        "x"
    ]
    rows = answered("8", season / "A", f"--events={tmp_path / 't.parquet'}", f"--images={season}")
    assert list(rows["path"][:3]) == names[:2] + ["A/0-1.jpg"]  # an event stands together
    assert list(rows["event_id"][:4]) == ["x", "x", "A/0-1.jpg", "A/0-1.jpg"]


def _table(paths, folder):
    frames = pd.DataFrame({"event_id": "x", "path": paths})
    events = pd.DataFrame({"event_id": ["x"]})
    EventTable(events, frames, pd.DataFrame({"event_id": []})).write(folder / "t.parquet")
    return folder / "t.parquet"


def test_nothing_to_answer_is_an_error(colour_bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        with pytest.raises(InputError, match="holds files ending in"):
            predict([tmp_path / "empty"], colour_bundle, tmp_path / "out")
    with pytest.raises(InputError, match="a source of pictures exists"):
        predict([tmp_path / "nowhere"], colour_bundle, tmp_path / "out2")


def test_shards_are_answered_on_their_own(season, colour_bundle, tiny_shards, tmp_path):
    with pytest.raises(InputError, match="folder of shards is answered on its own"):
        predict([season, tiny_shards], colour_bundle, tmp_path / "out")
    with pytest.raises(InputError, match="shards are answered without"):
        predict([tiny_shards], colour_bundle, tmp_path / "out2", only_new=True)


def test_shards_are_known_by_their_content(colour_bundle, tiny_shards, tmp_path, monkeypatch):
    """Stopped after one split and moved, they go on; networks are loaded once."""
    shards = _with_words_of(colour_bundle, tiny_shards, tmp_path / "shards")
    loads, load, keep = [], Bundle.networks, Predictions.write

    def networks(self, *stages):
        loads.append(stages)
        return load(self, *stages)

    def write(self, path):
        if path.stem == "val":
            raise KeyboardInterrupt
        keep(self, path)

    monkeypatch.setattr(Bundle, "networks", networks)
    whole = predict([shards], colour_bundle, tmp_path / "whole")
    assert len(loads) == 1
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Predictions, "write", write)
        predict([shards], colour_bundle, tmp_path / "out")
    moved = shutil.copytree(shards, tmp_path / "elsewhere")
    assert predict([moved], colour_bundle, tmp_path / "out").read_bytes() == whole.read_bytes()
    predict([moved], colour_bundle, tmp_path / "out")
    assert len(loads) == 3
    manifest = moved / "manifest.json"
    edited.replace(manifest, '"seed": 0', '"seed": 1')
    with pytest.raises(InputError, match=r"belongs to one job.*shards: "):
        predict([moved], colour_bundle, tmp_path / "out")


def test_pictures_that_lie_elsewhere(season, colour_bundle, tmp_path, capsys, caplog):
    """A Camtrap DP package whose pictures are in no place is an error, with --images it runs."""
    flags = [f"--bundle={colour_bundle.folder}", f"--out={tmp_path / 'out'}"]
    package = write_package(tmp_path / "package", ["A/0-0.jpg", "A/0-1.jpg", "absent.jpg"])
    assert cli.main(["predict", str(package / "datapackage.json"), *flags]) == 2
    assert "with none of 3, such as A/0-0.jpg'. Give that folder as --images." in _words(capsys)
    flags.append(f"--images={season}")
    assert cli.main(["predict", str(package / "datapackage.json"), *flags]) == 0
    assert "no answer to 1 of 3 pictures: no such file (1)" in caplog.text
    found = Predictions.read(tmp_path / "out" / "predictions.parquet")
    assert found.ids["event_id"].tolist() == ["e1", "e1", "m2"]
    assert found.ids["site"].tolist() == ["L"] * 3
    assert found.ids["failure"].tolist() == [pd.NA, pd.NA, "no such file"]


def _words(capsys):
    return " ".join(capsys.readouterr().err.split())


def write_package(folder, paths):
    """Writes a Camtrap DP package of one deployment: an event of two pictures, and others."""
    folder.mkdir()
    resources = [{"name": n, "path": f"{n}.csv"} for n in ("deployments", "media", "observations")]
    (folder / "datapackage.json").write_text(json.dumps({"resources": resources}))
    (folder / "deployments.csv").write_text("deploymentID,locationID\nD,L\n")
    time = "2020-06-01T10:00:0{}+02:00"
    media = [f"m{i},D,{time.format(i)},{path}" for i, path in enumerate(paths)]
    text = "\n".join(["mediaID,deploymentID,timestamp,filePath", *media])
    (folder / "media.csv").write_text(text)
    head = "observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,observationType"
    seen = f"o,D,,e1,{time.format(0)},{time.format(1)},unclassified"
    (folder / "observations.csv").write_text(f"{head}\n{seen}\n")
    return folder


def _with_words_of(bundle, shards, folder):
    """The shards with the vocabulary of a bundle that asks less of them."""
    shutil.copytree(shards, folder)
    told = {"vocabulary": bundle.vocabulary.to_json(), "picture": to_json(bundle.picture)}
    edited.edit(folder / "manifest.json", lambda manifest: manifest.update(told))
    return folder


def test_ctrl_c_says_how_far_it_came(season, colour_bundle, tmp_path, monkeypatch, caplog, capsys):
    from camtrap_tf.prediction.job import Job

    keep = Job.write

    def write(self, block, answers):
        keep(self, block, answers)
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "write", write)
    flags = [f"--bundle={colour_bundle.folder}", f"--out={tmp_path / 'out'}", "--block_size=5"]
    assert cli.main(["predict", str(season), *flags]) == 130
    assert "stopped: 6 of 33 pictures are answered" in caplog.text
    assert "run the same command again to go on" in capsys.readouterr().err


def test_a_notebook_gets_predictions(season, colour_bundle):
    found = predict_folder(season / "B", colour_bundle)
    assert list(found.answers()[::3]) == ["red", "blue", "empty", "red"]


@pytest.fixture(autouse=True)
def told(caplog):
    caplog.set_level(logging.INFO, "camtrap")
