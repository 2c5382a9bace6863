"""Lesson 20: flash attention."""

import math

import numpy as np

from lessons import mine
from lessons.exercise import Exercise, Mistake, Question, Term, Wrong, check_of, kind, same, solution_with, worst_entry

TITLE = "Flash attention"
MINUTES = 60
NEEDS = ["11", "14"]
GOALS = [
    "You can derive the online softmax: what is kept of a row, and by which factor it shrinks when a larger score comes.",
    "You can walk over the table of scores in tiles, forward and backward, and never hold more than one of them.",
    "You can say why the row sums of dY times Y are what softmax's backward needs of a whole row.",
    "You can measure memory, and explain how a function that computes more can be faster.",
]
PICTURE = (
    "Three panels. Left, a table of 64 by 64 scores, cut into tiles of 8 by 8; one row of tiles is outlined, and a dotted line "
    "runs through it. Middle, above, the scores of the dotted row as dots, and a line that steps up with the largest score so "
    "far, five times, and then stays level; below, the average so far after each of the eight tiles, which rises from 0 and "
    "settles near 5. Right, a chart of memory against tokens, 256 to 2,048: with the table it grows from 1.5 to 52 megabytes, in "
    "tiles from 0.5 to 1.4."
)

# absorb

ABSORB = {
    "count": "Three things come back: the largest score so far, the total, and the mixed values, in this order.",
    "order": "The results stand in another order: largest, total, mixed.",
    "shape": "Each has the shape that it had before the tile: keepdims=True keeps an axis with size 1.",
    "dtype": "float32 does not stay float32: an array made without a dtype is float64, and pulls everything along with it.",
    "nan": (
        "There is a nan. Where a row has seen nothing but −∞, its largest score is −∞ too, and −∞ − (−∞) is not a number. "
        "Subtract a plain "
        "number there."
    ),
    "overflow": "Something is infinite that should not be: what is subtracted must be at least as large as every score.",
    "other": "One of the three is wrong; compare the by-hand example, tile by tile.",
}
NEW = "new = np.maximum(largest, scores.max(axis=-1, keepdims=True))"
BASE = "base = np.where(new == -math.inf, 0, new)"
SHRINK = "shrink = np.exp(largest - base)"
E = "e = np.exp(scores - base)"
TOTAL = "total = shrink * total + e.sum(axis=-1, keepdims=True)"
MIXED = "mixed = shrink * mixed + e @ values"
KEPT = "largest = new\n    return largest, total, mixed"
ABSORB_MISTAKES = [
    Mistake(
        "The accumulator is not rescaled. What was mixed before was measured from the old maximum: it shrinks by the same "
        "factor as the "
        "total.",
        MIXED,
        "mixed = mixed + e @ values",
    ),
    Mistake(
        "The total is not rescaled. What was added up before was measured from the old maximum: it shrinks by the same "
        "factor as what was "
        "mixed.",
        TOTAL,
        "total = total + e.sum(axis=-1, keepdims=True)",
    ),
    Mistake(
        "Neither sum is rescaled. Both were measured from the old maximum, and must be brought down to the new one.",
        SHRINK,
        "shrink = np.ones_like(largest)",
    ),
    Mistake(
        "The rescaling goes the wrong way: the exponent is the old maximum minus the new one. The old sums become smaller.",
        SHRINK,
        "shrink = np.where(largest == -math.inf, 0, np.exp(base - largest))",
    ),
    Mistake(
        "The new tile is rescaled, and what was there before is not. The tile is measured from the new maximum already.",
        f"{TOTAL}  # (..., n, 1)\n    {MIXED}",
        "total = total + shrink * e.sum(axis=-1, keepdims=True)\n    mixed = mixed + shrink * (e @ values)",
    ),
    Mistake(
        "Old and new are both rescaled. Only what was there before shrinks: the tile is measured from the new maximum already.",
        f"{TOTAL}  # (..., n, 1)\n    {MIXED}",
        "total = shrink * (total + e.sum(axis=-1, keepdims=True))\n    mixed = shrink * (mixed + e @ values)",
    ),
    Mistake(
        "What was there before is thrown away: the result is that of the last tile alone.",
        f"{TOTAL}  # (..., n, 1)\n    {MIXED}",
        "total = e.sum(axis=-1, keepdims=True)\n    mixed = e @ values",
    ),
    Mistake(
        "The powers of the tile are measured from the old maximum. The first tile then has nothing to be measured from, "
        "and a larger score "
        "overflows.",
        E,
        "e = np.exp(scores - np.where(largest == -math.inf, 0, largest))",
    ),
    Mistake(
        "The powers of the tile are measured from the tile's own maximum, and the old sums from the running one. Both need "
        "the same.",
        E,
        "own = scores.max(axis=-1, keepdims=True)\n    e = np.exp(scores - np.where(own == -math.inf, 0, own))",
    ),
    Mistake(
        "The maximum is that of the tile alone. It runs along: what was seen before counts as well, or the old sums are "
        "blown up where they "
        "should shrink.",
        NEW,
        "new = scores.max(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The maximum is taken over all rows. Each row has one of its own, or a row far below the others is rounded to nothing.",
        NEW,
        "new = np.full_like(largest, max(largest.max(), scores.max()))",
    ),
    Mistake(
        "The maximum was not kept: what comes back is the one from before the tile.",
        KEPT,
        "return largest, total, mixed",
    ),
    Mistake(
        "The zero that stands in for −∞ in the subtraction was kept as the maximum. As long as nothing was seen it is −∞: "
        "a later score "
        "below 0 would not become the maximum.",
        KEPT,
        "largest = base\n    return largest, total, mixed",
    ),
    Mistake(ABSORB["nan"], BASE, "base = new"),
    Mistake(ABSORB["nan"], E, "e = np.exp(scores - new)"),
    Mistake(ABSORB["nan"], SHRINK, "shrink = np.exp(largest - new)"),
    Mistake(
        "A score of −∞ counts as if it were 0. It says: do not look here, and its power is 0.",
        E,
        "e = np.exp(np.where(scores == -math.inf, 0, scores) - base)",
    ),
    Mistake(
        "The mixed values are divided by the total in every tile. The division comes once, after the last tile: before, "
        "both are sums "
        "that go on growing.",
        MIXED,
        "mixed = (shrink * mixed + e @ values) / np.where(total == 0, 1, total)",
    ),
    Mistake(
        "Values are mixed with the scores themselves. Their weights are the powers of e.",
        MIXED,
        "mixed = shrink * mixed + np.where(scores == -math.inf, 0, scores) @ values",
    ),
    Mistake(
        "The total is an average over the tile. It is a sum over all that was seen; the division comes at the end.",
        TOTAL,
        "total = shrink * total + e.mean(axis=-1, keepdims=True)",
    ),
    Mistake(
        "The sum runs over the whole tile. Each row has a total of its own: add along the last axis.",
        TOTAL,
        "total = shrink * total + e.sum()",
    ),
    Mistake(
        "The total is made twice of the tile: it was added to what already contains it.",
        TOTAL,
        "total = shrink * (total + e.sum(axis=-1, keepdims=True)) + e.sum(axis=-1, keepdims=True)",
    ),
    Mistake(ABSORB["order"], KEPT, "largest = new\n    return total, largest, mixed"),
    Mistake(ABSORB["count"], KEPT, "largest = new\n    return total, mixed"),
    Mistake(ABSORB["shape"], TOTAL, "total = (shrink * total)[..., 0] + e.sum(axis=-1)"),
    Mistake(ABSORB["dtype"], BASE, "base = np.where(new == -math.inf, np.float64(0), new)"),
    Mistake("", NEW, "new = np.maximum(largest, scores.max(axis=-1))", step="run"),
    Mistake("", TOTAL, "total *= shrink\n    total += e.sum(axis=-1, keepdims=True)", step="inputs"),
]


