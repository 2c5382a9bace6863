"""Nothing is kept from call to call, and no memory is read that was never written."""

import pytest

from ...support.centre import DX, RETURN, Y, told


@pytest.mark.parametrize(
    "changes, step, words",
    [
        ({Y: f"y = KEPT.setdefault(x.shape, {Y[4:]})"}, "repeat", "another answer when it is called again, on other numbers"),
        ({Y: f"y = KEPT.setdefault(id(x), {Y[4:]})"}, "repeat", "another answer when it is called again, on"),
        ({Y: f"_, y = KEPT.setdefault(id(x), (x, {Y[4:]}))"}, "repeat", "on the same arrays with other numbers in them"),
        ({Y: f"y = KEPT.setdefault(x.shape, np.empty_like(x))\n    y[...] = {Y[4:]}"}, "repeat", "a result changes when"),
        (
            {RETURN: "kept = KEPT.setdefault(x.shape, np.empty_like(x))\n        kept[...] = dx\n        return kept, dweight"},
            "repeat",
            "a gradient changes when backward is called again",
        ),
    ],
)
def test_what_is_kept_from_call_to_call_is_found(check, changes, step, words):
    wrong = next(result for result in check(changes, front="KEPT = {}\n") if result.status == "wrong")
    assert wrong.step == step and words in told(wrong)


def test_what_is_wrong_for_some_numbers_alone_is_not_said_to_be_kept(check):
    sometimes = "y = centred * weight * (1 + (FIRST[0] != x.ravel()[0] if FIRST else FIRST.append(x.ravel()[0]) or 0))"
    forward, _ = check({Y: sometimes}, front="FIRST = []\n")
    assert forward.status == "wrong" and "kept" not in told(forward) and "value" in forward.step


@pytest.mark.parametrize(
    "changes, part",
    [
        ({Y: "y = np.empty(x.shape, x.dtype)\n    y[..., 1:] = (centred * weight)[..., 1:]"}, 0),
        ({DX: "dx = np.empty_like(g)\n        dx += g - g.mean(-1, keepdims=True)"}, 1),
    ],
    ids=["forward", "backward"],
)
def test_memory_that_was_never_written_is_told_even_where_it_holds_zeros(check, changes, part):
    assert "some entries are read and were never written" in told(check(changes)[part])
