"""The comparison on text in four pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots.style import BLUE, GREY, RED, level, slide, styled
from ...stats import Estimate, estimate
from .methods import BOTH, LAB, METHODS, ONLY_INPUTS, ONLY_WEIGHTS, TRAINED, Width
from .run import EVERY, OUTLIERS
from .table import Found, bits, difference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOATS = ("float", "float-longer")
YLABEL = "bits per character (lower is better)"


@styled
def bits_against_width(found: Found, anchors: Mapping[str, float]) -> Figure:
    """Every method at falling widths: weights alone, inputs alone, both."""
    drawn, panels = slide(10, ncols=3, sharey=True, width_ratios=(3, 3, 5))
    titles = ("Weights alone", "Inputs alone", "Both")
    for axes, title, widths in zip(panels, titles, (ONLY_WEIGHTS, ONLY_INPUTS, BOTH), strict=True):
        _levels(axes, found, anchors)
        names = [name for name, method in METHODS.items() if len({*method.widths} & {*widths}) > 1]
        for i, name in enumerate(names):
            shift = (i - len(names) / 2 + 0.5) * 0.06
            _line(axes, [widths.index(w) + shift for w in widths if (name, w) in found],
                  [against_float(found, (name, w)) for w in widths if (name, w) in found], METHODS[name].style)
        axes.set_xticks(range(len(widths)), [str(w) for w in widths])
        axes.set_title(title, loc="left", fontweight="bold")
        axes.legend(*_named(axes), loc="upper left", fontsize=12, frameon=True, framealpha=0.85)
    panels[0].set(ylabel=YLABEL, ylim=_limits(found, anchors))
    drawn.suptitle("Fewer bits: how well the next character is still predicted (bars: 95 % of the difference to float)",
                   fontsize=19)
    return drawn


def against_float(found: Found, at: tuple[str, Width]) -> Estimate:
    """The mean, with the interval of its difference to float: the text held out moves all models alike."""
    return estimate(bits(found, at))._replace(half_width=difference(found, at, ("float", Width())).half_width)


def _limits(found: Found, anchors: Mapping[str, float]) -> tuple[float, float]:
    """From below the best model and compressor to what needs 2 bits more; what is worse leaves the picture."""
    least = float(min(np.mean(bits(found, at)) for at in found))
    return min(least, *anchors.values()) - 0.1, least + 2


def _levels(axes: Axes, found: Found, anchors: Mapping[str, float]) -> None:
    """Float models and compressors, which have no width."""
    for name in FLOATS:
        level(axes, estimate(bits(found, (name, Width())))._replace(half_width=None), METHODS[name].style)
    for name, y in anchors.items():
        axes.axhline(y, color=GREY, linewidth=1, linestyle=":")
        axes.annotate(name, (1, y), xycoords=("axes fraction", "data"), va="bottom", ha="right", color=GREY)


def _line(axes: Axes, x: Sequence[float], found: Sequence[Estimate], style: dict[str, Any]) -> None:
    axes.errorbar(x, [e.mean for e in found], [e.half_width or 0 for e in found], **{"capsize": 3, **style})


def _named(axes: Axes) -> tuple[list[Any], list[str]]:
    """Handles and labels, each label once."""
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(named.values()), list(named)


@styled
def channel_maxima(channels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """The largest value of each channel of each matrix's input: as trained, and with two channels made larger."""
    drawn, panels = slide(10, nrows=2, ncols=1, sharex=True, sharey=True)
    for axes, (name, matrices), color in zip(panels, channels.items(), (BLUE, RED), strict=True):
        for i, maxima in enumerate(matrices.values()):
            ordered = np.sort(maxima)[::-1]
            axes.plot(i + np.linspace(0, 0.8, len(ordered)), ordered, color=color, linewidth=3)
            axes.annotate(f"largest / median\n{ordered[0] / np.median(ordered):.1f}", (i + 0.45, ordered[0]), (0, 6),
                          textcoords="offset points", ha="center", va="bottom")
        axes.set(yscale="log", ylabel="largest |x| of a channel")
        axes.set_title("As trained: no channel stands out" if name == "as trained" else
                       f"Two channels times {OUTLIERS}, the next matrix's rows divided by it: the same function",
                       loc="left", fontweight="bold")
        axes.set_xticks([i + 0.4 for i in range(len(matrices))], list(matrices))
    largest = max(max(v) for m in channels.values() for v in m.values())
    panels[0].set_ylim(0.3, 8 * largest)
    panels[1].set(xlabel="the matrix whose input it is; its channels, the largest first")
    drawn.suptitle("Channels that stand out do not appear at this size; they are made by hand (seed 0)", fontsize=19)
    return drawn


@styled
def outliers_against_cures(found: Found) -> Figure:
    """8-bit inputs: the more two channels stand out, the more a range that they share with others loses."""
    drawn, axes = slide(9)
    level(axes, estimate(bits(found, ("float", Width())))._replace(half_width=None), METHODS["float"].style)
    for name in ("static", "token", "token-rotated", "static-smoothed"):
        widths = [w for w in (Width(inputs=8), *LAB) if (name, w) in found]
        _line(axes, [w.outliers for w in widths], [against_float(found, (name, w)) for w in widths],
              METHODS[name].style)
    axes.set(xscale="log", xlabel="what two of 64 channels were multiplied by, the function unchanged", ylabel=YLABEL)
    axes.set_xticks([w.outliers for w in (Width(), *LAB)], [str(w.outliers) for w in (Width(), *LAB)])
    axes.legend(*_named(axes), fontsize=15)
    axes.set_title("Outliers and their cures, 8-bit inputs (SmoothQuant undoes them by construction)", fontsize=18)
    return drawn


@styled
def training_curves(curves: Mapping[str, Sequence[float]]) -> Figure:
    """QAT's loss on its batches, straight-through and with learned steps, beside that of float trained longer."""
    drawn, panels = slide(10, nrows=2, ncols=2, sharex=True, sharey=True)
    for axes, width in zip(panels.ravel(), TRAINED, strict=True):
        for name, y in (("float-longer", curves["float-longer"]),
                        *((name, curves[f"{name} {width}"]) for name in ("qat-ste", "qat-lsq"))):
            axes.plot(EVERY * (0.5 + np.arange(len(y))), y, **{**METHODS[name].style, "markevery": 3})
        axes.set_title(str(width), loc="left", fontweight="bold")
        axes.set(xlabel="training step", ylabel="bits per character,\ntraining batches")
        axes.label_outer()
    panels[0, 0].legend(*_named(panels[0, 0]), fontsize=15)
    drawn.suptitle(f"Training with quantization: the loss against the steps, means of {EVERY} (seed 0)", fontsize=19)
    return drawn
