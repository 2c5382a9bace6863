"""Calls a learner's function, and looks at what kind of thing it gives: each surprise stops the check with a sentence."""

import contextlib
import inspect
import io

import numpy as np

from minivit.called import called

from . import sentences


class Stop(Exception):
    """The first thing that is wrong: at which step, a text and a note for its row, and the lines below it."""

    def __init__(self, step, text, note="", details=(), looks=(), line=None, arrays=None):
        super().__init__(text)
        self.step, self.text, self.note, self.line = step, text, note, line
        self.details, self.looks, self.arrays = list(details), list(looks), arrays or {}


class Silence(io.TextIOBase):
    """Takes what is printed, and keeps nothing."""

    def write(self, text):
        return len(text)


def cast(arguments, dtype):
    """The arguments as the learner gets them: floating-point arrays in that dtype, all arrays copied and read-only."""
    made = []
    for value in arguments:
        if isinstance(value, np.ndarray):
            value = np.array(value, dtype=dtype if value.dtype.kind == "f" else None)
            value.flags.writeable = False
        made.append(value)
    return tuple(made)


def _relaid(lay):
    """A function on arguments that lays the same numbers into memory in another way."""

    def relaid(arguments):
        made = [lay(value) if isinstance(value, np.ndarray) else value for value in arguments]
        for value in made:
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
        return tuple(made)

    return relaid


def _spread(value):
    if not value.ndim:
        return value.copy()
    roomy = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
    roomy[..., ::2] = value
    return roomy[..., ::2]


LAYOUTS = {
    "arrays with gaps in memory": _relaid(_spread),
    "transposed arrays": _relaid(lambda value: np.array(value, order="F")),  # the first axis runs fastest
}


def as_tuple(value):
    """Several results, however they were given; one by itself."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def is_array_like(value):
    return isinstance(value, np.ndarray | np.generic | float)


class Learner:
    """A learner's function, in the namespace of their file."""

    def __init__(self, lesson, exercise, namespace):
        self.exercise, self.namespace, self.is_op = exercise, namespace, bool(exercise.gradients)
        self.others = {e.name: namespace.get(e.name) for e in lesson.exercises if e is not exercise}
        self.fitting = set()  # of how many arguments it is known that the function takes them: slopes call it a thousand times
        self.where = ""  # which case is being checked, for sentences: " (a square)"
        self.function = namespace.get(exercise.name)
        if self.function is None:
            raise Stop(
                "missing",
                f"your file has no function {exercise.name}",
                details=[
                    f"This lesson needs  def {exercise.name}(...).  If it was deleted: {called('lessons')} reset {lesson.number} "
                    "gives the lesson's file again, and keeps yours as a backup."
                ],
            )
        if not callable(self.function) or inspect.isclass(self.function):
            what = "a class" if inspect.isclass(self.function) else sentences.kind(self.function)
            raise Stop("missing", f"{exercise.name} is {what}, and should be a function")
        if advice := sentences.not_called(self.function, may_yield=exercise.check):
            raise Stop("kind", f"{exercise.name} does not run when it is called", details=[advice], line=self.line(""))

    def line(self, part):
        """The line of the learner's file where a task begins: that of the function, or of the backward in it."""
        code = getattr(self.function, "__code__", None)
        if code is None or self.function.__globals__ is not self.namespace:
            return None
        inner = [c for c in code.co_consts if getattr(c, "co_name", None) == part]
        return (inner[0] if inner else code).co_firstlineno

    def not_started(self, error):
        """Says that the function has to be written yet, or another of the file that it calls."""
        frames = sentences.frames_of(error, self.namespace)
        line, frame = frames[-1] if frames else (None, None)
        name = frame and sentences.function_of(frame, self.namespace)
        if name and self.namespace[name] is not self.function:
            advice = f"write {name} next (line {line}), then check again"
            raise Stop("run", f"calls {name}, which is not written yet", details=[advice], line=line) from None
        raise Stop("start", "not started", line=line) from None

    def call(self, function, arguments, loud=False):
        """function(*arguments). Prints are shown once, from the loud call."""
        silence = contextlib.nullcontext() if loud else contextlib.redirect_stdout(Silence())
        shapes = [np.shape(value) for value in arguments if isinstance(value, np.ndarray)]
        if advice := sentences.not_called(function):
            raise Stop("kind", f"{function.__name__} does not run when it is called", details=[advice])
        try:
            with silence, np.errstate(all="ignore"):
                returned = function(*arguments)
            if shapes != [np.shape(value) for value in arguments if isinstance(value, np.ndarray)]:
                advice = "x.shape = ... changes x for everybody who holds it: x.reshape(...) makes a new array"
                raise Stop("inputs", "changes the shape of an array that it was given", details=[advice])
            return returned
        except Stop:
            raise
        except NotImplementedError as error:
            self.not_started(error)
        except (Exception, SystemExit) as error:
            self.stop_for(error)

    def stop_for(self, error):
        """Says what an error of the learner's code means, and where it is."""
        sentence, line, where = sentences.of_error(error, self.namespace, self.others)
        if sentences.is_read_only(error):
            raise Stop(
                "inputs", f"changes an array that it was given{self.where}", details=[*where, sentence], line=line
            ) from None
        raise Stop("run", f"stops with an error{self.where}", details=[*where, sentence], line=line) from None

    def forward(self, arguments, loud=False):
        """(y, backward) of an op, (y, None) of a plain function."""
        if len(arguments) not in self.fitting:
            arguments_fit(self.function, arguments, self.exercise.name)
            self.fitting.add(len(arguments))
        value = self.call(self.function, arguments, loud)
        if not self.is_op:
            return value, None
        if isinstance(value, tuple) and len(value) == 2 and callable(value[1]):
            y, backward = value
            return tuple(y) if isinstance(y, list) and self.exercise.outputs else y, backward
        hint = "return two things: the output, and the function backward"
        if value is None:
            hint = "is the line missing that returns the output and backward?"
        raise Stop("count", f"{self.exercise.name} gives {sentences.kind(value)}", details=[hint])


