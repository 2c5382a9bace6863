"""Which files of a folder are the images of which class: cats/1.png, dogs/2023/1.jpg, ..., or the same below train/ and test/."""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..opening import NAMES, SUFFIXES

TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")  # the first that is there is for testing
OF_THE_SYSTEM = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__")


@dataclass
class Tree:
    """root     the folder, all links resolved
    classes  the names of the classes, in natural order
    files    [(path, label, part, (size, time of change, ...))], part by part, class by class, by name; part 1 is for testing
    parts    the folders with the class folders: one, or that for training and that for testing
    skipped  how many files were passed over, by reason
    aside    folders that were passed over
    """

    root: Path
    classes: list = field(default_factory=list)
    files: list = field(default_factory=list)
    parts: list = field(default_factory=list)
    skipped: Counter = field(default_factory=Counter)
    aside: list = field(default_factory=list)


def find(path):
    """The Tree of a folder. Nothing is opened, and no link is followed that leaves the folder. Raises ValueError, with what to
    do, if it is no folder of class folders, or if a class has no image file."""
    tree = Tree(Path(path).resolve())
    tree.parts = _parts(tree)
    folders = _class_folders(tree)
    tree.classes = sorted(folders, key=natural)
    for number, part in enumerate(tree.parts):
        inside = folders if number == 0 else {folder.name: folder for folder in _folders(tree, part, tree.aside)}
        for name, folder in inside.items():
            files = sorted(_images(tree, folder))
            if name in folders:
                tree.files += [(file, tree.classes.index(name), number, stamp) for file, stamp in files]
            elif files:
                raise ValueError(f"{folder} is a class that {tree.parts[0]} does not have: name both alike, or take it away")
    _check(tree)
    tree.files.sort(key=lambda file: (file[2], file[1]))  # which leaves them by name within a class
    return tree


def natural(name):
    """A key that sorts 2 before 10."""
    return [(0, int(piece), "") if piece.isdigit() else (1, 0, piece) for piece in re.split(r"([0-9]+)", name) if piece]


def shown(names, most=5):
    """Some names for a sentence."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _parts(tree):
    """[the folder for training, the folder for testing], or the one that is to be split."""
    folders = _folders(tree, tree.root, tree.aside)
    train = [folder for folder in folders if folder.name.casefold() in TRAIN]
    tests = [folder for name in TEST for folder in folders if folder.name.casefold() == name]
    others = [folder for folder in folders if folder not in train + tests]
    if not train and (inside := [folder.name for folder in tests if _folders(tree, folder)]):
        raise ValueError(
            f"{tree.root} has {inside[0]}/ with folders inside, and no train/ beside it: put the class folders to learn from "
            f"into train/, or take {inside[0]}/ away"
        )
    if not train or (others and not _folders(tree, train[0])):  # no split: trains beside buses and cars
        return [tree.root]
    if len(train) > 1:
        raise ValueError(f"{tree.root} has {shown(folder.name for folder in train)}: keep one folder for training")
    if tests:
        tree.aside += [folder.name for folder in tests[1:] + others]
        return [train[0], tests[0]]
    if others:
        raise ValueError(
            f"{tree.root} has {train[0].name}/ with folders inside, and beside it {shown(folder.name for folder in others)}: "
            f"name {train[0]} itself, or put a folder test/ beside it, or take the others away"
        )
    return train


def _class_folders(tree):
    """{name: folder} of the classes."""
    part = tree.parts[0]
    folders = {folder.name: folder for folder in _folders(tree, part, None if part == tree.root else tree.aside)}
    loose = [file for file in part.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "." and file.is_file()]
    if len(folders) < 2:
        hint = ""
        if loose:
            hint = f". {len(loose)} image files lie in no class folder: make one for each class, and move them there"
        elif len(folders) == 1 and len(_folders(tree, *folders.values())) > 1:
            hint = f". Is {next(iter(folders.values()))} the folder that is meant?"
        elif tree.aside:
            hint = f". Passed over: {shown(tree.aside)}"
        raise ValueError(f"{part} has {len(folders)} class folders; it needs at least two, each with image files{hint}")
    if loose:
        tree.skipped["outside the class folders"] += len(loose)
    return folders


def _check(tree):
    """Every class has images to learn from, and where a part is for testing, there is something to test."""
    counts = Counter(label for _, label, part, _ in tree.files if part == 0)
    empty = [name for label, name in enumerate(tree.classes) if not counts[label]]
    there = f"; there are {told(tree.skipped)}" if tree.skipped else ""
    if len(empty) == len(tree.classes):
        raise ValueError(f"there is no {NAMES} file in the class folders of {tree.parts[0]}{there}")
    if empty:
        raise ValueError(
            f"there is no {NAMES} file in {tree.parts[0] / empty[0]}{there}: put images there, or take the folder away"
            + (f"; so it is with {shown(empty[1:])}" if empty[1:] else "")
        )
    if len(tree.parts) == 2 and not any(part == 1 for _, _, part, _ in tree.files):
        raise ValueError(f"there is no {NAMES} file in the class folders of {tree.parts[1]}")


def told(skipped):
    """12 files skipped: 10 .heic, 2 hidden."""
    total = sum(skipped.values())
    return f"{total:,} file{'s' * (total != 1)} skipped: " + ", ".join(f"{n:,} {what}" for what, n in skipped.most_common())


def _folders(tree, folder, aside=None):
    """The folders in a folder that may be classes, by name; the names of the others are added to `aside`."""
    found = []
    for entry in sorted(folder.iterdir()):
        if not entry.is_dir():
            continue
        if entry.name.startswith(".") or entry.name in OF_THE_SYSTEM:
            why = ""
        elif entry.is_symlink() and not _within(tree.root, entry):
            why = " (a link that leaves the folder)"
        else:
            found.append(entry)
            continue
        if aside is not None:
            aside.append(entry.name + why)
    return found


def _within(root, link):
    """Whether a link stays inside the folder, and does not lead to a folder that it lies in itself."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # it leads to nothing, or to itself
        return False
    return target.is_relative_to(root) and not link.parent.resolve().is_relative_to(target)


def _images(tree, folder):
    """[(path, stamp)] of the image files in a class folder and in the folders below it."""
    images, left = [], [folder]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError as error:
            raise ValueError(f"{error.filename} cannot be looked into ({error.strerror}): change that, or take it away") from None
        for entry in entries:
            path, why = Path(entry.path), _why_not(tree, entry)
            if why == "folder":
                left.append(path)
            elif why:
                tree.skipped[why] += 1
            else:
                status = entry.stat()
                images.append((path, (status.st_size, status.st_mtime_ns, status.st_ctime_ns)))
    return images


def _why_not(tree, entry):
    """Why a file of a class is passed over; "folder" for a folder to look into, "" for an image."""
    link = entry.is_symlink()
    if entry.name.startswith(".") or entry.name in OF_THE_SYSTEM:
        return "hidden"
    if link and not _within(tree.root, Path(entry.path)):
        return "linked from elsewhere"
    if entry.is_dir():
        return "linked to a folder" if link else "folder"
    suffix = Path(entry.name).suffix.lower()
    if suffix not in SUFFIXES:
        return suffix or "without a suffix"
    return "" if entry.is_file() else "that is no file"
