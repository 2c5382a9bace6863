"""Lesson 14: count the parameters, make them, pick the class token, and put the ViT together."""

import math
import numbers

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Term, Wrong, compared, kind, same, solution_with, worst_entry

TITLE = "The ViT"
MINUTES = 40
NEEDS = ["09", "10", "13"]
GOALS = [
    "You can put a Vision Transformer together, and follow an image through B/16 with the shape after every step.",
    "You can count the parameters of any ViT by a formula of your own: 86,567,656 for B/16.",
    "You can test a new model by learning 32 images by heart, before any long training.",
    "You can say what DETR has that ViT leaves out, and why.",
]
PICTURE = (
    "Left, the loss of 80 training steps on 32 digits: from ln 10 = 2.3026 down to nearly 0. Right, the 32 "
    "digits, each with what "
    "the model says and how sure it is, nearly always 100 per cent."
)

# ---------------------------------------------------------------- count_parameters

KNOWN = {
    "B/16": ((224, 16, 3, 1000, 768, 12, 12, 3072), 86_567_656),
    "B/32": ((224, 32, 3, 1000, 768, 12, 12, 3072), 88_224_232),
    "L/16": ((224, 16, 3, 1000, 1024, 24, 16, 4096), 304_326_632),
    "L/32": ((224, 32, 3, 1000, 1024, 24, 16, 4096), 306_535_400),
    "H/14": ((224, 14, 3, 1000, 1280, 32, 16, 5120), 632_045_800),
    "a ViT for digits": ((8, 2, 1, 10, 32, 2, 4, 64), 18_218),
}


def check_count(function, namespace, rng):
    every = [(namespace["Sizes"](*numbers), name, wanted) for name, (numbers, wanted) in KNOWN.items()]
    for sizes, name, wanted in every:
        found = function(sizes)
        if not isinstance(found, numbers.Integral):
            raise Wrong(f"A count is a whole number, and yours is {kind(found)}: // divides without a rest, / gives a float.")
        if found == wanted:
            yield f"{name}: {wanted:,}"
            continue
        difference = (
            f"{name}: yours {found:,}, wanted {wanted:,}: {abs(found - wanted):,} too {'many' if found > wanted else 'few'}"
        )
        for mistake in COUNT_MISTAKES:
            theirs = solution_with("14", mistake)["count_parameters"]
            if all(theirs(other) == function(other) for other, _, _ in every):
                raise Wrong(f"{mistake.says}\n{difference}")
        raise Wrong(f"A summand of the formula is not right, or is missing.\n{difference}")


