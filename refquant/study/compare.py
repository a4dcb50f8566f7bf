"""The main job: one network, quantized after training and trained with quantization, at several widths and seeds."""

import csv
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .. import mlp
from .._check import Codes, Reals
from ..grids import IntGrid
from ..metrics import sqnr_db
from . import plots
from .datasets import Split, digits, split
from .files import write
from .jobs import run
from .records import Record, summarize
from .stats import Estimate

SIZES = (64, 32, 32, 10)
BITS = (8, 4, 3, 2)
CALIBRATION = 256


class Task(NamedTuple):
    """What every method of one seed shares: the split, the trained float network, and the seed of its own shuffles."""

    data: Split
    net: mlp.Net
    seed: int


def ptq_static_minmax(task: Task, weights: IntGrid, activations: IntGrid) -> mlp.QuantizedNet:
    """Weights per tensor by their largest value; inputs on the range of the first 256 training images."""
    batches = np.split(task.data.train.x[:CALIBRATION], 4)
    return mlp.ptq_static(task.net, batches, weight_grid=weights, activation_grid=activations)


def ptq_dynamic_row(task: Task, weights: IntGrid, activations: IntGrid) -> mlp.QuantizedNet:
    """Weights per tensor by their largest value; inputs on the range of each row."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=-1)


def qat_ste(task: Task, weights: IntGrid, activations: IntGrid) -> mlp.QuantizedNet:
    """The float network fine-tuned for 30 epochs with straight-through gradients."""
    return mlp.train_qat(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations)


METHODS: dict[str, Callable[[Task, IntGrid, IntGrid], mlp.QuantizedNet]] = {
    "ptq-static-minmax": ptq_static_minmax,
    "ptq-dynamic-row": ptq_dynamic_row,
    "qat-ste": qat_ste,
}


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The seed's random numbers for one purpose, independent of all others."""
    return np.random.default_rng([seed, ("split", "init", "train", "qat").index(purpose)])


def run_seed(seed: int, bits: Sequence[int] = BITS) -> list[Record]:
    """Train one float network, quantize it by every method at every width, test all of them on the same images.

    >>> [(r["method"], r["model_bytes"]) for r in run_seed(0, bits=[8])][:2]
    [('float', 13864), ('ptq-static-minmax', 3715)]
    """
    data = split(digits(), stream(seed, "split"))
    began = time.perf_counter()
    net = mlp.train(mlp.init(stream(seed, "init"), SIZES), *data.train, rng=stream(seed, "train"))
    seconds = time.perf_counter() - began
    expected = _in_batches(partial(mlp.forward, net), data.test.x)
    record = partial(_record, labels=data.test.labels, seed=seed)
    records = [record("float", 32, expected, None, seconds, net.nbytes)]
    for method, b in ((method, b) for method in METHODS for b in bits):
        began = time.perf_counter()
        qnet = METHODS[method](Task(data, net, seed), IntGrid(b, narrow=True), IntGrid(b, signed=False))
        seconds = time.perf_counter() - began
        logits = _in_batches(partial(mlp.forward_quantized, qnet), data.test.x)
        records.append(record(method, b, logits, _finite(sqnr_db(expected, logits)), seconds, qnet.nbytes))
    return records


def _in_batches(forward: Callable[[Reals], Reals], x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    return np.concatenate([forward(x[i:i + 64]) for i in range(0, len(x), 64)])


def _record(method: str, bits: int, logits: Reals, sqnr: float | None, seconds: float, size: int, *, labels: Codes,
            seed: int) -> Record:
    return Record(method=method, weight_bits=bits, activation_bits=bits, seed=seed,
                  accuracy=mlp.accuracy(logits, labels), cross_entropy=mlp.cross_entropy(logits, labels)[0],
                  logit_sqnr_db=sqnr, seconds=seconds, model_bytes=size)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def compare(seeds: int, bits: Sequence[int], jobs: int) -> list[Record]:
    """The records of seeds 0 to seeds - 1, by method, width and seed."""
    results = run(partial(run_seed, bits=tuple(bits)), range(seeds), min(jobs, seeds), "seeds")
    order = ["float", *METHODS]
    return sorted((record for records in results for record in records),
                  key=lambda r: (order.index(r["method"]), -r["weight_bits"], r["seed"]))


def table(records: Sequence[Record]) -> str:
    """The rows as text."""
    def show(e: Estimate | None, sign: str = "") -> str:
        if e is None:
            return "–"
        return f"{e.mean:{sign}.2f}" + ("" if e.half_width is None else f" ± {e.half_width:.2f}")

    lines = [("method", "bits", "accuracy, %", "minus float, points", "logit SQNR, dB", "bytes", "seconds")]
    lines += [(r.method, "float32" if r.bits == 32 else f"W{r.bits}A{r.bits}", show(r.accuracy),
               "–" if r.bits == 32 else show(r.minus_float, "+"), show(r.sqnr_db), f"{r.model_bytes:,}",
               f"{r.seconds:.4f}") for r in summarize(records)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths,
            strict=True))) for line in lines]
    seeds = len({r["seed"] for r in records})
    return "\n".join([text[0], "-" * len(text[0]), *text[1:], "",
                      f"Mean ± 95 % interval (Student's t) over {seeds} seed{'s' * (seeds > 1)}. A seed is a split of "
                      "the digits (1,257 to train, 540 to test)", "and an initialisation, shared by all methods. "
                      "minus float: paired within each seed. logit SQNR: float logits to error."])


def save(records: Sequence[Record], folder: Path) -> list[Path]:
    """comparison.csv, comparison.json and two figures, each whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(Record.__annotations__))
    writer.writeheader()
    writer.writerows(records)
    rows = summarize(records)
    contents: dict[str, str | bytes] = {
        "comparison.csv": text.getvalue(),
        "comparison.json": json.dumps(list(records), indent=1, allow_nan=False) + "\n",
        "accuracy.png": plots.png(plots.accuracy_against_bits(rows)),
        "logit_sqnr.png": plots.png(plots.sqnr_against_bits(rows)),
    }
    for name, content in contents.items():
        write(folder / name, content)
    return [folder / name for name in contents]
