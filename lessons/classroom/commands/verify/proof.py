"""What is proved of one lesson, and counted."""

import contextlib
import inspect
import io
import json
from unittest import mock

import numpy as np
from threadpoolctl import threadpool_limits

from ....own import mine
from ... import course
from ...checker import checker, diagnose, loading, mending
from ...checker.calling import as_tuple, cast
from ...checker.evidence import Evidence
from ...checker.gradients import Gradients
from ...pages import build
from . import texts

MISTAKE_SEEDS = 3
TWO_AT_ONCE = 20  # pairs of listed mistakes for each exercise
NAMED = 0.9  # of the listed mistakes, at least so many by their own sentence
COUNTS = "solutions stubs correct mistakes named pairs poisoned seeds notebooks pictures demos".split()


class Proof:
    """What was counted, and what failed, for one lesson."""

    def __init__(self, lesson, seeds):
        self.lesson, self.seeds = lesson, seeds
        self.counts, self.failures, self.unnamed = dict.fromkeys(COUNTS, 0), [], []

    def expect(self, truth, sentence, count=""):
        if count:
            self.counts[count] += bool(truth)
        if not truth:
            self.failures.append(f"lesson {self.lesson.number}: {sentence}")
        return truth


def prove(job):
    """All that is proved of one lesson: (counts, failures, unnamed)."""
    number, seeds, write = job
    proof = Proof(course.find(number), seeds)
    with threadpool_limits(1, "blas"), mine.of_the_course():
        _written(proof) if write else texts.texts(proof)
        for part in (_solution, _stub, _correct, _mistakes, _two_at_once, _poison, _notebook, _picture, _demo):
            part(proof)
    return proof.counts, proof.failures, proof.unnamed


def solution_names(lesson):
    """The solution as a learner's file: its names, freshly made."""
    return loading.load(f"<solution {lesson.number}>", build.solution(lesson.source, lesson.name))


def _quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


def first_wrong(lesson, exercise, changed, seed=0, names=None):
    """The first Result that is not "passed" when the solution's names are `changed`, or None."""
    namespace = names or solution_names(lesson)
    namespace = namespace | changed if changed else namespace  # the dictionary itself: by it an error's own lines are known
    results = _quietly(checker.check_exercise, lesson, exercise, namespace, seed)
    return next((result for result in results if result.status != "passed"), None)


def _solution(proof):
    with mock.patch.object(Gradients, "as_the_solution", lambda *known: False):  # here the slopes are measured in every case
        results = _quietly(checker.check_lesson, proof.lesson, solution_names(proof.lesson))
    for result in results:
        proof.expect(
            result.status == "passed",
            f"the solution of {result.title} is {result.status}: {result.rows[-1:]} {result.details} {result.looks}",
            "solutions",
        )
        proof.expect(not result.notes, f"the solution of {result.title} is called slow")
    from minivit import ops

    for exercise in proof.lesson.exercises:
        if exercise.library:
            proof.expect(
                _equal_to_library(exercise, solution_names(proof.lesson)[exercise.name], ops.registry[exercise.library]),
                f"{exercise.name} differs from minivit.ops.{exercise.library}",
            )


def _equal_to_library(exercise, function, op):
    """On every case that the library's op takes: a lesson's function may take more, such as fewer axes, or the size of a tile."""
    compared = 0
    for given in exercise.cases(np.random.default_rng(1)).values():
        given = cast(given, np.float64)
        own = inspect.signature(function).bind(*given).arguments
        try:
            y0, backward0 = op.forward(*[value for name, value in own.items() if name in op.signature.parameters])
        except ValueError:
            continue
        y, backward = function(*given)
        dy = [np.ones_like(out) * 0.7 for out in as_tuple(y)]
        both = (*as_tuple(y), *as_tuple(backward(*dy))), (*as_tuple(y0), *as_tuple(backward0(*dy)))
        found, wanted = ([np.asarray(array) for array in arrays if array is not None] for arrays in both)
        if len(found) != len(wanted) or any(np.abs(a - b).max() > 1e-10 for a, b in zip(found, wanted, strict=True)):
            return False
        compared += 1
    return compared > 0


