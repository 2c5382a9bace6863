"""Lesson 15: a step of AdamW, the schedule, clipping by the global norm."""

import contextlib
import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Wrong, compared, kind, solution_with

TITLE = "AdamW, warm-up, cosine, clipping"
MINUTES = 35
NEEDS = ["07"]
GOALS = [
    "You can do five steps of AdamW by hand, and say what each line is for.",
    "You can derive the bias correction, and say why weight decay stands outside the fraction.",
    "You can write a learning-rate schedule whose ends are right to the step.",
    "You can clip gradients by their global norm, and say why not number by number.",
]
PICTURE = (
    "Left, contour lines of a stretched valley and three paths: SGD with a large rate zigzags, with a small rate "
    "it stays far from "
    "the goal, Adam goes there in a wide bow. Middle, the learning rate: a short steep rise and half a cosine down. Right, three "
    "arrows of gradients; the two long ones are cut to length 1, the short one is not."
)

# ---------------------------------------------------------------- adamw_step


def step_cases(rng):
    def given(shape, t, lr, *others):
        arrays = [rng.standard_normal(shape) for _ in range(3)]
        return *arrays, np.abs(rng.standard_normal(shape)), t, lr, *others

    return {
        "ordinary": given((2, 3), 3, 0.1, 0.9, 0.99, 0.05, 0.3),
        "the first step": (*given((4,), 1, 0.01)[:2], np.zeros(4), np.zeros(4), 1, 0.01),
        "no decay": given((2, 2), 7, 0.5),
        "strong decay": given((3,), 2, 0.1, 0.5, 0.9, 1e-8, 2.0),
        "a large epsilon": given((3, 2), 5, 1.0, 0.9, 0.999, 0.5),
        "many steps later": given((2, 1, 3), 1000, 1e-3, 0.9, 0.999, 1e-8, 0.1),
    }


def step_spec(weight, gradient, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0):
    out = [np.zeros(weight.shape) for _ in range(3)]
    for place in np.ndindex(weight.shape):
        new_m = beta1 * m[place] + (1 - beta1) * gradient[place]
        new_v = beta2 * v[place] + (1 - beta2) * gradient[place] ** 2
        fraction = new_m / (1 - beta1**t) / (math.sqrt(new_v / (1 - beta2**t)) + eps)
        out[0][place] = weight[place] - lr * fraction - lr * weight_decay * weight[place]
        out[1][place], out[2][place] = new_m, new_v
    return tuple(out)


