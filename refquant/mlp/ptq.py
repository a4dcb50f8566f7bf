"""Post-training quantization: a float network becomes a quantized one. No gradient, no label."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Codes, Reals
from ..affine import AffineParams, quantize
from ..calibration import dynamic_params
from ..clipping import Axis
from ..grids import INT32, UINT8, IntGrid
from ..observers import minmax_observer
from ..ranges import affine_params, symmetric_params
from .model import Net, layer_inputs
from .quantized import Dynamic, QuantizedLayer, QuantizedNet

NARROW8 = IntGrid(8, narrow=True)


def ptq_static(net: Net, batches: Iterable[ArrayLike], *, weight_grid: IntGrid = NARROW8,
               activation_grid: IntGrid = UINT8, weight_axis: Axis = None) -> QuantizedNet:
    """Weights symmetric; every layer's input affine, on the min-max range that the calibration batches showed.

    Args:
        net: a float network; it stays as it was.
        batches: calibration data, an iterable of (n, sizes[0]) reals; no labels.
        weight_grid, activation_grid: up to 16 bits each; the first and the last layer count too.
        weight_axis: the axes of W (n_in, n_out) reduced over: None per tensor, 0 per output channel.

    >>> from refquant.mlp import init
    >>> rng = np.random.default_rng(0)
    >>> qnet = ptq_static(init(rng, (2, 3, 2)), [rng.normal(size=(8, 2))])
    >>> qnet.layers[0].bias.dtype, qnet.nbytes
    (dtype('int32'), 50)

    Raises:
        ValueError: batches that do not fit the network, no data, grids of more than 16 bits.
        TypeError: a bare array instead of batches.
    Source: Jacob et al. 2018 (arXiv:1712.05877); Krishnamoorthi 2018 (arXiv:1806.08342), section 3.
    """
    _check.batches("ptq_static", batches)
    states = [minmax_observer.empty] * len(net.weights)
    for batch in batches:
        seen = layer_inputs(net, batch)[:-1]
        states = [minmax_observer.merge(s, minmax_observer.observe(a)) for s, a in zip(states, seen, strict=True)]
    inputs = [affine_params(*minmax_observer.range(state), activation_grid) for state in states]
    return quantize_net(net, inputs, weight_grid=weight_grid, weight_axis=weight_axis)


def ptq_dynamic(net: Net, *, weight_grid: IntGrid = NARROW8, activation_grid: IntGrid = UINT8,
                axis: Axis = -1, weight_axis: Axis = None) -> QuantizedNet:
    """Weights symmetric; every layer's input affine, on the min-max range of each row (axis=-1) or tensor (None).

    Args: as ptq_static, without data. axis: the axes of a layer's input (n, n_in) reduced over.

    >>> from refquant.mlp import init
    >>> ptq_dynamic(init(np.random.default_rng(0), (2, 3, 2))).layers[0].activation.axis
    -1

    Source: ONNX DynamicQuantizeLinear (per tensor); ZeroQuant (arXiv:2206.01861), per row.
    """
    inputs = [Dynamic(activation_grid, axis)] * len(net.weights)
    return quantize_net(net, inputs, weight_grid=weight_grid, weight_axis=weight_axis)


def quantize_net(net: Net, inputs: Sequence[AffineParams | Dynamic], *, weight_grid: IntGrid,
                 weight_axis: Axis = None) -> QuantizedNet:
    """Weights to codes by their largest value, biases to int32 where the input's scale is known.

    Args:
        inputs: how each layer's input is quantized.
        weight_grid, weight_axis: as ptq_static.

    >>> from refquant.mlp import init
    >>> net = init(np.random.default_rng(0), (2, 3))
    >>> quantize_net(net, [Dynamic(UINT8)], weight_grid=IntGrid(2, narrow=True)).layers[0].codes.min() >= -1
    np.True_
    """
    return QuantizedNet(tuple(_quantize_layer(w, b, at, weight_grid, weight_axis)
                              for w, b, at in zip(net.weights, net.biases, inputs, strict=True)))


def _quantize_layer(w: Reals, b: Reals, at: AffineParams | Dynamic, grid: IntGrid, axis: Axis) -> QuantizedLayer:
    weight = dynamic_params(w, grid, axis, fit=symmetric_params)
    bias: Reals | Codes = b
    if isinstance(at, AffineParams):
        scale = np.float64(at.scale) * weight.scale.reshape(-1)
        bias = quantize(b, AffineParams(scale=scale, zero_point=0, grid=INT32))
    return QuantizedLayer(codes=quantize(w, weight), weight=weight, bias=bias, activation=at)
