"""A course of three small lessons, so that the tests of the machinery do not depend on what the real lessons say.

01_double   a plain function: double(x)
02_centre   an op of two inputs, one of them shared by the batch: centre(x, weight)
03_word     an exercise with a check of its own: word()
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]

DOUBLE = """\
# %% [markdown]
# # 01 · Double
#
# Twice the number: $2 x$.

# %%
import numpy as np


def double(x):
    # BEGIN SOLUTION: twice x
    return 2 * x
    # END SOLUTION
"""

DOUBLE_CHECK = """
from lessons.exercise import Exercise, Mistake, Question

TITLE, MINUTES, NEEDS, GOALS = "Double", 5, [], ["You can double a number."]
PICTURE = ""


def spec(x):
    y = x.copy()
    for place in range(y.size):
        y.reshape(-1)[place] *= 2
    return y


EXERCISES = [
    Exercise(
        name="double",
        cases=lambda rng: {"ordinary": (rng.standard_normal((2, 3)),), "no numbers at all": (np_zeros(),)},
        spec=spec,
        extreme=lambda rng: {"large numbers": (1e100 + np_zeros(4),)},
        mistakes=[Mistake("That is the square.", old="2 * x", new="x * x")],
        hints={"": ("Nudge of double.", "Idea of double.", "Plan of double.")},
        read={"": "Double"},
    )
]
QUIZ = [
    Question("What is twice 2?", ("3", "4"), 1, "Two and two make four."),
    Question("What is twice 0?", ("0", "1", "2"), 0, "Nothing and nothing make nothing."),
]


def np_zeros(n=0):
    import numpy as np

    return np.zeros(n)
"""

CENTRE = """\
# %% [markdown]
# # 02 · Centre
#
# Each row of $x$ minus its mean $\\mu$, times $\\gamma$:
#
# $$
# y = (x - \\mu) \\odot \\gamma
# $$
#
# ![A row before and after](expected.png)

# %%
import numpy as np

# %% [markdown]
# ## The gradient
#
#     in code blocks $x$ stays $x$

# %%
def centre(x, weight):
    # BEGIN SOLUTION: the output, and backward
    centred = x - x.mean(-1, keepdims=True)
    y = centred * weight

    def backward(dy):
        g = dy * weight
        dx = g - g.mean(-1, keepdims=True)
        dweight = (dy * centred).sum(tuple(range(dy.ndim - 1)))
        return dx, dweight

    return y, backward
    # END SOLUTION


# %%
def helper():
    # BEGIN SOLUTION
    return "right"
    # INSTEAD
    # return "mend me"
    # END SOLUTION
"""

RIGHT = """\
def centre(x, weight):
    centred = x - x.mean(-1, keepdims=True)

    def backward(dy):
        g = dy * weight
        return g - g.mean(-1, keepdims=True), (dy * centred).sum(tuple(range(dy.ndim - 1)))

    return centred * weight, backward
"""

CENTRE_CHECK = """
import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE, MINUTES, NEEDS, GOALS = "Centre", 10, ["01"], ["You can centre a row."]
PICTURE = ""


def cases(rng):
    def draw(*shape):
        return rng.standard_normal(shape), rng.standard_normal(shape[-1])

    return {"ordinary": draw(2, 3, 5), "batch of 1": draw(1, 3, 5), "an extra axis": draw(2, 2, 3, 5), "a square": draw(4, 4)}


def spec(x, weight):
    y = np.empty_like(x)
    for place in np.ndindex(x.shape[:-1]):
        row = [float(value) for value in x[place]]
        for i, value in enumerate(row):
            y[(*place, i)] = (value - sum(row) / len(row)) * float(weight[i])
    return y


def terms_of_dx(x, weight, dy):
    g = dy * weight
    return [
        Term("γ·dy", g, "It goes straight through."),
        Term("−mean(γ·dy)", -g.mean(-1, keepdims=True), "µ depends on every x in the row."),
    ]


def terms_of_dweight(x, weight, dy):
    centred = x - x.mean(-1, keepdims=True)
    return [Term("sum of dy·(x − µ)", (dy * centred).sum(tuple(range(dy.ndim - 1))), "Every row uses the same γ.")]


EXERCISES = [
    Exercise(
        name="centre",
        cases=cases,
        spec=spec,
        gradients=("dx", "dweight"),
        extreme=lambda rng: {"a constant row": (np.full((2, 5), 3.0), np.ones(5))},
        large=lambda rng: (rng.standard_normal((6000, 8)), rng.standard_normal(8)),
        terms={"dx": terms_of_dx, "dweight": terms_of_dweight},
        symbols=lambda x, weight: {"B": x.shape[0], "T": x.shape[1], "D": x.shape[-1]},
        mistakes=[
            Mistake("γ was left out of dx.", old="g = dy * weight", new="g = dy"),
            Mistake("γ meets the centred numbers, not x.", old="(dy * centred)", new="(dy * x)"),
            Mistake("The mean stays in.", old="centred = x - x.mean(-1, keepdims=True)", new="centred = x"),
        ],
        hints={
            "forward": ("Nudge of forward.", "Idea of forward.", "Plan of forward."),
            "backward": ("Nudge of backward.", "Idea of backward.", "Plan of backward."),
        },
        read={"forward": "Centre", "backward": "The gradient"},
    )
]
QUIZ = [Question("Mean of 1 and 3?", ("2", "4"), 0, "Half of four.")]
"""

WORD = """\
# %% [markdown]
# # 03 · Word

# %%
def word():
    # BEGIN SOLUTION: the word
    return "yes"
    # END SOLUTION
"""

WORD_CHECK = """
from lessons.exercise import Exercise, Question, Wrong

TITLE, MINUTES, NEEDS, GOALS = "Word", 5, ["01", "02"], ["You can say a word."]
PICTURE = ""


def check(function, namespace, rng):
    word = function()
    if not isinstance(word, str):
        raise Wrong("word() gives no text\\nPut it between quotes.")
    yield "it is a text"
    if len(word) != 3:
        raise Wrong(f"the word has {len(word)} letters")
    yield "it has three letters"


EXERCISES = [Exercise(name="word", check=check, hints={"": ("Nudge.", "Idea.", "Plan.")}, read={"": "Word"})]
QUIZ = [Question("Is it a word?", ("yes", "no"), 0, "It is.")]
"""

LESSONS = {"01_double": (DOUBLE, DOUBLE_CHECK), "02_centre": (CENTRE, CENTRE_CHECK), "03_word": (WORD, WORD_CHECK)}


def build_course(folder):
    """folder/lessons: the course's own machinery, and the small lessons in place of the real ones."""
    lessons = folder / "lessons"
    shutil.copytree(ROOT / "lessons" / "classroom", lessons / "classroom", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "lessons").glob("*.py"):
        shutil.copy(path, lessons)
    for name, (source, check) in LESSONS.items():
        (lessons / name).mkdir()
        (lessons / name / "lesson.py").write_text(source, encoding="utf-8")
        (lessons / name / "check.py").write_text(check, encoding="utf-8")
    return folder
