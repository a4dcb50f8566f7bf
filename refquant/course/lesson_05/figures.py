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
