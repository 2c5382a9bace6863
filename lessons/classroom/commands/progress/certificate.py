"""The page at the end of the course: the learner's Vision Transformer, its training, and the code that is theirs."""

import base64
import html
import io
from string import Template

import numpy as np

from minivit.training.files import replacing

from ....figures import BLUE, GREY, ORANGE, STYLE
from ... import course
from .diagram import diagram

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>A Vision Transformer, written by hand</title>
<style>
* { box-sizing: border-box; }
body { max-width: 56rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: #fff; color: #1c1c1c;
  font: 1rem/1.5 Georgia, "Times New Roman", serif; }
.frame { padding: 2rem 2.5rem; border: 2px solid #0072b2; outline: 1px solid #0072b2; outline-offset: 4px; text-align: center; }
h1 { margin: 0 0 .3rem; font-size: 2rem; line-height: 1.2; font-weight: normal; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.25rem; break-after: avoid; }
.name { width: 22rem; max-width: 100%; margin: 0 auto 1.5rem; border-bottom: 1px solid #555; }
.small { color: #555; font-size: .9rem; margin: .2rem 0 1rem; }
.numbers { display: flex; flex-wrap: wrap; justify-content: center; gap: .5rem 2.5rem; margin: 1.2rem 0; padding: 0;
  list-style: none; }
.numbers b { display: block; font-size: 1.7rem; font-weight: normal; color: #0072b2; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
pre { overflow-x: auto; padding: .75rem 1rem; background: #f3f4f6; border-radius: .4rem;
  font: .8rem/1.35 ui-monospace, Consolas, monospace; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
td { padding: .15rem .5rem; border-bottom: 1px solid #ddd; }
@media print { body { max-width: none; padding: 6px; font-size: 10.5pt; } pre { white-space: pre-wrap; }
  .next { break-before: page; } .frame { padding: 1.2rem 1.5rem; } }
</style>
</head>
<body>
<main>
<section class="frame">
<h1>A Vision Transformer, written by hand</h1>
<p>every gradient derived, every line checked, trained from nothing</p>
<p class="small">by</p>
<p class="name">&nbsp;</p>
<ul class="numbers">
<li><b>$accuracy</b> of 360 test digits</li>
<li><b>$own of $parts</b> parts their own code</li>
<li><b>$parameters</b> parameters</li>
</ul>
<img alt="$alt" src="data:image/png;base64,$picture">
<p class="small">$date</p>
</section>
<section class="next">
<h2>The model, part by part</h2>
<pre>$diagram</pre>
</section>
<section>
<h2>Lessons</h2>
<table>$lessons</table>
</section>
<section class="next">
<h2>The code</h2>
$code
</section>
</main>
</body>
</html>
""")


def write_page(path, model, run):
    """Writes the page for a trained ViT: model, and run with "losses", "test_accuracy", "mean", "std"."""
    states = course.progress()
    done = [(lesson, states[lesson.number].date) for lesson in course.lessons() if _passed(states, lesson)]
    lines, own, parts = diagram()
    losses = run["losses"]
    page = PAGE.substitute(
        accuracy=f"{100 * run['test_accuracy']:.1f} %",
        own=own,
        parts=parts,
        parameters=f"{sum(array.size for array in model.state_dict().values()):,}",
        alt=f"The training loss falls from {losses[0]:.2f} to {losses[-1]:.2f} in {len(losses):,} steps. Twelve test digits, "
        "each with the model's answer.",
        picture=_picture(model, run),
        date=max((date for _, date in done), default=""),
        diagram=html.escape("\n".join(lines)),
        lessons="".join(f"<tr><td>{x.number}<td>{html.escape(x.title)}<td>{date}" for x, date in done),
        code=_code(),
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


def _passed(states, lesson):
    return lesson.number in states and states[lesson.number].status == "passed"


def _picture(model, run):
    """The training curve, and twelve test digits with the answers, as PNG in base64."""
    import matplotlib
    from matplotlib.figure import Figure

    from minivit import no_grad
    from minivit.data import load

    data = load("digits")
    images = ((data.test_images[:12] - run["mean"]) / run["std"]).astype(np.float32)
    with no_grad():
        answers = model(images).data.argmax(axis=-1)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 3))
        left, right = figure.subfigures(1, 2, width_ratios=(5, 4))
        axes = left.subplots()
        axes.plot(run["losses"], color=BLUE, linewidth=1)
        axes.axhline(np.log(10), color=GREY, linestyle="--", linewidth=0.8)
        axes.set(xlabel="step", ylabel="training loss", ylim=(0, None))
        for i, axes in enumerate(right.subplots(3, 4).flat):
            axes.imshow(data.test_images[i, ..., 0], cmap="gray_r")
            axes.set_title(str(answers[i]), fontsize="medium", color="black" if answers[i] == data.test_labels[i] else ORANGE)
            axes.axis("off")
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=150)
    return base64.b64encode(drawn.getvalue()).decode()


def _code():
    """The modules of the exported package that are the learner's, as they wrote them."""
    from ..export import WANTED
    from ..export.pieces import collect, source

    try:
        theirs = [file for file in collect(WANTED) if file.theirs]
        blocks = [f"<pre>{html.escape(source(file))}</pre>" for file in theirs]
    except ValueError as error:
        return f"<p>{html.escape(str(error))}</p>"
    return "<p>As a package that trains with NumPy alone: python -m lessons export my_vit</p>\n" + "\n".join(blocks)
