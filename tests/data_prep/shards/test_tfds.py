"""Shards open in TensorFlow Datasets as they are; the Serengeti exists as a builder."""

import numpy as np
import pytest
from PIL import Image

from camtrap_tf.core.config import PictureSpec
from data_prep import sources
from data_prep.choice import select
from data_prep.shards import plan, tfds_metadata, write

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

CONSENSUS = (
    "CaptureEventID,NumImages,DateTime,SiteID,LocationX,LocationY,NumSpecies,Species,Count,"
    "Standing,Resting,Moving,Eating,Interacting,Babies,"
    "NumClassifications,NumVotes,NumBlanks,Evenness",
    *(f"E{k},2,2011-11-14 06:19:58,I1{k},1,2,1,zebra,2,1,0,0,0,0,0,12,11,1,0.5" for k in range(6)),
)


@pytest.fixture
def dryad(tmp_path):
    """Six zebra events and three empty ones of two pictures each; one picture is damaged."""
    folder = tmp_path / "dryad"
    rows = [f"E{k},S1/I1{k}/P{n}.JPG" for k in range(9) for n in range(2)]
    (folder / "images").mkdir(parents=True)
    (folder / "consensus_data.csv").write_text("\n".join(CONSENSUS) + "\n")
    (folder / "all_images.csv").write_text("\n".join(["CaptureEventID,URL_Info", *rows]) + "\n")
    for k, row in enumerate(rows):
        path = folder / "images" / row.split(",")[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + k, 30), (10 * k, 100, 50)).save(path)
    (folder / "images" / "S1" / "I10" / "P1.JPG").write_bytes(b"no picture")
    return folder


def by_id(dataset):
    return {example["event_id"].decode(): example for example in dataset.as_numpy_iterator()}


def test_a_folder_of_shards_is_a_tfds_data_set(dryad, tmp_path):
    import tensorflow_datasets as tfds

    table = select.select(sources.read("dryad", dryad))
    split = np.array(["train"] * 7 + ["test"] * 2)
    planned = plan.make(table, split, events_per_shard=4)
    spec = PictureSpec(size=16, keep_original=True)  # pictures of several sizes
    write.write_shards(planned, dryad / "images", tmp_path / "out", spec, processes=1)
    builder = tfds.builder_from_directory(tmp_path / "out")
    assert {name: info.num_examples for name, info in builder.info.splits.items()} == {
        "train": 7, "test": 2,
    }  # fmt: skip
    events = by_id(builder.as_dataset(split="train"))
    assert len(events) == 7
    for name, event in events.items():
        assert len(event["frames"]) == (1 if name == "E0" else 2)
        assert event["label/empty"] == (name in ("E6", "E7", "E8"))
        assert event["frame_label/species"].tolist() == [-1] * len(event["frames"])
    original = (dryad / "images" / "S1" / "I11" / "P0.JPG").read_bytes()
    assert events["E1"]["frames"][0] == original


def test_the_features_are_what_tfds_itself_writes():
    import tensorflow_datasets as tfds

    from camtrap_tf.core.labels import Vocabulary

    content = tfds_metadata.features(Vocabulary(("fox",), ("1",), ("moving",)))
    read = tfds.features.FeaturesDict.from_json(content)
    assert read.to_json() == content


def test_the_serengeti_as_a_builder(dryad, tmp_path):
    import tensorflow_datasets as tfds

    from data_prep.shards import tfds_builder

    builder = tfds_builder.SnapshotSerengeti(data_dir=tmp_path / "tfds", config="event")
    assert builder.name == "snapshot_serengeti"
    config = tfds.download.DownloadConfig(manual_dir=dryad)
    builder.download_and_prepare(download_config=config)
    found = {}
    for split in builder.info.splits:
        found |= by_id(builder.as_dataset(split=split))
    assert set(found) == {f"E{k}" for k in range(9)}
    assert len(found["E0"]["frames"]) == 1
    zebra = tfds_builder.SnapshotSerengeti.vocabulary.species.index("zebra")
    assert [found[f"E{k}"]["label/species"] for k in (0, 8)] == [zebra, -1]
