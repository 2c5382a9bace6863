"""Which JSON files of a folder say what is where in which pictures, as COCO's own folders have them and as tools write them:

annotations/instances_train2017.json, instances_val2017.json     pictures in train2017/, val2017/, also below images/
annotations/instances_default.json                               pictures in images/ or images/default/
train/_annotations.coco.json, valid/..., test/...                pictures beside it
train/labels.json, validation/labels.json                        pictures in data/ beside it
annotations.json, result.json                                    pictures in images/ beside it
"""

import re
from dataclasses import dataclass
from pathlib import Path

from .tree import TEST, TRAIN, shown

NAMES = {"annotations.json": "", "_annotations.coco.json": "", "labels.json": "data", "result.json": "images"}  # beside a folder
FOLDER, KIND = "annotations", "instances"
OTHER_KINDS = ("captions", "image_info", "panoptic", "person_keypoints", "stuff")  # files of COCO that have no boxes of objects


@dataclass(frozen=True)
class Part:
    """A JSON file, and the folders in which its pictures may lie, the likeliest first."""

    file: Path
    folders: tuple


def find(root):
    """([the Part that is to be split], or [for training, for testing], or [] where there is none; the names of files that are
    passed over). Raises ValueError for files of which it cannot be told which is for training."""
    root = Path(root)
    if alone := _in(root):
        return [alone], []
    files = {path.stem.casefold(): path for path in sorted((root / FOLDER).glob("*.json"))}
    files = {stem: path for stem, path in files.items() if not stem.startswith(OTHER_KINDS)}
    files = {stem: path for stem, path in files.items() if stem.startswith(KIND)} or files
    parts = {stem: Part(path, _beside(root, path.stem)) for stem, path in files.items()}
    if not parts:
        folders = (entry for entry in sorted(root.iterdir()) if entry.name.casefold() in TRAIN + TEST and entry.is_dir())
        parts = {folder.name.casefold(): part for folder in folders if (part := _in(folder))}
        if not any(name in TRAIN for name in parts):
            return [], []
    return _split(root, parts)


def _in(folder):
    """The Part of a file with one of NAMES in a folder, or None."""
    for name, beside in NAMES.items():
        if (folder / name).is_file() and (folder / beside).is_dir():
            return Part(folder / name, (folder / "images", folder / "data", folder))
    return None


def _beside(root, stem):
    own = re.sub(f"^{KIND}_?", "", stem) or "images"
    return root / "images" / own, root / own, root / "images", root / FOLDER, root


def _split(root, parts):
    """The one for training and the one for testing, told by a word in the name: train2017 is train."""
    if len(parts) < 2:
        return list(parts.values()), []
    words = {name: re.findall("[a-z]+", name) for name in parts}
    train = [name for name in parts if any(word in TRAIN for word in words[name])]
    tests = [name for test in TEST for name in parts if test in words[name] and name not in train]
    names = {name: str(part.file.relative_to(root)) for name, part in parts.items()}
    if len(train) != 1:
        raise ValueError(
            f"{root} has {shown(names.values())}: one of them, and no more, must have train in its name, to learn from it"
        )
    chosen = [*train, *tests[:1]]
    aside = [names[name] for name in parts if name not in chosen]
    return [parts[name] for name in chosen], aside
