"""Where two quantizers part: what the numbers have in common whose codes differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engines.exact import show
from .points import Points


def in_common(points: Points, wrong: Any) -> str:
    """What holds for all numbers at these places, and fails for a tenth of the others; "" if nothing named does.

    >>> points = Points(np.float32([0.5, 1.5, 2.5, 3, 7]), np.ones(5, np.float32), np.int64([0, 0, 0, 0, 0]))
    >>> in_common(points, [1, 2])
    'In common: |x / scale| from 1.5 to 2.5, x / scale a tie; shared by none of the others.'
    """
    x, scale, z = points
    v, differs = np.abs(x / scale), np.isin(np.arange(len(x)), wrong)
    beside = np.abs(v - np.floor(v) - np.float32(0.5))
    near = beside[wrong].max()
    shared = {words: holds for words, holds in (
        _from_to("scale", scale, wrong), _sign("zero point", z, wrong), _sign("x", x, wrong),
        _from_to("|x / scale|", v, wrong),
        (f"x / scale at most {show(near)} from a tie" if near else "x / scale a tie", beside <= min(near, 0.125)))
        if holds[wrong].all() and holds[~differs].mean() < 0.9}
    others = np.logical_and.reduce([~differs, *shared.values()]).sum()
    return f"In common: {', '.join(shared)}; shared by {others or 'none'} of the others." if (
        shared and differs.sum() > 1) else ""


def _sign(name: str, each: Any, wrong: Any) -> tuple[str, Any]:
    least, most = each[wrong].min(), each[wrong].max()
    sign = "< 0" if most < 0 else "> 0" if least > 0 else "0" if least == most == 0 else "other than 0"
    return f"{name} {sign}", {"< 0": each < 0, "> 0": each > 0, "0": each == 0, "other than 0": each != 0}[sign]


def _from_to(name: str, each: Any, wrong: Any) -> tuple[str, Any]:
    least, most = each[wrong].min(), each[wrong].max()
    words = f"from {show(least)} to {show(most)}" if least < most else show(most)
    words = f"<= {show(most)}" if least == each.min() else f">= {show(least)}" if most == each.max() else words
    return f"{name} {words}", (least <= each) & (each <= most)
