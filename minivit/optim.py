"""Optimizers, the learning-rate schedule, and clipping.

Every parameter lives in one of two flat buffers, decayed or not, and `parameter.data` is a view into it. An update is then
a few operations on two long arrays instead of a few hundred on short ones.
"""

import math

import numpy as np

from .backend import array_module
from .kernels import cuda


class _Group:
    """The parameters that share a weight decay, one after another in a flat buffer, with room for the optimizer's moments."""

    def __init__(self, parameters, weight_decay, moments):
        xp = array_module(parameters[0].data)
        self.parameters, self.weight_decay = parameters, weight_decay
        self.values = xp.concatenate([p.data.reshape(-1) for p in parameters])
        self.moments = [xp.zeros_like(self.values) for _ in range(moments)]
        start = 0
        for parameter in parameters:
            end = start + parameter.size
            parameter.data = self.values[start:end].reshape(parameter.shape)
            start = end
        self.views = [parameter.data for parameter in parameters]

    def flatten(self, gradients):
        """The gradients of this group's parameters, one after another as in `values`."""
        flat, start = array_module(self.values).empty_like(self.values), 0
        for parameter in self.parameters:
            end = start + parameter.size
            flat[start:end] = gradients[id(parameter)].reshape(-1)
            start = end
        return flat


def decays(name, parameter):
    """Whether weight decay applies: to the weights of linear layers and convolutions, not to biases, LayerNorm, cls_token
    and pos_embed."""
    return name.rpartition(".")[2] == "weight" and parameter.ndim > 1


class Optimizer:
    """What SGD and AdamW share: the two flat buffers, clipping, and where the gradients come from.

    lr may be set anew before each step, by a schedule. clip_norm, if given, bounds the gradient's global norm: all of it is
    scaled by clip_norm / norm if its length as one vector is above clip_norm (Pascanu et al. 2013, arXiv 1211.5063).
    """

    moments = 0

    def __init__(self, model, lr, weight_decay, clip_norm):
        named = list(model.named_parameters())
        if not named:
            raise ValueError("this model has no parameters to optimize")
        self.lr, self.clip_norm, self.steps = lr, clip_norm, 0
        self.named = named
        decayed = [p for name, p in named if decays(name, p)]
        others = [p for name, p in named if not decays(name, p)]
        self.groups = [_Group(ps, decay, self.moments) for ps, decay in ((decayed, weight_decay), (others, 0.0)) if ps]

    def step(self, grads=None, unless=0):
        """One update, from `grads`, a list of arrays in the order of model.named_parameters(), or else from each parameter's
        .grad. Returns the gradient's global norm before clipping; if that is not a finite number, or `unless` is not 0, nothing
        is updated. On a GPU the norm is a device scalar, `unless` may be one, and nothing here waits for the device.
        Raises ValueError, and changes nothing, if a gradient is missing or misshapen, or if the parameters were moved."""
        if grads is None:
            grads = [p.grad for _, p in self.named]
        flat = [group.flatten(self._by_parameter(grads)) for group in self.groups]
        norm = sum(g @ g for g in flat) ** 0.5
        xp, factor = array_module(norm), None
        if xp is np:
            norm = float(norm)
            if unless or not math.isfinite(norm):
                return norm
            if self.clip_norm and norm > self.clip_norm:
                factor = self.clip_norm / norm
        elif self.clip_norm:
            factor = xp.minimum(1, self.clip_norm / norm)
        if factor is not None:
            for g in flat:
                g *= factor
        self.steps += 1
        applies = True if xp is np else xp.isfinite(norm) & (unless == 0)
        for group, g in zip(self.groups, flat, strict=True):
            self._update(group, g, applies)
        return norm

    def _by_parameter(self, grads):
        """The gradients by the id of their parameters, checked."""
        if len(grads) != len(self.named):
            raise ValueError(f"step was given {len(grads)} gradients for {len(self.named)} parameters")
        missing = [name for (name, _), g in zip(self.named, grads, strict=True) if g is None]
        if missing:
            some = ", ".join(missing[:3] + ["..."] * (len(missing) > 3))
            raise ValueError(f"no gradient for {some}: call loss.backward() first, or pass a list of gradients")
        for (name, p), g in zip(self.named, grads, strict=True):
            if g.shape != p.shape:
                raise ValueError(f"the gradient for {name} has shape {g.shape}, not {p.shape}: keep model.parameters()'s order")
        if any(p.data is not view for group in self.groups for p, view in zip(group.parameters, group.views, strict=True)):
            raise ValueError("the parameters were moved, by model.to() or another optimizer: make the optimizer after that")
        return {id(p): g for (_, p), g in zip(self.named, grads, strict=True)}

    def finite(self):
        """Whether every weight is a number."""
        return all(bool(array_module(group.values).isfinite(group.values).all()) for group in self.groups)

    def zero_grad(self):
        """Forgets every parameter's .grad; without it, the next backward() adds to them."""
        for _, parameter in self.named:
            parameter.grad = None


class SGD(Optimizer):
    """Gradient descent with momentum: m = momentum * m + g + decay * w,  w = w - lr * m."""

    moments = 1

    def __init__(self, model, lr, momentum=0.0, weight_decay=0.0, clip_norm=None):
        super().__init__(model, lr, weight_decay, clip_norm)
        self.momentum = momentum

    def _update(self, group, g, applies):
        (m,), xp = group.moments, array_module(g)
        if group.weight_decay:
            g += group.weight_decay * group.values
        m[...] = xp.where(applies, self.momentum * m + g, m)
        group.values -= xp.where(applies, self.lr * m, 0)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2), at step t:

    m = b1 m + (1 - b1) g           mhat = m / (1 - b1^t)
    v = b2 v + (1 - b2) g^2         vhat = v / (1 - b2^t)
    w = w - lr * (mhat / (sqrt(vhat) + eps) + decay * w)
    """

    moments = 2

    def __init__(self, model, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8, clip_norm=None):
        super().__init__(model, lr, weight_decay, clip_norm)
        self.betas, self.eps = betas, eps

    def _update(self, group, g, applies):
        (m, v), (b1, b2) = group.moments, self.betas
        corrections = 1 - b1**self.steps, 1 - b2**self.steps
        if array_module(g) is not np:
            cuda.adamw(g, applies, (self.lr, b1, b2, self.eps, group.weight_decay, *corrections), group.values, m, v)
            return
        if group.weight_decay:
            group.values *= 1 - self.lr * group.weight_decay
        m *= b1
        m += (1 - b1) * g
        v *= b2
        g *= g
        v += (1 - b2) * g
        denominator = np.sqrt(v, out=g)
        denominator /= math.sqrt(corrections[1])
        denominator += self.eps
        np.divide(m, denominator, out=denominator)
        denominator *= self.lr / corrections[0]
        group.values -= denominator


def warmup_cosine(step, total, peak, warmup, floor=0.0):
    """The learning rate of step 0 ... total - 1: linear from peak / warmup to peak in `warmup` steps, then half a cosine
    down to `floor` at the last. (Loshchilov and Hutter 2017, arXiv 1608.03983.)"""
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - 1 - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
