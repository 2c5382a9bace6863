"""Lesson 16: random shifts, the training loop, an honest test."""

import functools
import math
from types import SimpleNamespace
from unittest import mock

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Wrong, compared, kind

TITLE = "Train it"
MINUTES = 45
NEEDS = ["14", "15"]
GOALS = [
    "You can train a Vision Transformer that is yours down to the last gradient, on digits and on clothes.",
    "You can make more of few images by random shifts, each image its own.",
    "You can test honestly: no augmentation, and the training images' mean and deviation.",
    "You can say what a ViT has to learn that a convolutional network knows from the start.",
]
PICTURE = (
    "Left, the loss of a short training, from 2.3 down to below 1, and the learning rate with warm-up and "
    "cosine. Middle, three "
    "digits, each as it is and twice shifted by a pixel. Right, sixteen test digits, the misread ones first."
)

# ---------------------------------------------------------------- random_shift

SHIFT = {
    "shape": "The result should have the shape and the dtype of the images.",
    "place": "An image is not a shifted copy of itself, with zeros where nothing was.",
    "roll": "What leaves on one side comes back on the other. Zeros should move in.",
    "far": "An image is moved further than allowed, or not in all directions: from −pixels to +pixels, both included.",
    "same": "All images of the batch are moved alike. Each should have its own two numbers.",
    "diagonal": "Down and across are always the same. Draw a number for each.",
    "pairs": "Some moves never happen. How far down and how far across have nothing to do with each other: draw two numbers.",
    "rng": "The moves are not drawn from the rng that is passed in: the same seed must give the same moves, another seed others.",
    "changed": "The images that came in were changed: make a new array.",
}


def check_shift(function, namespace, rng):
    images = rng.uniform(0.1, 1, (200, 4, 6, 2)).astype(np.float32)
    images.flags.writeable = False
    for pixels in (2, 1):
        shifted = np.asarray(function(images, pixels, np.random.default_rng(1)))
        if shifted.shape != images.shape or shifted.dtype != images.dtype:
            raise Wrong(f"{SHIFT['shape']}\nyours {shifted.shape}, {shifted.dtype}")
        wide = 3 * pixels
        padded = np.pad(images, ((0, 0), (wide, wide), (wide, wide), (0, 0)))
        moves = [_move(image, padded[i], wide) for i, image in enumerate(shifted)]
        if None in moves:
            i = moves.index(None)
            rolled = any(
                np.array_equal(shifted[i], np.roll(images[i], (y, x), (0, 1))) for y in range(-2, 3) for x in range(-2, 3)
            )
            raise Wrong(SHIFT["roll" if rolled else "place"])
        if len(set(moves)) == 1:
            raise Wrong(SHIFT["same"])
        if all(y == x for y, x in moves):
            raise Wrong(SHIFT["diagonal"])
        for axis in range(2):
            found = {move[axis] for move in moves}
            if found != set(range(-pixels, pixels + 1)):
                raise Wrong(f"{SHIFT['far']}\nwith pixels = {pixels} yours moves by {sorted(found)}")
        if pixels == 1 and len(set(moves)) < 9:
            raise Wrong(SHIFT["pairs"])
        yield f"up to {pixels} pixels, in all directions, each image its own"
    again, other = (function(images, 1, np.random.default_rng(seed)) for seed in (1, 2))
    if not np.array_equal(again, shifted) or np.array_equal(again, other):
        raise Wrong(SHIFT["rng"])
    others = [_move(image, padded[i], wide) for i, image in enumerate(np.asarray(other)[:50])]
    if any(all(move and move[axis] == moves[i][axis] for i, move in enumerate(others)) for axis in range(2)):
        raise Wrong(f"{SHIFT['rng']}\none of the two numbers is the same for every seed")
    if not np.array_equal(function(images, 0, np.random.default_rng(0)), images):
        raise Wrong(SHIFT["place"] + "\nwith pixels = 0 the images stay as they are")
    yield "random numbers from rng; 0 pixels change nothing"


