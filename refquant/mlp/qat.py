"""Quantization-aware training: the forward pass rounds as the quantized network will, the gradient passes straight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams
from ..arguments import Reals
from ..clipping import Axis, Clip, minmax
from ..gradients import lsq, straight_through
from ..grids import UINT8, Grid
from ..ranges import Fit, affine_params, symmetric_params, unchecked
from .model import Net, Pullback, Through, flatten, layer_inputs, loss_gradient, net_of, unflatten
from .ptq import NARROW8, WeightRule, quantize_net
from .quantized import QuantizedNet
from .training import Problem, Rows, fit, training_data


@arguments.quiet
def train_qat(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, weight_grid: Grid = NARROW8,
              activation_grid: Grid = UINT8, weight_axis: Axis = None, weight_clip: Clip = minmax,
              weight_fit: Fit = symmetric_params, activation: Sequence[AffineParams] | None = None,
              activation_fit: Fit = affine_params, momentum: float = 0.95, epochs: int = 30, batch_size: int = 64,
              lr: float = 3e-3, each_epoch: Callable[[QuantizedNet], object] | None = None) -> QuantizedNet:
    """As train, with weights and every layer's input fake-quantized by straight-through estimation.

    Weights: on their own range at each step. Inputs: on fixed parameters, or on a moving average, range <- momentum *
    range + (1 - momentum) * (min, max of the batch), starting from the float network's range over the first batch_size
    samples; the last range is the quantized network's.

    Args:
        net: a trained network to fine-tune, or one from init to train from scratch; it stays as it was.
        x, labels, rng, epochs, batch_size, lr: as train.
        weight_grid, activation_grid, weight_axis, weight_clip, weight_fit, activation_fit: as ptq_static.
        activation: each layer's input parameters, which stay (input_params calibrates some); None: the moving average.
        momentum: how much of the moving range each step keeps, from 0 to 1.
        each_epoch: called with the quantized network after each pass, to watch.
    Returns:
        the quantized network, of the same kind as PTQ's.

    >>> from refquant import IntGrid
    >>> from refquant.mlp import accuracy, forward_quantized, init
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> qnet = train_qat(init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20, lr=0.02,
    ...                  weight_grid=IntGrid(3, narrow=True), activation_grid=IntGrid(3, signed=False))
    >>> accuracy(forward_quantized(qnet, x), labels) > 0.8
    True

    Raises:
        ValueError: data that do not fit the network, labels out of range, no data, momentum outside 0..1; what a grid
            or a fit refuses, before the first step.
        TypeError: no Net, a momentum that is no number.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.
    """
    if not (isinstance(momentum, int | float | np.number) and 0 <= momentum <= 1):
        raise arguments.error(ValueError, "train_qat", "`momentum` must be a number from 0 to 1", repr(momentum),
                              "0.95 is usual")
    x, p = training_data("train_qat", net, x, labels, rng, epochs, batch_size, lr)
    weights = WeightRule(weight_grid, weight_axis, weight_clip, weight_fit)
    inputs = (moving_ranges(net, x[:batch_size], activation_grid, activation_fit, momentum) if activation is None
              else fixed_params(net, activation, activation_grid))
    problem = straight_through_problem(net, x, p, weights, inputs)
    return fit(problem, len(x), each_epoch, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr)


class Inputs(NamedTuple):
    """How each layer's input is quantized in training: a fake-quantizer a layer, and the parameters as they are now."""

    through: list[Through]
    params: Callable[[], list[AffineParams]]


def moving_ranges(net: Net, x: Reals, grid: Grid, fit: Fit, momentum: float) -> Inputs:
    """Ranges that start from the float network's on x, and that each fake-quantized batch moves; for one descent."""
    ranges = [(a.min(), a.max()) for a in layer_inputs(net, x)[:-1]]
    keep, take, formula = np.float32(momentum), np.float32(1 - momentum), unchecked(fit)

    def through(i: int) -> Through:
        def moving(a: Reals) -> tuple[Reals, Pullback]:
            lo, hi = ranges[i]
            ranges[i] = keep * lo + take * a.min(), keep * hi + take * a.max()
            return straight_through(a, *formula(*ranges[i], grid), grid)
        return moving

    return Inputs([through(i) for i in range(len(ranges))], lambda: [fit(lo, hi, grid) for lo, hi in ranges])


