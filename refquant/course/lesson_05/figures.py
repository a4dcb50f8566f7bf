"""What lesson 05 shows: static beside dynamic ranges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ...affine import AffineParams, dequantize, quantize
from ...calibration import dynamic_params
from ...study.compare.methods import line_style
from ...study.plots.style import BLACK, BLUE, GREY, RED, figure, styled
from ...study.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANGES: dict[str, dict[str, Any]] = {
    "min-max": line_style("ptq-static-minmax"),
    "least MSE": {**line_style("ptq-static-mse"), "label": "static, least MSE"},
}


@styled
def ladders(inputs: Mapping[str, ArrayLike], static: AffineParams) -> Figure:
    """Per input a panel: its values as dots, above them the reals that have a static code, below them the dynamic ones.

    A line joins each value to the real of its code, and the code stands there as a number.
    """
    drawn, axes = figure(0.6 + 1.7 * len(inputs), nrows=len(inputs), sharex=True, squeeze=False)
    codes = np.arange(static.grid.qmin, static.grid.qmax + 1)
    for panel, (name, x) in zip(axes[:, 0], inputs.items(), strict=True):
        values = np.ravel(x)
        for side, params, color in ((1, static, RED), (-1, dynamic_params(values, static.grid), BLUE)):
            panel.vlines(dequantize(codes, params), side, 1.3 * side, color=color, linewidth=1, alpha=0.6)
            for value, q in zip(values, quantize(values, params), strict=True):
                real = float(dequantize(q, params))
                panel.plot([value, real], [0, side], color=GREY, linewidth=0.8, zorder=0)
                panel.vlines(real, side, 1.3 * side, color=color, linewidth=4)
                panel.text(real, 1.6 * side, str(q), ha="center", va="center", color=color, fontsize=12)
        panel.plot(values, np.zeros(values.shape), color=BLACK, marker="o", linestyle="")
        panel.set_ylim(-2, 2)
        panel.set_yticks([1.15, 0, -1.15], ["static codes", "values", "dynamic codes"])
        panel.tick_params(axis="y", length=0)
        panel.set_title(name, loc="left", fontsize=14)
        panel.grid(False)
        panel.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("reals. Ticks: those that have a code. Numbers: the codes of the values")
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
def seen_as_codes(image: ArrayLike, params: Mapping[str, AffineParams]) -> Figure:
    """The codes of a square image under each range, as numbers and in grey; a frame and a word name its largest value.

    params[name] quantize it.
    """
    drawn, axes = figure(4.7, 4 * len(params) + 0.5, ncols=len(params), squeeze=False, gridspec_kw={"wspace": 0.12})
    side = round(np.size(image) ** 0.5)
    pixels = np.reshape(image, (side, side))
    row, column = np.unravel_index(int(np.argmax(pixels)), pixels.shape)
    for panel, (name, p) in zip(axes[0], params.items(), strict=True):
        codes = quantize(pixels, p)
        panel.pcolormesh(codes, cmap="gray_r", vmin=p.grid.qmin, vmax=1.4 * p.grid.qmax, edgecolor=GREY, linewidth=0.5)
        for (i, j), q in np.ndenumerate(codes):
            panel.text(j + 0.5, i + 0.5, str(q), ha="center", va="center", fontsize=14,
                       color="white" if q > 0.6 * p.grid.qmax else "black")
        panel.plot(column + np.array([0, 1, 1, 0, 0, 1]), row + np.array([0, 0, 1, 1, 0, 0]), color=RED, linewidth=5)
        panel.set_title(name, fontsize=14)
        panel.set(xticks=[], yticks=[], xlim=(-0.04, side + 0.04), ylim=(side + 0.04, -0.04))
        panel.set_xlabel("framed: the hot pixel", color=RED)
        panel.grid(False)
        for spine in panel.spines.values():
            spine.set_visible(False)
    return drawn