def _move(image, padded, wide):
    height, width, _ = image.shape
    for y in range(-wide, wide + 1):
        for x in range(-wide, wide + 1):
            if np.array_equal(image, padded[wide - y : wide - y + height, wide - x : wide - x + width]):
                return y, x
    return None


WINDOWS = "windows = [padded[i, y : y + height, x : x + width] for i, (y, x) in enumerate(places)]"
PLACES = "places = rng.integers(0, 2 * pixels + 1, (batch, 2))  # (B, 2)"
SHIFT_MISTAKES = [
    Mistake(SHIFT["same"], PLACES, "places = np.tile(rng.integers(0, 2 * pixels + 1, 2), (batch, 1))"),
    Mistake(SHIFT["far"], PLACES, "places = rng.integers(0, 2 * pixels, (batch, 2))"),
    Mistake(SHIFT["far"], PLACES, "places = rng.integers(pixels, 2 * pixels + 1, (batch, 2))"),
    Mistake(SHIFT["diagonal"], PLACES, "places = np.repeat(rng.integers(0, 2 * pixels + 1, (batch, 1)), 2, axis=1)"),
    Mistake(SHIFT["rng"], PLACES, "places = np.random.default_rng(0).integers(0, 2 * pixels + 1, (batch, 2))"),
    Mistake(SHIFT["rng"], PLACES, f"{PLACES}\n    places[:, 0] = np.random.default_rng(0).integers(0, 2 * pixels + 1, batch)"),
    Mistake(
        SHIFT["roll"],
        WINDOWS,
        "windows = [np.roll(images[i], (y - pixels, x - pixels), (0, 1)) for i, (y, x) in enumerate(places)]",
    ),
    Mistake(SHIFT["place"], "(pixels, pixels), (0, 0)))  # (B, H+2s, W+2s, C)", '(pixels, pixels), (0, 0)), mode="edge")'),
]

# ---------------------------------------------------------------- train_vit

TRAIN = {
    "cleared": "Old gradients are still there when the loss is computed: backward adds to .grad, so clear it for every batch.",
    "cleared late": "In the first step old gradients are there when the loss is computed: the parameters may bring some "
    "along. Clear them before the loss of each batch, not only after the step.",
    "backward": "backward() of the loss is not called for each batch, or only after step: without it there are no gradients.",
    "step": "The optimizer makes no step: call its step(...) once for each batch.",
    "statistics": "The images that go into the ViT are not (shifted image − µ) / σ with µ and σ of all training pixels.",
    "before": "The images are normalised before they are shifted. What moves in is 0, and that is empty paper only before.",
    "rates": "The learning rates are not those of the schedule: one for each step, counted over the whole training.",
    "warm-up": "The warm-up is not 5 % of all the steps, rounded up.",
    "epoch": "An epoch should visit every image once, in batches of batch_size, the last one smaller.",
    "order": "Every epoch needs a new random order of the images, from rng.",
    "labels": "Images and labels are not in step: use the same numbers for both.",
    "losses": "The losses should hold one plain number for every step, what the loss was.",
    "figures": "train_vit should give (losses, mean, std), the mean and the deviation of the training pixels.",
    "decay": "AdamW is not made with the weight decay that train_vit was given, or not just once.",
    "smoothing": "The loss is not computed with the label smoothing that train_vit was given.",
    "shift": "The images are not shifted by up to `shift` pixels, each batch anew.",
    "lost": "The images that go into the ViT are not those that random_shift gave.",
    "moves": "The shifts are not drawn from the rng that train_vit was given: the same seed must give the same training.",
    "float64": "The images have become float64, and with them everything: make mean and std plain numbers, float(...).",
    "early": "No gradients are there when step is called: nothing may clear them between backward() and step, and the loss must "
    "be made from the Tensor that mine.vit gives.",
    "twice": "backward() is called more than once for a batch: each call adds to .grad.",
    "loss": "The loss is not computed with cross_entropy, which stands at the top of train_vit.",
}
COUNT, BATCH, EPOCHS = 9, 4, 3  # one image is left over; none is the mean of all, where the gradient would be 0
LONGER = (13, 14, 20)  # epochs: 5 % of 39 steps is just below 2, of 42 just above, of 60 exactly 3: what rounds otherwise differs
REAL = mine  # where a stand-in has taken its name


