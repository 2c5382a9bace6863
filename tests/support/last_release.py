"""What files of the last release import of minivit and of the course, as its own lessons did: a learner's begun file holds these
lines, and so may a lesson that somebody added. They go when lessons/classroom/former.py goes."""

BEGUN = {  # the learner's files, by lesson
    "00": """
from lessons import show
from lessons.figures import ORANGE
from minivit.data import load
""",
    "01": """
from lessons import show
from lessons.figures import BLUE
from minivit.data import load
""",
    "02": """
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE, PURPLE
""",
    "03": """
from lessons import show
from lessons.figures import BLUE, GREEN, GREY, ORANGE
""",
    "04": """
from lessons import show
from lessons.figures import BLUE, GREY
from minivit.data import load
""",
    "05": """
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE
from minivit.backend import erf
""",
    "06": """
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE
from minivit.data import load
""",
    "07": """
from lessons import mine
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE
from minivit.data import load
""",
    "08": """
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE, PURPLE
from minivit import ops
from minivit.data import load
""",
    "09": """
from lessons import mine
from lessons import show
from minivit.data import load
""",
    "10": """
from lessons import show
from minivit import ops
from minivit.data import load
""",
    "11": """
from lessons import mine
from lessons import show
from lessons.figures import BLUE, ORANGE
from minivit import ops
from minivit.data import load
""",
    "12": """
from lessons import mine
from lessons import show
from lessons.figures import ORANGE
from minivit import ops
from minivit.data import load
""",
    "13": """
from lessons import mine
from lessons import show
from lessons.figures import BLUE, GREEN, ORANGE
from minivit import ops
from minivit.configs import load_config, model_config, recipe
from minivit.data import load
from minivit.train import Training
from minivit.vit import ViT
""",
    "14": """
from lessons import mine
from lessons import show
from lessons.figures import BLUE, GREY, ORANGE
from minivit.data import load
""",
    "15": """
from lessons import show
from lessons.figures import BLUE, GREEN, GREY, ORANGE
""",
    "16": """
from lessons import course, show
from lessons import mine
from lessons.figures import BLUE, GREY, ORANGE
from minivit.data import load
""",
    "17": """
from lessons import show
from lessons.figures import BLUE, ORANGE, STYLE
from lessons.trained import trained_vit
from minivit import inside, no_grad
from minivit.ops import softmax
""",
}

OTHERS = """
from lessons import course
from lessons import course, diagnose, mine, sentences
from lessons import course, diagnose, sentences
from lessons import mine
from lessons import mine, sentences
from lessons.exercise import Exercise, Mistake, Question
from lessons.exercise import Exercise, Mistake, Question, Term
from lessons.exercise import Exercise, Mistake, Question, Term, Wrong
from lessons.exercise import Exercise, Mistake, Question, Wrong
from lessons.figures import BLUE, GREEN, GREY, ORANGE
from lessons.figures import BLUE, GREEN, ORANGE, PURPLE
from lessons.figures import BLUE, GREY, ORANGE
from lessons.figures import BLUE, GREY, ORANGE, PURPLE, lay_out_once
from lessons.figures import BLUE, GREY, ORANGE, lay_out_once
from lessons.figures import BLUE, ORANGE
from lessons.figures import ORANGE
from lessons.figures import lay_out_once
from lessons.trained import trained_vit
from minivit import Tensor, ops
from minivit import ViT, ViTConfig
from minivit import no_grad
from minivit import ops
from minivit.backend import erf
from minivit.configs import load_config, model_config, recipe
from minivit.data import batches
from minivit.data import batches, load
from minivit.data import load
from minivit.inside import damaged
from minivit.ops import gelu
from minivit.ops import log_softmax, softmax
from minivit.ops import patchify, unpatchify
from minivit.ops import softmax
from minivit.train import Training
from minivit.vit import ViT
from minivit.vit import sincos2d
import minivit
"""  # check.py, demo.py and correct.py

FIRST_CELL = """
# This notebook needs the folder of minivit: it looks for it here and above.
import sys
from pathlib import Path

for folder in [Path.cwd(), *Path.cwd().parents, Path("minivit")]:
    if (folder / "lessons" / "checker.py").exists():
        sys.path.insert(0, str(folder.resolve()))
        break
else:
    print("put this notebook into a clone of minivit, or clone minivit beside it; then run this cell again")

from lessons import check
"""  # of a notebook