ONE_D = (
    "D numbers are missing, once: the class token, one of the N + 1 positions, the bias of the patch embedding, or one half of "
    "the last LayerNorm."
)
TWO_D = (
    "2D numbers are missing, once: the last LayerNorm, weight and bias, or two of class token, its position and the bias of the "
    "patch embedding."
)
TWO_D_A_BLOCK = (
    "2D numbers are missing in each block: one of its two LayerNorms, half of each (a weight and a bias of D numbers), or two "
    "thirds of qkv's bias, which has 3D."
)
COUNT_MISTAKES = [
    Mistake(ONE_D, "tokens = dim + (patches + 1) * dim", "tokens = dim + patches * dim"),
    Mistake(ONE_D, "tokens = dim + (patches + 1) * dim", "tokens = (patches + 1) * dim"),
    Mistake(ONE_D, "sizes.channels + 1) * dim", "sizes.channels) * dim"),
    Mistake(ONE_D, "+ norm + (dim + 1)", "+ dim + (dim + 1)"),
    Mistake(TWO_D, "+ norm + (dim + 1)", "+ (dim + 1)"),
    Mistake(TWO_D, "tokens = dim + (patches + 1) * dim", "tokens = patches * dim"),
    Mistake(TWO_D_A_BLOCK, "(2 * norm + attention + mlp)", "(norm + attention + mlp)"),
    Mistake(TWO_D_A_BLOCK, "attention = (dim + 1) * 3 * dim", "attention = (3 * dim + 1) * dim"),
    Mistake("A LayerNorm has 2D numbers, a weight and a bias, and you count D for each.", "norm = 2 * dim", "norm = dim"),
    Mistake(
        "The output projection of attention is not counted.",
        "attention = (dim + 1) * 3 * dim + (dim + 1) * dim",
        "attention = (dim + 1) * 3 * dim",
    ),
    Mistake(
        "The biases of the Linears in the blocks are not counted.",
        "attention = (dim + 1) * 3 * dim + (dim + 1) * dim\n    mlp = (dim + 1) * width + (width + 1) * dim",
        "attention = 4 * dim * dim\n    mlp = 2 * dim * width",
    ),
    Mistake("The head's bias is not counted: one number for each class.", "(dim + 1) * sizes.classes", "dim * sizes.classes"),
    Mistake(
        "The channels are not counted in the patch embedding: a patch has P·P·C numbers.",
        "(sizes.patch_size**2 * sizes.channels + 1) * dim",
        "(sizes.patch_size**2 + 1) * dim",
    ),
    Mistake(
        "12 D² + 13 D holds only where M = 4D. Here M is another number: count fc1 and fc2 with M.",
        "mlp = (dim + 1) * width + (width + 1) * dim",
        "mlp = (dim + 1) * 4 * dim + (4 * dim + 1) * dim",
    ),
    Mistake("Only one block is counted: there are as many as the depth.", "sizes.depth * (2 * norm", "1 * (2 * norm"),
]

# ---------------------------------------------------------------- vit_parameters


def _small(namespace):
    return namespace["Sizes"](6, 2, 3, 5, 8, 3, 2, 12)


PARAMETERS = {
    "head": "The head should start at zero, weight and bias: then all classes are equally likely, and the first loss is ln K.",
    "norm": "A LayerNorm should start with weight 1 and bias 0. With a weight of 0 it lets nothing through.",
    "zero": "Biases and the class token should start at 0.",
    "position": "The positions should be normal random numbers with standard deviation pos_embed_std.",
    "same": "Weights come out the same in two places: draw new numbers from rng for each.",
    "rng": "The numbers are not drawn from the rng that is passed in: the same seed must give the same, another seed other ones.",
    "limit": "A weight is not between −√(6/(in + out)) and +√(6/(in + out)), or does not fill that range.",
    "qkv": "The qkv weight is three matrices side by side: its 'out' in the formula is D, not 3D.",
}


def check_parameters(function, namespace, rng):
    sizes = namespace["Sizes"](8, 2, 3, 5, 24, 2, 4, 96)
    shapes = namespace["parameter_shapes"](sizes)
    made = function(sizes, np.random.default_rng(3), 0.3)
    if not isinstance(made, dict) or {n: np.shape(p.data) for n, p in made.items()} != dict(shapes) or list(made) != list(shapes):
        raise Wrong("The result should have every name of parameter_shapes, in that order, with that shape.")
    data = {name: p.data for name, p in made.items()}
    if any(array.dtype != np.float32 for array in data.values()) or not all(p.requires_grad for p in made.values()):
        raise Wrong("Every parameter should be float32, and require a gradient.")
    yield "names, order, shapes, float32"
    _all_drawn(data)
    for name, array in data.items():
        if name.startswith("head"):
            _unless(not array.any(), PARAMETERS["head"], name)
        elif "norm" in name:
            _unless(np.all(array == (1 if name.endswith("weight") else 0)), PARAMETERS["norm"], name)
        elif name.endswith("bias") or name == "cls_token":
            _unless(not array.any(), PARAMETERS["zero"], name)
        elif name == "pos_embed":
            _unless(0.27 < array.std() < 0.33 and abs(array.mean()) < 0.05 and array.max() > 0.6, PARAMETERS["position"], name)
        else:
            rows, columns = array.shape
            limit = math.sqrt(6 / (rows + columns / (3 if "qkv" in name else 1)))
            if "qkv" in name and abs(np.abs(array).max() - math.sqrt(6 / (rows + columns))) < 0.02 * limit:
                raise Wrong(PARAMETERS["qkv"])
            spread = abs(array.std() - limit / math.sqrt(3)) < 0.1 * limit
            fullest = (1 - 16 / array.size) * limit  # of so many numbers, the largest is below this once in ten million
            _unless(fullest < np.abs(array).max() <= 1.0001 * limit and spread, PARAMETERS["limit"], name)
    yield "first values: weights, zeros, ones, positions"
    again, other = (function(sizes, np.random.default_rng(seed), 0.3) for seed in (3, 4))
    for name, array in data.items():
        _unless(np.array_equal(again[name].data, array), PARAMETERS["rng"], name)
        _unless(len(np.unique(array)) == 1 or not np.array_equal(other[name].data, array), PARAMETERS["rng"], name)
    default = function(sizes, np.random.default_rng(3))["pos_embed"].data.std()
    _unless(0.015 < default < 0.025, PARAMETERS["position"], "without pos_embed_std it is 0.02")
    yield "random numbers from rng"


