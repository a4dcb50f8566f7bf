"""The staircase of each engine around a tie, float by float."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .style import BLUE, GREY, RED, figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: As short as a picture needs.
SHORT = {
    "the rule": "the rule", "ONNX Runtime QuantizeLinear": "ONNX Runtime", "torch.quantize_per_tensor": "torch tensor",
    "torch.quantize_per_channel": "torch channel", "torch.fake_quantize_per_tensor_affine": "torch fake (tensor)",
    "torch.fake_quantize_per_channel_affine": "torch fake (channel)", "torchao quantize_affine": "torchao",
    "LiteRT QUANTIZE, reference": "LiteRT reference", "LiteRT QUANTIZE, XNNPACK": "XNNPACK",
}


@styled
def engines_around_ties(panels: Sequence[Any]) -> "Figure":
    """A lane for each group of engines that agree; its step shows at which float the code goes up."""
    lanes = max(len(panel.groups) for panel in panels)
    drawn, axes = figure(3 + 2.6 * lanes, 13, nrows=2, ncols=2)
    for ax, panel in zip(axes.ravel(), panels, strict=True):
        for lane, (names, codes) in enumerate(panel.groups):
            _lane(ax, panel, -lane, names, codes)
        ax.axvline(0, color=GREY, linestyle=":", linewidth=1.5, zorder=0)
        ax.set(title=panel.title, xlabel="x, counted in float32 numbers (ulps) from the one above",
               yticks=[], ylim=(0.75 - len(panel.groups), 1.1),
               xticks=panel.ulps, xlim=(panel.ulps[0] - 0.9, panel.ulps[-1] + 0.9))
        ax.grid(axis="x", alpha=0.2)
    drawn.suptitle("Around a tie: at which float each engine's code goes up", fontsize=17)
    return drawn


def _lane(ax: Any, panel: Any, bottom: float, names: Sequence[str], codes: Sequence[int]) -> None:
    """Codes from low to high, in half a lane; the names above."""
    color, low, high = BLUE if "the rule" in names else RED, min(codes), max(codes)
    y = [bottom + 0.45 * (code - low) / max(high - low, 1) for code in codes]
    ax.step(panel.ulps, y, where="mid", color=color, linewidth=1.5, alpha=0.6)
    ax.plot(panel.ulps, y, "o" if color == BLUE else "s", color=color)
    for i in (0, -1):
        ax.annotate(str(codes[i]), (panel.ulps[i], y[i]), (-11 if i == 0 else 11, 0), textcoords="offset points",
                    va="center", ha="right" if i == 0 else "left", color=color, fontweight="bold")
    shown = [SHORT.get(name, name.removeprefix("gguf ")) for name in names]
    ax.text(panel.ulps[0] - 0.7, bottom + 0.56, _broken(shown), color=color, fontsize=11, va="bottom",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})


def _broken(names: Sequence[str], width: int = 62) -> str:
    """Names in lines; none is broken."""
    lines = [""]
    for name in names:
        joined = f"{lines[-1]}, {name}" if lines[-1] else name
        lines = [*lines[:-1], joined] if len(joined) <= width else [*lines[:-1], f"{lines[-1]},", name]
    return "\n".join(lines)
