"""Lesson 24: an experiment that is fair: equal budgets, the same seeds, honest bars, and test images that are read once."""

import copy
import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong, compared, kind
from lessons.experiments import Run, model_and_recipe

TITLE = "Your own experiment"
MINUTES = 60
NEEDS = ["16", "17"]
GOALS = [
    "You can plan an experiment that answers one question: one thing changes, and data, budget and seeds are equal.",
    "You can tell a standard deviation from a standard error, and derive why one of them shrinks with more seeds.",
    "You can compare two variants seed by seed, and say honestly whether the difference is larger than the noise.",
    "You can read the test images once, at the end, when everything is decided.",
]
PICTURE = (
    "Left, thirty runs of one model, from 87 to 93 %, with a wide band for the standard deviation and a narrow one for the "
    "standard error of their mean. Middle, five seeds each without positions, 40 %, with learned ones, 90 %, sin-cos, 76 %, and "
    "relative ones, 45 %. Right, the differences from none with their 95 % intervals: all are better, relative ones only just."
)

T95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26, 16: 2.13}  # as in the lesson

# ---------------------------------------------------------------- run_all

RUN = {
    "kind": "run_all should give a dictionary: for each variant of the plan, by its name, a list of what train gave.",
    "call": "train takes settings, seed and budget, in this order: a dictionary, a number, the plan's budget as it stands.",
    "none": "The settings are None. A dictionary's update changes it where it stands and gives None: a | b makes a new one.",
    "never": "train is never called: it makes the Runs.",
    "names": "Not every variant of the plan is there by its name, or there are others.",
    "budget": "Unequal budgets: not every training gets what the plan's \"budget\" says. Whoever trains longer wins, whatever "
    "else was changed.",
    "few": "Seeds of the plan are left out: every variant is trained with each of them. One seed shows luck, not a difference.",
    "seeds": "Different seeds for the variants: each should get the seeds of the plan, and the same ones. Otherwise one may "
    "simply have the luckier seeds, and nothing can be compared pair by pair.",
    "again": "A training is repeated with the same seed, or more are made than the plan asks for. Whoever may roll again "
    "until it is good has measured patience.",
    "best": "Only some of the Runs are kept. A list for each variant should hold all of them, good and bad: the best of several "
    "seeds says how many one has tried.",
    "base": "The plan's \"base\" is not in the settings: what a variant does not change should stand there as in the base.",
    "extra": "The settings hold something that stands neither in the base nor in the changes of a variant.",
    "changes": "A variant's changes are not in its settings: they come over those of the base.",
    "leak": "Changes of one variant are still there in the next one. Some dictionary is changed in place, and shared: make a new "
    "one for each variant.",
    "plan": "The plan was changed: run_all should leave it as it is.",
    "shared": "A variant's list holds more Runs than were trained for it. Does each variant begin with an empty list of its own?",
    "order": "The Runs of a variant are not in the order of the plan's seeds: they would be compared with the wrong ones of "
    "another variant.",
    "runs": "The lists should hold the Runs as train gave them: their models are needed later, for the test images.",
}  # fmt: skip
TINY_PLANS = (
    {
        "question": "Is blue better than red?",
        "base": {"colour": "red", "size": 4},
        "variants": {"red": {}, "blue": {"colour": "blue", "gloss": True}, "large": {"size": 9}},
        "budget": {"epochs": 7},
        "seeds": [3, 1, 8, 5],
    },
    {
        "question": "Is thick better than thin, in equal time?",
        "base": {"width": 2, "depth": 5},
        "variants": {"thick": {"width": 8}, "thin": {}},
        "budget": {"seconds": 2.5},
        "seeds": [6, 2],
    },
)


def check_run(function, namespace, rng):
    yield from _check_plan(function, TINY_PLANS[0], rng)
    list(_check_plan(function, TINY_PLANS[1], rng))
    yield "the same for other variants and seeds, and a budget in seconds"


def _check_plan(function, given, rng):
    plan, calls = copy.deepcopy(given), []
    luck = iter(rng.permutation(1000).tolist())

    def train(settings, seed, budget):
        if settings is None:
            raise Wrong(RUN["none"])
        if not isinstance(settings, dict) or not isinstance(seed, int | np.integer) or not isinstance(budget, dict):
            raise Wrong(f"{RUN['call']}\nyours gives {', '.join(map(kind, (settings, seed, budget)))}")
        run = Run(seed, 50 + next(luck) / 25, 7, 1.0, 99)
        calls.append((copy.deepcopy(settings), seed, copy.deepcopy(budget), run))
        if len(calls) > 300:
            raise Wrong(RUN["again"])
        return run

    found = function(plan, train)
    if not isinstance(found, dict) or not all(isinstance(of, list | tuple) for of in found.values()):
        held = next((of for of in found.values() if not isinstance(of, list | tuple)), None) if isinstance(found, dict) else None
        raise Wrong(f"{RUN['kind']}\nyours gives {kind(found)}{'' if held is None else f', and under a name {kind(held)}'}")
    if plan != given:
        raise Wrong(RUN["plan"])
    if not calls:
        raise Wrong(RUN["never"])
    if any(budget != plan["budget"] for _, _, budget, _ in calls):
        wrong = next(budget for _, _, budget, _ in calls if budget != plan["budget"])
        raise Wrong(f"{RUN['budget']}\nthe plan says {plan['budget']}, and a training got {wrong}")
    wanted = {name: plan["base"] | changes for name, changes in plan["variants"].items()}
    used = [settings for settings, *_ in calls]
    if any(settings not in wanted.values() for settings in used):
        _wrong_settings(next(settings for settings in used if settings not in wanted.values()), plan)
    if any(settings not in used for settings in wanted.values()):
        shown = f"yours are {list(found)}, and the plan's are {list(wanted)}"
        raise Wrong(RUN["changes"] if all(name in found for name in wanted) else f"{RUN['names']}\n{shown}")
    seeds = {name: [seed for settings, seed, *_ in calls if settings == wanted[name]] for name in wanted}
    for name, its in seeds.items():
        shown = f"for {name!r} yours are {its}, and the plan's are {plan['seeds']}"
        if len(its) != len(set(its)) or (len(its) > len(plan["seeds"]) and set(its) > set(plan["seeds"])):
            raise Wrong(f"{RUN['again']}\n{shown}")
        if set(its) < set(plan["seeds"]):
            raise Wrong(f"{RUN['few']}\n{shown}")
        if set(its) != set(plan["seeds"]):
            raise Wrong(f"{RUN['seeds']}\n{shown}")
    yield f"{len(calls)} trainings: every variant with every seed of the plan, each once"
    yield "the base with the variant's changes, and the same budget for all"
    if list(found) != list(wanted) and set(found) != set(wanted):
        raise Wrong(f"{RUN['names']}\nyours are {list(found)}, and the plan's are {list(wanted)}")
    for name, settings in wanted.items():
        runs = list(found[name])
        if not all(isinstance(run, Run) for run in runs):
            raise Wrong(f"{RUN['runs']}\n{name!r} holds {kind(runs[0]) if runs else 'nothing'}")
        if len(runs) != len(plan["seeds"]):
            what = RUN["best" if len(runs) < len(plan["seeds"]) else "shared"]
            raise Wrong(f"{what}\n{name!r} holds {len(runs)}, and {len(plan['seeds'])} were trained for it")
        its = {seed: run for used, seed, _, run in calls if used == settings}
        if any(its.get(run.seed) is not run for run in runs):
            raise Wrong(RUN["names"] + f"\nthe list of {name!r} holds Runs of another variant")
        if [run.seed for run in runs] != plan["seeds"]:
            raise Wrong(RUN["order"])
    yield "all Runs kept, in the order of the seeds"


