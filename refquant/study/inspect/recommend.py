"""Which scheme is recommended, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict

NEAR = 1.0  # dB within which the simpler scheme is preferred
DB_PER_BIT = 20 * math.log10(2)


class Scheme(TypedDict):
    """One way to quantize an array, and what it does to it; None is infinite: no error at all, or an overflow.

    fit is symmetric or affine, on integers, or the name of another format.

    range is in reals, from the least lo to the largest hi of all slices; clipped is a share, from 0 to 1; overflowed
    counts reals beyond the dtype's largest; values is the number of values that were measured, scales that of slices.
    """

    fit: str
    granularity: str
    rule: str
    range: tuple[float, float]
    sqnr_db: float | None
    net_db: float | None
    largest_error: float | None
    clipped: float
    overflowed: int
    values: int
    scales: int
    bytes: int
    compression: float


def recommend(schemes: Sequence[Scheme]) -> tuple[Scheme, str]:
    """The first scheme of integers whose net SQNR lies within 1 dB of their best, the simplest standing first; and why.

    Other formats ask for an engine that has them; if one is better than all integers, the reason names it.

    net dB = SQNR - 6.02 dB for each bit per value spent on scales and zero points: one more bit buys 6.02 dB. An SQNR
    beyond the precision of the data's own dtype counts as that precision.
    """
    def net(scheme: Scheme) -> float:
        return -math.inf if scheme["net_db"] is None else scheme["net_db"]

    integers = [s for s in schemes if s["fit"] in ("symmetric", "affine")]
    best, over_all = max(integers, key=net), max(schemes, key=net)
    chosen = next(s for s in integers if net(s) >= net(best) - NEAR)
    net_of = f"net dB (SQNR - {DB_PER_BIT:.2f} dB for each bit per value spent on scales)"
    here = f"{named(chosen)}: {decibels(chosen)} in {chosen['bytes']:,} bytes"
    more = "" if net(over_all) <= net(best) else (
        f"; of all formats {named(over_all)} is the best, where an engine has it: {decibels(over_all)} in "
        f"{over_all['bytes']:,} bytes")
    if chosen is best:
        return chosen, f"{here}; the best {net_of}{more}"
    return chosen, (f"{here}; the simplest within {NEAR:g} dB of the best ({named(best)}: {decibels(best)} in "
                    f"{best['bytes']:,} bytes), by {net_of}{more}")


def named(scheme: Scheme) -> str:
    """The scheme in words."""
    return f"{scheme['fit']} per {scheme['granularity']}, {scheme['rule']}"


def short(scheme: Scheme) -> str:
    """Its SQNR in dB; `exact` where there is no error."""
    if scheme["sqnr_db"] is None:
        return "overflow" if scheme["overflowed"] else "exact"
    return f"{scheme['sqnr_db']:.1f}"


def decibels(scheme: Scheme) -> str:
    """Its SQNR in a sentence."""
    return short(scheme) if scheme["sqnr_db"] is None else f"SQNR {short(scheme)} dB"
