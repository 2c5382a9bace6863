"""The command verify, for authors."""

from ... import course

HELP = "prove the course: for authors"


def arguments(parser):
    parser.add_argument("which", metavar="lesson", nargs="?", help="its number or name: 05, gelu; default: all of them")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="for the correct answers; default: 20")
    parser.add_argument("--sentences", action="store_true", help="print every sentence that a check can say, and prove nothing")
    parser.add_argument("--write", action="store_true", help="make expected.png and the pages anew")


def run(which, seeds, sentences, write):
    """Proves that every solution passes, every listed mistake is found and named, and every picture, page and notebook is as
    it should be."""
    from . import spoken, whole  # what they need is slow to import

    lessons = [course.find(which)] if which else course.lessons()
    return spoken.speak(lessons) if sentences else whole.verify(lessons, seeds, write)
