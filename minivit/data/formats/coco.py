"""A data set of one's own with boxes: pictures, and in JSON files of COCO's form what is where in them. (Lin et al. 2014, arXiv
1405.0312.) coco_files.py has how they may lie in the folder. What is read of a file, all lengths in pixels:

    images       [{"id", "file_name", "width", "height"}, ...]
    categories   [{"id", "name"}, ...]
    annotations  [{"image_id", "category_id", "bbox": [left, top, width, height]}, ...]; "iscrowd": 1 is for many in one box
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np

from ...checks import pair
from ..datasets import moments
from ..opening import decode, header, quiet, shades, span
from ..photographs import fitted
from ..scenes import NOTHING, Scenes
from . import coco_files, tree
from .folder import MOST_BYTES, MOST_SIZE, common_size, in_threads, printable

MOST_TEXT = 1 << 30  # bytes of a JSON file
MOST_OBJECTS = 1000  # of a picture
MIN_SHARE = 1e-5  # of a picture's width or height: a box that is not wider or higher has no size
LOOKED_FOR = 20  # pictures, to find the folder in which they lie


@dataclass
class Picture:
    """A file, its (width, height), and its objects, each (name of the class, [left, top, width, height])."""

    path: Path
    size: tuple
    objects: list = field(default_factory=list)


def is_one(path):
    """Whether a folder is such a data set. Raises ValueError as coco_files.find."""
    return bool(coco_files.find(path)[0])


def read(path, image_size=None):
    """The Scenes in a folder. Of one file, a fifth of the pictures, drawn with seed 0, is for testing. Every picture is brought
    to image_size whole, so that no object is lost: a wide one becomes narrower. Without image_size, they are as a folder of class
    folders would make them. Boxes are cut at the edge of their picture. The classes are the categories that have a box, in the
    order of their ids. `notes` tell what was passed over. Raises ValueError, with the file, for one that is not as the heading
    says, or that names a picture outside the folder."""
    asked = None if image_size is None else pair("image_size", image_size)
    if asked and max(asked) > MOST_SIZE:
        raise ValueError(f"image_size is {asked[0]} x {asked[1]}; it must be at most {MOST_SIZE}")
    root, skipped = Path(path).resolve(), Counter()
    parts, aside = coco_files.find(root)
    listed = [_listed(part, root, skipped) for part in parts]
    classes, unused = _classes(parts, listed)
    counts = [len(pictures) for _, pictures in listed]
    pictures, faults = [picture for _, some in listed for picture in some], {}
    resized, images = _images(root, pictures, asked, faults)
    there = np.array([number not in faults for number in range(len(pictures))], bool)
    rows = [_rows(one, classes, skipped) if fine else [] for one, fine in zip(pictures, there, strict=True)]
    labels = _labels(rows)
    testing = np.arange(sum(counts)) >= counts[0]
    if len(counts) == 1:
        testing[np.random.default_rng(0).permutation(sum(counts))[: max(1, round(sum(counts) / 5))]] = True
    train, test = ((images[chosen], labels[chosen]) for chosen in (there & ~testing, there & testing))
    for what, part in (("learn from", train), ("test with", test)):
        if not len(part[0]):
            raise ValueError(f"{root}: there is no picture to {what}: {tree.shown(faults.values(), 1) or 'add some'}")
        if not (part[1][..., 0] != NOTHING).any():
            raise ValueError(f"{root}: in none of its {len(part[0])} pictures to {what} is there a box: draw some")
    both = len(pictures) - len({picture.path for picture in pictures})  # no file names one twice
    notes = tuple(printable(note) for note in _notes(faults, skipped, unused, aside, both))
    reading = {"resized": resized, "whole": True, "inverted": False, "span": None}
    return Scenes(str(root), tuple(classes), *train, *test, *moments(train[0]), reading=reading, notes=notes)


def _classes(parts, listed):
    """(names of the categories of the part for training that have a box in a part, names of those that have none)."""
    used = [{name for picture in pictures for name, _ in picture.objects} for _, pictures in listed]
    known = list(dict.fromkeys(listed[0][0]))
    for part, names in zip(parts, used, strict=True):
        if unknown := sorted(names - set(known)):
            raise ValueError(f"{part.file}: category {unknown[0]!r} is not among those of {parts[0].file}")
    there = set().union(*used)
    return [name for name in known if name in there], [name for name in known if name not in there]


def _notes(faults, skipped, unused, aside, both):
    """What a person should know before training starts, a sentence each."""
    if faults:
        yield f"{len(faults):,} picture{'s' * (len(faults) != 1)} cannot be read: {tree.shown(faults.values(), 3)}"
    if skipped:
        yield f"objects passed over: {', '.join(f'{count:,} {why}' for why, count in skipped.most_common())}"
    if unused:
        yield f"categories without a box, which are no classes: {tree.shown(unused)}"
    if both:
        yield f"to learn from and to test with: {both:,} picture{'s' * (both != 1)} in both files; what was learned is no test"
    if aside:
        yield f"files passed over: {tree.shown(aside)}"


def _listed(part, root, skipped):
    """(names of the categories by their ids, Pictures) of one file."""
    try:
        if part.file.stat().st_size > MOST_TEXT:
            raise ValueError(f"it is larger than {MOST_TEXT >> 20:,} MiB: take fewer pictures")
        content = _content(part.file)
        categories = list(_entries(content, "categories", "id", "name"))
        names = {one["id"]: str(one["name"]) for one in categories}
        images = list(_entries(content, "images", "id", "file_name", "width", "height"))
        for i, one in enumerate(images):
            if not (_is_length(one["width"]) and _is_length(one["height"])):
                raise ValueError(f"images[{i}] is {one['width']!r:.20} x {one['height']!r:.20}, and not so many pixels")
        folder = _folder_of([one["file_name"] for one in images[:LOOKED_FOR]], part.folders)
        pictures = {one["id"]: Picture(_within(root, folder, one["file_name"]), (one["width"], one["height"])) for one in images}
        for what, unique, all_of_them in (("images", pictures, images), ("categories", names, categories)):
            if len(unique) < len(all_of_them):
                raise ValueError(f"{len(all_of_them) - len(unique)} of its {what} have an id that another one has")
        if twice := [path for path, count in Counter(picture.path for picture in pictures.values()).items() if count > 1]:
            raise ValueError(f"it lists {twice[0].name!r} twice: give each picture once, with all that is in it")
        for i, one in enumerate(_entries(content, "annotations", "image_id", "category_id", "bbox")):
            box = one["bbox"]
            for what, known in (("image", pictures), ("category", names)):
                if (number := one[f"{what}_id"]) not in known:
                    near = [other for other in known if str(other) == str(number)]
                    but = f": it has {near[0]!r}, which is something else" if near else ""
                    raise ValueError(f"annotations[{i}] is of {what} {number!r:.60}, which it does not list{but}")
            if not (isinstance(box, list) and len(box) == 4 and all(map(_is_length, box))):
                raise ValueError(f"annotations[{i}] has the bbox {box!r:.60}, which is not [left, top, width, height]")
            if one.get("iscrowd"):
                skipped["of many in one box"] += 1
            else:
                pictures[one["image_id"]].objects.append((names[one["category_id"]], box))
        return [names[number] for number in sorted(names)], list(pictures.values())
    except (ValueError, TypeError, OSError, RecursionError) as error:
        raise ValueError(f"{part.file} is no list of boxes in COCO's form: {error or type(error).__name__}") from None


def _content(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"it is no JSON, or ends too early: {error}") from None


def _entries(content, part, *names):
    """The entries of a part of a file. Raises ValueError for one that lacks something of those names."""
    entries = content.get(part) if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError(f"it has no list {part!r}")
    for i, one in enumerate(entries):
        if missing := [name for name in names if not isinstance(one, dict) or name not in one]:
            raise ValueError(f"{part}[{i}] lacks {missing[0]!r}")
        if not isinstance(one.get("id", 0), int | float | str):
            raise ValueError(f"{part}[{i}] has the id {one['id']!r:.60}, which is no number and no text")
        yield one


def _is_length(number):
    return isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 1e9  # which NaN is not


def _folder_of(names, folders):
    """The first of the folders that has one of these pictures."""
    return next((folder for folder in folders if any((folder / str(name)).is_file() for name in names)), folders[0])


def _within(root, folder, name):
    """The path of a picture. Raises ValueError where a name, or a link, leads out of the folder."""
    path = folder / str(name)
    if ".." in PurePath(str(name)).parts or not path.resolve().is_relative_to(root):
        raise ValueError(f"the picture {str(name)!r:.80} lies outside of {root}: put all of them there")
    return path


def _images(root, pictures, asked, faults):
    """(whether they are not of the files' own size, images float32 (N, H, W, C), zeros where a file cannot be read)."""
    with quiet():
        headers = in_threads(header, [picture.path for picture in pictures], faults, None)
        known = [number for number in range(len(pictures)) if number not in faults]
        if not known:
            raise ValueError(f"{root}: none of its {len(pictures)} pictures can be read: {tree.shown(faults.values(), 1)}")
        for picture, seen in zip(pictures, headers, strict=True):
            if seen and tuple(picture.size) != seen[0]:
                (wide, high), (width, height) = seen[0], picture.size
                raise ValueError(
                    f"{picture.path}, seen upright, is {wide} x {high}, and its boxes were drawn on {width} x {height}: correct "
                    "the one or the other"
                )
        size, resized = common_size({headers[number][0] for number in known}, asked)
        channels = 1 if 2 * sum(headers[number][1] for number in known) > len(known) else 3
        if (space := len(pictures) * math.prod(size) * channels * 4) > MOST_BYTES:
            raise ValueError(f"{root}: its pictures would take {space / 1e9:.0f} GB: make them smaller with --image-size")

        def pixels(path):
            picture, _ = decode(path, 2 * max(size))
            return fitted(shades(picture, span([picture])) if picture.mode == "F" else picture, *size, channels, whole=True)

        unread, images = {}, np.zeros((len(pictures), *size, channels), np.float32)
        found = in_threads(pixels, [pictures[number].path for number in known], unread, root.name)
    faults |= {known[i]: why for i, why in unread.items()}
    for number, image in zip(known, found, strict=True):
        if image is not None:
            images[number] = np.divide(image, np.float32(255), dtype=np.float32)
    return resized, images


def _rows(picture, classes, skipped):
    """[(class, cx, cy, w, h)] in fractions of a picture; what has no size, or none in the picture, is counted."""
    found = []
    for name, (left, top, *size) in picture.objects:
        start = np.array([left, top], float) / picture.size
        low, high = np.clip(start, 0, 1), np.clip(start + np.array(size) / picture.size, 0, 1)
        if (high - low > MIN_SHARE).all():
            found.append((classes.index(name), *(low + high) / 2, *(high - low)))
        else:
            skipped["without a size in the picture"] += 1
    return found


def _labels(rows):
    """(N, M, 5) of so many rows an image; where there is no object, NOTHING and zeros."""
    most = max(map(len, rows))
    if most > MOST_OBJECTS:
        raise ValueError(f"a picture has {most:,} boxes; there may be {MOST_OBJECTS:,}: cut it into several")
    labels = np.zeros((len(rows), max(1, most), 5), np.float32)
    labels[..., 0] = NOTHING
    for label, objects in zip(labels, rows, strict=True):
        label[: len(objects)] = np.array(objects).reshape(-1, 5)
    return labels
