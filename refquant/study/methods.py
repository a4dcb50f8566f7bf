"""The methods that a comparison compares: one table from names to functions, and the networks that they make."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from .. import mlp
from .._check import Reals
from ..clipping import minmax, mse_optimal, percentile
from ..grids import IntGrid
from ..observers import Observer, histogram_observer, minmax_observer
from ..ranges import symmetric_params
from .datasets import Data, Split, digits, split

BITS = (8, 4, 3, 2)
Network: TypeAlias = mlp.Net | mlp.QuantizedNet


class Plan(NamedTuple):
    """What a comparison does, seeds apart. data is a Split where train and test are given, else split by each seed."""

    methods: tuple[str, ...]
    bits: tuple[int, ...] = BITS
    data: Data | Split | None = None
    sizes: tuple[int, ...] = (64, 32, 32, 10)
    calibration: int = 256
    epochs: int = 60


class Task(NamedTuple):
    """What every method of one seed shares: the plan, the split, the trained float network, and the seed."""

    plan: Plan
    data: Split
    net: mlp.Net
    seed: int

    @property
    def calibration(self) -> list[Reals]:
        """The first images of the training set, in batches of 64."""
        x = self.data.train.x[:self.plan.calibration]
        return [x[i:i + 64] for i in range(0, len(x), 64)]


# ---------------------------------------------------------------------------------------------- the methods

def float_network(task: Task, *_: IntGrid) -> Network:
    """float32, trained for 60 epochs: what all others start from, or are compared with."""
    return task.net


def float_longer(task: Task, *_: IntGrid) -> Network:
    """The float network trained as much longer as QAT is (30 epochs): QAT's control."""
    return mlp.train(task.net, *task.data.train, rng=stream(task.seed, "qat"), epochs=task.plan.epochs // 2)


def ptq_static_minmax(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: weights per tensor by their largest value, inputs by min-max of the calibration images."""
    return _static(task, weights, activations, minmax_observer)


def ptq_static_percentile(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: as minmax, but inputs by the 0.1th and 99.9th percentile of the calibration images."""
    return _static(task, weights, activations, histogram_observer(partial(percentile, percent=99.9)))


def ptq_static_mse(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, static: ranges of least mean square error; weights per output channel."""
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations, weight_axis=0,
                          weight_clip=partial(mse_optimal, grid=weights, fit=symmetric_params),
                          observer=histogram_observer(partial(mse_optimal, grid=activations)))


def ptq_dynamic_tensor(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, dynamic per tensor: weights as minmax, inputs by min-max of each batch of 64."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=None)


def ptq_dynamic_row(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """PTQ, dynamic per row: weights as minmax, inputs by min-max of each image alone."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=-1)


def qat_ste(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with straight-through gradients."""
    return mlp.train_qat(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2)


def qat_ste_scratch(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT from scratch: straight-through gradients for all 90 epochs, from the same initial weights."""
    return mlp.train_qat(mlp.init(stream(task.seed, "init"), task.plan.sizes), *task.data.train,
                         rng=stream(task.seed, "train"), weight_grid=weights, activation_grid=activations,
                         epochs=task.plan.epochs + task.plan.epochs // 2)


def qat_lsq(task: Task, weights: IntGrid, activations: IntGrid) -> Network:
    """QAT: the float network fine-tuned for 30 epochs with learned steps (LSQ)."""
    return mlp.train_lsq(task.net, *task.data.train, rng=stream(task.seed, "qat"), weight_grid=weights,
                         activation_grid=activations, epochs=task.plan.epochs // 2)


METHODS: dict[str, Callable[[Task, IntGrid, IntGrid], Network]] = {
    "float": float_network,
    "float-longer": float_longer,
    "ptq-static-minmax": ptq_static_minmax,
    "ptq-static-percentile-99.9": ptq_static_percentile,
    "ptq-static-mse": ptq_static_mse,
    "ptq-dynamic-tensor": ptq_dynamic_tensor,
    "ptq-dynamic-row": ptq_dynamic_row,
    "qat-ste": qat_ste,
    "qat-ste-scratch": qat_ste_scratch,
    "qat-lsq": qat_lsq,
}
FLOATS = ("float", "float-longer")


def _static(task: Task, weights: IntGrid, activations: IntGrid, observer: Observer) -> Network:
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations,
                          weight_clip=minmax, observer=observer)


# ---------------------------------------------------------------------------------------------- running them

def stream(seed: int, purpose: str) -> np.random.Generator:
    """The seed's random numbers for one purpose, independent of all others."""
    return np.random.default_rng([seed, ("split", "init", "train", "qat").index(purpose)])


class Run(NamedTuple):
    """One network that a method made, at a width (32 for float32), in so many seconds."""

    method: str
    bits: int
    network: Network
    seconds: float


def prepare(plan: Plan, seed: int) -> tuple[Task, Run]:
    """The seed's data and float network."""
    data = digits() if plan.data is None else plan.data
    data = data if isinstance(data, Split) else split(data, stream(seed, "split"))
    began = time.perf_counter()
    net = mlp.train(mlp.init(stream(seed, "init"), plan.sizes), *data.train, rng=stream(seed, "train"),
                    epochs=plan.epochs)
    return Task(plan, data, net, seed), Run("float", 32, net, time.perf_counter() - began)


def networks(task: Task) -> Iterator[Run]:
    """Every method of the plan at every width; the float ones once."""
    for method in (method for method in METHODS if method in task.plan.methods and method != "float"):
        for bits in (32,) if method in FLOATS else task.plan.bits:
            grids = IntGrid(min(bits, 16), narrow=True), IntGrid(min(bits, 16), signed=False)
            began = time.perf_counter()
            network = METHODS[method](task, *grids)
            yield Run(method, bits, network, time.perf_counter() - began)


def logits(network: Network, x: Reals) -> Reals:
    """64 rows at a time: products this small run in one BLAS thread, so results do not depend on their number."""
    forward = partial(mlp.forward, network) if isinstance(network, mlp.Net) else partial(mlp.forward_quantized, network)
    return np.concatenate([forward(x[i:i + 64]) for i in range(0, len(x), 64)])
