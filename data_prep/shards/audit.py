"""Proof on the written shards that nothing is on both sides of a split.

What is looked for
    damaged     shards that do not fit their checksum or the manifest's numbers
    event       an event in two splits
    path        a picture file in two splits
    site        a site in two splits, where the split rule promises that there is none
    identical   the same stored bytes in two splits
    near        nearly the same picture in two splits, of different sites or unknown ones
    near_same_site   the same, of one site

Near-identical: the perceptual hashes (63 bits: the low frequencies of a 32x32 luma thumbnail
against their median) differ in at most 4 bits, and the thumbnails, each less its mean, by at
most 0.6 of 255 grey levels on average. Measured on 150 frames of 256 pixels of one station, stored
at 128 and at 256: all copies encoded anew at quality 50 to 95 are found, and those brought to 640
pixels (quality 75) or to 160 (quality 90); of those brought to 160 pixels 98% at quality 75 and
66% at quality 50. Of all pairs of its 1,218 frames that were taken on different days none is that
close: the nearest within 4 bits differ by 0.66 levels. Frames of one day can be: an unmoved scene
taken again a minute later. A split by event lets them fall on both sides, and that is worth
knowing. A copy that is cropped is not found.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import hashlib
import io
import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from camtrap_tf.core import csv_text
from camtrap_tf.core.artifacts import PathLike, sha256, write_text
from camtrap_tf.core.progress import Meter
from camtrap_tf.events import records
from camtrap_tf.events.manifest import Manifest, Shard

KINDS = ("damaged", "event", "path", "site", "identical", "near", "near_same_site")
MAX_BITS, MAX_DIFFERENCE = 4, 0.6
_SITE_RULES = ("site", "lila")  # names of split rules that keep sites apart begin with these
_SIDE, _FREQUENCIES = 32, 8
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 12), (51, 12))  # first bit, bits: one of 5 is equal
_PAIRS_AT_ONCE = 4_000_000


@dataclasses.dataclass(frozen=True)
class Offence:
    """Something on both sides, or a damaged shard.

    Args:
        kind: one of `KINDS`.
        what: the event, site, picture or file.
        where: the splits, or the reason.
        other: the other picture of a pair.
    """

    kind: str
    what: str
    where: str
    other: str = ""


@dataclasses.dataclass(frozen=True)
class _Look:
    """What one shard shows: a value or row for each picture."""

    shard: Shard
    damage: str
    events: list[str]  # of each picture
    sites: list[str]
    paths: list[str]
    digests: np.ndarray  # [pictures] uint64
    hashes: np.ndarray  # [pictures] uint64
    thumbnails: np.ndarray  # [pictures, 32, 32] uint8


def audit(folder: PathLike, sites: bool | None = None, processes: int = 0) -> list[Offence]:
    """Looks for everything in `KINDS` in a folder of shards.

    Args:
        folder: with a manifest.
        sites: whether no site may be in two splits; None = if the split rule says so.
        processes: how many look at shards at a time; 0 = one per processor.

    Returns:
        The offences, in the order of `KINDS`; empty where the splits are clean.
    """
    manifest = Manifest.read(folder)
    if sites is None:
        sites = manifest.split_rule.startswith(_SITE_RULES)
    with tempfile.TemporaryFile() as file:
        looks = _looks(manifest, processes or os.cpu_count() or 1)
        pictures = _gather(looks, file)
        offences = pictures.damage
        offences += _on_both_sides("event", pictures.split, pictures.events)
        offences += _on_both_sides("path", pictures.split, pictures.paths)
        if sites:
            offences += _on_both_sides("site", pictures.split, pictures.sites)
        offences += _alike(pictures)
    return sorted(offences, key=lambda offence: KINDS.index(offence.kind))


def write(offences: list[Offence], path: PathLike) -> None:
    """Writes offences as CSV: kind, what, where, other."""
    rows = [["kind", "what", "where", "other"], *map(dataclasses.astuple, offences)]
    write_text(path, csv_text.text(rows))


def thumbnail(encoded: bytes) -> np.ndarray:
    """[32, 32] uint8 luma of an encoded picture."""
    with Image.open(io.BytesIO(encoded)) as image:
        image.draft("L", (2 * _SIDE, 2 * _SIDE))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small)


def perceptual_hash(thumbnails: np.ndarray) -> np.ndarray:
    """[n, 32, 32] luma -> [n] uint64: low frequencies above their median, without the mean."""
    cosines = _cosines()
    low = cosines @ thumbnails.astype(np.float32) @ cosines.T
    low = low.reshape(len(thumbnails), -1)[:, 1:]
    bits = low > np.median(low, axis=1, keepdims=True)
    return bits @ (np.uint64(1) << np.arange(bits.shape[1], dtype=np.uint64))


@functools.cache
def _cosines() -> np.ndarray:
    """[8, 32] float32: rows of the discrete cosine transform (type II, orthonormal)."""
    k, x = np.mgrid[0:_FREQUENCIES, 0:_SIDE]
    rows = np.sqrt(2 / _SIDE) * np.cos(np.pi * k * (2 * x + 1) / (2 * _SIDE))
    rows[0] /= np.sqrt(2)
    return rows.astype(np.float32)


def _looks(manifest: Manifest, processes: int) -> Iterator[_Look]:
    look = functools.partial(_look, manifest.folder)
    processes = min(processes, len(manifest.shards))
    with Meter(sum(shard.frames for shard in manifest.shards), "looking at") as meter:
        if processes == 1:
            done = map(look, manifest.shards)
            yield from _metered(done, meter)
            return
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(processes, context) as pool:
            step = 4 * processes  # looks waiting to be gathered, at most
            for start in range(0, len(manifest.shards), step):
                batch = manifest.shards[start : start + step]
                yield from _metered(pool.map(look, batch), meter)


def _metered(looks: Iterator[_Look], meter: Meter) -> Iterator[_Look]:
    for look in looks:
        yield look
        meter.advance(look.shard.frames)


def _look(folder: Path, shard: Shard) -> _Look:
    """Reads one shard."""
    file, damage, frames = folder / shard.file, "", 0
    if sha256(file) != shard.sha256:
        damage = "its checksum is not the manifest's"
    rows: list[tuple] = []
    events = 0
    try:
        for event in map(records.decode, records.read_file(file)):
            events += 1
            frames += len(event.frames)
            rows += [
                (event.event_id, event.site, path, _digest(frame), thumbnail(frame))
                for path, frame in zip(event.paths, event.frames, strict=True)
            ]
    except (ValueError, OSError) as error:
        damage = f"{damage or 'unreadable'} ({error})"
    if not damage and (events, frames) != (shard.events, shard.frames):
        damage = f"{events} events and {frames} pictures; the manifest says otherwise"
    names, sites, paths, digests, thumbnails = zip(*rows, strict=True) if rows else ((),) * 5
    small = np.array(thumbnails, np.uint8).reshape(-1, _SIDE, _SIDE)
    return _Look(
        shard, damage, list(names), list(sites), list(paths),
        np.array(digests, np.uint64), perceptual_hash(small), small,
    )  # fmt: skip


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


@dataclasses.dataclass
class _Pictures:
    """All pictures of a folder; the thumbnails lie on disk."""

    damage: list[Offence]
    split: np.ndarray
    events: np.ndarray
    sites: np.ndarray
    paths: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray


def _gather(looks: Iterator[_Look], file) -> _Pictures:
    columns: dict[str, list] = collections.defaultdict(list)
    damage = []
    for look in looks:
        if look.damage:
            damage.append(Offence("damaged", look.shard.file, look.damage))
        file.write(look.thumbnails.tobytes())
        columns["split"] += [look.shard.split] * len(look.paths)
        columns["events"] += look.events
        columns["sites"] += look.sites
        columns["paths"] += look.paths
        columns["digests"].append(look.digests)
        columns["hashes"].append(look.hashes)
    file.flush()
    shape = (len(columns["split"]), _SIDE, _SIDE)
    texts = {name: np.array(columns[name], object) for name in ("events", "sites", "paths")}
    return _Pictures(
        damage,
        np.array(columns["split"]),
        **texts,
        digests=np.concatenate(columns["digests"]),
        hashes=np.concatenate(columns["hashes"]),
        thumbnails=np.memmap(file, np.uint8, "r", shape=shape) if shape[0] else np.zeros(shape),
    )


def _on_both_sides(kind: str, split: np.ndarray, names: np.ndarray) -> list[Offence]:
    """Offences for names that occur in two splits or more; '' is no name."""
    splits: dict[str, set[str]] = collections.defaultdict(set)
    for name, one in zip(names, split, strict=True):
        splits[name].add(str(one))
    splits.pop("", None)
    return [
        Offence(kind, name, " and ".join(sorted(found)))
        for name, found in sorted(splits.items())
        if len(found) > 1
    ]


def _alike(pictures: _Pictures) -> list[Offence]:
    """Pairs of identical and near-identical pictures in different splits."""
    offences = []
    for first, second in _close_pairs(pictures):
        same = pictures.digests[first] == pictures.digests[second]
        if not same and _difference(pictures.thumbnails, first, second) > MAX_DIFFERENCE:
            continue
        one_site = pictures.sites[first] == pictures.sites[second] != ""
        kind = "identical" if same else "near_same_site" if one_site else "near"
        where = f"{pictures.split[first]} and {pictures.split[second]}"
        offences.append(Offence(kind, pictures.paths[first], where, pictures.paths[second]))
    return offences


def _difference(thumbnails: np.ndarray, first: int, second: int) -> float:
    """Mean absolute difference of two thumbnails, each less its mean, grey levels."""
    one, other = (thumbnails[i].astype(np.float32) for i in (first, second))
    return float(np.abs((one - one.mean()) - (other - other.mean())).mean())


def _close_pairs(pictures: _Pictures) -> list[tuple[int, int]]:
    """Pairs in different splits whose hashes differ in at most `MAX_BITS` bits.

    Two such hashes agree in at least one of five bands of bits (5 > MAX_BITS), so only
    pictures that share a band are compared.
    """
    pairs: set[tuple[int, int]] = set()
    names, split = np.unique(pictures.split, return_inverse=True)
    if len(names) < 2:
        return []
    for first_bit, bits in _BANDS:
        band = (pictures.hashes >> np.uint64(first_bit)) & np.uint64((1 << bits) - 1)
        order = np.argsort(band, kind="stable")
        ends = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, ends):
            pairs |= _close_in(bucket, split, pictures.hashes)
    return sorted(pairs)


def _close_in(bucket: np.ndarray, split: np.ndarray, hashes: np.ndarray) -> set[tuple[int, int]]:
    """Close pairs (smaller index first) of different splits among the pictures of a bucket."""
    pairs: set[tuple[int, int]] = set()
    if len(bucket) < 2 or (split[bucket] == split[bucket[0]]).all():
        return pairs
    rows = max(1, _PAIRS_AT_ONCE // len(bucket))
    for start in range(0, len(bucket), rows):
        some = bucket[start : start + rows]
        close = np.bitwise_count(hashes[some, None] ^ hashes[bucket]) <= MAX_BITS
        close &= (split[some, None] != split[bucket]) & (some[:, None] < bucket)
        i, j = np.nonzero(close)
        pairs.update(zip(some[i].tolist(), bucket[j].tolist(), strict=True))
    return pairs
