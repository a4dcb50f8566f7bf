"""The checks of lesson 03 tell every kind of wrong answer from every other, and pass the right one."""

import math
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import INT4, IntGrid, entropy, fake_quantize, lp_optimal, minmax, mse, percentile, symmetric_params
from refquant.course.lesson_03 import checks
from refquant.course.lesson_03.checks import rule, triangular, two_errors

X, CLIP, GRID = [0.2, -0.6, 1.1, -2.5, 1.9], 1.5, IntGrid(3, narrow=True)


@pytest.mark.parametrize(("granular", "overload", "said"), [
    (None, None, "Not answered yet: set both"),
    (0.012, None, "Not answered yet: set both"),
    (0.012, 0.232, "Right: 0.012 and 0.232, together the mean square error 0.244"),
    (np.float32(0.012), 0.232, "Right"),
    (0.232, 0.012, "you swapped them"),
    (0.06, 0.232, "the granular part is a sum"),
    (0.02, 0.232, "the granular part is divided by the values inside alone. Divide both parts by all 5"),
    (math.sqrt(0.012), 0.232, "the granular part is a root mean square"),
    (0.08, 0.232, "the granular part is a mean of absolute errors"),
    (0.25 / 12, 0.232, "the granular part is the model step**2 / 12"),
    (0.244, 0.232, "the granular part is the whole error"),
    (0.0207755, 0.232, "rounded with 7 steps from end to end. The codes -3 to 3 have 6"),
    (0.01075, 0.232, "rounded with 8 steps from end to end. The codes -3 to 3 have 6"),
    (0.5, 0.232, "part is the sum of (x - x_hat)**2 over the values inside the range, divided by 5"),
    (0.012, 1.16, "the overload part is a sum"),
    (0.012, 0.58, "the overload part is divided by the values outside alone. Divide both parts by all 5"),
    (0.012, math.sqrt(0.232), "the overload part is a root mean square"),
    (0.012, 0.28, "the overload part is a mean of absolute errors"),
    (0.012, 1.972, "the overload part is taken from 0"),
    (0.012, 0.002, "what would be left without saturation (R6)"),
    (0.012, 0.244, "the overload part is the whole error"),
    (0.012, 0.5, "part is the sum of (x - x_hat)**2 over the values outside the range, divided by 5"),
])
def test_two_errors(granular: float | None, overload: float | None, said: str) -> None:
    message = two_errors(X, CLIP, GRID, granular, overload)
    assert says(message, said)


def test_every_mistake_of_the_parts_is_reached_and_none_is_right() -> None:
    right = checks.parts(np.array(X), CLIP, GRID)
    tables = checks.mistaken_parts(np.array(X), CLIP, GRID)
    for i, table in enumerate(tables):
        assert len({round(value, 9) for value in (right[i], *table.values())}) == len(table) + 1
        for why, value in table.items():
            assert why in two_errors(X, CLIP, GRID, *(value if j == i else right[j] for j in (0, 1)))


def test_the_parts_add_up() -> None:
    x = np.random.default_rng(0).normal(size=1000)
    for clip in (0.3, 2.0, 9.0):
        x_hat = fake_quantize(x, symmetric_params(-clip, clip, GRID))
        assert math.isclose(sum(checks.parts(x, clip, GRID)), mse(x, x_hat), rel_tol=1e-12)


# ---------------------------------------------------------------------------------------------- a rule of one's own

def fences(x: Any, axis: Any = None, width: float = 1.5) -> Any:
    q1, q3 = (np.percentile(x, p, axis=axis, keepdims=axis is not None) for p in (25, 75))
    lo, hi = minmax(x, axis)
    return np.maximum(lo, q1 - width * (q3 - q1)), np.minimum(hi, q3 + width * (q3 - q1))


def uncut(x: Any, axis: Any = None) -> Any:
    q1, q3 = (np.percentile(x, p, axis=axis, keepdims=axis is not None) for p in (25, 75))
    return q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)


def three_sigma(x: Any, axis: Any = None) -> Any:
    mean, sigma = (f(x, axis=axis, keepdims=axis is not None) for f in (np.mean, np.std))
    lo, hi = minmax(x, axis)
    return np.maximum(lo, mean - 3 * sigma), np.minimum(hi, mean + 3 * sigma)


def overwrites(x: Any, axis: Any = None) -> Any:
    x.sort(axis=-1)
    return fences(x, axis)


def everywhere(x: Any, axis: Any = None) -> Any:
    lo, hi = fences(x)
    return (lo, hi) if axis is None else (np.full((3, 1), lo), np.full((3, 1), hi))