class _Recorder:
    """Stands in for `mine` while the loop runs: a ViT of one Linear, an optimizer that only takes notes."""

    def __init__(self, parameters):
        self.parameters, self.batches, self.rates, self.cleared, self.decays = parameters, [], [], [], []

    def __getattr__(self, name):
        return getattr(REAL, name)

    def vit(self, parameters, images, sizes):
        self.batches.append(np.array(images))
        return mine.op(mine.linear)(np.asarray(images).reshape(len(images), -1), *self.parameters.values())

    def AdamW(self, parameters, weight_decay=0.05, max_norm=1.0):
        self.decays.append(weight_decay)
        return self

    def step(self, lr):
        if not all(p.grad is not None and np.any(p.grad) for p in self.parameters.values()):
            raise Wrong(TRAIN["early" if self.cleared else "backward"])
        self.rates.append(lr)


def _run(function, namespace, seed, shift=0, epochs=EPOCHS):
    """(recorder, what train_vit gave, images) on nine tiny images whose pixels tell which they are. The parameters bring
    gradients along, as from an earlier use."""
    images = np.linspace(0.3, 1, COUNT, dtype=np.float32)[:, None, None, None] ** 2 * np.ones((1, 3, 3, 1), np.float32)
    labels = np.arange(COUNT) % 5
    images.flags.writeable = labels.flags.writeable = False
    rng = np.random.default_rng(3)
    parameters = {
        "weight": mine.Tensor(rng.standard_normal((9, 5)).astype(np.float32), requires_grad=True),
        "bias": mine.Tensor(np.zeros(5, np.float32), requires_grad=True),
    }
    for parameter in parameters.values():
        parameter.grad = np.ones_like(parameter.data)
    recorder, seen = _Recorder(parameters), []
    shifts, losses, real, own_rng = [], namespace["smoothed_loss"], namespace["random_shift"], np.random.default_rng(seed)

    def spy(images, pixels, rng):
        moved = real(images, pixels, rng)
        shifts.append(SimpleNamespace(images=np.array(images), pixels=pixels, moved=np.array(moved), own_rng=rng is own_rng))
        return moved

    def smoothed(label_smoothing):
        cross_entropy = losses(label_smoothing)

        def with_notes(logits, labels):
            seen.append((label_smoothing, np.array(labels)))
            loss = cross_entropy(logits, labels)
            walk = loss.backward

            def backward():
                recorder.cleared.append(all(p.grad is None or not np.any(p.grad) for p in parameters.values()))
                walk()

            loss.backward = backward
            return loss

        return with_notes

    stand_ins = {"mine": recorder, "smoothed_loss": smoothed, "random_shift": spy}
    with mock.patch.dict(function.__globals__, stand_ins), mock.patch.dict(namespace, stand_ins):
        given = function(parameters, namespace_sizes(), images, labels, own_rng, epochs, BATCH, 0.5, 0.07, 0.2, shift)
    return recorder, seen, shifts, given, images


def namespace_sizes():
    return mine.Sizes(3, 3, 1, 5, 4, 1, 1, 4)


