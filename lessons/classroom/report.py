"""What a learner reads after a check."""

from .screen import ends, row, say, writable


def lesson(lesson, outcome, where):
    """Prints the outcome of a check; returns the exit code: 0 right, 1 wrong, 3 not started, 4 an error of the course."""
    if outcome["printed"].strip():
        print(writable(outcome["printed"].rstrip()))
        print()
    if "course_error" in outcome:
        say(f"The course itself has an error in lesson {lesson.number}; this is not your mistake. Please report it:", "NO")
        print(writable(outcome["course_error"]))
        return 4
    if "problem" in outcome:
        ends(f"{lesson.number} {lesson.title}", f"{where}:{outcome['line']}" if outcome["line"] else where, "title")
        row("NO", "your file does not run")
        for line in outcome["problem"]:
            detail(line)
        print()
        return 1
    return _results(lesson, outcome["results"], where)


def _results(lesson, results, where):
    first = next((i for i, result in enumerate(results) if result["status"] != "passed"), None)
    if first is None:
        ends(
            f"{lesson.number} {lesson.title} · all {len(results)} tasks"
            if len(results) > 1
            else f"{lesson.number} {lesson.title}",
            where,
            "title",
        )
        for result in results:
            row("ok", result["title"])
            _notes(result)
        return 0
    result = results[first]
    line = f":{result['line']}" if result["line"] else ""
    ends(f"{lesson.number} {lesson.title} · task {first + 1} of {len(results)} · {result['title']}", where + line, "title")
    for earlier in results[:first]:
        row("ok", earlier["title"])
        _notes(earlier)
    task_result(result)
    task = lesson.tasks[first]
    later = sum(other["status"] == "passed" for other in results[first + 1 :])
    if later:
        print()
        say(f"{later} of the tasks after this one {'is' if later == 1 else 'are'} right already.", indent=2)
    print()
    read = task.exercise.read.get(task.part)
    number = lesson.number
    plot = f" · check {number} --plot" if result["step"] in ("value", "gradient") else ""
    ends(f'  Read  lesson {number}, "{read}"' if read else "", f"Next  hint {number}{plot}")
    return 3 if result["status"] == "not started" else 1


def task_result(result):
    """Prints how one task went."""
    for mark, text, note in result["rows"]:
        row(mark, text, note)
    if result["status"] == "not started":
        row("--", "not started: write it where your file says YOUR CODE, in place of `raise NotImplementedError`")
    if result["status"] == "waiting":
        row("--", "not checked: the task before it comes first")
    if result["step"] == "check":  # a check of the exercise's own says what is wrong, and may add figures
        for text in (*result["looks"], *result["details"]):
            detail(text)
        return
    for text in result["details"]:
        detail(text)
    if result["looks"]:
        print()
        say("What this looks like", "title", indent=2)
        for text in result["looks"]:
            say(text, indent=7, hanging=7)


def detail(text):
    """A line below the one that is wrong. Lines of code keep their columns."""
    if text.startswith("    "):
        print(" " * 7 + writable(text))
    else:
        say(text, indent=7, hanging=7)


def _notes(result):
    for note in result["notes"]:
        say(note, indent=7, hanging=7)
