"""The first hand: smooth curves through a few points, on papers of 300 x 400. Predicting was tuned on these drawings."""

import io
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# Each digit in several ways: strokes of points (x, y) in a box of 0.65 x 1, y down; a stroke that ends in "-" has corners
RING = ((0.33, 0), (0.1, 0.2), (0.02, 0.5), (0.1, 0.82), (0.33, 1), (0.55, 0.82), (0.63, 0.5), (0.55, 0.2), (0.33, 0))
HANDS = {
    0: [[RING], [((0.4, 0.02), *RING[1:8], (0.42, 0.03))], [((0.2, 0.06), *RING[2:], (0.22, 0.1))]],
    1: [
        [((0.3, 0), (0.3, 1))],
        [((0.1, 0.25), (0.35, 0), (0.35, 1), "-")],
        [((0.05, 0.3), (0.33, 0), (0.33, 1), "-"), ((0.1, 1), (0.55, 1))],
        [((0.38, 0), (0.28, 1))],
    ],
    2: [
        [((0.05, 0.25), (0.15, 0.05), (0.4, 0), (0.58, 0.2), (0.5, 0.45), (0.25, 0.75), (0.03, 1)), ((0.03, 1), (0.62, 1))],
        [
            ((0.05, 0.2), (0.3, 0), (0.58, 0.2), (0.45, 0.55), (0.15, 0.92), (0.05, 0.9), (0.12, 0.8), (0.35, 0.95)),
            ((0.35, 0.95), (0.62, 0.93)),
        ],
        [((0.06, 0.1), (0.35, 0), (0.55, 0.22), (0.3, 0.65), (0.05, 0.98)), ((0.05, 0.98), (0.6, 0.96))],
    ],
    3: [
        [
            ((0.05, 0.12), (0.3, 0), (0.55, 0.2), (0.45, 0.42), (0.25, 0.48)),
            ((0.25, 0.48), (0.5, 0.55), (0.6, 0.75), (0.35, 1), (0.04, 0.88)),
        ],
        [((0.06, 0), (0.56, 0), (0.28, 0.4), "-"), ((0.28, 0.4), (0.52, 0.5), (0.6, 0.72), (0.38, 1), (0.04, 0.9))],
    ],
    4: [
        [((0.25, 0), (0.02, 0.6), (0.62, 0.6), "-"), ((0.48, 0.3), (0.45, 1))],
        [((0.45, 1), (0.45, 0), (0.02, 0.68), (0.63, 0.68), "-")],
        [((0.08, 0), (0.05, 0.5), (0.6, 0.5), "-"), ((0.52, 0), (0.5, 1))],
    ],
    5: [
        [((0.55, 0), (0.12, 0), (0.08, 0.45), "-"), ((0.08, 0.45), (0.35, 0.38), (0.58, 0.62), (0.45, 0.93), (0.04, 0.95))],
        [((0.1, 0.03), (0.08, 0.45)), ((0.08, 0.45), (0.4, 0.4), (0.58, 0.68), (0.38, 1), (0.03, 0.9)), ((0.1, 0.03), (0.6, 0))],
        [((0.1, 0.1), (0.08, 0.5)), ((0.08, 0.5), (0.4, 0.45), (0.58, 0.7), (0.36, 1), (0.03, 0.9)), ((0.16, 0), (0.62, 0))],
    ],
    6: [
        [((0.5, 0), (0.15, 0.35), (0.03, 0.7), (0.2, 0.98), (0.5, 0.92), (0.58, 0.7), (0.35, 0.52), (0.08, 0.68))],
        [((0.35, 0), (0.1, 0.4), (0.05, 0.75), (0.3, 1), (0.58, 0.78), (0.4, 0.55), (0.1, 0.65))],
    ],
    7: [
        [((0.03, 0.03), (0.62, 0), (0.25, 1), "-")],
        [((0.03, 0.03), (0.62, 0), (0.25, 1), "-"), ((0.15, 0.5), (0.58, 0.48))],
        [((0.05, 0.14), (0.06, 0), (0.6, 0), "-"), ((0.6, 0), (0.42, 0.4), (0.3, 1)), ((0.2, 0.52), (0.56, 0.5))],
    ],
    8: [
        [
            (
                (0.52, 0.1),
                (0.3, 0),
                (0.1, 0.2),
                (0.3, 0.45),
                (0.58, 0.75),
                (0.33, 1),
                (0.06, 0.78),
                (0.35, 0.47),
                (0.54, 0.2),
                (0.48, 0.05),
            )
        ],
        [
            ((0.32, 0), (0.1, 0.22), (0.32, 0.46), (0.54, 0.22), (0.32, 0)),
            ((0.32, 0.46), (0.04, 0.74), (0.32, 1), (0.6, 0.74), (0.32, 0.46)),
        ],
    ],
    9: [
        [((0.55, 0.2), (0.3, 0), (0.06, 0.22), (0.25, 0.47), (0.55, 0.25)), ((0.55, 0.2), (0.52, 0.65), (0.42, 1))],
        [((0.52, 0.12), (0.25, 0), (0.06, 0.25), (0.3, 0.45), (0.56, 0.2)), ((0.56, 0.2), (0.55, 0.75), (0.35, 1), (0.08, 0.92))],
    ],
}
BLACK, BLUE, RED, GREEN = (25, 25, 30), (30, 50, 170), (190, 30, 40), (20, 120, 60)
KINDS = (
    "thick pen,thin pen,one pixel,off centre,corner,coloured ink,rotated,shaded and noisy,lined paper,white on black,"
    "transparent,1-bit,palette,JPEG,pencil,framed and dusty"
).split(",")