def check_train(function, namespace, rng):
    seed = int(rng.integers(1000))
    recorder, seen, shifts, given, images = _run(function, namespace, seed)
    if not isinstance(given, tuple | list) or len(given) != 3:
        raise Wrong(f"{TRAIN['figures']}\nyours gives {kind(given)}")
    losses, mean, std = given
    if not isinstance(losses, list | tuple) or any(np.shape(number) for number in (mean, std)):
        raise Wrong(f"{TRAIN['figures']}\nyours are {', '.join(map(kind, given))}")
    if not seen:
        raise Wrong(TRAIN["loss"])
    if not recorder.cleared:
        raise Wrong(TRAIN["backward"])
    if not recorder.rates:
        raise Wrong(TRAIN["step"])
    if len(recorder.cleared) > len(recorder.batches):
        raise Wrong(TRAIN["twice"])
    if not all(recorder.cleared):
        raise Wrong(TRAIN["cleared late" if all(recorder.cleared[1:]) else "cleared"])
    if any(s.pixels != 0 for s in shifts):
        raise Wrong(f"{TRAIN['shift']}\nwith shift = 0 yours moves them by up to {max(s.pixels for s in shifts)}")
    if any(batch.dtype != np.float32 for batch in recorder.batches):
        raise Wrong(TRAIN["float64"])
    steps = EPOCHS * math.ceil(COUNT / BATCH)
    ids = [_which(batch, images) for batch in recorder.batches]
    if any(number is None for batch in ids for number in batch):
        raise Wrong(TRAIN["statistics"])
    if [len(batch) for batch in ids] != EPOCHS * [4, 4, 1]:
        yours = f"yours are {[len(batch) for batch in ids]}"
        raise Wrong(f"{TRAIN['epoch']}\nwanted: {EPOCHS} epochs of [4, 4, 1] for {COUNT} images and batches of {BATCH}; {yours}")
    epochs = [[i for batch in ids[3 * e : 3 * e + 3] for i in batch] for e in range(EPOCHS)]
    if any(sorted(epoch) != list(range(COUNT)) for epoch in epochs):
        raise Wrong(TRAIN["epoch"])
    if any(list(labels) != [i % 5 for i in batch] for (_, labels), batch in zip(seen, ids, strict=True)):
        raise Wrong(TRAIN["labels"])
    yield "every image once an epoch, each with its own label, normalised; gradients cleared"
    again, other = ([_which(b, images) for b in _run(function, namespace, s)[0].batches] for s in (seed, seed + 1))
    if epochs[0] == epochs[1] or epochs[0] == sorted(epochs[0]) or other == ids or again != ids:
        raise Wrong(TRAIN["order"])
    yield "a new random order each time, from rng"
    for epochs in (EPOCHS, *LONGER):
        _expect_rates(recorder.rates if epochs == EPOCHS else _run(function, namespace, seed, epochs=epochs)[0].rates, epochs)
    if recorder.decays != [0.07]:
        raise Wrong(TRAIN["decay"])
    if any(smoothing != 0.2 for smoothing, _ in seen):
        raise Wrong(TRAIN["smoothing"])
    yield "learning rates, weight decay, label smoothing"
    if len(losses) != steps or not all(isinstance(x, float | np.floating) and 0 < x < 100 for x in losses):
        raise Wrong(TRAIN["losses"])
    if abs(float(mean) - images.mean()) > 1e-6 or abs(float(std) - images.std()) > 1e-6:
        raise Wrong(TRAIN["figures"])
    recorder, _, shifts, _, _ = _run(function, namespace, seed, shift=1)
    if len(shifts) != steps or any(s.pixels != 1 for s in shifts):
        raise Wrong(TRAIN["shift"])
    if any(s.images.min() < 0 for s in shifts):
        raise Wrong(TRAIN["before"])
    if not all(s.own_rng for s in shifts):
        raise Wrong(TRAIN["moves"])
    pairs = zip(recorder.batches, shifts, strict=True)
    if not all(np.allclose(batch, (s.moved - images.mean()) / images.std(), atol=1e-4) for batch, s in pairs):
        raise Wrong(TRAIN["lost"])
    yield "shifts, losses, mean and deviation"
    yield _for_real(function, namespace, seed)


def _expect_rates(rates, epochs):
    """The learning rates of so many epochs of three batches."""
    steps = 3 * epochs
    if len(rates) != steps:
        raise Wrong(f"{TRAIN['rates']}\n{len(rates)} steps, not {steps}")
    rate = functools.partial(mine.warmup_cosine, total=steps, peak=0.5, floor=1e-5)
    wanted = [rate(step, warmup=math.ceil(0.05 * steps)) for step in range(steps)]
    wrong = [step for step in range(steps) if abs(rates[step] - wanted[step]) > 1e-9]
    if wrong:
        others = (n for n in range(steps) if np.allclose(rates, [rate(s, warmup=n) for s in range(steps)], atol=1e-9))
        other = next(others, None)
        why = "rates" if other is None else "warm-up"
        step = wrong[0]
        where = f"of {steps} steps, step {step}: {compared(rates[step], wanted[step])}"
        raise Wrong(f"{TRAIN[why]}\n{where}" + ("" if other is None else f", as with a warm-up of {other}"))


