"""AdaRound: each weight is rounded down or up, whichever serves the layer's output."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..affine import AffineParams, fake_quantize, parameters, quantize
from ..arguments import Codes, Reals
from ..grids import stepped
from .adam import adam_step
from .layer import layer_data

ZETA, GAMMA = 1.1, -0.1  # the sigmoid is stretched, so that 0 and 1 are reached
WARM_UP = 0.2  # the share of the iterations without regulariser
Pullback: TypeAlias = Callable[[Reals], Reals]


@arguments.quiet
def adaround(w: ArrayLike, params: AffineParams, x: ArrayLike, x_hat: ArrayLike, bias: ArrayLike, *, relu: bool,
             iterations: int = 1000, lr: float = 0.05, lam: float = 10.0) -> Codes:
    """q = clip(floor(w / scale) + h(V), qmin, qmax), V = argmin E(q) / E(nearest) + lam * mean(1 - |2 h(V) - 1|**beta).

    E(q) = sum((f(x @ w + bias) - f(x_hat @ (scale * q) + bias))**2, axis=0), for each output alone; h(V) =
    clip(1.2 * sigmoid(V) - 0.1, 0, 1) is w's place between its two codes at first, and at last h >= 1/2 is up.

    Args:
        w: (n_in, n_out) finite reals.
        params: symmetric, per tensor or, of shape (1, n_out), per output channel.
        x: (n, n_in) finite reals: the layer's input in the float network, on calibration data.
        x_hat: (n, n_in) finite reals: the same as the quantized layer reads it, after all quantized layers before it
            and its own quantization.
        bias: (n_out,) finite reals.
        relu: f = max(., 0), for hidden layers; otherwise f(y) = y.
        iterations: steps of Adam, each on all of the data.
        lr: their length, in units of V.
        lam: the weight of the regulariser, which drives h to 0 or 1.
    Returns:
        (n_in, n_out) codes in the grid's dtype: floor or ceiling of w / scale, or the end of the grid beyond which it
        lies. A weight that has a code keeps it. E(q) <= E(nearest): an output that is no better by V stays nearest.

    Two errors of the same sign add up where two inputs go together; one of them had better be rounded the other way:

    >>> from refquant import INT4
    >>> step, x = AffineParams(scale=1.0, zero_point=0, grid=INT4), [[1.0, 1.0], [2.0, 2.0]]
    >>> q = adaround([[0.4], [0.45]], step, x, x, [0.0], relu=False)
    >>> quantize([[0.4], [0.45]], step).ravel(), q.ravel()
    (array([0, 0], dtype=int8), array([0, 1], dtype=int8))

    Raises:
        ValueError: no data, shapes that do not fit, NaN or infinities, parameters that are not symmetric or of another
            shape, a grid without equal steps, iterations, lr or lam below 0.
        TypeError: as quantize.
    Source: Nagel et al. 2020 (arXiv:2004.10568), eq. 22 to 25; beta falls from 20 to 2 as half a cosine, after a fifth
    of the iterations without regulariser, as in the authors' code. Not as published: E counts in units of nearest
    rounding's, output by output, so that scaling the data changes nothing, and the regulariser is a mean (there E is
    summed over outputs, averaged over samples, and lam = 0.01 times the sum over weights); 1,000 iterations on all
    data instead of 10,000 on 32 samples each; a weight on the grid cannot move; nearest is the fallback. On the digits
    (64x32, 32x32 and 32x10, 256 images, 8 to 2 bits) each layer's E ends within 6 % of what 10,000 iterations with the
    published lam reach, and within 10 % for lam from 3 to 30.
    """
    w, x, x_hat, bias = layer_data("adaround", w, x, x_hat, bias)
    scale = _steps(params, w.shape[1])
    arguments.whole("adaround", iterations, "iterations", 0)
    for name, value in (("lr", lr), ("lam", lam)):
        if not (isinstance(value, int | float | np.number) and 0 <= value < np.inf):
            raise arguments.error(ValueError, "adaround", f"`{name}` must be a finite number from 0", repr(value),
                                  "0.05 for lr and 10 for lam are usual")
    nearest, at = quantize(w, params), w / scale.astype(params.grid.arithmetic(w.dtype))
    coded = fake_quantize(w, params) == w
    down, up = (np.where(coded, nearest, np.clip(end(at), params.grid.qmin, params.grid.qmax)).astype(np.float64)
                for end in (np.floor, np.ceil))
    target = x.astype(np.float64) @ w + bias
    error = reconstruction(x_hat.astype(np.float64), scale.astype(np.float64), bias, target, relu)
    least = error(nearest)[0]
    weight = np.where((least > 1e-300) & (least < 1e300), 1 / least, 0)
    place = np.clip(at - down, 0, 1).astype(np.float64)
    v = np.log((place - GAMMA) / (ZETA - place))
    moments = np.zeros_like(v), np.zeros_like(v)
    for t in range(iterations):
        h, back_to_v = rectified_sigmoid(v)
        dh = error(down + h * (up - down))[1](weight) * (up - down)
        if (progress := (t / iterations - WARM_UP) / (1 - WARM_UP)) >= 0:
            dh += lam * regulariser(h, beta=2 + 18 * (1 + np.cos(np.pi * progress)) / 2)[1]()
        v, moments = adam_step(v, back_to_v(dh), moments, t + 1, lr)
    q = np.where(rectified_sigmoid(v)[0] >= 0.5, up, down).astype(nearest.dtype)
    return np.where(error(q)[0] < least * (1 - 1e-9), q, nearest)  # better beyond the rounding errors of the sums


def rectified_sigmoid(v: Reals) -> tuple[Reals, Pullback]:
    """h = clip(sigmoid(v) * (zeta - gamma) + gamma, 0, 1); pullback: the gradient of h to that of v."""
    p = 1 / (1 + np.exp(-v))
    h = p * (ZETA - GAMMA) + GAMMA
    return np.clip(h, 0, 1), lambda g: g * ((h > 0) & (h < 1)) * (ZETA - GAMMA) * p * (1 - p)


def regulariser(h: Reals, beta: float) -> tuple[Reals, Callable[[], Reals]]:
    """mean(1 - |2 h - 1|**beta, axis=0): 0 where all h are 0 or 1; pullback: its gradient."""
    u = 2 * h - 1
    return np.mean(1 - np.abs(u) ** beta, axis=0), lambda: -2 * beta / len(h) * np.sign(u) * np.abs(u) ** (beta - 1)


def reconstruction(x_hat: Reals, scale: Reals, bias: Reals, target: Reals,
                   relu: bool) -> Callable[[Reals | Codes], tuple[Reals, Pullback]]:
    """q -> E(q), the outputs' squared errors against f(target); pullback: g -> the gradient of E(q) @ g by q."""
    goal = np.maximum(target, 0) if relu else target

    def error(q: Reals | Codes) -> tuple[Reals, Pullback]:
        y = x_hat @ (scale * q) + bias
        residual = (np.maximum(y, 0) if relu else y) - goal
        slope = 2 * residual * (y > 0) if relu else 2 * residual
        return np.sum(residual**2, axis=0), lambda g: scale * (x_hat.T @ (slope * g))
    return error


def _steps(params: AffineParams, n_out: int) -> Reals:
    """The scale of symmetric parameters that fit n_out outputs."""
    scale = parameters("adaround", params).scale
    stepped("adaround", params.grid)
    if params.zero_point.any() or scale.shape not in ((), (1, 1), (1, n_out)):
        raise arguments.error(ValueError, "adaround",
                              "`params` must be symmetric, zero_point 0, per tensor or per output "
                              "channel (1, n_out)", f"zero points of {params.zero_point.min()} to "
                              f"{params.zero_point.max()} and shape {scale.shape} for {n_out} outputs",
                              "use symmetric_params on minmax(w, axis=0), on a signed grid")
    return scale