def _all_drawn(data):
    """No row and no column of random numbers stands there twice: not in two blocks, and not in q, k and v of one."""
    seen = {}  # {row or column: the name of its array}
    for name, array in data.items():
        if array.ndim > 1 and len(np.unique(array)) > 1:
            table = array.reshape(-1, array.shape[-1])
            for lines, what in ((table, "rows"), (table.T, "columns")):
                for line in lines:
                    other = seen.setdefault(line.tobytes(), name)
                    _unless(other == name, PARAMETERS["same"], f"{other} and {name}")
                _unless(len({line.tobytes() for line in lines}) == len(lines), PARAMETERS["same"], f"{what} of {name}")


def _unless(truth, sentence, name):
    if not truth:
        raise Wrong(f"{sentence}\n{name}" if name else sentence)


ELSE = "        else:\n            array = np.zeros(shape)"
PARAMETER_MISTAKES = [
    Mistake(PARAMETERS["head"], 'name.endswith("weight") and name != "head.weight"', 'name.endswith("weight")'),
    Mistake(PARAMETERS["norm"], "array = np.ones(shape)", "array = np.zeros(shape)"),
    Mistake(
        PARAMETERS["zero"],
        ELSE,
        ELSE.replace("np.zeros(shape)", "0.1 * np.ones(shape) * (not name.startswith('head') and 'norm' not in name)"),
    ),
    Mistake(PARAMETERS["position"], "array = pos_embed_std * rng.standard_normal(shape)", "array = rng.standard_normal(shape)"),
    Mistake(PARAMETERS["position"], "array = pos_embed_std * rng.standard_normal(shape)", "array = np.zeros(shape)"),
    Mistake(PARAMETERS["qkv"], 'outputs = shape[1] // 3 if "qkv" in name else shape[1]', "outputs = shape[1]"),
    Mistake(PARAMETERS["limit"], "limit = math.sqrt(6 / (shape[0] + outputs))", "limit = math.sqrt(6 / shape[0])"),
    Mistake(PARAMETERS["limit"], "limit = math.sqrt(6 / (shape[0] + outputs))", "limit = math.sqrt(5 / (shape[0] + outputs))"),
    Mistake(PARAMETERS["limit"], "array = rng.uniform(-limit, limit, shape)", "array = rng.uniform(0, limit, shape)"),
    Mistake(PARAMETERS["limit"], "array = rng.uniform(-limit, limit, shape)", "array = rng.standard_normal(shape)"),
    Mistake(
        PARAMETERS["same"],
        "array = rng.uniform(-limit, limit, shape)",
        "array = np.random.default_rng(int(1e6 * rng.bit_generator.seed_seq.entropy)).uniform(-limit, limit, shape)",
    ),
    Mistake(
        PARAMETERS["same"],
        "array = rng.uniform(-limit, limit, shape)",
        "array = np.tile(rng.uniform(-limit, limit, (shape[0], outputs)), shape[1] // outputs)",
    ),
    Mistake(
        PARAMETERS["same"],
        "array = rng.uniform(-limit, limit, shape)",
        "array = rng.uniform(-limit, limit, (shape[0], 1)) + np.zeros(shape)",
    ),
    Mistake(
        PARAMETERS["same"],
        "array = pos_embed_std * rng.standard_normal(shape)",
        "array = pos_embed_std * rng.standard_normal(shape[-1]) + np.zeros(shape)",
    ),
    Mistake(
        PARAMETERS["rng"],
        "array = rng.uniform(-limit, limit, shape)",
        "array = np.random.default_rng(len(parameters)).uniform(-limit, limit, shape)",
    ),
]

