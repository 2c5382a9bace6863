"""A person's picture, made into what a model reads."""

import warnings
from pathlib import Path

import numpy as np

SHADES = " .:-=+*#%@"


def read_image(path, config):
    """(image of the model's size (H, W, C) with values 0 to 1, notes on what was done to the file).

    Grey if the model reads one channel, and then inverted if its edge is lighter than its middle tone, since the data sets
    are light on dark; resized with averaging. Raises ValueError for a file that is missing or no image."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # comes with matplotlib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # twice as many are refused below
            opened = Image.open(path)
        with opened as file:
            if file.mode.startswith(("I", "F")):  # 16 bits or floats, which convert() would clip at 255
                values = np.nan_to_num(np.asarray(file, dtype=np.float64), posinf=0)
                top = next((top for top in (1, 255, 65535) if values.max() <= top), values.max()) if file.mode == "F" else 65535
                file = Image.fromarray((values.clip(0, top) * (255 / top)).round().astype(np.uint8))
            picture = ImageOps.exif_transpose(file).convert("RGBA")  # upright, as the camera was held
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
        raise ValueError(f"{path} {what} no image that can be read; give a PNG or JPEG file") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read, it may be cut off or damaged ({type(error).__name__}: {error})") from None
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture)  # what is transparent is paper
    notes = [f"{picture.width} x {picture.height} pixels"]
    height, width = config.image_size
    picture = picture.convert("L" if config.channels == 1 else "RGB")
    pixels = np.asarray(picture, dtype=np.float32) / 255
    if config.channels == 1:
        notes.append("grey")
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        if np.median(edge) > 0.5:
            pixels = 1 - pixels
            notes.append("inverted to light on dark")
    if pixels.shape[:2] != (height, width):
        bands = [Image.fromarray(band) for band in np.moveaxis(np.atleast_3d(pixels), 2, 0)]
        pixels = np.stack([np.asarray(band.resize((width, height), Image.Resampling.BOX)) for band in bands], axis=-1)
        stretched = picture.width * height / (picture.height * width)
        notes.append(f"resized to {width} x {height}" + (", which changes its shape" if not 0.8 < stretched < 1.25 else ""))
    if pixels.max() == pixels.min():
        notes.append("one colour all over")
    return np.atleast_3d(pixels).astype(np.float32), notes


def sketch(image):
    """The image in characters, two a pixel, darker ones for brighter pixels; none for images too wide for a terminal."""
    if image.shape[1] > 32:
        return []
    levels = (image.mean(axis=-1).clip(0, 1) * (len(SHADES) - 1)).round().astype(int)
    return ["".join(SHADES[level] * 2 for level in row) for row in levels]
