import unicodedata

import pandas as pd
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.outputs import deployments, species


def test_a_table_as_a_spreadsheet_writes_it(tmp_path):
    """Semicolons, Latin-1, names of columns in capitals; accents that the disk has apart."""
    path = tmp_path / "deployments.csv"
    rows = ("DEPLOYMENTID;LATITUDE;LONGITUDE;FOLDER", "A;1;2;w\xe4ld\\a", "B;1;2;w\xe4ld\\b")
    path.write_bytes("\n".join(rows).encode("latin-1"))
    table = deployments.read(path)
    assert table[["folder", "deploymentID"]].to_numpy().tolist() == [
        ["w\xe4ld/a", "A"], ["w\xe4ld/b", "B"],
    ]  # fmt: skip
    pictures = [unicodedata.normalize("NFD", f"w\xe4ld/{folder}/1.jpg") for folder in "ba"]
    ids = pd.DataFrame({"path": pictures, "site": None, "datetime": pd.NaT}, dtype="object")
    ids = ids.astype({"path": "string", "site": "string", "datetime": "datetime64[us]"})
    starts = pd.Series([pd.NaT, pd.NaT], dtype="datetime64[us]")
    assert deployments.assign(ids, table, starts).tolist() == [1, 0]


def placed(tmp_path, rows: list[str], pictures: list[str], taken: list[str], starts: list[str]):
    """The position of each picture's deployment."""
    path = tmp_path / "deployments.csv"
    path.write_text("\n".join(["folder,deploymentID,latitude,longitude", *rows]) + "\n")
    ids = pd.DataFrame({"path": pictures, "site": None, "datetime": pd.to_datetime(taken)})
    ids = ids.astype({"path": "string", "site": "string", "datetime": "datetime64[us]"})
    begins = pd.to_datetime(pd.Series(starts)).astype("datetime64[us]")
    return deployments.assign(ids, deployments.read(path), begins).tolist()


def test_a_picture_taken_when_a_deployment_begins_belongs_to_it(tmp_path):
    rows, starts = ["A,a1,1,2", "A,a2,1,2"], ["2020-01-01 10:00", "2020-02-01 10:00"]
    taken = ["2020-02-01 09:59:59", "2020-02-01 10:00:00", "2020-02-01 10:00:01"]
    assert placed(tmp_path, rows, [f"A/{n}.jpg" for n in range(3)], taken, starts) == [0, 1, 1]


def test_the_nearest_folder_that_is_named_counts(tmp_path):
    rows, pictures = ["S,s,1,2", "S/A,a,1,2"], ["S/A/1.jpg", "S/A/100EK113/1.jpg", "S/B/1.jpg"]
    found = placed(tmp_path, rows, pictures, ["2020-01-01"] * 3, ["2020-01-01"] * 2)
    assert found == [1, 1, 0]


def test_degrees_have_limits(tmp_path):
    assert placed(tmp_path, ["A,a,-90,180"], ["A/1.jpg"], ["2020-01-01"], ["2020-01-01"]) == [0]
    for row, column in (("A,a,91,0", "latitude"), ("A,a,0,-181", "longitude")):
        with pytest.raises(InputError, match=f"{column} is a number of degrees"):
            placed(tmp_path, [row], ["A/1.jpg"], ["2020-01-01"], ["2020-01-01"])


def test_a_table_of_species_as_a_spreadsheet_writes_it(tmp_path):
    path = tmp_path / "species.csv"
    rows = (
        "sep=;",
        "LABEL;SCIENTIFICNAME;vernacularName",
        "fox; Vulpes vulpes;renard \xe9lanc\xe9",
    )
    path.write_bytes("\n".join(rows).encode("latin-1"))
    table = species.read(path)
    assert table.loc["fox", ["scientificName", "vernacularName"]].tolist() == [
        "Vulpes vulpes", "renard \xe9lanc\xe9",
    ]  # fmt: skip
