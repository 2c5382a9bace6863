"""Names the mistake in a wrong array: a known mistake, a term of the formula that is missing or has a wrong factor, or, when
nothing is recognised, the worst entry. No message shows the solution."""

import math
from functools import cache

import numpy as np

from minivit.gradcheck import relative_error

from ..pages import build
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


def known_mistake(lesson, exercise, wrong, truth, answer, agreement=lambda function: 0):
    """The sentence of the listed mistake that gives exactly this wrong array, or None. answer(function) runs one.
    agreement(function): of several that give it, the largest number is taken, else the first in the list."""
    fitting = []
    for mistake in exercise.mistakes:
        if not mistake.says:
            continue
        try:
            with np.errstate(all="ignore"):
                theirs = np.asarray(answer(planted(lesson, exercise, mistake)), dtype=np.float64)
        except Exception:  # a mistake may not even run on this input
            continue
        if np.all(np.isfinite(theirs)) and same(theirs, wrong) and not (theirs.shape == truth.shape and same(theirs, truth)):
            fitting.append(mistake)
    if len(fitting) < 2:
        return fitting[0].says if fitting else None
    return max(fitting, key=lambda mistake: agreement(planted(lesson, exercise, mistake))).says


def by_terms(name, terms, wrong, symbols):
    """The lines that say which term of the formula is wrong, if `wrong` is the sum of its terms with other factors; else []."""
    columns = np.stack([np.asarray(np.broadcast_to(t.value, wrong.shape), dtype=np.float64).ravel() for t in terms], axis=1)
    if not np.all(np.isfinite(wrong)) or np.linalg.matrix_rank(columns) < len(terms):
        return []
    factors = np.linalg.lstsq(columns, wrong.ravel(), rcond=None)[0]
    if not same((columns @ factors).reshape(wrong.shape), wrong) or np.allclose(factors, 1, atol=1e-4):  # see by_relation
        return []
    if np.allclose(factors, 0, atol=SAME):
        return [f"{name} is zero everywhere."]
    lines = [f"{name} = " + " + ".join(f"{_number(c)}·[{t.formula}]" for c, t in zip(factors, terms, strict=True))]
    if len(terms) > 1 and np.ptp(factors) < SAME and abs(factors[0] + 1) > SAME:
        return [*lines, f"Every term is {_factor(factors[0], symbols)}."]
    for place, (c, term) in enumerate(zip(factors, terms, strict=True)):
        which = "The" if len(terms) == 1 else f"The {('first', 'second', 'third', 'fourth')[place]}"
        if abs(c) < SAME:
            lines.append(f"{which} term is missing: {term.why}")
        elif abs(c + 1) < SAME:
            lines.append(f"{which} term has the wrong sign: {term.why}")
        elif abs(c - 1) > SAME:
            lines.append(f"{which} term is {_factor(c, symbols)}: {term.why}")
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
            if n > 1 and abs(size - value) < SAME * value:
                return sign + words
    return f"{sign}{size:.4g} times the right one"


def by_relation(wrong, truth, others):
    """A sentence for a wrong array that stands in a plain relation to a right one; others: the other right arrays by name."""
    if not np.all(np.isfinite(wrong)):
        bad = int((~np.isfinite(wrong)).sum())
        return f"{bad} of {wrong.size} entries are not numbers (nan or inf)."
    if not wrong.any():
        return "Every entry is zero."
    for name, other in others.items():
        if other.shape == wrong.shape and same(wrong, other):
            return f"These are the values of {name}: are the results in the right order?"
    if wrong.ndim >= 2 and wrong.shape[-1] == wrong.shape[-2] and same(wrong.swapaxes(-1, -2), truth):
        return "It is the transpose of the right one."
    apart = largest(relative_error(wrong, truth))
    if 0 < apart < 1e-4:
        return (
            f"Right to about {-math.log10(apart):.0f} digits: is something float32 here, a constant rounded, or a tiny ε added?"
        )
    strong = np.abs(truth) > 1e-3 * np.abs(truth).max(initial=0.0)
    if strong.any():
        ratio = wrong[strong] / truth[strong]
        if np.ptp(ratio) < SAME * np.abs(ratio).max() and same(truth * ratio.mean(), wrong) and wrong.size > 1:
            return (
                "It has the wrong sign everywhere."
                if abs(ratio.mean() + 1) < SAME
                else (f"Every entry is {ratio.mean():.4g} times the right one: a factor is missing or too many.")
            )
    return None


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
