"""The pages of the site as HTML. Every text that is not made by node.py is escaped here."""

import json
from html import escape

from ..checker import sandbox, worker
from ..pages import build
from . import front

LIMIT = 30  # seconds for a check: a browser's Python is several times slower than a laptop's


def _policy(foreign):
    """What a page may load and ask: the site itself, and where Pyodide's packages lie if that is elsewhere."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self' 'wasm-unsafe-eval'",
        "worker-src": "'self' blob:",
        "connect-src": f"'self' blob: {foreign}".strip(),
        "img-src": "'self' blob: data:",
        "style-src": "'self' 'unsafe-inline'",
        "form-action": "'none'",
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def page(title, body, root="", script="", foreign="", data=None):
    """A whole page. root: the way to the site's own folder. script: one of node.ENTRIES. data: what the script reads."""
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_policy(foreign))}">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(title)}</title>",
        f'<link rel="stylesheet" href="{root}style.css">',
        f'<link rel="icon" href="{root}icon.svg" type="image/svg+xml">',
    ]
    if script:
        head.append(f'<script type="module" src="{root}{script}"></script>')
    if data is not None:
        text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")  # so that no text ends the element
        body += f'\n<script type="application/json" id="data">{text}</script>'
    lines = ["<!doctype html>", '<html lang="en">', "<head>", *head, "</head>", "<body>", body, "</body>", "</html>"]
    return "\n".join(lines) + "\n"


def _top(root, links, status=False):
    """The bar on top: where else to go, and how Python is."""
    items = "".join(f'<li><a href="{href}">{escape(text)}</a></li>' for text, href in links)
    said = '<p id="python" role="status"></p>' if status else ""
    return (
        '<a class="skip" href="#main">Skip to the text</a>\n'
        f'<header><nav aria-label="Course"><ul>{items}</ul></nav>{said}</header>'
    )


_KEYS = '<p class="note" id="editing">In an editor Tab indents; Escape and then Tab leave it. Ctrl-Enter checks.</p>\n'
HOME = ("minivit: the course", "index.html")
LINKS = [HOME, ("Train one here", "train.html"), ("The paper's questions", "miniatures.html"), ("For teachers", "teachers.html")]


def lesson(lesson, html, before, after, foreign, demo=None):
    """The page of one lesson. html: of its cells of text, by their number. before, after: its neighbours, or None."""
    links = [(HOME[0], "../index.html")]
    links += [
        (f"{sign} {other.number}", f"../{other.name}/index.html")
        for sign, other in (("Before:", before), ("Next:", after))
        if other
    ]
    parts, cells, keys = [], [], _KEYS
    for number, (cell, block) in enumerate(
        zip(build.cells(lesson.source), build.stub_blocks(lesson.source, lesson.name), strict=True)
    ):
        if cell.kind == "markdown":
            parts.append(html[number])
            cells.append({"kind": "markdown", "text": block})
            continue
        code = build.unsolved(cell.text)
        parts.append(f'{keys}<div class="cell" id="cell-{number}"><pre><code>{escape(code)}</code></pre></div>')
        keys = ""  # they stand in front of the first
        runs = "draws" if "show(" in code else "runs" if "__main__" in code else ""
        cells.append({"kind": "code", "text": code, "checks": build.is_checked(cell.text, lesson.checked), "runs": runs})
    body = [
        _top("../", links, status=True),
        '<main id="main">\n<noscript><p class="note">Without JavaScript this page can be read, and not worked in.</p></noscript>',
        *parts,
        front.training(lesson.number),
        '<section id="own" aria-labelledby="own-title"><h2 id="own-title">Your file</h2></section>',
        _demo(demo),
        _quiz(lesson),
        "</main>",
    ]
    data = {
        "number": lesson.number,
        "name": lesson.name,
        "cells": cells,
        "quiz": [{"letter": q.letter, "because": q.because} for q in lesson.about.QUIZ],
        "limit": LIMIT,
        "slow": worker.TOO_SLOW,
        "ended": sandbox.ENDED,
        "crashed": sandbox.CRASHED,
    }
    return page(f"{lesson.number} {lesson.title}", "\n".join(body), "../", "lesson.js", foreign, data)


def _demo(demo):
    """demo: (file, what it shows), or None."""
    if demo is None:
        return ""
    file, shows = demo
    return (
        '<section id="demo" aria-labelledby="demo-title"><h2 id="demo-title">Demo</h2>\n'
        f"<p>{escape(shows)}</p>\n<details><summary>Show it, as it is saved</summary>"
        f'<img loading="lazy" src="{file}" alt="{escape(shows)}"></details></section>'
    )


def _quiz(lesson):
    parts = []
    for number, question in enumerate(lesson.about.QUIZ):
        answers = "".join(
            f'<label><input type="radio" name="question-{number}" value="{letter}"> '
            f"<span><b>{letter}</b> {escape(answer)}</span></label>"
            for letter, answer in question.lettered().items()
        )
        parts.append(
            f"<fieldset><legend>{number + 1} of {len(lesson.about.QUIZ)} &nbsp;{escape(question.text)}</legend>{answers}"
            '<button type="button">Answer</button><p role="status"></p></fieldset>'
        )
    return '<section id="quiz" aria-labelledby="quiz-title"><h2 id="quiz-title">Quiz</h2>\n' + "\n".join(parts) + "</section>"


def index(lessons):
    """The list of all lessons, how far the learner is, and their work as a zip."""
    rows = "\n".join(
        f'<li id="lesson-{x.number}"><a href="{x.name}/index.html"><b>{x.number}</b> {escape(x.title)}</a>'
        f'<span class="state"></span><span class="minutes">{x.about.MINUTES} min</span><p>{escape(x.about.GOALS[0])}</p></li>'
        for x in lessons
    )
    body = f"""{_top("", LINKS)}
<main id="main">
<h1>Write a Vision Transformer yourself</h1>
<p class="lead">{len(lessons)} lessons, from an array to a Vision Transformer that is yours, each gradient by hand. When a
gradient is wrong, you are told which of its terms is. Everything runs in this page: nothing is installed, and what you write
stays in this browser.</p>
<p id="next"></p>
<ol class="lessons">
{rows}
</ol>
<section aria-labelledby="work-title"><h2 id="work-title">Your work</h2>
<p>It is kept in this browser. Browsers may throw such things away: take it out as a zip now and then. On a laptop,
<code>python -m zipfile -e minivit-work.zip work</code> in a clone puts it where <code>python -m lessons</code> looks, over
files of the same name, and <code>python -m zipfile -c minivit-work.zip work/*.py work/progress.txt</code> makes a zip to bring in
here. Any other zip of these files will do, too.</p>
<p><button type="button" id="out">Take it out (zip)</button> <button type="button" id="in">Bring a zip in</button>
<input type="file" id="file" accept=".zip,application/zip" hidden aria-label="A zip of your work"></p>
<div id="said" role="status"></div></section>
</main>"""
    data = [{"number": x.number, "name": x.name, "title": x.title} for x in lessons]
    return page("minivit: the course", body, script="list.js", data=data)


def door(foreign, readme):
    """The front door. readme: whether there is a page of it."""
    body = f'{_top("", LINKS, status=True)}\n<main id="main">\n{front.door(readme)}\n</main>'
    return page("Train a Vision Transformer in this tab", body, "", "front.js", foreign)


def plain(title, html, root=""):
    """A page that is only read: for teachers, or of the miniatures."""
    top = _top(root, [(text, root + href) for text, href in LINKS])
    return page(title, f'{top}\n<main id="main">\n{html}\n</main>', root, "plain.js")
