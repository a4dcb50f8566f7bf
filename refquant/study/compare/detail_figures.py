"""A closer look at one seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import Codes, Reals
from ..plots.style import BLUE, GREY, RED, slide, styled
from ..records import Width, label
from .methods import kind, line_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def sqnr_by_layer(errors: Sequence[Any]) -> Figure:
    """Where the error is made: each layer's output, given float inputs (above), given the layers before it (below)."""
    widths = list(dict.fromkeys(e.width for e in errors))
    methods = list(dict.fromkeys(e.method for e in errors))
    drawn, panels = slide(9 if len(methods) > 7 else 6.75, nrows=2, ncols=len(widths), sharex=True, sharey="col",
                          squeeze=False)
    for column, width in zip(panels.T, widths, strict=True):
        for axes, field in zip(column, ("alone_db", "so_far_db"), strict=True):
            for method in methods:
                chosen = [e for e in errors if (e.method, e.width) == (method, width)]
                # side by side, so that no line hides another
                shift = min(0.04, 0.3 / len(methods)) * (methods.index(method) - (len(methods) - 1) / 2)
                axes.plot([e.layer + shift for e in chosen], [getattr(e, field) for e in chosen], **line_style(method))
            axes.set_xticks(sorted({e.layer for e in errors}))
        column[0].set_title(label(width))
    panels[0, 0].set_ylabel("this layer alone:\nSQNR, dB")
    panels[1, 0].set_ylabel("all layers so far:\nSQNR, dB")
    for axes in panels[1]:
        axes.set_xlabel("layer")
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=12)
    drawn.suptitle("Where the error is made: each layer's output against float (PTQ, one seed)", fontsize=17)
    return drawn


@styled
def weight_histograms(steps: Mapping[tuple[str, Width], Any], layer: int) -> Figure:
    """One layer's weights in steps of each method's scale: the float network's, and under them the codes."""
    widths = list(dict.fromkeys(width for _, width in steps))[::-1]
    shown = widths[1] if len(widths) > 1 else widths[0]
    chosen = {method: s for (method, width), s in steps.items() if width == shown}
    # dynamic or not, percentile or not: the weights are those of min-max
    chosen = {m: s for m, s in chosen.items() if "dynamic" not in m and "percentile" not in m} or chosen
    columns = math.ceil(len(chosen) / 4)
    drawn, panels = slide(9 if columns > 2 else 6.75, nrows=math.ceil(len(chosen) / columns), ncols=columns,
                          sharey=True, squeeze=False)
    for axes in panels.ravel()[len(chosen):]:
        axes.axis("off")
    for axes, (method, s) in zip(panels.ravel(), chosen.items(), strict=False):
        style, values = line_style(method), s.grid.values
        edge = max(s.grid.qmax + 1.0, float(np.percentile(np.abs(s.float_steps), 99.5)))
        axes.hist(np.clip(s.float_steps.ravel(), -edge, edge), bins=60, range=(-edge, edge), color=GREY, alpha=0.55,
                  weights=np.full(s.float_steps.size, 100 / s.float_steps.size))
        share = [100 * float(np.mean(s.values == value)) for value in values]
        named = values if len(values) <= 16 and s.grid.equal_steps else ()
        axes.bar(values, [-v / 8 for v in share], width=0.3, color=style.get("markerfacecolor", style["color"]),
                 edgecolor=style["color"])
        for value, v in zip(named, share, strict=False):
            axes.text(value + 0.2, min(-v / 8, -0.8), f"{v:.0f} %" if v >= 1 or v == 0 else "<1 %", va="center",
                      fontsize=10)
        axes.set_xticks(named if len(named) else [s.grid.qmin, 0, s.grid.qmax])
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_yticks([])
        axes.set_title(fill(f"{kind(method)}, {style['label']}", 30 if columns > 2 else 60), loc="left", fontsize=12)
    drawn.suptitle(f"Weights of layer {layer} at {label(shown)} (one seed)", fontsize=17)
    drawn.supxlabel("weight / scale, in steps. Ticks: the values of codes. Grey: the float network's weights,\n"
                    "those beyond the ends at the ends. Colour: the share with each code", fontsize=12)
    return drawn