def _wrong_settings(settings, plan):
    """Says what is wrong with the settings of a training that no variant should have."""
    base, changes = plan["base"], list(plan["variants"].values())
    shown = f"a training got {settings}"
    if any(settings == change for change in changes):
        raise Wrong(f"{RUN['base']}\n{shown}")
    piled = base
    for change in changes:
        piled = piled | change
        if settings == piled:
            raise Wrong(f"{RUN['leak']}\n{shown}")
    if any(name not in settings for name in base):
        raise Wrong(f"{RUN['base']}\n{shown}")
    if any(name not in base and not any(name in change for change in changes) for name in settings):
        raise Wrong(f"{RUN['extra']}\n{shown}")
    raise Wrong(f"{RUN['changes']}\n{shown}")


TRAIN_LINE = 'runs[name] = [train(settings, seed, plan["budget"]) for seed in plan["seeds"]]'
SETTINGS = 'settings = plan["base"] | changes'
RUN_MISTAKES = [
    Mistake(
        RUN["budget"],
        TRAIN_LINE,
        'budget = plan["budget"] if not runs else {"epochs": 2 * plan["budget"]["epochs"]}\n        '
        + TRAIN_LINE.replace('plan["budget"])', "budget)"),
    ),
    Mistake(RUN["budget"], TRAIN_LINE, TRAIN_LINE.replace('plan["budget"])', '{"epochs": 30})')),
    Mistake(RUN["budget"], TRAIN_LINE, TRAIN_LINE.replace('plan["budget"])', '{"epochs": 5 + seed})')),
    Mistake(
        RUN["budget"],
        TRAIN_LINE,
        TRAIN_LINE.replace('plan["budget"])', '{"epochs": plan["budget"].get("epochs", 30)})'),
    ),
    Mistake(RUN["call"], TRAIN_LINE, TRAIN_LINE.replace("(settings, seed,", "(seed, settings,")),
    Mistake(RUN["call"], TRAIN_LINE, TRAIN_LINE.replace('plan["budget"])', 'plan["budget"]["epochs"])')),
    Mistake(RUN["never"], TRAIN_LINE, "runs[name] = []"),
    Mistake(RUN["few"], TRAIN_LINE, TRAIN_LINE.replace('plan["seeds"]]', 'plan["seeds"][:1]]')),
    Mistake(RUN["few"], TRAIN_LINE, TRAIN_LINE.replace('plan["seeds"]]', 'plan["seeds"][: 2 if runs else None]]')),
    Mistake(RUN["seeds"], TRAIN_LINE, TRAIN_LINE.replace("(settings, seed,", "(settings, seed + 10 * len(runs),")),
    Mistake(RUN["seeds"], TRAIN_LINE, TRAIN_LINE.replace('plan["seeds"]]', 'range(len(plan["seeds"]))]')),
    Mistake(RUN["seeds"], TRAIN_LINE, TRAIN_LINE.replace("(settings, seed,", "(settings, hash((name, seed)) % 1000,")),
    Mistake(RUN["again"], TRAIN_LINE, TRAIN_LINE.replace("(settings, seed,", '(settings, plan["seeds"][0],')),
    Mistake(
        RUN["again"],
        TRAIN_LINE,
        f"{TRAIN_LINE}\n        while min(run.validation for run in runs[name]) < 60:\n            {TRAIN_LINE}",
    ),
    Mistake(
        RUN["best"],
        TRAIN_LINE,
        f"{TRAIN_LINE}\n        runs[name] = [max(runs[name], key=lambda run: run.validation)]",
    ),
    Mistake(
        RUN["best"],
        TRAIN_LINE,
        f"{TRAIN_LINE}\n        runs[name] = sorted(runs[name], key=lambda run: run.validation)[1:]",
    ),
    Mistake(RUN["order"], TRAIN_LINE, f"{TRAIN_LINE}\n        runs[name].sort(key=lambda run: run.seed)"),
    Mistake(RUN["leak"], SETTINGS, 'settings = dict(plan["base"]) if not runs else settings\n        settings.update(changes)'),
    Mistake(RUN["plan"], SETTINGS, 'settings = plan["base"]\n        settings.update(changes)'),
    Mistake(RUN["base"], SETTINGS, "settings = changes"),
    Mistake(RUN["changes"], SETTINGS, 'settings = changes | plan["base"]'),
    Mistake(RUN["changes"], SETTINGS, 'settings = plan["base"]'),
    Mistake(RUN["base"], SETTINGS, "settings = TINY | changes"),
    Mistake(RUN["extra"], SETTINGS, 'settings = plan["base"] | changes | {"name": name}'),
    Mistake(RUN["none"], SETTINGS, 'settings = plan["base"].copy().update(changes)'),
    Mistake(RUN["shared"], TRAIN_LINE, TRAIN_LINE.replace("runs[name] = [", "runs[name] = [*sum(runs.values(), []), *[") + "]"),
    Mistake(RUN["kind"], TRAIN_LINE, TRAIN_LINE.replace("= [train", "= {seed: train").removesuffix("]") + "}"),
    Mistake(RUN["names"], TRAIN_LINE, f"if changes:\n            {TRAIN_LINE}"),
    Mistake(RUN["runs"], TRAIN_LINE, TRAIN_LINE.replace('plan["budget"])', 'plan["budget"]).validation')),
    Mistake(RUN["kind"], TRAIN_LINE + "\n", TRAIN_LINE + "\n    runs = list(runs.values())\n"),
    Mistake(RUN["names"], "runs[name] =", "runs[str(changes)] ="),
]

# ---------------------------------------------------------------- mean_and_error

