"""Start here: the check, the mistakes and the quiz."""

import numpy as np

from lessons.exercise import Exercise, Mistake, Question

TITLE = "Start here"
MINUTES = 5
NEEDS = []
GOALS = [
    "You can check your code, read what the check says, mend a line and check again.",
    "You can find the hints, the solution, the demo and the quiz of a lesson.",
    "You can say what an image is to a computer: a table of numbers, one for each pixel.",
]
PICTURE = (
    "Left, a handwritten 3 of 8 by 8 pixels, with a square around each of its brightest pixels; right, the same picture with "
    "every other pixel black. The function keeps the largest number of the table and sets the others to 0."
)


def _image(rng, height, width, row, column):
    """Random pixels; the brightest at that place."""
    image = rng.uniform(0.1, 0.8, (height, width))
    image[0, 0], image[row, column] = 0.45, rng.uniform(0.85, 0.99)  # the corner is neither the darkest nor the brightest
    return image


def cases(rng):
    several = _image(rng, 4, 5, 1, 2)
    several[3, 4] = several[1, 2]
    nearly = _image(rng, 3, 4, 1, 2)
    nearly[0, 3], nearly[2, 1] = nearly[1, 2] * 0.95, nearly[1, 2] * (1 - 1e-6)
    return {
        "ordinary": (_image(rng, 3, 5, 2, 3),),
        "one row": (_image(rng, 1, 4, 0, 2),),
        "a square": (_image(rng, 4, 4, 3, 1),),
        "two pixels that are equally bright": (several,),
        "pixels that are nearly as bright as the brightest": (nearly,),
    }


def spec(image):
    height, width = image.shape
    peak = image[0, 0]
    for row in range(height):
        for column in range(width):
            if image[row, column] > peak:
                peak = image[row, column]
    left = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if image[row, column] == peak:
                left[row, column] = peak
    return left


LINE = "peak = image.max()"

MISTAKES = [
    Mistake("", LINE, "peak = picture_of_a_digit.max()", step="run"),
    Mistake(
        "Yours keeps the darkest pixels: the smallest number of the table is the one that it looks for.",
        LINE,
        "peak = image.min()",
    ),
    Mistake(
        "Yours leaves nothing: no pixel is equal to what it looks for. The peak is the largest number of the table, not their "
        "average, and to ask for it max needs its brackets.",
        LINE,
        "peak = image.mean()",
    ),
    Mistake(
        "Yours looks for the largest number in the first row alone; the brightest pixel may stand in any row.",
        LINE,
        "peak = image[0].max()",
    ),
    Mistake(
        "Yours keeps the brightest pixel of every column. The image has one peak; each column has one of its own.",
        LINE,
        "peak = image.max(axis=0)",
    ),
    Mistake(
        "Yours also keeps pixels that are nearly as bright as the brightest. Only those that are as bright stay.",
        "image == peak",
        "image >= 0.9 * peak",
    ),
    Mistake(
        "np.isclose also keeps pixels that are almost as bright as the brightest. Compare with ==: a pixel is "
        "the largest number, or is not.",
        "image == peak",
        "np.isclose(image, peak)",
    ),
]

EXERCISES = [
    Exercise(
        "brightest",
        dtype=False,
        cases=cases,
        spec=spec,
        mistakes=MISTAKES,
        hints={
            "": (
                "The message names a line of your file. Which names stand in that line, and where does each of them come from?",
                "Python does not know one of the names in that line: two of its letters have changed places.",
                "The line wants the largest number of what the function was given: write its name as the line with def has it.",
            )
        },
        read={"": "A first failure, on purpose"},
    )
]

QUIZ = [
    Question(
        "The check says NO. What has happened to your file?",
        (
            "Nothing: it was read and run, and stays as you saved it.",
            "It was put back to how it was at the start.",
            "The wrong line was taken out.",
        ),
        0,
        "A check reads your file and never writes to it. Only reset puts a lesson back to its start, and it keeps a backup.",
    ),
    Question(
        "You would like to see the value of a variable while the check runs. What do you do?",
        (
            "It cannot be done: the check hides what the code prints.",
            "Write a print into the function and check again.",
            "Read the solution.",
        ),
        1,
        "The check shows what your code prints. A print is often the quickest way to find out where a number goes wrong.",
    ),
    Question(
        "What is a grey image of 8 by 8 pixels to the computer?",
        (
            "A list of the lines and curves that were drawn.",
            "The name of the digit.",
            "A table of 64 numbers, one brightness for each pixel.",
        ),
        2,
        "There is nothing in it but numbers. To find the curves, and from them the digit, is what the model has to learn.",
    ),
]
