"""Probes: features computed once, heads fitted to them, a run like any other."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from camtrap_tf.answers.predictions import Predictions
from camtrap_tf.core.config import Config, Context, ModelConfig, RareClasses, TrainConfig, View
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import FAMILIARITY, Task
from camtrap_tf.events.detections import Detections
from camtrap_tf.events.manifest import Manifest
from camtrap_tf.pictures import crops

# A small network with random weights stands for a pretrained one.
RANDOM = Config(
    model=ModelConfig(architecture="small", crop=32),
    train=TrainConfig(task=Task.ANIMAL, epochs=1, rare=RareClasses.WEIGHTED_LOSS),
)


def opened(shards, root, crop=32):
    import keras

    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.network import input_spec
    from camtrap_tf.training.features import Features, trunk_of

    manifest = Manifest.read(shards)
    config = dataclasses.replace(RANDOM.model, crop=crop)
    keras.utils.set_random_seed(0)
    model = architectures.build(config, {"empty": ("no", "yes")})
    spec = input_spec(config, manifest)
    return Features.open(trunk_of(model, "empty"), spec, manifest, root)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def store(tiny_shards, root):
    return opened(tiny_shards, root)


def test_features_are_those_of_pictures_and_of_their_mirror_images(store):
    from camtrap_tf.batches import pipeline
    from camtrap_tf.pictures import graph

    (pixels,) = pipeline.stored_pictures(store.manifest, "val", 16)
    found = store.read("val")
    assert found.shape == (16, 2, store.trunk.output.shape[1])
    for view, squares in enumerate((pixels, pixels[:, :, ::-1])):
        expected = store.trunk(graph.network_input(squares, store.spec), training=False)
        np.testing.assert_allclose(found[:, view], expected, rtol=1e-3, atol=1e-3)
    assert np.array_equal(store.read("val", np.array([2, 5])), found[[2, 5]])


def test_litert_computes_the_same_features(store, tmp_path, monkeypatch):
    from camtrap_tf.core import cache
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.training.feature_engine import on_engine

    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "cache")
    fresh = dataclasses.replace(store, folder=tmp_path / "litert")
    other = on_engine(fresh, "val", Engine.LITERT)
    assert other.trunk is not store.trunk
    np.testing.assert_allclose(other.read("val"), store.read("val"), rtol=2e-3, atol=1e-3)
    assert (tmp_path / "litert" / "engine.json").is_file()
    assert on_engine(fresh, "val", Engine.LITERT) is fresh  # nothing is left to compute


def test_blocks_are_made_once_and_only_where_they_are_missing(store, monkeypatch):
    whole = store.read("train")
    assert len(whole) == 48 and not store.missing("train")
    first, second = store.manifest.shards_of("train")
    blocks = [np.load(store._path(shard), mmap_mode="r") for shard in (first, second)]
    assert [block.shape[:2] for block in blocks] == [(24, 2)] * 2
    assert all(block.dtype == np.float16 for block in blocks)
    store._path(second).unlink()
    assert store.missing("train") == [second]
    kept = store._path(first).stat().st_mtime_ns
    np.testing.assert_allclose(store.read("train"), whole, rtol=2e-3, atol=1e-3)
    assert store._path(first).stat().st_mtime_ns == kept
    monkeypatch.setattr(type(store), "write_blocks", None)  # nothing is computed again
    store.read("train", np.array([0, 30]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_dask_computes_the_same_features(store, tmp_path, two_workers):
    from camtrap_tf.core.workers import dask
    from camtrap_tf.networks.engines import Engine
    from camtrap_tf.training.feature_engine import on_workers

    store.compute("train")
    fresh = dataclasses.replace(store, folder=tmp_path)
    engine = dask.engine(two_workers.scheduler_address)
    on_workers(fresh, "train", Engine.AUTO, engine)
    shards = store.manifest.shards_of("train")
    assert not fresh.missing("train") and len(shards) == 2
    for shard in shards:
        assert fresh._path(shard).read_bytes() == store._path(shard).read_bytes()
    with pytest.raises(InputError, match="LiteRT computes features on this machine only"):
        on_workers(fresh, "train", Engine.LITERT, engine)


def test_other_networks_and_inputs_have_features_of_their_own(tiny_shards, root, store):
    assert opened(tiny_shards, root).folder == store.folder
    assert opened(tiny_shards, root, crop=24).folder != store.folder
    weight = store.trunk.weights[0]
    value = weight.numpy()
    weight.assign(value + 1)
    try:
        from camtrap_tf.training.features import Features

        changed = Features.open(store.trunk, store.spec, store.manifest, root)
        assert changed.folder != store.folder
    finally:
        weight.assign(value)


@pytest.fixture(scope="module")
def run(tiny_shards, tmp_path_factory):
    from camtrap_tf.training.probe import probe

    folder = tmp_path_factory.mktemp("probe")
    return probe(RANDOM, tiny_shards, folder / "run", folder / "features")


def test_a_probe_learns_red_from_blue_and_writes_a_whole_run(run):
    from camtrap_tf.networks.run import Run

    best = Run.read(run.folder).result["best"]
    assert best["val_accuracy_species"] == 1.0
    assert {name for name in best if name.startswith("C_")} == {"C_species", "C_count", "C_moving"}
    answers = Predictions.read(run.folder / "predictions-val.parquet")
    assert len(answers) == 16 and FAMILIARITY in answers.scores
    np.testing.assert_allclose(answers.probabilities["species"].sum(axis=1), 1, atol=1e-5)
    # Every animal counts as one: the other bin is never the answer.
    assert (answers.probabilities["count"].argmax(axis=1) == 0).all()


def test_the_network_answers_as_heads_on_its_features_do(run, tiny_shards):
    from camtrap_tf.training import probe as module
    from camtrap_tf.training.features import Features, trunk_of

    network, manifest = run.network(), Manifest.read(tiny_shards)
    root = run.folder.parent / "features"
    store = Features.open(trunk_of(network.model, "species"), run.spec, manifest, root)
    assert not store.missing("train")  # the saved trunk has the weights of the key
    head = module.fit_heads(store, RANDOM)["species"]
    from camtrap_tf.batches import pipeline
    from camtrap_tf.pictures import graph

    pixels = next(iter(pipeline.stored_pictures(manifest, "train", 24)))
    logits = network.model(graph.network_input(pixels, run.spec), training=False)["species"]
    expected = head.logits(store.read("train", np.arange(24))[:, 0])
    np.testing.assert_allclose(logits, expected, rtol=0.02, atol=0.02)


def test_the_same_command_again_does_nothing(run, tiny_shards, caplog):
    from camtrap_tf.training.probe import probe

    caplog.set_level("INFO", "camtrap")
    assert probe(RANDOM, tiny_shards, run.folder).result == run.result
    assert "nothing to do" in caplog.text
    other = dataclasses.replace(RANDOM, model=dataclasses.replace(RANDOM.model, crop=24))
    with pytest.raises(InputError, match=r"model\.crop"):
        probe(other, tiny_shards, run.folder)


def test_a_probe_is_a_bundle_like_any_other(run, tiny_shards, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.prediction.shards import predict_shards
    from camtrap_tf.training.probe import probe

    recipe = dataclasses.replace(RANDOM.train, task=Task.EMPTY, rare=RareClasses.NONE)
    config = dataclasses.replace(RANDOM, train=recipe)
    empty = probe(config, tiny_shards, tmp_path / "empty", run.folder.parent / "features")
    assert empty.result["best"]["val_accuracy_empty"] == 1.0
    bundle = make_bundle([empty.folder, run.folder], tmp_path / "bundle")
    assert bundle.familiarity_threshold is not None
    assert [member.temperatures for member in bundle.members] == [{}, {}]  # as fitted
    answers = predict_shards(bundle, tiny_shards, "val")
    animal = answers.labels["empty"] == 0
    right = answers.probabilities["species"].argmax(1) == answers.labels["species"]
    assert right[animal].all()


@pytest.fixture(scope="module")
def boxes(tiny_shards):
    """A box in the upper left quarter of every picture."""
    from camtrap_tf.batches import pipeline

    manifest = Manifest.read(tiny_shards)
    paths = pd.concat([pipeline.index(manifest, split)[0]["path"] for split in manifest.splits()])
    paths, n = paths.astype("string").reset_index(drop=True), len(paths)
    corner = np.tile(np.float32([[0.0, 0.0, 0.4, 0.4]]), (n, 1))
    return Detections(paths, np.ones(n, np.float32), corner, pd.Series([pd.NA] * n), 0.2)


def write_pictures(shards, folder, splits=("train", "val")):
    """The pictures of shards as files."""
    from camtrap_tf.events import records

    manifest = Manifest.read(shards)
    for shard in (one for split in splits for one in manifest.shards_of(split)):
        for record in map(records.decode, records.read_file(manifest.folder / shard.file)):
            for path, encoded in zip(record.paths, record.frames, strict=True):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(encoded)


@pytest.fixture(scope="module")
def two_views(tiny_shards, boxes, tmp_path_factory):
    from camtrap_tf.networks.bundle import make_bundle
    from camtrap_tf.training.probe import probe

    folder, runs = tmp_path_factory.mktemp("views"), []
    train = TrainConfig(task=Task.ONE_STAGE, epochs=1)
    for view, found in ((View.WHOLE, None), (View.CROP, boxes)):
        config = Config(dataclasses.replace(RANDOM.model, view=view), train=train)
        run = probe(config, tiny_shards, folder / view.value, folder / "features", found)
        assert run.is_probe
        runs.append(run.folder)
    return make_bundle(runs, folder / "bundle")


def test_a_bundle_of_two_views_gives_the_mean_of_both(two_views, tiny_shards, boxes):
    from camtrap_tf.batches import pipeline
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.shards import predict_shards

    bundle = Bundle.read(two_views.folder)
    assert bundle.needs_boxes and [member.view for member in bundle.members] == list(View)
    found = predict_shards(bundle, tiny_shards, "val", detections=boxes)
    whole, part = bundle.networks()
    (pixels,) = pipeline.stored_pictures(Manifest.read(tiny_shards), "val", 16)
    pixels = pixels.numpy()
    # 1.25 x 0.4 of the side, from the corner.
    parts = crops.cut(pixels, np.tile(np.float32([[0, 0, 0.5, 0.5]]), (16, 1)))
    both = [net.probabilities(p)["species"] for net, p in ((whole, pixels), (part, parts))]
    assert not np.allclose(*both, atol=0.01)
    np.testing.assert_allclose(found.probabilities["species"], np.mean(both, axis=0), atol=1e-5)
    with pytest.raises(InputError, match="told where boxes are"):
        predict_shards(bundle, tiny_shards, "val")
    absent = dataclasses.replace(boxes, paths="other/" + boxes.paths)
    with pytest.raises(InputError, match="0 of 16 are there"):
        predict_shards(bundle, tiny_shards, "val", detections=absent)


def test_pictures_are_answered_by_both_views(two_views, tiny_shards, boxes, tmp_path):
    from camtrap_tf.events.detections import Detector, Use
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options
    from camtrap_tf.prediction.shards import predict_shards

    write_pictures(tiny_shards, tmp_path / "card", ("val",))
    expected = predict_shards(two_views, tiny_shards, "val", detections=boxes)
    options = Options(detector=Detector(boxes, Use.VIEW), event_weight=0.0)
    found = Predictions.read(
        predict([tmp_path / "card"], two_views, tmp_path / "job", options, images=tmp_path / "card")
    )
    place = pd.Index(expected.ids["path"]).get_indexer(found.ids["path"])
    np.testing.assert_allclose(
        found.probabilities["species"], expected.probabilities["species"][place], atol=1e-4
    )


def test_a_detectors_score_weighs_alike_wherever_pictures_are_answered(
    two_views, tiny_shards, boxes, tmp_path
):
    from camtrap_tf.answers import aggregation
    from camtrap_tf.events.detections import Detector, Use
    from camtrap_tf.prediction.evaluation import evaluate
    from camtrap_tf.prediction.predict import predict
    from camtrap_tf.prediction.predictor import Options

    bundle = dataclasses.replace(two_views, event_rules={"species": "detector"}, event_weight=0.0)
    sure = np.random.default_rng(0).random(len(boxes)).astype(np.float32)
    without = boxes.paths.isin(boxes.paths[-16::4])  # of the last split: nothing was found
    found = dataclasses.replace(
        boxes,
        confidence=np.where(without, np.float32(0), sure),
        boxes=np.where(without.to_numpy()[:, None], np.float32(np.nan), boxes.boxes),
    )
    write_pictures(tiny_shards, tmp_path / "card", ("val",))
    options = Options(detector=Detector(found, Use.VIEW))
    card = tmp_path / "card"
    answered = Predictions.read(predict([card], bundle, tmp_path / "job", options, images=card))
    evaluated = evaluate(bundle, tiny_shards, "val", tmp_path / "evaluated", found).predictions
    kept = Predictions.read(tmp_path / "evaluated" / "predictions.parquet")
    place = pd.Index(evaluated.ids["path"]).get_indexer(answered.ids["path"])
    scores = evaluated.scores["detection"]
    assert (scores == 0).sum() == 4 and np.array_equal(scores, kept.scores["detection"])
    np.testing.assert_array_equal(answered.scores["detection"], scores[place])
    answered.ids["event_id"] = evaluated.ids["event_id"].iloc[place].array
    order = answered.by_event().ids["event_id"]
    events = kept.by_event()
    rows = pd.Index(events.ids["event_id"]).get_indexer(order)
    species = events.probabilities["species"]
    np.testing.assert_allclose(
        answered.by_event().probabilities["species"], species[rows], atol=1e-4
    )
    assert not np.allclose(kept.by_event({"species": "animal"}).probabilities["species"], species)
    # The same by hand, of the first event.
    own = evaluated.event_codes() == 0
    values, weights = evaluated.probabilities["species"][own], scores[own].astype(float)
    apart = values[:, :-1] / (1 - values[:, -1:])
    expected = (weights @ apart) / weights.sum() * (1 - values[:, -1].min())
    np.testing.assert_allclose(species[0, :-1], expected, atol=1e-5)
    assert "detector" in {row.rule for row in aggregation.compare(kept)}


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        (
            dataclasses.replace(RANDOM, model=ModelConfig(crop=32, context=Context.DIFFERENCE)),
            "pictures by themselves",
        ),
        (
            dataclasses.replace(RANDOM, train=TrainConfig(rare=RareClasses.EMPHASIS)),
            "none or weighted_loss",
        ),
        (
            dataclasses.replace(RANDOM, model=dataclasses.replace(RANDOM.model, view=View.CROP)),
            "boxes go with a network that sees the part around them",
        ),
    ],
)
def test_what_a_probe_cannot_obey_is_refused(tiny_shards, tmp_path, config, rule):
    from camtrap_tf.training.probe import probe

    with pytest.raises(InputError, match=rule):
        probe(config, tiny_shards, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def spotted(monkeypatch):
    """A detector by hand in place of the published one; returns how many pictures it was shown."""
    from camtrap_tf.networks.detector import finder
    from camtrap_tf.prediction import detect, shard_boxes
    from tests.networks.detector.test_finder import Spot

    shown = []

    class Told(finder.Finder):
        def __init__(self, floor):
            super().__init__(floor, Spot())

        def find(self, pixels, filled):
            shown.extend(filled)
            return super().find(pixels, filled)

    monkeypatch.setattr(detect, "Finder", Told)
    for module in (detect, shard_boxes):
        monkeypatch.setattr(module.weights, "require", lambda name: None)
    return shown


SMALL = ("model.architecture=small", "model.crop=24", "model.weights=")


@pytest.mark.slow
def test_one_command_fits_both_views_and_a_bundle_of_them_answers(
    tiny_shards, tmp_path, spotted, capsys
):
    """Neither boxes nor tasks are named: they are found, and kept for what comes after."""
    from camtrap_tf import cli
    from camtrap_tf.networks.bundle import Bundle
    from camtrap_tf.prediction.model import load

    shards, images, runs = tmp_path / "shards", tmp_path / "images", tmp_path / "runs"
    shutil.copytree(tiny_shards, shards)
    write_pictures(shards, images)
    changes = [f"--set={change}" for change in SMALL]
    command = ["probe", f"--shards={shards}", "--view=both", f"--run={runs}", *changes]
    assert cli.main([*command, f"--images={images}"]) == 0
    said = capsys.readouterr().out.splitlines()
    names = ["empty-whole", "empty-crop", "animal-whole", "animal-crop"]
    assert [line.partition(":")[0] for line in said[:4]] == [str(runs / name) for name in names]
    assert said[4] == f"Next: camtrap bundle --run={runs} --out=bundle"
    assert len(spotted) == 64  # each picture once
    found = tmp_path / "bundle"
    assert cli.main(["bundle", f"--run={runs}", f"--out={found}"]) == 0
    members = {(one.task.value, one.view.value) for one in Bundle.read(found).members}
    assert members == {(task, view) for task in ("empty", "animal") for view in ("whole", "crop")}
    evaluate = ["evaluate", f"--bundle={found}", f"--shards={shards}", "--split=val"]
    assert cli.main([*evaluate, f"--out={tmp_path / 'scores'}"]) == 0
    assert len(spotted) == 64  # the boxes beside the shards serve
    model = load(found)
    for card in ("train-1", "val-2"):  # looks for boxes in each folder it is given
        answers = model.predict(images / card)
        assert answers.answers().tolist() == [("empty", "red", "blue")[int(card[-1]) % 3]] * 2
    assert len(spotted) == 68


@pytest.fixture
def asked(monkeypatch):
    """What `probe_all` asks `probe` for, in place of doing it."""
    from camtrap_tf.training import probes

    calls = []

    def probe(config, shards, folder, features, detections, engine, workers):
        calls.append((config, folder, detections))
        return calls[-1]

    monkeypatch.setattr(probes, "probe", probe)
    return calls


def test_both_views_of_all_questions_with_boxes_that_are_looked_for(
    tiny_shards, tmp_path, spotted, asked
):
    from camtrap_tf.training.probes import probe_all

    shards, changes = tmp_path / "shards", dict(change.split("=") for change in SMALL)
    shutil.copytree(tiny_shards, shards)
    with pytest.raises(InputError, match=r"Give --images=PICTURES, the folder that `camtrap shard"):
        probe_all(shards, tmp_path / "runs", changes=changes)
    assert not asked
    write_pictures(shards, tmp_path / "images")
    probe_all(shards, tmp_path / "runs", changes=changes, images=tmp_path / "images")
    probe_all(shards, tmp_path / "runs", changes=changes)  # they lie beside the shards now
    assert len(spotted) == 64  # each picture once
    views = list(View) * 4
    assert [config.model.view for config, *_ in asked] == views
    assert [boxes is not None for *_, boxes in asked] == [view is View.CROP for view in views]
    assert [folder.name for _, folder, _ in asked[:4]] == [
        "empty-whole", "empty-crop", "animal-whole", "animal-crop",
    ]  # fmt: skip
    assert {config.model.architecture for config, *_ in asked} == {"small"}


def test_of_one_view_and_question_the_folder_is_the_run(tiny_shards, boxes, tmp_path, asked):
    from camtrap_tf.training.probes import probe_all

    given = {"changes": {"model.weights": ""}, "detections": boxes}
    probe_all(tiny_shards, tmp_path / "run", (View.CROP,), (Task.EMPTY,), **given)
    ((config, folder, detections),) = asked
    assert (config.model.view, folder) == (View.CROP, tmp_path / "run") and detections is boxes
    with pytest.raises(InputError, match=r"boxes are for probes that see crops; received 'whole'"):
        probe_all(tiny_shards, tmp_path / "other", (View.WHOLE,), **given)


def test_absent_weights_are_told_before_anything_is_done(tiny_shards, tmp_path, asked, monkeypatch):
    from camtrap_tf.networks.pretrained import weights
    from camtrap_tf.training.probes import probe_all

    monkeypatch.setenv(weights.FOLDER, str(tmp_path / "none"))
    (tmp_path / "images").mkdir()
    for changes, name in (({}, "lite0"), ({"model.weights": ""}, "megadetector-lite")):
        with pytest.raises(InputError, match=f"Run `camtrap weights get {name}`"):
            probe_all(tiny_shards, tmp_path / "runs", changes=changes, images=tmp_path / "images")
    assert not asked and not (tmp_path / "runs").exists()


def test_a_question_without_counts_is_one_about_species(tiny_shards):
    from camtrap_tf.training.probes import fitting

    manifest = Manifest.read(tiny_shards)
    counts = {"empty": [8, 8], "species": [4, 4], "count": [4, 4], "moving": [4, 4]}
    known = dataclasses.replace(manifest, class_counts={"train": counts})
    assert fitting(known) == [Task.EMPTY, Task.ANIMAL]
    uncounted = dataclasses.replace(manifest, class_counts={"train": counts | {"count": [0, 0]}})
    assert fitting(uncounted) == [Task.EMPTY, Task.SPECIES]
    single = {"empty": [8, 0], "species": [8, 0], "count": [8, 0], "moving": [8, 0]}
    with pytest.raises(InputError, match="training pictures of two"):
        fitting(dataclasses.replace(manifest, class_counts={"train": single}))


@pytest.mark.slow
def test_the_verb_takes_pretrained_weights(tiny_shards, tmp_path, need_weights):
    from camtrap_tf import cli
    from camtrap_tf.networks.run import Run

    need_weights("lite0")
    flags = ["--task=one_stage", f"--shards={tiny_shards}", f"--run={tmp_path / 'run'}"]
    assert cli.main(["probe", *flags, f"--features={tmp_path / 'features'}"]) == 0
    run = Run.read(tmp_path / "run")
    assert run.config.model.architecture == "lite0" and run.spec.crop == 40
    assert run.result["best"]["val_accuracy_species"] == 1.0
