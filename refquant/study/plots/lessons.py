"""What the lessons show of single numbers and tensors."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ... import gradients
from ...affine import AffineParams, dequantize, fake_quantize
from ...clipping import minmax
from ...grids import IntGrid
from ...methods import lsq
from ...ranges import affine_params, symmetric_params
from ..stats import Estimate
from .style import BLACK, BLUE, GREEN, GREY, ORANGE, RED, SKY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FITS = {"symmetric": symmetric_params, "affine": affine_params}
FIT_STYLES: dict[str, dict[str, Any]] = {
    "symmetric": {"color": ORANGE, "marker": "o", "label": "symmetric"},
    "affine": {"color": BLUE, "marker": "s", "label": "affine"},
}


@styled
def staircase(params: AffineParams, lo: float, hi: float) -> "Figure":
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
def number_lines(x: ArrayLike, lines: Mapping[str, AffineParams]) -> "Figure":
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
def error_histogram(x: ArrayLike, params: AffineParams) -> "Figure":
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


@styled
def codes_under_histograms(tensors: Mapping[str, ArrayLike], grid: IntGrid) -> "Figure":
    """The histogram of each tensor, and below it where the codes of its symmetric and its affine fit stand."""
    drawn, axes = figure(0.6 + 2.1 * len(tensors), nrows=len(tensors), squeeze=False)
    for line, (name, x) in zip(axes[:, 0], tensors.items(), strict=True):
        counts, edges = np.histogram(x, bins=80)
        # two bars may leave the picture: the spike that a ReLU makes at 0 would flatten all others
        line.bar(edges[:-1], counts / np.sort(counts)[-3], np.diff(edges), align="edge", color=SKY)
        lo, hi = minmax(x)
        ends = [lo, hi]
        for height, (label, fit) in zip((-0.3, -0.75), FITS.items(), strict=True):
            codes = dequantize(np.arange(grid.qmin, grid.qmax + 1), fit(lo, hi, grid))
            ends += [codes.min(), codes.max()]
            line.vlines(codes, height - 0.15, height + 0.15, color=FIT_STYLES[label]["color"], linewidth=2)
            line.annotate(label, (1.01, height), xycoords=("axes fraction", "data"), va="center",
                          color=FIT_STYLES[label]["color"])
        line.set(ylim=(-1, 1.15), yticks=[], xlim=(min(ends) - 0.15, max(ends) + 0.15))
        line.set_title(name, fontsize=13, loc="left")
        line.grid(False)
        line.spines["left"].set_visible(False)
    axes[-1, 0].set_xlabel("reals. Bars: how often. Ticks: those that have a code")
    return drawn


@styled
def sqnr_of_fits(curves: Mapping[str, Mapping[str, Mapping[int, float]]]) -> "Figure":
    """curves[tensor][fit][bits] in dB: one panel per tensor, one line per fit."""
    drawn, axes = figure(3.9, ncols=len(curves), sharey=True, squeeze=False)
    for panel, (name, fits) in zip(axes[0], curves.items(), strict=True):
        for fit, by_bits in fits.items():
            panel.plot(list(by_bits), list(by_bits.values()), **FIT_STYLES[fit])
        panel.set(xticks=list(next(iter(fits.values()))), xlabel="bits")
        panel.set_title(name, fontsize=13)
    axes[0, 0].set_ylabel("SQNR, dB")
    axes[0, 0].legend(loc="upper left")
    return drawn


@styled
def straight_through(params: AffineParams, lo: float, hi: float) -> "Figure":
    """x_hat against x, and below it three slopes: the staircase's own, and those that the two estimators pass on."""
    drawn, (above, below) = figure(6.4, nrows=2, sharex=True, height_ratios=(1.6, 1))
    x = np.linspace(lo, hi, 4001)
    x_hat, pullback = gradients.straight_through(x, params.scale, params.zero_point, params.grid)
    above.plot(x, x_hat, color=BLUE)
    above.set(ylabel="x_hat, in reals", title="A staircase, and the slopes that stand in for its own")
    below.axhline(0, color=BLUE, label="staircase")
    below.plot(x, pullback(np.ones_like(x)), color=GREEN, linewidth=3, label="straight-through (rounded code)")
    dx, _ = lsq(x, params.scale, params.zero_point, params.grid)[1](np.ones_like(x))
    below.plot(x, dx, color=BLACK, linestyle="--", label="LSQ (x/scale)")
    below.set(xlabel="x, in reals", ylabel="slope", ylim=(-0.15, 1.9), yticks=[0, 1])
    below.legend(loc="upper center", ncols=3, fontsize=12)
    return drawn


