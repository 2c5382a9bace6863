"""Lesson 17: attention rollout, how far heads look, what positions have learned."""

import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question

TITLE = "Looking inside"
MINUTES = 45
NEEDS = ["16"]
GOALS = [
    "You can follow attention through all blocks to the image: rollout, and why the later block stands on the left.",
    "You can measure how far each head looks, and read it against a convolution.",
    "You can see what position embeddings have learned, by their cosines.",
    "You can say why where a model looks is not what its answer hangs on, and test it by hiding and shuffling patches.",
]
PICTURE = (
    "A digit 4. Beside it three maps of 4 by 4 patches: its rollout, and the probability of the answer with each patch made "
    "grey, and made paper. Below, a point for each of four heads in three blocks, all near 4 pixels. Then sixteen small maps of "
    "cosines of positions, each brightest at its own place. Last, four filters of 2 by 2 pixels."
)


def attention_like(rng, *shape):
    raw = rng.random(shape) ** 3 + 0.01
    return raw / raw.sum(axis=-1, keepdims=True)


# ---------------------------------------------------------------- attention_rollout


def rollout_cases(rng):
    return {
        "ordinary": (attention_like(rng, 3, 2, 4, 5, 5),),
        "one block, one head": (attention_like(rng, 1, 2, 1, 3, 3),),
        "one image": (attention_like(rng, 4, 1, 2, 6, 6),),
        "as many of everything": (attention_like(rng, 3, 3, 3, 3, 3),),
    }


def rollout_spec(attentions):
    blocks, batch, heads, count, _ = attentions.shape
    result = np.zeros((batch, count, count))
    for b in range(batch):
        held = [[float(i == j) for j in range(count)] for i in range(count)]  # what token i is made of
        for a in range(blocks):
            after = [[0.0] * count for _ in range(count)]
            for i in range(count):
                for k in range(count):
                    share = 0.5 * sum(attentions[a, b, h, i, k] for h in range(heads)) / heads + 0.5 * (i == k)
                    for j in range(count):
                        after[i][j] += share * held[k][j]
            held = after
        result[b] = held
    return result


