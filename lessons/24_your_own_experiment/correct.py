"""Correct answers to lesson 24, written differently from the solution and from one another."""

import math
import statistics

import numpy as np

TINY = {"data": "digits", "patch_size": 2, "dim": 32, "depth": 2, "heads": 4, "mlp_dim": 64, "batch_size": 128, "lr": 4e-3}


def seeds_outside(plan, train):
    """A seed for all variants, then the next seed."""
    runs = {name: [] for name in plan["variants"]}
    for seed in plan["seeds"]:
        for name in runs:
            runs[name].append(train({**plan["base"], **plan["variants"][name]}, seed, plan["budget"]))
    return runs


def in_one_expression(plan, train):
    """A comprehension in a comprehension, arguments by name."""
    return {
        name: [train(settings=plan["base"] | changes, seed=seed, budget=plan["budget"]) for seed in plan["seeds"]]
        for name, changes in plan["variants"].items()
    }


def with_copies(plan, train):
    """Copies that are updated, and tuples of Runs."""
    runs = {}
    for name in reversed(list(plan["variants"])):
        settings = dict(plan["base"])
        settings.update(plan["variants"][name])
        runs[name] = tuple(train(dict(settings), seed, dict(plan["budget"])) for seed in plan["seeds"])
    return runs


def by_statistics(scores):
    """Python's own module."""
    return statistics.mean(scores), statistics.stdev(scores) / len(scores) ** 0.5


def by_numpy(scores):
    """NumPy, with ddof."""
    scores = np.array(scores)
    return scores.mean(), scores.std(ddof=1) / np.sqrt(len(scores))


def by_all_pairs(scores):
    """The variance as half the mean squared distance of two different scores."""
    n = len(scores)
    variance = sum((a - b) ** 2 for a in scores for b in scores) / (2 * n * (n - 1))
    return [math.fsum(scores) / n, (variance / n) ** 0.5]


def pairs_by_numpy(baseline, variant):
    """One array of differences."""
    return by_numpy(np.subtract(variant, baseline))


def pairs_by_index(baseline, variant):
    """A loop over the seeds."""
    apart = []
    for i in range(len(baseline)):
        apart.append(variant[i] - baseline[i])
    return by_statistics(apart)


def pairs_by_covariance(baseline, variant):
    """The difference of the means, and the error by way of the covariance of the pairs."""
    (a, c), (_, b) = np.cov(baseline, variant)
    return np.mean(variant) - np.mean(baseline), math.sqrt(max(a + b - 2 * c, 0) / len(baseline))


TABLE = {3: 4.30, 4: 3.18, 5: 2.78, 8: 2.36}


def verdict_by_interval(baseline, variant):
    """Where both ends of the interval lie."""
    difference, error = pairs_by_numpy(baseline, variant)
    low, high = difference - TABLE[len(baseline)] * error, difference + TABLE[len(baseline)] * error
    if low > 0:
        return "better"
    if high < 0:
        return "worse"
    return "cannot tell"


def verdict_by_t(baseline, variant):
    """The quotient t."""
    difference, error = pairs_by_index(baseline, variant)
    if error == 0:
        return "cannot tell" if difference == 0 else "better" if difference > 0 else "worse"
    t = difference / error
    return ("worse", "cannot tell", "better")[1 + (t > TABLE[len(variant)]) - (t < -TABLE[len(variant)])]


def verdict_by_guards(baseline, variant):
    """First what cannot be told."""
    difference, error = pairs_by_covariance(baseline, variant)
    if abs(difference) <= TABLE[len(baseline)] * error + 1e-12:
        return "cannot tell"
    return "better" if difference > 0 else "worse"


def final_by_sorting(runs, test):
    """The last of the sorted means."""
    ranked = sorted((by_numpy([run.validation for run in of])[0], name) for name, of in runs.items())
    name = ranked[-1][1]
    return name, *by_numpy(test(runs[name]))


def final_by_a_loop(runs, test):
    """The best so far."""
    best, its = -math.inf, None
    for name, of in runs.items():
        mean = sum(run.validation for run in of) / len(of)
        if mean > best:
            best, its = mean, name
    scores = test(list(runs[its]))
    return (its, *by_statistics(scores))


def final_by_sums(runs, test):
    """The largest sum, as all have the same number of seeds."""
    chosen = max(runs, key=lambda name: sum(run.validation for run in runs[name]))
    mean, error = by_all_pairs(test(runs[chosen]))
    return [chosen, mean, error]


def plan_of_pooling():
    """Three variants, three seeds."""
    return {
        "question": "Which token should the head read?",
        "expected": "I expect no difference at all.",
        "base": TINY,
        "variants": {"class token": {}, "mean": {"pool": "mean"}, "weighted mean": {"pool": "sequence"}},
        "budget": {"epochs": 10},
        "seeds": range(3),
    }


def plan_in_seconds():
    """Variants that cost differently, with equal time."""
    return {
        "question": "Is a deeper ViT better in the same time?",
        "expected": "Two blocks win: four learn less in three seconds.",
        "base": TINY | {"shift": 1},
        "variants": {"2 blocks": {"depth": 2}, "4 blocks": {"depth": 4}, "1 block": {"depth": 1}},
        "budget": {"seconds": 3.0},
        "seeds": [11, 12, 13, 14],
    }


def plan_of_the_recipe():
    """The same model, trained in two ways; more in the plan than must be there."""
    return {
        "question": "Does it help to move the images by a pixel?",
        "expected": "Yes, by three points: it makes more of 1,006 digits.",
        "base": TINY,
        "variants": {"as they are": {"shift": 0}, "moved": {"shift": 1}},
        "budget": {"epochs": 30},
        "seeds": (0, 1, 2, 3, 4, 5),
        "notes": "The second of three experiments on augmentation.",
    }


CORRECT = {
    "run_all": [seeds_outside, in_one_expression, with_copies],
    "mean_and_error": [by_statistics, by_numpy, by_all_pairs],
    "paired_difference": [pairs_by_numpy, pairs_by_index, pairs_by_covariance],
    "verdict": [verdict_by_interval, verdict_by_t, verdict_by_guards],
    "final_score": [final_by_sorting, final_by_a_loop, final_by_sums],
    "plan": [plan_of_pooling, plan_in_seconds, plan_of_the_recipe],
}
