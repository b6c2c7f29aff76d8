"""Shards written by Apache Beam, on the machines of a cluster.

    camtrap shard ... --engine=beam --beam_options="--runner=FlinkRunner --flink_master=HOST:8081"

The tasks are those of `tasks.write_shard`: each writes one file, does nothing where it stands
already and may be tried again. Pictures and shards lie where every worker sees them, on a
common disk or under gs://, s3:// or hdfs://, and the package is installed on the workers.
`camtrap_tf/core/beam_runner.py` has the options of runners.
"""

import logging
import pickle
from pathlib import Path

from camtrap_tf.core import beam_runner
from camtrap_tf.core.artifacts import as_path, atomic, is_remote
from camtrap_tf.core.config import PictureSpec
from data_prep.shards.plan import Plan
from data_prep.shards.tasks import Report, read_report, write_shard
from data_prep.shards.write import Engine

log = logging.getLogger("camtrap")
_TASKS = ".tasks"


def engine(options: list[str]) -> Engine:
    """An engine for `shard.write_shards`.

    Args:
        options: of Beam's pipeline, such as ['--runner=FnApiRunner'].
    """

    def run(plan: Plan, images: Path, folder: Path, picture: PictureSpec) -> list[Report]:
        files = [_leave(task, folder) for task in plan.tasks()]
        try:
            beam_runner.run(files, write_one, (str(images), str(folder), picture), options)
        finally:
            for file in files:
                as_path(file).unlink(missing_ok=True)
            if not is_remote(folder):  # stores of objects have no folders
                (folder / _TASKS).rmdir()
        return [read_report(folder / shard[0]) for shard in plan.shards]

    return run


def write_one(task_file: str, images: str, folder: str, picture: PictureSpec) -> str:
    """On a worker: writes the shard of a task that lies in a file; returns its name."""
    task = pickle.loads(as_path(task_file).read_bytes())
    write_shard(task, images, folder, picture)
    return task.file


def _leave(task, folder: Path) -> str:
    """Writes a task where workers find it, which is named in the pipeline."""
    path = folder / _TASKS / f"{task.file}.pickle"
    with atomic(path) as temporary:
        temporary.write_bytes(pickle.dumps(task))
    return str(path)
