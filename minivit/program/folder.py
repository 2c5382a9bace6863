"""The folder of a run: what lies there under which name, and that nothing of an earlier run is ever lost."""

import csv
import json
import os
from contextlib import suppress
from tempfile import TemporaryFile

from ..called import called
from ..data.paths import at_home
from ..models.kinds import config_of
from ..training.checkpoint import CHECKPOINT
from ..training.files import read_text, replacing
from ..training.finetune import Start
from ..training.presets import recipe
from .lock import Lock

OF_A_RUN = (CHECKPOINT, "config.json", "metrics.csv", "model.npz")  # one of these files in a folder tells that it is a run's


class RunFolder:
    """runs/NAME. An earlier run of that name is renamed to NAME-1, NAME-2, ...; this happens at the first write, so that
    a run that never completes an epoch leaves everything as it was. resume=True goes on in the folder that is there.
    Raises ValueError while another process writes there, and for a file or a folder that holds something else than a run."""

    def __init__(self, path, resume=False):
        self.path = at_home(path)
        self.ready = False
        if os.path.lexists(self.path) and not (self.path.is_dir() and self._is_of_a_run()):
            raise ValueError(f"{path} is there already and is no run: choose another folder with --out")
        must_be_writable(path, resume)
        self.lock = Lock(self.path.with_name(f".{self.path.name}.lock"))
        if resume or self.lock.path.exists():
            self._take_lock()
            self.ready = resume

    def _is_of_a_run(self):
        names = {path.name for path in self.path.iterdir() if not path.name.startswith(".")}  # what a kill left half written
        return not names or not names.isdisjoint(OF_A_RUN)

    def _take_lock(self):
        if self.lock.file is None and not self.lock.take():
            raise ValueError(f"another process is training in {self.path}: wait for it, or choose another folder with --out")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.lock.free()

    def file(self, name):
        """The path of a file in the folder, which is made, and the earlier one renamed, when this is called first."""
        if not self.ready:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            if os.path.lexists(self.path):
                number = 1
                while os.path.lexists(older := self.path.with_name(f"{self.path.name}-{number}")):
                    number += 1
                self.path.rename(older)
                print(f"the earlier {self.path} is now {older}")
            self.path.mkdir()
            self.ready = True
        return self.path / name

    def write_json(self, name, value):
        write_json(self.file(name), value)

    def write_csv(self, name, rows):
        with replacing(self.file(name)) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def must_be_writable(path, resume=False):
    """Raises ValueError or OSError for a folder of a run that cannot be made, now and not after the first epoch."""
    given, path = path, at_home(path)
    if path.name in ("", ".."):
        raise ValueError(
            f"{str(given)!r} cannot be the folder of a run, since an earlier one is renamed: name a new one, like runs/digits"
        )
    with suppress(FileNotFoundError):
        path.stat()  # a name too long, a folder in a file
    there = path.absolute()
    while not there.exists() or (there == path.absolute() and not resume):  # what is there already will be renamed
        there = there.parent
    if not os.access(there, os.W_OK):
        raise ValueError(f"nothing can be written in {there}: choose another folder with --out")
    try:
        with TemporaryFile(dir=there):  # permissions do not tell it all: a full disk, a network's
            pass
    except OSError as error:
        raise ValueError(f"nothing can be written in {there} ({error.strerror}): choose another folder with --out") from None


def of_its_own(path, data):
    """The path, or path_2, path_3, ... where the path is taken by a run of another data set, which is not to be renamed."""
    number, chosen = 1, path
    while _data_of(chosen) not in (None, data):
        number += 1
        chosen = f"{path}_{number}"
    if chosen != path:
        print(f"{path} is of {_data_of(path)}: this run goes into {chosen}")
    return chosen


def _data_of(path):
    """The name of the data set of the run in a folder, or None where that is not known."""
    try:
        name = read_json(at_home(path) / "config.json")["data"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return name if isinstance(name, str) else None


def write_json(path, value):
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_json(path):
    """What a JSON file holds. Raises OSError, or ValueError for what is none."""
    return json.loads(read_text(path))


def begun_run(path, processes):
    """(name of the data set, configuration of the model, Recipe, the Start of a fine-tuning or None) of the run in a folder; of
    several processes the first one reads it. A ValueError says that it is none."""
    path = at_home(path)
    try:
        begun = processes.agreed(read_json(path / "config.json") if processes.rank == 0 else None)
        start = Start(None, begun["init"], tuple(begun["mean"]), tuple(begun["std"])) if "init" in begun else None
        return begun["data"], config_of(begun.get("kind", "vit"), begun["model"]), recipe(begun["recipe"]), start
    except (OSError, LookupError, TypeError, AttributeError, UnicodeError, json.JSONDecodeError):
        raise ValueError(f"{path} holds no run that can go on: its config.json is missing or damaged") from None


def read_run(folder):
    """(config.json; epoch, loss and accuracy from metrics.csv) of a run's folder. A ValueError says that it is none."""
    folder = at_home(folder)
    try:
        config = read_json(folder / "config.json")
        lines = csv.DictReader(read_text(folder / "metrics.csv").splitlines())
        rows = [{name: float(row[name]) for name in ("epoch", "loss", "accuracy")} for row in lines]
        ok = rows and isinstance(config["data"], str) and all(isinstance(config[part], dict) for part in ("model", "recipe"))
    except (OSError, ValueError, TypeError, LookupError, csv.Error):
        ok = False
    if not ok:
        raise ValueError(f"{folder} is not the folder of a run, or is damaged: `{called('minivit')} train` leaves one, in runs/")
    return config, rows
