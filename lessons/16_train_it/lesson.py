# %% [markdown]
# # 16 · Train it
#
# You have a Vision Transformer and an optimizer. Between them and a model that reads handwriting stand two dozen lines,
# the most ordinary in the whole course, and those where most trainings go wrong. **Will it read digits that it has
# never seen, with nothing in it that is not yours?**
#
# ![Loss and learning rate of the training, digits as they are and shifted, and test digits that were misread](expected.png)
#
# It will, about 98 of 100. You write the loop, one trick that makes 1,437 digits count for more, and an honest test.

# %%
import json
import math
import sys
from dataclasses import asdict

import numpy as np

from lessons import mine

# %% [markdown]
# ## More digits than there are
#
# A model of 100,000 numbers can learn 1,437 digits by heart, and then reads new ones badly. More digits would help,
# and one can make some: a digit that is moved by one pixel is the same digit. A ViT does not know that; nobody told
# it. So each time an image is used, it is moved by a random number of pixels, from $-s$ to $+s$, down and across.
# What comes in at the edge is 0, empty paper (white in our pictures).
#
# **Each image its own.** Draw two numbers for every image of the batch, not two for all. And `np.roll` is not what you
# want: what leaves on the right would come back on the left.
#
# One way: put a frame of $s$ zeros around the images (`np.pad`), and cut a window of the old size out of it, at a place
# from 0 to $2s$, both ends included: `rng.integers(0, 2 * s + 1, ...)`. A window at 0 shows the picture moved down and
# right by $s$, one at $s$ shows it as it was.


# %%
def random_shift(images, pixels, rng):
    """Each of the images (B, H, W, C) moved by its own random number of pixels, -pixels ... pixels, down and across.

    Zeros move in. rng is a NumPy Generator. Returns a new array (B, H, W, C).
    """
    # BEGIN SOLUTION: shifted
    batch, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))  # (B, H+2s, W+2s, C)
    places = rng.integers(0, 2 * pixels + 1, (batch, 2))  # (B, 2)
    windows = [padded[i, y : y + height, x : x + width] for i, (y, x) in enumerate(places)]
    shifted = np.stack(windows)  # (B, H, W, C)
    # END SOLUTION
    return shifted


# %% [markdown]
# ## The loop
#
# You wrote one in lesson 07. This one has the same bones, with a few things more. In words:
#
# - $\mu$ and $\sigma$ are mean and standard deviation of all training pixels. They are kept: whoever uses the model later
#   needs the same two numbers.
# - `mine.AdamW(parameters, weight_decay)` is made once. `step(lr)` uses each parameter's `.grad`.
# - For each epoch a new random order; for each batch: shift the images, **then** normalise them (zero is empty paper
#   only before), clear the gradients, compute the loss, go backward, make a step with this step's learning rate.
# - The learning rate comes from `mine.warmup_cosine(step, total, lr, warmup, 1e-5)`. `step` counts from 0 over the
#   *whole* training, and does not begin anew with each epoch; `total` is epochs times batches in an epoch; `warmup` is
#   5 % of it, rounded up.
#
# **Label smoothing.** The target of cross-entropy is not "100 % a three" but "91 % a three, and 1 % each of the
# others". Then no logit has to grow for ever. Your `cross_entropy` of lesson 06 can do it: its third argument. An op
# of your engine takes no `name=value`, so this helper is given:


# %%
def smoothed_loss(label_smoothing):
    """Your cross-entropy with that much label smoothing, as an op on (logits, labels)."""

    def cross_entropy(logits, labels):
        return mine.cross_entropy(logits, labels, label_smoothing)

    return mine.op(cross_entropy)


def train_vit(
    parameters, sizes, images, labels, rng, epochs=70, batch_size=128, lr=4e-3, weight_decay=0.05, label_smoothing=0.1, shift=1
):
    """Trains the parameters of a ViT in place on images (N, H, W, C), pixels from 0 to 1, and labels (N,).

    Returns (losses, mean, std): the loss of every step, and the two numbers that the images were normalised with.
    """
    cross_entropy = smoothed_loss(label_smoothing)
    losses = []
    # BEGIN SOLUTION: mean, std, and the loops over epochs and batches
    mean, std = float(images.mean()), float(images.std())
    optimizer = mine.AdamW(parameters, weight_decay)
    total = epochs * math.ceil(len(images) / batch_size)
    warmup = math.ceil(0.05 * total)
    for _ in range(epochs):
        order = rng.permutation(len(images))  # (N,)
        for start in range(0, len(images), batch_size):
            chosen = order[start : start + batch_size]  # (B,)
            batch = (random_shift(images[chosen], shift, rng) - mean) / std  # (B, H, W, C)
            for parameter in parameters.values():
                parameter.grad = None
            loss = cross_entropy(mine.vit(parameters, batch, sizes), labels[chosen])
            loss.backward()
            optimizer.step(mine.warmup_cosine(len(losses), total, lr, warmup, 1e-5))
            losses.append(float(loss.data))
    # END SOLUTION
    return losses, mean, std


