"""The weights that a training keeps beside those that it is changing: their moving average, and the best so far."""

from contextlib import contextmanager

from ..backend import array_module


class KeptWeights:
    """Flat copies of the trained parameters, laid out as the optimizer's groups are, whose order it keeps.

    average   the exponential moving average, if `decay` is above 0: what is tested and kept
    best      those of the highest score, if `patience` is above 0
    waited    how many scores ago that was
    """

    def __init__(self, optimizer, decay, patience):
        self.optimizer, self.decay, self.patience = optimizer, decay, patience
        self.average = self._now() if decay else []
        self.best = self._now() if patience else []
        self.best_score, self.waited = -1.0, 0

    def move_average(self, step):
        """average = decay * average + (1 - decay) * weights; at the start the decay is smaller, or the average would be that
        of the random weights for long."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for average, group in zip(self.average, self.optimizer.groups, strict=False):
            average += (1 - decay) * (group.values - average)

    def judge(self, score):
        """Keeps the weights that are in the model now, if no score was higher before."""
        if score > self.best_score:
            self.best_score, self.waited = score, 0
            for best, values in zip(self.best, self._now(), strict=False):
                best[...] = values
        else:
            self.waited += 1

    @property
    def out_of_patience(self):
        return bool(self.patience) and self.waited >= self.patience

    def averaged(self):
        """`with weights.averaged(): ...` runs its body with the average in the model, if there is one."""
        return self._in_the_model(self.average)

    def that_count(self):
        """The same with the best if there is patience, else the average if there is one, else the model's own."""
        return self._in_the_model((self.best if self.best_score >= 0 else []) or self.average)

    def _now(self):
        """The weights that are in the model, a flat copy a group."""
        flat = [[p.data.reshape(-1) for p in group.parameters] for group in self.optimizer.groups]
        return [array_module(parts[0]).concatenate(parts) for parts in flat]

    def put(self, buffers):
        """Writes flat weights into the model's parameters, wherever they are: a copy of a model has left the flat buffers."""
        for group, values in zip(self.optimizer.groups, buffers, strict=True):
            for parameter, part in zip(group.parameters, group.parts(), strict=True):
                parameter.data[...] = values[part].reshape(parameter.shape)

    @contextmanager
    def _in_the_model(self, buffers):
        if not buffers:
            yield
            return
        own = self._now()
        self.put(buffers)
        try:
            yield
        finally:
            self.put(own)

    def named_buffers(self):
        """{name: array} for a checkpoint; the counters are not among them."""
        return {f"average.{i}": a for i, a in enumerate(self.average)} | {f"best.{i}": b for i, b in enumerate(self.best)}
