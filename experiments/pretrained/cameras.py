r"""Cameras never seen: each left out once, heads on a frozen network fitted to the others.

    camtrap weights get lite0 && camtrap weights get megadetector-lite
    python -m experiments.pretrained.cameras --data=../shared/data --out=/tmp/cameras \
        --table=pretrained_cameras.csv

One head says which species is in a picture, 'empty' among them. It sees features of the picture,
of the part around the detector's surest box (`collections`), of both (the mean of two heads),
joined (one head for both), and those with the logarithm of the detector's score. Rare species
count as much as common ones; C is chosen by folds of the cameras that are learnt from.

    west_us    165 frames of 16 cameras, each left out; and the same learning from all other real
               pictures, too, as far as they show what lives here (`OTHERS`)
    varanger   300 frames from inside 3 boxes, each left out
    london     51 frames in 17 bursts of 3 stations: each *burst* left out, since two stations have
               foxes alone. The camera has been seen
    ena24      21 frames, 3 of each of 7 species: each frame left out
    guide      162 photos of the Serengeti's field guide, 3 of each of 54 species: each third left
               out
    gold       31 frames of the Serengeti, learnt from the guide's photos: right where the answer
               is one of the species on the frame

Intervals: cameras (bursts, frames) drawn anew.
"""

import dataclasses
import functools
import itertools
from pathlib import Path

import numpy as np
from absl import app, flags

from experiments.pretrained import collections, probes
from experiments.pretrained.collections import Collection
from experiments.pretrained.scored import Scored
from experiments.rows import write_lines

SCORE = "score"
# What one head sees, by the name of the row.
SIGHTS = {
    "whole": ("whole",),
    "crop": ("crop",),
    "sharp crop": ("sharp",),
    "whole and crop, joined": ("whole", "crop"),
    "whole and sharp crop, joined": ("whole", "sharp"),
    "whole, sharp crop and score, joined": ("whole", "sharp", SCORE),
}
MEANS = {"whole and crop": ("whole", "crop"), "whole and sharp crop": ("whole", "sharp crop")}
LEAST_SCORE = 0.01  # below which the detector writes no box
# Species of west_us by their names elsewhere; pictures of all others are left out.
OTHERS = {
    "west_us": {name: name for name in ("cougar", "deer", "coyote", "fox", "rabbit", "vehicle",
                                        "human", "empty", "bobcat", "bird")},
    "california": {
        "empty": "empty", "bobcat": "bobcat", "cow": "cow", "coyote": "coyote", "elk": "deer",
        "grey_fox": "fox", "human": "human", "mountain_lion": "cougar", "vehicle": "vehicle",
        "wild_turkey": "bird",
    },
    "ena24": {"American Black Bear": "bear", "American Crow": "bird", "Grey Fox": "fox"},
    "london": {"fox": "fox", "human": "human", "empty": "empty"},
    "varanger": {"empty": "empty"},
    "guide": {"human": "human", "hare": "rabbit", "cattle": "cow", "other-bird": "bird"},
}  # fmt: skip


def sight(pictures: Collection, parts: tuple[str, ...]) -> np.ndarray:
    """[n, 2, width] float32: what a head sees."""
    logs = np.log(np.maximum(pictures.scores, LEAST_SCORE))
    score = np.repeat(logs[:, None, None], 2, axis=1).astype(np.float32)
    views = pictures.views | {SCORE: score}
    return np.concatenate([views[part] for part in parts], axis=-1)


def answers(learnt: Collection, more: Collection | None, asked: Collection, names: list[str]):
    """By row of the table, [n, names] probabilities."""
    found = {row: _answer(learnt, more, asked, names, parts) for row, parts in SIGHTS.items()}
    return found | {row: np.mean([found[p] for p in parts], axis=0) for row, parts in MEANS.items()}


def _answer(learnt, more, asked, names, parts) -> np.ndarray:
    from scipy import special

    seen, labels = sight(learnt, parts), np.searchsorted(names, learnt.species)
    head = probes.fit_head(seen, labels, learnt.cameras, len(names), weighted=True)
    if more is not None:
        seen = np.concatenate([seen, sight(more, parts)])
        labels = np.concatenate([labels, np.searchsorted(names, more.species)])
        head = _refit(seen, labels, len(names), head.strength)
    return special.softmax(head.logits(sight(asked, parts)[:, 0]), axis=1)


def _refit(seen: np.ndarray, labels: np.ndarray, classes: int, strength: float):
    """A head with a strength that was chosen without the further pictures."""
    from sklearn.linear_model import LogisticRegression

    from camtrap_tf.training import linear

    standard = linear.Standard.learn(seen)
    rows, width = np.repeat(labels, seen.shape[1]), seen.shape[2]
    found = LogisticRegression(C=strength, class_weight="balanced", max_iter=300, tol=1e-3)
    found.fit(standard(seen).reshape(-1, width), rows)
    kernel, bias = np.zeros((width, classes)), np.full(classes, linear.ABSENT)
    kernel[:, found.classes_], bias[found.classes_] = found.coef_.T, found.intercept_
    head = linear.Head(kernel.astype(np.float32), bias.astype(np.float32), strength)
    return head.behind(standard)


