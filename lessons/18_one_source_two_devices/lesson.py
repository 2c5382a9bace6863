# %% [markdown]
# # 18 · One source, two devices
#
# A free notebook in the cloud comes with a graphics card, a GPU. It adds and multiplies some hundred times as fast as a
# core of your computer. You move a training step over to it, and the step takes *longer* than before. **Where does the
# time go?**
#
# ![Two timelines of host and device, copies and waits of an epoch, and time against the size of an array](expected.png)
#
# Into handing work over, into carrying numbers to and fro, and most of all into waiting. None of the three changes a
# result, so no test finds them. In this lesson you write a training step that runs on both devices from one source, and
# learn to count what it costs. **You need no GPU for that:** arrays of a stand-in refuse what those of a GPU refuse, and
# keep count. Where there is a real one, the check uses it as well.

# %%
import math
import time

import numpy as np

from lessons.device import Queue, pretended, put
from minivit.backend import array_module, gpu_status, to_device
from minivit.data import load

# %% [markdown]
# ## What a launch costs
#
# Two words first. The **host** is the computer that runs your Python. The **device** is the GPU, with a memory of its
# own. The library for arrays on it is CuPy: it has NumPy's functions under NumPy's names.
#
# A device has thousands of small arithmetic units which all do the same at once, each with another number. That is what
# it is good at: one operation on a great many numbers. What runs there is called a **kernel**: `x + y` is a kernel,
# `exp` is one, a sum is one. To start one, the host puts an order into a queue. That is a **launch**, and takes some 5
# millionths of a second (µs), for ten numbers or for ten million.
#
# Let us compare. Take an array of $n$ numbers of float32, and an operation that reads each and writes each: 8 bytes a
# number. What counts is how fast the memory delivers. A core gets some 10 GB a second. The T4, the card of the free
# notebooks, gets 320. And a call of NumPy costs 1 µs before anything happens:
#
# $$
# \begin{aligned}
# t_{\text{host}} &= 1\ \text{µs} + \frac{8 n}{10\ \text{GB/s}} \\
# t_{\text{device}} &= 5\ \text{µs} + \frac{8 n}{320\ \text{GB/s}}
# \end{aligned}
# $$
#
# **By hand.** For n = 2,048, that is 32 images of 64 pixels: 1 + 1.6 = 2.6 µs on the host, and 5 + 0.05 = 5.1 µs on the
# device: twice as long. For n = 2,048,000: 1 + 1638 = 1639 µs, and 5 + 51 = 56 µs: thirty times as fast. They are even
# near 5,000 numbers. (Slide through it: `python -m lessons demo 18`.)
#
# So a GPU pays for large arrays. A ViT-B/16 with 64 images has 64 · 197 · 768 = 9.7 million numbers between any two of
# its layers. The network of this lesson has 2,048 and would be better off at home; we take it because it is small
# enough to see through.
#
# ## The array decides
#
# How do you write code that runs on both? Not twice. And not with a switch, since somebody will forget it. The
# library's way is one line:
#
#     xp = array_module(x)        numpy if x is NumPy's, cupy if x is CuPy's
#
# and from then on `xp.exp(x)`, `xp.zeros(...)`, `xp.arange(...)`: where x is, there the work is done. It is the line at
# the top of the library's ops.
#
# What if you forget, and write `np.` for `xp.`? That depends, and here is where people get lost:
#
#     np.exp(x), np.sum(x)        works: NumPy asks x, and x answers with CuPy's function
#     np.zeros(n), np.arange(n)   there is no x to ask: it makes an array in the host's memory
#     np.zeros_like(x)            works again: there is an x
#     np.asarray(x), y[x]         refused (y an array of NumPy): this would be a copy, and CuPy makes none in secret
#     x + np.ones(n)              refused: one is here, the other is there
#     x[np.arange(n)]             works, and copies the index to the device, at every call: nobody tells you
#     np.float64(2) * x           works, and makes float64 of it, on the host as well. A plain 2 does not (lesson 01)
#
# So the rule: **what has no array among its arguments must be `xp.`**; the rest may be, and looks better.
#
# ## Your turn: a loss for both devices
#
# Here is the cross-entropy of lesson 06 with its gradient. It is right, on the host. Three places keep it from running
# well on a device. Mend them; the check says what it sees on the stand-in, one thing after the other.