def fixed_params(net: Net, inputs: Sequence[AffineParams], grid: Grid) -> Inputs:
    """Parameters that stay, one for each layer, on the grid."""
    fits = isinstance(inputs, Sequence) and len(inputs) == len(net.weights) and all(
        isinstance(at, AffineParams) and at.grid == grid for at in inputs)
    if not fits:
        raise arguments.error(ValueError, "train_qat", f"`activation` must hold AffineParams on {grid} for each of "
                              f"{len(net.weights)} layers", f"{inputs!r:.60}",
                              "input_params(net, batches, grid) makes some")
    return Inputs([partial(straight_through, scale=at.scale, zero_point=at.zero_point, grid=grid) for at in inputs],
                  lambda: list(inputs))


def straight_through_problem(net: Net, x: Reals, p: Reals, weights: WeightRule,
                             inputs: Inputs) -> Problem[QuantizedNet]:
    """train_qat's, unchecked: theta holds weights and biases, in float."""
    through_w = [_own_range(weights)] * len(net.weights)

    def gradient(theta: Reals, batch: Rows) -> Reals:
        return loss_gradient(*unflatten(theta, net.sizes), x[batch], p[batch], inputs.through, through_w)

    def quantized(theta: Reals) -> QuantizedNet:
        trained = net_of(theta, net.sizes)
        return quantize_net(trained, inputs.params(), [weights.params(w) for w in trained.weights])

    return Problem(flatten(net), gradient, quantized)


def _own_range(rule: WeightRule) -> Through:
    """Weights fake-quantized on the range that they have at this step."""
    axis, formula = rule.axis, unchecked(rule.fit)

    def through(w: Reals) -> tuple[Reals, Pullback]:
        # one range, or one an output: with or without the first axis they broadcast to (n_in, n_out)
        lo, hi = (w.min(axis=axis), w.max(axis=axis)) if rule.clip is minmax else rule.clip(w, axis=axis)
        return straight_through(w, *formula(lo, hi, rule.grid), rule.grid)
    return through


@arguments.quiet
def train_lsq(net: Net, x: ArrayLike, labels: ArrayLike, *, rng: np.random.Generator, weight_grid: Grid = NARROW8,
              activation_grid: Grid = UINT8, weight_axis: Axis = None, weight_fit: Fit = symmetric_params,
              activation_fit: Fit = affine_params, start: QuantizedNet | None = None, epochs: int = 30,
              batch_size: int = 64, lr: float = 3e-3,
              each_epoch: Callable[[QuantizedNet], object] | None = None) -> QuantizedNet:
    """As train_qat, with learned steps: the scales of each layer's weights and of its input are parameters too.

    As published: scale = 2 * mean|v| / sqrt(qmax) at first, its gradient times 1/sqrt(N * qmax), N the number of
    weights that share it, or of the input's features. Not as published: every layer is quantized to the same bits, Adam
    descends, and no scale falls below a thousandth of its first value. Zero points stay: those that the fits give the
    first ranges, of the weights and of the inputs over the first batch_size samples.

    Args: as train_qat. start: a static quantized network, whose scales are the first steps and whose zero points stay.
    Returns:
        the quantized network, of the same kind as PTQ's.

    >>> from refquant import IntGrid
    >>> from refquant.mlp import accuracy, forward_quantized, init
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(200, 2)); labels = (x[:, 0] > x[:, 1]).astype(int)
    >>> qnet = train_lsq(init(rng, (2, 8, 2)), x, labels, rng=rng, epochs=20, lr=0.02,
    ...                  weight_grid=IntGrid(3, narrow=True), activation_grid=IntGrid(3, signed=False))
    >>> accuracy(forward_quantized(qnet, x), labels) > 0.8
    True

    Raises:
        ValueError: data that do not fit the network, labels out of range, no data; a start of other sizes, grids or
            granularity; what a grid or a fit refuses, before the first step.
        TypeError: no Net, a start that is no QuantizedNet.
    Source: Esser et al. 2020 (arXiv:1902.08153), sections 2.1 to 2.3.
    """
    x, p = training_data("train_lsq", net, x, labels, rng, epochs, batch_size, lr)
    if start is None:
        first = first_steps(net, x[:batch_size], WeightRule(weight_grid, weight_axis, fit=weight_fit), activation_grid,
                            activation_fit)
    else:
        first = _steps_of(start, net, weight_grid, activation_grid, weight_axis)
    problem = learned_steps_problem(net, x, p, first)
    return fit(problem, len(x), each_epoch, rng=rng, epochs=epochs, batch_size=batch_size, lr=lr)


