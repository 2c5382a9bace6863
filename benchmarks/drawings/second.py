"""The second hand: Bezier curves drawn by a pen that presses more and less, on papers of its own. Nothing was tuned on it."""

import io

import numpy as np
from PIL import Image

# Strokes as text: M x y begins one, L x y goes straight, C x y x y x y bends; boxes of 100 x 150, y down
WRITTEN = {
    0: [
        "M 50 2 C 5 0 -5 60 8 110 C 18 155 75 160 90 105 C 105 50 90 5 50 2",
        "M 62 8 C 20 -10 2 40 5 80 C 8 140 40 155 65 140 C 100 115 98 20 58 6",
        "M 48 4 C 80 0 98 40 94 85 C 90 130 70 150 46 148 C 15 145 4 110 6 70 C 8 30 22 8 48 4",
    ],
    1: ["M 52 0 L 50 150", "M 20 38 L 58 2 L 56 150", "M 12 45 C 35 35 50 20 55 0 L 55 148 M 22 149 L 90 148", "M 62 0 L 42 150"],
    2: [
        "M 12 40 C 10 -10 90 -15 86 42 C 84 75 40 105 8 148 L 95 146",
        "M 8 30 C 25 -5 85 -10 84 38 C 82 85 30 120 16 140 C 5 150 5 115 30 122 C 50 128 70 150 96 136",
        "M 10 18 C 50 -15 95 10 78 55 C 65 90 30 120 6 146 C 35 138 70 150 94 144",
    ],
    3: [
        "M 12 20 C 30 -8 90 -5 82 38 C 78 62 55 70 36 72 C 75 70 98 90 90 118 C 80 155 25 155 6 132",
        "M 14 4 L 84 4 L 42 60 C 80 58 98 85 90 115 C 78 155 25 152 8 130",
        "M 10 12 C 55 -12 88 12 78 42 C 72 62 52 68 40 70 C 62 66 92 76 88 108 C 84 146 40 156 10 144",
    ],
    4: [
        "M 60 0 C 45 40 25 70 4 98 L 98 96 M 70 52 L 66 150",
        "M 68 150 L 70 2 L 5 104 L 96 102",
        "M 16 2 C 14 30 10 55 8 78 C 40 80 70 78 94 74 M 76 2 L 74 150",
        "M 72 4 C 50 45 20 80 6 100 L 96 98 M 72 4 L 70 148",
    ],
    5: [
        "M 84 4 L 22 6 L 14 66 C 50 48 95 62 90 105 C 84 150 35 158 6 136",
        "M 20 8 L 16 64 C 45 52 92 60 90 104 C 86 148 40 156 8 140 M 22 4 L 90 2",
        "M 20 18 L 16 70 C 45 56 90 66 88 108 C 84 148 42 154 10 138 M 26 0 L 92 -2",
    ],
    6: [
        "M 78 2 C 30 25 2 80 8 115 C 14 155 80 160 88 112 C 90 75 30 68 12 108",
        "M 56 0 C 25 45 8 80 8 112 C 10 150 55 155 76 135 C 98 110 78 80 52 82 C 30 84 14 100 12 118",
    ],
    7: [
        "M 6 6 L 92 4 L 38 150",
        "M 6 6 L 92 4 C 65 45 48 95 42 150 M 24 76 L 84 72",
        "M 10 26 L 12 4 L 90 6 L 44 148 M 30 74 L 80 76",
        "M 6 10 C 35 2 65 12 94 2 C 70 50 52 100 44 150",
    ],
    8: [
        "M 78 18 C 60 -10 15 -2 18 34 C 22 66 86 76 88 112 C 88 156 12 158 10 116 C 10 80 76 66 80 32 C 80 24 80 22 76 16",
        "M 50 70 C 10 62 8 4 50 2 C 92 4 90 62 50 70 C 2 76 -4 146 50 149 C 104 146 98 78 50 70",
    ],
    9: [
        "M 84 28 C 70 -10 8 -6 10 40 C 12 82 74 78 84 30 C 86 70 82 110 68 150",
        "M 82 20 C 50 -15 8 12 12 44 C 18 80 70 74 84 26 L 84 104 C 82 146 40 156 14 138",
        "M 80 38 C 84 -6 14 -10 10 38 C 10 76 70 80 80 38 L 78 150",
    ],
}
KINDS = (
    "marker,fineliner,hairline,to one side,small in a corner,gel pen,turned,phone photo,school paper,chalk,"
    "cut out,fax,few colours,low quality,pencil,table and dust"
).split(",")


