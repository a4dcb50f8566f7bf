"""Layer by layer: what each layer is shown, and what comes of it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from helpers import refused

import refquant as rq
from refquant.methods import adaround, gptq
from refquant.mlp.reconstruction import by_gptq, nearest, reconstruct
from refquant.study.compare import after_training as methods
from refquant.study.compare import tasks
from refquant.study.compare.network import logits

PLAN = tasks.Plan(methods=(), epochs=20)
GRIDS = {bits: (rq.IntGrid(bits, narrow=True), rq.IntGrid(bits, signed=False)) for bits in (8, 3, 2)}


@pytest.fixture(scope="module")
def task() -> tasks.Task:
    return tasks.prepare(PLAN, 0)[0]


def parts(task: tasks.Task, bits: int) -> tuple[Any, Any, Any]:
    """The least-MSE static network, its weight and its input parameters."""
    static: Any = methods.ptq_static_mse(task, *GRIDS[bits])
    return static, [layer.weight for layer in static.layers], [layer.activation for layer in static.layers]


@pytest.mark.parametrize("bits", [8, 2])
def test_nearest_is_ptq_static_bit_for_bit(task: tasks.Task, bits: int) -> None:
    static, weights, inputs = parts(task, bits)
    again = reconstruct(task.net, task.calibration, weights, inputs)
    for a, b in zip(again.layers, static.layers, strict=True):
        assert (a.codes == b.codes).all() and (a.bias == b.bias).all()
        assert a.weight == b.weight and a.activation == b.activation


def test_a_layer_is_shown_what_the_float_and_the_quantized_network_give_it(task: tasks.Task) -> None:
    _, weights, inputs = parts(task, 3)
    shown: list[Any] = []

    def watch(w: Any, params: Any, x: Any, x_hat: Any, bias: Any, *, relu: bool) -> Any:
        shown.append((w, params, x, x_hat, bias, relu))
        return adaround(w, params, x, x_hat, bias, relu=relu, iterations=30)

    qnet = reconstruct(task.net, task.calibration, weights, inputs, rounding=watch, correct=True)
    y = np.concatenate(task.calibration)
    floats = [np.concatenate(a) for a in zip(*(rq.mlp.layer_inputs(task.net, x) for x in task.calibration),
                                             strict=True)]
    for i, (w, params, x, x_hat, bias, relu) in enumerate(shown):
        assert w is task.net.weights[i] and bias is task.net.biases[i] and params is weights[i] and relu == (i < 2)
        assert (x == floats[i]).all() and (x_hat == rq.fake_quantize(y, inputs[i])).all()
        y = np.maximum(rq.mlp.linear(qnet.layers[i], y), 0)


def test_correction_equals_the_means_of_each_layer(task: tasks.Task) -> None:
    """To the bias's rounding to int32: half a step of it."""
    _, weights, inputs = parts(task, 2)
    qnet = reconstruct(task.net, task.calibration, weights, inputs, correct=True)
    y = np.concatenate(task.calibration)
    floats = rq.mlp.layer_inputs(task.net, y)
    for i, (layer, x) in enumerate(zip(qnet.layers, floats, strict=False)):
        y = rq.mlp.linear(layer, np.maximum(y, 0) if i else y)
        wanted = np.mean(x @ task.net.weights[i] + task.net.biases[i], axis=0)
        step = np.ravel(inputs[i].scale * layer.weight.scale)
        assert (np.abs(y.mean(axis=0) - wanted) <= 0.5 * step + 1e-5 * np.abs(wanted).max()).all()


def test_gptq_is_given_the_inputs_of_the_quantized_layers(task: tasks.Task) -> None:
    static, weights, inputs = parts(task, 2)
    qnet: Any = methods.ptq_gptq(task, *GRIDS[2])
    y = np.concatenate(task.calibration)
    for i, (layer, plain) in enumerate(zip(qnet.layers, static.layers, strict=True)):
        x = rq.fake_quantize(y, inputs[i]).astype(np.float64)
        assert (layer.codes == gptq(task.net.weights[i], x.T @ x, weights[i])).all() and layer.weight == plain.weight
        assert (layer.bias == plain.bias).all() and layer.activation == plain.activation, "it moves weights alone"
        error, nearest_error = (np.square(x @ (q.reals - task.net.weights[i])).sum() for q in (layer, plain))
        assert error < 0.8 * nearest_error
        y = np.maximum(rq.mlp.linear(layer, y), 0)


