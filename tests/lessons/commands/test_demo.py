"""python -m lessons demo, and the picture that a lesson draws."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from lessons import figures, show
from lessons.classroom import course

from ...support.learner import flat, go_to
from ...support.small_course import build_course


@pytest.mark.parametrize(
    "name, words",
    [("nowhere/demo", "there is no folder"), ("demo.txt", "as PNG or, if it moves, as GIF")],
)
def test_a_demo_that_cannot_be_saved_is_told_before_it_runs(learner, tmp_path, name, words):
    code, out = learner.says("demo", "02", "--save", str(tmp_path / name))  # 02 has no demo.py: running it would be another error
    assert code == 2 and words in flat(out)


def test_a_picture_of_what_is_not_written_names_the_function_and_the_check(tmp_path):
    path = tmp_path / "02_centre.py"
    path.write_text("def centre(x):\n    raise NotImplementedError\n\ndef picture():\n    return centre(1)\n")
    names = {"__file__": str(path)}
    exec(compile(path.read_text(), str(path), "exec"), names)
    with pytest.raises(SystemExit) as told:
        show(names["picture"])
    assert str(told.value) == "centre is not written yet, line 2 of 02_centre.py: python -m lessons check 02"


def test_in_a_notebook_which_is_no_file_it_says_so_and_ends_nothing(monkeypatch, capsys):
    monkeypatch.setattr("builtins.get_ipython", None, raising=False)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(Image=None, display=None))
    for line, said in [
        ("raise NotImplementedError", "No picture yet: centre is not written yet. Write it in its cell, where it says YOUR CODE"),
        ("return y", "No picture yet: there is no 'y' here"),
    ]:
        names = {}
        exec(f"def centre(x):\n    {line}\n\ndef picture():\n    return centre(1)\n", names)
        assert show(names["picture"]) is None
        assert flat(capsys.readouterr().out).startswith(said)


MOVES = '''"""A point that moves."""


def demo(quick=False):
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation

    figure, axes = plt.subplots(figsize=(2, 1), layout="none")
    axes.set(xlim=(0, 3), ylim=(-1, 1), position=(0, 0, 1, 1))
    walked = []

    def play(frame):
        walked.append(frame)
        axes.clear()
        axes.set(xlim=(0, 4), ylim=(-1, 1))
        axes.axvspan(0, len(walked), color="black")

    animation = FuncAnimation(figure, play, frames=3, init_func=lambda: None)
    STILL
    return animation
'''


@pytest.fixture
def moving(tmp_path, monkeypatch, learner):
    """moving(still): the size and the share of black of what --save writes, for a demo of three frames, each one quarter more."""
    course_folder = build_course(tmp_path / "moving")
    go_to(monkeypatch, course_folder)

    def saved(name, *options, still="pass"):
        (course_folder / "lessons" / "01_double" / "demo.py").write_text(MOVES.replace("STILL", still), encoding="utf-8")
        code, out = learner.says("demo", "01", *options, "--save", tmp_path / name)
        assert code == 0 and "Written" in out, out
        with Image.open(tmp_path / name) as image:
            middle = np.asarray(image.convert("L"))[image.height // 2]
            return image.size, round(float((middle < 128).mean()), 1), getattr(image, "n_frames", 1)

    return saved


def test_an_animation_saved_as_png_is_its_last_frame_or_the_one_that_it_names(moving):
    assert moving("x.png") == ((220, 110), 0.8, 1)
    assert moving("y.png", still="animation.still = 1") == ((220, 110), 0.5, 1)


def test_an_animation_is_as_large_as_a_still_on_a_projector_too(moving):
    assert moving("x.gif")[0] == (220, 110) and moving("x.gif", "--big")[0] == moving("x.png", "--big")[0] == (400, 200)


def test_a_figure_saved_as_gif_is_told_that_it_does_not_move(learner, tmp_path, monkeypatch):
    folder = build_course(tmp_path / "still")
    go_to(monkeypatch, folder)
    demo = '"""A figure."""\n\n\ndef demo(quick=False):\n    import matplotlib.pyplot as plt\n\n    return plt.figure()\n'
    (folder / "lessons" / "01_double" / "demo.py").write_text(demo, encoding="utf-8")
    code, out = learner.says("demo", "01", "--save", tmp_path / "x.gif")
    assert code == 2 and "does not move: save it as a PNG file, --save x.png" in flat(out)


def test_draw_a_digit_has_even_panels_and_an_axis_that_ends_at_1():
    import matplotlib

    with matplotlib.rc_context({**figures.STYLE, "backend": "agg"}):
        lesson = course.find("16")
        figure = course.import_file(lesson.folder / "demo.py", "lessons.demo_of_a_test").demo(quick=True)
        figure.draw_without_rendering()
        sizes = {tuple(round(float(x), 3) for x in axes.get_position().size) for axes in figure.axes}
        assert len(sizes) == 1 and figure.axes[2].get_xlim() == (0, 1) and figure.axes[2].get_xticks()[-1] == 1