def _points(text, rng):
    """[(n, 2) dense points] of the strokes in the text, with a hand that trembles."""
    words, strokes, place = text.split(), [], None
    while words:
        verb, count = words.pop(0), 0
        count = {"M": 1, "L": 1, "C": 3}[verb]
        ends = [np.array([float(words.pop(0)), float(words.pop(0))]) + rng.normal(0, 2.2, 2) for _ in range(count)]
        t = np.linspace(0, 1, 60)[:, None]
        if verb == "M":
            strokes.append([ends[0][None]])
        elif verb == "L":
            strokes[-1].append(place + t * (ends[0] - place))
        else:
            a, b, c = ends
            strokes[-1].append((1 - t) ** 3 * place + 3 * t * (1 - t) ** 2 * a + 3 * t**2 * (1 - t) * b + t**3 * c)
        place = ends[-1]
    return [np.concatenate(parts) for parts in strokes]


def ink(digit, rng, size, height, pen, at=None, turn=3.0):
    """Coverage (H, W) from 0 to 1: the distance to the nearest of the pen's round dots, whose radius changes along the stroke."""
    width_of_paper, height_of_paper = size
    strokes = _points(WRITTEN[digit][rng.integers(len(WRITTEN[digit]))], rng)
    angle = np.radians(rng.uniform(-turn, turn))
    lean, broad = rng.uniform(-0.1, 0.25), rng.uniform(0.75, 1.2)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array([[broad, -lean], [0, 1]])
    strokes = [stroke @ turned.T * (height / 150) for stroke in strokes]
    every = np.concatenate(strokes)
    low, high = every.min(axis=0) - pen / 2 - 1, every.max(axis=0) + pen / 2 + 1
    free = np.maximum(np.array([width_of_paper, height_of_paper]) - (high - low), 0)
    at = rng.uniform(0.25, 0.75, 2) if at is None else np.asarray(at, float)
    covered = np.zeros((height_of_paper, width_of_paper))
    for stroke in strokes:
        stroke = stroke + at * free - low
        length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
        along = np.arange(0, length[-1] + 0.25, min(0.5, max(pen / 6, 0.25)))
        xs, ys = (np.interp(along, length, stroke[:, k]) for k in (0, 1))
        radii = pen / 2 * (1 + 0.18 * np.sin(along / max(length[-1], 1) * rng.uniform(3, 8) + rng.uniform(0, 6)))
        for x, y, r in zip(xs, ys, radii, strict=True):
            top, left = max(int(y - r - 1), 0), max(int(x - r - 1), 0)
            rows, columns = np.mgrid[top : min(int(y + r + 3), height_of_paper), left : min(int(x + r + 3), width_of_paper)]
            if rows.size:
                part = covered[rows[0, 0] : rows[-1, 0] + 1, columns[0, 0] : columns[0, -1] + 1]
                np.maximum(part, np.clip(r + 0.5 - np.hypot(columns - x, rows - y), 0, 1), out=part)
    return covered


def _on(paper, covered, colour):
    """uint8 (H, W, 3): ink of that colour laid over the paper."""
    mixed = covered[..., None] * np.array(colour, float) + (1 - covered[..., None]) * paper
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def _flat(size, colour):
    return np.ones((size[1], size[0], 1)) * np.array(colour, float)


