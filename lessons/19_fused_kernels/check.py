"""Lesson 19: fused kernels."""

import functools
import inspect
import math
import re
from dataclasses import dataclass

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong, check_of, solution_with, worst_entry
from lessons.threads import Fault, launch

TITLE = "Fused kernels"
MINUTES = 45
NEEDS = ["05", "08"]
GOALS = [
    "You can count what a function moves and computes, and say by the roofline whether memory or the core holds it up.",
    "You can fuse a chain of steps: in blocks with NumPy, and as a kernel that leaves its numbers in registers.",
    "You can find a thread's numbers from its own, its block's and the grid's, with nothing lost, doubled or out of range.",
    "You can add up a block's numbers in a tree, and say for each barrier what goes wrong without it.",
]
PICTURE = (
    "Three panels. Left, a roofline of one machine on logarithmic axes, operations a second over "
    "operations for each byte: a slope, "
    "a flat top, and a lower dashed top for NumPy's steps in the cache. Two arrows lead from points near the slope, GELU and "
    "LayerNorm in steps, to the right and up, to both in blocks, near the dashed top. Middle, eight "
    "numbers in boxes, added in "
    "pairs in three rounds to 25, with a dotted line, a barrier, in each round. Right, the largest error "
    "of x̂ over the mean of the "
    "row: with the mean taken off first it stays below 0.001; with E[x²] − µ² it climbs past 0.2 at "
    "1,024 and to thousands at 4,096."
)

# GELU in blocks

A = "np.multiply(some, math.sqrt(0.5), out=a)"
ERF = "np.add(erf(a), 1, out=a)"
HALF = "a *= 0.5\n"
SQUARE = "np.multiply(some, some, out=b)"
EXPONENT = "b *= -0.5\n"
BELL = "b *= 1 / math.sqrt(2 * math.pi)"
TIMES_X = "b *= some"
SLOPE = "b += a\n        a *= some"
PARTS = "for part in blocks(flat.size, block):"
WINDOWS = "some, a, b = flat[part], y[part], slope[part]"
GELU_DX = "dx = dy * slope.reshape(x.shape)"


def gelu_cases(rng):
    """Lesson 05's, in small blocks."""
    given = check_of("05").cases(rng)
    return {
        "ordinary": (*given["ordinary"], 4),
        "an extra axis": (rng.standard_normal((2, 1, 3)), 5),
        "one axis": (*given["one axis"], 1),
        "one block for everything": (rng.standard_normal((2, 3)),),
    }


def _whole_gelu(x, block=0):
    """Lesson 05's."""
    return solution_with("05", Mistake(""))["gelu"](x)


GELU_MISTAKES = [
    Mistake(
        "y was finished before the slope had read the gate: both stand in the same memory, and a · x has overwritten the gate.",
        SLOPE,
        "a *= some\n        b += a",
    ),
    Mistake(
        "The last numbers are lost: where blocks do not fit, what is left is a block too, only shorter.",
        PARTS,
        "y[...] = slope[...] = 0\n    for part in blocks(flat.size // block * block if block < flat.size else flat.size, block):",
    ),
    Mistake("Only the first block is done.", PARTS, "y[...] = slope[...] = 0\n    for part in blocks(flat.size, block)[:1]:"),
    Mistake(
        "Every block gets the results of the first: the window into x must move along with the two others.",
        WINDOWS,
        "some, a, b = flat[: part.stop - part.start], y[part], slope[part]",
    ),
    Mistake(
        "x² was made out of scratch paper that holds erf's argument by then: x itself is squared.",
        SQUARE,
        "np.multiply(a, a, out=b)",
    ),
    Mistake("The slope is the bell alone, times x: the gate is missing from it.", SLOPE, "a *= some"),
    Mistake(
        "The slope is the gate alone: b was not added, and x moves the gate too.",
        SLOPE,
        "b[...] = a\n        a *= some",
    ),
    Mistake("In the slope the bell is not multiplied by x.", TIMES_X, "b *= 1"),
    Mistake("The bell lacks its factor 1/√(2π).", BELL, "b *= 1"),
    Mistake("The exponent of the bell is −x² where −x²/2 belongs.", EXPONENT, "b *= -1\n"),
    Mistake("x stands in erf undivided: it needs x/√2.", A, "a[...] = some"),
    Mistake("The gate runs from 0 to 2: its half is missing.", HALF, "a *= 1.0\n"),
    Mistake("The gate is erf itself, from −1 to 1. Add 1, then halve.", ERF, "a[...] = erf(a)"),
    Mistake("y is the gate. GELU is x times its gate.", SLOPE, "b += a"),
    Mistake("dy is ignored: the slope is multiplied by what comes from above.", GELU_DX, "dx = slope.reshape(x.shape).copy()"),
    Mistake("dx is made with y: by the chain rule it is dy times the slope.", GELU_DX, "dx = dy * y.reshape(x.shape)"),
    Mistake("The slope stands twice in dx.", GELU_DX, "dx = dy * slope.reshape(x.shape) ** 2"),
    Mistake("", "y, slope = np.empty_like(flat)", "y, slope = np.empty(flat.size)", step="dtype"),
    Mistake("", A, "some *= math.sqrt(0.5)\n        a[...] = some", step="inputs"),
    Mistake("", GELU_DX, "dy *= slope.reshape(x.shape)\n        dx = dy", step="inputs"),
    Mistake("", PARTS, "for part in [slice(None)]:", step="memory"),
    Mistake("", GELU_DX, "dx = (2 * dy) * (0.5 * slope).reshape(x.shape)", step="memory"),
    Mistake("", function=_whole_gelu, step="memory"),
]

# LayerNorm in blocks

