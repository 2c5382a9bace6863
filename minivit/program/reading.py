"""The figure of how pictures were read, from the file to what the model sees."""

import matplotlib

from .figures import STYLE, shorter, show, subplots

GREY = "#999999"


@matplotlib.rc_context(STYLE)
def steps(rows):
    """A row a picture: rows [(name, [(what it is, an array (h, w), (h, w, 1) or (h, w, 3))], the answer)]."""
    columns = max(len(pictures) for _, pictures, _ in rows)
    figure, axes = subplots(len(rows), columns, (2.1 * columns, 2.5 * len(rows) + 0.2))
    for axis in axes.flat:
        axis.set_axis_off()
    for row, (name, pictures, answer) in zip(axes, rows, strict=True):
        places = [*row[: len(pictures) - 1], row[-1]]  # what the model sees stands in the last column
        for axis, (what, values) in zip(places, pictures, strict=True):
            show(axis, values if values.ndim == 3 else values[..., None], (0, 1))
            axis.axis("on")
            axis.set(xticks=(), yticks=())
            axis.spines[:].set(visible=True, color=GREY)  # where white paper ends
            axis.set_title(what, fontsize=9)
        row[0].set_title(f"{shorter(name, 24)}\nthe picture", fontsize=9)
        row[-1].set_title(f"{shorter(answer, 24)}\nwhat the model sees", fontsize=9)
    return figure
