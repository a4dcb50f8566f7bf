"""What an experiment records: flat rows, one for each network that it tested."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from .... import mlp
from ....grids import Grid
from ....metrics import sqnr_db
from ...compare.methods import all_methods
from ...compare.network import Network, logits
from ...compare.recipe import Recipe, made_by
from ...compare.tasks import Task, grids
from ...datasets import Data, Split
from ...records import Made

#: seed, method, how the network was made, where it was tested (bits, images, ...), and what was measured: JSON's types.
Observation: TypeAlias = dict[str, Any]
#: How a network was made. float_epochs: those of its float training, before it was quantized or trained on.
MADE = (*Made.__annotations__, "float_epochs", "taught_by")


def made(task: Task, method: str, weights: int, activations: int, **options: Any) -> Network:
    """The network that a method of `compare` makes. options: of those that train."""
    return all_methods()[method].make(task, *grids(weights, activations), **options)


def observed(task: Task, method: str, widths: tuple[int, int], *, called: str = "", epochs: int | None = None,
             **where: Any) -> Observation:
    """What a method of `compare` makes of weights and activations of these widths, tested."""
    options = {} if epochs is None else {"epochs": epochs}
    return tested(task, called or method, made(task, method, *widths, **options), recipe(task, method, epochs), **where)


def tested(task: Task, method: str, network: Network, by: Recipe | None, **where: Any) -> Observation:
    """Accuracy (0 to 1), cross-entropy (nats), logit SQNR (dB, against the float network) on the test images; bytes.

    by: what the network is made by; None: as the method of `compare`.
    """
    x, labels = task.data.test
    got, expected = logits(network, x), logits(task.net, x)
    sqnr = sqnr_db(expected, got)
    at = None if isinstance(network, mlp.Net) else (network.layers[0].weight.grid, network.layers[0].activation.grid)
    return {**origin(task, method, at, by), **where, "accuracy": mlp.accuracy(got, labels),
            "cross_entropy": mlp.cross_entropy(got, labels)[0], "logit_sqnr_db": sqnr if math.isfinite(sqnr) else None,
            "model_bytes": network.nbytes}


def recipe(task: Task, method: str, epochs: int | None = None) -> Recipe:
    """What a method of `compare` makes its network by, in so many epochs if it is asked to."""
    found = all_methods()[method].recipe
    return found if epochs is None else found._replace(epochs=epochs / task.plan.epochs)


def origin(task: Task, method: str, at: tuple[Grid, Grid] | None, by: Recipe | None = None) -> Observation:
    """Seed, method, and how its network was made, on grids of weights and activations (None: float32)."""
    found = made_by(by or recipe(task, method), at, task.plan.epochs, len(task.data.train.x), task.plan.calibration)
    return {"seed": task.seed, "method": method, **found, "float_epochs": task.plan.epochs,
            "taught_by": "labels" if found["training_steps"] else "none"}


def with_training(task: Task, train: Data, calibration: int | None = None) -> Task:
    """The same task, trained on other data, and calibrated on all of it or on the first `calibration` images."""
    plan = task.plan._replace(calibration=calibration or len(train.x))
    return task._replace(data=Split(train, task.data.test), plan=plan)


def first(data: Data, n: int) -> Data:
    """The first n samples."""
    return Data(data.x[:n], data.labels[:n])
