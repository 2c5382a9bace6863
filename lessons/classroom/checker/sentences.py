"""What is told to somebody whose code raised an error, or gave something of the wrong kind or shape."""

import difflib
import inspect
import linecache
import math
import re

from . import unknown

KEPT = (
    "What a function assigns outside itself lives on, and so does a list or dictionary that is a default argument (seen=[]): "
    "it is made once, not for each call."
)


def frames_of(error, namespace):
    """The frames of a traceback that are the learner's own: those that run in their file's namespace."""
    frames, step = [], error.__traceback__
    while step:
        if step.tb_frame.f_globals is namespace:
            frames.append((step.tb_lineno, step.tb_frame))
        step = step.tb_next
    return frames


def function_of(frame, functions):
    """Which of these functions, {name: function}, the frame runs in, or in a function inside of it; None for no one."""
    codes = {name: getattr(function, "__code__", None) for name, function in functions.items()}
    return next((n for n, code in codes.items() if code and (frame.f_code is code or frame.f_code in code.co_consts)), None)


def of_error(error, namespace, others=None):
    """(sentence, line number or None, [the line as it stands] or []) for an error that the learner's code raised. An error inside
    one of `others`, {name: function}, is shown where that was called: it is checked by itself."""
    frames = frames_of(error, namespace)
    line, frame = frames[-1] if frames else (None, None)
    sentence = _sentence(error, frame)
    while len(frames) > 1 and (name := function_of(frames[-1][1], others or {})):
        frames.pop()
        (line, frame), inside = frames[-1], f"in {name}, which is called here: "
        sentence = inside + sentence.removeprefix(inside)
    text = linecache.getline(frame.f_code.co_filename, line).strip() if frame else ""
    return sentence, line, [f"line {line}:  {text}"] if text else []


def _sentence(error, frame):
    """What the error means; its own words where nobody here knows better. The first that knows it says it."""
    text = str(error)
    for tell in (_of_an_end, unknown.of_a_name, _of_shapes, _of_a_number, _of_a_kind, _of_an_attribute):
        if told := tell(error, text, frame):
            return told
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _of_an_end(error, text, frame):
    """Errors that end a program, whatever it computes."""
    if isinstance(error, RecursionError):
        return "a function calls itself without end: what stops it? A graph can also be too deep for recursion: use a loop"
    if isinstance(error, MemoryError) or re.match("Maximum allowed dimension exceeded|array is too big", text):
        return (
            f"this needs more memory than the check allows ({error}): look at the shapes"
            if text
            else "this needs more memory than the check allows: does something grow in a loop, or is a shape far too large?"
        )
    if isinstance(error, SystemExit):
        return "your code calls exit() or quit(), which ends Python before it can be checked: take that out"
    if type(error).__name__ == "PrintedTooMuch":
        return text
    if isinstance(error, EOFError):
        return "input() waits for somebody to type, and nobody does while your file is checked: take it out"
    return None


def _of_shapes(error, text, frame):
    """Errors of NumPy about arrays that do not fit, or may not be written into."""
    if not isinstance(error, ValueError):
        return None
    if is_read_only(error):
        return (
            "this line writes into an array that it was given, or that it has handed out. Others still need its old values: "
            "compute into a new array (x = x - m, not x -= m)"
        )
    if sizes := re.search(r"size (\d+) is different from (\d+)", text if "matmul:" in text else ""):
        return f"@ needs the last axis of the left to be as long as the last but one of the right: {sizes[2]} and {sizes[1]}"
    if "could not be broadcast" in text or "matmul:" in text:
        return f"two shapes do not fit each other: {text.removeprefix('operands ')}"
    if shapes := re.search(r"could not broadcast input array from shape (\(.*\)) into shape (\(.*\))", text):
        return f"what is written here has the shape {shapes[1]}, and the place where it should go {shapes[2]}"
    if shapes := re.search(r"output operand with shape (\(.*\)) doesn't match the broadcast shape (\(.*\))", text):
        return f"+=, -= and out= write into an array that is there: it has the shape {shapes[1]}, and the result {shapes[2]}"
    if text.startswith("cannot reshape array of size"):
        return _reshape(text)
    if "to unpack (expected" in text:
        return (
            f"{text}: there must be as many names before the = as there are things behind it. An array is taken apart along its "
            "first axis; x[..., 0], x[..., 1] go along its last"
        )
    if "except for the concatenation axis" in text:
        axis, one, other = re.search(r"along dimension (\d+).* has size (\d+) and .* has size (\d+)", text).groups()
        return (
            "concatenate puts arrays together along one axis and repeats nothing: along the others they must be equally long, "
            f"and along axis {axis} they have {one} and {other}. np.broadcast_to repeats what has 1"
        )
    if text == "array is not broadcastable to correct shape":
        return "the values should have the shape of what the index looks up, that of array[index]: are the axes in another order?"
    if text == "all input arrays must have the same shape":
        return (
            "np.stack needs arrays of one shape, and these differ: does a slice reach over an end? Then it is shorter than others"
        )
    return None


