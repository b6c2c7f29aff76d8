"""The parity gate: an export answers as Keras does, or is refused."""

import csv
import dataclasses
import io
import logging
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import stats

from camtrap_tf.core import file_names, locks
from camtrap_tf.core.artifacts import PathLike, as_path, content_sha256, write_text
from camtrap_tf.core.codec import to_json
from camtrap_tf.core.config import Context, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import EMPTY, FAMILIARITY, MISSING
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.detector import yolox
from camtrap_tf.networks.familiarity import sides
from camtrap_tf.prediction import shard_boxes
from export import crops, detector, made_from, sums, threshold
from export.checks import Checks, read_checks
from export.edge import carried
from export.forms import Form
from export.model_card import model_card
from export.request import ASKED, Request
from export.saved_model import write_saved_model
from export.serving.warmup import write_warmup
from export.tflite import Representative, draw_representative, write_tflite

log = logging.getLogger("camtrap")
# Of bundles that see crops, where boxes are given, and found by a graph or by a detector in int8.
SAVED_MODEL, OWN_BOXES, INT8_BOXES = "SavedModel", "own boxes", "int8 boxes"


@dataclasses.dataclass(frozen=True)
class Limits:
    """How far an export may be from Keras.

    Args:
        difference: largest absolute difference of a probability.
        agreement: smallest share of pictures with the same top class.
    """

    difference: float
    agreement: float


# Given the same pixels a float export differs by about 1e-6; a graph that resizes differs from
# Pillow by up to one of 255 levels. Quantised networks are held to their answers instead.
FLOAT, QUANTISED = Limits(0.01, 0.99), Limits(0.2, 0.97)
# Where an export looks for boxes itself: of two that are about as sure it may take the other one,
# and see another crop.
BOXES = Limits(1.0, 0.9)
LIMITS = {
    SAVED_MODEL: FLOAT,
    OWN_BOXES: BOXES,
    INT8_BOXES: BOXES,
    **{form.value: QUANTISED if form.quantised else FLOAT for form in Form},
}


@dataclasses.dataclass(frozen=True)
class Parity:
    """How far an export is from Keras on one head.

    Args:
        export: 'SavedModel' or a TFLite form.
        head: name of the head.
        label: the pictures compared are those of this class; '' = all.
        pictures: number compared; for SavedModel those that stage 2 was asked about.
        difference: largest absolute difference of a probability.
        agreement: share of pictures with the same top class.
        accuracy: of Keras on them, NaN without labels.
        change: of the accuracy, export minus Keras.
        low, high: 95% interval of the change (Bonett and Price 2012, for paired shares).
    """

    export: str
    head: str
    label: str
    pictures: int
    difference: float
    agreement: float
    accuracy: float = math.nan
    change: float = math.nan
    low: float = math.nan
    high: float = math.nan

    def fault(self) -> str:
        """Why the export is refused, '' if it is not."""
        limits = LIMITS[self.export]
        if not self.difference <= limits.difference:  # NaN is refused too
            return f"a probability differs by {self.difference:.2g}, more than {limits.difference}"
        if self._disagrees_beyond_chance(limits.agreement):
            return f"{self.agreement:.1%} have the same top class, not {limits.agreement:.0%}"
        return f"accuracy falls by {-self.change:.1%}, beyond chance" if self.high < 0 else ""

    def _disagrees_beyond_chance(self, agreement: float) -> bool:
        """Would so few of so many pictures agree once in twenty times, or less, at the limit?

        A near tie of two classes may fall either way; one of fifty is no reason to refuse.
        """
        other = round((1 - self.agreement) * self.pictures)
        return bool(stats.binom.sf(other - 1, self.pictures, 1 - agreement) < 0.05)


