import unicodedata

import pandas as pd

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
