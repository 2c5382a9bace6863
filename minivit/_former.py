"""Where modules stood before the house was rebuilt: `from minivit.train import Training` goes on working for one release, with
a DeprecationWarning that says where it stands now. Then this file goes. The course keeps its former names by the same means."""

import importlib
import sys
import warnings
from importlib.machinery import ModuleSpec

MOVED = {
    "minivit.checkpoint": "minivit.training.checkpoint",
    "minivit.cli": "minivit.program.cli",
    "minivit.configs": "minivit.training.presets",
    "minivit.files": "minivit.training.files",
    "minivit.inside": "minivit.models.inside",
    "minivit.parallel": "minivit.training.parallel",
    "minivit.pictures": "minivit.data.pictures",
    "minivit.plots": "minivit.program.figures",
    "minivit.recipe": "minivit.training.recipe",
    "minivit.report": "minivit.program.report",
    "minivit.run": "minivit.program.run",
    "minivit.train": "minivit.training",
    "minivit.vit": "minivit.models",
}


class Former:
    """Finds a module under a former name: it is the module that stands there now, not a copy of it."""

    def __init__(self, moved):
        self.moved = moved

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in self.moved else None

    def create_module(self, spec):
        warnings.warn(f"{spec.name} has moved: import {self.moved[spec.name]}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(self.moved[spec.name])
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.own_spec  # the import has put the former name's in its place


def keep(moved):
    """Lets modules be imported under their former names. moved: {former name: where it stands now}."""
    sys.meta_path.insert(0, Former(moved))  # before the path, where an empty folder of that name may be left over


keep(MOVED)
