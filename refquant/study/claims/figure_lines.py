"""Means against something, a line for each method: what most sentences of the claims page are shown by."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plots.style import GREY, figure, level, styled
from ..stats import Estimate
from .picture import MEANS, QUANTITIES, WIDTH, Curves, Picture, Quantity, kept, levels, means, seeds, titled
from .styles import line_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def lines(records: Sequence[Any], _: Sequence[Any], *, x: str, xlabel: str, title: str, value: str = "accuracy",
          split: str | None = None, panel: str = "W{0}A{0}", series: str = "method",
          methods: Sequence[str] | None = None, where: Mapping[str, Any] | None = None, log_x: bool = False,
          zero: str = "0", tick: str = "{:,}") -> Picture:
    """Means with intervals against x, a line for each series, a panel for each value of split.

    panel and tick are formats of the values of split and x; zero is the name of x = 0, which stands apart if log_x.
    """
    shown = kept(records, value, where, methods)
    unquantized = levels([r for r in shown if r.get("bits") == 32], value)
    points = [r for r in shown if r.get("bits") != 32]
    panels = {panel.format(here) if split else "": means([r for r in points if not split or r[split] == here], value,
                                                          series, x)
              for here in dict.fromkeys(r[split] if split else None for r in points)}
    at = _places([r[x] for r in points], x, log_x)
    names = {p: zero if p == 0 else p if isinstance(p, str) else tick.format(p) for p in at}
    return Picture(_lines(panels, unquantized, at, names, xlabel, title, QUANTITIES[value]),
                   _in_words(panels, unquantized, names, xlabel, QUANTITIES[value]), MEANS.format(seeds(records)))


@styled
def _lines(panels: Mapping[str, Curves], unquantized: Mapping[str, Estimate], at: Mapping[Any, float],
           names: Mapping[Any, str], xlabel: str, title: str, quantity: Quantity) -> Figure:
    series = list(dict.fromkeys(name for panel in panels.values() for name in panel))
    height = 0.9 + 0.27 * (len(series) + len(unquantized)) + (3.1 if len(panels) == 1 else 2.1 * len(panels))
    drawn, grid = figure(height, WIDTH, nrows=len(panels), sharex=True, squeeze=False)
    for axes, (name, panel) in zip(grid[:, 0], panels.items(), strict=True):
        for method, e in unquantized.items():
            level(axes, e, line_style(method))
        for i, one in enumerate(series):
            _curve(axes, one, panel.get(one, {}), at, 0.014 * (i - (len(series) - 1) / 2) * _span(at))
        axes.set_title(f"{name}: {quantity.name}" if name else quantity.name, loc="left", fontsize=13)
        _ticks(axes, at, names)
        if quantity is QUANTITIES["accuracy"]:
            _stretch(axes, 0.1 if len(panels) == 1 else 0.15)
        elif quantity.is_share or quantity.name == "bytes":
            axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])
            axes.yaxis.set_major_formatter("{x:,.0f}")
    grid[-1, 0].set_xlabel(xlabel)
    titled(drawn, title)
    handles = {label: handle for axes in grid[:, 0] for handle, label in zip(*axes.get_legend_handles_labels(),
                                                                             strict=True)}
    drawn.legend(handles.values(), handles, loc="outside lower left")
    return drawn


def _curve(axes: Axes, name: str, curve: Mapping[Any, Estimate], at: Mapping[Any, float], shift: float) -> None:
    """A line with error bars; words, and 0 on a log scale, are not joined; a single point is levelled across."""
    style = {"linestyle": "-", **line_style(name)}
    style["marker"] = style.get("marker") or "x"
    apart = [p for p in curve if isinstance(p, str) or (p == 0 and at[p] != 0)]
    groups = [[p for p in curve if p not in apart], *([p] for p in apart)]
    for group in filter(None, groups):
        y = [curve[p] for p in group]
        axes.errorbar([at[p] + shift for p in group], [e.mean for e in y], [e.half_width or 0 for e in y], capsize=3,
                      **style if len(group) > 1 else {**style, "linestyle": ""})
    if len(curve) == 1:
        axes.axhline(next(iter(curve.values())).mean, color=style["color"], linewidth=1, linestyle=":", zorder=1)


def _places(values: Iterable[Any], x: str, log_x: bool) -> dict[Any, float]:
    """Where each value of x stands: bits fall to the right, words stand in a row, 0 on a log scale stands apart."""
    found = list(dict.fromkeys(values))
    if x == "bits" or any(isinstance(v, str) for v in found):
        return {v: float(i) for i, v in enumerate(sorted(found, reverse=True) if x == "bits" else found)}
    if not log_x:
        return {v: float(v) for v in sorted(found)}
    logs = {v: math.log10(v) for v in sorted(found) if v > 0}
    return {**({0: min(logs.values()) - 0.18 * _span(logs)} if 0 in found else {}), **logs}


def _span(at: Mapping[Any, float]) -> float:
    return max(at.values()) - min(at.values()) or 1.0


def _ticks(axes: Axes, at: Mapping[Any, float], names: Mapping[Any, str]) -> None:
    """As many names of places as there is room for, from the right; a line between 0 and a log scale."""
    kept: list[Any] = []
    for p in sorted(at, key=lambda p: -at[p]):
        if not kept or at[kept[-1]] - at[p] > _span(at) * (0.02 + 0.012 * (len(names[p]) + len(names[kept[-1]]))) \
                or isinstance(p, str) or p == 0:
            kept.append(p)
    axes.set_xticks([at[p] for p in kept], [textwrap.fill(names[p], 12) for p in kept])
    axes.set_xlim(min(at.values()) - 0.06 * _span(at), max(at.values()) + 0.06 * _span(at))
    if 0 in at and at[0] < 0:
        axes.axvline((at[0] + min(v for p, v in at.items() if p != 0)) / 2, color=GREY, linewidth=1)


def _stretch(axes: Axes, apart: float) -> None:
    """Accuracy on a scale of the errors' logarithm: 97 and 98.5 % differ as 40 and 70 %; guessing, where it is near.

    apart: the least distance of two ticks, as a share of the height.
    """
    def height(accuracy: Any) -> Any:
        return -np.log10(np.maximum(100 - np.asarray(accuracy), 0.1))

    def accuracy(height: Any) -> Any:
        return 100 - 10 ** -np.asarray(height)

    lo, hi = height(np.clip(axes.dataLim.intervaly, 5, 99.5))
    if accuracy(lo) < 30:
        axes.axhline(10, color=GREY, linewidth=1.5, linestyle=":", label="guessing, 10 %")
    pad = max(0.06 * (hi - lo), 0.02)
    lo, hi = lo - pad, hi + pad
    ticks: list[float] = []
    for tick in (90, 95, 98, 80, 50, 99, 97, 10, 70, 96, 94, 93, 92, 91, 85, 30, 97.5, 96.5, 98.5, 97.2, 96.8):
        if lo <= height(tick) <= hi and all(abs(height(tick) - height(t)) > apart * (hi - lo) for t in ticks):
            ticks.append(tick)
    axes.set_yscale("function", functions=(height, accuracy))
    axes.set(ylim=(accuracy(lo), accuracy(hi)), yticks=ticks, yticklabels=[str(t) for t in ticks])
    axes.minorticks_off()


def _in_words(panels: Mapping[str, Curves], unquantized: Mapping[str, Estimate], names: Mapping[Any, str], xlabel: str,
              quantity: Quantity) -> str:
    """Of each line at most six points."""
    def points(curve: Mapping[Any, Estimate]) -> str:
        few = [*list(curve)[:-1:-(-len(curve) // 5)], list(curve)[-1]]
        return ", ".join(f"{quantity.form.format(curve[p].mean)} ({names[p]})" for p in few)

    parts = [f"{line_style(name)['label']} {quantity.form.format(e.mean)}" for name, e in unquantized.items()]
    for name, panel in panels.items():
        parts += [f"{name and f'{name}, '}{line_style(one)['label']}: {points(curve)}" for one, curve in panel.items()]
    return f"{quantity.name}, against {xlabel}. {'; '.join(parts)}."