# ---------------------------------------------------------------- pick_class_token


def pick_cases(rng):
    shapes = {"ordinary": (3, 4, 7), "one image": (1, 4, 3), "one token": (2, 1, 3), "a square": (4, 4, 4)}
    return {label: (rng.standard_normal(shape),) for label, shape in shapes.items()}


def pick_spec(x):
    return np.array([[x[b, 0, j] for j in range(x.shape[2])] for b in range(x.shape[0])])


def _placed(x, dy):
    dx = np.zeros_like(x)
    dx[:, 0] = dy
    return dx


PICK, DX = "y = x[:, 0]  # (B, D)", "dx[:, 0] = dy"
PICK_MISTAKES = [
    Mistake("This is the last token. The class token was put in front, so it is the first.", PICK, "y = x[:, -1]"),
    Mistake("This is the mean of all tokens. Only the class token is read here.", PICK, "y = x.mean(axis=1)"),
    Mistake("These are all tokens of the first image. The first token of every image is wanted.", PICK, "y = x[0]"),
    Mistake("This is the first number of every token. The first token of every image is wanted.", PICK, "y = x[:, :, 0]"),
    Mistake(
        "The token is right, and its axis is still there, with size 1: a number takes the axis away, a slice keeps it.",
        PICK,
        "y = x[:, :1]",
    ),
    Mistake("The gradient went to the last token: it belongs to the first.", DX, "dx[:, -1] = dy"),
    Mistake("The gradient went to every token. The others had no influence on y: theirs is 0.", DX, "dx[:] = dy[:, None]"),
    Mistake(
        "The gradient is shared out among the tokens, as for a mean. Only the first had an influence.",
        DX,
        "dx[:] = dy[:, None] / x.shape[1]",
    ),
    Mistake("Only the first image gets its gradient.", DX, "dx[0, 0] = dy[0]"),
    Mistake("The gradient does not depend on dy.", DX, "dx[:, 0] = 1"),
    Mistake("", "return dx\n", "return dy\n", step="shape"),
]

# ---------------------------------------------------------------- vit

FIRST_LOSS = "The first loss is not ln K: with a head of zeros every class must be equally likely."
NOT_BY_HEART = "It does not learn 32 digits by heart, although values and gradients are right on small numbers."


def _with_weights(namespace, rng):
    """(sizes, parameters as Tensors in float64, the library's ViT with the same weights, images, labels)."""
    from minivit import ViT, ViTConfig

    sizes = _small(namespace)
    config = ViTConfig(**vars(sizes))
    model = ViT(config, np.random.default_rng(0), np.float64)
    weights = {name: array + 0.3 * rng.standard_normal(array.shape) for name, array in model.state_dict().items()}
    model.load_state_dict(weights)
    parameters = {name: mine.Tensor(array, requires_grad=True) for name, array in weights.items()}
    return sizes, parameters, model, rng.standard_normal((3, 6, 6, 3)), np.array([4, 0, 2])


