"""Losses over several heads, exact under any number of replicas."""

from collections.abc import Mapping

import tensorflow as tf

from camtrap_tf.core.labels import MISSING


def head_sums(
    logits: Mapping[str, tf.Tensor],
    labels: Mapping[str, tf.Tensor],
    smoothing: float = 0.0,
    weights: Mapping[str, tf.Tensor] | None = None,
    noise: Mapping[str, tf.Tensor] | None = None,
) -> dict[str, dict[str, tf.Tensor]]:
    """Per head, sums over the rows that have a label.

    Args:
        logits: by head, [batch, classes] float32.
        labels: by head, [batch] int32, -1 = missing.
        smoothing: share of the target spread evenly over the classes, in [0, 1).
        weights: by head, [classes] float32, of the loss of each class; absent heads weigh 1.
        noise: by head, [classes, classes] float32, the probability of each label (column) of a
            picture of each class (row); absent heads' labels are taken for true. The loss is
            then that of the label given the picture (forward correction, Patrini et al. 2017).

    Returns:
        By head: `loss` (summed cross-entropy, nats), `correct` (rows whose top class is
        right), `count` (rows that have a label); each [] float32.
    """
    weights, noise = weights or {}, noise or {}
    return {
        head: _sums(logits[head], labels[head], smoothing, weights.get(head), noise.get(head))
        for head in labels
    }


def _sums(logits: tf.Tensor, labels: tf.Tensor, smoothing: float, weights, noise) -> dict:
    known = tf.cast(labels != MISSING, tf.float32)
    safe = tf.maximum(labels, 0)
    if noise is None:
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(safe, logits)
    else:
        told = tf.gather(tf.transpose(tf.math.log(noise)), safe)  # [batch, classes]
        loss = -tf.reduce_logsumexp(tf.nn.log_softmax(logits) + told, axis=-1)
    if smoothing:
        even = -tf.reduce_mean(tf.nn.log_softmax(logits), axis=-1)
        loss = (1 - smoothing) * loss + smoothing * even
    if weights is not None:
        loss *= tf.gather(weights, safe)
    top = tf.argmax(logits, axis=-1, output_type=tf.int32)
    return {
        "loss": tf.reduce_sum(loss * known),
        "correct": tf.reduce_sum(tf.cast(top == safe, tf.float32) * known),
        "count": tf.reduce_sum(known),
    }


def failures(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """How a network failed on each row of a head: [batch] int32.

    Args:
        logits: [batch, classes] float32.
        labels: [batch] int32, -1 = missing.

    Returns:
        0 = right, or no label; 1 = the best guess is wrong; 2 = all of the five best are.
    """
    safe = tf.maximum(labels, 0)
    wrong = [tf.logical_not(tf.math.in_top_k(safe, tf.cast(logits, tf.float32), k)) for k in (1, 5)]
    level = tf.cast(wrong[0], tf.int32) + tf.cast(wrong[1], tf.int32)
    return tf.where(labels == MISSING, 0, level)


def mean_loss(sums: Mapping[str, Mapping[str, tf.Tensor]], counts: Mapping[str, tf.Tensor]):
    """Unweighted sum over heads of the mean cross-entropy of labelled rows.

    Args:
        sums: of this replica's rows (`head_sums`).
        counts: labelled rows by head over *all* replicas, so that the replicas' losses add up
            to the loss of the global batch. A head without labels in the batch adds nothing.
    """
    return tf.add_n([tf.math.divide_no_nan(sums[head]["loss"], counts[head]) for head in sums])


def weight_penalty(kernels: list[tf.Variable], weight_decay: tf.Tensor) -> tf.Tensor:
    """L2 loss `weight_decay * sum(w**2) / 2` over convolution and dense kernels."""
    return weight_decay * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
