"""What `refquant inspect` shows of one array: where the rules end its range, and what a clip costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..plots.style import BLACK, BLUE, FIT_STYLES, RED, SKY, slide, styled
from .recommend import short
from .report import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def tensor_ranges(report: Report) -> Figure:
    """The histogram, counts on a logarithmic scale, and below it each rule's range, per tensor, with its SQNR."""
    record, (edges, counts, unit) = report.record, report.histogram
    schemes = {(s["fit"], s["rule"]): s for s in record["schemes"] if s["granularity"] == "tensor"}
    rules = list(dict.fromkeys(rule for _, rule in schemes))
    drawn, (above, below) = slide(nrows=2, sharex=True, height_ratios=(1, 1.5))
    factor, reals = _decimal(float(np.abs(edges).max()), unit)
    above.stairs(np.maximum(counts, 0.5), edges * factor, baseline=0.5, fill=True, color=SKY)
    above.set(yscale="log", ylim=(0.5, max(10, 2 * counts.max())), ylabel="values per bin\n(log scale)")
    above.set_title(_title(report), fontsize=14)
    for i, rule in enumerate(rules):
        for fit, up in (("symmetric", 0.17), ("affine", -0.17)):
            lo, hi = (end / unit * factor for end in schemes[fit, rule]["range"])
            ends = (-max(-lo, hi), max(-lo, hi)) if fit == "symmetric" else (min(lo, 0), max(hi, 0))
            below.plot(ends, [up - i] * 2, **{**FIT_STYLES[fit], "marker": "|", "markersize": 9, "linewidth": 3,
                                              "label": "_" if i else f"{fit} range"})
        below.annotate(" / ".join(short(schemes[fit, rule]) for fit in FIT_STYLES), (1.02, -i),
                       xycoords=("axes fraction", "data"), va="center", fontsize=12)
    below.annotate(f"SQNR, dB\n{' / '.join(FIT_STYLES)}", (1.02, 0.85), xycoords=("axes fraction", "data"), va="center",
                   fontsize=11)
    below.set_yticks([-i for i in range(len(rules))], [_words(rule, record["percent"]) for rule in rules])
    below.set(ylim=(0.5 - len(rules), 0.6), xlabel=f"x, in {reals}")
    below.grid(False, axis="y")
    drawn.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


@styled
def error_against_clip(report: Report) -> Figure:
    """The rounding part, the clipping part and their sum against the clip, symmetric per tensor; the least marked."""
    errors, best = report.clip_error, report.record["best_clip"]
    drawn, axes = slide()
    axes.set_title(_title(report) + ", symmetric per tensor", fontsize=14)
    axes.set_ylabel("mean squared error,\nover mean(x²) (log scale)")
    if errors is None or best is None:
        axes.set(xlabel="clip, as a share of max|x|", xticks=[], yticks=[])
        axes.annotate("every value is 0: no clip makes an error", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return drawn
    for part, look in ((errors.rounding, {"color": BLUE, "linestyle": "--", "label": "rounding: values inside"}),
                       (errors.clipping, {"color": RED, "linestyle": "-.", "label": "clipping: values beyond"}),
                       (errors.total, {"color": BLACK, "label": "sum of both"})):
        axes.plot(errors.share, np.where((part > 0) & np.isfinite(part), part, np.nan), **look)
    bottom = max(errors.total[errors.total > 0].min() / 100, 1e-16)
    axes.plot(best["share"], max(best["total"], 2 * bottom), color=BLACK, marker="o", markersize=11, linestyle="",
              label=f"least: {best['total']:.2g}, clip at {best['share']:.3g}", clip_on=False)
    far = best["share"] < 0.1
    axes.set(xscale="log" if far else "linear", xlim=(errors.share[0] if far else 0, 1.02), yscale="log",
             ylim=(bottom, 3), xlabel="clip, as a share of max|x|" + (" (log scale)" if far else ""))
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


def _title(report: Report) -> str:
    """The array in ASCII, which every font has, and without mathematics."""
    record = report.record
    name = ascii(record["array"])[1:-1].replace("$", r"\$")
    name = name if len(name) <= 40 else f"{name[:18]} ... {name[-18:]}"
    return f"{name}: {record['dtype']} {tuple(record['shape'])}, {record['bits']} bits"


def _decimal(largest: float, unit: float) -> tuple[float, str]:
    """What multiplies values in units, a power of two, to be readable, and what they are then."""
    binary = (math.frexp(unit)[1] - 1) * math.log10(2)
    tens = math.floor(math.log10(largest) + binary)
    return (unit, "reals") if -4 <= tens <= 4 else (10 ** (binary - tens), f"1e{tens:+03d} reals")


def _words(rule: str, percent: float) -> str:
    return f"percentile {percent:g}" if rule == "percentile" else rule
