"""Readers of bytes against damaged and invented content; see `fuzz.py`."""

import logging

import pytest

from tests import fuzz

EXAMPLES = 100  # of a reader: about a minute for all
KEPT = sorted(path for path in fuzz.CORPUS.rglob("*") if path.is_file())


@pytest.fixture(autouse=True)
def silence():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_read_or_refused(path):
    reader = fuzz.READERS[path.parent.name]
    with fuzz.prepared(reader) as folder:
        fuzz.attempt(reader, path.read_bytes(), folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", fuzz.READERS)
def test_readers_return_or_raise_our_own_errors(name):
    found = fuzz.explore(fuzz.READERS[name], EXAMPLES, None, set())
    assert found is None, f"{fuzz.place(found[1])}: {found[1]!r}, from {found[0][:2000]!r}"


def test_what_takes_too_long_or_too_much_is_a_finding(tmp_path):
    forever = fuzz.Reader(lambda: [b"x"], "x", lambda path: _loop())
    with pytest.raises(fuzz.TooMuch), fuzz.limited(0.1):
        forever.read(tmp_path)
    with pytest.raises(MemoryError), fuzz.limited(megabytes=100):
        bytearray(2**30)


def _loop():
    while True:
        try:
            while True:
                pass
        except Exception:  # noqa: BLE001
            continue


def test_another_error_is_found_with_little_content():
    def read(path):
        if b"NaN" in path.read_bytes():
            raise KeyError("NaN")

    reader = fuzz.Reader(lambda: [b'{"a": [1, 2, {"b": 3}]}'], "x.json", read, fuzz.json_changed)
    content, error = fuzz.explore(reader, 500, None, set())
    assert isinstance(error, KeyError) and b"NaN" in content
