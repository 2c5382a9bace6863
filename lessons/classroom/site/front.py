"""The front door, where a ViT is trained in the tab, and the place where a lesson trains: what is said there."""

import re

from .. import course

TRAINS = {  # the lessons that train, and what stands above the button
    "07": (
        "Your network, trained in this page: first_run, step by step, by the functions of your file. Then draw a digit, and what "
        "you wrote reads it."
    ),
    "16": (
        "Your Vision Transformer, trained in this page by your train_vit. It makes 25 epochs here instead of 70, since a browser "
        "needs some seconds for each. Draw meanwhile, and see what it thinks of it, and where it looks."
    ),
}


def training(number):
    """Where a lesson trains, or nothing."""
    if number not in TRAINS:
        return ""
    title = '<h2 id="train-title">Train it here</h2>'
    return f'<section id="train" aria-labelledby="train-title">{title}\n<p>{TRAINS[number]}</p></section>'


def door(readme):
    more = (
        '<a href="readme.html">Read about the library</a>, or run it on your own machine'
        if readme
        else "Or run it on your own machine"
    )
    return f"""<h1>Train a Vision Transformer in this tab</h1>
<p class="lead">This is minivit, a Vision Transformer from scratch in NumPy with every gradient written by hand. Press Train: the
library itself runs in this page, on 1,437 handwritten digits, and then reads what you draw.</p>
<section id="train" aria-label="Training"></section>
<h2>And then?</h2>
<p><a href="index.html">Write one yourself</a>, in a course whose checker tells you which term of a gradient is wrong; in the
browser, too. {more}.</p>"""


def readme():
    """{"readme": README as a page of its own, its links into the project's files as text} where it lies beside the course."""
    path = course.FOLDER.parent / "README.md"
    if not path.exists():
        return {}
    text = re.sub(r"(?ms)^!\[[^\]]*\]\([^)]*\)$\n*(^\*.*?\*$)?", "", path.read_text(encoding="utf-8"))  # pictures stay there
    return {"readme": re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]+\)", r"\1", text)}
