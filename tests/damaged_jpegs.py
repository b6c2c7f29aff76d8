"""JPEGs damaged as cards, cables and repair programs damage them, made of a whole one."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.odd_pictures import saved

CLUSTER = 2048  # bytes
PLACES = (0.1, 0.5, 0.9)  # in the picture data, as shares


def grain(seed: int = 0) -> Image.Image:
    """320 x 240, a soft picture with grain, so that its data fill a dozen clusters."""
    rows, columns = np.mgrid[0:240, 0:320]
    soft = np.stack([rows, columns * 0.7, (rows + columns) / 3], axis=-1)
    noise = np.random.default_rng(seed).normal(0, 12, soft.shape)
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


def kinds(whole: bytes, other: bytes) -> Iterator[tuple[str, bytes]]:
    """Damaged copies of a JPEG, by name; `other` is another JPEG."""
    yield from _ends(whole, other)
    yield from _insides(whole, other)


def _place(content: bytes, share: float) -> int:
    start = content.rindex(b"\xff\xda")
    return start + 14 + int((len(content) - start - 14) * share)


def _over(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


def _ends(whole: bytes, other: bytes) -> Iterator[tuple[str, bytes]]:
    for lost in (1, 2, 3, 9, 60):
        yield f"cut by {lost} bytes", whole[:-lost]
    for share in PLACES:
        at = _place(whole, share)
        rest = len(whole) - at
        yield f"cut at {share}", whole[:at]
        yield f"zeros from {share}", whole[:at] + bytes(rest)
        yield f"many zeros from {share}", whole[:at] + bytes(5 * rest)
        yield f"0xFF from {share}", whole[:at] + b"\xff" * rest
        yield f"another from {share}", whole[:at] + other
    yield "cut in a marker", whole[: _place(whole, 0.5)] + b"\xff"
    yield "hole and cut", _over(whole, _place(whole, 0.3), bytes(CLUSTER))[: _place(whole, 0.9)]
    yield "zeros behind the end", whole + bytes(CLUSTER)
    yield "0xFF behind the end", whole + b"\xff" * CLUSTER
    yield "another behind the end", whole + other


def _insides(whole: bytes, other: bytes) -> Iterator[tuple[str, bytes]]:
    foreign = other[_place(other, 0.4) :][:CLUSTER]
    for share in (0.1, 0.5, 0.8):
        at = _place(whole, share)
        yield f"cluster of zeros at {share}", _over(whole, at, bytes(CLUSTER))
        yield f"cluster of 0xFF at {share}", _over(whole, at, b"\xff" * CLUSTER)
        yield f"cluster of another at {share}", _over(whole, at, foreign)
        yield f"cluster of text at {share}", _over(whole, at, b"lost+found " * (CLUSTER // 11))
        yield f"without a cluster at {share}", whole[:at] + whole[at + CLUSTER :]
        yield (
            f"bytes flipped at {share}",
            _over(whole, at, bytes(b ^ 0x5A for b in whole[at:][:40])),
        )
    at = _place(whole, 0.5)
    yield "zeros, then an end", whole[:at] + bytes(len(whole) - at - 2) + b"\xff\xd9"
    yield "an end too early", _over(whole, at, b"\xff\xd9")


def restarts(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Damaged copies of a JPEG with restart markers."""
    yield "restart markers", whole
    start = whole.rindex(b"\xff\xda")
    marks = [i for i in range(start, len(whole)) if whole[i] == 255 and 0xD0 <= whole[i + 1] < 0xD8]
    yield "restart marker of another number", _over(whole, marks[4] + 1, bytes([0xD7]))
    yield "restart marker overwritten", _over(whole, marks[4], b"\0\0")
    yield "part between restarts lost", whole[: marks[4]] + whole[marks[5] :]
    yield "part between restarts twice", whole[: marks[5]] + whole[marks[4] :]
    yield "eight parts lost", whole[: marks[2]] + whole[marks[10] :]
    yield "zeros over restarts", _over(whole, marks[3] + 9, bytes(CLUSTER))
    yield "restarts cut", whole[: marks[6]]


def progressive(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """Damaged copies of a progressive JPEG."""
    yield "progressive", whole
    for share in (0.3, 0.7):
        at = int(len(whole) * share)
        yield f"progressive cut at {share}", whole[:at]
        yield f"progressive zeros from {share}", whole[:at] + bytes(len(whole) - at)
        yield f"progressive cluster of zeros at {share}", _over(whole, at, bytes(CLUSTER))


def every() -> dict[str, bytes]:
    """All kinds, and the whole ones that they are made of."""
    one, other = saved(grain(), quality=85), saved(grain(1), quality=85)
    found = {"whole": one, **dict(kinds(one, other))}
    found |= restarts(saved(grain(), quality=85, restart_marker_rows=1))
    return found | dict(progressive(saved(grain(), quality=85, progressive=True)))
