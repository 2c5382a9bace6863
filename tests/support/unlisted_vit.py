"""Wrong answers to lessons 09 to 17 that stand in no lesson's list of mistakes: first what can go wrong in any op, then what only
these exercises can get wrong. The same form as unlisted.py."""

import functools
import math

import numpy as np

from lessons import mine
from lessons.classroom import course
from lessons.classroom.checker import diagnose


def right(number, name):
    """The course's own answer, looked up when it is called: `mine` is not set yet when this file is read."""

    def call(*arguments, **options):
        return diagnose.solution_names(course.find(number))[name](*arguments, **options)

    return call


def first_array(arguments):
    return next(a for a in arguments if isinstance(a, np.ndarray))


def told(sentence):
    """Gives a function its docstring, and a name of its own."""

    def tell(function):
        function.__doc__ = sentence
        function.__name__ = sentence.lower().replace(" ", "_").rstrip(".")[:50]
        return function

    return tell


# What can go wrong in any op


def any_op(number, name, linear=False):
    """Wrong versions of one op, each nearly right. The backward of a linear op is the same for all numbers."""
    op = right(number, name)

    def with_forward(change):
        def function(*arguments):
            y, backward = op(*arguments)
            return change(y, arguments), backward

        return function

    def with_backward(change):
        def function(*arguments):
            y, op_backward = op(*arguments)

            def backward(*dys):
                found = op_backward(*dys)
                several = isinstance(found, tuple)
                changed = [g if g is None else change(g, arguments, dys) for g in (found if several else (found,))]
                return tuple(changed) if several else changed[0]

            return y, backward

        return function

    def each(change):
        return lambda y, arguments: tuple(change(a, arguments) for a in y) if isinstance(y, tuple) else change(y, arguments)

    def last_entry(g):
        g = np.array(g)
        g.flat[-1] *= 1.001
        return g

    def batch(arguments):
        return first_array(arguments).shape[0]

    memory = {}

    def of_the_first_call(*arguments):
        y, backward = op(*arguments)
        return y, memory.setdefault((first_array(arguments).shape, first_array(arguments).dtype), backward)

    def adding_up(*arguments):
        y, op_backward = op(*arguments)
        calls = []

        def backward(*dys):
            calls.append(op_backward(*dys))
            found = calls[0] if isinstance(calls[0], tuple) else (calls[0],)
            summed = [g if g is None else len(calls) * g for g in found]
            return tuple(summed) if isinstance(calls[0], tuple) else summed[0]

        return y, backward

    half = np.float16
    made = {
        "The gradients are off by one in a hundred thousand": with_backward(lambda g, a, d: g * g.dtype.type(1.00001)),
        "The last entry of each gradient is off by a thousandth": with_backward(lambda g, a, d: last_entry(g)),
        "The gradients are rounded to half precision": with_backward(lambda g, a, d: g.astype(half).astype(g.dtype)),
        "The gradients lose their sign": with_backward(lambda g, a, d: np.abs(g)),
        "There is no gradient for a batch of one": with_backward(lambda g, a, d: g * (batch(a) > 1)),
        "The gradients stop at 1": with_backward(lambda g, a, d: np.clip(g, -1, 1)),
        "The gradients are always float64": with_backward(lambda g, a, d: g.astype(np.float64)),
        "The output is rounded to half precision": with_forward(each(lambda y, a: y.astype(half).astype(y.dtype))),
        "The output of a batch of one is doubled": with_forward(each(lambda y, a: y * (1 + (batch(a) == 1)))),
        "The output has noise in the fifth digit": with_forward(each(lambda y, a: y * y.dtype.type(1.00001))),
        "The gradients add up from call to call of backward": adding_up,
    }
    if not linear:
        made["The backward is that of the first call with this shape"] = of_the_first_call
    return [told(f"{sentence}: {name}.")(function) for sentence, function in made.items()]


# Lesson 09