def _which(batch, images):
    """The numbers of the images in a normalised batch; None for one that is none of them."""
    values = (images[:, 0, 0, 0] - images.mean()) / images.std()
    return [next((i for i, v in enumerate(values) if np.allclose(image, v, atol=1e-4)), None) for image in np.asarray(batch)]


def _for_real(function, namespace, seed):
    from minivit.data import load

    data, sizes = load("digits"), mine.Sizes(8, 2, 1, 10, 32, 1, 4, 64)
    parameters = mine.vit_parameters(sizes, np.random.default_rng(seed), 0.7)
    rng = np.random.default_rng((seed, 1))
    losses, mean, std = function(
        parameters, sizes, data.train_images[:640], data.train_labels[:640], rng, epochs=8, batch_size=64
    )
    if abs(losses[0] - math.log(10)) > 1e-3:
        raise Wrong(f"The first loss is {losses[0]:.4f}; with a head of zeros it must be ln 10 = 2.3026.")
    images = ((data.test_images - mean) / std).astype(np.float32)
    share = (mine.vit(parameters, images, sizes).data.argmax(axis=-1) == data.test_labels).mean()
    if share < 0.3:
        raise Wrong(
            f"After 8 epochs on 640 digits a tiny ViT reads only {100 * share:.0f} % of the test digits; 30 % is the least."
        )
    return f"a tiny ViT after 8 epochs on 640 digits: {100 * share:.0f} % of the test digits"


