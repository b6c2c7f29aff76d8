"""Optional packages: a missing one is reported with the command that installs it here.

`setup.py` lists the extras and what each of them brings.
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from camtrap_tf.core.errors import InputError

DISTRIBUTION = "camtrap_tf"


@contextlib.contextmanager
def needed(extra: str, purpose: str) -> Iterator[None]:
    """Wraps the imports of packages that only an extra of `setup.py` brings.

    Args:
        extra: name of the extra, such as 'beam'.
        purpose: what needs the packages, the subject of the message ("--engine=beam").

    Raises:
        InputError: a package cannot be imported; the message names the extra and the command
            that installs it.

    >>> with needed("beam", "--engine=beam"):
    ...     import no_such_package
    Traceback (most recent call last):
    ...
    camtrap_tf.core.errors.InputError: --engine=beam needs the extra [beam]; received "No module ...
    """
    try:
        yield
    except ImportError as error:
        way_out = f"Install it: {install_command(extra)}"
        raise InputError(f"{purpose} needs the extra [{extra}]", str(error), way_out) from error


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation.

    camtrap_tf is on no package index. So the command names the place that it was installed from:
    the clone, the wheel or the address. Where that is gone, it names the extra's packages.
    """
    from importlib import resources

    clone = Path(str(resources.files(DISTRIBUTION))).parent
    if (clone / "setup.py").is_file():
        return f'pip install -e "{clone}[{extra}]"'
    place, packages = _installed(extra)
    if place:
        return f'pip install "{DISTRIBUTION}[{extra}] @ {place}"'
    return "pip install " + " ".join(f'"{package}"' for package in packages)


def _installed(extra: str) -> tuple[str | None, list[str]]:
    """Where the installed package came from, if that is still there, and the extra's packages."""
    import importlib.metadata

    try:
        installed = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:  # a copied folder
        return None, [f"{DISTRIBUTION}[{extra}]"]
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    declared = (text.partition(";") for text in installed.requires or [])
    wanted = f'extra == "{extra}"'
    return _place(origin), [name.strip() for name, _, condition in declared if wanted in condition]


def _place(origin: dict) -> str | None:
    """A URL that pip takes, from what it wrote about a package's origin (PEP 610).

    >>> _place({"url": "https://host/p.git", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}})
    'git+https://host/p.git@c0ffee'
    >>> _place({"url": "file:///nowhere/camtrap_tf-0.1.0-py3-none-any.whl"}) is None
    True
    """
    from urllib.request import url2pathname

    url = origin.get("url")
    if url and "vcs_info" in origin:
        return f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    if url and url.startswith("file://"):
        return url if Path(url2pathname(url.removeprefix("file://"))).exists() else None
    return url