LIMIT = 1e-9  # of the largest entry


def absorb_cases(rng):
    """{what it is: arguments}: n = 3 rows, t = 4 keys, d = 5."""

    def tile(*front):
        return rng.standard_normal((*front, 3, 4)), rng.standard_normal((*front, 4, 5))

    def before(*front, low=0.0):
        return (
            rng.uniform(-1, 1, (*front, 3, 1)) + low,
            rng.uniform(1, 3, (*front, 3, 1)),
            rng.standard_normal((*front, 3, 5)),
        )

    nothing = np.full((3, 1), -math.inf), np.zeros((3, 1)), np.zeros((3, 5))
    masked, masked_values = tile()
    masked[0, 1], masked[2] = -math.inf, -math.inf
    high, high_values = tile()
    return {
        "a tile with larger scores than before": (*before(low=-3), *tile()),
        "a tile with smaller scores, which leaves the maximum": (*before(low=5), *tile()),
        "the first tile, with nothing before it": (*nothing, *tile()),
        "images and heads in front": (*before(2, 2, low=-1), *tile(2, 2)),
        "scores of several thousand": (*before(), 5000 * high, high_values),
        "rows far apart from each other": (*before(), high + np.array([[0.0], [3000.0], [-3000.0]]), high_values),
        "scores of −∞ after others": (*before(low=-1), masked, masked_values),
        "a row that has seen nothing but −∞": (*nothing, masked, masked_values),
    }


def absorb_spec(largest, total, mixed, scores, values):
    """The three, number by number."""
    found = largest.copy(), total.copy(), mixed.copy()
    for place in np.ndindex(scores.shape[:-1]):
        row = [float(s) for s in scores[place]]
        old = float(largest[place][0])
        new = max([old, *row])
        if new == -math.inf:
            continue
        shrink, powers = math.exp(old - new), [math.exp(s - new) for s in row]
        found[0][place], found[1][place] = new, shrink * total[place] + sum(powers)
        found[2][place] = shrink * mixed[place] + sum(e * v for e, v in zip(powers, values[place[:-1]], strict=True))
    return found