BATCH_LINE = "batch = (random_shift(images[chosen], shift, rng) - mean) / std  # (B, H, W, C)"
STEP_LINE = "optimizer.step(mine.warmup_cosine(len(losses), total, lr, warmup, 1e-5))"
LOSS_TO_STEP = (
    "            loss = cross_entropy(mine.vit(parameters, batch, sizes), labels[chosen])\n            loss.backward()\n"
    f"            {STEP_LINE}\n"
)
TRAIN_MISTAKES = [
    Mistake(TRAIN["cleared"], "parameter.grad = None", "pass"),
    Mistake(TRAIN["backward"], "            loss.backward()\n", ""),
    Mistake(TRAIN["step"], STEP_LINE, "pass"),
    Mistake(TRAIN["statistics"], BATCH_LINE, "batch = random_shift(images[chosen], shift, rng)"),
    Mistake(
        TRAIN["statistics"],
        BATCH_LINE,
        "batch = random_shift(images[chosen], shift, rng)\n            batch = (batch - batch.mean()) / batch.std()",
    ),
    Mistake(TRAIN["before"], BATCH_LINE, "batch = random_shift((images[chosen] - mean) / std, shift, rng)"),
    Mistake(TRAIN["shift"], BATCH_LINE, "batch = (images[chosen] - mean) / std"),
    Mistake(TRAIN["shift"], BATCH_LINE, BATCH_LINE.replace("shift, rng", "1, rng")),
    Mistake(
        TRAIN["lost"], BATCH_LINE, "random_shift(images[chosen], shift, rng)\n            batch = (images[chosen] - mean) / std"
    ),
    Mistake(TRAIN["moves"], BATCH_LINE, BATCH_LINE.replace("shift, rng", "shift, np.random.default_rng(0)")),
    Mistake(TRAIN["float64"], "float(images.mean()), float(images.std())", "images.mean(dtype=np.float64), images.std()"),
    Mistake(TRAIN["backward"], "loss.backward()\n            " + STEP_LINE, STEP_LINE + "\n            loss.backward()"),
    Mistake(
        TRAIN["early"],
        "loss.backward()\n",
        "loss.backward()\n            for parameter in parameters.values():\n                parameter.grad = None\n",
    ),
    Mistake(TRAIN["twice"], "loss.backward()\n", "loss.backward()\n            loss.backward()\n"),
    Mistake(TRAIN["loss"], "cross_entropy(mine.vit(parameters", "mine.op(mine.cross_entropy)(mine.vit(parameters"),
    Mistake(TRAIN["figures"], "return losses, mean, std", "return mean, std, losses"),
    Mistake(TRAIN["epoch"], "for _ in range(epochs):", "for _ in range(1):"),
    Mistake(TRAIN["rates"], STEP_LINE, "optimizer.step(lr)"),
    Mistake(TRAIN["rates"], STEP_LINE, STEP_LINE.replace("len(losses)", "start // batch_size")),
    Mistake(TRAIN["rates"], STEP_LINE, STEP_LINE.replace("len(losses)", "len(losses) + 1")),
    *(
        Mistake(TRAIN["warm-up"], "warmup = math.ceil(0.05 * total)", f"warmup = {wrong}")
        for wrong in (
            "1",
            "0",
            "total // 2",
            "math.ceil(0.1 * total)",
            "round(0.05 * total)",
            "total // 20",
            "math.ceil(0.04 * total)",
            "int(0.05 * total) + 1",
        )
    ),
    Mistake(TRAIN["cleared"], "parameter.grad = None", "parameter.grad = parameter.grad if start else None"),
    Mistake(
        TRAIN["cleared late"],
        f"            for parameter in parameters.values():\n                parameter.grad = None\n{LOSS_TO_STEP}",
        f"{LOSS_TO_STEP}            for parameter in parameters.values():\n                parameter.grad = None\n",
    ),
    Mistake(TRAIN["order"], "order = rng.permutation(len(images))  # (N,)", "order = np.arange(len(images))"),
    Mistake(
        TRAIN["order"],
        "order = rng.permutation(len(images))  # (N,)",
        "order = np.random.default_rng(0).permutation(len(images))",
    ),
    Mistake(
        TRAIN["order"],
        "order = rng.permutation(len(images))  # (N,)",
        "order = np.random.permutation(len(images))",
    ),
    Mistake(TRAIN["labels"], "labels[chosen])\n", "labels[start : start + batch_size])\n"),
    Mistake(
        TRAIN["epoch"],
        "for start in range(0, len(images), batch_size):\n            chosen",
        "for start in range(0, len(images) - batch_size + 1, batch_size):\n            chosen",
    ),
    Mistake(
        TRAIN["epoch"],
        "for start in range(0, len(images), batch_size):\n            chosen",
        "for start in range(0, len(images) - 1, batch_size):\n            chosen",
    ),
    Mistake(TRAIN["losses"], "losses.append(float(loss.data))", "losses.append(loss)"),
    Mistake(TRAIN["decay"], "optimizer = mine.AdamW(parameters, weight_decay)", "optimizer = mine.AdamW(parameters)"),
    Mistake(TRAIN["smoothing"], "cross_entropy(mine.vit(parameters", "smoothed_loss(0.0)(mine.vit(parameters"),
]

# ---------------------------------------------------------------- evaluate_vit

EVALUATE = {
    "statistics": "The test images are not normalised with the mean and std that are passed in, those of the training.",
    "own": "The test images are normalised with their own mean and deviation. Use those of the training, which are passed in.",
    "count": "This is a number of images and not a share: divide by how many there are.",
    "percent": "This is per cent: a share lies between 0 and 1.",
    "wrong": "This is the share of misread images.",
    "last": "Not all images went through the model: every part counts, the last, smaller one too.",
    "parts": "This is the mean of the parts' shares. The last part is smaller: count right answers, and divide once.",
    "other": "The share is not that of the right answers.",
    "axis": "The answer is the largest logit of each row: along the last axis.",
    "large": "More than 256 images went through the model at once: take them in parts.",
    "training": "The test images were shifted: in a test the image stays as it is.",
}


def check_evaluate(function, namespace, rng):
    yield from _evaluated(function, namespace, rng, 600)
    list(_evaluated(function, namespace, rng, 2 * 256 + 1))  # one image is left over