MEAN = "mean[part] = flat[part].mean(axis=-1, keepdims=True)"
OFF = "np.subtract(flat[part], mean[part], out=out)"
VARIANCE = "variance = (out * out).mean(axis=-1, keepdims=True)"
R = "r[part] = 1 / np.sqrt(variance + eps)"
TIMES_R = "out *= r[part]\n"
WEIGHT = "out *= weight\n"
BIAS = "out += bias\n"
ROW_BLOCKS = "for part in blocks(len(flat), rows):\n        out"
AGAIN = "for part in blocks(len(flat), rows):\n            xhat"
XHAT = "xhat = (flat[part] - mean[part]) * r[part]"
DWEIGHT = "dweight += (upstream[part] * xhat).sum(axis=0)"
DBIAS = "dbias += upstream[part].sum(axis=0)"
G = "g = np.multiply(upstream[part], weight, out=dx[part])"
ONES = "along_ones = g.mean(axis=-1, keepdims=True)"
ALONG = "along_xhat = (g * xhat).mean(axis=-1, keepdims=True)"
OFF_ONES = "g -= along_ones\n"
OFF_XHAT = "xhat *= along_xhat\n            g -= xhat\n"
G_R = "g *= r[part]"
RETURN = "return dx.reshape(x.shape), dweight, dbias"


def in_blocks(of_08):
    """A function of lesson 08's check, for arguments that end in the number of rows of a block, and perhaps dy."""

    def wrapped(x, weight, bias, *rest):
        eps_and_dy = [value for value in rest if not isinstance(value, int)]
        return of_08(x, weight, bias, *eps_and_dy)

    return wrapped


def layernorm_cases(rng):
    """Some of lesson 08's, in small blocks."""
    given = check_of("08").cases(rng)
    chosen = {
        "ordinary": (given["one axis fewer"], 2),
        "an extra axis": (given["batch of 1"], 2),
        "a single row, (D,)": (given["a single row, (D,)"], 2),
        "eps = 0.001": (given["eps = 0.001"], 2),
        "a row with an outlier": (given["a row with an outlier"], 1),
    }
    found = {label: (*(*arguments, 1e-6)[:4], rows) for label, (arguments, rows) in chosen.items()}
    return found | {"one block for everything": given["one axis fewer"]}


def layernorm_room(rng):
    given = (rng.standard_normal((400, 40)), 1 + 0.1 * rng.standard_normal(40), rng.standard_normal(40), 1e-6, 10)
    return given, {"forward": 1.5, "backward": 1.5}


def _xhat_kept(x, weight, bias, eps=1e-6, rows=0):
    """Lesson 08's."""
    return solution_with("08", Mistake(""))["layernorm"](x, weight, bias, eps)


ONE_WALK = (
    "The variance is E[x²] − µ². On paper that is right; where the mean is large it is the small "
    "difference of two large numbers, "
    "and its digits are lost. Take the mean off first."
)
LAYERNORM_MISTAKES = [
    Mistake(ONE_WALK, VARIANCE, "variance = (flat[part] * flat[part]).mean(axis=-1, keepdims=True) - mean[part] * mean[part]"),
    Mistake(
        "The last rows are lost: where blocks do not fit, what is left is a block too, only shorter.",
        ROW_BLOCKS,
        "y[...], mean[...], r[...] = 0, 0, 1\n"
        "    for part in blocks(len(flat) // rows * rows if rows < len(flat) else len(flat), rows):\n        out",
    ),
    Mistake(
        "Every block is normalised by one mean and one variance, for all its rows. Each row has two numbers of its own.",
        f"{MEAN}\n        {OFF}\n        {VARIANCE}",
        f"mean[part] = flat[part].mean()\n        {OFF}\n        variance = (out * out).mean()",
    ),
    Mistake("The mean is not taken off: x̂ is x over σ.", OFF, "out[...] = flat[part]"),
    Mistake(
        "The variance is divided by D − 1. LayerNorm takes the plain average of squares.",
        VARIANCE,
        "variance = (out * out).sum(axis=-1, keepdims=True) / (width - 1)",
    ),
    Mistake("ε is left out, or added outside of the root: σ = √(v + ε).", R, "r[part] = 1 / (np.sqrt(variance) + eps)"),
    Mistake("The row is divided by its variance, and not by the root.", R, "r[part] = 1 / (variance + eps)"),
    Mistake("The row is multiplied by σ, where it is divided.", R, "r[part] = np.sqrt(variance + eps)"),
    Mistake(
        "The bias is multiplied by the weight: it comes after.", f"{WEIGHT}        {BIAS}", "out += bias\n        out *= weight\n"
    ),
    Mistake("The weight is missing from y.", WEIGHT, "out *= 1\n"),
    Mistake("The bias is missing from y.", BIAS, "out += 0\n"),
    # backward
    Mistake(
        "dweight has only the last block: all rows share γ, so every block adds to it, with +=.",
        DWEIGHT,
        "dweight = (upstream[part] * xhat).sum(axis=0)",
    ),
    Mistake(
        "dbias has only the last block: all rows share β, so every block adds to it, with +=.",
        DBIAS,
        "dbias = upstream[part].sum(axis=0)",
    ),
    Mistake(
        "dweight and dbias have only the last block: all rows share both, so every block adds to them, with +=.",
        f"{DWEIGHT}\n            {DBIAS}",
        "dweight, dbias = (upstream[part] * xhat).sum(axis=0), upstream[part].sum(axis=0)",
    ),
    Mistake(
        "dweight was made too late: by then x̂ had been multiplied by its mean, in place. Read scratch paper "
        "before you write over it.",
        f"{DWEIGHT}\n            {DBIAS}\n            {G}  # (n, D)\n            {ONES}  # (n, 1)\n"
        f"            {ALONG}  # (n, 1)\n            g -= along_ones\n            xhat *= along_xhat\n",
        f"{DBIAS}\n            {G}\n            {ONES}\n            {ALONG}\n            g -= along_ones\n"
        f"            xhat *= along_xhat\n            {DWEIGHT}\n",
    ),
    Mistake(
        "The mean of g · x̂ was taken after x̂'s memory had been used for something else: read it before you write over it.",
        f"{ALONG}  # (n, 1)\n            {OFF_ONES}            {OFF_XHAT}",
        "g -= along_ones\n            xhat *= g\n            g -= xhat * xhat.mean(axis=-1, keepdims=True)\n",
    ),
    Mistake(
        "x̂ is made again without r: the distances from the mean are not yet divided by σ.", XHAT, "xhat = flat[part] - mean[part]"
    ),
    Mistake("x̂ is made again without the mean: x is not x̂.", XHAT, "xhat = flat[part] * r[part]"),
    Mistake(
        "Every block of backward uses the means of the first rows: cut them as you cut x.",
        XHAT,
        "xhat = (flat[part] - mean[: part.stop - part.start]) * r[part]",
    ),
    Mistake("γ is left out of dx: what reaches x̂ is γ · dy.", G, "g = np.multiply(upstream[part], 1, out=dx[part])"),
    Mistake("The term through the mean is missing from dx.", OFF_ONES, "g -= 0\n"),
    Mistake("The term through the variance is missing from dx.", OFF_XHAT, "g -= 0\n"),
    Mistake("The term through the variance is added. It is taken off.", OFF_XHAT, "xhat *= along_xhat\n            g += xhat\n"),
    Mistake("The factor r is missing from dx: all three terms are divided by σ.", G_R, "g *= 1"),
    Mistake("dx is divided by r, which is one over σ already.", G_R, "g /= r[part]"),
    Mistake(
        "The term through the variance has a sum where a mean belongs.",
        ALONG,
        "along_xhat = (g * xhat).sum(axis=-1, keepdims=True)",
    ),
    Mistake("The term through the mean has a sum where a mean belongs.", ONES, "along_ones = g.sum(axis=-1, keepdims=True)"),
    Mistake(
        "The means in dx run over the whole block. Each row has two of its own.",
        f"{ONES}  # (n, 1)\n            {ALONG}",
        "along_ones = g.mean()\n            along_xhat = (g * xhat).mean()",
    ),
    Mistake("are the results in the right order?", RETURN, "return dx.reshape(x.shape), dbias, dweight"),
    Mistake("", RETURN, "return dx, dweight, dbias", step="shape"),
    Mistake("", "y, mean, r = np.empty_like(flat)", "y, mean, r = np.empty(flat.shape)", step="dtype"),
    Mistake("", ROW_BLOCKS, "for part in [slice(None)]:\n        out", step="memory"),
    Mistake("", AGAIN, "for part in [slice(None)]:\n            xhat", step="memory"),
    Mistake("", function=_xhat_kept, step="memory"),
]