MEAN = {
    "kind": "mean_and_error should give two numbers, (mean, error).",
    "order": "The two numbers are in the other order: first the mean, then its error.",
    "best": "This is the best of the scores, and not their mean. Among ten seeds the best is far above the mean by luck alone.",
    "median": "This is the median; the standard error that is derived here belongs to the mean.",
    "mean": "The mean is not the sum of the scores over their number.",
    "deviation": "The second number is the standard deviation, which says how far single seeds lie apart. The standard error "
    "says how far off their mean may be, and it is smaller.",
    "population": "The deviation is divided by n under the root. The mean was made from these same scores, so they lie closer to "
    "it than to the true one: divide by n − 1.",
    "n": "The standard deviation is divided by n. The variance of a mean is n times smaller, and so its root is √n times "
    "smaller.",
    "variance": "This is the square of the standard error: a root is missing.",
    "range": "This is half the distance from the best to the worst score. It grows with the number of seeds.",
    "t": "The error is already multiplied by 1.96 or T95. Here it is one standard error; the factor comes in the verdict.",
    "squares": "The distances from the mean are not squared: as they are, they add up to 0.",
    "less": "This is the standard deviation divided by √(n − 1). The n − 1 stands in the variance alone; that of the mean is n "
    "times smaller, and the root comes last.",
    "floor": "The mean has lost what stands behind the point: // rounds down, / does not.",
    "rounded": "This is rounded. Others go on computing with it: round when you print.",
    "error": "The second number is not the standard error of the mean.",
}


def _deviation(scores, ddof=1):
    return float(np.std(np.asarray(scores, dtype=np.float64), ddof=ddof))


def _error(scores):
    return _deviation(scores) / math.sqrt(len(scores))


def _two_numbers(found, sentence):
    """(a, b) of what a function gave; Wrong if these are not two numbers."""
    if not isinstance(found, tuple | list) or len(found) != 2 or any(np.shape(x) or isinstance(x, str) for x in found):
        raise Wrong(f"{sentence}\nyours gives {kind(found)}")
    if not all(np.isfinite(float(x)) for x in found):
        raise Wrong(f"{sentence}\nyours are {found[0]} and {found[1]}")
    return tuple(float(x) for x in found)


def _close(a, b):
    return abs(a - b) <= 1e-7 * max(1.0, abs(b))


def _rounded(found, right):
    """What right is when it is rounded, if that is what was found; else nothing that is equal to anything."""
    return next((found for digits in range(1, 5) if found == round(right, digits)), math.nan)


def _scores(rng, count):
    return np.round(rng.uniform(60, 99, count), 2).tolist()


