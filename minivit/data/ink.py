"""Finds the ink of one figure on a person's picture: against its own paper, whatever the colours, the light and the lines."""

import numpy as np

from .blobs import grown, one_digit, pieces_of, without_ring

WORKING = 480  # pixels of the longer side: a pen of a photograph is some pixels wide, and its noise is averaged away
SMALL = 110  # a digit with fewer is looked at again, closer, if the picture has more to show
LEAST_CONTRAST = 14 / 255  # what is fainter than that is paper


class NoDigit(ValueError):
    """A picture on which there is nothing to read, or more than one thing."""


def find_ink(picture):
    """(ink (h, w) from 0 to 1, cut to the digit; the box (left, top, right, bottom) in pixels of the picture; notes).
    picture: upright, RGBA. Raises NoDigit with a sentence."""
    box, notes = sheet_of(picture), []
    for _ in range(3):
        part = picture.crop(box)
        shrink = max(1.0, max(part.size) / WORKING)
        size = tuple(max(1, round(side / shrink)) for side in part.size)
        ink, notes = _ink(np.asarray(part.resize(size, _resampling().BOX), dtype=np.float32) / 255, shrink > 1.5)
        height, width = ink.shape
        ink, (left, top, right, bottom) = one_digit(ink, NoDigit)
        scale = np.array([part.width / width, part.height / height] * 2)
        found = np.array([left, top, right, bottom]) * scale + [box[0], box[1]] * 2
        if shrink < 1.5 or max(right - left, bottom - top) >= SMALL:
            break
        margin = 0.7 * max(found[2] - found[0], found[3] - found[1])
        closer = found + np.array([-margin, -margin, margin, margin])
        box = tuple(int(v) for v in np.clip(closer, 0, [*picture.size] * 2).round())
    return ink, tuple(int(v) for v in found.round()), notes


def _resampling():
    from PIL import Image

    return Image.Resampling


def _ink(rgba, shrunk):
    """(ink (H, W), about 1 in a stroke and 0 on paper; notes on what was done) of a picture (H, W, 4). shrunk: whether it was
    larger, so that a pen may be thinner than a pixel, now strong and now weak."""
    pixels, notes = on_paper(rgba)
    difference = pixels - paper_of(pixels)
    noise = 1.4826 * np.median(np.abs(np.diff(difference.mean(axis=-1), axis=1))) / 2**0.5 if rgba.shape[1] > 1 else 0.0
    if noise > 0.008:
        difference, notes = _blurred(difference, 1.0 if noise < 0.03 else 1.6), [*notes, "noise smoothed"]
    elif shrunk:
        difference = _blurred(difference, 0.8)
    strength = np.sqrt((difference**2).mean(axis=-1))
    faintest = max(LEAST_CONTRAST, 1.5 * noise, 0.12 * strength.max())
    if strength.max() < LEAST_CONTRAST:
        raise NoDigit("there is no ink on it: it is one colour all over")
    mask = without_ring(without_frame(strength > faintest))
    mask, ruled = without_rules(mask)
    if not mask.any():
        raise NoDigit("there is no ink on it")
    strong = mask & (strength > otsu(strength[mask]))
    direction = difference[strong].mean(axis=0)  # from paper to ink: lines of another colour count less, and noise both ways
    along = difference @ direction / max(float(direction @ direction), 1e-9)
    level = np.median(along[strong])
    ink = np.where(grown(mask, 2), along / level, 0)
    if direction.mean() < 0:
        notes = [*notes, "inverted to light on dark"]
    clear, more = without_rules(ink > 0.45)
    return np.where(grown(clear, 1), ink, 0).clip(0, 1), [*notes, *["lines removed"] * (ruled or more)]


def on_paper(rgba):
    """(pixels (H, W, 3), notes): what is transparent is paper, white or black, whichever is further from what is drawn."""
    colour, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() > 0.99:
        return colour, []
    drawn = (colour * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1e-6)
    if (alpha < 0.5).mean() < 0.2:  # rounded corners and the like
        paper, name = drawn, "filled"
    else:
        paper, name = np.full(3, float(drawn.mean() < 0.6), np.float32), "taken for paper"
    return alpha * colour + (1 - alpha) * paper, [f"what is transparent {name}"]


def paper_of(pixels):
    """The paper's colour at every pixel (H, W, C): a smooth surface of second degree for the light, fitted to what is not ink,
    and upon it, for the edge of a shadow, medians of neighbourhoods: first of wide ones, in which even a thick pen is less than
    half; then of narrower ones, without what was ink for the first."""
    from PIL import Image

    height, width = pixels.shape[:2]
    shrink = max(1.0, max(height, width) / 40)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    papers = []
    for band in np.moveaxis(pixels, 2, 0):
        small = Image.fromarray(np.ascontiguousarray(band, dtype=np.float32)).resize(size, Image.Resampling.BOX)
        light = _surface(np.asarray(small))
        rest = np.asarray(small) - light
        wide = _median(rest, int(0.45 * min(size)))
        off = np.abs(rest - wide)
        share = np.asarray(small) / np.maximum(light + wide, 0.02)
        inked = (off > 0.6 * off.max()) & ((share < 0.5) | (share > 2))  # no shadow takes half of the light
        narrow = _median(np.where(inked, wide, rest), int(0.25 * min(size)))
        paper = Image.fromarray((light + narrow).astype(np.float32))
        papers.append(np.asarray(paper.resize((width, height), Image.Resampling.BILINEAR)))
    return np.stack(papers, axis=-1)


