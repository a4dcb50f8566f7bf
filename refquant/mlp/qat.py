"""Quantization-aware training: the forward pass rounds as the quantized network will, the gradient passes straight."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams
from ..arguments import Reals
from ..clipping import Axis
from ..gradients import lsq, straight_through
from ..grids import UINT8, IntGrid
from ..ranges import affine_formula, affine_params, symmetric_formula
from .model import Net, Pullback, Through, flatten, layer_inputs, loss_gradient, net_of, unflatten
from .ptq import NARROW8, quantize_net, weight_params
from .quantized import QuantizedNet
from .train import Problem, Rows, fit, training_data


@arguments.quiet
def train_qat(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, weight_grid: IntGrid = NARROW8,
              activation_grid: IntGrid = UINT8, weight_axis: Axis = None, momentum: float = 0.95, epochs: int = 30,
              batch_size: int = 64, lr: float = 3e-3,
              each_epoch: Callable[[QuantizedNet], object] | None = None) -> QuantizedNet:
    """As train, with weights and every layer's input fake-quantized by straight-through estimation.

    Weights: symmetric, by their largest value at each step. Inputs: affine, range <- momentum * range + (1 - momentum)
    * (min, max of the batch), starting from the float network's range over the first batch_size samples; the last
    range is the quantized network's.

    Args:
        net: a trained network to fine-tune, or one from init to train from scratch; it stays as it was.
        x, labels, rng, epochs, batch_size, lr: as train.
        weight_grid, activation_grid, weight_axis: as ptq_static.
        momentum: how much of the moving range each step keeps, from 0 to 1.
        each_epoch: called with the quantized network after each pass, to watch.
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
        raise arguments.error(ValueError, "train_qat", "`momentum` must lie from 0 to 1", repr(momentum),
                              "0.95 is usual")
    x, p = training_data("train_qat", net, x, labels, rng, epochs, batch_size, lr)
    problem = straight_through_problem(net, x, p, weight_grid, activation_grid, weight_axis, momentum, batch_size)
    return fit(problem, len(x), each_epoch, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr)


def straight_through_problem(net: Net, x: Reals, p: Reals, weight_grid: IntGrid, activation_grid: IntGrid,
                             weight_axis: Axis, momentum: float, batch_size: int) -> Problem[QuantizedNet]:
    """train_qat's, unchecked: theta holds weights and biases, in float. For one descent: the ranges move with it."""
    ranges = [(a.min(), a.max()) for a in layer_inputs(net, x[:batch_size])[:-1]]
    through_x = [_moving_range(ranges, i, momentum, activation_grid) for i in range(len(ranges))]
    through_w = [_largest_value(weight_grid, weight_axis)] * len(ranges)

    def gradient(theta: Reals, batch: Rows) -> Reals:
        return loss_gradient(*unflatten(theta, net.sizes), x[batch], p[batch], through_x, through_w)

    def quantized(theta: Reals) -> QuantizedNet:
        inputs = [affine_params(lo, hi, activation_grid) for lo, hi in ranges]
        trained = net_of(theta, net.sizes)
        return quantize_net(trained, inputs, weight_params(trained.weights, weight_grid, weight_axis))

    return Problem(flatten(net), gradient, quantized)


@arguments.quiet
def train_lsq(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, weight_grid: IntGrid = NARROW8,
              activation_grid: IntGrid = UINT8, epochs: int = 30, batch_size: int = 64, lr: float = 3e-3,
              each_epoch: Callable[[QuantizedNet], object] | None = None) -> QuantizedNet:
    """As train_qat, with learned steps: the scales are parameters too, one per layer's weights and one per its input.

    As published: scale = 2 * mean|v| / sqrt(qmax) at first, its gradient times 1/sqrt(N * qmax), N the number of
    weights or of the input's features. Not as published: every layer is quantized to the same bits, Adam descends, and
    no scale falls below a thousandth of its first value. An input's zero point is that of its range over the first
    batch_size samples and stays: 0 on an unsigned grid where nothing is negative, as published.

    Args: as train_qat; per tensor only.
    Returns:
        the quantized network, of the same kind as PTQ's.

    >>> from refquant.mlp import accuracy, forward_quantized, init
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> qnet = train_lsq(init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20, lr=0.02,
    ...                  weight_grid=IntGrid(3, narrow=True), activation_grid=IntGrid(3, signed=False))
    >>> accuracy(forward_quantized(qnet, x), labels) > 0.8
    True

    Raises:
        ValueError: data that do not fit the network, labels out of range, no data.
    Source: Esser et al. 2020 (arXiv:1902.08153), sections 2.1 to 2.3.
    """
    x, p = training_data("train_lsq", net, x, labels, rng, epochs, batch_size, lr)
    problem = learned_steps_problem(net, x, p, weight_grid, activation_grid, batch_size)
    return fit(problem, len(x), each_epoch, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr)


def learned_steps_problem(net: Net, x: Reals, p: Reals, weight_grid: IntGrid, activation_grid: IntGrid,
                          batch_size: int) -> Problem[QuantizedNet]:
    """train_lsq's, unchecked: theta holds weights and biases, in float, then the scales of weights and of inputs."""
    n, seen = len(net.weights), layer_inputs(net, x[:batch_size])[:-1]
    grids = [weight_grid] * n + [activation_grid] * n
    zero_points = [0.0] * n + [float(affine_formula(a.min(), a.max(), activation_grid)[1]) for a in seen]
    first = np.array([2 * float(np.abs(v).mean()) / grid.qmax**0.5 or 1.0  # 1 where all is zero
                      for v, grid in zip([*net.weights, *seen], grids, strict=True)], np.float32)
    counts = [w.size for w in net.weights] + [a.shape[1] for a in seen]
    gains = [(count * grid.qmax) ** -0.5 for count, grid in zip(counts, grids, strict=True)]

    def steps(theta: Reals) -> Reals:
        return np.maximum(theta[-2 * n:], first / 1000)

    def gradient(theta: Reals, batch: Rows) -> Reals:
        scales, dscales = steps(theta), np.zeros_like(first)
        through = [_learned(scales, dscales, i, zero_points[i], grids[i], gains[i]) for i in range(2 * n)]
        weights_biases = unflatten(theta[:-2 * n], net.sizes)
        return np.concatenate([loss_gradient(*weights_biases, x[batch], p[batch], through[n:], through[:n]), dscales])

    def quantized(theta: Reals) -> QuantizedNet:
        params = [AffineParams(scale=s, zero_point=int(z), grid=g)
                  for s, z, g in zip(steps(theta), zero_points, grids, strict=True)]
        return quantize_net(net_of(theta[:-2 * n], net.sizes), params[n:], params[:n])

    return Problem(np.concatenate([flatten(net), first]), gradient, quantized)


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


def _learned(scales: Reals, dscales: Reals, i: int, zero_point: float, grid: IntGrid, gain: float) -> Through:
    """Fake quantization with scale i, whose gradient the pullback leaves in dscales[i]."""
    def through(v: Reals) -> tuple[Reals, Pullback]:
        v_hat, both = lsq(v, scales[i], zero_point, grid)

        def pullback(g: Reals) -> Reals:
            dv, dscale = both(g)
            dscales[i] = dscale * gain
            return dv
        return v_hat, pullback
    return through