def _the_same(found, wanted):
    """Infinite at the same places, and elsewhere the same up to rounding."""
    infinite = ~np.isfinite(wanted)
    if found.shape != wanted.shape or not np.array_equal(found[infinite], wanted[infinite]):
        return False
    found, wanted = (np.where(infinite, 0.0, array) for array in (found, wanted))
    return bool(np.all(np.abs(found - wanted) <= LIMIT * np.abs(wanted).max(initial=0.0)))


def _handed_over(given, dtype):
    """The arguments, cast and read-only."""
    arrays = [np.array(array, dtype=dtype) for array in given]
    for array in arrays:
        array.flags.writeable = False
    return arrays


def check_absorb(absorb, namespace, rng):
    """Every case against the numbers; a wrong one is named by the listed mistake that gives the same."""
    for number, (what, given) in enumerate(absorb_cases(rng).items()):
        found = absorb(*_handed_over(given, np.float64))
        _right_kind(found, given)
        wanted = absorb_spec(*given)
        found = [np.asarray(array, dtype=np.float64) for array in found]
        if not all(map(_the_same, found, wanted)):
            raise Wrong("\n".join([_name_of(found, given), *_difference(found, wanted, what)]))
        rough = absorb(*_handed_over(given, np.float32))
        if any(getattr(array, "dtype", None) != np.float32 for array in rough):
            raise Wrong(f"{ABSORB['dtype']}\nyours gives {', '.join(str(getattr(a, 'dtype', type(a).__name__)) for a in rough)}")
        if number == 0:
            yield "runs, leaves its inputs alone, three results of the right shapes and dtype"
        yield what
    _in_pieces(absorb, rng)
    yield "a long row in tiles of every size gives the average that it has in one piece"


def _right_kind(found, given):
    if not isinstance(found, tuple | list) or len(found) != 3 or not all(isinstance(a, np.ndarray) for a in found):
        raise Wrong(f"{ABSORB['count']}\nyours gives {kind(found)}")
    shapes, wanted = [a.shape for a in found], [a.shape for a in given[:3]]
    if shapes != wanted:
        name = "order" if sorted(shapes) == sorted(wanted) else "shape"
        told = f"got {', '.join(map(str, shapes))}, want {', '.join(map(str, wanted))}"
        raise Wrong(f"{ABSORB[name]}\n{told}")


def _name_of(found, given):
    """The sentence for a wrong answer."""
    for mistake in ABSORB_MISTAKES:
        if not mistake.says or mistake.says in (ABSORB["nan"], ABSORB["dtype"], ABSORB["shape"], ABSORB["count"]):
            continue
        with np.errstate(all="ignore"):
            theirs = solution_with("20", mistake)["absorb"](*given)
        if all(_the_same(np.asarray(a, dtype=np.float64), b) for a, b in zip(found, theirs, strict=True)):
            return mistake.says
    if any(np.isnan(array).any() for array in found):
        return ABSORB["nan"]
    if any(np.isinf(array).any() for array in found[1:]):
        return ABSORB["overflow"]
    return ABSORB["other"]


def _difference(found, wanted, what):
    """Where, in words: the first of the three that is wrong."""
    names = ("largest", "total", "mixed")
    name, own, right = next(entry for entry in zip(names, found, wanted, strict=True) if not _the_same(*entry[1:]))
    return [f"{name} is wrong for {what}", *worst_entry(name, own, right, "wanted")]


def _in_pieces(absorb, rng):
    """Rows of 12 scores that rise, fall and jump."""
    scores, values = rng.standard_normal((3, 12)), rng.standard_normal((12, 5))
    scores[0], scores[1] = np.sort(scores[0]), -np.sort(-scores[1])
    powers = np.exp(scores)
    wanted = powers @ values / powers.sum(axis=-1, keepdims=True)
    for size in (1, 5, 12):
        kept = np.full((3, 1), -math.inf), np.zeros((3, 1)), np.zeros((3, 5))
        for start in range(0, 12, size):
            kept = absorb(*kept, scores[:, start : start + size], values[start : start + size])
        if not same(kept[2] / kept[1], wanted):
            raise Wrong(f"{ABSORB['other']}\nin tiles of {size} the average of a long row is another one than in one piece")


# flash attention


def cases(rng):
    def given(*shape, keys=None, tile=2):
        def draw(tokens):
            return rng.standard_normal((*shape[:-2], tokens, shape[-1]))

        q, k, v = (draw(tokens) for tokens in (shape[-2], keys or shape[-2], keys or shape[-2]))
        return (q, k, v) if tile is None else (q, k, v, tile)

    rising = np.arange(5.0)[:, None] * np.ones(3)  # the largest score comes last
    return {
        "ordinary": given(2, 5, 3),
        "one tile for everything": given(2, 3, 4, tile=None),
        "more keys than queries": given(2, 3, 4, keys=7, tile=3),
        "more queries than keys": given(2, 5, 4, keys=2, tile=3),
        "several heads at once": given(2, 2, 5, 4, tile=3),
        "one image": given(1, 4, 3),
        "no batch at all": given(4, 3),
        "a square, in tiles that fit": given(2, 4, 4),
        "tiles of one": given(2, 3, 2, tile=1),
        "many tiles": given(1, 9, 2),
        "scores that rise from key to key": (1 + rising / 9, rising / 2, rng.standard_normal((5, 3)), 2),
    }