WRONG_RULES: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda x, axis=None: None, "Not answered yet: your function returns None"),  # noqa: ARG005
    "raises": (lambda x, axis=None: 1 / 0, "your function raised ZeroDivisionError: division by zero"),  # noqa: ARG005
    "no axis": (lambda x: minmax(x), "your function raised TypeError"),
    "writes": (overwrites, "wrote to what it was passed"),
    "one thing": (lambda x, axis=None: minmax(x, axis)[1], "two things, lo and hi"),
    "kept": (lambda x, axis=None: minmax(x, axis if axis is not None else (0, 1)),
             "your lo has shape (1, 1): pass keepdims=axis is not None."),
    "dropped": (lambda x, axis=None: (x.min(axis=axis), x.max(axis=axis)), "you drop the reduced axis"),
    "half kept": (lambda x, axis=None: (fences(x, axis)[0], x.max(axis=axis)), "For axis=-1 hi has shape (3,)"),
    "ignored": (lambda x, axis=None: fences(x), "you ignore axis"),  # noqa: ARG005
    "wrong axis": (lambda x, axis=None: minmax(x, None if axis is None else 0), "you reduce over the wrong axis"),
    "odd shape": (lambda x, axis=None: (np.zeros((7,) if axis else ()),) * 2, "the shape is (3, 1); your lo has (7,)"),  # noqa: ARG005
    "not finite": (lambda x, axis=None: (np.nan * fences(x, axis)[0], fences(x, axis)[1]), "not finite"),
    "swapped": (lambda x, axis=None: fences(x, axis)[::-1], "lo is above hi"),
    "one for all": (everywhere, "all rows have the same range"),
    "wider": (uncut, "on the ReLU row [-5.3, 8.84] is wider than the data"),
    "min-max": (minmax, "normal row, less than 15. Broken values still decide"),
    "sigma": (three_sigma, "normal row, less than 15. Broken values still decide"),
    "99.9": (partial(percentile, percent=99.9), "Broken values still decide"),
    "98.5": (partial(percentile, percent=98.5), "ReLU row, less than 15. Broken values still decide"),
    "least MSE": (partial(lp_optimal, grid=INT4, p=2), "Broken values still decide"),
    "too narrow": (partial(percentile, percent=80.0), "of them. Let it out"),
}


@pytest.mark.parametrize("name", WRONG_RULES)
def test_wrong_rule(name: str) -> None:
    yours, said = WRONG_RULES[name]
    message = rule(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [fences, partial(fences, width=2.5), partial(percentile, percent=97.5),
                                   lambda x, axis=None: list(fences(x, axis)), partial(entropy, grid=INT4),
                                   lambda x, axis=None: np.percentile(x, [2, 98], axis, keepdims=axis is not None)])
def test_right_rule(yours: Callable[..., Any]) -> None:
    assert rule(yours).startswith("Right: normal 1")


# ---------------------------------------------------------------------------------------------- a closed form

def solved(f: Callable[[float, float], float], bits: int) -> float:
    return checks._where(partial(f, 4.0**bits))


def searched(bits: int, step: float = 1e-5, overload: Callable[[Any], Any] = lambda a: (1 - a) ** 4 / 6) -> float:
    a = np.arange(step, 1, step)
    return float(a[np.argmin(overload(a) + a**2 / (3 * 4**bits))])


WRONG_WIDTHS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda _: None, "Not answered yet: your function returns None"),
    "raises": (lambda bits: 1 / (bits - 3), "your function raised ZeroDivisionError: division by zero"),
    "an array": (lambda _: np.zeros(3), "one number for each number of bits; yours is ndarray"),
    "a coarse search": (partial(searched, step=3e-3), "search finer"),
    "outside": (lambda bits: bits / 2, "between 0 and 1"),
    "negative": (lambda bits: -1 / bits, "between 0 and 1"),
    "constant": (lambda _: 0.9, "a depends on the bits"),
    "inwards": (lambda bits: 1 / bits, "with more bits the minimum moves out"),
    "no density": (lambda bits: searched(bits, overload=lambda a: 2 * (1 - a) ** 3 / 3), "lacks the density"),
    "another": (lambda bits: 1 - 4 ** (-bits / 3), "0.6031, not 0.6553. The slopes there do not cancel: granular 0.02"),
    **{why: (partial(solved, f), why) for why, f in checks.MISTAKEN_WIDTHS.items()},
}


@pytest.mark.parametrize("name", WRONG_WIDTHS)
def test_wrong_width(name: str) -> None:
    yours, said = WRONG_WIDTHS[name]
    message = triangular(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [checks.triangular_width, searched, lambda bits: np.float64(searched(bits))])
def test_right_width(yours: Callable[..., Any]) -> None:
    assert triangular(yours).startswith("Right: (1 - a)**3 = a / 4**bits, so a is 0.655, 0.771, 0.851 ...")


def test_the_model_is_that_of_the_density() -> None:
    x = np.linspace(-1, 1, 200_001)
    density = 1 - np.abs(x)
    for a in (0.5, 0.8):
        tail = np.where(np.abs(x) > a, (np.abs(x) - a) ** 2, 0)
        assert math.isclose(np.sum(density * tail) / np.sum(density), (1 - a) ** 4 / 6, rel_tol=1e-4)


def test_no_two_mistakes_lead_to_one_width() -> None:
    widths = [np.array([solved(f, bits) for bits in range(2, 9)]) for f in checks.MISTAKEN_WIDTHS.values()]
    widths.append(np.array([checks.triangular_width(bits) for bits in range(2, 9)]))
    assert all(np.abs(a - b).max() > 5e-3 for a, b in combinations(widths, 2))
