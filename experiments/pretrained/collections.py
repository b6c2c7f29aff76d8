"""Collections of labelled pictures, and what the detector and frozen networks see in them.

Everything a network says is computed once and kept as `NAME-NETWORK.npz` in the folder of the
results, beside the boxes in `NAME/detections.json`. Every view is seen as it is and mirrored:

    whole   the picture, squashed to 256 pixels square
    crop    the square around the detector's surest box, cut from those 256 pixels, as
            `camtrap probe --view=crop` sees it
    sharp   the part around that box, cut from the file (`pictures.files.part_around`)

A view is the whole picture where nothing was detected.
"""

import csv
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIZE = 256
VIEWS = ("whole", "crop", "sharp")
COLUMNS = ("paths", "species", "cameras", "events", "scores")
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Collection:
    """Labelled pictures.

    Args:
        paths, species, cameras, events: [n] str; 'empty' is a species, too.
        scores: [n] float32, the detector's, of the surest box; 0 where it found none.
        views: by name, [n, 2, width] float32, features of the picture and of its mirror image.
    """

    paths: np.ndarray
    species: np.ndarray
    cameras: np.ndarray
    events: np.ndarray
    scores: np.ndarray
    views: dict[str, np.ndarray]

    def select(self, rows: np.ndarray) -> "Collection":
        """The given rows: a boolean mask or positions."""
        views = {name: values[rows] for name, values in self.views.items()}
        return Collection(**{name: getattr(self, name)[rows] for name in COLUMNS}, views=views)

    def renamed(self, names: dict[str, str]) -> "Collection":
        """Pictures whose species has another name here, under that; the others are left out."""
        kept = self.select(np.isin(self.species, list(names)))
        species = np.array([names[name] for name in kept.species], str)
        return dataclasses.replace(kept, species=species)


def join(parts: list[Collection]) -> Collection:
    """Several collections as one."""
    views = {name: np.concatenate([p.views[name] for p in parts]) for name in parts[0].views}
    columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in COLUMNS}
    return Collection(**columns, views=views)


class Label(NamedTuple):
    """What is known of a picture; its path is relative to the folder of all collections."""

    path: str
    species: str
    camera: str
    event: str


def read_coco(data: Path, file: str, images: str) -> list[Label]:
    """Labels of a COCO Camera Traps file whose names are relative to a folder of `data`."""
    content = json.loads((data / file).read_text(encoding="utf-8"))
    names = {one["id"]: one["name"] for one in content["categories"]}
    species = {one["image_id"]: names[one["category_id"]] for one in content["annotations"]}
    return [
        Label(
            f"{images}/{one['file_name']}",
            species[one["id"]],
            one.get("location", images),
            one.get("seq_id", one["file_name"]),
        )
        for one in content["images"]
    ]


def read_names(data: Path, images: str) -> list[Label]:
    """Labels of pictures whose names begin with their species: `gazelle-thomsons-1.jpg`."""
    found = sorted((data / images).iterdir())
    return [Label(f"{images}/{f.name}", f.stem.rsplit("-", 1)[0], f.name, f.name) for f in found]


def read_gold(data: Path, images: str) -> list[Label]:
    """Labels of the Serengeti's gold frames: all species of an event, with ';' between."""
    with open(data / images / "derived_join.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    for row in rows:
        name = Path(row["image"]).name
        species = [part.split("=")[0] for part in row["gold_species_count"].split(";")]
        found.append(Label(f"{images}/images/{name}", ";".join(species), name, name))
    return [label for label in found if (data / label.path).is_file()]


def labels(data: Path, name: str) -> list[Label]:
    """Those of a collection of `../shared/data`."""
    if name == "guide":
        return read_names(data, "serengeti/guide/animals")
    if name == "gold":
        return read_gold(data, "serengeti/gold")
    file = "coco_annotations" if name == "ena24" else name
    return read_coco(data, f"{name}/{file}.json", name)


def look(data: Path, name: str, network: str, out: Path) -> Collection:
    """A collection with what a network of `recipes.PROBED` sees in it."""
    file = out / f"{name}-{network}.npz"
    if not file.is_file():
        _compute(data, labels(data, name), network, out / name, file)
    with np.load(file) as kept:
        views = {view: kept[view].astype(np.float32) for view in VIEWS}
        return Collection(**{name: kept[name] for name in COLUMNS}, views=views)


def _compute(data: Path, known: list[Label], network: str, detected: Path, file: Path) -> None:
    import pandas as pd

    from camtrap_tf.events import detections
    from camtrap_tf.prediction.detect import detect

    paths = [label.path for label in known]
    listed = detected.with_suffix(".txt")
    listed.write_text("\n".join(paths), encoding="utf-8")
    found = detections.read(detect([listed], detected, images=data)).of(pd.Series(paths, dtype=str))
    views = _features(network, _pixels([data / path for path in paths], found.boxes))
    columns = {
        name: np.array(values, str)
        for name, values in zip(COLUMNS[:-1], zip(*known, strict=True), strict=True)
    }
    columns |= views | {"scores": np.nan_to_num(found.confidence)}
    np.savez(file, allow_pickle=False, **columns)


def _pixels(paths: list[Path], boxes: np.ndarray) -> Iterator[np.ndarray]:
    """[n, views, SIZE, SIZE, 3] uint8, in batches."""
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.pictures import crops, files

    spec = PictureSpec(size=SIZE)
    for start in range(0, len(paths), _BATCH):
        part, around = paths[start : start + _BATCH], boxes[start : start + _BATCH]
        whole = np.stack([files.read(path, spec).pixels for path in part])
        sharp = [
            one if np.isnan(box).any() else files.read(path, spec, box.tolist()).pixels
            for path, one, box in zip(part, whole, around, strict=True)
        ]
        yield np.stack([whole, crops.cut(whole, crops.squares(around)), np.stack(sharp)], axis=1)


def _features(network: str, batches: Iterator[np.ndarray]) -> dict[str, np.ndarray]:
    """By view, [n, 2, width] float16."""
    import tensorflow as tf

    from camtrap_tf.core.config import InputSpec
    from camtrap_tf.core.labels import Task
    from camtrap_tf.core.recipes import probe_config
    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.network import part_input
    from camtrap_tf.training.features import trunk_of

    model = probe_config(Task.SPECIES, network, SIZE).model
    trunk = trunk_of(architectures.build(model, {"species": ("a", "b")}), "species")
    spec = InputSpec(model.crop, model.normalisation)

    def see(pixels: np.ndarray) -> np.ndarray:
        seen = [trunk(part_input(p, spec), training=False) for p in (pixels, pixels[:, :, ::-1])]
        return tf.stack(seen, axis=1).numpy().astype(np.float16)

    parts = [[see(batch[:, view]) for view in range(len(VIEWS))] for batch in batches]
    return {name: np.concatenate(part) for name, *part in zip(VIEWS, *parts, strict=True)}
