import math

import numpy as np

from lessons.exercise import Exercise, Mistake, Question, Term

TITLE = "GELU"
MINUTES = 20
NEEDS = ["04"]
GOALS = [
    "You can say why a network needs a function that bends between its linear layers.",
    "You can read relu and GELU as gates, and explain Φ(x) as a probability and as an area under the bell curve.",
    "You can derive the gradient of x · Φ(x) and say what each of its two terms stands for.",
    "You can write an elementwise op that keeps float32.",
]
PICTURE = (
    "Three panels. Left, the bell curve with the area up to x = 0.5 shaded: Φ(0.5) = 0.69. Middle, GELU beside relu: equal "
    "far from 0, smooth and slightly below 0 in between. Right, their slopes: relu's jumps from 0 to 1, GELU's rises smoothly "
    "through 0.5 and overshoots 1 a little."
)


def _gate(x):
    return np.vectorize(lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2))), otypes=[np.float64])(x)


def _density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def cases(rng):
    def draw(*shape):
        return (1.5 * rng.standard_normal(shape),)

    return {
        "ordinary": draw(3, 5),
        "batch of 1": draw(1, 5),
        "an extra axis": draw(2, 3, 5),
        "one axis": draw(5),
        "a square": draw(4, 4),
    }


def spec(x):
    y = np.empty_like(x)
    for place in np.ndindex(x.shape):
        value = float(x[place])
        y[place] = value * 0.5 * (1 + math.erf(value / math.sqrt(2)))
    return y


def terms(x, dy):
    return [
        Term("Φ(x)·dy", _gate(x) * dy, "it is what passes through the gate as it stands."),
        Term("x·φ(x)·dy", x * _density(x) * dy, "the gate itself moves with x, and its slope φ(x) counts x times."),
    ]


def _symbols(x):
    return {"B": x.shape[0], "D": x.shape[-1]}


def _sigmoid_form(x):
    s = 1 / (1 + np.exp(-1.702 * x))

    def backward(dy):
        return dy * (s + 1.702 * x * s * (1 - s))

    return x * s, backward


def _tanh_form(x):
    c = math.sqrt(2 / math.pi)
    t = np.tanh(c * (x + 0.044715 * x * x * x))

    def backward(dy):
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))

    return 0.5 * x * (1 + t), backward


GATE = "gate = 0.5 * (1 + erf(x / math.sqrt(2)))"
DENSITY = "density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)"
DX = "dx = dy * (gate + x * density)"

