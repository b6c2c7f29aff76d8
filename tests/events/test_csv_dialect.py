import gzip

import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.events.csv_dialect import NO_DELIMITER, dialect, open_text

TEXT = "Pfad;Art\r\nwald/1.jpg;Rehböcke, ältere\r\n"


@pytest.mark.parametrize(
    ("encoding", "told", "guessed"),
    [
        ("utf-8", "utf-8-sig", False), ("utf-8-sig", "utf-8-sig", False),
        ("utf-16", "utf-16", False), ("utf-16-le", "utf-16-le", True),
        ("utf-16-be", "utf-16-be", True), ("latin-1", "cp1252", True),
    ],
)  # fmt: skip
def test_encodings(tmp_path, encoding, told, guessed):
    path = tmp_path / "labels.csv"
    path.write_bytes(TEXT.encode(encoding))
    found = dialect(path)
    assert (found.encoding, found.guessed, found.delimiter) == (told, guessed, ";")
    assert found.header == ("Pfad", "Art")
    with open_text(path, found.encoding) as file:
        assert file.read().lstrip("\ufeff") == TEXT


def test_a_given_encoding_decides(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes("Pfad;Größe\n".encode("cp850"))
    assert dialect(path, "cp850").header == ("Pfad", "Größe")
    with pytest.raises(InputError, match="one that Python knows; received 'utf-9'"):
        dialect(path, "utf-9")
    with pytest.raises(InputError, match=r"text in utf-8-sig.*Say with --encoding"):
        dialect(path, "utf8")


@pytest.mark.parametrize(
    ("text", "delimiter", "skipped", "header"),
    [
        ("path\na/1.jpg\n", NO_DELIMITER, 0, ("path",)),  # no character of 'path' parts it
        ("path\nred deer, two/1.jpg\n", NO_DELIMITER, 0, ("path",)),
        ("a;b\n1,5;2,5\n", ";", 0, ("a", "b")),
        ("a\tb, c\n1\t2, 3\n", "\t", 0, ("a", "b, c")),
        ("sep=;\na;b,c,d\n1;2\n", ";", 1, ("a", "b,c,d")),
        ('"sep=,"\r\na,b\r\n', ",", 1, ("a", "b")),
        ('" a ","b;c"\n1,2\n', ",", 0, ("a", "b;c")),
        ("a|b\n1|2\n", "|", 0, ("a", "b")),
    ],
)
def test_delimiters_and_first_lines(tmp_path, text, delimiter, skipped, header):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    found = dialect(path)
    assert (found.delimiter, found.skipped, found.header) == (delimiter, skipped, header)


def test_packed_and_empty_files(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("a,b\n1,2\n")
    assert dialect(tmp_path / "a.csv.gz").header == ("a", "b")
    (tmp_path / "b.csv.gz").write_text("a,b\n")
    with pytest.raises(InputError, match="can be read"):
        dialect(tmp_path / "b.csv.gz")
    (tmp_path / "c.csv").write_text("\n")
    with pytest.raises(InputError, match="begins with the names of its columns"):
        dialect(tmp_path / "c.csv")


def test_what_is_said_of_a_file(tmp_path):
    (tmp_path / "a.csv").write_bytes("Stra\xdfe;Art\n".encode("latin-1"))
    said = str(dialect(tmp_path / "a.csv"))
    assert said == "Latin-1 (Windows-1252) by guess, fields between semicolons"
