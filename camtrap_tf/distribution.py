"""Which devices train."""

import tensorflow as tf

from camtrap_tf.errors import InputError


def strategy(replicas: int) -> tf.distribute.Strategy:
    """A strategy over this machine's devices.

    Args:
        replicas: 0 = every GPU there is, or the processor where there is none; n = the first n
            GPUs, or the processor split into n logical devices.

    Raises:
        InputError: not so many devices.
    """
    devices = _devices(replicas)
    if len(devices) == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices)


def _devices(replicas: int) -> list[str]:
    gpus = [f"/gpu:{i}" for i in range(len(tf.config.list_logical_devices("GPU")))]
    if gpus:
        if replicas > len(gpus):
            raise InputError(
                "replicas is at most the number of GPUs", replicas, f"There are {len(gpus)}."
            )
        return gpus[: replicas or len(gpus)]
    if replicas <= 1:
        return ["/cpu:0"]
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
