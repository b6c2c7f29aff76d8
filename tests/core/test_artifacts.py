"""Atomic, versioned files."""

import pytest

from camtrap_tf.core import artifacts
from camtrap_tf.core.errors import InputError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    artifacts.write_text(path, "old")

    def fail():
        with artifacts.atomic(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_json_is_stamped_and_checked(tmp_path):
    path = tmp_path / "a.json"
    artifacts.write_json(path, "manifest", 2, {"x": 1})
    assert artifacts.read_json(path, "manifest", 2)["x"] == 1
    with pytest.raises(InputError, match="reads version 3 of a manifest; received 2"):
        artifacts.read_json(path, "manifest", 3)
    with pytest.raises(InputError, match="expected to be a camtrap bundle"):
        artifacts.read_json(path, "bundle", 2)
    path.write_text("{")
    with pytest.raises(InputError, match="valid JSON"):
        artifacts.read_json(path, "manifest", 2)