def _stub(proof):
    text = build.stub(proof.lesson.source, proof.lesson.name)
    try:
        results = _quietly(checker.check_lesson, proof.lesson, loading.load(f"<stub {proof.lesson.number}>", text))
    except loading.Problem as problem:
        proof.expect(False, f"the stub does not run: {problem.lines}")
        return
    begun = "# INSTEAD" in proof.lesson.source
    first = next((result for result in results if result.status != "passed"), None)
    proof.expect(first is not None and (begun or first.status == "not started"), f"the stub is {first and first.status}", "stubs")


def _correct(proof):
    """Correct answers written another way pass with every seed."""
    path = proof.lesson.folder / "correct.py"
    written = course.import_file(path, f"lessons.correct_{proof.lesson.name}").CORRECT
    for exercise in proof.lesson.exercises:
        versions = written.get(exercise.name, [])
        proof.expect(len(versions) >= 3, f"{exercise.name} has {len(versions)} correct answers written another way, and needs 3")
        for function in versions:
            wrong = (first_wrong(proof.lesson, exercise, {exercise.name: function}, seed) for seed in range(proof.seeds))
            failed = next(filter(None, wrong), None)
            why = failed and (failed.rows[-1:], failed.details, failed.looks)
            proof.expect(failed is None, f"{function.__name__}, a correct {exercise.name}, is rejected: {why}", "correct")
    proof.counts["seeds"] = proof.seeds


def _mistakes(proof):
    """Each listed mistake is rejected, and nearly each by its own sentence."""
    for exercise in proof.lesson.exercises:
        gradient = len(exercise.parts) == 2
        count = len(exercise.mistakes)
        proof.expect(count >= 6 or not gradient, f"{exercise.name} has {count} mistakes, and a gradient exercise needs 6")
        for mistake in exercise.mistakes:
            label = repr(mistake.says[:60] or mistake.step)
            if mistake.function:
                names, changed = None, {exercise.name: mistake.function}
            else:
                names, changed = diagnose.planted_names(proof.lesson, mistake), {}
            found = [first_wrong(proof.lesson, exercise, changed, seed, names) for seed in range(MISTAKE_SEEDS)]
            if proof.expect(all(found), f"the mistake {label} of {exercise.name} is not rejected", "mistakes"):
                named = all(_named(mistake, result) for result in found)
                proof.counts["named"] += named
                if not named:
                    result = found[0]
                    proof.unnamed.append(
                        f"{exercise.name}: {label}, but {result.step}: {result.rows[-1][1:]} {result.details} {result.looks}"
                    )
    if proof.counts["mistakes"]:
        share = proof.counts["named"] / proof.counts["mistakes"]
        proof.expect(share >= NAMED, f"only {100 * share:.0f} % of its mistakes are named")


def _two_at_once(proof):
    """Two listed mistakes at once, and one with a gradient of another scale: whatever is named agrees with all that is seen."""
    for exercise in (exercise for exercise in proof.lesson.exercises if exercise.gradients and not exercise.check):
        written = [mistake for mistake in exercise.mistakes if mistake.old]
        rng = np.random.default_rng(int(proof.lesson.number))
        for _ in range(TWO_AT_ONCE if len(written) > 1 else 0):
            one, two = rng.choice(len(written), 2, replace=False)
            function = _with_both(proof.lesson, exercise, written[one], written[two])
            if function is None:
                continue
            for wrong in (function, _three_times(diagnose.planted(proof.lesson, exercise, written[one]))):
                with mock.patch.object(mending, "found_in", lambda *known: []):  # it names what it has tried
                    result = first_wrong(proof.lesson, exercise, {exercise.name: wrong})
                told = [look for look in (result.looks if result else []) if getattr(look, "kind", "") == "listed"]
                part = result.task.partition(".")[2] if result else ""
                evidence = Evidence(proof.lesson, exercise, part, {exercise.name: wrong}, 1)
                for look in told:
                    listed = diagnose.planted(proof.lesson, exercise, look.about["mistake"])
                    proof.expect(evidence.agrees(listed), f"{exercise.name}: {look!r} is contradicted, with two mistakes at once")
                proof.counts["pairs"] += 1


