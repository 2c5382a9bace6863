"""Which query answers for which object: the pairing of least cost. (Carion et al. 2020, arXiv 2005.12872, equation 1.)"""

import functools
import itertools
import math

import numpy as np

from ..backend import array_module, to_host

MOST_ASSIGNMENTS = 5040  # that are all tried, on the arrays' device: 3 objects among 18 queries, 4 among 10


def match(cost):
    """The query of each object, whole numbers (B, M), no two alike in a row: from the cost of each query for each object, (B, Q,
    M), the assignment whose sum of costs is least. There is no gradient: it says which query, and that has no slope.

    Few objects: all Q (Q-1) ... (Q-M+1) assignments, at once. More: the Hungarian algorithm, image by image, on the host.
    Raises ValueError if there are more objects than queries.
    """
    xp, (batch, queries, objects) = array_module(cost), cost.shape
    if objects > queries:
        raise ValueError(f"an image may have {objects} objects, but there are {queries} queries: raise num_queries")
    if not objects:
        return xp.zeros((batch, 0), int)
    if math.perm(queries, objects) > MOST_ASSIGNMENTS:
        rows = [hungarian(one.T) for one in to_host(cost)]
        return xp.asarray(np.array(rows))
    assignments = xp.asarray(_assignments(queries, objects))  # (A, M)
    total = cost[:, assignments, xp.arange(objects)].sum(axis=-1)  # (B, A)
    return assignments[total.argmin(axis=1)]


@functools.cache
def _assignments(queries, objects):
    """All ways to give each object a query of its own, (A, M)."""
    return np.array(list(itertools.permutations(range(queries), objects)))


def hungarian(cost):
    """The column of each row, rows <= columns, in the assignment of least cost: shortest augmenting paths (Jonker and Volgenant
    1987). Row by row, the cheapest way to a free column, on which rows that had a column may move on to another. What the
    potentials u and v take from a row and a column changes no comparison of assignments, and keeps all costs above 0."""
    rows, columns = cost.shape
    u, v = np.zeros(rows), np.zeros(columns)
    row_of = np.full(columns, -1)
    for first in range(rows):
        least, came_from = np.full(columns, np.inf), np.full(columns, -1)
        done, row, column, way = np.zeros(columns, bool), first, -1, 0.0
        while row >= 0:  # until a free column is reached
            through = way + cost[row] - u[row] - v
            nearer = ~done & (through < least)
            least[nearer], came_from[nearer] = through[nearer], column
            column = int(np.where(done, np.inf, least).argmin())
            way, done[column], row = least[column], True, row_of[column]
        passed = done & (row_of >= 0)
        u[first] += way
        u[row_of[passed]] += way - least[passed]
        v[done] -= way - least[done]
        while column >= 0:  # each row on the way moves to the column behind it
            before = came_from[column]
            row_of[column] = first if before < 0 else row_of[before]
            column = before
    answer = np.empty(rows, int)
    answer[row_of[row_of >= 0]] = np.flatnonzero(row_of >= 0)
    return answer
