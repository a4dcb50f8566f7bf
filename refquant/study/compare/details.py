"""A closer look at one seed: where the error is made, what the codes are, how training went, wrong predictions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ... import mlp
from ...affine import AffineParams
from ...arguments import Reals
from ...grids import Grid
from ...metrics import sqnr_db
from ..records import Width, width
from . import detail_figures as figures
from .during_training import float_longer
from .methods import all_methods, kind
from .network import logits
from .tasks import Finished, Run, Task, float_net

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MINMAX = "ptq-static-minmax"


class LayerError(NamedTuple):
    """One layer's output against the float network's, in dB: made in it alone, and with all that came before."""

    method: str
    width: Width
    layer: int
    alone_db: float
    so_far_db: float


def layer_sqnr(seen: Finished) -> Figure | None:
    """The error of every layer, of the networks of integer codes that were quantized after training."""
    errors = [e for run in seen.runs if kind(run.method) == "PTQ" and isinstance(run.network, mlp.QuantizedNet)
              for e in layer_errors(run, seen.task.net, seen.task.data.test.x)]
    return figures.sqnr_by_layer(errors) if errors else None


def weights(seen: Finished) -> Figure | None:
    """The codes of the middle layer."""
    net = seen.task.net
    layer = len(net.weights) // 2
    codes = {(run.method, run.width): weight_steps(run.network, net, layer)
             for run in seen.runs if isinstance(run.network, mlp.QuantizedNet)}
    return figures.weight_histograms(codes, layer=layer + 1) if codes else None


def training(seen: Finished) -> Figure | None:
    """The accuracy after every epoch, where there is QAT."""
    if all(kind(run.method) != "QAT" for run in seen.runs):
        return None
    last = seen.task.plan.widths[-1]
    return figures.training_curves(training_curves(seen.task), width(*last, last[0].bits))


def ranges(seen: Finished) -> Figure | None:
    """The static min-max ranges beside those of each image."""
    static = [run.network for run in seen.runs if run.method == MINMAX]
    return figures.activation_ranges(activation_ranges(static[0], seen.task.net, seen.task.data.test.x)) if static \
        else None


def misread(seen: Finished) -> Figure | None:
    """The first wrong predictions, where images are square."""
    x, labels = seen.task.data.test
    shown = [run for run in seen.runs if run.method in ("float", MINMAX, "qat-lsq")]
    if MINMAX not in {run.method for run in shown} or math.isqrt(x.shape[1]) ** 2 != x.shape[1]:
        return None
    return figures.misread(x, labels, [(run.method, run.width, logits(run.network, x).argmax(axis=1)) for run in shown])


def layer_errors(run: Run, net: mlp.Net, x: Reals) -> list[LayerError]:
    """Each layer's output against the float network's: given float inputs, and given the quantized layers before it.

    The outputs are those before ReLU; the last layer's are the logits.
    """
    network: Any = run.network
    inputs = mlp.layer_inputs(net, x)[:-1]
    so_far, errors = x, []
    for i, (layer, a, w, b) in enumerate(zip(network.layers, inputs, net.weights, net.biases, strict=True)):
        expected = a @ w + b
        so_far = mlp.linear(layer, np.maximum(so_far, 0) if i else so_far)
        errors.append(LayerError(run.method, run.width, i + 1, sqnr_db(expected, mlp.linear(layer, a)),
                                 sqnr_db(expected, so_far)))
    return errors


class WeightSteps(NamedTuple):
    """One layer's float weights divided by their scale, the values of its codes, and their grid."""

    float_steps: Reals
    values: Any
    grid: Grid


def weight_steps(network: Any, net: mlp.Net, layer: int) -> WeightSteps:
    """The float network's weights in steps of the quantized layer's scale, beside the values that it holds."""
    chosen = network.layers[layer]
    grid = chosen.weight.grid
    return WeightSteps(net.weights[layer] / chosen.weight.scale, grid.decode(chosen.codes), grid)


def activation_ranges(network: Any, net: mlp.Net, x: Reals) -> list[tuple[float, float, Reals, Reals]]:
    """Per layer: the static range (lo, hi), and the smallest and the largest input of each image."""
    found = []
    for layer, a in zip(network.layers, mlp.layer_inputs(net, x)[:-1], strict=True):
        at: AffineParams = layer.activation
        lo, hi = (float(at.scale) * (code - int(at.zero_point)) for code in (at.grid.qmin, at.grid.qmax))
        found.append((lo, hi, a.min(axis=1), a.max(axis=1)))
    return found


def training_curves(task: Task) -> dict[str, list[tuple[int, float]]]:
    """Method -> (epoch, test accuracy in percent) after every epoch, at the last of the plan's widths."""
    plan, grids = task.plan, task.plan.widths[-1]
    points: dict[str, list[float]] = {}

    def watch(method: str) -> Any:
        seen, (x, labels) = points.setdefault(method, []), task.data.test
        return lambda network: seen.append(100 * mlp.accuracy(logits(network, x), labels))

    float_net(plan, task.data.train, task.seed, each_epoch=watch("float"))
    float_longer(task, each_epoch=watch("float-longer"))
    for name, method in all_methods().items():
        if name in plan.methods and kind(name) == "QAT":
            method.make(task, *grids, each_epoch=watch(name))
    last = plan.epochs + plan.epochs // 2  # where all methods end, except the float network
    return {method: list(enumerate(seen, 1 if method == "float" else last - len(seen) + 1))
            for method, seen in points.items()}
