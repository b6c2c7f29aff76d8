"""What an artefact was asked to be, so that the same command finds it done."""

from collections.abc import Mapping
from typing import Any

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.errors import InputError

ANOTHER = "Give another folder, or delete this one first."


def check_same(folder: PathLike, there: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> None:
    """Checks that a finished artefact is what is asked for.

    Args:
        folder: of the artefact.
        there: what it was made from, values by name; None where an earlier version made it, which
            did not write that down.
        asked: what is asked for.

    Raises:
        InputError: it was made from something else; the message says from what.
    """
    if there is None:
        raise InputError(
            f"{folder} is new, or made by the same command",
            "the folder does not say what it was made from: an earlier version made it",
            ANOTHER,
        )
    different = [
        f"{name}: {there.get(name)} there, {asked.get(name)} asked for"
        for name in {**there, **asked}
        if there.get(name) != asked.get(name)
    ]
    if different:
        raise InputError(f"all of {folder} is made by one command", "; ".join(different), ANOTHER)
