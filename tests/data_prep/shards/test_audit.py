import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from camtrap_tf import cli
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.events import records
from camtrap_tf.events.table import EventTable
from data_prep.choice import select, splits
from data_prep.shards import audit, plan
from data_prep.shards import write as shard
from data_prep.sources import coco

SPEC = PictureSpec(size=64)


def scene(seed: int) -> Image.Image:
    """A picture of soft random structure, 160 x 120."""
    random = np.random.default_rng(seed)
    small = Image.fromarray(random.integers(0, 255, (9, 12, 3), np.uint8))
    return small.resize((160, 120), Image.Resampling.BICUBIC)


def again(image: Image.Image, quality: int, size: tuple[int, int]) -> Image.Image:
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def write(folder, changed=None, sites=None, rule="by hand"):
    """Eight events of one picture each, the last two in 'test'; `changed`: event -> picture."""
    events = [f"e{k}" for k in range(8)]
    for k, event in enumerate(events):
        image = (changed or {}).get(event) or scene(k)
        image.convert("RGB").save(folder / f"{event}.png")
    table = EventTable(
        pd.DataFrame({"event_id": events, "site": sites or list("AABBCCDD")}),
        pd.DataFrame({"event_id": events, "path": [f"{event}.png" for event in events]}),
        pd.DataFrame({"event_id": events, "species": "fox"}),
    )
    split = np.array(["train"] * 6 + ["test"] * 2)
    planned = plan.make(table, split, split_rule=rule)
    return shard.write_shards(planned, folder, folder / "out", SPEC, processes=1)


def found(folder, **options):
    offences = audit.audit(folder / "out", processes=1, **options)
    return [(one.kind, one.what, one.other) for one in offences]


def test_clean_splits_have_no_offenders(tmp_path):
    write(tmp_path, rule="site, shares 0.8/0.1/0.1")
    assert audit.audit(tmp_path / "out", processes=2) == []


def test_a_site_in_two_splits_is_found_where_the_rule_promises_none(tmp_path):
    write(tmp_path, sites=list("AABBCCCD"), rule="site, shares 0.8/0.1/0.1")
    assert found(tmp_path) == [("site", "C", "")]
    assert found(tmp_path, sites=False) == []


def test_an_event_and_its_picture_in_two_splits_are_found(tmp_path):
    result = write(tmp_path)
    train, test = result.shards
    whole = (tmp_path / "out" / train.file).read_bytes()
    (tmp_path / "out" / test.file).write_bytes(whole)
    copied = dataclasses.replace(test, events=6, frames=6, sha256=train.sha256)
    dataclasses.replace(result, shards=(train, copied)).write()
    kinds = [kind for kind, _, _ in found(tmp_path)]
    assert {kind: kinds.count(kind) for kind in audit.KINDS if kind in kinds} == {
        "event": 6, "path": 6, "identical": 6,
    }  # fmt: skip


def test_an_identical_picture_under_another_name_is_found(tmp_path):
    write(tmp_path, {"e7": scene(2)})
    assert sorted(found(tmp_path)[0][1:]) == ["e2.png", "e7.png"]
    assert [kind for kind, _, _ in found(tmp_path)] == ["identical"]


@pytest.mark.parametrize(
    ("quality", "size"), [(95, (160, 120)), (50, (160, 120)), (90, (100, 75)), (75, (640, 480))]
)
def test_a_copy_encoded_anew_or_resized_is_found(tmp_path, quality, size):
    write(tmp_path, {"e7": again(scene(2), quality, size)}, sites=list("AABBCCDB"))
    ((kind, *names),) = found(tmp_path)
    assert (kind, sorted(names)) == ("near_same_site", ["e2.png", "e7.png"])