def check_vit(function, namespace, rng):
    from minivit import ops

    sizes, parameters, model, images, labels = _with_weights(namespace, rng)
    logits = function(parameters, images, sizes)
    if not isinstance(logits, mine.Tensor):
        raise Wrong(f"vit should give a Tensor, as the ops do, and yours gives {kind(logits)}.")
    if np.shape(logits.data) == (3, 10, 5):
        raise Wrong(
            "vit should give logits of shape (B, K), and yours gives them for every token, (B, N+1, K): pick the class token."
        )
    if np.shape(logits.data) != (3, 5):
        raise Wrong(f"vit should give logits of shape (B, K), here (3, 5); yours have the shape {np.shape(logits.data)}.")
    wanted = model(images)
    if not same(logits.data, wanted.data):
        for mistake in VIT_MISTAKES:
            if mistake.says in (FIRST_LOSS, NOT_BY_HEART):
                continue
            try:
                theirs = solution_with("14", mistake)["vit"](parameters, images, sizes).data
            except Exception:  # a mistake may not even run on these sizes
                continue
            if same(np.asarray(theirs), logits.data):
                raise Wrong(mistake.says)
        worst = worst_entry("logits", logits.data, wanted.data, "wanted")
        raise Wrong("The logits are not those of a ViT with these weights.\n" + "\n".join(worst))
    yield "the logits, against minivit's ViT with the same weights"
    loss = mine.op(mine.cross_entropy)(logits, labels)
    loss.backward()
    ops.cross_entropy(wanted, labels).backward()
    for name, parameter in model.named_parameters():
        found = parameters[name].grad
        if found is None or not same(np.asarray(found), parameter.grad):
            raise Wrong(
                f"The gradient of {name} is not right, although the logits are: does every step go through an op of yours?"
            )
    yield f"the gradients of all {len(parameters)} parameters"
    yield _by_heart(namespace)


def _by_heart(namespace):
    from minivit.data import load

    data = load("digits")
    images, labels = data.normalise(data.train_images)[:32], data.train_labels[:32]
    losses, _ = namespace["overfit"](namespace["DIGITS"], images, labels, steps=40)
    if abs(losses[0] - math.log(10)) > 1e-4:
        raise Wrong(f"{FIRST_LOSS}\n{compared(losses[0], math.log(10))}")
    if losses[-1] > 0.2:
        raise Wrong(f"{NOT_BY_HEART}\nthe loss after {len(losses)} steps is {losses[-1]:.3f}")
    return f"32 digits by heart: loss {losses[0]:.4f}, after {len(losses)} steps {losses[-1]:.4f}"