def _with_both(lesson, exercise, one, two):
    """The function that makes both mistakes; None where they do not fit together."""
    text = build.solution(lesson.source, lesson.name).replace(one.old, one.new)
    if text.count(two.old) != 1 or two.old in one.new:
        return None
    namespace = {"__name__": "two mistakes", "__file__": "<two mistakes>"}
    try:
        exec(compile(text.replace(two.old, two.new), "<two mistakes>", "exec"), namespace)
    except SyntaxError:
        return None
    return namespace[exercise.name]


def _three_times(function):
    """The same op with its first gradient three times as large."""

    def scaled(*arguments):
        y, backward = function(*arguments)

        def backward_three_times(*dy):
            first, *rest = as_tuple(backward(*dy))
            return (3 * first, *rest)

        return y, backward_three_times

    return scaled


def _named(mistake, result):
    told = " ".join([*result.looks, *result.details])
    return mistake.says in told if mistake.says else result.step == mistake.step


def _poison(proof):
    """A function that raises fails the check: it is the learner's file that ran."""
    for exercise in proof.lesson.exercises:

        def poisoned(*arguments, **options):
            raise RuntimeError("poisoned")

        wrong = first_wrong(proof.lesson, exercise, {exercise.name: poisoned})
        proof.expect(wrong is not None, f"{exercise.name} can raise and still pass", "poisoned")


def _notebook(proof):
    """The notebook is the same each time, and its solution runs from top to bottom."""
    lesson = proof.lesson
    made = [build.notebook(lesson.source, lesson.number, lesson.name, lesson.checked) for _ in range(2)]
    proof.expect(made[0] == made[1], "its notebook differs from one time to the next")
    solved = json.loads(build.notebook(lesson.source, lesson.number, lesson.name, lesson.checked, build.solved))
    namespace = {"__name__": "__main__", "__file__": str(course.work() / f"{lesson.name}.py")}
    try:
        for cell in solved["cells"]:
            if cell["cell_type"] == "code":
                _quietly(exec, compile("".join(cell["source"]), f"<notebook {lesson.number}>", "exec"), namespace)
        proof.expect(True, "", "notebooks")
    except Exception as error:
        proof.expect(False, f"its notebook stops: {type(error).__name__}: {error}", "notebooks")


def _picture(proof):
    """The picture that the notebook drew is expected.png, as far as fonts and rounding allow, and is told in words."""
    from matplotlib.testing.compare import compare_images

    lesson, expected = proof.lesson, proof.lesson.folder / "expected.png"
    drawn = course.work() / f"{lesson.name}.png"
    if not proof.expect(drawn.exists() and expected.exists(), "expected.png or the drawn picture is missing", "pictures"):
        return
    different = compare_images(str(expected), str(drawn), tol=20)
    proof.expect(different is None, f"expected.png is not what the solution draws: {different}")
    proof.expect(len(lesson.about.PICTURE) > 60, "PICTURE, the text alternative, is too short")


def _demo(proof):
    """The demo draws itself without a window."""
    from ..demo import play

    target = course.work() / f"demo_{proof.lesson.number}"
    try:
        made = _quietly(play, proof.lesson, target, True, True)
        proof.expect(made.stat().st_size > 1000, "its demo saves an empty picture", "demos")
    except Exception as error:
        proof.expect(False, f"its demo stops: {type(error).__name__}: {error}", "demos")


def _written(proof):
    """Makes what is derived anew."""
    lesson = proof.lesson
    path = course.work() / f"{lesson.name}.py"
    path.write_text(build.solution(lesson.source, lesson.name), encoding="utf-8")
    namespace = {"__name__": "__main__", "__file__": str(path)}
    _quietly(exec, compile(path.read_text(encoding="utf-8"), str(path), "exec"), namespace)
    (lesson.folder / "expected.png").write_bytes(path.with_suffix(".png").read_bytes())
    (lesson.folder / "README.md").write_text(build.page(lesson.source, lesson.number), encoding="utf-8", newline="\n")
    texts.texts(proof)
