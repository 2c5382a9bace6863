"""An image file becomes an upright picture. The kinds of files in KINDS are read, by folders and by predict; nothing else is
tried, since for some kinds Pillow would start another program: Ghostscript for an EPS, whatever its name says."""

import warnings
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock

import numpy as np

KINDS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WebP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),  # its first frame, as of a moving WebP or PNG
    "TIFF": (".tif", ".tiff"),
}
SUFFIXES = frozenset(suffix for suffixes in KINDS.values() for suffix in suffixes)
NAMES = "JPEG, PNG, WebP, BMP, GIF or TIFF"
MOST_PIXELS = 1 << 26  # that are decoded of one file: 4 bytes each
_LARGE = Lock()  # large ones are decoded one after another, so that many threads do not fill the memory
LEAST = 2048  # pixels a side that are left of a larger picture, unless fewer are asked for
ORIENTATION = 0x0112  # EXIF's number of it
ON_ITS_SIDE = (5, 6, 7, 8)
GREY = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "F")
TOPS = (1, 255, 4095, 65535)  # the ends of the ranges in which cameras and instruments count


def upright(path, least=LEAST):
    """(picture, (width, height) of the file), upright as the camera was held: a PIL image in L, RGB, or RGBA where something is
    transparent. A picture with both sides above 2 * `least` comes smaller, but no side below it.

    What has 16 bits, 32 bits or floats a pixel is read by the range of its numbers. Raises ValueError, with the path and what
    to do, for a file that is missing, damaged, too large, or of no kind in KINDS."""
    with quiet():
        picture, size = decode(path, least)
    return (shades(picture, span([picture])) if picture.mode == "F" else picture), size


@contextmanager
def quiet():
    """Pillow warns of what is refused or mended here. The filters of warnings belong to all threads: one thread sets them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def header(path):
    """((width, height) as the picture is to be seen, whether it is grey) from the beginning of the file. Raises as upright."""
    with _opened(path) as file:
        return _size(file), file.mode in GREY


def decode(path, least):
    """As upright, but for numbers that need a range: they come as they are, in an image of mode F. To be called in quiet()."""
    with _opened(path) as file:
        size = _size(file)
        enough = least if size[0] * size[1] <= MOST_PIXELS else min(least, min(size) // 2)
        file.draft(None, (enough, enough))  # a JPEG is decoded at an eighth, a quarter or half of its size
        _limit(path, file.size)
        with _LARGE if file.width * file.height > MOST_PIXELS // 4 else nullcontext():
            file.load()
            turn = None if file.format == "TIFF" else _orientation(file)  # Pillow turns a TIFF itself
            picture = _simple(file)
            factor = min(picture.size) // least
            if factor > 1:
                picture = picture.reduce(factor)
            return _turned(picture, turn), size


def span(pictures):
    """(low, high): the numbers that are black and white in images of mode F. From 0 to the nearest of TOPS, or from the
    smallest to the largest where some are negative or above."""
    values = [np.asarray(picture) for picture in pictures]
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    if low < 0:
        return low, max(high, low + 1)
    return 0.0, float(next((top for top in TOPS if high <= top), high))


def shades(picture, span):
    """The image in L of one in mode F."""
    from PIL import Image

    low, high = span
    values = (np.asarray(picture, np.float32).clip(low, high) - np.float32(low)) * np.float32(255 / (high - low))
    return Image.fromarray(values.round().astype(np.uint8))


@contextmanager
def _opened(path):
    """The file, its header read; whatever is wrong with it while it is open is told in a sentence."""
    from PIL import Image, UnidentifiedImageError  # comes with matplotlib

    try:
        with Image.open(path, formats=[kind.upper() for kind in KINDS]) as file:
            yield file
    except FileNotFoundError:
        raise ValueError(f"there is no file {str(path)!r}") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder: name image files") from None
    except PermissionError:
        what = "is a folder: name image files" if Path(path).is_dir() else "may not be read by you"  # as Windows says of a folder
        raise ValueError(f"{path} {what}") from None
    except Image.DecompressionBombError:
        raise ValueError(f"{path} has too many pixels, more than {2 * Image.MAX_IMAGE_PIXELS:,}: make it smaller first") from None
    except UnidentifiedImageError:
        what = "is empty and" if Path(path).is_file() and not Path(path).stat().st_size else "is"
        raise ValueError(f"{path} {what} no image that can be read; give a {NAMES} file") from None
    except _TooManyPixels:
        raise
    except Exception as error:  # Pillow raises a different class for each kind of damage
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{path} cannot be read, it may be cut off or damaged ({reason})") from None


class _TooManyPixels(ValueError):
    pass


def _limit(path, size):
    if size[0] * size[1] > MOST_PIXELS:
        raise _TooManyPixels(
            f"{path} has too many pixels, {size[0]} x {size[1]}, more than {MOST_PIXELS:,}: make it smaller first"
        )


def _orientation(file):
    """EXIF's, from 1 to 8, as far as the file has been read; what cannot be read of it turns nothing."""
    from PIL import Image

    try:
        return Image.Image.getexif(file).get(ORIENTATION)  # PNG's own would decode the picture for it
    except Exception:
        return None


def _size(file):
    on_its_side = file.format != "TIFF" and _orientation(file) in ON_ITS_SIDE
    return file.size[::-1] if on_its_side else file.size


def _turned(picture, orientation):
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return picture.transpose(turns[orientation]) if orientation in turns else picture


def _simple(file):
    """The loaded file in one of four modes: L, RGB, RGBA, or F for numbers whose range is still to be found."""
    from PIL import Image

    if file.mode.startswith(("I", "F")):
        values = np.array(file, dtype=np.float32)
        if file.format == "PNG":  # which says that 65535 is white
            return Image.fromarray((values * np.float32(255 / 65535)).round().astype(np.uint8))
        return Image.fromarray(np.nan_to_num(values, copy=False, posinf=0, neginf=0))
    if file.mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in file.info:
        return file.convert("RGBA")
    mode = "L" if file.mode in ("1", "L") else "RGB"
    return file if file.mode == mode else file.convert(mode)  # converting copies