def names_used(function):
    """The global names that a function and the functions inside it use."""
    codes, names = [getattr(function, "__code__", None)], set()
    while codes:
        code = codes.pop()
        names |= set(getattr(code, "co_names", ()))
        codes += [inner for inner in getattr(code, "co_consts", ()) if hasattr(inner, "co_names")]
    return sorted(names)


def arguments_fit(function, arguments, what):
    """The function can be called with so many arguments."""
    with contextlib.suppress(ValueError):  # some callables have no signature
        try:
            inspect.signature(function).bind(*arguments)
        except TypeError as error:
            count = f"{len(arguments)} argument" + "s" * (len(arguments) != 1)
            text = f"{what} is called with {count}, and cannot take {'it' if len(arguments) == 1 else 'them'}"
            raise Stop("run", text, details=[str(error)]) from None


def keeps_defaults(function, course_s):
    """Numbers with a point in the line with def are part of the exercise: whoever leaves an argument out counts on them. Whole
    numbers are sizes, of a block or a batch, and a matter of taste."""
    with contextlib.suppress(TypeError, ValueError):  # some callables have no signature
        theirs = inspect.signature(function).parameters
        for name, wanted in inspect.signature(course_s).parameters.items():
            if not isinstance(wanted.default, float) or name not in theirs:
                continue
            if theirs[name].default != wanted.default:
                has = "has no default" if theirs[name].default is wanted.empty else f"is {theirs[name].default!r} by default"
                advice = f"in the lesson's line with def it stands as {name}={wanted.default!r}: leave that line as it is"
                raise Stop("defaults", f"the argument {name} {has}", details=[advice])