M = "new_m = beta1 * m + (1 - beta1) * gradient"
V = "new_v = beta2 * v + (1 - beta2) * gradient * gradient"
MHAT = "mhat = new_m / (1 - beta1**t)"
VHAT = "vhat = new_v / (1 - beta2**t)"
W = "new_weight = weight - lr * (mhat / (np.sqrt(vhat) + eps) + weight_decay * weight)"
STEP_MISTAKES = [
    Mistake("m is not corrected: it starts at 0, and is too small by the factor 1 − β₁ᵗ.", MHAT, "mhat = new_m"),
    Mistake("v is not corrected: it starts at 0, and is too small by the factor 1 − β₂ᵗ.", VHAT, "vhat = new_v"),
    Mistake(
        "Neither m nor v is corrected: both start at 0, and are too small at first.",
        f"{MHAT}\n    {VHAT}",
        "mhat, vhat = new_m, new_v",
    ),
    Mistake(
        "The correction is one step late: t counts from 1, and is used as it is.",
        f"{MHAT}\n    {VHAT}",
        "mhat = new_m / (1 - beta1 ** (t + 1))\n    vhat = new_v / (1 - beta2 ** (t + 1))",
    ),
    Mistake(
        "The correction is one step behind: t counts from 1, and is used as it is. (With t − 1 the first step divides by 0.)",
        f"{MHAT}\n    {VHAT}",
        "mhat = new_m / (1 - beta1 ** (t - 1))\n    vhat = new_v / (1 - beta2 ** (t - 1))",
    ),
    Mistake("v is corrected with β₁. Each average has its own β.", VHAT, "vhat = new_v / (1 - beta1**t)"),
    Mistake("The corrected m is made from the old one. It is the new m that is corrected.", MHAT, "mhat = m / (1 - beta1**t)"),
    Mistake(
        "The old m and v are returned: the next step would know nothing of this gradient.",
        "return new_weight, new_m, new_v",
        "return new_weight, m.copy(), v.copy()",
    ),
    Mistake("ε is left out: where v is 0 the fraction would be 0/0.", W, W.replace(" + eps", "")),
    Mistake("The learning rate is left out.", W, W.replace("lr * (", "1 * (")),
    Mistake(
        "The decay is inside the fraction, so it is divided by the root as well. In AdamW it stands beside the fraction.",
        W,
        "new_weight = weight - lr * (mhat + weight_decay * weight) / (np.sqrt(vhat) + eps)",
    ),
    Mistake(
        "The step goes uphill, and the decay too: both are subtracted from the weight.",
        W,
        W.replace("weight - lr", "weight + lr"),
    ),
    Mistake(
        "The decay is not multiplied by the learning rate, and has the wrong sign.",
        W,
        "new_weight = weight - lr * mhat / (np.sqrt(vhat) + eps) + weight_decay * weight",
    ),
    Mistake(
        "The correction does not use t: its factor is 1 − βᵗ.",
        f"{MHAT}\n    {VHAT}",
        "mhat = new_m / (1 - beta1)\n    vhat = new_v / (1 - beta2)",
    ),
    Mistake(
        "The corrected averages are returned. Return m and v as they are: the correction is made anew at each step.",
        "return new_weight, new_m, new_v",
        "return new_weight, mhat, vhat",
    ),
    Mistake(
        "The decay uses the new weight: w in the bracket is the old one.",
        W,
        "new_weight = weight - lr * mhat / (np.sqrt(vhat) + eps)\n    new_weight = new_weight - lr * weight_decay * new_weight",
    ),
    Mistake(
        "ε is added to the fraction. It belongs to the root, below the line: brackets.",
        W,
        "new_weight = weight - lr * (mhat / np.sqrt(vhat) + eps + weight_decay * weight)",
    ),
    Mistake(
        "ε is inside the root. It is added after the root is taken.", W, W.replace("np.sqrt(vhat) + eps", "np.sqrt(vhat + eps)")
    ),
    Mistake("The root is missing: v is the average of squares.", W, W.replace("np.sqrt(vhat)", "vhat")),
    Mistake(
        "The decay has been added to the gradient, so it is divided by the root as well. In AdamW it stands beside the fraction.",
        M,
        "gradient = gradient + weight_decay * weight\n    " + M,
    ),
    Mistake(
        "The decay is not multiplied by the learning rate.",
        W,
        "new_weight = weight - lr * mhat / (np.sqrt(vhat) + eps) - weight_decay * weight",
    ),
    Mistake("The decay is missing.", W, "new_weight = weight - lr * mhat / (np.sqrt(vhat) + eps)"),
    Mistake("The decay has the wrong sign: weights should become smaller.", W, W.replace("+ weight_decay", "- weight_decay")),
    Mistake(
        "The step goes uphill: it is subtracted from the weight.",
        W,
        "new_weight = weight + lr * (mhat / (np.sqrt(vhat) + eps) - weight_decay * weight)",
    ),
    Mistake("v averages the gradient and not its square.", V, "new_v = np.abs(beta2 * v + (1 - beta2) * gradient)"),
    Mistake(
        "v averages the size of the gradient. It is the average of the squares.",
        V,
        V.replace("gradient * gradient", "np.abs(gradient)"),
    ),
    Mistake(
        "In v the factor 1 − β₂ is squared as well. Square the gradient alone.",
        V,
        "new_v = beta2 * v + ((1 - beta2) * gradient) ** 2",
    ),
    Mistake(
        "v has one number for the whole array. Each entry has its own v.",
        V,
        "new_v = beta2 * v + (1 - beta2) * (gradient * gradient).mean()",
    ),
    Mistake(
        "The weights of old and new have changed places in v: β₂ belongs to the past.",
        V,
        "new_v = (1 - beta2) * v + beta2 * gradient * gradient",
    ),
    Mistake("v is a plain sum: the new square has the factor 1 − β₂.", V, "new_v = beta2 * v + gradient * gradient"),
    Mistake(
        "v is the square of m. The average of squares is another number than the square of the average.",
        V,
        "new_v = new_m * new_m",
    ),
    Mistake(
        "β₁ and β₂ have changed places.",
        f"{M}\n    {V}",
        "new_m = beta2 * m + (1 - beta2) * gradient\n    new_v = beta1 * v + (1 - beta1) * gradient * gradient",
    ),
    Mistake(
        "The weights of old and new have changed places in m: β₁ belongs to the past.",
        M,
        "new_m = (1 - beta1) * m + beta1 * gradient",
    ),
    Mistake("m is a plain sum: the new gradient has the factor 1 − β₁.", M, "new_m = beta1 * m + gradient"),
    Mistake(
        "The fraction uses the gradient of this step alone: m is what gives it a direction.", W, W.replace("mhat", "gradient")
    ),
    Mistake("", V, V + "\n    m *= beta1", step="inputs"),
    Mistake("", "return new_weight, new_m, new_v", "return new_weight, new_v, new_m", step="value"),
    Mistake("", "return new_weight, new_m, new_v", "return new_weight", step="count"),
]

