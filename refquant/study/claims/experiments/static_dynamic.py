"""Experiments on static and dynamic ranges of activations: each a pure function of a task.

Weights have 16 bits throughout, as good as float, so only the ranges of activations matter.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from .... import mlp
from ....arguments import Reals
from ....clipping import mse_optimal, percentile
from ....mlp import Net
from ....observers import Observer, histogram_observer
from ...compare.network import Network
from ...compare.recipe import MINMAX
from ...compare.tasks import Task, float_net, grids, stream
from ...datasets import Data, Split
from .after_training import NAIVE
from .observe import Observation, made, tested

MSE, PER_BATCH, PER_IMAGE = "ptq-static-mse-tensor", "ptq-dynamic-tensor", "ptq-dynamic-row"
P99, CLE = "ptq-static-percentile-99", "ptq-static-cle"
#: Weights are as in min-max; the rules that `compare` applies to both sides are applied to activations alone.
RECIPES = {MSE: MINMAX._replace(inputs="least MSE"), P99: MINMAX._replace(inputs="percentile 99")}


def dynamic(task: Task) -> list[Observation]:
    """Activations at 8, 4, 3 and 2 bits: static by min-max and least MSE, dynamic per batch of 64 and per image."""
    return [tested(task, method, quantized(task, method, bits), RECIPES.get(method), bits=bits)
            for bits in (8, 4, 3, 2) for method in (NAIVE, MSE, PER_BATCH, PER_IMAGE)]


def shifts(task: Task) -> list[Observation]:
    """Where dynamic ranges win and where they lose: other brightness, images of different gain, a hot pixel, channels
    of different size; activations at 8 and 4 bits."""
    records = []
    for place, (shifted, methods) in _places(task).items():
        records.append(tested(shifted, "float", shifted.net, None, bits=32, place=place))
        for bits in (8, 4):
            records += [tested(shifted, method, quantized(shifted, method, bits), RECIPES.get(method), bits=bits,
                               place=place) for method in methods]
    return records


def _places(task: Task) -> dict[str, tuple[Task, tuple[str, ...]]]:
    """Each with the methods that it compares. Brightness shifts after calibration; gains and hot pixels are always
    there, in training only the gains."""
    train, test = task.data
    rng, usual = stream(task.seed, "shifts"), (NAIVE, MSE, P99, PER_IMAGE)

    def on(train_x: Reals, test_x: Reals, net: Net | None = None) -> Task:
        return task._replace(data=Split(Data(train_x, train.labels), Data(test_x, test.labels)), net=net or task.net)

    def gained(x: Reals) -> Reals:
        return x * rng.lognormal(0, 1, (len(x), 1)).astype(np.float32)

    def hot(x: Reals) -> Reals:
        x, rows = x.copy(), rng.random(len(x)) < 0.02
        x[rows, rng.integers(x.shape[1], size=rows.sum())] = 8
        return x

    loud = gained(train.x)
    by_gain = float_net(task.plan, Data(loud, train.labels), task.seed)
    brightness = {f"{factor:g} times as bright": (on(train.x, test.x * np.float32(factor)), usual)
                  for factor in (4, 0.25)}
    return {**brightness, "images of different gain": (on(loud, gained(test.x), by_gain), usual),
            "a hot pixel in 2 %": (on(hot(train.x), hot(test.x)), usual),
            "channels 100 times larger": (on(train.x, test.x, _imbalanced(task.net, 100)), (NAIVE, PER_IMAGE, CLE))}


def _imbalanced(net: Net, factor: float) -> Net:
    """The same function, with three units of each hidden layer `factor` times as large."""
    weights, biases = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    for i in range(len(weights) - 1):
        weights[i][:, :3] *= factor
        biases[i][:3] *= factor
        weights[i + 1][:3] /= factor
    return Net(weights=tuple(weights), biases=tuple(biases))


def quantized(task: Task, method: str, bits: int) -> Network:
    """Activations at `bits` by a static rule, or as a method of `compare` does it. A percentile of 99 is low enough for
    images of which 2 % have a hot pixel."""
    weights, activations = grids(16, bits)
    rules: dict[str, Observer] = {MSE: histogram_observer(partial(mse_optimal, grid=activations)),
                                  P99: histogram_observer(partial(percentile, percent=99.0))}
    if method not in rules:
        return made(task, method, 16, bits)
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations,
                          observer=rules[method])
