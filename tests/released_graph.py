"""The released code's networks, written a second time as TensorFlow 1 graphs.

An independent statement of the architectures, with the variable names that the released code's
checkpoints have; it stands in for those checkpoints, which are not in any package registry.
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.training import moving_averages

v1 = tf.compat.v1
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}


def _scoped(scope, function, *arguments, **options):
    with v1.variable_scope(scope):
        return function(*arguments, **options)


def _affine(x, shape, **strides):
    weights = v1.get_variable("weights", shape)
    biases = v1.get_variable("biases", shape[-1:])
    if len(shape) == 2:
        return tf.matmul(x, weights) + biases
    return tf.nn.conv2d(x, weights, strides["stride"], "SAME") + biases


def _normed(x):
    width = x.shape[-1:]
    beta, gamma = v1.get_variable("beta", width), v1.get_variable("gamma", width)
    mean = v1.get_variable("moving_mean", width, trainable=False)
    variance = v1.get_variable("moving_variance", width, trainable=False)
    values = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    for average, value in zip((mean, variance), values, strict=True):
        moving_averages.assign_moving_average(average, value, 0.9)
    return gamma * (x - mean) / tf.sqrt(variance + 0.001) + beta


def conv(x, kernel, stride, filters, relu=True, norm=True):
    x = _affine(x, (kernel, kernel, x.shape[-1], filters), stride=stride)
    x = _normed(x) if norm else x
    return tf.nn.relu(x) if relu else x


def dense(x, units):
    return tf.nn.relu(_normed(_affine(x, (x.shape[-1], units))))


def dense_stage1(x, units):
    return _normed(tf.nn.relu(_affine(x, (x.shape[-1], units))))


def flat(x):
    return tf.reshape(x, (-1, int(np.prod(x.shape[1:]))))


def pool(x, size, stride):
    return tf.nn.max_pool2d(x, size, stride, "SAME")


def resnet(x, depth):
    x = pool(_scoped("scale1", conv, x, 7, 2, 64), 3, 2)
    for stage, count in enumerate(BLOCKS[depth]):
        for block in range(count):
            with v1.variable_scope(f"scale{stage + 2}/block{block + 1}"):
                x = residual(x, 64 * 2**stage, 2 if stage and not block else 1, depth >= 50)
    return tf.reduce_mean(x, [1, 2])


def residual(x, filters, stride, bottleneck):
    if bottleneck:
        y = _scoped("a", conv, x, 1, stride, filters)
        y = _scoped("b", conv, y, 3, 1, filters)
        y = _scoped("c", conv, y, 1, 1, 4 * filters, relu=False)
    else:
        y = _scoped("A", conv, x, 3, stride, filters)
        y = _scoped("B", conv, y, 1, 1, filters, relu=False)
    if stride != 1 or x.shape[-1] != y.shape[-1]:
        x = _scoped("shortcut", conv, x, 1, stride, y.shape[-1], relu=False)
    return tf.nn.relu(x + y)


def vgg11(x, norm=True):
    for index, width in enumerate((64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)):
        x = _scoped(f"conv{index}", conv, x, 3, 1, width, norm=norm) if width else pool(x, 2, 2)
    x = flat(x)
    for name in ("fc1", "fc2"):
        x = _scoped(name, dense if norm else dense_stage1, x, 4096)
    return x


def alexnet(x):
    x = pool(_scoped("conv1", conv, x, 11, 4, 64), 3, 2)
    x = pool(_scoped("conv2", conv, x, 5, 1, 192), 3, 2)
    for name, width in (("conv3", 384), ("conv4", 256), ("conv5", 256)):
        x = _scoped(name, conv, x, 3, 1, width)
    x = flat(pool(x, 3, 2))
    return _scoped("fc2", dense, _scoped("fc1", dense, x, 4096), 4096)


def nin(x):
    for block, (kernel, stride, width) in enumerate(
        ((11, 4, 96), (5, 1, 256), (3, 1, 384), (3, 1, 1024)), start=1
    ):
        with v1.variable_scope(f"block{block}"):
            x = _scoped("conv1", conv, x, kernel, stride, width)
            x = _scoped("conv2", conv, x, 1, 1, width)
            x = _scoped("conv3", conv, x, 1, 1, width)
        x = pool(x, 3, 2) if block < 4 else tf.nn.avg_pool2d(x, 7, 1, "SAME")
    return flat(x)


TRUNKS = {
    "resnet18": lambda x: resnet(x, 18),
    "resnet34": lambda x: resnet(x, 34),
    "resnet50": lambda x: resnet(x, 50),
    "resnet101": lambda x: resnet(x, 101),
    "resnet152": lambda x: resnet(x, 152),
    "vgg11": vgg11,
    "vgg11_stage1": lambda x: vgg11(x, norm=False),
    "alexnet": alexnet,
    "nin": nin,
}


def shapes(trunk, size):
    """Shapes of a trunk's variables by name, without making them."""
    with tf.Graph().as_default():
        TRUNKS[trunk](v1.placeholder(tf.float32, (1, size, size, 3)))
        return {variable.op.name: tuple(variable.shape) for variable in v1.global_variables()}


def _drawn_values(seed):
    """Values as they could be after training, for what starts as zeros or ones."""
    rng = np.random.default_rng(seed)
    for variable in v1.global_variables():
        if variable.op.name.endswith(("gamma", "moving_variance")):
            yield variable, rng.uniform(0.5, 1.5, variable.shape)
        elif variable.op.name.endswith(("beta", "moving_mean", "biases")):
            yield variable, rng.normal(0, 0.1, variable.shape)


def write_checkpoint(path, trunk, outputs, pixels, seed=0):
    """Writes a checkpoint as training leaves it; returns the probabilities of each output.

    Args:
        path: prefix of the checkpoint.
        trunk: a name in TRUNKS.
        outputs: classes by scope, such as {"output0": 48, "output1": 12}.
        pixels: [n, size, size, 3] float, 0-255.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        x = tf.image.per_image_standardization(tf.constant(pixels, tf.float32))
        features = TRUNKS[trunk](x)
        logits = [
            _scoped(scope, _affine, features, (features.shape[-1], classes))
            for scope, classes in outputs.items()
        ]
        v1.get_variable("epoch_number", (), tf.int32, v1.zeros_initializer(), trainable=False)
        loss = tf.add_n([tf.reduce_mean(one**2) for one in logits])
        v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        session.run(v1.global_variables_initializer())
        session.run([v1.assign(variable, value) for variable, value in _drawn_values(seed)])
        answers = session.run([tf.nn.softmax(one) for one in logits])
        v1.train.Saver().save(session, str(path))
    return dict(zip(outputs, answers, strict=True))
