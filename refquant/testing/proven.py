"""Which array shows a wrong code with few numbers, and which rules are proven broken: the same is asked elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from ..affine import AffineParams
from ..arguments import quiet
from ..engines.conventions import RULE_OF
from ..engines.exact import coarse
from .ladder import Case, Made, alone, beside, halves

#: Of copies that may show it: kernels change at powers of two, at thousands, or one number beyond.
SIZES = sorted({*range(1, 20), *2 ** np.arange(5, 13), *(2 ** np.arange(4, 13) + 1), 100, 101, 1000, 1001})
#: Powers of two as scale, by the bytes of a number: beside them an epsilon is lost.
LARGE = {2: (2.0**4, 2.0**6), 4: (2.0**8, 2.0**20), 8: (2.0**40, 2.0**60)}
#: What may be broken where nothing is proven.
OPEN = {"R3": {"R3", "R4", "R5"}, "R4": {"R3", "R4"}, "R5": {"R3", "R4", "R5"}}


def smallest(wrong: Callable[..., Any], case: Case, i: int, multiple: int = 1) -> Case:
    """Copies of the i-th number, or a part of a row, if codes are wrong there too; otherwise the case itself.

    Args:
        wrong: (x, params) -> the places of wrong codes.
        multiple: sizes are a multiple of it.

    >>> from refquant import INT8
    >>> params = AffineParams(scale=1.0, zero_point=0, grid=INT8)
    >>> smallest(lambda x, _: range(100, x.size), (np.arange(128.0), params), 100)[0].shape
    (101,)
    """
    (x, params), (one, its) = case, alone(case, i)

    def shows(x: Any, params: AffineParams) -> bool:
        with suppress(Exception):  # a size that it does not take
            return len(wrong(x, params)) > 0
        return False
    for n in (*(n * multiple for n in SIZES if n * multiple < x.size), max(x.size, multiple)):
        if shows(np.repeat(one, n), its):
            return np.repeat(one, n), its
    part = x.size if x.ndim == 1 and params.scale.size == 1 else 0
    while part := part // 2 // multiple * multiple:
        for start in range(0, x.size, part)[::-1]:
            fewer = np.delete(x, np.s_[start:start + part])
            x = fewer if fewer.size and shows(fewer, params) else x
    return x, params


@quiet
def proven(rule: str, codes: Callable[..., tuple[Any, Any]], x: Any, params: AffineParams, made: Made,
           hint: str = "") -> list[str]:
    """The rules of which one at least is broken: a single one, if the hint or further questions prove it.

    The same quotient is asked at two powers of two as scale. If the code is right there, or changes, the division is
    wrong (R3). If it is wrong with zero point 0 too, the zero point is not at fault (R5). A quotient that is always a
    little too large, or too small, moves all numbers to one side: if some codes go up in size and some down, it is the
    rounding (R4).

    Args:
        rule: what the data suggest.
        codes: (x, params) -> those that should come, those that come.
        x, params: one number, whose code is wrong.
        hint: in words, what it would be right with.
    """
    kinds = {of for kind, of in RULE_OF.items() if f"{kind}=" in hint and "grids=" not in hint}
    found = OPEN.get(rule, {rule}) - ({"R5"} if params.zero_point == 0 else set())
    with suppress(Exception):
        found = kinds if len(kinds) == 1 else _asked_elsewhere(rule, codes, x, params, made) or found
    return sorted(found & kinds or found)


def _asked_elsewhere(rule: str, codes: Callable[..., tuple[Any, Any]], x: Any, params: AffineParams,
                     made: Made) -> set[str]:
    grid, z, wide = params.grid, int(params.zero_point), params.grid.arithmetic(x.dtype)

    def of(v: Any, z: int) -> Any:
        """The codes of quotients: what should come, and what comes at each scale."""
        both = []
        for scale in LARGE[x.dtype.itemsize]:
            at = (v * scale).astype(x.dtype)
            if (coarse(at, made.data_precision) / scale != v).any():
                raise LookupError("no such quotient")
            both.append(codes(*made.fitted((at, AffineParams(scale=x.dtype.type(scale), zero_point=z, grid=grid)))))
        return both[0][0], both[0][1], both[1][1]

    v = (x.astype(wide) / params.scale.astype(wide)).astype(np.float64)
    right, came, again = of(v, z)
    beyond = bool(((v < grid.qmin) | (v > grid.qmax)).any())
    if (came != again).any() or (came == right).all():
        return {"R3"}
    if beyond and (came == np.clip(np.clip(grid.round(v), grid.qmin, grid.qmax) + z, grid.qmin, grid.qmax)).all():
        return {"R5", "R6"}  # clipped before the zero point is added
    asks = z == 0 or not (made.symmetric or (grid.qmin == 0 and v < 0))
    right, came, _ = of(v, 0) if asks else (right, came, came)
    at_0 = (came == right).all()
    if rule == "R2":
        return {"R2"} if (at_0 and not beyond) or not v.any() else {"R2", "R3", "R4"}
    if at_0 or not asks:
        return {"R4", "R5"} if asks and not beyond else set()
    right, came, _ = (grid.decode(q) for q in of(beside(halves(grid, 0, 300).astype(x.dtype), made), 0))
    larger = (np.abs(came) - np.abs(right))[(right != grid.qmin) & (right != grid.qmax)]
    return {"R6"} if beyond else {"R4"} if (larger > 0).any() and (larger < 0).any() else {"R3", "R4"}