def leave_out(pictures: Collection, groups: np.ndarray, more: Collection | None = None) -> dict:
    """By row, [n] str: what is said of each group by heads fitted to the others."""
    names = sorted({*pictures.species, *(() if more is None else more.species)})
    said: dict[str, np.ndarray] = {}
    for group in np.unique(groups):
        own = groups == group
        found = answers(pictures.select(~own), more, pictures.select(own), names)
        for row, values in found.items():
            said.setdefault(row, np.empty(len(groups), object))[own] = np.array(names)[
                values.argmax(axis=1)
            ]
    return said


def lines(name: str, network: str, pictures: Collection, units: np.ndarray, said: dict) -> list:
    """Two lines for each row: all pictures, and those that are not empty."""
    kinds = {"all": np.ones(len(units), bool), "not empty": pictures.species != "empty"}
    frequent = max(set(pictures.species), key=list(pictures.species).count)
    said = {f"the most frequent answer: {frequent}": np.full(len(units), frequent)} | said
    return [
        {"pictures": name, "network": network, "view": row, "of": kind,
         **Scored(np.where(rows, answer == pictures.species, np.nan), units).figures()}
        for row, answer in said.items()
        for kind, rows in kinds.items()
    ]  # fmt: skip


def of_named_cameras(pictures: Collection) -> np.ndarray:
    """[n] bool: the camera is one of the 16 that the overlay names."""
    return np.char.startswith(pictures.cameras, "NW") | np.char.startswith(pictures.cameras, "WP")


def west_us(look, network: str) -> list[dict]:
    """Each camera left out."""
    everything = look("west_us", network)
    pictures = everything.select(of_named_cameras(everything))
    said = leave_out(pictures, pictures.cameras)
    return lines("west_us", network, pictures, pictures.cameras, said)


def west_us_and_others(look, network: str) -> list[dict]:
    """Each camera left out, learning from all other pictures, too."""
    everything = look("west_us", network)
    named = of_named_cameras(everything)
    pictures = everything.select(named)
    rest = [everything.select(~named).renamed(OTHERS["west_us"])]
    rest += [
        look(name, network).renamed(names) for name, names in OTHERS.items() if name != "west_us"
    ]
    said = leave_out(pictures, pictures.cameras, collections.join(rest))
    return lines("west_us, others too", network, pictures, pictures.cameras, said)


def simple(look, network: str, name: str) -> list[dict]:
    """The protocols of the small collections."""
    pictures = look(name, network)
    units = {
        "varanger": pictures.cameras,
        "london": pictures.events,
        "ena24": pictures.paths,
        "guide": pictures.paths,
    }[name]
    groups = units
    if name == "guide":  # the third of the species' photos: `hare-3.jpg`
        groups = np.array([Path(path).stem.rsplit("-", 1)[1] for path in pictures.paths])
    # Where cameras are not known apart, C is chosen by folds of what is left out.
    folds = dataclasses.replace(pictures, cameras=units)
    return lines(name, network, pictures, units, leave_out(folds, groups))


def gold(look, network: str) -> list[dict]:
    """Frames of the Serengeti by heads that have learnt from the field guide."""
    guide, frames = look("guide", network), look("gold", network)
    plain = np.array([_letters(name) for name in guide.species])
    learnt = dataclasses.replace(guide, species=plain, cameras=guide.paths)
    names, units = sorted(set(plain)), frames.paths
    shown = [set(map(_letters, species.split(";"))) for species in frames.species]
    found = []
    for row, values in answers(learnt, None, frames, names).items():
        said = [names[place] for place in values.argmax(axis=1)]
        right = np.array([name in there for name, there in zip(said, shown, strict=True)], float)
        place = {"pictures": "gold", "network": network, "view": row, "of": "all"}
        found.append(place | Scored(right, units).figures())
    return found


def _letters(name: str) -> str:
    """A species' name in lower case without signs: `gazelleThomsons` as `gazelle-thomsons`."""
    return "".join(letter for letter in name.lower() if letter.isalpha())


PROTOCOLS = {
    "west_us": west_us,
    "others": west_us_and_others,
    "gold": gold,
    **{
        name: functools.partial(simple, name=name)
        for name in ("varanger", "london", "ena24", "guide")
    },
}


def main(_) -> None:
    """Reads the flags, computes what is missing and writes the table."""
    from camtrap_tf.core.startup import start_tensorflow

    start_tensorflow()
    given = flags.FLAGS
    out, data = Path(given.out), Path(given.data)
    out.mkdir(parents=True, exist_ok=True)

    def look(name: str, network: str) -> Collection:
        return collections.look(data, name, network, out)

    found = []
    for network, name in itertools.product(given.networks, given.collections):
        found += PROTOCOLS[name](look, network)
    write_lines(found, Path(given.table))


if __name__ == "__main__":
    flags.DEFINE_string("data", None, "folder of the collections", required=True)
    flags.DEFINE_string("out", None, "folder for features and boxes", required=True)
    flags.DEFINE_list("networks", ["lite0"], "networks")
    flags.DEFINE_list("collections", list(PROTOCOLS), "what is tried")
    flags.DEFINE_string("table", None, "table to write", required=True)
    app.run(main)
