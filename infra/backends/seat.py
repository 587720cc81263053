"""A slot in the hands of one request."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.backends.faults import FAILURES, TookTooLong
from infra.config.objects import Target
from infra.errors import GatewayError

if TYPE_CHECKING:
    from infra.backends.station import Station


class Seat:
    """A slot at a backend, held for one request. Release it on every way out; a second release does nothing."""

    def __init__(self, station: "Station", target: Target, others: Sequence["Station"], spare: bool) -> None:
        self.target = target
        self.adapter = station.adapter
        self._station: Station | None = station
        self._others = others
        self._spare = spare
        self._trial = station.ejection.take()
        self._number = None if station.holding is None else station.holding.number
        self._since = time.monotonic()
        self._failed = False

    def release(self, used: bool = True) -> None:
        """Frees the slot for the next in turn; what was not used or failed does not count for the speed."""
        station, self._station = self._station, None
        if station is not None:
            if self._trial:
                station.ejection.give_up()
            station.freed(self.adapter, time.monotonic() - self._since if used and not self._failed else None)

    @property
    def ejected(self) -> bool:
        """Whether its backend gets no requests at the moment."""
        return self._station is not None and self._station.ejection.ejected

    @property
    def lapsed(self) -> bool:
        """Whether others may have this slot by now: this process stood still for longer than its lease."""
        holding = None if self._station is None else self._station.holding
        return holding is not None and (not holding.sure() or holding.number != self._number)

    @property
    def contested(self) -> bool:
        """Whether there is anybody who may have it then."""
        holding = None if self._station is None else self._station.holding
        return holding is not None and bool(holding.others) and self.lapsed

    def began(self) -> None:
        """The first of the answer is here: a trial has succeeded."""
        if self._trial and self._station is not None:
            self._station.judge(self._station.ejection.began(trial=True), "readmitted")

    def goes_on(self) -> None:
        """More of the answer has come."""
        if self._station is not None:
            self._station.signs.heard()

    def worked(self) -> None:
        """The answer was whole."""
        if self._station is not None:
            trial, self._trial = self._trial, False
            self._station.judge(self._station.ejection.worked(trial=trial), "readmitted")

    def failed(self, error: GatewayError) -> None:
        """It was refused or broke off: counts against the backend where that was the backend's fault."""
        self._failed = True
        if self._station is None or not isinstance(error, FAILURES) or isinstance(error, TookTooLong):
            return
        trial, self._trial = self._trial, False
        last = not self._spare and not any(other.sound for other in self._others)
        self._station.noted("failed")
        self._station.judge(self._station.ejection.failed(trial=trial, last=last), "ejected")
