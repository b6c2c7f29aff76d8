import importlib
import inspect

import pytest
from absl import flags

from camtrap_tf.core.errors import InputError
from data_prep.sources import COMMON, OPTIONS, SOURCES, read
from data_prep.sources.fields import Rules
from data_prep.verbs import prepare


def test_the_flags_explain_every_source():
    for name in SOURCES:
        assert f"\n{name} " in prepare.__doc__


def test_every_option_of_a_source_is_a_flag():
    values = flags.FlagValues()
    prepare.define(values)
    assert set(OPTIONS) <= set(values)
    assert list(inspect.signature(Rules.parse).parameters) == [*COMMON, "head"]


@pytest.mark.parametrize("source", SOURCES)
def test_every_option_is_an_argument_of_the_reader(source):
    form = SOURCES[source]
    reader = getattr(importlib.import_module(f"data_prep.sources.{form.module}"), form.function)
    assert [*form.options] == list(inspect.signature(reader).parameters)[2:]


def test_wrong_sources_and_options_are_told(tmp_path):
    with pytest.raises(InputError, match=r"a source is one of camtrap_dp, coco, .*'dryat'"):
        read("dryat", tmp_path)
    with pytest.raises(InputError, match=r"threshold belongs to megadetector, .*'coco'"):
        read("coco", tmp_path, threshold=0.1)
    with pytest.raises(InputError, match=r"on_unknown is 'error' or 'drop'; received 'skip'"):
        read("coco", tmp_path, on_unknown="skip")
    with pytest.raises(InputError, match=r"dates is 'DMY' or 'MDY'; received 'YMD'"):
        read("coco", tmp_path, dates="YMD")
    with pytest.raises(InputError, match="depth is an option of no source"):
        read("coco", tmp_path, depth=3)
