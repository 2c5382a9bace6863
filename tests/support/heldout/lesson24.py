"""Lesson 24, Your own experiment: answers written from the lesson's text alone."""

RIGHT = {
    "run_all": """
def run_all(plan, train):
    runs = {}
    for name, changes in plan["variants"].items():
        settings = {**plan["base"], **changes}
        runs[name] = [train(dict(settings), seed, dict(plan["budget"])) for seed in plan["seeds"]]
    return runs
""",
    "mean_and_error": """
def mean_and_error(scores):
    n = len(scores)
    mean = sum(scores) / n
    variance = sum((s - mean) ** 2 for s in scores) / (n - 1)
    error = math.sqrt(variance / n)
    return mean, error
""",
    "paired_difference": """
def paired_difference(baseline, variant):
    gains = [b - a for a, b in zip(baseline, variant)]
    difference, error = mean_and_error(gains)
    return difference, error
""",
    "verdict": """
def verdict(baseline, variant):
    difference, error = paired_difference(baseline, variant)
    margin = T95[len(variant)] * error
    if difference > margin:
        return "better"
    if difference < -margin:
        return "worse"
    return "cannot tell"
""",
    "final_score": """
def final_score(runs, test):
    means = {name: mean_and_error([run.validation for run in done])[0] for name, done in runs.items()}
    chosen = max(means, key=means.get)
    mean, error = mean_and_error(test(runs[chosen]))
    return chosen, mean, error
""",
    "plan": """
def plan():
    yours = {
        "question": "Does a gate in the MLP read digits better than GELU?",
        "expected": "A little better, by less than a point, since the model is small.",
        "base": TINY,
        "variants": {"gelu": {}, "gate": {"activation": "swiglu"}},
        "budget": {"epochs": 30},
        "seeds": [0, 1, 2, 3, 4],
    }
    return yours
""",
}
RUNS = 'runs[name] = [train(dict(settings), seed, dict(plan["budget"])) for seed in plan["seeds"]]'
VALIDATED = "mean, error = mean_and_error([run.validation for run in runs[chosen]])"
ALL_TESTED = "means = {name: mean_and_error(test(done))[0] for name, done in runs.items()}"
MEANS = "means = {name: mean_and_error([run.validation for run in done])[0] for name, done in runs.items()}"
APART = "difference = mean_and_error(variant)[0] - mean_and_error(baseline)[0]\n    error = "
WRONG = {
    "run_all": [
        ("order", '{**plan["base"], **changes}', '{**changes, **plan["base"]}', "the base wins over the variant's changes"),
        (
            "mutation",
            'settings = {**plan["base"], **changes}',
            'settings = plan["base"]\n        settings.update(changes)',
            "plan: the base is written over",
        ),
        ("step", 'for seed in plan["seeds"]]', 'for seed in plan["seeds"][:1]]', "the first seed alone"),
        ("option", 'seed in plan["seeds"]]', 'seed in range(len(plan["seeds"]))]', "seeds from 0, not those of the plan"),
        (
            "step",
            RUNS,
            RUNS + "\n        runs[name].sort(key=lambda run: run.validation)",
            "sorted, so seeds are no pairs any more",
        ),
        ("index", 'in plan["variants"].items()', 'in list(plan["variants"].items())[1:]', "the baseline is not trained"),
        ("shape", RUNS, RUNS.replace("= [", "= {seed: ").replace('seeds"]]', 'seeds"]}'), "a dictionary for the list of Runs"),
        ("case", 'dict(plan["budget"])', '{"epochs": plan["budget"].get("epochs", 30)}', "a budget of seconds becomes 30 epochs"),
    ],
    "mean_and_error": [
        ("scale", "/ (n - 1)", "/ n", "error: divided by n twice"),
        ("missing term", "math.sqrt(variance / n)", "math.sqrt(variance)", "error: the standard deviation"),
        ("scale", "math.sqrt(variance / n)", "math.sqrt(variance) / n", "error: n outside of the root"),
        ("wrong array", "mean = sum(scores) / n", "mean = sorted(scores)[n // 2]", "mean: the median"),
        ("factor", "(s - mean) ** 2 for", "abs(s - mean) for", "error: not squared"),
        ("order", "return mean, error", "return error, mean", "mean and error exchanged"),
        ("scale", "math.sqrt(variance / n)", "math.sqrt(variance / (n - 1))", "error: n - 1 in both places"),
    ],
    "paired_difference": [
        ("sign", "b - a for", "a - b for", "the baseline minus the variant"),
        ("order", "zip(baseline, variant)", "zip(sorted(baseline), sorted(variant))", "pairs best with best"),
        (
            "wrong array",
            "difference, error = mean_and_error(gains)",
            APART + "math.hypot(mean_and_error(baseline)[1], mean_and_error(variant)[1])",
            "error: without pairs",
        ),
        ("scale", "return difference, error", "return difference, error * len(gains) ** 0.5", "error: the deviation"),
        ("case", "b - a for", "abs(b - a) for", "losses count as gains"),
        ("scale", "b - a for", "100 * (b - a) / a for", "per cent of the baseline and not points"),
        ("index", "zip(baseline, variant)", "zip(baseline[1:], variant)", "each with the next seed"),
    ],
    "verdict": [
        ("constant", "T95[len(variant)]", "1.96", "with few seeds the margin is too small"),
        ("index", "T95[len(variant)]", "T95[max(len(variant) - 1, 2)]", "the row of one seed fewer"),
        ("scale", "T95[len(variant)] * error", "T95[len(variant)] * error / 2", "half the margin"),
        ("case", '    if difference < -margin:\n        return "worse"\n', "", "a worse one is never called so"),
        ("sign", "difference > margin", "abs(difference) > margin", "a worse one is called better"),
        ("missing term", "T95[len(variant)] * error", "error", "one standard error is enough"),
        (
            "wrong array",
            "margin = T95[len(variant)] * error",
            "margin = T95[len(variant)] * mean_and_error(variant)[1]",
            "no pairs",
        ),
        ("order", "paired_difference(baseline, variant)", "paired_difference(variant, baseline)", "better and worse exchanged"),
    ],
    "final_score": [
        ("wrong array", "mean, error = mean_and_error(test(runs[chosen]))", VALIDATED, "the validation images' score"),
        ("wrong array", MEANS, ALL_TESTED, "chosen by the test images"),
        (
            "index",
            MEANS,
            "means = {name: max(run.validation for run in done) for name, done in runs.items()}",
            "chosen by the best run",
        ),
        ("step", "test(runs[chosen])", "[test([run])[0] for run in runs[chosen]]", "test is called once for each Run"),
        ("sign", "max(means", "min(means", "the variant with the worst mean"),
        (
            "index",
            "test(runs[chosen])",
            "test([r for r in runs[chosen] if r.validation >= means[chosen]])",
            "unlucky runs left out",
        ),
        ("order", "return chosen, mean, error", "return mean, error, chosen", "results in another order"),
        ("shape", "return chosen, mean, error", "return chosen, (mean, error)", "two results, the second a pair"),
    ],
    "plan": [
        ("missing term", "than GELU?", "than GELU.", "question: no question mark"),
        ("not started", '"A little better, by less than a point, since the model is small."', '""', "expected: empty"),
        ("index", "[0, 1, 2, 3, 4]", "[0, 1, 2, 2, 1]", "seeds: two of them twice"),
        ("missing term", '"gelu": {}, ', "", "variants: no baseline"),
        ("constant", "[0, 1, 2, 3, 4]", "[0]", "seeds: one alone"),
        ("extra term", '{"epochs": 30}', '{"epochs": 30, "seconds": 3.0}', "budget: two at once"),
        ("case", '{"activation": "swiglu"}', '{"patch_size": 1}', "budget: epochs, where one variant costs far more a step"),
    ],
}
UNUSUAL = {
    "run_all": [
        """
def run_all(plan, train):
    from functools import partial

    one = lambda changes, seed: train(plan["base"] | changes, seed, plan["budget"])
    return {name: list(map(partial(one, changes), plan["seeds"])) for name, changes in plan["variants"].items()}
""",
    ],
    "mean_and_error": [
        """
def mean_and_error(scores):
    import statistics

    return [statistics.fmean(scores), statistics.stdev(scores) * len(scores) ** -0.5]
""",
        """
def mean_and_error(scores):
    n, pairs = len(scores), 0.0
    for i in range(n):
        for j in range(i):
            pairs += (scores[i] - scores[j]) ** 2
    return math.fsum(scores) / n, math.sqrt(pairs / (n - 1)) / n
""",
    ],
    "paired_difference": [
        """
def paired_difference(baseline, variant):
    import numpy as np

    gains = np.subtract(variant, baseline)
    return gains.mean(), gains.std(ddof=1) / np.sqrt(gains.size)
""",
    ],
    "verdict": [
        """
def verdict(baseline, variant):
    d, error = paired_difference(baseline, variant)
    low, high = (d + sign * error * T95[len(baseline)] for sign in (-1, 1))
    return "better" if low > 0 else "worse" if high < 0 else "cannot tell"
""",
    ],
    "final_score": [
        """
def final_score(runs, test):
    by_mean = lambda pair: sum(run.validation for run in pair[1]) / len(pair[1])
    name, done = sorted(runs.items(), key=by_mean)[-1]
    return [name, *mean_and_error(list(test(done)))]
""",
    ],
    "plan": [
        """
def plan():
    names = {"without": {}, "four registers": dict(registers=4)}
    told = ["Do four registers help a tiny ViT to read digits?", "I expect no difference, for small models do not need them."]
    rest = dict(base=dict(TINY), variants=names, budget=dict(epochs=20), seeds=list(range(10, 16)))
    return dict(zip(("question", "expected"), told)) | rest
""",
    ],
}
