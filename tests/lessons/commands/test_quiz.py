"""python -m lessons quiz."""

import pytest

from lessons.classroom import course


def test_no_letter_is_right_for_most_questions():
    questions = [question for lesson in course.lessons() for question in lesson.about.QUIZ]
    right = [question.letter for question in questions]
    assert len(questions) > 60 and max(map(right.count, "abcd")) < 0.4 * len(questions)


@pytest.mark.parametrize(
    "typed, score, words",
    [
        (["b", "a"], "2 of 2 right.", ["Yes. Two and two make four."]),
        (["a", "C "], "0 of 2 right.", ["It is b. Two and two", "It is a. Nothing"]),
        (["x", "", "ab", "b", "a"], "2 of 2 right.", ["type one of a, b, or q to stop"]),
        (["b", "q"], "1 of 2 right.", []),
        ([], "0 of 2 right.", []),
    ],
    ids=["right", "wrong", "other keys", "stopped", "end of input"],
)
def test_the_quiz(learner, monkeypatch, typed, score, words):
    answers = iter(typed)

    def ask(prompt):
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", ask)
    code, out = learner.says("quiz", "01")
    assert code == 0 and score in out and all(word in out for word in words)


def test_ctrl_c_ends_without_a_traceback(learner, monkeypatch):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupted)
    assert learner.says("quiz", "01")[0] == 130
