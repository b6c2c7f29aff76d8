"""Damaged and invented content for every reader of bytes: what it says is one of our own errors.

    python -m tests.fuzz --minutes=60               # by hand; CI has a minute of it (test_fuzz.py)
    python -m tests.fuzz --only=coco --minutes=5

A reader begins with small valid files; hypothesis changes their structure (a value of a JSON tree,
a cell of a table, a record of a TFRecord file, with checksums that fit or none, so that what lies
behind them is reached) and their bytes. The reader returns, or raises `InputError` or
`PictureError`; within `SECONDS` of CPU time, and no more than `MEGABYTES` beyond what the process
had. What does otherwise is kept in `.fuzz/READER/`; once mended, it goes to
`fixtures/fuzz/READER/`, whose files `test_fuzz.py` reads every time.
"""

import argparse
import collections
import contextlib
import hashlib
import io
import json
import logging
import math
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from camtrap_tf.core.errors import InputError
from camtrap_tf.pictures.files import PictureError

OURS = (InputError, PictureError)
SECONDS, MEGABYTES = 5.0, 1500
OLD = Path(__file__).parent / "fixtures" / "before_rooms"
CORPUS = Path(__file__).parent / "fixtures" / "fuzz"
Draw = Callable[..., Any]


class TooMuch(AssertionError):
    """A reader takes too long."""


class _Alarm(BaseException):
    """Not caught by readers that catch every `Exception`."""


# Content


_TOKENS = (
    b"\0", b"\xff", b"\xff\xd8", b"\xff\xd9", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0",
    b"\xff\xe1\xff\xff", b"Exif\0\0", b"MM\0*", b"II*\0", b"NaN", b"Infinity", b"-1", b"1e999",
    b"9" * 400, b"null", b'"', b"\\ud800", b"\\u0000", b"[" * 3000, b'{"a":' * 3000, b",", b";",
    b"\t", b"\r", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe4", b"\xe2\x80\xa8", b"../",
    b"/", b"=1+1", b"0000-00-00", b"2020-02-30T25:61:61", b"x" * 5000,
)  # fmt: skip
_VALUES = (
    None, True, False, 0, -1, 1, 0.5, 1e300, 10**400, math.nan, math.inf, -math.inf, "", "x", "\0",
    "\ud800", "../x", "/etc/passwd", "a\nb", "a\\b", "NaN", "1e999", "-1", "empty", "2020-02-30",
    "x" * 3000, [], {}, [[]], [None], {"": None}, {"a": 1}, [1, 2], ["x"], [math.nan],
)  # fmt: skip


def edited(draw: Draw, content: bytes) -> bytes:
    """Content with one change of its bytes, more often near its beginning than not."""
    size = len(content)
    at = draw(st.one_of(st.integers(0, min(size, 300)), st.integers(0, size)))
    length = draw(st.sampled_from((1, 1, 2, 4, 16, 200)))
    kind = draw(st.sampled_from(("flip", "put", "over", "cut", "repeat", "end")))
    if kind == "flip" and at < size:
        bit = 1 << draw(st.integers(0, 7))
        return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
    token = draw(st.one_of(st.sampled_from(_TOKENS), st.binary(min_size=1, max_size=4)))
    return {
        "put": lambda: content[:at] + token + content[at:],
        "over": lambda: content[:at] + token + content[at + len(token) :],
        "cut": lambda: content[:at] + content[at + length :],
        "repeat": lambda: content[: at + length] + content[at:],
    }.get(kind, lambda: content[:at])()


def json_changed(draw: Draw, content: bytes) -> bytes:
    """JSON with some of its values others, absent, twice there or under another name."""
    tree = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        places = [*_places(tree)]
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        kind = draw(st.sampled_from(("value", "value", "value", "drop", "rename", "copy")))
        if kind == "value":
            holder[key] = draw(st.sampled_from(_VALUES))
        elif kind == "copy" and isinstance(holder, list):
            holder.append(holder[key])
        elif kind == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(("", "x", "\ud800", "a/b", "1")))] = holder.pop(key)
        else:
            del holder[key]
    return json.dumps(tree).encode()


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container and key of a JSON tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items if isinstance(tree, dict | list) else ():
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)