MISTAKES = [
    # backward
    Mistake(
        "The gate was treated as if it stood still. Φ(x) depends on x too, so the product rule has a second term, x·φ(x).",
        old=DX,
        new="dx = dy * gate",
    ),
    Mistake(
        "The density lacks its factor 1/√(2π): exp(-x²/2) alone has the area 2.5066 under it, and a probability must come to 1.",
        old=DENSITY,
        new="density = np.exp(-0.5 * x * x)",
    ),
    Mistake(
        "The root is missing: the bell is divided by √(2π) = 2.5066, and not by 2π = 6.2832.",
        old=DENSITY,
        new="density = np.exp(-0.5 * x * x) / (2 * math.pi)",
    ),
    Mistake(
        "The slope of erf was taken at x/√2, but its argument has a slope of its own, 1/√2: the chain rule multiplies by it.",
        old=DENSITY,
        new="density = np.exp(-0.5 * x * x) / math.sqrt(math.pi)",
    ),
    Mistake(
        "The minus in the exponent is lost: the bell falls to both sides. Note that in Python (-x)**2 is x**2.",
        old=DENSITY,
        new="density = np.exp(0.5 * x * x) / math.sqrt(2 * math.pi)",
    ),
    Mistake(
        "dy multiplies the first term only. The whole slope is multiplied by dy: is a bracket missing?",
        old=DX,
        new="dx = dy * gate + x * density",
    ),
    Mistake(
        "This is dy times the slope of the gate. The output is x times the gate, and the product rule has two terms.",
        old=DX,
        new="dx = dy * density",
    ),
    Mistake(
        "This is the slope of the tanh form, under the exact forward by erf. The two differ by less than 0.001, "
        "but a backward must be the slope of its own forward.",
        old=DX,
        new="""c = math.sqrt(2 / math.pi)
        t = np.tanh(c * (x + 0.044715 * x * x * x))
        dx = dy * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))""",
    ),
    Mistake(
        "The density has x² in its exponent without the half. The slope of Φ is the bell with exponent -x²/2; "
        "exp(-x²) belongs to erf, whose argument is x/√2.",
        old=DENSITY,
        new="density = np.exp(-x * x) / math.sqrt(2 * math.pi)",
    ),
    Mistake(
        "This is relu's gradient: dy where x > 0 and 0 elsewhere. GELU's gate opens gradually, so its slope takes all values "
        "between -0.13 and 1.13.",
        old=DX,
        new="dx = dy * (x > 0)",
    ),
    Mistake(
        "This is the slope alone. The chain rule multiplies it by dy, the gradient that comes from above.",
        old=DX,
        new="dx = gate + x * density",
    ),
    Mistake(
        "In the second term the factor x is missing. The product rule keeps the first factor, x, beside the slope of the second.",
        old=DX,
        new="dx = dy * (gate + density)",
    ),
    Mistake(
        "The second term has the wrong sign. Φ rises with x, its slope φ is positive, and the product rule adds.",
        old=DX,
        new="dx = dy * (gate - x * density)",
    ),
    Mistake(
        "In the second term stands the slope of φ, which is -x·φ(x). It should be the slope of Φ, which is φ(x) itself.",
        old=DX,
        new="dx = dy * (gate - x * x * density)",
    ),
    Mistake(
        "y was used where x belongs: the second term is x·φ(x), with the number that went into the gate, not the one "
        "that came out.",
        old=DX,
        new="dx = dy * (gate + y * density)",
    ),
    # forward
    Mistake(
        "Here x stands in erf undivided. erf belongs to a bell that is narrower by √2, so Φ(x) needs erf of x/√2.",
        old=GATE,
        new="gate = 0.5 * (1 + erf(x))",
    ),
    Mistake(
        "The gate is erf itself, which runs from -1 to 1. A probability runs from 0 to 1: shift erf by 1 and halve it.",
        old=GATE,
        new="gate = erf(x / math.sqrt(2))",
    ),
    Mistake(
        "This is the sigmoid approximation, x / (1 + exp(-1.702 x)), which is off by up to 0.02. "
        "The exercise asks for the exact Φ(x), by erf.",
        function=_sigmoid_form,
    ),
    Mistake(
        "This is the tanh form of GELU, which is off by up to 0.0005. The exercise asks for the exact Φ(x), by erf.",
        function=_tanh_form,
    ),
    Mistake(
        "x is multiplied by √2 in erf where it should be divided: with z = √2 · s, the place z = x is s = x/√2.",
        old=GATE,
        new="gate = 0.5 * (1 + erf(x * math.sqrt(2)))",
    ),
    Mistake(
        "Here x is divided by 2 in erf. In the units of erf, x is x/√2.",
        old=GATE,
        new="gate = 0.5 * (1 + erf(x / 2))",
    ),
    Mistake(
        "The half applies to erf alone: the gate runs from 0.5 to 1.5. It should run from 0 to 1, so the 1 is halved too.",
        old=GATE,
        new="gate = 1 + 0.5 * erf(x / math.sqrt(2))",
    ),
    Mistake(
        "This gate closes as x grows: it is 1 − Φ(x), the probability of lying above x.",
        old=GATE,
        new="gate = 0.5 * (1 - erf(x / math.sqrt(2)))",
    ),
    Mistake(
        "The height of the bell, φ(x), stands where its area belongs. The gate is Φ(x), the area up to x.",
        old=GATE,
        new="gate = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)",
    ),
    Mistake(
        "This is relu. Its gate is shut below 0 and open above; the gate of GELU opens little by little.",
        old=GATE,
        new="gate = (x > 0).astype(x.dtype)",
    ),
    Mistake("This is the gate Φ(x) alone. GELU is x times its gate.", old="y = x * gate", new="y = 1 * gate"),
    # what the checker's own steps name
    Mistake("", old=GATE, new="gate = 0.5 * (1 + erf(x / np.sqrt(2)))", step="dtype"),
    Mistake("", old="y = x * gate", new="y = x\n    y *= gate", step="inputs"),
]

