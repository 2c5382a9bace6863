"""Optimizers, the learning-rate schedule, and clipping.

Every parameter lives in one of two flat buffers, decayed or not, and `parameter.data` is a view into it. An update is then
a few operations on two long arrays instead of a few hundred on short ones. (With layer_decay there are two for every depth.)
"""

import itertools
import math
import re

import numpy as np

from . import kernels
from .backend import array_module, to_host
from .checks import number, whole
from .engine import Tensor


class _Group:
    """The parameters that share a weight decay, and a share of the learning rate, one after another in a flat buffer, with room
    for the optimizer's moments. kept: {id of a parameter: its moments so far}."""

    def __init__(self, parameters, weight_decay, share, moments, kept):
        xp = array_module(parameters[0].data)
        self.parameters, self.weight_decay, self.share = parameters, weight_decay, share
        self.values = xp.concatenate([p.data.reshape(-1) for p in parameters])
        self.moments = [xp.zeros_like(self.values) for _ in range(moments)]
        for p, part in zip(parameters, self.parts(), strict=True):
            p.data = self.values[part].reshape(p.shape)
            for moment, old in zip(self.moments, kept.get(id(p), ()), strict=False):
                if old.size == p.size:
                    moment[part] = old if array_module(old) is xp else xp.asarray(to_host(old))
        self.views = [p.data for p in parameters]

    def parts(self):
        """Where each parameter stands in the buffer."""
        ends = list(itertools.accumulate(p.size for p in self.parameters))
        return [slice(end - p.size, end) for p, end in zip(self.parameters, ends, strict=True)]

    def in_place(self):
        """Whether every parameter's data is still the view into the buffer that it was made."""
        views = zip(self.parameters, self.views, strict=True)
        return all(p.data is view and view.base is self.values for p, view in views)

    def flatten(self, gradients):
        """The gradients of this group's parameters, one after another as in `values`."""
        flat = array_module(self.values).empty_like(self.values)
        for p, part in zip(self.parameters, self.parts(), strict=True):
            flat[part] = gradients[id(p)].reshape(-1)
        return flat


def decays(name, parameter):
    """Whether weight decay applies: to the weights of linear layers and convolutions, not to biases, LayerNorm, cls_token
    and pos_embed."""
    return name.rpartition(".")[2] == "weight" and parameter.ndim > 1


def layer_shares(names, layer_decay):
    """{name: share of the learning rate} of a model's parameters, named in their order from the images to the logits: of block i
    of `depth` blocks layer_decay^(depth - i), of what stands in front of the blocks layer_decay^(depth + 1), the smallest, and
    of what stands behind them 1. What was pretrained moves the less, the nearer to the images it is. (BEiT, arXiv 2106.08254,
    appendix.) Raises ValueError if there are no blocks."""
    names = list(names)
    blocks = {name: int(found[1]) for name in names if (found := re.match(r"blocks\.(\d+)\.", name))}
    if layer_decay == 1:
        return dict.fromkeys(names, 1.0)
    if not blocks:
        raise ValueError(f"layer_decay is {layer_decay}: it goes by the blocks of a ViT, and this model has none; set it to 1")
    depth, first = 1 + max(blocks.values()), names.index(next(iter(blocks)))
    powers = {name: depth - blocks[name] if name in blocks else (i < first) * (depth + 1) for i, name in enumerate(names)}
    return {name: layer_decay**power for name, power in powers.items()}