# Kernels: how they are run, and how a wrong one is named


@dataclass(frozen=True)
class Launch:
    """A grid, what the kernel is given, and what it should leave; each number within `limit` of the largest."""

    label: str
    blocks: int
    threads: int
    inputs: tuple
    wanted: dict  # {name: array}
    limit: float = 2e-5

    def run(self, kernel, **how):
        """(what went wrong or None, {name: what it left; nan where nothing was written}, Traffic or None)"""
        given = [np.array(value) if isinstance(value, np.ndarray) else value for value in self.inputs]
        for value in given:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        left = {name: np.full(array.shape, np.nan, np.float32) for name, array in self.wanted.items()}
        try:
            return None, left, launch(kernel, self.blocks, self.threads, (*given, *left.values()), self.threads, **how)
        except Fault as fault:
            return fault, left, None
        except TypeError as error:
            if "generator" not in str(error):
                raise
            return Fault("generator", ""), left, None


FAULTS = {
    "bounds": "An index lies outside of its array. On a GPU nothing stops that thread: it reads or destroys what lies there.",
    "index": "An index is not one whole number.",
    "input": "An input is written to. Others still read it, in an order that nobody knows.",
    "value": "What is written into an array must be one number.",
    "double": "A float64 has crept in: on a GPU that is a double, 32 or 64 times slower on most. What is "
    "plain stays plain: 0.0, math.sqrt.",
    "empty": "Shared memory is read where nobody has written: it begins with whatever the last block left.",
    "race": "A race: two threads use the same number, and nothing says who comes first.",
    "barrier": "Not all threads of the block come to the same barrier: those that wait there wait for ever.",
    "none": "There is no barrier in it: a thread runs through to the end before another has begun, and "
    "what it reads is not there yet.",
    "generator": "block_sum waits inside, so it is called with yield from: otherwise you get the generator, and no sum.",
}
UNWRITTEN = "Some numbers were never written."
VALUES = "The numbers are not right, though every one was written, once."


def _evidence(run, launches):
    """All that can be seen of a kernel: for each launch what is said of it, and what it leaves, threads "
    "forwards and backwards."""
    found = []
    for case in launches:
        fault, _, _ = case.run(run)
        told = fault and (fault.kind, re.sub(r"line \d+", "line", str(fault)))
        found.append((told, *(list(case.run(run, careful=False, backwards=way)[1].values()) for way in (False, True))))
    return found


def _alike(a, b):
    """The same evidence."""
    return all(
        one[0] == other[0]
        and all(
            np.allclose(x, y, rtol=1e-4, atol=1e-5, equal_nan=True)
            for ways in (1, 2)
            for x, y in zip(one[ways], other[ways], strict=True)
        )
        for one, other in zip(a, b, strict=True)
    )


@functools.cache
def _of_mistakes(name):
    """[(sentence, evidence)] of the listed mistakes of an exercise, for the launches of one seed."""
    exercise, found = next(exercise for exercise in EXERCISES if exercise.name == name), []
    for mistake in exercise.mistakes:
        if mistake.says:
            try:
                with np.errstate(all="ignore"):
                    run = RUN[name](solution_with("19", mistake)[name])
                    found.append((mistake.says, _evidence(run, LAUNCHES[name](np.random.default_rng(0)))))
            except Exception:  # a mistake may not even run
                continue
    return found