def extreme(rng):
    q, k, v = (rng.standard_normal((2, 5, 3)) for _ in range(3))
    far = np.array([-4e3, 4e3, -4e3, 4e3, 0])[:, None]  # rows whose maxima lie far apart
    return {
        "scores of several thousand": (100 * q, 100 * k, v, 2),
        "rows far apart": (np.abs(q) * far, np.abs(k), v, 2),
        "all queries equal to zero": (0 * q, k, v, 2),
    }


def spec(q, k, v, tile=None):
    return check_of("11").spec(q, k, v)


ROW = "the weights of a row add up to 1, so each score acts on all: D is what it takes off."


def terms_dq(q, k, v, *tile_and_dy):
    p, dp, row, scale = check_of("11").parts_of(q, k, v, tile_and_dy[-1])
    return [
        Term("(P·dP)K/√d", (p * dp) @ k * scale, "every score of the row meets its key."),
        Term("−(P·D)K/√d", -(p * row) @ k * scale, ROW),
    ]


def terms_dk(q, k, v, *tile_and_dy):
    p, dp, row, scale = check_of("11").parts_of(q, k, v, tile_and_dy[-1])
    return [
        Term("(P·dP)ᵀQ/√d", (p * dp).swapaxes(-1, -2) @ q * scale, "a key meets the query of everyone who looks at it."),
        Term("−(P·D)ᵀQ/√d", -(p * row).swapaxes(-1, -2) @ q * scale, ROW),
    ]


def terms_dv(q, k, v, *tile_and_dy):
    dy = tile_and_dy[-1]
    p = check_of("11").parts_of(q, k, v, dy)[0]
    return [Term("Pᵀ·dY", p.swapaxes(-1, -2) @ dy, "a value hears from everyone who looked at it, as much as they looked.")]


SCALE = "scale = 1 / math.sqrt(q.shape[-1])"
ROWS = "for rows in tiles(q.shape[-2], tile):\n        scaled = q[..., rows, :] * scale  # (..., n, d)\n"
COLUMNS = "for columns in tiles(k.shape[-2], tile):\n            scores"
BEGIN = (
    "largest = np.full_like(scaled[..., :1], -math.inf)  # (..., n, 1)\n"
    "        total, mixed = np.zeros_like(largest), np.zeros_like(scaled)  # (..., n, 1), (..., n, d)\n"
)
SCORES = "scores = scaled @ k[..., columns, :].swapaxes(-1, -2)"
ABSORBED = "largest, total, mixed = absorb(largest, total, mixed, scores, v[..., columns, :])"
Y = "y[..., rows, :] = mixed / total"
WALK = f"{BEGIN}        {COLUMNS[:-6]}{SCORES}  # (..., n, t)\n            {ABSORBED}\n        {Y}"
KEEP = "level[..., rows, :] = largest + np.log(total)"
MADE = "dq, dk, dv = np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)"
D = "row_sums = (dy * y).sum(axis=-1, keepdims=True)"
BLOCKS = "scaled, dy_rows = q[..., rows, :] * scale, dy[..., rows, :]"
AGAIN = "for columns in tiles(k.shape[-2], tile):\n                keys"
P = "p = np.exp(scaled @ keys.swapaxes(-1, -2) - level[..., rows, :])"
DV = "dv[..., columns, :] += p.swapaxes(-1, -2) @ dy_rows"
DP = "dp = dy_rows @ values.swapaxes(-1, -2)"
DS = "ds = p * (dp - row_sums[..., rows, :])"
DQ = "dq[..., rows, :] += ds @ keys * scale"
DK = "dk[..., columns, :] += ds.swapaxes(-1, -2) @ scaled"
RETURN = "return dq, dk, dv"


def _with_the_table(q, k, v, tile=None):
    """Lesson 11's."""
    return mine.attention(q, k, v)


def with_d(row_sums):
    """What stands in the place of D's line when D is something else."""
    return f"row_sums = {row_sums}.sum(axis=-1, keepdims=True)"