# ---------------------------------------------------------------- warmup_cosine

SCHEDULES = (
    (9, 1.0, 2, 0.0),
    (20, 0.004, 4, 1e-5),
    (5, 2.0, 0, 0.5),
    (7, 1.0, 7, 0.0),
    (4, 1.0, 3, 0.0),
    (3, 1.0, 1, 0.0),
    (100, 3e-3, 10, 0.0),
)


NO_STEPS = "You divide by a number of steps that can be 0: a schedule may have no warm-up, or a single step after it."


def _rate(step, total, peak, warmup, floor):
    if step < warmup:
        return peak * (step + 1) / warmup
    return floor + (peak - floor) * (1 + math.cos(math.pi * (step - warmup) / max(1, total - 1 - warmup))) / 2


def check_schedule(function, namespace, rng):
    def different(function):
        """The first (arguments, found, wanted) that is not right, or None."""
        for total, peak, warmup, floor in SCHEDULES:
            for step in range(total):
                try:
                    found, wanted = function(step, total, peak, warmup, floor), _rate(step, total, peak, warmup, floor)
                except ZeroDivisionError:
                    raise Wrong(f"{NO_STEPS}\nwarmup_cosine{(step, total, peak, warmup, floor)} divides by 0") from None
                if not isinstance(found, int | float | np.number) or not abs(found - wanted) < 1e-9:
                    return (step, total, peak, warmup, floor), found, wanted
        return None

    wrong = different(function)
    if wrong is None:
        yield f"{sum(total for total, *_ in SCHEDULES)} steps of {len(SCHEDULES)} schedules"
        _unless(abs(function(8, 9, 1.0, 2)) < 1e-9, "Without a floor the last step has the rate 0.")
        yield "without a floor"
        return
    arguments, found, wanted = wrong
    both = compared(found, wanted) if isinstance(found, int | float | np.number) else f"yours {found!r}, wanted {wanted:.6g}"
    where = f"warmup_cosine{arguments}: {both}"
    for mistake in SCHEDULE_MISTAKES:
        theirs = solution_with("15", mistake)["warmup_cosine"]
        with contextlib.suppress(TypeError, ZeroDivisionError):
            steps = [(step, *arguments[1:]) for step in range(arguments[1])]
            if all(abs(theirs(*given) - function(*given)) < 1e-9 for given in steps):
                raise Wrong(f"{mistake.says}\n{where}")
    step, _, _, warmup, _ = arguments
    raise Wrong(f"The {'warm-up' if step < warmup else 'cosine'} is not right.\n{where}")


def _unless(truth, sentence):
    if not truth:
        raise Wrong(sentence)


WARM, COSINE, PROGRESS = (
    "rate = peak * (step + 1) / warmup",
    "rate = floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2",
    "progress = (step - warmup) / max(1, total - 1 - warmup)",
)
SCHEDULE_MISTAKES = [
    Mistake(NO_STEPS, PROGRESS, "progress = (step - warmup) / (total - 1 - warmup)"),
    Mistake(NO_STEPS, "if step < warmup:", "if step / warmup < 1:"),
    Mistake("The warm-up takes step W too: it is for the steps below W.", "if step < warmup:", "if step <= warmup:"),
    Mistake(
        "The warm-up starts at 0, so the first step is wasted: step 0 has peak / warmup.", WARM, "rate = peak * step / warmup"
    ),
    Mistake(
        "The warm-up is rounded down to whole numbers: // drops what is left over, / keeps it.",
        WARM,
        "rate = peak * ((step + 1) // warmup)",
    ),
    Mistake(
        "The half belongs to the whole bracket, (1 + cos) / 2, and yours halves the cosine alone.",
        COSINE,
        "rate = floor + (peak - floor) * (1 + math.cos(math.pi * progress) / 2)",
    ),
    Mistake("The warm-up takes one step too many.", WARM, "rate = peak * (step + 1) / (warmup + 1)"),
    Mistake("The warm-up already has the peak: it should grow to it.", WARM, "rate = peak"),
    Mistake(
        "The cosine begins at the first step of all: it begins when the warm-up ends.",
        PROGRESS,
        "progress = step / max(1, total - 1)",
    ),
    Mistake(
        "The cosine does not reach the floor at the last step, total − 1.",
        PROGRESS,
        "progress = (step - warmup) / max(1, total - warmup)",
    ),
    Mistake("The rate goes to 0 and not to the floor.", COSINE, "rate = peak * (1 + math.cos(math.pi * progress)) / 2"),
    Mistake(
        "The floor is added to the whole curve: the peak is then peak + floor.",
        COSINE,
        "rate = floor + peak * (1 + math.cos(math.pi * progress)) / 2",
    ),
    Mistake("This is a straight line: the way down is half a cosine.", COSINE, "rate = floor + (peak - floor) * (1 - progress)"),
    Mistake(
        "This is a quarter of a cosine: half of one goes from 1 to −1.",
        COSINE,
        "rate = floor + (peak - floor) * math.cos(math.pi / 2 * progress)",
    ),
    Mistake(
        "The cosine runs upside down: it should start at the peak.",
        COSINE,
        "rate = floor + (peak - floor) * (1 - math.cos(math.pi * progress)) / 2",
    ),
    Mistake(
        "math.cos takes radians: half a turn is π.", COSINE, "rate = floor + (peak - floor) * (1 + math.cos(180 * progress)) / 2"
    ),
]

