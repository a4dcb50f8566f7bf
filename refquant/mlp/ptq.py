"""Post-training quantization: a float network becomes a quantized one. No gradient, no label."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, quantize
from ..arguments import Codes, Reals
from ..calibration import dynamic_params
from ..clipping import Axis, Clip, minmax
from ..grids import INT32, UINT8, IntGrid
from ..observers import Observer, minmax_observer
from ..ranges import affine_params, symmetric_params
from .model import Net, layer_inputs
from .quantized import Dynamic, QuantizedLayer, QuantizedNet

NARROW8 = IntGrid(8, narrow=True)


def ptq_static(net: Net, batches: Iterable[ArrayLike], *, weight_grid: IntGrid = NARROW8,
               activation_grid: IntGrid = UINT8, weight_axis: Axis = None, weight_clip: Clip = minmax,
               observer: Observer = minmax_observer) -> QuantizedNet:
    """Weights symmetric; every layer's input affine, on the range that the calibration batches showed.

    Args:
        net: a float network; it stays as it was.
        batches: calibration data, an iterable of (n, sizes[0]) reals; no labels.
        weight_grid, activation_grid: up to 16 bits each; the first and the last layer count too.
        weight_axis: the axes of W (n_in, n_out) reduced over: None per tensor, 0 per output channel.
        weight_clip: how weights become a range, any function (w, axis=) -> (lo, hi).
        observer: how the inputs of a layer, seen in batches, become a range.

    >>> from refquant.mlp import init
    >>> rng = np.random.default_rng(0)
    >>> qnet = ptq_static(init(rng, (2, 3, 2)), [rng.normal(size=(8, 2))])
    >>> qnet.layers[0].bias.dtype, qnet.nbytes
    (dtype('int32'), 50)

    Raises:
        ValueError: batches that do not fit the network, no data, grids of more than 16 bits.
        TypeError: a bare array instead of batches.
    Layers after the first see float products, whose last bits may depend on how the data is cut into batches. Where
    a bias would not fit into int32, the step of its weights is widened until it does.

    Source: Jacob et al. 2018 (arXiv:1712.05877); Krishnamoorthi 2018 (arXiv:1806.08342), section 3.
    """
    arguments.batches("ptq_static", batches)
    states = [observer.empty] * len(net.weights)
    for batch in batches:
        seen = layer_inputs(net, batch)[:-1]
        states = [observer.merge(s, observer.observe(a)) for s, a in zip(states, seen, strict=True)]
    inputs = [affine_params(*observer.range(state), activation_grid) for state in states]
    return quantize_net(net, inputs, weight_params(net.weights, weight_grid, weight_axis, weight_clip))


def ptq_dynamic(net: Net, *, weight_grid: IntGrid = NARROW8, activation_grid: IntGrid = UINT8,
                axis: Axis = -1, weight_axis: Axis = None, weight_clip: Clip = minmax) -> QuantizedNet:
    """Weights symmetric; every layer's input affine, on the min-max range of each row (axis=-1) or tensor (None).

    Args: as ptq_static, without data. axis: the axes of a layer's input (n, n_in) reduced over.

    >>> from refquant.mlp import init
    >>> ptq_dynamic(init(np.random.default_rng(0), (2, 3, 2))).layers[0].activation.axis
    -1

    Source: ONNX DynamicQuantizeLinear (per tensor); ZeroQuant (arXiv:2206.01861), per row.
    """
    inputs = [Dynamic(activation_grid, axis)] * len(net.weights)
    return quantize_net(net, inputs, weight_params(net.weights, weight_grid, weight_axis, weight_clip))


def weight_params(weights: Sequence[Reals], grid: IntGrid, axis: Axis = None,
                  clip: Clip = minmax) -> list[AffineParams]:
    """Symmetric parameters of each layer's weights, on their own range."""
    return [dynamic_params(w, grid, axis, clip=clip, fit=symmetric_params) for w in weights]


def quantize_net(net: Net, inputs: Sequence[AffineParams | Dynamic], weights: Sequence[AffineParams]) -> QuantizedNet:
    """Weights to codes, biases to int32 where the input's scale is known.

    Args:
        inputs: how each layer's input is quantized.
        weights: how each layer's weights are quantized, symmetric, per tensor or per output channel.

    >>> from refquant.mlp import init
    >>> net = init(np.random.default_rng(0), (1, 2))
    >>> step = AffineParams(scale=100.0, zero_point=0, grid=IntGrid(2, narrow=True))
    >>> quantize_net(net, [Dynamic(UINT8)], [step]).layers[0].codes
    array([[0, 0]], dtype=int8)
    """
    return QuantizedNet(tuple(_quantize_layer(*layer) for layer in zip(net.weights, net.biases, inputs, weights,
                                                                       strict=True)))


def _quantize_layer(w: Reals, b: Reals, at: AffineParams | Dynamic, weight: AffineParams) -> QuantizedLayer:
    bias: Reals | Codes = b
    if isinstance(at, AffineParams):
        weight = _coarse_enough(w, b, at, weight)
        scale = np.float64(at.scale) * weight.scale.reshape(-1)
        bias = quantize(b, AffineParams(scale=scale, zero_point=0, grid=INT32))
    return QuantizedLayer(codes=quantize(w, weight), weight=weight, bias=bias, activation=at)


def _coarse_enough(w: Reals, b: Reals, at: AffineParams, weight: AffineParams) -> AffineParams:
    """Steps of the weights on which the bias fits into int32; where all weights are 0, any step does: the finest."""
    axis, shape = (0, (1, -1)) if weight.scale.size == b.size > 1 else (None, weight.scale.shape)
    least = np.max(np.abs(b).reshape(1, -1), axis=axis) / at.scale.astype(np.float64) / 2**30
    zero = (w == 0).all(axis=axis)
    finest = np.where(zero & (least > 0), least, np.maximum(np.squeeze(weight.scale), least))
    finest = np.maximum(finest, np.finfo(np.float32).tiny).reshape(shape).astype(weight.scale.dtype)
    return AffineParams(scale=finest, zero_point=weight.zero_point, grid=weight.grid)