def pictures(hashes: list[int], thumbnails: np.ndarray, sites: list[str]) -> audit._Pictures:
    """Pictures of which one half is in 'train', the other in 'test'."""
    number = len(hashes)
    names = np.array([f"{i}" for i in range(number)], object)
    split = np.repeat(["train", "test"], number // 2)
    digests = np.arange(number, dtype=np.uint64)
    texts = names, np.array(sites, object), names
    return audit._Pictures([], split, *texts, digests, np.array(hashes, np.uint64), thumbnails)


def test_near_is_both_four_bits_and_a_little_of_grey():
    flat = np.zeros((2, 32, 32), np.uint8)
    flat[1, :, ::2] = 2  # less its mean it is a level away everywhere
    assert audit._alike(pictures([0b1111, 0], flat, ["A", "B"])) == []
    flat[1, :, ::2] = 1  # half a level
    (offence,) = audit._alike(pictures([0b1111, 0], flat, ["A", "B"]))
    assert (offence.kind, offence.what, offence.other) == ("near", "0", "1")
    assert audit._alike(pictures([0b11111, 0], flat, ["A", "B"])) == []


def test_four_bits_are_found_wherever_they_are():
    rng = np.random.default_rng(0)
    for _ in range(200):
        one = int(rng.integers(0, 2**63, dtype=np.uint64))
        other = one
        for bit in rng.choice(63, 4, replace=False):
            other ^= 1 << int(bit)
        both = pictures([one, other], np.zeros((2, 32, 32), np.uint8), ["A", "B"])
        assert audit._close_pairs(both) == [(0, 1)]


def test_two_unknown_sites_are_not_one(tmp_path):
    write(tmp_path, {"e7": again(scene(2), 95, (160, 120))}, sites=[None] * 8)
    ((kind, *names),) = found(tmp_path, sites=True)
    assert (kind, sorted(names)) == ("near", ["e2.png", "e7.png"])


def test_a_picture_too_few_is_found(tmp_path):
    result = write(tmp_path)
    first, *rest = result.shards
    wrong = dataclasses.replace(first, frames=first.frames + 1)
    dataclasses.replace(result, shards=(wrong, *rest)).write()
    (offence,) = audit.audit(tmp_path / "out", processes=1)
    assert (offence.kind, offence.what) == ("damaged", first.file)
    assert "6 events and 6 pictures; the manifest says otherwise" in offence.where


def test_damaged_shards_are_found(tmp_path):
    result = write(tmp_path)
    file = tmp_path / "out" / result.shards[0].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    ((kind, name, _),) = found(tmp_path)
    assert (kind, name) == ("damaged", result.shards[0].file)


def test_a_shard_of_other_whole_records_is_found(tmp_path):
    """As many events and pictures, each with its own checksum, but not those of the manifest."""
    result = write(tmp_path)
    file = tmp_path / "out" / result.shards[0].file
    stored = list(records.read_file(file))
    records.write_file(file, [*stored[1:], stored[0]])
    (offence,) = audit.audit(tmp_path / "out", processes=1)
    assert (offence.kind, offence.what) == ("damaged", result.shards[0].file)
    assert "checksum" in offence.where


def test_the_hash_of_a_hand_made_thumbnail():
    columns = np.mgrid[0:32, 0:32][1]
    wave = 100 + 90 * np.cos(np.pi * (2 * columns + 1) * 3 / 64)  # frequency 3 along the rows
    value = int(audit.perceptual_hash(wave[None])[0])
    assert value >> 2 & 1  # coefficient (0, 3), the third after the mean
    transposed = int(audit.perceptual_hash(wave.T[None])[0])
    assert transposed >> 23 & 1  # coefficient (3, 0): 8 * 3 - 1


def test_the_command_fails_with_the_offenders(tmp_path, capfd, caplog):
    write(tmp_path, {"e7": scene(2)})
    caplog.set_level("INFO", "camtrap")
    arguments = ["audit", str(tmp_path / "out"), "--processes=1", f"--out={tmp_path / 'o.csv'}"]
    assert cli.main(arguments) == 2
    assert "received {'identical': 1}" in capfd.readouterr().err
    assert "e2.png" in caplog.text
    assert "identical," in (tmp_path / "o.csv").read_text()
    assert cli.main([*arguments, "--allow=identical"]) == 0
    assert cli.main([*arguments, "--allow=other"]) == 2


def test_california_by_day_is_clean_until_a_copy_is_planted(shared_data, tmp_path):
    california = shared_data / "california"
    table = select.select(coco.read(california / "california.json"))
    table = table.keep(table.events["event_id"][::3])
    split = splits.assign(table, "day", (0.6, 0.2, 0.2), 0)
    planned = plan.make(table, split)
    spec = PictureSpec(size=256)
    shard.write_shards(planned, california, tmp_path / "clean", spec, processes=1)
    assert audit.audit(tmp_path / "clean") == []

    paths = planned.paths.copy()
    train = paths[5]
    copy = again(Image.open(california / train), 60, (200, 200))
    copy.save(tmp_path / "copy.jpg", quality=80)
    paths[-5] = str(tmp_path / "copy.jpg")
    shard.write_shards(
        dataclasses.replace(planned, paths=paths), california, tmp_path / "leak", spec, processes=1
    )
    offences = audit.audit(tmp_path / "leak")
    assert all(str(tmp_path / "copy.jpg") in (one.what, one.other) for one in offences)
    assert any({one.what, one.other} == {train, str(tmp_path / "copy.jpg")} for one in offences)
    assert {one.kind for one in offences} == {"near_same_site"}
