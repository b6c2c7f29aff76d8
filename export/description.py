"""What an export carries of its bundle besides the networks."""

from camtrap_tf.core.codec import to_json
from camtrap_tf.networks.bundle import Bundle
from camtrap_tf.networks.pretrained import origins


def describe(bundle: Bundle, automatic_at: float) -> dict:
    """Labels, preprocessing and thresholds as JSON values; calibration is inside the graphs.

    Args:
        bundle: what is exported.
        automatic_at: probability from which an answer is taken without a human, in [0, 1].
    """
    return {
        "picture": to_json(bundle.picture),
        "context": bundle.context.value,
        "vocabulary": bundle.vocabulary.to_json(),
        "animal_threshold": bundle.animal_threshold,
        "familiarity_threshold": bundle.familiarity_threshold,
        "automatic_at": automatic_at,
        "model_version": bundle.version,
        "origins": origins.sentences(bundle.origins),
    }
