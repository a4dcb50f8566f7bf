"""What the claims page shows: narrow pictures that a phone can hold, each with what it shows in words."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..plots.style import BLACK, GREY, VERDICTS, figure, styled
from .advice import Point, look_of
from .verdicts import METRICS, Outcome, Reading

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.4  # inches: on a phone, type of 13 points is still 11 pixels high
Panels = Mapping[str, Mapping[str, Sequence[Point]]]


class Picture(NamedTuple):
    """A figure, what it shows in words and figures, and what its marks are."""

    drawn: Figure
    alt: str
    caption: str


def effects(outcomes: Sequence[tuple[Reading, Outcome]], title: str) -> Picture:
    """Each reading's effect with its corrected interval, over the margin within which it does not matter.

    Drawn are those whose margin is the first one's. If all compare the same, only the places are named.
    """
    both = len({r.task for r, _ in outcomes}) > 1
    found = [(r._replace(says=f"{r.task}, " * both + r.says), o) for r, o in outcomes
             if r.rule.same == outcomes[0][0].rule.same]
    unit = " or ".join(dict.fromkeys(METRICS[r.value].unit for r, _ in found))
    words = "; ".join(f"{r.says} {o.effect:.3g}"
                      f"{'' if o.interval is None else ' ({:.3g} to {:.3g})'.format(*o.interval)}, {o.verdict}"
                      for r, o in found)
    same = len({r.says.partition(": ")[2] for r, _ in found}) == 1
    names = [textwrap.fill(r.says.partition(": ")[0] if same else r.says, 52) for r, _ in found]
    return Picture(_effects([o for _, o in found], found[0][0].rule.same, names, title, unit),
                   f"Effects, {unit}, with 95 % intervals: {words}.",
                   "Effects with their corrected 95 % intervals; right of the line the first of the two is better. "
                   "Within the grey band a difference does not matter.")


@styled
def _effects(outcomes: Sequence[Outcome], margin: float, names: Sequence[str], title: str, unit: str) -> Figure:
    tops = [sum(1.5 + 0.75 * n.count("\n") for n in names[:i]) for i in range(len(names) + 1)]
    drawn, axes = figure(1.9 + 0.4 * tops[-1], WIDTH)
    for o, name, top in zip(outcomes, names, tops, strict=False):
        y, style = -top - 0.75 * name.count("\n"), VERDICTS[o.verdict]
        axes.fill_between([-margin, margin], y - 0.35, y + 0.35, color=GREY, alpha=0.25, linewidth=0)
        axes.plot([0, 0], [y - 0.35, y + 0.35], color=BLACK, linewidth=1.2)
        axes.plot(o.interval or (o.effect, o.effect), [y, y], color=style["color"], marker="|")
        axes.plot([o.effect], [y], linestyle="", markersize=9, **style)
        axes.annotate(name, (0, y + 0.32), (1, 1), xycoords=axes.get_yaxis_transform(), va="bottom", fontsize=12,
                      textcoords="offset points")
    for verdict in (v for v in VERDICTS if any(o.verdict == v for o in outcomes)):
        axes.plot([], [], linestyle="", markersize=9, label=verdict, **VERDICTS[verdict])
    axes.set(ylim=(0.3 - tops[-1], 0.9), yticks=[], xlabel=unit)
    axes.spines["left"].set_visible(False)
    axes.grid(False)
    reach = max(abs(end) for o in outcomes for end in (o.effect, *(o.interval or ())))
    if reach > 40 * margin:
        _symlog(axes, margin, reach)
        axes.set(xlabel=f"{unit} (log scale beyond the margin)")
    _titled(drawn, title)
    drawn.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=3, handletextpad=0.1,
                 columnspacing=1)
    return drawn


def _symlog(axes: Axes, margin: float, reach: float) -> None:
    """Linear within the margin, beyond it a tick at each power of ten of it."""
    axes.set_xscale("symlog", linthresh=margin)
    powers = [margin * 10.0**e for e in range(9) if margin * 10.0**e < 2 * reach]
    names = [f"{p:g}" for p in powers]
    axes.set_xticks([*(-p for p in powers), 0, *powers], [*(f"−{name}" for name in names), "0", *names])
    axes.set_xlim(-2 * reach, 2 * reach)


def curves(panels: Panels, title: str, xlabel: str, caption: str) -> Picture:
    """Mean loss against images or seconds, a line for each method, a panel for each task and width."""
    words = "; ".join(f"{name}, {look_of(method)['label']}: " + ", ".join(
        f"{p.loss:.3f} at {p.at:.3g}" for p in points)
        for name, panel in panels.items() for method, points in panel.items())
    return Picture(_curves(panels, title, xlabel), f"Mean loss against {xlabel}: {words}.", caption)


@styled
def _curves(panels: Panels, title: str, xlabel: str) -> Figure:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    drawn, grid = figure(2 + 2.2 * len(panels), WIDTH, nrows=len(panels), sharex=True, squeeze=False)
    for axes, (name, panel) in zip(grid[:, 0], panels.items(), strict=True):
        for method, points in panel.items():
            axes.plot([p.at for p in points], [p.loss for p in points], **{"linestyle": "-", **look_of(method)})
        axes.set(xscale="log", yscale="log")
        axes.set_title(name, loc="left", fontsize=13)
        lo, hi = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if hi > 4 * lo else (1, 1.2, 1.5, 2, 2.5, 3, 4, 6, 8)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    grid[-1, 0].set_xlabel(f"{xlabel} (log scale)")
    _titled(drawn, title)
    named = {label: line for axes in grid[:, 0] for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    drawn.legend(named.values(), named.keys(), loc="outside lower left")
    return drawn


def _titled(drawn: Figure, title: str) -> None:
    """The title in two lines if it must be, flush left."""
    drawn.suptitle(textwrap.fill(title, 40), x=0.01, ha="left", fontsize=14, fontweight="bold")
