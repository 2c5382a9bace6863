"""Where modules stood before the house was rebuilt: `from minivit.train import Training` goes on working for one release, with
a DeprecationWarning that says where it stands now. Then this file goes."""

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
    """Finds a module under a name of MOVED: it is the module that stands there now, not a copy of it."""

    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self) if name in MOVED else None

    def create_module(self, spec):
        warnings.warn(f"{spec.name} has moved: import {MOVED[spec.name]}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(MOVED[spec.name])
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.own_spec  # the import has put the former name's in its place


sys.meta_path.insert(0, Former())  # before the path, where an empty folder of that name may be left over
