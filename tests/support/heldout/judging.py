"""Whether what the checker says of a wrong answer is true, by the cause that its author gave.

A sentence is true if it agrees with the cause; what can be tested is tested instead: a change that mends the answer
stands in a line that is wrong; a listed mistake gives what the answer gives, in every case and for other numbers.
"""

import difflib
from functools import cache

from lessons.classroom.checker import diagnose
from lessons.classroom.checker.checker import UNSURE
from lessons.classroom.checker.evidence import Evidence
from lessons.classroom.checker.named import Named

from .said import OBSERVED, SAID

# What a sentence of this kind says can be the same mistake in other words: W·σ for W is a factor too many, and the wrong array
TRUE_OF = {
    "missing term": "missing term, step, extreme, index, option",
    "extra term": "extra term, step, index, case",
    "sign": "sign, order, case",
    "scale": "scale, constant, factor, step, option, case, wrong array",
    "sign and scale": "sign, scale, constant, factor",
    "factor": "factor, scale, wrong array, missing term, order, step, case",
    "axis": "axis, shape, case, step, index, scale",
    "wrong array": "wrong array, factor, option, axis, order, index, case",
    "wrong function": "wrong array, step, order, scale, factor, axis",
    "transposed": "transposed, shape, order, axis, index",
    "order": "order, transposed, index, wrong array",
    "index": "index, order, step, constant, case, missing term",
    "constant": "constant, scale, option, extreme",
    "option": "option, constant",
    "case": "case, index, step, option",
    "step": "step, order, extra term, missing term, shape, wrong array, sign, factor",
    "alias": "alias, mutation",
    "dtype": "dtype, constant",
    "cancellation": "extreme",
}  # fmt: skip

# Steps whose sentence says what was seen, and by it what is wrong: of which causes that is a name
STEPS = {
    "inputs": "mutation, alias", "dtype": "dtype, constant, wrong array, alias",
    "finite": "extreme, step, case, factor, sign, constant, missing term, order",
    "float32": "extreme, dtype, constant", "repeat": "alias, mutation, step, index, case",
    "cases": "case, alias, option, extreme, factor",
    "shape": "", "count": "", "order": "", "kind": "", "run": "", "memory": "", "start": "",
}  # fmt: skip

# Read, and found true though the cause has another word
READ = {
    "06-cross_entropy-9": "the largest score in the label's place: what is left of the formula has no term of the label",
    "23-iou-1": "the centre in the corner's place: half of the size is not taken off, a term",
    "22-biased_attention-5": "the mean that the slope of softmax takes off is a term",
    "22-axial_angles-7": "without the first speed each angle is that of the next, smaller by one factor",
    "22-soft_split-7": "the image's own numbers lie in the buffer, and are added: x is a term too many",
    "24-mean_and_error-1": "the 1/n that the standard error has beside the deviation",
    "24-mean_and_error-6": "n - 1 stands in both places, and either of them may be the n",
    "23-giou-13": "dy left out is a factor left out",
}


def _words(text):
    return set(text.split(", "))


@cache
def _lines(source):
    return source.strip().split("\n")


def changed_lines(answer):
    """The numbers of the lines of the learner's file that differ from the right answer, and those beside what was left out."""
    first = len(answer.file()) - len(_lines(answer.source)) + 1
    lines = set()
    for what, _, _, begin, end in difflib.SequenceMatcher(None, _lines(answer.right), _lines(answer.source), False).get_opcodes():
        if what != "equal":
            lines |= set(range(begin, end)) if end > begin else {begin - 1, begin}
    return {first + line for line in lines}


def is_true(answer, sentence, lesson, exercise, part, names):
    """Whether one Named sentence is true of the answer."""
    if sentence.kind in (*UNSURE, "two") or answer.id in READ:
        return True
    if "line" in sentence.about and sentence.about["line"] in changed_lines(answer):
        return True
    if sentence.kind == "listed":
        function = diagnose.planted(lesson, exercise, sentence.about["mistake"])
        return all(Evidence(lesson, exercise, part, names, seed).agrees(function) for seed in (1, 2))
    return bool(_words(TRUE_OF[sentence.kind]) & set(answer.cause))


def judged(answer, result, lesson, exercise, names):
    """("named" | "unnamed" | "false" | "accepted", the sentence that makes it so)."""
    if result is None or result.status == "passed":
        return "accepted", ""
    part = result.task.partition(".")[2]
    told = [look for look in result.looks if isinstance(look, Named)]
    for sentence in told:
        if not is_true(answer, sentence, lesson, exercise, part, names):
            return "false", str(sentence)
    if any(sentence.kind not in UNSURE for sentence in told) and result.step != "check":
        return "named", str(told[0])
    if result.step == "check":
        return _own_check(answer, result, told)
    if result.step in STEPS:
        allowed = STEPS[result.step]
        return ("named" if not allowed or _words(allowed) & set(answer.cause) else "false"), str(result.rows[-1:])
    return "unnamed", str(result.details[:1])


def _own_check(answer, result, told):
    """The sentences of an exercise's own check are written by hand: said.py holds of which causes each was found to be true."""
    first = result.looks[0]
    if any(pattern in first for pattern in OBSERVED):
        return ("named" if told else "unnamed"), first
    causes = next((causes for start, causes in SAID.get(answer.number, {}).items() if first.startswith(start)), None)
    if causes is None:
        return "false", f"not read yet: {first}"
    return ("named" if _words(causes) & set(answer.cause) else "false"), first
