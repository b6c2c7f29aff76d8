"""Requests that TensorFlow Serving runs on loading, so that the first visitor does not wait."""

import logging
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf.core.extras import install_command
from camtrap_tf.pictures import files

log = logging.getLogger("camtrap")
FILE = "tf_serving_warmup_requests"


def write_warmup(
    saved_model: Path, size: int, batch_sizes: tuple[int, ...] = (1, 8)
) -> Path | None:
    """Writes `assets.extra/tf_serving_warmup_requests` into a SavedModel.

    Args:
        saved_model: its version folder.
        size: height and width of the pictures sent, pixels.
        batch_sizes: of `serving_default` requests.

    Returns:
        The file; None, with a note, if the extra [serving] is not installed.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        log.info("no warm-up requests for TensorFlow Serving: %s", install_command("serving"))
        return None

    picture = files.encode_jpeg(np.full((size, size, 3), 128, np.uint8), 95)
    path = saved_model / "assets.extra" / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for count in batch_sizes:
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = "serving_default"
            request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto([picture] * count))
            request_log = prediction_log_pb2.PredictLog(request=request)
            entry = prediction_log_pb2.PredictionLog(predict_log=request_log)
            writer.write(entry.SerializeToString())
    return path
