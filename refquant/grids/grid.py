"""What a grid is: the protocol that every function asks, and what some functions demand of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import astuple
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import arguments
from ..arguments import Codes, Reals

WIDER = tuple(np.dtype(name) for name in ("int16", "int32", "int64"))
PIECE = 2**15  # elements: temporaries of 128 KB, which a core's cache holds
NAMES: dict[Grid, str] = {}  # the package fills it


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
    encodes_reals   whether encode takes any reals, and finds the code of the nearest value: rounding and clipping them
                    first would change nothing
    fields          how many bits each part of a code has: of a float sign, exponent, mantissa

    values, all of them ascending as float64, serve exact errors and second scales; a grid may do without.

    >>> from refquant import INT4
    >>> INT4.encode(INT4.round(np.array([2.5]))), INT4.equal_steps
    (array([2], dtype=int8), True)
    """

    bits: int
    dtype: np.dtype[np.integer[Any]]
    qmin: Any  # an integer where steps are equal
    qmax: Any
    zero_points: tuple[int, int] = (0, 0)
    zero: float = 0.0
    equal_steps: bool = False
    encodes_reals: bool = False

    @property
    def values(self) -> NDArray[np.float64]:
        """All values, ascending."""
        raise arguments.error(ValueError, "values", "`grid` must tell its values", self, "give it a property `values`")

    @abstractmethod
    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest value, ties to the one with the even code (R4), in v's dtype: float32 or float64 (R3)."""

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
    def fields(self) -> tuple[int, ...]:
        """How many bits each part of a code has, from the highest: of a float sign, exponent and mantissa.

        >>> from refquant import E4M3, NF4
        >>> E4M3.fields, NF4.fields
        ((1, 4, 3), (4,))
        """
        return (self.bits,)

    @property
    def zero_point_dtype(self) -> np.dtype[np.signedinteger[Any]]:
        """Signed, and wide enough that code - zero_point never wraps.

        >>> from refquant import UINT8, UINT16, IntGrid
        >>> UINT8.zero_point_dtype, UINT16.zero_point_dtype, IntGrid(17).zero_point_dtype
        (dtype('int16'), dtype('int32'), dtype('int64'))
        """
        return WIDER[(self.bits > 8) + (self.bits > 16)]

    def arithmetic(self, dtype: np.dtype[Any]) -> np.dtype[np.floating[Any]]:
        """Where reals of `dtype` meet these codes, the dtype of the arithmetic (R3).

        >>> from refquant import INT8, IntGrid
        >>> INT8.arithmetic(np.dtype("float16")), IntGrid(17).arithmetic(np.dtype("float32"))
        (dtype('float32'), dtype('float64'))
        """
        return _widened(dtype, self.bits > 16)


class TabledGrid(Grid):
    """A grid whose codes are the places of a table, which holds the value of each, and NaN where there is none."""

    dtype = np.dtype("uint8")
    encodes_reals = True
    table: NDArray[np.float32]

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """All values, ascending; 0 stands once, without a sign.

        >>> from refquant import E2M1
        >>> E2M1.values[7:]
        array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 6. ])
        """
        return arguments.frozen(np.unique(self.table[~np.isnan(self.table)]).astype(np.float64) + 0)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), astuple(self)  # type: ignore[call-overload]

    def decode(self, q: Codes) -> NDArray[np.float32]:
        """The values of codes.

        >>> from refquant import E2M1
        >>> E2M1.decode(np.array([8, 1, 15]))
        array([-0. ,  0.5, -6. ], dtype=float32)
        """
        return np.asarray(self.table[q])

    def check(self, where: str, q: ArrayLike, name: str = "q") -> Codes:
        """`q` as an array of codes, every one of them of a value.

        >>> from refquant import E4M3
        >>> E4M3.check("here", [0, 0x7E])
        array([  0, 126])
        """
        hint = "codes come from quantize with the same grid"
        q = arguments.within(where, q, 0, len(self.table) - 1, name, "R17", hint)
        arguments.none(where, np.isnan(self.table[q]), q, f"`{name}` must be codes of values, not of infinity or NaN "
                       "(R17)", hint)
        return q


def known(where: str, grid: object, name: str = "grid") -> Grid:
    """grid, which must be a Grid."""
    return arguments.instance(where, grid, Grid, f"`{name}` must be a grid", "pass rq.INT8 or rq.E4M3, say")


def stepped(where: str, grid: object) -> Grid:
    """grid, which must have equal steps: without them there is no zero point, no affine range, no integer product."""
    if not known(where, grid).equal_steps:
        raise arguments.error(ValueError, where, "`grid` must have equal steps", grid, "take an IntGrid; a float grid "
                              "or a codebook wants zero_point=0, fit=rq.symmetric_params (in mlp activation_fit=), and "
                              "clip=rq.minmax or rq.mse_optimal")
    return known(where, grid)


def two_sided(where: str, grid: object) -> Grid:
    """grid, which must have values on both sides of 0, or equal steps and so a zero point: otherwise it holds no data.
    """
    if not (known(where, grid).equal_steps or known(where, grid).qmin < 0 < known(where, grid).qmax):
        raise arguments.error(ValueError, where, "`grid` must have values on both sides of 0", grid,
                              "take rq.E4M3, say, for data; rq.mx_params takes rq.E8M0 for scales, rq.two_level others")
    return known(where, grid)


def by_pieces(f: Callable[[NDArray[Any], NDArray[Any]], object], v: NDArray[Any], out: NDArray[Any]) -> NDArray[Any]:
    """f(v, out), some thousand elements of both at a time, all along one axis: what f makes on its way stays small.

    >>> by_pieces(np.negative, np.ones((3, 1)), np.empty((3, 1))).T
    array([[-1., -1., -1.]])
    """
    flags: Any = [["readonly"], ["writeonly"]]
    with np.nditer([v, out], ["external_loop", "buffered", "zerosize_ok"], flags, buffersize=PIECE) as pieces:
        for piece, filled in pieces:
            f(piece, filled)
    return out
