"""The trade-off in a picture: bits per value against balanced dB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...gaussian import block_gaussian_mse
from ...grids import IntGrid
from ...ranges import symmetric_params
from ..plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, RED, WINE, slide, styled
from ..results import count
from .measure import Measured
from .report import Record, Report
from .schemes import Scheme
from .ship import fewest, shipped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What a point looks like, and what that says; only what a picture shows is explained.
LEGEND = (("marker", "o", "one scale"), ("marker", "s", "a scale for each index of an axis"),
          ("marker", "^", "a scale for each block"), ("color", ORANGE, "integers, symmetric"),
          ("color", BLUE, "integers, affine"), ("color", RED, "floats"), ("color", GREEN, "MX"),
          ("color", WINE, "NVFP4, NF4"), ("markerfacecolor", "white", "hollow: not along axis 0"))


class Point(NamedTuple):
    """A scheme: bits per value with scales, balanced dB, and ~ if a sample was measured."""

    scheme: Scheme
    bits: float
    db: float
    mark: str


RING = {"color": BLACK, "linestyle": "", "fillstyle": "none", "marker": "o", "markersize": 20}
MARKS = {"recommended at each width": RING, "to ship, exceptions included": {**RING, "marker": "D", "markersize": 24}}


def trade_offs(report: Report) -> dict[str, Figure]:
    """The whole model's picture."""
    found, name = points(report.records), _title(report.file or "arrays")
    title = (f"{name}: mean noise over signal of {count(len(report.records), 'array')}, by their values\n"
             "An array without room for a scheme takes its own.")
    return {"trade_off.png": trade_off(title, found, _marked(report))} if found else {}


def points(records: Sequence[Record]) -> list[Point]:
    """Each scheme on all arrays together, each with the range that has the most dB.

    An array without room for a scheme takes the one that is recommended for it, on at most half the values.
    """
    total, result = sum(r.values for r in records), list[Point]()
    each = [{m.scheme.name: m for m in sorted(r.schemes, key=lambda m: m.balanced_db)} for r in records]
    for name, first in {name: m.scheme for some in each for name, m in some.items()}.items():
        taken = [some.get(name) or r.recommended[first.grid.bits].found for r, some in zip(records, each, strict=True)]
        if 2 * sum(r.values for r, some in zip(records, each, strict=True) if name in some) >= total:
            result += [Point(first, *place, "~" * any(m.sampled for m in taken)) for place in _together(records, taken)]
    return result


def _together(records: Sequence[Record], taken: Sequence[Measured | None]) -> list[tuple[float, float]]:
    """Bits per value, and dB of noise over signal in the mean over values; none without an error or with overflow."""
    total = sum(r.values for r in records)
    noise = sum(r.values * 10 ** (-max(m.balanced_db, -300) / 10) for r, m in zip(records, taken, strict=True) if m)
    size = sum(m.bytes if m else r.bytes for r, m in zip(records, taken, strict=True))
    return [(8 * size / total, -10 * math.log10(noise / total))] if 0 < noise / total < 1e29 else []


def _marked(report: Report) -> list[list[tuple[float, float]]]:
    """Where MARKS stand."""
    records, widths = report.records, report.options.bits
    own = [place for bits in widths for place in _together(records, [r.recommended[bits].found for r in records])]
    best = fewest([shipped(report, bits) for bits in widths])
    return [own, _together(records, [*best.each.values()]) if best else []]


def front(found: Sequence[Point]) -> list[Point]:
    """Those that no other beats with as few bits."""
    best, kept = -math.inf, list[Point]()
    for p in sorted(found, key=lambda p: (p.bits, -p.db)):
        if p.db > best:
            best, kept = p.db, [*kept, p]
    return kept


def look(s: Scheme) -> dict[str, Any]:
    """Colour by format, shape by who shares a scale; hollow on other axes than the first."""
    color = (BLUE if s.affine else ORANGE if s.integer else GREEN if s.format.startswith("MX") else
             WINE if s.format in ("NVFP4", "NF4") else RED)
    return {"color": color, "marker": "o" if s.axis is None else "s" if s.block is None else "^",
            "markerfacecolor": "white" if s.axis else color, "linestyle": "", "markersize": 8}


def theory(first: int, last: int) -> tuple[list[float], list[float]]:
    """Bits per value and SQNR of symmetric integers in blocks of 32 with scales in float16, on Gaussian data."""
    widths = range(max(first, 2), min(last, 8) + 1)
    return [n + 0.5 for n in widths], [-10 * math.log10(block_gaussian_mse(IntGrid(n, narrow=True), 32,
                                                                           symmetric_params)) for n in widths]


@styled
def trade_off(title: str, found: Sequence[Point], marked: Sequence[list[tuple[float, float]]] = ()) -> Figure:
    """Every scheme, the Pareto front with its names, what is marked, and what integers in blocks of 32 do to Gaussian
    data."""
    drawn, (axes, side) = slide(9, ncols=2, width_ratios=(3, 1))
    for p in found:
        axes.plot(p.bits, p.db, **look(p.scheme))
    best = front(found)
    axes.plot([p.bits for p in best], [p.db for p in best], color=BLACK, linewidth=1.5, zorder=1,
              label="Pareto front of all formats; numbers: 1 dB more")
    named = [p for p, before in zip(best, [None, *best]) if before is None or p.db >= before.db + 1]
    for i, p in enumerate(named, 1):
        axes.annotate(str(i), (p.bits, p.db), (-5, 5), textcoords="offset points", ha="right", fontsize=13)
    bits = [p.scheme.grid.bits for p in found] or [8]
    axes.plot(*theory(min(bits), max(bits)), color=GREY, linestyle="--", zorder=0, marker=".",
              label="theory: Gaussian data, integers in blocks of 32")
    for (label, mark), places in zip(MARKS.items(), marked, strict=False):
        axes.plot([bits for bits, _ in places], [db for _, db in places], **mark)
        axes.plot([], [], label=label if places else None, **{**mark, "markersize": 9})
    looks = [look(p.scheme) for p in found]
    for key, value, text in LEGEND:
        if any(seen[key] == value for seen in looks):
            axes.plot([], [], **{"color": GREY, "marker": "D", "linestyle": "", "label": text, key: value})
    axes.set(xlabel="bits per value, scales included; schemes without error have no point",
             ylabel="balanced SQNR, dB (higher is better)")
    axes.set_title(title, loc="left")
    side.set_axis_off()
    side.set_title("The numbers: bits, dB", loc="left")
    for i, p in enumerate(named[:24], 1):
        side.annotate(f"{i}  {p.scheme.name}: {p.bits:.2f}, {p.mark}{p.db:.1f}", (0, 1 - i / 24), fontsize=13,
                      xycoords="axes fraction")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=13)
    return drawn


def _title(name: str) -> str:
    """The name in ASCII, which every font has, and without mathematics."""
    name = ascii(name)[1:-1].replace("$", r"\$")
    return name if len(name) <= 60 else f"{name[:28]} ... {name[-28:]}"