def _photographed(size, rng):
    """A sheet on a desk: warm grey, darker towards one corner, a soft shadow across, grain in patches and in pixels."""
    y, x = np.mgrid[: size[1], : size[0]] / np.array([size[1], size[0]]).reshape(2, 1, 1)
    corner = rng.integers(0, 2, 2)
    light = 1 - rng.uniform(0.2, 0.5) * np.hypot(x - corner[0], y - corner[1]) / 1.42
    edge = (x - rng.uniform(0.2, 0.8)) * np.cos(t := rng.uniform(0, 3.1)) + (y - rng.uniform(0.2, 0.8)) * np.sin(t)
    light = light * (1 - rng.uniform(0, 0.22) / (1 + np.exp(-edge * rng.uniform(15, 60))))
    grain = np.kron(rng.normal(0, 4, (size[1] // 5 + 1, size[0] // 5 + 1)), np.ones((5, 5)))[: size[1], : size[0]]
    return (
        light[..., None] * np.array([205, 200, 188]) + grain[..., None] + rng.normal(0, rng.uniform(3, 11), (size[1], size[0], 3))
    )


def _school(size, rng):
    """Squares or lines, on cream or white."""
    paper = _flat(size, (252, 251, 244))
    step, colour = int(rng.integers(16, 34)), (170, 195, 225) if rng.random() < 0.6 else (200, 200, 205)
    paper[int(rng.integers(0, step)) :: step] = colour
    if rng.random() < 0.5:
        paper[:, int(rng.integers(0, step)) :: step] = colour
    return paper


def drawing(digit, kind, rng):
    """A picture of the digit, of any of the KINDS."""
    size = [(300, 400), (400, 300), (360, 360), (480, 640)][rng.integers(4)]
    unit = min(size) / 300
    tall, dark, white = rng.uniform(140, 230) * unit, (20, 20, 25), _flat(size, (255, 255, 255))
    if kind == "marker":
        return _on(white, ink(digit, rng, size, 230 * unit, rng.uniform(26, 42) * unit), dark)
    if kind == "fineliner":
        return _on(white, ink(digit, rng, size, tall, rng.uniform(2, 4)), dark)
    if kind == "hairline":
        return _on(white, ink(digit, rng, size, tall, 1.0), (0, 0, 0))
    if kind == "to one side":
        return _on(white, ink(digit, rng, size, tall * 0.7, rng.uniform(5, 13), at=rng.random(2)), dark)
    if kind == "small in a corner":
        at = rng.integers(0, 2, 2) * 0.9 + 0.05
        return _on(white, ink(digit, rng, size, rng.uniform(25, 55), rng.uniform(2, 5), at=at), dark)
    if kind == "gel pen":
        colour = [(200, 40, 120), (20, 140, 140), (240, 120, 30), (60, 60, 200), (110, 160, 40)][rng.integers(5)]
        paper = _flat(size, [(255, 255, 255), (250, 235, 215), (230, 230, 230)][rng.integers(3)])
        return _on(paper, ink(digit, rng, size, tall, rng.uniform(5, 15) * unit), colour)
    if kind == "turned":
        return _on(white, ink(digit, rng, size, tall, rng.uniform(6, 18) * unit, turn=10), dark)
    if kind == "phone photo":
        return _on(_photographed(size, rng), ink(digit, rng, size, tall, rng.uniform(5, 14) * unit), (55, 55, 75))
    if kind == "school paper":
        colour = [(30, 40, 140), (25, 25, 30)][rng.integers(2)]
        return _on(_school(size, rng), ink(digit, rng, size, tall * rng.uniform(0.5, 1), rng.uniform(3, 8) * unit), colour)
    if kind == "chalk":
        board = _flat(size, [(10, 10, 10), (30, 60, 45), (25, 35, 70)][rng.integers(3)])
        return _on(board, ink(digit, rng, size, tall, rng.uniform(6, 24) * unit), (240, 240, 230))
    if kind == "cut out":
        covered = ink(digit, rng, size, tall, rng.uniform(5, 20) * unit)
        colour = [(0, 0, 0), (255, 255, 255), (40, 60, 160)][rng.integers(3)]
        picture = Image.fromarray(np.broadcast_to(np.uint8(colour), (size[1], size[0], 3)).copy())
        picture.putalpha(Image.fromarray((255 * covered).astype(np.uint8)))
        return picture
    if kind == "fax":
        return _on(white, ink(digit, rng, size, tall, rng.uniform(3, 16) * unit), dark).convert("1")
    if kind == "few colours":
        return _on(_flat(size, (235, 245, 235)), ink(digit, rng, size, tall, rng.uniform(4, 16) * unit), (90, 20, 90)).quantize(6)
    if kind == "low quality":
        buffer = io.BytesIO()
        _on(_flat(size, (228, 230, 234)), ink(digit, rng, size, tall, rng.uniform(3, 10) * unit), dark).save(
            buffer, "JPEG", quality=int(rng.integers(7, 30))
        )
        return Image.open(buffer)
    if kind == "pencil":
        covered = ink(digit, rng, size, tall, rng.uniform(2.5, 5)) * rng.uniform(0.5, 1, (size[1], size[0]))
        return _on(_flat(size, (243, 241, 236)) + rng.normal(0, 2.5, (size[1], size[0], 1)), covered, (115, 115, 118))
    paper = _flat(size, (244, 244, 240))
    edges = rng.integers(3, 14, 4)
    paper[: edges[0]] = paper[-edges[1] :] = (110, 85, 60)  # the table around the sheet
    paper[:, : edges[2]] = paper[:, -edges[3] :] = (110, 85, 60)
    for x, y in (rng.uniform(0, 1, (int(rng.integers(3, 12)), 2)) * (size[0] - 4, size[1] - 4)).astype(int):
        paper[y : y + int(rng.integers(1, 4)), x : x + int(rng.integers(1, 4))] = (80, 80, 80)
    return _on(paper, ink(digit, rng, size, tall * 0.8, rng.uniform(4, 12) * unit), dark)
