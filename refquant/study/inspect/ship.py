"""One scheme for a whole model: which, what it costs, and which arrays to except."""

from __future__ import annotations

from typing import NamedTuple

from .measure import Measured
from .recommend import NEAR, asked, engines, net, simplest
from .report import Record, Report

FLOOR = 15.0  # dB, an error of 18 %
FEW = 0.1  # of the values: as many may need more bits, or stand in arrays that are excepted without need


class Shipped(NamedTuple):
    """The scheme; what each array takes, None: it stays float; and why those are excepted that do not take it.

    bytes: of the whole model. more_bits: the share of the values in arrays that need more bits.
    """

    bits: int
    scheme: str
    engines: str
    each: dict[str, Measured | None]
    excepted: dict[str, str]
    bytes: int
    more_bits: float


def shipped(report: Report, bits: int) -> Shipped:
    """Of the schemes of whole ranges that except the fewest values, or a tenth of all more, the simplest within 1 dB of
    the best: by the channel mean of what each array then takes, in the mean over values."""
    records, total = report.records, sum(r.values for r in report.records)
    examples = {str(m.scheme): m for r in records for m in asked(r.schemes, report.options.formats)
                if m.scheme.grid.bits == bits and m.scheme.whole}
    taken = {name: [_taken(r, name, bits) for r in records] for name in examples}
    lost = {name: sum(r.values for r, (_, why) in zip(records, some, strict=True) if why) / total
            for name, some in taken.items()}
    means = {name: sum(r.values * (net(m) if m else 0) for r, (m, _) in zip(records, some, strict=True)) / total
             for name, some in taken.items() if lost[name] <= min(lost.values()) + FEW}
    name = min((n for n in means if means[n] >= max(means.values()) - NEAR), key=lambda n: simplest(examples[n]))
    each = {r.array: m for r, (m, _) in zip(records, taken[name], strict=True)}
    more = sum(r.values for r in records if (m := each[r.array]) is None or m.scheme.grid.bits > bits)
    size = sum(m.bytes if m else r.bytes for r, m in zip(records, each.values(), strict=True))
    return Shipped(bits, name, engines(examples[name].scheme, max((r.shape for r in records), key=len)), each,
                   {r.array: why for r, (_, why) in zip(records, taken[name], strict=True) if why},
                   size + sum(report.stay.values()), more / total)


def _taken(r: Record, name: str, bits: int) -> tuple[Measured | None, str]:
    """What the array takes, and why not the scheme of this name."""
    found = next((m for m in r.schemes if str(m.scheme) == name), None)
    own = r.recommended[bits].found
    if found and found.sqnr_db >= FLOOR and found.dead <= own.dead:
        return found, ""
    more = [r.recommended[n].found for n in sorted(r.recommended) if n >= bits]
    best = next((m for m in more if m.sqnr_db >= FLOOR), None)
    why = ("does not fit its shape" if not found else f"makes {found.lost}" if found.sqnr_db >= FLOOR else
           f"leaves {found.sqnr_db:.1f} dB")
    return best, f"{best.scheme if best else 'float'}, since {name} {why}"
