"""The rooms of the tree, stated once: which stand on which, and what each may import.

    python -m tests.layers              # rooms, floors, arrows, circles, imports that run upwards
    python -m tests.layers --root=DIR   # the same of another checkout
    python -m tests.layers --picture    # the picture of docs/developers.md

`tests/test_layers.py` holds the tree to it.
"""

import argparse
import ast
import collections
import graphlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("camtrap_tf", "data_prep", "export", "experiments")

# From the ground up. A room imports only rooms on floors below its own.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("camtrap_tf",),  # the version, and public names that are looked up when they are used
    ("camtrap_tf.core",),
    ("camtrap_tf.pictures",),
    ("camtrap_tf.events", "camtrap_tf.answers"),
    ("camtrap_tf.batches", "camtrap_tf.outputs", "camtrap_tf.reporting", "camtrap_tf.reviewing"),
    ("camtrap_tf.networks",),
    ("camtrap_tf.prediction", "camtrap_tf.verifying"),
    ("camtrap_tf.training",),
    ("camtrap_tf.verbs",),
    ("data_prep", "export", "experiments"),
    ("camtrap_tf.cli",),  # names the modules of all verbs
)
# What needs no TensorFlow stands apart from what does.
PLAIN = ("camtrap_tf.core", "camtrap_tf.pictures", "camtrap_tf.events", "camtrap_tf.answers")
VERSION = "camtrap_tf"
LIMITS = {
    "data_prep": (VERSION, *PLAIN),
    "camtrap_tf.outputs": (VERSION, *PLAIN),
    "camtrap_tf.reporting": (VERSION, *PLAIN),
    "camtrap_tf.reviewing": (VERSION, *PLAIN),
}
# Rooms that are imported without TensorFlow, but for these modules of theirs.
WITHOUT_TENSORFLOW = (
    *PLAIN,
    "camtrap_tf.outputs",
    "camtrap_tf.reporting",
    "camtrap_tf.reviewing",
    "camtrap_tf.networks.pretrained.torch_files",
    "camtrap_tf.networks.pretrained.weights",
    "camtrap_tf.verbs",
    "camtrap_tf.verifying",
    "camtrap_tf.cli",
    "data_prep.verbs",
    "export.verbs",
)
WITH_TENSORFLOW = (
    "camtrap_tf.pictures.graph",
    "camtrap_tf.pictures.context_graph",
    "camtrap_tf.pictures.crops_graph",
    "camtrap_tf.pictures.upright_graph",
    "camtrap_tf.pictures.size_graph",
    "camtrap_tf.pictures.header_graph",
    "camtrap_tf.pictures.wholeness_graph",
    "camtrap_tf.pictures.augmentation",
    "camtrap_tf.events.records",
)


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Files by module name; a package has the name of its folder."""
    found = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports(path: Path, known: Iterable[str]) -> set[str]:
    """Modules among `known` that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names} & set(known)
            # `from package import module` imports nothing of the package but the module.
            names |= below if len(below) == len(node.names) else below | {node.module}
    return names & set(known)


def within(module: str, rooms: Iterable[str]) -> bool:
    """Whether a module is one of `rooms` or lies in one."""
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def room(module: str) -> str:
    """The room of `FLOORS` that a module lies in; the closest, where rooms lie in rooms."""
    return max((r for floor in FLOORS for r in floor if within(module, [r])), key=len)


def floor(module: str) -> int:
    """Number of a module's floor, 0 on the ground."""
    return next(number for number, rooms in enumerate(FLOORS) if room(module) in rooms)


def faults(module: str, imported: Iterable[str]) -> list[str]:
    """What is wrong with the imports of a module: each in a sentence."""
    here, wrong = room(module), []
    for name in sorted(imported):
        if room(name) == here:
            continue
        if floor(name) >= floor(module):
            wrong.append(f"{module} (floor {floor(module)}) imports {name} (floor {floor(name)})")
        elif here in LIMITS and room(name) not in LIMITS[here]:
            wrong.append(f"{module} imports {name}: {here} may import {', '.join(LIMITS[here])}")
    return wrong


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Nodes that import one another, directly or not: a circle of each such group."""
    found, left = [], {node: set(below) for node, below in graph.items()}
    while True:
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            found.append(error.args[1])
            for node in error.args[1]:  # one circle of a group is enough
                left.pop(node, None)
        else:
            return found


def summary(root: Path = ROOT) -> dict[str, object]:
    """Figures of a checkout: what stands directly in `camtrap_tf`, and how it hangs together."""
    known = modules(root)
    graph = {name: imports(path, known) - {name} for name, path in known.items()}
    rooms: dict[str, set[str]] = collections.defaultdict(set)
    for name, below in graph.items():
        rooms[_top(name)] |= {_top(other) for other in below} - {_top(name)}
    ours = {name: below for name, below in rooms.items() if name.startswith("camtrap_tf.")}
    sideways = [
        f"{name} -> {other}"
        for name, below in sorted(graph.items())
        for other in sorted(below)
        if name.startswith("camtrap_tf.") and not other.startswith("camtrap_tf")
    ]
    return {
        "modules at the root of camtrap_tf": len(
            [p for p in (root / "camtrap_tf").glob("*.py") if p.stem != "__init__"]
        ),
        "rooms and modules directly in camtrap_tf": len(ours),
        "floors": _height(ours),
        "arrows between them": sum(len(below & set(ours)) for below in ours.values()),
        "circles between them": circles(ours),
        "circles between modules": circles(graph),
        "imports from camtrap_tf into other packages": sideways,
    }


def _top(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _height(graph: dict[str, set[str]]) -> int | str:
    """Floors that it takes to stand every node above all that it imports."""
    if circles(graph):
        return "none: there are circles"
    heights: dict[str, int] = {}
    for node in graphlib.TopologicalSorter(graph).static_order():
        below = graph.get(node, set())
        heights[node] = 1 + max((heights[other] for other in below), default=0)
    return max(heights.values())


def picture() -> str:
    """The floors, the highest first, a line each."""
    shown = [[room for room in rooms if room != VERSION] for rooms in FLOORS]
    return "".join(f"{'   '.join(rooms)}\n" for rooms in reversed(shown) if rooms)


def main() -> None:
    """Prints the figures of a checkout, or the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="of a checkout")
    parser.add_argument("--picture", action="store_true", help="print the picture of the docs")
    options = parser.parse_args()
    if options.picture:
        print(picture(), end="")
        return
    for name, value in summary(options.root).items():
        if isinstance(value, list):
            print(f"{name}: {len(value)}")
            for item in value:
                print("   ", item if isinstance(item, str) else " -> ".join(item))
        else:
            print(f"{name}: {value}")


if __name__ == "__main__":
    main()
