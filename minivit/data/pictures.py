"""A person's picture, made into what a model reads."""

import numpy as np

from .opening import upright
from .photographs import read_as_trained

SHADES = " .:-=+*#%@"


def read_image(path, config, reading=None):
    """(image of the model's size (H, W, C) with values 0 to 1, notes on what was done to the file).

    With the `reading` of a model that learned from a folder, as the pictures there were read. Else grey if the model reads
    one channel, and then inverted if its edge is lighter than its middle tone, since the data sets are light on dark; resized
    with averaging. Raises ValueError for a file that is missing or no image."""
    from PIL import Image  # comes with matplotlib

    if reading is not None:
        return read_as_trained(path, config, reading)
    picture, (wide, high) = upright(path)
    picture = picture.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture)  # what is transparent is paper
    notes = [f"{wide} x {high} pixels"]
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
