"""Lesson 05, GELU: answers written from the lesson's text alone."""

RIGHT = {
    "gelu": """
def gelu(x):
    gate = 0.5 * (1 + erf(x / math.sqrt(2)))
    y = x * gate

    def backward(dy):
        bell = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        dx = dy * (gate + x * bell)
        return dx

    return y, backward
""",
}

WRONG = {
    "gelu": [
        ("scale", "x / math.sqrt(2))", "x)", "gate: x is not divided by the root of 2"),
        ("scale", "x / math.sqrt(2))", "x * math.sqrt(2))", "gate: x is multiplied by the root of 2"),
        ("scale", "x / math.sqrt(2))", "x / 2)", "gate: x is divided by 2, not by its root"),
        ("scale", "0.5 * (1 + erf", "(1 + erf", "gate: runs to 2, the half is left out"),
        ("missing term", "(1 + erf(x / math.sqrt(2)))", "erf(x / math.sqrt(2))", "gate: the 1 is left out"),
        ("sign", "1 + erf", "1 - erf", "gate: the probability to lie above x"),
        ("constant", "x / math.sqrt(2))", "x / 1.4142)", "gate: the root of 2 is rounded"),
        ("dtype", "x / math.sqrt(2))", "x / np.sqrt(2))", "gate: float32 becomes float64"),
        ("factor", "y = x * gate", "y = gate", "y: the factor x is left out"),
        ("factor", "y = x * gate", "y = x * gate * gate", "y: the gate once too often"),
        ("case", "y = x * gate", "y = np.maximum(x, 0) * gate", "y: 0 for all negative x"),
        ("case", "y = x * gate", "y = np.where(np.abs(x) > 3, np.maximum(x, 0), x * gate)", "y: relu where |x| is above 3"),
        (
            "wrong array",
            "y = x * gate",
            "y = x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))",
            "y: the other GELU, with the backward of the exact one",
        ),
        (
            "wrong array",
            "0.5 * (1 + erf(x / math.sqrt(2)))",
            "1 / (1 + np.exp(-1.702 * x))",
            "gate: the sigmoid that looks like it",
        ),
        ("mutation", "y = x * gate", "x *= gate\n    y = x", "y: written into x"),
        ("missing term", "(gate + x * bell)", "(gate)", "dx: the gate's own slope is left out"),
        ("missing term", "(gate + x * bell)", "(x * bell)", "dx: what passes through the gate is left out"),
        ("factor", "gate + x * bell", "gate + bell", "dx: x is left out before the bell"),
        ("factor", "dy * (gate + x * bell)", "gate + x * bell", "dx: the slope alone, without dy"),
        ("factor", "dy * (gate + x * bell)", "dy * gate + x * bell", "dx: dy is left out of the second term"),
        ("factor", "dy * (gate + x * bell)", "gate + dy * x * bell", "dx: dy is left out of the first term"),
        ("factor", "dy * (gate + x * bell)", "dy * (gate + x * bell * dy)", "dx: dy twice in the second term"),
        ("factor", "dy * (gate + x * bell)", "dy * x * (gate + bell)", "dx: x taken out of both terms"),
        ("order", "gate + x * bell", "(gate + x) * bell", "dx: added before it is multiplied"),
        ("sign", "gate + x * bell", "gate - x * bell", "dx: the second term is subtracted"),
        ("sign", "gate + x * bell", "gate + np.abs(x) * bell", "dx: the sign of x is lost"),
        ("sign", "dy * (gate", "-dy * (gate", "dx: its sign"),
        ("sign", "np.exp(-0.5 * x * x)", "np.exp(0.5 * x * x)", "dx: the bell grows outwards"),
        ("scale", "np.exp(-0.5 * x * x)", "np.exp(-x * x)", "dx: the half is left out of the exponent"),
        ("scale", "np.exp(-0.5 * x * x)", "np.exp(-2 * x * x)", "dx: (2x)² / 2 in the exponent"),
        ("factor", "np.exp(-0.5 * x * x)", "np.exp(-0.5 * np.abs(x))", "dx: x is not squared in the exponent"),
        ("scale", " / math.sqrt(2 * math.pi)", "", "dx: the bell is not divided by the root of 2π"),
        ("scale", "math.sqrt(2 * math.pi)", "(2 * math.pi)", "dx: divided by 2π, not by its root"),
        ("scale", "math.sqrt(2 * math.pi)", "math.sqrt(math.pi)", "dx: the root of π, not of 2π: the slope of erf alone"),
        ("scale", "math.sqrt(2 * math.pi)", "math.sqrt(2) * math.pi", "dx: the root is taken of 2, and then times π"),
        ("constant", "math.sqrt(2 * math.pi)", "2.5", "dx: the root of 2π is rounded"),
        ("dtype", "math.sqrt(2 * math.pi)", "np.sqrt(2 * np.pi)", "dx: float32 becomes float64"),
        (
            "scale",
            "np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)",
            "2 / math.sqrt(math.pi) * np.exp(-x * x)",
            "dx: the slope of erf at x, not of the gate",
        ),
        (
            "factor and sign",
            "x * bell)",
            "x * -x * bell)",
            "dx: the slope of the bell in place of the slope of the gate",
        ),
        ("wrong array", "gate + x * bell", "gate + y * bell", "dx: y in place of x before the bell"),
        ("wrong array", "gate + x * bell", "gate + x * gate", "dx: the gate in place of the bell"),
        ("wrong array", "gate + x * bell", "y + x * bell", "dx: y in place of the gate"),
        ("wrong array", "np.exp(-0.5 * x * x)", "np.exp(-0.5 * y * y)", "dx: the bell at y, not at x"),
        ("wrong array", "np.exp(-0.5 * x * x)", "np.exp(-0.5 * dy * dy)", "dx: the bell at dy, not at x"),
        (
            "case",
            "dy * (gate + x * bell)",
            "np.where(x > 0, dy * (gate + x * bell), 0)",
            "dx: nothing passes where x is negative",
        ),
        ("case", "dy * (gate + x * bell)", "np.where(y > 0, dy, 0) * (gate + x * bell)", "dx: the gradient of a relu behind it"),
        ("case", "-0.5 * x * x", "-0.5 * np.clip(x, -1, 1) ** 2", "dx: the bell stays flat beyond 1"),
        ("extra term", "gate + x * bell", "gate + x * bell - x * x * bell", "dx: a part of the second derivative is added"),
        ("extra term", "gate + x * bell", "gate + bell + x * bell", "dx: the bell once more, without x"),
        ("extreme", "gate + x * bell", "y / x + x * bell", "dx: nan at x = 0, where y / x is 0 / 0"),
        ("axis", "dy * (gate", "dy.sum(axis=-1, keepdims=True) * (gate", "dx: dy is summed along the last axis"),
        ("scale", "dy * (gate", "dy / len(dy) * (gate", "dx: a mean over the batch"),
        ("mutation", "dx = dy * (gate + x * bell)", "dy *= gate + x * bell\n        dx = dy", "dx: written into dy"),
        (
            "alias",
            "dx = dy * (gate + x * bell)",
            "np.add(gate, x * bell, out=gate)\n        dx = dy * gate",
            "dx: the kept gate becomes the slope, and a second call adds again",
        ),
        ("sign and scale", "gate + x * bell", "gate - x * bell / 2", "dx: the second term is subtracted and halved"),
        ("missing term and factor", "dy * (gate + x * bell)", "dy * dy * gate", "dx: no second term, and dy twice"),
    ],
}

