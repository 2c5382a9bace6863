"""Correct answers to lesson 15, written differently from the solution and from one another."""

import math

import numpy as np


def by_moving_towards(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    """The averages move a part of the way towards the new."""
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (np.square(gradient) - v)
    step = (m / (1 - beta1**t)) / (eps + np.sqrt(v / (1 - beta2**t)))
    return weight * (1 - lr * weight_decay) - lr * step, m, v


def with_one_rate(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    """Both corrections in the rate and in epsilon."""
    root = math.sqrt(1 - beta2**t)
    m, v = beta1 * m + gradient * (1 - beta1), beta2 * v + gradient**2 * (1 - beta2)
    step = (lr * root / (1 - beta1**t)) * m / (v**0.5 + eps * root)
    return weight - step - lr * weight_decay * weight, m, v


def in_parts(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    """Decay first, on a copy."""
    decayed = weight.copy()
    decayed -= lr * weight_decay * weight
    means = [beta * old + (1 - beta) * new for beta, old, new in ((beta1, m, gradient), (beta2, v, gradient * gradient))]
    mhat, vhat = (mean / (1 - beta**t) for beta, mean in zip((beta1, beta2), means, strict=True))
    decayed -= lr * mhat / (np.sqrt(vhat) + eps)
    return [decayed, *means]


def by_interpolation(step, total, peak, warmup, floor=0.0):
    """The weight of the peak and of the floor."""
    if step + 1 <= warmup:
        return peak / warmup * (step + 1)
    share = math.cos(math.pi / 2 * (step - warmup) / max(total - 1 - warmup, 1)) ** 2
    return share * peak + (1 - share) * floor


def by_table(step, total, peak, warmup, floor=0.0):
    """All rates at once, and one of them."""
    rising = peak * np.arange(1, warmup + 1) / max(1, warmup)
    way = np.arange(total - warmup) / max(1, total - 1 - warmup)
    falling = floor + 0.5 * (peak - floor) * (1 + np.cos(np.pi * way))
    return float(np.concatenate([rising, falling])[step])


def by_branches(step, total, peak, warmup, floor=0.0):
    """Three cases."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if total - 1 == warmup:
        return peak
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - 1 - warmup)))


def by_one_vector(gradients, max_norm):
    """All numbers in one long array."""
    norm = float(np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients])))
    scale = 1.0 if norm <= max_norm else max_norm / norm
    return [scale * g for g in gradients], norm


def by_minimum(gradients, max_norm):
    """The factor as a minimum."""
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    return [g * min(1.0, max_norm / (norm or 1.0)) for g in gradients], norm


def by_cases(gradients, max_norm):
    """Copies where nothing is cut."""
    norm = sum(float(np.sum(np.square(g))) for g in gradients) ** 0.5
    if norm <= max_norm:
        return [np.array(g) for g in gradients], norm
    return [g / (norm / max_norm) for g in gradients], norm


CORRECT = {
    "adamw_step": [by_moving_towards, with_one_rate, in_parts],
    "warmup_cosine": [by_interpolation, by_table, by_branches],
    "clip_gradients": [by_one_vector, by_minimum, by_cases],
}
