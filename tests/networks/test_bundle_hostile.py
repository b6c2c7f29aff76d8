"""A bundle comes from anywhere: what its description may say, and what is refused in words."""

import hashlib
import json
import shutil

import pytest

from camtrap_tf.core import file_names
from camtrap_tf.core.codec import from_json
from camtrap_tf.core.errors import InputError
from camtrap_tf.networks.bundle import Bundle

NAN, INF = float("nan"), float("inf")
VALUES = {
    "animal_threshold": (NAN, INF, -0.1, 1.5, "0.5", None, True, [0.5]),
    "event_weight": (NAN, -1, 2, "x", []),
    "event_rules": ({"species": "mode"}, {"species": 3}, [], "mean", {"species": ["mean"]},
                    {"species": "detector"}),
    "familiarity": ({"score": "energy", "threshold": NAN}, {"score": "energy"}, {"threshold": 1},
                    {"score": "energy", "threshold": "x"}, 7, [], {"score": [], "threshold": 1}),
    "model_version": (3, None, [], {}),
    "members": ([], {}, None, "x", [3], [{}], [None]),
    "vocabulary": (None, [], {"species": 3}, {"species": [3]}, {"evil": []}),
    "picture": (None, [], {"size": -1}, {"size": 1e300}, {"size": "x"}, {"bar_share": NAN},
                {"evil": 1}),
}  # fmt: skip
FILES = ("../x.keras", "/etc/passwd", "a/b.keras", "..", "", "x.keras/../../y.keras", "a\\b.keras",
         "x.h5", "\0.keras", ".keras", "a\nb.keras", 3, None, ["x.keras"])  # fmt: skip


@pytest.fixture
def bundle(colour_bundle, tmp_path):
    shutil.copytree(colour_bundle.folder, tmp_path / "bundle")
    return tmp_path / "bundle"


def changed(bundle, **values) -> None:
    path = bundle / file_names.BUNDLE
    content = json.loads(path.read_text()) | values
    content.pop("checksum", None)
    path.write_text(json.dumps(content))


def test_values_that_cannot_be(bundle):
    whole = (bundle / file_names.BUNDLE).read_text()
    for name, values in VALUES.items():
        for value in values:
            (bundle / file_names.BUNDLE).write_text(whole)
            changed(bundle, **{name: value})
            with pytest.raises(InputError):
                Bundle.read(bundle)
    (bundle / file_names.BUNDLE).write_text(whole)
    assert Bundle.read(bundle).members


def test_parts_that_are_missing(bundle):
    whole = json.loads((bundle / file_names.BUNDLE).read_text())
    whole.pop("checksum", None)
    for name in ("members", "vocabulary", "picture", "animal_threshold", "model_version"):
        less = {key: value for key, value in whole.items() if key != name}
        (bundle / file_names.BUNDLE).write_text(json.dumps(less))
        with pytest.raises(InputError, match=name):
            Bundle.read(bundle)


@pytest.mark.parametrize("file", FILES)
def test_a_network_lies_in_the_bundle(bundle, file):
    members = json.loads((bundle / file_names.BUNDLE).read_text())["members"]
    members[0]["file"] = file
    changed(bundle, members=members)
    with pytest.raises(InputError, match="members are networks, each a"):
        Bundle.read(bundle)


@pytest.mark.parametrize("temperature", [NAN, 0, -1, INF, "1"])
def test_temperatures_are_above_zero(bundle, temperature):
    members = json.loads((bundle / file_names.BUNDLE).read_text())["members"]
    members[0]["temperatures"] = {"empty": temperature}
    changed(bundle, members=members)
    with pytest.raises(InputError):
        Bundle.read(bundle)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + bytes(100)])
def test_a_network_that_is_none_is_told(bundle, content):
    members = json.loads((bundle / file_names.BUNDLE).read_text())["members"]
    (bundle / members[0]["file"]).write_bytes(content)
    members[0]["sha256"] = hashlib.sha256(content).hexdigest()
    changed(bundle, members=members)
    with pytest.raises(InputError, match="a Keras model that this version reads"):
        Bundle.read(bundle).networks()


@pytest.mark.parametrize("text", ["", "{", "[" * 50_000, "NaN", "[]", "7", '{"a": ' * 50_000])
def test_a_description_that_is_none(bundle, text):
    (bundle / file_names.BUNDLE).write_text(text)
    with pytest.raises(InputError):
        Bundle.read(bundle)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_numbers_are_finite(value):
    with pytest.raises(InputError, match="finite"):
        from_json(value, float, "x")
