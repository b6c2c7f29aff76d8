"""The recipes of CONTRIBUTING.md, followed in a package that a test writes."""

import dataclasses
import re
import textwrap

import numpy as np
import pytest

from tests.conftest import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_file_that_a_recipe_names_is_there():
    named = set(re.findall(r"`((?:camtrap_tf|data_prep|export|tests|docs)/[\w/.]+)`", CONTRIBUTING))
    examples = {name for name in named if "NAME" in name}
    assert len(named - examples) > 8
    assert [name for name in sorted(named - examples) if not (ROOT / name).exists()] == []


def module(folder, name: str, code: str) -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(code))


def test_a_source(tmp_path, monkeypatch):
    from data_prep import sources

    module(
        tmp_path,
        "lines_of_text",
        """
        import pandas as pd
        from camtrap_tf.events.table import EventTable

        def read(path, reading):
            rows = [line.split() for line in path.read_text().splitlines()]
            ids = [name for name, _ in rows]
            events = pd.DataFrame({"event_id": ids, "source": "people"})
            frames = pd.DataFrame({"event_id": ids, "path": ids})
            named = [reading.name(species) for _, species in rows]
            labels = pd.DataFrame({"event_id": ids, "species": named, "frame": 0})
            return EventTable(events, frames, labels, "lines of text", reading.dropped)
        """,
    )
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(tmp_path)])
    form = sources.Source("lines_of_text", "read", (), "text file")
    monkeypatch.setitem(sources.SOURCES, "lines", form)
    (tmp_path / "labels.txt").write_text("a.jpg zebra\nb.jpg lion\n")
    table = sources.read("lines", tmp_path / "labels.txt")
    assert table.labels["species"].tolist() == ["zebra", "lion"]
    assert table.frames["path"].tolist() == ["a.jpg", "b.jpg"]


def test_an_output_format(tmp_path, monkeypatch):
    from camtrap_tf import outputs
    from tests.reviewing.conftest import predictions_of

    module(
        tmp_path,
        "names_alone",
        """
        def write_files(predictions, folder, options):
            path = folder / "names.txt"
            names = predictions.classes["species"]
            top = predictions.probabilities["species"].argmax(axis=1)
            path.write_text("".join(f"{names[index]}\\n" for index in top))
            return [path]
        """,
    )
    monkeypatch.setattr(outputs, "__path__", [*outputs.__path__, str(tmp_path)])
    monkeypatch.setitem(outputs.FORMATS, "names", outputs.Format("names_alone", "names.txt"))
    predictions = predictions_of([[(0.1, 0.9)], [(0.1, 0.2)]])
    (written,) = outputs.write(predictions, tmp_path / "out", ["names"])
    assert written.read_text().splitlines() == ["lion", predictions.classes["species"][0]]


def test_a_network(monkeypatch):
    from keras import layers

    from camtrap_tf.core.config import ModelConfig
    from camtrap_tf.networks import architectures

    def means(image, config):
        x = layers.Conv2D(5, 3, padding="same", name="conv")(image)
        return layers.GlobalAveragePooling2D(name="mean")(x)

    monkeypatch.setitem(architectures.ARCHITECTURES, "means", means)
    model = architectures.build(ModelConfig("means", crop=16), {"species": ("ape", "bat")})
    # 3 x 3 x 3 weights and a bias for each of 5 filters; 5 weights and a bias for each class.
    assert model.count_params() == 5 * (27 + 1) + 2 * (5 + 1)


def test_a_preset(monkeypatch):
    from camtrap_tf.core import recipes
    from camtrap_tf.verbs import train as verb

    longer = dataclasses.replace(
        recipes.QUICK, train=dataclasses.replace(recipes.QUICK.train, epochs=40)
    )
    monkeypatch.setitem(recipes.PRESETS, "longer", longer)
    from absl import flags

    values = flags.FlagValues()
    verb.define(values)
    values(["train", "--shards=s", "--run=r", "--task=empty", "--preset=longer"])
    assert recipes.PRESETS[values.preset].train.epochs == 40


def test_an_engine(colour_bundle, tmp_path, monkeypatch):
    from absl import flags
    from PIL import Image

    from camtrap_tf.core.workers import flags as workers
    from camtrap_tf.core.workers import posted
    from camtrap_tf.prediction import predict as prediction
    from camtrap_tf.prediction.predictor import Options

    (tmp_path / "card").mkdir()
    for name, colour in (("a", (250, 0, 0)), ("b", (0, 0, 250)), ("c", (250, 0, 0))):
        Image.fromarray(np.full((40, 40, 3), colour, np.uint8)).save(tmp_path / f"card/{name}.png")
    options = Options(block_size=1)
    answered = []

    def backwards(work, advance):
        with posted.post(work) as place:
            for number, block in reversed(list(enumerate(work.tasks))):
                outcome = posted.perform(place, block)
                advance(outcome.units)
                answered.append(outcome.taken())
                yield number, outcome.result

    monkeypatch.setitem(workers.ENGINES, "backwards", lambda values: backwards)
    values = flags.FlagValues()
    workers.define(values)
    values(["predict", "--engine=backwards"])
    files = [
        prediction.predict(
            [tmp_path / "card"], colour_bundle, tmp_path / name, options, engine=engine
        )
        for name, engine in (("local", None), ("backwards", workers.read(values)))
    ]
    assert len(answered) > 1 and answered == sorted(answered, reverse=True)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", ["source", "output format", "network", "preset", "engine"])
def test_each_recipe_that_is_marked_is_followed_here(name):
    heading = f"### An? {name}(?: of metadata)? \\*"
    assert re.search(heading, CONTRIBUTING)
    assert (
        f"test_a_{name.replace(' ', '_')}" in globals()
        or f"test_an_{name.replace(' ', '_')}" in globals()
    )