@locks.holds("out", beside=True)
def export_and_verify(bundle: Bundle, out: PathLike, request: Request) -> list[Parity]:
    """Writes `out/saved_model/VERSION`, `out/tflite/FORM`, `out/parity.csv`, `out/model_card.md`.

    An export that is there already, of the same bundle and request on the same pictures
    (`out/export.json` says so), is read instead.

    Of a bundle that sees crops, also `out/detector`, as `export_detector` writes it; the SavedModel
    has it inside, and every `out/tflite/FORM` beside its networks.

    Everything is written to `OUT.unchecked` and renamed when it has passed, so that nothing
    picks up an export that was refused. `out/SHA256SUMS` lists the files that passed.

    Raises:
        InputError: `out` is something else, no readable picture, `Form.INT8` without shards, or an
            export differs from Keras by more than `LIMITS`; the message tells where.
    """
    out = Path(out)
    unchecked = out.with_name(f"{out.name}.unchecked")
    if unchecked.exists() and not _is_refused(unchecked):
        shutil.rmtree(unchecked)  # of a process that was killed
    if unchecked.exists():
        raise InputError(
            "an export is written to a new folder",
            f"{unchecked}, of an export that was refused",
            "Look at its model_card.md, then delete it.",
        )
    crops.check(bundle, request)
    checks = read_checks(request.check_on, bundle, request.check_pictures)
    facts = _made_from(bundle, request, checks)
    if made_from.is_done(out, facts):
        return made_from.read_parity(out, Parity)
    effects: list[threshold.Effect] = []
    if request.recall is not None:
        bundle, effects = threshold.with_recall(
            bundle, request.shards, request.recall, request.recall_of
        )
    rows = _write_and_compare(bundle, unchecked, request, checks)
    log.info("%s", table(rows))
    if bundle.context is not Context.NONE:
        log.info("%s", ASKED)
    write_text(unchecked / file_names.PARITY, as_csv(rows))
    faults = [f"{row.export}, {row.head}: {row.fault()}" for row in _whole(rows) if row.fault()]
    card = model_card(bundle, request, len(checks.encoded), table(rows), effects, faults)
    made_from.write(unchecked, facts)
    if not faults or request.force:
        sums.write(unchecked, {file_names.MODEL_CARD: card})
    write_text(unchecked / file_names.MODEL_CARD, card)
    if faults and not request.force:
        raise InputError(
            "an export answers as Keras does", "; ".join(faults), _way_out(rows, unchecked)
        )
    unchecked.rename(out)
    log.info("wrote %s", out)
    return rows


def _made_from(bundle: Bundle, request: Request, checks: Checks) -> dict[str, Any]:
    """What decides what an export is."""
    asked = to_json(request)
    paths = {name: asked.pop(name) for name in ("check_on", "shards")}
    shards = paths["shards"] and content_sha256(as_path(paths["shards"]) / file_names.MANIFEST)[:16]
    return {
        "bundle": bundle.version,
        "pictures to check on": made_from.digest(checks.encoded),
        "shards": shards,
        **asked,
    }


def _is_refused(unchecked: Path) -> bool:
    """Whether an export was judged, and has not passed: its files are kept to be looked at."""
    judged = (unchecked / file_names.MODEL_CARD).is_file()
    return judged and not (unchecked / file_names.SUMS).is_file()


def export(
    bundle: Bundle | PathLike, out: PathLike, check_on: PathLike, **request: Any
) -> list[Parity]:
    """Writes a bundle as SavedModel and TFLite, and compares both with Keras on real pictures.

    Args:
        bundle: the bundle, or its folder.
        out: new folder, or the same export, which is then read.
        check_on: folder of pictures, or of shards, to compare on.
        request: further fields of `Request`, such as `forms=(Form.INT8,)`.

    Returns:
        How far each export is from Keras.

    Raises:
        InputError: as `export_and_verify`.
    """
    read = bundle if isinstance(bundle, Bundle) else Bundle.read(bundle)
    return export_and_verify(read, out, Request(check_on, **request))