def _named(name, run, otherwise):
    """The sentence of the listed mistake of which all is the same as of this kernel, or `otherwise`."""
    try:
        own = _evidence(run, LAUNCHES[name](np.random.default_rng(0)))
    except Exception:
        return otherwise
    return next((says for says, evidence in _of_mistakes(name) if _alike(evidence, own)), otherwise)


def _checked(name, run, rng):
    """Yields (launch, traffic) for each launch that is right; raises Wrong for the first that is not."""
    for case in LAUNCHES[name](rng):
        for backwards in (False, True):
            fault, left, traffic = case.run(run, backwards=backwards)
            where = f"{case.label}: {_counted(case.blocks, 'block')} of {_counted(case.threads, 'thread')}" + (
                ", the last thread first" if backwards else ""
            )
            if fault:
                raise Wrong("\n".join(line for line in (_named(name, run, FAULTS[fault.kind]), where, str(fault)) if line))
            for what, wanted in case.wanted.items():
                found = left[what].reshape(-1)
                missing = np.flatnonzero(np.isnan(found))
                if len(missing) and not _nan_was_written(case, run, what, missing[0]):
                    told = f"{what}[{missing[0]}]" + (f" and {len(missing) - 1} others of it" if len(missing) > 1 else "")
                    raise Wrong(f"{_named(name, run, UNWRITTEN)}\n{where}\n{told}: nobody wrote there")
                close = np.abs(found - wanted.reshape(-1)) <= case.limit * np.abs(wanted).max()
                if not close.all():
                    says = ONE_WALK if case.label == FAR else VALUES
                    told = worst_entry(what, found.astype(np.float64), wanted.reshape(-1).astype(np.float64), "wanted")
                    raise Wrong("\n".join((_named(name, run, says), where, *told)))
        yield case, traffic


def _counted(number, what):
    return f"{number} {what}" + "s" * (number != 1)


def _nan_was_written(case, run, what, place):
    """A nan that stands there because it was computed: then nothing is left of a number that stood there before."""
    left = {name: np.zeros(array.shape, np.float32) for name, array in case.wanted.items()}
    given = [np.array(value) if isinstance(value, np.ndarray) else value for value in case.inputs]
    launch(run, case.blocks, case.threads, (*given, *left.values()), case.threads)
    return np.isnan(left[what].reshape(-1)[place])


# The GELU kernel

LOOP = "for i in range(me.block * me.threads + me.thread, len(x), me.blocks * me.threads):"
DO = "y[i], slope[i] = gelu_of(x[i])"


def gelu_launches(rng):
    def case(label, blocks, threads, size):
        x = rng.standard_normal(size).astype(np.float32)
        gate, density = (np.array([f(float(v)) for v in x]) for f in (_gate, _density))
        return Launch(label, blocks, threads, (x,), {"y": x * gate, "slope": gate + x * density})

    return [
        case("11 numbers", 2, 4, 11),
        case("12 numbers", 3, 4, 12),
        case("more threads than numbers", 2, 8, 5),
        case("a number for each thread", 2, 4, 8),
        case("many rounds", 2, 2, 19),
        case("one block", 1, 4, 7),
        case("more blocks than threads", 5, 2, 23),
    ]


def _gate(number):
    return 0.5 * (1 + math.erf(number / math.sqrt(2)))


def _density(number):
    return math.exp(-0.5 * number * number) / math.sqrt(2 * math.pi)


def check_gelu_kernel(kernel, namespace, rng):
    for case, _ in _checked("gelu_kernel", kernel, rng):
        yield f"{case.label}: each read and written once, in any order of the threads"


def loop(start="me.block * me.threads + me.thread", stop="len(x)", step="me.blocks * me.threads"):
    """The line of the loop over a thread's numbers, with a part of it exchanged."""
    return f"for i in range({start}, {stop}, {step}):"


GELU_KERNEL_MISTAKES = [
    Mistake(
        "Nothing stops at the end: every thread does as many rounds as the first. In the last round some have nothing to do.",
        LOOP,
        loop(stop="-(-len(x) // (me.blocks * me.threads)) * me.blocks * me.threads"),
    ),
    Mistake("One number too far: the last of n numbers has the index n − 1.", LOOP, loop(stop="len(x) + 1")),
    Mistake("The last number is lost: the end of a range is not part of it.", LOOP, loop(stop="len(x) - 1")),
    Mistake(
        "The remainder is lost: where the numbers do not fill a whole round of the grid, what is left must be done as well.",
        LOOP,
        loop(stop="len(x) // (me.blocks * me.threads) * (me.blocks * me.threads)"),
    ),
    Mistake(
        "The block is forgotten: threads of the same number in all blocks do the same work, and the rest is done by nobody.",
        LOOP,
        loop(start="me.thread"),
    ),
    Mistake(
        "Every block does everything: the block is missing from where a thread begins, and the other blocks from its stride.",
        LOOP,
        loop(start="me.thread", step="me.threads"),
    ),
    Mistake(
        "The stride is one block. As far ahead as that lies another block's number: go on by all threads of the grid.",
        LOOP,
        loop(step="me.threads"),
    ),
    Mistake("The stride is the number of blocks. Go on by all threads of the grid.", LOOP, loop(step="me.blocks")),
    Mistake("The stride is missing: each thread does all that lies behind its first number.", LOOP, loop(step="1")),
    Mistake(
        "Each thread does one number only. Where there are more numbers than threads, it has to go on.",
        LOOP,
        loop(stop="min(len(x), me.block * me.threads + me.thread + 1)"),
    ),
    Mistake(
        "The block is added, and not multiplied by the threads of a block: neighbouring blocks overlap.",
        LOOP,
        loop(start="me.block + me.thread"),
    ),
    Mistake(
        "The block is multiplied by the number of blocks. In front of it stand as many threads as a block has, for each.",
        LOOP,
        loop(start="me.block * me.blocks + me.thread"),
    ),
    Mistake(
        "Thread and block are exchanged: the thread is multiplied where the block should be.",
        LOOP,
        loop(start="me.thread * me.threads + me.block"),
    ),
    Mistake("Counting begins at 0: number 0 is left out.", LOOP, loop(start="me.block * me.threads + me.thread + 1")),
    Mistake("y and the slope are exchanged: gelu_of gives y first.", DO, "slope[i], y[i] = gelu_of(x[i])"),
    Mistake("The slope is written into y as well: each has an array of its own.", DO, "slope[i] = y[i] = gelu_of(x[i])[1]"),
    Mistake("The slope was not written.", DO, "y[i] = gelu_of(x[i])[0]"),
    Mistake(FAULTS["input"], DO, "x[i], slope[i] = gelu_of(x[i])"),
    Mistake(FAULTS["double"], DO, "y[i], slope[i] = gelu_of(np.float64(x[i]))"),
    Mistake(FAULTS["value"], DO, "y[i] = slope[i] = gelu_of(x[i])"),
    Mistake(FAULTS["index"], DO, "y[i / 1], slope[i] = gelu_of(x[i])"),
]

