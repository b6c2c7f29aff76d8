"""Committed results: whole tables, and the figures that the documentation quotes from them."""

import csv
from pathlib import Path

import pytest

from experiments import run
from experiments.lab import SCALES

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "experiments" / "results" / "small"
NAMES_OF_UNKNOWNS = {"small": "unknowns.csv", ".": "unknowns_california.csv"}


def rows(name: str) -> list[dict[str, str]]:
    with open(SMALL / f"{name}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def pages() -> str:
    """The text of all pages of results."""
    folder = ROOT / "docs" / "results"
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted(folder.glob("*.md")))


def figure(name: str, subject: str, label: str, split: str = "test") -> dict[str, float]:
    """The one row of a result, its numbers in points."""
    (row,) = [
        row
        for row in rows(name)
        if (row["subject"], row["figure"], row["split"]) == (subject, label, split)
    ]
    return {key: 100 * float(row[key]) for key in ("measured", "low", "high")}


@pytest.mark.parametrize("name", run.NAMES)
def test_a_figure_that_was_not_measured_says_why(name):
    for row in rows(name):
        assert row["measured"] or row["published"] or row["note"], row


def test_all_networks_are_of_one_scale():
    recipe = SCALES["small"].recipe.train
    for row in rows("runs"):
        longer = 4 if row["data"] == "quarter" else 2 if row["data"].startswith("without") else 1
        assert (row["scale"], row["batch_size"]) == ("small", str(recipe.batch_size))
        assert int(row["epochs"]) == longer * recipe.epochs
        assert float(row["seconds"]) > 0


@pytest.mark.parametrize(("head", "question"), [("empty", "empty or not"), ("species", "species")])
def test_the_pages_quote_the_gain_by_averaging(head, question):
    names = ("top-1 of pictures", "top-1 of events", "gain by averaging")
    pictures, events, gain = (figure("averaging", head, name) for name in names)
    line = (
        f"| {question}: pictures, events, gain by averaging | {pictures['measured']:.1f}%, "
        f"{events['measured']:.1f}%, {gain['measured']:+.1f} points "
        f"[{gain['low']:.1f}, {gain['high']:.1f}] |"
    )
    assert line in pages()


@pytest.mark.parametrize(("head", "question"), [("empty", "empty or not"), ("species", "species")])
def test_the_pages_quote_the_share_of_label_noise(head, question):
    share = figure("label_noise", head, "errors where the label is wrong, of all errors")
    line = (
        f"| share of the errors on single pictures that are the label's fault: {question} | "
        f"{share['measured']:.0f}% [{share['low']:.0f}, {share['high']:.0f}] |"
    )
    assert line in pages()


@pytest.mark.parametrize(
    ("folder", "species"),
    [
        ("small", ("giraffe", "elephant", "gazelleThomsons", "zebra", "buffalo")),
        (".", ("elk", "human", "california_ground_squirrel", "bobcat", "striped_skunk")),
    ],
)
def test_the_pages_quote_what_scores_of_familiarity_are_worth(folder, species):
    with open(SMALL.parent / folder / NAMES_OF_UNKNOWNS[folder], newline="") as file:
        found = {
            (row["subject"], row["figure"]): row
            for row in csv.DictReader(file)
            if row["split"] == "test"
        }
    cells = []
    for score in ("energy", "Mahalanobis", "energy and distance"):
        row = found[score, "AUROC of pictures"]
        value, low, high = (float(row[key]) for key in ("measured", "low", "high"))
        cells.append(f"{value:.2f} [{low:.2f}, {high:.2f}]")
    text = pages()
    assert " | ".join(cells) in text
    caught, known = (
        [f"{100 * float(found[f'{name}, seed 0', figure]['measured']):.0f}" for name in species]
        for figure in ("unknown pictures called unknown", "known pictures called unknown")
    )
    least, most = min(known, key=int), max(known, key=int)
    assert f"| {', '.join(caught)}% / {least} to {most}% |" in text