def _evaluated(function, namespace, rng, count):
    answers = {}
    sizes = namespace_sizes()
    images = rng.uniform(0, 1, (count, 3, 3, 1)).astype(np.float32)
    labels = rng.integers(0, 5, count)
    images.flags.writeable = False
    weight = rng.standard_normal((9, 5)).astype(np.float32)
    sizes_seen, shifted = [], []

    class Fake:
        def __getattr__(self, name):
            return getattr(REAL, name)

        def vit(self, parameters, batch, sizes):
            sizes_seen.append(len(batch))
            answers.setdefault("first", np.array(batch))
            return REAL.Tensor(np.asarray(batch).reshape(len(batch), -1) @ weight)

    def shift(*arguments):
        shifted.append(True)
        return real_shift(*arguments)

    real_shift, fake = namespace["random_shift"], {"mine": Fake(), "random_shift": shift}
    with mock.patch.dict(function.__globals__, fake), mock.patch.dict(namespace, fake):
        try:
            found = function({}, sizes, images, labels, 0.3, 0.2)
        except ValueError as error:
            if "(5,)" in str(error):  # one answer for each class
                raise Wrong(EVALUATE["axis"]) from None
            raise
    right = (((images - 0.3) / 0.2).reshape(count, -1) @ weight).argmax(axis=-1) == labels
    wanted = float(right.mean())
    if not isinstance(found, int | float | np.number):
        raise Wrong(f"evaluate_vit should give one number, the share; yours gives {kind(found)}. Is a `return` missing?")
    first = answers.get("first", np.zeros(0))
    if max(sizes_seen, default=999) > 256:
        raise Wrong(EVALUATE["large"])
    if first.size and not np.allclose(first, (images[: len(first)] - 0.3) / 0.2, atol=1e-5):
        part = images[: len(first)]
        own = any(np.allclose(first, (part - x.mean()) / x.std(), atol=1e-4) for x in (images, part))
        raise Wrong(EVALUATE["training" if shifted else "own" if own else "statistics"])
    yield "mean and deviation of the training, not more than 256 images at once"
    if abs(found - wanted) > 1e-6 or sum(sizes_seen) < count:
        parts = np.mean([right[start : start + 256].mean() for start in range(0, count, 256)])
        names = {"percent": 100 * wanted, "count": count * wanted, "wrong": 1 - wanted, "parts": parts}
        name = next(
            (name for name, value in names.items() if abs(found - value) < 1e-4), "last" if sum(sizes_seen) < count else "other"
        )
        seen = f"; {sum(sizes_seen)} of {count} images seen" if name == "last" else ""
        raise Wrong(f"{EVALUATE[name]}\n{compared(float(found), wanted)}{seen}")
    yield "the share of right answers, all images counted"


RIGHT = "right += int((answers == labels[start : start + 256]).sum())"
PART = "part = (images[start : start + 256] - mean) / std  # (B, H, W, C)"
SHARE = "share = right / len(images)"


def _all_at_once(parameters, sizes, images, labels, mean, std):
    answers = mine.vit(parameters, (images - mean) / std, sizes).data.argmax(axis=-1)
    return float((answers == labels).mean())


