"""What lesson 06 shows: weights and their codes, and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...mlp.quantized import QuantizedLayer
from ...study.plots.style import BLACK, BLUE, GREY, figure, styled
from ..lesson_04.figures import paired_differences

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["paired_differences", "weights_in_steps"]


@styled
def weights_in_steps(weights: ArrayLike, layers: Mapping[str, QuantizedLayer]) -> Figure:
    """A layer's weights, divided by their scales, in grey; below them the share of the weights that has each code."""
    drawn, axes = figure(0.8 + 2.1 * len(layers), nrows=len(layers), sharex=True, squeeze=False)
    for panel, (name, layer) in zip(axes[:, 0], layers.items(), strict=True):
        steps = np.ravel(np.asarray(weights) / layer.weight.scale)
        counts, edges = np.histogram(steps, bins=60, range=(-2.5, 2.5))
        panel.bar(edges[:-1], counts / counts.max(), np.diff(edges), align="edge", color=GREY, alpha=0.55)
        for code in range(layer.weight.grid.qmin, layer.weight.grid.qmax + 1):
            share = float(np.mean(layer.codes == code))
            panel.bar(code, -share, 0.4, color=BLUE)
            panel.text(code + 0.25, -max(share / 2, 0.12), f"{code}: {100 * share:.0f} %", va="center", color=BLUE)
        panel.axhline(0, color=BLACK, linewidth=0.8)
        panel.set(yticks=[], ylim=(-1, 1.05))
        panel.set_title(name, loc="left", fontsize=14)
        panel.grid(False)
    axes[-1, 0].set_xlabel("weight / scale, in steps. Grey: the float weights. Blue: the share with each code")
    return drawn