EXERCISES = [
    Exercise(
        name="gelu",
        cases=cases,
        spec=spec,
        gradients=("dx",),
        extreme=lambda rng: {
            "numbers far out": (np.array([[1e4, -1e4, 0.0], [30.0, -30.0, 1e-30]]),),
        },
        terms={"dx": terms},
        symbols=_symbols,
        large=lambda rng: (rng.standard_normal((100, 200)),),
        mistakes=MISTAKES,
        hints={
            "forward": (
                "The output is x times a gate between 0 and 1. Which probability is the gate?",
                "The gate is Φ(x). You have erf, which runs from -1 to 1 and wants its argument in units of √2.",
                "Two steps: first the gate, one half of 1 plus erf of the scaled x, for the whole array at once; "
                "then multiply x by it. Take the square root of plain numbers from math, so that float32 stays float32.",
            ),
            "backward": (
                "Both factors of the output depend on x. Which rule of school calculus is made for that?",
                "The product rule gives two terms. The gate's own slope is the height of the bell, φ(x).",
                "Compute the bell's height with np.exp, with the half in the exponent and divided by √(2π). Multiply it by x, "
                "add the gate that the forward has computed, and multiply the sum by dy, entry by entry.",
            ),
        },
        read={"forward": "From Φ to erf", "backward": "The gradient of GELU"},
        library="gelu",
    ),
]

QUIZ = [
    Question(
        "A network is made of ten linear layers, one behind the other, with nothing in between. What can it compute?",
        (
            "More than one linear layer can, because it has ten times as many weights",
            "Exactly what one linear layer can",
            "Any function, if the layers are wide enough",
        ),
        1,
        "Multiplied out, ten matrices are one matrix, and the biases add up to one bias. More weights do not help "
        "without something that bends between them.",
    ),
    Question(
        "What is Φ(0.5)?",
        (
            "The height of the bell curve at 0.5",
            "The probability that a standard normal number is exactly 0.5",
            "The probability that a standard normal number lies below 0.5",
        ),
        2,
        "Φ is the area under the bell up to 0.5, about 0.69. The height at 0.5 is φ(0.5), about 0.35. And one exact value "
        "has probability 0: a slice of no width has no area.",
    ),
    Question(
        "Why may the gradient of relu leave out the slope of the gate, while that of GELU may not?",
        (
            "relu's gate is flat, 0 or 1, apart from one point; GELU's gate rises everywhere",
            "relu has no gate",
            "Because dy is 0 where relu's gate is shut",
        ),
        0,
        "Both are x times a gate, and the product rule holds for both. The slope of relu's gate is 0 wherever it has one, "
        "so that term vanishes. dy comes from above and may be anything.",
    ),
    Question(
        "The slope of GELU at x = -1 is -0.083. What does that mean?",
        (
            "The derivation has an error: an activation function must rise",
            "Raising x a little from -1 makes the output a little smaller",
            "The output at x = -1 is positive",
        ),
        1,
        "GELU sinks from 0 to -0.17 at about x = -0.75 and rises from there. Nothing says that an activation must rise "
        "everywhere.",
    ),
    Question(
        "x is an array of float32. Which of these is float64 under NumPy 2?",
        ("x / math.sqrt(2)", "x * 0.5", "x / np.sqrt(2)"),
        2,
        "np.sqrt(2) is a NumPy number of type float64, and NumPy 2 lets its type win. Plain Python numbers, like 0.5 and "
        "what math.sqrt returns, take the type of the array.",
    ),
]
