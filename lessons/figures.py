"""What all figures of the course share: colours that the colour-blind tell apart, and yours beside the right one."""

import numpy as np

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"  # of Okabe and Ito's colours
STYLE = {
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "font.size": 10,
}


def as_rows(array):
    """Any array as a matrix to draw: the last axis runs to the right, all others down."""
    array = np.atleast_1d(np.asarray(array, dtype=np.float64))
    return array.reshape(-1, array.shape[-1])


def heat(axis, array, title, limit):
    """A matrix as coloured squares, its values written into them where there is room."""
    rows = as_rows(array)
    axis.imshow(rows, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto" if rows.shape[0] > 4 * rows.shape[1] else "equal")
    axis.set(title=title, xticks=range(rows.shape[1]), yticks=range(rows.shape[0]))
    if rows.size <= 80:
        for (i, j), value in np.ndenumerate(rows):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.6 * limit else "black"
                text = f"{value:.1g}" if abs(value) < 0.001 else f"{value:.2g}"
                axis.text(j, i, text, ha="center", va="center", fontsize="x-small", color=colour)


def lay_out_once(figure):
    """Finds the places of all panels now and whenever the window changes its size, and not at every frame, which is slow."""

    def lay_out(event=None):
        figure.set_layout_engine("constrained")
        figure.draw_without_rendering()
        figure.set_layout_engine("none")

    figure.canvas.mpl_connect("resize_event", lay_out)
    lay_out()


def beside(name, yours, right, label):
    """A figure of three: yours, the right one, and the difference."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        shape = as_rows(right).shape
        figure = Figure(figsize=(11, min(9, max(2.6, 1.2 + 0.33 * shape[0]))))
        limit = float(np.nanmax(np.abs(np.concatenate([as_rows(yours).ravel(), as_rows(right).ravel()])), initial=1e-12))
        panels = [(yours, f"yours: {name}"), (right, label)]
        panels += [(yours - right, "the difference")] if np.shape(yours) == np.shape(right) else []
        for axis, (array, title) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            heat(axis, array, f"{title}  {np.shape(array)}", limit)
            if np.ndim(array) > 2:
                axis.set_xlabel("its tables, one below the other")
        return figure
