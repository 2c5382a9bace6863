"""Lesson 15, AdamW, warm-up, cosine, clipping: answers written from the lesson's text alone."""

RIGHT = {
    "adamw_step": """
def adamw_step(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    new_m = beta1 * m + (1 - beta1) * gradient
    new_v = beta2 * v + (1 - beta2) * gradient * gradient
    mhat = new_m / (1 - beta1**t)
    vhat = new_v / (1 - beta2**t)
    root = np.sqrt(vhat) + eps
    step = mhat / root + weight_decay * weight
    new_weight = weight - lr * step
    return new_weight, new_m, new_v
""",
    "warmup_cosine": """
def warmup_cosine(step, total, peak, warmup, floor=0.0):
    if step < warmup:
        return peak * (step + 1) / warmup
    left = max(1, total - 1 - warmup)
    r = (step - warmup) / left
    return floor + (peak - floor) * (1 + math.cos(math.pi * r)) / 2
""",
    "clip_gradients": """
def clip_gradients(gradients, max_norm):
    total = 0.0
    for g in gradients:
        total += float((g * g).sum())
    norm = math.sqrt(total)
    shrink = max_norm / norm if norm > max_norm else 1.0
    clipped = [g * shrink for g in gradients]
    return clipped, norm
""",
}
ROOT, MOVE = "root = np.sqrt(vhat) + eps", "new_weight = weight - lr * step"
COUNTED = """new_m = beta1 * m + (1 - beta1) * gradient
    adamw_step.t = t = getattr(adamw_step, "t", 0) + 1"""
