"""Integers: `IntGrid(bits, signed, narrow)`, the only grids with a zero point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..arguments import Codes, Reals
from .grid import NAMES, Grid


@dataclass(frozen=True)
class IntGrid(Grid):
    """The integers from `qmin` to `qmax`: 2**bits codes, or one fewer when narrow (R1).

    Args:
        bits: 2 to 32.
        signed: two's complement around 0 if true, otherwise from 0 up.
        narrow: drop the lowest signed code, so that the grid is symmetric about 0.

    qmin and qmax are the lowest and the highest code, dtype the smallest integer type that holds both, and every code
    can be a zero point. Value and code are one number. Grids with the same fields are equal and interchangeable.

    >>> from refquant import INT4
    >>> IntGrid(8).qmin, IntGrid(8).qmax, IntGrid(8).dtype
    (-128, 127, dtype('int8'))
    >>> IntGrid(3, signed=False).qmax, IntGrid(3, narrow=True).qmin
    (7, -3)
    >>> INT4.zero_points, IntGrid(9, signed=False).dtype
    ((-8, 7), dtype('uint16'))
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

    equal_steps = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "bits", arguments.whole("IntGrid", self.bits, "bits", 2, 32))
        for name in ("signed", "narrow"):
            object.__setattr__(self, name, bool(arguments.instance(
                "IntGrid", getattr(self, name), (bool, np.bool_), f"`{name}` must be True or False",
                "name the argument: IntGrid(8, signed=False)")))
        if self.narrow and not self.signed:
            raise arguments.error(ValueError, "IntGrid", "`narrow` drops the lowest signed code (R1)",
                                  "narrow=True with signed=False", "drop narrow, or use signed=True")
        qmin = -(2 ** (self.bits - 1)) + self.narrow if self.signed else 0
        qmax = 2 ** (self.bits - self.signed) - 1
        width = 8 if self.bits <= 8 else 16 if self.bits <= 16 else 32
        vars(self).update(qmin=qmin, qmax=qmax, zero_points=(qmin, qmax),
                          dtype=np.dtype(f"{'int' if self.signed else 'uint'}{width}"))

    def __repr__(self) -> str:
        """The short name where there is one, otherwise the call that makes it."""
        sides = ", signed=False" if not self.signed else ", narrow=True" if self.narrow else ""
        return NAMES.get(self, f"IntGrid({self.bits}{sides})")

    @property
    def values(self) -> NDArray[np.float64]:
        """All integers, of grids up to 16 bits.

        >>> IntGrid(2).values
        array([-2., -1.,  0.,  1.])
        """
        if self.bits > 16:
            raise arguments.error(ValueError, "values", "`grid` must have at most 16 bits", self,
                                  "the values of wider grids do not fit into memory; qmin and qmax are their ends")
        return np.arange(self.qmin, self.qmax + 1, dtype=np.float64)

    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest integer, ties to the even one (R4).

        >>> from refquant import INT4
        >>> INT4.round(np.array([0.5, 1.5, 99.0]))
        array([ 0.,  2., 99.])
        """
        return np.rint(v, out=out)

    def encode(self, v: Reals) -> Codes:
        """The integers as codes.

        >>> from refquant import INT4
        >>> INT4.encode(np.array([-8.0, 7.0]))
        array([-8,  7], dtype=int8)
        """
        return v.astype(self.dtype)

    def decode(self, q: Codes) -> Codes:
        """The codes as integers, signed and wide enough that code - zero_point never wraps.

        >>> from refquant import UINT8
        >>> UINT8.decode(np.uint8([0, 255])) - 255
        array([-255,    0], dtype=int16)
        """
        return q.astype(self.zero_point_dtype)

    def check(self, where: str, q: ArrayLike, name: str = "q") -> Codes:
        """`q` as an array of integers, every one of them from qmin to qmax.

        >>> IntGrid(3).check("here", [-4, 3])
        array([-4,  3])
        """
        return arguments.within(where, q, self.qmin, self.qmax, name, "R2",
                                "codes come from quantize with the same grid")