# The sum of a block

WRITE = "me.shared[me.thread] = value\n    yield\n"
START = "half = me.threads // 2\n"
IF = "if me.thread < half:\n"
ADD = "me.shared[me.thread] += me.shared[me.thread + half]\n        yield\n"
GO_ON = "while half > 0:\n"
SUM = "total = me.shared[0]\n    yield\n"
TREE = f"{START}    {GO_ON}        {IF}            {ADD}        half //= 2\n"


def sum_launches(rng):
    def case(label, blocks, threads):
        values = rng.integers(1, 10, (blocks, threads)).astype(np.float32)
        sums = np.repeat(values.sum(axis=1), threads)
        return Launch(label, blocks, threads, (values.reshape(-1),), {"sums": sums, "doubles": 2 * sums}, 0)

    return [
        case("eight numbers", 1, 8),
        case("several blocks", 3, 4),
        case("two numbers", 3, 2),
        case("one number", 2, 1),
        case("32 numbers", 1, 32),
    ]


def two_sums(block_sum):
    """A kernel that needs two sums, one right after the other."""

    def kernel(me, values, sums, doubles):
        i = me.block * me.threads + me.thread
        found = []
        for times in (1, 2):
            body = block_sum(me, times * values[i])
            if not inspect.isgenerator(body):
                raise Fault("none", "")
            found.append((yield from body))
        sums[i], doubles[i] = found

    return kernel


ALONE = (
    "The sum is right, but a thread adds up everything alone, while all others wait. In a tree they add in pairs, all at once."
)


def check_block_sum(block_sum, namespace, rng):
    for case, traffic in _checked("block_sum", two_sums(block_sum), rng):
        rounds = round(math.log2(case.threads))
        if traffic.busiest > 2 * (3 * rounds + 4):
            raise Wrong(ALONE + f"\n{case.label}: the busiest thread reads {traffic.busiest // 2}, a tree {2 * rounds + 1}")
        yield f"{case.label}: two sums one after the other, in any order of the threads"


TOO_MANY = "Too many threads add: with half = 4 those are the threads 0 to 3. From half on, place thread + half is not there."
LAST_PAIR = "The last pair is not added: with half = 1, thread 0 still has something to do."
SUM_MISTAKES = [
    Mistake(
        "A barrier is missing after the parts are written: the first round reads what others may not have written yet.",
        WRITE,
        "me.shared[me.thread] = value\n",
    ),
    Mistake(
        "A barrier is missing in the rounds: the next round reads what this one may not have added yet.",
        ADD,
        "me.shared[me.thread] += me.shared[me.thread + half]\n",
    ),
    Mistake(
        "A barrier is missing after the sum is read: the next sum is written over it while a slower thread still reads.",
        SUM,
        "total = me.shared[0]\n",
    ),
    Mistake(
        "The barrier stands inside the branch: threads that have nothing to add never come to it, and the others wait for ever.",
        ADD,
        "me.shared[me.thread] += me.shared[me.thread + half]\n            yield\n",
    ),
    Mistake(LAST_PAIR, GO_ON, "while half > 1:\n"),
    Mistake(
        "The first round is missing: it begins with half of the threads, and the upper half of the numbers is never added.",
        START,
        "half = me.threads // 4\n",
    ),
    Mistake("The first round begins too far out: half of the threads add the other half.", START, "half = me.threads\n"),
    Mistake(
        TOO_MANY,
        f"        {IF}            {ADD}",
        "        me.shared[me.thread] += me.shared[me.thread + half]\n        yield\n",
    ),
    Mistake(TOO_MANY, IF, "if me.thread <= half:\n"),
    Mistake(LAST_PAIR, IF, "if me.thread < half - 1:\n"),
    Mistake(
        "Neighbours are added while half shrinks as if it were the distance: the place to add lies half away.",
        ADD,
        "me.shared[me.thread] += me.shared[me.thread + 1]\n        yield\n",
    ),
    Mistake(
        "The other number replaces mine: the two are added.",
        ADD,
        "me.shared[me.thread] = me.shared[me.thread + half]\n        yield\n",
    ),
    Mistake(
        "Each thread takes what stands at its own place. The sum of all is at place 0.",
        SUM,
        "total = me.shared[me.thread]\n    yield\n",
    ),
    Mistake(
        "Only thread 0 gets the sum. All of them need it, to go on with the mean.",
        SUM,
        "total = me.shared[0] if me.thread == 0 else 0.0\n    yield\n",
    ),
    Mistake("Nothing was added up: each thread gets its own value back.", SUM, "total = value\n    yield\n"),
    Mistake(
        "Every thread writes to place 0: each needs a place of its own.",
        WRITE,
        "me.shared[0] = value\n    yield\n",
    ),
    Mistake(
        "The place in shared memory is counted over the whole grid. Each block has a shared memory of its own, from 0 on.",
        WRITE,
        "me.shared[me.block * me.threads + me.thread] = value\n    yield\n",
    ),
    Mistake(
        "The part was added to what is there. Nothing is there yet: shared memory begins as garbage.",
        WRITE,
        "me.shared[me.thread] += value\n    yield\n",
    ),
    Mistake(
        "half shrinks by 1 in each round. It is halved, or numbers are added twice.",
        "        half //= 2\n",
        "        half -= 1\n",
    ),
    Mistake(ALONE, TREE + "    " + SUM, "total = sum(me.shared[place] for place in range(me.threads))\n    yield\n"),
    Mistake(
        ALONE,
        TREE,
        "if me.thread == 0:\n        for place in range(1, me.threads):\n"
        "            me.shared[0] += me.shared[place]\n    yield\n",
    ),
    Mistake(
        FAULTS["none"],
        f"{WRITE}    {TREE}    {SUM}",
        "me.shared[me.thread] = value\n    total = me.shared[0]\n",
    ),
    Mistake(FAULTS["barrier"], SUM, "total = me.shared[0]\n    yield total\n"),
    Mistake(FAULTS["double"], WRITE, "me.shared[me.thread] = np.float64(value)\n    yield\n"),
]