@styled
def training_curves(curves: Mapping[str, Sequence[tuple[int, float]]], width: Width) -> Figure:
    """Test accuracy after every epoch: in float, then fine-tuned with quantization, or with it from scratch."""
    drawn, axes = slide()
    for method, points in curves.items():
        style = {**line_style(method), "marker": ""}
        axes.plot([epoch for epoch, _ in points], [accuracy for _, accuracy in points], **style)
    longest = max((points[-1][0] for points in curves.values() if points), default=0)
    begins = min((points[0][0] for method, points in curves.items() if points and method == "float-longer"), default=0)
    axes.axvline(begins - 0.5, color=GREY, linewidth=1, linestyle=":")
    axes.text(begins, 3, "fine-tuning", color=GREY, fontsize=12, in_layout=False)
    axes.set(xlabel="epoch", ylabel="test accuracy, %", ylim=(0, 103), xlim=(0, longest + 1),
             title=f"QAT at {label(width)} beside training in float (one seed; the last epoch counts)")
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return drawn


@styled
def activation_ranges(layers: Sequence[tuple[float, float, Reals, Reals]]) -> Figure:
    """Per layer: the largest and the smallest input of each image, beside the one range that a static network fixed."""
    drawn, panels = slide(ncols=len(layers), squeeze=False)
    for i, (axes, (lo, hi, smallest, largest)) in enumerate(zip(panels[0], layers, strict=True)):
        bottom, top = min(lo, float(smallest.min())), max(hi, float(largest.max())) * 1.05
        width = (hi - bottom) / 36  # the end of the static range is the edge of a bar
        bins = np.arange(bottom, top + width, width).tolist()
        axes.hist(largest, bins=bins, color=BLUE, label="largest value of each test image (its dynamic range)")
        axes.axvspan(lo, hi, color=RED, alpha=0.10, linewidth=0, zorder=0, label="static range, from calibration")
        axes.axvline(hi, color=RED, linestyle="--", label="its end")
        beyond = 100 * float(np.mean(largest > hi))
        share = f"{beyond:.1f} % of images" if beyond else "no image"
        axes.set(xlabel="largest input of the layer", title=f"layer {i + 1}: {share} beyond", xlim=(None, top))
    panels[0, 0].set_ylabel("test images")
    drawn.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    drawn.suptitle("Static range, and the range of each image", fontsize=17)
    return drawn


@styled
def misread(x: Reals, labels: Codes, runs: Sequence[tuple[str, Width, Codes]]) -> Figure:
    """The first wrong predictions of each method and width: what each image is, and what was predicted."""
    methods, shown = list(dict.fromkeys(method for method, width, _ in runs if width != 32)), 8
    widths, side = list(dict.fromkeys(width for _, width, _ in runs)), round(x.shape[1] ** 0.5)
    drawn, panels = slide(max(8, 1.2 + 1.4 * len(widths)), nrows=len(widths), ncols=len(methods), squeeze=False)
    for axes in panels.ravel():
        axes.axis("off")
    for method, width, predicted in runs:
        axes = panels[widths.index(width), methods.index(method) if width != 32 else 0]
        wrong = np.flatnonzero(predicted != labels)
        strip = np.zeros((side, shown * (side + 2)))
        for k, i in enumerate(wrong[:shown]):
            strip[:, k * (side + 2):k * (side + 2) + side] = x[i].reshape(side, side)
            axes.text((k + 0.5) * (side + 2) - 1.5, side + 0.6, f"{labels[i]} as {predicted[i]}", ha="center", va="top")
        axes.imshow(strip, cmap="gray_r", vmin=0, vmax=1)
        name = line_style(method)["label"]
        name = name if width == 32 else f"{kind(method)}, {name}, {label(width)}"
        axes.set_title(f"{name}: {len(wrong)} of {len(labels)} wrong",
                       fontsize=13, loc="left", color=line_style(method)["color"])
    drawn.suptitle("The first wrong predictions: what each image is, and what was predicted (one seed)", fontsize=17)
    return drawn
