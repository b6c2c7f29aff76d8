"""Networks that were trained elsewhere, as they are: pictures in, features out."""

import keras
from keras import layers

from camtrap_tf.networks.architectures import lite


def load_backbone(name: str, side: int = 0) -> keras.Model:
    """A network with its ImageNet weights and without its head.

    Args:
        name: 'lite0', 'lite1' or 'lite2'.
        side: height and width of the pictures, pixels; 0: what the weights were trained on
            (224, 240, 260).

    Returns:
        `[batch, side, side, 3]` RGB pixels 0-255, uint8 or float32 -> `[batch, 1280]` float32,
        none negative.

    Raises:
        InputError: the weights are not on this computer; the message has the command.
    """
    side = side or lite.TABLE[name].side
    image = keras.Input((side, side, 3), name="image")
    subtract, divide = lite.SCALING.subtract[0], lite.SCALING.divide[0]
    scaled = layers.Rescaling(1 / divide, -subtract / divide, name="scaling")(image)
    features = lite.pooled(scaled, lite.TABLE[name], lite.PUBLISHED_MOMENTUM)
    model = keras.Model(image, features, name=name)
    lite.load(model, name)
    return model
