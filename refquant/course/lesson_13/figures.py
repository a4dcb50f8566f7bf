"""What lesson 13 shows: the largest value of each channel, before and after a cure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ...study.plots.style import BLUE, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def channels(panels: Mapping[str, ArrayLike]) -> Figure:
    """The largest |x| of each channel, on a logarithmic scale, one panel for each model."""
    drawn, axes = figure(3.8, 9.5, ncols=len(panels), sharey=True, squeeze=False)
    for panel, (name, largest) in zip(axes[0], panels.items(), strict=True):
        values = np.ravel(largest)
        panel.bar(np.arange(values.size), values, color=BLUE, width=1.0)
        panel.set(yscale="log", xlabel="channel", title=name)
    axes[0, 0].set_ylabel("largest |x|")
    return drawn


@styled
def texts(written: Mapping[str, str]) -> Figure:
    """What each model wrote, line ends as they are shown."""
    drawn, axes = figure(1.5 * len(written), nrows=len(written), squeeze=False)
    for panel, (name, text) in zip(axes[:, 0], written.items(), strict=True):
        panel.set_title(name, fontsize=14, loc="left")
        lines = textwrap.wrap(text.replace("\n", " "), 62)[:3]
        panel.text(0, 0.95, "\n".join(lines), family="monospace", fontsize=15, va="top")
        panel.set_axis_off()
    return drawn
