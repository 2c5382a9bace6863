"""The command demo: runs a lesson's demo.py in a window, or saves it."""

import os
import sys
from pathlib import Path

from minivit.called import called

from ... import figures
from .. import course
from ..screen import say

HELP = "a figure or animation to play with"


def arguments(parser):
    parser.add_argument("--save", metavar="FILE", help="write a picture (.png) or an animation (.gif) and open no window")
    parser.add_argument("--big", action="store_true", help="large letters, for a projector")
    parser.add_argument("--quick", action="store_true", help="fewer frames")


def run(lesson, save, big, quick):
    """Opens the lesson's demo; the keys are written in it."""
    play(lesson, save, big, quick)


def play(lesson, save=None, big=False, quick=False):
    """Opens the demo's window; or writes it to `save`, and returns the path: a figure as PNG, an animation as GIF, or one
    picture of it as PNG. Raises ValueError for a file name of another kind, and where no window can be opened."""
    import matplotlib

    if save:
        path = Path(save)
        if not path.absolute().parent.is_dir():
            raise ValueError(f"there is no folder {path.parent} to save in: make it first, or name another")
        if path.suffix.lower() not in ("", ".png", ".gif") and not path.is_dir():
            raise ValueError(f"a demo is saved as PNG or, if it moves, as GIF, and not as {path.suffix}: --save {path.stem}.png")
        matplotlib.use("Agg")
    elif reason := no_window():
        raise ValueError(f"{reason}: {called('lessons')} demo {lesson.number} --save demo")
    import matplotlib.pyplot as plt
    from matplotlib.animation import Animation

    module = course.import_file(lesson.folder / "demo.py", f"lessons.demo_{lesson.name}")
    dpi = 200 if big and save else 110
    large = {"font.size": 13, "lines.linewidth": 2.5, "lines.markersize": 9} if big else {}
    keys = {name: [] for name in plt.rcParams if name.startswith("keymap.") and name not in ("keymap.quit", "keymap.fullscreen")}
    with plt.rc_context({**figures.STYLE, **large, **keys, "figure.dpi": dpi, "savefig.dpi": dpi}):  # the keys are the demos' own
        say(" ".join(module.__doc__.split()))
        shown = module.demo(quick=quick)
        if not save:
            if big:
                plt.get_current_fig_manager().full_screen_toggle()
            plt.show()
            return None
        moves = isinstance(shown, Animation)
        if moves:
            shown._draw_was_started = True  # it is drawn frame by frame, or not at all: no warning when it is thrown away
        path = _named(Path(save), moves)
        if path.suffix == ".gif":
            _save_animation(shown, path, dpi)
        else:
            (_still(shown) if moves else shown).savefig(path)
        plt.close("all")
    say(f"Written: {path}")
    return path


def no_window():
    """Why no window can be opened, or ""."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no screen to open a window on"
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() == "agg":  # what Matplotlib falls back to
        return "Matplotlib can open no window here; it needs tkinter (Debian: python3-tk) or PyQt6"
    return ""


def _named(path, moves):
    """The path with the suffix of what is written; a name without one gets it, a folder a name."""
    if path.is_dir():
        path = path / "demo"
    suffix = path.suffix.lower() or (".gif" if moves else ".png")
    if suffix == ".gif" and not moves:
        raise ValueError(f"this demo is a figure and does not move: save it as a PNG file, --save {path.stem}.png")
    return path.with_suffix(suffix)


def _still(animation):
    """The figure of an animation at the frame that its `still` names, else after the last. All frames before it are drawn on the
    way: one may go on from the one before."""
    animation._init_draw()
    for number, frame in enumerate(animation.new_frame_seq()):
        animation._draw_frame(frame)
        if number == getattr(animation, "still", None):
            break
    return animation._fig


def _save_animation(animation, path, dpi):
    from tqdm import tqdm

    with tqdm(unit=" frames", leave=False, disable=None) as bar:

        def drawn(frame, frames):
            bar.total = frames
            bar.update()

        animation.save(path, writer="pillow", dpi=dpi, progress_callback=drawn)