def strokes(digit, rng):
    """The strokes of one way to write the digit, each a dense curve (n, 2), in a box of about 0.65 x 1."""
    way = HANDS[digit][rng.integers(len(HANDS[digit]))]
    return [_curve(stroke, rng) for stroke in way]


def _curve(stroke, rng):
    corners = stroke[-1] == "-"
    points = np.array(stroke[:-1] if corners else stroke, dtype=float)
    points += rng.normal(0, 0.015, points.shape)
    if corners or len(points) == 2:
        return np.concatenate([np.linspace(a, b, 30) for a, b in pairwise(points)])
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 30)[:, None]
    parts = []
    for a, b, c, d in zip(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], strict=True):  # Catmull and Rom's
        parts.append(b + t * (c - a) / 2 + t**2 * (2 * a - 5 * b + 4 * c - d) / 2 + t**3 * (3 * b - a - 3 * c + d) / 2)
    return np.concatenate(parts)


def mask(digit, rng, size=(300, 400), height=220, pen=9.0, place=None, turn=4.0):
    """Coverage by ink, an L image. place: where the digit's box begins, as shares of the free room; turn: largest, in degrees."""
    fine = 3
    found = np.concatenate(parts := strokes(digit, rng))
    angle, slant, wide = np.radians(rng.uniform(-turn, turn)), rng.uniform(-0.12, 0.2), rng.uniform(0.8, 1.15)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array([[wide, -slant], [0, 1]])
    parts = [part @ matrix.T * height for part in parts]
    found = np.concatenate(parts)
    low, high = found.min(axis=0) - pen, found.max(axis=0) + pen
    place = rng.uniform(0.3, 0.7, 2) if place is None else np.asarray(place)
    offset = place * np.maximum(np.array(size) - (high - low), 0) - low
    image = Image.new("L", (size[0] * fine, size[1] * fine))
    draw = ImageDraw.Draw(image)
    radius = max(pen / 2, 0.5) * fine
    for part in parts:
        dots = (part + offset) * fine
        draw.line([tuple(p) for p in dots], fill=255, width=max(1, round(2 * radius)), joint="curve")
        for x, y in dots if pen > 2 else ():
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
    return image.resize(size, Image.Resampling.BOX)


def _paint(ink, colour, paper):
    """The colour (r, g, b) where there is ink, on paper, a colour or an array (H, W, 3)."""
    share = np.asarray(ink, dtype=float)[..., None] / 255
    values = share * np.array(colour) + (1 - share) * np.broadcast_to(np.asarray(paper, float), (*share.shape[:2], 3))
    return Image.fromarray(values.clip(0, 255).round().astype(np.uint8))


def _shaded(size, rng, strength=90, noise=9):
    """Grey paper under a lamp, (H, W, 3)."""
    x, y = np.meshgrid(np.linspace(-1, 1, size[0]), np.linspace(-1, 1, size[1]))
    angle = rng.uniform(0, 2 * np.pi)
    light = 175 + strength / 2 * (np.cos(angle) * x + np.sin(angle) * y) / 1.4 - 20 * (x**2 + y**2)
    return light[..., None] + rng.normal(0, noise, (*light.shape, 1)) + rng.normal(0, noise / 3, (*light.shape, 3))


