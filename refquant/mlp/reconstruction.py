"""Layer by layer: each layer is rounded for the input that the quantized layers before it give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, dequantize, fake_quantize, quantize
from ..arguments import Codes, Reals
from ..methods import bias_correction, gptq
from .model import Net, layer_inputs
from .ptq import quantize_net
from .quantized import QuantizedLayer, QuantizedNet, linear


class Rounding(Protocol):
    """How a layer's weights become codes: nearest and by_gptq here, methods.adaround, or a partial of it."""

    def __call__(self, w: Reals, params: AffineParams, x: Reals, x_hat: Reals, bias: Reals, *, relu: bool) -> Codes: ...


def nearest(w: Reals, params: AffineParams, *_: Any, **__: Any) -> Codes:
    """quantize(w, params), whatever the inputs."""
    return quantize(w, params)


def by_gptq(w: Reals, params: AffineParams, x: Reals, x_hat: Reals, *_: Any, **__: Any) -> Codes:  # noqa: ARG001
    """gptq(w, x_hat.T @ x_hat, params); the nearest codes where all of x_hat is 0."""
    h = x_hat.T.astype(np.float64) @ x_hat
    return gptq(w, h, params) if h.any() else quantize(w, params)


def reconstruct(net: Net, batches: Iterable[ArrayLike], weights: Sequence[AffineParams],
                inputs: Sequence[AffineParams], *, rounding: Rounding = nearest,
                correct: bool = False) -> QuantizedNet:
    """Per layer: codes = rounding(W, params, x, x_hat, b), then, if asked, b = bias_correction(b, x, W, x_hat, W_hat).

    x is the layer's input in the float network; x_hat is what the quantized layers so far make of the same data, on
    the grid of this layer's input.

    Args:
        net: a float network; it stays as it was.
        batches: calibration data, an iterable of (n, sizes[0]) reals, taken as one; no labels.
        weights: each layer's weight parameters, symmetric, as those of a network from ptq_static.
        inputs: each layer's input parameters, as those of the same network.
        rounding: how a layer's weights become codes.
        correct: whether a layer's mean error goes into its bias, after its weights are rounded.

    Nearest rounding without correction is what ptq_static does:

    >>> from refquant import mlp
    >>> rng = np.random.default_rng(0)
    >>> net, batches = mlp.init(rng, (4, 8, 3)), [rng.normal(size=(32, 4))]
    >>> static = mlp.ptq_static(net, batches)
    >>> weights, inputs = zip(*((layer.weight, layer.activation) for layer in static.layers))
    >>> again = reconstruct(net, batches, weights, inputs)
    >>> bool((mlp.forward_quantized(again, batches[0]) == mlp.forward_quantized(static, batches[0])).all())
    True

    Raises:
        ValueError: no data, batches or parameters that do not fit the network.
        TypeError: a bare array instead of batches.
    """
    arguments.batches("reconstruct", batches)
    parts = [layer_inputs(net, batch)[:-1] for batch in batches]
    if not len(net.weights) == len(weights) == len(inputs):
        raise arguments.error(ValueError, "reconstruct", "`weights` and `inputs` must hold one entry per layer",
                              f"{len(weights)} and {len(inputs)} for {len(net.weights)} layers",
                              "take both from the layers of a network from ptq_static")
    if not any(len(part[0]) for part in parts):
        raise arguments.error(ValueError, "reconstruct", "`batches` must hold data",
                              f"{len(parts)} batches without rows", "pass a list of arrays, one row per sample")
    seen = [np.concatenate(of_layer) for of_layer in zip(*parts)]
    layers, y = list[QuantizedLayer](), seen[0]
    for i, (x, w, b, step, at) in enumerate(zip(seen, net.weights, net.biases, weights, inputs)):
        x_hat = fake_quantize(y, at)
        w_hat = dequantize(rounding(w, step, x, x_hat, b, relu=i + 1 < len(seen)), step)
        b = bias_correction(b, x, w, x_hat, w_hat) if correct else b
        # weights that are on the grid go to their own codes; biases go to int32
        layers += quantize_net(Net(weights=(w_hat,), biases=(b,)), [at], [step]).layers
        y = np.maximum(linear(layers[-1], y), 0)
    return QuantizedNet(tuple(layers))
