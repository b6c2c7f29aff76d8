"""Configuration: checked, overridden by name, kept as JSON."""

import numpy as np
import pytest

from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import TABLE_S2, Config, ScheduleKind, Step, TrainConfig
from camtrap_tf.core.config_io import difference, override
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.labels import Task
from camtrap_tf.core.recipes import PRESETS, step_schedule
from camtrap_tf.training import schedules


@pytest.mark.parametrize("name", list(PRESETS))
def test_json_round_trip(name):
    assert from_json(to_json(PRESETS[name]), Config, "config") == PRESETS[name]


def test_override_parses_by_the_type_of_the_field():
    changes = {
        "train.batch_size": "64",
        "train.task": "empty",
        "train.jit": "true",
        "augment.contrast": "[1, 1.5]",
        "augment.brightness": "0",
        "train.schedule": '[{"first": 1, "learning_rate": 0.1, "weight_decay": 0}]',
    }
    config = override(Config(), changes)
    assert config.train.batch_size == 64
    assert config.train.task is Task.EMPTY
    assert config.train.jit is True
    assert config.augment.contrast == (1.0, 1.5)
    assert config.train.schedule == (Step(1, 0.1, 0.0),)
    assert difference(override(config, {"train.batch_size": "32"}), config) == [
        "train.batch_size: 32 != 64"
    ]


def test_what_holds_between_fields_does_not_depend_on_their_order():
    changes = {
        "model.weights": "notop.h5",
        "model.normalisation": "imagenet",
        "train.burst_noise": "0.3",
        "train.task": "empty",
    }
    assert override(Config(), changes) == override(Config(), dict(reversed(changes.items())))


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("train.epoch", "3", "configuration fields are model.architecture"),
        ("train.epoch", "3", "Did you mean 'train.epochs'"),
        ("epochs", "3", "configuration fields are"),
        ("train", "3", "configuration fields are"),
        ("train.epochs", "three", "train.epochs is of type int"),
        ("train.epochs", "2.5", "train.epochs is of type int"),
        ("train.epochs", "0", "epochs is at least 1"),
        ("train.task", "count", "train.task is one of"),
        ("train.jit", "maybe", "train.jit is of type bool"),
        ("augment.contrast", "[1]", "has 2 values"),
        ("augment.contrast", "[2, 1]", "low <= high"),
        ("train.schedule", "[]", "starts at epoch 1"),
    ],
)
def test_a_wrong_value_names_the_rule(field, text, says):
    with pytest.raises(InputError, match=says):
        override(Config(), {field: text})


def test_table_s2_holds_on_both_sides_of_every_boundary():
    rates = {1: 0.01, 18: 0.01, 19: 0.005, 29: 0.005, 30: 0.001, 43: 0.001, 44: 0.0005}
    rates |= {52: 0.0005, 53: 0.0001, 55: 0.0001}
    for epoch, rate in rates.items():
        row = schedules.at_epoch(TABLE_S2, epoch)
        assert row.learning_rate == rate
        assert row.weight_decay == (0.0005 if epoch <= 29 else 0.0)


def test_the_paper_is_table_s1_and_every_step_of_an_epoch_has_its_rate():
    paper = PRESETS["paper"]
    train = paper.train
    assert (train.batch_size, train.momentum, paper.model.crop, train.epochs) == (128, 0.9, 224, 55)
    assert (train.optimizer.value, paper.model.normalisation.value) == ("sgd", "dataset")
    for epoch in (18, 19, 29, 30, 43, 44, 52, 53, 55):
        row = schedules.at_epoch(TABLE_S2, epoch)
        assert schedules.learning_rates(train, epoch, 3).tolist() == (
            [np.float32(row.learning_rate)] * 3
        )
        assert schedules.weight_decay(train, epoch) == row.weight_decay


def test_step_schedule():
    assert [(s.first, s.learning_rate) for s in step_schedule(20, 0.1, 0.0)] == [
        (1, 0.1),
        (13, 0.01),
        (18, 0.001),
    ]
    assert [s.first for s in step_schedule(1, 0.1, 0.0)] == [1, 2]


def test_the_released_code_counts_boundaries_to_the_stage_before():
    # Epochs 1-19, 20-30, 31-44, 45-53, 54-55; weight decay until 30.
    train = PRESETS["released_code"].train
    rates = {1: 0.01, 19: 0.01, 20: 0.005, 30: 0.005, 31: 0.001, 44: 0.001, 45: 0.0005}
    rates |= {53: 0.0005, 54: 0.0001, 55: 0.0001}
    for epoch, rate in rates.items():
        assert schedules.learning_rates(train, epoch, 3).tolist() == [np.float32(rate)] * 3
        assert schedules.weight_decay(train, epoch) == (0.0005 if epoch <= 30 else 0.0)
    augment = PRESETS["released_code"].augment
    assert (augment.brightness, augment.contrast) == (63.0, (0.2, 1.8))
    model = PRESETS["released_code"].model
    assert (model.architecture, model.variant.value) == ("resnet50", "released_code")
    assert model.normalisation.value == "image"


def test_cosine_with_warm_up_and_a_rate_for_another_batch():
    train = TrainConfig(
        epochs=4,
        batch_size=64,
        schedule_kind=ScheduleKind.COSINE,
        learning_rate=0.2,
        rate_for_batch=128,
        warmup_epochs=1,
    )
    # Half the batch, half the rate: 0.1 at the top. Ten steps up, then thirty down.
    whole = np.concatenate([schedules.learning_rates(train, epoch, 10) for epoch in (1, 2, 3, 4)])
    np.testing.assert_allclose(whole[:10], 0.1 * np.arange(1, 11) / 10, rtol=1e-6)
    np.testing.assert_allclose(whole[[10, 25]], [0.1, 0.05], rtol=1e-6)
    np.testing.assert_allclose(whole[20], 0.05 * (1 + np.cos(np.pi / 3)), rtol=1e-6)
    assert 0 < whole[-1] < 0.001
