"""Is this backward right? Compare it with slopes measured by moving every input a little.

    report = gradcheck(my_layernorm, x, weight, bias, eps=1e-6)
    print(report)          a table: argument, shape, error, worst entry with both values
    assert report          true when everything passed

The upstream gradient is random: with one of ones, a wrong softmax or LayerNorm backward passes, because their true
gradient is then zero.
"""

import inspect
from dataclasses import dataclass, field

import numpy as np

from .arguments import argument_name, checked_pair
from .backend import array_module, to_host
from .engine import Op, Tensor

STEP = 1e-5  # of the measured slopes: rounding errs by 1e-16 / step, curvature by step^2, both near 1e-11
LIMIT_FLOAT64 = 1e-7
LIMIT_FLOAT32 = 1e-5


@dataclass
class Row:
    """One argument's result. Errors are the largest difference of an entry over the largest entry of the true gradient."""

    argument: str
    shape: tuple
    error: float  # backward in float64 against the measured slopes
    error32: float  # backward in float32 against backward in float64
    worst: tuple  # the index of the worst entry,
    yours: float  # what backward says there,
    numeric: float  # and what was measured

    @property
    def passed(self):
        return self.error <= LIMIT_FLOAT64 and self.error32 <= LIMIT_FLOAT32


@dataclass(repr=False)
class Report:
    """What gradcheck found: true when every row passed and nothing else was wrong."""

    name: str
    rows: list = field(default_factory=list)
    problems: list = field(default_factory=list)

    def __bool__(self):
        return not self.problems and all(row.passed for row in self.rows)

    def __str__(self):
        verdict = "passed" if self else "FAILED"
        lines = [f"gradcheck of {self.name}: {verdict} (limits: float64 {LIMIT_FLOAT64:g}, float32 {LIMIT_FLOAT32:g})"]
        if self.rows:
            width = max(len("argument"), *(len(row.argument) for row in self.rows))
            lines.append(f"     {'argument':{width}}  {'shape':14} {'float64':>8} {'float32':>8}  worst entry")
        for row in self.rows:
            mark = "ok" if row.passed else "NO"
            entry = f"{list(row.worst)}: yours {row.yours:.6g}, numeric {row.numeric:.6g}"
            lines.append(f"  {mark} {row.argument:{width}}  {row.shape!s:14} {row.error:8.0e} {row.error32:8.0e}  {entry}")
        return "\n".join(lines + [f"  NO {problem}" for problem in self.problems])

    __repr__ = __str__


def _tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _is_float_array(value):
    return hasattr(value, "dtype") and hasattr(value, "shape") and value.dtype.kind == "f"


class _Call:
    """The op bound to its arguments, with the floating-point arrays among them taken out to be varied."""

    def __init__(self, op, arrays, options):
        if not callable(op):
            raise ValueError(f"gradcheck takes an Op, or a function that returns (output, backward); got {type(op).__name__}")
        self.function = op.forward if isinstance(op, Op) else op
        self.signature = op.signature if isinstance(op, Op) else inspect.signature(op)
        arrays = [a.data if isinstance(a, Tensor) else a for a in arrays]
        bound = self.signature.bind(*arrays, **options)
        bound.apply_defaults()
        self.args, self.options = list(bound.args), bound.kwargs
        self.places = [i for i, value in enumerate(self.args) if _is_float_array(value)]
        if not self.places:
            raise ValueError("gradcheck needs at least one array of floating-point numbers among the arguments")

    def inputs(self, dtype):
        return [self.args[i].astype(dtype) for i in self.places]

    def __call__(self, inputs):
        args = list(self.args)
        for place, value in zip(self.places, inputs, strict=True):
            args[place] = value
        return checked_pair(self.function(*args, **self.options), "an op")


def _analytic(call, inputs, upstream, problems):
    """Backward's gradients of the inputs, None where they cannot be compared; `problems` is told everything that is wrong."""
    dtype = inputs[0].dtype
    copies = [x.copy() for x in inputs]
    y, backward = call(inputs)
    outputs = _tuple(y)
    problems += [f"the output has dtype {out.dtype} for inputs of {dtype}" for out in outputs if out.dtype != dtype]
    y_copies, upstream = [out.copy() for out in outputs], [dy.astype(dtype) for dy in upstream]
    dy_copies = [dy.copy() for dy in upstream]
    returned = _tuple(backward(*upstream))
    for what, now, before in (
        ("an input", inputs, copies),
        ("its output", outputs, y_copies),
        ("dy", upstream, dy_copies),
    ):
        if not all((a == b).all() for a, b in zip(now, before, strict=True)):
            problems.append(f"{what} was changed in place ({dtype}); compute into a new array")
    names = {place: argument_name(call.signature, place) for place in call.places}
    gradients = []
    for place, x in zip(call.places, inputs, strict=True):
        gradient = returned[place] if place < len(returned) else None
        found = (getattr(gradient, "shape", None), getattr(gradient, "dtype", None))
        if gradient is None:
            problems.append(f"backward returned no gradient for {names[place]}")
        elif found[0] != x.shape:
            problems.append(f"the gradient of {names[place]} has shape {found[0]}; {names[place]} has {x.shape}")
        elif found[1] != dtype:
            problems.append(f"the gradient of {names[place]} has dtype {found[1]} for inputs of {dtype}")
        comparable = gradient is not None and found[0] == x.shape
        gradients.append(to_host(gradient).astype(np.float64) if comparable else None)
    return gradients


