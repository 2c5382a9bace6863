# %% [markdown]
# # 15 · AdamW, warm-up, cosine, clipping
#
# In lesson 07 every number took a step of "learning rate times gradient". When a ViT is trained from scratch, that
# works badly: some gradients are a thousand times larger than others, and one learning rate is too much for some
# numbers and nothing for the rest. **How long should a step be, if not as long as the gradient?**
#
# ![Optimizers in a stretched valley; the learning rate over time; clipped gradients](expected.png)
#
# The optimizer with which nearly all Transformers are trained has an answer that sounds mad: nearly the same length for
# every number. You write it, and the three things around it: the schedule, the weight decay, and the clipping.

# %%
import math

import numpy as np

# %% [markdown]
# ## A step that does not depend on the scale
#
# For each parameter $w$, with gradient $g$ in this step, Adam keeps two running averages: $m$ of the gradient, $v$ of
# its square.
#
# $$
# m \leftarrow \beta_1 m + (1 - \beta_1) g \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2
# $$
#
# The arrow means: the new value is. $\beta_1$ (usually 0.9) and $\beta_2$ (0.999) say how much of the past is kept:
# $m$ looks back over about 10 steps, $v$ over about 1,000. Both start at 0. Then the step is
#
# $$
# w \leftarrow w - \eta \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon}
# $$
#
# with the learning rate $\eta$, a tiny $\varepsilon = 10^{-8}$ against a division by 0, and $\hat{m}$, $\hat{v}$ close
# relatives of $m$ and $v$ that come in a moment.
#
# **What this does.** $\sqrt{v}$ is the typical size of the gradient. If the gradient always has the same sign, $m$ is as
# large as $\sqrt{v}$, and the step is $\eta$. If it jumps between plus and minus, $m$ is near 0, and so is the step.
# Multiply the loss by 1,000: $m$ and $\sqrt{v}$ are multiplied by 1,000 alike, and the step stays the same. So
# $\eta$ is now simply *how far a number may go in one step*.
#
# ## The first steps need a correction
#
# $m$ starts at 0, and that is not an average of anything. After $t$ steps with the same gradient $g$:
#
# $$
# m_1 = (1 - \beta_1) g \qquad m_2 = \beta_1 (1 - \beta_1) g + (1 - \beta_1) g = (1 - \beta_1^2) g
# $$
#
# and in general $m_t = (1 - \beta_1^t) g$: one more step makes
# $\beta_1 (1 - \beta_1^t) g + (1 - \beta_1) g = (1 - \beta_1^{t + 1}) g$ of it. It is too small by the factor
# $1 - \beta_1^t$, and $v$ by $1 - \beta_2^t$. So divide:
#
# $$
# \hat{m} = \frac{m}{1 - \beta_1^t} \qquad \hat{v} = \frac{v}{1 - \beta_2^t}
# $$
#
# $t$ counts from 1: with $t = 0$ you would divide by 0. Without the correction the first step would be
# $0.1 g / \sqrt{0.001 g^2} = 3.16$ times $\eta$, because $v$ is further from the truth than $m$.
#
# **Five steps by hand**, for the loss $(w - 3)^2$ with gradient $2(w - 3)$, from $w = 0$, with $\eta = 0.1$:
#
#     t    w        g         m         v         m̂         v̂         step
#     1    0.0000   -6.0000   -0.6000   0.03600   -6.0000   36.0000   +0.10000
#     2    0.1000   -5.8000   -1.1200   0.06960   -5.8947   34.8194   +0.09990
#     3    0.1999   -5.6002   -1.5680   0.10090   -5.7861   33.6659   +0.09972
#     4    0.2996   -5.4008   -1.9513   0.12996   -5.6740   32.5398   +0.09947
#     5    0.3991   -5.2018   -2.2763   0.15689   -5.5587   31.4414   +0.09913
#
# The steps are all about 0.1, although the gradient shrinks. With the plain rule of lesson 07 they would be 0.6, 0.48,
# 0.38, ...
#
# ## Weight decay: the W in AdamW
#
# Large weights are a sign of learning by heart. So in each step all weights are made a little smaller. The old way was
# to add $\lambda w$ to the gradient (the derivative of $\frac{\lambda}{2} w^2$ in the loss). With Adam that goes wrong:
# the sum is divided by $\sqrt{\hat{v}}$ as well. Take a weight $w = 1$ with typical gradients of size 100, and another
# with 0.01, and $\lambda = 0.1$. The first is pulled back by $\eta \cdot 0.1 / 100$, hardly at all; the second by about
# $\eta \cdot 0.1 / 0.11$, nearly a whole step, as the decay itself is most of its gradient. The decay should not depend
# on that. AdamW takes it out of the fraction:
#
# $$
# w \leftarrow w - \eta \left( \frac{\hat{m}}{\sqrt{\hat{v}} + \varepsilon} + \lambda w \right)
# $$
#
# This is algorithm 2 of Loshchilov and Hutter, "Decoupled Weight Decay Regularization" (arXiv 1711.05101). (In the
# paper $\lambda w$ is multiplied by the schedule only, and not by its peak. Here it is $\eta \lambda$, as in PyTorch.
# So a $\lambda$ from the one cannot be used in the other.) Note that $m$ and $v$ know nothing of $\lambda$, and that
# $w$ in the bracket is the old one.
#
# Only the weights of Linears decay. Biases, LayerNorms, the class token and the positions do not: a LayerNorm's weight
# should be near 1, not near 0.
#
# **The mistakes most people make**: $\varepsilon$ inside the root; the correction forgotten, or $t$ from 0; the decay
# added to the gradient; and `m *= 0.9`, which changes the array of whoever still needs it.


