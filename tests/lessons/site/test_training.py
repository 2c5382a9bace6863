"""Training a step at a time, as the page's worker walks it, here in the Python of this machine."""

import numpy as np
import pytest

from lessons.classroom import course
from lessons.classroom.checker import loading
from lessons.classroom.pages import build
from lessons.classroom.site import inside, training
from lessons.classroom.site.pausing import paused

SEVEN = np.zeros((64, 64), int)
SEVEN[8:14, 16:46] = 255
for row in range(14, 56):
    SEVEN[row, 44 - (row - 14) // 2 : 50 - (row - 14) // 2] = 255
SEVEN = SEVEN.ravel().tolist()


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIVIT_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(inside, "_known", {})
    monkeypatch.setattr(training, "_kept", {"reader": None, "epoch": 0})
    monkeypatch.setattr(training, "EPOCHS", 1)
    return tmp_path / "work"


def written(number, change=lambda text: text):
    """The learner's folder with the solution of a lesson, changed."""
    lesson = course.find(number)
    inside.put({f"{lesson.name}.py": change(build.solution(lesson.source, lesson.name))})


def walked(generator):
    """(all reports, what it returns)"""
    reports = []
    while True:
        try:
            reports.append(next(generator))
        except StopIteration as ended:
            return reports, ended.value


def few(text):
    return text.replace("def first_run(epochs=20", "def first_run(epochs=2")


@pytest.mark.slow
@pytest.mark.parametrize("what, epochs, steps", [("vit", 1, 12), ("07", 2, 45), ("16", 1, 12)])
def test_it_tells_every_step_and_after_each_epoch_how_many_test_digits_are_right(what, epochs, steps):
    if what != "vit":
        written(what, few)
    reports, answer = walked(training.train(what, 30))
    assert answer == {"code": 0, "text": ""}
    assert sorted({report["step"] for report in reports}) == list(range(1, epochs * steps + 1))
    assert reports[0]["loss"] == pytest.approx(np.log(10), abs=1e-4)
    shares = [report["accuracy"] for report in reports if report["accuracy"] is not None]
    assert len(shares) == epochs and shares[-1] > 0.2 and reports[-1]["loss"] < 2.3 and reports[-1]["epoch"] == epochs
    read = training.read(SEVEN)
    assert sum(read["probabilities"]) == pytest.approx(1) and read["epoch"] == epochs and len(read["image"]) == 64
    assert read["looks"] is None if what == "07" else len(read["looks"]) == 16 and max(read["looks"]) < 1


def test_a_lesson_trains_as_its_file_does_it():
    written("07", few)
    losses = [report["loss"] for report in walked(training.train("07", 30))[0] if report["accuracy"] is None]
    lesson = course.find("07")
    names = loading.load(str(lesson.file), loading.read(lesson.file))
    assert losses == names["first_run"]()[1]


def test_who_stops_walking_keeps_the_last_whole_epoch():
    written("07", few)
    generator = training.train("07", 30)
    first = next(report for report in generator if report["accuracy"] is not None)
    kept = training.read(SEVEN)
    for _ in range(20):
        next(generator)
    generator.close()
    assert first["step"] == 45 and kept["epoch"] == 1 and training.read(SEVEN) == kept


def test_a_drawing_is_read_while_it_trains_and_again_after_each_epoch():
    written("07", few)
    generator = training.train("07", 30)
    assert next(generator)["read"] is None
    untrained = generator.send(SEVEN)
    assert list(untrained) == ["read"] and untrained["read"]["probabilities"] == pytest.approx([0.1] * 10)
    after = next(report for report in generator if report["accuracy"] is not None)
    assert after["read"]["epoch"] == 1 and after["read"]["probabilities"][7] > 0.5


def test_nothing_is_read_where_nothing_is_drawn_or_trained():
    assert training.read(SEVEN) is None
    next(training.train("vit", 0))
    assert training.read([0] * 4096) is None and training.read(SEVEN)["epoch"] == 0


@pytest.mark.parametrize(
    "old, new, says",
    [
        ("    order = rng.perm", "    raise NotImplementedError\n        order = rng.perm", "train is not written yet"),
        ("chosen = order[start : start + batch_size]", "chosen = ordr[0]", "chosen = ordr[0]"),
        ("def train(", "def trains(", "your file defines no train any more"),
        ("import math\n", "import math)\n", "line"),
    ],
)
def test_an_error_of_the_learner_is_told(old, new, says):
    written("07", lambda text: text.replace(old, new, 1))
    answer = walked(training.train("07", 30))[1]
    assert answer["code"] == 1 and says in answer["text"] and "Traceback" not in answer["text"]


def test_a_step_without_end_is_told_with_its_line(monkeypatch):
    written("07", lambda text: text.replace("losses.append(train_step(", "raise KeyboardInterrupt\n            (train_step("))
    answer = walked(training.train("07", 1e-6))[1]
    assert answer["code"] == 1 and "did not finish within" in answer["text"] and "raise KeyboardInterrupt" in answer["text"]


LOOPS = """
def count(n):
    done = 0

    def inside():
        for i in range(3):
            pass
        return 1

    for i in range(n):
        if i == 1:
            continue
        while done < 4:
            done += inside()
    return done
"""


def test_a_function_pauses_at_the_end_of_every_turn_of_its_loops():
    names = {}
    exec(LOOPS, names)
    generator = paused(names, "file.py", LOOPS, "count")(3)
    seen = []
    while True:
        try:
            seen.append(next(generator).get("done"))
        except StopIteration as ended:
            assert ended.value == 4 == names["count"](3)
            break
    assert seen == [None, 1, 2, 3, 4, 4, 4]  # the beginning, four turns of while, two of for
