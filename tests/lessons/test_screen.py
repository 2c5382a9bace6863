"""What is printed arrives on every terminal: narrow, without colours, without Unicode, on Windows."""

import io
import sys

import pytest

from lessons.classroom import cli, screen
from lessons.classroom.pages.mathtext import plain

LONG = "a long sentence about gradients and their shapes " * 6


@pytest.fixture
def terminal(monkeypatch):
    """terminal(encoding, tty): a stdout of that kind; call it again without arguments for what was written."""

    def make(encoding=None, tty=False, columns=80):
        if encoding is None:
            sys.stdout.flush()
            return sys.stdout.buffer.getvalue().decode(sys.stdout.encoding)
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
        monkeypatch.setattr(stream, "isatty", lambda: tty, raising=False) if tty else None
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        return None

    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return make


def test_a_terminal_gets_colours(terminal):
    terminal("utf-8", tty=True)
    screen.row("ok", "text")
    assert terminal() == "  \033[36mok\033[0m   text\n"


@pytest.mark.parametrize("name, value", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_turned_off(terminal, monkeypatch, name, value):
    terminal("utf-8", tty=True)
    monkeypatch.setenv(name, value)
    screen.row("ok", "text")
    screen.say("text", "title")
    assert "\033" not in terminal()


def test_a_file_gets_no_colours(terminal):
    terminal("utf-8")
    screen.row("NO", "text")
    assert terminal() == "  NO   text\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "latin-1"])
def test_every_terminal_can_write_what_is_printed(terminal, encoding):
    terminal(encoding)
    text = "γ·dy − µ/σ ⊙ x̂ “quoted” · √d ≤ ∞ → x² Φ(x) … é"
    for write in (lambda: screen.say(text), lambda: screen.row("ok", text, text), lambda: screen.ends(text, text)):
        write()
    screen.table([("γ", "é", text), ("1", "2", text)])
    assert "gamma" in terminal() or encoding == "cp437"


def test_a_terminal_that_can_write_greek_does(terminal):
    terminal("utf-8")
    screen.say("γ·dy")
    assert terminal() == "γ·dy\n"


SPELLED = {
    "γ·dy": "gamma*dy",
    "a − b": "a - b",
    "1 ≤ x": "1 <= x",
    "√d": "sqrtd",
    "x²": "x^2",
    "café": "cafe",
    "Σ Π Φ Δ": "sum prod Phi Delta",
    "█░": "#.",
}


@pytest.mark.parametrize("text", SPELLED)
def test_in_ascii_signs_are_spelled(terminal, text):
    terminal("ascii")
    assert screen.writable(text) == SPELLED[text]


def test_in_ascii_both_quotes_are_written(terminal):
    terminal("ascii")
    assert screen.writable("“a” – ‘b’") == "\"a\" - 'b'"


@pytest.mark.parametrize("text, wrong", [("10⁻⁷", "107"), ("x⁴", "x4"), ("±1", "1"), ("x̂", "x"), ("κ", ""), ("x ∈ S", "x  S")])
def test_in_ascii_nothing_is_lost_that_changes_the_meaning(terminal, text, wrong):
    terminal("ascii")
    assert screen.writable(text) != wrong


def test_in_ascii_every_sign_of_the_lessons_formulas_is_written_as_something(terminal):
    terminal("ascii")
    names = "alpha kappa Gamma Psi Omega int pm in circ equiv nabla forall propto mapsto div langle Rightarrow ll gg prime"
    lost = [name for name in names.split() if not screen.writable(plain(f"\\{name}"))]
    assert not lost


def lines(terminal):
    return terminal().splitlines()


@pytest.mark.parametrize("columns", [40, 80, 100])
@pytest.mark.parametrize("note", ["", "short", "error 3e-11, limit 1e-7", LONG])
@pytest.mark.parametrize("text", ["dx", "runs, leaves its inputs alone, right shape and dtype, and more of it", LONG])
def test_a_row_is_never_longer_than_the_screen(terminal, columns, note, text):
    terminal("utf-8", columns=columns)
    screen.row("ok", text, note)
    found = lines(terminal)
    assert all(len(line) <= columns for line in found)
    assert found[0].startswith("  ok   ") and all(line.startswith(" " * 7) for line in found[1:])
    assert "".join("".join(found).split()) == "ok" + "".join((text + (f"({note})" if note else "")).split())


def test_a_note_stands_at_the_right_end(terminal):
    terminal("utf-8")
    screen.row("ok", "dx", "error 3e-11")
    (line,) = lines(terminal)
    assert len(line) == 80 and line.endswith("(error 3e-11)")


def test_sentences_are_wrapped_and_hang(terminal):
    terminal("utf-8")
    screen.say(LONG, indent=7, hanging=9)
    first, *rest = lines(terminal)
    assert first.startswith(" " * 7 + "a") and rest and all(line.startswith(" " * 9) and len(line) <= 80 for line in rest)


def test_nothing_is_an_empty_line(terminal):
    terminal("utf-8")
    screen.say()
    assert terminal() == "\n"


def test_two_texts_stand_at_two_ends_or_under_each_other(terminal):
    terminal("utf-8")
    screen.ends("left", "right")
    screen.ends("l" * 60, "r" * 30)
    first, *rest = lines(terminal)
    assert first == "left" + " " * 71 + "right" and rest == ["l" * 60, "  " + "r" * 30]


def test_a_table_has_straight_columns_and_wraps_the_last(terminal):
    terminal("utf-8")
    screen.table([("a", "b", "c"), ("long entry", 2, LONG)])
    first, second, *rest = lines(terminal)
    assert first.index("c") == second.index(LONG[:5]) and rest and all(len(line) <= 80 for line in [first, second, *rest])


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "command", [[], ["list"], ["progress"], ["check", "02"], ["hint", "02"], ["solution", "02", "--yes"]], ids=str
)
def test_commands_work_on_a_terminal_without_greek(terminal, learner, encoding, command):
    learner.solves("02", changes={"centred * weight": "centred + weight"})
    terminal(encoding)
    assert cli.main(command) in (0, 1)
    assert "?" not in terminal() and all(len(line) <= 80 for line in terminal().splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("y = “x” + γ\n", id="syntax"),
        pytest.param("print('γ·dy')\n1 / 0\n", id="print"),
        pytest.param("γ = 1\nγ + None\n", id="error"),
    ],
)
def test_greek_of_the_learner_does_no_harm_on_a_terminal_without_it(terminal, learner, encoding, text):
    learner.writes(text)
    terminal(encoding)
    assert cli.main(["check", "02"]) == 1
    assert "NO" in terminal()
