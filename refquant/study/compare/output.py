"""The files of a comparison: comparison.csv, comparison.json and the figures."""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...files import write
from ..plots.style import png
from ..records import Record, summarize
from . import details, figures
from .methods import networks
from .tasks import Finished, Plan, prepare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: File name -> what draws it; None where a method that it shows was left out.
FIGURES: dict[str, Callable[[Finished], Figure | None]] = {
    "accuracy.png": lambda seen: figures.accuracy_against_bits(seen.rows),
    "cross_entropy.png": lambda seen: figures.cross_entropy_against_bits(seen.rows),
    "logit_sqnr.png": lambda seen: figures.sqnr_against_bits(seen.rows),
    "layer_sqnr.png": details.layer_sqnr,
    "weights.png": details.weights,
    "training.png": details.training,
    "ranges.png": details.ranges,
    "misread.png": details.misread,
}


def save(records: Sequence[Record], plan: Plan, folder: Path) -> list[Path]:
    """Write all files, each whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(Record.__annotations__))
    writer.writeheader()
    writer.writerows(records)
    task, base = prepare(plan, 0)
    seen = Finished(summarize(records), task, [base, *networks(task)])
    drawn = {name: draw(seen) for name, draw in FIGURES.items()}
    contents: dict[str, str | bytes] = {
        "comparison.csv": text.getvalue(),
        "comparison.json": json.dumps(list(records), indent=1, allow_nan=False) + "\n",
        **{name: png(figure) for name, figure in drawn.items() if figure is not None},
    }
    for name, content in contents.items():
        write(folder / name, content)
    return [folder / name for name in contents]
