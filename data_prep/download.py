"""Snapshot Serengeti from LILA's public bucket: whole seasons, or a sample of their events.

A folder holds, after that:
    metadata/SnapshotSerengetiS01.json   for `camtrap prepare --source=lila`
    metadata/SnapshotSerengetiS01_500_events.json   the same of a sample of 500 events alone
    S1/B04/B04_R1/...JPG                 pictures under the paths of the metadata
    missing.csv                          pictures that the server does not have

A file gets its name when all of its bytes are there; until then it is `NAME.part`, from which
the next run goes on. A few connections at a time; a server that asks for a pause (429, 503,
Retry-After) gets it from all of them.
"""

import concurrent.futures
import dataclasses
import datetime
import email.utils
import json
import logging
import os
import random
import shutil
import threading
import time
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pandas as pd
import requests

from camtrap_tf.core import csv_text, json_files, locks
from camtrap_tf.core.artifacts import PathLike, atomic, write_text
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.progress import Meter
from data_prep.choice import draws

log = logging.getLogger("camtrap")

BASE = "https://storage.googleapis.com/public-datasets-lila"
METADATA = "snapshotserengeti-v-2-0/SnapshotSerengetiS{season:02d}.json.zip"
IMAGES = "snapshotserengeti-unzipped"
SEASONS = range(1, 12)
_AGAIN = (408, 429, 500, 502, 503, 504)  # answers that may be better later
_BLOCK = 1 << 13  # what is lost of it when a connection ends within
_BATCH = 1_000  # files handed to the connections at a time


@dataclasses.dataclass(frozen=True)
class Manners:
    """How the server is treated.

    Args:
        connections: at a time.
        tries: for one file, without progress, before it is given up for this run.
        timeout: seconds without a byte that count as a stall.
        pause: seconds before the second try; doubled for each further one, with some chance.
        longest_pause: seconds.
    """

    connections: int = 8
    tries: int = 6
    timeout: float = 30.0
    pause: float = 1.0
    longest_pause: float = 300.0

    def __post_init__(self):
        if not 1 <= self.connections <= 32:
            raise InputError("connections are 1 to 32", self.connections, "Try 8.")


class Unavailable(Exception):
    """A file cannot be had; the message is the reason, `final` = another try is no use."""

    def __init__(self, reason: str, final: bool = False):
        super().__init__(reason)
        self.final = final


@locks.holds("folder")
def download(
    folder: PathLike,
    seasons: Iterable[int],
    events: int = 0,
    seed: int = 0,
    manners: Manners | None = None,
    base: str = BASE,
    only_metadata: bool = False,
) -> dict[str, int]:
    """Downloads seasons, or a sample of their events, with the metadata.

    Args:
        folder: where everything goes; what is there already is not fetched again.
        seasons: numbers, 1 to 11.
        events: of each season, at random; 0 = all.
        seed: of the choice; more events of the same seed contain the fewer.
        manners: how the server is treated.
        base: address of the bucket.
        only_metadata: fetch no picture.

    Returns:
        Number of pictures 'there', 'missing' on the server, and 'failed'; with `only_metadata`,
        'there' and 'wanted'.

    Raises:
        InputError: no such season, the metadata cannot be had, the disk is full, or pictures
            failed: then the same call again goes on where this one ended.
    """
    folder, client = Path(folder), Client(manners or Manners())
    paths: list[str] = []
    for season in seasons:
        if season not in SEASONS:
            raise InputError("seasons are 1 to 11", season, "Give 1,2,3, say.")
        metadata = _metadata(folder / "metadata", season, client, base)
        if events:
            metadata = _sample(metadata, events, seed)
        log.info("metadata: %s", metadata)
        paths += _paths(metadata)
    log.info("%s pictures are wanted", f"{len(paths):,}")
    if only_metadata:
        there = sum(os.path.isfile(folder / path) for path in paths)
        return {"there": there, "wanted": len(paths) - there}
    outcomes = _fetch_all(folder, paths, f"{base}/{IMAGES}", client)
    missing = [(path, reason) for path, reason, final in outcomes if final]
    failed = [(path, reason) for path, reason, final in outcomes if not final]
    if missing:
        _write_missing(folder / "missing.csv", missing)
        log.warning("the server does not have %s pictures: see missing.csv", f"{len(missing):,}")
    if failed:
        raise InputError(
            "all pictures arrive",
            f"{len(failed):,} did not, such as {failed[0][0]}: {failed[0][1]}",
            "Run the same command again; it goes on from here.",
        )
    counts = {"there": len(paths) - len(outcomes), "missing": len(missing), "failed": len(failed)}
    log.info("%s: %s pictures", folder, f"{counts['there']:,}")
    return counts


