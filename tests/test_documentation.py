"""The commands that the documentation shows."""

import importlib
import re
import shlex

import pytest
from absl import flags

from camtrap_tf.cli import VERBS
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.recipes import PRESETS
from tests.conftest import ROOT

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / "export").rglob("*.md"),
]


def commands(page) -> list[list[str]]:
    """Every `camtrap` command of a page's blocks of code, as words."""
    blocks = re.findall(r"^```\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("camtrap ")]


SHOWN = [(page.name, words) for page in PAGES for words in commands(page) if "..." not in words]


@pytest.mark.parametrize("page, words", SHOWN, ids=[f"{p}: {' '.join(w)[:60]}" for p, w in SHOWN])
def test_flags_of_shown_commands_exist(page, words):
    verb, *arguments = words
    assert verb in VERBS
    values = flags.FlagValues()
    importlib.import_module(VERBS[verb].module).define(values)
    values([f"camtrap {verb}", *arguments])


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_presets_of_shown_commands_fit_the_shards_they_are_shown_with(page):
    sizes = {}
    for verb, *arguments in commands(page):
        given = dict(word.removeprefix("--").split("=", 1) for word in arguments if "=" in word)
        if verb == "shard":
            sizes[given["out"]] = int(given.get("size", PictureSpec().size))
        if verb == "train" and given.get("shards") in sizes:
            crop = PRESETS[given.get("preset", "paper")].model.crop
            assert crop <= sizes[given["shards"]], arguments
