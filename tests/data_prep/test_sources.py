from camtrap_tf.commands import prepare
from data_prep.sources import SOURCES


def test_the_flag_names_every_source():
    assert sorted(SOURCES) == prepare.SOURCES
    for name in SOURCES:
        assert f"\n{name} " in prepare.__doc__


def test_every_option_of_a_source_is_a_flag():
    options = {name for *_, names in SOURCES.values() for name in names}
    assert options == set(prepare.OPTIONS)
