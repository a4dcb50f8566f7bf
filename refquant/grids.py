"""Which codes exist: `IntGrid(bits, signed, narrow)`, and the usual ones by name."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arguments


@dataclass(frozen=True, repr=False)
class IntGrid:
    """The integers from `qmin` to `qmax`: 2**bits codes, or one fewer when narrow (R1).

    Args:
        bits: 2 to 32.
        signed: two's complement around 0 if true, otherwise from 0 up.
        narrow: drop the lowest signed code, so that the grid is symmetric about 0.

    A value: grids with the same fields are equal, hashable and interchangeable.

    >>> IntGrid(8).qmin, IntGrid(8).qmax, IntGrid(8).dtype
    (-128, 127, dtype('int8'))
    >>> IntGrid(3, signed=False).qmax, IntGrid(3, narrow=True).qmin
    (7, -3)
    >>> IntGrid(8), IntGrid(3, narrow=True)
    (INT8, IntGrid(3, narrow=True))

    Raises:
        ValueError: bits outside 2..32, or unsigned and narrow.
        TypeError: bits that are no integer, signed or narrow that are no bool.
    Source: the code ranges are ONNX's integer types and Jacob et al. 2018 (arXiv:1712.05877), section 3; narrow is
    the weights' range there, [-127, 127].
    """

    bits: int
    signed: bool = True
    narrow: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", arguments.whole("IntGrid", self.bits, "bits", 2, 32))
        for name in ("signed", "narrow"):
            object.__setattr__(self, name, bool(arguments.instance(
                "IntGrid", getattr(self, name), (bool, np.bool_), f"`{name}` must be True or False",
                "name the argument: IntGrid(8, signed=False)")))
        if self.narrow and not self.signed:
            raise arguments.error(ValueError, "IntGrid", "`narrow` drops the lowest signed code (R1)",
                                  "narrow=True with signed=False", "drop narrow, or use signed=True")

    def __repr__(self) -> str:
        """The short name where there is one, otherwise the call that makes it."""
        sides = ", signed=False" if not self.signed else ", narrow=True" if self.narrow else ""
        name = f"{'INT' if self.signed else 'UINT'}{self.bits}"
        return name if name in globals() and not self.narrow else f"IntGrid({self.bits}{sides})"

    @property
    def qmin(self) -> int:
        """-2**(bits - 1), plus 1 if narrow; 0 when unsigned.

        >>> INT4.qmin, UINT4.qmin
        (-8, 0)
        """
        return -(2 ** (self.bits - 1)) + self.narrow if self.signed else 0

    @property
    def qmax(self) -> int:
        """2**(bits - 1) - 1; 2**bits - 1 when unsigned.

        >>> INT4.qmax, UINT4.qmax
        (7, 15)
        """
        return int(2 ** (self.bits - self.signed)) - 1

    @property
    def dtype(self) -> np.dtype[np.integer[Any]]:
        """The smallest NumPy integer type that holds every code.

        >>> INT4.dtype, IntGrid(9, signed=False).dtype
        (dtype('int8'), dtype('uint16'))
        """
        width = 8 if self.bits <= 8 else 16 if self.bits <= 16 else 32
        return np.dtype(f"{'int' if self.signed else 'uint'}{width}")

    @property
    def zero_point_dtype(self) -> np.dtype[np.signedinteger[Any]]:
        """Signed, and wide enough that code - zero_point never wraps.

        >>> UINT8.zero_point_dtype, UINT16.zero_point_dtype, IntGrid(17).zero_point_dtype
        (dtype('int16'), dtype('int32'), dtype('int64'))
        """
        return np.dtype("int16" if self.bits <= 8 else "int32" if self.bits <= 16 else "int64")

    def arithmetic(self, dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
        """Where reals of `dtype` meet these codes, the dtype of the arithmetic (R3).

        >>> INT8.arithmetic(np.dtype("float16")), IntGrid(17).arithmetic(np.dtype("float32"))
        (dtype('float32'), dtype('float64'))
        """
        return np.result_type(dtype, np.float32 if self.bits <= 16 else np.float64)


def known(where: str, grid: object) -> IntGrid:
    """grid, which must be an IntGrid."""
    return arguments.instance(where, grid, IntGrid, "`grid` must be an IntGrid", "pass rq.INT8, say")


INT2, INT4, INT8, INT16, INT32 = (IntGrid(bits) for bits in (2, 4, 8, 16, 32))
UINT2, UINT4, UINT8, UINT16 = (IntGrid(bits, signed=False) for bits in (2, 4, 8, 16))