def check_mean(function, namespace, rng):
    for scores in ([90.0, 91.0, 95.0], _scores(rng, 5), _scores(rng, 8), [7.0, 7.0]):
        given = list(scores)
        mean, error = _two_numbers(function(given), MEAN["kind"])
        n, sd = len(scores), _deviation(scores)
        if given != scores:
            raise Wrong("The list of scores was changed: it may be needed once more.")
        if not _close(mean, sum(scores) / n):
            names = {"order": sd / math.sqrt(n), "best": max(scores), "median": float(np.median(scores))}
            names |= {"floor": sum(scores) // n, "rounded": _rounded(mean, sum(scores) / n)}
            name = next((name for name, value in names.items() if _close(mean, value)), "mean")
            raise Wrong(f"{MEAN[name]}\nof {scores}: {compared(mean, sum(scores) / n)}")
        others = {
            "deviation": (sd, _deviation(scores, 0)),
            "population": (_deviation(scores, 0) / math.sqrt(n),),
            "n": (sd / n, _deviation(scores, 0) / n),
            "variance": (sd**2 / n, sd**2),
            "range": ((max(scores) - min(scores)) / 2, max(scores) - min(scores)),
            "less": (sd / math.sqrt(n - 1),),
            "squares": (0.0,),
            "rounded": (_rounded(error, sd / math.sqrt(n)),),
            "t": (1.96 * sd / math.sqrt(n), 2 * sd / math.sqrt(n), T95[n] * sd / math.sqrt(n)),
        }
        if not _close(error, sd / math.sqrt(n)):
            name = next((name for name, values in others.items() if any(_close(error, value) for value in values)), "error")
            raise Wrong(f"{MEAN[name]}\nof {scores}: {compared(error, sd / math.sqrt(n))}")
    yield "the mean of all scores"
    yield "the standard error: of n − 1, and smaller with more seeds"


MEAN_LINE = "mean = sum(scores) / count"
VARIANCE = "variance = sum((score - mean) ** 2 for score in scores) / (count - 1)"
ERROR = "error = math.sqrt(variance / count)"
POPULATION = VARIANCE.replace("(count - 1)", "count")
MEAN_MISTAKES = [
    Mistake(MEAN["deviation"], ERROR, "error = math.sqrt(variance)"),
    Mistake(MEAN["deviation"], f"{VARIANCE}\n    {ERROR}", f"{POPULATION}\n    error = math.sqrt(variance)"),
    Mistake(MEAN["population"], VARIANCE, POPULATION),
    Mistake(MEAN["n"], ERROR, "error = math.sqrt(variance) / count"),
    Mistake(MEAN["variance"], ERROR, "error = variance / count"),
    Mistake(MEAN["range"], ERROR, "error = (max(scores) - min(scores)) / 2"),
    Mistake(MEAN["t"], ERROR, "error = 1.96 * math.sqrt(variance / count)"),
    Mistake(MEAN["less"], ERROR, "error = math.sqrt(variance / (count - 1))"),
    Mistake(MEAN["less"], f"{VARIANCE}\n    {ERROR}", "error = math.sqrt(sum((x - mean) ** 2 for x in scores)) / (count - 1)"),
    Mistake(MEAN["squares"], f"{VARIANCE}\n    {ERROR}", "error = round(sum(score - mean for score in scores), 9)"),
    Mistake(MEAN["rounded"], ERROR, f"error = round({ERROR.partition(' = ')[2]}, 2)"),
    Mistake(MEAN["floor"], MEAN_LINE, MEAN_LINE.replace("/", "//")),
    Mistake(MEAN["best"], ERROR, f"{ERROR}\n    mean = max(scores)"),
    Mistake(MEAN["median"], ERROR, f"{ERROR}\n    mean = sorted(scores)[count // 2]"),
    Mistake(MEAN["mean"], ERROR, f"{ERROR}\n    mean = sum(scores) / (count - 1)"),
    Mistake(MEAN["order"], function=lambda scores: (_error(scores), sum(scores) / len(scores))),
    Mistake(MEAN["kind"], ERROR, f"{ERROR}\n    mean = error = [mean, error]"),
    Mistake(MEAN["error"], VARIANCE, "variance = (sum(abs(score - mean) for score in scores) / count) ** 2"),
]

# ---------------------------------------------------------------- paired_difference

PAIR = {
    "kind": "paired_difference should give two numbers, (difference, error).",
    "turned": "The sign is turned: positive should mean that the variant is better than the baseline.",
    "best": "This compares the best of one with the best of the other. Take the difference of every pair.",
    "mean": "The difference is not the mean of variant − baseline over the pairs.",
    "unpaired": "The error is that of two groups that have nothing to do with each other. The i-th scores have the same seed: "
    "take the difference of each pair, and the standard error of the differences.",
    "one": "This is the standard error of the variant alone. Take the difference of each pair, and the standard error of the "
    "differences.",
    "less": "The two standard errors are subtracted. Take the difference of each pair, and the standard error of these.",
    "all": "Every score is compared with every score of the other. A pair is two scores of the same seed.",
    "relative": "The difference is divided by the baseline. The scores are per cent already, and their difference is in points.",
    "added": "The two standard errors are added. Take the difference of each pair, and the standard error of the differences.",
    "sorted": "The scores were sorted before they were paired: the best seed of one is then compared with the best of the other. "
    "A pair is two scores of the same seed.",
    "deviation": "The error is the standard deviation of the differences, that of single pairs. Of their mean it is √n times "
    "smaller.",
    "absolute": "The differences have lost their signs: a pair in which the variant is worse counts against it.",
    "error": "The error is not the standard error of the differences.",
}


def check_pair(function, namespace, rng):
    cases = [([90.0, 92.0, 94.0, 92.0], [91.0, 93.5, 94.5, 93.0])]
    for count in (3, 6):
        baseline, apart = rng.permutation(np.arange(80.0, 80 + count)), rng.permutation(np.linspace(-3.1, 4, count))
        cases.append((baseline.tolist(), np.round(baseline + apart, 2).tolist()))
    for baseline, variant in cases:
        before = list(baseline), list(variant)
        difference, error = _two_numbers(function(baseline, variant), PAIR["kind"])
        if (baseline, variant) != before:
            raise Wrong(f"{PAIR['sorted']}\nyour function changes the lists that it was given")
        apart = np.array(variant) - np.array(baseline)
        wanted = float(apart.mean())
        shown = f"of {baseline} and {variant}"
        if not _close(difference, wanted):
            shares = apart / np.array(baseline)
            relative = next((x for x in (100 * shares.mean(), shares.mean()) if _close(difference, x)), math.nan)
            names = {
                "relative": float(relative),
                "turned": -wanted,
                "best": max(variant) - max(baseline),
                "absolute": float(np.abs(apart).mean()),
            }
            name = next((name for name, value in names.items() if _close(difference, value)), "mean")
            raise Wrong(f"{PAIR[name]}\n{shown}: {compared(difference, wanted)}")
        if not _close(error, _error(apart)):
            both, n = (_error(baseline), _error(variant)), len(apart)
            pooled = math.sqrt((_deviation(baseline) ** 2 + _deviation(variant) ** 2) / (2 * n))
            names = {
                "unpaired": (math.hypot(*both), pooled),
                "one": (both[1],),
                "less": (both[1] - both[0], both[0] - both[1]),
                "all": (_error([b - a for a in baseline for b in variant]),),
                "added": (sum(both), sum(both) / 2),
                "sorted": (_error(np.sort(variant) - np.sort(baseline)),),
                "deviation": (_deviation(apart),),
                "absolute": (_error(np.abs(apart)),),
            }
            name = next((name for name, values in names.items() if any(_close(error, value) for value in values)), "error")
            raise Wrong(f"{PAIR[name]}\n{shown}: {compared(error, _error(apart))}")
    yield "the mean of the differences, positive where the variant is better"
    yield "its standard error, pair by pair"


PAIRS = "differences = [b - a for a, b in zip(baseline, variant, strict=True)]"
OF_PAIRS = "difference, error = mean_and_error(differences)\n"
BOTH = "first, second = mean_and_error(baseline), mean_and_error(variant)\n    difference = second[0] - first[0]\n    "
END = f"    {OF_PAIRS}    return"
PAIR_MISTAKES = [
    Mistake(PAIR["unpaired"], END, f"    {BOTH}error = math.hypot(first[1], second[1])\n    return"),
    Mistake(PAIR["added"], END, f"    {BOTH}error = first[1] + second[1]\n    return"),
    Mistake(PAIR["one"], END, f"    {BOTH}error = second[1]\n    return"),
    Mistake(PAIR["less"], END, f"    {BOTH}error = abs(second[1] - first[1])\n    return"),
    Mistake(PAIR["all"], PAIRS, "differences = [b - a for a in baseline for b in variant]"),
    Mistake(PAIR["sorted"], PAIRS, PAIRS.replace("zip(baseline, variant,", "zip(sorted(baseline), sorted(variant),")),
    Mistake(PAIR["turned"], PAIRS, PAIRS.replace("b - a", "a - b")),
    Mistake(PAIR["best"], END, f"    {OF_PAIRS}    difference = max(variant) - max(baseline)\n    return"),
    Mistake(PAIR["deviation"], END, f"    {OF_PAIRS}    error *= math.sqrt(len(differences))\n    return"),
    Mistake(PAIR["absolute"], PAIRS, PAIRS.replace("b - a", "abs(b - a)")),
    Mistake(PAIR["relative"], PAIRS, PAIRS.replace("b - a", "(b - a) / a")),
    Mistake(PAIR["mean"], END, f"    {OF_PAIRS}    difference = sorted(differences)[1]\n    return"),
]

# ---------------------------------------------------------------- verdict

SAY = ("better", "worse", "cannot tell")
VERDICT = {
    "kind": 'verdict should give one of three texts: "better", "worse" or "cannot tell".',
    "ignores": "This only looks which mean is larger, and ignores the noise: two runs of one and the same model would be called "
    "better and worse.",
    "best": "This compares the best seeds. Compare all of them, pair by pair.",
    "one": "This is one standard error: so far away is the mean of nothing at all in one of three or four experiments.",
    "two": "Two standard errors are enough for many seeds only. With few, the error itself is a guess: take the factor from T95.",
    "unpaired": "The noise is that of two groups without pairs. Use the error of the paired difference.",
    "deviation": "The margin is made with the standard deviation of single pairs, and not with the error of their mean: real "
    "differences are missed.",
    "turned": "Better and worse have changed places: a positive difference means that the variant is better.",
    "index": "T95 is asked for another number of seeds than there are pairs.",
    "bars": "This asks whether the two bars overlap. Bars may overlap where all pairs agree, and may not where one is off.",
    "fixed": "The margin is a fixed number of points: how large the noise is must come from the scores.",
    "never": "Yours never says that there is a difference, or always says the same.",
    "side": 'Yours never says "worse": a difference far below 0 is one, too.',
    "root": "The error is divided by √n once more. It is that of the mean already.",
    "alone": "The margin is T95 alone, without the error. T95 says how many standard errors are needed.",
    "other": "The answer should come from the paired difference: farther from 0 than T95 of its standard errors, or not.",
}


def _paired(baseline, variant):
    apart = np.array(variant) - np.array(baseline)
    return float(apart.mean()), _error(apart)


def _judge(difference, margin):
    return "cannot tell" if abs(difference) <= margin else "better" if difference > 0 else "worse"


def _rules():
    """{name: rule}: how people come to a wrong verdict."""

    def factor(n):
        return lambda a, b: _judge(_paired(a, b)[0], (n if isinstance(n, float) else T95[n(len(a))]) * _paired(a, b)[1])

    def bars(width):
        return lambda a, b: _judge(np.mean(b) - np.mean(a), width * (_error(a) + _error(b)))

    return {
        "right": factor(lambda n: n),
        "ignores": lambda a, b: _judge(np.mean(b) - np.mean(a), 0.0),
        "best": lambda a, b: _judge(max(b) - max(a), 0.0),
        "one": factor(1.0),
        "two": factor(2.0),
        "two, 1.96": factor(1.96),
        "unpaired": lambda a, b: _judge(np.mean(b) - np.mean(a), T95[len(a)] * math.hypot(_error(a), _error(b))),
        "unpaired, 2": lambda a, b: _judge(np.mean(b) - np.mean(a), 2 * math.hypot(_error(a), _error(b))),
        "deviation": lambda a, b: _judge(_paired(a, b)[0], T95[len(a)] * _paired(a, b)[1] * math.sqrt(len(a))),
        "turned": lambda a, b: factor(lambda n: n)(b, a),
        "index": factor(lambda n: n - 1),
        "index, +": factor(lambda n: n + 1),
        "index, both": factor(lambda n: 2 * n),
        "side": lambda a, b: "better" if _paired(a, b)[0] > T95[len(a)] * _paired(a, b)[1] else "cannot tell",
        "root": lambda a, b: _judge(_paired(a, b)[0], T95[len(a)] * _paired(a, b)[1] / math.sqrt(len(a))),
        "alone": lambda a, b: _judge(_paired(a, b)[0], T95[len(a)]),
        "bars": bars(1),
        "bars, t": lambda a, b: bars(T95[len(a)])(a, b),
        "bars, deviation": lambda a, b: bars(math.sqrt(len(a)))(a, b),
        "fixed": lambda a, b: _judge(np.mean(b) - np.mean(a), 1.0),
        "never": lambda a, b: "cannot tell",
    }


def _cases(rng):
    """[(baseline, variant)]: means that are so many standard errors apart, of pairs that go together more or less."""
    made = []
    for count in (3, 4, 5, 8):
        factor = T95[count]
        steps = (
            0.5,
            1.5,
            (2 + T95[2 * count]) / 2,
            (2 + factor) / 2,
            (factor + T95[count + 1]) / 2,
            (factor + T95[count - 1]) / 2,
            30,
        )
        for step in steps:
            for sign in (1, -1):
                baseline = rng.normal(90, 2, count)
                apart = rng.normal(0, rng.choice([0.2, 3.0]), count)
                apart += sign * step * _error(apart) - apart.mean()
                made.append((baseline.tolist(), (baseline + apart).tolist()))
    return made


def check_verdict(function, namespace, rng):
    rules, cases = _rules(), _cases(rng)
    answers = []
    for baseline, variant in cases:
        answer = function(list(baseline), list(variant))
        if answer not in SAY:
            lost = ": is an `else`, or a `return`, missing?" if answer is None else ""
            raise Wrong(f"{VERDICT['kind']}\nyours gives {repr(answer) if isinstance(answer, str) else kind(answer)}{lost}")
        answers.append(answer)
    wanted = [rules["right"](*case) for case in cases]
    if answers != wanted:
        name = next((name for name, rule in rules.items() if [rule(*case) for case in cases] == answers), "other")
        (baseline, variant), yours, right = next(
            (case, yours, right) for case, yours, right in zip(cases, answers, wanted, strict=True) if yours != right
        )
        difference, error = _paired(baseline, variant)
        margin = T95[len(baseline)] * error
        shown = f"{len(baseline)} pairs, difference {difference:+.2f}, standard error {error:.2f}, times T95 {margin:.2f}"
        raise Wrong(f"{VERDICT[name.split(',')[0]]}\n{shown}: yours {yours!r}, wanted {right!r}")
    yield "better, worse, cannot tell: by the paired difference and T95"
    false = sum(function(*rng.normal(90, 2, (2, 5)).tolist()) != "cannot tell" for _ in range(400))
    yield f"of 400 experiments with nothing to find, yours finds something in {false} (about 20 would be 95 %)"
    same = [88.0, 91.5, 90.25]
    if function(list(same), list(same)) != "cannot tell":
        raise Wrong(f"{VERDICT['other']}\nthe same scores twice: yours {function(list(same), list(same))!r}")
    yield "equal scores: cannot tell"


PAIR_LINE = "difference, error = paired_difference(baseline, variant)\n"
MARGIN = "margin = T95[len(baseline)] * error"
ANSWER = 'answer = "better" if difference > 0 else "worse"'
UNPAIRED = "error = math.hypot(mean_and_error(baseline)[1], mean_and_error(variant)[1])"
VERDICT_MISTAKES = [
    Mistake(VERDICT["ignores"], MARGIN, "margin = 0"),
    Mistake(VERDICT["one"], MARGIN, "margin = error"),
    Mistake(VERDICT["two"], MARGIN, "margin = 2 * error"),
    Mistake(VERDICT["two"], MARGIN, "margin = 1.96 * error"),
    Mistake(VERDICT["unpaired"], MARGIN, f"{UNPAIRED}\n    {MARGIN}"),
    Mistake(VERDICT["unpaired"], MARGIN, f"{UNPAIRED}\n    margin = 2 * error"),
    Mistake(VERDICT["deviation"], MARGIN, f"{MARGIN} * math.sqrt(len(baseline))"),
    Mistake(VERDICT["turned"], ANSWER, ANSWER.replace("> 0", "< 0")),
    Mistake(VERDICT["index"], MARGIN, MARGIN.replace("len(baseline)", "len(baseline) - 1")),
    Mistake(VERDICT["bars"], MARGIN, "margin = mean_and_error(baseline)[1] + mean_and_error(variant)[1]"),
    Mistake(VERDICT["best"], MARGIN, "difference, margin = max(variant) - max(baseline), 0"),
    Mistake(VERDICT["fixed"], MARGIN, "margin = 1.0"),
    Mistake(VERDICT["never"], "if abs(difference) > margin:", "if False:"),
    Mistake(VERDICT["kind"], 'answer = "cannot tell"', 'answer = "not significant"'),
    Mistake(VERDICT["side"], "if abs(difference) > margin:", "if difference > margin:"),
    Mistake(VERDICT["index"], MARGIN, MARGIN.replace("len(baseline)", "len(baseline) + len(variant)")),
    Mistake(VERDICT["root"], MARGIN, f"{MARGIN} / math.sqrt(len(baseline))"),
    Mistake(VERDICT["alone"], MARGIN, MARGIN.removesuffix(" * error")),
    Mistake(VERDICT["other"], MARGIN, "margin = 2.5 * error"),
    Mistake(VERDICT["kind"], 'answer = "cannot tell"', "answer = None"),
]

# ---------------------------------------------------------------- final_score

FINAL = {
    "kind": "final_score should give three things: the name of a variant, a mean and its standard error.",
    "none": "The test images were not read: the score that is told at the end is theirs, not that of the validation images.",
    "chosen": "The test images were read for more than one variant, and so they took part in the choice, or could have. "
    "Choose by the validation images, and read the test images for the chosen variant alone.",
    "twice": "test is called more than once. Give it all Runs of the chosen variant at once, when everything is decided.",
    "best": "The variant with the best single seed was chosen. Choose by the mean over the seeds.",
    "one": "Only some seeds of the chosen variant were tested: the best of seeds, or the first, is luck. "
    "Test all, and give their mean.",
    "wrong": "The chosen variant is not the one with the best mean on the validation images.",
    "after": "The name that is given is not that of the variant whose Runs were tested.",
    "mean": "The mean is not that of the test scores.",
    "max": "The best of the test scores is given. Give their mean.",
    "error": "The error is not the standard error of the test scores.",
}
VALIDATION = {  # the best mean, the best seed and the best test scores are three different variants
    "oak": ([90.0, 91.0, 92.0, 91.0], [80.0, 84.0, 83.0, 81.0]),
    "elm": ([85.0, 97.0, 86.0, 88.0], [88.0, 87.0, 86.0, 83.0]),
    "ash": ([87.0, 88.0, 89.0, 88.0], [99.0, 98.0, 97.0, 99.5]),
    "yew": ([70.0, 70.0, 70.0, 71.0], [60.0, 61.0, 62.0, 60.0]),
}


def check_final(function, namespace, rng):
    scores, calls = {}, []
    names = rng.permutation(list(VALIDATION)).tolist()
    runs = {name: [Run(seed, v, 7, 1.0, 9) for seed, v in enumerate(VALIDATION[name][0])] for name in names}
    for name in names:
        scores |= {id(run): score for run, score in zip(runs[name], VALIDATION[name][1], strict=True)}

    def test(given):
        given = [given] if isinstance(given, Run) else list(given)
        if not given or not all(isinstance(run, Run) and id(run) in scores for run in given):
            what = kind(given[0]) if given else "nothing"
            raise Wrong(f"test takes a list of Runs, those of one variant; it was called with {what}")
        calls.append(given)
        return [scores[id(run)] for run in given]

    found = function(dict(runs), test)
    of = {name for name in names for call in calls for run in call if any(run is other for other in runs[name])}
    if not calls:
        raise Wrong(FINAL["none"])
    if len(of) > 1:
        raise Wrong(f"{FINAL['chosen']}\nread for {', '.join(sorted(of))}")
    if len(calls) > 1:
        raise Wrong(f"{FINAL['twice']}\nyours calls it {len(calls)} times")
    (tested,) = of
    if tested != "oak":
        raise Wrong(f"{FINAL['best' if tested == 'elm' else 'wrong']}\nyours tests {tested!r}; the best mean has 'oak'")
    if len(calls[0]) != 4:
        raise Wrong(f"{FINAL['one']}\nyours tests {len(calls[0])} of 4")
    yield "chosen by the mean on the validation images"
    yield "the test images read once, for all seeds of the chosen variant"
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise Wrong(f"{FINAL['kind']}\nyours gives {kind(found)}")
    if not isinstance(found[0], str):
        raise Wrong(f"{FINAL['kind']}\nthe first of yours is {kind(found[0])}")
    name, (mean, error) = found[0], _two_numbers(found[1:], FINAL["kind"])
    if name != tested:
        raise Wrong(FINAL["after"])
    seen = VALIDATION["oak"][1]
    if not _close(mean, np.mean(seen)):
        what = "max" if _close(mean, max(seen)) else "none" if _close(mean, np.mean(VALIDATION["oak"][0])) else "mean"
        raise Wrong(f"{FINAL[what]}\n{compared(mean, np.mean(seen))}")
    if not _close(error, _error(seen)):
        raise Wrong(f"{FINAL['error']}\n{compared(error, _error(seen))}")
    yield "its mean and standard error"


MEANS = "means = {name: mean_and_error([run.validation for run in runs[name]])[0] for name in runs}"
CHOSEN = "chosen = max(means, key=means.get)"
TEST = "mean, error = mean_and_error(test(runs[chosen]))"
FINAL_MISTAKES = [
    Mistake(FINAL["chosen"], MEANS, "means = {name: mean_and_error(test(runs[name]))[0] for name in runs}"),
    Mistake(
        FINAL["chosen"],
        CHOSEN,
        f"{CHOSEN}\n    tested = {{name: test(runs[name]) for name in runs}}\n    test = lambda them: tested[chosen]",
    ),
    Mistake(FINAL["twice"], TEST, "mean, error = mean_and_error([test([run])[0] for run in runs[chosen]])"),
    Mistake(FINAL["twice"], TEST, "mean, error = mean_and_error(test(runs[chosen]))[0], mean_and_error(test(runs[chosen]))[1]"),
    Mistake(FINAL["best"], MEANS, "means = {name: max(run.validation for run in runs[name]) for name in runs}"),
    Mistake(FINAL["wrong"], CHOSEN, "chosen = min(means, key=means.get)"),
    Mistake(FINAL["wrong"], CHOSEN, "chosen = max(means)"),
    Mistake(FINAL["one"], TEST, "mean, error = test([max(runs[chosen], key=lambda run: run.validation)])[0], 0.0"),
    Mistake(FINAL["one"], TEST, "mean, error = mean_and_error(test(runs[chosen][:3]))"),
    Mistake(FINAL["max"], TEST, "scores = test(runs[chosen])\n    mean, error = max(scores), mean_and_error(scores)[1]"),
    Mistake(FINAL["none"], TEST, "mean, error = mean_and_error([run.validation for run in runs[chosen]])"),
    Mistake(
        FINAL["none"], TEST, "test(runs[chosen])\n    mean, error = mean_and_error([run.validation for run in runs[chosen]])"
    ),
    Mistake(
        FINAL["error"],
        TEST,
        "scores = test(runs[chosen])\n    mean, error = mean_and_error(scores)\n    error *= math.sqrt(len(scores))",
    ),
    Mistake(FINAL["kind"], "return chosen, mean, error", "return mean, error"),
    Mistake(FINAL["after"], TEST, f"{TEST}\n    chosen = min(means, key=means.get)"),
]

# ---------------------------------------------------------------- plan

KEYS = ("question", "expected", "base", "variants", "budget", "seeds")
OF_BUDGET = ("epochs", "steps", "seconds", "budget", "seeds", "seed", "data", "validation", "patience")
PLAN = {
    "kind": f"plan should give a dictionary with {', '.join(KEYS)}, like those in IDEAS.",
    "question": "The question should be one sentence that ends with a question mark: two questions are two experiments.",
    "expected": "Write down what you expect, one sentence, before you run it: afterwards everybody has known it.",
    "variants": "There should be two variants or more, each with a name and a dictionary of changes. A single one is compared "
    "with nothing.",
    "changes": 'Each variant is a name and a dictionary of what it changes, like "gate": {"activation": "swiglu"}.',
    "same": "Two variants are the same model with the same recipe: what you find between them is noise.",
    "budget": "Unequal budgets: a variant brings its own. Epochs, seconds, seeds and data stand once in the plan, for all.",
    "one": 'The budget should be {"epochs": a whole number} or {"seconds": a number}, one for all variants.',
    "compute": 'Unequal compute: a step of one variant costs far more than a step of another, so equal epochs are not equal. '
    'Give all the same time instead: {"seconds": ...}.',
    "few": "Fewer than 3 seeds: from one or two nobody can tell a difference from luck.",
    "numbers": "The seeds should be a list of whole numbers, like [0, 1, 2, 3, 4].",
    "lists": "Different seeds for the variants: the plan should have one list of seeds, for all.",
    "twice": "A seed stands there twice: the second run would be a copy of the first, and no new evidence.",
    "many": "More than 20 seeds: T95 ends there.",
    "fit": "A variant cannot be built.",
    "data": 'The base should say which "data", and hold all settings that the variants share, like TINY.',
}  # fmt: skip


def check_plan(function, namespace, rng):
    plan = function()
    if not isinstance(plan, dict) or any(key not in plan for key in KEYS):
        lacking = f"; it lacks {', '.join(key for key in KEYS if key not in plan)}" if isinstance(plan, dict) else ""
        raise Wrong(f"{PLAN['kind']}\nyours gives {kind(plan)}{lacking}")
    question, expected = (plan[key].strip() if isinstance(plan[key], str) else "" for key in ("question", "expected"))
    if len(question) < 10 or not question.endswith("?") or question.count("?") > 1 or "\n" in question or len(question) > 200:
        raise Wrong(f"{PLAN['question']}\nyours: {question!r}")
    if len(expected) < 10:
        raise Wrong(f"{PLAN['expected']}\nyours: {expected!r}")
    yield "one question, and what you expect"
    base, variants = plan["base"], plan["variants"]
    if not isinstance(variants, dict) or len(variants) < 2:
        raise Wrong(PLAN["variants"])
    if odd := [name for name, changes in variants.items() if not _is_variant(name, changes)]:
        raise Wrong(f"{PLAN['changes']}\n{odd[0]!r} has {kind(variants[odd[0]])}")
    for name, changes in variants.items():
        if own := [field for field in changes if field in OF_BUDGET]:
            what = "lists" if {"seed", "seeds"} & set(own) else "budget"
            raise Wrong(f"{PLAN[what]}\nthe variant {name!r} has its own {', '.join(own)}")
    if not isinstance(base, dict) or "data" not in base:
        raise Wrong(PLAN["data"])
    if own := [field for field in base if field in OF_BUDGET and field != "data"]:
        raise Wrong(f'{PLAN["one"]}\n{", ".join(own)} stands in the base; it belongs into "budget" or "seeds"')
    _budget_and_seeds(plan)
    yield f"{len(variants)} variants, {len(plan['seeds'])} seeds, one budget: {plan['budget']}"
    costs, built = {}, {}
    for name, changes in variants.items():
        try:
            built[name] = model_and_recipe(base | changes)
        except (ValueError, TypeError) as error:
            raise Wrong(f"{PLAN['fit']}\n{name!r}: {error}") from None
        costs[name] = built[name][0].multiply_adds()
    names = list(built)
    same = next(((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if built[a] == built[b]), None)
    if same:
        raise Wrong(f"{PLAN['same']}\n{same[0]!r} and {same[1]!r}")
    dear, cheap = max(costs, key=costs.get), min(costs, key=costs.get)
    if "epochs" in plan["budget"] and costs[dear] > 1.5 * costs[cheap]:
        times = f"{costs[dear] / costs[cheap]:.1f} times as many multiply-adds"
        raise Wrong(f"{PLAN['compute']}\nan image costs {dear!r} {times} as {cheap!r}")
    yield "every variant can be built, and no two are the same"


def _is_variant(name, changes):
    return isinstance(name, str) and isinstance(changes, dict)


def _budget_and_seeds(plan):
    budget, seeds = plan["budget"], plan["seeds"]
    if not isinstance(budget, dict) or set(budget) not in ({"epochs"}, {"seconds"}):
        each = isinstance(budget, dict) and set(budget) == set(plan["variants"])
        raise Wrong(f"{PLAN['budget' if each else 'one']}\nyours: {budget!r}")
    (much,) = budget.values()
    if not isinstance(much, int if "epochs" in budget else int | float) or much <= 0:
        raise Wrong(f"{PLAN['one']}\nyours: {budget!r}")
    if isinstance(seeds, dict):
        raise Wrong(PLAN["lists"])
    if not isinstance(seeds, list | tuple | range) or not all(isinstance(s, int) and s >= 0 for s in seeds):
        raise Wrong(f"{PLAN['numbers']}\nyours: {seeds!r:.60}")
    if len(seeds) != len(set(seeds)):
        raise Wrong(f"{PLAN['twice']}\nyours: {list(seeds)}")
    if not 3 <= len(seeds) <= 20:
        raise Wrong(f"{PLAN['few' if len(seeds) < 3 else 'many']}\nyours: {list(seeds)}")


VARIANTS = '"variants": {"warm-up": {"warmup": 0.05}, "no warm-up": {"warmup": 0.0}},'
QUESTION = '"question": "Does the learning rate have to begin small?",'
EXPECTED = '"expected": "A little: without a warm-up the first steps are wild, and one point is lost.",'
OWN = f'{VARIANTS}\n        "budget": {{"epochs": 30}},\n        "seeds": [0, 1, 2, 3, 4],\n    }}\n    return'


def _own(old, new):
    return OWN, OWN.replace(old, new)


PLAN_MISTAKES = [
    Mistake(PLAN["budget"], VARIANTS, VARIANTS.replace('{"warmup": 0.0}', '{"warmup": 0.0, "epochs": 60}')),
    Mistake(PLAN["budget"], VARIANTS, VARIANTS.replace('{"warmup": 0.0}', '{"warmup": 0.0, "data": "fashion-mini"}')),
    Mistake(PLAN["lists"], VARIANTS, VARIANTS.replace('{"warmup": 0.0}', '{"warmup": 0.0, "seed": 1}')),
    Mistake(PLAN["budget"], *_own('{"epochs": 30}', '{"warm-up": 30, "no warm-up": 60}')),
    Mistake(PLAN["one"], *_own('{"epochs": 30}', "30")),
    Mistake(PLAN["compute"], *_own('{"warmup": 0.0}', '{"depth": 4}')),
    Mistake(PLAN["compute"], *_own('{"warmup": 0.0}', '{"patch_size": 1}')),
    Mistake(PLAN["few"], *_own("[0, 1, 2, 3, 4]", "[0]")),
    Mistake(PLAN["few"], *_own("[0, 1, 2, 3, 4]", "[0, 1]")),
    Mistake(PLAN["numbers"], *_own("[0, 1, 2, 3, 4]", "5")),
    Mistake(PLAN["twice"], *_own("[0, 1, 2, 3, 4]", "[7, 7, 7]")),
    Mistake(PLAN["many"], *_own("[0, 1, 2, 3, 4]", "list(range(30))")),
    Mistake(PLAN["lists"], *_own("[0, 1, 2, 3, 4]", '{"warm-up": [0, 1, 2], "no warm-up": [3, 4, 5]}')),
    Mistake(PLAN["variants"], VARIANTS, '"variants": {"no warm-up": {"warmup": 0.0}},'),
    Mistake(PLAN["changes"], VARIANTS, '"variants": {"warm-up": 0.05, "no warm-up": 0.0},'),
    Mistake(PLAN["one"], *_own('{"epochs": 30}', '{"epochs": 30.0}')),
    Mistake(PLAN["same"], VARIANTS, VARIANTS.replace("0.0}", "0.05}")),
    Mistake(PLAN["fit"], VARIANTS, VARIANTS.replace('"warmup": 0.0}', '"warm_up": 0.0}')),
    Mistake(PLAN["fit"], *_own('{"warmup": 0.0}', '{"heads": 5}')),
    Mistake(PLAN["question"], QUESTION, QUESTION.replace("small?", "small")),
    Mistake(PLAN["question"], QUESTION, QUESTION.replace("small?", "small? And does it have to end small?")),
    Mistake(PLAN["expected"], EXPECTED, '"expected": "",'),
    Mistake(PLAN["kind"], EXPECTED, ""),
]

EXERCISES = [
    Exercise(
        name="run_all",
        check=check_run,
        mistakes=RUN_MISTAKES,
        hints={
            "": (
                "Two loops: over the variants, and inside over the seeds. What must be the same in every turn?",
                "The settings of a variant are those of the base with its changes over them; a | b makes a new dictionary in "
                "which b wins. The budget and the list of seeds stand in the plan.",
                "For each name and changes of the variants' items: a new dictionary of base and changes, then a list with what "
                "train gives for it, for each of the seeds and always with the plan's own budget. Keep that list under the name.",
            )
        },
        read={"": "Everything equal but one thing"},
    ),
    Exercise(
        name="mean_and_error",
        check=check_mean,
        mistakes=MEAN_MISTAKES,
        hints={
            "": (
                "Try it with 90, 92, 94 by hand, as in the lesson: 92, and 1.15.",
                "Sum of the squared distances from the mean, over n − 1: that is the variance of one score. Of the mean it is n "
                "times smaller.",
                "Four steps: how many, the mean, the variance of one score (with one less below the line), the root of that "
                "variance over how many. math.sqrt keeps plain numbers plain.",
            )
        },
        read={"": "The mean, and how far off it may be"},
    ),
    Exercise(
        name="paired_difference",
        check=check_pair,
        mistakes=PAIR_MISTAKES,
        hints={
            "": (
                "You have written nearly all of it one cell further up.",
                "Make one list of two: how much better the variant is, for each seed. What does mean_and_error say of it?",
                "zip walks through both lists at once. Variant less baseline, in this order, for each pair; then mean and error "
                "of that list.",
            )
        },
        read={"": "Seed by seed"},
    ),
    Exercise(
        name="verdict",
        check=check_verdict,
        mistakes=VERDICT_MISTAKES,
        hints={
            "": (
                "There are three answers, and the third one is the most honest.",
                "How far from 0 is the paired difference, and how far from 0 may it be by luck alone?",
                "The margin is T95 of the number of pairs, times the error of the paired difference. Inside the margin, on "
                "either side of 0, it cannot be told; outside, the sign decides.",
            )
        },
        read={"": "Larger than the noise?"},
    ),
    Exercise(
        name="final_score",
        check=check_final,
        mistakes=FINAL_MISTAKES,
        hints={
            "": (
                "First decide, then look. What may the decision use, and what not?",
                "The mean validation accuracy of each variant; the name with the largest one; then one single call of test, with "
                "the list of all Runs of that variant.",
                "A dictionary of name and mean; max of it with key= its get method gives the name. What test gives is a list of "
                "scores, and you have a function for such a list.",
            )
        },
        read={"": "The test images, once"},
    ),
    Exercise(
        name="plan",
        check=check_plan,
        mistakes=PLAN_MISTAKES,
        hints={
            "": (
                "What have you wondered about in this course? Take something that one setting can change.",
                "Copy one of IDEAS and change question, what you expect, and variants. Small is good: two variants, five seeds, "
                "30 epochs take a minute or so.",
                "Settings that are good for a question: activation, layer_scale, registers, pos_embed_std, relative_pos, lr, "
                "shift, label_smoothing, weight_decay. Where a variant costs more time in a step, give seconds as the budget.",
            )
        },
        read={"": "Your question"},
    ),
]

QUIZ = [
    Question(
        "Five seeds give 90, 91, 92, 93, 94 %. What halves the standard error?",
        ("Ten seeds", "Twenty seeds", "The best three", "More epochs"),
        1,
        "It shrinks with the root of the number of seeds: four times as many for half of it.",
    ),
    Question(
        "The difference is 0.4 points, its 95 % interval runs from −0.9 to 1.7. What may you write?",
        (
            "The variant is better",
            "The two are equal",
            "These seeds cannot tell them apart; differences of 2 points and more are out of the question",
            "The experiment has failed",
        ),
        2,
        "0 lies inside, and so does 1.5. What lies far outside has been ruled out, and that is a result.",
    ),
    Question(
        "You tried twelve variants that do nothing, five seeds each, against the same baseline. How many look different?",
        ("None", "One is to be expected about every other time", "All", "Exactly one in twenty"),
        1,
        "Each has a chance of 5 %: 12 · 0.05 = 0.6 on average. Do the best one again, with new seeds.",
    ),
    Question(
        "You choose the best of four variants by the test images, and report its test score. It is",
        ("Honest, all four were read once", "Too high, on average", "Too low, on average", "Too noisy, and otherwise right"),
        1,
        "The largest of four noisy numbers is large partly by luck, and the luck does not come back on new images.",
    ),
    Question(
        "Patches of 1 x 1 take four times the time of a step. What is an equal budget?",
        (
            "The same epochs",
            "The same seconds",
            "The same number of tokens",
            "Whichever is said: the two answer different questions",
        ),
        3,
        "With equal epochs one asks what a pass over the images brings, with equal seconds what an hour brings. Say which.",
    ),
]
