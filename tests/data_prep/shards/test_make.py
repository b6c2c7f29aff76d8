import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.hardware import Hardware
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.events.table import EventTable
from data_prep.shards import make
from data_prep.shards.make import Options, Present

PLAIN = Hardware(2)


def table(events=60, sites=12):
    ids = [f"e{n:02}" for n in range(events)]
    of_events = {"event_id": ids, "site": [f"S{n % sites}" for n in range(events)]}
    frames = {"event_id": ids, "path": [f"{n}.png" for n in range(events)]}
    species = [("fox", "empty", "elk")[n // sites % 3] for n in range(events)]
    return EventTable(
        *map(pd.DataFrame, (of_events, frames, {"event_id": ids, "species": species}))
    )


@pytest.fixture
def data(tmp_path):
    rng = np.random.default_rng(0)
    for n in range(60):
        pixels = rng.integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{n}.png")
    table().write(tmp_path / "events.parquet")
    return tmp_path


def test_split_and_size_are_chosen_with_reasons():
    made = make.prospect(table(), computer=PLAIN)
    assert made.plan.split_rule == "site, shares 0.8/0.1/0.1 of train/val/test"
    assert made.picture == PictureSpec(size=128)
    text = str(made)
    assert "--split=site: Split by site: the test says" in text
    assert "--size=128: for --preset=quick (2 processors and no GPU: a small network)" in text


def test_what_is_given_or_there_is_kept():
    given = make.prospect(table(), Options(split="event", size=64), computer=PLAIN)
    assert (given.plan.split_rule[:5], given.picture.size) == ("event", 64)
    assert "--split" not in str(given)
    paper = make.prospect(table(), Options(preset="paper"), computer=PLAIN)
    assert paper.picture.size == 256
    begun = make.prospect(table(), present=Present("event", 40), computer=PLAIN)
    assert (begun.plan.split_rule[:5], begun.picture.size) == ("event", 40)
    card = Hardware(8, gpus=1)
    assert make.prospect(table(), computer=card).picture.size == 128  # 48 pictures are few


def test_classes_that_a_split_does_not_have_are_named():
    rare = table()
    rare.labels.loc[0, "species"] = "owl"
    assert "no event in val: owl" in str(make.prospect(rare, Options(split="class")))


def test_a_dry_run_measures_and_writes_nothing(data, capsys):
    flags = [f"--events={data}/events.parquet", f"--images={data}", f"--out={data}/shards"]
    assert cli.main(["shard", *flags, "--dry_run", "--size=16"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("would write 60 pictures in 3 shards: about 0.")
    assert not (data / "shards").exists()


def test_the_verb_ends_with_the_tasks_that_fit(data, capsys):
    flags = [f"--events={data}/events.parquet", f"--images={data}", f"--out={data}/shards"]
    command = ["shard", *flags, "--size=16", "--processes=1"]
    assert cli.main(command) == 0
    first, *then = capsys.readouterr().out.splitlines()
    assert first.startswith("60 pictures in 60 capture events: ")
    assert then[0] == f"Next: camtrap train --shards={data}/shards --task=empty --run=runs/empty"
    assert then[1].endswith("--task=animal --run=runs/animal")
    # Begun shards keep their size and split, though other ones would be chosen now.
    assert make.present(data / "shards") == Present("site", 16)
    assert cli.main([word for word in command if "size" not in word]) == 0
    assert Manifest.read(data / "shards").picture.size == 16


def test_measured_is_what_can_be_read(data):
    cost = make.measure(["none.png", "1.png"], data, PictureSpec(size=16))
    assert cost is not None
    assert 200 < cost.bytes < 2000  # JPEG of 16 x 16 pixels of noise
    assert make.measure(["none.png"], data, PictureSpec(size=16)) is None