# %%
def softmax_loss(logits, labels):
    """(mean cross-entropy, an array of one number; its gradient at the logits), both where the logits are.

    logits (B, K), labels (B,), whole numbers. Nothing is copied between host and device, and nobody waits.
    """
    # BEGIN SOLUTION: mend it, so that it runs where logits are
    xp = array_module(logits)
    rows = xp.arange(len(labels))  # (B,)
    shifted = logits - logits.max(axis=-1, keepdims=True)  # (B, K)
    e = xp.exp(shifted)  # (B, K)
    total = e.sum(axis=-1, keepdims=True)  # (B, 1)
    loss = (xp.log(total[:, 0]) - shifted[rows, labels]).mean()
    wanted = xp.zeros(logits.shape, logits.dtype)  # (B, K), 1 for the right class
    wanted[rows, labels] = 1
    slopes = (e / total - wanted) / len(labels)  # (B, K)
    # INSTEAD
    # rows = np.arange(len(labels))  # (B,)
    # shifted = logits - logits.max(axis=-1, keepdims=True)  # (B, K)
    # e = np.exp(shifted)  # (B, K)
    # total = e.sum(axis=-1, keepdims=True)  # (B, 1)
    # loss = float((np.log(total[:, 0]) - shifted[rows, labels]).mean())
    # wanted = np.zeros(logits.shape, logits.dtype)  # (B, K), 1 for the right class
    # wanted[rows, labels] = 1
    # slopes = (e / total - wanted) / len(labels)  # (B, K)
    # END SOLUTION
    return loss, slopes


# %% [markdown]
# ## Nobody waits
#
# A launch puts an order into the queue, **and the host goes on** before the kernel has even begun. While the device is
# at the first, the host hands over the second, the third, the tenth. That is why 5 µs a launch can be hidden: as long as
# the queue is not empty, the device works without a break.
#
# It goes well until the host wants to **know a number**. `float(loss)` cannot be answered before everything that leads
# to the loss has been worked off. So the host waits; and when it goes on, the queue is empty and the device waits for the
# host. Both timelines in the picture do the same work.
#
# All of these want to know a number, and wait:
#
#     float(x), int(x), x.item(), math.sqrt(x)     a Python number out of an array
#     if x > 1, while, and, or, not                Python has to know which way to go
#     max(x, y), min(x, y)                         Python's own, which have an if inside. xp.maximum is a kernel
#     print(x), f"{x}"                             to write it, one has to know it
#     x.get(), to_host(x)                          a copy to the host: what you use to write a file
#     x[mask], xp.nonzero(mask)                    how many are True? That is the shape of the result
#
# The last line surprises everybody. A shape lives on the host, and the shape of `x[mask]` depends on what is in the mask.
# What is asked for with a mask has nearly always an answer with a fixed shape: `mask.sum()` counts, and
# `xp.where(mask, a, b)` chooses entry by entry.
#
# The way out is to **leave numbers where they are**. On the device an array of shape () holds the loss, and can be
# added to others there. An `if` becomes arithmetic:
#
#     if norm > clip: g = g * clip / norm          becomes     g = g * (clip / xp.maximum(norm, clip))
#
# Check it: if the norm is the larger one, both say clip / norm. Otherwise the maximum is clip, and the factor is 1.
#
# **The mistake that most people make** is `losses.append(float(loss))` in every step. It is tempting since on the host it
# costs nothing, and it is in every tutorial. Keep the arrays, and ask once, at the end of the epoch.
#
# ## Your turn: a step for both devices
#
# One step of the smallest network there is: one linear layer and a softmax, with gradients clipped by their global norm
# (lesson 15). Again it is right, on the host. On a device it waits in three places, and in a fourth as soon as you have
# mended the first. It calls your `softmax_loss`.


