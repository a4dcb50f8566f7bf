"""Methods that train: in float, or with quantization in the loop (QAT). options: as mlp's functions take them."""

from __future__ import annotations

from typing import Any

from ... import mlp
from ...grids import Grid
from .after_training import input_fit, least, least_inputs, ptq_static_mse
from .network import Network
from .tasks import Task, stream


def float_network(task: Task, *_: Grid) -> Network:
    """float32, trained for 60 epochs: what all others start from, or are compared with."""
    return task.net


def float_longer(task: Task, *_: Grid, **options: Any) -> Network:
    """The float network trained for half its epochs more (30): the control of QAT that starts from it."""
    return mlp.train(task.net, *task.data.train, **_half(task, options))


def qat_ste_minmax(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT of ptq-static-minmax, straight-through: weights' ranges follow by its rule, inputs' stay as calibrated."""
    inputs = mlp.input_params(task.net, task.calibration, activations, fit=input_fit(activations))
    return _straight_through(task, weights, activations, activation=inputs, **options)


def qat_ste_mse(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT of ptq-static-mse, straight-through: weights' ranges follow by its rule, inputs' stay as calibrated."""
    inputs = least_inputs(task, task.net, activations)
    return _straight_through(task, weights, activations, activation=inputs, **least(weights), **options)


def qat_lsq(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT of ptq-static-mse, learned steps (LSQ): starts from its scales and trains them too; zero points stay."""
    start = ptq_static_mse(task, weights, activations)
    return mlp.train_lsq(task.net, *task.data.train, weight_grid=weights, activation_grid=activations, weight_axis=0,
                         activation_fit=input_fit(activations), **{"start": start, **_half(task, options)})


def qat_ste_mse_recalibrated(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT: as qat-ste-mse, then inputs are calibrated again, in the trained network with its weights rounded."""
    inputs = least_inputs(task, task.net, activations)
    layers = _straight_through(task, weights, activations, activation=inputs, **least(weights), **options).layers
    net = mlp.Net(weights=tuple(layer.reals for layer in layers), biases=tuple(layer.real_bias for layer in layers))
    return mlp.quantize_net(net, least_inputs(task, net, activations), [layer.weight for layer in layers])


def qat_ste_moving(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT: as qat-ste-minmax, but inputs' ranges are a moving average over the batches. No PTQ has these ranges."""
    return _straight_through(task, weights, activations, **options)


def qat_ste_scratch(task: Task, weights: Grid, activations: Grid, **options: Any) -> Network:
    """QAT from scratch: as qat-ste-moving, but from the initial weights, in one schedule of 90 epochs."""
    net = mlp.init(stream(task.seed, "init"), task.plan.sizes)
    return mlp.train_qat(net, *task.data.train, weight_grid=weights, activation_grid=activations,
                         activation_fit=input_fit(activations), **{
        "rng": stream(task.seed, "train"), "epochs": task.plan.epochs * 3 // 2, **options})


def _straight_through(task: Task, weights: Grid, activations: Grid, **options: Any) -> mlp.QuantizedNet:
    return mlp.train_qat(task.net, *task.data.train, weight_grid=weights, activation_grid=activations,
                         activation_fit=input_fit(activations), **_half(task, options))


def _half(task: Task, options: dict[str, Any]) -> dict[str, Any]:
    """The seed's order of the images, and half of the float network's epochs."""
    return {"rng": stream(task.seed, "qat"), "epochs": task.plan.epochs // 2, **options}
