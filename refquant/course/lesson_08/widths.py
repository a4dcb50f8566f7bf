"""Lesson 08, exercise 2: the least width of an accumulator, by a bound and not by data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...grids import INT4, INT8, INT16, UINT2, UINT4, UINT8, Grid, IntGrid
from ..answers import ask, mistake

NARROW8, NARROW4 = IntGrid(8, narrow=True), IntGrid(4, narrow=True)


def width(yours: Callable[..., Any]) -> str:
    """Exercise 2: whether yours(k, a, b) is the least width of a signed accumulator that no codes make wrap.

    >>> width(lambda k, a, b: 32)
    'Not yet: 1 product of int8 and int8: 32 bits never wrap, but 16 bits are enough. Find the least.'
    """
    answers = []
    for k, a, b in WIDTHS:
        answer, message = ask(yours, k, a, b)
        if message:
            return message
        if not isinstance(answer, int | float | np.number) or not float(answer).is_integer():
            return f"Not yet: a width is a whole number of bits; you give {answer!r}."
        answers.append(int(answer))
    rights = [least_width(*case) for case in WIDTHS]
    if answers == rights:
        return "Right: no codes can make these accumulators wrap, and one bit less would wrap for some."
    i = next(i for i, right in enumerate(rights) if answers[i] != right)
    why = mistake(WRONG_WIDTHS, lambda wrong: answers == [wrong(*case) for case in WIDTHS], "Find the least")
    return f"Not yet: {_case(*WIDTHS[i])}: {_why_wrong(WIDTHS[i], answers[i], rights[i])}. {why}."


def _case(k: int, a: Grid, b: Grid) -> str:
    return f"{k} product{'s' * (k > 1)} of {_name(a)} and {_name(b)}"


def _why_wrong(case: tuple[int, IntGrid, IntGrid], given: int, right: int) -> str:
    """What a width that is too narrow cannot hold, or that a width is too wide."""
    lo, hi = extremes(*case)
    if given > right:
        return f"{given} bits never wrap, but {right} bits are enough"
    return f"the sum can be {hi if hi >= 2 ** (given - 1) else lo}, which wraps in {given} bits"


def extremes(k: int, a: Grid, b: Grid) -> tuple[int, int]:
    """The smallest and the largest sum of k products of codes.

    >>> extremes(2, INT8, INT8), extremes(2, INT8, NARROW8)
    ((-32512, 32768), (-32512, 32512))
    """
    products = [p * q for p in (a.qmin, a.qmax) for q in (b.qmin, b.qmax)]
    return k * min(products), k * max(products)


def least_width(k: int, a: Grid, b: Grid) -> int:
    """The least w with -2**(w - 1) <= every sum <= 2**(w - 1) - 1.

    >>> least_width(2, INT8, INT8), least_width(2, INT8, NARROW8)
    (17, 16)
    """
    lo, hi = extremes(k, a, b)
    return max((-lo - 1).bit_length() if lo < 0 else 0, hi.bit_length()) + 1


def _name(grid: Grid) -> str:
    return f"{'' if grid.qmin < 0 else 'u'}int{grid.bits}{' narrow' * (grid.qmin == -grid.qmax)}"


def _most(a: Grid, b: Grid) -> int:
    return int(max(-a.qmin, a.qmax) * max(-b.qmin, b.qmax))


WIDTHS = tuple((k, a, b) for a, b in ((INT8, INT8), (INT8, NARROW8), (UINT8, INT8), (UINT8, UINT8), (UINT4, NARROW4),
                                      (UINT2, INT4), (INT16, INT8)) for k in (1, 2, 3, 64, 1000, 4096, 70_000))
WRONG_WIDTHS: dict[str, Callable[[int, IntGrid, IntGrid], int]] = {
    "The sign takes a bit, too": lambda k, a, b: least_width(k, a, b) - 1,
    "2**(w - 1) itself does not fit into w bits: where the bound is a power of two, log2 is one short":
        lambda k, a, b: (k * _most(a, b) - 1).bit_length() + 1,
    "Adding up bits is safe and too wide; take the ends of the grids": lambda k, a, b: a.bits + b.bits
        + (k - 1).bit_length(),
    "The bits of both factors are enough for one product; k of them need more": lambda _, a, b: a.bits + b.bits,
    "You take one product. All k of them may be the largest": lambda _, a, b: least_width(1, a, b),
    "Only the largest codes enter. The lowest times the lowest is larger, the lowest times the highest is negative":
        lambda k, a, b: (k * a.qmax * b.qmax).bit_length() + 1,
    "You count 2**bits codes: the ends are qmin and qmax":
        lambda k, a, b: (k * 2 ** (a.bits + b.bits)).bit_length() + 1,
}
