"""AWQ: the rows of weights that large inputs read are multiplied by s, so that they are rounded more finely."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .. import arguments
from ..arguments import Reals
from .layer import inputs_and_weights

STEPS = 20


@arguments.quiet
def awq(x: ArrayLike, w: ArrayLike, quantize: Callable[[Reals], ArrayLike]) -> Reals:
    """s = m**a, m_j = mean|x_j|, where a of 0, 1/20 .. 1 makes |x @ w - (x / s) @ quantize(s[:, None] * w)|**2 least.

    Args:
        x: (n, n_in) finite reals: the layer's inputs on calibration data; x_j is a column.
        w: (n_in, n_out) finite reals; w_j is a row, the weights that read x_j.
        quantize: weights -> what their codes mean, both (n_in, n_out): fake_quantize with parameters of these weights.
    Returns:
        (n_in,) positive reals in the dtype of x and w, float32 at least, in units of sqrt(max(m) * min(m)); 1 where x_j
        is all 0. The layer then is (x / s) @ quantize(s[:, None] * w). a = 0 is s = 1, and is kept unless another is
        better: on these data the result is never worse than rounding w itself.

    Whether a weight matters, the inputs say, not its size. Here the second row of w is the smaller one, and all of its
    weights are lost; its input is 100 times the other:

    >>> from refquant import INT4, dynamic_params, fake_quantize, symmetric_params
    >>> def rounded(w):
    ...     return fake_quantize(w, dynamic_params(w, INT4, axis=0, fit=symmetric_params))
    >>> x, w = np.array([[1.0, 100.0], [-1.0, 100.0]]), np.array([[7.0, 7.0], [0.4, 0.3]])
    >>> s = awq(x, w, rounded)[:, None]
    >>> rounded(w), (rounded(s * w) / s).round(2)
    (array([[7., 7.],
           [0., 0.]]), array([[7. , 7. ],
           [0.4, 0.3]]))

    Raises:
        ValueError: no data, shapes that do not fit, NaN or infinities, also in what quantize returns.
        TypeError: other dtypes, a quantize that is no function of weights.
    Source: Lin et al. 2023 (arXiv:2306.00978), section 3.2, eq. 4 and 5. Its clipping of the weights is another search,
    left out here. The authors' code bounds m**a from below by 1e-4, and does not try a = 1.
    """
    x, w = inputs_and_weights("awq", x, w)
    dtype = np.result_type(x, w, np.float32)
    exact, y = x.astype(np.float64), x.astype(np.float64) @ w
    m = np.abs(exact).mean(axis=0)
    live = m[m > 0]
    m = np.where(m > 0, m / np.sqrt(live.max(initial=0) * live.min(initial=np.inf)), 1)
    best, least = np.ones(m.shape, dtype), np.inf
    for a in np.arange(STEPS + 1) / STEPS:
        s = (m**a).astype(dtype)
        if not (np.isfinite(s[:, None] * w).all() and (s > 0).all()):  # beyond the dtype, as larger powers are
            break
        w_hat = arguments.called("awq", "quantize", "(weights) -> w_hat", "pass lambda w: rq.fake_quantize(w, rq."
                                 "dynamic_params(w, rq.INT4, 0))", quantize, s[:, None] * w)
        loss = np.sum((y - (exact / s) @ _of_shape(w_hat, w.shape)) ** 2)
        if loss < least * (1 - 1e-6):  # better beyond the rounding errors, also of float32
            best, least = s, loss
    return best


def _of_shape(w_hat: ArrayLike, shape: tuple[int, ...]) -> Reals:
    """What quantize returned, in w's shape."""
    w_hat = arguments.finite("awq", w_hat, "quantize(w)")
    if w_hat.shape != shape:
        raise arguments.error(ValueError, "awq", "`quantize` must return weights of w's shape",
                              f"{w_hat.shape} for {shape}", "join blocks again: join_blocks")
    return w_hat
