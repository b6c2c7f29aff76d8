"""The manifest: what a folder of shards holds, so that readers need not count.

`manifest.json` lies beside the shards and is written last: a folder with a manifest is whole.
"""

import dataclasses
import typing
from pathlib import Path

from camtrap_tf.core import file_names
from camtrap_tf.core.artifacts import PathLike, existing_folder, read_json, write_json
from camtrap_tf.core.codec import from_json, to_json
from camtrap_tf.core.config import PictureSpec
from camtrap_tf.core.dropped import Dropped
from camtrap_tf.core.errors import InputError, require
from camtrap_tf.core.labels import Task, Vocabulary
from camtrap_tf.events.records import FRAMES, PARTS

KIND, VERSION = "shard manifest", 1
_AGAIN = "Copy it again, or write the shards anew with `camtrap shard`."


@dataclasses.dataclass(frozen=True)
class Shard:
    """One TFRecord file.

    Args:
        file: name, beside the manifest.
        split: 'train', 'val', 'test' or 'expert_test'.
        events: records in the file.
        frames: pictures in the file.
        frames_by_task: pictures that a task can learn from or be scored on, by `Task.value`.
        sha256: of the file's bytes.
    """

    file: str
    split: str
    events: int
    frames: int
    frames_by_task: dict[str, int]
    sha256: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds.

    Args:
        folder: where it lies (not stored).
        vocabulary: names of the labels, in index order.
        picture: how pictures were cut and resized before storing.
        mean, std: per channel (red, green, blue), of the stored pictures of the training
            split, on pixel values 0-255.
        shards: the files.
        class_counts: split -> head -> number of *frames* per class, by image-level label.
        split_rule: how events were assigned to splits, in words.
        seed: of the global shuffle and of random splits.
        dropped: what was left out, by rule.
        origin: where the events come from.
        picture_rule: `pictures.RULE` of the version that made the squares; 1 where a manifest
            does not tell.
        pictures: which of the stored pictures readers get, `records.FRAMES` or, see `of_parts`,
            `records.PARTS` (not stored).
    """

    folder: Path
    vocabulary: Vocabulary
    picture: PictureSpec
    mean: tuple[float, ...]
    std: tuple[float, ...]
    shards: tuple[Shard, ...]
    class_counts: dict[str, dict[str, list[int]]]
    split_rule: str
    seed: int
    dropped: Dropped
    origin: str = ""
    picture_rule: int = 1
    pictures: str = FRAMES

    def of_parts(self) -> "Manifest":
        """The same shards, of which readers get the parts around boxes in place of the squares.

        They are squares themselves, also where the squares are made of whole files.
        """
        picture = dataclasses.replace(self.picture, crops=False, keep_original=False)
        return dataclasses.replace(self, picture=picture, pictures=PARTS)

    def splits(self) -> list[str]:
        """Names of the splits that have shards, in the order of the manifest."""
        return list(dict.fromkeys(shard.split for shard in self.shards))

    def shards_of(self, split: str) -> list[Shard]:
        """The shards of a split.

        Raises:
            InputError: there is no such split.
        """
        shards = [shard for shard in self.shards if shard.split == split]
        if not shards:
            raise InputError(
                f"splits of {self.folder} are {', '.join(self.splits())}", split, "Pick one."
            )
        return shards

    def frames(self, split: str, task: Task | None = None) -> int:
        """Number of pictures in a split (that a task can use)."""
        shards = self.shards_of(split)
        if task is None:
            return sum(shard.frames for shard in shards)
        return sum(shard.frames_by_task[task.value] for shard in shards)

    def write(self) -> None:
        """Writes `manifest.json` into the folder, atomically."""
        content = dataclasses.asdict(self)
        del content["folder"], content["pictures"]
        content["vocabulary"] = self.vocabulary.to_json()
        content["picture"] = to_json(self.picture)
        write_json(self.folder / file_names.MANIFEST, KIND, VERSION, content)

    @classmethod
    def read(cls, folder: PathLike) -> "Manifest":
        """Reads the manifest of a folder of shards.

        Raises:
            InputError: no folder, no manifest, another version, or a shard is missing.
        """
        folder = existing_folder(folder, "a folder of shards")
        file = folder / file_names.MANIFEST
        content = read_json(file, KIND, VERSION)
        kinds = {
            name: kind
            for name, kind in typing.get_type_hints(cls).items()
            if name not in ("folder", "pictures")
        }
        missing = [name for name in kinds if name not in content and not hasattr(cls, name)]
        require(not missing, f"{file} tells all of a manifest", f"no {missing}", _AGAIN)
        told = {
            name: from_json(content[name], kind, f"{file}: {name}")
            for name, kind in kinds.items()
            if name in content
        }
        manifest = cls(folder, **told)
        manifest._check(file)
        return manifest

    def _check(self, file: PathLike) -> None:
        """Raises InputError where a shard is missing or lies elsewhere, or a number cannot be."""
        strange = [one.file for one in self.shards if one.file != Path(one.file).name]
        require(not strange, f"shards lie beside {file}", strange[:3], _AGAIN)
        absent = [one.file for one in self.shards if not (self.folder / one.file).is_file()]
        require(
            not absent, f"every shard of the manifest lies in {self.folder}", absent[:3],
            "Run `camtrap shard`.",
        )  # fmt: skip
        counts = [n for one in self.shards for n in (one.events, one.frames)]
        require(min(counts, default=0) >= 0, f"{file}: a number of pictures is at least 0",
                min(counts, default=0), _AGAIN)  # fmt: skip
        three = [len(self.mean), len(self.std)] == [3, 3]
        require(three, f"{file}: mean and std are of three colours", self.mean, _AGAIN)
