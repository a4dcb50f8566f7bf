"""The files of a comparison: comparison.csv, comparison.json and the figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import results
from ..jobs import clear, say
from ..records import Record, summarize
from . import details, figures
from .methods import networks
from .tasks import Finished, Plan, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: File name -> what draws it; None where a method that it shows was left out.
FIGURES: dict[str, Callable[[Finished], Figure | None]] = {
    "accuracy.png": lambda seen: figures.accuracy_against_bits(seen.rows),
    "errors.png": lambda seen: figures.errors_against_bits(seen.rows),
    "cross_entropy.png": lambda seen: figures.cross_entropy_against_bits(seen.rows),
    "logit_sqnr.png": lambda seen: figures.sqnr_against_bits(seen.rows),
    "layer_sqnr.png": details.layer_sqnr,
    "weights.png": details.weights,
    "training.png": details.training,
    "ranges.png": details.ranges,
    "misread.png": details.misread,
}


def save(records: Sequence[Record], plan: Plan, folder: Path, svg: bool = False) -> results.Written:
    """Write all files or none; the figures as SVG, too, if that is asked."""
    say("figures: seed 0 once more, for a closer look")
    task, base = prepare(plan, 0)
    seen = Finished(summarize(records), task, [base, *networks(task)])
    drawn = {name: figure for name, draw in FIGURES.items() if (figure := draw(seen)) is not None}
    written = results.save("compare", folder, {
        "comparison.csv": results.csv(records, list(Record.__annotations__)),
        "comparison.json": json.dumps(list(records), indent=1, allow_nan=False) + "\n",
        **results.pictures("compare", drawn, svg)})
    clear()
    return written
