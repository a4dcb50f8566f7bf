"""Which values exist, and which code each has: `IntGrid(bits, signed, narrow)`, and the usual ones by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import arguments
from .arguments import Codes, Reals

WIDER = tuple(np.dtype(name) for name in ("int16", "int32", "int64"))


@cache  # NumPy takes longer to find it than a small array takes to be quantized
def _widened(dtype: np.dtype[Any], wide: bool) -> np.dtype[np.floating[Any]]:
    return np.result_type(dtype, np.float64 if wide else np.float32)


class Grid(ABC):
    """What every function may ask a grid, and all that it may ask. A grid is a frozen value: ==, hash, pickle.

    bits, dtype     of a code
    qmin, qmax      the ends of the values
    round           a real -> the nearest value; it never saturates
    encode, decode  value -> code, code -> value
    check           which codes exist
    zero_points     which zero points exist, from the lowest to the highest
    zero            what is added to a rounded value: 0.0 takes the sign from zero, -0.0 leaves it
    equal_steps     whether neighbouring values are one apart throughout
    arithmetic      the dtype in which reals meet these values (R3)

    >>> INT4.encode(INT4.round(np.array([2.5]))), INT4.equal_steps
    (array([2], dtype=int8), True)
    """

    bits: int
    dtype: np.dtype[np.integer[Any]]
    qmin: int
    qmax: int
    zero_points: tuple[int, int]
    zero: float
    equal_steps: bool

    @abstractmethod
    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest value, ties to the one with the even code (R4), in v's dtype."""

    @abstractmethod
    def encode(self, v: Reals) -> Codes:
        """The codes of values."""

    @abstractmethod
    def decode(self, q: Codes) -> NDArray[Any]:
        """The values of codes, in a signed dtype wide enough that no zero point subtracted from them wraps."""

    @abstractmethod
    def check(self, where: str, q: ArrayLike, name: str = "q") -> Codes:
        """`q` as an array of codes, all of which exist; otherwise ValueError or TypeError in the name of `where`."""

    @property
    def zero_point_dtype(self) -> np.dtype[np.signedinteger[Any]]:
        """Signed, and wide enough that code - zero_point never wraps.

        >>> UINT8.zero_point_dtype, UINT16.zero_point_dtype, IntGrid(17).zero_point_dtype
        (dtype('int16'), dtype('int32'), dtype('int64'))
        """
        return WIDER[(self.bits > 8) + (self.bits > 16)]

    def arithmetic(self, dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
        """Where reals of `dtype` meet these codes, the dtype of the arithmetic (R3).

        >>> INT8.arithmetic(np.dtype("float16")), IntGrid(17).arithmetic(np.dtype("float32"))
        (dtype('float32'), dtype('float64'))
        """
        return _widened(dtype, self.bits > 16)


@dataclass(frozen=True, repr=False)
class IntGrid(Grid):
    """The integers from `qmin` to `qmax`: 2**bits codes, or one fewer when narrow (R1).

    Args:
        bits: 2 to 32.
        signed: two's complement around 0 if true, otherwise from 0 up.
        narrow: drop the lowest signed code, so that the grid is symmetric about 0.

    qmin and qmax are the lowest and the highest code, dtype the smallest integer type that holds both, and every code
    can be a zero point. Value and code are one number. Grids with the same fields are equal and interchangeable.

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

    zero = 0.0
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

    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest integer, ties to the even one (R4).

        >>> INT4.round(np.array([0.5, 1.5, 99.0]))
        array([ 0.,  2., 99.])
        """
        return np.rint(v, out=out)

    def encode(self, v: Reals) -> Codes:
        """The integers as codes.

        >>> INT4.encode(np.array([-8.0, 7.0]))
        array([-8,  7], dtype=int8)
        """
        return v.astype(self.dtype)

    def decode(self, q: Codes) -> Codes:
        """The codes as integers, signed and wide enough that code - zero_point never wraps.

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


def known(where: str, grid: object) -> Grid:
    """grid, which must be a Grid."""
    return arguments.instance(where, grid, Grid, "`grid` must be an IntGrid, or another grid", "pass rq.INT8, say")


def stepped(where: str, grid: object) -> Grid:
    """grid, which must have equal steps: without them there is no zero point and no affine range."""
    if not known(where, grid).equal_steps:
        raise arguments.error(ValueError, where, "`grid` must have equal steps", grid,
                              "take an IntGrid, or a symmetric range: fit=rq.symmetric_params")
    return known(where, grid)


INT2, INT4, INT8, INT16, INT32 = (IntGrid(bits) for bits in (2, 4, 8, 16, 32))
UINT2, UINT4, UINT8, UINT16 = (IntGrid(bits, signed=False) for bits in (2, 4, 8, 16))
NAMES: dict[Grid, str] = {
    INT2: "INT2", INT4: "INT4", INT8: "INT8", INT16: "INT16", INT32: "INT32",
    UINT2: "UINT2", UINT4: "UINT4", UINT8: "UINT8", UINT16: "UINT16"}
