"""What an export carries of its bundle besides the networks."""

from camtrap_tf.core.codec import to_json
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.detector.yolox import NAME
from camtrap_tf.networks.pretrained import origins
from camtrap_tf.networks.pretrained.weights import known


def describe(bundle: Bundle, automatic_at: float) -> dict:
    """Labels, preprocessing and thresholds as JSON values; calibration is inside the graphs.

    Args:
        bundle: what is exported.
        automatic_at: probability from which an answer is taken without a human, in [0, 1].
    """
    detector = (known(NAME).origin,) if bundle.needs_boxes else ()
    return {
        "picture": to_json(bundle.picture),
        "context": bundle.context.value,
        "vocabulary": bundle.vocabulary.to_json(),
        "animal_threshold": bundle.animal_threshold,
        "familiarity_threshold": bundle.familiarity_threshold,
        "event_rules": bundle.event_rules,
        "automatic_at": automatic_at,
        "model_version": bundle.version,
        "origins": origins.sentences((*bundle.origins, *detector)),
    }
