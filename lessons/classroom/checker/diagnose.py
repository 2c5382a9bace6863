"""Names the mistake in a wrong array: a known mistake, a term of the formula that is missing or has a wrong factor, or, when
nothing is recognised, the worst entry. No message shows the solution."""

import math
from functools import cache

import numpy as np

from minivit.gradcheck import relative_error

from ..pages import build
from .named import Named
from .sentences import apart

SAME = 1e-6  # two arrays are the same answer when no entry differs by more than this part of the largest


def largest(errors):
    return float(errors.max(initial=0.0))


def same(a, b):
    return a.shape == b.shape and bool(np.all(relative_error(a, b) < SAME))


@cache
def _solution_with(source, name, old="", new=""):
    """The names of the solution, in whose text `old` is replaced by `new`."""
    code = build.solution(source, name)
    if old and code.count(old) != 1:
        raise ValueError(
            f"the mistake {old!r} must occur exactly once in the solution of {name}, and does {code.count(old)} times"
        )
    namespace = {"__name__": f"mistake of {name}", "__file__": f"<mistake of {name}>"}
    exec(compile(code.replace(old, new), f"<mistake of {name}>", "exec"), namespace)
    return namespace


def solution_names(lesson):
    """What the solution of the lesson defines."""
    return _solution_with(lesson.source, lesson.name)


def planted_names(lesson, mistake):
    """What the solution defines with this mistake written into it."""
    return _solution_with(lesson.source, lesson.name, mistake.old, mistake.new)


def planted(lesson, exercise, mistake):
    """The function that makes this mistake."""
    return mistake.function or planted_names(lesson, mistake)[exercise.name]


def known_mistake(lesson, exercise, wrong, truth, answer, agrees=lambda function: 1):
    """The sentence of the listed mistake that gives exactly this wrong array, or None. answer(function) runs one.
    agrees(function): how much of all that was seen it explains, 0 where something contradicts it; the largest number is taken,
    else the first in the list."""
    fitting = []
    for mistake in exercise.mistakes:
        if not mistake.says:
            continue
        function = planted(lesson, exercise, mistake)
        try:
            with np.errstate(all="ignore"):
                theirs = np.asarray(answer(function), dtype=np.float64)
        except Exception:  # a mistake may not even run on this input
            continue
        if np.all(np.isfinite(theirs)) and same(theirs, wrong) and not (theirs.shape == truth.shape and same(theirs, truth)):
            fitting.append((agrees(function), mistake))
    explained, mistake = max(fitting, key=lambda pair: pair[0], default=(0, None))
    return Named(mistake.says, "listed", mistake=mistake) if explained else None


def by_terms(name, terms, wrong, symbols):
    """The lines that say which term of the formula is wrong, if `wrong` is the sum of its terms with other factors; else []."""
    columns = np.stack([np.asarray(np.broadcast_to(t.value, wrong.shape), dtype=np.float64).ravel() for t in terms], axis=1)
    if not np.all(np.isfinite(wrong)) or np.linalg.matrix_rank(columns) < len(terms):
        return []
    factors = np.linalg.lstsq(columns, wrong.ravel(), rcond=None)[0]
    if not same((columns @ factors).reshape(wrong.shape), wrong) or np.allclose(factors, 1, atol=1e-4):  # see by_relation
        return []
    if np.allclose(factors, 0, atol=SAME):
        return [Named(f"{name} is zero everywhere.", "zero")]
    lines = [f"{name} = " + " + ".join(f"{_number(c)}·[{t.formula}]" for c, t in zip(factors, terms, strict=True))]
    if len(terms) > 1 and np.ptp(factors) < SAME and abs(factors[0] + 1) > SAME:
        return [*lines, Named(f"Every term is {_factor(factors[0], symbols)}.", "scale")]
    for place, (c, term) in enumerate(zip(factors, terms, strict=True)):
        which = "The" if len(terms) == 1 else f"The {('first', 'second', 'third', 'fourth')[place]}"
        if abs(c) < SAME:
            lines.append(Named(f"{which} term is missing: {term.why}", "missing term"))
        elif abs(c + 1) < SAME:
            lines.append(Named(f"{which} term has the wrong sign: {term.why}", "sign"))
        elif abs(c - 1) > SAME:
            lines.append(Named(f"{which} term is {_factor(c, symbols)}: {term.why}", "scale" if c > 0 else "sign and scale"))
    return lines


def _number(c):
    return f"{c:.4g}".replace("-", "−") if abs(c - round(c)) > SAME else str(round(c)).replace("-", "−")


