"""Small floating-point numbers: `FloatGrid(exponent, mantissa, ...)`, a sign, an exponent and a mantissa (R17)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import arguments
from ..arguments import Codes, Reals
from .grid import NAMES, TabledGrid, by_pieces

# of each dtype: the integers of its size, and the bits of its exponent
EXPONENT: dict[np.dtype[Any], tuple[np.dtype[Any], Any]] = {
    np.dtype("f"): (np.dtype("i4"), np.int32(0x7F800000)),
    np.dtype("d"): (np.dtype("i8"), np.int64(0x7FF0000000000000))}


@dataclass(frozen=True)
class FloatGrid(TabledGrid):
    """value = (-1)**sign * (1 + m / 2**mantissa) * 2**(e - bias), subnormals below: 2**mantissa steps in each binade.

    Args:
        exponent: bits of the exponent, 1 to 7.
        mantissa: bits of the mantissa, 1 to 10. With the sign a code has at most 16 bits.
        specials: how many of the highest magnitudes are no values, but infinity or NaN: 2**mantissa as in IEEE 754, 1
            in E4M3, 0 in FP6 and FP4.
        fnuz: the code of -0 is NaN ("finite, NaN, unsigned zero"), and the bias is 2**(exponent - 1), one larger.

    A code's bits are sign, e, m. Infinities and NaN are no values: whatever lies beyond the largest value saturates
    (R6), and decode refuses their codes (R17). bias is 2**(exponent - 1) - 1; zero keeps its sign.

    >>> from refquant import E2M1, E4M3, AffineParams, quantize
    >>> E2M1.values[E2M1.values >= 0]
    array([0. , 0.5, 1. , 1.5, 2. , 3. , 4. , 6. ])
    >>> E4M3, E4M3.qmax, FloatGrid(4, 3, fnuz=True).qmax, FloatGrid(5, 2, specials=4).qmax
    (E4M3, 448.0, 240.0, 57344.0)

    17 lies between 16 and 18, 19 between 18 and 20: ties go to the even code (R4). 465 and infinity saturate.

    >>> q = quantize([17, 19, -0.0, 3 * 2**-10, 465, -np.inf], AffineParams(scale=1.0, zero_point=0, grid=E4M3))
    >>> [f"0x{code:02X}" for code in q]
    ['0x58', '0x5A', '0x80', '0x02', '0x7E', '0xFE']

    Raises:
        ValueError: exponent, mantissa or specials out of range, more than 16 bits.
        TypeError: what is no integer, fnuz that is no bool.
    Source: OCP OFP8 v1.0 (E4M3, E5M2) and MX v1.0, section 5.3 (E2M3, E3M2, E2M1); arXiv:2206.02915 (FNUZ). ml_dtypes
    overflows to NaN or infinity, and rounds float64 twice, through float32.
    """

    exponent: int
    mantissa: int
    specials: int = 0
    fnuz: bool = False

    emin: ClassVar[int]  # the exponent of the smallest normal value
    emax: ClassVar[int]  # that of the largest value

    def __post_init__(self) -> None:
        exponent = arguments.whole("FloatGrid", self.exponent, "exponent", 1, 7)
        mantissa = arguments.whole("FloatGrid", self.mantissa, "mantissa", 1, min(10, 15 - exponent))
        specials = arguments.whole("FloatGrid", self.specials, "specials", 0, 2 ** (exponent + mantissa) - 2)
        fnuz = bool(arguments.instance("FloatGrid", self.fnuz, (bool, np.bool_), "`fnuz` must be True or False",
                                       "name the argument: FloatGrid(4, 3, fnuz=True)"))
        emin, top = 2 - 2 ** (exponent - 1) - fnuz, 2 ** (exponent + mantissa) - 1 - specials
        vars(self).update(exponent=exponent, mantissa=mantissa, specials=specials, fnuz=fnuz, emin=emin,
                          emax=emin + max(top >> mantissa, 1) - 1, bits=1 + exponent + mantissa,
                          zero=0.0 if fnuz else -0.0)
        table = self._values_of_codes()
        vars(self).update(table=table, qmin=float(-table[top]), qmax=float(table[top]),
                          dtype=np.dtype("uint8" if self.bits <= 8 else "uint16"))

    def __repr__(self) -> str:
        """The short name where there is one, otherwise the call that makes it."""
        more = f", specials={self.specials}" * (self.specials > 0) + ", fnuz=True" * self.fnuz
        return NAMES.get(self, f"FloatGrid({self.exponent}, {self.mantissa}{more})")

    @property
    def fields(self) -> tuple[int, int, int]:
        """How many bits sign, exponent and mantissa have."""
        return 1, self.exponent, self.mantissa

    def _values_of_codes(self) -> NDArray[np.float32]:
        """The value of each code; NaN where there is none."""
        magnitude = np.arange(2 ** (self.bits - 1))
        field = np.maximum(magnitude >> self.mantissa, 1) - 1  # 0 for subnormals, too
        value = np.ldexp((magnitude - (field << self.mantissa)).astype(np.float32), field + self.emin - self.mantissa)
        value[len(value) - self.specials:] = np.nan
        decoded = np.concatenate([value, -value])
        decoded[len(value)] = np.nan if self.fnuz else -0.0
        return arguments.frozen(decoded)

    def round(self, v: Reals, out: Reals | None = None) -> Reals:
        """The nearest value, ties to the even code (R4): step = clip(binade, 2**emin, 2**emax) * 2**-mantissa,
        round(v) = rint(v / step) * step. The binade is v without its sign and mantissa bits; all is exact.

        >>> from refquant import E4M3
        >>> E4M3.round(np.array([17.0, 19.0, 600.0]))
        array([ 16.,  20., 608.])
        """
        return by_pieces(self._round, np.asarray(v), np.empty_like(v) if out is None else out)

    def _round(self, v: Reals, out: Reals) -> None:
        integers, exponent = EXPONENT[v.dtype]
        step = np.bitwise_and(v.view(integers), exponent).view(v.dtype)
        step.clip(2.0**self.emin, 2.0**self.emax, out=step)
        step *= v.dtype.type(2.0**-self.mantissa)
        np.divide(v, step, out=out)
        np.rint(out, out=out)
        np.multiply(out, step, out=out)

    def encode(self, v: Reals) -> Codes:
        """The codes of the values nearest to any reals, from a table: no arithmetic, so none that a thread may flush to
        zero.

        >>> from refquant import E2M1
        >>> E2M1.encode(np.array([-0.0, 0.5, -6.0, 0.26, 99]))
        array([ 8,  1, 15,  1,  7], dtype=uint8)
        """
        return by_pieces(self._encode, np.asarray(v), np.empty(np.shape(v), self.dtype))

    def _encode(self, v: Reals, codes: Codes) -> None:
        if v.dtype != np.float32:  # rounded once, to a value
            v = self.round(v).clip(self.qmin, self.qmax).astype(np.float32)
        self._encoded.take(self._place(v.view(np.uint32)), out=codes, mode="clip")

    def _place(self, bits: Codes) -> Codes:
        """floor(bits / n) + ceil(bits / n): even on the float32 numbers of one mantissa bit more than the grid has, its
        values and ties, and odd between them.
        """
        kept = np.uint32(22 - self.mantissa)
        place = bits + np.uint32(2 ** (22 - self.mantissa) - 1)
        place >>= kept
        place += bits >> kept
        return place.view(np.int32)  # an index on 32-bit Python, too

    @cached_property
    def _encoded(self) -> Codes:
        """The code of the reals in each place, which have the same nearest value: filled from round and decode."""
        bits = np.arange(2 ** (11 + self.mantissa), dtype=np.uint32)
        reals = ((bits >> 1 << (22 - self.mantissa)) + (bits & 1)).view(np.float32)
        codes = np.flatnonzero(~np.isnan(self.table))
        of_value = np.zeros(2 ** (11 + self.mantissa), self.dtype)
        of_value[self._place(self.table[codes].view(np.uint32))] = codes
        with np.errstate(all="ignore"):  # some are NaN
            return of_value[self._place(self.round(reals).clip(self.qmin, self.qmax).view(np.uint32))]