class Optimizer:
    """What SGD and AdamW share: the flat buffers, clipping, and where the gradients come from.

    lr may be set anew before each step, by a schedule. clip_norm, if given, bounds the gradient's global norm: all of it is
    scaled by clip_norm / norm if its length as one vector is above clip_norm (Pascanu et al. 2013, arXiv 1211.5063).
    layer_decay: see layer_shares.
    """

    moments = 0
    agreed = staticmethod(float)  # on the norm: over several processes, what the first of them has

    def __init__(self, model, lr, weight_decay, clip_norm, layer_decay=1.0):
        if isinstance(model, type) or not callable(getattr(model, "named_parameters", None)):
            raise ValueError(
                f"an optimizer takes the model itself, AdamW(model), whose names tell what decays; got {type(model).__name__}"
            )
        self.model, self.lr, self.steps = model, lr, 0
        self.weight_decay = number("weight_decay", weight_decay)
        self.clip_norm = clip_norm if clip_norm is None else number("clip_norm", clip_norm)
        self.layer_decay = number("layer_decay", layer_decay, most=1)
        self.groups = []
        self._gather()
        if not self.groups:
            raise ValueError("this model has no parameters to optimize, or all of them are frozen")

    @property
    def lr(self):
        return self._lr

    @lr.setter
    def lr(self, lr):
        self._lr = number("lr", lr)

    def _gather(self):
        """Takes the trained parameters, as they are now, into flat buffers; moments go along."""
        kept = {
            id(p): [moment[part] for moment in group.moments]
            for group in self.groups
            for p, part in zip(group.parameters, group.parts(), strict=True)
        }
        self.named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        if len({p.dtype for _, p in self.named}) > 1:
            raise ValueError("the trained parameters are of float32 and float64; make them alike")
        shares = layer_shares((name for name, _ in self.model.named_parameters()), self.layer_decay)
        alike = {}  # (not decayed, share of the learning rate): parameters
        for name, p in self.named:
            alike.setdefault((not decays(name, p), shares[name]), []).append(p)
        self.groups = [
            _Group(alike[key], 0.0 if key[0] else self.weight_decay, key[1], self.moments, kept) for key in sorted(alike)
        ]

    def _see_to_it_that_nothing_moved(self):
        """A copy of the model, model.to(), a second optimizer, data that was bound anew, or a parameter that was frozen or
        thawed: whatever happened since the last step, the buffers are what the model computes with."""
        trained = [p for _, p in self.model.named_parameters() if p.requires_grad]
        same = len(trained) == len(self.named) and all(a is b for a, (_, b) in zip(trained, self.named, strict=True))
        if not (same and all(group.in_place() for group in self.groups)):
            self._gather()

    def step(self, grads=None, unless=0):
        """One update, from `grads`, a list of arrays in the order of the model's trained parameters, or else from each one's
        .grad. Returns the gradient's global norm before clipping; if that is not a finite number, or `unless` is not 0, nothing
        is updated. On a GPU the norm is a device scalar, `unless` may be one, and nothing here waits for the device.
        Raises ValueError, and changes nothing, if a gradient is missing or misshapen."""
        self._see_to_it_that_nothing_moved()
        if grads is None:
            grads = [p.grad for _, p in self.named]
        flat = [group.flatten(self._by_parameter(grads)) for group in self.groups]
        norm = sum(g @ g for g in flat) ** 0.5
        xp, factor = array_module(norm), None
        if xp is np:
            norm = self.agreed(float(norm))
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
            raise ValueError(f"step was given {len(grads)} gradients for {len(self.named)} trained parameters")
        missing = [name for (name, _), g in zip(self.named, grads, strict=True) if g is None]
        if missing:
            some = ", ".join(missing[:3] + ["..."] * (len(missing) > 3))
            raise ValueError(f"no gradient for {some}: call loss.backward() first, or pass a list of gradients")
        grads = [g.data if isinstance(g, Tensor) else g for g in grads]
        for (name, p), g in zip(self.named, grads, strict=True):
            if np.shape(g) != p.shape:
                raise ValueError(
                    f"the gradient for {name} has shape {np.shape(g)}, not {p.shape}: keep model.parameters()'s order"
                )
        return {id(p): g for (_, p), g in zip(self.named, grads, strict=True)}

    def finite(self):
        """Whether every weight is a number."""
        return all(bool(array_module(group.values).isfinite(group.values).all()) for group in self.groups)

    def zero_grad(self):
        """Forgets every parameter's .grad; without it, the next backward() adds to them."""
        for parameter in self.model.parameters():
            parameter.grad = None


class SGD(Optimizer):
    """Gradient descent with momentum: m = momentum * m + g + decay * w,  w = w - lr * m."""

    moments = 1

    def __init__(self, model, lr, momentum=0.0, weight_decay=0.0, clip_norm=None, layer_decay=1.0):
        self.momentum = number("momentum", momentum)
        super().__init__(model, lr, weight_decay, clip_norm, layer_decay)

    def _update(self, group, g, applies):
        (m,), xp = group.moments, array_module(g)
        if group.weight_decay:
            g += group.weight_decay * group.values
        m[...] = xp.where(applies, self.momentum * m + g, m)
        group.values -= xp.where(applies, self.lr * group.share * m, 0)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2), at step t:

    m = b1 m + (1 - b1) g           mhat = m / (1 - b1^t)
    v = b2 v + (1 - b2) g^2         vhat = v / (1 - b2^t)
    w = w - lr * (mhat / (sqrt(vhat) + eps) + decay * w)
    """

    moments = 2

    def __init__(self, model, lr=1e-3, betas=(0.9, 0.999), weight_decay=0.01, eps=1e-8, clip_norm=None, layer_decay=1.0):
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(f"betas is {betas!r}; it must be two numbers, like (0.9, 0.999)")
        self.betas = tuple(number(f"betas[{i}]", beta, below=1) for i, beta in enumerate(betas))
        self.eps = number("eps", eps)
        super().__init__(model, lr, weight_decay, clip_norm, layer_decay)

    def _update(self, group, g, applies):
        b1, b2 = self.betas
        rates = self.lr * group.share, b1, b2, self.eps, group.weight_decay, 1 - b1**self.steps, 1 - b2**self.steps
        kernels.run(adamw_plain, g, applies, rates, group.values, *group.moments)


def adamw_plain(g, applies, rates, values, m, v):
    """One step of AdamW in place, if `applies`. rates: (lr, b1, b2, eps, decay, 1 - b1^t, 1 - b2^t)."""
    lr, b1, b2, eps, decay, c1, c2 = rates
    xp = array_module(g)
    m[...] = xp.where(applies, b1 * m + (1 - b1) * g, m)
    v[...] = xp.where(applies, b2 * v + (1 - b2) * g * g, v)
    moved = values - lr * (m / c1 / (xp.sqrt(v / c2) + eps) + decay * values)
    values[...] = xp.where(applies, moved, values)


def warmup_cosine(step, total, peak, warmup, floor=0.0):
    """The learning rate of step 0 ... total - 1: linear from peak / warmup to peak in `warmup` steps, then half a cosine
    down to `floor` at the last. (Loshchilov and Hutter 2017, arXiv 1608.03983.)"""
    step, total, warmup = whole("step", step, least=0), whole("total", total), number("warmup", warmup)
    peak, floor = number("peak", peak), number("floor", floor)
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, total - 1 - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
