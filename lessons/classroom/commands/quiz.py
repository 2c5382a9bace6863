"""The command quiz."""

from ..screen import say, writable

HELP = "a few questions"


def run(lesson):
    """A few questions on the lesson; type the letter of the answer, q to stop."""
    questions = lesson.about.QUIZ
    right = 0
    for i, question in enumerate(questions):
        say(f"{i + 1} of {len(questions)}  {question.text}", "title", hanging=8)
        answers = question.lettered()
        letters = "".join(answers)
        for letter, answer in answers.items():
            say(f"{letter}  {answer}", indent=2, hanging=5)
        given = _ask(letters)
        if given is None:
            print()
            break
        if given == question.letter:
            right += 1
            say(f"Yes. {question.because}", indent=2, hanging=2)
        else:
            say(f"It is {question.letter}. {question.because}", indent=2, hanging=2)
        print()
    say(f"{right} of {len(questions)} right.")


def _ask(letters):
    while True:
        try:
            given = input(writable(f"  {' '.join(letters)} ? ")).strip().lower()
        except EOFError:
            return None
        if given in letters and len(given) == 1:
            return given
        if given == "q":
            return None
        say(f"type one of {', '.join(letters)}, or q to stop", indent=2)
