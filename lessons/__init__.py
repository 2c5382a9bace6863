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
    import traceback
    from pathlib import Path

    try:
        figure = picture()
    except NotImplementedError as error:
        frame, path = traceback.extract_tb(error.__traceback__)[-1], Path(picture.__globals__["__file__"])
        check = f"{called('lessons')} check {path.name[:2]}"
        raise SystemExit(f"{frame.name} is not written yet, line {frame.lineno} of {path.name}: {check}") from None
    try:
        get_ipython  # noqa: B018  defined in a notebook and nowhere else
        from io import BytesIO

        from IPython.display import Image, display

        figure.savefig(image := BytesIO(), dpi=100, format="png")
        display(Image(image.getvalue()))
    except NameError:
        path = Path(picture.__globals__["__file__"]).with_suffix(".png")
        figure.savefig(path, dpi=120)
        print(f"drawn: {path}")