def _factor(c, symbols):
    """A factor in the words of the sizes: 'D = 5 times the right one'. Distinct sizes make it unambiguous."""
    sign, size = ("minus ", -c) if c < 0 else ("", c)
    for letter, n in symbols.items():
        for value, words in (
            (n, f"{letter} = {n} times the right one (a sum where a mean belongs?)"),
            (1 / n, f"1/{letter} = 1/{n} of the right one (a mean where a sum belongs?)"),
            (math.sqrt(n), f"√{letter} = √{n} times the right one"),
            (1 / math.sqrt(n), f"1/√{letter} = 1/√{n} of the right one"),
        ):
            if n > 2 and abs(size - value) < SAME * value:  # a 2 is a slip in the calculus as often as a size
                return sign + words
    return f"{sign}{size:.4g} times the right one"


def by_relation(wrong, truth, others, elsewhere=()):
    """A sentence for a wrong array that stands in a plain relation to a right one; others: the other right arrays by name;
    elsewhere: (wrong, truth, others) of other cases in which it is wrong: there the relation must hold as well."""
    if not np.all(np.isfinite(wrong)):
        bad = int((~np.isfinite(wrong)).sum())
        return Named(f"{bad} of {wrong.size} entries are not numbers (nan or inf).", "not finite")
    if not wrong.any():
        return Named("Every entry is zero.", "zero")
    apart = largest(relative_error(wrong, truth))
    if 0 < apart < 1e-3:
        return _nearly(wrong, apart)
    for name in others:
        if all(_stands_for(w, t, o.get(name)) for w, t, o in ((wrong, truth, others), *elsewhere)):
            return Named(f"These are the values of {name}: are the results in the right order?", "order")
    everywhere = [(wrong, truth), *[(w, t) for w, t, _ in elsewhere]]
    if all(w.ndim >= 2 and w.shape[-1] == w.shape[-2] and same(w.swapaxes(-1, -2), t) for w, t in everywhere):
        return Named("It is the transpose of the right one.", "transposed")
    ratios = [_ratio(w, t) for w, t in everywhere]
    again = [r for r, (w, _) in zip(ratios, everywhere, strict=True) if w.shape == wrong.shape]  # the same with other numbers
    steady = all(ratios) and max(abs(r - ratios[0]) for r in again) < SAME * abs(ratios[0])
    if steady and sum(np.count_nonzero(t) for _, t in everywhere) > 3:
        if max(abs(ratio + 1) for ratio in ratios) < SAME:
            return Named("It has the wrong sign everywhere.", "sign")
        return Named(f"Every entry is {ratios[0]:.4g} times the right one: a factor is missing or too many.", "scale")
    return None


def _stands_for(wrong, truth, other):
    """Whether `wrong` holds the values of another right array, and those are not its own."""
    return other is not None and other.shape == wrong.shape and same(wrong, other) and not same(truth, other)


def _ratio(wrong, truth):
    """How many times the right array a wrong one is, if it is that in every entry; else None."""
    strong = np.abs(truth) > 1e-3 * np.abs(truth).max(initial=0.0)
    if wrong.size < 2 or not strong.any() or not np.all(np.isfinite(wrong)):
        return None
    ratio = wrong[strong] / truth[strong]
    every = np.ptp(ratio) < SAME * np.abs(ratio).max() and same(truth * ratio.mean(), wrong)
    return float(ratio.mean()) if every else None


def _nearly(wrong, apart):
    """Of what is right but for its last digits. That they were lost in a short dtype can be seen: nothing is left beyond it."""
    digits = f"Right to about {-math.log10(apart):.0f} digits"
    for dtype, enough in ((np.float16, 1e-2), (np.float32, 1e-6)):
        if apart < enough and np.array_equal(wrong, wrong.astype(dtype)):
            name = np.dtype(dtype).name
            return Named(f"{digits}, and every entry is a {name} number: something is rounded to {name} on the way.", "dtype")
    subtracted = "two large, nearly equal numbers are subtracted"
    return Named(f"{digits}: it is not quite the right formula, something is rounded on the way, or {subtracted}.", "nearly")


def worst_entry(name, wrong, truth, against):
    """Where it is most wrong, and how many entries are."""
    errors = relative_error(wrong, truth)
    index = np.unravel_index(errors.argmax(), errors.shape)
    place = f"{name}[{', '.join(map(str, index))}]" if index else name
    count = int((errors > SAME).sum())
    yours, right = apart(wrong[index], truth[index])
    lines = [f"worst entry {place}: yours {yours}, {against} {right}"]
    if wrong.size > 1:
        lines.append(f"{count} of {wrong.size} entries are wrong" if count > 1 else f"1 of {wrong.size} entries is wrong")
    return lines