MISTAKES = [
    # forward
    Mistake("The scores are not divided by √d: what lesson 11 said of the scale holds for every tile.", SCALE, "scale = 1.0"),
    Mistake(
        "The scale stands once too often in the scores, and 1/√d twice is 1/d: queries that were divided by √d carry it "
        "into every product.",
        SCORES,
        "scores = scaled @ k[..., columns, :].swapaxes(-1, -2) * scale",
    ),
    Mistake("The scores are multiplied by √d instead of divided.", SCALE, "scale = math.sqrt(q.shape[-1])"),
    Mistake(
        "The root is that of the number of tokens. It belongs to d, the length of a query.",
        SCALE,
        "scale = 1 / math.sqrt(q.shape[-2])",
    ),
    Mistake(
        "The root is that of the tile's size. It belongs to d, the length of a query, whatever the tiles are.",
        SCALE,
        "scale = 1 / math.sqrt(min(tile, q.shape[-2]))",
    ),
    Mistake(
        "The division by the total is missing: what was mixed is a sum, and its weights do not add up to 1 yet.",
        Y,
        "y[..., rows, :] = mixed",
    ),
    Mistake(
        "What is divided by is the number of keys. The weights add up to the total.",
        Y,
        "y[..., rows, :] = mixed / k.shape[-2]",
    ),
    Mistake(
        "Each tile's own average is taken, and these are averaged. A tile with large scores must count for more: keep "
        "sums, and divide once, "
        "at the end.",
        WALK,
        "parts = []\n"
        "        for columns in tiles(k.shape[-2], tile):\n"
        "            p, _ = mine.softmax(scaled @ k[..., columns, :].swapaxes(-1, -2))\n"
        "            parts.append(p @ v[..., columns, :])\n"
        "        largest, total = 0 * scaled[..., :1], 1 + 0 * scaled[..., :1]\n"
        "        y[..., rows, :] = sum(parts) / len(parts)",
    ),
    Mistake(
        "Each tile's own average is added. Their weights then add up to the number of tiles: keep the sums of all tiles, "
        "and divide once, at "
        "the end.",
        WALK,
        "largest, total = 0 * scaled[..., :1], 1 + 0 * scaled[..., :1]\n"
        "        y[..., rows, :] = 0\n"
        "        for columns in tiles(k.shape[-2], tile):\n"
        "            p, _ = mine.softmax(scaled @ k[..., columns, :].swapaxes(-1, -2))\n"
        "            y[..., rows, :] += p @ v[..., columns, :]",
    ),
    Mistake(
        "Only the last tile of each row is in y: every tile begins from nothing. Begin once for a block of queries.",
        ABSORBED,
        "largest, total, mixed = absorb(\n"
        "                np.full_like(largest, -math.inf), np.zeros_like(total), np.zeros_like(mixed), scores, v[..., "
        "columns, :]\n"
        "            )",
    ),
    Mistake(
        "The blocks of keys are counted as those of the queries. There may be more keys than queries, or fewer: cut what k has.",
        f"{COLUMNS} = scaled",
        "for columns in tiles(q.shape[-2], tile):\n            scores = scaled",
    ),
    Mistake(
        "Only tiles on the diagonal are computed: each block of queries meets its own block of keys. It has to meet all of them.",
        f"{COLUMNS} = scaled",
        "for columns in [rows]:\n            scores = scaled",
    ),
    Mistake(
        "The last keys are left out: where the tiles do not fit, the last block is smaller, and belongs to it all the same.",
        f"{COLUMNS} = scaled",
        "for columns in tiles(max(1, k.shape[-2] // tile) * tile, tile):\n            scores = scaled",
    ),
    Mistake(
        "Only keys up to the query's own block are looked at, as in a language model. An image has no order: every query "
        "looks at all.",
        f"{COLUMNS} = scaled",
        "for columns in tiles(min(rows.stop, k.shape[-2]), tile):\n            scores = scaled",
    ),
    Mistake(
        "The values are those of the first tile every time. Each tile of keys goes with the values of the same tokens.",
        ABSORBED,
        "largest, total, mixed = absorb(largest, total, mixed, scores, v[..., : scores.shape[-1], :])",
    ),
    Mistake(
        "What is averaged are the keys. Keys are there to be found; what is handed over are the values.",
        ABSORBED,
        "largest, total, mixed = absorb(largest, total, mixed, scores, k[..., columns, :])",
    ),
    Mistake(
        "The accumulator is not rescaled when a larger score comes. It was measured from the old maximum, as the total was.",
        ABSORBED,
        "before = mixed\n"
        "            largest, total, mixed = absorb(largest, total, 0 * mixed, scores, v[..., columns, :])\n"
        "            mixed = before + mixed",
    ),
    Mistake(
        "The total is not rescaled when a larger score comes. It was measured from the old maximum, as what was mixed.",
        ABSORBED,
        "before = total\n"
        "            largest, total, mixed = absorb(largest, 0 * total, mixed, scores, v[..., columns, :])\n"
        "            total = before + total",
    ),
    Mistake(
        "",
        BEGIN,
        "largest = np.zeros_like(scaled[..., :1])\n        total, mixed = 0 * largest, np.zeros_like(scaled)\n",
        step="finite",
    ),
    Mistake(
        "",
        ABSORBED,
        "e = np.exp(scores)\n"
        "            largest, total = 0 * largest, total + e.sum(axis=-1, keepdims=True)\n"
        "            mixed = mixed + e @ v[..., columns, :]",
        step="finite",
    ),
    Mistake("", "y, level = np.empty_like(q)", "y, level = np.empty(q.shape)", step="dtype"),
    Mistake("", SCORES, "scores = scaled @ k[..., columns, :]", step="run"),
    Mistake("", "    y, level = np", "    table = np.exp(q @ k.swapaxes(-1, -2))\n    y, level = np", step="memory"),
    Mistake("", function=_with_the_table, step="memory"),
    # backward: P made again
    Mistake(
        "P is made again without L: these are the powers of the scores, not the weights. L brings both, the maximum and "
        "the total.",
        P,
        "p = np.exp(scaled @ keys.swapaxes(-1, -2))",
    ),
    Mistake(
        "In backward the weights of a row add up to its total, not to 1: L is the largest score plus the logarithm of the total.",
        KEEP,
        "level[..., rows, :] = largest",
    ),
    Mistake(
        "In L the largest score is missing: the total was measured from it.",
        KEEP,
        "level[..., rows, :] = np.log(total)",
    ),
    Mistake(
        "In L stands the total where its logarithm belongs: to subtract it in the exponent is to divide by its power.",
        KEEP,
        "level[..., rows, :] = largest + total",
    ),
    Mistake(
        "In L the logarithm is subtracted. The power of L is the sum of all powers: the largest score plus the logarithm "
        "of the total.",
        KEEP,
        "level[..., rows, :] = largest - np.log(total)",
    ),
    Mistake(
        "The scale is missing where the scores are made again: they must be those of the forward, √d and all.",
        P,
        "p = np.exp(q[..., rows, :] @ keys.swapaxes(-1, -2) - level[..., rows, :])",
    ),
    Mistake(
        "The scale stands once too often where the scores are made again: the queries have it already.",
        P,
        "p = np.exp(scaled @ keys.swapaxes(-1, -2) * scale - level[..., rows, :])",
    ),
    Mistake(
        "Each tile got a softmax of its own: its weights add up to 1. It is the whole row that adds up to 1, which is what "
        "L is kept for.",
        P,
        "p, _ = mine.softmax(scaled @ keys.swapaxes(-1, -2))",
    ),
    Mistake(
        "P is made again below the tile's own maximum, and is not divided by anything. L has the maximum and the total of the "
        "whole row.",
        P,
        "s = scaled @ keys.swapaxes(-1, -2)\n                p = np.exp(s - s.max(axis=-1, keepdims=True))",
    ),
    Mistake(
        "The sums do not begin at 0: what each tile adds to must hold nothing at first.",
        MADE,
        "dq, dk, dv = np.ones_like(q), np.ones_like(k), np.ones_like(v)",
    ),
    # backward: D
    Mistake(
        "D is missing from dS: the weights of a row add up to 1, so if one gets more, all others get less.",
        DS,
        "ds = p * dp",
    ),
    Mistake(
        "D is that of the tile alone, the sum of P · dP over the keys at hand. It belongs to the whole row: the row sum of "
        "dY · Y has all of "
        "it.",
        DS,
        "ds = p * (dp - (p * dp).sum(axis=-1, keepdims=True))",
    ),
    Mistake(
        "D is added. It is taken off: a score goes up if its token was better than the row's average.",
        DS,
        "ds = p * (dp + row_sums[..., rows, :])",
    ),
    Mistake(
        "D is taken off after the product with P. It belongs into the bracket, with dP: P · (dP − D).",
        DS,
        "ds = p * dp - row_sums[..., rows, :]",
    ),
    Mistake("P is left out of dS: a score moves little where its weight is small.", DS, "ds = dp - row_sums[..., rows, :]"),
    Mistake(
        "Only the diagonal of the softmax's slopes is used, p(1 − p). A score also moves the other weights of its row.",
        DS,
        "ds = p * (1 - p) * dp",
    ),
    Mistake("The softmax was passed by: dS is not dP.", DS, "ds = dp"),
    Mistake("D is made from the wrong product: dY times dY. It is dY times Y, what came out of the row.", D, with_d("(dy * dy)")),
    Mistake(
        "D is made from the wrong product: Y times Y. It is dY times Y: without dY it knows nothing of the loss.",
        D,
        with_d("(y * y)"),
    ),
    Mistake("D is made from the wrong product: dY times Q. It is dY times Y, what came out of the row.", D, with_d("(dy * q)")),
    Mistake(
        "D is made from the wrong product: dY times V. V is what goes into the row; D is dY times Y, what came out of it.",
        D,
        with_d("(dy * v[..., : q.shape[-2], :])"),
    ),
    Mistake("D is the row sum of dY alone. It is that of dY times Y, number by number.", D, with_d("dy")),
    Mistake("D is the row sum of Y alone. It is that of dY times Y, number by number.", D, with_d("y")),
    Mistake("D is a mean. The sum over c in dY · Y is a sum.", D, "row_sums = (dy * y).mean(axis=-1, keepdims=True)"),
    Mistake(
        "D has the scale in it. dS is the gradient at the scores; the scale comes after it, in dQ and dK.",
        D,
        "row_sums = (dy * y).sum(axis=-1, keepdims=True) * scale",
    ),
    Mistake(
        "D is summed down the columns, over the queries. Each query has a D of its own.",
        D,
        "row_sums = (dy * y).sum(axis=-2, keepdims=True).mean(axis=-1, keepdims=True) + 0 * y[..., :1]",
    ),
    Mistake(
        "D is one number for everything. Each query has a D of its own: the sum runs along the last axis only.",
        D,
        "row_sums = (dy * y).sum() + 0 * y[..., :1]",
    ),
    Mistake(
        "Every block of queries uses the D of the first ones. Cut it as you cut dY.",
        DS,
        "ds = p * (dp - row_sums[..., : p.shape[-2], :])",
    ),
    # backward: the sums over tiles
    Mistake("dQ has only the last tile of each row: every tile adds to it, with +=.", DQ, "dq[..., rows, :] = ds @ keys * scale"),
    Mistake(
        "dK has only the last tile of each column: every block of queries adds to it, with +=.",
        DK,
        "dk[..., columns, :] = ds.swapaxes(-1, -2) @ scaled",
    ),
    Mistake(
        "dV has only the last tile of each column: every block of queries adds to it, with +=.",
        DV,
        "dv[..., columns, :] = p.swapaxes(-1, -2) @ dy_rows",
    ),
    Mistake(
        "dK and dV have only the last tile of each column: every block of queries adds to them, with +=.",
        f"{DV}\n"
        f"                {DP}  # (..., n, t)\n                {DS}  # (..., n, t)\n                {DQ}\n                {DK}",
        f"dv[..., columns, :] = p.swapaxes(-1, -2) @ dy_rows\n                {DP}\n                {DS}\n                {DQ}\n"
        "                dk[..., columns, :] = ds.swapaxes(-1, -2) @ scaled",
    ),
    Mistake(
        "Only tiles on the diagonal are gone back through. Every block of queries met every block of keys.",
        AGAIN,
        "for columns in [rows]:\n                keys",
    ),
    Mistake(
        "The last keys get no gradient: where the tiles do not fit, the last block is smaller, and belongs to it all the same.",
        AGAIN,
        "for columns in tiles(max(1, k.shape[-2] // tile) * tile, tile):\n                keys",
    ),
    Mistake(
        "The values are left out of dP: how much a weight matters depends on the value it brings.",
        DP,
        "dp = dy_rows.sum(axis=-1, keepdims=True) + 0 * p",
    ),
    Mistake("dP is made with the keys. A weight brings a value.", DP, "dp = dy_rows @ keys.swapaxes(-1, -2)"),
    Mistake(
        "P is left out of dV: a value hears from each token in proportion to its weight.",
        DV,
        "dv[..., columns, :] += dy_rows.sum(axis=-2, keepdims=True)",
    ),
    Mistake(
        "dV is made with Y. What comes from above is dY.",
        DV,
        "dv[..., columns, :] += p.swapaxes(-1, -2) @ y[..., rows, :]",
    ),
    Mistake(
        "dV is made with dS. What multiplies the values in the forward is P.",
        f"{DV}\n                {DP}  # (..., n, t)\n                {DS}",
        f"{DP}\n                {DS}\n                dv[..., columns, :] += ds.swapaxes(-1, -2) @ dy_rows",
    ),
    # backward: the scale
    Mistake(
        "In dK the factor 1/√d stands once too often: the queries had it already when dS met them.",
        DK,
        "dk[..., columns, :] += ds.swapaxes(-1, -2) @ scaled * scale",
    ),
    Mistake(
        "In dK the factor 1/√d is missing: the forward had it, so it comes back.",
        DK,
        "dk[..., columns, :] += ds.swapaxes(-1, -2) @ q[..., rows, :]",
    ),
    Mistake(
        "In dQ the factor 1/√d is missing: keys were never divided, so it has to be brought in.",
        DQ,
        "dq[..., rows, :] += ds @ keys",
    ),
    Mistake("In dQ the factor 1/√d stands once too often.", DQ, "dq[..., rows, :] += ds @ keys * scale * scale"),
    Mistake("dQ is multiplied by √d where the forward divides.", DQ, "dq[..., rows, :] += ds @ keys / scale"),
    Mistake(
        "In dV there is a factor 1/√d. The scale belongs to the scores, and dV does not pass through them.",
        DV,
        "dv[..., columns, :] += p.swapaxes(-1, -2) @ dy_rows * scale",
    ),
    Mistake("dQ is made with the values. The slope of q·k by q is k.", DQ, "dq[..., rows, :] += ds @ values * scale"),
    Mistake(
        "dK is made with dY. The slope of q·k by k is q.", DK, "dk[..., columns, :] += ds.swapaxes(-1, -2) @ dy_rows * scale"
    ),
    # what a step of the checker says by itself
    Mistake("", MADE, "dq, dk, dv = np.zeros(q.shape), np.zeros(k.shape), np.zeros(v.shape)", step="dtype"),
    Mistake("are the results in the right order?", RETURN, "return dk, dq, dv"),
    Mistake("", RETURN, "return dq, dk", step="count"),
    Mistake("", D, "dy *= 1.0\n        row_sums = (dy * y).sum(axis=-1, keepdims=True)", step="inputs"),
    Mistake("", D, "row_sums = (dy * y).sum(axis=-1)", step="run"),
    Mistake(
        "",
        D,
        "table = q @ k.swapaxes(-1, -2)\n        row_sums = (dy * y).sum(axis=-1, keepdims=True) + 0 * table.min()",
        step="memory",
    ),
]