MIXED = "mixed = (attention.mean(axis=1) + np.eye(attention.shape[-1], dtype=attention.dtype)) / 2  # (B, T, T)"
ROLL = "rollout = mixed @ rollout  # (B, T, T)"
LOOP = "for attention in attentions:"
START = "rollout = np.eye(attentions.shape[-1], dtype=attentions.dtype)  # (T, T)"
ROLLOUT_MISTAKES = [
    Mistake("The road past attention is missing: I is added before the half is taken.", MIXED, "mixed = attention.mean(axis=1)"),
    Mistake(
        "The road past attention is added once, at the end. It is there in every block.",
        f"{LOOP}\n        {MIXED}\n        {ROLL}",
        f"{LOOP}\n        rollout = attention.mean(axis=1) @ rollout\n"
        "    rollout = (rollout + np.eye(attentions.shape[-1], dtype=attentions.dtype)) / 2",
    ),
    Mistake("The blocks are in the other order. The later block stands on the left.", ROLL, "rollout = rollout @ mixed"),
    Mistake(
        "Columns add up to 1 where rows should: a row says what one token is made of.",
        MIXED,
        MIXED.split("  #")[0] + "\n        mixed = mixed / mixed.sum(axis=-2, keepdims=True)",
    ),
    Mistake(
        "Rows and columns are exchanged: entry (i, j) is how much of token j is in token i.",
        ROLL,
        ROLL + "\n    rollout = rollout.swapaxes(-1, -2)",
    ),
    Mistake(
        "This is I + A without the half: the rows of M add up to 2, and after L blocks to 2 to the power of L.",
        MIXED,
        "mixed = attention.mean(axis=1) + np.eye(attention.shape[-1], dtype=attention.dtype)",
    ),
    Mistake(
        "The heads are added up. Take their mean, so that the rows add up to 1.",
        MIXED,
        MIXED.replace("attention.mean(axis=1)", "attention.sum(axis=1)"),
    ),
    Mistake(
        "Of the heads the largest weight is taken. Take their mean.",
        MIXED,
        MIXED.replace("attention.mean(axis=1)", "attention.max(axis=1)"),
    ),
    Mistake(
        "Only the first head is used. Take the mean of all.", MIXED, MIXED.replace("attention.mean(axis=1)", "attention[:, 0]")
    ),
    Mistake("This is the last block alone: what came before it is forgotten.", ROLL, "rollout = mixed"),
    Mistake(
        "The tables are multiplied entry by entry. Mixing a mixture is a matrix product, @.",
        f"{START}\n    {LOOP}\n        {MIXED}\n        {ROLL}",
        f"rollout = 1\n    {LOOP}\n        {MIXED}\n        rollout = mixed * rollout",
    ),
    Mistake(
        "The tables are multiplied entry by entry. Mixing a mixture is a matrix product, @.", ROLL, "rollout = mixed * rollout"
    ),
    Mistake(
        "Only I is halved: M is half of the sum, (Ā + I) / 2. The rows of yours add up to 1.5.",
        MIXED,
        "mixed = attention.mean(axis=1) + np.eye(attention.shape[-1], dtype=attention.dtype) / 2",
    ),
    Mistake(
        "A table of ones stands where the identity belongs: 1 on the diagonal, 0 elsewhere. Before the first block a token is "
        "made of itself alone.",
        START,
        "rollout = np.ones(attentions.shape[-2:], attentions.dtype)",
    ),
    Mistake(
        "In M a table of ones stands for I. The road past attention takes each token to itself: 1 on the diagonal, 0 elsewhere.",
        MIXED,
        "mixed = (attention.mean(axis=1) + np.ones(attention.shape[-2:], attention.dtype)) / 2",
    ),
    Mistake(
        "The tables of the blocks are added up. One after the other they mix: that is their product.",
        ROLL,
        "rollout = (0 if rollout.ndim == 2 else rollout) + mixed",
    ),
    Mistake(
        "The first block mixes twice: if the product begins with M_1, the loop must begin with block 2.",
        ROLL,
        "rollout = mixed @ (mixed if rollout.ndim == 2 else rollout)",
    ),
    Mistake(
        "The first block is left out. Each of the L blocks mixes.",
        LOOP,
        "for attention in attentions[1:]:",
    ),
    Mistake(
        "Yours takes the mean over the images of the batch. Each image has its own rollout: the mean is over the heads, axis 1.",
        ROLL,
        "rollout = mixed.mean(axis=0, keepdims=True) @ rollout + 0 * mixed",
    ),
    Mistake("", ROLL, ROLL + "\n    rollout = rollout[:, 0]", step="shape"),
    Mistake("", MIXED, MIXED.replace(", dtype=attention.dtype", ""), step="dtype"),
]

# ---------------------------------------------------------------- attention_distance


def distance_cases(rng):
    return {
        "ordinary": (attention_like(rng, 2, 3, 7, 7), 2, 3, 4),
        "one row": (attention_like(rng, 1, 2, 6, 6), 1, 5, 3),
        "one column": (attention_like(rng, 2, 1, 5, 5), 4, 1, 16),
        "a square": (attention_like(rng, 2, 4, 10, 10), 3, 3, 2),
        "hardly a look at patches": (np.concatenate([np.full((1, 2, 7, 1), 0.94), np.full((1, 2, 7, 6), 0.01)], axis=3), 3, 2, 8),
    }


def distance_spec(attention, rows, columns, patch_size):
    batch, heads, _, _ = attention.shape
    count = rows * columns
    result = np.zeros(heads)
    for h in range(heads):
        total = 0.0
        for b in range(batch):
            for i in range(count):
                weights = [attention[b, h, 1 + i, 1 + j] for j in range(count)]
                for j in range(count):
                    down, across = i // columns - j // columns, i % columns - j % columns
                    total += weights[j] / sum(weights) * patch_size * math.sqrt(down**2 + across**2)
        result[h] = total / (batch * count)
    return result


