"""The checks of lessons 08 to 13: what is no answer at all gets a message, and a second right way is right."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from test_answers import ODD

eight, nine, ten, eleven, twelve, thirteen = (
    import_module(f"refquant.course.lesson_{n:02}.checks") for n in range(8, 14))

FAULTS = {"A": "no control", "B": "unpaired", "C": "not corrected", "D": "margin afterwards",
          "E": "absence of evidence", "F": "none", "G": "two things differ"}
FUNCTIONS: list[Callable[[Any], str]] = [eight.product, eight.width, eight.one_rounding, ten.paired, ten.decided,
                                         eleven.rounding, twelve.rounding, thirteen.smoothing]
VALUES: list[Callable[[Any], str]] = [
    nine.differing, lambda odd: nine.differing(dict.fromkeys(nine.PAIRS, odd)), nine.boxes,
    lambda odd: nine.boxes(dict.fromkeys("ABC", odd)), nine.probes, lambda odd: nine.probes([odd] * 3),
    lambda odd: ten.faults(odd, None), lambda odd: ten.faults({**FAULTS, "B": odd}, None),
    lambda odd: ten.faults(FAULTS, odd), eleven.values, lambda odd: eleven.adversaries(odd, odd),
    lambda odd: eleven.adversaries(np.linspace(-1, 1, 99), odd), twelve.by_hand,
    lambda odd: twelve.worse(odd, np.eye(3)), lambda odd: twelve.worse([0.4, 0.4, 0.4], odd), thirteen.megabytes,
    lambda odd: thirteen.megabytes([531, odd]), thirteen.worse_rotated]


@pytest.mark.parametrize("odd", [None, ..., True, np.zeros(0), *ODD], ids=repr)
def test_what_is_no_answer_is_told_so(odd: Any) -> None:
    said = [check(lambda *_: odd) for check in FUNCTIONS] + [check(odd) for check in VALUES]
    assert [one for one in said if not one.startswith(("Not yet: ", "Not answered yet: "))] == []


def by_the_inverse(w: Any, h: Any) -> Any:
    """GPTQ as its authors write it: the rows to come are changed, by a factor of the inverse of h."""
    u, w, q = np.linalg.cholesky(np.linalg.inv(h)).T, w.copy(), np.zeros(w.shape)
    for j in range(len(w)):
        q[j] = np.clip(np.rint(w[j]), -8, 7)
        w[j + 1:] -= np.outer(u[j, j + 1:] / u[j, j], w[j] - q[j])
    return q.astype(np.int8)


def test_a_second_right_way_is_right() -> None:
    assert twelve.rounding(by_the_inverse).startswith("Right: ")
