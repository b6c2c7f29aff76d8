"""Rows as CSV and text."""

from experiments import rows


def test_rows_as_csv(tmp_path):
    found = [rows.Row("vgg16", "empty top-1", "test", 0.5, 0.25, 0.75, 8, 0.968, "a, b")]
    rows.write(found, tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == (
        "subject,figure,split,measured,low,high,scored,published,note\n"
        'vgg16,empty top-1,test,0.5000,0.2500,0.7500,8,0.9680,"a, b"\n'
    )


def test_rows_as_text_are_aligned():
    first, second = rows.table([rows.Row("a", "b", published=0.5)]).splitlines()
    assert first.index("published") == second.index("0.5000")
