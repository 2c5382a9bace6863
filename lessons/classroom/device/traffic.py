"""What travels between host and device, who waits, and how much is launched."""

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """A copy or a wait.   what: "float", "bool", "get", "print", "mask", "count", "index", "asarray", "synchronize"."""

    what: str
    file: str
    line: int  # of whoever called
    up: int = 0  # bytes to the device
    down: int = 0  # bytes to the host


@dataclass
class Traffic:
    """What travelled, who waited, and how much was launched. A copy to the host waits as well: for what it copies."""

    events: list = field(default_factory=list)
    launches: int = 0
    drawn: int = 0  # how often random numbers were drawn on the device

    @property
    def copies(self):
        """Those that carry an array to the device, or numbers to the host."""
        return [event for event in self.events if event.up or (event.down and event.what not in ("mask", "count"))]

    @property
    def waits(self):
        return [event for event in self.events if not event.up]

    def __str__(self):
        size = sum(event.up + event.down for event in self.copies)
        told = f"{size} bytes" if size < 1000 else f"{size / 1e3:.1f} kB" if size < 1e6 else f"{size / 1e6:.1f} MB"
        names = ((len(self.copies), "copy", "copies"), (len(self.waits), "wait", "waits"), (self.launches, "launch", "launches"))
        copies, waits, launches = (f"{n:,} {one if n == 1 else many}" for n, one, many in names)
        return f"{copies} ({told}), {waits}, {launches}"


NOW = [Traffic()]  # the last one counts


def count(what, up=0, down=0):
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("lessons", "minivit", "numpy"):
        frame = frame.f_back
    NOW[-1].events.append(Event(what, frame.f_code.co_filename, frame.f_lineno, up, down))


def launch(number=1):
    NOW[-1].launches += number