# ---------------------------------------------------------------- clip_gradients

CLIP = {
    "value": "Each number was cut by itself: that changes the direction. All are multiplied by the same factor.",
    "own": "Each array was scaled by its own length: that changes the direction. There is one length for all arrays together.",
    "always": "Small gradients were scaled up. If the norm is below max_norm, they stay as they are.",
    "norm": "The norm is not the root of the sum of all squares of all arrays.",
    "after": "The norm is wanted as it was before clipping.",
    "changed": "The gradients that came in were changed: make new arrays.",
    "not": "Gradients above max_norm were not scaled to that length.",
}


def check_clip(function, namespace, rng):
    gradients = [rng.standard_normal(shape).astype(np.float32) for shape in ((2, 3), (4,), ())]
    gradients[2] = np.array(gradients[2], np.float32)
    kept = [g.copy() for g in gradients]
    norm = math.sqrt(sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients))
    for g in gradients:
        g.flags.writeable = False
    for bound in (10 * norm, 0.25 * norm, 0.8 * norm):
        returned = function(gradients, bound)
        if not (isinstance(returned, tuple | list) and len(returned) == 2):
            raise Wrong(f"clip_gradients should give two things, the list and the norm; yours gives {kind(returned)}.")
        if not isinstance(returned[0], tuple | list) or len(returned[0]) != 3:
            what = kind(returned[0])
            raise Wrong(f"The first result should be a list with as many arrays as came in, here 3; yours is {what}.")
        if not isinstance(returned[1], int | float | np.number | np.ndarray) or np.shape(returned[1]):
            raise Wrong(f"The second result should be one number, the norm; yours is {kind(returned[1])}.")
        clipped, found = list(returned[0]), float(returned[1])
        factor = min(1.0, bound / norm)
        if abs(found - factor * norm) < 1e-4 * norm and factor < 1:
            raise Wrong(CLIP["after"])
        _unless(abs(found - norm) < 1e-4 * norm, f"{CLIP['norm']}\n{compared(found, norm)}")
        _unless(all(np.array_equal(a, b) for a, b in zip(gradients, kept, strict=True)), CLIP["changed"])
        wanted = [g * factor for g in kept]
        if not all(np.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(clipped, wanted, strict=True)):
            if factor == 1:
                raise Wrong(CLIP["always"])
            own = [g * min(1.0, bound / np.linalg.norm(g)) for g in kept]
            if all(np.allclose(a, np.clip(g, -bound, bound)) for a, g in zip(clipped, kept, strict=True)):
                raise Wrong(CLIP["value"])
            raise Wrong(CLIP["own"] if all(np.allclose(a, b) for a, b in zip(clipped, own, strict=True)) else CLIP["not"])
        if any(np.asarray(a).dtype != np.float32 for a in clipped):
            raise Wrong("float32 gradients came back as another dtype: make the factor a plain Python number.")
        yield "below the bound they stay" if factor == 1 else "above it, one factor for all; the norm from before"
    zeros, found = function([np.zeros(3)], 1.0)
    _unless(not np.any(zeros[0]) and float(found) == 0, "Gradients of zeros should stay zeros, with the norm 0.")
    yield "zeros stay zeros"