AHEAD = "mhat = beta1 * new_m / (1 - beta1 ** (t + 1)) + (1 - beta1) * gradient / (1 - beta1**t)"
SQUARES = "total += float((g * g).sum())"
WRONG = {
    "adamw_step": [
        ("sign", "+ weight_decay * weight", "- weight_decay * weight", "weight: the decay lets weights grow"),
        ("scale", MOVE, "new_weight = weight - lr * mhat / root - weight_decay * weight", "weight: decay without lr"),
        (
            "wrong array",
            MOVE,
            "new_weight = weight - lr * mhat / root\n    new_weight = new_weight - lr * weight_decay * new_weight",
            "weight: the decay takes the new weight, after the step",
        ),
        ("option", "(1 - beta1**t)", "(1 - 0.9**t)", "weight: the correction of m knows only 0.9"),
        ("option", "beta2 * v + (1 - beta2) *", "0.999 * v + 0.001 *", "v: beta2 is ignored"),
        ("wrong array", "mhat = new_m /", "mhat = m /", "weight: the old m is taken for the step"),
        ("wrong array", "return new_weight, new_m, new_v", "return new_weight, mhat, vhat", "m, v: the corrected ones are kept"),
        ("order", "return new_weight, new_m, new_v", "return new_weight, new_v, new_m", "m and v exchanged"),
        ("index", "(1 - beta2**t)", "(1 - beta2 ** (t + 1))", "weight: v is corrected for one step too many"),
        ("constant", "(1 - beta2**t)", "(1 - beta1**t)", "weight: v is corrected with beta1"),
        ("factor", "(1 - beta2) * gradient * gradient", "(1 - beta2) * np.abs(gradient)", "v: the gradient is not squared"),
        (
            "extra term",
            "(1 - beta1) * gradient",
            "(1 - beta1) * (gradient + weight_decay * weight)",
            "m: the decay is in m too",
        ),
        (
            "mutation",
            "new_m = beta1 * m + (1 - beta1) * gradient",
            "m *= beta1\n    m += (1 - beta1) * gradient\n    new_m = m",
            "m is written over",
        ),
        ("mutation", MOVE, "weight -= lr * step\n    new_weight = weight", "weight is written over"),
        ("dtype", "weight - lr * step", "weight - np.float64(lr) * step", "weight: becomes float64"),
        ("extreme", ROOT, "root = np.sqrt(vhat)", "weight: eps left out, 0 / 0 where all gradients were 0"),
        ("missing term", ROOT, "root = np.maximum(np.sqrt(vhat), eps)", "weight: eps is a bound and not added"),
        ("extra term", "vhat = new_v /", "vhat = np.maximum(v, new_v) /", "weight: v never sinks, as in AMSGrad"),
        ("axis", ROOT, "root = np.sqrt(vhat.mean()) + eps", "weight: one root for the whole array"),
        ("extra term", "mhat = new_m / (1 - beta1**t)", AHEAD, "weight: looks one step ahead, as Nadam does"),
        ("alias", "new_m = beta1 * m + (1 - beta1) * gradient", COUNTED, "weight: t is counted over all calls, not taken"),
        ("sign and scale", "weight - lr * step", "weight + lr * step / 2", "weight: half a step uphill"),
        ("factor", "np.sqrt(vhat)", "vhat", "weight: divided by v and not by its root"),
    ],
    "warmup_cosine": [
        ("index", "step < warmup", "step <= warmup", "step W goes beyond the peak"),
        ("index", "peak * (step + 1) / warmup", "peak * (step + 1) / (warmup + 1)", "the warm-up ends below the peak"),
        ("index", "total - 1 - warmup", "total - warmup", "the last step does not reach the floor"),
        ("extreme", "max(1, total - 1 - warmup)", "total - 1 - warmup", "0 / 0 if one step is left after the warm-up"),
        ("option", "floor + (peak - floor) *", "peak *", "the floor is ignored"),
        ("missing term", "(peak - floor)", "peak", "the floor is added on top of the peak"),
        ("constant", "math.cos(math.pi * r)", "math.cos(180 * r)", "degrees for radians"),
        ("constant", "math.pi", "3.14", "a rounded pi"),
        ("sign", "(1 + math.cos", "(1 - math.cos", "the rate climbs from floor to peak"),
        ("extra term", "peak * (step + 1)", "floor * warmup + (peak - floor) * (step + 1)", "the warm-up begins at the floor"),
        ("missing term", "(step - warmup) / left", "step / (total - 1)", "the cosine counts from step 0"),
        ("case", "(step - warmup) / left", "(step - warmup) // left", "whole numbers: r is 0 until the end"),
        ("scale", "math.cos(math.pi * r)", "math.cos(2 * math.pi * r)", "a whole cosine: back at the peak at the end"),
    ],
    "clip_gradients": [
        ("case", " if norm > max_norm else 1.0", " if norm > 0 else 1.0", "short gradients are made longer"),
        (
            "mutation",
            "clipped = [g * shrink for g in gradients]",
            "for g in gradients:\n        g *= shrink\n    clipped = list(gradients)",
            "the gradients are written over",
        ),
        ("order", "return clipped, norm", "return norm, clipped", "the two results exchanged"),
        ("scale", "(g * g).sum()", "(g * g).mean()", "norm: means for sums"),
        (
            "extra term",
            f"{SQUARES}\n    norm = math.sqrt(total)",
            "total += float(np.sqrt((g * g).sum()))\n    norm = total",
            "norm: the lengths of the arrays added up",
        ),
        ("index", "total += float", "total = float", "norm: of the last array alone"),
        ("dtype", "g * shrink", "g * np.float64(shrink)", "clipped: float32 becomes float64"),
        ("wrong array", "return clipped, norm", "return clipped, min(norm, max_norm)", "norm: the one after clipping"),
        ("extra term", "max_norm / norm if", "max_norm / (norm + 1e-3) if", "clipped: a small number below is added"),
        ("case", SQUARES, "total += float(np.linalg.norm(np.atleast_2d(g), 2)) ** 2", "norm: the spectral one of a matrix"),
        ("extreme", "(g * g).sum()", "abs(g).max() ** 2", "norm: the largest number of each array"),
        ("shape", "return clipped, norm", "return np.concatenate([c.ravel() for c in clipped]), norm", "one long vector"),
    ],
}
UNUSUAL = {
    "adamw_step": [
        """
def adamw_step(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    m = m + (1 - beta1) * (gradient - m)
    v = v + (1 - beta2) * (gradient**2 - v)
    weight = weight * (1 - lr * weight_decay)
    size, root = lr / (1 - beta1**t), math.sqrt(1 - beta2**t)
    return weight - size * root * m / (np.sqrt(v) + eps * root), m, v
""",
        """
def adamw_step(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    def average(old, new, beta):
        mixed = np.multiply(old, beta)
        mixed += (1 - beta) * new
        return mixed, mixed / (1 - math.pow(beta, t))

    new_m, step = average(m, gradient, beta1)
    new_v, scale = average(v, np.square(gradient), beta2)
    np.sqrt(scale, out=scale)
    scale += eps
    np.divide(step, scale, out=step)
    step += weight_decay * weight
    step *= -lr
    step += weight
    return [step, new_m, new_v]
""",
    ],
    "warmup_cosine": [
        """
def warmup_cosine(step, total, peak, warmup, floor=0.0):
    falling = lambda s: floor + (peak - floor) * math.cos(math.pi / 2 * (s - warmup) / ((total - 1 - warmup) or 1)) ** 2
    return (step + 1) / warmup * peak if step + 1 <= warmup else falling(step)
""",
        """
def warmup_cosine(step, total, peak, warmup, floor=0.0):
    rates = np.empty(total)
    rates[:warmup] = peak * np.arange(1, warmup + 1) / max(warmup, 1)
    half = np.cos(np.linspace(0, np.pi, total - warmup))
    rates[warmup:] = (peak + floor) / 2 + (peak - floor) / 2 * half
    return float(rates[step])
""",
    ],
    "clip_gradients": [
        """
def clip_gradients(gradients, max_norm):
    norm = float(np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients])))
    if norm <= max_norm:
        return [g.copy() for g in gradients], norm
    return [g / norm * max_norm for g in gradients], norm
""",
        """
def clip_gradients(gradients, max_norm):
    norm = math.sqrt(sum(float(np.einsum("i,i", g.reshape(-1), g.reshape(-1))) for g in gradients))
    return list(map(lambda g: g * min(1.0, max_norm / max(norm, max_norm)), gradients)), norm
""",
    ],
}