def _of_a_number(error, text, frame):
    """Where one number, or a whole one, is needed."""
    if isinstance(error, ValueError) and re.match("math domain error|expected a (nonnegative|positive) input", text):
        return f"the root of a negative number, or the logarithm of 0 or less: is a square or a bracket missing above? ({text})"
    if "Integers to negative integer powers" in text:
        return "whole numbers have no negative powers in NumPy: the base should be a float, 10.0 and not 10"
    if isinstance(error, ZeroDivisionError):
        return f"something is divided by 0 here: when is it 0, and what should happen then? (ZeroDivisionError: {text})"
    if not isinstance(error, TypeError):
        return None
    if "as an integer" in text or "slice indices must be integers" in text:
        if "'float'" in text or "slice" in text:
            return (
                f"a whole number is needed here: / gives a float even if nothing is left over, // gives a whole number ({text})"
            )
        several = "; several axes are given as a tuple, axis=tuple(...)" if "'list'" in text or "'range'" in text else ""
        return f"a whole number is needed here{several} ({text})"
    if "0-dimensional arrays" in text or "length-1 arrays" in text:
        return "a function of math takes one number, and this is an array: np has the same functions for arrays (np.exp, np.sqrt)"
    if "as a data type" in text:
        return "the shape goes into brackets of its own: np.zeros((2, 3))"
    if "for ^" in text:
        return f"a power is ** in Python: ^ is something else, and only for whole numbers ({text})"
    return None


PAIR = "is it the pair (output, backward) of an op, or the gradients of a backward?"


def _of_a_kind(error, text, frame):
    """Where an array is needed and something else stands, or the other way round."""
    if "inhomogeneous shape" in text:
        return f"a list or tuple of different things stands where an array should: {PAIR}"
    if found := re.search(r"'([\w.]+)' object is not (subscriptable|callable)", text):
        if found[2] == "subscriptable" and re.search("function|method|ufunc|Dispatcher", found[1]):
            return f"this is a function, which is called with round brackets, f(x). Square ones look something up ({text})"
        if found[2] == "callable" and re.search(r"\b(dict|list|tuple|ndarray)$", found[1]):
            return f"something is looked up with square brackets, x[i]. Round ones call a function ({text})"
    if isinstance(error, TypeError) and "NoneType" in text:
        return f"something is None here; was it made before this line? ({text})"
    if isinstance(error, TypeError) and re.search(r"unsupported operand .* for [-/*]+=?: .*'list'", text):
        return f"a list does no arithmetic: zip goes through two of them, np.array makes an array of one ({text})"
    if isinstance(error, KeyError):
        return f"nothing stands under {text} in this dictionary"
    if isinstance(error, TypeError) and "unsupported operand" in text and "'tuple'" in text:
        return f"a tuple stands where an array should: {PAIR} ({text})"
    if "'Tensor' object" in text:
        return (
            "a Tensor is no array: its numbers are in .data, its gradient in .grad (None until backward). What mine.op made "
            f"takes Tensors, the function itself arrays ({text})"
        )
    if isinstance(error, ValueError) and "truth value of an array" in text:
        return (
            "one True or False is needed here, and this is an array of them. Python's own max and min compare rows: an array has "
            "x.max(). Whether something is there is asked with `is None`. And np.where chooses entry by entry"
        )
    return None


def _of_an_attribute(error, text, frame):
    if isinstance(error, AttributeError) and getattr(error, "name", None):
        if isinstance(error.obj, list | tuple) and error.name in ("shape", "mean", "std", "sum", "astype", "reshape"):
            return f"{text}. An array has it: np.array makes one of a list"
        near = difflib.get_close_matches(error.name, dir(error.obj), n=1)
        return text + (f": did you mean {near[0]!r}?" if near else "")
    return None


