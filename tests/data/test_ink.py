"""The ink of a digit is found on any paper; nothing, or several digits, are told apart from one. Pictures of plain bars."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from minivit.data.blobs import Piece, blobs
from minivit.data.ink import NoDigit, find_ink, on_paper, otsu, paper_of, sheet_of, without_rules

BAR = 40, 30, 52, 110  # left, top, right, bottom: a digit 1


def page(paper="white", size=(120, 160)):
    return Image.new("RGB", size, paper)


def with_bars(picture, *bars, ink="black"):
    for left, top, right, bottom in bars:
        ImageDraw.Draw(picture).rectangle((left, top, right - 1, bottom - 1), fill=ink)
    return picture


def found(picture):
    ink, box, _ = find_ink(picture.convert("RGBA"))
    return ink, box


def near(box, expected):
    return np.abs(np.subtract(box, expected)).max() <= 2


@pytest.mark.parametrize(
    "paper, ink",
    [
        ("white", "black"),
        ("black", "white"),
        ("white", "#3060c0"),
        ("#ffffd0", "#d0b020"),
        ("#303030", "#c02020"),
        ("#eee", "#bbb"),
    ],
)
def test_ink_of_any_colour_is_found_on_paper_of_any_colour(paper, ink):
    values, box = found(with_bars(page(paper), BAR, ink=ink))
    assert near(box, BAR) and values.mean() > 0.9


def test_a_photograph_s_light_shadow_and_noise_are_no_ink():
    y, x = np.mgrid[:160, :120]
    light = 220 - 0.6 * y - 0.3 * x
    light[:, 70:] *= 0.65  # a shadow with an edge
    rng = np.random.default_rng(0)
    lit = np.where(np.asarray(with_bars(page(), BAR).convert("L")) > 127, light, 40) + rng.normal(0, 6, (160, 120))
    assert near(found(Image.fromarray(lit.clip(0, 255).astype(np.uint8)))[1], BAR)


def test_the_paper_is_what_is_there_without_the_ink_even_under_a_thick_pen():
    thick = with_bars(page(), (40, 30, 75, 130))
    pixels = np.asarray(thick, dtype=np.float32) / 255
    assert np.abs(paper_of(pixels) - 1).max() < 0.05


def test_lines_and_squares_on_the_paper_are_no_ink_and_a_stroke_goes_on_across_them():
    paper = with_bars(page(), *[(0, y, 120, y + 2) for y in range(10, 160, 20)], *[(x, 0, x + 1, 160) for x in range(5, 120, 20)])
    values, box = found(with_bars(paper, BAR))
    assert near(box, BAR) and (values[2:-2, 3:-3] > 0.45).all()


def test_one_line_within_a_digit_is_its_own_and_one_from_edge_to_edge_is_the_paper_s():
    seven = np.zeros((60, 60), bool)
    seven[10, 5:50], seven[10:50, 25] = True, True
    kept, ruled = without_rules(seven)
    assert not ruled and np.array_equal(kept, seven)
    seven[55] = True
    kept, ruled = without_rules(seven)
    assert ruled and not kept[55].any() and kept[10, 5:50].all()


@pytest.mark.parametrize("edges", [0, 6], ids=["at the edge", "inside"])
def test_a_frame_is_no_ink(edges):
    framed = page()
    ImageDraw.Draw(framed).rectangle((edges, edges, 119 - edges, 159 - edges), outline="black", width=4)
    assert near(found(with_bars(framed, BAR))[1], BAR)


def test_a_sheet_on_a_table_is_what_is_read():
    table = Image.new("RGB", (200, 260), "#402818")
    table.paste(with_bars(page("#e8e8e0"), BAR), (40, 50))
    assert near(sheet_of(table), (42, 52, 158, 208))
    assert near(found(table)[1], np.add(BAR, (40, 50, 40, 50)))


def test_dust_is_no_ink():
    dusty = with_bars(page(), BAR, (5, 5, 7, 7), (100, 140, 103, 142), (90, 20, 92, 21))
    assert near(found(dusty)[1], BAR)


def test_what_is_transparent_is_paper_on_which_the_drawing_is_seen():
    for ink, paper in (((255, 255, 255), 0), ((20, 20, 20), 1)):
        drawn = Image.new("RGBA", (120, 160), (*ink, 0))
        drawn.paste((*ink, 255), BAR)
        assert near(find_ink(drawn)[1], BAR)
        assert on_paper(np.asarray(drawn, np.float32) / 255)[0][0, 0, 0] == paper


def test_a_small_digit_on_a_large_picture_is_looked_at_again_from_near():
    large = with_bars(page(size=(2400, 3200)), (2300, 3000, 2312, 3080))
    values, box = found(large)
    assert near(box, (2300, 3000, 2312, 3080)) and values.shape[0] > 60


@pytest.mark.parametrize(
    "picture, told",
    [
        (page(), "no ink on it: it is one colour all over"),
        (with_bars(page(), *[(0, y, 120, y + 2) for y in range(10, 160, 20)]), "no ink"),
        (with_bars(page(), (50, 50, 52, 52)), "only specks"),
        (with_bars(page(), BAR, (80, 32, 90, 108)), "2 things on it, side by side"),
        (with_bars(page(), BAR, (80, 32, 90, 108), (10, 32, 20, 108)), "3 things"),
        (with_bars(page(), (30, 10, 70, 65), (30, 90, 70, 150)), "2 things"),
        (with_bars(page(), (10, 70, 110, 85)), "far wider than a digit"),
        (Image.effect_noise((120, 160), 40).convert("RGB"), "no ink|only specks|too many marks|things on it"),
    ],
    ids=["blank", "lines", "a dot", "two", "three", "one above the other", "a dash", "noise"],
)
def test_where_there_is_no_digit_or_more_than_one_it_is_said(picture, told):
    with pytest.raises(NoDigit, match=told):
        found(picture)


def test_a_broken_stroke_and_a_loose_bar_are_parts_of_one_digit():
    _, box = found(with_bars(page(), (40, 30, 52, 68), (40, 74, 52, 110)))
    assert near(box, BAR)
    _, box = found(with_bars(page(), (40, 40, 52, 110), (50, 24, 90, 32)))
    assert near(box, (40, 24, 90, 110))


def test_pixels_that_touch_at_a_corner_too_are_one_blob():
    mask = np.array([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 1]], bool)
    labels, count = blobs(mask)
    assert count == 3 and labels[0, 0] == labels[1, 1] == labels[0, 2] != labels[3, 0] == labels[3, 1] != labels[3, 3]


def test_a_piece_knows_its_box_and_how_far_another_is():
    first, second = Piece(1, np.array([2, 5]), np.array([1, 3])), Piece(2, np.array([4, 8]), np.array([6, 9]))
    assert (first.height, first.width, first.size, first.area) == (4, 3, 4, 2)
    assert first.gap(second) == second.gap(first) == (2, -2)


def test_the_threshold_parts_two_groups():
    assert 0.3 < otsu(np.array([0.1, 0.2, 0.3, 0.7, 0.8])) < 0.7
    assert otsu(np.ones(5)) < 1
