"""Configuration: checked, overridden by name, kept as JSON."""

import pytest

from camtrap_tf import schedules
from camtrap_tf.config import (
    PRESETS,
    TABLE_S2,
    Config,
    Step,
    difference,
    from_json,
    override,
    step_schedule,
    to_json,
)
from camtrap_tf.errors import InputError
from camtrap_tf.labels import Task


@pytest.mark.parametrize("name", list(PRESETS))
def test_json_round_trip(name):
    assert from_json(to_json(PRESETS[name]), Config) == PRESETS[name]


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


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("train.epoch", "3", "configuration fields are model.architecture"),
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


def test_step_schedule():
    assert [(s.first, s.learning_rate) for s in step_schedule(20, 0.1, 0.0)] == [
        (1, 0.1),
        (13, 0.01),
        (18, 0.001),
    ]
    assert [s.first for s in step_schedule(1, 0.1, 0.0)] == [1, 2]