def first_steps(net: Net, x: Reals, weights: WeightRule, grid: Grid, fit: Fit = affine_params) -> list[AffineParams]:
    """The published first steps: of each layer's weights, then of its inputs for the samples x."""
    return [*(first_step(w, weights.grid, weights.axis, weights.fit) for w in net.weights),
            *(first_step(a, grid, None, fit) for a in layer_inputs(net, x)[:-1])]


def first_step(v: Reals, grid: Grid, axis: Axis, fit: Fit) -> AffineParams:
    """scale = 2 * mean|v| / sqrt(qmax), 1 where all is zero; the zero point that fit gives v's own range.

    >>> first_step(np.float32([[1, -3]]), UINT8, None, affine_params).zero_point
    array(191, dtype=int16)
    """
    keep = axis is not None
    zero_point = fit(v.min(axis=axis, keepdims=keep), v.max(axis=axis, keepdims=keep), grid).zero_point
    scale = (2 * np.abs(v).mean(axis=axis, keepdims=keep).astype(np.float64) / grid.qmax**0.5).astype(np.float32)
    return AffineParams(scale=np.where(scale > 0, scale, np.float32(1)), zero_point=zero_point, grid=grid)


def _steps_of(start: QuantizedNet, net: Net, weight_grid: Grid, activation_grid: Grid,
              axis: Axis) -> list[AffineParams]:
    """The parameters of a static network's weights, then of its inputs."""
    layers = arguments.instance("train_lsq", start, QuantizedNet, "`start` must be a QuantizedNet",
                                "ptq_static makes one").layers
    weights, inputs = [layer.weight for layer in layers], [
        layer.activation for layer in layers if isinstance(layer.activation, AffineParams)]
    shape = [w.shape for w in net.weights], [() if axis is None else (1, n) for n in net.sizes[1:]]
    if (len(inputs) != len(layers) or [layer.codes.shape for layer in layers] != shape[0]
            or [np.shape(w.scale) for w in weights] != shape[1]
            or {w.grid for w in weights} != {weight_grid} or {at.grid for at in inputs} != {activation_grid}):
        raise arguments.error(ValueError, "train_lsq", "`start` must be static, of the network's sizes, on the grids "
                              f"and the axis asked for: {weight_grid}, {activation_grid}, weight_axis={axis}",
                              f"{start!r:.60}",
                              "make it with ptq_static, with these grids and this weight_axis")
    return [*weights, *inputs]


def learned_steps_problem(net: Net, x: Reals, p: Reals, first: Sequence[AffineParams]) -> Problem[QuantizedNet]:
    """train_lsq's, unchecked: theta holds weights and biases, in float, then the scales of weights and of inputs."""
    n, end = len(net.weights), flatten(net).size
    counts = [w.size / at.scale.size for w, at in zip(net.weights, first)] + list(net.sizes[:-1])
    gains = [(count * at.grid.qmax) ** -0.5 for count, at in zip(counts, first)]
    scales_at = [slice(stop - at.scale.size, stop)
                 for stop, at in zip(accumulate(at.scale.size for at in first), first)]
    flat = np.concatenate([at.scale.ravel() for at in first]).astype(np.float32)

    def steps(theta: Reals) -> list[Reals]:
        scales = np.maximum(theta[end:], flat / 1000)
        return [scales[i].reshape(at.scale.shape) for i, at in zip(scales_at, first)]

    def gradient(theta: Reals, batch: Rows) -> Reals:
        dscales = np.zeros_like(flat)
        through = [learned(scale, dscales[i], at, gain)
                   for scale, i, at, gain in zip(steps(theta), scales_at, first, gains)]
        weights_biases = unflatten(theta[:end], net.sizes)
        return np.concatenate([loss_gradient(*weights_biases, x[batch], p[batch], through[n:], through[:n]), dscales])

    def quantized(theta: Reals) -> QuantizedNet:
        params = [AffineParams(scale=scale, zero_point=at.zero_point, grid=at.grid)
                  for scale, at in zip(steps(theta), first)]
        return quantize_net(net_of(theta[:end], net.sizes), params[n:], params[:n])

    return Problem(np.concatenate([flatten(net), flat]), gradient, quantized)


def learned(scale: Reals, dscale: Reals, at: AffineParams, gain: float | Reals) -> Through:
    """Fake quantization by a learned scale, whose gradient times gain the pullback leaves in dscale."""
    def through(v: Reals) -> tuple[Reals, Pullback]:
        v_hat, both = lsq(v, scale, at.zero_point, at.grid)

        def pullback(g: Reals) -> Reals:
            dv, ds = both(g)
            dscale[:] = ds.ravel() * gain
            return dv
        return v_hat, pullback
    return through
