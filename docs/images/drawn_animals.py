"""Draws docs/images/drawn_animals.jpg: six pictures of the synthetic Serengeti, with captions.

    python docs/images/drawn_animals.py

The captions are the drawer's truth, not a network's answers.
"""

import csv
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from data_prep import synthetic

SHOWN = ("zebra", "elephant", "giraffe", "", "lionFemale", "buffalo")  # "": empty
NAMES = {"": "empty", "lionFemale": "lioness"}
TILE, MARGIN = (320, 240), 8
WORLD = synthetic.World(events=160, size=TILE, empty_share=0.1, seed=5)


def main() -> None:
    """Draws a world, picks a picture of each species and pastes them into two rows of three."""
    with tempfile.TemporaryDirectory() as folder:
        synthetic.write(WORLD, folder)
        tiles = [_tile(Path(folder), row) for row in _chosen(Path(folder))]
    wide, high = TILE[0] + MARGIN, TILE[1] + MARGIN
    sheet = Image.new("RGB", (3 * wide - MARGIN, 2 * high - MARGIN), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % 3 * wide, number // 3 * high))
    sheet.save(Path(__file__).with_suffix(".jpg"), quality=80, optimize=True)


def _chosen(folder: Path) -> list[dict]:
    """For each of SHOWN the picture with the most animals; every other one at night."""
    with open(folder / "truth.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen = []
    for number, species in enumerate(SHOWN):
        night = "1" if number in (1, 4) else "0"
        fitting = [row for row in rows if row["species"] == species and row["night"] == night]
        chosen.append(max(fitting, key=lambda row: int(row["animals"])))
    return chosen


def _tile(folder: Path, row: dict) -> Image.Image:
    tile = Image.open(folder / "images" / row["URL_Info"]).convert("RGB")
    caption = NAMES.get(row["species"], row["species"])
    font = ImageFont.load_default(18)
    draw = ImageDraw.Draw(tile)
    left, top, right, bottom = draw.textbbox((12, 12), caption, font)
    draw.rectangle((left - 6, top - 5, right + 6, bottom + 5), fill=(20, 40, 30))
    draw.text((12, 12), caption, "white", font)
    return tile


if __name__ == "__main__":
    main()
