"""The main job: one network, quantized after training and trained with quantization, at several widths and seeds."""
from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from ... import mlp
from ...arguments import Reals
from ...files import write
from ...metrics import sqnr_db
from ..jobs import run
from ..plots.style import png
from ..records import Record, summarize
from ..stats import Estimate
from . import figures
from .details import details
from .methods import GROUPS, METHODS, logits, networks
from .tasks import Plan, Run, Task, prepare, stream

__all__ = ["GROUPS", "METHODS", "Plan", "Run", "Task", "compare", "logits", "networks", "prepare", "run_seed", "save",
           "stream", "table"]


def run_seed(plan: Plan, seed: int) -> list[Record]:
    """Train one float network, quantize it by every method at every width, test all of them on the same images.

    >>> plan = Plan(methods=("ptq-static-minmax",), bits=(8,), epochs=2)
    >>> [(r["method"], r["model_bytes"]) for r in run_seed(plan, seed=0)]
    [('float', 13864), ('ptq-static-minmax', 3715)]
    """
    task, base = prepare(plan, seed)
    expected = logits(base.network, task.data.test.x)
    return [_record(run, logits(run.network, task.data.test.x), expected, task) for run in (base, *networks(task))]


def changed_by_batch_mates(run: Run, got: Reals, task: Task) -> float:
    """The share of test images that are read otherwise when the same images are batched in another order."""
    order = stream(task.seed, "mates").permutation(len(got))
    again = np.empty_like(got)
    again[order] = logits(run.network, task.data.test.x[order])
    return float(np.mean(np.argmax(again, axis=1) != np.argmax(got, axis=1)))


def _record(run: Run, got: Reals, expected: Reals, task: Task) -> Record:
    labels, sqnr = task.data.test.labels, sqnr_db(expected, got)
    return Record(method=run.method, weight_bits=run.bits, activation_bits=run.bits, seed=task.seed,
                  accuracy=mlp.accuracy(got, labels), cross_entropy=mlp.cross_entropy(got, labels)[0],
                  logit_sqnr_db=sqnr if math.isfinite(sqnr) else None, seconds=run.seconds,
                  model_bytes=run.network.nbytes, changed_by_batch_mates=changed_by_batch_mates(run, got, task))


def compare(plan: Plan, seeds: int, jobs: int) -> list[Record]:
    """The records of seeds 0 to seeds - 1, by method, width and seed."""
    results = run(partial(run_seed, plan), range(seeds), min(jobs, seeds), "seeds")
    order = list(METHODS)
    return sorted((record for records in results for record in records),
                  key=lambda r: (order.index(r["method"]), -r["weight_bits"], r["seed"]))


# ---------------------------------------------------------------------------------------------- what comes out

def table(records: Sequence[Record]) -> str:
    """The rows as text."""
    def show(e: Estimate | None, sign: str = "", digits: int = 2) -> str:
        if e is None:
            return "–"
        return f"{e.mean:{sign}.{digits}f}" + ("" if e.half_width is None else f" ± {e.half_width:.{digits}f}")

    lines = [("method", "bits", "accuracy, %", "minus float, points", "cross-entropy, nats", "logit SQNR, dB",
              "batch mates, %", "bytes", "seconds")]
    lines += [(r.method, "float32" if r.bits == 32 else f"W{r.bits}A{r.bits}", show(r.accuracy),
               "–" if r.method == "float" else show(r.minus_float, "+"), show(r.cross_entropy, digits=3),
               show(r.sqnr_db), show(r.changed), f"{r.model_bytes:,}", f"{r.seconds:.4f}") for r in summarize(records)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths,
            strict=True))) for line in lines]
    seeds = len({r["seed"] for r in records})
    return "\n".join([
        text[0], "-" * len(text[0]), *text[1:], "",
        f"Mean ± 95 % interval (Student's t) over {seeds} seed{'s' * (seeds > 1)}. A seed is an initialisation and, "
        "for the digits, a split in 1,257 to train and",
        "540 to test, shared by all methods. minus float: paired within each seed. W8A8: 8 bits for weights, 8 for "
        "activations. logit SQNR: how far",
        "the logits stay above their distance to the float network's; training on moves them too (float-longer). batch "
        "mates: how many images",
        "are read otherwise among other images: a range per batch depends on all of it."])


def save(records: Sequence[Record], plan: Plan, folder: Path) -> list[Path]:
    """comparison.csv, comparison.json and the figures, each whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(Record.__annotations__))
    writer.writeheader()
    writer.writerows(records)
    rows = summarize(records)
    task, base = prepare(plan, 0)
    drawn = {
        "accuracy.png": figures.accuracy_against_bits(rows),
        "cross_entropy.png": figures.cross_entropy_against_bits(rows),
        "logit_sqnr.png": figures.sqnr_against_bits(rows),
        **details(task, [base, *networks(task)]),
    }
    contents: dict[str, str | bytes] = {
        "comparison.csv": text.getvalue(),
        "comparison.json": json.dumps(list(records), indent=1, allow_nan=False) + "\n",
        **{name: png(figure) for name, figure in drawn.items()},
    }
    for name, content in contents.items():
        write(folder / name, content)
    return [folder / name for name in contents]