X_BLOCK = 'x = block(x, *[p[f"blocks.{i}.{name}"] for name in BLOCK], sizes.heads)  # (B, N+1, D)'
X_NORM = 'x = layernorm(x, p["norm.weight"], p["norm.bias"])  # (B, N+1, D)'
X_TOKENS = 'x = embed_tokens(x, p["cls_token"], p["pos_embed"])  # (B, N+1, D)'
LOGITS = 'logits = linear(pick(x), p["head.weight"], p["head.bias"])  # (B, K)'
LOOP = "for i in range(sizes.depth):\n        x = block"
ALL_BLOCKS = f"for i in range(sizes.depth):\n        {X_BLOCK}"
AFTER_TOKENS = f"{ALL_BLOCKS}\n    {X_NORM}"
VIT_MISTAKES = [
    Mistake("The last LayerNorm is missing: after the blocks nothing has brought the road back to scale.", X_NORM, "x = x"),
    Mistake(
        "All blocks use the weights of the first one: each has its own, blocks.0, blocks.1, ...",
        X_BLOCK,
        X_BLOCK.replace("blocks.{i}", "blocks.{0 * i}"),
    ),
    Mistake(
        "One block is left out: there are as many as the depth, counted from 0.",
        LOOP,
        LOOP.replace("sizes.depth", "sizes.depth - 1"),
    ),
    Mistake(
        "The blocks run in reverse order: blocks.0 comes first.",
        LOOP,
        LOOP.replace("range(sizes.depth)", "reversed(range(sizes.depth))"),
    ),
    Mistake(
        "The positions are missing: without them the patches are a heap.",
        X_TOKENS,
        'x = embed_tokens(x, p["cls_token"], 0 * p["pos_embed"].data)',
    ),
    Mistake(
        "The class token is not the learned one.",
        X_TOKENS,
        'x = embed_tokens(x, 0 * p["cls_token"].data, p["pos_embed"])',
    ),
    Mistake(
        "There is a softmax after the head. Cross-entropy has its own: give it the scores themselves.",
        LOGITS,
        LOGITS.partition("  #")[0] + "\n    logits = mine.op(mine.softmax)(logits)",
    ),
    Mistake(
        "Another token than the class token is read: it is the first.",
        LOGITS,
        'logits = linear(mine.op(lambda x: (x[:, -1], None))(x), p["head.weight"], p["head.bias"])',
    ),
    Mistake(
        "The mean of all tokens is read, the class token among them. The head reads the class token alone.",
        LOGITS,
        'logits = linear(mine.op(lambda x: (x.mean(axis=1), None))(x), p["head.weight"], p["head.bias"])',
    ),
    Mistake(
        "The LayerNorm comes before the blocks: it belongs behind the last of them.",
        AFTER_TOKENS,
        f"{X_NORM}\n    {ALL_BLOCKS}",
    ),
    Mistake(
        "The LayerNorm is in the loop, after every block: it belongs behind the last of them only.",
        AFTER_TOKENS,
        f"{ALL_BLOCKS}\n        {X_NORM}",
    ),
    Mistake(
        "The weight and the bias of the last LayerNorm have changed places.",
        X_NORM,
        'x = layernorm(x, p["norm.bias"], p["norm.weight"])',
    ),
    Mistake(
        "What a block gives is not handed to the next: every block reads the same x, and only the last one counts.",
        AFTER_TOKENS,
        AFTER_TOKENS.replace("x = block(", "y = block(").replace("layernorm(x", "layernorm(y"),
    ),
    Mistake(
        "The tokens are added once more around each block: the roads past attention and MLP are inside it already.",
        X_BLOCK,
        X_BLOCK.replace("x = block(", "x = mine.op(lambda a, b: (a + b, None))(x, block(").replace(
            "sizes.heads)", "sizes.heads))"
        ),
    ),
    Mistake("embed_tokens is missing: no class token and no positions. What is read then is the first patch.", X_TOKENS, "x = x"),
    Mistake("The first block is left out: they are counted from 0.", LOOP, LOOP.replace("sizes.depth", "1, sizes.depth")),
    Mistake("The head's bias is missing.", LOGITS, LOGITS.replace('p["head.bias"]', '0 * p["head.bias"].data')),
    Mistake(
        "The patch embedding's bias is missing.",
        'p["patch_embed.bias"], sizes.patch_size)',
        '0 * p["patch_embed.bias"].data, sizes.patch_size)',
    ),
    Mistake("Attention has one head only: the number of heads is in sizes.heads.", X_BLOCK, X_BLOCK.replace("sizes.heads", "1")),
]