NORM = "norm = math.sqrt(sum(float((g * g).sum()) for g in gradients))"
FACTOR = "factor = max_norm / norm if norm > max_norm else 1.0"
CLIPPED = "clipped = [g * factor for g in gradients]"
CLIP_MISTAKES = [
    Mistake(CLIP["value"], CLIPPED, "clipped = [np.clip(g, -max_norm, max_norm) for g in gradients]"),
    Mistake(CLIP["own"], CLIPPED, "clipped = [g * min(1.0, max_norm / float(np.linalg.norm(g))) for g in gradients]"),
    Mistake(CLIP["always"], FACTOR, "factor = max_norm / norm"),
    Mistake(CLIP["norm"], NORM, "norm = sum(float(np.linalg.norm(g)) for g in gradients)"),
    Mistake(CLIP["norm"], NORM, "norm = sum(float((g * g).sum()) for g in gradients)"),
    Mistake(CLIP["norm"], NORM, "norm = max(float(np.abs(g).max()) for g in gradients)"),
    Mistake(CLIP["after"], CLIPPED, CLIPPED + "\n    norm = norm * factor"),
    Mistake(CLIP["not"], FACTOR, "factor = 1.0"),
    Mistake(CLIP["not"], FACTOR, "factor = (max_norm / norm) ** 2 if norm > max_norm else 1.0"),
]

EXERCISES = [
    Exercise(
        name="adamw_step",
        outputs=("weight", "m", "v"),
        cases=step_cases,
        spec=step_spec,
        large=lambda rng: (*(rng.standard_normal((768, 768)) for _ in range(3)), rng.random((768, 768)), 3, 0.1),
        mistakes=STEP_MISTAKES,
        hints={
            "": (
                "Five lines, one for each formula of the lesson: new m, new v, the two with hats, the new weight.",
                "All operations are entry by entry. t is a power of the betas. The decay stands beside the "
                "fraction, inside the bracket "
                "that the learning rate multiplies.",
                "Check with the table: weight 0, gradient -6, m and v 0, t 1, lr 0.1 must give weight 0.1, m "
                "-0.6, v 0.036. Write "
                "m = m * something and not m *= something: the old array belongs to others.",
            )
        },
        read={"": "A step that does not depend on the scale"},
    ),
    Exercise(
        name="warmup_cosine",
        check=check_schedule,
        mistakes=SCHEDULE_MISTAKES,
        hints={
            "": (
                "Two cases: the step is one of the first `warmup`, or it is not.",
                "In the second case, first compute how far along the way down it is, a number from 0 to 1; then "
                "put it into the cosine.",
                "The last step is total - 1, so the way down has total - 1 - warmup parts; divide by 1 if that "
                "is 0. Check: 9 steps, 2 of "
                "them warm-up, peak 1 give 0.5, 1, 1, 0.933, 0.75, 0.5, 0.25, 0.067, 0.",
            )
        },
        read={"": "The learning rate over time"},
    ),
    Exercise(
        name="clip_gradients",
        check=check_clip,
        mistakes=CLIP_MISTAKES,
        hints={
            "": (
                "One length for all arrays together, one factor for all numbers.",
                "Sum the squares of everything, take the root. The factor is 1 if that is not above the bound.",
                "float(...) makes a plain number of each sum, so that float32 arrays stay float32. New arrays "
                "come from multiplying, not "
                "from changing those that came in. (3) and (4, 0) with bound 1 give (0.6) and (0.8, 0), and the norm 5.",
            )
        },
        read={"": "Clipping"},
    ),
]

QUIZ = [
    Question(
        "You multiply the loss by 1,000. What happens to Adam's steps?",
        ("They are 1,000 times as long", "Practically nothing", "They are 1,000 times shorter", "They explode"),
        1,
        "m and √v grow by the same factor. Only ε notices.",
    ),
    Question(
        "Why is m divided by 1 − β₁ᵗ?",
        (
            "To make steps shorter",
            "Because it started at 0 and is too small at first",
            "Because of weight decay",
            "To keep float32",
        ),
        1,
        "After t equal gradients g it is (1 − β₁ᵗ) g.",
    ),
    Question(
        "What is wrong with adding λw to the gradient in Adam?",
        (
            "Nothing, it is AdamW",
            "Weights with large gradients hardly decay, those with small ones a lot",
            "It makes the loss negative",
            "It is slower",
        ),
        1,
        "The sum is divided by √v. AdamW keeps the decay out of the fraction.",
    ),
    Question(
        "Gradients (3) and (4, 0), bound 1. After clipping:",
        ("(1) and (1, 0)", "(0.6) and (0.8, 0)", "(1) and (1, 0), norm 1.4", "(3) and (4, 0)"),
        1,
        "The global norm is 5, so everything is multiplied by 1/5. The direction stays.",
    ),
]
