"""One scheme for a whole model: which, what it costs, and which arrays to leave alone."""

from __future__ import annotations

from typing import NamedTuple

from ..results import count
from .measure import Measured
from .recommend import NEAR, asked, engines, net, simplest
from .report import Record, Report

FLOOR = 15.0  # dB, an error of 18 %


class Shipped(NamedTuple):
    """The scheme by name, what it does to each array, and the arrays that it does not suit, with what they take then.

    bytes: of the whole model, those arrays at the next more bits that suit them, or float. share_left: their values.
    """

    bits: int
    name: str
    engines: str
    all: list[Measured]
    left: dict[str, str]
    bytes: int
    share_left: float


def shipped(report: Report, bits: int) -> Shipped:
    """The simplest scheme within 1 dB of the best in the mean over all values; an array that lacks it takes its own."""
    found, total = dict[str, int](), sum(r.values for r in report.records)
    for r in report.records:
        for best in asked([m for m in best_of_each(r).values() if m.scheme.grid.bits == bits], report.options.formats):
            found[best.scheme.name] = found.get(best.scheme.name, 0) + r.values
    common = {name: [best_of_each(r).get(name, r.recommended[bits].found) for r in report.records]
              for name, values in found.items() if values >= 0.9 * max(found.values())}
    values = {name: sum(r.values for r, m in zip(report.records, some, strict=True) if not _suits(m))
              for name, some in common.items()}
    means = {name: sum(r.values * net(m) for r, m in zip(report.records, some, strict=True)) / total
             for name, some in common.items() if values[name] == min(values.values())}
    name = min((n for n in means if means[n] >= max(means.values()) - NEAR), key=lambda n: simplest(common[n][0]))
    left, size = dict[str, str](), sum(report.stay.values())
    for r, m in zip(report.records, common[name], strict=True):
        own = r.recommended[bits].found
        if _suits(m) and m.dead <= own.dead:
            size += m.bytes
        elif _suits(own):
            left[r.array], size = f"{own.scheme}: {count(m.dead, 'channel')} all 0 otherwise", size + own.bytes
        else:
            more = [best.found for n, best in sorted(r.recommended.items()) if n > bits and _suits(best.found)]
            left[r.array] = f"{more[0].scheme if more else 'float'}: {m.sqnr_db:.1f} dB otherwise"
            size += more[0].bytes if more else r.bytes
    return Shipped(bits, name, engines(common[name][0].scheme), common[name], left, size, values[name] / total)


def best_of_each(r: Record) -> dict[str, Measured]:
    """Of each scheme the better share of the range."""
    found: dict[str, Measured] = {}
    for m in r.schemes:
        found[m.scheme.name] = max(found.get(m.scheme.name, m), m, key=lambda m: m.channel_sqnr_db)
    return found


def _suits(m: Measured) -> bool:
    return m.sqnr_db >= FLOOR
