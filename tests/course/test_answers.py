"""An answer that is no number at all, or has another shape, gets a message of its own, never an error."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from refquant import INT4, UINT4, IntGrid

one, two, three, four, five, six, seven = (import_module(f"refquant.course.lesson_0{n}.checks") for n in range(1, 8))
ODD = ["a", 1j, {}, [[1], [1, 2]], [None, 1], np.zeros((2, 3)), object()]
X, KEYS, GRID = [0.2, 0.5, 0.7, 0.9], np.random.default_rng(0).standard_normal((64, 8)), IntGrid(3)
CHECKS: list[Any] = [
    lambda odd: one.parameters(-0.6, 2.4, odd, 3), lambda odd: one.parameters(-0.6, 2.4, 0.2, odd),
    lambda odd: one.quantizer(lambda *_: odd), lambda odd: one.disagreement(odd, 1.0),
    lambda odd: one.disagreement(np.arange(8) + 0.5, odd), lambda odd: one.survivor(len, odd),
    lambda odd: one.survivor(len, X, odd), lambda odd: one.survivor(len, X, 1.0, odd), two.adversary,
    lambda odd: two.symmetric(-1.4, 0.7, INT4, odd, 0), lambda odd: two.symmetric(-1.4, 0.7, INT4, 0.2, odd),
    lambda odd: two.folded(lambda *_: odd), lambda odd: three.two_errors(X, 0.6, GRID, odd, 0.1),
    lambda odd: three.two_errors(X, 0.6, GRID, 0.1, odd), lambda odd: three.rule(lambda *_, **__: odd), three.rule,
    lambda odd: three.rule(lambda *_, **__: (odd, odd)), lambda odd: three.triangular(lambda _: odd),
    lambda odd: four.axis("a", odd), lambda _: four.axis("e", 0), lambda odd: four.payload(lambda *_: odd),
    lambda odd: four.cheapest(KEYS, 9, odd, 0, 8), lambda odd: four.cheapest(KEYS, 9, 4, odd, 8),
    lambda odd: four.cheapest(KEYS, 9, 4, 0, odd), lambda odd: five.codes([X], X, UINT4, odd, X, X),
    lambda odd: five.codes([X], X, UINT4, X, X, odd), lambda odd: five.second_row(X, UINT4, odd, X, False),
    lambda odd: five.second_row(X, UINT4, [0, 0, 0, 0.97], [0, 0, 0, 1.5], odd), lambda odd: six.layer(lambda *_: odd),
    lambda odd: six.size((4, 3), 4, odd, 9), lambda odd: six.size((4, 3), 4, 60, odd),
    lambda odd: seven.slopes(odd, X, X),
    lambda odd: seven.learned(lambda *_: odd), lambda odd: seven.learned(lambda *_: (odd, odd)),
    lambda odd: seven.hovering(odd, 0.4, 0.05), lambda odd: seven.hovering(0.04, 0.4, odd)]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_answer_is_told_so(odd: Any) -> None:
    assert [said for said in (check(odd) for check in CHECKS) if not said.startswith("Not yet: ")] == []