# %%
def step(weight, bias, images, labels, lr, clip=1.0):
    """One step downhill: (new weight, new bias, mean loss before the step, how many of the images were read right).

    weight (D, K), bias (K,), images (B, D), labels (B,), all on one device; lr and clip are plain numbers. Loss and hits
    are arrays of one number, where the others are. Nothing is copied between host and device, and nobody waits.
    """
    # BEGIN SOLUTION: mend it, so that nobody waits
    xp = array_module(images)
    logits = images @ weight + bias  # (B, K)
    loss, slopes = softmax_loss(logits, labels)
    dweight, dbias = images.T @ slopes, slopes.sum(axis=0)  # (D, K), (K,)
    norm = xp.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())
    shrink = clip / xp.maximum(norm, clip)
    hits = (logits.argmax(axis=-1) == labels).sum()
    # INSTEAD
    # logits = images @ weight + bias  # (B, K)
    # loss, slopes = softmax_loss(logits, labels)
    # dweight, dbias = images.T @ slopes, slopes.sum(axis=0)  # (D, K), (K,)
    # norm = math.sqrt((dweight * dweight).sum() + (dbias * dbias).sum())
    # shrink = 1.0
    # if norm > clip:
    #     shrink = clip / norm
    # hits = len(labels[logits.argmax(axis=-1) == labels])
    # loss = float(loss)
    # END SOLUTION
    return weight - lr * shrink * dweight, bias - lr * shrink * dbias, loss, hits


# %% [markdown]
# ## Travel once
#
# Between host and device lies a cable, and it carries some 12 GB a second, where the device's own memory has 320. The
# 1,437 digits are 0.4 MB: 30 µs. That is nothing, once. In each epoch again, batch by batch, it is a copy for each step,
# and copies also queue up. So: **everything goes over before the first step, and the results come back after the last.**
#
# And the random order? Draw it on the host. CuPy has random numbers too, but others: from the same seed, the two devices
# would see the images in another order, and you could never tell a bug from luck. The library draws everything on the
# host, from one Generator of NumPy's. The order is a small array, and can travel with the rest.
#
# How does one array get to another's device? `xp.asarray(x)` again: on the host nothing happens, on the device it is one
# copy, and an array that is there already stays.
#
# ## Your turn: an epoch for both devices
#
# Weight and bias are where the work shall be done. Images and labels come from a file, so they are the host's. Both
# numbers that come back are plain Python numbers: here somebody wants to know them. Two waits, then, in the whole epoch.


# %%
def epoch(weight, bias, images, labels, rng, lr, batch_size):
    """One epoch of steps: (new weight, new bias, mean loss over all images, share of the images that were read right).

    weight (D, K) and bias (K,) on either device, and there they stay; images (N, D) and labels (N,) in the host's memory.
    The order is rng.permutation(N); the last batch has what is left. With twice as many steps there are no more copies
    and no more waits. Mean loss and share are plain Python numbers.
    """
    # BEGIN SOLUTION: everything over, step by step, two numbers back
    xp = array_module(weight)
    images, labels, order = (xp.asarray(x) for x in (images, labels, rng.permutation(len(images))))
    loss_sum, right = 0, 0
    for start in range(0, len(images), batch_size):
        chosen = order[start : start + batch_size]  # (B,)
        weight, bias, loss, hits = step(weight, bias, images[chosen], labels[chosen], lr)
        loss_sum = loss_sum + loss * len(chosen)
        right = right + hits
    mean_loss, share = float(loss_sum) / len(images), int(right) / len(images)
    # END SOLUTION
    return weight, bias, mean_loss, share


# %% [markdown]
# ## A clock that tells the truth
#
# You want to know how long a step takes. On the host: read the clock, call, read the clock. On a device this measures
# how long the *orders* took, not the work: the call comes back while the device has hardly begun. Look:
#
#     start = clock();  step();  print(clock() - start)                     0.1 ms, whatever the step does
#     start = clock();  step();  synchronize();  print(clock() - start)     4 ms, the truth
#
# `synchronize` waits until the queue is empty. (CuPy: `cupy.cuda.Device().synchronize()`. The host needs none.) It is the
# one place where waiting is right. Three rules:
#
# 1. **The first call does not count.** It compiles its kernels, which may take seconds. Call once before, outside.
# 2. **The queue is empty when the clock starts.** Or you measure what was left over from before.
# 3. **The queue is empty when the clock stops.** And between them nobody waits: several calls in a row, as in a real
#    training, and then divide. With a wait after each, launches are no longer hidden, and you measure something else.
#
# ## Your turn: seconds
#
# The clock is handed in, so that the check can hand in one of its own: `Queue`, a device in virtual time on which a launch
# costs 5 µs and a kernel what you say. Play with it:
#
#     queue = Queue()
#     queue.launch(2e-3); queue.clock()          5e-06: handed over, and the host goes on
#     queue.synchronize(); queue.clock()         0.002005


