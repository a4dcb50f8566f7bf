"""The staircase of each engine around a tie, float by float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...engines.operators import short
from ..plots.style import BLUE, GREY, RED, slide, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Distinct without colour too.
MARKERS = {BLUE: "o", RED: "s"}
#: From lane to lane, where a step is 0.4 high.
APART = 1.4


@styled
def engines_around_ties(panels: Sequence[Any]) -> Figure:
    """A lane for each group of engines that agree; its step shows at which float the code goes up."""
    lanes = max(len(panel.lanes) for panel in panels)
    drawn, axes = slide(9, nrows=2, ncols=2)
    for ax, panel in zip(axes.ravel(), panels, strict=True):
        for lane, (names, codes, note) in enumerate(panel.lanes):
            _lane(ax, panel.ulps, -APART * lane, codes, BLUE if lane == 0 else RED)
            _label(ax, panel.ulps[0] - 0.7, -APART * lane, names, note, BLUE if lane == 0 else RED)
        ax.set(title=panel.title, yticks=[], ylim=(APART * (1 - lanes) - 0.15, 1.35), xticks=panel.ulps,
               xlim=(panel.ulps[0] - 0.9, panel.ulps[-1] + 0.9))
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", visible=False)
    for ax in axes[-1]:
        ax.set_xlabel("float32 numbers (ulps) above or below the x in the title")
    drawn.suptitle("Around a tie: at which float each engine's code goes up", fontsize=17)
    drawn.legend(handles=_legend(), loc="outside lower center", ncols=3, fontsize=12,
                 title="not drawn: ONNX Runtime float16, for which these floats are one number; and who rounds down",
                 title_fontsize=12)
    drawn.set_layout_engine("constrained", w_pad=0.2, h_pad=0.1)
    return drawn


def _lane(ax: Any, ulps: Sequence[int], bottom: float, codes: Sequence[int], color: str) -> None:
    """Codes from low to high, in less than half a lane."""
    low, high = min(codes), max(codes)
    y = [bottom + 0.4 * (code - low) / max(high - low, 1) for code in codes]
    ax.plot([0, 0], [bottom, bottom + 0.4], color=GREY, linestyle=":", linewidth=1.5, zorder=0)
    ax.step(ulps, y, where="mid", color=color, linewidth=1.5, alpha=0.6)
    ax.plot(ulps, y, MARKERS[color], color=color)
    for i in (0, -1):
        ax.annotate(str(codes[i]), (ulps[i], y[i]), (-11 if i == 0 else 11, 0), textcoords="offset points",
                    va="center", ha="right" if i == 0 else "left", color=color, fontweight="bold")


def _label(ax: Any, x: float, bottom: float, names: Sequence[str], note: str, color: str) -> None:
    """The names above the lane, and below them what is to be said."""
    text = _broken([short(name) for name in names]) + (f"\n({note})" if note else "")
    ax.text(x, bottom + 0.48, text, color=color, fontsize=11, va="bottom", linespacing=1.1)


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    drawn: list[dict[str, Any]] = [
        {"color": BLUE, "marker": MARKERS[BLUE], "label": "the rule, and engines that give the same"},
        {"color": RED, "marker": MARKERS[RED], "label": "departs at one of these floats"},
        {"color": GREY, "linestyle": ":", "label": "the x in the title"}]
    return [Line2D([], [], **each) for each in drawn]


def _broken(names: Sequence[str], width: int = 72) -> str:
    """Names in lines; none is broken."""
    lines = [""]
    for name in names:
        joined = f"{lines[-1]}, {name}" if lines[-1] else name
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines[:-1], f"{lines[-1]},", name]
    return "\n".join(lines)
