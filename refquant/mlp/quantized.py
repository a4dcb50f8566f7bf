"""The quantized network: weights and every layer's input as codes on a grid. PTQ and QAT both return it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, dequantize, fake_quantize, quantize
from ..arguments import Codes, Reals
from ..blocks import join_blocks, scale_bits, split_blocks
from ..calibration import dynamic_params
from ..clipping import Axis, Clip, minmax
from ..grids import Grid, known
from ..integer import integer_matmul
from ..ranges import Fit, affine_params
from .model import rows


@dataclass(frozen=True)
class Dynamic:
    """An activation whose range is taken from each input: per tensor for axis=None, per row for axis=-1.

    Args:
        grid: which values exist.
        axis: the axes of (n, n_in) reduced over.
        clip, fit: how an input becomes a range, and a range parameters, as in dynamic_params. With two_level rows
            share a second scale, and so depend on each other; with two_level(..., scale=) they do not.

    >>> from refquant import UINT8
    >>> Dynamic(UINT8, axis=-1)
    Dynamic(grid=UINT8, axis=-1)

    Raises:
        ValueError: another axis, a fit that refuses the grid.
        TypeError: no grid.
    """

    grid: Grid
    axis: Axis = None
    clip: Clip = field(default=minmax, kw_only=True, repr=False)
    fit: Fit = field(default=affine_params, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        known("Dynamic", self.grid)
        if self.axis not in (None, -1):
            raise arguments.error(ValueError, "Dynamic", "`axis` must be None (per tensor) or -1 (per row)",
                                  repr(self.axis), "inputs that share a sum must share a scale")
        one = np.ones(() if self.axis is None else (1, 1))
        self.fit(-one, one, self.grid)  # refused now, not at the first input

    def params(self, x: Reals) -> AffineParams:
        """The parameters of this very input."""
        return dynamic_params(x, self.grid, self.axis, clip=self.clip, fit=self.fit)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantizedLayer(arguments.Value):
    """y = scale_x * scale_w * ((decode(q_x) - zero_point_x) @ decode(codes) + bias).

    Args:
        codes: (n_in, n_out) codes on weight.grid.
        weight: parameters of the codes, zero_point 0, of shape () or (1, n_out); (blocks, 1, n_out) for blocks.
        bias: (n_out,): int32 in steps of scale_x * scale_w where the activation is static and both grids have equal
            steps, otherwise float32 reals.
        activation: how the layer's input is quantized: AffineParams is static, Dynamic is not.
        block_size: how many inputs of an output share a scale; None where all do. Blocks cut the sums of a product, so
            their bias is float32, and they have no single integer product.

    >>> from refquant import IntGrid
    >>> one = AffineParams(scale=np.float32(0.5), zero_point=0, grid=IntGrid(4, narrow=True))
    >>> QuantizedLayer(codes=np.eye(3, 2, dtype=int), weight=one, bias=np.int32([0, 4]), activation=one).nbytes
    20

    Raises:
        ValueError: shapes that do not fit, codes off the grid or of more than 16 bits, a weight zero point not 0.
        TypeError: a bias that does not go with the activation and the grids.
    """

    codes: Codes
    weight: AffineParams
    bias: np.ndarray[Any, Any]
    activation: AffineParams | Dynamic
    block_size: int | None = None

    def __post_init__(self) -> None:
        grid, steps = self.weight.grid, self.weight.scale.shape
        codes = grid.check("QuantizedLayer", self.codes, "codes")
        at, bias = self.activation, arguments.array("QuantizedLayer", self.bias, "bias")
        arguments.instance("QuantizedLayer", at, (AffineParams, Dynamic),
                           "`activation` must be AffineParams or Dynamic",
                           "make the network with ptq_static, ptq_dynamic or train_qat")
        if codes.ndim != 2 or bias.shape != codes.shape[1:] or steps not in self._granularities(*codes.shape):
            raise arguments.error(ValueError, "QuantizedLayer", "`codes` (n_in, n_out), `bias` (n_out,) and `weight` "
                                  "() or (1, n_out) must fit; with `block_size`, `weight` is (blocks, 1, n_out)",
                                  f"shapes {codes.shape}, {bias.shape} and {steps}, block_size={self.block_size}",
                                  "make it with ptq_static, ptq_dynamic or train_qat")
        if self.weight.zero_point.any() or (isinstance(at, AffineParams) and at.scale.shape != ()):
            raise arguments.error(ValueError, "QuantizedLayer",
                                  "`weight` must be symmetric and a static `activation` per tensor",
                                  f"{self.weight} and {at}", "give weights symmetric_params on a signed grid")
        if max(grid.bits, at.grid.bits) > 16:
            raise arguments.error(ValueError, "QuantizedLayer", "codes must have at most 16 bits (R13)",
                                  f"{grid.bits} for weights and {at.grid.bits} for the input", "take a smaller grid")
        if bias.dtype != (np.int32 if self.summed_in_codes else np.float32):
            raise arguments.error(TypeError, "QuantizedLayer", "`bias` must be int32 when static, float32 when "
                                  "dynamic, in blocks or on grids without equal steps", f"dtype {bias.dtype}",
                                  "make the network with ptq_static, ptq_dynamic or train_qat")
        if bias.dtype == np.float32:
            arguments.finite("QuantizedLayer", bias, "bias")
        object.__setattr__(self, "codes", arguments.frozen(codes.astype(grid.dtype)))
        object.__setattr__(self, "bias", arguments.frozen(bias))

    def _granularities(self, n_in: int, n_out: int) -> tuple[tuple[int, ...], ...]:
        if self.block_size is None:
            return (), (1, 1), (1, n_out)
        size = arguments.whole("QuantizedLayer", self.block_size, "block_size", 1, max(n_in, 1))
        return ((-(-n_in // size), 1, n_out),)

    @property
    def summed_in_codes(self) -> bool:
        """Whether products and bias are added as integers, in steps of scale_x * scale_w."""
        return isinstance(self.activation, AffineParams) and self.block_size is None and self.equal_steps

    @property
    def equal_steps(self) -> bool:
        """Whether weights and input are integers, so that the product of codes is an integer product."""
        return self.weight.grid.equal_steps and self.activation.grid.equal_steps

    @property
    def reals(self) -> Reals:
        """(n_in, n_out): what the codes mean."""
        if self.block_size is None:
            return dequantize(self.codes, self.weight)
        return join_blocks(dequantize(split_blocks(self.codes, self.block_size, 0), self.weight), 0, len(self.codes))

    @property
    def real_bias(self) -> Reals:
        """(n_out,): what the bias means."""
        if not self.summed_in_codes or not isinstance(self.activation, AffineParams):
            return self.bias
        return np.asarray(self.bias * (np.float64(self.activation.scale) * self.weight.scale.ravel()))

    @property
    def nbytes(self) -> int:
        """Payload in bytes: packed codes, scales and biases, a static activation's scale and zero point.

        A scale takes the bits of its scale grid, without one those of its dtype.
        """
        parts = [(self.codes.size, self.weight.grid.bits), (self.weight.scale.size, scale_bits(self.weight))]
        if isinstance(self.activation, AffineParams):
            zero_point_bits = self.activation.grid.bits * self.activation.grid.equal_steps
            parts += [(1, scale_bits(self.activation)), (1, zero_point_bits)]
        return self.bias.nbytes + sum(-(-count * bits // 8) for count, bits in parts)


@dataclass(frozen=True)
class QuantizedNet:
    """Quantized layers with ReLU between them; the logits leave as float32.

    >>> from refquant.mlp import init, ptq_dynamic
    >>> qnet = ptq_dynamic(init(np.random.default_rng(0), (2, 3, 2)))
    >>> [layer.codes.shape for layer in qnet.layers], qnet.nbytes
    ([(2, 3), (3, 2)], 40)
    """

    layers: tuple[QuantizedLayer, ...]

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        shapes = [layer.codes.shape for layer in layers]
        if not layers or any(a[1] != b[0] for a, b in pairwise(shapes)):
            raise arguments.error(ValueError, "QuantizedNet", "`layers` must chain, one at least", f"shapes {shapes}",
                                  "make the network with ptq_static, ptq_dynamic or train_qat")
        object.__setattr__(self, "layers", layers)

    @property
    def nbytes(self) -> int:
        """Payload in bytes, as it would be stored: codes packed at their bits."""
        return sum(layer.nbytes for layer in self.layers)


@arguments.quiet
def forward_quantized(qnet: QuantizedNet, x: ArrayLike) -> Reals:
    """logits: per layer, quantize the input, multiply codes exactly, scale back; ReLU between layers.

    Args:
        qnet: from ptq_static, ptq_dynamic or train_qat.
        x: (n, n_in) reals.
    Returns:
        (n, n_out) float32, the same bits whatever the BLAS library or its threads, where products are exact: those of
        integer codes always (R13); those of float grids while K * max|a| * max|b| <= 2**53, both in units of the
        smallest value: K up to 171,196 for E4M3, and more for FP6 and FP4.

    >>> from refquant import UINT2, IntGrid
    >>> weight = AffineParams(scale=np.float32(0.5), zero_point=0, grid=IntGrid(4, narrow=True))
    >>> layer = QuantizedLayer(codes=np.array([[2]]), weight=weight, bias=np.array([0.0], np.float32),
    ...                        activation=Dynamic(UINT2, axis=-1))
    >>> forward_quantized(QuantizedNet((layer,)), [[3.0]])
    array([[3.]], dtype=float32)

    Values of float grids and codebooks are multiplied as float64, their scales taken out. Beyond that bound (E5M2,
    codebooks), the last bits of a sum depend on BLAS. Weights in blocks are multiplied as float32 reals instead, and
    the last bits of their sums do so as well.

    Raises:
        ValueError: x of another width, NaN or infinities in it.
        TypeError: no QuantizedNet.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.3.
    """
    arguments.instance("forward_quantized", qnet, QuantizedNet, "`qnet` must be a QuantizedNet",
                       "ptq_static or train_qat makes one; forward takes a float Net")
    y = rows("forward_quantized", x, qnet.layers[0].codes.shape[0])
    for i, layer in enumerate(qnet.layers):
        y = linear(layer, np.maximum(y, 0) if i else y)
    return y


@arguments.quiet
def linear(layer: QuantizedLayer, x: Reals) -> Reals:
    """One layer of forward_quantized, before ReLU: x (n, n_in) -> y (n, n_out), both float32.

    >>> from refquant import IntGrid
    >>> one = AffineParams(scale=np.float32(0.5), zero_point=0, grid=IntGrid(4, narrow=True))
    >>> layer = QuantizedLayer(codes=np.array([[2]]), weight=one, bias=np.int32([4]), activation=one)
    >>> linear(layer, np.float32([[1.3]]))
    array([[2.5]], dtype=float32)
    """
    at = layer.activation
    params = at if isinstance(at, AffineParams) else at.params(x)
    if layer.block_size is not None:
        return np.asarray(fake_quantize(x, params) @ layer.reals + layer.bias)
    acc = _product(quantize(x, params), params, layer)
    scale = params.scale.astype(np.float64) * layer.weight.scale
    y = (acc + layer.bias) * scale if layer.summed_in_codes else acc * scale + layer.bias
    return np.asarray(y).astype(np.float32)


def _product(q: Codes, params: AffineParams, layer: QuantizedLayer) -> Any:
    """(decode(q) - zero_point) @ decode(codes): int64 where both grids have equal steps, otherwise float64."""
    if not layer.equal_steps:
        values = params.grid.decode(q) - params.zero_point
        return values.astype(np.float64) @ layer.weight.grid.decode(layer.codes).astype(np.float64)
    acc = integer_matmul(q, layer.codes).astype(np.int64)
    return acc - params.zero_point * layer.codes.sum(axis=0, dtype=np.int64)  # (q - zero_point) @ codes