UNUSUAL = {
    "gelu": [
        """
def gelu(x):
    gate = 1 - 0.5 * (1 - erf(x * math.sqrt(0.5)))
    slope = gate + x * np.exp(-(x**2) / 2) * (1 / math.sqrt(2 * math.pi))
    return gate * x, slope.__mul__
""",
        """
def gelu(x):
    flat = np.array([float(number) * (1 + math.erf(float(number) / math.sqrt(2))) / 2 for number in x.ravel()])

    def slope(number):
        gate = (1 + math.erf(number / math.sqrt(2))) / 2
        return gate + number * math.exp(-number * number / 2) / math.sqrt(2 * math.pi)

    def backward(dy):
        slopes = np.array([slope(float(number)) for number in x.ravel()])
        return (dy * slopes.reshape(x.shape)).astype(x.dtype)

    return flat.reshape(x.shape).astype(x.dtype), backward
""",
        """
def gelu(x):
    doubled = erf(x * 2**-0.5)
    doubled += 1
    y = np.multiply(x, doubled)
    y *= 0.5

    def backward(dy):
        dx = x * x
        dx *= -0.5
        np.exp(dx, out=dx)
        dx *= x
        dx *= math.sqrt(2 / math.pi)
        dx += doubled
        dx *= dy
        dx *= 0.5
        return dx

    return y, backward
""",
        """
def gelu(x):
    def cdf(u):
        return (1 + erf(u / math.sqrt(2))) / 2

    def backward(dy, x=x):
        through = cdf(x) * dy
        moving = x * math.exp(-0.5 * math.log(2 * math.pi)) * np.exp(-np.square(x) / 2) * dy
        return (through + moving,)[0]

    return x - x * cdf(-x), backward
""",
    ],
}
