"""Reads tensors from PyTorch files without PyTorch, and nothing else from them.

A PyTorch file is a pickle that describes tensors, and their numbers. It comes in two containers:
a zip archive (since PyTorch 1.6), or five pickles in a row followed by the numbers. A pickle is
a program, so it is not run before it has been looked at: only the instructions that describe
containers and tensors are let through, and only four names. Every block of numbers must belong
to exactly one tensor and have the announced length; tensors must lie inside their block.
"""

import io
import itertools
import math
import pickle
import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from camtrap_tf.core.errors import InputError

# Instructions that containers, numbers, text, tensors and their storages need. Those that import
# by names computed at run time, make objects of other classes or read buffers are not among them.
_INSTRUCTIONS = frozenset(
    (
        *("PROTO", "STOP", "GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
        *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("MARK", "EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
        *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
        "BINUNICODE",
    )
)
_PUTS = frozenset({"BINPUT", "LONG_BINPUT"})
_LARGEST_PICKLE = 200_000  # instructions; the four known files have 3,000 to 28,000
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # the first two pickles of the old container
_ZIP = b"PK\x03\x04"
# What a zip container may hold beside the pickle and the numbers.
_NOTES = frozenset(
    {"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}
)
# What damaged or hostile pickles raise.
_PICKLE_ERRORS = (
    pickle.UnpicklingError, ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError,
    OverflowError, RecursionError,
)  # fmt: skip
_WAY_OUT = "Fetch the file again; if that does not help, do not use it."


class _Storage(NamedTuple):
    """A block of numbers: their type, its key in the file, how many there are."""

    dtype: np.dtype
    key: str
    count: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    strides: tuple[int, ...]


class _Dict(dict):
    """Stands for OrderedDict; attributes that the file would set are passed over."""

    def __setstate__(self, state: Any) -> None:
        pass


def read_tensors(data: bytes, part: str = "") -> dict[str, np.ndarray]:
    """The tensors of a PyTorch file.

    Args:
        data: the whole file.
        part: name of the dictionary that holds the tensors, where the file holds several things
            ('model'); '' when the file is that dictionary.

    Returns:
        float32 or int64 arrays by name, row-major, in the file's order.

    Raises:
        InputError: not a PyTorch file, a damaged one, or one that asks for more than tensors.
    """
    described, storages = (_read_zip if data[:4] == _ZIP else _read_old)(data)
    tensors = _tensors_of(described, part)
    return {name: _array(name, tensor, storages) for name, tensor in tensors.items()}


def _tensors_of(described: Any, part: str) -> dict[str, _Tensor]:
    inner: Any = described.get(part) if part and isinstance(described, dict) else described
    _need(isinstance(inner, dict) and inner, f"the file holds tensors{part and ' in '}{part}", part)
    for name, value in inner.items():
        _need(isinstance(name, str), "names of tensors are text", name)
        _need(isinstance(value, _Tensor), f"'{name}' is a tensor", type(value).__name__)
    return inner


def _array(name: str, tensor: _Tensor, storages: Mapping[str, memoryview]) -> np.ndarray:
    """The tensor's numbers, copied into row-major order."""
    numbers = np.frombuffer(storages[tensor.storage.key], tensor.storage.dtype)
    steps = [stride * numbers.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.size, steps)
    _need(np.isfinite(view).all(), f"the numbers of '{name}' are finite", "NaN or infinity")
    return np.array(view, order="C")


# --- The two containers ---------------------------------------------------------------------


def _read_zip(data: bytes) -> tuple[Any, dict[str, memoryview]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            records = _records(archive, len(data))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(error) from error
    _need("data.pkl" in records, "the archive holds data.pkl", sorted(records)[:3])
    _need(records.get("byteorder", b"little") == b"little", "numbers are little-endian", "big")
    described, found, end = _describe(records["data.pkl"], 0)
    _need(end == len(records["data.pkl"]), "nothing follows the pickle", end)
    blocks = {
        name.removeprefix("data/"): memoryview(content)
        for name, content in records.items()
        if name.startswith("data/")
    }
    others = sorted(records.keys() - {f"data/{key}" for key in blocks} - _NOTES - {"data.pkl"})
    _need(not others, "the archive holds tensors and nothing else", others[:3])
    _check_blocks(found, {key: len(block) for key, block in blocks.items()})
    return described, blocks


def _records(archive: zipfile.ZipFile, length: int) -> dict[str, bytes]:
    """Contents by name inside the archive's one folder, checked against their CRC."""
    records, entries = {}, archive.infolist()
    total = sum(entry.file_size for entry in entries)
    _need(total < length, f"{length:,} bytes of archive hold fewer bytes of content", total)
    for entry in entries:
        name = entry.filename.partition("/")[2]
        _need(name and name not in records, "names in the archive are unique", entry.filename)
        stored = entry.compress_type == zipfile.ZIP_STORED
        _need(stored, "the archive is stored, not compressed", entry.filename)
        records[name] = archive.read(entry)
    return records


def _read_old(data: bytes) -> tuple[Any, dict[str, memoryview]]:
    """Magic number, protocol, system, tensors, keys; then for each key a count and numbers."""
    magic, _, at = _describe(data, 0)
    _need(magic == _MAGIC, "the file is one that PyTorch wrote", magic)
    protocol, _, at = _describe(data, at)
    _need(protocol == _PROTOCOL, f"the container's protocol is {_PROTOCOL}", protocol)
    system, _, at = _describe(data, at)
    little = isinstance(system, dict) and system.get("little_endian") is True
    _need(little, "numbers are little-endian", system)
    described, found, at = _describe(data, at)
    keys, _, at = _describe(data, at)
    names = isinstance(keys, list) and all(type(key) is str for key in keys)
    _need(names and sorted(keys) == sorted(found), "the keys are those of the tensors", keys)
    blocks = dict(_blocks(memoryview(data), at, [found[key] for key in keys]))
    _check_blocks(found, {key: len(block) for key, block in blocks.items()})
    return described, blocks


def _blocks(
    data: memoryview, at: int, storages: list[_Storage]
) -> Iterator[tuple[str, memoryview]]:
    for storage in storages:
        count = int.from_bytes(data[at : at + 8], "little", signed=True)
        _need(count == storage.count, f"storage {storage.key} has {storage.count} numbers", count)
        start, at = at + 8, at + 8 + count * storage.dtype.itemsize
        yield storage.key, data[start:at]
    _need(at == len(data), f"the file has {at} bytes", len(data))


def _check_blocks(storages: Mapping[str, _Storage], lengths: Mapping[str, int]) -> None:
    """Every block of numbers belongs to a tensor and has its length, and the other way round."""
    _need(
        storages.keys() == lengths.keys(),
        "every block of numbers belongs to a tensor, and every tensor has one",
        sorted(storages.keys() ^ lengths.keys())[:3],
    )
    for key, storage in storages.items():
        due = storage.count * storage.dtype.itemsize
        _need(lengths[key] == due, f"storage {key} has {due} bytes", lengths[key])


# --- The pickles ----------------------------------------------------------------------------


def _describe(data: bytes, start: int) -> tuple[Any, dict[str, _Storage], int]:
    """Reads one pickle.

    Returns:
        What it describes, the storages of its tensors by key, and where it ends.
    """
    end = _inspect(data, start)
    reader = _Reader(io.BytesIO(data[start:end]))
    try:
        described = reader.load()
    except _PICKLE_ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(error) from error
    unused = sorted(reader.storages.keys() - reader.used)
    _need(not unused, "every block of numbers belongs to a tensor", unused[:3])
    return described, reader.storages, end


def _inspect(data: bytes, start: int) -> int:
    """Checks every instruction of a pickle before any is followed; returns where it ends."""
    stream = io.BytesIO(data)
    stream.seek(start)
    puts, globals_ = 0, _NAMES.keys()
    instructions = itertools.islice(pickletools.genops(stream), _LARGEST_PICKLE)
    try:
        for instruction, argument, _ in instructions:
            name, argument = instruction.name, cast(Any, argument)
            _need(name in _INSTRUCTIONS, "the file describes tensors and nothing else", name)
            if name == "GLOBAL":
                known = argument in globals_
                _need(known, f"the file names only {', '.join(globals_)}", argument)
            if name in _PUTS:
                _need(argument <= puts, "the memo is filled in order", argument)
                puts += 1
            if name == "STOP":
                return stream.tell()
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(error) from error
    raise _damaged(f"more than {_LARGEST_PICKLE:,} instructions")


class _Reader(pickle.Unpickler):
    """Makes containers and descriptions of tensors; see `_NAMES`."""

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}
        self.used: set[str] = set()

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        name = f"{module_name} {global_name}"
        _need(name in _NAMES, f"the file names only {', '.join(_NAMES)}", name)
        return self._tensor if _NAMES[name] is _Tensor else _NAMES[name]

    def persistent_load(self, pid: Any, /) -> _Storage:
        _need(isinstance(pid, tuple) and len(pid) in (5, 6), "a storage is a tuple", pid)
        word, dtype, key, _, count, *view = pid
        _need(word == "storage" and isinstance(dtype, np.dtype), "a storage has a type", pid[:2])
        _need(type(key) is str and _is_size(count), "a storage has a key and a size", pid[2:])
        _need(view in ([], [None]), "a storage is no view of another", view)
        storage = _Storage(dtype, key, count)
        _need(self.storages.setdefault(key, storage) == storage, "keys are unique", key)
        return storage

    def _tensor(self, storage: Any, offset: Any, size: Any, strides: Any, *_: Any) -> _Tensor:
        """Stands for `torch._utils._rebuild_tensor_v2`; further arguments are for training."""
        _need(isinstance(storage, _Storage), "a tensor has a storage", type(storage).__name__)
        shapes = isinstance(size, tuple) and isinstance(strides, tuple)
        _need(shapes and len(size) == len(strides), "a tensor has sizes and strides", size)
        known = all(map(_is_size, (offset, *size, *strides))) and 0 not in size
        _need(known, "offset, sizes and strides are whole numbers from 0", (offset, size, strides))
        last = offset + sum((n - 1) * stride for n, stride in zip(size, strides, strict=True))
        inside = last < storage.count and math.prod(size) <= storage.count
        _need(inside, f"a tensor lies inside its {storage.count} numbers", (offset, size, strides))
        _need(storage.key not in self.used, "a storage belongs to one tensor", storage.key)
        self.used.add(storage.key)
        return _Tensor(storage, offset, size, strides)


# The names that a file may use, as module and name, and what is made of them.
_NAMES: dict[str, Any] = {
    "collections OrderedDict": _Dict,
    "torch._utils _rebuild_tensor_v2": _Tensor,
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}


def _is_size(value: Any) -> bool:
    return type(value) is int and value >= 0


def _damaged(error: object) -> InputError:
    return InputError("a PyTorch file is whole", " ".join(str(error).split())[:200], _WAY_OUT)


def _need(holds: Any, rule: str, value: object) -> None:
    if not holds:
        raise InputError(rule, _shown(value), _WAY_OUT)


def _shown(value: object, inside: bool = True) -> object:
    """A value for an error: short, whatever it is. A hostile one's `repr` may never end."""
    if isinstance(value, tuple | list) and inside:
        return [_shown(part, inside=False) for part in value[:6]]
    if isinstance(value, str):
        return value[:200]
    return value if value is None or isinstance(value, int | float) else type(value).__name__
