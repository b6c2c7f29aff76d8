import csv
import dataclasses
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.errors import InputError
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from camtrap_tf.pictures import files as pictures
from data_prep.shards import plan, tasks, write
from tests import edited, odd_pictures
from tests.moments import until_changed

SPEC = PictureSpec(size=8, jpeg_quality=95)
# event: split, colour of its pictures, species of each frame (None: only the event is labelled)
EVENTS = {
    "a": ("train", (200, 100, 40), ["deer", "empty"]),
    "b": ("train", (100, 100, 40), None),
    "c": ("train", (0, 100, 40), ["empty", "empty"]),
    "d": ("val", (255, 255, 255), None),
}


@pytest.fixture
def folder(tmp_path):
    """Two pictures for each event, 16 x 16, each of one colour."""
    for event, (_, colour, _) in EVENTS.items():
        for n in range(2):
            Image.new("RGB", (16, 16), colour).save(tmp_path / f"{event}{n}.png")
    return tmp_path


def make_plan(**options):
    labels = []
    for event, (_, _, species) in EVENTS.items():
        if species is None:
            labels.append((event, None, "fox", "2", 0.9))
        else:
            labels += [(event, n, name, None, None) for n, name in enumerate(species)]
    table = EventTable(
        pd.DataFrame({"event_id": list(EVENTS)}),
        pd.DataFrame({"event_id": [e for e in EVENTS for _ in "01"],
                      "path": [f"{e}{n}.png" for e in EVENTS for n in "01"]}),
        pd.DataFrame(labels, columns=["event_id", "frame", "species", "count", "moving"]),
    )  # fmt: skip
    split = np.array([split for split, _, _ in EVENTS.values()])
    return plan.make(table, split, events_per_shard=2, split_rule="by hand", **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read_events(manifest, split):
    """event id -> parsed record, as NumPy."""
    import tensorflow as tf

    from camtrap_tf.events import records

    files = [str(manifest.folder / one.file) for one in manifest.shards_of(split)]
    stored = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    parsed = records.parse(tf.constant(stored, tf.string), manifest.vocabulary)
    return {
        event_id.decode(): {name: column[row].numpy() for name, column in parsed.items()}
        for row, event_id in enumerate(parsed["event_id"].numpy())
    }


def test_manifest_and_records(folder):
    result = write.write_shards(make_plan(), folder, folder / "out", SPEC, processes=1)
    assert Manifest.read(folder / "out") == result
    assert [(s.file, s.events, s.frames) for s in result.shards] == [
        ("train-00000-of-00002.tfrecord", 1, 2),
        ("train-00001-of-00002.tfrecord", 2, 4),
        ("val-00000-of-00001.tfrecord", 1, 2),
    ]
    assert {task: sum(s.frames_by_task[task] for s in result.shards_of("train"))
            for task in ("empty", "animal", "species", "one_stage")} == {
        "empty": 6, "animal": 3, "species": 3, "one_stage": 6,
    }  # fmt: skip
    # Frames: deer, empty; fox, fox; empty, empty. Counts and attributes of the foxes only.
    train = result.class_counts["train"]
    assert (train["empty"], train["species"]) == ([3, 3], [1, 2])
    assert (train["count"], train["moving"]) == ([0, 2] + [0] * 10, [0, 2])
    # Red is 200, 100, 0 in equal parts: mean 100, variance (100**2 + 0 + 100**2) / 3.
    np.testing.assert_allclose(result.mean, [100, 100, 40])
    np.testing.assert_allclose(result.std, [np.sqrt(20000 / 3), 0, 0], atol=1e-6)
    events = read_events(result, "train")
    assert events["a"]["frame_label/empty"].tolist() == [0, 1]
    assert events["a"]["frame_label/species"].tolist() == [0, -1]
    assert events["a"]["label/species"] == 0
    assert events["b"]["frame_label/empty"].tolist() == [-1, -1]
    assert (events["b"]["label/species"], events["b"]["label/count"]) == (1, 1)
    assert events["b"]["paths"].tolist() == [b"b0.png", b"b1.png"]


def test_the_manifest_tells_by_which_rule_squares_were_made(folder):
    out = folder / "out"
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    assert Manifest.read(out).picture_rule == pictures.RULE
    edited.edit(out / "manifest.json", lambda content: content.pop("picture_rule"))
    assert Manifest.read(out).picture_rule == 1


def test_unreadable_pictures_are_quarantined_and_empty_handed_events_dropped(folder):
    (folder / "a1.png").write_bytes((folder / "a1.png").read_bytes()[:40])
    (folder / "c0.png").unlink()
    (folder / "c1.png").write_bytes(b"")
    result = write.write_shards(make_plan(), folder, folder / "out", SPEC, processes=1)
    with open(folder / "out" / "quarantine.csv", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert {path: row["event_id"] for path, row in rows.items()} == {
        "a1.png": "a", "c0.png": "c", "c1.png": "c",
    }  # fmt: skip
    assert (rows["c0.png"]["reason"], rows["c1.png"]["reason"]) == ("no such file", "empty file")
    assert result.dropped.counts == {
        "picture: unreadable (all are in quarantine.csv)": 3,
        "event: none of its pictures is readable": 1,
    }
    events = read_events(result, "train")
    assert set(events) == {"a", "b"}
    assert events["a"]["paths"].tolist() == [b"a0.png"]
    assert events["a"]["frame_label/empty"].tolist() == [0]
    assert result.class_counts["train"]["empty"] == [3, 0]
    np.testing.assert_allclose(result.mean, [(200 + 100 + 100) / 3, 100, 40])


def test_one_or_two_processes_and_a_repair_give_the_same_bytes(folder):
    one, two = folder / "one", folder / "two"
    (folder / "b0.png").write_bytes(b"no picture")
    write.write_shards(make_plan(), folder, one, SPEC, processes=1)
    write.write_shards(make_plan(), folder, two, SPEC, processes=2)
    assert contents(one) == contents(two)
    before = contents(one)
    (one / "train-00001-of-00002.tfrecord").unlink()
    kept = (one / "train-00000-of-00002.tfrecord").stat().st_mtime_ns
    write.write_shards(make_plan(), folder, one, SPEC, processes=1)
    assert contents(one) == before
    assert (one / "train-00000-of-00002.tfrecord").stat().st_mtime_ns == kept


def test_a_damaged_shard_of_an_interrupted_run_is_written_again(folder):
    out = folder / "out"
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    before = contents(out)
    (out / "manifest.json").unlink()
    (out / "val-00000-of-00001.tfrecord").write_bytes(b"damaged")
    (out / ".tmp-1234-train-00000-of-00002.tfrecord").write_bytes(
        b"left by a process that was killed"
    )
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    assert contents(out) == before


def test_a_finished_folder_is_left_alone(folder, caplog):
    out = folder / "out"
    first = write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    for path in folder.glob("*.png"):
        path.unlink()
    caplog.set_level("INFO", "camtrap")
    assert write.write_shards(make_plan(), folder, out, SPEC, processes=1) == first
    assert "nothing to do" in caplog.text


def test_another_configuration_is_refused_with_the_difference(folder):
    out = folder / "out"
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    before = contents(out)
    with pytest.raises(InputError, match=r"picture.size: 8 there, 10 asked for'\. Give another"):
        write.write_shards(make_plan(), folder, out, dataclasses.replace(SPEC, size=10))
    with pytest.raises(InputError, match="seed: 0 there, 1 asked for"):
        write.write_shards(make_plan(seed=1), folder, out, SPEC)
    assert contents(out) == before


def test_a_negative_number_of_processes_is_refused(folder):
    with pytest.raises(InputError, match="processes are at least 0; received -1"):
        write.write_shards(make_plan(), folder, folder / "out", SPEC, processes=-1)


def test_a_wrong_picture_folder_is_told_before_anything_is_written(folder):
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"pictures lie in .*Check the picture folder"):
        write.write_shards(make_plan(), empty, folder / "out", SPEC, processes=1)
    assert not (folder / "out").exists()


def test_the_commands_from_metadata_to_shards(folder, capfd, caplog):
    images = [{"id": f"{e}{n}", "file_name": f"{e}{n}.png", "seq_id": e, "frame_num": n,
               "location": "S", "datetime": f"2020-01-0{day} 10:00:00"}
              for day, e in enumerate(EVENTS, 1) for n in range(2)]  # fmt: skip
    notes = [{"id": i["id"], "image_id": i["id"], "category_id": 1} for i in images]
    metadata = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "fox"}]}
    (folder / "m.json").write_text(json.dumps(metadata))
    table, out = folder / "events.parquet", folder / "out"
    prepare = ["prepare", "--source=coco", f"--metadata={folder / 'm.json'}", f"--out={table}"]
    caplog.set_level("INFO", "camtrap")
    assert cli.main(prepare) == 0
    assert "events   4 (labelled 4, of these empty 0)\n  pictures 8\n" in caplog.text
    flags = ["shard", f"--events={table}", f"--images={folder}", f"--out={out}", "--size=8"]
    flags += ["--split=day", "--shares=0.5,0.25,0.25", "--processes=1"]
    assert cli.main(flags) == 0
    result = Manifest.read(out)
    assert {split: result.frames(split) for split in result.splits()} == {
        "train": 4, "val": 2, "test": 2,
    }  # fmt: skip
    assert result.split_rule == "day, shares 0.5/0.25/0.25 of train/val/test"
    assert cli.main([*flags, "--seed=1"]) == 2
    assert "seed: 0 there, 1 asked for" in capfd.readouterr().err
    assert cli.main(["shard", "--shares=a", *flags[1:4]]) == 2
    assert "shares are numbers; received 'a'" in capfd.readouterr().err
    # More shards with the vocabulary of some that are there, to train on from their network.
    wider = folder / "wider.json"
    wider.write_bytes((out / "manifest.json").read_bytes())
    species = {"species": ["boar", "fox", "owl"]}
    edited.edit(wider, lambda content: content["vocabulary"].update(species))
    again = [f"--out={folder / 'again'}" if flag.startswith("--out") else flag for flag in flags]
    assert cli.main([*again, f"--vocabulary={wider}"]) == 0
    assert Manifest.read(folder / "again").vocabulary.species == ("boar", "fox", "owl")
    assert cli.main([*flags, f"--vocabulary={folder / 'm.json'}"]) == 2
    assert "bundle.json or manifest.json" in capfd.readouterr().err
    assert cli.main([*flags, "--vocabulary=date"]) == 2


