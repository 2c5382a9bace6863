"""A picture as the library prepares it that a pretrained model comes from: resized, the middle cut out, and normalised, to the
same float32 numbers as timm, torchvision, and Hugging Face's processors on Pillow, bit for bit.

How, is kept with the model as its `reading`, beside mean and std, which have a number a channel:

    resize     the shorter side in pixels, while the picture keeps its shape, or [height, width], into which it is squeezed
    cover      whether, in place of that, it keeps its shape and covers [height, width]; may be missing: false
    down       whether the middle begins at a half pixel rounded down, as Hugging Face's; may be missing: to the even number
    resample   with which of Pillow's filters: "bicubic"; also "nearest", "bilinear", "lanczos", "box", "hamming"

Then the middle is cut out, as large as the model's images, and value / 255 is normalised (datasets.normalise).
"""

import math

import numpy as np

from ..checks import shown
from .opening import decode, quiet, shades, span

FILTERS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # Hugging Face's and Pillow's numbers for them
LARGEST = 8192  # pixels a side of what is made of a picture
HALF = ([0.5] * 3, [0.5] * 3)
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
# Where no file says it, layout: (share of the resized side that is cut out, or None: all is squeezed, filter, mean and std)
HABITS = {
    "timm": (0.9, "bicubic", HALF),
    "Google": (None, "bilinear", HALF),
    "Hugging Face": (None, "bilinear", HALF),
    "torchvision": (0.875, "bilinear", IMAGENET),
    "CLIP": (1.0, "bicubic", CLIP),
    "Hugging Face's CLIP": (1.0, "bicubic", CLIP),
}
OTHER = (0.875, "bicubic", IMAGENET)  # DeiT, DeiT3, DINO, DINOv2, MAE: what their papers' own code does


def preparation(layout, config, preprocessor, sizes):
    """(reading, mean, std) of a pretrained model: by its preprocessor_config.json (Hugging Face), else by pretrained_cfg in its
    config.json (timm), else by what models of its layout have in common.

    layout         "timm", "Hugging Face", "torchvision", ... (models.pretrained)
    config         the dictionary in config.json, or None
    preprocessor   the dictionary in preprocessor_config.json, or None
    sizes          the model's ViTConfig; with another image_size than the files' the resized picture grows along
    Raises ValueError, and names the entry, for one that is not to be followed."""
    high, wide = sizes.image_size
    if sizes.channels not in (1, 3):
        raise ValueError(f"it reads images of {sizes.channels} channels; of pictures there are those with 1 and with 3")
    config = config if isinstance(config, dict) else {}
    if isinstance(preprocessor, dict):
        reading, mean, std = _hugging_face(preprocessor, high, wide)
    elif "pretrained_cfg" in config or "architecture" in config:
        reading, mean, std = _timm(config.get("pretrained_cfg"), high, wide)
    else:
        share, resample, (mean, std) = HABITS.get(_family(layout, config), OTHER)
        if layout == "torchvision":
            share, resample = _torchvision(sizes)
        reading = _cut(share, high, wide) | {"resample": resample}
    return checked(reading), _channels("mean", mean, sizes.channels), _channels("std", std, sizes.channels)


def is_one(reading):
    """Whether a reading is of this kind, and not of a folder's pictures."""
    return isinstance(reading, dict) and "resize" in reading


def checked(reading):
    """The reading. Raises ValueError for one that cannot be followed, as another program may have written it."""
    resize, resample = reading.get("resize"), reading.get("resample")
    sides = resize if isinstance(resize, list | tuple) and len(resize) == 2 else [resize]
    ok = resample in FILTERS and all(isinstance(reading.get(name, False), bool) for name in ("cover", "down"))
    if not ok or not all(type(side) is int and 0 < side <= LARGEST for side in sides):
        raise ValueError(f"how its pictures are prepared is told as {reading!r:.80}, which is no such thing")
    return reading


def prepared(picture, size, reading, channels=3):
    """uint8 (H, W, C) of a PIL image, resized and cut to size = (H, W). An edge that the picture does not reach is black."""
    from PIL import Image

    (high, wide), resize = size, reading["resize"]
    picture = _opaque(picture, channels)
    if isinstance(resize, int):
        short, long = sorted(picture.size)
        other = max(1, int(resize * long / short))  # as torchvision: not rounded
        sides = (resize, other) if picture.width <= picture.height else (other, resize)
    elif reading.get("cover"):
        ratio = min(picture.height / resize[0], picture.width / resize[1])
        sides = tuple(round(side / ratio) for side in picture.size)  # as timm: rounded
    else:
        sides = (resize[1], resize[0])
    if max(sides) > 8 * LARGEST:
        raise ValueError(f"a picture of {picture.width} x {picture.height} is too long and narrow: cut a part out of it")
    if picture.size != sides:
        picture = picture.resize(sides, Image.Resampling[reading["resample"].upper()])
    rounded = math.floor if reading.get("down") else round  # Python's round, half to even, as torchvision
    left, top = rounded((picture.width - wide) / 2), rounded((picture.height - high) / 2)
    return np.array(picture.crop((left, top, left + wide, top + high))).reshape(high, wide, channels)


