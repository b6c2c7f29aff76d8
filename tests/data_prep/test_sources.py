from camtrap_tf.commands import prepare
from data_prep.sources import SOURCES


def test_the_flag_names_every_source():
    assert prepare.SOURCES == sorted(SOURCES)
    for name in SOURCES:
        assert f"\n{name} " in prepare.__doc__
