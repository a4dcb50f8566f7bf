"""The checks of lesson 02 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant import INT4, UINT4, IntGrid
from refquant.course.lesson_02 import checks
from refquant.course.lesson_02.checks import adversary, folded, symmetric


@pytest.mark.parametrize(("grid", "scale", "zero_point", "said"), [
    (INT4, None, None, "Not answered yet: set both"),
    (INT4, 0.2, None, "Not answered yet: set both"),
    (INT4, 0.2, 0, "Right: scale 0.2 and zero_point 0; 7 steps"),
    (UINT4, np.float32(0.2), np.uint8(8), "Right: scale 0.2 and zero_point 8; 7 steps"),
    (INT4, 1.4 / 8, 0, "8 steps below the zero point and only 7 above"),
    (UINT4, 1.4 / 8, 8, "8 steps below the zero point and only 7 above"),
    (INT4, 1.4 / 7.5, 0, "half of all steps is no whole number"),
    (INT4, 1.4 / 15, 0, "twice as wide as a"),
    (INT4, 2.1 / 15, 0, "that is the affine scale"),
    (INT4, 2.1 / 14, 0, "widened to [-a, a] first"),
    (INT4, 0.7 / 7, 0, "the shorter side of the range"),
    (INT4, 7 / 1.4, 0, "turn it upside down"),
    (INT4, 0.3, 0, "divided by the number of steps on that side"),
    (INT4, 0.2, -4, "the zero point is 0 on a signed grid"),
    (UINT4, 0.2, 7.5, "it is an integer"),
    (UINT4, 0.2, 0, "no code for negative reals"),
    (UINT4, 0.2, 7, "R10 takes the upper one; you took 7"),
    (UINT4, 0.2, 10, "in the middle, (qmin + qmax + 1) // 2"),
])
def test_symmetric(grid: IntGrid, scale: float | None, zero_point: float | None, said: str) -> None:
    message = symmetric(-1.4, 0.7, grid, scale, zero_point)
    assert says(message, said)
    assert symmetric(-0.7, 1.4, grid, scale, zero_point) == message


def right(bias: Any, q_w: Any, z_x: int) -> Any:
    return bias - z_x * q_w.sum(axis=0, dtype=np.int64)


def overwrites(bias: Any, q_w: Any, z_x: int) -> Any:
    bias -= right(0, q_w, z_x).astype(np.int32)
    return bias


WRONG_FOLDS: dict[str, tuple[Callable[..., Any], str]] = {
    "nothing": (lambda *_: None, "Not answered yet: your function returns None"),
    "raises": (lambda *_: 1 / 0, "your function raised ZeroDivisionError: division by zero"),
    "too narrow": (lambda b, w, z: b - (z * w).sum(axis=0), "int8 is too narrow for what you compute"),
    "writes": (overwrites, "your function wrote to what it was passed"),
    "rows, beside the bias": (lambda b, w, z: b - z * w.sum(axis=1), "Sum q_w over its rows (axis 0)"),
    "rows": (lambda _, w, z: z * w.sum(axis=1), "you sum over the columns of q_w"),
    "scalar": (lambda _, w, z: z * w.sum(), "one number per column of q_w, shape (2,); yours has shape ()"),
    "kept dims": (lambda b, w, z: b - z * w.sum(axis=0, keepdims=True), "yours has shape (1, 2)"),
    "unchanged": (lambda b, *_: b.copy(), "you return the bias as it came"),
    "sign": (lambda b, w, z: b + z * w.sum(axis=0), "you add the correction; subtract it"),
    "no bias": (lambda _, w, z: -z * w.sum(axis=0), "you leave the bias out"),
    "no zero point": (lambda b, w, _: b - w.sum(axis=0), "you leave z_x out"),
    "constant": (lambda b, w, z: b - z * len(w), "you subtract the constant K * z_x"),
    "means": (lambda b, w, z: b - z * w.mean(axis=0), "you take means; take sums"),
    "sums wrap": (lambda b, w, z: b - z * w.sum(axis=0, dtype=np.int8).astype(int), "your sums wrap round in int8"),
    "products wrap": (lambda b, w, z: b - (np.array(z).astype(np.int8) * w).sum(axis=0),
                      "your products wrap round in int8"),
    "int16": (lambda b, w, z: b - (z * w.sum(axis=0)).astype(np.int16).astype(int), "your sums wrap round in int16"),
    "another": (lambda b, w, z: right(b, w, z) + 1, "expand (q_x - z_x) @ q_w; the terms without q_x"),
    "floats": (lambda b, w, z: right(b, w, z) * 1.0, "accumulators are integers, and yours float64"),
}


@pytest.mark.parametrize("name", WRONG_FOLDS)
def test_wrong_fold(name: str) -> None:
    yours, said = WRONG_FOLDS[name]
    message = folded(yours)
    assert says(message, said)


@pytest.mark.parametrize("yours", [right, lambda b, w, z: b - z * w.astype(int).sum(0), lambda *a: right(*a).tolist()])
def test_right_fold(yours: Callable[..., Any]) -> None:
    assert folded(yours).startswith("Right: ")


def test_every_mistake_in_the_table_is_named_by_a_wrong_answer() -> None:
    said = [folded(yours) for yours, _ in WRONG_FOLDS.values()]
    table = checks.mistakes(*checks.PROBES[0])
    assert {why for why in table if not any(why in message for message in said)} == set()


def test_the_right_fold_is_none_of_the_mistakes() -> None:
    probe = checks.PROBES[-1]
    wrong = [why for why, bias in checks.mistakes(*probe).items() if np.array_equal(bias, right(*probe))]
    assert wrong == []


@pytest.mark.parametrize(("x", "said"), [
    (None, "Not answered yet: set x"),
    (np.arange(-7, 8) / 8, "Right: symmetric inf dB"),
    ((np.arange(-7, 8) / 8).tolist(), "Right"),
    (np.r_[np.full(100, -1.0), np.linspace(-0.9, 0.9, 8), np.full(100, 1.0)], "Right: symmetric 40.53 dB"),
    (np.arange(8), "Right: symmetric inf dB"),
    ([1.0, np.nan], "must be finite"),
    (np.r_[np.zeros(9), 1:7], "at least 8 different values; you give 7"),
    (np.linspace(0, 1, 16), "on one side of 0"),
    (-np.linspace(0, 1, 16), "on one side of 0"),
    (np.linspace(-1, 3, 50), "Your ends -1 and 3 are not equally far"),
    (np.arange(-8, 8), "Your ends -8 and 7 are not equally far"),
    (np.arange(-7.5, 8) * 2, "Where do the symmetric codes stand?"),
    (np.linspace(-1, 1, 1000), "Where do the symmetric codes stand?"),
])
def test_adversary(x: Any, said: str) -> None:
    message = adversary(x)
    assert says(message, said)


@pytest.mark.parametrize(("x", "where"), [
    (np.arange(-7, 8) / 8 * 0.3, "All"),
    (np.r_[np.full(100, -1.0), np.linspace(-0.9, 0.9, 8), np.full(100, 1.0)], "Not all"),
])
def test_adversary_says_where_the_values_stand(x: Any, where: str) -> None:
    assert f" {where} values stand on the symmetric ticks." in adversary(x)