def lines_changed(draw: Draw, content: bytes) -> bytes:
    """JSON lines: one of them changed as JSON, or at another place, or twice there."""
    lines = content.splitlines(keepends=True)
    at, to = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    if draw(st.booleans()):
        changed = json_changed(draw, lines[at]) + b"\n"
        return b"".join([*lines[:at], changed, *lines[at + 1 :]])
    lines.insert(to, lines[at])
    return b"".join(lines)


def cells_changed(draw: Draw, content: bytes) -> bytes:
    """A table with a cell, a name of a column or a number of cells that it should not have."""
    separator = b";" if content.count(b";") > content.count(b",") else b","
    rows = [line.split(separator) for line in content.split(b"\n")]
    for _ in range(draw(st.integers(1, 3))):
        row = rows[draw(st.integers(0, len(rows) - 1))]
        at = draw(st.integers(0, len(row) - 1))
        token = draw(st.sampled_from((*_TOKENS, *rows[0])))
        kind = draw(st.sampled_from(("cell", "cell", "put", "drop")))
        row[at : at + (kind != "put")] = [] if kind == "drop" and len(row) > 1 else [token]
    return b"\n".join(separator.join(row) for row in rows)


def records_changed(draw: Draw, content: bytes) -> bytes:
    """A TFRecord file with changed records, whose checksums fit."""
    from camtrap_tf.events import records

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.tfrecord"
        file.write_bytes(content)
        found = [*records.read_file(file)]
        at = draw(st.integers(0, len(found) - 1))
        found[at] = edited(draw, found[at])
        records.write_file(file, found)
        return file.read_bytes()


# Readers


class Reader(NamedTuple):
    """What is tried.

    Args:
        seeds: valid contents.
        name: of the file.
        read: of its path.
        change: of its structure; None: its bytes alone.
        beside: fills the folder with what lies beside the file.
    """

    seeds: Callable[[], list[bytes]]
    name: str
    read: Callable[[Path], object]
    change: Callable[[Draw, bytes], bytes] | None = None
    beside: Callable[[Path], object] = lambda folder: None


def _json(content: Any) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(content).encode()]


def _old(*names: str) -> Callable[[], list[bytes]]:
    return lambda: [(OLD / name).read_bytes() for name in names]


def _copied(name: str) -> Callable[[Path], object]:
    return lambda folder: shutil.copytree(OLD / name, folder, dirs_exist_ok=True)


def _pictures() -> list[bytes]:
    pixels = np.arange(40 * 48 * 3, dtype=np.uint32).reshape(40, 48, 3).astype(np.uint8)
    image, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x010E], exif[0x0112] = "RECONYX", "HF2", "M 1/3", 6
    exif[0x0132] = "2024:05:01 10:13:17"
    own = exif.get_ifd(0x8769)
    own[0x9003], own[0x9291], own[0x9011] = "2024:05:01 10:13:17", "25", "+02:00"
    own[0x927C] = b"\x01\xf1" + bytes(10) + b"M\0" + bytes([1, 0, 3, 0]) + bytes(120)
    exif.get_ifd(0x8825)[7] = (10.0, 13.0, 17.0)
    exif.get_ifd(0x8825)[29] = "2024:05:01"
    xmp = b'<rdf:Description xmp:CreateDate="2024-05-01T10:13:17+02:00"/>'
    forms = {
        "JPEG": ({"exif": exif}, {"xmp": xmp}, {"progressive": True}), "PNG": ({"exif": exif},),
        "TIFF": ({}, {"compression": "tiff_lzw"}), "WEBP": ({"exif": exif},), "GIF": ({},),
        "BMP": ({},),
    }  # fmt: skip
    found = []
    for form, every in forms.items():
        for options in every:
            file = io.BytesIO()
            image.save(file, form, **options)
            found.append(file.getvalue())
    return found


def _read_picture(path: Path) -> None:
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.pictures import exif, files

    exif.read(path)
    for read in (
        lambda: files.glance(path),
        lambda: files.read(path, PictureSpec(16, bar_share=0.1, detect_bar=True)),
        lambda: files.read_padded(path, lambda width, height: (32, 32)),
        lambda: files.store(path, PictureSpec(16, keep_original=True)),
    ):
        with contextlib.suppress(PictureError):
            read()


def _read_records(path: Path) -> None:
    from camtrap_tf.events import records

    for record in records.read_file(path):
        records.decode(record)
    for place in records.offsets(path):
        records.read_at(path, int(place))