class Client:
    """Fetches files; its connections share the pauses that the server asks for."""

    def __init__(self, manners: Manners):
        self.manners = manners
        self._own = threading.local()
        self._not_before = 0.0

    def fetch(self, url: str, path: Path) -> None:
        """Fetches `url` as the file `path`, going on from `path`.part; keeps what is there.

        Raises:
            Unavailable: after all tries, or at once where the server does not have it.
        """
        if path.is_file():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        left, reason = self.manners.tries, ""
        while left:
            before = _size(part)
            try:
                self._wait()
                self._append(url, part)
                os.replace(part, path)
                return
            except (requests.RequestException, ConnectionError, TimeoutError) as error:
                reason = str(error)
            except Unavailable as error:
                if error.final:
                    raise
                reason = str(error)
            left = self.manners.tries if _size(part) > before else left - 1
            if left:
                self._back_off(self.manners.tries - left)
        raise Unavailable(reason)

    def _append(self, url: str, part: Path) -> None:
        """Fetches what `part` lacks; raises unless it is whole then."""
        have = _size(part)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        session = self._session()
        with session.get(url, headers=headers, stream=True, timeout=self.manners.timeout) as answer:
            if answer.status_code == 416:  # nothing behind what we have, or another file
                part.unlink()
                raise Unavailable("the file on the server has changed")
            self._check(answer)
            resumed = answer.status_code == 206
            total = _total(answer, have)
            with open(part, "ab" if resumed else "wb") as file:
                for block in answer.iter_content(_BLOCK):
                    file.write(block)
        if total is not None and _size(part) != total:
            if _size(part) > total:
                part.unlink()
            raise Unavailable(f"{_size(part):,} of {total:,} bytes arrived")

    def _check(self, answer: requests.Response) -> None:
        if answer.status_code in _AGAIN:
            asked = _retry_after(answer.headers.get("Retry-After"))
            if asked is not None:
                pause = min(asked, self.manners.longest_pause)
                self._not_before = max(self._not_before, time.monotonic() + pause)
            raise Unavailable(f"the server answers {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise Unavailable(f"the server answers {answer.status_code}", final=True)

    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
            self._own.session.headers["User-Agent"] = "camtrap_tf"
        return self._own.session

    def _wait(self) -> None:
        time.sleep(max(0.0, self._not_before - time.monotonic()))

    def _back_off(self, failures: int) -> None:
        pause = self.manners.pause * 2 ** max(0, failures - 1) * random.uniform(0.5, 1.5)
        time.sleep(min(pause, self.manners.longest_pause))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _total(answer: requests.Response, have: int) -> int | None:
    """Size of the whole file as the server tells it; None where it does not."""
    if answer.status_code == 206:
        unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
        span, _, total = rest.partition("/")
        if unit != "bytes" or span.split("-")[0] != str(have):
            raise Unavailable("the server continues at another place", final=True)
        return int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _retry_after(text: str | None) -> float | None:
    """Seconds to wait: a number, or until an HTTP date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.datetime.now(datetime.UTC)).total_seconds())


def _metadata(folder: Path, season: int, client: Client, base: str) -> Path:
    """The season's JSON file, fetched and unpacked unless it is there."""
    name = METADATA.format(season=season)
    archive = folder / PurePosixPath(name).name
    content = archive.with_suffix("")
    if content.is_file():
        return content
    try:
        client.fetch(f"{base}/{name}", archive)
        with zipfile.ZipFile(archive) as packed, atomic(content) as temporary:
            (inner,) = [one for one in packed.namelist() if one.endswith(".json")]
            with packed.open(inner) as source, open(temporary, "wb") as target:
                shutil.copyfileobj(source, target)
    except Unavailable as error:
        raise InputError(
            "the metadata of a season can be had", f"{base}/{name}: {error}", "Try again later."
        ) from None
    except (zipfile.BadZipFile, ValueError) as error:
        archive.unlink()
        raise InputError(
            "the metadata is a zip file with one JSON file", str(error), "Run again to fetch it."
        ) from None
    archive.unlink()
    return content


def _paths(metadata: Path) -> list[str]:
    """Paths of all pictures that the metadata list."""
    paths = [image["file_name"] for image in _rows(metadata, "images")]
    unsafe = [p for p in paths if ".." in PurePosixPath(p).parts or p.startswith("/")]
    if unsafe:
        raise InputError("paths of pictures stay in the folder", unsafe[0], "Check the metadata.")
    return paths


def _sample(metadata: Path, events: int, seed: int) -> Path:
    """The metadata of `events` capture events, beside those of all."""
    path = metadata.with_name(f"{metadata.stem}_{events}_events.json")
    all_ids = dict.fromkeys(str(image["seq_id"]) for image in _rows(metadata, "images"))
    ids = pd.Series(list(all_ids), dtype="string")
    order = draws.uniform(ids, seed, "download").argsort(kind="stable")
    chosen = set(ids.iloc[order[:events]])
    images = [row for row in _rows(metadata, "images") if str(row["seq_id"]) in chosen]
    pictures = {image["id"] for image in images}
    content = {
        "categories": list(_rows(metadata, "categories")),
        "images": images,
        "annotations": [r for r in _rows(metadata, "annotations") if r["image_id"] in pictures],
    }
    write_text(path, json.dumps(content))
    return path


def _rows(metadata: Path, part: str) -> Iterator[dict]:
    """Rows of a list of the metadata."""
    try:
        for piece in json_files.pieces(metadata):
            if piece.part == part:
                yield from piece.rows
    except ValueError as error:
        raise InputError(
            "the metadata is JSON", f"{metadata}: {error}", "Delete it and run again to fetch it."
        ) from None


def _fetch_all(
    folder: Path, paths: list[str], base: str, client: Client
) -> list[tuple[str, str, bool]]:
    """Path, reason and whether it is final, of each picture that did not arrive."""

    def fetch(path: str) -> tuple[str, str, bool] | None:
        try:
            client.fetch(f"{base}/{urllib.parse.quote(path)}", folder / path)
        except Unavailable as error:
            return path, str(error), error.final
        except OSError as error:
            raise InputError(
                f"files can be written to {folder}",
                str(error),
                "Mend that, such as by freeing some space, and run the same command again.",
            ) from error
        return None

    outcomes: list[tuple[str, str, bool]] = []
    with (
        concurrent.futures.ThreadPoolExecutor(client.manners.connections) as pool,
        Meter(len(paths), "downloading") as meter,
    ):
        for start in range(0, len(paths), _BATCH):
            for outcome in pool.map(fetch, paths[start : start + _BATCH]):
                meter.advance()
                if outcome:
                    outcomes.append(outcome)
    return outcomes


def _write_missing(path: Path, rows: list[tuple[str, str]]) -> None:
    write_text(path, csv_text.text([("path", "reason"), *rows]))
