"""Where the coefficients of the exact GELU kernel come from: python -m benchmarks.fit_gelu

GELU's gate is P(x) = (1 + erf(x / sqrt(2))) / 2 = (1 + tanh(x q(x^2))) / 2 with q(x^2) = atanh(erf(x / sqrt(2))) / x, which is
smooth and even. This fits q by a polynomial of degree 6 in x^2 on 0 < x <= 6, where P has reached 1 for float32, by least
squares with weights that are raised where the gate's error is large until all its peaks are about equal.
"""

import math

import numpy as np

DEGREE, END = 6, 6.0


def fit():
    """(coefficients from the constant up, largest error of the gate)."""
    x = np.linspace(1e-3, END, 6001)
    tail = 0.5 * np.array([math.erfc(value / math.sqrt(2)) for value in x])
    target = 0.5 * (np.log1p(-tail) - np.log(tail)) / x
    powers = np.vander(x * x / END**2, DEGREE + 1, increasing=True)
    effect = 2 * (1 - tail) * tail * x  # of a change of q on the gate
    weight, best = np.ones_like(x), (math.inf, None)
    for _ in range(300):
        scaled = effect * weight
        coefficients = np.linalg.lstsq(powers * scaled[:, None], target * scaled, rcond=None)[0]
        error = np.abs(0.5 * (1 + np.tanh(x * (powers @ coefficients))) - (1 - tail))
        best = min(best, (error.max(), tuple(coefficients)))
        weight *= np.sqrt(0.3 + error / error.max())
        weight /= weight.max()
    return np.array(best[1]) / END ** (2 * np.arange(DEGREE + 1)), best[0]


if __name__ == "__main__":
    found, error = fit()
    print(f"the gate errs by at most {error:.1e}; coefficients of 1, x^2, x^4, ...")
    print(", ".join(f"{value:.9e}" for value in found))
