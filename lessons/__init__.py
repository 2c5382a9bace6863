"""The course: write a Vision Transformer yourself, gradient by gradient. Start with: python -m lessons

check(number)    in a notebook: checks what its cells define, like `python -m lessons check`
show(picture)    draws a lesson's picture with your functions
mine             your own functions from other lessons: mine.gelu
"""

from minivit import _former
from minivit.called import called

from .classroom.former import MOVED
from .own import mine

__all__ = ["check", "mine", "show"]
_former.keep(MOVED)


def check(number):
    """Checks the functions of the notebook (or file) that calls this, and prints what it finds."""
    import inspect

    from .classroom import course, report
    from .classroom.checker import checker

    lesson = course.find(number)
    results = [result.as_dict() for result in checker.check_lesson(lesson, inspect.stack()[1].frame.f_globals)]
    report.lesson(lesson, {"results": results, "printed": ""}, "this notebook")
    course.record_check(lesson, results)


def show(picture):
    """Draws the figure that picture() makes: inside a notebook, else into a PNG beside the file."""
    import builtins
    from pathlib import Path

    if hasattr(builtins, "get_ipython"):
        _show_in_notebook(picture)
        return
    path = Path(picture.__globals__["__file__"])
    try:
        figure = picture()
    except NotImplementedError as error:
        name, line = _innermost(error)
        check = f"{called('lessons')} check {path.name[:2]}"
        raise SystemExit(f"{name} is not written yet, line {line} of {path.name}: {check}") from None
    figure.savefig(path.with_suffix(".png"), dpi=120)
    print(f"drawn: {path.with_suffix('.png')}")


def _show_in_notebook(picture):
    """As show(), but an error is told and ends nothing: "Run all" of a notebook that is not done yet runs to its end."""
    from io import BytesIO

    from IPython.display import Image, display

    from .classroom.checker import sentences
    from .classroom.screen import say

    try:
        figure = picture()
    except NotImplementedError as error:
        name, _ = _innermost(error)
        say(f"No picture yet: {name} is not written yet. Write it in its cell, where it says YOUR CODE, and run all cells again.")
        return
    except Exception as error:
        sentence, _, where = sentences.of_error(error, picture.__globals__)
        say(f"No picture yet: {sentence}")
        say(" ".join([*where, "(the check in the cell below it says more)"]), indent=2)
        return
    figure.savefig(image := BytesIO(), dpi=100, format="png")
    display(Image(image.getvalue()))


def _innermost(error):
    """(function, line) where an error was raised."""
    import traceback

    frame = traceback.extract_tb(error.__traceback__)[-1]
    return frame.name, frame.lineno