def test_gptq_leaves_a_layer_of_dead_inputs_to_the_nearest_codes(task: tasks.Task) -> None:
    static, weights, inputs = parts(task, 2)
    dark = [np.zeros((4, 64), np.float32)]
    layer = reconstruct(task.net, dark, weights, inputs, rounding=by_gptq).layers[0]
    assert (layer.codes == static.layers[0].codes).all()


@pytest.mark.slow
def test_few_bits_gain_by_correction_and_by_rounding(task: tasks.Task) -> None:
    x, labels = task.data.test

    def accuracy(make: Any, bits: int) -> float:
        return rq.mlp.accuracy(rq.mlp.forward_quantized(make(task, *GRIDS[bits]), x), labels)

    plain, corrected, rounded = (accuracy(make, 2) for make in (
        methods.ptq_static_mse, methods.ptq_static_bias_correction, methods.ptq_static_adaround))
    assert corrected > plain + 0.03 and rounded > corrected + 0.03
    assert accuracy(methods.ptq_static_adaround, 8) > rq.mlp.accuracy(rq.mlp.forward(task.net, x), labels) - 0.01


def test_equalization_repairs_what_a_rescaling_breaks(task: tasks.Task) -> None:
    weights, biases = ([a.copy() for a in part] for part in (task.net.weights, task.net.biases))
    for k in (0, 1):  # three units are a hundred times larger, and weighted a hundred times less
        weights[k][:, :3] *= 100
        biases[k][:3] *= 100
        weights[k + 1][:3] /= 100
    rescaled = task._replace(net=rq.mlp.Net(weights=tuple(weights), biases=tuple(biases)))
    x, labels = task.data.test

    def accuracy(network: Any) -> float:
        return rq.mlp.accuracy(logits(network, x), labels)

    whole = accuracy(task.net)
    assert accuracy(rescaled.net) == whole
    assert accuracy(methods.ptq_static_minmax(rescaled, *GRIDS[8])) < whole - 0.2
    assert accuracy(methods.ptq_static_cle(rescaled, *GRIDS[8])) > whole - 0.02


def test_batches_are_taken_as_one_and_read_once(task: tasks.Task) -> None:
    _, weights, inputs = parts(task, 3)
    quick = partial(adaround, iterations=20)

    def stream() -> Iterator[Any]:
        yield from [task.calibration[0][:0], *task.calibration]

    a, b = (reconstruct(task.net, batches, weights, inputs, rounding=quick, correct=True)
            for batches in (stream(), list(task.calibration)))
    assert all((p.codes == q.codes).all() and (p.bias == q.bias).all()
               for p, q in zip(a.layers, b.layers, strict=True))


def test_nearest_is_quantize() -> None:
    params = rq.AffineParams(scale=0.5, zero_point=0, grid=rq.INT4)
    assert nearest(np.array([0.6]), params, None, relu=True).tolist() == [1]


def test_errors(task: tasks.Task) -> None:
    _, weights, inputs = parts(task, 3)
    with refused(TypeError, "reconstruct", "`batches`"):
        reconstruct(task.net, task.calibration[0], weights, inputs)
    for batches in ([], [task.calibration[0][:0]]):
        with refused(ValueError, "reconstruct", "`batches` must hold data", f"{len(batches)} batches"):
            reconstruct(task.net, batches, weights, inputs)
    for some in ((weights[:2], inputs), (weights, inputs[1:])):
        with refused(ValueError, "reconstruct", "one entry per layer", "for 3 layers"):
            reconstruct(task.net, task.calibration, *some)
