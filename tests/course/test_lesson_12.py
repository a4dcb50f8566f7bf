"""The checks of lesson 12 tell every kind of wrong answer from every other, and pass the right one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from messages import says

from refquant.course.lesson_12 import checks
from refquant.course.lesson_12.checks import MISTAKES, PROBLEMS, STEP, by_hand, rounding, worse
from refquant.methods import gptq

WORSE = [0.5, -0.3, 0.1], [[1.0, -0.3, 0.4], [-0.3, 1.0, 0.3], [0.4, 0.3, 1.0]]


@pytest.mark.parametrize(("codes", "said"), [
    (None, "Not answered yet: set my_codes"), ([[0], [1], [0]], "Right: the first aims at 0.4 and becomes 0"),
    ([0, 0, 0], "those are the nearest codes"), ([1, 0, 0], "0.4 is nearer to 0 than to 1"),
    ([0, 1, 1], "after the codes 0 and 1 only 0.2 are missing"), ([0, 0, 1], "the second aims at 0.4 + 0.4 / 2"),
    ([0.4, 0.6, 0.2], "what the weights aim at"),
    ([1, 1, 1], "each weight aims at its value plus its share"), ([0, 1], "give three codes; you give 2"),
])
def test_by_hand(codes: Any, said: str) -> None:
    assert says(by_hand(codes), said)


def test_the_three_equal_inputs_are_gptqs() -> None:
    h = np.ones((3, 3)) + 1e-6 * np.eye(3)
    assert gptq(np.full((3, 1), 0.4), h, STEP, damp=0).ravel().tolist() == [0, 1, 0]


@pytest.mark.parametrize(("yours", "said"), [
    (lambda w, h: gptq(w, h, STEP, damp=0), "Right: each row gives back"),
    (lambda w, h: checks._rounded(w, h), "Right"),
    (lambda *_: None, "Not answered yet: your function returns None"),
    (lambda *_: 1 / 0, "your function raised ZeroDivisionError"),
    (lambda w, _: w[0], "give one code for each weight, of shape (12, 8); yours has shape (8,)"),
    (lambda w, _: np.zeros(w.shape), "codes are wrong. Row j aims at"),
    *[(lambda w, h, changed=changed: checks._rounded(w, h, **changed), name) for name, changed in MISTAKES.items()],
])
def test_rounding(yours: Callable[..., Any], said: str) -> None:
    assert says(rounding(yours), said)


def test_every_mistake_changes_some_code() -> None:
    w, h = PROBLEMS[0]
    assert all((checks._rounded(w, h, **changed) != gptq(w, h, STEP, damp=0)).any() for changed in MISTAKES.values())


@pytest.mark.parametrize(("w", "h", "said"), [
    (None, None, "Not answered yet: set both my_w and my_h"), (*WORSE, "Right: nearest 0.462, GPTQ 0.602"),
    (*checks.SHOWN, "those are the numbers of section 5"),
    ([0.4, 0.4, 0.4], np.eye(3), "GPTQ is not worse here"), ([0.4, 0.4], np.eye(2), "give three finite weights"),
    ([0.4, 0.4, np.nan], np.eye(3), "give three finite weights"), ([9.0, 0, 0], np.eye(3), "beyond the grid"),
    ([0.4, 0.4, 0.4], np.ones((3, 3)), "with all eigenvalues above 0"),
    ([0.4, 0.4, 0.4], [[1, 0.5, 0], [0, 1, 0], [0, 0, 1]], "my_h must be symmetric"),
])
def test_worse(w: Any, h: Any, said: str) -> None:
    assert says(worse(w, h), said)