EXERCISES = [
    Exercise(
        name="absorb",
        check=check_absorb,
        mistakes=ABSORB_MISTAKES,
        hints={
            "": (
                "Four new things, in this order: the new maximum; what to subtract; the factor for what is old; the powers "
                "of what is new.",
                "The maximum is the larger one of the old and of the tile's, row by row, with that axis kept. The factor "
                "is a power of e "
                "again, of the old maximum minus the new one, and both sums shrink by it before the tile's part is added.",
                "np.maximum compares two arrays; np.where chooses 0 where the new maximum is -inf, for the subtraction only. The "
                "tile adds the row sums of its powers to one, and its powers @ values to the other. In the example: 2.25 and 10.",
            )
        },
        read={"": "A maximum that runs along"},
    ),
    Exercise(
        name="flash_attention",
        cases=cases,
        spec=spec,
        gradients=("dq", "dk", "dv"),
        extreme=extreme,
        large=lambda rng: tuple(rng.standard_normal((4, 4, 257, 32)) for _ in range(3)),
        memory=lambda rng, tokens: tuple(rng.standard_normal((1, tokens, 8)) for _ in range(3)),
        terms={"dq": terms_dq, "dk": terms_dk, "dv": terms_dv},
        symbols=lambda q, k, v, tile=None: {"T": q.shape[-2], "d": q.shape[-1]},
        mistakes=MISTAKES,
        hints={
            "forward": (
                "Two loops: blocks of queries outside, blocks of keys inside. What begins anew for each block of queries?",
                "Before the inner loop: -inf, zeros, zeros, in the shapes that absorb wants. In it: one product gives the "
                "tile of scores. "
                "After it: one division gives y, and a logarithm gives L. Both are written into their rows.",
                "np.full_like and np.zeros_like of a piece of q keep its dtype. Scale the queries of the block once. q is "
                "cut by rows; k and "
                "v are cut by columns, both by the same. With tiles of 1 the two tokens of the lesson give 5 and 4.4.",
            ),
            "backward": (
                "The same two loops. What does each tile need, and which of it is a sum over the whole row?",
                "D first, for all queries at once, from two arrays that you have. Then for each tile: P out of scores and "
                "L; dP; dS; and "
                "three sums that go on growing.",
                "Cut q, dy, D and L by rows, k and v by columns. dv and dk grow at their columns, dq at its rows, each "
                "with +=. Count the "
                "scale in each: once. The two tokens of the lesson: D = 5 and 44, dv = 1.25 and 9.75, dk = 7.95 and -7.95.",
            ),
        },
        read={"forward": "Tiles of the whole table", "backward": "Backward: make the tiles again"},
        library="attention",
    ),
]

