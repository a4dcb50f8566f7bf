"""Checks for lesson 12, which rounding is best: each says Right, Not yet or Not answered yet, and why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...affine import AffineParams, dequantize, quantize
from ...grids import INT4
from ...methods import gptq
from ..answers import ask, mistake, unfit

Array: TypeAlias = NDArray[Any]

#: The w and h of section 5.
SHOWN = [-0.5, 0.3, -0.1], [[1.0, -0.3, 0.4], [-0.3, 1.0, 0.3], [0.4, 0.3, 1.0]]
STEP = AffineParams(scale=1.0, zero_point=0, grid=INT4)


def by_hand(codes: Any) -> str:
    """Exercise 1: the codes that GPTQ gives to three weights of 0.4 whose inputs are always equal; the step is 1.

    >>> by_hand([1, 0, 0])
    'Not yet: 0.4 is nearer to 0 than to 1, and before the first weight nothing was lost.'
    """
    if message := unfit({"my_codes": codes}):
        return message
    given, right = np.asarray(codes, np.float64).ravel(), np.array([0.0, 1.0, 0.0])
    if given.shape != right.shape:
        return f"Not yet: give three codes; you give {given.size}."
    if np.array_equal(given, right):
        return ("Right: the first aims at 0.4 and becomes 0. The second aims at 0.4 + 0.4 / 2 = 0.6 and becomes 1. The "
                "last aims at 0.2 and becomes 0.")
    why = mistake({
        "those are the nearest codes, and the output falls from 1.2 to 0. The second weight must give back what the "
        "first lost": [0, 0, 0],
        "0.4 is nearer to 0 than to 1, and before the first weight nothing was lost": [1, 0, 0],
        "after the codes 0 and 1 only 0.2 are missing, and 0.2 is nearer to 0 than to 1": [0, 1, 1],
        "those are what the weights aim at; round each to a code": [0.4, 0.6, 0.2],
        "the first code lost 0.4, and two weights are left: the second aims at 0.4 + 0.4 / 2": [0, 0, 1],
    }, partial(np.allclose, given), "each weight aims at its value plus its share of what the codes before it lost")
    return f"Not yet: {why}."


def rounding(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(w, h) gives GPTQ's codes on INT4 with step 1, without damping, w of shape (n, n_out).

    >>> rounding(lambda w, h: np.rint(w))
    'Not yet: those are the nearest codes; no row gives back what the rows before it lost. (If r is lower \
triangular, r[:j, j] is 0.) Make r upper triangular, and subtract.'
    """
    for w, h in PROBLEMS:
        answer, message = ask(yours, w.copy(), h.copy(), arrays=1)
        if message:
            return message
        given, right = np.asarray(answer), gptq(w, h, STEP, damp=0)
        if given.shape != right.shape:
            return f"Not yet: give one code for each weight, of shape {right.shape}; yours has shape {given.shape}."
        if not np.array_equal(given, right):
            why = mistake({name: _rounded(w, h, **changed) for name, changed in MISTAKES.items()},
                          partial(np.array_equal, given), f"{np.sum(given != right)} of {right.size} codes are wrong. "
                          "Row j aims at w[j] - (r[:j, j] / r[j, j]) @ d[:j]")
            return f"Not yet: {why}."
    return "Right: each row gives back what the rows before it lost."


def _rounded(w: Array, h: Array, sign: int = -1, lower: bool = False, scaled: bool = True, plain: bool = False,
             moved: bool = True) -> Array:
    """GPTQ, with a mistake if one is asked for."""
    factor = np.linalg.cholesky(h) if lower else np.linalg.cholesky(h[::-1, ::-1])[::-1, ::-1]
    r, d, q = factor.T if lower else factor, np.zeros(w.shape), np.zeros(w.shape)
    for j in range(len(w)):
        share = np.zeros(j) if plain else r[:j, j] / (r[j, j] if scaled else 1)
        q[j] = quantize(w[j] + sign * share @ d[:j], STEP)
        d[j] = dequantize(q[j].astype(np.int8), STEP) - (w[j] if moved else 0)
    return q


MISTAKES: dict[str, dict[str, Any]] = {
    "those are the nearest codes; no row gives back what the rows before it lost. (If r is lower triangular, r[:j, j] "
    "is 0.) Make r upper triangular, and subtract": {"plain": True},
    "the sign is wrong: subtract what the rows before have added": {"sign": 1},
    "that is the factor of the other order: r is upper triangular with r @ r.T = h, so factor h from its last row on":
        {"lower": True},
    "divide by r[j, j]: row j's share of what is left is r[i, j] / r[j, j]": {"scaled": False},
    "d is how far a weight was moved, w_hat - w, not w_hat": {"moved": False},
}


def worse(w: Any, h: Any) -> str:
    """Exercise 3: three weights and an h for which the nearest codes have less error than GPTQ's; step 1, no damping.

    >>> worse([0.4, 0.4, 0.4], np.ones((3, 3)) + np.eye(3))
    'Not yet: nearest 1.92, GPTQ 0.72. GPTQ is not worse here. Take a first weight near 0.5: both codes are close.'
    """
    if message := unfit({"my_w": w, "my_h": h}):
        return message
    v, given = np.asarray(w, np.float64).reshape(-1, 1), np.asarray(h, np.float64)
    if v.shape != (3, 1) or given.shape != (3, 3) or not (np.isfinite(v).all() and np.isfinite(given).all()):
        return "Not yet: give three finite weights, and an h of shape (3, 3)."
    if not np.array_equal(given, given.T) or np.linalg.eigvalsh(given)[0] <= 1e-9:
        return "Not yet: my_h must be symmetric with all eigenvalues above 0. Take x.T @ x of a random x of four rows."
    if np.array_equal(v.ravel(), SHOWN[0]) and np.array_equal(given, SHOWN[1]):
        return "Not yet: those are the numbers of section 5. Find others."
    if np.abs(v).max() > 7:
        return "Not yet: a weight lies beyond the grid; stay within -7 and 7."
    errors = [float(np.sum((q - v) * (given @ (q - v)))) for q in (quantize(v, STEP), gptq(v, given, STEP, damp=0))]
    found = f"nearest {errors[0]:.3g}, GPTQ {errors[1]:.3g}"
    if errors[1] <= errors[0] * (1 + 1e-9):
        return f"Not yet: {found}. GPTQ is not worse here. Take a first weight near 0.5: both codes are close."
    return f"Right: {found}. GPTQ decides row by row and does not look ahead."


def _problems() -> list[tuple[Array, Array]]:
    """Weights and h, of inputs that share a part."""
    rng, made = np.random.default_rng(12), []
    for n, outputs in ((12, 8), (5, 3), (2, 1)):
        x = rng.normal(size=(50, n)) + rng.normal(size=(50, 1))
        made.append((rng.uniform(-4, 4, (n, outputs)), x.T @ x))
    return made


PROBLEMS = _problems()