def slopes(loss, x):
    """(loss(x + h) - loss(x - h)) / 2h for every entry of an array, one after the other, with h = STEP. loss gives a number."""
    xp, found = array_module(x), np.empty(x.size)
    for i in range(len(found)):
        sides = []
        for step in (STEP, -STEP):
            moved = xp.array(x, order="C")  # whatever the order of x: the flat view must be one of its own memory
            moved.reshape(-1)[i] += step
            sides.append(loss(moved))
        found[i] = (sides[0] - sides[1]) / (2 * STEP)
    return found.reshape(x.shape)


def _numeric(call, inputs, position, upstream):
    """The slopes of one input, where loss = sum of output * upstream."""

    def loss(x):
        outputs = _tuple(call(inputs[:position] + [x] + inputs[position + 1 :])[0])
        return sum(float((out * dy).sum()) for out, dy in zip(outputs, upstream, strict=True))

    return slopes(loss, inputs[position])


def relative_error(found, truth):
    """Of every entry, the difference over the largest entry of the truth (over 1 if that is 0); inf where it is no number."""
    scale = np.abs(truth).max(initial=0.0) or 1.0
    with np.errstate(all="ignore"):
        difference = np.abs(np.asarray(found, dtype=np.float64) - truth) / scale
    return np.where(np.isfinite(difference), difference, np.inf)


def gradcheck(op, *arrays, seed=0, **options):
    """Checks the backward of `op`, an Op or a function that returns (output, backward), at the given arrays.

    Every entry of every floating-point array among the arguments is moved by 1e-5 both ways in float64, and the slope is
    compared with backward's gradient under a random upstream gradient: error at most 1e-7 of the largest entry. The same
    backward in float32 must agree with float64 to 1e-5. It also checks shapes, that dtypes are kept, and that neither the
    inputs nor the output nor the upstream gradient were written into.

    arrays, options   the op's arguments; dropout's rng is given as an int, so that the same mask comes back each time
    seed              of the random upstream gradient
    Returns a Report: true when it passes; print it for the table. Raises ValueError if `op` does not return the pair or
    no argument is a floating-point array; errors of the op itself come through.
    """
    call = _Call(op, arrays, options)
    report = Report(getattr(op, "__name__", type(op).__name__))
    inputs32 = call.inputs(np.float32)
    inputs = [x.astype(np.float64) for x in inputs32]  # what float32 can hold, so that both precisions see the same numbers
    rng = np.random.default_rng(seed)
    xp = array_module(inputs[0])
    outputs = [_tuple(call(inputs)[0]) for _ in range(2)]
    if any(a.shape != b.shape or not (a == b).all() for a, b in zip(*outputs, strict=True)):
        report.problems.append("two calls gave two results: give the op a fixed seed, or check for NaN")
        return report
    upstream = [xp.asarray(rng.standard_normal(out.shape, dtype=np.float32).astype(np.float64)) for out in outputs[0]]

    found = _analytic(call, inputs, upstream, report.problems)
    found32 = _analytic(call, inputs32, upstream, report.problems)
    for position, (place, gradient, gradient32) in enumerate(zip(call.places, found, found32, strict=True)):
        if gradient is None or gradient32 is None:
            continue
        truth = _numeric(call, inputs, position, upstream)
        errors, errors32 = relative_error(gradient, truth), relative_error(gradient32, gradient)
        worst = np.unravel_index(errors.argmax(), errors.shape) if errors.size else ()
        report.rows.append(
            Row(
                argument=argument_name(call.signature, place),
                shape=truth.shape,
                error=float(errors.max(initial=0.0)),
                error32=float(errors32.max(initial=0.0)),
                worst=tuple(int(i) for i in worst),
                yours=float(gradient[worst]),
                numeric=float(truth[worst]),
            )
        )
    return report
