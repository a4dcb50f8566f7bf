"""Post-training quantization: a float network becomes a quantized one. No gradient, no label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, quantize
from ..arguments import Codes, Reals
from ..blocks import join_blocks, split_blocks
from ..calibration import dynamic_params
from ..clipping import Axis, Clip, minmax
from ..grids import INT32, UINT8, Grid, IntGrid
from ..observers import Observer, minmax_observer
from ..ranges import Fit, affine_params, symmetric_params
from .model import Net, a_net, layer_inputs
from .quantized import Dynamic, QuantizedLayer, QuantizedNet

NARROW8 = IntGrid(8, narrow=True)


class WeightRule(NamedTuple):
    """How weights get parameters, each layer's from its own values: fit(clip(w, axis), grid), or so in blocks.

    >>> WeightRule(NARROW8, axis=0).params(np.ones((5, 3))).scale.shape
    (1, 3)
    """

    grid: Grid
    axis: Axis = None
    clip: Clip = minmax
    fit: Fit = symmetric_params
    block: int | None = None

    def params(self, w: Reals) -> AffineParams:
        """The parameters of one layer's weights (n_in, n_out).

        >>> WeightRule(NARROW8, block=2).params(np.ones((5, 3))).scale.shape
        (3, 1, 3)
        """
        if self.block is None:
            return dynamic_params(w, self.grid, self.axis, clip=self.clip, fit=self.fit)
        if self.axis is not None:
            raise arguments.error(ValueError, "ptq", "`weight_axis` must be None with `weight_block`: a block is part "
                                  "of one output", f"weight_axis={self.axis}", "give one of the two")
        blocks = split_blocks(w, min(arguments.whole("ptq", self.block, "weight_block", 1), len(w)), axis=0)
        return dynamic_params(blocks, self.grid, 1, clip=self.clip, fit=self.fit)


def ptq_static(net: Net, batches: Iterable[ArrayLike], *, weight_grid: Grid = NARROW8, activation_grid: Grid = UINT8,
               weight_axis: Axis = None, weight_block: int | None = None, weight_clip: Clip = minmax,
               weight_fit: Fit = symmetric_params, observer: Observer = minmax_observer,
               activation_fit: Fit = affine_params) -> QuantizedNet:
    """Weights symmetric, on their own ranges; every layer's input on the range that the calibration batches showed.

    Args:
        net: a float network; it stays as it was.
        batches: calibration data, an iterable of (n, sizes[0]) reals; no labels.
        weight_grid, activation_grid: up to 16 bits each; the first and the last layer count too.
        weight_axis: the axes of W (n_in, n_out) reduced over: None per tensor, 0 per output channel.
        weight_block: how many inputs of an output share a scale; the last block of a layer may be shorter.
        weight_clip: how weights become a range, any function (w, axis=) -> (lo, hi).
        weight_fit, activation_fit: how a range becomes parameters; weights need a zero point of 0.
        observer: how the inputs of a layer, seen in batches, become a range.

    >>> from refquant.mlp import init
    >>> rng = np.random.default_rng(0)
    >>> qnet = ptq_static(init(rng, (2, 3, 2)), [rng.normal(size=(8, 2))])
    >>> qnet.layers[0].bias.dtype, qnet.nbytes
    (dtype('int32'), 50)

    Raises:
        ValueError: batches that do not fit the network, no data, grids of more than 16 bits, a fit that refuses its
            grid or gives weights a zero point, biases that int32 cannot hold.
        TypeError: no Net, a bare array instead of batches.
    Layers after the first see float products, whose last bits may depend on how the data is cut into batches. Where
    a bias would not fit into int32, the step of its weights is widened until it does.

    Source: Jacob et al. 2018 (arXiv:1712.05877); Krishnamoorthi 2018 (arXiv:1806.08342), section 3.
    """
    inputs = input_params(a_net("ptq_static", net), batches, activation_grid, observer, activation_fit)
    weights = WeightRule(weight_grid, weight_axis, weight_clip, weight_fit, weight_block)
    return quantize_net(net, inputs, [weights.params(w) for w in net.weights], weight_block)


def input_params(net: Net, batches: Iterable[ArrayLike], grid: Grid, observer: Observer = minmax_observer,
                 fit: Fit = affine_params) -> list[AffineParams]:
    """The static parameters of each layer's input, as ptq_static calibrates them.

    >>> from refquant.mlp import init
    >>> [at.scale.shape for at in input_params(init(np.random.default_rng(0), (2, 3, 2)), [np.eye(2)], UINT8)]
    [(), ()]
    """
    arguments.batches("ptq_static", batches)
    states = [observer.empty] * len(net.weights)
    for batch in batches:
        states = [observer.merge(s, observer.observe(a)) for s, a in zip(states, layer_inputs(net, batch))]
    return [fit(*observer.range(state), grid) for state in states]


def ptq_dynamic(net: Net, *, weight_grid: Grid = NARROW8, activation_grid: Grid = UINT8, axis: Axis = -1,
                weight_axis: Axis = None, weight_block: int | None = None, weight_clip: Clip = minmax,
                weight_fit: Fit = symmetric_params, clip: Clip = minmax, fit: Fit = affine_params) -> QuantizedNet:
    """Weights as ptq_static; every layer's input on the range of each row (axis=-1) or tensor (None).

    Args: as ptq_static, without data. axis: the axes of a layer's input (n, n_in) reduced over. clip, fit: as Dynamic.

    >>> from refquant.mlp import init
    >>> ptq_dynamic(init(np.random.default_rng(0), (2, 3, 2))).layers[0].activation.axis
    -1

    Source: ONNX DynamicQuantizeLinear (per tensor); ZeroQuant (arXiv:2206.01861), per row.
    """
    inputs = [Dynamic(activation_grid, axis, clip=clip, fit=fit)] * len(a_net("ptq_dynamic", net).weights)
    weights = WeightRule(weight_grid, weight_axis, weight_clip, weight_fit, weight_block)
    return quantize_net(net, inputs, [weights.params(w) for w in net.weights], weight_block)


def quantize_net(net: Net, inputs: Sequence[AffineParams | Dynamic], weights: Sequence[AffineParams],
                 block: int | None = None) -> QuantizedNet:
    """Weights to codes, biases to int32 where they are added to integers: where both grids have equal steps.

    Args:
        inputs: how each layer's input is quantized.
        weights: how each layer's weights are quantized, symmetric; as WeightRule.params gives them.
        block: the weights' block size, None where there are no blocks.

    >>> from refquant.mlp import init
    >>> net = init(np.random.default_rng(0), (1, 2))
    >>> step = AffineParams(scale=100.0, zero_point=0, grid=IntGrid(2, narrow=True))
    >>> quantize_net(net, [Dynamic(UINT8)], [step]).layers[0].codes
    array([[0, 0]], dtype=int8)
    """
    layers = zip(net.weights, net.biases, inputs, weights, strict=True)
    return QuantizedNet(tuple(_quantize_layer(*layer, block) for layer in layers))


@arguments.quiet
def _quantize_layer(w: Reals, b: Reals, at: AffineParams | Dynamic, weight: AffineParams,
                    block: int | None) -> QuantizedLayer:
    if block is not None:
        size = min(block, len(w))
        codes: Any = join_blocks(quantize(split_blocks(w, size, 0), weight), 0, len(w))
        return QuantizedLayer(codes=codes, weight=weight, bias=b, activation=at, block_size=size)
    bias: Reals | Codes = b
    if isinstance(at, AffineParams) and at.grid.equal_steps and weight.grid.equal_steps:
        weight = _coarse_enough(w, b, at, weight)
        scale = np.float64(at.scale) * weight.scale.ravel()
        bias = quantize(b, AffineParams(scale=scale, zero_point=0, grid=INT32))
    return QuantizedLayer(codes=quantize(w, weight), weight=weight, bias=bias, activation=at)


def _coarse_enough(w: Reals, b: Reals, at: AffineParams, weight: AffineParams) -> AffineParams:
    """Steps of the weights on which the bias fits into int32; where all weights are 0, any step does: the finest."""
    axis = 0 if weight.scale.size == b.size else None
    least = np.max(np.abs(b)[None], axis=axis) / at.scale.astype(np.float64) / 2**30
    zero = (w == 0).all(axis=axis)
    finest = np.where(zero & (least > 0), least, np.maximum(np.squeeze(weight.scale), least))
    steps = np.maximum(finest, np.finfo(np.float32).tiny).reshape(weight.scale.shape).astype(weight.scale.dtype)
    if not np.isfinite(steps).all():
        raise arguments.error(ValueError, "quantize_net", "biases must fit into int32 in steps of scale_x * scale_w, "
                              f"with a scale_w that {steps.dtype} holds",
                              f"a bias of {np.abs(b).max()!s} where scale_x is {at.scale}",
                              "scale the inputs up, or use ptq_dynamic, whose biases stay float32")
    if (steps == weight.scale).all():
        return weight
    return AffineParams(scale=steps, zero_point=weight.zero_point, grid=weight.grid)