PLACES = "row, column = np.divmod(np.arange(rows * columns), columns)  # (N,) each"
APART = "apart = np.hypot(row[:, None] - row, column[:, None] - column) * patch_size  # (N, N), in pixels"
AMONG = "among = attention[:, :, 1:, 1:]  # (B, h, N, N)"
LOOKED = "looked = (among * apart.astype(attention.dtype)).sum(axis=-1)  # (B, h, N)"
SHARE = "among = among / among.sum(axis=-1, keepdims=True)"
MEAN = "distance = looked.mean(axis=(0, 2))  # (h,)"
DISTANCE_MISTAKES = [
    Mistake(
        "The rows no longer add up to 1 once the class token's column is gone: divide each by its sum.",
        SHARE,
        "among = among * 1",
    ),
    Mistake(
        "The columns are made to add up to 1. It is each row, what one patch looks at.",
        SHARE,
        "among = among / among.sum(axis=-2, keepdims=True)",
    ),
    Mistake(
        "Each weight is divided by the sum of the whole table, not of its own row.",
        SHARE,
        "among = among / among.sum(axis=(-2, -1), keepdims=True)",
    ),
    Mistake(
        "The last token was left out in place of the class token. The class token is token 0.",
        AMONG,
        "among = attention[:, :, :-1, :-1]",
    ),
    Mistake("The result is in patches. Multiply by the patch size: neighbours are P pixels apart.", " * patch_size  #", "  #"),
    Mistake(
        "This is the distance along streets, |Δy| + |Δx|. As the crow flies it is √(Δy² + Δx²).",
        APART,
        "apart = (np.abs(row[:, None] - row) + np.abs(column[:, None] - column)) * patch_size",
    ),
    Mistake(
        "This is the square of the distance: the root is missing.",
        APART,
        "apart = ((row[:, None] - row) ** 2 + (column[:, None] - column) ** 2) * patch_size**2",
    ),
    Mistake(
        "This is the larger of the two differences, and not the distance √(Δy² + Δx²).",
        APART,
        "apart = np.maximum(np.abs(row[:, None] - row), np.abs(column[:, None] - column)) * patch_size",
    ),
    Mistake(
        "Yours mixes up rows and columns of the grid. Patches come in reading order: all columns of row 0 first.",
        PLACES,
        "column, row = np.divmod(np.arange(rows * columns), rows)",
    ),
    Mistake(
        "Yours mixes up rows and columns of the grid. Patches come in reading order: all columns of row 0 first.",
        PLACES,
        "row, column = np.arange(rows * columns) % columns, np.arange(rows * columns) // rows",
    ),
    Mistake(
        "Only the rows count here: two patches side by side would be 0 apart. The distance is √(Δy² + Δx²).",
        APART,
        "apart = np.abs(row[:, None] - row) * patch_size",
    ),
    Mistake(
        "Only the columns count here: a patch and the one below would be 0 apart. The distance is √(Δy² + Δx²).",
        APART,
        "apart = np.abs(column[:, None] - column) * patch_size",
    ),
    *(
        Mistake(
            "Weights and distances meet in a matrix product. Weight (i, j) belongs to distance (i, j): entry by entry, then the "
            "sum over j.",
            LOOKED,
            f"looked = (among @ apart.astype(attention.dtype)).{over}(axis=-1)",
        )
        for over in ("sum", "mean")
    ),
    Mistake(
        "Over the patches looked at, the mean was taken. The weights of a row add up to 1: their sum over j is a mean already.",
        LOOKED,
        LOOKED.replace(".sum(", ".mean("),
    ),
    Mistake(
        "One sum is divided by another, for all patches and images together. Each row is divided by its own sum first.",
        f"{SHARE}\n    {LOOKED}\n    {MEAN}",
        "looked = among * apart.astype(attention.dtype)\n    distance = looked.sum(axis=(0, 2, 3)) / among.sum(axis=(0, 2, 3))",
    ),
    Mistake(
        "The rows are those of tokens 0 to N − 1: the class token looks, and the last patch does not. Leave row 0 out as well.",
        AMONG,
        "among = attention[:, :, :-1, 1:]",
    ),
    Mistake(
        "The distance is taken along the line of tokens, |i − j|. Patches lie on a grid.",
        APART,
        "apart = np.abs(np.subtract.outer(np.arange(rows * columns), np.arange(rows * columns))) * patch_size",
    ),
    Mistake(
        "The distances of the patches that look are added up: take their mean.",
        MEAN,
        "distance = looked.mean(axis=0).sum(axis=-1)",
    ),
    Mistake("The images of the batch are added up: take their mean.", MEAN, "distance = looked.mean(axis=2).sum(axis=0)"),
    Mistake(
        "This is what the class token looks at, or who looks at it. All patches look; the class token has no place.",
        AMONG,
        "among = np.repeat(attention[:, :, :1, 1:], rows * columns, axis=2)",
    ),
    Mistake("", MEAN, "distance = looked.mean()", step="shape"),
    Mistake(
        "Yours takes the mean over images and heads. Each head has a number of its own: take it over images and patches.",
        MEAN,
        "distance = looked.mean(axis=(0, 1))",
    ),
    Mistake("There is a number for each image: take the mean over the images, too.", MEAN, "distance = looked.mean(axis=2)"),
    Mistake("", AMONG, "among = attention", step="run"),
    Mistake("", ".astype(attention.dtype)", "", step="dtype"),
]

