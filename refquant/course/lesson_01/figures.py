"""What lesson 01 shows: codes on a line, a staircase, its errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...affine import AffineParams, dequantize, fake_quantize
from ...study.plots.style import BLACK, BLUE, GREY, RED, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def staircase(params: AffineParams, lo: float, hi: float) -> Figure:
    """x_hat against x with its codes, and below it the error x_hat - x, from lo to hi; params per tensor."""
    drawn, (above, below) = figure(6.4, nrows=2, sharex=True, height_ratios=(2, 1))
    x = np.linspace(lo, hi, 4001)
    x_hat = fake_quantize(x, params)
    above.plot(x, x, color=GREY, linestyle=":", label="x itself")
    above.plot(x, x_hat, color=BLUE, label="x_hat = scale * (q - zero_point)")
    codes = range(params.grid.qmin, params.grid.qmax + 1)
    for q in codes if len(codes) <= 16 else ():
        value = float(dequantize(q, params))
        above.annotate(str(q), (value, value), textcoords="offset points", xytext=(-9, 7), fontsize=11, color=BLUE)
    above.set(ylabel="x_hat, in reals", title=f"{len(codes)} codes: the staircase and its error")
    above.legend(loc="upper left")
    half = float(params.scale) / 2
    below.axhspan(-half, half, color=GREY, alpha=0.25, linewidth=0, label="half a step")
    below.plot(x, x_hat - x, color=RED)
    below.set(xlabel="x, in reals", ylabel="x_hat - x")
    below.legend(loc="upper right")
    return drawn


@styled
def number_lines(x: ArrayLike, lines: Mapping[str, AffineParams]) -> Figure:
    """One number line per params: a tick for every real that has a code, the values x above, and where each goes."""
    drawn, axes = figure(0.6 + 1.7 * len(lines), nrows=len(lines), sharex=True, squeeze=False)
    reals = np.ravel(x)
    for line, (name, params) in zip(axes[:, 0], lines.items(), strict=True):
        codes = np.arange(params.grid.qmin, params.grid.qmax + 1)
        values, few = dequantize(codes, params), codes.size <= 16
        line.vlines(values, -0.25, 0.25, color=BLUE, linewidth=2 if few else 0.5)
        for q, value in zip(codes, values, strict=True) if few else ():
            line.annotate(str(q), (value, -0.25), textcoords="offset points", xytext=(0, -14), ha="center",
                          fontsize=12, color=BLUE)
        for value, value_hat in zip(reals, fake_quantize(reals, params), strict=True):
            line.plot([value, value_hat], [0.85, 0.25], color=RED, linewidth=1.2)
        line.plot(reals, np.full(reals.shape, 0.9), color=BLACK, marker="o", markersize=5, linestyle="")
        line.axhline(0, color=BLUE, linewidth=1)
        line.set(ylim=(-1.05 if few else -0.4, 1.15), yticks=[])
        line.set_title(name, fontsize=13, loc="left")
        line.grid(False)
        line.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("reals. Ticks: those that have a code. Dots: x, and where each one goes")
    return drawn


@styled
def error_histogram(x: ArrayLike, params: AffineParams) -> Figure:
    """How often each error (x_hat - x) / scale occurs over the values x, beside the flat density on half a step."""
    drawn, axes = figure(3.6)
    reals = np.asarray(x)
    errors = (fake_quantize(reals, params) - reals) / params.scale
    axes.hist(errors.ravel(), bins=40, density=True, color=SKY, edgecolor="white", linewidth=0.5, label="measured")
    axes.plot([-0.5, -0.5, 0.5, 0.5], [0, 1, 1, 0], color=RED, linestyle="--", label="flat from -1/2 to 1/2")
    axes.set(xlabel="error (x_hat - x) / scale, in steps", ylabel="density", ylim=(0, 1.45),
             title="How often each error occurs")
    axes.legend(loc="upper center", ncols=2)
    return drawn
