"""Integers only: a static network without floating point. The input is quantized once; every later value is a code.

A static network becomes codes, int32 biases, and a multiplier and a shift for each layer or channel. The logits are
INT16 codes. (Inside integer_matmul float BLAS forms exact integers.) save packs the network at its bits; load brings
it back, and forward_integer evaluates it. `refquant compare --save DIR` saves the networks of seed 0 so. It prints
their bytes as payload and as a file, their accuracy simulated and in integers, and what differs.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> from refquant.mlp import accuracy, init, load, ptq_static, save
>>> x = np.random.default_rng(0).normal(size=(300, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
>>> with TemporaryDirectory() as folder:
...     size = save(Path(folder) / "net.npz", ptq_static(init(np.random.default_rng(1), (2, 8, 2)), [x]))
...     0 <= accuracy(forward_integer(load(Path(folder) / "net.npz"), x), labels) <= 1
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, quantize
from ..arguments import Codes, Reals
from ..grids import INT16, Grid, stepped
from ..integer import integer_matmul, quantize_multiplier, requantize
from ..ranges import symmetric_params
from .model import rows, wide
from .quantized import QuantizedLayer, QuantizedNet


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerLayer(arguments.Value):
    """q_y = max(clip(round((q_x @ codes + bias) * mantissa * 2**(shift - 31)) + zero_point, qmin, qmax), least).

    Args:
        codes: (n_in, n_out) weights.
        bias: (n_out,) int32, with what the zero point of x contributes: bias - zero_point_x * codes.sum(axis=0).
        mantissa, shift: (1,) or (n_out,), of scale_x * scale_w / scale_y.
        zero_point, grid: of the codes that leave.
        least: the lowest code that leaves: zero_point where ReLU follows, fused; qmin where nothing does.

    deploy makes it, from what QuantizedLayer has checked; nothing is checked again, here or in integer_linear.

    >>> from refquant import INT8
    >>> one = np.array([2**30])
    >>> relu = IntegerLayer(codes=np.int8([[1, -1]]), bias=np.int32([0, 0]), mantissa=one, shift=one * 0 + 1,
    ...                     zero_point=3, grid=INT8, least=3)
    >>> integer_linear(relu, np.uint8([[10]]))
    array([[13,  3]], dtype=int8)
    """

    codes: Codes
    bias: Codes
    mantissa: Codes
    shift: Codes
    zero_point: int
    grid: Grid
    least: int

    def __post_init__(self) -> None:
        for name in ("codes", "bias", "mantissa", "shift"):
            object.__setattr__(self, name, arguments.frozen(getattr(self, name)))


@dataclass(frozen=True)
class IntegerNet:
    """Layers on codes: `input` says what the first codes mean, `output` what the logits' mean; no other real is left.
    deploy makes it, unchecked as its layers.

    >>> from refquant.mlp import init, ptq_static
    >>> net = deploy(ptq_static(init(np.random.default_rng(0), (2, 3, 2)), [np.eye(2)]))
    >>> [layer.bias.dtype for layer in net.layers], net.output.grid == INT16
    ([dtype('int32'), dtype('int32')], True)
    """

    input: AffineParams
    layers: tuple[IntegerLayer, ...]
    output: AffineParams


@arguments.quiet
def deploy(qnet: QuantizedNet) -> IntegerNet:
    """The same network in integers: m = scale_x * scale_w / scale_y becomes a mantissa and a shift, ReLU a clamp.

    Args:
        qnet: static, from ptq_static, train_qat or train_lsq; inputs of at most 8 bits.
    Returns:
        a network whose logits are INT16 codes, symmetric, with the largest logit that any input codes can give at
        32767: the network alone decides their scale, and no logit saturates. (Real logits use a part of that range;
        but inputs sought for the purpose reach a quarter to a half, so no scale that never saturates is much finer.)

    Given the same input codes, each layer makes the codes of forward_quantized's layer, except where the exact value
    lies within float rounding of a tie. End to end, one such hidden code moves every logit behind it, by steps, near a
    tie or not. Where no hidden code differs, the prediction is the same unless the two largest logits lie within one
    step of each other: then both may fall on one code, and argmax takes the first.
    (refquant.study.compare.deployed counts codes, logits and predictions that differ.)

    >>> from refquant.mlp import Net, ptq_static
    >>> qnet = ptq_static(Net(weights=(np.eye(1),), biases=(np.ones(1),)), [[[0.0], [1.0]]])
    >>> deploy(qnet).output.scale * 32767      # 1 * 1 + 1, and what the bias rounds to
    np.float32(2.0)

    Raises:
        ValueError: a dynamic network, grids without equal steps, inputs of more than 8 bits, sums that int32 cannot
            hold, logits that float32 cannot, scales that give no multiplier (R14).
        TypeError: no QuantizedNet.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2; TFLite folds zero points into biases likewise.
    """
    arguments.instance("deploy", qnet, QuantizedNet, "`qnet` must be a QuantizedNet",
                       "ptq_static or train_qat makes one")
    inputs = [_static(layer) for layer in qnet.layers]
    sums = [_extreme_sums(layer, at) for layer, at in zip(qnet.layers, inputs)]
    largest = np.asarray(np.max(np.abs(sums[-1]) * _scale(qnet.layers[-1], inputs[-1])), np.float32)
    arguments.none("deploy", ~np.isfinite(largest), largest, "the largest logit must lie within float32",
                   "scale x down")
    output = symmetric_params(0, largest, INT16)
    steps = zip(qnet.layers, inputs, [*inputs[1:], output])
    return IntegerNet(inputs[0], tuple(_integer_layer(*step, relu=step[2] is not output) for step in steps), output)


def forward_integer(qnet: QuantizedNet, x: ArrayLike) -> Codes:
    """INT16 codes of the logits: x is quantized once; every later value is an integer code.

    It deploys at each call. To deploy once: net = deploy(qnet), then forward_codes(net, quantize(x, net.input)).

    Args:
        qnet: as deploy.
        x: (n, n_in) reals.
    Returns:
        (n, n_out) int16; deploy(qnet).output says what they mean. They share one scale, so accuracy takes them as
        they are: the largest code is the largest logit.

    >>> from refquant.mlp import accuracy, init, ptq_static
    >>> x = np.random.default_rng(0).normal(size=(8, 2))
    >>> codes = forward_integer(ptq_static(init(np.random.default_rng(1), (2, 3, 2)), [x]), x)
    >>> codes.dtype, accuracy(codes, codes.argmax(axis=1))
    (dtype('int16'), 1.0)

    Raises: as deploy, and ValueError for x of another width, NaN or infinities in it.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 2.
    """
    net = deploy(qnet)
    return forward_codes(net, quantize(rows("forward_integer", x, len(net.layers[0].codes)), net.input))


def forward_codes(net: IntegerNet, q: ArrayLike) -> Codes:
    """Codes of the input -> codes of the logits.

    Args:
        net: from deploy.
        q: (n, n_in) codes on net.input's grid.
    Returns:
        (n, n_out) int16.

    >>> from refquant.mlp import init, ptq_static
    >>> net = deploy(ptq_static(init(np.random.default_rng(1), (2, 2)), [np.eye(2)]))
    >>> forward_codes(net, [[0, 255]]).shape
    (1, 2)

    Raises:
        ValueError: codes off the grid, or of another width.
        TypeError: codes that are no integers, no IntegerNet.
    """
    arguments.instance("forward_codes", net, IntegerNet, "`net` must be an IntegerNet", "deploy(qnet) gives it")
    grid = net.input.grid
    codes = grid.check("forward_codes", q)
    wide("forward_codes", codes, "q", len(net.layers[0].codes))
    codes = codes.astype(grid.dtype)
    for layer in net.layers:
        codes = integer_linear(layer, codes)
    return codes


def integer_linear(layer: IntegerLayer, q: Codes) -> Codes:
    """One layer of forward_codes: q_x (n, n_in) -> q_y (n, n_out).

    >>> from refquant import INT8
    >>> tie = IntegerLayer(codes=np.int8([[1]]), bias=np.int32([0]), mantissa=np.array([2**30]), shift=np.array([0]),
    ...                    zero_point=1, grid=INT8, least=-128)
    >>> integer_linear(tie, np.int8([[5], [7]]))      # 2.5 and 3.5, to the even integer, and the zero point
    array([[3],
           [5]], dtype=int8)
    """
    acc = integer_matmul(q, layer.codes) + layer.bias
    codes = requantize(acc, layer.mantissa, layer.shift, layer.zero_point, layer.grid)
    return np.asarray(np.maximum(codes, layer.grid.dtype.type(layer.least)))


def _integer_layer(layer: QuantizedLayer, at: AffineParams, to: AffineParams, relu: bool) -> IntegerLayer:
    m = _scale(layer, at) / to.scale
    used = (layer.codes.any(axis=0) | (layer.bias != 0)).reshape(m.size, -1).any(axis=1)
    mantissa, shift = quantize_multiplier(np.where(used, m, 1))  # where every sum is 0, any multiplier will do
    bias = layer.bias - at.zero_point * layer.codes.sum(axis=0, dtype=np.int64)
    return IntegerLayer(codes=layer.codes, bias=bias.astype(np.int32), mantissa=mantissa.astype(np.int32),
                        shift=shift.astype(np.int32), zero_point=int(to.zero_point), grid=to.grid,
                        least=int(to.zero_point) if relu else to.grid.qmin)


def _static(layer: QuantizedLayer) -> AffineParams:
    at = layer.activation
    if not isinstance(at, AffineParams):
        raise arguments.error(ValueError, "deploy", "every input must be static: a range taken from each input has no "
                              "integer-only form", at, "quantize with ptq_static or train_qat")
    stepped("deploy", at.grid), stepped("deploy", layer.weight.grid)
    if at.grid.bits > 8:
        raise arguments.error(ValueError, "deploy", "inputs must have at most 8 bits, so that int32 holds their sums",
                              f"{at.grid} with {at.grid.bits} bits", "quantize with activation_grid=rq.UINT8, say")
    if layer.block_size is not None:
        raise arguments.error(ValueError, "deploy", "weights must not be in blocks: a sum over several steps is no "
                              "integer sum", f"block_size={layer.block_size}", "quantize without weight_block")
    return at


def _scale(layer: QuantizedLayer, at: AffineParams) -> Reals:
    """Reals per step of the accumulators."""
    return at.scale.astype(np.float64) * layer.weight.scale.ravel()


def _extreme_sums(layer: QuantizedLayer, at: AffineParams) -> Codes:
    """The smallest and the largest accumulator of each output that any input gives: (2, n_out), within int32."""
    steps = np.array([[at.grid.qmin], [at.grid.qmax]]) - at.zero_point
    up, down = (clip(layer.codes, 0).sum(axis=0, dtype=np.int64) for clip in (np.maximum, np.minimum))
    return arguments.within("deploy", steps * up + steps[::-1] * down + layer.bias, -(2**31), 2**31 - 1, "accumulators",
                            "R14", "take narrower weights, or fewer inputs")
