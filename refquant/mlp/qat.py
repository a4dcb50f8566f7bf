"""Quantization-aware training: the forward pass rounds as the quantized network will, the gradient passes straight."""

import numpy as np
from numpy.typing import ArrayLike

from .. import _check
from .._check import Reals
from ..clipping import Axis
from ..gradients import straight_through
from ..grids import UINT8, IntGrid
from ..optim import AdamState, adam
from ..ranges import affine_formula, affine_params, symmetric_formula
from .model import Net, Pullback, Through, cross_entropy, flatten, forward_and_pullback, layer_inputs, net_of, unflatten
from .ptq import NARROW8, quantize_net
from .quantized import QuantizedNet
from .train import minibatches, training_data


def train_qat(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, weight_grid: IntGrid = NARROW8,
              activation_grid: IntGrid = UINT8, weight_axis: Axis = None, momentum: float = 0.95, epochs: int = 30,
              batch_size: int = 64, lr: float = 3e-3) -> QuantizedNet:
    """As train, with weights and every layer's input fake-quantized by straight-through estimation.

    Weights: symmetric, by their largest value at each step. Inputs: affine, range <- momentum * range + (1 - momentum)
    * (min, max of the batch), starting from the float network's range over the first batch_size samples; the last
    range is the quantized network's.

    Args:
        net: a trained network to fine-tune, or one from init to train from scratch; it stays as it was.
        x, labels, rng, epochs, batch_size, lr: as train.
        weight_grid, activation_grid, weight_axis: as ptq_static.
        momentum: how much of the moving range each step keeps, from 0 to 1.
    Returns:
        the quantized network, of the same kind as PTQ's.

    >>> from refquant.mlp import accuracy, forward_quantized, init
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> qnet = train_qat(init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20, lr=0.02,
    ...                  weight_grid=IntGrid(3, narrow=True), activation_grid=IntGrid(3, signed=False))
    >>> accuracy(forward_quantized(qnet, x), labels) > 0.8
    True

    Raises:
        ValueError: data that do not fit the network, labels out of range, no data, momentum outside 0..1.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.
    """
    if not 0 <= momentum <= 1:
        raise _check.error(ValueError, "train_qat", "`momentum` must lie from 0 to 1", repr(momentum), "0.95 is usual")
    x, y = training_data("train_qat", net, x, labels, epochs, batch_size)
    ranges = [(a.min(), a.max()) for a in layer_inputs(net, x[:batch_size])[:-1]]
    through_x = [_moving_range(ranges, i, momentum, activation_grid) for i in range(len(ranges))]
    through_w = [_largest_value(weight_grid, weight_axis)] * len(ranges)
    theta = flatten(net)
    state = AdamState.zeros(theta)
    for batch, step in minibatches(len(x), rng=rng, epochs=epochs, batch_size=batch_size, lr=lr):
        logits, pullback = forward_and_pullback(*unflatten(theta, net.sizes), x[batch], through_x, through_w)
        _, loss_pullback = cross_entropy(logits, y[batch])
        theta, state = adam(theta, pullback(loss_pullback()), state, step)
    inputs = [affine_params(lo, hi, activation_grid) for lo, hi in ranges]
    return quantize_net(net_of(theta, net.sizes), inputs, weight_grid=weight_grid, weight_axis=weight_axis)


def _moving_range(ranges: list[tuple[Reals, Reals]], i: int, momentum: float, grid: IntGrid) -> Through:
    def through(x: Reals) -> tuple[Reals, Pullback]:
        keep, take = np.float32(momentum), np.float32(1 - momentum)
        lo, hi = ranges[i]
        ranges[i] = keep * lo + take * x.min(), keep * hi + take * x.max()
        return straight_through(x, *affine_formula(*ranges[i], grid), grid)
    return through


def _largest_value(grid: IntGrid, axis: Axis) -> Through:
    def through(w: Reals) -> tuple[Reals, Pullback]:
        largest = np.abs(w).max(axis=axis, keepdims=axis is not None)
        return straight_through(w, *symmetric_formula(-largest, largest, grid), grid)
    return through
