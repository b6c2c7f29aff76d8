from camtrap_tf import cli
from camtrap_tf.core import config_help
from camtrap_tf.core.config_io import field_names


def test_every_field_of_a_recipe_is_explained():
    rows = config_help.fields()
    assert [name for name, _, _ in rows] == field_names()
    assert all(meaning.endswith(".") for _, _, meaning in rows)
    told = {name: (value, meaning) for name, value, meaning in rows}
    assert told["train.optimizer"] == ("sgd", "see `Optimizer`. One of sgd, adamw.")
    assert told["model.dropout"][0] == "null"
    assert told["train.learning_rate"][1].startswith("of the cosine schedule")


def test_the_help_of_train_has_them(capsys):
    assert cli.main(["train", "--help"]) == 0
    assert "\ntrain.batch_size=128\n    pictures in one optimiser step" in capsys.readouterr().out