QUIZ = [
    Question(
        "A row has seen the largest score 2. A tile comes whose largest is 5. What happens to total and mixed?",
        ("Both are multiplied by e³", "Both are multiplied by e⁻³", "Only mixed is multiplied by e⁻³", "Nothing, until the end"),
        1,
        "Both were measured from 2 and are now measured from 5: e^(2 − 5). Forget one, and y is wrong by that factor.",
    ),
    Question(
        "And if the tile's largest is 1?",
        (
            "Both are multiplied by e",
            "Both are multiplied by e⁻¹",
            "Both stay, and the tile's powers are added",
            "The tile is left out",
        ),
        2,
        "The maximum stays 2, and the factor is e^(2 − 2) = 1. The tile's powers are measured from 2 and are e⁻¹ at most.",
    ),
    Question(
        "What does the forward keep for the backward, beside q, k and v?",
        ("P", "y, and one number for each query", "The tiles", "Nothing"),
        1,
        "y gives D, together with dY. The one number, L, makes a weight out of a score.",
    ),
    Question(
        "Why is D not computed in the tile, as the row sum of P · dP?",
        (
            "It would be the sum over this tile's keys, and D is over all keys",
            "It would overflow",
            "It would take too long",
            "P is not known in backward",
        ),
        0,
        "With one tile it would be right, which is why this mistake lives long. The row sum of dY · Y has all keys in it.",
    ),
    Question(
        "From 1,024 to 4,096 tokens. Time and memory of flash attention grow",
        ("4 and 4 times", "16 and 4 times", "16 and 16 times", "4 times and not at all"),
        1,
        "Every query still meets every key: 16 times the products. What is held at a time grows with the tokens.",
    ),
]
