"""A data set of one's own in one .npz file, as numpy.savez writes it, read without trusting what it says of itself."""

import math
from pathlib import Path

import numpy as np

from ..datasets import from_pixels

ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")
LARGEST = 4 << 30  # bytes of one array
SMALL = 64 << 20  # bytes; a larger array that was compressed to less than a 200th is no data but a trap
MOST_CLASSES = 10_000


def read_arrays(path, names, optional=()):
    """{name: array} of an .npz file. No pickle is ever read, and no memory is taken before the size that a header claims
    agrees with the size of its member. Raises ValueError with the path and the fault."""
    import zipfile

    if not Path(path).is_file():
        raise ValueError(f"there is no file {str(path)!r}")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            missing = [name for name in names if name not in members]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}; it has {', '.join(list(members)[:12]) or 'nothing'}")
            return {name: _array(archive, members[name]) for name in (*names, *optional) if name in members}
    except Exception as error:  # zipfile, zlib and numpy raise a different class for each kind of damage
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{path} cannot be read as a data set: {reason}") from None


def _array(archive, info):
    import zipfile

    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{info.filename} is compressed in a way that numpy does not use")
    if info.file_size > LARGEST or info.file_size > max(SMALL, 200 * info.compress_size):
        raise ValueError(f"{info.filename} claims {info.file_size:,} bytes in {info.compress_size:,} compressed ones")
    with archive.open(info) as member:
        if np.lib.format.read_magic(member) != (1, 0):
            raise ValueError(f"{info.filename} is not of version 1.0 of numpy's format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(member)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects, a pickle, which could run anything: it is not read")
        size = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or size != info.file_size - member.tell():
            raise ValueError(f"{info.filename}: its header, {dtype} {shape}, does not fit its {info.file_size:,} bytes")
        data = member.read()
        if len(data) != size:
            raise ValueError(f"{info.filename} is cut short")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def read(path):
    """The Dataset in an .npz file with train_images, train_labels, test_images and test_labels. Images are (N, H, W) or
    (N, H, W, C), uint8 or floats from 0 to 1; labels are whole numbers from 0 up; classes, if there, are their names.
    Raises ValueError with the path and the fault."""
    arrays = read_arrays(path, ARRAYS, optional=("classes",))
    classes = arrays.pop("classes", None)
    try:
        for part in ("train", "test"):
            arrays[f"{part}_images"] = _images(arrays[f"{part}_images"], f"{part}_images")
            labels = arrays[f"{part}_labels"]
            if labels.ndim != 1 or labels.dtype.kind not in "iu":
                raise ValueError(f"{part}_labels must be (N,) whole numbers; got {labels.dtype} {labels.shape}")
            if labels.size and int(labels.max()) >= MOST_CLASSES:
                raise ValueError(f"{part}_labels go up to {labels.max()}; there may be {MOST_CLASSES:,} classes")
        if arrays["train_images"].shape[1:] != arrays["test_images"].shape[1:]:
            raise ValueError("train_images and test_images differ in size")
        if classes is None:
            highest = max((int(arrays[name].max()) for name in ("train_labels", "test_labels") if arrays[name].size), default=0)
            classes = np.array([str(i) for i in range(highest + 1)])
        if classes.ndim != 1 or classes.dtype.kind != "U" or not 0 < len(classes) <= MOST_CLASSES:
            raise ValueError(f"classes must be (K,) texts, at most {MOST_CLASSES:,}; got {classes.dtype} {classes.shape}")
        return from_pixels(str(Path(path).resolve()), [str(name) for name in classes], **arrays)
    except (ValueError, UnicodeError) as error:
        raise ValueError(f"{path}: {error}") from None


def _images(images, name):
    if images.ndim not in (3, 4) or 0 in images.shape[1:]:
        raise ValueError(f"{name} must be (N, H, W) or (N, H, W, C); got {images.shape}")
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f":
        raise ValueError(f"{name} must be uint8 from 0 to 255 or floats from 0 to 1; got {images.dtype}")
    with np.errstate(invalid="ignore"):
        if images.size and not (images.min() >= 0 and images.max() <= 1):  # not: a NaN is refused too
            raise ValueError(
                f"{name} are {images.dtype} from {images.min():.4g} to {images.max():.4g}; floats must be from 0 to 1"
            )
    return images.astype(np.float32)
