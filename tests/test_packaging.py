"""What is imported is declared, what is declared is imported, and the wheel holds every file."""

import ast
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import resources
from pathlib import Path

import pytest

from camtrap_tf.core import extras
from camtrap_tf.core.errors import InputError
from tests.conftest import ROOT

PACKAGES = ("camtrap_tf", "data_prep", "export", "experiments")
# Import name -> distribution, where they differ by more than a hyphen.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "google": "protobuf",
    "grpc": "grpcio",
    "sklearn": "scikit-learn",
    "tensorflow_serving": "tensorflow-serving-api",
    "upath": "universal-pathlib",
}
# Import name -> the extra that brings it. These, and no others, may be missing.
OPTIONAL = {
    "apache_beam": "beam",
    "distributed": "dask",
    "grpc": "serving",
    "simplejpeg": "fast",
    "tensorflow_serving": "serving",
    "upath": "remote",
}
# Declared, though no module of ours imports it.
INDIRECT = {
    "importlib_resources": "tensorflow-datasets imports it without declaring it",
    "tensorboard": "tf.summary imports it without declaring it",
}


def imports(path: Path) -> set[tuple[str, str]]:
    """Foreign top-level packages that a file imports, each with what guards the import.

    The guard is '' (none), 'else' (`try` with `except ImportError`) or the name of an extra
    (`with needed("beam", ...)`).
    """
    found = set()

    def visit(node: ast.AST, guard: str) -> None:
        if isinstance(node, ast.Import):
            found.update((alias.name.split(".")[0], guard) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add((node.module.split(".")[0], guard))
        for child in ast.iter_child_nodes(node):
            visit(child, _guard(node) or guard)

    visit(ast.parse(path.read_text()), "")
    known = sys.stdlib_module_names | set(PACKAGES)
    return {(name, guard) for name, guard in found if name not in known}


def _guard(node: ast.AST) -> str:
    if isinstance(node, ast.Try):
        caught = [ast.unparse(handler.type) for handler in node.handlers if handler.type]
        return "else" if "ImportError" in caught else ""
    if isinstance(node, ast.With):
        call = node.items[0].context_expr
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("needed"):
            return ast.literal_eval(call.args[0])
    return ""


def declared() -> tuple[list[str], dict[str, list[str]]]:
    """`install_requires` and `EXTRAS` of setup.py."""
    tree = ast.parse((ROOT / "setup.py").read_text())
    named = {
        ast.unparse(node.targets[0]): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
    }
    given = {node.arg: node.value for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    return ast.literal_eval(given["install_requires"]), ast.literal_eval(named["EXTRAS"])


def name(requirement: str) -> str:
    """`numpy>=2.4` -> `numpy`; hyphens and underscores are one, as in pip."""
    return re.split(r"[\[<>=!~; ]", requirement)[0].replace("_", "-").lower()


def distribution(module: str) -> str:
    return name(DISTRIBUTIONS.get(module, module))


USED = {
    path.relative_to(ROOT).as_posix(): imports(path)
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
REQUIRED, EXTRAS = declared()


def faults(used: dict[str, set[tuple[str, str]]]) -> list[str]:
    """Imports that a plain install would not find, or that name another extra than brings them."""
    plain = {name(one) for one in REQUIRED}
    wrong = []
    for file, found in used.items():
        for module, guard in sorted(found):
            if module in OPTIONAL:
                if guard not in ("else", OPTIONAL[module]):
                    wrong.append(f"{file}: {module} needs the guard needed('{OPTIONAL[module]}')")
            elif distribution(module) not in plain:
                wrong.append(f"{file}: {module} is not in install_requires")
    return wrong


def test_a_plain_install_brings_everything_that_is_imported_without_a_guard():
    assert faults(USED) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import sklearn.svm", None),
        ("def f():\n    import torch", "torch is not in install_requires"),
        ("import apache_beam", "apache_beam needs the guard needed('beam')"),
        ("with needed('fast', ''):\n    import upath", "upath needs the guard needed('remote')"),
        ("with needed('remote', ''):\n    import upath", None),
        ("try:\n    import upath\nexcept ImportError:\n    upath = None", None),
        ("try:\n    import upath\nexcept OSError:\n    pass", "upath needs the guard"),
    ],
)
def test_the_check_finds_what_is_not_declared(code, fault, tmp_path):
    (tmp_path / "module.py").write_text(code)
    found = faults({"module.py": imports(tmp_path / "module.py")})
    assert found == [] if fault is None else fault in found[0]


def test_what_is_declared_is_used():
    imported = {module for found in USED.values() for module, _ in found}
    used = {distribution(module) for module in imported} | {name(one) for one in INDIRECT}
    used.add("google-crc32c")
    assert {name(one) for one in REQUIRED} - used == set()
    assert set(OPTIONAL) <= imported


def test_an_extra_brings_what_is_imported_under_its_name():
    for module, extra in OPTIONAL.items():
        assert distribution(module) in {name(one) for one in EXTRAS[extra]}
    guarded = {one for extra in OPTIONAL.values() for one in EXTRAS[extra]}
    assert guarded <= set(EXTRAS["dev"])  # the tests run with all of them


def test_constraints_pin_every_requirement():
    pinned = {name(line) for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = {name(one) for one in [*REQUIRED, *EXTRAS["dev"]]}
    assert wanted - pinned == set()


# --- What a missing extra says. ---


def test_a_missing_extra_names_itself_and_the_command_in_a_clone():
    with (
        pytest.raises(InputError) as error,
        extras.needed("beam", "--engine=beam"),
    ):
        import camtrap_tf.no_such_module  # noqa: F401
    assert str(error.value) == (
        '--engine=beam needs the extra [beam]; received "No module named '
        "'camtrap_tf.no_such_module'\". Install it: "
        f'pip install -e "{ROOT}[beam]"'
    )


class Installed:
    """Metadata of a distribution as pip leaves it."""

    requires = ("numpy>=2.4", 'apache-beam>=2.77; extra == "beam"', 'ruff; extra == "dev"')

    def __init__(self, url: str | None, **more):
        self._origin = json.dumps({"url": url, **more}) if url else None

    def read_text(self, file: str) -> str | None:
        assert file == "direct_url.json"
        return self._origin


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (
            ("https://host/camtrap_tf-0.1.0-py3-none-any.whl", {}),
            'pip install "camtrap_tf[beam] @ https://host/camtrap_tf-0.1.0-py3-none-any.whl"',
        ),
        (
            ("https://host/c.git", {"vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}),
            'pip install "camtrap_tf[beam] @ git+https://host/c.git@c0ffee"',
        ),
        (("file:///nowhere/c.whl", {}), 'pip install "apache-beam>=2.77"'),
        ((None, {}), 'pip install "apache-beam>=2.77"'),
    ],
)
def test_the_command_fits_how_the_package_was_installed(origin, command, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / "site" / package)
    installed = Installed(origin[0], **origin[1])
    monkeypatch.setattr(importlib.metadata, "distribution", lambda package: installed)
    assert extras.install_command("beam") == command


def test_the_command_names_the_wheel_while_it_is_there(tmp_path, monkeypatch):
    wheel = tmp_path / "a wheel.whl"
    wheel.touch()
    monkeypatch.setattr(resources, "files", lambda package: tmp_path / "site" / package)
    monkeypatch.setattr(
        importlib.metadata, "distribution", lambda package: Installed(wheel.as_uri())
    )
    expected = f'pip install "camtrap_tf[beam] @ {wheel.as_uri()}"'
    assert extras.install_command("beam") == expected


# --- Files. ---


def tracked(*folders: str) -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: git tells which files belong to the packages")
    done = subprocess.run(
        ["git", "ls-files", "-z", *folders], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [file for file in done.stdout.split("\0") if (ROOT / file).is_file()]


def test_a_wheel_holds_every_file_of_the_packages(tmp_path):
    for file in tracked("setup.py", "pyproject.toml", "README.md", "LICENSE", *PACKAGES):
        (tmp_path / "tree" / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / "tree" / file)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        + ["--wheel-dir", tmp_path, tmp_path / "tree"],
        check=True,
    )
    (wheel,) = tmp_path.glob("camtrap_tf-*.whl")
    held = {file for file in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in file}
    assert held == set(tracked(*PACKAGES))


INSTALL = re.compile(r"pip install ([^\n`]*)")
UNKNOWN_TO_INDEX = re.compile(r"camtrap_tf(?!\S*\.whl|\S* @ )")


def test_no_install_line_looks_for_the_package_on_an_index():
    """Every line starts from the clone (`-e .`) or from the wheel (`camtrap_tf-*.whl`)."""
    wrong = []
    for file in tracked("*.md", "*.py", "Makefile", "*.html", ".ci"):
        if file == "tests/test_packaging.py":
            continue
        lines = INSTALL.findall((ROOT / file).read_text())
        wrong += [f"{file}: {line}" for line in lines if UNKNOWN_TO_INDEX.search(line)]
    assert wrong == []


def test_supported_versions_of_python_are_told_alike():
    setup = (ROOT / "setup.py").read_text()
    assert '">=3.11,<3.14"' in setup and "(11, 12, 13)" in setup
    assert "Python 3.11, 3.12 or 3.13" in (ROOT / "README.md").read_text()
    assert "3.11, 3.12 and 3.13" in (ROOT / "constraints.txt").read_text()


def phony() -> list[str]:
    """The Makefile's targets that are no files."""
    (line,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return line.split()


@pytest.mark.parametrize("target", phony())
def test_make_does_something_for_every_target(target):
    """For a phony target that only a pattern fits, it does nothing, and is content."""
    done = subprocess.run(["make", "-nB", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout and "Nothing to be done" not in done.stdout