def _source(name: str, **options: Any) -> Callable[[Path], object]:
    def read(path: Path) -> None:
        from data_prep.sources import read
        from data_prep.sources.recognise import recognise

        read(name, path, **options)
        read(name, path, on_unknown="drop", **options)
        recognise(path)

    return read


def _lazily(module: str, name: str, *more: Any) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        target: Any = __import__(module, fromlist=["x"])
        for part in name.split("."):
            target = getattr(target, part)
        return target(path, *more)

    return read


def _edge_log(path: Path) -> None:
    from export.edge import journal

    entries = [*journal.read(path)]
    log = journal.Journal(path)
    log.close()
    assert all(journal.is_decision(entry) for entry in entries)


def _survey() -> list[bytes]:
    choice = {"choice": "ZEBRA", "answers": {"HOWMANY": "2", "WHATBEHAVIORSDOYOUSEE": ["EATING"]}}
    told = [{"task": "T0", "value": [choice]}, {"task": "T1", "value": "NOTHINGHERE"}]
    subject = {"7": {"retired": {"retirement_reason": "blank"}, "#season": "S1", "site": "A",
                     "datetime": "2020-01-01 10:00:00", "image1": "a/1.jpg"}}  # fmt: skip
    head = "user_name,workflow_id,metadata,annotations,subject_data,subject_ids"
    cells = ("a", "1", '{"live_project":true}', json.dumps(told), json.dumps(subject), "7")
    row = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    return ["\n".join((head, row, row.replace('"a"', '"b"'), "")).encode()]


_DETECTION = {"category": "1", "conf": 0.9, "bbox": [0.1, 0.1, 0.2, 0.2],
              "classifications": [["0", 0.8], ["1", 0.1]]}  # fmt: skip
_MEGADETECTOR = {
    "info": {"format_version": "1.6", "detector_metadata": {"typical_detection_threshold": 0.2}},
    "detection_categories": {"1": "animal", "2": "person"},
    "classification_categories": {"0": "deer", "1": "fox"},
    "images": [
        {"file": "A\\1.jpg", "detections": [_DETECTION, {**_DETECTION, "conf": -0.9}]},
        {"file": "3.jpg", "detections": []},
        {"file": "4.jpg", "detections": None, "failure": "image access failure"},
    ],
}
_ANSWER = {
    "category": "1",
    "label": "animal",
    "conf": 0.9,
    "bbox": [0.1, 0.1, 0.2, 0.2],
    "processed_classification": {"class": "u;mammalia;carnivora;canidae;vulpes;vulpes;fox"},
}
_SPECIESNET = {
    "info": {"format_version": "20261015"},
    "predictions": [
        {"filepath": "a\\1.jpg", "detections": [_ANSWER, {**_ANSWER, "category": "0",
         "raw_classifications": {"classes": ["u;;;;;;blank"], "scores": [0.9]}}]},
        {"filepath": "2.jpg", "failures": ["CLASSIFIER"]},
        {"filepath": "3.jpg", "prediction": "u;;;;;;blank", "prediction_score": 0.7},
    ],
}  # fmt: skip
_COCO = {
    "info": {"version": "1"},
    "images": [
        {"id": n, "file_name": f"{n}.jpg", "seq_id": "s", "frame_num": n, "location": 33,
         "datetime": "2012-05-08 19:23:37", "corrupt": n == 3} for n in range(4)
    ],
    "annotations": [
        {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4], "count": "11-50"},
        {"id": 2, "image_id": 1, "category_id": 30, "sequence_level_annotation": True},
        {"id": 3, "image_id": 2, "category_id": 1, "standing": 0.5, "attributes": {"sex": "male"}},
    ],
    "categories": [{"id": 30, "name": "Empty"}, {"id": 1, "name": "deer"}],
}  # fmt: skip
_PACKAGE = {
    "resources": [
        {"name": name, "path": f"{name}.csv", "encoding": "utf-8", "schema": {"missingValues": []}}
        for name in ("deployments", "media", "observations")
    ]
}
_TABLES = {
    "deployments.csv": b"deploymentID,latitude,longitude,locationID\nd1,1,2,\n",
    "media.csv": b"mediaID,deploymentID,timestamp,filePath,filePublic,fileMediatype,fileName\n"
    b"m2,d1,2020-05-30T04:57:40+02:00,a/2.jpg,true,image/jpeg,2.jpg\n"
    b"m3,d1,2020-05-30T05:57:37+02:00,https://x.org/9/file,true,image/jpeg,3.jpg\n",
    "observations.csv": b"observationID,deploymentID,mediaID,eventID,eventStart,eventEnd,"
    b"observationLevel,observationType,scientificName,count\n"
    b"o2,d1,m2,e1,2020-05-30T02:57:37Z,2020-05-30T02:57:40Z,media,animal,Ardea cinerea,3\n"
    b"o4,d1,,,2020-05-30T03:57:00Z,2020-05-30T03:58:00Z,event,human,Homo sapiens,\n",
}
_LABELS = (
    b"\xef\xbb\xbfFile;Label;Number;Event;Camera;When;moving\r\n"
    b"a\\2.jpg;deer;12;e1;C1;2020-01-01 10:00:02;1\r\na/1.jpg;Blank;;e1;C1;2020-01-01 10:00;\r\n"
    b"b/1.jpg;fox;2;e2;C2;0000-00-00;0\r\n"
)
_COLUMNS = "path=File,species=Label,count=Number,event=Event,site=Camera,datetime=When"