def _median(values, around):
    """The median of the square of so many pixels to each side, at every pixel of (H, W)."""
    from PIL import Image, ImageFilter

    wide = np.pad(values, around, mode="reflect").astype(np.float32)  # an edge twice would be a majority at the edge
    found = np.asarray(Image.fromarray(wide).filter(ImageFilter.MedianFilter(2 * around + 1)))
    return found[around : around + values.shape[0], around : around + values.shape[1]]


def _surface(values):
    """The surface of second degree nearest to most of `values` (H, W): what is far from it, ink, counts less in each round."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in values.shape), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)
    wanted, found = values.reshape(-1), np.full(values.size, np.median(values))
    for _ in range(6):
        off = np.abs(wanted - found)
        weight = 1 / (1 + (off / max(2 * np.median(off), 0.01)) ** 2)
        weighed = terms * (weight**2)[:, None]
        found = terms @ np.linalg.solve(weighed.T @ terms + 1e-6 * np.eye(6), weighed.T @ wanted)
    return found.reshape(values.shape)


def _blurred(values, radius):
    from PIL import Image, ImageFilter

    bands = [Image.fromarray(np.ascontiguousarray(band, dtype=np.float32)) for band in np.moveaxis(values, 2, 0)]
    # Pillow blurs bytes: 0 lies in the middle of them
    blurred = [
        np.asarray(
            Image.fromarray((127.5 + 127.5 * np.asarray(b)).round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
        )
        for b in bands
    ]
    return np.stack(blurred, axis=-1).astype(np.float32) / 127.5 - 1


def otsu(values):
    """The threshold that parts the values into two groups, each as much of one size as can be (Otsu 1979)."""
    if np.ptp(values) < 1e-4:
        return float(values.min()) - 1  # all are of one group, above it
    counts, edges = np.histogram(values.astype(np.float64), 64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above, sums = counts.sum() - below, np.cumsum(counts * middles)
    between = below * above * (sums[:-1] / np.maximum(below, 1) - (sums[-1] - sums[:-1]) / np.maximum(above, 1)) ** 2
    return float(edges[1 + between.argmax()])


def without_frame(mask):
    """The mask without what runs along a whole edge of the picture, however thick: the table around a sheet, a border."""
    kept = mask.copy()
    for was, now in zip(*((m, m[::-1], m.T, m.T[::-1]) for m in (mask, kept)), strict=True):
        solid = was.mean(axis=1) > 0.97
        depth = 0 if solid.all() else int(np.argmin(solid))
        if depth:
            now[: depth + 2] = False  # with its soft edge
    return kept if kept.any() else mask


def without_rules(mask):
    """(the mask without straight lines across the picture, whether there were any). A stroke that crosses a line is joined
    again. Two lines or more make paper ruled; one alone might be a digit's own bar, unless it goes from edge to edge. A line on
    the very edge is the bar of a digit that was cut out closely."""
    kept, found, whole = mask.copy(), False, True
    for turned in (kept, kept.T):
        height = len(turned)
        cover = turned.mean(axis=1)
        starts = np.flatnonzero(np.diff(np.concatenate([[0], (cover > 0.8).astype(np.int8), [0]])))
        bands = [(a, b) for a, b in starts.reshape(-1, 2) if b - a <= max(3, height // 60) and a > 2 and b < height - 2]
        across = [(a, b) for a, b in bands if cover[a:b].max() > 0.97]
        bands = bands if len(bands) > 1 else across
        found, whole = found or bool(bands), whole and len(bands) == len(across)
        for a, b in bands:
            _erase(turned, a - 1, b + 1)  # with its soft edge
    return (kept, found) if kept.any() or whole else (mask, False)


def _erase(mask, a, b):
    """Rows a to b of the mask made empty, but where a stroke goes on above and below."""
    mask[a:b] = mask[max(a - 2, 0) : a].any(axis=0) & mask[b : b + 2].any(axis=0)


def sheet_of(picture):
    """The box (left, top, right, bottom) of the sheet of paper on a table or the window on a screen: of a rectangle, lighter or
    darker than what surrounds it on three sides or four. The whole picture where there is none."""
    small = picture.convert("L")
    small.thumbnail((100, 100))
    grey = np.asarray(small, dtype=np.float32) / 255
    bright = grey > otsu(grey)
    whole = 0, 0, *picture.size
    if min(grey.shape) < 20 or bright.all() or grey[bright].mean() - grey[~bright].mean() < 0.25:
        return whole
    height, width = grey.shape
    scale = np.array([picture.width / width, picture.height / height] * 2)
    for mask in (bright, ~bright):
        for piece in pieces_of(mask, 0)[1]:
            box = np.array([piece.left, piece.top, piece.right, piece.bottom])
            away = np.abs(box - [0, 0, width, height])
            large = 0.25 * mask.size < piece.width * piece.height < 0.97 * mask.size
            if large and piece.area > 0.8 * piece.width * piece.height and sum(away > 1) >= 3:
                inner = box + 1.5 * (away > 0) * [1, 1, -1, -1]  # its edge is neither
                return tuple(int(v) for v in (inner * scale).round())
    return whole
