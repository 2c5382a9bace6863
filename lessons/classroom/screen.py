"""Printing that works everywhere: 80 columns, no colour, no Unicode, dark or light."""

import os
import re
import shutil
import sys
import textwrap
import unicodedata

_COLOURS = {"ok": "36", "NO": "1;33", "title": "1", "dim": "2"}  # cyan and yellow: no red against green
_LETTERS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega"
)
_SPELLED = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _LETTERS.split(), strict=True))
_SPELLED |= {greek.upper(): name.capitalize() for greek, name in _SPELLED.items()}
_SPELLED |= {"µ": "mu", "Σ": "sum", "Π": "prod", "∫": "int", "√": "sqrt", "∇": "grad", "∂": "d", "ᵀ": "^T", "ⁿ": "^n", "…": "..."}
_SPELLED |= dict(
    zip("·⊙∘×−–—≈≡∝∞★█░‖’‘“”→←⇒≤≥≠±∈", "* * o x - - - ~ = ~ inf * # . | ' ' \" \" -> <- => <= >= != +- in".split(), strict=True)
)
_SPELLED |= {"\u0302": "^", "\u0304": "_bar", "\u0303": "~"}  # accents over the letter before: x̂
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True))


def colour():
    """Whether to write colours: on a terminal, unless NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text, style):
    return f"\033[{_COLOURS[style]}m{text}\033[0m" if colour() and style in _COLOURS else text


def writable(text):
    """The text in letters that the terminal can write: γ becomes gamma where it has no Greek."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
        return text
    except (UnicodeEncodeError, LookupError):
        text = re.sub(f"[{''.join(_RAISED)}]+", lambda found: "^" + "".join(_RAISED[c] for c in found[0]), text)
        spelled = "".join(_SPELLED.get(c) or _plain(c, encoding) for c in unicodedata.normalize("NFC", text))
        return spelled.encode(encoding, "replace").decode(encoding)


def _plain(c, encoding):
    """A letter that the terminal has as it is, another without its accents: é becomes e where there is no é."""
    try:
        c.encode(encoding)
        return c
    except UnicodeEncodeError:
        return unicodedata.normalize("NFKD", c)[0]


def width():
    return max(40, min(100, shutil.get_terminal_size((80, 24)).columns))


def shown(path):
    """A path as short as it can be said from here."""
    try:
        short = os.path.relpath(path)
    except ValueError:  # on another drive of Windows
        return str(path)
    return short if not short.startswith("..") else str(path)


def say(text="", style="", indent=0, hanging=None):
    """Prints a text, wrapped at the width of the terminal; later lines begin at `hanging`."""
    text = writable(text)
    if not text:
        print()
        return
    later = " " * (indent if hanging is None else hanging)
    wrapped = textwrap.wrap(
        text, width(), initial_indent=" " * indent, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    for line in wrapped or [""]:
        print(styled(line, style))


def row(mark, text, note=""):
    """A line of a check: ok or NO, what was looked at, and a note in brackets, to the right where there is room."""
    text, note = writable(text), writable(f"({note})" if note else "")
    room = width() - 7 - len(text) - len(note)
    first, *rest = textwrap.wrap(
        text + " " * max(2, room) + note if note and room > 1 else f"{text}  {note}".rstrip(), width() - 7
    ) or [""]
    if note and room > 1:
        first, rest = text + " " * (room) + note, []
    print(f"  {styled(mark, mark)}   {first}")
    for line in rest:
        print(" " * 7 + line)


def ends(left, right, style=""):
    """Two texts at the two ends of a line, or under each other."""
    left, right = writable(left), writable(right)
    gap = width() - len(left) - len(right)
    print(styled(left, style) + " " * gap + right if gap > 1 else styled(left, style) + ("\n  " + right if right else ""))


def table(rows, indent=2):
    """Columns as wide as their widest entry; the last is wrapped."""
    rows = [[writable(str(cell)) for cell in r] for r in rows]
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]) - 1)]
    for r in rows:
        front = " " * indent + "".join(f"{cell:{w}}  " for cell, w in zip(r, widths, strict=False))
        lines = textwrap.wrap(r[-1], max(20, width() - len(front))) or [""]
        print((front + lines[0]).rstrip())
        for line in lines[1:]:
            print(" " * len(front) + line)