# The LayerNorm kernel

FAR = "a mean of 4,096 and a spread of 1"
WIDTH = "width, start = len(weight), me.block * len(weight)"
SUM_X = "for i in range(me.thread, width, me.threads):\n        total += x[start + i]"
CENTER = "center = (yield from block_sum(me, total)) / width"
FOR_SQUARES = "for i in range(me.thread, width, me.threads):\n        squares"
SQUARES = "squares += (x[start + i] - center) * (x[start + i] - center)"
SCALE = "scale = 1 / math.sqrt((yield from block_sum(me, squares)) / width + eps)"
FOR_Y = "for i in range(me.thread, width, me.threads):\n        y[start + i]"
Y = "y[start + i] = (x[start + i] - center) * scale * weight[i] + bias[i]"
ONCE = "if me.thread == 0:\n        mean[me.block], r[me.block] = center, scale"


def layernorm_launches(rng):
    def case(label, rows, width, threads, center=0.0, spread=1.0, eps=1e-6, limit=2e-5):
        x = (center + spread * rng.uniform(0.5, 2, (rows, 1)) * rng.standard_normal((rows, width))).astype(np.float32)
        weight, bias = ((rng.uniform(0.5, 2, width)).astype(np.float32) for _ in range(2))
        exact = x.astype(np.float64)
        mean = exact.mean(axis=1, keepdims=True)
        r = 1 / np.sqrt(((exact - mean) ** 2).mean(axis=1, keepdims=True) + eps)
        wanted = {"y": (exact - mean) * r * weight + bias, "mean": mean[:, 0], "r": r[:, 0]}
        return Launch(label, rows, threads, (x, weight, bias, eps), wanted, limit)

    return [
        case("rows of 11 numbers", 3, 11, 4),
        case("more threads than numbers", 2, 5, 8),
        case("a number for each thread", 2, 8, 8),
        case("a single row", 1, 6, 2),
        case("more rows than threads", 5, 6, 2),
        case("a small spread, and a large eps", 2, 7, 4, spread=0.1, eps=0.01),
        case(FAR, 2, 16, 4, center=4096, limit=4e-3),
    ]


def check_layernorm_kernel(kernel, namespace, rng):
    for case, traffic in _checked("layernorm_kernel", kernel, rng):
        size = case.inputs[0].size
        if traffic.reads > 8 * size and case.threads <= len(case.inputs[1]):
            raise Wrong(f"{ALL_ALONE}\n{case.label}: {traffic.reads} numbers are read, where {6 * size} are enough")
        yield f"{case.label}: y, mean and r, in any order of the threads"


ALL_ALONE = "The numbers are right, but each thread walks over the whole row by itself. Share it: my columns, and a block_sum."


def columns(line, start="me.thread", stop="width", step="me.threads"):
    """A loop over a thread's columns, with a part of it exchanged."""
    return line.replace("range(me.thread, width, me.threads)", f"range({start}, {stop}, {step})")


