"""A vector before it is written: what goes in, what must come out, and why it is there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...arguments import quiet
from ...grids import INT2, INT4, INT8, INT16, INT32, UINT2, UINT4, UINT8, UINT16, Grid, IntGrid

Scalar: TypeAlias = np.floating[Any]
Float: TypeAlias = np.dtype[np.floating[Any]]
HALF, SINGLE, DOUBLE = (np.dtype(name) for name in ("float16", "float32", "float64"))
NARROW8, NARROW4, NARROW2, NARROW16 = (IntGrid(bits, narrow=True) for bits in (8, 4, 2, 16))
UINT32, WIDE17, THREE = IntGrid(32, signed=False), IntGrid(17), IntGrid(3)
FULL = (0.1, 1 / 3, 0.0235, float.fromhex("0x1.921fb54442d18p-4"))  # mantissas of all bits in every dtype
FORMATS = (  # grid, dtype of x, dtype of scale
    *((grid, SINGLE, SINGLE) for grid in (INT8, UINT8, NARROW8, INT4, UINT4, NARROW4, INT2, UINT2, NARROW2, THREE,
                                          INT16, UINT16, NARROW16, WIDE17, INT32, UINT32)),
    *((grid, DOUBLE, DOUBLE) for grid in (INT8, UINT8, INT4, INT16, INT32, UINT32)),
    *((grid, HALF, HALF) for grid in (INT8, UINT8, INT4, INT16, INT32)),
    *((grid, HALF, SINGLE) for grid in (INT8, UINT8)),
    *((grid, SINGLE, DOUBLE) for grid in (INT8, UINT4, INT16)), (INT8, DOUBLE, SINGLE), (UINT8, SINGLE, HALF),
)
RANGES = (  # grid, dtype of lo and hi
    *((grid, SINGLE) for grid in (INT8, UINT8, NARROW8, INT4, UINT4, INT2, UINT2, NARROW2, INT16, UINT16)),
    (INT32, SINGLE),
    *((grid, DOUBLE) for grid in (INT8, UINT8, INT16, INT32)), (INT8, HALF), (UINT8, HALF), (INT32, HALF),
)


class Case(NamedTuple):
    """One test: what it shares with others, what goes in, what must come out (None: it is refused), and why.

    rule: the one that refuses; where nothing is refused the flags name the rule.
    """

    group: dict[str, Any]
    given: dict[str, Any]
    expected: dict[str, Any] | None
    flags: list[str]
    comment: str
    rule: str = ""


def refused(group: dict[str, Any], given: dict[str, Any], rule: str, comment: str) -> Case:
    """An input that must be refused; R7 is the rule of NaN."""
    return Case(group, given, None, ["nan" if rule == "R7" else "refused"], comment, rule)


def hex_float(x: Any) -> str:
    """C99's hexadecimal notation, exact and as short as it goes; what strtod and Python's float.fromhex read.

    >>> hex_float(np.float32(0.1)), hex_float(-0.0), hex_float(np.inf), hex_float(5e-324)
    ('0x1.99999ap-4', '-0x0p+0', 'inf', '0x0.0000000000001p-1022')
    """
    mantissa, p, exponent = float(x).hex().partition("p")
    return (mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa) + p + exponent


REALS = {  # a real of a group or a test: which of the group's dtypes is its own, the first that the group has
    **dict.fromkeys(("x", "lo", "hi", "m", "largest"), ("dtype",)),
    **dict.fromkeys(("scale", "scales", "second"), ("scale_dtype", "dtype")),
    "x_hat": ("x_hat_dtype", "dtype", "scale_dtype"),
}


def hex_bits(text: str | list[Any], dtype: str) -> Any:
    """The bits of a hex float in its dtype: 4, 8 or 16 hexadecimal digits, the sign first; lists likewise.

    >>> hex_bits("0x1.8p+1", "float32"), hex_bits(["-0x0p+0", "inf"], "float16"), hex_bits("0x1p+0", "float64")
    ('40400000', ['8000', '7c00'], '3ff0000000000000')
    """
    if isinstance(text, list):
        return [hex_bits(part, dtype) for part in text]
    return np.array(float.fromhex(text), np.dtype(dtype).newbyteorder(">")).tobytes().hex()


def bits_of(named: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """The bits of every real there is, under the real's name with _bits.

    >>> bits_of({"q": 3, "x_hat": "0x1.8p+1"}, {"dtype": "float16"})
    {'x_hat_bits': '4200'}
    """
    own = {name: [group[dtype] for dtype in dtypes if dtype in group] for name, dtypes in REALS.items()}
    return {f"{name}_bits": hex_bits(value, own[name][0]) for name, value in named.items() if own.get(name)}


@quiet
def once(cases: Iterable[Case]) -> list[Case]:
    """Each case, unless the same input came before."""
    chosen: dict[str, Case] = {}
    for case in cases:
        chosen.setdefault(json.dumps([case.group, case.given]), case)
    return list(chosen.values())


def fields(grid: Grid) -> dict[str, Any]:
    return {"bits": grid.bits, "signed": grid.qmin < 0, "narrow": grid.qmin == -grid.qmax, "qmin": grid.qmin,
            "qmax": grid.qmax}


def named(grid: Grid) -> dict[str, Any]:
    """A grid by its name. fields: how many bits sign, exponent and mantissa have. The ends have bits of float64."""
    ends = {"qmin": hex_float(grid.qmin), "qmax": hex_float(grid.qmax)}
    return {"name": str(grid), "bits": grid.bits, "fields": list(grid.fields), **ends,
            **{f"{name}_bits": hex_bits(end, "float64") for name, end in ends.items()}}


def zero_points(grid: Grid) -> tuple[int, int, int, int]:
    """The middle, an odd one, and the ends."""
    middle = (grid.qmin + grid.qmax + 1) // 2
    return middle, middle + 1 if middle % 2 == 0 else middle, grid.qmin, grid.qmax
