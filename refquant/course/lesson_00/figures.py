"""What lesson 00 shows: digits, and the weights of a layer beside the few reals that keep a code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...affine import dequantize
from ...mlp.quantized import QuantizedLayer
from ...study.plots.style import BLUE, GREY, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def digits(images: ArrayLike, titles: ArrayLike) -> Figure:
    """Images of 8 x 8 pixels as the network sees them, each with its label."""
    pixels, names = np.asarray(images), np.ravel(titles)
    drawn, axes = figure(2.2, ncols=len(pixels))
    for panel, image, name in zip(axes, pixels, names, strict=True):
        panel.imshow(image.reshape(8, 8), cmap="gray_r")
        panel.set(title=str(name), xticks=[], yticks=[])
        panel.grid(False)
    return drawn


@styled
def weights_and_codes(weights: ArrayLike, layers: Mapping[str, QuantizedLayer],
                      xlabel: str = "weight. Blue lines: the reals that have a code. Each weight moves to the nearest"
                      ) -> Figure:
    """How often each weight of a layer occurs, in grey, and the reals that have a code, as blue lines; one scale."""
    drawn, axes = figure(0.8 + 1.6 * len(layers), nrows=len(layers), sharex=True, squeeze=False)
    reals = np.ravel(weights)
    for panel, (name, layer) in zip(axes[:, 0], layers.items(), strict=True):
        grid = layer.weight.grid
        panel.hist(reals, bins=101, color=GREY, alpha=0.6)
        for value in dequantize(np.arange(grid.qmin, grid.qmax + 1), layer.weight):
            panel.axvline(value, color=BLUE, linewidth=3 if grid.bits < 5 else 0.6)
        panel.set_title(name, fontsize=15, loc="left")
        panel.set(yticks=[])
        panel.grid(False)
    axes[-1, 0].set_xlabel(xlabel)
    return drawn
