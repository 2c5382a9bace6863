"""Sentences that show what differs, and what a missing name may mean."""

import numpy as np
import pytest

from lessons.classroom.checker import diagnose, loading, sentences


@pytest.mark.parametrize(
    "numbers, told",
    [
        ((1.0, 2.0), "yours 1, wanted 2"),
        ((0.9330127, 0.9330131), "yours 0.9330127, wanted 0.9330131"),
        ((1.0, 1.0 + 2**-52), "yours 1, wanted 1.0000000000000002"),
        ((3.0, 3.0), "yours 3, wanted 3"),
    ],
)
def test_two_numbers_are_shown_with_the_digits_that_differ(numbers, told):
    assert sentences.compared(*numbers) == told


def test_the_worst_entry_shows_the_digits_that_differ():
    right = np.array([[1.0, 2.0], [3.0, 0.933012701]])
    wrong = right + [[0, 0], [0, 1e-5]]
    assert diagnose.worst_entry("y", wrong, right, "wanted")[0] == "worst entry y[1, 1]: yours 0.93302, wanted 0.93301"


@pytest.mark.parametrize(
    "text, told",
    [
        ("batch = 3\nmath.sqrt(2)", "there is no 'math' here: is  import math  missing at the top of the file?"),
        ("np.zeros(3)", "is  import numpy as np  missing"),
        ("mine.gelu", "is  from lessons import mine  missing"),
        ("import numpy as np\nexp(3)", "there is no 'exp' here: did you mean 'np.exp'?"),
        ("from lessons import mine\nsoftmax(3)", "there is no 'softmax' here: did you mean 'mine.softmax'?"),
        ("import math\nisqrt(3)", "there is no 'isqrt' here: did you mean 'math.isqrt'?"),
        ("weight = 3\nweigth", "there is no 'weigth' here: did you mean 'weight'?"),
    ],
)
def test_a_name_that_is_not_known(text, told):
    with pytest.raises(loading.Problem) as problem:
        loading.load("answer.py", text)
    assert told in problem.value.lines[-1]
