import dataclasses

import pytest

from camtrap_tf.core import choices
from camtrap_tf.core.choices import Data
from camtrap_tf.core.config import Context
from camtrap_tf.core.hardware import Hardware, gpus
from camtrap_tf.core.recipes import PRESETS

CARDS = Hardware(processors=16, gpus=2)


def test_a_large_network_needs_a_gpu_and_pictures():
    assert choices.choose_preset(1_000_000, Hardware(64))[0] == "quick"
    assert choices.choose_preset(4_999, CARDS) == (
        "quick",
        "2 GPUs and 16 processors, 4,999 pictures to learn from, fewer than 5,000: a small network",
    )
    assert choices.choose_preset(5_000, CARDS)[0] == "modern"


@pytest.mark.parametrize("preset", PRESETS)
def test_shards_of_the_stored_size_leave_a_presets_crop_as_it_is(preset):
    data = Data(pictures=10_000, events=4_000, frames=12_000, size=choices.stored_size(preset))
    assert choices.fit(PRESETS[preset], data) == (PRESETS[preset], [])


def test_the_crop_fits_the_shards():
    data = Data(pictures=10_000, events=4_000, frames=12_000, size=192)
    config, notes = choices.fit(PRESETS["quick"], data)
    assert config.model.crop == 168
    assert notes == ["model.crop=168 instead of 112: shards of 192"]
    assert choices.fit(PRESETS["quick"], data, {"model.crop"})[1] == []
    zoom = dataclasses.replace(PRESETS["quick"].model, context=Context.ZOOM)
    zoomed = dataclasses.replace(PRESETS["quick"], model=zoom)
    assert choices.fit(zoomed, data)[0].model.crop == 84  # of the 96 pixels that it sees


def test_a_batch_that_the_pictures_do_not_fill_is_made_smaller():
    few = Data(pictures=127, events=60, frames=150, size=256)
    config, notes = choices.fit(PRESETS["paper"], few)
    assert config.train.batch_size == 16  # four of 32 are more than 127
    assert notes == ["train.batch_size=16 instead of 128: there are 127 pictures to learn from"]
    assert choices.fit(PRESETS["paper"], dataclasses.replace(few, pictures=128))[1] == []
    assert choices.fit(PRESETS["paper"], few, {"train.batch_size"})[1] == []
    # A network that is shown whole events has 50 examples.
    late = dataclasses.replace(PRESETS["paper"].model, context=Context.LATE)
    stacked = dataclasses.replace(PRESETS["paper"], model=late)
    assert choices.fit(stacked, dataclasses.replace(few, pictures=150))[0].train.batch_size == 8


def test_single_pictures_are_compared_with_nothing():
    single = Data(pictures=900, events=700, frames=1_000, size=128)
    config, (note,) = choices.choose_context(PRESETS["quick"], single)
    assert (config.model.context, config.augment.hide_context) == (Context.NONE, 0)
    assert note.startswith("model.context=none")
    bursts = dataclasses.replace(single, frames=1_050)
    assert choices.choose_context(PRESETS["quick"], bursts) == (PRESETS["quick"], [])
    assert choices.choose_context(PRESETS["paper"], single) == (PRESETS["paper"], [])


def test_how_long_training_takes():
    # 20 epochs of 900 pictures at 20 ms, on two processors.
    quick = PRESETS["quick"]
    assert choices.training_seconds(quick, 900, Hardware(2)) == pytest.approx(180)
    larger = dataclasses.replace(quick, model=dataclasses.replace(quick.model, crop=224))
    assert choices.training_seconds(larger, 900, Hardware(2)) == pytest.approx(720)
    assert choices.training_seconds(quick, 900, CARDS) is None
    other = dataclasses.replace(quick, model=dataclasses.replace(quick.model, architecture="nin"))
    assert choices.training_seconds(other, 900, Hardware(2)) is None


def test_gpus_are_counted_as_cuda_allows(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    allowed = {None: 3, "": 0, "-1": 0, "0,2": 2, "1,-1,2": 1, "0,1,2,3": 3}
    for value, number in allowed.items():
        environment = {} if value is None else {"CUDA_VISIBLE_DEVICES": value}
        assert gpus(environment, tmp_path) == number
    assert gpus({}, tmp_path / "nowhere") == 0
    assert str(Hardware(1)) == "1 processor and no GPU"
