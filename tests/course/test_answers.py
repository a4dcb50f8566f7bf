"""An answer that is no number at all, or has another shape, gets a message of its own, never an error."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from refquant import INT4, UINT4, IntGrid
from refquant.course.answers import ask, unfit
from refquant.course.lesson_01 import checks as one
from refquant.course.lesson_02 import checks as two
from refquant.course.lesson_03 import checks as three
from refquant.course.lesson_04 import checks as four
from refquant.course.lesson_05 import checks as five
from refquant.course.lesson_06 import checks as six
from refquant.course.lesson_07 import checks as seven

ODD = ["a", 1j, {}, [[1], [1, 2]], [None, 1], np.zeros((2, 3)), object()]
SAMPLE, KEYS = [0.2, 0.5, 0.7, 0.9], np.random.default_rng(0).standard_normal((64, 8))

CHECKS: list[Callable[[Any], str]] = [
    lambda odd: one.parameters(-0.6, 2.4, odd, 3), lambda odd: one.parameters(-0.6, 2.4, 0.2, odd),
    lambda odd: one.quantizer(lambda *_: odd), lambda odd: one.disagreement(odd, 1.0),
    lambda odd: one.disagreement(np.arange(8) + 0.5, odd), lambda odd: one.survivor(len, odd),
    lambda odd: one.survivor(len, [0.5], odd), lambda odd: one.survivor(len, [0.5], 1.0, odd),
    lambda odd: two.symmetric(-1.4, 0.7, INT4, odd, 0), lambda odd: two.symmetric(-1.4, 0.7, INT4, 0.2, odd),
    lambda odd: two.folded(lambda *_: odd), two.adversary,
    lambda odd: three.two_errors(SAMPLE, 0.6, IntGrid(3), odd, 0.1),
    lambda odd: three.two_errors(SAMPLE, 0.6, IntGrid(3), 0.1, odd),
    lambda odd: three.rule(lambda *_, **__: odd), lambda odd: three.rule(lambda *_, **__: (odd, odd)),
    lambda odd: three.rule(odd), lambda odd: three.triangular(lambda _: odd),
    lambda odd: four.axis("a", odd), lambda _: four.axis("e", 0), lambda odd: four.payload(lambda *_: odd),
    lambda odd: four.cheapest(KEYS, 9, odd, 0, 8), lambda odd: four.cheapest(KEYS, 9, 4, odd, 8),
    lambda odd: four.cheapest(KEYS, 9, 4, 0, odd),
    lambda odd: five.codes([SAMPLE], SAMPLE, UINT4, odd, SAMPLE, SAMPLE),
    lambda odd: five.codes([SAMPLE], SAMPLE, UINT4, SAMPLE, SAMPLE, odd),
    lambda odd: five.second_row(SAMPLE, UINT4, odd, SAMPLE, False),
    lambda odd: five.second_row(SAMPLE, UINT4, [0, 0, 0, 0.97], [0, 0, 0, 1.5], odd),
    lambda odd: six.size((64, 16, 10), 4, odd, 714), lambda odd: six.size((64, 16, 10), 4, 4840, odd),
    lambda odd: six.layer(lambda *_: odd), lambda odd: seven.slopes(odd, SAMPLE, SAMPLE),
    lambda odd: seven.learned(lambda *_: odd), lambda odd: seven.learned(lambda *_: (odd, odd)),
    lambda odd: seven.hovering(odd, 0.4, 0.05), lambda odd: seven.hovering(0.04, 0.4, odd)]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_what_is_no_answer_is_told_so(odd: Any) -> None:
    assert [said for said in (check(odd) for check in CHECKS) if not said.startswith("Not yet: ")] == []


def test_three_dots_are_no_answer_and_the_names_are_listed() -> None:
    assert unfit({"a": ...}) == "Not answered yet: set a."
    assert unfit({"a": 1, "b": None, "c": 2}) == "Not answered yet: set a, b and c."
    assert unfit({"a": [1, 2]}) == "" != unfit({"a": [1, 2]}, single=True)
    assert ask(lambda: ("a", 1), arrays=2)[1].startswith("Not yet: your function must return numbers")
    assert ask(lambda: ([1], [2, 3]), arrays=2) == (([1], [2, 3]), "")
