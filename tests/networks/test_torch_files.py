"""PyTorch files, written by hand: both containers, strides, and what must be refused."""

import collections
import io
import pickle
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.pretrained.torch_files import read_tensors

MAGIC = 0x1950A86A20F9469CFC6C


class Storage:
    """A block of numbers as a pickle refers to it."""

    def __init__(self, key: str, numbers, kind: str = "FloatStorage"):
        self.key, self.kind = key, kind
        self.numbers = np.asarray(numbers, "<f4" if kind == "FloatStorage" else "<i8")


class Tensor:
    def __init__(self, storage: Storage, size, strides, offset=0):
        self.arguments = (storage, offset, size, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.arguments


@pytest.fixture(autouse=True)
def torch_names(monkeypatch):
    """Modules of PyTorch's names, so that pickles that use them can be written."""

    def made(module: str, name: str, kind=type):
        holder = sys.modules.get(module) or types.ModuleType(module)
        thing = type(name, (), {"__module__": module}) if kind is type else kind
        setattr(holder, name, thing)
        monkeypatch.setitem(sys.modules, module, holder)

    def _rebuild_tensor_v2(*_):
        raise NotImplementedError

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        made("torch", name)
    made("torch._utils", "_rebuild_tensor_v2", _rebuild_tensor_v2)


class Pickler(pickle.Pickler):
    """Refers to storages by id, as PyTorch does; collects them."""

    def __init__(self, file, fields: int, count=None):
        super().__init__(file, protocol=2)
        self.fields, self.storages, self.count = fields, {}, count

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        self.storages[obj.key] = obj
        count = len(obj.numbers) if self.count is None else self.count
        kind = getattr(sys.modules["torch"], obj.kind)
        return ("storage", kind, obj.key, "cuda:0", count, None)[: self.fields]


def pickled(thing, fields=5, count=None) -> tuple[bytes, dict[str, Storage]]:
    file = io.BytesIO()
    pickler = Pickler(file, fields, count)
    pickler.dump(thing)
    return file.getvalue(), pickler.storages


def zipped(thing, more=(), without=(), count=None, compression=zipfile.ZIP_STORED) -> bytes:
    described, storages = pickled(thing, count=count)
    records = {"data.pkl": described, "version": b"3\n"}
    records |= {f"data/{key}": storage.numbers.tobytes() for key, storage in storages.items()}
    records |= dict(more)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name in records.keys() - set(without):
            archive.writestr(f"archive/{name}", records[name])
    return file.getvalue()


def old(thing, protocol=1001, magic=MAGIC, little=True, keys=None, counts=None) -> bytes:
    described, storages = pickled(thing, fields=6)
    system = {"protocol_version": 1001, "little_endian": little, "type_sizes": {"int": 4}}
    keys = list(storages) if keys is None else keys
    parts = [pickle.dumps(part, 2) for part in (magic, protocol, system)]
    parts += [described, pickle.dumps(keys, 2)]
    for key in storages:
        count = len(storages[key].numbers) if counts is None else counts
        parts += [struct.pack("<q", count), storages[key].numbers.tobytes()]
    return b"".join(parts)


def state() -> collections.OrderedDict:
    """2x3 row-major, its transpose as a view of columns, one int64, with PyTorch's metadata."""
    one = collections.OrderedDict(
        a=Tensor(Storage("7", np.arange(6)), (2, 3), (3, 1)),
        b=Tensor(Storage("8", np.arange(6) + 10), (2, 3), (1, 2)),
        c=Tensor(Storage("9", [5], "LongStorage"), (), ()),
    )
    one._metadata = collections.OrderedDict({"": {"version": 1}})
    return one


@pytest.mark.parametrize("write", [zipped, old])
def test_tensors_come_in_order_row_major_whatever_their_strides(write):
    read = read_tensors(write(state()))
    assert list(read) == ["a", "b", "c"]
    assert read["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    # Strides (1, 2): element (row, column) is number row + 2 * column. A reshape would give
    # [[10, 11, 12], [13, 14, 15]].
    assert read["b"].tolist() == [[10, 12, 14], [11, 13, 15]]
    assert read["b"].dtype == np.float32 and read["b"].flags.c_contiguous
    assert read["c"].dtype == np.int64 and read["c"].shape == () and read["c"] == 5


def test_offsets_count_elements():
    shifted = {"a": Tensor(Storage("0", np.arange(8)), (2, 2), (2, 1), offset=3)}
    assert read_tensors(zipped(shifted))["a"].tolist() == [[3, 4], [5, 6]]


def test_one_part_of_a_file_is_read_and_the_whole_checked():
    momentum = Tensor(Storage("1", [0.0]), (1,), (1,))
    parts = {"epoch": 105, "model": state(), "optimizer": {"momentum": momentum, "lr": [0.1]}}
    assert list(read_tensors(zipped(parts), "model")) == ["a", "b", "c"]
    with pytest.raises(InputError, match="'epoch' is a tensor"):
        read_tensors(zipped(parts))
    with pytest.raises(InputError, match="holds tensors in weights"):
        read_tensors(zipped(parts), "weights")


class Command:
    """What a hostile file asks for."""

    def __reduce__(self):
        import os

        return os.system, ("touch hostile",)


def opcodes(text: bytes) -> bytes:
    """An old container whose fourth pickle is written by hand."""
    heads = [MAGIC, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(head, 2) for head in heads) + text + pickle.dumps([], 2)


def doubling() -> tuple:
    value = collections.OrderedDict()
    for _ in range(60):
        value = collections.OrderedDict(left=value, right=value)
    return value, value


HOSTILE = {
    "a command": (lambda: zipped({"a": Command()}), "names only .*; received 'posix system'"),
    "a command in place of the magic number": (lambda: old({}, magic=Command()), "posix system"),
    "a command in place of the system": (lambda: old({}, protocol=Command()), "posix system"),
    "a command in place of the keys": (
        lambda: old(state(), keys=[Command()]),
        "posix system",
    ),
    "another function of an allowed module": (
        lambda: opcodes(b"\x80\x02ccollections\nnamedtuple\n."),
        "received 'collections namedtuple'",
    ),
    "a name made at run time": (
        lambda: opcodes(b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
        "nothing else; received 'SHORT_BINUNICODE'",
    ),
    "an instance": (lambda: opcodes(b"\x80\x02(ios\nsystem\n."), "received 'INST'"),
    "an extension": (lambda: opcodes(b"\x80\x02\x82\x01."), "received 'EXT1'"),
    "a memo of gigabytes": (
        lambda: opcodes(b"\x80\x02]r\xff\xff\xff\x7f."),
        "memo is filled in order",
    ),
    "a pickle without end": (lambda: opcodes(b"\x80\x02" + b"N" * 200_001), "200,000 instr"),
    "a type that is called": (
        lambda: opcodes(b"\x80\x02ctorch\nFloatStorage\n)R."),
        "is whole; received .*not callable",
    ),
    "a tensor of a trillion elements in one number": (
        lambda: zipped({"a": Tensor(Storage("0", [1.0]), (1_000_000, 1_000_000), (0, 0))}),
        "lies inside its 1 numbers",
    ),
    "a value that doubles whenever it is printed": (
        lambda: old(state(), protocol=doubling()),
        "protocol is 1001; received .'_Dict', '_Dict'",
    ),
    "the same in place of the magic number": (lambda: old({}, magic=doubling()), "PyTorch wrote"),
    "half precision, which is not asked for": (
        lambda: zipped({"a": Tensor(Storage("0", [1, 2], "HalfStorage"), (2,), (1,))}),
        "received 'torch HalfStorage'",
    ),
}


@pytest.mark.parametrize(("write", "says"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_by_name_and_do_nothing(write, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=says):
        read_tensors(write())
    assert list(tmp_path.iterdir()) == []


def one(size=(2,), strides=(1,), offset=0, numbers=(1.0, 2.0)) -> dict:
    return {"a": Tensor(Storage("0", numbers), size, strides, offset)}


def shared() -> dict:
    storage = Storage("0", [1.0, 2.0])
    return {"a": Tensor(storage, (2,), (1,)), "b": Tensor(storage, (2,), (1,))}


DAMAGED = {
    "no PyTorch file": (lambda: b"GIF89a" + bytes(50), "PyTorch file is whole"),
    "nothing at all": (lambda: b"", "PyTorch file is whole"),
    "other magic": (lambda: old(one(), magic=7), "one that PyTorch wrote"),
    "other protocol": (lambda: old(one(), protocol=1002), "protocol is 1001"),
    "big-endian": (lambda: old(one(), little=False), "little-endian"),
    "big-endian zip": (lambda: zipped(one(), {"byteorder": b"big"}.items()), "little-endian"),
    "keys of other tensors": (lambda: old(one(), keys=["5"]), "keys are those of the tensors"),
    "keys that are no text": (lambda: old(one(), keys=[{}]), "keys are those of the tensors"),
    "another count before the numbers": (lambda: old(one(), counts=3), "has 2 numbers"),
    "numbers cut off": (lambda: old(one())[:-1], "the file has"),
    "numbers left over": (lambda: old(one()) + b"\0", "the file has"),
    "a zip cut off": (lambda: zipped(one())[:-30], "is whole"),
    "a flipped bit": (
        lambda: zipped(one()).replace(np.float32(2).tobytes(), np.float32(3).tobytes()),
        "is whole; received .*CRC",
    ),
    "no pickle": (lambda: zipped(one(), without=["data.pkl"]), "holds data.pkl"),
    "a storage missing": (lambda: zipped(one(), without=["data/0"]), "every tensor has one"),
    "a storage too many": (lambda: zipped(one(), {"data/1": b"1234"}.items()), "every tensor has"),
    "a file too many": (lambda: zipped(one(), {"code/x.py": b""}.items()), "tensors and nothing"),
    "compressed": (lambda: zipped(one(), compression=zipfile.ZIP_DEFLATED), "stored, not comp"),
    "more announced than there is": (lambda: zipped(one(), count=3), "storage 0 has 12 bytes"),
    "beyond the end": (lambda: zipped(one(offset=1)), "lies inside its 2 numbers"),
    "a step beyond the end": (lambda: zipped(one(strides=(2,))), "lies inside its 2 numbers"),
    "negative stride": (lambda: zipped(one(strides=(-1,))), "whole numbers from 0"),
    "negative offset": (lambda: zipped(one(offset=-1)), "whole numbers from 0"),
    "strides of other length": (lambda: zipped(one(strides=(1, 1))), "sizes and strides"),
    "no element": (lambda: zipped(one(size=(0,))), "whole numbers from 0"),
    "NaN": (lambda: zipped(one(numbers=(1.0, np.nan))), "'a' are finite"),
    "infinite": (lambda: old(one(numbers=(1.0, np.inf))), "'a' are finite"),
    "two tensors on one storage": (lambda: zipped(shared()), "belongs to one tensor"),
    "a storage without a tensor": (lambda: zipped({"a": Storage("0", [1.0])}), "belongs to a tens"),
    "no tensors": (lambda: zipped({}), "holds tensors"),
    "a number": (lambda: zipped({"a": 1}), "'a' is a tensor"),
    "a name that is no text": (lambda: zipped({1: 1}), "names of tensors are text"),
}


@pytest.mark.parametrize(("write", "says"), DAMAGED.values(), ids=DAMAGED)
def test_damaged_files_are_refused(write, says):
    with pytest.raises(InputError, match=says):
        read_tensors(write())


def test_an_archive_whose_entries_overlap_is_no_bomb():
    data = bytearray(zipped(one(numbers=np.zeros(1000)) | {}, ()))
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    with pytest.raises(InputError):  # a size that the archive cannot hold
        data[entry + 20 : entry + 28] = struct.pack("<II", 2**31, 2**31)
        read_tensors(bytes(data))


def test_every_truncation_is_refused():
    for whole in (zipped(state()), old(state())):
        for end in range(0, len(whole), 37):
            with pytest.raises(InputError):
                read_tensors(whole[:end])
