import unicodedata

import pandas as pd
import pytest

from camtrap_tf.core import paths
from camtrap_tf.events import path_columns


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a/1.jpg", "a/1.jpg"), ("a\\b\\1.jpg", "a/b/1.jpg"), ("./a/./1.jpg", "a/1.jpg"),
        ("a//1.jpg", "a/1.jpg"), (" a/1.jpg\t", "a/1.jpg"), ("/a/1.jpg", "/a/1.jpg"),
        ("C:\\a\\1.jpg", "C:/a/1.jpg"), ("\\\\nas\\a\\1.jpg", "//nas/a/1.jpg"),
        ("a/b/", "a/b"), ("..\\1.jpg", "../1.jpg"), ("o\u0308/1.jpg", "\xf6/1.jpg"),
        (".hidden/1..jpg", ".hidden/1..jpg"),
    ],
)  # fmt: skip
def test_a_path_has_one_form(text, path):
    assert paths.normal(text) == path == paths.normal(path)
    assert path_columns.normal(pd.Series([text, None])).fillna("").tolist() == [path, ""]


def test_folder_and_file():
    folders = pd.Series(["s1\\100RECNX\\", None, "", ".", "/nas", "w\xe4ld"])
    found = path_columns.joined(folders, pd.Series(["1.jpg"] * 6))
    assert found.tolist() == [
        "s1/100RECNX/1.jpg", "1.jpg", "1.jpg", "1.jpg", "/nas/1.jpg", "w\xe4ld/1.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_disk_has_a_name_in_its_own_form(tmp_path, form):
    there = tmp_path / unicodedata.normalize(form, "wäld/é/1.jpg")
    there.parent.mkdir(parents=True)
    there.touch()
    for other in ("NFC", "NFD"):
        assert paths.on_disk(tmp_path, unicodedata.normalize(other, "wäld/é/1.jpg")) == there
    (there.parent / "2.jpg").touch()  # after its folder was looked at
    assert paths.on_disk(tmp_path, unicodedata.normalize("NFD", "wäld/é/2.jpg")).exists()
    nowhere = "wäld/ö.jpg"
    assert paths.on_disk(tmp_path, nowhere) == tmp_path / nowhere
