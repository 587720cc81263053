"""When a backend is there: "mon-fri 18:00-08:00 Europe/Berlin". A range over midnight belongs to the day it begins."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXAMPLE = '"mon-fri 18:00-08:00 Europe/Berlin"'
PATTERN = r"([A-Za-z,-]+ +)?[0-9]{1,2}:[0-9]{2} *- *[0-9]{1,2}:[0-9]{2} +[A-Za-z0-9_+/-]+"
_PARTS = re.compile(r"(?:([A-Za-z,-]+) +)?([0-9]{1,2}):([0-9]{2}) *- *([0-9]{1,2}):([0-9]{2}) +([A-Za-z0-9_+/-]+)")
_WHOLE_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes of the local day; where `end` is not after `begin` it is one of the next day."""

    days: frozenset[int]
    """0 is Monday."""
    begin: int
    end: int
    zone: str
    text: str
    """As the file says it."""

    def __str__(self) -> str:
        return self.text

    def spans(self, around: float) -> Iterator[tuple[float, float]]:
        """From … to in epoch seconds: that of the day before, of today, and of the eight days that follow."""
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(around, zone).date()
        for step in range(-1, 9):
            day = today + timedelta(days=step)
            if day.weekday() in self.days:
                last = day if self.end > self.begin else day + timedelta(days=1)
                yield _instant(day, self.begin, zone), _instant(last, self.end, zone)


def hours(text: str) -> Hours:
    """Reads one line; raises ValueError with a sentence."""
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f'"{text[:60]}" is no time of the week with its zone: write it as in {EXAMPLE}')
    begin, end = _minutes(found[2], found[3], text), _minutes(found[4], found[5], text)
    if begin in (end, _WHOLE_DAY):
        raise ValueError(f'"{text[:60]}" begins when it ends: the whole day is 00:00-24:00')
    try:
        zone = ZoneInfo(found[6]).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{found[6][:60]}" is no time zone: write it as in Europe/Berlin, or UTC') from None
    return Hours(_days(found[1] or "mon-sun", text), begin, end, zone, text.strip())


def open_until(all_hours: Sequence[Hours], now: float) -> float | None:
    """Where one of them is now: when the earliest of those ends, to look again; None where it is closed."""
    return min(
        (end for each in all_hours for begin, end in each.spans(now) if begin <= now < end),
        default=None,
    )


def opens_at(all_hours: Sequence[Hours], now: float) -> float:
    """When the next of them begins, in epoch seconds."""
    return min(begin for each in all_hours for begin, _ in each.spans(now) if begin > now)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> float:
    """A local time as an instant; one that a change of the clock leaves out is the moment of the change or after."""
    if minutes == _WHOLE_DAY:
        day, minutes = day + timedelta(days=1), 0
    return datetime.combine(day, time(minutes // 60, minutes % 60), zone).astimezone(UTC).timestamp()


def _minutes(hour: str, minute: str, text: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > _WHOLE_DAY:
        raise ValueError(f'"{text[:60]}": there is no {hour}:{minute}, a day goes from 00:00 to 24:00')
    return found


def _days(text: str, whole: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f'"{whole[:60]}": days are {", ".join(DAYS)}, as in mon-fri or sat,sun')
        begin = DAYS.index(first)
        found |= {(begin + step) % 7 for step in range((DAYS.index(last) - begin) % 7 + 1 if dash else 1)}
    return frozenset(found)
