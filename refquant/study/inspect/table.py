"""What the command prints: one table for the whole model, what it costs, what to ship; an array in detail."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median_low

from ..aligned import aligned, paragraph
from ..results import count
from .measure import NOTHING, Measured
from .report import SMALL, Record, Report
from .schemes import LEGEND
from .ship import FEW, FLOOR, Shipped, shipped
from .stored import printable

MEANING = ("Channel mean: of noise over signal, on the worse axis; schemes are chosen by it. All 0: channels whose "
           f"values become 0; those of at most 1/{1 / NOTHING:,.0f} of the array's largest |x| count as 0 before.")
SCREEN = 24  # rows of the first table; with more arrays, those whose names differ in numbers alone share a row


def overview(report: Report) -> str:
    """The whole model."""
    least, records, stay = min(report.options.bits), report.records, report.stay
    lines = [f"{report.file or 'arrays'}: {len(records)} of {count(len(records) + len(stay), 'float array')} measured",
             "", *_table(report), paragraph(LEGEND), paragraph(MEANING), ""]
    if stay:
        lines += [f"Stay float: {count(len(stay), 'array')} of one axis or fewer than {SMALL:,} values"
                  f"{', or without room for blocks of these formats' * bool(report.options.formats)}, "
                  f"{sum(stay.values()):,} bytes."]
    if report.left_out:
        lines += [f"Left out: {count(len(report.left_out), 'array')}: " + _few(report.left_out, 3)]
    if bad := {r.array: f"{r.nonfinite:,}" for r in records if r.nonfinite}:
        total = count(sum(r.nonfinite for r in records), "value")
        lines += [f"NaN or infinite, counted as 0: {total}: {_few(bad, 3)}"]
    lines += ["", f"At {least} bits {'these lose most:' if report.worst(1) else 'no array loses anything.'}"]
    for found, why, _, name in ((*r.recommended[least], r.array) for r in report.worst(5)):
        lines += [paragraph(f"- {printable(name)}: channel mean {shown(found.channel_sqnr_db)} dB, worst channel "
                            f"{shown(found.worst_channel_db)} dB, with {found.scheme}: {why}.")]
    return "\n".join([*lines, "", *_costs(report)])


def _few(of_names: Mapping[str, str], most: int) -> str:
    """What is said, each of the names of which it is said."""
    names = {said: [printable(name) for name, other in of_names.items() if other == said]
             for said in of_names.values()}
    found = [f"{', '.join(each[:8])}{', ...' * (len(each) > 8)} ({said})" for said, each in names.items()]
    return "; ".join(found[:most]) + f"; and {len(found) - most} more in inspect.json" * (len(found) > most)


def _table(report: Report) -> list[str]:
    head, fold = ["array", "shape"], len(report.records) > SCREEN
    for bits in report.options.bits:
        head += [f"at {bits} bits", "SQNR dB", "channel mean dB", "worst channel dB", "bytes"]
    groups: dict[tuple[str, str], list[Record]] = {}
    for r in report.records:
        name = printable(re.sub(r"\d+", "*", r.array) if fold else r.array)
        groups.setdefault((name, "x".join(map(str, r.shape)) or "1"), []).append(r)
    rows = [[f"{name} ({len(group)})" if len(group) > 1 else printable(group[0].array), shape, *(
        cell for bits in report.options.bits for cell in _cells([r.recommended[bits].found for r in group]))]
        for (name, shape), group in list(groups.items())[:SCREEN]]
    more = [f"... and {len(groups) - SCREEN} rows more; --all shows each array"] * (len(groups) > SCREEN)
    note = ("Numbers in names are * where arrays share a row, with how many: their most frequent scheme, lowest dB, "
            "channels all 0 and bytes of all; --all shows each array.")
    return [*aligned([head, *rows], left=2), *more, *[paragraph(note)] * fold]


def _cells(best: Sequence[Measured]) -> list[str]:
    (scheme, n), = Counter(str(b.scheme) for b in best).most_common(1)
    dead, sample = sum(b.dead for b in best), "~" * any(b.sampled for b in best)
    lowest = (min(values) for values in zip(*((b.sqnr_db, b.channel_sqnr_db, b.worst_channel_db) for b in best),
                                            strict=True))
    return [scheme + " ..." * (n < len(best)) + f" ({dead} all 0)" * (dead > 0), *(sample + shown(db) for db in lowest),
            f"{sum(b.bytes for b in best):,}"]


def _costs(report: Report) -> list[str]:
    """Bytes before and after: each array as recommended, and one scheme with its exceptions."""
    measured = sum(r.bytes for r in report.records)
    before = measured + sum(report.stay.values())
    rows = [["all arrays", "bytes", "of now", "median SQNR dB", "lowest", "values that need more bits"],
            ["now", f"{before:,}", "100 %", "", "", ""]]
    ships = [shipped(report, bits) for bits in report.options.bits]
    for ship in ships:
        own, every = [r.recommended[ship.bits].found for r in report.records], [m for m in ship.each.values() if m]
        name = f"{ship.scheme}{f', {len(ship.excepted)} excepted' if ship.excepted else ' for all'}"
        for what, some, size, more in (
                (f"{ship.bits} bits, each array its own", own, sum(m.bytes for m in own) + before - measured, ""),
                (name, every, ship.bytes, f"{100 * ship.more_bits:.1f} %")):
            dbs = [m.sqnr_db for m in some] or [math.inf]
            rows += [[what + " ~" * any(m.sampled for m in some), f"{size:,}", f"{100 * size / before:.1f} %",
                      shown(median_low(dbs)), shown(min(dbs)), more]]
    return [*aligned(rows), "", *map(paragraph, _verdict(ships, before)), ""]


def _verdict(ships: Sequence[Shipped], before: int) -> list[str]:
    """The fewest bits at which few values need more."""
    rule = f"{100 * FEW:g} % of the values need more, to have at least {FLOOR:g} dB (an error of 18 %)"
    caution = "SQNR says what weights lose, not what the network loses: test it on your data."
    good = [ship for ship in ships if ship.more_bits <= FEW]
    if not good:
        return [f"To ship: none of these bits: at each more than {rule}. Ask for more --bits. {caution}"]
    best = good[-1]
    lines = [f"To ship: {best.scheme}{' with the exceptions below' * bool(best.excepted)}, {best.bytes:,} bytes, "
             f"{100 * best.bytes / before:.1f} % of now: the fewest of these bits at which at most {rule}. Engines: "
             f"{best.engines}."]
    if best.excepted:
        lines += [f"Except {count(len(best.excepted), 'array')}, each with the scheme in brackets: "
                  f"{_few(best.excepted, 8)}."]
    if left := {name: m.lost for name, m in best.each.items() if m and m.dead}:
        lines += [f"Channels that this still makes all 0: {_few(left, 8)}."]
    return [*lines, caution]


def details(r: Record) -> str:
    """Every scheme of one array, the best first."""
    head = ("bits", "scheme", "SQNR dB", "channel mean dB", "worst channel dB", "all 0", "bytes", "bits per value")
    chosen = [best.found for best in r.recommended.values()]
    ordered = sorted(r.schemes, key=lambda m: (-m.scheme.grid.bits, -m.channel_sqnr_db))
    rows = [("* " * (m in chosen) + str(m.scheme.grid.bits), str(m.scheme), "~" * m.sampled + shown(m.sqnr_db),
             shown(m.channel_sqnr_db), shown(m.worst_channel_db), str(m.dead), f"{m.bytes:,}",
             f"{m.bits_per_value:.3f}") for m in ordered]
    bad = f"; {r.nonfinite:,} NaN or infinite values counted as 0" * (r.nonfinite > 0)
    return "\n".join([f"{printable(r.array)}: {r.dtype} {r.shape}, from {r.minimum:.6g} to {r.maximum:.6g}{bad}",
                      *aligned([head, *rows], left=2), *(
                          paragraph(f"* {b.found.scheme}: {b.reason}. Engines: {b.engines}.")
                          for bits, b in r.recommended.items() if b.found.scheme.grid.bits == bits), ""])


def shown(value: float) -> str:
    return f"{value:.1f}" if math.isfinite(value) else "exact" if value > 0 else "overflow"
