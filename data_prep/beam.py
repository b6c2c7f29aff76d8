"""Shards written by Apache Beam, on the machines of a cluster.

    camtrap shard ... --engine=beam --beam_options="--runner=FlinkRunner --flink_master=HOST:8081"

The tasks are those of `tasks.write_shard`: each writes one file, does nothing where it stands
already and may be tried again. Pictures and shards lie where every worker sees them, on a
common disk or under gs://, s3:// or hdfs://, and the package is installed on the workers.

    one machine  --runner=FnApiRunner --direct_num_workers=2
                 --direct_running_mode=multi_processing
    Flink        --runner=FlinkRunner --flink_master=HOST:8081 --environment_type=LOOPBACK
                 (or DOCKER with an image that has the package)
    Spark        --runner=SparkRunner --spark_master_url=spark://HOST:7077
    Dataflow     --runner=DataflowRunner --project=P --region=R --temp_location=gs://B/tmp
                 --sdk_container_image=IMAGE

Beam's default runner fetches a program from the internet; name one instead.
"""

import logging
import pickle
from pathlib import Path

import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

from camtrap_tf.artifacts import as_path, atomic, is_remote
from camtrap_tf.config import PictureSpec
from camtrap_tf.errors import InputError
from data_prep.plan import Plan
from data_prep.shard import Engine
from data_prep.tasks import Report, read_report, write_shard

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
            _run(files, (str(images), str(folder), picture), options)
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
    """Writes a task where workers find it: a pipeline itself may hold some megabytes only."""
    path = folder / _TASKS / f"{task.file}.pickle"
    with atomic(path) as temporary:
        temporary.write_bytes(pickle.dumps(task))
    return str(path)


def _run(files: list[str], arguments: tuple, options: list[str]) -> None:
    pipeline = apache_beam.Pipeline(options=PipelineOptions(options))
    tasks = pipeline | "tasks" >> apache_beam.Create(files)
    # Without a reshuffle a runner may fuse everything into one step of one worker.
    _ = tasks | apache_beam.Reshuffle() | "write" >> apache_beam.Map(write_one, *arguments)
    result = pipeline.run()
    state = result.wait_until_finish() or result.state
    if state != "DONE":
        raise InputError(
            "the Beam pipeline comes to its end",
            state,
            "See the runner's log; run the same command again to go on.",
        )
