"""A data set of one's own as a folder of class folders with image files: cats/1.png, dogs/1.jpg, ..."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import gcd

import numpy as np

from ...checks import pair
from ..datasets import from_pixels, stratified_test_mask
from ..fetch import kept
from ..opening import header, quiet, shades, span
from ..photographs import edges_are_light, read_fitted
from . import tree

SIZE = 64  # pixels a side of what is larger, or of several sizes
MOST_SIZE = 1024
MOST_BYTES = 2 << 30  # of all images as float32
FEW = 20  # images a class


def read(path, image_size=None):
    """The Dataset in a folder: a folder a class, named after it, with image files of the kinds in opening.KINDS, in folders of
    their own if need be. If there are train/ and test/ (or val/, valid/, validation/, in any case) with the class folders inside,
    that is the split; else a fifth of each class, drawn with seed 0, is for testing.

    Every picture is brought to image_size, one or two whole numbers: its shorter side is resized and the middle cut out. Without
    image_size, pictures that are all of one size of up to SIZE pixels keep it, and others become SIZE x SIZE. They are grey if
    most of the training pictures are, and then all inverted if most have a light edge, as drawings on paper have.

    What is decoded is kept in the cache folder; nothing is written here. `notes` of the Dataset tell what was passed over, and
    where images are few. Raises ValueError with the path."""
    found = tree.find(path)
    size = None if image_size is None else pair("image_size", image_size)
    if size and max(size) > MOST_SIZE:
        raise ValueError(f"image_size is {size[0]} x {size[1]}; it must be at most {MOST_SIZE}")
    _check_counts(found)
    decoded, notes = _decoded(found, size)
    images, files = decoded.images, decoded.readable(found.files)
    _check_counts(found, decoded.faults)
    testing = _testing(found, files)
    inverted = decoded.channels == 1 and edges_are_light(images[~testing])
    if inverted:
        images = 255 - images
    labels = np.array([label for _, label, _, _ in files], np.int64)
    notes = [printable(note) for note in (*_notes(found, decoded.faults, labels, testing), *notes)]
    # a class is called the same whatever encoding the system says its names have
    classes = [os.fsencode(name).decode("utf-8", "surrogateescape") for name in found.classes]
    parts = images[~testing], labels[~testing], images[testing], labels[testing]
    reading = {"resized": decoded.resized, "grey": decoded.channels == 1, "inverted": inverted, "span": decoded.span}
    return from_pixels(str(found.root), classes, *parts, reading=reading, notes=tuple(notes))


def printable(note):
    """One line in UTF-8, whatever is in the names of files."""
    text = note.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


@dataclass
class _Decoded:
    """images uint8 (N, H, W, C) of the files that can be read, and for the others {number of the file: why not}."""

    images: np.ndarray
    faults: dict
    span: list | None
    resized: bool

    @property
    def channels(self):
        return self.images.shape[-1]

    def readable(self, files):
        return [file for number, file in enumerate(files) if number not in self.faults]


def _decoded(found, size):
    """(_Decoded, notes) from the cache, or made and kept there."""
    stamps = [(str(path.relative_to(found.root)), label, part, *stamp) for path, label, part, stamp in found.files]
    names = [kept.key(os.fsencode(found.root), of, stamps) for of in dict.fromkeys((size, None))]
    for name in names:  # without a size, as training had it, they may have become of this size too
        earlier = _earlier(name, len(found.files))
        if earlier is not None and size in (None, earlier.images.shape[1:3]):
            return earlier, []
    decoded = _decode(found, size)
    about = {"faults": decoded.faults, "span": decoded.span, "resized": decoded.resized}
    why = kept.store(names[0], {"images": decoded.images, "about": np.array(json.dumps(about))})
    return decoded, [f"the decoded pictures are not kept, {why}: they will be decoded again next time"] if why else []


def _earlier(name, count):
    """The _Decoded of so many files that was kept under that name, or None."""
    arrays = kept.load(name, ("images", "about"))
    try:
        images, about = arrays["images"], json.loads(str(arrays["about"]))
        faults = {int(number): str(why) for number, why in about["faults"].items()}
        if images.dtype == np.uint8 and images.ndim == 4 and len(images) + len(faults) == count:
            return _Decoded(images, faults, about["span"], about["resized"])
    except (ValueError, LookupError, TypeError, AttributeError):  # there is none, or not as this version keeps it
        pass
    return None


def _decode(found, size):
    """Every file is opened twice: for the size of all of them, then for their pixels."""
    files, faults = found.files, {}
    title = found.root.name
    with quiet():
        headers = dict(enumerate(in_threads(header, [file for file, *_ in files], faults, None)))
        known = [number for number in headers if number not in faults]
        if not known:
            raise ValueError(f"no file in {found.root} can be read: {next(iter(faults.values()))}")
        sizes = {headers[number][0] for number in known}
        greys = [headers[number][1] for number in known if files[number][2] == 0]
        channels = 1 if 2 * sum(greys) > len(greys) else 3
        (height, width), resized = common_size(sizes, size)
        space = len(known) * height * width * channels * 4
        if space > MOST_BYTES:
            raise ValueError(
                f"{found.root}: its {len(known):,} images would take {space / 1e9:.0f} GB at {height} x {width}: make them "
                "smaller with --image-size, or take fewer"
            )

        def pixels(path):
            return read_fitted(path, height, width, channels)

        unread = {}
        read = in_threads(pixels, [files[number][0] for number in known], unread, title)
    faults |= {known[i]: why for i, why in unread.items()}
    images = {number: image for number, image in zip(known, read, strict=True) if number not in faults}
    limits = _scale(found, files, images)
    shape = (0, height, width, channels)
    stacked = np.stack([np.broadcast_to(image, shape[1:]) for image in images.values()]) if images else np.zeros(shape, np.uint8)
    return _Decoded(stacked, faults, limits, resized)


def common_size(sizes, asked):
    """((height, width) of all images, whether that differs from their own)."""
    if asked:
        return asked, True
    if len(sizes) == 1:
        ((width, height),) = sizes
        if max(height, width) <= SIZE and height * width <= 1024 * gcd(height, width) ** 2:  # patches divide it
            return (height, width), False
    return (SIZE, SIZE), True


def _scale(found, files, images):
    """Brings images of numbers without a range, float32, to uint8, all by the range of those in the training part: [low, high].
    None where there are none."""
    deep = [number for number, image in images.items() if image.dtype != np.uint8]
    if not deep:
        return None
    testing = dict(zip(images, _testing(found, [files[number] for number in images]), strict=True))
    limits = span([images[number] for number in deep if not testing[number]] or [images[number] for number in deep])
    for number in deep:
        images[number] = np.array(shades(images[number][..., 0], limits))[..., None]
    return list(limits)


def in_threads(function, paths, faults, title):
    """[function(path) for path in paths] on all cores, None for those that raise ValueError, which goes into `faults` by number.
    With a title, a bar shows how far it is. Ctrl-C ends it after the files that are being read."""
    from tqdm import tqdm

    def attempt(path):
        try:
            return function(path), None
        except ValueError as error:
            return None, str(error)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    results = []
    bar = tqdm(total=len(paths), unit=" images", desc=title, disable=None if title else True, leave=False)
    pool = ThreadPoolExecutor(cores)
    try:
        with bar:
            for result, why in pool.map(attempt, paths):
                if why is not None:
                    faults[len(results)] = why
                results.append(result)
                bar.update()
    finally:
        pool.shutdown(cancel_futures=True)
    return results


def _testing(found, files):
    """True for the files that are for testing."""
    if len(found.parts) == 2:
        return np.array([part == 1 for _, _, part, _ in files], bool)
    labels = np.array([label for _, label, _, _ in files], np.int64)
    return stratified_test_mask(labels, max(1, round(len(labels) / 5)), np.random.default_rng(0))


def _check_counts(found, faults=None):
    """Raises ValueError for a class without an image to learn from, or with one that would have to do for testing too."""
    faults, split = faults or {}, len(found.parts) == 2
    labels = [label for number, (_, label, part, _) in enumerate(found.files) if part == 0 and number not in faults]
    for label, count in enumerate(np.bincount(labels, minlength=len(found.classes)) if labels else [0] * len(found.classes)):
        folder = found.parts[0] / found.classes[label]
        why = [fault for number, fault in faults.items() if found.files[number][1] == label and found.files[number][2] == 0]
        because = f" ({tree.shown(why, 1)})" if why else ""
        if not count:
            raise ValueError(f"none of the image files in {folder} can be read{because}: put others there, or take it away")
        if count == 1 and not split:
            raise ValueError(
                f"{folder} has one image{because}: it needs one to learn from and one for testing; add more, or take it away"
            )
    if split and all(part == 0 or number in faults for number, (_, _, part, _) in enumerate(found.files)):
        raise ValueError(f"none of the image files in {found.parts[1]} can be read ({tree.shown(faults.values(), 1)})")


def _notes(found, faults, labels, testing):
    """What a person should know before training starts, a sentence each."""
    skipped = found.skipped.copy()
    if faults:
        skipped["that cannot be read"] += len(faults)
    if skipped:
        yield tree.told(skipped)
    yield from list(faults.values())[:3]
    if len(faults) > 3:
        yield f"... and {len(faults) - 3} more that cannot be read"
    if found.aside:
        yield f"folders passed over: {tree.shown(found.aside)}"
    train, test = (np.bincount(labels[mask], minlength=len(found.classes)) for mask in (~testing, testing))
    if few := [f"{name} has {count}" for name, count in zip(found.classes, train, strict=True) if count < FEW]:
        yield (
            f"few images to learn from: {tree.shown(few)}. Below some {FEW} a class, a model that starts from nothing learns "
            "little; more images help, or fine-tuning weights that were pretrained on many"
        )
    if untested := [name for name, count in zip(found.classes, test, strict=True) if not count]:
        yield f"none to test: {tree.shown(untested)}"
