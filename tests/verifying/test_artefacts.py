import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf import cli
from camtrap_tf.answers import metrics, planning
from camtrap_tf.core import checksums, file_names
from camtrap_tf.core.artifacts import write_json
from camtrap_tf.core.errors import DamagedFile, InputError
from camtrap_tf.events.table import EventTable
from camtrap_tf.reviewing.journal import Answer, Journal, Verdict
from camtrap_tf.verifying.artefacts import KINDS, State, verify
from tests.answers.test_planning import make as made_answers
from tests.fixtures.before_rooms import make

OLD = Path(make.__file__).parent


@pytest.fixture
def old(tmp_path):
    shutil.copytree(OLD, tmp_path / "old", ignore=shutil.ignore_patterns("pictures", "edge"))
    return tmp_path / "old"


def flip(path, place=-30):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "kind", "whole", "unchecked"),
    [
        ("shards", "shards", 4, 6),  # four TFRecord files by the manifest's hashes
        ("bundle", "bundle", 2, 1),
        ("runs/animal", "run", 1, 3),
        ("answers", "answers", 0, 6),
        ("events.parquet", "file events.parquet", 0, 1),
        ("reviews.jsonl", "file reviews.jsonl", 0, 1),
    ],
)
def test_artefacts_of_earlier_versions_are_read_and_counted(old, name, kind, whole, unchecked):
    found = verify(old / name)
    assert found.names == (kind,) and found.bad == []
    assert (found.count(State.WHOLE), found.count(State.UNCHECKED)) == (whole, unchecked)


@pytest.mark.parametrize(
    ("artefact", "file"),
    [
        ("shards", "val-00000-of-00001.tfrecord"),
        ("bundle", "empty-0.keras"),
        ("runs/empty", "best.keras"),
    ],
)
def test_damage_is_found_and_named(old, artefact, file):
    flip(old / artefact / file, 3000)
    assert [one.path.name for one in verify(old / artefact).bad] == [file]
    assert [one.path.name for one in verify(old).bad] == [file]  # in a folder of several
    (old / artefact / file).unlink()
    if artefact != "runs/empty":  # which is not listed anywhere
        assert [one.state for one in verify(old / artefact).bad] == [State.MISSING]


def test_what_is_written_now_is_checked_throughout(tmp_path):
    EventTable.read(OLD / "events.parquet").write(tmp_path / "a" / "events.parquet")
    write_json(tmp_path / "a" / "world.json", "thing", 1, {"a": 1})
    Journal(tmp_path / "a" / "reviews.jsonl").append(Answer("e", "kim", Verdict.EMPTY).to_json())
    features = tmp_path / "a" / "features" / "net"
    write_json(features / "features.json", "picture features", 1, {"a": 1})
    with (features / "train.npy").open("wb") as file:
        np.save(file, np.zeros(9))
        checksums.seal_file(features / "train.npy", file)
    metrics.write({"n": 3, "species": {"value": 0.5}}, tmp_path / "a" / "metrics.json")
    answers = [made_answers(300, 0.7, seed) for seed in (0, 1)]
    planning.write(planning.plan(*answers, 0.9, 600, 6), tmp_path / "a" / "plan.json")
    decision = checksums.seal_line('{"frames": ["a.jpg"], "decision": "keep"}')
    (tmp_path / "a" / "decisions.jsonl").write_text(decision + "\n")
    found = verify(tmp_path / "a")
    assert found.count(State.WHOLE) == len(found.findings) == 8
    for one in found.findings:
        flip(one.path)
    assert len(verify(tmp_path / "a").bad) == 8


def test_metrics_are_read_with_and_without_a_checksum(tmp_path):
    path, scores = tmp_path / "metrics.json", {"n": 3, "species": {"value": 0.5}}
    metrics.write(scores, path)
    assert metrics.read(path).items() >= scores.items()
    path.write_text(path.read_text().replace("0.5", "0.6"))
    with pytest.raises(DamagedFile):
        metrics.read(path)
    path.write_text(json.dumps(scores))  # of earlier versions
    assert metrics.read(path) == scores


def test_lines_of_a_log_of_an_earlier_version_are_not_checked(tmp_path):
    path = tmp_path / "decisions.jsonl"
    path.write_text('{"frames": ["a.jpg"], "decision": "keep"}\n')
    assert [one.state for one in verify(path).findings] == [State.UNCHECKED]


def test_an_export_is_what_its_list_says(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"model")
    told = "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    (tmp_path / file_names.SUMS).write_text(f"{told}  model.tflite\n")
    assert verify(tmp_path).names == ("export",) and not verify(tmp_path).bad
    (tmp_path / "model.tflite").write_bytes(b"modal")
    assert [one.told for one in verify(tmp_path).bad] == ["its SHA-256 is not the one recorded"]


def test_weights_are_compared_with_the_table(tmp_path):
    (tmp_path / "lite0.pth").write_bytes(b"weights")
    assert [one.state for one in verify(tmp_path / "lite0.pth").findings] == [State.DAMAGED]


def test_what_is_no_artefact_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(InputError, match="what is verified is an artefact"):
            verify(path)


def test_the_command_says_how_many_files_and_fails_on_damage(old, capsys, caplog):
    assert cli.main(["verify", str(old / "shards"), str(old / "bundle")]) == 0
    told = capsys.readouterr().out
    assert f"{old / 'bundle'} (bundle): 3 files: 2 as they were written, 1 without a" in told
    flip(old / "bundle" / "empty-0.keras", 3000)
    assert cli.main(["verify", str(old / "shards"), str(old / "bundle")]) == 2
    assert "1 of 13 files damaged or missing, such as" in capsys.readouterr().err
    assert "empty-0.keras: its SHA-256 is not the one recorded. Copy it again" in caplog.text


def test_every_kind_has_its_own_stamp():
    assert len({kind.stamp for kind in KINDS}) == len({kind.name for kind in KINDS}) == len(KINDS)
