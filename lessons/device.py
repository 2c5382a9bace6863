"""A GPU to practise on where there is none: arrays that refuse what CuPy's refuse and count what would travel, and a clock on
which every launch takes its time. All numbers come from NumPy; nothing here is fast.

    with pretended() as traffic:           # as long as it lasts, `cupy` is this stand-in
        y = function(put(x))               # put and host are not counted, all else is
    print(traffic)                         # 2 copies (1.0 kB), 1 wait, 12 launches

Each rule is CuPy's own (14.2): what raises TypeError there does here, what waits there waits here.
"""

import contextlib
import sys
from unittest import mock

import numpy as np

from minivit.backend import gpu_status

from .classroom.device.arrays import ABSENT, FOREIGN, IMPLICIT, MIXED, DeviceArray, Refused
from .classroom.device.functions import CUPY
from .classroom.device.traffic import NOW, Event, Traffic

__all__ = ["ABSENT", "FOREIGN", "IMPLICIT", "MIXED", "Event", "Queue", "Refused", "Traffic", "host", "pretended", "put"]


def put(x):
    """A copy of the host's array x on the pretended device; not counted."""
    return DeviceArray(np.array(x))


def host(x):
    """The numbers of x, wherever it is, as a NumPy array; not counted."""
    return x._numbers if isinstance(x, DeviceArray) else np.asarray(x)


@contextlib.contextmanager
def pretended():
    """A Traffic, and while it counts, `cupy` is the stand-in: array_module finds it, and so does `import cupy`."""
    gpu_status()  # is remembered: it must have been asked of the real one
    NOW.append(Traffic())
    try:
        with mock.patch.dict(sys.modules, {"cupy": CUPY}):
            yield NOW[-1]
    finally:
        NOW.pop()


class Queue:
    """A GPU in virtual time: it works off what it was handed, one kernel after the other, while the host goes on.

    queue.launch(2e-3)      the host hands over a kernel that takes so many seconds, which costs it `cost` seconds
    queue.synchronize()     the host waits until all is done
    queue.clock()           what the host's clock shows, in seconds
    """

    def __init__(self, cost=5e-6):
        self.cost, self.now, self.free = cost, 0.0, 0.0
        self.kernels = []  # (handed over from, until, runs from, until)

    def clock(self):
        return self.now

    def launch(self, seconds):
        begun = self.now
        self.now += self.cost
        start = max(self.now, self.free)
        self.free = start + seconds
        self.kernels.append((begun, self.now, start, self.free))

    def synchronize(self):
        self.now = max(self.now, self.free)
