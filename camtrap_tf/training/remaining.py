"""How long a run still takes: said once after its first steps, and from then on by epoch."""

import logging

from camtrap_tf.core.choices import duration
from camtrap_tf.core.commands import counted

MEASURED = 5.0  # seconds of steps that an estimate rests on
log = logging.getLogger("camtrap")


class Remaining:
    """Watches the calls of the compiled steps, and says how long the run will take.

    The first call, which compiles, does not count. Where an epoch ends before there is enough to
    go by, nothing is said: from then on the line of each epoch says it.

    Args:
        steps: of an epoch.
        epochs: of the run.
    """

    def __init__(self, steps: int, epochs: int):
        self.steps, self.epochs = steps, epochs
        self.calls = self.measured = self.before = 0
        self.seconds, self.compiling, self.said = 0.0, 0.0, False

    def add(self, steps: int, seconds: float, done: int) -> None:
        """Counts a call.

        Args:
            steps: of the call.
            seconds: that it took.
            done: steps of the run that are done, over all epochs.
        """
        self.calls += 1
        if self.calls == 1:
            self.compiling, self.before = seconds, done - steps
        self.said = self.said or done - self.before >= self.steps
        if self.calls == 1 or self.said:
            return
        self.measured += steps
        self.seconds += seconds
        if self.seconds >= MEASURED:
            self.said = True
            left = (self.steps * self.epochs - done) * self.seconds / self.measured
            log.info(
                "about %s for %s of %s, and the time to score each epoch",
                duration(left),
                counted(self.epochs, "epochs"),
                counted(self.steps, "steps"),
            )


def by_epoch(seconds: float, done: int, left: int) -> str:
    """What an epoch's line ends with: the time that the epochs to come will take.

    Args:
        seconds: since the first epoch of this process began, without compiling.
        done: epochs since then.
        left: epochs to come.

    >>> by_epoch(90.0, done=3, left=10), by_epoch(90.0, done=3, left=0)
    ('5 min left', '')
    """
    return f"{duration(seconds / done * left)} left" if left else ""