def odd_plan():
    """Forty events of one odd picture each, and one of a good one to each shard of ten."""
    names = [kind.name for kind in odd_pictures.KINDS]
    events = [f"e-{name}" for name in names]
    table = EventTable(
        pd.DataFrame({"event_id": events}),
        pd.DataFrame({"event_id": events, "path": names}),
        pd.DataFrame({"event_id": events, "species": "fox"}),
    )
    return plan.make(table, np.full(len(events), "train"), events_per_shard=10)


# Pillow warns of damaged EXIF; the pixels are whole.
damaged_exif = pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")


@damaged_exif
@pytest.mark.parametrize("keep_original", [False, True])
def test_forty_odd_pictures_are_handled_or_quarantined(tmp_path, keep_original):
    for kind in odd_pictures.KINDS:
        if kind.make:
            (tmp_path / kind.name).write_bytes(kind.make())
    spec = PictureSpec(size=40, keep_original=keep_original)
    result = write.write_shards(odd_plan(), tmp_path, tmp_path / "out", spec, processes=1)
    with open(tmp_path / "out" / "quarantine.csv", newline="") as file:
        reasons = {row["path"]: row["reason"] for row in csv.DictReader(file)}
    expected = {kind.name: kind.reason for kind in odd_pictures.KINDS if kind.reason}
    assert set(reasons) == set(expected)
    for name, reason in expected.items():
        assert reasons[name].startswith(reason), name
    events = read_events(result, "train")
    assert len(odd_pictures.KINDS) == 40
    assert len(events) + len(expected) == 40
    for kind in odd_pictures.KINDS:
        if kind.reason is None and kind.exact:
            (stored,) = events[f"e-{kind.name}"]["frames"].tolist()
            close_to_the_picture(stored, kind, spec)


