"""One scheme for a whole model: which, what it costs, and which arrays to except."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .measure import Measured
from .recommend import FLOOR, asked, engines, fitting, less, net, shown, takers
from .report import Record, Report

FEW = 0.1  # of the values: as many may need more bits


class Shipped(NamedTuple):
    """The scheme; what each array takes, its range cut where that gains dB, None: it stays float; and why those are
    excepted that do not take it.

    engines: those that take all of it. bytes: of the whole model. more_bits: the share of the values in arrays that
    need more bits.
    """

    bits: int
    scheme: str
    engines: str
    each: dict[str, Measured | None]
    excepted: dict[str, str]
    bytes: int
    more_bits: float


def shipped(report: Report, bits: int) -> Shipped:
    """The scheme that fits the most arrays; then of the fewest bytes, then the most engines, then the most dB."""
    records, formats, total = report.records, report.options.formats, sum(r.values for r in report.records)
    tried = [[m for m in asked(r.schemes, formats) if m.scheme.grid.bits == bits] for r in records]
    fits = [_fit(fitting(some, formats)) for some in tried]
    plans = {name: [_taken(*each, name, bits) for each in zip(records, tried, fits, strict=True)]
             for name in {m.scheme.name: 0 for some in tried for m in some}}

    def order(name: str) -> tuple[float, ...]:
        each = [(r, m, why) for r, (m, why) in zip(records, plans[name], strict=True)]
        common = [takers(m.scheme, r.shape).keys() for r, m, why in each if m and not why]
        return (sum(bool(why) for _, _, why in each), sum(m.bytes if m else r.bytes for r, m, _ in each),
                -len(set.intersection(*map(set, common))) if common else 0,
                -sum(r.values * net(m) for r, m, _ in each if m))

    name = min(plans, key=order)
    each = {r.array: m for r, (m, _) in zip(records, plans[name], strict=True)}
    more = sum(r.values for r in records if (m := each[r.array]) is None or m.scheme.grid.bits > bits)
    return Shipped(bits, name, engines([(m.scheme, r.shape) for r in records if (m := each[r.array])]), each,
                   {r.array: why for r, (_, why) in zip(records, plans[name], strict=True) if why},
                   int(order(name)[1]) + sum(report.stay.values()), more / total)


def fewest(ships: Sequence[Shipped]) -> Shipped | None:
    """The fewest bits at which few values need more."""
    return min((ship for ship in ships if ship.more_bits <= FEW), key=lambda ship: ship.bits, default=None)


def _fit(found: Sequence[Measured]) -> dict[str, Measured]:
    """By name, those of 15 dB; of those that cut the range differently the one of the most dB."""
    return {m.scheme.name: m for m in sorted(found, key=less, reverse=True) if m.balanced_db >= FLOOR}


def _taken(r: Record, tried: Sequence[Measured], fit: Mapping[str, Measured], name: str,
           bits: int) -> tuple[Measured | None, str]:
    """What the array takes, and why not the scheme of this name."""
    if name in fit:
        return fit[name], ""
    more, own = [r.recommended[n].found for n in sorted(r.recommended) if n >= bits], r.recommended[bits].found
    best = next((m for m in more if m.balanced_db >= FLOOR), None)
    found = min((m for m in tried if m.scheme.name == name), key=lambda m: (m.dead, -net(m)), default=None)
    if not found:
        why = "does not fit its shape"
    elif found.dead > own.dead:
        why = f"makes {found.lost}"
    else:
        why = f"leaves {found.mark}{shown(found.balanced_db)} dB" + f", not {shown(own.balanced_db)}" * (own != found)
    return best, f"{best.scheme if best else 'float'}, since {name} {why}"
