"""What the command prints: one table for the whole model, what it costs, what to ship; an array in detail."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from ..aligned import aligned, paragraph
from ..results import count
from .measure import NOTHING, Measured
from .recommend import FLOOR, shown
from .report import SMALL, Record, Report
from .schemes import LEGEND
from .ship import FEW, Shipped, fewest, shipped
from .stored import printable

MEANING = ("Balanced dB decide: the SQNR of all values or, if lower, of the channels of an axis, each alike (the mean "
           f"of their noise over signal). Channels of |x| up to 1/{1 / NOTHING:,.0f} of the largest do not count.")
SCREEN = 24  # rows of the first table; with more arrays, those whose names differ in numbers alone share a row


def overview(report: Report) -> str:
    """The whole model."""
    least, records, stay = min(report.options.bits), report.records, report.stay
    head = [f"{report.file or 'arrays'}: {len(records)} of {count(len(records) + len(stay), 'float array')} measured",
            "", *_table(report)]
    lines = ["", *[f"Stay float: {count(len(stay), 'array')} of one axis or fewer than {SMALL:,} values"
                   f"{', or without room for blocks of these formats' * bool(report.options.formats)}, "
                   f"{sum(stay.values()):,} bytes."] * bool(stay)]
    bad = {r.array: count(r.nonfinite, "value") for r in records if r.nonfinite}
    errors = {r.array: (r.shape, r.minimum, r.maximum, *(m.sqnr_db for m in r.schemes)) for r in records}
    first = {each: name for name, each in reversed(errors.items())}
    same = {name: printable(first[each]) for name, each in errors.items() if first[each] != name}
    for what, of_names in (("Left out", report.left_out), ("Not finite, counted as 0", bad),
                           ("With the same values as the one in brackets", same)):
        lines += [f"{what}: {_few(of_names, 3)}."] * bool(of_names)
    lines += [""] * (lines[-1] != "") + [
        f"At {least} bits {'these lose most:' if report.worst(1) else 'no array loses anything.'}"]
    for found, why, _, name in ((*r.recommended[least], r.array) for r in report.worst(5)):
        lines += [paragraph(f"- {printable(name)}: balanced {shown(found.balanced_db)} dB, worst channel "
                            f"{shown(found.worst_channel_db)} dB, with {found.scheme}: {why}.")]
    lines += ["", *_costs(report)]
    legend = [text for part, text in LEGEND.items() if re.search(part, "\n".join(head + lines))]
    return "\n".join([*head, paragraph(" ".join([*legend, MEANING])), *lines])


def _few(of_names: Mapping[str, str], most: int) -> str:
    """What is said, each of the names of which it is said."""
    names = {said: [printable(name) for name, other in of_names.items() if other == said]
             for said in of_names.values()}
    found = [f"{', '.join(each[:SCREEN])}{', ...' * (len(each) > SCREEN)} ({said})" for said, each in names.items()]
    return "; ".join(found[:most]) + f"; and {len(found) - most} more in inspect.json" * (len(found) > most)


def _table(report: Report) -> list[str]:
    head, fold = ["array", "shape"], len(report.records) > SCREEN
    for bits in report.options.bits:
        head += [f"at {bits} bits", "balanced dB", "SQNR dB", "worst channel dB", "bytes"]
    groups: dict[tuple[str, str], list[Record]] = {}
    for r in report.records:
        name = printable(re.sub(r"\d+", "*", r.array) if fold else r.array)
        groups.setdefault((name, "x".join(map(str, r.shape)) or "1"), []).append(r)
    rows = [[f"{name} ({len(group)})" if len(group) > 1 else printable(group[0].array), shape, *(
        cell for bits in report.options.bits for cell in _cells([r.recommended[bits].found for r in group]))]
        for (name, shape), group in list(groups.items())[:SCREEN]]
    more = [f"... and {len(groups) - SCREEN} rows more; --all shows each array"] * (len(groups) > SCREEN)
    note = "*: a number, where arrays share a row: most frequent scheme, lowest dB, bytes of all; --all shows each."
    return [*aligned([head, *rows], left=2), *more, *[paragraph(note)] * fold]


def _cells(best: Sequence[Measured]) -> list[str]:
    (scheme, n), = Counter(str(b.scheme) for b in best).most_common(1)
    dead = sum(b.dead for b in best)
    lowest = map(min, zip(*((b.balanced_db, b.sqnr_db, b.worst_channel_db) for b in best), strict=True))
    return [scheme + " ..." * (n < len(best)) + f" ({dead} all 0)" * (dead > 0), *map(shown, lowest),
            f"{sum(b.bytes for b in best):,}"]


def _costs(report: Report) -> list[str]:
    """Bytes before and after, in one scheme with its exceptions."""
    before = sum(r.bytes for r in report.records) + sum(report.stay.values())
    rows = [["all arrays", "bytes", "of now", "lowest balanced dB", "values that need more bits"],
            ["now", f"{before:,}", "100 %", "", ""]]
    ships = [shipped(report, bits) for bits in report.options.bits]
    for ship in ships:
        taken = [m for m in ship.each.values() if m]
        name = ship.scheme + (f", {len(ship.excepted)} excepted" if ship.excepted else " for all") + (
            f", {len(ship.each) - len(taken)} of them float" * (len(taken) < len(ship.each)))
        lowest = [m.mark + shown(m.balanced_db) for m in sorted(taken, key=lambda m: m.balanced_db)] or [""]
        rows += [[name, f"{ship.bytes:,}", f"{100 * ship.bytes / before:.1f} %", lowest[0],
                  f"{100 * ship.more_bits:.1f} %"]]
    return [*aligned(rows), "", *map(paragraph, _verdict(ships, before))]


def _verdict(ships: Sequence[Shipped], before: int) -> list[str]:
    """The fewest bits at which few values need more."""
    few = f"{100 * FEW:g} % of the values need more, to have {FLOOR:g} dB (an error of 18 %)"
    caution = "This is what weights lose, not what the network loses: test it on your data."
    best = fewest(ships)
    if not best or best.bytes >= before:
        return [f"To ship: none of these bits: at each more than {few}, or no byte is saved. {caution}"]
    cut = {name: how for name, m in best.each.items()
           if m and name not in best.excepted and (how := str(m.scheme)[len(m.scheme.name) + 1:])}
    left = {name: m.lost for name, m in best.each.items() if m and m.dead}
    lines = [f"To ship: {best.scheme}{' with the exceptions below' * bool(best.excepted)}, {best.bytes:,} bytes, "
             f"{100 * best.bytes / before:.1f} % of now. These are the fewest bits at which at most {few}; of their "
             "schemes it fits the most arrays, then has the fewest bytes, then the most engines. Engines that take all "
             f"of it: {best.engines}."]
    for what, of_names in (("Ranges cut", cut), ("Excepted, each with the scheme in brackets", best.excepted),
                           ("Channels that this still makes all 0", left)):
        lines += [f"{what}: {_few(of_names, 12)}."] * bool(of_names)
    return [*lines, caution]


def details(r: Record) -> str:
    """Every scheme of one array, the best first."""
    head = ("bits", "scheme", "balanced dB", "SQNR dB", "worst channel dB", "all 0", "bytes", "bits per value")
    chosen = [best.found for best in r.recommended.values()]
    ordered = sorted(r.schemes, key=lambda m: (-m.scheme.grid.bits, -m.balanced_db))
    rows = [("* " * (m in chosen) + str(m.scheme.grid.bits), str(m.scheme), *(
        m.mark + text for text in (*map(shown, (m.balanced_db, m.sqnr_db, m.worst_channel_db)), str(m.dead))),
        f"{m.bytes:,}", f"{m.bits_per_value:.3f}") for m in ordered]
    bad = f"; {count(r.nonfinite, 'value')} not finite, counted as 0" * (r.nonfinite > 0)
    return "\n".join([f"{printable(r.array)}: {r.dtype} {r.shape}, from {r.minimum:.6g} to {r.maximum:.6g}{bad}",
                      *aligned([head, *rows], left=2), *(
                          paragraph(f"* {b.found.scheme}: {b.reason}. Engines: {b.engines}.")
                          for bits, b in r.recommended.items() if b.found.scheme.grid.bits == bits), ""])

