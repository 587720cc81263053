"""Signs of life of a server that answers no probe: it may be too busy with requests to answer anything else."""

import time

from infra.backends.slots import Slots

QUIET_SECONDS, QUIET_SECONDS_MAX = 10.0, 60.0
"""It is taken to work for so long after anything came from it, or for two usual requests, if that is longer."""


class Signs:
    """Of one backend, whose `slots` say whether it has anything to do."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._heard_at = 0.0

    def heard(self) -> None:
        """Something has come, of an answer or to a probe."""
        self._heard_at = time.monotonic()

    @property
    def works(self) -> bool:
        """Whether there is reason to believe it."""
        usual = min(max(QUIET_SECONDS, 2 * self._slots.seconds), QUIET_SECONDS_MAX)
        return self._slots.busy > 0 and time.monotonic() - self._heard_at < usual