def unpatchify_of_square_images(patches, patch_size, height, width):
    """Takes the height for the width as well: right for squares."""
    side = height if height == width else max(height, width)
    return right("09", "unpatchify")(patches, patch_size, side, patches.shape[1] * patch_size**2 // side)


def unpatchify_column_by_column(patches, patch_size, height, width):
    """Fills column by column of patches."""
    return right("09", "unpatchify")(patches, patch_size, width, height).swapaxes(1, 2)


def unpatchify_with_pixels_turned(patches, patch_size, height, width):
    """Turns each patch over its diagonal."""
    cut = patches.reshape(*patches.shape[:2], patch_size, patch_size, -1).swapaxes(2, 3)
    return right("09", "unpatchify")(cut.reshape(patches.shape), patch_size, height, width)


def unpatchify_with_colours_reversed(patches, patch_size, height, width):
    """Gives the channels back in the other order."""
    return right("09", "unpatchify")(patches, patch_size, height, width)[..., ::-1]


def unpatchify_in_float32(patches, patch_size, height, width):
    """Always float32."""
    return right("09", "unpatchify")(patches, patch_size, height, width).astype(np.float32)


def unpatchify_one_image(patches, patch_size, height, width):
    """Gives every image the patches of the first."""
    return right("09", "unpatchify")(np.repeat(patches[:1], len(patches), axis=0), patch_size, height, width)


def patchify_padded_at_the_front(images, patch_size):
    """Moves the image by one pixel before it is cut."""
    moved = np.roll(images, 1, axis=1)
    patches, backward = right("09", "patchify")(moved, patch_size)
    return patches, lambda dy: np.roll(backward(dy), -1, axis=1)


def patchify_turned(images, patch_size):
    """Cuts the image over its diagonal: right only for symmetric ones."""
    patches, backward = right("09", "patchify")(images.swapaxes(1, 2), patch_size)
    return patches, lambda dy: backward(dy).swapaxes(1, 2)


def patch_embed_with_two_biases(images, weight, bias, patch_size):
    """Adds the bias twice, forward and backward."""
    tokens, backward = right("09", "patch_embed")(images, weight, 2 * bias, patch_size)

    def doubled(dy):
        dimages, dweight, dbias, _ = backward(dy)
        return dimages, dweight, 2 * dbias, None

    return tokens, doubled


def patch_embed_with_weight_of_the_first_patch(images, weight, bias, patch_size):
    """The weight's gradient comes from the first patch of each image only."""
    tokens, backward = right("09", "patch_embed")(images, weight, bias, patch_size)

    def first_only(dy):
        dimages, _, dbias, _ = backward(dy)
        return dimages, backward(dy * (np.arange(dy.shape[1]) == 0)[:, None].astype(dy.dtype))[1], dbias, None

    return tokens, first_only


# Lesson 10


def embed_tokens_with_one_position_for_two(x, cls_token, pos_embed):
    """Odd and even places share a position."""
    shared = pos_embed[:, np.arange(pos_embed.shape[1]) // 2 * 2]
    y, backward = right("10", "embed_tokens")(x, cls_token, shared)
    return y, backward


def embed_tokens_without_position_of_cls_backward(x, cls_token, pos_embed):
    """The class token's position gets no gradient."""
    y, backward = right("10", "embed_tokens")(x, cls_token, pos_embed)

    def wrong(dy):
        dx, dcls, dpos = (np.array(g) for g in backward(dy))
        dpos[:, 0] = 0
        return dx, dcls, dpos

    return y, wrong


def embed_tokens_divided_by_the_batch(x, cls_token, pos_embed):
    """The class token's gradient is divided by the batch and its position's is not."""
    y, backward = right("10", "embed_tokens")(x, cls_token, pos_embed)

    def wrong(dy):
        dx, dcls, dpos = backward(dy)
        return dx, dcls / x.dtype.type(len(x)), dpos

    return y, wrong


def sincos(rows, columns, dim, base=10000.0, offset=0.0, swap=False):
    count = dim // 4
    speeds = base ** -(np.arange(count) / (count - 1))
    row, column = np.divmod(np.arange(rows * columns), columns)
    angles = [(place + offset)[:, None] * speeds for place in ((row, column) if swap else (column, row))]
    return np.concatenate([f(angle) for angle in angles for f in (np.sin, np.cos)], axis=1)


@told("Another base: 1000.")
def sincos_1000(rows, columns, dim):
    return sincos(rows, columns, dim, base=1000.0)


@told("Measured from the centre of the patch.")
def sincos_centred(rows, columns, dim):
    return sincos(rows, columns, dim, offset=0.5)


@told("Rows first where the grid is no square.")
def sincos_by_shape(rows, columns, dim):
    return sincos(rows, columns, dim, swap=rows != columns)


@told("Twice as fast: a full turn for every place.")
def sincos_turns(rows, columns, dim):
    return np.tile(sincos(rows, columns, dim)[:, : dim // 2], 2)


@told("Sines and cosines alternate, as in the text Transformer.")
def sincos_alternating(rows, columns, dim):
    found = sincos(rows, columns, dim).reshape(rows * columns, 2, 2, dim // 4)
    return found.swapaxes(2, 3).reshape(rows * columns, dim)


# Lesson 11


def attention_with(scale=None, weights=None, gradient=None):
    """Attention written out, with one piece exchanged."""

    def attention(q, k, v):
        factor = q.dtype.type((scale or (lambda q, k: 1 / math.sqrt(q.shape[-1])))(q, k))
        scores = (q @ k.swapaxes(-1, -2)) * factor
        p, back = (weights or mine.softmax)(scores)
        y = p @ v

        def backward(dy):
            ds = back(dy @ v.swapaxes(-1, -2))
            found = {"dq": ds @ k * factor, "dk": ds.swapaxes(-1, -2) @ q * factor, "dv": p.swapaxes(-1, -2) @ dy}
            return tuple((gradient or (lambda f, *_: f))(found, ds, p, factor, dy).values())

        return y, backward

    return attention


def _over_columns(scores):
    p, back = mine.softmax(scores.swapaxes(-1, -2))
    return p.swapaxes(-1, -2), lambda dp: back(dp.swapaxes(-1, -2)).swapaxes(-1, -2)


def _without_the_last(scores):
    p, back = mine.softmax(scores[..., :-1] if scores.shape[-1] > 1 else scores)
    if scores.shape[-1] == 1:
        return p, back
    zeros = np.zeros((*p.shape[:-1], 1), p.dtype)
    return np.concatenate([p, zeros], -1), lambda dp: np.concatenate([back(dp[..., :-1]), zeros], -1)


def _causal(scores):
    high = np.triu(np.ones(scores.shape[-2:], bool), 1)
    p, back = mine.softmax(np.where(high, scores.dtype.type(-1e9), scores))
    return p, lambda dp: np.where(high, 0, back(dp)).astype(dp.dtype)


ATTENTION = {
    "The scale is the root of the number of tokens": attention_with(lambda q, k: 1 / math.sqrt(q.shape[-2])),
    "The scale is that of two heads": attention_with(lambda q, k: 1 / math.sqrt(2 * q.shape[-1])),
    "The scale stops at a fourth": attention_with(lambda q, k: max(0.5, 1 / math.sqrt(q.shape[-1]))),
    "No scale where d is 4": attention_with(lambda q, k: 1 if q.shape[-1] == 4 else 1 / math.sqrt(q.shape[-1])),
    "Softmax down the columns": attention_with(weights=_over_columns),
    "Nobody looks at the last token": attention_with(weights=_without_the_last),
    "Only earlier tokens are looked at, as in a language model": attention_with(weights=_causal),
    "dq and dk in the other order": attention_with(gradient=lambda f, *_: {"a": f["dk"], "b": f["dq"], "c": f["dv"]}),
    "dq is scaled twice": attention_with(gradient=lambda f, ds, p, factor, dy: f | {"dq": f["dq"] * factor}),
    "dv with weights and no transposition": attention_with(gradient=lambda f, ds, p, factor, dy: f | {"dv": p @ dy}),
}

# Lesson 12


def split_heads_by_columns(qkv, heads):
    """Heads are taken from every h-th column."""
    columns = qkv.shape[-1]
    width = columns // (3 * heads)
    order = np.arange(columns).reshape(3, width, heads).swapaxes(1, 2).ravel()
    found, backward = right("12", "split_heads")(qkv[..., order], heads)
    return found, lambda *dys: backward(*dys)[..., np.argsort(order)]


def split_heads_k_before_q(qkv, heads):
    """Keys come first, then queries."""
    (q, k, v), backward = right("12", "split_heads")(qkv, heads)
    return (k, q, v), lambda dk, dq, dv: backward(dq, dk, dv)


def split_heads_last_first(qkv, heads):
    """The heads in the other order."""
    found, backward = right("12", "split_heads")(qkv, heads)
    return tuple(a[:, ::-1] for a in found), lambda *dys: backward(*(d[:, ::-1] for d in dys))


def merge_heads_interleaved(x):
    """Takes one number of each head in turn."""
    merged, _ = right("12", "merge_heads")(x)
    batch, heads, tokens, width = x.shape
    mixed = merged.reshape(batch, tokens, heads, width).swapaxes(2, 3).reshape(merged.shape)
    return mixed, lambda dy: dy.reshape(batch, tokens, width, heads).transpose(0, 3, 1, 2)


def merge_heads_without_transposition(x):
    """A reshape and nothing else."""
    batch, heads, tokens, width = x.shape
    return x.reshape(batch, tokens, heads * width), lambda dy: dy.reshape(x.shape)


def merge_heads_last_first(x):
    """The heads in the other order."""
    merged, backward = right("12", "merge_heads")(x[:, ::-1])
    return merged, lambda dy: backward(dy)[:, ::-1]


def self_attention_with(**changes):
    """Self-attention with other heads, or biases forgotten in the backward."""

    def self_attention(x, qkv_weight, qkv_bias, proj_weight, proj_bias, heads):
        y, backward = right("12", "self_attention")(
            x, qkv_weight, qkv_bias * changes.get("qkv_bias", 1), proj_weight, proj_bias, changes.get("heads", heads)
        )

        def changed(dy):
            found = list(backward(dy))
            for place, factor in changes.get("factors", {}).items():
                found[place] = found[place] * factor
            if "qkv_bias" in changes:
                found[2] = found[2] * changes["qkv_bias"]
            return tuple(found)

        return y, changed

    return self_attention


SELF_ATTENTION = {
    "One head whatever is asked for": self_attention_with(heads=1),
    "No bias in front": self_attention_with(qkv_bias=0),
    "The weight in front learns at half speed": self_attention_with(factors={1: 0.5}),
    "The projection's bias does not learn": self_attention_with(factors={4: 0}),
    "dx comes with the wrong sign": self_attention_with(factors={0: -1}),
}

# Lesson 13


def mlp_without_bend(x, w1, b1, w2, b2):
    """No GELU between the Linears."""
    hidden, first = mine.linear(x, w1, b1)
    y, second = mine.linear(hidden, w2, b2)

    def backward(dy):
        dhidden, dw2, db2 = second(dy)
        dx, dw1, db1 = first(dhidden)
        return dx, dw1, db1, dw2, db2

    return y, backward


def mlp_with_relu(x, w1, b1, w2, b2):
    """ReLU for GELU."""
    hidden, first = mine.linear(x, w1, b1)
    y, second = mine.linear(np.maximum(hidden, 0), w2, b2)

    def backward(dy):
        dbent, dw2, db2 = second(dy)
        dx, dw1, db1 = first(dbent * (hidden > 0))
        return dx, dw1, db1, dw2, db2

    return y, backward


def mlp_with_two_bends(x, w1, b1, w2, b2):
    """A GELU behind the second Linear too."""
    y, backward = right("13", "mlp")(x, w1, b1, w2, b2)
    bent, back = mine.gelu(y)
    return bent, lambda dy: backward(back(dy))


def block_with(attention=1.0, mlp=1.0, dx=1.0, places=(), heads=None):
    """A block whose branches count more or less, or some of whose gradients are changed."""

    def block(*arguments):
        x, *parameters, asked = arguments
        scaled = list(parameters)
        scaled[4], scaled[5] = scaled[4] * x.dtype.type(attention), scaled[5] * x.dtype.type(attention)
        scaled[10], scaled[11] = scaled[10] * x.dtype.type(mlp), scaled[11] * x.dtype.type(mlp)
        y, backward = right("13", "block")(x, *scaled, heads or asked)

        def changed(dy):
            found = list(backward(dy))
            for place, factor in ((5, attention), (6, attention), (11, mlp), (12, mlp), (0, dx), *((p, 0.0) for p in places)):
                found[place] = found[place] * x.dtype.type(factor)
            return tuple(found)

        return y, changed

    return block


def block_twice(*arguments):
    """Runs the block two times."""
    y, first = right("13", "block")(*arguments)
    y, second = right("13", "block")(y, *arguments[1:])

    def backward(dy):
        dz, *later = second(dy)
        dx, *earlier = first(dz)
        return (dx, *(None if a is None else a + b for a, b in zip(earlier, later, strict=True)))

    return y, backward


BLOCK = {
    "Attention counts half": block_with(attention=0.5),
    "Attention is left out": block_with(attention=0.0),
    "The MLP is left out": block_with(mlp=0.0),
    "The MLP is subtracted": block_with(mlp=-1.0),
    "dx counts half": block_with(dx=0.5),
    "The first norm does not learn": block_with(places=(1, 2)),
    "The second norm's bias does not learn": block_with(places=(8,)),
    "One head whatever is asked for": block_with(heads=1),
}

# Lesson 14


def count_with(change):
    def count_parameters(sizes):
        return right("14", "count_parameters")(sizes) + change(sizes)

    return count_parameters


COUNT = {
    "No biases of q, k and v": count_with(lambda s: -3 * s.dim * s.depth),
    "A bias more at the head": count_with(lambda s: 1),
    "Grey images have no patch embedding bias": count_with(lambda s: -s.dim * (s.channels == 1)),
    "MLP of four times the width, whatever is asked for": count_with(
        lambda s: s.depth * (4 * s.dim - s.mlp_dim) * (2 * s.dim + 1)
    ),
    "Twelve blocks, whatever is asked for": count_with(lambda s: (12 - s.depth) * 1000),
}


def parameters_with(change):
    """vit_parameters with the arrays changed afterwards: change(name, array, rng)."""

    def vit_parameters(sizes, rng, pos_embed_std=0.02):
        made = right("14", "vit_parameters")(sizes, rng, pos_embed_std)
        for name, p in made.items():
            p.data = np.asarray(change(name, p.data, rng), dtype=p.data.dtype)
        return made

    return vit_parameters


PARAMETERS = {
    "Weights ten times too large": parameters_with(lambda n, a, r: 10 * a if a.ndim == 2 else a),
    "Weights all positive": parameters_with(lambda n, a, r: np.abs(a)),
    "Biases of one": parameters_with(lambda n, a, r: a + 1 if n.endswith("bias") else a),
    "A head that begins with random numbers": parameters_with(
        lambda n, a, r: 0.1 * r.standard_normal(a.shape) if n == "head.weight" else a
    ),
    "The last norm begins at zero": parameters_with(lambda n, a, r: 0 * a if n == "norm.weight" else a),
    "Positions always of 0.02": lambda sizes, rng, pos_embed_std=0.02: right("14", "vit_parameters")(sizes, rng, 0.02),
    "Every block begins alike": lambda sizes, rng, pos_embed_std=0.02: _alike(sizes, rng, pos_embed_std),
    "The seed is not used": lambda sizes, rng, pos_embed_std=0.02: right("14", "vit_parameters")(
        sizes, np.random.default_rng(1), pos_embed_std
    ),
}


def _alike(sizes, rng, pos_embed_std):
    made = right("14", "vit_parameters")(sizes, rng, pos_embed_std)
    for name, p in made.items():
        if name.startswith("blocks."):
            p.data = made["blocks.0." + name.split(".", 2)[2]].data.copy()
    return made


def pick_the_mean(x):
    """The mean of all tokens."""
    return x.mean(axis=1), lambda dy: np.repeat(dy[:, None], x.shape[1], axis=1) / x.dtype.type(x.shape[1])


def pick_the_last(x):
    """The last token."""

    def backward(dy):
        dx = np.zeros_like(x)
        dx[:, -1] = dy
        return dx

    return x[:, -1], backward


def vit_with(change_sizes=None, change_parameters=None, change_images=None, change_logits=None):
    def vit(parameters, images, sizes):
        from dataclasses import replace

        if change_sizes:
            sizes = replace(sizes, **change_sizes(sizes))
        if change_parameters:
            parameters = change_parameters(parameters, sizes)
        images = change_images(images) if change_images else images
        logits = right("14", "vit")(parameters, images, sizes)
        return change_logits(logits) if change_logits else logits

    return vit


def _swapped_blocks(parameters, sizes):
    last = sizes.depth - 1
    flip = {f"blocks.{i}.": f"blocks.{last - i}." for i in range(sizes.depth)}
    return {n: parameters[flip.get(n[:9], n[:9]) + n[9:]] for n in parameters}


VIT = {
    "One block too few": vit_with(lambda s: {"depth": s.depth - 1}),
    "One head": vit_with(lambda s: {"heads": 1}),
    "The blocks in the other order": vit_with(change_parameters=_swapped_blocks),
    "The first block's weights in all blocks": vit_with(
        change_parameters=lambda p, s: {n: p["blocks.0." + n.split(".", 2)[2]] if n.startswith("blocks.") else p[n] for n in p}
    ),
    "Images with mean 0": vit_with(change_images=lambda x: x - x.mean()),
    "Logits twice as large": vit_with(change_logits=lambda y: mine.op(lambda a: (2 * a, lambda dy: 2 * dy))(y)),
    "Logits without a tape": vit_with(change_logits=lambda y: mine.Tensor(y.data)),
}

# Lesson 15


def adamw_with(**changes):
    """AdamW written out, with one piece exchanged."""

    def adamw_step(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
        given = {"weight": weight, "gradient": gradient, "m": m, "v": v, "t": t, "lr": lr, "beta1": beta1, "beta2": beta2}
        s = {**given, "eps": eps, "weight_decay": weight_decay}
        s["m1"] = changes.get("m", lambda s: s["beta1"] * s["m"] + (1 - s["beta1"]) * s["gradient"])(s)
        s["v1"] = changes.get("v", lambda s: s["beta2"] * s["v"] + (1 - s["beta2"]) * s["gradient"] ** 2)(s)
        s["mhat"] = changes.get("mhat", lambda s: s["m1"] / (1 - s["beta1"] ** s["t"]))(s)
        s["vhat"] = changes.get("vhat", lambda s: s["v1"] / (1 - s["beta2"] ** s["t"]))(s)
        s["part"] = changes.get("part", lambda s: s["mhat"] / (np.sqrt(s["vhat"]) + s["eps"]))(s)
        step = changes.get("step", lambda s: s["lr"] * (s["part"] + s["weight_decay"] * s["weight"]))(s)
        return (weight - step).astype(weight.dtype), s["m1"].astype(m.dtype), s["v1"].astype(v.dtype)

    return adamw_step


ADAMW = {
    "The correction stops after ten steps": adamw_with(mhat=lambda s: s["m1"] / (1 - s["beta1"] ** min(s["t"], 10))),
    "The second moment's correction uses beta1": adamw_with(vhat=lambda s: s["v1"] / (1 - s["beta1"] ** s["t"])),
    "eps inside the root": adamw_with(part=lambda s: s["mhat"] / np.sqrt(s["vhat"] + s["eps"])),
    "eps always 1e-8": adamw_with(part=lambda s: s["mhat"] / (np.sqrt(s["vhat"]) + 1e-8)),
    "The largest second moment is kept, as in AMSGrad": adamw_with(v=lambda s: np.maximum(s["v"], s["gradient"] ** 2)),
    "The momentum looks ahead, as in NAdam": adamw_with(mhat=lambda s: s["beta1"] * s["m1"] + (1 - s["beta1"]) * s["gradient"]),
    "Decay without the learning rate": adamw_with(step=lambda s: s["lr"] * s["part"] + s["weight_decay"] * s["weight"]),
    "Decay in the gradient": adamw_with(
        m=lambda s: s["beta1"] * s["m"] + (1 - s["beta1"]) * (s["gradient"] + s["weight_decay"] * s["weight"]),
        step=lambda s: s["lr"] * s["part"],
    ),
    "Decay of the sign alone": adamw_with(step=lambda s: s["lr"] * (s["part"] + s["weight_decay"] * np.sign(s["weight"]))),
    "beta1 always 0.9": adamw_with(m=lambda s: 0.9 * s["m"] + 0.1 * s["gradient"]),
    "The step is never longer than the learning rate": adamw_with(part=lambda s: np.clip(s["mhat"] / np.sqrt(s["vhat"]), -1, 1)),
}


def schedule(step, total, peak, warmup, floor=0.0, first=1, shape=None, end=1):
    if step < warmup:
        return peak * (step + first) / warmup
    progress = (step - warmup) / max(1, total - end - warmup)
    bend = (1 + math.cos(math.pi * progress)) / 2 if shape is None else shape(progress)
    return floor + (peak - floor) * bend


SCHEDULE = {
    "The first step has no rate": functools.partial(schedule, first=0),
    "The last step is not the lowest": functools.partial(schedule, end=0),
    "A straight line down": functools.partial(schedule, shape=lambda p: 1 - p),
    "A root in place of the cosine": functools.partial(schedule, shape=lambda p: math.sqrt(max(0.0, 1 - p))),
    "A quarter of a cosine": functools.partial(schedule, shape=lambda p: math.cos(math.pi * p / 2)),
    "A whole cosine": functools.partial(schedule, shape=lambda p: (1 + math.cos(2 * math.pi * p)) / 2),
    "The floor is added on top": lambda step, total, peak, warmup, floor=0.0: (
        floor + schedule(step, total, peak, warmup) if step >= warmup else schedule(step, total, peak, warmup)
    ),
    "Warm-up begins at the floor": lambda step, total, peak, warmup, floor=0.0: (
        floor + (peak - floor) * (step + 1) / warmup if step < warmup else schedule(step, total, peak, warmup, floor)
    ),
}


def clip_with(norm, keep=lambda norm, limit: norm > limit):
    def clip_gradients(gradients, max_norm):
        found = norm(gradients)
        factor = max_norm / found if keep(found, max_norm) else 1.0
        return [g * g.dtype.type(factor) for g in gradients], found

    return clip_gradients


def _norm(gradients):
    return math.sqrt(sum(float((g * g).sum()) for g in gradients))


CLIP = {
    "The norm of the largest array alone": clip_with(lambda gs: max(math.sqrt(float((g * g).sum())) for g in gs)),
    "The sum of the norms": clip_with(lambda gs: sum(math.sqrt(float((g * g).sum())) for g in gs)),
    "The mean over all numbers": clip_with(lambda gs: _norm(gs) / math.sqrt(sum(g.size for g in gs))),
    "Always scaled to the limit": clip_with(_norm, lambda norm, limit: True),
    "Only from twice the limit": clip_with(_norm, lambda norm, limit: norm > 2 * limit),
    "The norm after clipping": lambda gs, limit: (right("15", "clip_gradients")(gs, limit)[0], min(_norm(gs), limit)),
    "Each array by itself": lambda gs, limit: ([right("15", "clip_gradients")([g], limit)[0][0] for g in gs], _norm(gs)),
    "The largest absolute number": clip_with(lambda gs: max(float(np.abs(g).max()) for g in gs)),
}

# Lesson 16

SHIFT = {
    "Up and down only": lambda images, pixels, rng: _shifted(images, pixels, rng, lambda y, x: (y, 0)),
    "Never both at once": lambda images, pixels, rng: _shifted(images, pixels, rng, lambda y, x: (y, x * (y == 0))),
    "Never stays as it is": lambda images, pixels, rng: _shifted(
        images, pixels, rng, lambda y, x: (y or 1, x) if pixels else (0, 0)
    ),
    "Always by the full number of pixels": lambda images, pixels, rng: _shifted(
        images, pixels, rng, lambda y, x: (pixels if y > 0 else -pixels, pixels if x > 0 else -pixels)
    ),
    "The first image stays": lambda images, pixels, rng: np.concatenate(
        [images[:1], right("16", "random_shift")(images[1:], pixels, rng) * 0 + images[1:]]
    ),
    "The mean moves in": lambda images, pixels, rng: _shifted(images - images.mean(), pixels, rng) + images.mean(),
    "float64": lambda images, pixels, rng: right("16", "random_shift")(images, pixels, rng).astype(np.float64),
    "Channels move apart": lambda images, pixels, rng: np.concatenate(
        [right("16", "random_shift")(images[..., c : c + 1], pixels, rng) for c in range(images.shape[-1])], axis=-1
    ),
}


def _shifted(images, pixels, rng, change=lambda y, x: (y, x)):
    room = 2 * pixels + 1
    padded = np.pad(images, ((0, 0), (room, room), (room, room), (0, 0)))
    height, width = images.shape[1:3]
    moved = []
    for image in padded:
        y, x = change(*(int(n) for n in rng.integers(-pixels, pixels + 1, 2)))
        moved.append(image[room - y : room - y + height, room - x : room - x + width])
    return np.stack(moved)


def evaluate_with(**changes):
    def evaluate_vit(parameters, sizes, images, labels, mean, std):
        hits, seen = 0, 0
        for start in range(0, len(images), changes.get("size", 256)):
            part = (images[start : start + changes.get("size", 256)] - mean * changes.get("mean", 1)) / std
            logits = evaluate_vit.__globals__["mine"].vit(parameters, part, sizes).data
            hits += int((changes.get("answer", lambda y: y.argmax(axis=-1))(logits) == labels[start : start + len(part)]).sum())
            seen += len(part)
        return changes.get("share", lambda hits, seen: hits / seen)(hits, seen)

    return evaluate_vit


EVALUATE = {
    "The mean is not taken off": evaluate_with(mean=0),
    "Half of the batch size that is too much": evaluate_with(size=512),
    "The smallest logit": evaluate_with(answer=lambda y: y.argmin(axis=-1)),
    "The largest absolute logit": evaluate_with(answer=lambda y: np.abs(y).argmax(axis=-1)),
    "Rounded to whole per cents": evaluate_with(share=lambda hits, seen: round(hits / seen, 2)),
    "One more in the denominator": evaluate_with(share=lambda hits, seen: hits / (seen + 1)),
}


random_shift, smoothed_loss = right("16", "random_shift"), right("16", "smoothed_loss")


def train_with(**changes):
    """The training loop, with one piece exchanged."""

    def train_vit(
        parameters,
        sizes,
        images,
        labels,
        rng,
        epochs=70,
        batch_size=128,
        lr=4e-3,
        weight_decay=0.05,
        label_smoothing=0.1,
        shift=1,
    ):
        names = train_vit.__globals__
        own, loss_of = names["mine"], names["smoothed_loss"](label_smoothing)
        mean, std = float(images.mean()), float(images.std())
        adam = own.AdamW(parameters, weight_decay)
        total = epochs * math.ceil(len(images) / batch_size)
        losses = []
        for epoch in range(epochs - changes.get("missing", 0)):
            order = changes.get("order", lambda rng, n, epoch: rng.permutation(n))(rng, len(images), epoch)
            for start in range(0, len(order), batch_size):
                some = order[start : start + batch_size]
                seen = (names["random_shift"](images[some], changes.get("shift", shift), rng) - mean) / std
                for p in parameters.values():
                    p.grad = None
                loss = loss_of(own.vit(parameters, seen, sizes), labels[some])
                loss.backward()
                rate = own.warmup_cosine(
                    len(losses), total, lr, math.ceil(changes.get("warmup", 0.05) * total), changes.get("floor", 1e-5)
                )
                adam.step(rate)
                losses.append(float(loss.data) * changes.get("loss", 1))
        return changes.get("returned", lambda losses, mean, std: (losses, mean, std))(losses, mean, std)

    return train_vit


TRAIN = {
    "One epoch too few": train_with(missing=1),
    "The order of the first epoch for all": train_with(order=lambda rng, n, epoch: np.random.default_rng(7).permutation(n)),
    "Images drawn with repetition": train_with(order=lambda rng, n, epoch: rng.integers(0, n, n)),
    "The last images are never used": train_with(order=lambda rng, n, epoch: rng.permutation(n - 1)),
    "Twice through each epoch": train_with(order=lambda rng, n, epoch: np.tile(rng.permutation(n), 2)),
    "Shifted by more than was asked": train_with(shift=3),
    "A fifth of the steps to warm up": train_with(warmup=0.2),
    "A floor of a thousandth": train_with(floor=1e-3),
    "Losses times the batch": train_with(loss=4),
    "The variance for the deviation": train_with(returned=lambda losses, mean, std: (losses, mean, std**2)),
    "Mean and deviation exchanged": train_with(returned=lambda losses, mean, std: (losses, std, mean)),
}

# Lesson 17


def rollout_with(mix=None, start=None, join=lambda m, r: m @ r):
    def attention_rollout(attentions):
        one = np.eye(attentions.shape[-1], dtype=attentions.dtype)
        found = one if start is None else start(one)
        for attention in attentions:
            found = join((mix or (lambda a, one: (a.mean(axis=1) + one) / 2))(attention, one), found)
        return found.astype(attentions.dtype)

    return attention_rollout


ROLLOUT = {
    "A third past attention": rollout_with(lambda a, one: (2 * a.mean(axis=1) + one) / 3),
    "The smallest head": rollout_with(lambda a, one: (a.min(axis=1) + one) / (a.min(axis=1) + one).sum(-1, keepdims=True)),
    "The last head": rollout_with(lambda a, one: (a[:, -1] + one) / 2),
    "The tables transposed": rollout_with(lambda a, one: (a.mean(axis=1).swapaxes(-1, -2) + one) / 2),
    "The median of the heads": rollout_with(lambda a, one: (np.median(a, axis=1) + one) / 2),
    "Begins with a half": rollout_with(start=lambda one: one / 2),
    "The largest way": rollout_with(join=lambda m, r: (m[..., :, :, None] * r[..., None, :, :]).max(axis=-2)),
}


def distance_with(change):
    def attention_distance(attention, rows, columns, patch_size):
        return right("17", "attention_distance")(*change(attention, rows, columns, patch_size))

    return attention_distance


DISTANCE = {
    "Half a patch": distance_with(lambda a, r, c, p: (a, r, c, p / 2)),
    "Rows for columns": distance_with(lambda a, r, c, p: (a, c, r, p)),
    "Only the first image": distance_with(lambda a, r, c, p: (a[:1], r, c, p)),
    "Weights squared": distance_with(lambda a, r, c, p: (a**2, r, c, p)),
    "Looked at for looking": distance_with(lambda a, r, c, p: (a.swapaxes(-1, -2), r, c, p)),
    "One more for each": lambda a, r, c, p: right("17", "attention_distance")(a, r, c, p) + a.dtype.type(0.01),
}
SIMILARITY = {
    "Of one dimension less": lambda p: right("17", "position_similarity")(p[..., 1:]),
    "Squared": lambda p: right("17", "position_similarity")(p) ** 2,
    "A softmax of the cosines": lambda p: mine.softmax(right("17", "position_similarity")(p))[0],
    "From 0 to 1": lambda p: (1 + right("17", "position_similarity")(p)) / 2,
    "Without the diagonal": lambda p: right("17", "position_similarity")(p) * (1 - np.eye(p.shape[1] - 1, dtype=p.dtype)),
    "Of positions with their mean taken off": lambda p: right("17", "position_similarity")(
        p - p[:, 1:].mean(axis=1, keepdims=True)
    ),
}


def listed(functions):
    return [told(f"{sentence}.")(function) for sentence, function in functions.items()]


# The same with nothing exchanged: these must be accepted, or the wrong ones would be rejected for another reason
RIGHT = {
    "11": {"attention": attention_with()},
    "12": {"self_attention": self_attention_with()},
    "13": {"block": block_with()},
    "14": {
        "count_parameters": count_with(lambda s: 0),
        "vit_parameters": parameters_with(lambda n, a, r: a),
        "vit": vit_with(),
    },
    "15": {"adamw_step": adamw_with(), "warmup_cosine": schedule, "clip_gradients": clip_with(_norm)},
    "16": {"random_shift": _shifted, "train_vit": train_with(), "evaluate_vit": evaluate_with()},
    "17": {"attention_rollout": rollout_with(), "attention_distance": distance_with(lambda *a: a)},
}
WRONG = {
    "09": {
        "patchify": [*any_op("09", "patchify", linear=True), patchify_padded_at_the_front, patchify_turned],
        "unpatchify": [
            unpatchify_of_square_images,
            unpatchify_column_by_column,
            unpatchify_with_pixels_turned,
            unpatchify_with_colours_reversed,
            unpatchify_in_float32,
            unpatchify_one_image,
        ],
        "patch_embed": [
            *any_op("09", "patch_embed"),
            patch_embed_with_two_biases,
            patch_embed_with_weight_of_the_first_patch,
        ],
    },
    "10": {
        "embed_tokens": [
            *any_op("10", "embed_tokens", linear=True),
            embed_tokens_with_one_position_for_two,
            embed_tokens_without_position_of_cls_backward,
            embed_tokens_divided_by_the_batch,
        ],
        "sincos_positions": [sincos_1000, sincos_centred, sincos_by_shape, sincos_turns, sincos_alternating],
    },
    "11": {"attention": [*any_op("11", "attention"), *listed(ATTENTION)]},
    "12": {
        "split_heads": [
            *any_op("12", "split_heads", linear=True),
            split_heads_by_columns,
            split_heads_k_before_q,
            split_heads_last_first,
        ],
        "merge_heads": [
            *any_op("12", "merge_heads", linear=True),
            merge_heads_interleaved,
            merge_heads_without_transposition,
            merge_heads_last_first,
        ],
        "self_attention": [*any_op("12", "self_attention"), *listed(SELF_ATTENTION)],
    },
    "13": {
        "mlp": [*any_op("13", "mlp"), mlp_without_bend, mlp_with_relu, mlp_with_two_bends],
        "block": [*any_op("13", "block"), *listed(BLOCK), block_twice],
    },
    "14": {
        "count_parameters": listed(COUNT),
        "vit_parameters": listed(PARAMETERS),
        "pick_class_token": [*any_op("14", "pick_class_token", linear=True), pick_the_mean, pick_the_last],
        "vit": listed(VIT),
    },
    "15": {"adamw_step": listed(ADAMW), "warmup_cosine": listed(SCHEDULE), "clip_gradients": listed(CLIP)},
    "16": {"random_shift": listed(SHIFT), "train_vit": listed(TRAIN), "evaluate_vit": listed(EVALUATE)},
    "17": {
        "attention_rollout": listed(ROLLOUT),
        "attention_distance": listed(DISTANCE),
        "position_similarity": listed(SIMILARITY),
    },
}