# %%
def seconds_of(function, clock, synchronize, repeats=10):
    """How many seconds one call of function() takes, in a row of `repeats`; the call that compiles is not among them.

    clock() gives the seconds on the host's clock; synchronize() waits until the device is done.
    """
    # BEGIN SOLUTION: call once, then measure
    function()
    synchronize()
    start = clock()
    for _ in range(repeats):
        function()
    synchronize()
    seconds = (clock() - start) / repeats
    # END SOLUTION
    return seconds


# %% [markdown]
# `python -m lessons check 18` tells you how far you are, `python -m lessons hint 18` gives a nudge.
#
# ## A GPU for nothing
#
# Two places lend one to everybody, for some hours a week. Make the notebook of this lesson, `python -m lessons notebook
# 18`, and take the file `work/18_one_source_two_devices.ipynb` there:
#
# - **Colab** (colab.research.google.com): File, Upload notebook. Then Runtime, Change runtime type, T4 GPU.
# - **Kaggle** (kaggle.com/code): New Notebook; File, Import Notebook. Then in Settings: Accelerator, GPU, and Internet on.
#   Kaggle asks for a telephone number first.
#
# CuPy is installed on both. Run the first cell: it installs minivit, or asks for the file to install it from. Then run all
# others; the last one says whether it found the GPU, and how long an addition takes there. On your own machine
# `python -m lessons doctor` says it, and for an NVIDIA card of your own also what to install.
#
# ## Count it
#
# `traffic` runs any function on the stand-in and says what it cost. `careless_epoch` is how an epoch is often written.
# **Before you run it**, go through it with a pencil: how many copies and waits has each step?


# %%
def careless_epoch(weight, bias, images, labels, rng, lr, batch_size):
    """As epoch, with one thing after the other that makes somebody wait."""
    xp = array_module(weight)
    losses, right, count = [], 0, len(images)
    order = rng.permutation(count)
    for start in range(0, count, batch_size):
        here = order[start : start + batch_size]
        x, t = xp.asarray(images[here]), xp.asarray(labels[here])
        weight, bias, loss, hits = step(weight, bias, x, t, lr)
        losses.append(float(loss) * len(here))
        if xp.isnan(loss):
            raise ValueError("the loss is no number any more")
        right += int(hits)
    return weight, bias, sum(losses) / count, right / count


def digits():
    """(images (1437, 64), labels (1437,)) of the digits, in the host's memory."""
    data = load("digits")
    return data.train_images.reshape(-1, 64), data.train_labels


def traffic(function, batch_size=32):
    """What an epoch on the digits copies, how often somebody waits, and what it launches, on the stand-in for a device."""
    with pretended() as counted:
        weight, bias = put(np.zeros((64, 10), np.float32)), put(np.zeros(10, np.float32))
        function(weight, bias, *digits(), np.random.default_rng(0), 0.5, batch_size)
    return counted


def trained(epochs=5):
    """The share of digits read right in each epoch, on the host."""
    weight, bias = np.zeros((64, 10), np.float32), np.zeros(10, np.float32)
    rng, shares = np.random.default_rng(0), []
    for _ in range(epochs):
        weight, bias, _, share = epoch(weight, bias, *digits(), rng, 0.5, 32)
        shares.append(share)
    return shares


# %% [markdown]
# Here is the time of one addition on your machine for a small and for a large array; where a GPU is usable, on both
# devices.


# %%
def measured():
    """Prints what your functions cost, and what additions cost on this machine."""
    steps = math.ceil(len(digits()[0]) / 32)
    for name, function in (("careless", careless_epoch), ("yours", epoch)):
        print(f"an epoch of {steps} steps, {name + ':':9} {traffic(function)}")
    print("read right, epoch by epoch: " + ", ".join(f"{share:.1%}" for share in trained()))
    usable, reason = gpu_status()
    for count in (2_048, 2_048_000):
        on_host = np.ones(count, np.float32)
        told = f"{1e6 * seconds_of(lambda x=on_host: x + x, time.perf_counter, lambda: None):8.1f} µs on the host"
        if usable:
            on_device = to_device(on_host, "gpu")
            synchronize = array_module(on_device).cuda.Device().synchronize
            told += f", {1e6 * seconds_of(lambda x=on_device: x + x, time.perf_counter, synchronize):8.1f} µs on the device"
        print(f"{count:9,} additions: {told}")
    print(reason)