# ---------------------------------------------------------------- position_similarity


def similarity_cases(rng):
    def given(count, dim):
        return (rng.standard_normal((1, count + 1, dim)) * rng.uniform(0.5, 3, (1, count + 1, 1)),)

    return {"ordinary": given(4, 6), "one patch": given(1, 5), "as many patches as numbers": given(5, 5), "many": given(16, 3)}


def similarity_spec(pos_embed):
    _, tokens, dim = pos_embed.shape
    result = np.zeros((tokens - 1, tokens - 1))
    for n, m in np.ndindex(result.shape):
        p, q = pos_embed[0, 1 + n], pos_embed[0, 1 + m]
        product = sum(p[d] * q[d] for d in range(dim))
        result[n, m] = product / math.sqrt(sum(x * x for x in p)) / math.sqrt(sum(x * x for x in q))
    return result


OWN = "positions = pos_embed[0, 1:]  # (N, D)"
UNIT = "positions = positions / np.sqrt((positions**2).sum(axis=1, keepdims=True))"
COSINES = "similarity = positions @ positions.T  # (N, N)"
SIMILARITY_MISTAKES = [
    Mistake("The vectors keep their lengths: this is the dot product. Divide each by its length first.", UNIT, "pass"),
    Mistake(
        "Each vector is divided by the square of its length: the root is missing.",
        UNIT,
        "positions = positions / (positions**2).sum(axis=1, keepdims=True)",
    ),
    Mistake(
        "Only one of the two vectors is divided by its length. Both must be.",
        f"{UNIT}\n    {COSINES}",
        "similarity = positions @ positions.T / np.sqrt((positions**2).sum(axis=1, keepdims=True))",
    ),
    Mistake(
        "The length is taken down the columns, over all places. A position's length is over its own D numbers.",
        UNIT,
        "positions = positions / np.sqrt((positions**2).sum(axis=0, keepdims=True))",
    ),
    Mistake(
        "All vectors are divided by the same number. Each has its own length.",
        UNIT,
        "positions = positions / np.sqrt((positions**2).sum(axis=1).mean())",
    ),
    Mistake(
        "The length is that of the whole table, one number for all. Each vector has its own length, over its D numbers.",
        UNIT,
        "positions = positions / np.linalg.norm(positions)",
    ),
    Mistake(
        "Each vector is divided by its standard deviation. Its length is the root of the sum of squares.",
        UNIT,
        "positions = positions / positions.std(axis=1, keepdims=True)",
    ),
    Mistake(
        "The length is the sum of the absolute values here. It is the root of the sum of squares.",
        UNIT,
        "positions = positions / np.abs(positions).sum(axis=1, keepdims=True)",
    ),
    Mistake(
        "The last position was left out in place of the class token's. The class token is token 0.",
        OWN,
        "positions = pos_embed[0, :-1]",
    ),
    Mistake(
        "The mean was taken off each vector first: that is a correlation. The cosine takes the vectors as they are.",
        OWN,
        "positions = pos_embed[0, 1:] - pos_embed[0, 1:].mean(axis=1, keepdims=True)",
    ),
    Mistake("This is one minus the cosine, a distance: 0 on the diagonal.", COSINES, "similarity = 1 - positions @ positions.T"),
    Mistake(
        "The sign is lost: the opposite direction has −1, and not 1.", COSINES, "similarity = np.abs(positions @ positions.T)"
    ),
    Mistake(
        "The class token's position is still in. It has no place in the picture: leave it out.", OWN, "positions = pos_embed[0]"
    ),
    Mistake("", COSINES, "similarity = positions.T @ positions", step="shape"),
]

