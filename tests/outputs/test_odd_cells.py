"""Texts that break rows, or that spreadsheet programs run: written so that they are read back."""

import csv as python_csv
import io

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core import csv_text
from camtrap_tf.events import csv_files
from camtrap_tf.events.listing import resolve
from camtrap_tf.outputs import csv
from camtrap_tf.outputs.options import Options
from camtrap_tf.prediction.job import NotProcessed
from data_prep.sources import read

PATHS = (
    "plain/1.jpg", "a\rb.jpg", "a\nb.jpg", "a\r\nb.jpg", "a,b.jpg", 'a"b.jpg', "a\u2028b.jpg",
    "a\x85b.jpg", "a\x0bb\x0c.jpg", "a\x1cb.jpg", "=1+1.jpg", "+1.jpg", "-2+3.jpg", "@SUM(A1).jpg",
    "'=1.jpg", "''@x.jpg", "'n Roll.jpg", "=cmd|' /C calc'!A0.jpg", "-1.5", "+7", "1=1.jpg",
    "-1.35_36.8/1.jpg", "\u202egpj.exe.jpg",
)  # fmt: skip
FORMULAS = tuple("=+-@\t\r")


def predictions() -> Predictions:
    n = len(PATHS)
    ids = pd.DataFrame({"path": PATHS, "event_id": PATHS, "frame": 0, "site": PATHS[::-1],
                        "failure": [*PATHS[:2], *[None] * (n - 2)]})  # fmt: skip
    p = np.tile(np.array([[0.75, 0.25]], np.float32), (n, 1))
    p[:2] = np.nan
    return Predictions(ids, {"species": ("=HYPERLINK(1)", "empty")}, {"species": p})


def rows_of(path, encoding="utf-8") -> list[list[str]]:
    with open(path, encoding=encoding, newline="") as file:
        return list(python_csv.reader(file))


def is_formula(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.startswith(FORMULAS)
    return False


def test_predictions_come_back_as_they_were(tmp_path):
    csv.write_files(predictions(), tmp_path, Options())
    for name in ("predictions.csv", "events.csv"):
        rows = rows_of(tmp_path / name)
        assert {len(row) for row in rows} == {len(rows[0])} and len(rows) == len(PATHS) + 1
        assert not [cell for row in rows for cell in row if is_formula(cell)]
    columns = {name: name for name in ("path", "event_id", "site", "failure", "answer")}
    found = csv_files.read(tmp_path / "predictions.csv", columns, newlines=True)
    wanted = predictions().to_pandas()
    for name in columns:
        assert found[name].fillna("").tolist() == wanted[name].fillna("").tolist(), name


def test_they_are_a_list_of_pictures_and_a_source(tmp_path):
    csv.write_files(predictions(), tmp_path, Options())
    pieces = resolve([tmp_path / "predictions.csv"]).walk(lambda *_: None, None)
    assert sorted(pd.concat(list(pieces))["path"]) == sorted(PATHS)
    table = read("csv", tmp_path / "predictions.csv", columns="path=path,species=answer")
    assert sorted(table.frames["path"]) == sorted(PATHS)


def test_as_they_are_and_with_a_mark_on_request(tmp_path):
    csv.write_files(predictions(), tmp_path, Options(guard_formulas=False, bom=True))
    assert (tmp_path / "predictions.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")
    rows = rows_of(tmp_path / "predictions.csv", "utf-8-sig")
    assert [row[0] for row in rows[1:]] == list(PATHS)
    assert rows[0][0] == "path"


def test_numbers_and_missing_cells_are_left_alone():
    file = io.StringIO(newline="")
    frame = pd.DataFrame(
        {"a": ["-1", "=1", None], "b": [-1.5, np.nan, 2], "c": pd.Categorical(["=x"] * 3)}
    )
    csv_text.write_frame(frame, file)
    assert file.getvalue() == "a,b,c\n-1,-1.5,'=x\n'=1,,'=x\n,2.0,'=x\n"


@pytest.mark.parametrize(
    "cell", [*PATHS, "", "'", "''", "'''=", "\t=1", "\r=1", "-", "=", "-.5e-3"]
)
def test_a_guard_is_taken_off_again(cell):
    guarded = csv_text.guarded(cell)
    assert csv_text.unguarded(guarded) == cell
    assert not is_formula(guarded)


def test_lists_of_what_was_left_out(tmp_path):
    skip = NotProcessed()
    for path in PATHS:
        skip(path, path)
    skip.write(tmp_path)
    rows = csv_files.read(
        tmp_path / "not_processed.csv", {"path": "path", "reason": "reason"}, newlines=True
    )
    assert sorted(rows["path"]) == sorted(rows["reason"]) == sorted(PATHS)


def test_a_list_of_lines_parts_at_line_ends_alone(tmp_path):
    names = [name for name in PATHS if not {"\r", "\n"} & set(name)]
    (tmp_path / "list.txt").write_text("\n".join(names), encoding="utf-8")
    pieces = resolve([tmp_path / "list.txt"]).walk(lambda *_: None, None)
    assert sorted(pd.concat(list(pieces))["path"]) == sorted(names)


def test_a_list_of_find_print0_holds_any_name(tmp_path):
    (tmp_path / "list.txt").write_bytes("\0".join([*PATHS, ""]).encode())
    pieces = resolve([tmp_path / "list.txt"]).walk(lambda *_: None, None)
    assert sorted(pd.concat(list(pieces))["path"]) == sorted(PATHS)


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c", "\x1e"])
def test_a_header_with_an_odd_character_is_one_line(tmp_path, mark):
    (tmp_path / "x.csv").write_text(f"path,what{mark}ever\n1.jpg,x\n2.jpg,y\n", encoding="utf-8")
    assert csv_files.header(tmp_path / "x.csv") == ["path", f"what{mark}ever"]
