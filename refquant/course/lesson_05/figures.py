"""What lesson 05 shows: static beside dynamic ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...affine import AffineParams, dequantize, quantize
from ...calibration import dynamic_params
from ...observers import Observer
from ...study.compare.methods import line_style
from ...study.plots.style import BLACK, BLUE, GREY, RED, figure, styled
from ...study.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGES: dict[str, dict[str, Any]] = {
    "float32": line_style("float"),
    "min-max": line_style("ptq-static-minmax"),
    "percentile 99": {**line_style("ptq-static-percentile-99.9"), "label": "static, percentile 99"},
    "least MSE": {**line_style("ptq-static-mse"), "label": "static, least MSE"},
    "moving average": {"color": BLACK, "marker": "^", "label": "static, moving average"},
    "per batch": line_style("ptq-dynamic-tensor"),
    "per image": line_style("ptq-dynamic-row"),
}


@styled
def ladders(inputs: Mapping[str, ArrayLike], static: AffineParams) -> Figure:
    """Per input: its values, and beside them the reals that have a code, on the static and on its own dynamic range."""
    drawn, axes = figure(5.2, 8)
    for i, x in enumerate(inputs.values()):
        values = np.ravel(x)
        codes = np.arange(static.grid.qmin, static.grid.qmax + 1)
        for side, params, color in ((-0.22, static, RED), (0.22, dynamic_params(values, static.grid), BLUE)):
            ticks = dequantize(codes, params)
            axes.hlines(ticks, i + side - 0.1, i + side + 0.1, color=color, linewidth=1.3)
            axes.vlines(i + side, ticks[0], ticks[-1], color=color, linewidth=1)
        axes.plot(np.full(values.shape, i), values, color=BLACK, marker="o", linestyle="")
    axes.plot([], [], color=BLACK, marker="o", linestyle="", label="values of the input")
    axes.plot([], [], color=RED, marker="_", markersize=16, markeredgewidth=3, linestyle="", label="static codes")
    axes.plot([], [], color=BLUE, marker="_", markersize=16, markeredgewidth=3, linestyle="", label="dynamic codes")
    axes.set_xticks(range(len(inputs)), list(inputs))
    axes.grid(False, axis="x")
    axes.set(ylabel="reals", title="Which reals have a code")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawn


@styled
def against(panels: Mapping[str, Mapping[str, Mapping[Any, Estimate]]], xlabel: str, ylabel: str) -> Figure:
    """How each range does: means with their 95 % intervals.

    panels[title][range][x]; every x gets the same space.
    """
    drawn, axes = figure(4.6, max(7.5, 4.6 * len(panels)), ncols=len(panels), sharey=True, squeeze=False)
    for panel, (title, curves) in zip(axes[0], panels.items(), strict=True):
        places = list(dict.fromkeys(x for curve in curves.values() for x in curve))
        for i, (name, curve) in enumerate(curves.items()):
            shift = 0.05 * (i - (len(curves) - 1) / 2)  # so that none hides another
            panel.errorbar([places.index(x) + shift for x in curve], [e.mean for e in curve.values()],
                           [e.half_width or 0.0 for e in curve.values()], capsize=3, **RANGES[name])
        panel.set_xticks(range(len(places)), [str(x) for x in places])
        panel.set(xlabel=xlabel)
        panel.set_title(title)
    axes[0, 0].set_ylabel(ylabel)
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawn


@styled
def two_metrics(decibels: Mapping[str, Mapping[int, Estimate]],
                points: Mapping[str, Mapping[int, Estimate]]) -> Figure:
    """Dynamic per image minus each static rival, in dB of the logits and in points of accuracy.

    decibels[rival][bits] and points[rival][bits].
    """
    drawn, panels = figure(4.8, 10.4, ncols=2, sharey=True)
    bits = list(next(iter(decibels.values())))
    for panel, differences, title, unit, form in (
            (panels[0], decibels, "nearer to float: SQNR of the logits", "dB", "+.1f"),
            (panels[1], points, "correct more often: accuracy", "points", "+.2f")):
        for i, (rival, by_bits) in enumerate(differences.items()):
            style = {k: v for k, v in RANGES[rival].items() if k in ("color", "marker")}
            for row, e in enumerate(by_bits.values()):
                at = -row - 0.3 * (i - (len(differences) - 1) / 2)
                panel.errorbar([e.mean], [at], xerr=[e.half_width or 0.0], capsize=4, linestyle="", **style,
                               label=f"minus {RANGES[rival]['label']}" if row == 0 else None)
                text = f"{round(e.mean, 2) + 0.0:{form}} ± {e.half_width or 0.0:{form[1:]}}"
                panel.annotate(text, (1.01, at), va="center", fontsize=12, color=style["color"],
                               xycoords=("axes fraction", "data"))
        panel.axvline(0, color=GREY, linewidth=1)
        panel.set_title(title, fontsize=14)
        panel.set_xlabel(f"dynamic per image minus static, {unit}", fontsize=12)
        panel.set_yticks([-row for row in range(len(bits))], [f"W8A{b}" for b in bits])
        panel.set_ylim(0.5 - len(bits), 0.5)
    drawn.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


@styled
def two_judges(panels: Mapping[str, Mapping[str, tuple[float, float]]], floats: float) -> Figure:
    """Accuracy against the logits' SQNR, for each range, beside float's accuracy.

    panels[title][range] = (SQNR in dB, accuracy in percent).
    """
    drawn, axes = figure(4.6, 4.6 * len(panels), ncols=len(panels), sharey=True, squeeze=False)
    for panel, (title, judged) in zip(axes[0], panels.items(), strict=True):
        for name, (db, accuracy) in judged.items():
            panel.plot([db], [accuracy], **{**RANGES[name], "linestyle": "", "markersize": 13})
        panel.axhline(floats, color=BLACK, linestyle="--", label=RANGES["float32"]["label"])
        panel.set_xlabel("SQNR of the logits, dB (right: nearer)")
        panel.set_title(title)
        panel.margins(0.15)
    axes[0, 0].set_ylabel("test accuracy, %")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawn


@styled
def seen_as_codes(image: ArrayLike, params: Mapping[str, AffineParams]) -> Figure:
    """The codes of a square image under each range, as numbers and in grey; its largest value is framed.

    params[name] quantize it.
    """
    drawn, axes = figure(4.2, 4 * len(params), ncols=len(params), squeeze=False)
    side = round(np.size(image) ** 0.5)
    pixels = np.reshape(image, (side, side))
    for panel, (name, p) in zip(axes[0], params.items(), strict=True):
        codes = quantize(pixels, p)
        panel.imshow(codes, cmap="gray_r", vmin=p.grid.qmin, vmax=p.grid.qmax)
        for (row, column), q in np.ndenumerate(codes):
            panel.text(column, row, str(q), ha="center", va="center", fontsize=12,
                       color="white" if q > (p.grid.qmin + p.grid.qmax) / 2 else "black")
        row, column = np.unravel_index(int(np.argmax(pixels)), pixels.shape)
        corners = np.array([[-0.5, 0.5, 0.5, -0.5, -0.5], [-0.5, -0.5, 0.5, 0.5, -0.5]])
        panel.plot(column + corners[0], row + corners[1], color=RED, linewidth=4)
        panel.set(xticks=[], yticks=[])
        panel.grid(False)
        for spine in panel.spines.values():
            spine.set_visible(False)
        panel.set_title(name, fontsize=14)
    return drawn


@styled
def running_ranges(batches: Sequence[ArrayLike], observers: Mapping[str, Observer]) -> Figure:
    """The upper end of the range after each batch, by each observer, over the values seen."""
    drawn, axes = figure(4.4, 8)
    for i, batch in enumerate(batches):
        values = np.ravel(batch)
        axes.plot(np.full(values.size, i + 1), values, color=GREY, marker=".", markersize=4, linestyle="", alpha=0.35,
                  label="values of each batch" if i == 0 else None)
        axes.plot(i + 1, values.max(), color=GREY, marker="o", markersize=11, markerfacecolor="none", linestyle="",
                  label="the largest of each" if i == 0 else None)
    for name, observer in observers.items():
        seen = [observer.observe(batch) for batch in batches]
        ends = [float(observer.range(reduce(observer.merge, seen[:n + 1]))[1]) for n in range(len(seen))]
        axes.plot(range(1, len(ends) + 1), ends, **{**RANGES[name], "markersize": 5})
    axes.set(xlabel="batches seen", ylabel="upper end of the range, reals")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


@styled
def passes(n: int) -> Figure:
    """When each of n values is read, and when its code can be written: static in one pass, dynamic in two."""
    drawn, panels = figure(3.5, 8, ncols=2, sharey=True, width_ratios=(1, 2))
    for panel, name, ends in ((panels[0], "static: one pass", (n,)), (panels[1], "dynamic: two passes", (n, 2 * n))):
        for i, end in enumerate(ends):
            panel.plot(np.arange(end - n, end) + 1, np.arange(n) + 1, color=GREY, marker="o", markersize=9,
                       markerfacecolor="white", linestyle="", label="value read" if i == 0 else None)
        panel.plot(np.arange(ends[-1] - n, ends[-1]) + 1, np.arange(n) + 1, color=RED if len(ends) == 1 else BLUE,
                   marker="o", markersize=5, linestyle="", label="its code written")
        if len(ends) == 2:
            panel.axvline(n + 0.5, color=BLACK, linestyle="--", label="barrier: the range is known")
        panel.set(xlabel="reads so far", xlim=(0, ends[-1] + 1), xticks=range(0, ends[-1] + 1, 4))
        panel.set_title(name, fontsize=14)
    panels[0].set_ylabel("place in the input")
    drawn.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return drawn