def _write_and_compare(bundle: Bundle, out: Path, request: Request, checks: Checks) -> list[Parity]:
    networks, finder = bundle.networks(), None
    if bundle.needs_boxes:
        detector_network = yolox.load_network()
        side, checks = crops.see(checks, detector_network, bundle.picture)
        forms = crops.detector_forms(request.forms)
        detector.export_detector(
            out / "detector", checks.encoded, 0, forms, detector_network, optional=(Form.INT8,)
        )
        finder = detector.Serving(detector_network, side)
    expected, alone = (
        _mean([network.probabilities(squares) for network in networks])
        for squares in (checks.together(), checks.alone(bundle.context))
    )
    folder = out / "saved_model" / str(request.version)
    write_saved_model(bundle, folder, request.automatic_at, finder)
    write_warmup(folder, bundle.picture.size)
    loaded = tf.saved_model.load(str(folder))
    rows = compare(SAVED_MODEL, alone, _serve(loaded, checks), checks.labels, bundle)
    if finder is not None:
        found = _serve(loaded, dataclasses.replace(checks, boxes=None))
        rows += compare(OWN_BOXES, alone, found, checks.labels, bundle)
    for form in request.forms:
        drawn = _draw(bundle, request) if form is Form.INT8 else None
        paths = write_tflite(bundle, out / "tflite" / form.value, form, drawn, request.automatic_at)
        rows += compare(form.value, expected, _tflite(paths, checks), checks.labels, bundle)
        if finder is not None:
            rows += _place_detector(bundle, out / "detector", form, paths, checks, expected)
    return rows


def _draw(bundle: Bundle, request: Request) -> Representative:
    shards = request.shards or ""  # `Request` has seen that there are some
    found = shard_boxes.kept(Manifest.read(shards)) if bundle.needs_boxes else None
    return draw_representative(shards, bundle.context, found)


def _place_detector(
    bundle: Bundle, found: Path, form: Form, paths: list[Path], checks: Checks, expected: dict
) -> list[Parity]:
    """Puts the detector beside the networks of a form; how far boxes of one in int8 move answers.

    Args:
        bundle: of the networks.
        found: the export of the detector.
        form: of the networks.
        paths: their files.
        checks, expected: pictures, and Keras' answers with the boxes that it finds in them.
    """
    folder = paths[0].parent
    for one in crops.BESIDE[form]:
        if not detector.file_of(found, one).is_file():  # left out: it differs too much
            continue
        crops.place(found, one, folder)
        if one is not Form.INT8:
            break
        answers = _tflite(paths, crops.see_with(checks, folder, bundle.picture))
        rows = compare(INT8_BOXES, expected, answers, checks.labels, bundle)
        faults = [row.fault() for row in _whole(rows) if row.fault()]
        if not faults:
            return rows
        log.warning("the detector beside %s is none in int8: %s", folder, "; ".join(faults))
    return []


def compare(name: str, expected: dict, found: dict, labels: dict, bundle: Bundle) -> list[Parity]:
    """Rows per head, over all pictures and by class: `found` against `expected`.

    Args:
        name: of the export.
        expected, found: by head [n, classes]; rows of zeros in `found` were not asked for.
        labels: by head [n], -1 missing; heads may be absent.
        bundle: gives class names.
    """
    heads = {h: c for m in bundle.members for h, c in bundle.vocabulary.heads(m.task).items()}
    rows = []
    for head, names in (heads | dict.fromkeys(bundle.scores, ())).items():
        asked = found[head].sum(axis=1) != 0  # NaN stays in
        if head in bundle.scores:
            limit = bundle.familiarity_threshold or 0.0
            expected, found = (
                answers | {head: sides(answers[head], limit)} for answers in (expected, found)
            )
        truth = labels.get(head, np.full(len(asked), MISSING))
        groups = {"": asked} | {label: asked & (truth == i) for i, label in enumerate(names)}
        rows += [
            _row(name, head, label, expected[head][chosen], found[head][chosen], truth[chosen])
            for label, chosen in groups.items()
            if chosen.any()
        ]
    return rows


def _row(name: str, head: str, label: str, expected, found, truth) -> Parity:
    top, other = expected.argmax(axis=1), found.argmax(axis=1)
    known = truth != MISSING
    row = Parity(
        name,
        head,
        label,
        len(expected),
        float(np.abs(expected - found).max()),
        float((top == other).mean()),
    )
    if not known.any():
        return row
    before, after = (top == truth)[known], (other == truth)[known]
    low, high = paired_interval(
        int((before & ~after).sum()), int((after & ~before).sum()), len(before)
    )
    change = float(after.mean() - before.mean())
    return dataclasses.replace(
        row, accuracy=float(before.mean()), change=change, low=low, high=high
    )


