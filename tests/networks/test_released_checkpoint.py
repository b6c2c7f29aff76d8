"""Checkpoints of the released code, written by a second statement of its networks."""

import json

import numpy as np
import pytest

from camtrap_tf import cli
from camtrap_tf.core.config import ModelConfig, PictureSpec, Variant
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task, Vocabulary
from tests import released_graph

SIZE = 64
# The eight outputs of the released stage 2: species, count, six attributes.
STAGE2 = {"output0": 48, "output1": 12} | {f"output{index}": 2 for index in range(2, 8)}
PICTURE = PictureSpec(size=72, bar_share=0.0)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Two stored pictures; the networks see their central 64 pixels."""
    return np.random.default_rng(1).integers(0, 256, (2, 72, 72, 3), np.uint8)


@pytest.fixture(scope="module")
def written(tmp_path_factory, pixels):
    """Writes a checkpoint once; gives its prefix and the probabilities the graph computes."""
    done = {}

    def write(trunk: str, outputs: dict[str, int]):
        key = (trunk, *outputs.items())
        if key not in done:
            path = tmp_path_factory.mktemp(trunk) / "snapshot-55"
            central = pixels[:, 4:-4, 4:-4]
            done[key] = path, released_graph.write_checkpoint(path, trunk, outputs, central)
        return done[key]

    return write


def imported(path, folder, architecture="resnet18", task=Task.ANIMAL, **options):
    from camtrap_tf.networks.released_checkpoint import import_checkpoint

    variant = options.pop("variant", Variant.RELEASED_CODE)
    model = ModelConfig(architecture, variant, SIZE)
    return import_checkpoint(path, folder, model, task, picture=PICTURE, **options)


@pytest.mark.parametrize(
    "architecture",
    [
        "resnet18",
        "alexnet",
        "nin",
        pytest.param("vgg11", marks=pytest.mark.slow),
        pytest.param("resnet50", marks=pytest.mark.slow),
    ],
)
def test_answers_as_the_released_graph(architecture, written, pixels, tmp_path):
    path, expected = written(architecture, STAGE2)
    run = imported(path, tmp_path / "run", architecture)
    answers = run.network().probabilities(pixels)
    heads = ["species", "count", *Vocabulary().attributes]
    assert list(answers) == [*heads, "familiarity"]
    for head, theirs in zip(heads, expected.values(), strict=True):
        np.testing.assert_allclose(answers[head], theirs, atol=1e-5, err_msg=head)


@pytest.mark.parametrize(
    "architecture",
    ["resnet34", *(pytest.param(f"resnet{n}", marks=pytest.mark.slow) for n in (101, 152))],
)
def test_deeper_networks_have_the_released_names(architecture):
    import keras

    from camtrap_tf.networks import architectures
    from camtrap_tf.networks.released_checkpoint import _by_scope, _training_only

    with keras.StatelessScope():
        model = architectures.build(
            ModelConfig(architecture, Variant.RELEASED_CODE, SIZE), {"species": ("ape", "bat")}
        )
    ours = _by_scope(model, architecture, ["species"], single=True)
    found = {name: v.shape for name, v in ours.items() if not name.startswith("output/")}
    theirs = released_graph.shapes(architecture, SIZE)
    assert found == {name: v for name, v in theirs.items() if not _training_only(name)}


def test_stage_1_vgg_has_a_form_of_its_own_and_empty_comes_last(written, pixels, tmp_path):
    path, expected = written("vgg11_stage1", {"output": 2})
    run = imported(
        path,
        tmp_path / "run",
        "vgg11",
        Task.EMPTY,
        variant=Variant.RELEASED_CODE_STAGE1,
        empty_class=0,
    )
    answers = run.network().probabilities(pixels)["empty"]
    np.testing.assert_allclose(answers, expected["output"][:, ::-1], atol=1e-5)


@pytest.mark.slow
def test_one_stage_moves_empty_to_the_end_and_makes_a_bundle(written, pixels, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle

    path, expected = written("resnet18", {"output": 4})
    run = imported(
        path,
        tmp_path / "run",
        task=Task.ONE_STAGE,
        vocabulary=Vocabulary(("ape", "bat", "cat"), (), ()),
        empty_class=1,
    )
    answers = run.network().probabilities(pixels)["species"]
    np.testing.assert_allclose(answers, expected["output"][:, [0, 2, 3, 1]], atol=1e-5)
    (network,) = make_bundle([tmp_path / "run"], tmp_path / "bundle").networks()
    np.testing.assert_array_equal(network.probabilities(pixels)["species"], answers)


@pytest.mark.slow
def test_imported_runs_make_a_bundle(written, tmp_path):
    from camtrap_tf.networks.bundle import make_bundle

    stage1, _ = written("resnet18", {"output": 2})
    stage2, _ = written("resnet18", STAGE2)
    imported(stage1, tmp_path / "empty", task=Task.EMPTY, empty_class=1)
    imported(stage2, tmp_path / "animal")
    bundle = make_bundle([tmp_path / "empty", tmp_path / "animal"], tmp_path / "bundle")
    assert bundle.picture == PICTURE
    assert [len(network.heads) for network in bundle.networks()] == [1, 8]


def test_every_variable_is_accounted_for(written, tmp_path):
    path, _ = written("resnet18", STAGE2)
    with pytest.raises(InputError, match=r"missing: scale2/block3/A/beta, .* and \d+ more"):
        imported(path, tmp_path / "deeper", "resnet34")
    with pytest.raises(InputError, match="unknown: output1/biases, output1/weights, output2"):
        imported(path, tmp_path / "fewer heads", task=Task.SPECIES)
    few = Vocabulary(("ape", "bat"))
    with pytest.raises(InputError, match=r"output0/weights \(512, 48\), not \(512, 2\)"):
        imported(path, tmp_path / "other classes", vocabulary=few)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"architecture": "googlenet"}, "imported into alexnet, nin, vgg11"),
        ({"task": Task.EMPTY}, "needs the index of 'empty' among its 2 classes"),
        ({"task": Task.EMPTY, "empty_class": 2}, "received 2"),
        ({}, "a checkpoint is a prefix"),
    ],
)
def test_bad_input_is_refused(options, says, tmp_path):
    with pytest.raises(InputError, match=says):
        imported(tmp_path / "nothing", tmp_path / "run", **options)


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    (tmp_path / "precious").touch()
    with pytest.raises(InputError, match="new or empty"):
        imported(tmp_path / "nothing", tmp_path)


def test_the_verb(written, tmp_path, capsys):
    from camtrap_tf.core.codec import to_json
    from camtrap_tf.core.config import PictureSpec
    from camtrap_tf.networks.run import Run

    path, _ = written("resnet18", {"output": 4})
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"species": ["ape", "bat", "cat", "dog"]}))
    out = tmp_path / "run"
    flags = ["--architecture=resnet18", "--task=species", f"--crop={SIZE}"]
    status = cli.main(
        ["import-checkpoint", f"{path}.index", *flags, f"--vocabulary={names}", f"--out={out}"]
    )
    assert status == 0, capsys.readouterr().err
    run = Run.read(out)
    assert run.vocabulary.species == ("ape", "bat", "cat", "dog")
    # The released code removed 100 of 1536 rows.
    assert run.picture == to_json(PictureSpec(bar_share=100 / 1536))
    names.write_text('{"kinds": []}')
    arguments = ["import-checkpoint", str(path), *flags, f"--vocabulary={names}", "--out=x"]
    assert cli.main(arguments) == 2
    assert "a vocabulary is JSON" in capsys.readouterr().err


def test_the_flag_and_the_function_cut_the_same_bar():
    from camtrap_tf.networks.released_checkpoint import RELEASED_PICTURE
    from camtrap_tf.verbs.import_checkpoint import BAR_SHARE

    assert RELEASED_PICTURE.bar_share == BAR_SHARE
