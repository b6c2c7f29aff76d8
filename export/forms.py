"""How the numbers of a TFLite network are stored; light, since flags name them."""

import enum
from collections.abc import Iterable

from camtrap_tf.core.errors import InputError


class Form(enum.Enum):
    """How a network's numbers are stored."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"  # weights; computes in float32 where the device has no float16
    DYNAMIC = "dynamic"  # int8 weights per channel, activations quantised as they come
    INT8 = "int8"  # weights per channel and activations; see `quantisation`

    @property
    def quantised(self) -> bool:
        """Whether answers may differ by more than rounding."""
        return self in (Form.DYNAMIC, Form.INT8)


USUAL = (Form.FLOAT32, Form.FLOAT16, Form.DYNAMIC)  # what needs no representative pictures


def check_shards(forms: Iterable[Form], recall: float | None, shards: object) -> None:
    """Raises InputError where shards are needed and not given."""
    needing = [f"--form={Form.INT8.value}"] * (Form.INT8 in forms)
    needing += ["--recall"] * (recall is not None)
    if needing and not shards:
        raise InputError(
            f"{' and '.join(needing)} {'need' if needing[1:] else 'needs'} labelled pictures",
            "no --shards",
            "Give the shards that the bundle was trained on.",
        )
