"""What lesson 07 shows: slopes that replace that of the staircase, and weights that oscillate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ... import gradients
from ...affine import AffineParams
from ...gradients import lsq
from ...study.plots.style import BLACK, BLUE, GREEN, GREY, ORANGE, RED, figure, styled
from ..lesson_04.figures import paired_differences

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["oscillation", "paired_differences", "straight_through"]


@styled
def straight_through(params: AffineParams, lo: float, hi: float) -> Figure:
    """x_hat against x, and below it three slopes: the staircase's own, and those that the two estimators pass on."""
    drawn, (above, below) = figure(6.4, nrows=2, sharex=True, height_ratios=(1.6, 1))
    x = np.linspace(lo, hi, 4001)
    x_hat, pullback = gradients.straight_through(x, params.scale, params.zero_point, params.grid)
    above.plot(x, x_hat, color=BLUE)
    above.set(ylabel="x_hat, in reals", title="A staircase, and the slopes that replace its slope 0")
    below.axhline(0, color=BLUE, label="staircase")
    below.plot(x, pullback(np.ones_like(x)), color=GREEN, linewidth=3, label="straight-through (rounded code)")
    dx, _ = lsq(x, params.scale, params.zero_point, params.grid)[1](np.ones_like(x))
    below.plot(x, dx, color=BLACK, linestyle="--", label="LSQ (x/scale)")
    below.set(xlabel="x, in reals", ylabel="slope", ylim=(-0.15, 1.9), yticks=[0, 1])
    below.legend(loc="upper center", ncols=3, fontsize=12)
    return drawn


@styled
def oscillation(paths: Mapping[float, ArrayLike], edge: float) -> Figure:
    """w at every step of training, by the target w*: which of two codes it has, and where its code changes."""
    drawn, axes = figure(1.4 + 2 * len(paths), nrows=len(paths), sharex=True, sharey=True, squeeze=False)
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