# %%
def adamw_step(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    """One step of AdamW for one array of parameters. All arrays have the same shape; t counts the steps from 1.

    Returns (weight, m, v), new arrays; what came in stays as it is.
    """
    # BEGIN SOLUTION: new_weight, new_m, new_v
    new_m = beta1 * m + (1 - beta1) * gradient
    new_v = beta2 * v + (1 - beta2) * gradient * gradient
    mhat = new_m / (1 - beta1**t)
    vhat = new_v / (1 - beta2**t)
    new_weight = weight - lr * (mhat / (np.sqrt(vhat) + eps) + weight_decay * weight)
    # END SOLUTION
    return new_weight, new_m, new_v


# %% [markdown]
# ## The learning rate over time
#
# In the first steps $v$ knows few gradients, and the weights are still random: full steps would carry them anywhere. So
# the learning rate **warms up**: it grows in equal steps to its peak. Towards the end, large steps only shake what has
# been learned, so it sinks, along half a **cosine**: slowly at first, quickly in the middle, slowly again (Loshchilov
# and Hutter, arXiv 1608.03983). Steps are counted from 0, $S$ in all, the first $W$ of them are the warm-up:
#
# $$
# \eta(s) = \text{peak} \cdot \frac{s + 1}{W} \qquad \text{for } s < W
# $$
#
# $$
# \eta(s) = \text{floor} + (\text{peak} - \text{floor}) \cdot \frac{1 + \cos(\pi r)}{2} \qquad r = \frac{s - W}{S - 1 - W}
# $$
#
# Check the ends. Step $s = W - 1$, the last of the warm-up, has the peak. Step $s = W$ has $r = 0$, $\cos 0 = 1$: the
# peak. The last step, $s = S - 1$, has $r = 1$, $\cos \pi = -1$: the floor. The $+ 1$ in the warm-up is there so that
# step 0 is not wasted with $\eta = 0$. If only one step is left after the warm-up, $S - 1 - W$ is 0: divide by 1
# then. (That step has the peak.) By hand, $S = 9$, $W = 2$, peak 1, floor 0: 0.5, 1, 1, 0.933, 0.75, 0.5, 0.25,
# 0.067, 0.


# %%
def warmup_cosine(step, total, peak, warmup, floor=0.0):
    """The learning rate of step 0 ... total - 1: up to peak in `warmup` steps, then half a cosine down to floor at the last."""
    # BEGIN SOLUTION: rate
    if step < warmup:
        rate = peak * (step + 1) / warmup
    else:
        progress = (step - warmup) / max(1, total - 1 - warmup)
        rate = floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2
    # END SOLUTION
    return rate


# %% [markdown]
# ## Clipping
#
# Now and then a batch comes along whose gradient is huge. Clipping puts a bound on it: take all gradients of the model
# together as one long vector. Its length, the **global norm**, is
#
# $$
# n = \sqrt{\sum_{\text{all arrays}} \sum_{i} g_i^2}
# $$
#
# If $n$ is above a bound $c$, multiply *every* gradient by $c / n$. The length is then $c$, and the direction is what
# it was. If it is below, nothing happens. (The norm may be 0: then nothing is divided. Cutting each number at $c$ by
# itself would change the direction. So would clipping each array by its own length.) By hand: arrays (3) and (4, 0)
# have $n = 5$; with $c = 1$ they become (0.6) and (0.8, 0).


# %%
def clip_gradients(gradients, max_norm):
    """(new list, norm): the gradients, all scaled by max_norm / norm if their global norm is above max_norm; and that norm
    before clipping, a float. gradients: a list of arrays."""
    # BEGIN SOLUTION: clipped, norm
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))
    factor = max_norm / norm if norm > max_norm else 1.0
    clipped = [g * factor for g in gradients]
    # END SOLUTION
    return clipped, norm


# %% [markdown]
# ## All together
#
# `AdamW` is given: it keeps $m$ and $v$ for every parameter of a model, clips, and calls your step for each.
#
# The paper pre-trains with Adam, $\beta_1 = 0.9$, $\beta_2 = 0.999$, a weight decay of 0.1 (0.03 or 0.3 on its
# smaller data sets), warm-up, and a batch of 4,096 (section 4.1 and Table 3). For fine-tuning it takes SGD with
# momentum: a step along $m$, with no $v$.


