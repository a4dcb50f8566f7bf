"""The trade-off in pictures: bits per value against SQNR, for a model and for its arrays that lose most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ...gaussian import block_gaussian_mse
from ...grids import IntGrid
from ...ranges import symmetric_params
from ..plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, RED, WINE, slide, styled
from .report import Record, Report
from .schemes import Scheme

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: What a point looks like, and what that says; only what a picture shows is explained.
LEGEND = (("marker", "o", "one scale"), ("marker", "s", "a scale for each index of an axis"),
          ("marker", "^", "a scale for each block"), ("color", ORANGE, "integers, symmetric"),
          ("color", BLUE, "integers, affine"), ("color", RED, "floats"), ("color", GREEN, "MX"),
          ("color", WINE, "NVFP4, NF4"), ("markerfacecolor", "white", "hollow: not along axis 0"))


class Point(NamedTuple):
    """A scheme: bits per value with scales, SQNR in dB."""

    scheme: Scheme
    bits: float
    sqnr: float


def trade_offs(report: Report) -> dict[str, Figure]:
    """The whole model's picture, and of a model of several arrays those that lose most."""
    n = len(report.records)
    note = f": mean noise over signal of {n} arrays\nAn array takes its own scheme where one does not fit it."
    title = _title(report.file or "arrays") + note * (n > 1)
    drawn = {"trade_off.png": (title, points(report.records))}
    for i, r in enumerate(report.worst(5) if len(report.records) > 1 else [], 1):
        drawn[f"trade_off_{i}.png"] = (_title(r.array), points([r]))
    return {name: trade_off(title, found) for name, (title, found) in drawn.items() if found}


def points(records: Sequence[Record]) -> list[Point]:
    """Each scheme on all arrays together, noise over signal in the mean over values; of several arrays whole ranges.

    An array that a scheme does not fit takes the one that is recommended for it, on at most half the values.
    """
    total, result = sum(r.values for r in records), list[Point]()
    each = [{str(m.scheme): m for m in r.schemes if m.scheme.whole or len(records) == 1} for r in records]
    for name, first in {name: m.scheme for some in each for name, m in some.items()}.items():
        taken = [some.get(name) or r.recommended[first.grid.bits].found for r, some in zip(records, each, strict=True)]
        held = sum(r.values for r, some in zip(records, each, strict=True) if name in some)
        noise = sum(r.values * 10 ** (-max(m.sqnr_db, -300) / 10) for r, m in zip(records, taken, strict=True)) / total
        if 2 * held >= total and 0 < noise < 1e29:
            result.append(Point(first, 8 * sum(m.bytes for m in taken) / total, -10 * math.log10(noise)))
    return result


def front(found: Sequence[Point]) -> list[Point]:
    """Those that no other beats with as few bits."""
    best, kept = -math.inf, list[Point]()
    for p in sorted(found, key=lambda p: (p.bits, -p.sqnr)):
        if p.sqnr > best:
            best, kept = p.sqnr, [*kept, p]
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
def trade_off(title: str, found: Sequence[Point]) -> Figure:
    """Every scheme, the Pareto front with its names, and what integers in blocks of 32 do to Gaussian data."""
    drawn, (axes, side) = slide(9, ncols=2, width_ratios=(3, 1))
    for p in found:
        axes.plot(p.bits, p.sqnr, **look(p.scheme))
    best = front(found)
    axes.plot([p.bits for p in best], [p.sqnr for p in best], color=BLACK, linewidth=1.5, zorder=1,
              label="Pareto front, numbered where it gains 1 dB")
    named = [p for p, before in zip(best, [None, *best]) if before is None or p.sqnr >= before.sqnr + 1]
    for i, p in enumerate(named, 1):
        axes.annotate(str(i), (p.bits, p.sqnr), (-5, 5), textcoords="offset points", ha="right", fontsize=13)
    bits = [p.scheme.grid.bits for p in found] or [8]
    axes.plot(*theory(min(bits), max(bits)), color=GREY, linestyle="--", zorder=0, marker=".",
              label="theory: Gaussian data, integers in blocks of 32")
    looks = [look(p.scheme) for p in found]
    for key, value, text in LEGEND:
        if any(seen[key] == value for seen in looks):
            axes.plot([], [], **{"color": GREY, "marker": "D", "linestyle": "", "label": text, key: value})
    axes.set(xlabel="bits per value, scales included", ylabel="SQNR, dB (higher is better)")
    axes.set_title(title, loc="left")
    side.set_axis_off()
    side.set_title("Pareto front: bits, dB", loc="left")
    for i, p in enumerate(named[:24], 1):
        side.annotate(f"{i}  {p.scheme}: {p.bits:.2f}, {p.sqnr:.1f}", (0, 1 - i / 24), fontsize=13,
                      xycoords="axes fraction")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=13)
    return drawn


def _title(name: str) -> str:
    """The name in ASCII, which every font has, and without mathematics."""
    name = ascii(name)[1:-1].replace("$", r"\$")
    return name if len(name) <= 60 else f"{name[:28]} ... {name[-28:]}"
