"""verify --sentences prints what the checks can say: the listed mistakes, and what stands in the checker's own files."""

from lessons.classroom import course
from lessons.classroom.commands.verify import spoken


def test_every_listed_mistake_and_the_checker_s_own_sentences_are_printed(mine):
    code, out = mine.says("verify", "08", "--sentences")
    assert code == 0
    for words in ("did not finish within {seconds} seconds", "save the file as UTF-8", "It has the wrong sign everywhere."):
        assert words in out
    for exercise in course.find("08").exercises:
        assert not [m.says for m in exercise.mistakes if m.says and f"  {m.says}\n" not in out]


def test_code_docstrings_and_pages_are_left_out():
    source = '''
"""A docstring of several words."""
QUIZ = ["a question of several words"]
LINE = "x = 1"

def check(x):
    "Another docstring of several words."
    raise Wrong(f"Yours is {x!r}, and should be larger.")

Mistake("A sentence about this mistake.", "old code of several words", "new code of several words", step="run")
Exercise(hints={"": ("a hint of several words",)})
'''
    assert spoken.sentences_in(source) == ["Yours is {x}, and should be larger.", "A sentence about this mistake."]