# %% [markdown]
# ## An honest test
#
# When the model is used, it is another situation than training, and programs have a switch for it, often called
# *evaluation mode*:
#
# - no random shift: the question is how well it reads *this* image;
# - no label smoothing, no gradients, no step: nothing is learned from test images;
# - models with dropout turn it off (ours has none);
# - **the training's** $\mu$ **and** $\sigma$. The test images have a mean of their own, and using it is tempting. But
#   then the answer for one image would depend on which others come with it. With one single image there is no
#   sensible mean at all.
#
# Take the images in batches of 256: all 10,000 images of a larger test at once would need gigabytes for the attention
# weights.


# %%
def evaluate_vit(parameters, sizes, images, labels, mean, std):
    """The share of the images (N, H, W, C), pixels from 0 to 1, that the ViT reads correctly, a number from 0 to 1.

    mean and std are those that training gave.
    """
    # BEGIN SOLUTION: share
    right = 0
    for start in range(0, len(images), 256):
        part = (images[start : start + 256] - mean) / std  # (B, H, W, C)
        answers = mine.vit(parameters, part, sizes).data.argmax(axis=-1)  # (B,)
        right += int((answers == labels[start : start + 256]).sum())
    share = right / len(images)
    # END SOLUTION
    return share


# %% [markdown]
# `python -m lessons check 16` tells you how far you are, and `python -m lessons hint 16` gives a nudge.
#
# ## Your own ViT
#
# Now the real thing: `python work/16_train_it.py digits` trains for 70 epochs, in half a minute or a whole one, and
# writes the weights to `work/my_vit.npz`. `python work/16_train_it.py fashion-mini` trains on 4,000 pictures of
# clothes, in five to ten minutes. The sizes are those of the library's presets, so you can compare: with five seeds
# they reach 96.4 to 98.9 % of the digits, with three 84.5 to 85.6 % of the clothes. The course's solutions reach
# 98.3 % and 84.7 %.


# %%
RUNS = {
    "digits": ((8, 2, 1, 10, 64, 3, 4, 128), {"epochs": 70, "lr": 4e-3}, 0.7),
    "fashion-mini": ((28, 7, 1, 10, 64, 4, 4, 128), {"epochs": 70, "lr": 3e-3}, 0.5),
}


def train_on(name, seed=0, **changes):
    """Trains your ViT on "digits" or "fashion-mini", and returns what `keep` takes."""
    from tqdm import tqdm

    from minivit.data import load

    numbers, recipe, pos_embed_std = RUNS[name]
    data, sizes, recipe = load(name), mine.Sizes(*numbers), recipe | changes
    parameters = mine.vit_parameters(sizes, np.random.default_rng(seed), pos_embed_std)
    steps = recipe["epochs"] * math.ceil(len(data.train_images) / 128)

    class Watched(dict):
        """The parameters; each walk over them, one a step, moves the progress bar."""

        def values(self):
            bar.update()
            return super().values()

    with tqdm(total=2 * steps, desc=name, unit=" half steps", disable=None, leave=False) as bar:
        losses, mean, std = train_vit(
            Watched(parameters), sizes, data.train_images, data.train_labels, np.random.default_rng((seed, 1)), **recipe
        )
    accuracy = evaluate_vit(parameters, sizes, data.test_images, data.test_labels, mean, std)
    trained = {"parameters": parameters, "losses": losses, "test_accuracy": accuracy, "mean": mean, "std": std}
    return trained | {"sizes": sizes, "data": name, "classes": list(data.classes)}


def keep(run, path):
    """Writes a run as a model file that minivit's own commands read: the weights, and all else as JSON text.

    run: "parameters", "sizes", "data" and "classes" (names), "losses", "test_accuracy", "mean", "std".
    """
    about = {"config": asdict(run["sizes"]), "data": run["data"], "classes": run["classes"]}
    about |= {"mean": [float(run["mean"])], "std": [float(run["std"])], "test_accuracy": float(run["test_accuracy"])}
    about["losses"] = [float(loss) for loss in run["losses"]]
    weights = {name: p.data for name, p in run["parameters"].items()}
    np.savez(path, **weights, **{"about.json": np.array(json.dumps(about))})


