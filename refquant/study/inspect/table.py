"""What the command prints: one table for the whole model, what it costs, what to ship; an array in detail."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from ..aligned import aligned, paragraph
from ..results import count
from .measure import Measured
from .report import SMALL, Record, Report
from .schemes import LEGEND
from .ship import FLOOR, Shipped, shipped
from .stored import printable

SCREEN = 24  # rows of the first table; with more arrays, those whose names differ in numbers alone share a row


def overview(report: Report) -> str:
    """The whole model."""
    least = min(report.options.bits)
    lines = [f"{report.file or 'arrays'}: {count(len(report.records), 'array')}", "", *_table(report), LEGEND, ""]
    if report.stay:
        lines += [f"Stay float: {count(len(report.stay), 'array')} of one axis or fewer than {SMALL:,} values, "
                  f"{sum(report.stay.values()):,} bytes."]
    if report.left_out:
        few = ", ".join(f"{printable(name)} ({why})" for name, why in list(report.left_out.items())[:3])
        lines += [f"Left out: {count(len(report.left_out), 'array')}: {few}{' ...' * (len(report.left_out) > 3)}"]
    lines += ["", f"At {least} bits these lose most:"]
    for r in report.worst(5):
        best = r.recommended[least]
        lines += [paragraph(f"- {printable(r.array)}: {shown(best.found.sqnr_db)} dB, worst channel "
                            f"{shown(best.found.worst_channel_db)} dB, with {best.found.scheme}: {best.reason}.")]
    return "\n".join([*lines, "", *_costs(report)])


def _table(report: Report) -> list[str]:
    head, fold = ["array", "shape"], len(report.records) > SCREEN
    for bits in report.options.bits:
        head += [f"at {bits} bits", "SQNR dB", "worst channel dB", "bytes"]
    groups: dict[tuple[str, str], list[Record]] = {}
    for r in report.records:
        name = printable(re.sub(r"\d+", "*", r.array) if fold else r.array)
        groups.setdefault((name, "x".join(map(str, r.shape)) or "1"), []).append(r)
    rows = [[f"{name} ({len(group)})" if fold else name, shape, *(
        cell for bits in report.options.bits for cell in _cells([r.recommended[bits].found for r in group]))]
        for (name, shape), group in list(groups.items())[:SCREEN]]
    more = [f"... and {len(groups) - SCREEN} rows more; --all shows each array"] * (len(groups) > SCREEN)
    note = "Numbers in names are *, with how many arrays; dB are the lowest, bytes the sum; --all shows each array."
    return [*aligned([head, *rows], left=2), *more, *[note] * fold]


def _cells(best: Sequence[Measured]) -> list[str]:
    (scheme, n), = Counter(str(b.scheme) for b in best).most_common(1)
    dead, sample = sum(b.dead for b in best), "~" * any(b.sampled for b in best)
    return [scheme + " ..." * (n < len(best)) + f" ({dead} all 0)" * (dead > 0),
            sample + shown(min(b.sqnr_db for b in best)), sample + shown(min(b.worst_channel_db for b in best)),
            f"{sum(b.bytes for b in best):,}"]


def _costs(report: Report) -> list[str]:
    """Bytes before and after: each array as recommended, and one scheme for all."""
    before = sum(r.bytes for r in report.records) + sum(report.stay.values())
    rows = [["all arrays", "bytes", "of now", "mean SQNR dB", "lowest"], ["now", f"{before:,}", "100 %", "", ""]]
    ships = [shipped(report, bits) for bits in report.options.bits]
    for ship in ships:
        each = [r.recommended[ship.bits].found for r in report.records]
        name = f"{ship.name} for all" + " ~" * any(m.sampled for m in ship.all)
        for what, some in ((f"{ship.bits} bits, each array its own", each), (name, ship.all)):
            size = sum(b.bytes for b in some) + sum(report.stay.values())
            every = [min(b.sqnr_db, 200) for b in some]
            rows += [[what, f"{size:,}", f"{100 * size / before:.1f} %", f"{sum(every) / len(every):.1f}",
                      f"{min(every):.1f}"]]
    return [*aligned(rows), "", *map(paragraph, _verdict(ships, before)), ""]


def _verdict(ships: Sequence[Shipped], before: int) -> list[str]:
    """The fewest bits at which nine tenths of the values lie in arrays above the floor."""
    good = [ship for ship in ships if ship.share_left <= 0.1]
    caution = "SQNR says what weights lose, not what the network loses: test it on your data."
    if not good:
        return [f"To ship: none of these widths: more than a tenth of the values lie in arrays below {FLOOR:g} dB (an "
                f"error of 18 %). Ask for more --bits. {caution}"]
    best = good[-1]
    lines = [f"To ship: {best.name}, {best.bytes:,} bytes, {100 * best.bytes / before:.1f} % of now. Engines: "
             f"{best.engines}.", caution]
    if best.left:
        kept = "; ".join(f"{printable(name)} ({why})" for name, why in list(best.left.items())[:8])
        lines.insert(1, f"Except {count(len(best.left), 'array')}, which it would leave below {FLOOR:g} dB (an error "
                        f"of 18 %) or with channels all 0: {kept}{' ...' * (len(best.left) > 8)}.")
    return lines


def details(r: Record) -> str:
    """Every scheme of one array, the best first."""
    head = ("bits", "scheme", "SQNR dB", "channels alike dB", "worst channel dB", "all 0", "bytes", "bits per value")
    chosen = [best.found for best in r.recommended.values()]
    ordered = sorted(r.schemes, key=lambda m: (-m.scheme.grid.bits, -m.channel_sqnr_db))
    rows = [("* " * (m in chosen) + str(m.scheme.grid.bits), str(m.scheme), "~" * m.sampled + shown(m.sqnr_db),
             shown(m.channel_sqnr_db), shown(m.worst_channel_db), str(m.dead), f"{m.bytes:,}",
             f"{m.bits_per_value:.3f}") for m in ordered]
    bad = f"; {r.nonfinite:,} NaN or infinite values counted as 0" * (r.nonfinite > 0)
    return "\n".join([f"{printable(r.array)}: {r.dtype} {r.shape}, from {r.minimum:.6g} to {r.maximum:.6g}{bad}",
                      *aligned([head, *rows], left=2), *(
                          paragraph(f"* {b.found.scheme}: {b.reason}. Engines: {b.engines}.")
                          for b in r.recommended.values()), ""])


def shown(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "exact" if value > 0 else "overflow"