ROUNDED_UP, ROUNDED_DOWN = "-(-width // me.threads) * me.threads", "width // me.threads * me.threads"
LAYERNORM_KERNEL_MISTAKES = [
    Mistake(
        ONE_WALK,
        f"{SQUARES}\n    {SCALE}",
        "squares += x[start + i] * x[start + i]\n"
        "    scale = 1 / math.sqrt(max(0.0, (yield from block_sum(me, squares)) / width - center * center) + eps)",
    ),
    Mistake("The block is forgotten: every block takes the first row.", WIDTH, "width, start = len(weight), 0"),
    Mistake(
        "A row begins where the threads of the blocks before it end. It begins after as many numbers as the rows before it have.",
        WIDTH,
        "width, start = len(weight), me.block * me.threads",
    ),
    Mistake(
        "In the sum nothing stops at the end of the row: some threads read on into the next one.",
        SUM_X,
        columns(SUM_X, stop=ROUNDED_UP),
    ),
    Mistake(
        "In the squares nothing stops at the end of the row: some threads read on into the next one.",
        FOR_SQUARES,
        columns(FOR_SQUARES, stop=ROUNDED_UP),
    ),
    Mistake(
        "In y nothing stops at the end of the row: some threads write on into the next one.",
        FOR_Y,
        columns(FOR_Y, stop=ROUNDED_UP),
    ),
    Mistake(
        "The sum has lost the remainder of the row: what does not fill a whole round must be added as well.",
        SUM_X,
        columns(SUM_X, stop=ROUNDED_DOWN),
    ),
    Mistake(
        "The remainder of the row is not written: what does not fill a whole round must be done as well.",
        FOR_Y,
        columns(FOR_Y, stop=ROUNDED_DOWN),
    ),
    Mistake(
        "In the sum each thread adds one number only. A row may be longer than the block.",
        SUM_X,
        columns(SUM_X, stop="min(width, me.threads)"),
    ),
    Mistake("In the sum the stride is 1: numbers are added once by each thread before them.", SUM_X, columns(SUM_X, step="1")),
    Mistake("In y the stride is 1: numbers are written by many threads.", FOR_Y, columns(FOR_Y, step="1")),
    Mistake(
        "Each thread takes the mean of its own part. The parts are brought together by block_sum.",
        CENTER,
        "center = total / width",
    ),
    Mistake(
        "Each thread takes the variance of its own part. The parts are brought together by block_sum.",
        SCALE,
        "scale = 1 / math.sqrt(squares / width + eps)",
    ),
    Mistake(
        "The mean is divided by the threads. It is divided by D.",
        CENTER,
        "center = (yield from block_sum(me, total)) / me.threads",
    ),
    Mistake("The sum is not divided by D: it is no mean yet.", CENTER, "center = yield from block_sum(me, total)"),
    Mistake("The squares are not divided by D.", SCALE, "scale = 1 / math.sqrt((yield from block_sum(me, squares)) + eps)"),
    Mistake(
        "The variance is divided by D − 1. LayerNorm takes the plain average of squares.",
        SCALE,
        "scale = 1 / math.sqrt((yield from block_sum(me, squares)) / (width - 1) + eps)",
    ),
    Mistake(
        "ε is added outside of the root.", SCALE, "scale = 1 / (math.sqrt((yield from block_sum(me, squares)) / width) + eps)"
    ),
    Mistake(
        "The row is divided by its variance, and not by the root.",
        SCALE,
        "scale = 1 / ((yield from block_sum(me, squares)) / width + eps)",
    ),
    Mistake("r is σ where one over σ belongs.", SCALE, "scale = math.sqrt((yield from block_sum(me, squares)) / width + eps)"),
    Mistake(
        "The squares are those of x, without the mean taken off: that is no variance.",
        SQUARES,
        "squares += x[start + i] * x[start + i]",
    ),
    Mistake("In y the mean is not taken off.", Y, "y[start + i] = x[start + i] * scale * weight[i] + bias[i]"),
    Mistake("In y the weight is missing.", Y, "y[start + i] = (x[start + i] - center) * scale + bias[i]"),
    Mistake("In y the bias is missing.", Y, "y[start + i] = (x[start + i] - center) * scale * weight[i]"),
    Mistake(
        "Weight and bias are read at the row's place. There is one of each a column, the same for all rows.",
        Y,
        "y[start + i] = (x[start + i] - center) * scale * weight[start + i] + bias[start + i]",
    ),
    Mistake("Every block writes into the first row of y.", Y, "y[i] = (x[start + i] - center) * scale * weight[i] + bias[i]"),
    Mistake(
        "Mean and r are written by every thread of the block. One is enough.", ONCE, "mean[me.block], r[me.block] = center, scale"
    ),
    Mistake(
        "Mean and r are written by thread 0 of every block into place 0: each row has a place of its own.",
        ONCE,
        "if me.thread == 0:\n        mean[0], r[0] = center, scale",
    ),
    Mistake(
        "Mean and r are written by one block only: each block writes those of its row.",
        ONCE,
        "if me.block * me.threads + me.thread == 0:\n        mean[me.block], r[me.block] = center, scale",
    ),
    Mistake(
        "Mean and r are written by the thread that has the number of its block: where there are more blocks than threads, some "
        "blocks have none. Any thread will do that every block has.",
        ONCE,
        "if me.thread == me.block:\n        mean[me.block], r[me.block] = center, scale",
    ),
    Mistake("Mean and r were not written.", ONCE, "pass"),
    Mistake(
        "block_sum is called by some threads only: it has barriers inside, and all of the block must come to them.",
        CENTER,
        "center = 0.0\n    if me.thread < width:\n        center = (yield from block_sum(me, total)) / width",
    ),
    Mistake(FAULTS["generator"], CENTER, "center = block_sum(me, total) / width"),
    Mistake(FAULTS["double"], "total = 0.0\n", "total = np.float64(0)\n"),
    Mistake(
        ALL_ALONE, SUM_X + f"\n    {CENTER}", "for i in range(width):\n        total += x[start + i]\n    center = total / width"
    ),
]

RUN = {"gelu_kernel": lambda kernel: kernel, "block_sum": two_sums, "layernorm_kernel": lambda kernel: kernel}
LAUNCHES = {"gelu_kernel": gelu_launches, "block_sum": sum_launches, "layernorm_kernel": layernorm_launches}

