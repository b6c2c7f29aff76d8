"""Pictures answered by Apache Beam, on the machines of a cluster.

    camtrap predict ... --engine=beam --beam_options="--runner=FlinkRunner --flink_master=HOST:8081"

The tasks are those of `prediction_job`: each answers one block into one file, does nothing where
it stands already and may be tried again. Pictures, bundle and results folder lie where every
worker sees them, and the package is installed on the workers. `beam.py` has the options.
"""

import functools
import os
import pickle
from pathlib import Path

from camtrap_tf.core import beam_runner
from camtrap_tf.core.artifacts import as_path, is_remote
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.prediction.job import Job
from camtrap_tf.prediction.predict import Engine, Work
from camtrap_tf.prediction.predictor import Options, Predictor


def engine(options: list[str]) -> Engine:
    """An engine for `predict.predict`.

    Args:
        options: of Beam's pipeline, such as ['--runner=FnApiRunner'].
    """

    def run(work: Work, pictures_left: int) -> None:
        numbers = [block.number for block in work.job.pending()]
        where = (work.bundle.folder, work.root, work.job.folder)
        beam_runner.run(numbers, answer_one, (*map(_absolute, where), work.options), options)

    return run


def answer_one(number: int, bundle: str, root: str, folder: str, options: Options) -> int:
    """On a worker: answers a block of a job; returns its number."""
    job = Job(as_path(folder), {})
    if not job.has(number):
        for block, answers in _predictor(bundle, pickle.dumps(options)).answer(
            [job.block(number)], root
        ):
            job.write(block, answers)
    return number


@functools.lru_cache(maxsize=1)
def _predictor(bundle: str, options: bytes) -> Predictor:
    """Kept from block to block; by pickled options, since a detector's tables have no hash."""
    return Predictor(Bundle.read(bundle), pickle.loads(options))


def _absolute(path: Path) -> str:
    return str(path) if is_remote(path) else os.path.abspath(path)
