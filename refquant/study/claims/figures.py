"""What the claims page shows: narrow pictures that a phone can hold, each with what it shows in words."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..plots.style import BLACK, GREY, VERDICTS, figure, styled
from ..stats import Estimate
from .figure_lines import lines
from .picture import MEANS, QUANTITIES, WIDTH, Picture, Quantity, kept, levels, seeds, titled
from .styles import line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "effects", "lines"]


def bars(records: Sequence[Any], _: Sequence[Any], *, value: str, title: str,
         methods: Sequence[str] | None = None, where: Mapping[str, Any] | None = None, log_x: bool = False) -> Picture:
    """A bar for each method, its mean beside it; 0 has no bar, on a log scale too."""
    found = levels(kept(records, value, where, methods), value)
    words = "; ".join(f"{line_style(m)['label']} {QUANTITIES[value].form.format(e.mean)}" for m, e in found.items())
    same = all(e.half_width == 0 for e in found.values())
    return Picture(_bars(found, QUANTITIES[value], title, log_x), f"{QUANTITIES[value].name}: {words}.",
                   f"The same for each of {seeds(records)} seeds." if same else MEANS.format(seeds(records)))


@styled
def _bars(found: Mapping[str, Estimate], quantity: Quantity, title: str, log_x: bool) -> Figure:
    drawn, axes = figure(1.2 + 0.5 * len(found), WIDTH)
    largest = max(e.mean + (e.half_width or 0) for e in found.values()) or 1
    smallest = min((e.mean for e in found.values() if e.mean > 0), default=1)
    left = smallest / 2 if log_x else 0
    for y, (name, e) in zip(range(0, -len(found), -1), found.items(), strict=True):
        style = line_style(name)
        _bar(axes, y, e, style, left, log_x)
        axes.annotate(quantity.form.format(e.mean), (max(e.mean + (e.half_width or 0), left), y), (5, 0), va="center",
                      textcoords="offset points")
        axes.annotate(style["label"], (0, y + 0.2), (1, 1), xycoords=axes.get_yaxis_transform(), va="bottom",
                      textcoords="offset points")
    if log_x:
        axes.set_xscale("log")
    else:
        axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter("{x:,.4g}")
    axes.set(xlim=(left, largest * (largest / left) ** 0.25 if log_x else largest * 1.25),
             ylim=(0.4 - len(found), 0.8), yticks=[], xlabel=quantity.name + " (log scale)" * log_x)
    axes.grid(False)
    if not any(e.mean for e in found.values()):
        axes.set_xticks([0])
    titled(drawn, title)
    return drawn


def _bar(axes: Axes, y: float, e: Estimate, style: dict[str, Any], left: float, log_x: bool) -> None:
    """A bar; on a log scale, where its length would mean nothing, a mark; and the interval."""
    if e.mean > 0 and log_x:
        axes.plot([e.mean], [y], **{"marker": "o", **style, "markersize": 10, "linestyle": ""})
    elif e.mean > 0:
        axes.barh(y, e.mean - left, left=left, height=0.34, edgecolor=style["color"], linewidth=2,
                  color=style.get("markerfacecolor", style["color"]))
    if e.half_width:
        axes.plot([max(e.mean - e.half_width, left), e.mean + e.half_width], [y, y], color=BLACK, linewidth=1.2,
                  marker="|", markersize=9)


def effects(_: Sequence[Any], outcomes: Sequence[Any], *, title: str, unit: str = "points of accuracy") -> Picture:
    """Each reading's effect with its corrected interval, over the margin within which it does not matter.

    unit: "factor" for ratios, which stand on a log scale. If all compare the same, only the places are named.
    """
    found = [(r, o) for r, o in outcomes if o.effect is not None and r.rule.kind in ("more", "same")]
    words = "; ".join(f"{r.says} {o.effect:.3g}"
                      f"{'' if o.interval is None else ' ({:.3g} to {:.3g})'.format(*o.interval)}, {o.verdict}"
                      for r, o in found)
    same = len({r.says.partition(": ")[2] for r, _ in found}) == 1
    names = [textwrap.fill(r.says.partition(": ")[0] if same else r.says, 52) for r, _ in found]
    return Picture(_effects([o for _, o in found], [r.rule.same for r, _ in found], names, title, unit),
                   f"Effects, {unit}, with 95 % intervals: {words}.",
                   "Effects with their corrected 95 % intervals; right of the line they speak for the sentence. Within "
                   "the grey band a difference does not matter.")


@styled
def _effects(outcomes: Sequence[Any], margins: Sequence[float], names: Sequence[str], title: str,
             unit: str) -> Figure:
    place: Callable[[float], float] = math.log10 if unit == "factor" else float
    tops = [sum(1.5 + 0.75 * n.count("\n") for n in names[:i]) for i in range(len(names) + 1)]
    drawn, axes = figure(1.5 + 0.4 * tops[-1], WIDTH)
    for o, margin, name, top in zip(outcomes, margins, names, tops, strict=False):
        y, same, style = -top - 0.75 * name.count("\n"), place(margin), VERDICTS[o.verdict]
        axes.fill_between([-same, same], y - 0.35, y + 0.35, color=GREY, alpha=0.25, linewidth=0)
        axes.plot([0, 0], [y - 0.35, y + 0.35], color=BLACK, linewidth=1.2)
        ends = [place(end) for end in o.interval or (o.effect, o.effect)]
        axes.plot(ends, [y, y], color=style["color"], marker="|")
        axes.plot([place(o.effect)], [y], linestyle="", markersize=9, **style)
        axes.annotate(name, (0, y + 0.32), (1, 1), xycoords=axes.get_yaxis_transform(), va="bottom", fontsize=12,
                      textcoords="offset points")
    for verdict in (v for v in VERDICTS if any(o.verdict == v for o in outcomes)):
        axes.plot([], [], linestyle="", markersize=9, label=verdict, **VERDICTS[verdict])
    axes.set(ylim=(0.3 - tops[-1], 0.9), yticks=[], xlabel=unit)
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    if unit == "factor":
        _factors(axes)
    elif max(map(abs, axes.get_xlim())) > 20:
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xticks([-100, -10, -1, 0, 1, 10, 100], ["−100", "−10", "−1", "0", "1", "10", "100"])
        axes.set(xlim=axes.dataLim.intervalx * 1.5, xlabel=f"{unit} (log scale beyond 1)")
    titled(drawn, title)
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=4, handletextpad=0.1,
                 columnspacing=1)
    return drawn


def _factors(axes: Axes) -> None:
    """Name the places of logarithms by their factors."""
    lo, hi = axes.get_xlim()
    lo, hi = min(lo, -0.35), max(hi, 0.35)
    steps = (1, 2, 5) if hi - lo < 3 else (1,)
    factors = [s * 10.0**e for e in range(math.floor(lo), math.ceil(hi) + 1) for s in steps]
    axes.set_xticks([math.log10(f) for f in factors], [f"× {f:g}" for f in factors])
    axes.set_xlim(lo, hi)
