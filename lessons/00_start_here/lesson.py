# %% [markdown]
# # 00 · Start here
#
# How does a computer look at this 3?
#
# ![a digit, and its brightest pixels](expected.png)
#
# To a computer it is a table of numbers: 8 rows, 8 columns, one brightness for each pixel. The Vision Transformer that
# you build in this course starts from such a table and ends with "this is a 3". You write it piece by piece, and after
# each piece a check tells you whether it is right. In these five minutes you get to know that check.
#
# ## What this file is
#
# `python -m lessons start 00` wrote this file into the folder `work`. It is yours. What begins with `#` is text for you
# to read, the rest is Python. Each lesson leaves a few gaps in the code, marked `YOUR CODE`. You fill them, save the
# file, and type in a terminal, in the folder that holds `lessons` and `work`:
#
#     python -m lessons check 00
#
# Do you prefer a notebook? `python -m lessons notebook 00` makes one of the same text and code, in the same folder. There
# you run the cells from the top, and a cell after each gap holds the check: `check("00")`.

# %%
import numpy as np

# %% [markdown]
# ## A first failure, on purpose
#
# The function below keeps the brightest pixels of an image and makes all others black. One name in it is misspelled.
#
# 1. Change nothing yet. Run `python -m lessons check 00` and read what it says. It names the line, and the name in it
#    that Python does not know.
# 2. Go to that line. Compare the name letter by letter with the names in the line that begins with `def`.
# 3. Mend it, save the file, and check again.
#
# That is the rhythm of the whole course: check, read, mend, check. A failing check is not a bad mark. It is the quickest
# way to learn what the code does.


# %%
def brightest(image):
    """The image with only its brightest pixels left: every other pixel becomes 0.

    image is a table of numbers with H rows and W columns; so is what you return.
    """
    # BEGIN SOLUTION: one name in the next line is misspelled; mend it
    peak = image.max()
    # INSTEAD
    # peak = imgae.max()
    # END SOLUTION
    return np.where(image == peak, image, 0)  # (H, W)


# %% [markdown]
# A small example. The largest number of this table is 9, and it stands in two places:
#
#     image           brightest(image)
#     2  9  4         0  9  0
#     9  0  1         9  0  0
#
# `image.max()` is the largest number. `np.where(question, a, b)` takes the number from `a` wherever the answer is yes,
# and `b` elsewhere. Arrays have a lesson of their own, the next one.
#
# ## If you get stuck
#
# Print something: write `print(image)` into the function. The check shows what your code prints.
#
# Where numbers are wrong, the check gives an *error*: the largest difference between yours and the wanted ones, as a
# share of the largest wanted one. The *limit* is what rounding may leave. (1e-09 is Python for 0.000000001.)
#
# | command | what it does |
# |---|---|
# | `python -m lessons` | where you are, and the next step |
# | `python -m lessons list` | all lessons |
# | `python -m lessons start 01` | writes the file of a lesson into `work` |
# | `python -m lessons check 00` | checks your file, and stops at the first thing that is wrong |
# | `python -m lessons check 00 --plot` | the same, and draws yours beside the right one if they differ |
# | `python -m lessons watch` | checks again whenever you save; Ctrl+C ends it |
# | `python -m lessons hint 00` | a nudge; ask again for a bigger one, three in all |
# | `python -m lessons solution 00` | a way to write it, once you have passed |
# | `python -m lessons quiz 00` | a few questions on what you read |
# | `python -m lessons demo 00` | a moving or clickable picture |
# | `python -m lessons progress` | how far you are |
#
# You can break nothing. Your file is never overwritten without a copy: `python -m lessons reset 00` starts a lesson
# afresh and keeps what you had as a backup. Every other file of the course stays as it is.


# %%
def picture():
    """A digit, and what your function leaves of it."""
    from matplotlib.figure import Figure

    from lessons.figures import ORANGE
    from minivit.data import load

    image = load("digits").train_images[3, :, :, 0]  # (8, 8)
    left = brightest(image)
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, pixels, title in zip(figure.subplots(1, 2), (image, left), ("the image", "brightest(image)"), strict=True):
        axes.imshow(pixels, cmap="cividis", vmin=0, vmax=1)
        axes.set(title=title, xlabel="column", ylabel="row")
        for row, column in np.argwhere(left > 0):  # the places of the pixels that are left
            axes.plot(column, row, "s", markersize=24, markerfacecolor="none", markeredgecolor=ORANGE, markeredgewidth=2.5)
    return figure


# %% [markdown]
# ## Look at it
#
# When the check has passed, run the file itself: `python work/00_start_here.py`. (In a notebook, run its last cell.) It
# draws the picture on top of this page, with your function: on the left the 3, and on the right what your function keeps
# of it. The squares mark the same pixels in both. Then run `python -m lessons demo 00`. It shows where the course is going: the
# digit is cut into patches, and each patch becomes a row of numbers, a token.
#
# ## Argue about it
#
# Which pixels does a person need to see that this is a 3? Are the brightest ones among them?

# %%
if __name__ == "__main__":
    from lessons import show

    show(picture)
