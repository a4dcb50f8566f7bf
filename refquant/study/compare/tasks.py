"""What a comparison is asked to do, and what every method of one seed shares."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ... import mlp
from ...arguments import Reals
from ...grids import Grid, IntGrid
from ..datasets import Data, Split, digits, split
from ..records import Row, Width, label, width
from .network import Network

BITS = (8, 4, 3, 2)


class Plan(NamedTuple):
    """What a comparison does, seeds apart. data is a Split where train and test are given, else split by each seed.

    net: a float network that is there already. A seed then draws the calibration images and the order of fine-tuning.
    bits: widths of integers. grids: further grids, each for both weights and activations.
    """

    methods: tuple[str, ...]
    bits: tuple[int, ...] = BITS
    data: Data | Split | None = None
    sizes: tuple[int, ...] = (64, 32, 32, 10)
    calibration: int = 256
    epochs: int = 60
    net: mlp.Net | None = None
    grids: tuple[Grid, ...] = ()

    @property
    def widths(self) -> list[tuple[Grid, Grid]]:
        """The grids of weights and activations that every method is tried on, the widest first.

        >>> from refquant import INT4
        >>> Plan((), bits=(8, 3), grids=(INT4,)).widths[1:]
        [(INT4, INT4), (IntGrid(3, narrow=True), IntGrid(3, signed=False))]
        """
        pairs = [*(grids(bits, bits) for bits in self.bits), *((grid, grid) for grid in self.grids)]
        return sorted(pairs, key=lambda pair: -pair[0].bits)


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


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The seed's random numbers for one purpose, independent of all others."""
    return np.random.default_rng([seed, ("split", "init", "train", "qat", "mates", "noise", "shifts").index(purpose)])


class Run(NamedTuple):
    """One network that a method made, at a width (32 for float32), in so many seconds."""

    method: str
    bits: int
    network: Network
    seconds: float

    @property
    def grids(self) -> tuple[Grid, Grid] | None:
        """Of weights and of activations; None for float32."""
        if isinstance(self.network, mlp.Net):
            return None
        return self.network.layers[0].weight.grid, self.network.layers[0].activation.grid

    @property
    def width(self) -> Width:
        """The bits, or the name of the grid that both are on."""
        return width(*self.grids, self.bits) if self.grids else 32

    @property
    def name(self) -> str:
        """Of a file: METHOD-WbAb or METHOD-GRID."""
        return f"{self.method}-{label(self.width)}"


def grids(weights: int, activations: int) -> tuple[Grid, Grid]:
    """Narrow signed codes for weights, unsigned ones for activations."""
    return IntGrid(weights, narrow=True), IntGrid(activations, signed=False)


class Finished(NamedTuple):
    """What the figures are drawn from: the rows of all seeds; the task and the networks of seed 0."""

    rows: Sequence[Row]
    task: Task
    runs: Sequence[Run]


def float_net(plan: Plan, train: Data, seed: int, **options: Any) -> mlp.Net:
    """The seed's float network, trained from its initial weights. options: mlp.train's."""
    return mlp.train(mlp.init(stream(seed, "init"), plan.sizes), *train, rng=stream(seed, "train"),
                     **{"epochs": plan.epochs, **options})


def prepare(plan: Plan, seed: int) -> tuple[Task, Run]:
    """The seed's data and float network."""
    data = digits() if plan.data is None else plan.data
    data = data if isinstance(data, Split) else split(data, stream(seed, "split"))
    began = time.perf_counter()
    if plan.net is not None:
        order = stream(seed, "split").permutation(len(data.train.x))
        data = data._replace(train=Data(data.train.x[order], data.train.labels[order]))
    net = float_net(plan, data.train, seed) if plan.net is None else plan.net
    return Task(plan, data, net, seed), Run("float", 32, net, time.perf_counter() - began)
