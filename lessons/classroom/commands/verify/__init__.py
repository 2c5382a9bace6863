"""The command verify, for authors."""

from ... import course

HELP = "prove the course: for authors"


def arguments(parser):
    parser.add_argument("which", metavar="lesson", nargs="?", help="its number or name: 05, gelu; default: all of them")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="for the correct answers; default: 20")
    parser.add_argument("--write", action="store_true", help="make expected.png and the pages anew")


def run(which, seeds, write):
    """Proves that every solution passes, every listed mistake is found and named, and every picture, page and notebook is as
    it should be."""
    from .whole import verify  # what it needs is slow to import

    return verify([course.find(which)] if which else course.lessons(), seeds, write)
