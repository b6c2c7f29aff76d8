"""The documentation: its commands run, its links lead somewhere, the README stays a door."""

import fcntl
import importlib
import re

import pytest
from absl import flags

from camtrap_tf.cli import VERBS
from camtrap_tf.core.recipes import PRESETS
from tests import documented
from tests.conftest import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), ROOT / "export" / "serving" / "README.md"]
RUN = [page for page in PAGES if any(not block.not_run for block in documented.blocks(page))]


def name(page) -> str:
    return str(page.relative_to(ROOT))


def shown(page) -> list[list[str]]:
    """Arguments of every `camtrap` command that works, also of blocks that are not run."""
    bash = [one for one in documented.blocks(page) if one.language == "bash" and not one.says]
    lines = [words for block in bash for words in block.commands()]
    return [words[1:] for words in lines if words[0] == "camtrap" and "..." not in words]


SHOWN = [(name(page), words) for page in PAGES for words in shown(page)]


@pytest.mark.parametrize("page, words", SHOWN, ids=[f"{p}: {' '.join(w)[:60]}" for p, w in SHOWN])
def test_flags_of_shown_commands_exist(page, words):
    verb, *arguments = words
    if verb == "--help":
        return
    assert verb in VERBS
    values = flags.FlagValues()
    importlib.import_module(VERBS[verb].module).define(values)
    values([f"camtrap {verb}", *arguments])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_presets_of_shown_commands_fit_the_shards_they_are_shown_with(page):
    sizes = {}
    for verb, *arguments in shown(page):
        given = dict(word.removeprefix("--").split("=", 1) for word in arguments if "=" in word)
        if verb == "shard" and "size" in given:
            sizes[given["out"]] = int(given["size"])
        if verb == "train" and given["shards"] in sizes and "model.crop" not in str(arguments):
            crop = PRESETS[given.get("preset", "paper")].model.crop
            assert crop <= sizes[given["shards"]], arguments


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_says_its_language(page):
    languages = {block.language for block in documented.blocks(page)}
    assert languages <= {"bash", "python", "text", "json"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page):
    """Paths in backticks below the repository's own folders."""
    folders = "camtrap_tf|data_prep|export|experiments|benchmarks|tests|docs|deploy"
    own = rf"`((?:{folders})/(?:[\w./-]*(?:/|\.\w+))?)`"
    absent = [path for path in re.findall(own, page.read_text()) if not (ROOT / path).exists()]
    assert not absent


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_between_pages_lead_somewhere(page):
    """Also those of the README, which is not part of the site."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_readme_is_a_door():
    assert len(README.read_text().split()) <= 900


@pytest.fixture(scope="session")
def world(tmp_path_factory, worker_id):
    """The drawn world with what the README's commands leave; made once for all processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "documented"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            documented.draw(folder.with_suffix(".new"))
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(folder.with_suffix(".new"))
                documented.run_page(README)
            folder.with_suffix(".new").rename(folder)
    return folder


@pytest.mark.slow
# TensorFlow Datasets' own, see tests/data_prep/shards/test_tfds.py.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("page", RUN, ids=name)
def test_blocks_run(page, world, tmp_path, monkeypatch):
    if page == README:
        return  # `world` has run it
    documented.begin(world, tmp_path / "world", page)
    monkeypatch.chdir(tmp_path / "world")
    documented.run_page(page)
