"""What an experiment records: flat rows, one for each network that it tested."""
from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from .... import mlp
from ....metrics import sqnr_db
from ...compare.methods import all_methods
from ...compare.network import Network, logits
from ...compare.tasks import Task, grids
from ...datasets import Data, Split

#: seed, method, where it was tested (bits, images, ...), and what was measured: JSON's types only.
Observation: TypeAlias = dict[str, Any]


def made(task: Task, method: str, weights: int, activations: int) -> Network:
    """The network that a method of `compare` makes."""
    return all_methods()[method](task, *grids(weights, activations))


def tested(task: Task, method: str, network: Network, **where: Any) -> Observation:
    """Accuracy (0 to 1), cross-entropy (nats) and logit SQNR (dB, against the float network) on the test images."""
    x, labels = task.data.test
    got, expected = logits(network, x), logits(task.net, x)
    sqnr = sqnr_db(expected, got)
    return {"seed": task.seed, "method": method, **where, "accuracy": mlp.accuracy(got, labels),
            "cross_entropy": mlp.cross_entropy(got, labels)[0], "logit_sqnr_db": sqnr if math.isfinite(sqnr) else None}


def with_training(task: Task, train: Data, calibration: int | None = None) -> Task:
    """The same task, trained on other data, and calibrated on all of it or on the first `calibration` images."""
    plan = task.plan._replace(calibration=calibration or len(train.x))
    return task._replace(data=Split(train, task.data.test), plan=plan)


def first(data: Data, n: int) -> Data:
    """The first n samples."""
    return Data(data.x[:n], data.labels[:n])


@contextmanager
def counted(*functions: Any) -> Iterator[dict[str, int]]:
    """How often each function is called within the block, from anywhere.

    >>> with counted(grids) as calls:
    ...     _ = grids(8, 8)
    >>> calls
    {'grids': 1}
    """
    import sys

    codes = {function.__code__: function.__name__ for function in functions}
    calls = dict.fromkeys(codes.values(), 0)

    def watch(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in codes:
            calls[codes[frame.f_code]] += 1

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        yield calls
    finally:
        sys.setprofile(before)