# %%
class AdamW:
    """Your optimizer for parameters {name: Tensor}: step(lr) moves each by its .grad. Only weights of Linears decay."""

    def __init__(self, parameters, weight_decay=0.05, max_norm=1.0):
        self.parameters, self.weight_decay, self.max_norm, self.t = parameters, weight_decay, max_norm, 0
        self.moments = {name: (np.zeros_like(p.data), np.zeros_like(p.data)) for name, p in parameters.items()}

    def step(self, lr):
        """One step with this learning rate; returns the gradients' global norm before clipping."""
        self.t += 1
        gradients, norm = clip_gradients([p.grad for p in self.parameters.values()], self.max_norm)
        for (name, p), gradient in zip(self.parameters.items(), gradients, strict=True):
            decay = self.weight_decay if name.endswith("weight") and p.data.ndim > 1 else 0.0
            p.data, *moments = adamw_step(p.data, gradient, *self.moments[name], self.t, lr, weight_decay=decay)
            self.moments[name] = moments
        return norm


# %% [markdown]
# `python -m lessons check 15` tells you how far you are, and `python -m lessons hint 15` gives a nudge.


# %%
def descend(rule, start=(-4.0, 1.6), steps=60):
    """The path (steps + 1, 2) in the valley (x² + 40 y²) / 2 under rule(place, gradient, t) -> new place."""
    path = [np.array(start)]
    for t in range(1, steps + 1):
        gradient = path[-1] * np.array([1.0, 40.0])
        path.append(rule(path[-1], gradient, t))
    return np.array(path)


def picture():
    """Paths of SGD and Adam in a stretched valley, the schedule, and clipping of a two-dimensional gradient."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREEN, GREY, ORANGE

    moments = [np.zeros(2), np.zeros(2)]

    def adam(place, gradient, t):
        place, *moments[:] = adamw_step(place, gradient, *moments, t, lr=0.25)
        return place

    figure = Figure(figsize=(10.5, 4), layout="constrained")
    valley, schedule, clipping = figure.subplots(1, 3, width_ratios=(4, 3, 3))
    x, y = np.meshgrid(np.linspace(-5, 1.5, 100), np.linspace(-2.2, 2.2, 100))
    valley.contour(x, y, np.sqrt((x * x + 40 * y * y) / 2), levels=10, colors=GREY, linewidths=0.6)
    for path, colour, marker, name in (
        (descend(lambda p, g, t: p - 0.045 * g), ORANGE, "s", "SGD, 0.045"),
        (descend(lambda p, g, t: p - 0.01 * g), GREEN, "^", "SGD, 0.01"),
        (descend(adam), BLUE, "o", "Adam, 0.25"),
    ):
        valley.plot(*path.T, color=colour, marker=marker, markersize=3, linewidth=1, label=name)
    valley.plot(0, 0, "k*", markersize=12)
    valley.set(title="60 steps in a stretched valley", xlim=(-5, 1.5), ylim=(-2.2, 2.2))
    valley.legend(loc="lower left", frameon=False, fontsize="small")
    rates = [warmup_cosine(s, 200, 0.004, 10, 1e-5) for s in range(200)]
    schedule.plot(rates, color=BLUE)
    schedule.axvline(9, color=GREY, linestyle=":")
    schedule.annotate("warm-up ends", (12, 0.0005))
    schedule.set(title="learning rate", xlabel="step", ylim=(0, 0.0043))
    for gradient in ((2.5, 1.0), (0.4, 0.6), (-0.6, 2.2)):
        (cut,), norm = clip_gradients([np.array(gradient)], 1.0)
        clipping.annotate("", gradient, (0, 0), arrowprops={"arrowstyle": "->", "color": ORANGE, "linestyle": "--"})
        clipping.annotate("", cut, (0, 0), arrowprops={"arrowstyle": "->", "color": BLUE, "linewidth": 2.5})
        clipping.annotate(f"{norm:.1f}", gradient)
    angle = np.linspace(0, 2 * np.pi, 100)
    clipping.plot(np.cos(angle), np.sin(angle), color=GREY, linewidth=0.8)
    clipping.set(title="clipped at length 1", xlim=(-1.6, 3), ylim=(-1.3, 2.6), aspect="equal")
    return figure


# %% [markdown]
# ## Look at it
#
# Left: the valley is forty times steeper across than along. SGD with a large rate, 0.045, jumps from wall to wall;
# with a small one, 0.01, it is still far from the goal after 60 steps. Adam's first steps are as long along as
# across: one to one, although the gradient points almost straight across. It swings past the star
# twice and comes back. SGD with 0.045 gets there too, but only just: above 0.05 it would fly apart. Right: the
# direction stays, only the length is cut; the arrow of length 0.7 is left alone.
#
# Play with the rates and the steepness of the valley: `python -m lessons demo 15`.
#
# ## Argue about it
#
# Adam moves a number that has had gradients of 0.000001 as far as one with gradients of 1. When is that a good idea,
# and when would you rather not?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
