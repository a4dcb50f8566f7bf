"""Methods that train: in float, or with quantization in the loop (QAT). options: as mlp's functions take them."""

from __future__ import annotations

from typing import Any

from ... import mlp
from ...grids import Grid
from .after_training import least, least_inputs, ptq_static_mse
from .network import Network
from .tasks import Task, stream


def float_network(task: Task, *_: Grid) -> Network:
    """float32, trained for 60 epochs: what all others start from, or are compared with."""
    return task.net


def float_longer(task: Task, *_: Grid, **options: Any) -> Network:
    """The float network trained as much longer as QAT is (30 epochs): QAT's control."""
    return mlp.train(task.net, *task.data.train, **_half(task, options))


def qat_ste_minmax(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT, straight-through, for 30 epochs, on the ranges of ptq-static-minmax: min-max, inputs calibrated before."""
    inputs = mlp.input_params(task.net, task.calibration, activations)
    return _straight_through(task, weights, activations, activation=inputs, **options)


def qat_ste_mse(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT, straight-through, for 30 epochs, on the ranges of ptq-static-mse: least MSE, inputs calibrated before."""
    inputs = least_inputs(task, task.net, activations)
    return _straight_through(task, weights, activations, activation=inputs, **least(weights), **options)


def qat_lsq(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT, learned steps (LSQ), for 30 epochs: the scales of ptq-static-mse are the first steps, and descend too."""
    start = ptq_static_mse(task, weights, activations)
    return mlp.train_lsq(task.net, *task.data.train, weight_grid=weights, activation_grid=activations, weight_axis=0,
                         **{"start": start, **_half(task, options)})


def qat_ste_mse_recalibrated(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT: as qat-ste-mse, then the inputs' ranges are calibrated again, on the trained network."""
    inputs = least_inputs(task, task.net, activations)
    layers = _straight_through(task, weights, activations, activation=inputs, **least(weights), **options).layers
    net = mlp.Net(weights=tuple(layer.reals for layer in layers), biases=tuple(layer.real_bias for layer in layers))
    return mlp.quantize_net(net, least_inputs(task, net, activations), [layer.weight for layer in layers])


def qat_ste_moving(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT, straight-through, for 30 epochs: weights min-max per tensor, inputs on a moving average of the batches."""
    return _straight_through(task, weights, activations, **options)


def qat_ste_scratch(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT from scratch: as qat-ste-moving, for all 90 epochs, from the same initial weights."""
    net = mlp.init(stream(task.seed, "init"), task.plan.sizes)
    return mlp.train_qat(net, *task.data.train, weight_grid=weights, activation_grid=activations, **{
        "rng": stream(task.seed, "train"), "epochs": task.plan.epochs * 3 // 2, **options})


def _straight_through(task: Task, weights: Grid, activations: Grid, **options: Any) -> mlp.QuantizedNet:
    return mlp.train_qat(task.net, *task.data.train, weight_grid=weights, activation_grid=activations,
                         **_half(task, options))


def _half(task: Task, options: dict[str, Any]) -> dict[str, Any]:
    """The seed's order of the images, and half of the float network's epochs."""
    return {"rng": stream(task.seed, "qat"), "epochs": task.plan.epochs // 2, **options}