# %% [markdown]
# ## Who needs many images?
#
# A convolution knows from the start that neighbouring pixels belong together and that a thing may be anywhere. A ViT
# has to learn it. So with few images it should be behind, and catch up with many: that is what the paper finds on the
# scale of millions (section 4.3, Figures 3 and 4). Here is the same question on digits:
#
# ![Test accuracy over the number of training images for ViT, hybrid and a small CNN](../miniatures/data_size.png)
#
#     training images    ViT           ViT with convolutional stem    small CNN
#     50                 77.7 ± 0.6    82.4 ± 2.0                     86.9 ± 0.6
#     100                90.6 ± 0.7    92.9 ± 1.1                     94.7 ± 0.0
#     200                93.5 ± 1.7    95.6 ± 0.3                     95.9 ± 0.4
#     400                94.5 ± 0.6    98.5 ± 0.4                     97.4 ± 1.2
#     800                95.9 ± 0.2    98.3 ± 0.3                     98.2 ± 0.7
#     1,437              96.8 ± 0.7    98.4 ± 0.7                     98.2 ± 0.4
#
# Every point is 360 steps, each model with the learning rate of its own preset, all with random shifts; mean and
# standard deviation over three seeds. With 50 images the CNN is 9 points ahead of the ViT, with 1,437 it is 1.4: the
# ViT learns what the CNN was given. It does not catch up here; for that the paper needs tens of millions of images.
# In between stands the **hybrid**, a ViT whose patches come from a few convolutions: behind the CNN with 50 and 100
# images, level with it from 200 on as far as three seeds can tell. (`python -m lessons.miniatures data_size` made it.)


# %%
def picture(epochs=8):
    """Loss and learning rate of a short training of your ViT, shifted digits, and the test digits that it misreads."""
    from matplotlib.figure import Figure

    from lessons.figures import BLUE, GREY, ORANGE
    from minivit.data import load

    run = train_on("digits", epochs=epochs)
    data, sizes = load("digits"), mine.Sizes(*RUNS["digits"][0])
    images = (data.test_images - run["mean"]) / run["std"]
    answers = mine.vit(run["parameters"], images.astype(np.float32), sizes).data.argmax(axis=-1)  # (360,)
    wrong = answers != data.test_labels
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    left, middle, right = figure.subfigures(1, 3, width_ratios=(5, 3, 4))
    axes = left.subplots()
    axes.plot(run["losses"], color=BLUE, label="loss (left)")
    axes.axhline(math.log(10), color=GREY, linestyle="--")
    axes.set(title=f"{epochs} epochs: {100 * run['test_accuracy']:.1f} % of the test digits", xlabel="step", ylim=(0, 2.6))
    rates = axes.twinx()
    total = len(run["losses"])
    rates.plot([mine.warmup_cosine(s, total, 4e-3, math.ceil(0.05 * total), 1e-5) for s in range(total)],
               color=ORANGE, linestyle="--", label="learning rate (right)")  # fmt: skip
    rates.set(ylim=(0, None))
    axes.legend(*(a + b for a, b in zip(axes.get_legend_handles_labels(), rates.get_legend_handles_labels(), strict=True)),
                frameon=False, loc=(0.1, 0.03))  # fmt: skip
    some = data.train_images[[3, 3, 3, 10, 10, 10, 25, 25, 25]]  # (9, 8, 8, 1)
    moved = random_shift(some, 1, np.random.default_rng(7))
    for i, axes in enumerate(middle.subplots(3, 3).flat):
        axes.imshow((some if i % 3 == 0 else moved)[i, ..., 0], cmap="gray_r")
        axes.set(xticks=(), yticks=(), title=("as it is", "shifted", "shifted")[i] if i < 3 else "")
    for i, axes in zip(np.argsort(~wrong, kind="stable")[:16], right.subplots(4, 4).flat, strict=True):
        axes.imshow(data.test_images[i, ..., 0], cmap="gray_r")
        axes.set_title(f"{data.test_labels[i]} as {answers[i]}" if wrong[i] else f"{answers[i]}", fontsize="small",
                       color=ORANGE if wrong[i] else "black")  # fmt: skip
        axes.axis("off")
    right.suptitle(f"{wrong.sum()} of 360 test digits misread, these first", fontsize="medium")
    return figure


# %% [markdown]
# ## Look at it
#
# The picture is from a short training of 8 epochs. The loss begins at 2.3026 and cannot go to 0: with label smoothing
# the best possible is about 0.50. Look at the misread digits: would you have read them?
#
# Then let it read *your* handwriting: `python -m lessons demo 16`. Draw with the mouse, and watch what your ViT thinks,
# and where it looks. `python -m minivit predict photo.png --model work/my_vit.npz` reads a picture of yours with it. And
# take it home: `python -m lessons export my_vit` writes it as a package of its own.
#
# And if one computer is too slow? `lessons/16_train_it/machines.md` tells how two or four train one ViT, and why they must add
# in order.
#
# ## Argue about it
#
# Your neighbour's ViT reads 98.6 % of the 360 test digits, yours 98.1 %. Is hers better? How many digits are that,
# and what would you both have to do to find out?

# %%
if __name__ == "__main__":
    from lessons import show
    from lessons.own import work

    chosen = [name for name in RUNS if name in sys.argv[1:]]
    for name in chosen:
        finished = train_on(name)
        target = work() / ("my_vit.npz" if name == "digits" else f"my_vit_{name}.npz")
        keep(finished, target)
        print(f"{name}: {100 * finished['test_accuracy']:.1f} % of the test images; the weights are in {target}")
    if not chosen:
        show(picture)