@styled
def oscillation(paths: Mapping[float, ArrayLike], edge: float) -> "Figure":
    """w at every step of training, by the target w*: which of two codes it has, and where its code changes."""
    drawn, axes = figure(1.2 + 1.2 * len(paths), nrows=len(paths), sharex=True, sharey=True, squeeze=False)
    for line, (target, path) in zip(axes[:, 0], paths.items(), strict=True):
        w = np.asarray(path)
        steps, upper = np.arange(w.size), w > edge
        line.plot(w, color=GREY, linewidth=0.8)
        for color, marker, at in ((BLUE, "o", ~upper), (ORANGE, "s", upper)):
            line.plot(steps[at], w[at], color=color, marker=marker, markersize=4, linestyle="")
        line.axhline(edge, color=RED, linestyle="--", linewidth=1)
        line.axhline(target, color=GREEN, linestyle=":")
        line.set_ylabel("w")
        line.set_title(f"w* = {target}", fontsize=13, loc="left")
        line.grid(False)
    axes[-1, 0].set_xlabel("step of gradient descent. Dashed: where the code changes. Dotted: the target w*.\n"
                           "Circles: w has the lower code. Squares: the upper one", fontsize=12)
    return drawn


@styled
def dithered_loss(w: ArrayLike, loss: ArrayLike, target: float) -> "Figure":
    """The mean loss over the dither, measured, beside the parabola whose slope the estimator follows."""
    drawn, axes = figure(4.2)
    axes.plot(np.asarray(w), np.asarray(loss), color=BLUE, label="mean of (w_hat - w*)^2 over the dither")
    axes.plot(np.asarray(w), (np.asarray(w) - target) ** 2, color=GREEN, linestyle="--",
              label="(w - w*)^2: the estimator follows its slope")
    axes.axvline(target, ymax=0.3, color=GREY, linestyle=":", linewidth=1)
    axes.annotate("w*", (target, 0), textcoords="offset points", xytext=(5, 4), color=GREY)
    axes.set(xlabel="w, in steps", ylabel="loss", title="What is measured, and what is descended")
    axes.legend(loc="upper center")
    return drawn


@styled
def paired_differences(groups: Mapping[str, Mapping[str, Estimate]], shared: bool = False, digits: int = 1) -> "Figure":
    """groups[panel][difference]: the mean with its 95 % interval, in points of accuracy; one panel per group.

    shared: all panels have one axis, so that the length of a bar may be compared across them. digits: of the numbers
    beside the bars, after the point.
    """
    lines = [len(group) for group in groups.values()]
    drawn, axes = figure(1.3 + 0.5 * sum(lines), 8, nrows=len(groups), squeeze=False, sharex=shared,
                         height_ratios=lines)
    for panel, (name, differences) in zip(axes[:, 0], groups.items(), strict=True):
        for i, e in enumerate(differences.values()):
            half = e.half_width or 0.0
            panel.errorbar([e.mean], [-i], xerr=[half], color=BLUE, marker="o", capsize=4)
            mean = f"{e.mean:+.{digits}f}" if round(e.mean, digits) else f"{0:.{digits}f}"  # as its point, no sign
            panel.annotate(f"{mean} ± {half:.{digits}f}", (1.01, -i), va="center", fontsize=12,
                           xycoords=("axes fraction", "data"))
        panel.axvline(0, color=GREY, linewidth=1)
        panel.set_yticks([-i for i in range(len(differences))], list(differences))
        panel.set_ylim(-len(differences) + 0.4, 0.6)
        panel.set_title(name, fontsize=13, loc="left")
    axes[-1, 0].set_xlabel("points of test accuracy, first minus second; bars: paired 95 % interval")
    return drawn