def _package(folder: Path) -> None:
    (folder / "datapackage.json").write_bytes(json.dumps(_PACKAGE).encode())
    for name, content in _TABLES.items():
        (folder / name).write_bytes(content)


def _table(name: str) -> Reader:
    read = _source("camtrap_dp")
    return Reader(
        lambda: [_TABLES[name]], name, lambda path: read(path.parent), cells_changed, _package
    )


_WITH_BUNDLE = "camtrap_tf.networks.bundle"
READERS = {
    "pictures": Reader(_pictures, "x.jpg", _read_picture),
    "tfrecord": Reader(
        _old("shards/val-00000-of-00001.tfrecord"), "x.tfrecord", _read_records, records_changed
    ),
    "manifest": Reader(
        _old("shards/manifest.json"), "manifest.json",
        lambda path: _lazily("camtrap_tf.events.manifest", "Manifest.read")(path.parent),
        json_changed, _copied("shards"),
    ),
    "bundle": Reader(
        _old("bundle/bundle.json"), "bundle.json",
        lambda path: _lazily(_WITH_BUNDLE, "Bundle.read")(path.parent), json_changed,
        _copied("bundle"),
    ),
    "config": Reader(
        _old("runs/animal/config.json"), "config.json",
        lambda path: _lazily("camtrap_tf.networks.run", "Run.read")(path.parent), json_changed,
        _copied("runs/animal"),
    ),
    "reviews": Reader(
        _old("reviews.jsonl"), "x.jsonl", _lazily("camtrap_tf.reviewing.journal", "read"),
        lines_changed,
    ),
    "edge_log": Reader(_old("edge/decisions.jsonl"), "x.jsonl", _edge_log, lines_changed),
    "events": Reader(
        _old("events.parquet"), "x.parquet", _lazily("camtrap_tf.events.table", "EventTable.read")
    ),
    "predictions": Reader(
        _old("answers/predictions.parquet"), "x.parquet",
        _lazily("camtrap_tf.answers.predictions", "Predictions.read"),
    ),
    "detections": Reader(
        _json(_MEGADETECTOR), "x.json", _lazily("camtrap_tf.events.detections", "read"),
        json_changed,
    ),
    "megadetector": Reader(_json(_MEGADETECTOR), "x.json", _source("megadetector"), json_changed),
    "speciesnet": Reader(_json(_SPECIESNET), "x.json", _source("speciesnet"), json_changed),
    "coco": Reader(_json(_COCO), "x.json", _source("coco", head=["sex:male,female"]), json_changed),
    "panoptes": Reader(_survey, "x.csv", _source("zooniverse"), cells_changed),
    "csv": Reader(lambda: [_LABELS], "x.csv", _source("csv", columns=_COLUMNS), cells_changed),
    "clocks": Reader(
        lambda: [b"site,shift,from,to\nB04,+1h12m,2020-01-01,2020-02-01 10:00\n,-26h,,\n"], "x.csv",
        _lazily("camtrap_tf.events.corrections", "read"), cells_changed,
    ),
    "deployments": Reader(
        lambda: [b"folder,deploymentID,latitude,longitude\nA,d1,1,2\nB,d2,-80.5,170\n"], "x.csv",
        _lazily("camtrap_tf.outputs.deployments", "read"), cells_changed,
    ),
    "camtrap_dp": Reader(
        _json(_PACKAGE), "datapackage.json", _source("camtrap_dp"), json_changed, _package
    ),
    "camtrap_dp_media": _table("media.csv"),
    "camtrap_dp_observations": _table("observations.csv"),
}  # fmt: skip