EXERCISES = [
    Exercise(
        name="count_parameters",
        check=check_count,
        mistakes=COUNT_MISTAKES,
        hints={
            "": (
                "A Linear from a to b has a·b weights and b biases: (a + 1)·b. A LayerNorm has 2D.",
                "Add: patch embedding; class token; N + 1 positions; depth times (two norms, qkv, proj, fc1, "
                "fc2); one norm; the head.",
                "With the digits' ViT (image 8, patch 2, 1 channel, 10 classes, D 32, depth 2, M 64) the parts "
                "are 160; 32; 544; "
                "2 · 8,544; 64; 330. The sum is 18,218.",
            )
        },
        read={"": "Count them"},
    ),
    Exercise(
        name="vit_parameters",
        check=check_parameters,
        mistakes=PARAMETER_MISTAKES,
        hints={
            "": (
                "Five kinds of parameters: positions, weights of norms, weights of Linears, the head, everything else.",
                "Decide by the name: 'norm' in it, or its end. The head's weight ends like the others and needs an exception.",
                "rng.uniform(-a, a, shape) draws the weights; a comes from shape[0] and shape[1], for qkv a third of shape[1]. "
                "rng.standard_normal(shape) times a number draws the positions. Everything that is left is zeros.",
            )
        },
        read={"": "The first values"},
    ),
    Exercise(
        name="pick_class_token",
        cases=pick_cases,
        spec=pick_spec,
        gradients=("dx",),
        terms={"dx": lambda x, dy: [Term("dy at the class token", _placed(x, dy), "it alone was read.")]},
        symbols=lambda x: {"B": x.shape[0], "T": x.shape[1]},
        mistakes=PICK_MISTAKES,
        hints={
            "forward": (
                "Which axis are the tokens?",
                "Axis 1; the class token is number 0 there. All images, all numbers.",
                "A colon for the axis that stays whole, a number for the one that goes: (B, T, D) becomes (B, D).",
            ),
            "backward": (
                "Tokens that were not read had no influence. What is their gradient?",
                "An array of zeros of the shape of x, with dy in one place.",
                "np.zeros_like(x) keeps shape and dtype. Then put dy where the forward took y from.",
            ),
        },
        read={"forward": "One token answers", "backward": "One token answers"},
    ),
    Exercise(
        name="vit",
        after="overfit",
        check=check_vit,
        mistakes=VIT_MISTAKES,
        hints={
            "": (
                "Read the list of shapes of B/16 from top to bottom: each line is a line of code.",
                "patch_embed, embed_tokens, a loop over the blocks, layernorm, pick, linear. Each takes what the "
                "one before gave.",
                "The twelve parameters of block i are p[f'blocks.{i}.' + name] for the names in BLOCK, in that "
                "order; a star in front of "
                "a list hands its entries over one by one. After them comes sizes.heads.",
            )
        },
        read={"": "Put together"},
    ),
]

QUIZ = [
    Question(
        "B/16 and B/32: which has more parameters?",
        ("B/16, it has more tokens", "B/32, its patch embedding is larger", "They are equal", "It depends on the image"),
        1,
        "88,224,232 against 86,567,656. The weight of the embedding has four times the rows; 147 fewer positions save less.",
    ),
    Question(
        "Your new model's first loss on ten classes is 2.9. What does it tell you?",
        (
            "All is well",
            "The head does not start at zero, or something after it is wrong",
            "The learning rate is too high",
            "The data are bad",
        ),
        1,
        "With a head of zeros it is ln 10 = 2.3026, whatever the rest of the model does.",
    ),
    Question(
        "The model learns 32 images by heart. What do you know now?",
        ("It will generalise", "Forward, backward and the step fit together", "The learning rate is optimal", "Nothing at all"),
        1,
        "It can be trained. Whether it reads new images, only new images can tell.",
    ),
    Question(
        "What are DETR's object queries most like in ViT?",
        ("The patches", "The class token", "The position embedding of the patches", "The head"),
        1,
        "Learned vectors that are there to collect an answer from the image: one in ViT, a hundred in DETR.",
    ),
    Question(
        "Which of these is not in ViT?",
        ("LayerNorm", "Cross-attention", "A learned position embedding", "GELU"),
        1,
        "In ViT every token looks at the tokens of the same image: self-attention only. DETR's decoder needs the other kind.",
    ),
]