EVALUATE_MISTAKES = [
    Mistake(EVALUATE["own"], PART, "part = (images[start : start + 256] - images.mean()) / images.std()"),
    Mistake(EVALUATE["own"], PART, "part = images[start : start + 256]\n        part = (part - part.mean()) / part.std()"),
    Mistake(EVALUATE["statistics"], PART, "part = images[start : start + 256]"),
    Mistake(
        EVALUATE["training"], PART, "part = (random_shift(images[start : start + 256], 1, np.random.default_rng(0)) - mean) / std"
    ),
    Mistake(EVALUATE["statistics"], PART, "part = images[start : start + 256] - mean"),
    Mistake(EVALUATE["statistics"], PART, "part = (images[start : start + 256] - std) / mean"),
    Mistake(
        EVALUATE["parts"],
        f"{RIGHT}\n    {SHARE}",
        "right += float((answers == labels[start : start + 256]).mean())\n    share = right / math.ceil(len(images) / 256)",
    ),
    Mistake(EVALUATE["count"], SHARE, "share = right"),
    Mistake(EVALUATE["percent"], SHARE, "share = 100 * right / len(images)"),
    Mistake(EVALUATE["wrong"], SHARE, "share = 1 - right / len(images)"),
    Mistake(EVALUATE["last"], "for start in range(0, len(images), 256):", "for start in range(0, len(images) - 255, 256):"),
    Mistake(EVALUATE["last"], "for start in range(0, len(images), 256):", "for start in range(0, len(images) - 1, 256):"),
    Mistake(EVALUATE["large"], function=_all_at_once),
    Mistake(
        EVALUATE["axis"],
        "answers = mine.vit(parameters, part, sizes).data.argmax(axis=-1)  # (B,)",
        "answers = mine.vit(parameters, part, sizes).data.argmax(axis=0)",
    ),
    Mistake(
        EVALUATE["other"],
        "answers = mine.vit(parameters, part, sizes).data.argmax(axis=-1)  # (B,)",
        "answers = mine.vit(parameters, part, sizes).data.argmin(axis=-1)",
    ),
]

EXERCISES = [
    Exercise(
        name="random_shift",
        check=check_shift,
        mistakes=SHIFT_MISTAKES,
        hints={
            "": (
                "A frame of zeros around the image, and a window of the old size somewhere inside it.",
                "np.pad takes, for each axis, how much comes in front and behind: nothing for images and "
                "channels. Then two random "
                "numbers for each image, from 0 to 2 · pixels.",
                "The upper end of rng.integers is left out, so it must be 2 * pixels + 1. A loop over the images "
                "of the batch may cut "
                "the windows; np.stack makes one array of them.",
            )
        },
        read={"": "More digits than there are"},
    ),
    Exercise(
        name="train_vit",
        check=check_train,
        mistakes=TRAIN_MISTAKES,
        hints={
            "": (
                "Take the loop of lesson 07 as a pattern. What is new: shift, the optimizer, the learning rate of each step.",
                "Before the loops: mean, std, optimizer, total, warmup. In the inner one, in this order: choose, "
                "shift, normalise, "
                "clear, loss, backward, step, note the loss.",
                "The number of steps so far is the length of losses. mine.vit takes parameters, batch and sizes; "
                "the loss takes its "
                "result and the chosen labels. parameters is a dictionary: its values are the Tensors.",
            )
        },
        read={"": "The loop"},
    ),
    Exercise(
        name="evaluate_vit",
        check=check_evaluate,
        mistakes=EVALUATE_MISTAKES,
        hints={
            "": (
                "What is done in training and must not be done here? What must be the same?",
                "A loop over parts of 256 images; in each, normalise, compute logits, compare the largest with "
                "the labels, count.",
                "The number of right answers over the number of images is the share. mean and std are arguments: "
                "nothing has to be "
                "measured on the test images.",
            )
        },
        read={"": "An honest test"},
    ),
]

QUIZ = [
    Question(
        "You test one single photograph. With which mean do you normalise it?",
        ("Its own", "0.5", "The training images'", "None"),
        2,
        "The model has only ever seen numbers made with that mean and deviation.",
    ),
    Question(
        "The shift is drawn once for the whole batch. What is lost?",
        ("Nothing", "Most of the variety: all images of a step are moved alike", "The gradient", "The labels"),
        1,
        "In one step the model could tell the shift from all images together.",
    ),
    Question(
        "The best loss with label smoothing 0.1 on ten classes is about 0.50. Why not 0?",
        (
            "The learning rate is too small",
            "The target itself is spread: 91 % and nine times 1 %",
            "Because of weight decay",
            "Because of the shift",
        ),
        1,
        "The cross-entropy of a target with itself is its entropy: −0.91 ln 0.91 − 9 · 0.01 ln 0.01 = 0.50.",
    ),
    Question(
        "With 100 training images, which should do best?",
        ("A plain ViT", "A model with convolutions", "The larger of the two", "Both the same"),
        1,
        "It knows about neighbours and shifts from the start. The miniature in the lesson measures it.",
    ),
]
