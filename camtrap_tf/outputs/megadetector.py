"""MegaDetector batch results, version 1.6: what Timelapse and its relatives read.

The format is that of https://lila.science/megadetector-output-format. Networks that see whole
pictures find no boxes, so an animal is one detection whose box is the whole picture:

- its category is 'person' or 'vehicle' where that is the most probable class;
- `conf` of the detection is the probability that there is an animal;
- its `classifications` are the most probable species *given an animal*, best first; of an
  unknown animal the one class 'unknown', with confidence 1: that is a decision, which the format
  has no other place for;
- a picture whose animal probability is below `FLOOR` has `detections: []`. A picture taken
  for empty that is not below it keeps its detection with its low `conf`, so that whoever
  reviews it can choose a stricter or laxer threshold; the model's own threshold is given as
  `typical_detection_threshold`, which Timelapse offers at first;
- where pictures were read with their events, `detector_metadata` has `read_with_event`, the weight
  of the event, and a picture that this changed has `classifications_alone`, what it says by
  itself, which is ours;
- where it is known what is in each box of a picture (`answers.boxes`), a detection is a box:
  `bbox` and `conf` are the detector's, `classifications` those of the box, and
  `typical_detection_threshold` is the detector's. Detections of whole pictures, which others of
  the file still have, are put on the same scale: the model's own threshold becomes the detector's,
  so that whoever reads the file by it has the model's answers;
- a picture that is answered but seems to be damaged has `doubt`, the reason, which is ours;
- a picture that could not be read has `failure` and `detections: null`, never `[]`.
"""

import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from camtrap_tf.answers.boxes import NamedBoxes, Parts, parts
from camtrap_tf.answers.predictions import WITH_EVENT, Predictions
from camtrap_tf.core.artifacts import PathLike, atomic
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, UNKNOWN
from camtrap_tf.outputs import species
from camtrap_tf.outputs.options import Options

FORMAT_VERSION = "1.6"
TOP = 5  # species per detection
WHOLE_PICTURE = [0.0, 0.0, 1.0, 1.0]  # x, y, width, height, as shares of the picture
CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}  # MegaDetector's own
DIGITS = 4
UNREADABLE, NO_ANSWER = "image access failure", "inference failure"  # the format's own words


def content(
    predictions: Predictions,
    floor: float = Options.floor,
    completed: datetime.datetime | None = None,
    boxes: NamedBoxes | None = None,
) -> dict[str, Any]:
    """The predictions as MegaDetector batch results.

    Args:
        predictions: one row per picture.
        floor: lowest animal probability that is written as a detection, in [0, 1].
        completed: when the pictures were answered; now when None.
        boxes: what is in each box, if that is known.

    Raises:
        InputError: rows without a path (capture events), or a floor outside [0, 1].
    """
    header = _header(predictions, floor, completed or datetime.datetime.now(), boxes)
    return header | {"images": list(_images(predictions, floor, boxes))}


def write_files(predictions: Predictions, folder: Path, options: Options) -> list[Path]:
    """Writes megadetector.json."""
    path = folder / "megadetector.json"
    write(predictions, path, options.floor, options.answered_at, options.boxes)
    return [path]


def write(
    predictions: Predictions,
    path: PathLike,
    floor: float = Options.floor,
    completed: datetime.datetime | None = None,
    boxes: NamedBoxes | None = None,
) -> None:
    """Writes one JSON file, atomically, a line per picture: millions need little memory.

    Raises:
        InputError: as `content`.
    """
    header = _header(predictions, floor, completed or datetime.datetime.now(), boxes)
    write_images(path, header, _images(predictions, floor, boxes))