def paired_interval(lost: int, gained: int, pictures: int) -> tuple[float, float]:
    """95% interval of a change of a share on the same pictures (Bonett and Price 2012).

    Args:
        lost: pictures right before and wrong after.
        gained: the reverse.
        pictures: all of them.

    >>> [round(end, 3) for end in paired_interval(3, 1, 98)]
    [-0.068, 0.028]
    """
    worse, better = (lost + 1) / (pictures + 2), (gained + 1) / (pictures + 2)
    change = better - worse
    half = 1.96 * math.sqrt((worse + better - change**2) / (pictures + 2))
    return max(-1.0, change - half), min(1.0, change + half)


def table(rows: list[Parity]) -> str:
    """The rows over all classes as plain text."""
    lines = [
        f"{'export':<12}{'head':<14}{'pictures':>9}{'largest difference':>20}{'same top':>10}"
        f"{'accuracy':>10}{'change':>8}  95% interval"
    ]
    for r in _whole(rows):
        line = f"{r.export:<12}{r.head:<14}{r.pictures:>9}{r.difference:>20.2e}{r.agreement:>10.1%}"
        if not math.isnan(r.accuracy):
            line += f"{r.accuracy:>10.1%}{r.change:>+8.1%}  {r.low:+.1%} to {r.high:+.1%}"
        lines.append(line)
    return "\n".join(lines)


def as_csv(rows: list[Parity]) -> str:
    """All rows, those by class too."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in dataclasses.fields(Parity)])
    writer.writeheader()
    writer.writerows(dataclasses.asdict(row) for row in rows)
    return text.getvalue()


def _whole(rows: list[Parity]) -> list[Parity]:
    return [row for row in rows if not row.label]


def _way_out(rows: list[Parity], unchecked: Path) -> str:
    bad = {row.export for row in _whole(rows) if row.fault()}
    forms = {form.value for form in Form}
    good = [row.export for row in _whole(rows) if row.export in forms - bad]
    offer = f"Export without them: {good[-1]} passes" if good else "Do not use it"
    half = Form.FLOAT16.value
    if half in good or half not in {row.export for row in rows}:
        offer = f"Take --form=float32 --form={half}, half the size of float32"
    return f"{offer}; or --force. The files are in {unchecked}."


def _serve(loaded: Any, checks: Checks) -> dict[str, np.ndarray]:
    """Answers of a SavedModel by head; it looks for boxes itself where none are given."""
    given = {"image_bytes": np.array(checks.encoded, object)}
    if checks.boxes is not None:
        given["boxes"] = np.nan_to_num(checks.boxes)
    serve = loaded.signatures["serving_default" if checks.boxes is None else "boxes"]
    parts = [
        {name: values.numpy() for name, values in serve(**some).items()}
        for start in range(0, len(checks.encoded), 32)
        for some in [{k: tf.constant(v[start : start + 32]) for k, v in given.items()}]
    ]
    answers = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    found = {}
    for head in loaded.signatures["classes"]():
        if head == EMPTY:
            animal = answers["animal_probability"]
            found[head] = np.stack([animal, 1 - animal], axis=1)
        elif f"{head}_probabilities" in answers:
            found[head] = answers[f"{head}_probabilities"]
        else:
            asked = answers["species_probabilities"].any(axis=1)
            found[head] = np.stack([np.where(asked, 1 - answers[head], 0), answers[head]], axis=1)
    if FAMILIARITY in answers:
        found[FAMILIARITY] = answers[FAMILIARITY][:, None]
    return found


def _tflite(paths: list[Path], checks: Checks) -> dict[str, np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    members, together = [], checks.together()
    for path in paths:
        runner = Interpreter(model_path=str(path), num_threads=2).get_signature_runner()
        crop = carried.read(path)["view"] == View.CROP.value
        own = slice(-3, None) if crop else slice(-3 if checks.boxes is not None else None)
        seen = np.ascontiguousarray(together[..., own])
        answers = [runner(image=one[None]) for one in seen]
        members.append({head: np.concatenate([a[head] for a in answers]) for head in answers[0]})
    return _mean(members)


def _mean(members: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    heads = dict.fromkeys(head for member in members for head in member)
    return {head: np.mean([m[head] for m in members if head in m], axis=0) for head in heads}
