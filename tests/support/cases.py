"""One table of calls for every op: what test_registry, test_gradcheck and test_parity go through.

A case builds an op's arguments from a Generator, away from kinks and poles, with sizes that all differ; and says in PyTorch
what the result should be. `torch` is a parameter of the reference, so that the table works where PyTorch is not installed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .plain import cast

SEED = 11  # of dropout and drop_path: the same mask at every call


@dataclass(frozen=True)
class Case:
    op: str
    name: str
    build: Callable  # rng -> (positional arguments, options)
    reference: Callable  # (torch, *positional arguments as torch tensors) -> a tensor, or a tuple of them

    def __str__(self):
        return f"{self.op}-{self.name}"


CASES = []


def case(op, name, build, reference):
    CASES.append(Case(op, name, build, reference))


def args(*shapes, **options):
    """A builder of standard normal arrays of these shapes."""
    return lambda rng: (tuple(rng.standard_normal(shape) for shape in shapes), options)


def away(rng, *shape):
    """Random numbers of both signs, none nearer to 0 than 0.5."""
    return np.asarray(rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


def positive(rng, *shape):
    return rng.uniform(0.5, 2.0, shape)


def distinct(rng, *shape):
    """Random numbers of which no two are nearer to each other than 0.1, for whatever takes the largest."""
    return 0.1 * rng.permutation(math.prod(shape)).reshape(shape) - 1.0


def probabilities(rng, *shape):
    """Random numbers above 0 whose sum along the last axis is 1."""
    x = positive(rng, *shape)
    return x / x.sum(axis=-1, keepdims=True)


def rows_of(array):
    return tuple(map(tuple, array.tolist()))


# Arithmetic, broadcast both ways
BINARY = {
    "add": lambda torch, a, b: a + b,
    "subtract": lambda torch, a, b: a - b,
    "multiply": lambda torch, a, b: a * b,
    "divide": lambda torch, a, b: a / b,
}
for op_name, torch_form in BINARY.items():
    case(op_name, "same shape", lambda rng: ((away(rng, 2, 3), away(rng, 2, 3)), {}), torch_form)
    case(op_name, "second broadcast", lambda rng: ((away(rng, 2, 3, 5), away(rng, 5)), {}), torch_form)
    case(op_name, "first broadcast", lambda rng: ((away(rng, 3, 1), away(rng, 2, 3, 5)), {}), torch_form)
    case(op_name, "both broadcast", lambda rng: ((away(rng, 2, 1, 5), away(rng, 3, 1)), {}), torch_form)
    case(op_name, "number on the left", lambda rng: ((2.5, away(rng, 2, 3)), {}), torch_form)
    case(op_name, "number on the right", lambda rng: ((away(rng, 2, 3), -1.5), {}), torch_form)
    case(op_name, "array of no axes", lambda rng: ((away(rng), away(rng, 2, 3)), {}), torch_form)

case("negative", "plain", args((2, 3)), lambda torch, x: -x)
case("exp", "plain", args((2, 3)), lambda torch, x: x.exp())
case("log", "plain", lambda rng: ((positive(rng, 2, 3),), {}), lambda torch, x: x.log())
case("sqrt", "plain", lambda rng: ((positive(rng, 2, 3),), {}), lambda torch, x: x.sqrt())
for exponent in (0, 1, 2, 3, -1, -2, 2.0):
    case("power", f"{exponent}", lambda rng, n=exponent: ((away(rng, 2, 3), n), {}), lambda torch, x, n: x**n)
for exponent in (0.5, -1.5, 4, 2.7):
    case("power", f"{exponent}", lambda rng, n=exponent: ((positive(rng, 2, 3), n), {}), lambda torch, x, n: x**n)

case(
    "power",
    "array of exponents",
    lambda rng: ((positive(rng, 2, 3), rng.uniform(-2, 2, (2, 3))), {}),
    lambda torch, x, n: x**n,
)
case("power", "number to a power", lambda rng: ((2.5, rng.standard_normal((2, 3))), {}), lambda torch, x, n: x**n)
case("power", "exponents broadcast", lambda rng: ((positive(rng, 2, 3, 5), away(rng, 3, 1)), {}), lambda torch, x, n: x**n)
case("abs", "plain", lambda rng: ((away(rng, 2, 3),), {}), lambda torch, x: x.abs())
for op_name in ("maximum", "minimum"):
    torch_form = lambda torch, a, b, f=op_name: getattr(torch, f)(a, b)  # noqa: E731
    case(op_name, "same shape", lambda rng: (tuple(np.split(distinct(rng, 4, 3), 2)), {}), torch_form)
    case(op_name, "second broadcast", lambda rng: ((distinct(rng, 2, 3, 5), 0.05 + distinct(rng, 5)), {}), torch_form)
    case(op_name, "first broadcast", lambda rng: ((0.05 + distinct(rng, 3, 1), distinct(rng, 2, 3, 5)), {}), torch_form)
case("maximum", "number", lambda rng: ((away(rng, 2, 3), 0.0), {}), lambda torch, a, b: a.clamp(min=b))
case("minimum", "number", lambda rng: ((0.0, away(rng, 2, 3)), {}), lambda torch, a, b: b.clamp(max=a))
case("clip", "both sides", lambda rng: ((away(rng, 4, 3), -0.6, 0.7), {}), lambda torch, x, lo, hi: x.clamp(lo, hi))
case("clip", "from below", lambda rng: ((away(rng, 4, 3),), dict(min=0.05)), lambda torch, x: x.clamp(min=0.05))
case("clip", "from above", lambda rng: ((away(rng, 4, 3),), dict(max=0.05)), lambda torch, x: x.clamp(max=0.05))

WHERE = lambda torch, mask, a, b: torch.where(mask, torch.as_tensor(a, dtype=b.dtype), b)  # noqa: E731
case("where", "same shape", lambda rng: ((rng.random((2, 3)) < 0.5, away(rng, 2, 3), away(rng, 2, 3)), {}), WHERE)
case("where", "mask broadcast", lambda rng: ((np.array([True, False, True]), away(rng, 2, 3), away(rng, 2, 3)), {}), WHERE)
case("where", "a and b broadcast", lambda rng: ((rng.random((2, 3, 5)) < 0.5, away(rng, 3, 1), away(rng, 5)), {}), WHERE)
case("where", "number", lambda rng: ((rng.random((2, 3)) < 0.5, -9.0, away(rng, 2, 3)), {}), WHERE)

# Functions that bend
case("relu", "plain", lambda rng: ((away(rng, 2, 3, 5),), {}), lambda torch, x: x.relu())
case("tanh", "plain", args((2, 3, 5)), lambda torch, x: x.tanh())
case("sigmoid", "plain", args((2, 3, 5)), lambda torch, x: x.sigmoid())
case("silu", "plain", args((2, 3, 5)), lambda torch, x: torch.nn.functional.silu(x))
case("gelu", "exact", args((2, 3, 5)), lambda torch, x: torch.nn.functional.gelu(x))
case("gelu", "tanh", args((2, 3, 5), approximate=True), lambda torch, x: torch.nn.functional.gelu(x, approximate="tanh"))

# Reductions
for op_name in ("sum", "mean"):
    case(op_name, "all", args((2, 3, 5)), lambda torch, x, f=op_name: getattr(x, f)())
    case(op_name, "one axis", args((2, 3, 5), axis=1), lambda torch, x, f=op_name: getattr(x, f)(dim=1))
    case(op_name, "negative axis", args((2, 3, 5), axis=-1), lambda torch, x, f=op_name: getattr(x, f)(dim=-1))
    case(op_name, "axes", args((2, 3, 5), axis=(0, -1)), lambda torch, x, f=op_name: getattr(x, f)(dim=(0, -1)))
    case(
        op_name,
        "keepdims",
        args((2, 3, 5), axis=(-2, 0), keepdims=True),
        lambda torch, x, f=op_name: getattr(x, f)(dim=(-2, 0), keepdim=True),
    )
case("max", "all", lambda rng: ((distinct(rng, 2, 3),), {}), lambda torch, x: x.amax())
case("max", "one axis", lambda rng: ((distinct(rng, 2, 3, 5),), dict(axis=1)), lambda torch, x: x.amax(dim=1))
case("max", "negative axis", lambda rng: ((distinct(rng, 2, 3, 5),), dict(axis=-1)), lambda torch, x: x.amax(dim=-1))
case(
    "max",
    "axes, keepdims",
    lambda rng: ((distinct(rng, 2, 3, 5),), dict(axis=(0, -1), keepdims=True)),
    lambda torch, x: x.amax(dim=(0, -1), keepdim=True),
)

# Shapes
case("reshape", "plain", lambda rng: ((rng.standard_normal((2, 3, 5)), (5, 6)), {}), lambda torch, x, s: x.reshape(s))
case("reshape", "minus one", lambda rng: ((rng.standard_normal((2, 3, 5)), (2, -1)), {}), lambda torch, x, s: x.reshape(s))
case("transpose", "reversed", args((2, 3, 5)), lambda torch, x: x.permute(2, 1, 0))
case("transpose", "axes", args((2, 3, 5), axes=(1, 2, 0)), lambda torch, x: x.permute(1, 2, 0))
case("transpose", "negative axes", args((2, 3, 5, 7), axes=(0, -1, 1, -2)), lambda torch, x: x.permute(0, 3, 1, 2))
case("concatenate", "first axis", args((2, 3), (5, 3)), lambda torch, *xs: torch.cat(xs))
case("concatenate", "negative axis", args((2, 3, 1), (2, 3, 5), (2, 3, 2), axis=-1), lambda torch, *xs: torch.cat(xs, dim=-1))
case("broadcast_to", "new axis", lambda rng: ((rng.standard_normal((3, 1)), (2, 3, 5)), {}), lambda torch, x, s: x.expand(s))
INDICES = {
    "row": 1,
    "slices": (slice(None), slice(1, None), slice(None, None, 2)),
    "ellipsis and new axis": (Ellipsis, None, 0),
    "repeated indices": np.array([1, 0, 1, 1]),
    "negative indices": (slice(None), np.array([-1, 0, 2, -1])),
    "pairs": (np.array([0, 1, 0]), np.array([2, 2, 2])),
    "mask": np.array([True, False]),
}
for case_name, index in INDICES.items():
    case("getitem", case_name, lambda rng, i=index: ((rng.standard_normal((2, 3, 5)), i), {}), lambda torch, x, i: x[i])

# Matrix products
case("matmul", "matrices", args((2, 3), (3, 5)), lambda torch, a, b: a @ b)
case("matmul", "batches", args((2, 4, 3, 5), (2, 4, 5, 6)), lambda torch, a, b: a @ b)
case("matmul", "first broadcast", args((3, 5), (2, 5, 4)), lambda torch, a, b: a @ b)
case("matmul", "second broadcast", args((2, 4, 3, 5), (4, 5, 6)), lambda torch, a, b: a @ b)
case("linear", "tokens", args((2, 3, 5), (5, 7), (7,)), lambda torch, x, w, b: x @ w + b)
case("linear", "one row", args((5,), (5, 7), (7,)), lambda torch, x, w, b: x @ w + b)
case("linear", "no bias", lambda rng: ((*args((2, 3, 5), (5, 7))(rng)[0], None), {}), lambda torch, x, w, b: x @ w)

# Softmax and its kin
case("softmax", "last axis", args((2, 3, 5)), lambda torch, x: x.softmax(-1))
case("softmax", "middle axis", args((2, 3, 5), axis=1), lambda torch, x: x.softmax(1))
case("log_softmax", "last axis", args((2, 3, 5)), lambda torch, x: x.log_softmax(-1))
case("log_softmax", "first axis", args((2, 3, 5), axis=0), lambda torch, x: x.log_softmax(0))
LABELS = np.array([4, 0, 2])
case(
    "cross_entropy",
    "plain",
    lambda rng: ((rng.standard_normal((3, 5)), LABELS), {}),
    lambda torch, x, y: torch.nn.functional.cross_entropy(x, y),
)
case(
    "cross_entropy",
    "smoothed",
    lambda rng: ((rng.standard_normal((3, 5)), LABELS), dict(label_smoothing=0.2)),
    lambda torch, x, y: torch.nn.functional.cross_entropy(x, y, label_smoothing=0.2),
)
# Soft labels stand here as a tuple of rows: as a floating-point array they would be taken for something with a gradient
for smoothing in (0.0, 0.2):
    case(
        "cross_entropy",
        f"soft labels, smoothing {smoothing}",
        lambda rng, s=smoothing: ((rng.standard_normal((3, 5)), rows_of(probabilities(rng, 3, 5))), dict(label_smoothing=s)),
        lambda torch, x, y, s=smoothing: torch.nn.functional.cross_entropy(x, torch.tensor(y, dtype=x.dtype), label_smoothing=s),
    )

# LayerNorm
case(
    "layernorm", "tokens", args((2, 3, 5), (5,), (5,)), lambda torch, x, w, b: torch.nn.functional.layer_norm(x, (5,), w, b, 1e-6)
)
case(
    "layernorm",
    "large eps",
    args((3, 5), (5,), (5,), eps=0.3),
    lambda torch, x, w, b: torch.nn.functional.layer_norm(x, (5,), w, b, 0.3),
)

# Attention
QKV = [(2, 3, 4, 5)] * 3  # batch, heads, tokens, head_dim


def torch_attention(torch, q, k, v, bias=None):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def torch_split_heads(torch, qkv, heads=3):
    batch, tokens, _ = qkv.shape
    return tuple(part.reshape(batch, tokens, heads, -1).transpose(1, 2) for part in qkv.chunk(3, dim=-1))


case("attention", "no bias", args(*QKV), torch_attention)
case("attention", "full bias", args(*QKV, (2, 3, 4, 4)), torch_attention)
case("attention", "bias shared by the batch", args(*QKV, (3, 4, 4)), torch_attention)
case("attention", "bias shared by heads and queries", args(*QKV, (2, 1, 1, 4)), torch_attention)
case("attention", "keys of another length", args((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5)), torch_attention)
case("attention", "keys of another length, bias", args((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 5), (4, 6)), torch_attention)
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, True], [True, True, True, False]])
case("attention", "mask of True and False", lambda rng: ((*args(*QKV)(rng)[0], MASK), {}), torch_attention)


def torch_self_attention(torch, qkv, heads=3):
    return torch_attention(torch, *torch_split_heads(torch, qkv, heads)).transpose(1, 2).flatten(2)


case("self_attention", "plain", args((2, 4, 18), heads=3), torch_self_attention)
case("split_heads", "plain", args((2, 4, 18), heads=3), torch_split_heads)
case("merge_heads", "plain", args((2, 3, 4, 5)), lambda torch, x: x.transpose(1, 2).flatten(2))


# Positions
def torch_rotate(torch, x, angles):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def torch_pick(torch, x, index):
    shape = *x.shape[:-2], len(index)
    return x.expand(*shape, x.shape[-1]).gather(-1, index.expand(*shape, index.shape[1]))


case("rotate", "angles of the tokens", args((2, 3, 4, 6), (4, 3)), torch_rotate)
case("rotate", "angles of the heads too", args((2, 3, 4, 6), (3, 4, 3)), torch_rotate)
case("rotate", "angles broadcast", args((2, 3, 4, 6), (3, 1, 3)), torch_rotate)
PLACES = np.array([[0, 5, 5, 1, 5, 0, 3], [2, 2, 2, 2, 2, 2, 2], [6, 0, 6, 4, 1, 1, 0]])  # 7 of 8 entries, for 3 tokens
case("pick", "a row for each token", lambda rng: ((rng.standard_normal((2, 4, 3, 8)), PLACES), {}), torch_pick)
case("pick", "one row for all", lambda rng: ((rng.standard_normal((4, 1, 8)), PLACES), {}), torch_pick)
case("pick", "one row for all, images", lambda rng: ((rng.standard_normal((2, 4, 1, 8)), PLACES), {}), torch_pick)
case("pick", "one matrix", lambda rng: ((rng.standard_normal((3, 8)), PLACES), {}), torch_pick)

# Patches
IMAGES = (2, 4, 9, 5)  # 4 x 9 pixels


def torch_patchify(torch, x, p, q):
    return x.unfold(1, p, p).unfold(2, q, q).permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)


def torch_unpatchify(torch, x, p, q, size):
    channels_first = x.reshape(len(x), x.shape[1], p * q, -1).transpose(2, 3).flatten(2)
    return torch.nn.functional.fold(channels_first.transpose(1, 2), size, (p, q), stride=(p, q)).permute(0, 2, 3, 1)


def torch_embed_tokens(torch, x, cls_token, pos_embed):
    if cls_token is not None:
        x = torch.cat([cls_token.expand(len(x), -1, -1), x], dim=1)
    return x if pos_embed is None else x + pos_embed


case("patchify", "rows and columns", args(IMAGES, patch_size=(2, 3)), lambda torch, x: torch_patchify(torch, x, 2, 3))
case("patchify", "one size", args((2, 4, 6, 3), patch_size=2), lambda torch, x: torch_patchify(torch, x, 2, 2))
case(
    "unpatchify",
    "rows and columns",
    args((2, 6, 30), patch_size=(2, 3), image_size=(4, 9)),
    lambda torch, x: torch_unpatchify(torch, x, 2, 3, (4, 9)),
)
case(
    "unpatchify",
    "one size",
    args((2, 4, 12), patch_size=2, image_size=4),
    lambda torch, x: torch_unpatchify(torch, x, 2, 2, (4, 4)),
)
case("embed_tokens", "plain", args((2, 3, 5), (1, 1, 5), (1, 4, 5)), torch_embed_tokens)
case("embed_tokens", "no class token", lambda rng: ((rng.random((2, 3, 5)), None, rng.random((1, 3, 5))), {}), torch_embed_tokens)
case("embed_tokens", "no positions", lambda rng: ((rng.random((2, 3, 5)), rng.random((1, 1, 5)), None), {}), torch_embed_tokens)


# Convolution
def torch_conv2d(torch, x, weight, bias, **options):
    y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), bias, **options)
    return y.permute(0, 2, 3, 1)


def torch_max_pool2d(torch, x, size, stride):
    return torch.nn.functional.max_pool2d(x.permute(0, 3, 1, 2), size, stride).permute(0, 2, 3, 1)


for convolution in ({}, dict(padding=1), dict(stride=2), dict(stride=2, padding=2)):
    case(
        "conv2d",
        ", ".join(f"{k} {v}" for k, v in convolution.items()) or "plain",
        args((2, 4, 5, 2), (3, 3, 2, 6), (6,), **convolution),
        lambda torch, x, w, b, o=convolution: torch_conv2d(torch, x, w, b, **o),
    )
case(
    "conv2d",
    "no bias",
    lambda rng: ((*args((2, 4, 5, 2), (3, 3, 2, 6))(rng)[0], None), {}),
    lambda torch, x, w, b: torch_conv2d(torch, x, w, b),
)


def torch_unfold(torch, x, size, **options):
    columns = torch.nn.functional.unfold(x.permute(0, 3, 1, 2), size, **options)  # (B, C size size, H' W')
    return columns.unflatten(1, (-1, size, size)).permute(0, 4, 2, 3, 1).flatten(2)


def torch_depthwise_conv2d(torch, x, weight, bias, **options):
    y = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight.permute(2, 0, 1)[:, None], bias, groups=x.shape[-1], **options)
    return y.permute(0, 2, 3, 1)


for split in (dict(stride=3), dict(stride=2, padding=1), dict(padding=2)):
    case(
        "unfold",
        ", ".join(f"{k} {v}" for k, v in split.items()),
        args((2, 4, 7, 5), size=3, **split),
        lambda torch, x, o=split: torch_unfold(torch, x, 3, **o),
    )
for padding in (0, 1, 3):
    case(
        "depthwise_conv2d",
        f"padding {padding}",
        args((2, 4, 5, 6), (3, 3, 6), (6,), padding=padding),
        lambda torch, x, w, b, p=padding: torch_depthwise_conv2d(torch, x, w, b, padding=p),
    )
case(
    "depthwise_conv2d",
    "no bias",
    lambda rng: ((*args((2, 4, 5, 6), (3, 3, 6))(rng)[0], None), {}),
    lambda torch, x, w, b: torch_depthwise_conv2d(torch, x, w, b),
)
for size, stride in ((2, None), (3, 1), (2, 3)):
    case(
        "max_pool2d",
        f"size {size}, stride {stride}",
        lambda rng, s=size, t=stride: ((distinct(rng, 2, 4, 5, 2), s), dict(stride=t)),
        lambda torch, x, s, t=stride: torch_max_pool2d(torch, x, s, t),
    )


# Sampling, at places no nearer to a whole row or column than 0.2, inside and outside, several of them around one pixel
def sampled(batch, height, width, channels, number):
    def build(rng):
        places = rng.integers(-1, [height, width], (batch, number, 2)) + rng.uniform(0.2, 0.8, (batch, number, 2))
        return (rng.standard_normal((batch, height, width, channels)), places), {}

    return build


def torch_sample_bilinear(torch, x, places):
    last = torch.tensor([max(n - 1, 1) for n in x.shape[1:3]])
    grid = (2 * places / last - 1).flip(-1)[:, :, None]  # (B, N, 1, 2) of (column, row), from -1 to 1
    options = dict(mode="bilinear", padding_mode="border", align_corners=True)
    return torch.nn.functional.grid_sample(x.permute(0, 3, 1, 2), grid, **options)[..., 0].transpose(1, 2)


case("sample_bilinear", "images", sampled(2, 3, 4, 5, number=17), torch_sample_bilinear)
case("sample_bilinear", "one row", sampled(2, 1, 4, 5, number=3), torch_sample_bilinear)


# Boxes: some far apart, some of which one lies inside the other, most of which overlap
def boxes(rng, *shape):
    return np.concatenate([rng.uniform(0.2, 0.8, (*shape, 2)), rng.uniform(0.1, 0.9, (*shape, 2))], axis=-1)


def torch_giou(torch, a, b):
    def sides(box):
        return box[..., :2] - box[..., 2:] / 2, box[..., :2] + box[..., 2:] / 2

    (a_start, a_end), (b_start, b_end) = sides(a), sides(b)
    both = (torch.minimum(a_end, b_end) - torch.maximum(a_start, b_start)).clamp(min=0).prod(-1)
    around = (torch.maximum(a_end, b_end) - torch.minimum(a_start, b_start)).prod(-1)
    either = a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - both
    return both / either - (around - either) / around


case("giou", "pairs", lambda rng: ((boxes(rng, 2, 30), boxes(rng, 2, 30)), {}), torch_giou)
case("giou", "each with each", lambda rng: ((boxes(rng, 2, 5, 1), boxes(rng, 2, 1, 3)), {}), torch_giou)


# Noise: the reference draws the same mask from the same seed
def torch_noise(torch, x, rate, seed, shape=None):
    kept = np.random.default_rng(seed).random(tuple(shape or x.shape), dtype=np.float32) >= rate
    return x * torch.from_numpy(kept).to(x.dtype) / (1 - rate)


def torch_drop_path(torch, x, rate, seed):
    return torch_noise(torch, x, rate, seed, shape=(len(x), 1, 1))


case("dropout", "rate 0.25", lambda rng: ((rng.standard_normal((2, 3, 5)), 0.25, SEED), {}), torch_noise)
case("dropout", "rate 0", lambda rng: ((rng.standard_normal((2, 3)), 0.0, SEED), {}), torch_noise)
case("drop_path", "rate 0.5", lambda rng: ((rng.standard_normal((6, 3, 2)), 0.5, SEED), {}), torch_drop_path)


def build(case, seed=0, dtype=np.float64):
    """(positional arguments, options) of a case, its floating-point arrays in `dtype`."""
    arguments, options = case.build(np.random.default_rng(seed))
    return cast(arguments, dtype), options
