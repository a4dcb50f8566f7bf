"""The main job: one network, quantized after training and trained with quantization, at several widths and seeds."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ... import mlp
from ...arguments import Reals
from ...metrics import sqnr_db
from ..jobs import run
from ..records import Measured, Record, width, width_in
from .methods import all_methods, networks
from .network import logits
from .recipe import made_by
from .tasks import Plan, Run, Task, prepare, stream


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
    """The share of test images that are predicted differently when the same images are batched in another order."""
    order = stream(task.seed, "mates").permutation(len(got))
    again = np.empty_like(got)
    again[order] = logits(run.network, task.data.test.x[order])
    return float(np.mean(np.argmax(again, axis=1) != np.argmax(got, axis=1)))


def _record(run: Run, got: Reals, expected: Reals, task: Task) -> Record:
    labels, sqnr = task.data.test.labels, sqnr_db(expected, got)
    made = made_by(all_methods()[run.method].recipe, run.grids, task.plan.epochs, len(task.data.train.x),
                   task.plan.calibration)
    measured = Measured(
        method=run.method, weight_bits=run.bits, activation_bits=run.bits, seed=task.seed,
        accuracy=mlp.accuracy(got, labels), cross_entropy=mlp.cross_entropy(got, labels)[0],
        logit_sqnr_db=sqnr if math.isfinite(sqnr) else None, seconds=run.seconds,
        model_bytes=run.network.nbytes, changed_by_batch_mates=changed_by_batch_mates(run, got, task))
    return Record(**measured, **made)


def compare(plan: Plan, seeds: int, jobs: int) -> list[Record]:
    """The records of seeds 0 to seeds - 1, by method, width and seed."""
    results = run(partial(run_seed, plan), range(seeds), min(jobs, seeds), "seeds")
    order, places = list(all_methods()), [32, *(width(*pair, pair[0].bits) for pair in plan.widths)]
    return sorted((record for records in results for record in records),
                  key=lambda r: (order.index(r["method"]), places.index(width_in(r)), r["seed"]))