# Trying


def contents(reader: Reader) -> st.SearchStrategy[bytes]:
    """Strategy of changed contents of a reader's file."""
    seeds = reader.seeds()

    @st.composite
    def changed(draw: Draw) -> bytes:
        content = draw(st.sampled_from(seeds))
        structured = reader.change is not None and draw(st.integers(0, 3)) > 0
        if structured and reader.change is not None:
            content = reader.change(draw, content)
        for _ in range(draw(st.integers(not structured, 1 if structured else 4))):
            content = edited(draw, content)
        return content

    return changed()


def attempt(reader: Reader, content: bytes, folder: Path) -> bool:
    """Reads content; whether it was taken. Raises what is none of our errors."""
    file = folder / reader.name
    file.write_bytes(content)
    with limited():
        try:
            reader.read(file)
        except OURS as error:
            str(error)
            return False
    return True


@contextlib.contextmanager
def limited(seconds: float = SECONDS, megabytes: int = MEGABYTES) -> Iterator[None]:
    """Bounds what happens inside: `seconds` of CPU, else TooMuch; `megabytes`, else MemoryError."""

    def ring(*_):
        raise _Alarm

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGPROF, ring)
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    except _Alarm:
        raise TooMuch(f"more than {seconds} s") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def prepared(reader: Reader) -> Iterator[Path]:
    """A folder with what lies beside a reader's file, where its own seeds are taken."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        reader.beside(folder)
        for seed in reader.seeds():
            (folder / reader.name).write_bytes(seed)
            reader.read(folder / reader.name)  # is taken; what is imported takes its time
        yield folder


def explore(reader: Reader, examples: int, seed: int | None, known: set[str]) -> tuple | None:
    """Tries contents; the smallest that fails otherwise than is `known`, and its error.

    Args:
        reader: what is tried.
        examples: how many.
        seed: of the choice; None: the same every time.
        known: failures (`place`) that are passed over.
    """
    worst: list[tuple[bytes, BaseException]] = []
    with prepared(reader) as folder:

        def one(content: bytes) -> None:
            try:
                attempt(reader, content, folder)
            except Exception as error:
                if place(error) not in known:
                    worst[:] = [(content, error)]
                    raise

        run = hypothesis.given(contents(reader))(one)
        run = hypothesis.settings(
            max_examples=examples, deadline=None, database=None, derandomize=seed is None,
            suppress_health_check=list(hypothesis.HealthCheck), print_blob=False,
            report_multiple_bugs=False,
        )(run)  # fmt: skip
        try:
            (run if seed is None else hypothesis.seed(seed)(run))()
        except Exception:
            if not worst:
                raise
    return worst[0] if worst else None


def place(error: BaseException) -> str:
    """Kind of an error and the last line of ours that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    packages = ("/camtrap_tf/", "/data_prep/", "/export/")
    own = [one for one in frames if any(name in one.filename for name in packages)]
    last = (own or frames)[-1]
    return f"{type(error).__name__} at {'/'.join(Path(last.filename).parts[-3:])}:{last.lineno}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--only", default="", help="names of readers, with commas")
    parser.add_argument("--examples", type=int, default=300, help="of a reader in one turn")
    parser.add_argument("--out", type=Path, default=Path(".fuzz"))
    flags = parser.parse_args()
    logging.disable()
    warnings.simplefilter("ignore")
    names = flags.only.split(",") if flags.only else list(READERS)
    until, tried, known = time.monotonic() + 60 * flags.minutes, collections.Counter(), set()
    while time.monotonic() < until:
        for name in names:
            found = explore(READERS[name], flags.examples, random.getrandbits(32), known)
            tried[name] += flags.examples
            if found:
                content, error = found
                known.add(place(error))
                file = flags.out / name / hashlib.sha256(content).hexdigest()[:12]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                print(f"{name}: {place(error)}: {str(error)[:200]}\n  {file}", flush=True)
            if time.monotonic() > until:
                break
    print(f"{tried.total():,} contents, of {len(tried)} readers; {len(known)} findings")
    return int(bool(known))


if __name__ == "__main__":
    sys.exit(main())
