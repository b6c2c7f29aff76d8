import json
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from camtrap_tf.core import artifacts, checksums, parquet
from camtrap_tf.core.errors import DamagedFile, InputError
from tests import edited, flips

CONTENT = {"a": 1, "names": ["hyäne", "lion"], "share": 0.1, "nested": {"2": [None, True]}}


@pytest.fixture
def file(tmp_path):
    artifacts.write_json(tmp_path / "a.json", "thing", 1, CONTENT)
    return tmp_path / "a.json"


def read_json(path):
    return artifacts.read_json(path, "thing", 1)


def test_json_is_read_as_it_was_written(file):
    assert artifacts.read_json(file, "thing", 1) == {"artifact": "thing", "version": 1, **CONTENT}
    assert json.loads(file.read_text())["checksum"] == checksums.of_json(read_json(file))


def test_no_flipped_bit_of_json_is_another_value(file):
    def content():
        found = read_json(file)
        # A flip in the name of the checksum makes it a field that nobody asks for.
        return {name: found[name] for name in ("artifact", "version", *CONTENT) if name in found}

    found = flips.counts(file, content, 500)
    assert found[flips.SILENT] == 0 and found[flips.REFUSED] > 200
    assert set(found) <= {flips.REFUSED, flips.SAME}


def test_json_may_be_laid_out_anew_and_edited_without_its_checksum(file):
    content = json.loads(file.read_text())
    file.write_text(json.dumps(dict(reversed(content.items()))))
    assert read_json(file)["a"] == 1
    content["a"] = 2
    file.write_text(json.dumps(content))
    with pytest.raises(DamagedFile, match='delete its line "checksum"'):
        read_json(file)
    edited.edit(file, lambda content: content.update(a=2))
    assert read_json(file)["a"] == 2


def test_the_hash_of_a_text_is_that_of_before_there_were_checksums(file, tmp_path):
    stamped = {"artifact": "thing", "version": 1, **CONTENT}
    before = tmp_path / "before.json"
    before.write_text(json.dumps(stamped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert artifacts.sha256(file) != artifacts.sha256(before)
    assert artifacts.content_sha256(file) == artifacts.sha256(before)
    assert artifacts.content_sha256(before) == artifacts.sha256(before)


def test_a_sealed_array_is_an_array_and_no_flipped_bit_of_it_is_another(tmp_path):
    path, values = tmp_path / "a.npy", np.arange(60, dtype=np.float16).reshape(5, 3, 4)
    with path.open("wb") as file:
        np.save(file, values)
        checksums.seal_file(path, file)

    def read():
        checksums.check_seal(path)
        return np.load(path, mmap_mode="r").tobytes()

    assert read() == values.tobytes()
    assert path.read_bytes()[-24:] == checksums.seal(path.read_bytes()[:-24])
    found = flips.counts(path, read, 500)
    assert set(found) == {flips.REFUSED, flips.SAME}  # the latter: in the words of the seal
    assert found[flips.SAME] <= 8 * checksums.SEAL_BYTES


@pytest.fixture
def table(tmp_path):
    rows = {"name": ["a", None, "c"] * 50, "values": [[0.1, 0.2]] * 150, "n": list(range(150))}
    made = parquet.stamped(pa.table(rows), {"artifact": "thing", "classes": ["lion", "fox"]})
    parquet.write(made, tmp_path / "a.parquet", 60)
    return tmp_path / "a.parquet"


def test_parquet_is_read_by_us_and_by_others(table):
    found = parquet.read(table)
    assert found.equals(pq.read_table(table, page_checksum_verification=True))
    assert parquet.stamp(found.schema)["classes"] == ["lion", "fox"]
    assert parquet.check(table)
    assert [parquet.open_file(table).metadata.row_group(i).num_rows for i in range(3)] == [
        60, 60, 30,
    ]  # fmt: skip
    assert parquet.read(table, ["n"]).column_names == ["n"]


def test_no_flipped_bit_of_parquet_is_another_value(table):
    def read():
        found = parquet.read(table)
        return found.to_pylist(), parquet.stamp(found.schema)

    found = flips.counts(table, read, 500)
    assert set(found) <= {flips.REFUSED, flips.SAME} and found[flips.SAME] < 40


def test_parquet_of_others_is_read(tmp_path):
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "a.parquet")
    assert not parquet.check(tmp_path / "a.parquet")
    assert parquet.read(tmp_path / "a.parquet")["n"].to_pylist() == [1, 2]


def test_what_is_no_parquet_is_refused_in_words(tmp_path):
    for content in (b"", b"PAR1", b"name,class\n" * 9, b"PAR1" + b"\xff" * 20 + b"PAR1"):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(InputError, match="an event table is a Parquet file"):
            parquet.open_file(tmp_path / "a.parquet", "an event table")


def test_damage_is_told_by_path_also_from_another_process(tmp_path):
    error = pickle.loads(pickle.dumps(DamagedFile("a.npy", "Delete it.")))
    told = "a file is as it was written; received 'a.npy: its checksum does not fit'. Delete it."
    assert str(error) == told