def close_to_the_picture(stored, kind, spec):
    import tensorflow as tf

    from camtrap_tf.pictures import graph

    pixels = odd_pictures.picture() if kind.colour else odd_pictures.grey()
    expected = pictures.read(odd_pictures.saved(pixels, "PNG"), spec).pixels.astype(int)
    found = graph.decode_stored(tf.constant(stored), spec).numpy().astype(int)
    assert np.abs(found - expected).mean() < 4, kind.name


@damaged_exif
def test_original_bytes_are_untouched_where_a_graph_reads_them_alike(tmp_path):
    spec = PictureSpec(size=40, keep_original=True)
    for kind in odd_pictures.KINDS:
        if kind.reason is None:
            content = kind.make()
            same = pictures.store(content, spec).encoded == content
            untouched = kind.name.startswith(
                ("plain.j", "progr", "subs", "restart", "rgb", "grey.", "damaged_exif", "bytes_",
                 "plain.p", "transparent", "png_c", "jpeg_c", "one_")
            )  # fmt: skip
            assert same == untouched, kind.name


def test_verifying_a_finished_folder_mends_what_is_damaged(folder):
    out = folder / "out"
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    before = contents(out)
    damaged = bytearray(before["val-00000-of-00001.tfrecord"])
    damaged[-20] ^= 1
    (out / "val-00000-of-00001.tfrecord").write_bytes(damaged)
    write.write_shards(make_plan(), folder, out, SPEC, processes=1)
    assert contents(out) != before
    write.write_shards(make_plan(), folder, out, SPEC, processes=1, verify=True)
    assert contents(out) == before