def _lined(size, rng):
    paper = np.full((size[1], size[0], 3), 250.0)
    step, start = int(rng.integers(22, 40)), int(rng.integers(5, 20))
    for y in range(start, size[1], step):
        paper[y : y + int(rng.integers(1, 3))] = (150, 180, 230)
    if rng.random() < 0.5:
        paper[:, 38:40] = (235, 150, 150)
    return paper


def drawing(digit, kind, rng):
    """A picture of the digit, of any of the KINDS."""
    size, white = (300, 400), (255, 255, 255)
    if kind == "thick pen":
        return _paint(mask(digit, rng, height=rng.uniform(200, 290), pen=rng.uniform(24, 44)), BLACK, white)
    if kind == "thin pen":
        return _paint(mask(digit, rng, height=rng.uniform(150, 300), pen=rng.uniform(2, 4)), BLACK, white)
    if kind == "one pixel":
        return _paint(mask(digit, rng, height=rng.uniform(60, 300), pen=1), BLACK, white)
    if kind == "off centre":
        return _paint(mask(digit, rng, height=rng.uniform(110, 200), pen=rng.uniform(5, 12), place=rng.random(2)), BLACK, white)
    if kind == "corner":
        place = rng.integers(0, 2, 2) * 0.94 + 0.03
        return _paint(mask(digit, rng, height=rng.uniform(24, 60), pen=rng.uniform(2, 5), place=place), BLACK, white)
    if kind == "coloured ink":
        colours = (BLUE, RED, GREEN, (230, 150, 20), (150, 60, 190))
        papers = (white, (255, 250, 215), (225, 240, 255))
        return _paint(mask(digit, rng, pen=rng.uniform(5, 16)), colours[rng.integers(5)], papers[rng.integers(3)])
    if kind == "rotated":
        return _paint(mask(digit, rng, pen=rng.uniform(6, 18), turn=10), BLACK, white)
    if kind == "shaded and noisy":
        ink = mask(digit, rng, height=rng.uniform(120, 250), pen=rng.uniform(5, 14)).filter(ImageFilter.GaussianBlur(1))
        return _paint(ink, (60, 60, 70), _shaded(size, rng, noise=rng.uniform(4, 14)))
    if kind == "lined paper":
        return _paint(mask(digit, rng, height=rng.uniform(60, 240), pen=rng.uniform(3, 8)), BLUE, _lined(size, rng))
    if kind == "white on black":
        return _paint(mask(digit, rng, pen=rng.uniform(6, 26)), (245, 245, 245), (8, 8, 8))
    if kind == "transparent":
        picture = Image.new("RGBA", size, (255, 255, 255) if rng.random() < 0.5 else BLACK)
        picture.putalpha(mask(digit, rng, pen=rng.uniform(5, 20)))
        return picture
    if kind == "1-bit":
        return _paint(mask(digit, rng, pen=rng.uniform(3, 18)), BLACK, white).convert("1")
    if kind == "palette":
        return _paint(mask(digit, rng, pen=rng.uniform(4, 18)), BLUE, (255, 250, 215)).quantize(8)
    if kind == "JPEG":
        buffer = io.BytesIO()
        picture = _paint(mask(digit, rng, height=rng.uniform(90, 250), pen=rng.uniform(3, 10)), BLACK, (235, 232, 225))
        picture.save(buffer, "JPEG", quality=int(rng.integers(8, 30)))
        return Image.open(buffer)
    if kind == "pencil":
        ink = np.asarray(mask(digit, rng, pen=rng.uniform(2.5, 5)), float) * rng.uniform(0.55, 1, (size[1], size[0]))
        return _paint(ink, (120, 120, 125), (240, 238, 232) + rng.normal(0, 3, (size[1], size[0], 1)))
    picture = _paint(mask(digit, rng, height=rng.uniform(120, 230), pen=rng.uniform(4, 12)), BLACK, (246, 246, 246))
    pen = ImageDraw.Draw(picture)
    if rng.random() < 0.6:
        edge = int(rng.integers(0, 9))
        pen.rectangle([edge, edge, size[0] - 1 - edge, size[1] - 1 - edge], outline=(60, 60, 60), width=int(rng.integers(2, 9)))
    for x, y in rng.uniform(0, 1, (int(rng.integers(4, 14)), 2)) * size:
        r = rng.uniform(0.7, 2.5)
        pen.ellipse([x - r, y - r, x + r, y + r], fill=(70, 70, 70))
    return picture
