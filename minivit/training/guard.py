"""The guard against losses that are no numbers."""

import numpy as np

from ..backend import array_module


class Guard:
    """The first step of an epoch at which a loss or a gradient was no finite number; 0 while all were. It stays on the device
    of what it looks at, so that nobody waits for a GPU before a log line is due.

        guard.look(loss, step)
        optimizer.step(grads, unless=guard.step)      from the first bad step on nothing is updated
        guard.check(...)                              raises ValueError with the step
    """

    def __init__(self, xp):
        self.step = xp.zeros((), np.int64)

    def look(self, value, step):
        xp = array_module(self.step)
        self.step = xp.where((self.step == 0) & ~xp.isfinite(value), step, self.step)

    def check(self, optimizer, step, epoch, recipe):
        """Raises ValueError if there was such a step, or if the update of `step` has ruined the weights."""
        if not self.step and not optimizer.finite():
            self.step = step
        if self.step:
            raise ValueError(
                f"the loss stopped being a number at step {int(self.step)} (epoch {epoch} of {recipe.epochs}): "
                f"lower the learning rate, which is {recipe.lr:g}, or look for broken images"
            )