def arrays(value, wanted, names, known, where="", summed="sum"):
    """`value` as a tuple of arrays of the wanted shapes, None for what is not wanted. known(i, array) gives the sentence of a
    listed mistake that gives this array, or None; summed: what to do with an axis too many."""
    if len(wanted) == 1 and not isinstance(value, tuple):
        value = (value,)
    if not isinstance(value, tuple | list) or len(value) != len(wanted):
        advice = f"give {len(wanted)} results: {', '.join(names)}" if len(wanted) > 1 else f"give one array, {names[0]}"
        if isinstance(value, tuple | list) and any(map(callable, value)):
            advice += ". Is this the pair (output, backward) of an op? It is taken apart as  y, y_backward = op(...)"
        elif value is None:
            advice = f"is a `return` missing? {advice}"
        elif isinstance(value, tuple | list) and sum(v is None for v in value) > sum(w is None for w in wanted):
            advice += ". Is there a None among yours that belongs to something else?"
        raise Stop("count", f"gives {sentences.kind(value)}{where}", details=[advice])
    lost = [i for i, (v, w) in enumerate(zip(value, wanted, strict=True)) if v is None and w is not None]
    if lost and any(v is not None and w is None for v, w in zip(value, wanted, strict=True)):
        place = next(i for i, w in enumerate(wanted) if w is None)
        advice = (
            f"result {place + 1} of {len(wanted)} is None, as it has no gradient; yours stands in the place of {names[lost[0]]}"
        )
        raise Stop("order", f"the None is in another place{where}", details=[advice])
    shapes = [getattr(v, "shape", ()) for v, w in zip(value, wanted, strict=True) if w is not None]
    right = [w.shape for w in wanted if w is not None]
    if shapes != right and sorted(shapes) == sorted(right):
        advice = (
            f"give them as {', '.join(names)}: {', '.join(map(str, right))}. Yours have the shapes {', '.join(map(str, shapes))}"
        )
        raise Stop("order", f"the results are in another order{where}", details=[advice])
    for i, (found, want, name) in enumerate(zip(value, wanted, names, strict=True)):
        if want is not None:
            _is_array(found, want, name, where)
            if np.shape(found) != want.shape:
                advice, mistake = sentences.shape_advice(np.shape(found), want.shape, summed), known(i, np.asarray(found))
                raise Stop(
                    "shape",
                    f"the shape of {name}{where}",
                    f"got {np.shape(found)}, want {want.shape}",
                    details=[advice] if advice else [],
                    looks=[mistake] if mistake else [],
                )
    return tuple(value)


def _is_array(found, want, name, where):
    advice = "make it an array: NumPy's functions give one, np.array(...) makes one"
    if isinstance(found, np.ndarray) and type(found) not in (np.ndarray, np.memmap):
        what = f"{name} is a {type(found).__name__} of NumPy{where}, and should be a plain array"
        raise Stop(
            "kind", what, details=["a matrix, or another such kind, has rules of its own for * and for axes: leave it out"]
        )
    if found is None:
        advice = "is a `return` missing? Or is it what a function gave that changes an array in place, as np.add.at does?"
    elif is_array_like(found) or (isinstance(found, int) and want.shape == ()):
        if np.asarray(found).dtype.kind in "fiub":
            return
        advice = "its entries should be real numbers: .astype(x.dtype), or np.vectorize(..., otypes=[x.dtype])"
    raise Stop("kind", f"{name} is {sentences.kind(found)}{where}, and should be an array", details=[advice])


def keeps_float32(found32, found64, name):
    """What is float64 for float64 is float32 for float32."""
    if np.asarray(found64).dtype.kind == "f" and getattr(found32, "dtype", None) != np.float32:
        got = found32.dtype if hasattr(found32, "dtype") else sentences.kind(found32)
        advice = (
            "np.sqrt(2) and arrays made without a dtype are float64, and pull everything along with them: math.sqrt(2), "
            "plain numbers, and dtype=x.dtype keep what x is"
        )
        if isinstance(found32, float) and not hasattr(found32, "dtype"):
            advice = "float(...) and .item() make a Python number, which has forgotten its dtype: leave it as NumPy gives it"
        raise Stop("dtype", f"float32 does not stay float32: {name} is {got}", details=[advice])


def are_finite(values, name, label):
    if not all(np.all(np.isfinite(value)) for value in values if value is not None):
        advice = "an overflow, 0/0, or inf − inf: which line can give one here?"
        raise Stop("finite", f"{name} is not finite for {label}", details=[advice])