def read(path, config, reading):
    """(image (H, W, C) of the model's size with values 0 to 1, notes on what was done to the file). The picture is upright as
    the camera was held, and on white where it is transparent: both of which the libraries leave to whoever opens it. Raises
    ValueError as opening.upright does."""
    with quiet():
        picture, size = decode(path, 1 << 30)  # at its own size: a JPEG decoded at half of it has other pixels
        if picture.mode == "F":
            picture = shades(picture, span([picture]))
        pixels = prepared(picture, config.image_size, reading, config.channels)
    notes = [f"{size[0]} x {size[1]} pixels", *words(reading, config.image_size)]
    if pixels.max() == pixels.min():
        notes.append("one colour all over")
    return np.divide(pixels, np.float32(255), dtype=np.float32), notes


def words(reading, size):
    """What is done to a picture, in words."""
    (high, wide), resize = size, reading["resize"]
    how = "over" if reading.get("cover") else "squeezed to"
    sides = f"shorter side to {resize}" if isinstance(resize, int) else f"{how} {resize[1]} x {resize[0]}"
    cut = isinstance(resize, int) or reading.get("cover") or tuple(resize) != (high, wide)
    return [f"{sides}, {reading['resample']}", *([f"the middle {wide} x {high}"] if cut else [])]


def _opaque(picture, channels):
    from PIL import Image

    if picture.mode == "RGBA":  # what is transparent is paper
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("L" if channels == 1 else "RGB")


def _cut(share, high, wide):
    """How a picture is resized of which images of (high, wide) are that share; None: all of it is squeezed."""
    if share is None:
        return {"resize": [high, wide]}
    sides = [int(high / share), int(wide / share)]
    return {"resize": sides[0]} if high == wide else {"resize": sides, "cover": True}


def _family(layout, config):
    """The layout, or, of Hugging Face's models that are not its own ViT, that of their authors."""
    kind = config.get("model_type")
    return layout if layout != "Hugging Face" or kind in (None, "vit") else "another"


def _torchvision(sizes):
    """Its weights say this in code alone: those for larger images (SWAG) cut nothing off, and L/16 is resized to 242."""
    if min(sizes.image_size) >= 384:
        return 1.0, "bicubic"
    large = sizes.dim == 1024 and sizes.patch_size == (16, 16)
    return 224 / 242.5 if large else 0.875, "bilinear"  # 242.5: it is rounded down


def _timm(found, high, wide):
    found = found if isinstance(found, dict) else {}
    mode, share = found.get("crop_mode") or "center", found.get("crop_pct", 0.875)
    if mode not in ("center", "squash"):
        raise ValueError(f"config.json says crop_mode {shown(mode)}; center and squash are followed")
    if not _is_number(share) or not 0.1 <= share <= 1:
        raise ValueError(f"config.json says crop_pct {shown(share)}; it must be a number from 0.1 to 1")
    how = _cut(share, high, wide) if mode == "center" else {"resize": [int(high / share), int(wide / share)]}
    reading = how | {"resample": _filter(found.get("interpolation") or "bicubic", "config.json", "interpolation")}
    return reading, found.get("mean") or IMAGENET[0], found.get("std") or IMAGENET[1]


def _hugging_face(found, high, wide):
    size, crop = found.get("size", [224, 224]), found.get("crop_size", 224)
    resample = _filter(found.get("resample", 2), "preprocessor_config.json", "resample")
    factor = found.get("rescale_factor", 1 / 255)
    if found.get("do_resize", True) is False or found.get("do_rescale", True) is False or abs(factor * 255 - 1) > 1e-6:
        raise ValueError("preprocessor_config.json does not resize, or not from 0 to 1: that is not followed")
    cut = found.get("do_center_crop", False)
    given = _both(crop if cut else size, "crop_size" if cut else "size")
    growth = high / given[0], wide / given[1]  # 1 for the size of the file
    short = size.get("shortest_edge") if isinstance(size, dict) else size if cut and isinstance(size, int) else None
    if short is not None:
        resize = int(_whole(short, "size") * growth[0])
    else:
        resize = [int(side * more) for side, more in zip(_both(size, "size"), growth, strict=True)]
    plain = found.get("do_normalize", True) is False
    mean, std = ([0.0], [1.0]) if plain else (found.get("image_mean") or HALF[0], found.get("image_std") or HALF[1])
    return {"resize": resize, "resample": resample} | ({"down": True} if cut else {}), mean, std


def _filter(value, file, name):
    if isinstance(value, str) and value.lower() in FILTERS:
        return value.lower()
    if type(value) is int and 0 <= value < len(FILTERS):
        return FILTERS[value]
    raise ValueError(f"{file} says {name} {shown(value)}; it must be one of {', '.join(FILTERS)}")


def _both(size, name):
    """(height, width) of an entry of Hugging Face's: a number, two, or a dictionary."""
    if isinstance(size, dict):
        size = [size.get("height", size.get("shortest_edge")), size.get("width", size.get("shortest_edge"))]
    high, wide = size if isinstance(size, list) and len(size) == 2 else (size, size)
    return _whole(high, name), _whole(wide, name)


def _whole(value, name):
    if type(value) is not int or not 0 < value <= LARGEST:
        raise ValueError(f"preprocessor_config.json says {name} {shown(value)}; it must be in pixels, 1 to {LARGEST:,}")
    return value


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _channels(name, values, channels):
    """A number a channel, as Python's floats."""
    values = list(values) if isinstance(values, list | tuple) else [values]
    if len(values) == 1:
        values = values * channels
    if len(values) != channels or not all(_is_number(v) for v in values) or (name == "std" and min(values) <= 0):
        what = "a number above 0" if name == "std" else "a number"
        raise ValueError(f"its pictures' {name} is told as {shown(values)}; it must have {what} for each of {channels} channels")
    return [float(v) for v in values]