EXERCISES = [
    Exercise(
        name="gelu_in_blocks",
        cases=gelu_cases,
        spec=lambda x, block=0: check_of("05").spec(x),
        gradients=("dx",),
        extreme=lambda rng: {"numbers far out": (np.array([[1e4, -1e4, 0.0], [30.0, -30.0, 1e-30]]), 2)},
        terms={"dx": lambda x, *block_and_dy: check_of("05").terms(x, block_and_dy[-1])},
        symbols=lambda x, block=0: {"B": x.shape[0], "D": x.shape[-1]},
        room=lambda rng: ((rng.standard_normal((32, 512)), 200), {"forward": 2.5, "backward": 1.5}),
        mistakes=GELU_MISTAKES,
        hints={
            "forward": (
                "One loop over blocks(...). In it, three windows: into x, into y and into the slope. All steps write "
                "into the last two.",
                "Follow the two columns of the lesson, a on the left and b on the right, with np.multiply(…, out=…), "
                "*= and +=. Which of "
                "the last two lines has to come first?",
                "With windows named as in the lesson, each line is one or two operations. erf gives a new small "
                "array: add 1 to it "
                "with out=a. The bell's factor is a plain number from math. For x = 1, a ends as 0.8413 and b as 1.0833.",
            ),
            "backward": (
                "All that is needed was made in the forward.",
                "The slope lies in one long row, and dy has the shape of x.",
                "Give the slope the shape of x, and multiply by dy, entry by entry: one new array.",
            ),
        },
        read={"forward": "In blocks", "backward": "In blocks"},
        library="gelu",
    ),
    Exercise(
        name="layernorm_in_blocks",
        cases=layernorm_cases,
        spec=in_blocks(lambda *given: check_of("08").spec(*given)),
        gradients=("dx", "dweight", "dbias"),
        extreme=lambda rng: {label: (*given, 1e-6, 2) for label, given in check_of("08").extreme(rng).items()},
        terms={
            "dx": in_blocks(lambda *given: check_of("08").terms_dx(*given)),
            "dweight": in_blocks(lambda *given: check_of("08").terms_dweight(*given)),
            "dbias": in_blocks(lambda *given: check_of("08").terms_dbias(*given)),
        },
        symbols=lambda x, *others: {"D": x.shape[-1], "R": x.size // x.shape[-1], "B": x.shape[0]},
        room=layernorm_room,
        mistakes=LAYERNORM_MISTAKES,
        hints={
            "forward": (
                "One loop over blocks of rows. What is kept of a block is its piece of y, and two numbers for each of its rows.",
                "Mean first, into its own place. Then the distances from it, into the window of y; their squares "
                "give the variance; "
                "then r, and everything else is done to that window in place.",
                "keepdims=True keeps the (n, 1) that mean and r have. np.subtract takes out=. After that: times r, "
                "times weight, plus bias.",
            ),
            "backward": (
                "Lesson 08's formula, for the rows of one block. Which of the three results belongs to the block alone?",
                "x̂ is made again from x and the two numbers. dweight and dbias grow with every block. dx is written "
                "into its rows.",
                "Sums for dweight and dbias first, over axis 0. Then g in the window of dx, and both means of it "
                "before anything is "
                "taken off. At last the factor r. Each step in place where it can be.",
            ),
        },
        read={"forward": "Two numbers a row", "backward": "Two numbers a row"},
        library="layernorm",
    ),
    Exercise(
        name="gelu_kernel",
        check=check_gelu_kernel,
        mistakes=GELU_KERNEL_MISTAKES,
        hints={
            "": (
                "Which is my first number, how far is it to my next, and where do I stop?",
                "The lesson's drawing has all three for 2 blocks of 4 threads: thread 2 of block 1 takes 6, and "
                "would go on with 14.",
                "A range takes exactly these three: where I am in the row of all threads, the end, and how many "
                "threads the grid has.",
            )
        },
        read={"": "A grid of threads"},
    ),
    Exercise(
        name="block_sum",
        check=check_block_sum,
        mistakes=SUM_MISTAKES,
        hints={
            "": (
                "Three parts: write mine, add in pairs until one is left, read the sum. A barrier after each part, "
                "and after each round.",
                "half begins at half of the threads and is halved until it is 0. Only the threads below half add; "
                "all of them wait.",
                "The bare yield of a round stands in the loop, and not in the if. After the sum is read there is one "
                "yield more, before "
                "the return: the next call writes over it. Try launch with 8 threads and the numbers of the lesson.",
            )
        },
        read={"": "Many threads, one sum"},
    ),
    Exercise(
        name="layernorm_kernel",
        check=check_layernorm_kernel,
        mistakes=LAYERNORM_KERNEL_MISTAKES,
        hints={
            "": (
                "Five steps, in the order of the lesson's table. Where does the row of my block begin, and which "
                "columns are mine?",
                "Three loops over my columns, the same range each time: one for the sum, one for the squares, one "
                "for y. Between them a "
                "yield from block_sum, in brackets, divided by D.",
                "A range from my thread to D in steps of the block's threads. x and y are read and written at the "
                "row's beginning plus the "
                "column; weight and bias at the column. At the end thread 0 writes two numbers at the block's place.",
            )
        },
        read={"": "LayerNorm as a kernel"},
    ),
]

QUIZ = [
    Question(
        "A function does 10 operations a number and moves 40 bytes for it. Memory moves 20 GB a second, the "
        "core does 100 billion "
        "operations. How many operations a second can it reach at most?",
        ("100 billion", "20 billion", "5 billion", "0.25 billion"),
        2,
        "The intensity is 10/40 = 0.25 operations a byte, times 20 GB a second: 5 billion. The core's 100 are out of reach.",
    ),
    Question(
        "What does a block of 32,768 numbers do for GELU in NumPy?",
        (
            "It needs fewer operations",
            "Results between the steps stay in the cache",
            "The sum gets more exact",
            "NumPy runs on all cores",
        ),
        1,
        "The operations are the same. What is saved are the ways of the intermediate results to memory and back.",
    ),
    Question(
        "A grid has 4 blocks of 64 threads. Which numbers does thread 3 of block 2 take?",
        ("131, 387, 643, …", "131, 195, 259, …", "5, 261, 517, …", "14, 270, 526, …"),
        0,
        "It begins at 2 · 64 + 3 = 131 and goes on by all 4 · 64 = 256 threads.",
    ),
    Question(
        "Why does a barrier not stand inside `if me.thread < half:`?",
        (
            "It would be too slow",
            "The threads that skip the branch never come, and the others wait for ever",
            "Shared memory would be empty",
            "It may: threads run in step",
        ),
        1,
        "A barrier is for all threads of a block. Those with nothing to do come to it all the same.",
    ),
    Question(
        "A row has the mean 4,096 and the spread 1, in float32. E[x²] − µ² gives",
        (
            "1, up to seven digits",
            "something near 1, up to three digits",
            "0, 2 or −2, or whatever the rounding gave",
            "an overflow",
        ),
        2,
        "Near 16,777,217 float32 has only even numbers, so the difference of two of them says nothing about a variance of 1.",
    ),
]
