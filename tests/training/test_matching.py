"""Which query answers for which object: the cheapest assignment, whichever way it is found."""

import itertools

import numpy as np
import pytest

from minivit.backend import to_device, to_host
from minivit.training import matching
from minivit.training.matching import hungarian, match


def cheapest(cost):
    """Of one image, by trying everything: the least sum of costs, (Q, M)."""
    queries, objects = cost.shape
    return min(sum(cost[q, m] for m, q in enumerate(ways)) for ways in itertools.permutations(range(queries), objects))


def paid(cost, which):
    assert len(set(which)) == len(which)  # no query answers for two
    return sum(cost[q, m] for m, q in enumerate(which))


@pytest.mark.parametrize("most", [matching.MOST_ASSIGNMENTS, 0], ids=["all assignments", "hungarian"])
def test_no_assignment_is_cheaper(most, rng, monkeypatch, device):
    monkeypatch.setattr(matching, "MOST_ASSIGNMENTS", most)
    cost = rng.standard_normal((4, 5, 3))
    for own, which in zip(cost, to_host(match(to_device(cost, device))), strict=True):
        assert paid(own, which) == pytest.approx(cheapest(own))


def test_the_nearest_first_would_be_wrong_here():
    """Query 0 lies best on both objects; whoever gives it to the first pays more for the second than is saved."""
    cost = np.array([[[0.0, 0.1], [0.2, 9.0]]])
    assert match(cost).tolist() == [[1, 0]]


def test_equal_costs_and_images_without_objects():
    assert sorted(match(np.zeros((1, 3, 3)))[0].tolist()) == [0, 1, 2]
    assert match(np.zeros((2, 4, 0))).shape == (2, 0)


def test_many_objects_are_matched_by_the_hungarian_algorithm_as_scipy_does(rng):
    optimize = pytest.importorskip("scipy.optimize")
    for rows in range(1, 12):
        for whole in (False, True):  # whole numbers: many ties
            cost = rng.integers(0, 4, (rows, 13)) if whole else rng.standard_normal((rows, 13))
            expected = cost[optimize.linear_sum_assignment(cost)].sum()
            assert paid(cost.T, hungarian(cost.astype(float))) == pytest.approx(expected)


def test_more_objects_than_queries_are_refused():
    with pytest.raises(ValueError, match="an image may have 4 objects, but there are 3 queries: raise num_queries"):
        match(np.zeros((1, 3, 4)))
