"""The way out of a review, which another process takes."""

import dataclasses
from typing import Protocol


@dataclasses.dataclass(frozen=True)
class Finish:
    """How far the way out is.

    Args:
        state: 'none', 'running', 'done' or 'failed'.
        step: what is being made, in words.
        message: why it failed, and the way out.
        files: what was made: `path` and `what` of each.
        commands: that go on from there.
    """

    state: str = "none"
    step: str = ""
    message: str | None = None
    files: tuple[dict, ...] = ()
    commands: tuple[str, ...] = ()


class Finisher(Protocol):
    """Makes what a review leads to, in the background."""

    def start(self) -> None:
        """Begins; where it has begun already, nothing more."""
        ...

    def progress(self) -> Finish:
        """How far it is."""
        ...
