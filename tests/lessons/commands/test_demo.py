"""python -m lessons demo, and the picture that a lesson draws."""

import pytest

from lessons import show

from ...support.learner import flat


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
