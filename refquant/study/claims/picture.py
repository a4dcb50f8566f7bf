"""What the pictures of the claims page have in common: a width, quantities and their units, means of records."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..stats import Estimate, estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.4  # inches: on a phone, type of 13 points is still 11 pixels high
Curves: TypeAlias = dict[str, dict[Any, Estimate]]


class Picture(NamedTuple):
    """A figure, what it shows in words and figures, and what its intervals are."""

    drawn: Figure
    alt: str
    caption: str


class Quantity(NamedTuple):
    """How a recorded value is written: its name with the unit, its factor, its digits, and whether it is a share."""

    name: str
    scale: float = 1
    form: str = "{:,.0f}"
    is_share: bool = False


QUANTITIES = {
    "accuracy": Quantity("test accuracy, % (log scale of errors)", 100, "{:.1f}", True),
    "logit_sqnr_db": Quantity("logit SQNR, dB", 1, "{:.1f}"),
    "nearer_to_training_pass_db": Quantity("nearer by, dB", 1, "{:.1f}"),
    "changed_by_batch_mates": Quantity("predictions that differ in another batch, %", 100, "{:.1f}", True),
    "model_bytes": Quantity("bytes"),
    "seconds": Quantity("milliseconds", 1000, "{:,.3g}"),
    "gradient_steps": Quantity("gradient steps"),
    "ranges": Quantity("ranges"),
}
MEANS = "Means over {} seeds, and their 95 % intervals, not corrected for images that seeds share."


def kept(records: Sequence[Any], value: str, where: Mapping[str, Any] | None, methods: Sequence[str] | None) -> Any:
    """The records that have the value, of these methods, at this place."""
    return [r for r in records if r.get(value) is not None and (methods is None or r["method"] in methods)
            and all(r.get(key) == wanted for key, wanted in (where or {}).items())]


def means(records: Sequence[Any], value: str, series: str, x: str) -> Curves:
    """The mean over seeds for each series at each x, in the order in which they come."""
    found: dict[str, dict[Any, list[float]]] = {}
    for r in records:
        found.setdefault(r[series], {}).setdefault(r[x], []).append(r[value] * QUANTITIES[value].scale)
    return {name: {p: estimate(values) for p, values in curve.items()} for name, curve in found.items()}


def levels(records: Sequence[Any], value: str) -> dict[str, Estimate]:
    """The mean over seeds of each method, wherever it was tested."""
    everywhere = means([{**r, "everywhere": True} for r in records], value, "method", "everywhere")
    return {method: curve[True] for method, curve in everywhere.items()}


def seeds(records: Sequence[Any]) -> int:
    """How many there are."""
    return len({r["seed"] for r in records})


def titled(drawn: Figure, title: str) -> None:
    """The title in two lines if it must be, flush left."""
    drawn.suptitle(textwrap.fill(title, 40), x=0.01, ha="left", fontsize=14, fontweight="bold")