def test_low_disk_space_is_noticed_before_a_shard_is_begun(folder, monkeypatch):
    free = iter([10**9, 10])
    usage = type("Usage", (), {"free": property(lambda _: next(free, 10))})()
    monkeypatch.setattr(tasks.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"0.0 MB free, about 0.0 MB needed'\. Free some space"):
        write.write_shards(make_plan(), folder, folder / "out", SPEC, processes=1)
    monkeypatch.undo()
    write.write_shards(make_plan(), folder, folder / "out", SPEC, processes=1)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small file system is not permitted")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_leaves_no_half_file_and_the_next_run_goes_on(
    folder, small_disk, tmp_path, monkeypatch
):
    noise = np.random.default_rng(0)
    for path in folder.glob("*.png"):
        Image.fromarray(noise.integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    spec, out = PictureSpec(size=64), small_disk / "out"
    write.write_shards(make_plan(), folder, tmp_path / "undisturbed", spec, processes=1)
    monkeypatch.setattr(tasks, "_BYTES_PER_PIXEL", 0)  # let it run into the wall
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(160_000))  # room for the first shard and not for the second
    with pytest.raises(InputError, match=r"No space left on device.*Free some space"):
        write.write_shards(make_plan(), folder, out, spec, processes=1)
    there = contents(out)
    assert "train-00000-of-00002.tfrecord" in there
    assert "train-00001-of-00002.tfrecord" not in there
    whole = contents(tmp_path / "undisturbed")
    assert there.items() <= whole.items()
    ballast.unlink()
    write.write_shards(make_plan(), folder, out, spec, processes=1)
    assert contents(out) == whole


@pytest.mark.slow
def test_killed_at_twenty_random_moments_the_shards_are_the_same(tmp_path):
    picture = odd_pictures.picture()
    for k in range(160):
        pixels = np.roll(picture, (k, 2 * k), axis=(0, 1))
        big = Image.fromarray(pixels).resize((1200, 800))
        (tmp_path / f"{k}.jpg").write_bytes(odd_pictures.saved(big))
    (tmp_path / "7.jpg").write_bytes(b"no picture")
    events = [f"e{k:03d}" for k in range(160)]
    table = EventTable(
        pd.DataFrame({"event_id": events}),
        pd.DataFrame({"event_id": events, "path": [f"{k}.jpg" for k in range(160)]}),
        pd.DataFrame({"event_id": events, "species": "fox"}),
    )
    table.write(tmp_path / "events.parquet")
    command = [
        sys.executable, "-m", "camtrap_tf.cli", "shard", f"--events={tmp_path}/events.parquet",
        f"--images={tmp_path}", "--events_per_shard=8", "--processes=2",
    ]  # fmt: skip
    subprocess.run([*command, f"--out={tmp_path}/undisturbed"], check=True, capture_output=True)
    out, pauses = tmp_path / "disturbed", np.random.default_rng(0)
    kills = 0
    while kills < 20:
        process = subprocess.Popen(
            [*command, f"--out={out}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until_changed(out, lambda process=process: process.poll() is None)
        try:
            process.wait(pauses.uniform(0, 0.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:  # it came to its end: begin anew, so that each kill strikes at work
            assert process.returncode == 0
            assert contents(out) == contents(tmp_path / "undisturbed")
            shutil.rmtree(out)
    subprocess.run([*command, f"--out={out}"], check=True, capture_output=True)
    assert contents(out) == contents(tmp_path / "undisturbed")


def test_a_process_that_writes_shards_imports_neither_pandas_nor_tensorflow():
    needs = "import sys, camtrap_tf.core.workers.local, data_prep.shards.tasks"
    code = f"{needs}; print({{'pandas', 'tensorflow'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_names_with_accents_that_the_disk_has_in_another_form(tmp_path):
    """A Mac writes accents apart (NFD); tables have them as one character (NFC)."""
    (tmp_path / "wa\u0308ld").mkdir()
    Image.new("RGB", (16, 16), "grey").save(tmp_path / "wa\u0308ld" / "e\u0301.png")
    told = "w\xe4ld/\xe9.png"
    table = EventTable(
        pd.DataFrame({"event_id": ["a"]}),
        pd.DataFrame({"event_id": ["a"], "path": [told]}),
        pd.DataFrame({"event_id": ["a"], "species": ["fox"]}),
    )
    made = plan.make(table, np.array(["train"]), events_per_shard=1, split_rule="by hand")
    result = write.write_shards(made, tmp_path, tmp_path / "out", SPEC, processes=1)
    assert read_events(result, "train")["a"]["paths"].tolist() == [told.encode()]