def _reshape(text):
    """The two products that a reshape compares, in words."""
    size = int(re.search(r"of size (\d+)", text)[1])
    sizes = re.search(r"\((.*)\)", text)[1].replace("newaxis", "-1").split(",")  # what NumPy writes for -1
    shape = [int(n) for n in sizes if n.strip()]
    room = math.prod(n for n in shape if n >= 0)
    what = f"the array has {size} numbers, and the shape {tuple(shape)}"
    if -1 in shape:
        return f"{what} does not come out even: {size} is no multiple of {room}. Which of its sizes is wrong?"
    front = f"; with -1 in front it would need a multiple of {room}" if room and size % room else ""
    return f"{what} holds {room}{front}. Which of its sizes is wrong?"


def is_read_only(error):
    return isinstance(error, ValueError) and "read-only" in str(error)


def of_syntax(error):
    """The lines that show where Python stopped understanding the file."""
    if isinstance(error, TabError):
        what = "this line is indented with tabs, others with spaces: use four spaces everywhere (editors can convert)"
    elif isinstance(error, IndentationError):
        what = f"the indentation is not right: {error.msg}. Lines of one block begin in the same column, four spaces per level"
    else:
        what = f"Python does not understand this line: {error.msg}"
    lines = [what]
    if error.text and error.offset:
        text = error.text.rstrip("\n")
        stripped = text.lstrip()
        lines += [f"    {stripped}", "    " + " " * max(0, error.offset - 1 - len(text) + len(stripped)) + "^"]
    return lines


def kind(value):
    """What a value is, for a sentence: 'None', 'a list', 'an array of shape (2, 3) and dtype float64'."""
    if value is None:
        return "None"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"an array of shape {value.shape} and dtype {value.dtype}" if value.shape else f"one number of dtype {value.dtype}"
    if isinstance(value, tuple):
        return f"{len(value)} things ({', '.join(type(v).__name__ for v in value)})"
    name = "Python number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
    return ("an " if name[0] in "aeiou" else "a ") + name


def not_called(function, may_yield=False):
    """Why a function gives no result when it is called, but a thing that would run later; '' for an ordinary function."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return "async def makes a function that runs later: a plain def runs at once"
    if inspect.isgeneratorfunction(function) and not may_yield:
        return "a function with yield in it runs later, piece by piece: return gives the result at once"
    return ""


def apart(*numbers, digits=5):
    """The numbers as texts, with as many digits as tell them apart."""
    while digits < 17 and len({f"{n:.{digits}g}" for n in numbers}) < len(numbers):
        digits += 1
    return [f"{n:.{digits}g}" for n in numbers]


def compared(yours, wanted):
    """Two numbers, in a sentence that shows how they differ."""
    yours, wanted = apart(yours, wanted)
    return f"yours {yours}, wanted {wanted}"


def shape_advice(got, want, summed="sum"):
    """How an array of shape `got` may have missed `want`: part of a sentence, or ''. summed: what to do with an axis too many."""
    if len(got) > len(want) and got[len(got) - len(want) :] == want:
        extra = range(len(got) - len(want))
        if all(got[i] == 1 for i in extra):
            return "an axis of size 1 too many: keepdims=True, where the axis should go?"
        return f"{summed} over {_axes(extra)}"
    if len(got) > len(want) and tuple(n for n in got if n != 1) == want:
        return "an axis of size 1 too many: a slice where a number should be, or keepdims=True where the axis should go?"
    if len(got) == len(want):
        kept = [i for i, (a, b) in enumerate(zip(got, want, strict=True)) if a != b]
        if all(want[i] == 1 for i in kept):
            return f"{summed} over {_axes(kept)}, with keepdims=True"
        if all(got[i] == 1 for i in kept):
            return f"the size is 1 along {_axes(kept)}: was it summed, or is it still to be stretched, or a slice too short?"
        off = {got[i] - want[i] for i in kept}
        if off in ({1}, {-1}):
            return f"one too {'many' if off == {1} else 'few'} along {_axes(kept)}"
    if tuple(reversed(got)) == want or sorted(got) == sorted(want):
        return "the same axes in another order: is a transpose missing, or one too many?"
    if tuple(n for n in want if n != 1) == got:
        return "an axis of size 1 is gone: keepdims=True keeps it"
    if len(got) < len(want) and _subsequence(got, want):
        return "an axis is gone that should be there: was it summed, or indexed away?"
    if 0 < math.prod(got) == math.prod(want):
        return "the right number of entries in another shape: is a reshape missing?"
    return ""


def _axes(numbers):
    numbers = [str(i) for i in numbers]
    return f"axis {numbers[0]}" if len(numbers) == 1 else f"axes {', '.join(numbers[:-1])} and {numbers[-1]}"


def _subsequence(short, long):
    rest = iter(long)
    return all(n in rest for n in short)
