"""Methods that quantize a trained network (PTQ)."""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import mlp
from ...affine import AffineParams
from ...clipping import ClippingRule, mse_optimal, percentile
from ...grids import Grid
from ...methods import adaround, cross_layer_equalization
from ...mlp.reconstruction import Rounding, by_gptq, nearest, reconstruct
from ...observers import Observer, histogram_observer
from ...ranges import Fit, affine_params, symmetric_params
from .network import Network
from .tasks import Task


def ptq_static_minmax(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: weights per tensor by their largest value, inputs by min-max of the calibration images."""
    return _static(task, weights, activations)


def ptq_static_percentile(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as minmax, but inputs by the 0.1th and 99.9th percentile of the calibration images."""
    return _static(task, weights, activations, observer=histogram_observer(partial(percentile, percent=99.9)))


def ptq_static_mse(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: ranges of least mean square error; weights per output channel."""
    return _static(task, weights, activations, observer=_least_observer(activations), **least(weights))


def input_fit(activations: Grid) -> Fit:
    """Affine where steps are equal; other grids have no zero point."""
    return affine_params if activations.equal_steps else symmetric_params


def least(weights: Grid) -> dict[str, Any]:
    """The options that give weights ranges of least mean square error, per output channel."""
    return {"weight_axis": 0, "weight_clip": partial(mse_optimal, grid=weights, fit=symmetric_params)}


def least_inputs(task: Task, net: mlp.Net, activations: Grid) -> list[AffineParams]:
    """Each layer's input on the range of least mean square error over the calibration images."""
    return mlp.input_params(net, task.calibration, activations, _least_observer(activations), input_fit(activations))


def _least_observer(activations: Grid) -> Observer:
    return histogram_observer(partial(mse_optimal, grid=activations, fit=input_fit(activations)))


def ptq_dynamic_tensor(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, dynamic per tensor: weights as minmax, inputs by min-max of each batch of 64."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=None,
                           fit=input_fit(activations))


def ptq_dynamic_row(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, dynamic per row: weights as minmax, inputs by min-max of each image alone."""
    return mlp.ptq_dynamic(task.net, weight_grid=weights, activation_grid=activations, axis=-1,
                           fit=input_fit(activations))


def ptq_static_by(rule: ClippingRule, task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: weights and inputs per tensor, both by one clipping rule; inputs one-sided, if the rule can."""
    return _static(task, weights, activations, weight_clip=rule.on(weights, symmetric_params),
                   observer=histogram_observer(rule.on(activations, input_fit(activations), one_sided=True)))


def ptq_static_channel(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as minmax, but weights with a scale for each output channel."""
    return _static(task, weights, activations, weight_axis=0)


def ptq_static_block(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as minmax, but weights with a scale for each block of 16 inputs to an output."""
    return _static(task, weights, activations, weight_block=16)


def ptq_static_cle(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as minmax, after cross-layer equalization of the hidden units' scales (CLE)."""
    w, b = cross_layer_equalization(task.net.weights, task.net.biases)
    return ptq_static_minmax(task._replace(net=mlp.Net(weights=w, biases=b)), weights, activations)


def ptq_static_bias_correction(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as mse, then each layer's mean error on the calibration images goes into its bias."""
    return reconstructed(task, weights, activations, nearest)


def ptq_static_adaround(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as bias-correction, but each weight is rounded to serve its layer's output (AdaRound)."""
    return reconstructed(task, weights, activations, adaround)


def ptq_gptq(task: Task, weights: Grid, activations: Grid) -> Network:
    """PTQ, static: as mse, but each weight makes good what rounding others did to its layer's output (GPTQ)."""
    return reconstructed(task, weights, activations, by_gptq, correct=False)


def reconstructed(task: Task, weights: Grid, activations: Grid, rounding: Rounding, correct: bool = True) -> Network:
    """On the ranges of mse, layer by layer, biases corrected if asked."""
    static = ptq_static_mse(task, weights, activations)
    assert isinstance(static, mlp.QuantizedNet)
    inputs = [layer.activation for layer in static.layers if isinstance(layer.activation, AffineParams)]
    return reconstruct(task.net, task.calibration, [layer.weight for layer in static.layers], inputs,
                       rounding=rounding, correct=correct)


def _static(task: Task, weights: Grid, activations: Grid, **ranges: Any) -> mlp.QuantizedNet:
    return mlp.ptq_static(task.net, task.calibration, weight_grid=weights, activation_grid=activations,
                          activation_fit=input_fit(activations), **ranges)
