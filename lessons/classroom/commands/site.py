"""The command site: the course as pages for a web server."""

from ..screen import say

HELP = "the course as a website: Python runs in the reader's browser"


def arguments(parser):
    parser.add_argument("folder", metavar="FOLDER", help="where to write it; what is there of an earlier site is replaced")
    parser.add_argument(
        "--pyodide",
        metavar="FOLDER",
        default="cdn",
        help="a folder with the wheels of Pyodide's release, to hand them out too; default: cdn, browsers fetch them from there",
    )
    parser.add_argument("--no-demos", action="store_true", help="leave the demos out, which take minutes to draw")


def run(folder, pyodide, no_demos):
    """Builds the course as a website that any web server can hand out. Needs Node 20 or later."""
    from ..site.build import site  # needs Matplotlib, which is slow to import

    site(folder, pyodide, not no_demos)
    say(f"Written: {folder}. To look at it: python -m http.server -d {folder}")