def timeline(wait, kernels=6, seconds=14e-6, between=9e-6):
    """A Queue after so many kernels, each followed by some work of the host's; with a wait after each, or none."""
    queue = Queue()
    for _ in range(kernels):
        queue.launch(seconds)
        if wait:
            queue.synchronize()
        queue.now += between
    return queue


def times(counts):
    """(seconds on the host, seconds on the device) of an operation on so many numbers, by the two formulas of the lesson."""
    return 1e-6 + 8 * counts / 10e9, 5e-6 + 8 * counts / 320e9


def draw_timeline(axes, queue, title):
    """Host and device as two rows of bars."""
    from lessons.figures import BLUE, ORANGE

    for begun, handed, start, end in queue.kernels:
        axes.barh(1, 1e6 * (handed - begun), left=1e6 * begun, color=ORANGE, edgecolor="white")
        axes.barh(0, 1e6 * (end - start), left=1e6 * start, color=BLUE, edgecolor="white", hatch="//")
    done = 1e6 * max(queue.now, queue.free)
    axes.set(yticks=(0, 1), yticklabels=("device", "host"), xlim=(0, 172), ylim=(-0.6, 1.6), title=f"{title}: {done:.0f} µs")


def picture():
    """Two timelines, copies and waits of an epoch, and time against the size of an array."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE

    measured()
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(1.2, 1, 1.1))
    free, waiting = left.subplots(2, 1, sharex=True)
    draw_timeline(free, timeline(wait=False), "nobody waits")
    draw_timeline(waiting, timeline(wait=True), "a wait after each")
    waiting.set_xlabel("µs")

    bars = middle.subplots()
    for place, (function, colour) in enumerate(((careless_epoch, ORANGE), (epoch, BLUE))):
        counted = traffic(function)
        sizes = [len(counted.copies), len(counted.waits)]
        shown = bars.bar(np.arange(2) + 0.4 * place - 0.2, sizes, 0.38, color=colour, label=("careless", "yours")[place])
        bars.bar_label(shown)
    bars.set(xticks=(0, 1), xticklabels=("copies", "waits"), title="one epoch, 45 steps")
    bars.legend(frameon=False)

    chart, counts = right.subplots(), np.logspace(2, 8, 61)
    host, device = times(counts)
    chart.plot(counts, 1e6 * host, "--", color=ORANGE, label="host")
    chart.plot(counts, 1e6 * device, color=BLUE, label="device")
    chart.axvline(counts[np.argmin(np.abs(np.log(host / device)))], color=GREY, linewidth=1)
    for number, text in ((2_048, "32 digits"), (9.7e6, "ViT-B/16")):
        chart.axvline(number, color=GREY, linestyle=":", linewidth=1)
        chart.text(number, 9e4, f"{text} ", rotation=90, ha="right", va="top", fontsize="small", color=GREY)
    chart.set(xscale="log", yscale="log", xlabel="numbers in the array", ylabel="µs", title="one operation", ylim=(0.7, 1e5))
    chart.legend(frameon=False, loc="lower right")
    return figure


# %% [markdown]
# ## Look at it
#
# Left, twice the same six kernels (blue, hatched) and launches (orange). Above, the host is far ahead and the device works
# without a break. Below, it waits for each kernel before it does its own work, and then the device waits for the host.
# Nothing is computed that was not computed above.
#
# Middle, one epoch on the digits. The careless one carries two arrays over in every step and asks for three numbers; that
# is 225 copies and 135 waits. (Did you find all of them with your pencil?) Yours has three copies over and two back,
# which are the two waits. With ten times as many images it would still be five and two. (It launches a little more, since
# batches are now picked on the device. That is cheap: nobody waits for it.)
#
# Right, both axes in powers: the device needs 5 µs, however little there is to do. Left of the grey line stay at home.
#
# ## Argue about it
#
# The loss is not looked at until the epoch is over. What if it became nan in the tenth step? Can you find out *which* step
# it was, without waiting in each? (The library can: it stops with "the loss stopped being a number at step 10".)

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