EXERCISES = [
    Exercise(
        name="attention_rollout",
        cases=rollout_cases,
        spec=rollout_spec,
        mistakes=ROLLOUT_MISTAKES,
        hints={
            "": (
                "One matrix M for each block, and a product of all of them. Where does the product begin?",
                "It begins with the identity: before the first block each token is made of itself. For each block: mean over "
                "the heads, plus the identity, half of it; then multiply from the left.",
                "One block is (B, h, T, T), so its heads are axis 1, and the mean is (B, T, T). np.eye(T, dtype=...) is the "
                "identity; @ multiplies the matrices of each image by themselves. With the two tables of the lesson, row 0 "
                "is 0.625 0.375.",
            )
        },
        read={"": "From block to block"},
    ),
    Exercise(
        name="attention_distance",
        cases=distance_cases,
        spec=distance_spec,
        mistakes=DISTANCE_MISTAKES,
        hints={
            "": (
                "Two tables of the same size: how far patch i is from patch j, and how much i looks at j.",
                "Row and column of each patch with np.divmod; differences of all with all as in lesson 01, with a new axis; "
                "their root of squares times the patch size. Then the weights without the class token, rows divided by sums.",
                "The table of distances is (N, N) and the weights are (B, h, N, N): multiply, sum over the last axis, and take "
                "the mean over images and patches, axes 0 and 2. Distances are float64: bring them to the dtype of attention.",
            )
        },
        read={"": "How far does a head look?"},
    ),
    Exercise(
        name="position_similarity",
        cases=similarity_cases,
        spec=similarity_spec,
        mistakes=SIMILARITY_MISTAKES,
        hints={
            "": (
                "A cosine is a dot product of two vectors of length 1.",
                "Leave the first position out, divide each of the others by its own length, multiply all with all.",
                "The length is the root of the sum of squares along the last axis, with keepdims. All dot products at once are "
                "one matrix times its transpose. The diagonal must be 1.",
            )
        },
        read={"": "What have the positions learned?"},
    ),
]

QUIZ = [
    Question(
        "In the last block the class token gives patch token 5 all its weight. Then the answer depends on patch 5 alone?",
        (
            "Yes, that is what the weight says",
            "No: token 5 has collected from other patches in the blocks before",
            "Only if there is one head",
            "Yes, if the weight is exactly 1",
        ),
        1,
        "Token 5 is a mixture by then, and the class token brings along what it has collected before. Rollout follows the "
        "mixing, approximately.",
    ),
    Question(
        "Why does the later block stand on the left in R = M_L … M_1?",
        (
            "A convention of that paper",
            "It mixes what the earlier ones have made: x'' = M_2 (M_1 x)",
            "Because of the transposition in softmax",
            "The order makes no difference",
        ),
        1,
        "The matrix that is applied first stands next to x.",
    ),
    Question(
        "You forgot the I of the road past attention. What do the rows of the result add up to?",
        ("0.5", "1, so nothing looks wrong", "2", "It depends on the image"),
        1,
        "A product of tables whose rows add up to 1 has rows that add up to 1. Only a check finds this mistake.",
    ),
    Question(
        "A head has the same distance as one that looks at all patches alike. What do you know?",
        (
            "It looks at all patches alike",
            "On average it looks about that far; it may still be very choosy",
            "It is broken",
            "It looks at the class token",
        ),
        1,
        "One number for each head: all weight on one patch at the right distance gives the same number.",
    ),
    Question(
        "You shuffle the patches, and the answer of a model stays the same, but for rounding. What is the model?",
        ("Very well trained", "One without positions", "One with sin-cos positions", "One with a single head"),
        1,
        "Without positions the tokens are a heap, and a shuffled heap is the same heap.",
    ),
    Question(
        "Rollout is bright at a patch, but hiding the patch changes nothing. Possible?",
        (
            "No, one of the two has a bug",
            "Yes: others may say the same, and rollout only says where was looked",
            "Only if the model is wrong",
            "Only at the rim of the image",
        ),
        1,
        "Looking is not mattering. What the answer hangs on is found by interfering.",
    ),
]
