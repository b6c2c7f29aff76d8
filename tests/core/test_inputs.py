"""Paths are looked at before anything slow is imported; what is wrong with them is told."""

import pytest
from absl import flags

from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import ARGUMENTS, Input, Kind, check


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a path of each kind."""
    monkeypatch.chdir(tmp_path)
    for name in ("pictures", "run", "bundle", "shards"):
        (tmp_path / name).mkdir()
    for file in ("run/config.json", "bundle/bundle.json", "shards/manifest.json"):
        (tmp_path / file).touch()
    for file in ("events.parquet", "model.ckpt-55.index"):
        (tmp_path / file).touch()
    return tmp_path


def said(kind: Kind, path: str, words: tuple[str, ...] = ()) -> str:
    """What is wrong with a path; '' if nothing."""
    values = flags.FlagValues()
    flags.DEFINE_string("given", None, "a path", flag_values=values)
    values(["verb", f"--given={path}"])
    try:
        check({"given": Input(kind, words)}, values, [])
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Kind.FILE, "events.parquet"),
        (Kind.FOLDER, "pictures"),
        (Kind.EITHER, "events.parquet"),
        (Kind.EITHER, "pictures"),
        (Kind.PREFIX, "pictures"),
        (Kind.PREFIX, "model.ckpt-55"),
        (Kind.RUN, "run"),
        (Kind.RUNS, "run"),
        (Kind.RUNS, "."),  # holds a run directory
        (Kind.BUNDLE, "bundle"),
        (Kind.SHARDS, "shards"),
        (Kind.SHARDS, "s3://bucket/shards"),  # the verb asks the store itself
        (Kind.FILE, ""),  # not given
    ],
)
def test_what_is_there_is_taken(folder, kind, path):
    assert said(kind, path) == ""


@pytest.mark.parametrize(
    ("kind", "path", "message"),
    [
        (
            Kind.FILE,
            "event.parquet",
            "--given is an existing file; received 'event.parquet'. There is no such path; did you "
            "mean 'events.parquet'?",
        ),
        (
            Kind.FILE,
            "nowhere/x.csv",
            "--given is an existing file; received 'nowhere/x.csv'. There is no such path.",
        ),
        (
            Kind.FILE,
            "pictures",
            "--given is an existing file; received 'pictures'. This is a folder.",
        ),
        (
            Kind.FOLDER,
            "events.parquet",
            "--given is an existing folder; received 'events.parquet'. This is a file.",
        ),
        (
            Kind.BUNDLE,
            "run",
            "--given is a bundle; received 'run'. This is a run directory; camtrap bundle makes a "
            "bundle.",
        ),
        (
            Kind.SHARDS,
            "pictures",
            "--given is a folder of shards; received 'pictures'. There is no manifest.json in it; "
            "camtrap shard makes a folder of shards.",
        ),
        (
            Kind.RUN,
            "rum",
            "--given is a run directory; received 'rum'. There is no such path; did you mean "
            "'run'?",
        ),
        (
            Kind.RUNS,
            "pictures",
            "--given is a run directory, or a folder of them; received 'pictures'. There is no "
            "config.json in it; camtrap train makes a run directory, or a folder of them.",
        ),
        (
            Kind.PREFIX,
            "other.ckpt-9",
            "--given is an existing folder, or the beginning of the names of existing files; "
            "received 'other.ckpt-9'. There is no such path.",
        ),
    ],
)
def test_what_is_not_there_is_told(folder, kind, path, message):
    assert said(kind, path) == message


def test_words_that_are_no_paths_are_let_through(folder):
    assert said(Kind.FILE, "serengeti", ("serengeti",)) == ""
    assert "serengeti" in said(Kind.FILE, "serengeti")


def test_every_path_of_a_repeated_flag_and_every_argument_is_looked_at(folder):
    values = flags.FlagValues()
    flags.DEFINE_multi_string("run", None, "runs", flag_values=values)
    values(["verb", "--run=run", "--run=ran"])
    with pytest.raises(InputError, match="--run is a run directory; received 'ran'"):
        check({"run": Input(Kind.RUN)}, values, [])
    with pytest.raises(InputError, match="PATH is an existing file or folder; received 'b'"):
        check({ARGUMENTS: Input(Kind.EITHER)}, values, ["pictures", "b"])
