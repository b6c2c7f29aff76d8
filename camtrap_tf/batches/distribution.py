"""Which devices train, and each replica's share of a batch."""

import dataclasses

import tensorflow as tf

from camtrap_tf.core import preemption
from camtrap_tf.core.config import Strategy
from camtrap_tf.core.errors import InputError

_PROCESSOR = "/cpu:0"


@dataclasses.dataclass(frozen=True)
class Share:
    """The rows of every global batch that one worker reads, and how it deals them out.

    Args:
        worker: number of this worker.
        workers: how many there are.
        replicas: of all workers together.
    """

    worker: int = 0
    workers: int = 1
    replicas: int = 1


def strategy(kind: Strategy, replicas: int = 0) -> tf.distribute.Strategy:
    """A strategy of the given kind.

    Args:
        kind: see `Strategy`.
        replicas: of `Strategy.LOCAL`: 0 = every GPU there is, or the processor where there is
            none; n = the first n GPUs, or the processor split into n logical devices.

    Raises:
        InputError: not so many devices, no TF_CONFIG, no TPU.
    """
    return {Strategy.LOCAL: _local, Strategy.MULTI_WORKER: _workers, Strategy.TPU: _tpu}[kind](
        replicas
    )


def share(strategy: tf.distribute.Strategy) -> Share:
    """This process's share of every batch."""
    replicas = strategy.num_replicas_in_sync
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return Share(replicas=replicas)
    workers = len(resolver.cluster_spec().as_dict()["worker"])
    return Share(resolver.task_id, workers, replicas)


def _local(replicas: int) -> tf.distribute.Strategy:
    devices = _devices(replicas)
    if devices == [_PROCESSOR]:
        # The default one reads a dataset as it is. The others' iterators tune themselves in a
        # thread that sleeps 10 ms, then twice as long each time: an epoch ends when it wakes.
        return tf.distribute.get_strategy()
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _workers(replicas: int) -> tf.distribute.Strategy:
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    jobs = resolver.cluster_spec().as_dict()
    if list(jobs) != ["worker"] or resolver.task_id is None:
        raise InputError(
            "strategy 'multi_worker' finds its workers in TF_CONFIG",
            jobs,
            'Set TF_CONFIG={"cluster": {"worker": ["host:port", ...]}, "task": {"type": '
            '"worker", "index": 0}} on every worker, each with its own index.',
        )
    with preemption.held_back():
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _tpu(replicas: int) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise InputError(
            "strategy 'tpu' finds a TPU",
            str(error).strip().splitlines()[0],
            "Run on a machine with a TPU attached (TPU_NAME names it) and its TensorFlow build.",
        ) from error
    return tf.distribute.TPUStrategy(resolver)


def _devices(replicas: int) -> list[str]:
    gpus = [f"/gpu:{i}" for i in range(len(tf.config.list_physical_devices("GPU")))]
    if gpus:
        if replicas > len(gpus):
            raise InputError(
                "replicas is at most the number of GPUs", replicas, f"There are {len(gpus)}."
            )
        return gpus[: replicas or len(gpus)]
    if replicas <= 1:
        return [_PROCESSOR]
    split_processor(replicas)
    return [f"/cpu:{i}" for i in range(replicas)]


def split_processor(parts: int) -> None:
    """Makes the processor appear as `parts` logical devices; a stand-in for several GPUs.

    Raises:
        InputError: TensorFlow already runs with another number of them.
    """
    processor = tf.config.list_physical_devices("CPU")[0]
    present = tf.config.get_logical_device_configuration(processor) or []
    if len(present) == parts:
        return
    try:
        tf.config.set_logical_device_configuration(
            processor, [tf.config.LogicalDeviceConfiguration()] * parts
        )
    except RuntimeError as error:
        raise InputError(
            "logical devices are set before TensorFlow is used", parts, "Start a new process."
        ) from error
