"""What the table of test_registry cannot say of boxes."""

import numpy as np
import pytest

from minivit import ops


def giou(a, b):
    return ops.giou.forward(np.array(a, float), np.array(b, float))[0]


def plainly(a, b):
    """Of two boxes, step by step, as one would with a pencil."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = ((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2) for cx, cy, w, h in (a, b))
    width, height = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
    both = width * height if width > 0 and height > 0 else 0
    either = a[2] * a[3] + b[2] * b[3] - both
    around = (max(ax1, bx1) - min(ax0, bx0)) * (max(ay1, by1) - min(ay0, by0))
    return both / either - (around - either) / around


BOXES = {
    "overlap": [(0.4, 0.5, 0.4, 0.2), (0.5, 0.45, 0.3, 0.3)],
    "one inside the other": [(0.5, 0.5, 0.8, 0.6), (0.45, 0.55, 0.2, 0.1)],
    "apart along x": [(0.2, 0.5, 0.2, 0.3), (0.7, 0.5, 0.3, 0.4)],
    "apart in both directions": [(0.1, 0.1, 0.1, 0.2), (0.8, 0.9, 0.3, 0.1)],
}


@pytest.mark.parametrize("pair", BOXES)
def test_it_is_what_a_pencil_finds(pair):
    a, b = BOXES[pair]
    assert giou(a, b) == pytest.approx(plainly(a, b), rel=1e-12) == giou(b, a)


def test_a_box_lies_on_itself_by_1_and_far_ones_by_almost_minus_1():
    assert giou((0.3, 0.4, 0.2, 0.1), (0.3, 0.4, 0.2, 0.1)) == pytest.approx(1)
    assert -1 < giou((0, 0, 1e-3, 1e-3), (1, 1, 1e-3, 1e-3)) < -0.99


def test_boxes_that_do_not_touch_are_drawn_to_each_other():
    a, b = (np.array(box) for box in BOXES["apart along x"])
    da, _ = ops.giou.forward(a, b)[1](np.array(1.0))
    assert da[0] > 0  # the centre of a, which is left of b, is to go right


def test_where_sides_are_equal_the_gradients_stay_finite():
    a, b = np.array([0.5, 0.5, 0.4, 0.2]), np.array([0.6, 0.5, 0.2, 0.2])  # right ends and heights are equal
    assert np.isfinite(ops.giou.forward(a, b)[1](np.array(1.0))).all()


def test_what_is_no_box_is_refused():
    with pytest.raises(ValueError, match=r"each \(cx, cy, w, h\); got shapes \(2, 3\) and \(2, 4\)"):
        ops.giou.forward(np.ones((2, 3)), np.ones((2, 4)))