def write_images(path: PathLike, header: dict[str, Any], images: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON file, atomically, a line per picture, from all but its images and these."""
    head = json.dumps(header, indent=1, ensure_ascii=False)
    with atomic(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(head.removesuffix("\n}") + ',\n "images": [')
        for row, image in enumerate(images):
            file.write(",\n  " if row else "\n  ")
            file.write(json.dumps(image, ensure_ascii=False, allow_nan=False))
        file.write("\n ]\n}\n")


def _header(
    predictions: Predictions,
    floor: float,
    completed: datetime.datetime,
    boxes: NamedBoxes | None,
) -> dict[str, Any]:
    """Everything but the images, after a check of the arguments."""
    if predictions.ids["path"].isna().any():
        raise InputError(
            "MegaDetector results have one row per picture",
            "rows without a path",
            "Write picture-level predictions, not those by event.",
        )
    if not 0 <= floor <= 1:
        raise InputError("`floor` lies in [0, 1]", floor, "Give a probability such as 0.1.")
    header = {
        "info": _info(predictions, floor, completed, boxes),
        "detection_categories": dict(CATEGORIES),
    }
    names = _species_names(predictions)
    if names:
        header["classification_categories"] = {str(i): name for i, name in enumerate(names)}
    return header


def _info(
    predictions: Predictions,
    floor: float,
    completed: datetime.datetime,
    boxes: NamedBoxes | None,
) -> dict[str, Any]:
    info = predictions.info
    model = " ".join(str(info[key]) for key in ("model", "model_version") if key in info)
    time = completed.strftime("%Y-%m-%d %H:%M:%S")
    lowest, threshold = _rescaled(np.array([floor, _threshold(predictions)]), predictions, boxes)
    return {
        "format_version": FORMAT_VERSION,
        "detector": f"camtrap_tf {model}".rstrip(),
        "detection_completion_time": time,
        "classifier": f"camtrap_tf {model}".rstrip(),
        "classification_completion_time": time,
        "detector_metadata": {
            "typical_detection_threshold": round(float(threshold), 6),
            "conservative_detection_threshold": round(float(min(lowest, threshold)), 6),
            **{key: info[key] for key in ("origins", WITH_EVENT) if key in info},
        },
    }


def _threshold(predictions: Predictions) -> float:
    """From this probability of an animal on, the model's answer is one."""
    return float(predictions.info.get("animal_threshold", 0.5))


def _rescaled(animal: np.ndarray, predictions: Predictions, boxes: NamedBoxes | None) -> np.ndarray:
    """Probabilities of an animal, where there are boxes on the scale of a detector's confidence."""
    if boxes is None:
        return animal
    return np.interp(animal, [0, _threshold(predictions), 1], [0, boxes.threshold, 1])


def _species_names(predictions: Predictions) -> list[str]:
    """Names of the species, and 'unknown'; none may be called as a detection category is."""
    names = [name for name in predictions.classes.get("species", ()) if name != EMPTY]
    if UNKNOWN in predictions.words and UNKNOWN not in names:
        names.append(UNKNOWN)
    return [f"{name} (species)" if name in CATEGORIES.values() else name for name in names]


def _images(
    predictions: Predictions, floor: float, boxes: NamedBoxes | None
) -> Iterator[dict[str, Any]]:
    for rows in predictions.blocks():
        yield from _block(predictions.select(rows), floor, boxes)


def _block(
    predictions: Predictions, floor: float, boxes: NamedBoxes | None
) -> Iterator[dict[str, Any]]:
    animal = _animal_probability(predictions)
    changed, own = predictions.read_with_event(), _species_given_animal(predictions.alone())
    failures = predictions.ids["failure"].fillna("")
    doubts = [{"doubt": text} if text else {} for text in predictions.ids["doubt"].fillna("")]
    rows = parts(predictions, boxes)
    detections = _detections(rows, _rescaled(animal, predictions, boxes))
    pictures = zip(predictions.ids["path"], failures, rows.slices(), strict=True)
    for row, (path, failure, found) in enumerate(pictures):
        if failure or np.isnan(animal[row]):
            reason = f"{UNREADABLE}: {failure}" if failure else NO_ANSWER
            yield {"file": path, "failure": reason, "detections": None}
        elif animal[row] < floor:
            yield {"file": path, "detections": []} | doubts[row]
        else:
            alone = _alone(own[row], changed[row])
            yield {"file": path, "detections": detections[found]} | alone | doubts[row]


def _detections(rows: Parts, animal: np.ndarray) -> list[dict[str, Any]]:
    """[rows] a detection of each box, or whole picture; `animal` is the `conf` of pictures."""
    answers = rows.answers
    categories, unknown = _categories(answers), answers.judged_unknown()
    given = _species_given_animal(answers)
    best = np.argsort(-given, axis=1, kind="stable")[:, :TOP]
    if unknown.any():
        named_unknown = [[str(_species_names(answers).index(UNKNOWN)), 1.0]]
    sure = np.where(rows.boxed, rows.confidence, animal[rows.picture])
    found = []
    for row in range(len(answers)):
        classes = named_unknown if unknown[row] else _classes(given[row], best[row])
        sides = rows.sides[row] if rows.boxed[row] else WHOLE_PICTURE
        found.append(_detection(categories[row], sure[row], sides, classes))
    return found


def _alone(own: np.ndarray, changed: bool) -> dict[str, Any]:
    """What a picture says by itself, where its event changed that."""
    order = np.argsort(-own, kind="stable")[:TOP]
    return {"classifications_alone": _classes(own, order)} if changed else {}


def _categories(predictions: Predictions) -> np.ndarray:
    """[rows] object: id of the category of what is most probably there."""
    kinds = species.names(predictions.classes.get("species", ()))["observationType"]
    ids = np.array([*kinds.map({"human": "2", "vehicle": "3"}).fillna("1"), "1"], object)
    if "species" not in predictions.classes:
        return np.full(len(predictions), "1", object)
    return np.where(predictions.judged_unknown(), "1", ids[predictions.top("species")])


def _detection(category: str, sure: float, sides: Iterable[float], classes: list) -> dict[str, Any]:
    detection = {
        "category": category,
        "conf": round(float(sure), DIGITS),
        "bbox": [round(float(side), DIGITS) for side in sides],
    }
    return detection | ({"classifications": classes} if classes else {})


def _classes(given: np.ndarray, best: np.ndarray) -> list:
    """Ids and probabilities of the best species; none where no species was asked for."""
    if not best.size or np.isnan(given[0]):
        return []
    return [[str(i), round(float(given[i]), DIGITS)] for i in best]


def _animal_probability(predictions: Predictions) -> np.ndarray:
    """[rows] float32; 1 for a model that takes every picture for one of an animal."""
    if EMPTY in predictions.classes or predictions.one_stage:
        return predictions.animal_probability()
    return np.where(predictions.answered("species"), np.float32(1), np.float32(np.nan))


def _species_given_animal(predictions: Predictions) -> np.ndarray:
    """[rows, species] float32, rows sum to 1; NaN where no species was asked for."""
    if "species" not in predictions.classes:
        return np.zeros((len(predictions), 0), np.float32)
    probabilities = predictions.probabilities["species"]
    if not predictions.one_stage:
        return probabilities
    animals = probabilities[:, :-1]
    return animals / np.maximum(animals.sum(axis=1, keepdims=True), 1e-12)


def validate(results: Any, legacy: bool = False) -> None:
    """Checks that `results`, the parsed JSON, obeys the structure of the format.

    Args:
        results: what `json.load` returned.
        legacy: accept a file without `format_version`; the oldest files have none.

    Raises:
        InputError: at the first rule that is broken.
    """
    _need(isinstance(results, dict), "the file holds one JSON object", type(results).__name__)
    for key in ("info", "detection_categories"):
        _need(isinstance(results.get(key), dict), f"`{key}` is an object", results.get(key))
    _need(isinstance(results.get("images"), list), "`images` is a list", results.get("images"))
    version = results["info"].get("format_version")
    if not (legacy and version is None):
        _need(_is_number(version), "`info.format_version` is a number as a string", version)
    detected, classified = (
        _check_categories(results.get(key, {}), key)
        for key in ("detection_categories", "classification_categories")
    )
    for image in results["images"]:
        _check_image(image, detected, classified)


def _check_categories(categories: Any, key: str) -> set[str]:
    _need(isinstance(categories, dict), f"`{key}` is an object", categories)
    for number, name in categories.items():
        _need(number.isdecimal(), f"ids in `{key}` are integers as strings", number)
        _need(isinstance(name, str), f"names in `{key}` are strings", name)
    return set(categories)


def _check_image(image: Any, detected: set[str], classified: set[str]) -> None:
    _need(isinstance(image, dict), "an image is an object", image)
    file, detections = image.get("file"), image.get("detections", "absent")
    _need(isinstance(file, str) and file, "an image has its path as `file`", image)
    failure = image.get("failure")
    if failure is not None:
        _need(isinstance(failure, str), f"`failure` of {file} is a string", failure)
        _need(detections is None, f"{file}, a failure, has `detections: null`", detections)
        return
    _need(isinstance(detections, list), f"{file}, no failure, has a list of detections", detections)
    for detection in detections:
        _check_detection(detection, file, detected, classified)


def _check_detection(detection: Any, file: str, detected: set[str], classified: set[str]) -> None:
    _need(isinstance(detection, dict), f"a detection of {file} is an object", detection)
    category, conf, bbox = (detection.get(key) for key in ("category", "conf", "bbox"))
    _need(category in detected, f"`category` in {file} is a detection category", category)
    _need(isinstance(conf, float) and _is_share(conf), f"`conf` in {file} is a share", conf)
    box = isinstance(bbox, list) and len(bbox) == 4 and all(map(_is_share, bbox))
    _need(box, f"`bbox` in {file} is four shares of the picture", bbox)
    pairs = detection.get("classifications", [])
    for pair in pairs:
        _need(isinstance(pair, list) and len(pair) == 2, f"classification in {file}: a pair", pair)
        _need(pair[0] in classified, f"class in {file} is a classification category", pair[0])
        _need(_is_share(pair[1]), f"confidence of a class in {file} is a share", pair[1])
    confidences = [pair[1] for pair in pairs]
    descending = confidences == sorted(confidences, reverse=True)
    _need(descending, f"classifications in {file} are in descending order", confidences)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdecimal()


def _need(holds: Any, rule: str, value: Any) -> None:
    if not holds:
        raise InputError(rule, value, "Write the file again, or mend it.")
